// 08. A thousand commands, one round trip.
//
// A pipeline keeps commands until it is run. Their replies come as one reply, in order. One that
// the server refused is an error in its place, and reading it as a value throws.
//
// New here: rredis::pipeline, add, run, failed, run_each
// Run it:   make run-cpp-08

#include <rredis.hpp>

#include <iostream>

int main() {
  const rredis::client client;
  rredis::pipeline pipeline(client);
  pipeline.add("DEL", "page08");
  for (int i = 0; i < 500; i++) pipeline.add("INCR", "page08");
  pipeline.add("LPUSH", "page08", "no list");
  for (int i = 0; i < 500; i++) pipeline.add("INCR", "page08");

  const rredis::reply replies = pipeline.run();
  std::cout << replies.size() << " replies, the last is " << replies[1001].as<int>() << "\n";
  std::cout << "number " << pipeline.failed().value() << " failed\n";
  try {
    replies[501].as<int>();
  } catch (const rredis::error &refused) {
    std::cout << refused.what() << "\n";
  }

  // Of a batch whose replies need not be kept, a function is shown each as it comes.
  long sum = 0;
  for (int i = 0; i < 10; i++) pipeline.add("INCR", "page08");
  pipeline.run_each([&sum](std::size_t, rredis::view reply) { sum += reply.as<long>(); });
  std::cout << "the next ten add up to " << sum << "\n";
}

// Prints:
// 1002 replies, the last is 1000
// number 501 failed
// WRONGTYPE Operation against a key holding the wrong kind of value
// the next ten add up to 10055
