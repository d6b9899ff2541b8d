// 13. A connection of your own.
//
// For what changes a connection, as SELECT does, and for replies that come without a command, as
// MONITOR's. It goes back to the pool at the end of its scope, if it is as it was.
//
// New here: rredis::conn, send, receive
// Run it:   make run-cpp-13

#include <rredis.hpp>

#include <iostream>

int main() {
  using namespace std::chrono_literals;
  const rredis::client client;

  rredis::conn other(client);
  other.command("SELECT", 1);
  other.command("SET", "page13", "in database 1");
  std::cout << client.command("EXISTS", "page13").as<bool>() << "\n";

  // Send now, receive later.
  other.send("GET", "page13");
  other.send("DEL", "page13");
  std::cout << other.receive()->as<std::string>() << "\n";
  std::cout << other.receive()->as<int>() << "\n";

  // The server shows what everybody does.
  rredis::conn monitor(client);
  monitor.command("MONITOR");
  client.command("ECHO", "page13");
  while (const auto line = monitor.receive(5s)) {
    const std::string_view text = line->text();
    if (text.find("\"ECHO\"") == text.npos) continue;
    std::cout << "seen: " << text.substr(text.find("] ") + 2) << "\n";
    break;
  }
}

// Prints:
// 0
// in database 1
// 1
// seen: "ECHO" "page13"
