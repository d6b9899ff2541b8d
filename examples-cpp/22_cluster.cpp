// 22. A cluster.
//
// A cluster spreads keys over servers by their slots. A program gives the addresses of some of
// them: each command goes to the server that has its keys, also when slots move or a replica takes
// over. Keys of one command must have one slot: what stands in {} decides.
//
// New here: redis+cluster://, {tags}, servers
// Run it:   make run-cpp-22

#include <rredis.hpp>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

int main(int argc, char **argv) {
  // redis+cluster://host:6379,other:6379
  if (argc < 2) return 1;
  const rredis::client client(argv[1]);
  std::map<std::string, int> roles;
  for (const rredis::view server : client.servers()) roles[server["role"].as<std::string>()]++;
  for (const auto &[role, count] : roles) std::cout << role << ": " << count << "\n";

  client.command("MSET", "page22:{ann}:age", 41, "page22:{ann}:town", "Ghent");

  // Two slots: refused before a byte leaves.
  const auto refused = client.try_command("DEL", "page22:{ann}:age", "page22:{bob}:age");
  if (!refused) std::cout << rredis::name(refused.error().status()) << ", did not run\n";

  // Given a command that lets a replica take over, run it.
  if (argc > 2 && std::system(argv[2]) != 0) return 1;
  const auto [age, town] = client.command("MGET", "page22:{ann}:age", "page22:{ann}:town")
                               .as<std::pair<int, std::string>>();
  std::cout << age << ", " << town << "\n";
}

// Prints:
// primary: 3
// replica: 3
// ARGUMENT, did not run
// 41, Ghent
