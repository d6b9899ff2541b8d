// Scripts: a digest computed here, one run by it and one whole, errors that tell what is known, threads.
#include "check.h"

static const char COUNT[] = "return redis.call('INCRBY', KEYS[1], ARGV[1])";

static rredis_script *script_of(const char *text) {
  rredis_error err;
  rredis_script *script = NULL;
  CHECK_OK(rredis_script_new(text, strlen(text), &script, &err), err);
  CHECK(script != NULL && strlen(rredis_script_sha(script)) == 40);
  return script;
}

static void by_digest(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_script *script = script_of(COUNT);
  check_do(client, ARGS("SCRIPT", "FLUSH"));
  check_do(client, ARGS("DEL", "c:script:n"));
  CHECK_OK(rredis_script_run(script, client, 1, ARGS("c:script:n", "2"), &reply, &err), err);
  CHECK(check_is_integer(reply, 2));
  rredis_reply_free(reply);
  CHECK_OK(rredis_script_run_with(script, client, 1, ARGS("c:script:n", "3"), RREDIS_CALL_RAW, 0, NULL, &reply, &err), err);
  CHECK(check_is_integer(reply, 5));
  rredis_reply_free(reply);

  // The server knows it by the digest that was computed here.
  reply = check_ask(client, ARGS("SCRIPT", "EXISTS", rredis_script_sha(script)));
  CHECK(reply->len == 1 && check_is_integer(&reply->elements[0], 1));
  rredis_reply_free(reply);

  // More keys than there are arguments.
  reply = (rredis_reply *)&err;
  CHECK_FAILS(rredis_script_run(script, client, 2, ARGS("c:script:n"), &reply, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(reply == (rredis_reply *)&err);
  rredis_script_free(script);
}

static void without_arguments(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_script *script = script_of("return {KEYS[1] or 'no key', #ARGV}");
  CHECK_OK(rredis_script_run(script, client, 0, 0, NULL, NULL, &reply, &err), err);
  CHECK(reply->len == 2 && check_is(&reply->elements[0], RREDIS_REPLY_STRING, "no key"));
  rredis_reply_free(reply);
  rredis_script_free(script);
}

// A script's error tells nothing of what it did before, and a NOSCRIPT of its own does not run it again.
static void failing(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_script *script = script_of(
      "redis.call('INCR', KEYS[1]); return redis.error_reply('NOSCRIPT No matching script. Please use EVAL.')");
  check_do(client, ARGS("DEL", "c:script:once"));
  CHECK_FAILS(rredis_script_run(script, client, 1, ARGS("c:script:once"), &reply, &err), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_UNKNOWN);
  CHECK_SAYS(err, "NOSCRIPT ");
  check_value(client, "c:script:once", "1", 1);
  rredis_script_free(script);
}

static void in_a_pipeline(const rredis_client *client) {
  rredis_error err;
  rredis_pipeline *pipeline = NULL;
  rredis_reply *replies = NULL;
  rredis_script *script = script_of(COUNT);
  check_do(client, ARGS("DEL", "c:script:n"));
  CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
  for (int mode = 0; mode < 2; mode++) {
    check_do(client, ARGS("SCRIPT", "FLUSH"));
    CHECK_OK(rredis_script_add(script, pipeline, 1, ARGS("c:script:n", "1"), &err), err);
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("ECHO", "between"), &err), err);
    CHECK_OK(rredis_script_add_with(script, pipeline, 1, ARGS("c:script:n", "1"), RREDIS_CALL_RAW, NULL, &err), err);
    CHECK_FAILS(rredis_script_add(script, pipeline, 1, 0, NULL, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
    CHECK(rredis_pipeline_len(pipeline) == 3);
    CHECK_OK(rredis_pipeline_run(pipeline, (rredis_pipeline_mode)mode, &replies, &err), err);
    CHECK(replies->len == 3 && rredis_pipeline_failed(pipeline) == -1);
    CHECK(check_is_integer(&replies->elements[0], 2 * mode + 1) && check_is_integer(&replies->elements[2], 2 * mode + 2));
    CHECK(check_is(&replies->elements[1], RREDIS_REPLY_STRING, "between"));
    rredis_reply_free(replies);
  }
  rredis_script_free(script);
  rredis_pipeline_free(pipeline);
}

struct shared {
  const rredis_script *script;
  const rredis_client *client;
  int ran;
};

static void *run_often(void *data) {
  struct shared *shared = data;
  for (int i = 0; i < 100; i++) {
    rredis_error err;
    rredis_reply *reply = NULL;
    if (rredis_script_run(shared->script, shared->client, 1, ARGS("c:script:shared", "1"), &reply, &err) == RREDIS_OK) {
      __sync_fetch_and_add(&shared->ran, 1);
      rredis_reply_free(reply);
    } else {
      // It was flushed, and another thread has loaded it again meanwhile.
      CHECK(err.status == RREDIS_ERR_SERVER && err.outcome == RREDIS_OUTCOME_UNKNOWN);
      CHECK_SAYS(err, "NOSCRIPT ");
    }
    if (i % 10 == 0) check_do(shared->client, ARGS("SCRIPT", "FLUSH"));
  }
  return NULL;
}

static void eight_threads(const rredis_client *client) {
  rredis_script *script = script_of(COUNT);
  struct shared shared = {script, client, 0};
  pthread_t threads[8];
  check_do(client, ARGS("DEL", "c:script:shared"));
  for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, run_often, &shared) == 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  char ran[16];
  snprintf(ran, sizeof ran, "%d", shared.ran);
  check_value(client, "c:script:shared", ran, strlen(ran));
  CHECK(shared.ran > 100);
  rredis_script_free(script);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_client *client = check_client(check_options_tcp());
  by_digest(client);
  without_arguments(client);
  failing(client);
  in_a_pipeline(client);
  eight_threads(client);
  rredis_client_free(client);
  CHECK(rredis_script_sha(NULL) == NULL);
  rredis_script_free(NULL);
  return 0;
}
