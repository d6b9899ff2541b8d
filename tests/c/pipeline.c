// Pipelines and transactions: what is queued, what is watched, and what comes of a run.
#include "check.h"

static rredis_pipeline *new_pipeline(const rredis_client *client) {
  rredis_error err;
  rredis_pipeline *pipeline = NULL;
  CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
  CHECK(pipeline != NULL && rredis_pipeline_len(pipeline) == 0 && rredis_pipeline_failed(pipeline) == -1);
  return pipeline;
}

static void add(rredis_pipeline *pipeline, size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_error err;
  CHECK_OK(rredis_pipeline_add(pipeline, argc, argv, argv_len, &err), err);
}

static rredis_reply *run(rredis_pipeline *pipeline, rredis_pipeline_mode mode, size_t len) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_pipeline_run(pipeline, mode, &reply, &err), err);
  CHECK(reply != NULL && reply->kind == RREDIS_REPLY_ARRAY && reply->len == len);
  return reply;
}

// A thousand commands, one round trip, and an error among them.
static void plain(const rredis_client *client) {
  check_do(client, ARGS("DEL", "c:pipe:n"));
  rredis_pipeline *pipeline = new_pipeline(client);
  for (int i = 0; i < 1000; i++) {
    add(pipeline, ARGS("INCR", "c:pipe:n"));
    if (i == 500) add(pipeline, ARGS("LPUSH", "c:pipe:n", "x"));
  }
  CHECK(rredis_pipeline_len(pipeline) == 1001);
  rredis_reply *reply = run(pipeline, RREDIS_PIPELINE_PLAIN, 1001);
  CHECK(check_is_integer(&reply->elements[0], 1) && check_is_integer(&reply->elements[1000], 1000));
  CHECK(reply->elements[501].kind == RREDIS_REPLY_ERROR && strncmp(reply->elements[501].str, "WRONGTYPE", 9) == 0);
  CHECK(rredis_pipeline_failed(pipeline) == 501 && rredis_pipeline_len(pipeline) == 0);
  rredis_reply_free(reply);
  rredis_reply_free(run(pipeline, RREDIS_PIPELINE_PLAIN, 0));
  rredis_pipeline_free(pipeline);
}

