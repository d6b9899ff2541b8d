// 23. One server of many.
//
// A client of a cluster sends each command where its keys are. For what is about one server, such
// as its memory or a connection of your own, make a client of that server alone: by its endpoint,
// or by a key, which it follows wherever the key's slot moves. It is a client like any other, so
// pipelines, connections and SCAN work on it too.
//
// New here: at, at_key
// Run it:   make run-cpp-23

#include <rredis.hpp>

#include <iostream>
#include <string>

int main(int argc, char **argv) {
  // redis+cluster://host:6379,other:6379
  if (argc < 2) return 1;
  const rredis::client cluster(argv[1]);

  for (const rredis::view server : cluster.servers()) {
    const rredis::client one = cluster.at(server["endpoint"].text());
    std::cout << one.command("ROLE")["role"].as<std::string>() << "\n";
  }

  // A connection of one's own, where a key is.
  rredis::conn conn(cluster.at_key("page23:key"));
  conn.command("SET", "page23:key", "here");
  conn.command("WATCH", "page23:key");
  conn.command("MULTI");
  conn.command("GET", "page23:key");
  std::cout << conn.command("EXEC")[0].as<std::string>() << "\n";
}

// Prints:
// master
// slave
// master
// slave
// master
// slave
// here
