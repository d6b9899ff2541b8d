// 07. Your own sockets.
//
// A program with an event loop may want only the protocol: commands into bytes, bytes into
// replies. Here the loop is poll(2), and librredis never sees the socket.
//
// New here: rredis_command_encode, rredis_parser_new, _reserve, _commit, _next, _free
// Run it:   make examples && ./target/examples/07_own_sockets

#include <arpa/inet.h>
#include <poll.h>
#include <rredis.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(6379)};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) != 0) return 1;

  // Two commands, one after the other, in one write.
  char bytes[256], *rest = bytes;
  size_t len;
  if (rredis_command_encode(RREDIS_TEXTS("SET", "page07", "bar"), rest, 128, &len, NULL) != RREDIS_OK) return 1;
  rest += len;
  if (rredis_command_encode(RREDIS_TEXTS("GET", "page07"), rest, 128, &len, NULL) != RREDIS_OK) return 1;
  rest += len;
  if (send(fd, bytes, (size_t)(rest - bytes), 0) != rest - bytes) return 1;

  rredis_parser *parser;
  if (rredis_parser_new(NULL, &parser, NULL) != RREDIS_OK) return 1;

  for (int due = 2; due > 0;) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    if (poll(&readable, 1, 5000) != 1) return 1;

    // The parser lends the room to read into: nothing is copied on the way.
    size_t room;
    char *into = rredis_parser_reserve(parser, 4096, &room);
    ssize_t got = recv(fd, into, room, 0);
    if (got <= 0 || rredis_parser_commit(parser, (size_t)got, NULL) != RREDIS_OK) return 1;

    rredis_reply *reply;  // as many as are whole by now; then the status is RREDIS_ERR_AGAIN
    while (rredis_parser_next(parser, &reply, NULL) == RREDIS_OK) {
      printf("%s\n", reply->str);
      rredis_reply_free(reply);
      due--;
    }
  }
  rredis_parser_free(parser);
  close(fd);
  return 0;
}

// Prints:
// OK
// bar
