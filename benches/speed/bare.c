// The floor: a socket for each thread, one send of bytes that were made beforehand, and as many recv as it takes. Nothing is
// parsed, except for the first reply to a command, which says how many bytes or lines the later ones have.

#include "speed.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROOM_BYTES = 1 << 16 };

typedef struct plain {
  int fd, times;
  const char **made;       // what `bytes` is made of, `times` times
  char *bytes;
  size_t len, owed, size;  // `owed` bytes, or lines where a reply is one line of any length
  int by_lines;
  char room[ROOM_BYTES];
} plain;

void client_open(const char *place) { (void)place; }
void client_close(void) {}

void *link_open(const char *place) {
  plain *self = calloc(1, sizeof *self);
  if (is_tls(place)) failed("the bare loop has no TLS");
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int unix_socket = is_unix(place), on = 1;
  if (unix_socket) snprintf(local.sun_path, sizeof local.sun_path, "%s", place + 5);
  else loopback.sin_port = htons((uint16_t)port_of(place));
  self->fd = socket(unix_socket ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
  if (unix_socket ? connect(self->fd, (void *)&local, sizeof local) : connect(self->fd, (void *)&loopback, sizeof loopback))
    failed("no connection");
  if (!unix_socket) setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return self;
}

void link_close(void *link) {
  plain *self = link;
  close(self->fd);
  free(self->bytes);
  free(self);
}

static void make(plain *self, const command *sent, int times) {
  size_t room = 32;
  for (int i = 0; i < sent->argc; i++) room += sent->argv_len[i] + 32;
  free(self->bytes);
  self->bytes = malloc(room * (size_t)times);
  self->len = 0;
  for (int n = 0; n < times; n++) {
    self->len += (size_t)sprintf(self->bytes + self->len, "*%d\r\n", sent->argc);
    for (int i = 0; i < sent->argc; i++) {
      self->len += (size_t)sprintf(self->bytes + self->len, "$%zu\r\n", sent->argv_len[i]);
      memcpy(self->bytes + self->len, sent->argv[i], sent->argv_len[i]);
      self->len += sent->argv_len[i];
      self->len += (size_t)sprintf(self->bytes + self->len, "\r\n");
    }
  }
  self->made = sent->argv;
  self->times = times;
}

static void send_all(plain *self) {
  for (size_t at = 0; at < self->len;) {
    ssize_t sent = send(self->fd, self->bytes + at, self->len - at, MSG_NOSIGNAL);
    if (sent <= 0) failed("the connection is lost");
    at += (size_t)sent;
  }
}

static size_t some(plain *self, size_t most) {
  ssize_t came = recv(self->fd, self->room, most, 0);
  if (came <= 0) failed("the connection is lost");
  return (size_t)came;
}

static void line(plain *self, char text[64]) {
  for (int at = 0; at < 64; at++, self->size++) {
    if (recv(self->fd, text + at, 1, 0) != 1) failed("the connection is lost");
    if (text[at] == '\n') {
      self->size++;
      return;
    }
  }
  failed("a line that is too long, or an error");
}

static void reply_of_any_kind(plain *self) {
  char head[64] = "";
  line(self, head);
  long n = atol(head + 1);
  if (head[0] == '-') failed(head);
  if (head[0] == '*') while (n-- > 0) reply_of_any_kind(self);
  if (head[0] != '$' || n < 0) return;
  self->size += (size_t)n + 2;
  for (size_t left = (size_t)n + 2; left > 0;) left -= some(self, left < ROOM_BYTES ? left : ROOM_BYTES);
}

// What the replies to the burst that has been sent are like.
static void learn(plain *self) {
  char kind;
  if (recv(self->fd, &kind, 1, MSG_PEEK) != 1) failed("the connection is lost");
  self->by_lines = kind == ':' || kind == '+';
  self->size = 0;
  for (int i = 0; i < self->times; i++) reply_of_any_kind(self);
  self->owed = self->by_lines ? (size_t)self->times : self->size;
}

size_t link_run(void *link, const command *sent, int times) {
  plain *self = link;
  int is_new = self->made != sent->argv || self->times != times;
  if (is_new) make(self, sent, times);
  send_all(self);
  if (is_new) {
    learn(self);
    return self->owed;
  }
  for (size_t left = self->owed; left > 0;) {
    size_t came = some(self, ROOM_BYTES);
    if (self->by_lines) {
      size_t lines = 0;
      for (size_t i = 0; i < came; i++) lines += self->room[i] == '\n';
      came = lines;
    }
    if (came > left) failed("more than was owed");
    left -= came;
  }
  return self->owed;
}
