// 06. One client, many threads.
//
// What is const may be used by any number of threads at once, and all of a client is. Clients may
// also share a pool of connections.
//
// New here: sharing a client, rredis::pool, stat
// Run it:   make run-cpp-06

#include <rredis.hpp>

#include <iostream>
#include <thread>
#include <vector>

int main() {
  rredis::options options;
  const rredis::pool pool(options.set(RREDIS_OPTION_POOL_MAX, 8));
  const rredis::client client(pool);
  client.command("DEL", "page06");

  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++) {
    threads.emplace_back([&client] {
      for (int j = 0; j < 1000; j++) client.command("INCR", "page06");
    });
  }
  for (std::thread &each : threads) each.join();

  std::cout << "eight threads counted to " << client.command("GET", "page06").as<int>() << "\n";
  std::cout << client.stat(RREDIS_STAT_COMMANDS) << " commands, "
            << (pool.stat(RREDIS_STAT_CONNECTIONS_CREATED) <= 8 ? "eight connections at most"
                                                                : "too many connections")
            << ", " << pool.stat(RREDIS_STAT_CONNECTIONS_IN_USE) << " in use\n";
}

// Prints:
// eight threads counted to 8000
// 8002 commands, eight connections at most, 0 in use