static void refused(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_pipeline *pipeline = new_pipeline(client);
  add(pipeline, ARGS("PING"));
  CHECK_FAILS(rredis_pipeline_add(pipeline, ARGS("MULTI"), &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "RREDIS_PIPELINE_ATOMIC");
  CHECK_FAILS(rredis_pipeline_add(pipeline, ARGS("WATCH", "k"), &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "rredis_pipeline_watch");
  static const uint32_t of_a_run[] = {RREDIS_CALL_TIMEOUT, RREDIS_CALL_ALONE, RREDIS_CALL_NO_RETRY};
  for (size_t i = 0; i < sizeof of_a_run / sizeof *of_a_run; i++) {
    CHECK_FAILS(rredis_pipeline_add_with(pipeline, ARGS("PING"), of_a_run[i], NULL, &err), err, RREDIS_ERR_ARGUMENT,
        RREDIS_OUTCOME_NOT_SENT);
  }
  // A time without its flag would not count: it is refused, and what is queued stays.
  CHECK_FAILS(rredis_pipeline_run_with(pipeline, RREDIS_PIPELINE_PLAIN, RREDIS_CALL_RAW, 300, &reply, &err), err,
      RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "timeout_ms is 300");
  CHECK_SAYS(err, "RREDIS_CALL_TIMEOUT");
  CHECK_FAILS(rredis_pipeline_run(pipeline, (rredis_pipeline_mode)7, &reply, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(reply == NULL && rredis_pipeline_len(pipeline) == 1);
  rredis_pipeline_clear(pipeline);
  CHECK(rredis_pipeline_len(pipeline) == 0);
  rredis_pipeline_free(pipeline);
  rredis_pipeline_free(NULL);
}

// Watch, read, queue, run; and a conflict.
static void watching(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  check_do(client, ARGS("SET", "c:pipe:w", "5"));
  rredis_pipeline *pipeline = new_pipeline(client);
  for (int conflict = 0; conflict < 2; conflict++) {
    CHECK_OK(rredis_pipeline_watch(pipeline, ARGS("c:pipe:w"), &err), err);
    CHECK_OK(rredis_pipeline_command(pipeline, ARGS("GET", "c:pipe:w"), &reply, &err), err);
    CHECK(check_is(reply, RREDIS_REPLY_STRING, conflict ? "6" : "5"));
    rredis_reply_free(reply);
    if (conflict) check_do(client, ARGS("SET", "c:pipe:w", "other"));
    add(pipeline, ARGS("INCR", "c:pipe:w"));
    reply = NULL;
    if (conflict) {
      CHECK_FAILS(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_ATOMIC, &reply, &err), err, RREDIS_ERR_WATCH, RREDIS_OUTCOME_REFUSED);
      CHECK(reply == NULL);
    } else {
      reply = run(pipeline, RREDIS_PIPELINE_ATOMIC, 1);
      CHECK(check_is_integer(&reply->elements[0], 6));
      rredis_reply_free(reply);
    }
  }
  check_value(client, "c:pipe:w", "other", 5);
  rredis_pipeline_free(pipeline);
}

static void aborted(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_pipeline *pipeline = new_pipeline(client);
  add(pipeline, ARGS("SET", "c:pipe:w", "never"));
  add(pipeline, ARGS("NO.SUCH.COMMAND"));
  CHECK_FAILS(rredis_pipeline_run_with(pipeline, RREDIS_PIPELINE_ATOMIC, 0, 0, &reply, &err), err, RREDIS_ERR_ABORTED,
      RREDIS_OUTCOME_REFUSED);
  CHECK_SAYS(err, "unknown command");
  CHECK(rredis_pipeline_failed(pipeline) == 1 && reply == NULL);
  check_value(client, "c:pipe:w", "other", 5);
  rredis_pipeline_free(pipeline);
}

struct seen {
  size_t count;
  int64_t sum;
  rredis_pipeline *pipeline;
};

static rredis_status see(void *user_data, size_t index, const rredis_reply *reply, rredis_error *err) {
  struct seen *seen = user_data;
  CHECK(index == seen->count++ && reply->kind == RREDIS_REPLY_INTEGER);
  seen->sum += reply->integer;
  CHECK(err->message[0] == 0);
  rredis_error other;
  CHECK_FAILS(rredis_pipeline_add(seen->pipeline, ARGS("PING"), &other), other, RREDIS_ERR_STATE, RREDIS_OUTCOME_NOT_SENT);
  if (index < 99) return RREDIS_OK;
  strcpy(err->message, "a hundred are enough");
  return RREDIS_ERR_CALLBACK;
}

// Each reply is shown as it comes, until the function has seen enough.
static void one_by_one(const rredis_client *client) {
  rredis_error err;
  for (int count = 99; count < 102; count += 2) {
    check_do(client, ARGS("DEL", "c:pipe:n"));
    struct seen seen = {0, 0, new_pipeline(client)};
    for (int i = 0; i < count; i++) add(seen.pipeline, ARGS("INCR", "c:pipe:n"));
    rredis_status status = rredis_pipeline_run_each(seen.pipeline, 0, 0, see, &seen, &err);
    if (count == 99) {
      CHECK_OK(status, err);
      CHECK(seen.sum == 99 * 100 / 2);
    } else {
      CHECK_FAILS(status, err, RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_UNKNOWN);
      CHECK_SAYS(err, "a hundred are enough");
      CHECK(seen.count == 100);
    }
    rredis_pipeline_free(seen.pipeline);
  }
}

struct tried {
  const rredis_client *client;
  int count;
};

// Somebody else is faster, twice.
static rredis_status try_it(void *user_data, rredis_pipeline *pipeline, rredis_error *err) {
  struct tried *tried = user_data;
  rredis_error own;
  rredis_reply *reply = NULL;
  UNUSED(err);
  CHECK_OK(rredis_pipeline_command(pipeline, ARGS("GET", "c:pipe:t"), &reply, &own), own);
  char next[32];
  snprintf(next, sizeof next, "%s+", reply->str);
  rredis_reply_free(reply);
  if (tried->count++ < 2) check_do(tried->client, ARGS("APPEND", "c:pipe:t", "x"));
  add(pipeline, ARGS("SET", "c:pipe:t", next));
  CHECK_FAILS(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_ATOMIC, &reply, &own), own, RREDIS_ERR_STATE, RREDIS_OUTCOME_NOT_SENT);
  return RREDIS_OK;
}

static void until_it_goes_through(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  struct tried tried = {client, 0};
  check_do(client, ARGS("SET", "c:pipe:t", "0"));
  rredis_pipeline *pipeline = new_pipeline(client);
  CHECK_OK(rredis_pipeline_transact(pipeline, ARGS("c:pipe:t"), try_it, &tried, 20000, &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 1 && tried.count == 3);
  rredis_reply_free(reply);
  check_value(client, "c:pipe:t", "0xx+", 4);
  rredis_pipeline_free(pipeline);
}

static void all_of_it(rredis_options *options, int protocol) {
  check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
  rredis_client *client = check_client(options);
  plain(client);
  refused(client);
  watching(client);
  aborted(client);
  one_by_one(client);
  until_it_goes_through(client);
  CHECK(rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  all_of_it(check_options_tcp(), 2);
  all_of_it(check_options_tcp(), 3);
  all_of_it(check_options_unix(), 3);
  return 0;
}
