// Makes a client for the URL it is given, and prints what PING says: the library's version.

#include <rredis.hpp>

#include <iostream>

int main(int argc, char **argv) {
  if (argc != 2) return 1;
  const rredis::client client(argv[1]);
  std::cout << client.command("PING", rredis::version()).as<std::string>() << "\n";
}
