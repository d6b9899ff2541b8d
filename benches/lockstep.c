// In lockstep: `client` is rredis, and `where` is unix, tcp or cluster: over TCP too, a cluster of one server. The server is a peer that lives in its client's own process and
// thread. It has its turn whenever the client is about to read or to wait: then it reads what has been sent, and answers, and what
// it has answered is there before the client looks. So nothing comes too late, and every run makes the same system calls.
//
// Prints requests for memory and page faults, for one round. A tool that counts instructions is told the names of
// counted_round and peer_turn: it counts what the first does without the second. What is between the marks `round` or `count` and
// `pause`, each a write(2) to no descriptor, are the system calls of a round.

#define _GNU_SOURCE
#include "calls.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// Of an answer no more is on its way than PIECE_BYTES: a read finds so much, whatever the system's windows are.
enum { PEERS_MAX = 8, ROOM_BYTES = 4 << 20, PIECE_BYTES = 32 << 10, FDS_MAX = 256, CLOCK_STEP_NS = 1000 };
enum { ROUND_TRIP_NS = 20000, READ_WAIT_NS = 20000000 };

typedef struct peer {
  int fd, other_fd;  // ours, and the client's end of it
  int subscribed;
  size_t in, out_from, out;
  char input[ROOM_BYTES], output[ROOM_BYTES];
} peer;

static int listener = -1, port, peers_len, is_unix;
static peer *peers[PEERS_MAX];
static char *value, peer_place[128];
static long value_len, number;

// Time goes on by CLOCK_STEP_NS with each reading of the clock, by ROUND_TRIP_NS when the peer hears something, and by what was
// waited for in vain: what depends on how long something took is the same in every run. A reading costs what it costs.
static long clock_ns;

// ---- What is counted ----

static int is_counting;
static long allocations, faults;

static void mark(const char *what) {
  int saved = errno;
  if (write(-1, what, strlen(what)) >= 0) failed("a mark was written");
  errno = saved;
}

static long faults_now(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_minflt;
}

static void counting_begins(void) {
  faults -= faults_now();
  is_counting = 1;
  mark("round");
}

static void counting_ends(void) {
  mark("pause");
  is_counting = 0;
  faults += faults_now();
}

