// 11. Handlers.
//
// A lambda for a channel or a pattern is called with each message, inside run, on the thread that
// runs. It may publish, subscribe, and end the run. What it throws, run throws.
//
// New here: on, run
// Run it:   make run-cpp-11

#include <rredis.hpp>

#include <iostream>
#include <stdexcept>

int main() {
  const rredis::client client;
  const rredis::pubsub subscriber(client);
  subscriber.on("page11:questions", [&](const rredis::message &question) {
    std::cout << "asked: " << question.payload() << "\n";
    subscriber.publish("page11:answers", "42");
  });
  subscriber.on(RREDIS_TOPIC_PATTERN, "page11:a*", [&](const rredis::message &answer) {
    std::cout << answer.channel() << ": " << answer.payload() << "\n";
    subscriber.wake();
  });
  subscriber.subscribe("page11:questions");
  subscriber.subscribe(RREDIS_TOPIC_PATTERN, "page11:a*");

  subscriber.publish("page11:questions", "what is six times seven?");
  std::cout << (subscriber.run() ? "woken" : "too late") << "\n";

  subscriber.on("page11:questions", [](const rredis::message &) { throw std::runtime_error("no idea"); });
  subscriber.publish("page11:questions", "why?");
  try {
    subscriber.run();
  } catch (const std::runtime_error &thrown) {
    std::cout << thrown.what() << "\n";
  }
}

// Prints:
// asked: what is six times seven?
// page11:answers: 42
// woken
// no idea
