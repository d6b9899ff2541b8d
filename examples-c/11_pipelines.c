// 11. A thousand commands, one round trip.
//
// A pipeline keeps commands until it is run, then sends them in one piece. Their replies come
// back as one array, in order; one that the server refused is an error in its place.
//
// New here: rredis_pipeline_new, _add, _run, _failed, _run_each, _free
// Run it:   make examples && ./target/examples/11_pipelines

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>

static void check(rredis_status status, const rredis_error *err) {
  if (status == RREDIS_OK) return;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

// Shown each reply as it comes, for batches whose replies nobody wants to hold all at once.
static rredis_status add_up(void *sum, size_t index, const rredis_reply *reply, rredis_error *err) {
  (void)index, (void)err;
  *(int64_t *)sum += reply->integer;
  return RREDIS_OK;
}

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_pipeline *pipeline;
  check(rredis_client_new(NULL, &client, &err), &err);
  check(rredis_pipeline_new(client, &pipeline, &err), &err);

  // Nothing is sent by these. In the middle of them stands one that cannot work.
  const char *incr[] = {"INCR", "page11"};
  check(rredis_pipeline_add(pipeline, RREDIS_TEXTS("DEL", "page11"), &err), &err);
  for (int i = 0; i < 500; i++) check(rredis_pipeline_add(pipeline, 2, incr, NULL, &err), &err);
  check(rredis_pipeline_add(pipeline, RREDIS_TEXTS("LPUSH", "page11", "x"), &err), &err);
  for (int i = 0; i < 500; i++) check(rredis_pipeline_add(pipeline, 2, incr, NULL, &err), &err);

  rredis_reply *replies;
  check(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_PLAIN, &replies, &err), &err);
  int64_t failed = rredis_pipeline_failed(pipeline);
  printf("%zu replies, the last is %lld\n", replies->len, (long long)replies->elements[1001].integer);
  printf("number %lld failed: %.9s...\n", (long long)failed, replies->elements[failed].str);
  rredis_reply_free(replies);

  // A pipeline that has run is empty, and ready for the next batch.
  int64_t sum = 0;
  for (int i = 0; i < 10; i++) check(rredis_pipeline_add(pipeline, 2, incr, NULL, &err), &err);
  check(rredis_pipeline_run_each(pipeline, 0, 0, add_up, &sum, &err), &err);
  printf("the next ten add up to %lld\n", (long long)sum);

  rredis_pipeline_free(pipeline);
  rredis_client_free(client);
}

// Prints:
// 1002 replies, the last is 1000
// number 501 failed: WRONGTYPE...
// the next ten add up to 10055
