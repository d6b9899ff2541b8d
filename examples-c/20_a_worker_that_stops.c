// 20. A worker that stops.
//
// A worker waits for jobs with BLPOP, for ever. Another thread ends the wait: by the worker's
// call_data, or by NULL, which means every call of the client. The count that _wake returns
// says whether a call was there to be ended, so it is called until the worker is gone.
//
// New here: rredis_client_wake
// Run it:   make examples && ./target/examples/20_a_worker_that_stops

#include <pthread.h>
#include <rredis.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static rredis_client *client;
static atomic_int done;

static void *work(void *self) {
  rredis_error err;
  rredis_reply *job;
  while (rredis_client_command_with(client, RREDIS_TEXTS("BLPOP", "page20:jobs", "0"), 0, 0, self, &job, &err) == RREDIS_OK) {
    printf("worked on %s\n", job->elements[1].str);
    rredis_reply_free(job);
    atomic_fetch_add(&done, 1);
  }
  // WOKEN after the command was sent: the server may have taken a job for us just then.
  printf("%s, %s\n", rredis_status_name(err.status), rredis_status_outcome_name(err.outcome));
  atomic_store(&done, -1);
  return NULL;
}

static void rest(void) { nanosleep(&(struct timespec){0, 5000000}, NULL); }

int main(void) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK ||
      rredis_client_command(client, RREDIS_TEXTS("RPUSH", "page20:jobs", "one", "two"), &reply, &err) != RREDIS_OK)
    return fprintf(stderr, "%s\n", err.message), 1;
  rredis_reply_free(reply);

  pthread_t worker;
  int self;  // any address of the worker's own will do
  pthread_create(&worker, NULL, work, &self);
  while (atomic_load(&done) < 2) rest();
  for (int i = 0; i < 20; i++) rest();  // it waits for a third job by now

  while (atomic_load(&done) >= 0) rredis_client_wake(client, &self), rest();
  pthread_join(worker, NULL);
  rredis_client_free(client);
}

// Prints:
// worked on one
// worked on two
// WOKEN, UNKNOWN
