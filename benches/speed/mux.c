// The floor for threads that share: one socket, and batches. The first thread of a batch sends it and reads its replies; the
// others sleep on the batch's word, each with one bit of a mask, so that one wake wakes those whose replies have come. While a
// batch is under way the next one grows. Nothing is parsed, except for where a reply ends; it has no deadlines, and trusts the
// server.

#define _GNU_SOURCE
#include "speed.h"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { RIDERS_MAX = 4096, PER_BIT = 4, ROOM_BYTES = 1 << 16, SENT_BYTES = 1 << 20 };

typedef struct batch {
  _Atomic uint32_t answered, held;  // `held`: how many threads still look at it
  uint32_t number;
  int riders;
  size_t *lens[RIDERS_MAX];
  size_t bytes_len;
  char bytes[SENT_BYTES];
} batch;

static int fd;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static batch *open_batch, *spare[4];
static int spares;
static _Atomic uint32_t completed, sleepers;
static char room[ROOM_BYTES];
static size_t room_from, room_to;

static void sleep_on(_Atomic uint32_t *word, uint32_t is, uint32_t bits) {
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, is, NULL, NULL, bits);
}

static void wake(_Atomic uint32_t *word, uint32_t bits) { syscall(SYS_futex, word, FUTEX_WAKE_BITSET_PRIVATE, RIDERS_MAX, NULL, NULL, bits); }
static uint32_t bit_of(int rider) { return 1u << (rider / PER_BIT % 32); }

// The lock is held.
static batch *new_batch(uint32_t number) {
  batch *made = spares > 0 ? spare[--spares] : malloc(sizeof *made);
  if (made == NULL) failed("no memory");
  made->answered = made->held = 0;
  made->number = number;
  made->riders = 0;
  made->bytes_len = 0;
  return made;
}

static void let_go(batch *done) {
  if (atomic_fetch_sub(&done->held, 1) != 1) return;
  pthread_mutex_lock(&lock);
  if (spares < 4) spare[spares++] = done;
  else free(done);
  pthread_mutex_unlock(&lock);
}

void client_open(const char *place) {
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  if (is_tls(place)) failed("the shared floor has no TLS");
  if (is_unix(place)) snprintf(local.sun_path, sizeof local.sun_path, "%s", place + 5);
  else loopback.sin_port = htons((uint16_t)port_of(place));
  fd = socket(is_unix(place) ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
  if (is_unix(place) ? connect(fd, (void *)&local, sizeof local) : connect(fd, (void *)&loopback, sizeof loopback)) failed("no connection");
  if (!is_unix(place)) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  open_batch = new_batch(1);
}

void client_close(void) { close(fd); }
void *link_open(const char *place) { return (void *)place; }
void link_close(void *link) { (void)link; }

static void encode(batch *into, const command *sent) {
  size_t most = 32;
  for (int i = 0; i < sent->argc; i++) most += sent->argv_len[i] + 32;
  if (into->bytes_len + most > SENT_BYTES) failed("too much at once");
  char *to = into->bytes + into->bytes_len;
  to += sprintf(to, "*%d\r\n", sent->argc);
  for (int i = 0; i < sent->argc; i++) {
    to += sprintf(to, "$%zu\r\n", sent->argv_len[i]);
    memcpy(to, sent->argv[i], sent->argv_len[i]);
    to += sent->argv_len[i];
    *to++ = '\r';
    *to++ = '\n';
  }
  into->bytes_len = (size_t)(to - into->bytes);
}

// The length of the reply that begins at `room_from`, if it is all there. 0: it is not.
static size_t reply_len(size_t *text_len) {
  char *at = room + room_from, *end = room + room_to, *line = memchr(at, '\n', (size_t)(end - at));
  if (line == NULL) return 0;
  long n = *at == '$' ? atol(at + 1) : -1;
  size_t all = (size_t)(line + 1 - at) + (n >= 0 ? (size_t)n + 2 : 0);
  *text_len = n >= 0 ? (size_t)n : 0;
  return all <= (size_t)(end - at) ? all : 0;
}

static void fill(void) {
  if (room_from == room_to) room_from = room_to = 0;
  if (room_from > ROOM_BYTES / 2) {
    memmove(room, room + room_from, room_to - room_from);
    room_to -= room_from;
    room_from = 0;
  }
  ssize_t came = recv(fd, room + room_to, ROOM_BYTES - room_to, 0);
  if (came <= 0) failed("the connection is lost");
  room_to += (size_t)came;
}

static void conduct(batch *mine) {
  uint32_t bit = 1u << (mine->number % 32);
  for (;;) {
    if (completed + 1 == mine->number) break;
    atomic_fetch_or(&sleepers, bit);
    uint32_t now = completed;
    if (now + 1 == mine->number) break;
    sleep_on(&completed, now, bit);
  }
  pthread_mutex_lock(&lock);
  open_batch = new_batch(mine->number + 1);
  pthread_mutex_unlock(&lock);
  for (size_t at = 0; at < mine->bytes_len;) {
    ssize_t sent = send(fd, mine->bytes + at, mine->bytes_len - at, MSG_NOSIGNAL);
    if (sent <= 0) failed("the connection is lost");
    at += (size_t)sent;
  }
  int riders = mine->riders;
  for (int done = 0; done < riders;) {
    int before = done;
    for (size_t len; done < riders && (len = reply_len(mine->lens[done])) > 0; done++) room_from += len;
    if (done == before) {
      fill();
      continue;
    }
    // The next batch goes first, and then those who have been answered.
    if (done == riders && (atomic_fetch_add(&completed, 1), atomic_fetch_and(&sleepers, ~(bit << 1 | bit >> 31)) & (bit << 1 | bit >> 31)))
      wake(&completed, bit << 1 | bit >> 31);
    uint32_t bits = 0;
    for (int i = before > 1 ? before : 1; i < done; i++) bits |= bit_of(i);
    mine->answered = (uint32_t)done;
    if (bits != 0) wake(&mine->answered, bits);
  }
}

size_t link_run(void *link, const command *sent, int times) {
  (void)link;
  size_t len = 0;
  if (times != 1) failed("the shared floor has no pipelines");
  pthread_mutex_lock(&lock);
  batch *mine = open_batch;
  int rider = mine->riders++;
  if (rider == RIDERS_MAX) failed("too many riders");
  encode(mine, sent);
  mine->lens[rider] = &len;
  atomic_fetch_add(&mine->held, 1);
  pthread_mutex_unlock(&lock);
  if (rider == 0) conduct(mine);
  for (uint32_t answered; (answered = mine->answered) <= (uint32_t)rider;) sleep_on(&mine->answered, answered, bit_of(rider));
  let_go(mine);
  return len;
}
