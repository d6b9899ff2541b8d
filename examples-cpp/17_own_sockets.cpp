// 17. Your own sockets.
//
// The protocol alone: commands into bytes, bytes into replies. librredis never sees the socket.
//
// New here: rredis::encode, rredis::parser, rredis::slot, rredis::command_keys
// Run it:   make run-cpp-17

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rredis.hpp>

#include <iostream>
#include <vector>

int main() {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(6379);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, reinterpret_cast<sockaddr *>(&server), sizeof server) != 0) return 1;

  const std::string bytes = rredis::encode("SET", "page17", "bar") + rredis::encode("GET", "page17");
  if (send(fd, bytes.data(), bytes.size(), 0) < 0) return 1;

  rredis::parser parser;
  for (int due = 2; due > 0;) {
    // The parser lends the room to read into: nothing is copied on the way.
    const rredis::parser::room room = parser.reserve(4096);
    const ssize_t got = recv(fd, room.data, room.size, 0);
    if (got <= 0) return 1;
    parser.commit(static_cast<std::size_t>(got));
    for (; const auto reply = parser.next(); due--) std::cout << reply->text() << "\n";
  }
  close(fd);

  // Which keys a command has, and which slot of a cluster, no server need be asked.
  for (const rredis::command_key &key : rredis::command_keys("LMOVE", "page17", "b", "LEFT", "LEFT")) {
    std::cout << "argument " << key.index << " is a key\n";
  }
  std::cout << "slot " << rredis::slot("page17") << "\n";
}

// Prints:
// OK
// bar
// argument 1 is a key
// argument 2 is a key
// slot 15973
