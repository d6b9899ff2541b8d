// A far server: a relay that holds back what either side says: relay PORT TO_PORT DELAY_US
//
// It listens on the port of this machine (0: a free one), prints which, and ends with its standard input.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ENDS_MAX = 1024, ROOM_BYTES = 1 << 16 };

// What one end has said and when it is due at the other: one read after the other.
typedef struct piece {
  struct piece *next;
  double due_us;
  size_t len;
  char bytes[];
} piece;

static int fds[ENDS_MAX], ends;  // the two ends of a connection are neighbours: 0 and 1, 2 and 3
static piece *oldest[ENDS_MAX], *newest[ENDS_MAX];

static void failed(const char *what) {
  perror(what);
  exit(1);
}

static double now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in found = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
  return found;
}

static void add(int listener, int to_port) {
  struct sockaddr_in to = loopback(to_port);
  int on = 1, near = accept4(listener, NULL, NULL, SOCK_CLOEXEC), far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int at = 0;
  while (at < ends && (fds[at] >= 0 || oldest[at] != NULL || oldest[at + 1] != NULL)) at += 2;
  if (near < 0 || at + 2 > ENDS_MAX || connect(far, (void *)&to, sizeof to)) failed("relay: a connection");
  setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fds[at] = near;
  fds[at + 1] = far;
  if (at == ends) ends += 2;
}

static void end(int at) {
  for (int i = at & ~1; i <= (at | 1); i++) {
    if (fds[i] >= 0) close(fds[i]);
    fds[i] = -1;
  }
}

static void hear(int at, double delay_us) {
  piece *said = malloc(sizeof *said + ROOM_BYTES);
  ssize_t len = recv(fds[at], said->bytes, ROOM_BYTES, MSG_DONTWAIT);
  if (len <= 0) {
    free(said);
    end(at);
    return;
  }
  said = realloc(said, sizeof *said + (size_t)len);
  said->next = NULL;
  said->len = (size_t)len;
  said->due_us = now_us() + delay_us;
  if (oldest[at] == NULL) oldest[at] = said;
  else newest[at]->next = said;
  newest[at] = said;
}

// Hand on what is due. When the next is, at most `until`.
static double hand_on(int at, double now, double until) {
  while (oldest[at] != NULL && oldest[at]->due_us <= now) {
    piece *said = oldest[at];
    oldest[at] = said->next;
    for (size_t done = 0; done < said->len && fds[at ^ 1] >= 0;) {
      ssize_t sent = send(fds[at ^ 1], said->bytes + done, said->len - done, MSG_NOSIGNAL);
      if (sent <= 0) end(at);
      else done += (size_t)sent;
    }
    free(said);
  }
  return oldest[at] != NULL && oldest[at]->due_us < until ? oldest[at]->due_us : until;
}

int main(int argc, char **argv) {
  static struct pollfd watched[ENDS_MAX + 2];
  if (argc != 4) return 64;
  struct sockaddr_in here = loopback(atoi(argv[1]));
  socklen_t len = sizeof here;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (void *)&here, sizeof here) || listen(listener, 512) || getsockname(listener, (void *)&here, &len)) failed("relay");
  printf("%d\n", ntohs(here.sin_port));
  fflush(stdout);
  for (;;) {
    double now = now_us(), next = now + 1e6;
    for (int i = 0; i < ends; i++) next = hand_on(i, now, next);
    watched[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    watched[1] = (struct pollfd){listener, POLLIN, 0};
    for (int i = 0; i < ends; i++) watched[i + 2] = (struct pollfd){fds[i], POLLIN, 0};
    double wait_us = next - now_us();
    struct timespec wait = {0, wait_us > 0 ? (long)(wait_us * 1e3) % 1000000000 : 0};
    int before = ends;
    if (ppoll(watched, (nfds_t)before + 2, &wait, NULL) < 0) failed("relay: poll");
    if (watched[0].revents) return 0;
    for (int i = 0; i < before; i++)
      if (watched[i + 2].revents && fds[i] >= 0) hear(i, atof(argv[3]));
    if (watched[1].revents) add(listener, atoi(argv[2]));
  }
}
