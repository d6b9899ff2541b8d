// Threads that send one command again and again, each waiting for its reply, with the client that is linked to this.
//
//   speed PLACE SECONDS THREADS PIPELINE COMMAND... [, COMMAND...]...
//
// Every command except the last is sent once, beforehand. PIPELINE commands are one burst. An argument @N is a text of N bytes.
// Prints commands a second, microseconds of processor time (user and system) for one command, and how many microseconds a burst
// took, at most, for 50, 99 and 99.9 of a hundred; and how many failed.
//
// With RREDIS_LOSSES=1 a burst may fail, and the thread opens what it sends on again. RREDIS_BESIDE is a command, its words with
// spaces between, that one more thread sends 5 ms after each reply: it is not counted.

#include "speed.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

// A latency is counted in one of 64 parts of each power of two: to 1.6 %.
enum { PARTS = 64, BUCKETS = PARTS * 36, THREADS_MAX = 4096, STACK_BYTES = 256 << 10, BESIDE_REST_NS = 5000000 };

typedef struct worker {
  pthread_t thread;
  long rounds, failures;
  uint32_t buckets[BUCKETS];
} worker;

static const char *place;
static int pipeline;
static command last;
static double seconds, end_ns;
static pthread_barrier_t gate;

static int losses;

size_t lost(const char *what) {
  if (!losses) failed(what);
  return LOST;
}

void failed(const char *what) {
  fprintf(stderr, "speed: %s\n", what);
  exit(1);
}

int is_unix(const char *where) { return strncmp(where, "unix:", 5) == 0; }
int is_tls(const char *where) { return strncmp(where, "tls:", 4) == 0; }
int port_of(const char *where) { return atoi(where + 4); }

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double used_us(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static int bucket_of(double ns) {
  uint64_t n = ns < PARTS ? PARTS : (uint64_t)ns;
  int power = 63 - __builtin_clzll(n);
  int bucket = (power - 6) * PARTS + (int)(n >> (power - 6)) - PARTS;
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

// The upper end of a bucket, in microseconds.
static double bucket_us(int bucket) { return (double)((uint64_t)(PARTS + bucket % PARTS + 1) << (bucket / PARTS)) / 1e3; }

// Again until it does not fail.
static size_t run_whole(void **link, const command *sent, int times) {
  size_t len;
  while ((len = link_run(*link, sent, times)) == LOST) {
    link_close(*link);
    *link = link_open(place);
  }
  return len;
}

static void *work(void *given) {
  worker *self = given;
  void *link = link_open(place);
  size_t expected = run_whole(&link, &last, pipeline);
  pthread_barrier_wait(&gate);
  pthread_barrier_wait(&gate);
  double begin = now_ns();
  while (begin < end_ns) {
    size_t len = link_run(link, &last, pipeline);
    if (len == LOST) {
      self->failures++;
      link_close(link);
      link = link_open(place);
    } else if (len != expected) {
      failed("a reply of another length");
    }
    double done = now_ns();
    self->buckets[bucket_of(done - begin)]++;
    self->rounds++;
    begin = done;
  }
  pthread_barrier_wait(&gate);
  link_close(link);
  return NULL;
}

// One thread more, which nobody waits for.
static void *work_beside(void *given) {
  void *link = link_open(place);
  const struct timespec rest = {0, BESIDE_REST_NS};
  for (;;) {
    run_whole(&link, given, 1);
    nanosleep(&rest, NULL);
  }
  return NULL;
}

static double percentile(const uint64_t *buckets, double rounds, double share) {
  double seen = 0;
  for (int i = 0; i < BUCKETS; i++)
    if ((seen += (double)buckets[i]) >= rounds * share) return bucket_us(i);
  return 0;
}

static void measure(int threads) {
  static uint64_t buckets[BUCKETS];
  worker *workers = calloc((size_t)threads, sizeof *workers);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK_BYTES);
  pthread_barrier_init(&gate, NULL, (unsigned)threads + 1);
  for (int i = 0; i < threads; i++)
    if (pthread_create(&workers[i].thread, &small, work, &workers[i])) failed("no thread");
  pthread_barrier_wait(&gate);
  double used = used_us(), begin = now_ns();
  end_ns = begin + seconds * 1e9;
  pthread_barrier_wait(&gate);
  pthread_barrier_wait(&gate);
  double passed = now_ns() - begin, rounds = 0, failures = 0;
  used = used_us() - used;
  for (int i = 0; i < threads; i++) {
    pthread_join(workers[i].thread, NULL);
    rounds += (double)workers[i].rounds;
    failures += (double)workers[i].failures;
    for (int b = 0; b < BUCKETS; b++) buckets[b] += workers[i].buckets[b];
  }
  double commands = rounds * pipeline;
  printf("%.0f %.4f %.2f %.2f %.2f %.0f\n", commands / passed * 1e9, used / commands, percentile(buckets, rounds, 0.5),
         percentile(buckets, rounds, 0.99), percentile(buckets, rounds, 0.999), failures);
  free(workers);
}

static const char *argument(const char *given) {
  if (given[0] != '@') return given;
  size_t len = (size_t)atol(given + 1);
  char *text = malloc(len + 1);
  if (text == NULL) failed("no memory");
  memset(text, 'x', len);
  text[len] = 0;
  return text;
}

// The command that begins here, and how many words it has.
static command parsed(int count, char **words) {
  command one = {0, malloc((size_t)count * sizeof(char *)), malloc((size_t)count * sizeof(size_t))};
  for (; one.argc < count && strcmp(words[one.argc], ",") != 0; one.argc++) {
    one.argv[one.argc] = argument(words[one.argc]);
    one.argv_len[one.argc] = strlen(one.argv[one.argc]);
  }
  return one;
}

static void beside(char *words) {
  static command slow;
  static char *split[64];
  int count = 0;
  for (char *word = strtok(words, " "); word != NULL && count < 64; word = strtok(NULL, " ")) split[count++] = word;
  slow = parsed(count, split);
  pthread_t thread;
  if (pthread_create(&thread, NULL, work_beside, &slow)) failed("no thread");
}

int main(int argc, char **argv) {
  if (argc < 6) return 64;
  place = argv[1];
  seconds = atof(argv[2]);
  int threads = atoi(argv[3]);
  pipeline = atoi(argv[4]);
  if (seconds <= 0 || threads < 1 || threads > THREADS_MAX || pipeline < 1) return 64;
  losses = getenv("RREDIS_LOSSES") != NULL;
  client_open(place);
  void *link = link_open(place);
  for (int at = 5; at < argc; at += last.argc + 1) {
    last = parsed(argc - at, argv + at);
    if (at + last.argc < argc) run_whole(&link, &last, 1);
  }
  link_close(link);
  if (getenv("RREDIS_BESIDE") != NULL) beside(getenv("RREDIS_BESIDE"));
  measure(threads);
  if (getenv("RREDIS_BESIDE") == NULL) client_close();
  return 0;
}
