// 20. A worker that stops.
//
// A worker waits for a job without an end. To stop it, another thread ends its wait: wake ends the
// calls that were given its token, and no others.
//
// New here: client.wake, call{}.data as a token, RREDIS_ERR_WOKEN
// Run it:   make run-cpp-20

#include <rredis.hpp>

#include <atomic>
#include <iostream>
#include <thread>

int main() {
  const rredis::client client;
  client.command("DEL", "page20");
  int token = 0;
  std::atomic<int> done{0};
  std::atomic<bool> has_ended{false};

  std::thread worker([&] {
    try {
      for (;;) {
        const rredis::reply job = client.command(rredis::call{}.data(&token), "BLPOP", "page20", 0);
        std::cout << "does " << job[1].text() << "\n";
        done++;
      }
    } catch (const rredis::error &end) {
      std::cout << rredis::name(end.status()) << "\n";
    }
    has_ended = true;
  });

  client.command("RPUSH", "page20", "this", "that");
  while (done < 2) std::this_thread::yield();
  // A wait that has not begun is not ended: ask until it is.
  while (!has_ended) {
    client.wake(&token);
    std::this_thread::yield();
  }
  worker.join();
}

// Prints:
// does this
// does that
// WOKEN
