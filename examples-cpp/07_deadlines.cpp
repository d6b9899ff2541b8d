// 07. How one call is made.
//
// A call has the client's time and rules, or its own: a timeout, whether it may run twice, whether
// a server's error is a reply.
//
// New here: rredis::call
// Run it:   make run-cpp-07

#include <rredis.hpp>

#include <iostream>

int main() {
  using namespace std::chrono_literals;
  const rredis::client client;

  // A command that waits on the server has the time that it says itself: this one, for ever.
  const auto late = client.try_command(rredis::call{}.timeout(200ms), "BLPOP", "page07:none", 0);
  std::cout << rredis::name(late.error().status()) << ", " << rredis::name(late.error().outcome())
            << "\n";

  // SET twice is SET once: it may be tried again even if it may have run.
  const rredis::call careless = rredis::call{}.idempotent().timeout(10s);
  std::cout << client.command(careless, "SET", "page07", "x").as<bool>() << "\n";

  // The server's own form of a reply, and its error as a reply.
  std::cout << client.command(rredis::call{}.raw(), "SET", "page07", "x").as<std::string>() << "\n";
  const rredis::reply refused = client.command(rredis::call{}.error_reply(), "INCR", "page07");
  std::cout << (refused.is_error() ? "refused: " : "fine: ") << refused.text() << "\n";
}

// Prints:
// TIMEOUT, UNKNOWN
// 1
// OK
// refused: ERR value is not an integer or out of range
