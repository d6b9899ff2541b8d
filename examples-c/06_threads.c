// 06. One client, many threads.
//
// A handle that a function takes as const may be used by any number of threads at once. The
// client keeps a pool of connections: a command borrows one and gives it back. While many
// threads call at once, their commands go over one connection together.
//
// New here: rredis_client_stat, and sharing a client
// Run it:   make examples && ./target/examples/06_threads

#include <pthread.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>

static rredis_reply *run(const rredis_client *client, size_t argc, const char **argv) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command(client, argc, argv, NULL, &reply, &err) == RREDIS_OK) return reply;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err.status), err.message);
  exit(1);
}

static void *count(void *client) {
  const char *incr[] = {"INCR", "page06"};
  for (int i = 0; i < 1000; i++) rredis_reply_free(run(client, 2, incr));
  return NULL;
}

int main(void) {
  rredis_client *client;
  if (rredis_client_new(NULL, &client, NULL) != RREDIS_OK) return 1;

  const char *del[] = {"DEL", "page06"};
  rredis_reply_free(run(client, 2, del));

  pthread_t threads[8];
  for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, count, client);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);

  const char *get[] = {"GET", "page06"};
  rredis_reply *reply = run(client, 2, get);
  printf("eight threads counted to %s\n", reply->str);
  rredis_reply_free(reply);

  // No more connections than were needed at once, and all of them back.
  int64_t created = rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_CREATED);
  printf("connections: %s, %lld in use\n", created <= 8 ? "eight at most" : "too many",
         (long long)rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE));

  rredis_client_free(client);
  return 0;
}

// Prints:
// eight threads counted to 8000
// connections: eight at most, 0 in use
