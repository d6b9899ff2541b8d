// System calls of the programs' own, which are made again where a signal interrupts them: the weather that a run may ask for
// interrupts whatever waits, and a poll that does not wait as well.
#ifndef CALLS_H
#define CALLS_H
#include "check.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

// How many of them are ready, in so many milliseconds; -1: however long it takes.
static inline int check_poll(struct pollfd *entries, nfds_t count, int64_t timeout_ms) {
  int64_t until = check_now_ms() + timeout_ms;
  for (int64_t left = timeout_ms;;) {
    int ready = poll(entries, count, left < 0 ? -1 : (int)left);
    if (ready >= 0) return ready;
    CHECK(errno == EINTR);
    if (timeout_ms >= 0 && (left = until - check_now_ms()) < 0) left = 0;
  }
}

// A connect that is interrupted goes on by itself, and is asked for again until it is done.
static inline void check_connect(int fd, const void *address, socklen_t len) {
  while (connect(fd, (const struct sockaddr *)address, len) != 0 && errno != EISCONN) {
    CHECK(errno == EINTR || errno == EALREADY);
    struct pollfd ready = {fd, POLLOUT, 0};
    check_poll(&ready, 1, 10);
  }
}

// A socket that is connected to this port of 127.0.0.1.
static inline int check_connected(int port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  check_connect(fd, &address, sizeof address);
  return fd;
}

static inline int check_accept(int listener) {
  int fd;
  while ((fd = accept(listener, NULL, NULL)) < 0) CHECK(errno == EINTR);
  return fd;
}

// As recv(2): what it returns, and errno.
static inline ssize_t check_recv(int fd, void *buffer, size_t len, int flags) {
  ssize_t got;
  do got = recv(fd, buffer, len, flags);
  while (got < 0 && errno == EINTR);
  return got;
}

// As send(2), and no SIGPIPE.
static inline ssize_t check_send(int fd, const void *bytes, size_t len, int flags) {
  ssize_t sent;
  do sent = send(fd, bytes, len, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

// Send all of it. 0: the other side is gone.
static inline int check_send_all(int fd, const char *bytes, size_t len) {
  for (size_t sent = 0; sent < len;) {
    ssize_t part = check_send(fd, bytes + sent, len - sent, 0);
    if (part < 0) return 0;
    sent += (size_t)part;
  }
  return 1;
}

// How a child of fork ended, as waitpid(2) says it.
static inline int check_waited(pid_t child) {
  int status;
  pid_t waited;
  do waited = waitpid(child, &status, 0);
  while (waited < 0 && errno == EINTR);
  CHECK(waited == child);
  return status;
}
#endif
