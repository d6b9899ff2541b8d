// 24. A command on one line.
//
// rredis_args.h, for C11: texts, numbers and bytes as they are, without an array, a count or
// a length. What is none of them (a bool, a struct, NULL) does not compile. Here are ten
// ordinary operations.
//
// New here: rredis_do, rredis_add, rredis_bytes
// Run it:   make examples && ./target/examples/24_one_line

#include <rredis_args.h>

static void check(rredis_status status, const rredis_error *err) {
  if (status == RREDIS_OK) return;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

static void ten(const rredis_client *client, rredis_pipeline *pipeline, const void *photo, size_t photo_len) {
  rredis_error err;
  rredis_reply *got, *count, *user, *names, *best, *both;
  check(rredis_do(client, NULL, &err, "SET", "page24:photo", rredis_bytes(photo, photo_len), "EX", 60), &err);
  check(rredis_do(client, &got, &err, "GET", "page24:photo"), &err);
  check(rredis_do(client, &count, &err, "INCRBY", "page24:visits", -7), &err);
  check(rredis_do(client, NULL, &err, "HSET", "page24:user", "name", "ann", "age", 33), &err);
  check(rredis_do(client, &user, &err, "HGETALL", "page24:user"), &err);
  check(rredis_do(client, NULL, &err, "RPUSH", "page24:names", "ann", "bob", 3), &err);
  check(rredis_do(client, &names, &err, "LRANGE", "page24:names", 0, -1), &err);
  check(rredis_do(client, NULL, &err, "ZADD", "page24:board", 95.5, "ann", 0.1, "bob"), &err);
  check(rredis_do(client, &best, &err, "ZREVRANGE", "page24:board", 0, 0, "WITHSCORES"), &err);
  check(rredis_add(pipeline, &err, "EXPIRE", "page24:board", 60), &err);
  check(rredis_add(pipeline, &err, "DEL", "page24:user", "page24:names", "page24:visits"), &err);
  check(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_ATOMIC, &both, &err), &err);
  printf("%zu bytes, %lld visits, %s is %s\n", got->len, (long long)count->integer,
      rredis_reply_find(user, "name", 4)->str, rredis_reply_find(user, "age", 3)->str);
  printf("%zu names, %s has %g, %lld deleted\n", names->len, best->elements[0].elements[0].str,
      best->elements[0].elements[1].number, (long long)both->elements[1].integer);
  rredis_reply *all[] = {got, count, user, names, best, both};
  for (int i = 0; i < 6; i++) rredis_reply_free(all[i]);
}

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_pipeline *pipeline;
  check(rredis_client_new(NULL, &client, &err), &err);
  check(rredis_pipeline_new(client, &pipeline, &err), &err);
  ten(client, pipeline, "\x89PNG\0\1", 6);
  rredis_pipeline_free(pipeline);
  rredis_client_free(client);
}

// Prints:
// 6 bytes, -7 visits, ann is 33
// 3 names, ann has 95.5, 3 deleted
