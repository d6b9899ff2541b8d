// 10. Publish and subscribe.
//
// A subscriber has a connection of its own, and next waits for a message. A lost connection comes
// back by itself; where messages may be missing, there is a gap.
//
// New here: rredis::pubsub, subscribe, next, rredis::message, loop, wake
// Run it:   make run-cpp-10

#include <rredis.hpp>

#include <iostream>
#include <thread>

int main() {
  const rredis::client client;
  const rredis::pubsub subscriber(client);
  subscriber.subscribe("page10:news");
  subscriber.subscribe(RREDIS_TOPIC_PATTERN, "page10:s*");

  std::thread speaker([&subscriber] {
    subscriber.publish("page10:news", "it rains");
    subscriber.publish("page10:sport", "nil-nil");
    subscriber.publish("page10:news", "that is all");
  });
  if (const auto first = subscriber.next()) std::cout << first->payload() << "\n";

  // Or all that come, until the function has heard enough or another thread calls wake.
  subscriber.loop([](const rredis::message &message) {
    if (message.is_gap()) {
      std::cout << "missed what came in " << message.missing().count() << " ms\n";
      return true;
    }
    std::cout << message.channel() << ": " << message.payload() << "\n";
    return message.payload() != "that is all";
  });
  speaker.join();

  std::thread waker([&subscriber] { subscriber.wake(); });
  if (!subscriber.next()) std::cout << "woken\n";
  waker.join();
}

// Prints:
// it rains
// page10:sport: nil-nil
// page10:news: that is all
// woken
