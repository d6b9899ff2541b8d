// Threads at work on a client while main returns: the process ends, with the status that it was given. A fourth argument is
// for how many microseconds they work.
#include "check.h"

static void *work(void *data) {
  const rredis_client *client = data;
  rredis_reply *reply = NULL;
  while (rredis_client_command(client, ARGS("INCR", "exit"), &reply, NULL) == RREDIS_OK) rredis_reply_free(reply);
  return NULL;
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 2);
  rredis_client *client = check_client(options);
  for (int i = 0; i < 4; i++) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, client) == 0);
  }
  usleep((useconds_t)(argc > 4 ? atoi(argv[4]) : 5000));
  exit(7);
}
