// 21. A primary that Sentinels name.
//
// Sentinels watch a primary and its replicas, and let a replica take over. A program gives the
// Sentinels' addresses and the name of the service: nothing else of it changes. What was sent and
// not answered when the primary went has the outcome UNKNOWN; what was not sent waits for the
// next primary.
//
// New here: redis+sentinel://, the event "failover"
// Run it:   make run-cpp-21

#include <rredis.hpp>

#include <cstdlib>
#include <iostream>

int main(int argc, char **argv) {
  // redis+sentinel://host:26379,other:26379/service
  if (argc < 2) return 1;
  rredis::options options(argv[1]);
  options.on_event([](rredis::view event) {
    if (event[0].text() == "failover") std::cout << "another primary\n";
  });
  const rredis::client client(options);

  for (int i = 1; i <= 3; i++) {
    std::cout << client.command("INCR", "page21:count").as<int>() << "\n";
    // Given a command that lets a replica take over, run it once.
    if (i == 2 && argc > 2 && std::system(argv[2]) != 0) return 1;
  }
}

// Prints:
// 1
// 2
// another primary
// 3
