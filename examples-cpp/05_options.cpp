// 05. Say where, and how.
//
// Every setting is an option with a good default: in a URL, or by its name, as a text, a number or
// a time. A client copies them.
//
// New here: rredis::options, set, get_int, to_url
// Run it:   make run-cpp-05

#include <rredis.hpp>

#include <iostream>

int main() {
  using namespace std::chrono_literals;
  rredis::options options("redis://127.0.0.1:6379/3?pool_max=16");
  options.set(RREDIS_OPTION_CLIENT_NAME, "page05")
      .set(RREDIS_OPTION_COMMAND_TIMEOUT_MS, 2s)
      .set(RREDIS_OPTION_PROTOCOL, 3)
      .set(RREDIS_OPTION_SHARE, RREDIS_SHARE_NEVER);
  std::cout << "a command may take " << options.get_int(RREDIS_OPTION_COMMAND_TIMEOUT_MS)
            << " ms\n";

  // A value out of its bounds is refused when it is set.
  try {
    options.set(RREDIS_OPTION_PORT, 70000);
  } catch (const rredis::error &refused) {
    std::cout << rredis::name(refused.status()) << ": " << refused.what() << "\n";
  }

  const rredis::client client(options);
  std::cout << "the server calls us " << client.command("CLIENT", "GETNAME").as<std::string>()
            << "\n";
}

// Prints:
// a command may take 2000 ms
// CONFIG: port: 70000 is not between 1 and 65535
// the server calls us page05