#ifdef __GLIBC__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  allocations += is_counting;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  allocations += is_counting;
  return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size) {
  allocations += is_counting;
  return __libc_realloc(block, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  allocations += is_counting;
  *out = __libc_memalign(alignment, size);
  return *out == NULL ? ENOMEM : 0;
}
#endif

// ---- The script ----

static void say(peer *to, const char *text, size_t len) {
  if (to->out + len > ROOM_BYTES) failed("too much is said");
  memcpy(to->output + to->out, text, len);
  to->out += len;
}

static void say_line(peer *to, const char *text) { say(to, text, strlen(text)); }

static void answer(peer *to, const char *name, const char *second, size_t second_len) {
  char text[256];
  if (strcmp(name, "HELLO") == 0) {
    say_line(to, "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n8.0.0\r\n$5\r\nproto\r\n:3\r\n");
  } else if (strcmp(name, "CLUSTER") == 0 && second_len == 4) {
    say_line(to, "$63\r\ncluster_state:ok\r\ncluster_current_epoch:1\r\ncluster_my_epoch:1\r\n\r\n");
  } else if (strcmp(name, "CLUSTER") == 0) {
    say(to, text, (size_t)snprintf(text, sizeof text, "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\n1\r\n", port));
  } else if (strcmp(name, "GET") == 0) {
    say(to, text, (size_t)snprintf(text, sizeof text, "$%ld\r\n", value_len));
    say(to, value, (size_t)value_len);
    say_line(to, "\r\n");
  } else if (strcmp(name, "INCR") == 0) {
    say(to, text, (size_t)snprintf(text, sizeof text, ":%ld\r\n", ++number));
  } else if (strcmp(name, "SUBSCRIBE") == 0) {
    say(to, text, (size_t)snprintf(text, sizeof text, ">3\r\n$9\r\nsubscribe\r\n$%zu\r\n%.*s\r\n:1\r\n", second_len, (int)second_len, second));
    to->subscribed = 1;
  } else if (strcmp(name, "SET") == 0 || strcmp(name, "CLIENT") == 0) {
    say_line(to, "+OK\r\n");
  } else {
    failed(name);
  }
}

// A number that ends in CRLF, behind one letter. NULL: it is not all there.
static char *count_of(char *at, char *end, long *out) {
  char *line = memchr(at, '\n', (size_t)(end - at));
  if (line == NULL) return NULL;
  *out = atol(at + 1);
  return line + 1;
}

// Answer one command, if it is all there: where it ends.
static char *take(peer *from, char *at, char *end) {
  long words, len;
  char name[16] = "", *second = "";
  size_t second_len = 0;
  if ((at = count_of(at, end, &words)) == NULL) return NULL;
  for (long i = 0; i < words; i++, at += len + 2) {
    if ((at = count_of(at, end, &len)) == NULL || end - at < len + 2) return NULL;
    if (i == 0) memcpy(name, at, len < 15 ? (size_t)len : 15);
    if (i == 1) second = at, second_len = (size_t)len;
  }
  answer(from, name, second, second_len);
  return at;
}

// ---- The peer's turn ----

static size_t waits_at(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 ? (size_t)count : 0;
}

// The client's end of the newest connection. A Unix socket has no name to know it by: what is written to one is there at once.
static int other_end(int fd) {
  struct sockaddr_in theirs, found;
  socklen_t len = sizeof theirs;
  if (is_unix || getpeername(fd, (void *)&theirs, &len)) return -1;
  for (int other = 0; other < FDS_MAX; other++) {
    len = sizeof found;
    if (getsockname(other, (void *)&found, &len) == 0 && found.sin_family == AF_INET && found.sin_port == theirs.sin_port) return other;
  }
  return -1;
}

static void accept_all(void) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    if (peers_len == PEERS_MAX) failed("too many connections");
    peer *made = calloc(1, sizeof *made);
    if (made == NULL) failed("no memory");
    memset(made->output, 1, sizeof made->output);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    made->fd = fd;
    made->other_fd = other_end(fd);
    peers[peers_len++] = made;
  }
}

