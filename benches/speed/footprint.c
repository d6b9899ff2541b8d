// What a client takes before it is fast, with the client that is linked to this.
//
//   footprint heap PLACE CONNECTIONS   bytes of heap for each connection at rest
//   footprint first PLACE              microseconds from nothing to the first reply
//   footprint peak PLACE BYTES         the most memory that the process has had, beyond what it began with, over the bytes of one
//                                      value of that size that was read

#include "speed.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *place;

void failed(const char *what) {
  fprintf(stderr, "footprint: %s\n", what);
  exit(1);
}

size_t lost(const char *what) {
  failed(what);
  return LOST;
}

int is_unix(const char *where) { return strncmp(where, "unix:", 5) == 0; }
int is_tls(const char *where) { return strncmp(where, "tls:", 4) == 0; }
int port_of(const char *where) { return atoi(where + 4); }

static command made(int argc, const char **argv) {
  command one = {argc, argv, malloc((size_t)argc * sizeof(size_t))};
  for (int i = 0; i < argc; i++) one.argv_len[i] = strlen(argv[i]);
  return one;
}

// All hold a connection at a time, for each waits for what does not come.
static void *rest(void *given) {
  static const char *argv[] = {"BLPOP", "bench:nothing", "1"};
  command wait = made(3, argv);
  link_run(given, &wait, 1);
  free(wait.argv_len);
  return NULL;
}

static void heap(int count) {
  void **links = calloc((size_t)count, sizeof *links);
  pthread_t *threads = calloc((size_t)count, sizeof *threads);
  client_open(place);
  size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  for (int i = 0; i < count; i++) links[i] = link_open(place);
  for (int i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, rest, links[i])) failed("no thread");
  for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
  printf("%.0f\n", (double)(mallinfo2().uordblks + mallinfo2().hblkhd - before) / count);
}

static void first(void) {
  static const char *argv[] = {"PING"};
  command ping = made(1, argv);
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  client_open(place);
  void *link = link_open(place);
  link_run(link, &ping, 1);
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%.1f\n", (double)(end.tv_sec - begin.tv_sec) * 1e6 + (double)(end.tv_nsec - begin.tv_nsec) / 1e3);
}

// What getrusage calls so may be that of the process that started this one.
static double most_bytes(void) {
  char line[256];
  long kibibytes = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL && sscanf(line, "VmHWM: %ld", &kibibytes) != 1) {}
  if (status == NULL || kibibytes == 0) failed("no VmHWM");
  fclose(status);
  return (double)kibibytes * 1024;
}

static void peak(const char *bytes) {
  const char *setrange[] = {"SETRANGE", "bench:large", bytes, "x"}, *get[] = {"GET", "bench:large"}, *del[] = {"DEL", "bench:large"};
  command make = made(4, setrange), read = made(2, get), end = made(2, del);
  client_open(place);
  void *link = link_open(place);
  link_run(link, &make, 1);
  double before = most_bytes();
  if (link_run(link, &read, 1) != (size_t)atol(bytes) + 1) failed("another value");
  printf("%.3f\n", (most_bytes() - before) / atof(bytes));
  link_run(link, &end, 1);
}

int main(int argc, char **argv) {
  if (argc < 3) return 64;
  place = argv[2];
  if (strcmp(argv[1], "heap") == 0 && argc == 4) heap(atoi(argv[3]));
  else if (strcmp(argv[1], "first") == 0) first();
  else if (strcmp(argv[1], "peak") == 0 && argc == 4) peak(argv[3]);
  else return 64;
  return 0;
}
