// Calls made while a thread ends, from the destructor of a pthread_key: where a program that keeps one connection a thread
// frees it. Every handle, of clients of every make; and afterwards their pools are whole.
#include "handles.h"

typedef struct {
  const rredis_client *client;
  int kind, number, before, rounds;   // `rounds` of destructors to go by
  rredis_conn *conn;
} job;

static pthread_key_t key;
static int ended;

static void end(void *data) {
  job *mine = data;
  // Destructors come round again while a value is set: the last time is later than any other's.
  if (mine->rounds-- > 1) {
    CHECK(pthread_setspecific(key, mine) == 0);
    return;
  }
  rredis_conn_free(mine->conn);
  use(mine->number, mine->client, mine->kind);
  __sync_fetch_and_add(&ended, 1);
}

static void *work(void *data) {
  rredis_error err;
  job *mine = data;
  CHECK(pthread_setspecific(key, mine) == 0);
  // The thread is new to the library, or not.
  if (mine->before) use(mine->number, mine->client, mine->kind);
  if (mine->before > 1) CHECK_OK(rredis_conn_new(mine->client, &mine->conn, &err), err);
  return NULL;
}

static rredis_client *clients[KINDS];

// The main thread ends too, and what is registered with atexit runs behind its thread-locals' destructors.
static void at_exit(void) {
  for (int kind = 0; kind < KINDS; kind++) {
    for (int number = 0; number < USES; number++) use(number, clients[kind], kind);
    rredis_client_free(clients[kind]);
  }
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  CHECK(pthread_key_create(&key, end) == 0);
  for (int kind = 0; kind < KINDS; kind++) {
    rredis_options *options = handles_options(kind);
    check_set_int(options, RREDIS_OPTION_POOL_MAX, 2);
    check_set_int(options, RREDIS_OPTION_POOL_WAIT_MS, 5000);
    rredis_client *client = clients[kind] = check_client(options);
    for (int number = 0; number < USES; number++) {
      for (int before = 0; before <= 2; before++) {
        for (int rounds = 1; rounds <= 4; rounds += 3) {
          job mine = {client, kind, number, before, rounds, NULL};
          pthread_t thread;
          int was = ended;
          CHECK(pthread_create(&thread, NULL, work, &mine) == 0);
          CHECK(pthread_join(thread, NULL) == 0);
          CHECK(ended == was + 1);
          // Every permit has come back, and the client is as good as before.
          CHECK(rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);
          use_command(client);
        }
      }
    }
  }
  CHECK(atexit(at_exit) == 0);
  return 0;
}
