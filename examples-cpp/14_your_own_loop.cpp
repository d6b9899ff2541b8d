// 14. Your own loop.
//
// A program that has a loop gives it one more descriptor. Nothing here waits except poll. Each
// command has a lambda for its reply, or its error.
//
// New here: rredis::async, submit, fd, run, size
// Run it:   make run-cpp-14

#include <poll.h>

#include <rredis.hpp>

#include <iostream>

int main() {
  const rredis::client client;
  rredis::async async(client);

  async.submit([](rredis::result<rredis::reply> set) { std::cout << "set: " << set->as<bool>() << "\n"; },
               "SET", "page14", "words");
  async.submit([](rredis::result<rredis::reply> count) { std::cout << "count: " << count.error().what() << "\n"; },
               "INCR", "page14");
  async.submit(
      [&async](rredis::result<rredis::reply> appended) {
        std::cout << "append: " << appended.value().as<int>() << "\n";
        // One command leads to the next.
        async.submit([](rredis::result<rredis::reply> got) { std::cout << "get: " << got.value().as<std::string>() << "\n"; },
                     "GET", "page14");
      },
      "APPEND", "page14", "!");

  while (async.size() > 0) {
    pollfd watched[] = {{async.fd(), POLLIN, 0}};  // and your own behind it
    poll(watched, 1, -1);  // it becomes readable when a command's time is up, too
    async.run();
  }
}

// Prints:
// set: 1
// count: ERR value is not an integer or out of range
// append: 6
// get: words!
