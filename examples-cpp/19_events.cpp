// 19. What happens to the connections.
//
// A function hears of connections that are made and lost, of tries after the first, and more; it
// is called in the call in which that happens. Statistics count the same.
//
// New here: on_event, stat
// Run it:   make run-cpp-19

#include <rredis.hpp>

#include <iostream>

int main() {
  rredis::options options;
  options.on_event([](rredis::view event) {
    const std::string_view what = event[0].text();
    if (what == "connected" || what == "lost") std::cout << what << "\n";
  });
  const rredis::client client(options);
  client.command("SET", "page19", 1);

  // Somebody closes our connection. What only reads is tried again.
  client.command("CLIENT", "KILL", "SKIPME", "no", "TYPE", "normal");
  std::cout << client.command("GET", "page19").as<int>() << "\n";
  std::cout << client.stat(RREDIS_STAT_CONNECTIONS_CREATED) << " connections, "
            << client.stat(RREDIS_STAT_COMMANDS) << " commands\n";
}

// Prints:
// connected
// lost
// connected
// 1
// 2 connections, 3 commands
