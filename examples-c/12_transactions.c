// 12. All of it or nothing.
//
// _transact watches keys and calls a function of yours, which reads what it needs and adds the
// commands that follow from it. Had somebody changed a key meanwhile, nothing has run, and the
// function is called again. (Without reading, RREDIS_PIPELINE_ATOMIC to _run is enough.)
//
// New here: rredis_pipeline_transact, rredis_pipeline_command, rredis_transaction_fn
// Run it:   make examples && ./target/examples/12_transactions

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>

static int tries;

static void run(const rredis_client *client, size_t argc, const char **argv) {
  rredis_error err;
  rredis_reply *reply;
  if (rredis_client_command(client, argc, argv, NULL, &reply, &err) != RREDIS_OK) exit(1);
  rredis_reply_free(reply);
}

// Sell one, if there is one. What this returns, _transact returns.
static rredis_status sell(void *client, rredis_pipeline *pipeline, rredis_error *err) {
  const char *restock[] = {"SET", "page12:stock", "7"};
  rredis_reply *reply;
  rredis_status status = rredis_pipeline_command(pipeline, RREDIS_TEXTS("GET", "page12:stock"), &reply, err);
  if (status != RREDIS_OK) return status;
  int stock = atoi(reply->str);
  rredis_reply_free(reply);
  printf("try %d: there are %d\n", ++tries, stock);
  // Somebody is faster than we are, the first time.
  if (tries == 1) run(client, 3, restock);
  char left[20];
  snprintf(left, sizeof left, "%d", stock - 1);
  status = rredis_pipeline_add(pipeline, RREDIS_TEXTS("SET", "page12:stock", left), err);
  return status == RREDIS_OK ? rredis_pipeline_add(pipeline, RREDIS_TEXTS("INCR", "page12:sold"), err) : status;
}

int main(void) {
  rredis_client *client;
  rredis_pipeline *pipeline;
  rredis_reply *replies;
  rredis_error err;
  if (rredis_client_new(NULL, &client, &err) != RREDIS_OK || rredis_pipeline_new(client, &pipeline, &err) != RREDIS_OK) return 1;
  const char *mset[] = {"MSET", "page12:stock", "3", "page12:sold", "0"};
  run(client, 5, mset);
  if (rredis_pipeline_transact(pipeline, RREDIS_TEXTS("page12:stock"), sell, client, 5000, &replies, &err) == RREDIS_OK) {
    printf("done: %s, and %lld sold\n", replies->elements[0].str, (long long)replies->elements[1].integer);
    rredis_reply_free(replies);
  } else printf("%s: %s\n", rredis_status_name(err.status), err.message);
  rredis_pipeline_free(pipeline);
  rredis_client_free(client);
}

// Prints:
// try 1: there are 3
// try 2: there are 7
// done: OK, and 1 sold