static void hear(peer *from) {
  ssize_t came = recv(from->fd, from->input + from->in, ROOM_BYTES - from->in, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (came <= 0) return;
  from->in += (size_t)came;
  clock_ns += ROUND_TRIP_NS;
  char *at = from->input, *end = from->input + from->in, *next;
  while (at < end && (next = take(from, at, end)) != NULL) at = next;
  from->in = (size_t)(end - at);
  memmove(from->input, at, from->in);
}

// One piece, if the client has read the one before. It is there when this returns.
static void speak(peer *to) {
  size_t left = to->out - to->out_from;
  if (left == 0 || (to->other_fd >= 0 && waits_at(to->other_fd) > 0)) return;
  ssize_t sent = send(to->fd, to->output + to->out_from, left < PIECE_BYTES ? left : PIECE_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return;
  to->out_from += (size_t)sent;
  if (to->out_from == to->out) to->out_from = to->out = 0;
  while (to->other_fd >= 0 && waits_at(to->other_fd) < (size_t)sent) sched_yield();
}

static void turn(void) {
  accept_all();
  for (int i = 0; i < peers_len; i++) {
    hear(peers[i]);
    speak(peers[i]);
  }
}

// In a counted round.
__attribute__((noinline)) void peer_turn(void) {
  mark("pause");
  is_counting = 0;
  turn();
  is_counting = 1;
  mark("count");
}

static void before_a_read(void) {
  static int busy;
  if (listener < 0 || busy) return;
  int saved = errno;
  busy = 1;
  if (is_counting) peer_turn();
  else turn();
  busy = 0;
  errno = saved;
}

// ---- Where the client reads, or waits ----

#define SYSTEM(name) \
  static typeof(&name) found; \
  if (found == NULL) found = (typeof(&name))dlsym(RTLD_NEXT, #name); \
  before_a_read()

ssize_t recv(int fd, void *into, size_t len, int flags) {
  SYSTEM(recv);
  ssize_t came = found(fd, into, len, flags);
  if (came < 0 && !(flags & MSG_DONTWAIT)) clock_ns += READ_WAIT_NS;
  return came;
}

ssize_t recvmsg(int fd, struct msghdr *into, int flags) {
  SYSTEM(recvmsg);
  return found(fd, into, flags);
}

ssize_t read(int fd, void *into, size_t len) {
  SYSTEM(read);
  return found(fd, into, len);
}

int poll(struct pollfd *fds, nfds_t len, int timeout_ms) {
  SYSTEM(poll);
  int count = found(fds, len, timeout_ms);
  if (count == 0 && timeout_ms > 0) clock_ns += timeout_ms * 1000000L;
  return count;
}

int epoll_wait(int fd, struct epoll_event *out, int len, int timeout_ms) {
  SYSTEM(epoll_wait);
  int count = found(fd, out, len, timeout_ms);
  if (count == 0 && timeout_ms > 0) clock_ns += timeout_ms * 1000000L;
  return count;
}

int clock_gettime(clockid_t which, struct timespec *out) {
  static typeof(&clock_gettime) found;
  if (found == NULL) found = (typeof(&clock_gettime))dlsym(RTLD_NEXT, "clock_gettime");
  int status = found(which, out);
  if (which != CLOCK_MONOTONIC || listener < 0) return status;
  if (clock_ns < 1000000000L) clock_ns = out->tv_sec * 1000000000L + out->tv_nsec;
  clock_ns += CLOCK_STEP_NS;
  out->tv_sec = clock_ns / 1000000000L;
  out->tv_nsec = clock_ns % 1000000000L;
  return status;
}

// ---- The program ----

static const char *peer_start(const char *kind, long value_bytes) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof loopback;
  is_unix = strcmp(kind, "unix") == 0;
  value_len = value_bytes;
  value = malloc((size_t)value_len + 1);
  if (value == NULL) failed("no memory");
  memset(value, 'v', (size_t)value_len);
  listener = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (is_unix) {
    snprintf(local.sun_path, sizeof local.sun_path, "%s/lockstep.%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int)getpid());
    snprintf(peer_place, sizeof peer_place, "unix:%s", local.sun_path);
    unlink(local.sun_path);
  }
  if ((is_unix ? bind(listener, (void *)&local, sizeof local) : bind(listener, (void *)&loopback, sizeof loopback)) || listen(listener, PEERS_MAX))
    failed("cannot listen");
  if (is_unix) return peer_place;
  getsockname(listener, (void *)&loopback, &len);
  port = ntohs(loopback.sin_port);
  snprintf(peer_place, sizeof peer_place, "%s:%d", kind, port);
  return peer_place;
}

static void peer_publish(int messages) {
  static const char MESSAGE[] = ">3\r\n$7\r\nmessage\r\n$13\r\nbench:channel\r\n$64\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
  for (int i = 0; i < peers_len; i++)
    for (int n = 0; peers[i]->subscribed && n < messages; n++) say(peers[i], MESSAGE, sizeof MESSAGE - 1);
}

__attribute__((noinline)) void counted_round(const operation *op) { rredis_round(op); }

void measure(const operation *op, const char *who, long rounds, const char *where) {
  int publishes = is_way(op, "message");
  if (strcmp(who, "rredis") != 0) failed("in lockstep there is librredis alone");
  rredis_open(op, peer_start(where, op->value_bytes));
  for (long warm = op->commands >= 1000 ? 3 : 100; warm > 0; warm--) {
    if (publishes) peer_publish(op->commands);
    rredis_round(op);
  }
  for (long i = 0; i < rounds; i++) {
    if (publishes) peer_publish(op->commands);
    counting_begins();
    counted_round(op);
    counting_ends();
  }
  printf("%g %g\n", (double)allocations / (double)rounds, (double)faults / (double)rounds);
  if (is_unix) unlink(peer_place + 5);
}
