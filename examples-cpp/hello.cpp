// Hello: a value is set and read.
#include <iostream>
#include <rredis.hpp>

int main() {
  rredis::client client{"redis://127.0.0.1:6379"};
  client.command("SET", "greeting", "hello");
  std::cout << client.command("GET", "greeting").as<std::string>() << "\n";
}

// Prints:
// hello
