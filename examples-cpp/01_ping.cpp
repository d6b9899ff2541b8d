// 01. Say hello.
//
// Make a client, send it a command, read the reply: three lines, and nothing to free. A call that
// fails throws.
//
// New here: rredis::client, command, as<T>(), rredis::error
// Run it:   make run-cpp-01

#include <rredis.hpp>

#include <iostream>

int main() {
  try {
    // Without a URL: the server at 127.0.0.1:6379. Nothing is connected until the first command.
    const rredis::client client;
    std::cout << client.command("PING", "hello").as<std::string>() << "\n";
  } catch (const rredis::error &failure) {
    std::cerr << rredis::name(failure.status()) << ": " << failure.what() << "\n";
    return 1;
  }
}

// Prints:
// hello
