// Replies that nobody wants: out_reply is NULL. The command runs, its error is told, its callback is called, and nothing is
// left behind.
#include "check.h"

typedef struct { int calls, refuses; int64_t last; } counter;

static rredis_status count_it(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(argc); UNUSED(argv); UNUSED(argv_len);
  counter *count = user_data;
  count->calls++;
  count->last = reply->integer;
  if (call_data) *(int64_t *)call_data = reply->integer;
  if (count->refuses) {
    strcpy(err->message, "not that one");
    return RREDIS_ERR_CALLBACK;
  }
  // A reply of the callback's own is freed too.
  return rredis_reply_clone(reply, out_reply, err);
}

static void on_a_client(const rredis_client *client, counter *count) {
  rredis_error err;
  int64_t seen = 0;
  check_do(client, ARGS("DEL", "c:unwanted"));
  CHECK_OK(rredis_client_command(client, ARGS("INCR", "c:unwanted"), NULL, &err), err);
  CHECK(count->calls == 1 && count->last == 1);
  CHECK_OK(rredis_client_command_with(client, ARGS("INCR", "c:unwanted"), 0, 0, &seen, NULL, &err), err);
  CHECK(count->calls == 2 && count->last == 2 && seen == 2);
  CHECK_OK(rredis_client_command_with(client, ARGS("INCR", "c:unwanted"), RREDIS_CALL_RAW, 0, NULL, NULL, &err), err);
  CHECK(count->calls == 2);
  // Nothing of it needs an err either.
  CHECK(rredis_client_command(client, ARGS("INCR", "c:unwanted"), NULL, NULL) == RREDIS_OK && count->last == 4);
  CHECK_FAILS(rredis_client_command(client, ARGS("LPUSH", "c:unwanted", "x"), NULL, &err), err, RREDIS_ERR_SERVER,
      RREDIS_OUTCOME_REFUSED);
  CHECK_SAYS(err, "WRONGTYPE");
  count->refuses = 1;
  CHECK_FAILS(rredis_client_command(client, ARGS("INCR", "c:unwanted"), NULL, &err), err, RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_RAN);
  CHECK_SAYS(err, "not that one");
  count->refuses = 0;
  CHECK_FAILS(rredis_client_command_with(client, ARGS("INCR", "c:unwanted"), RREDIS_CALL_ERROR_REPLY, 0, NULL, NULL, &err), err,
      RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "out_reply");
  check_value(client, "c:unwanted", "5", 1);
}

static void on_a_conn(const rredis_client *client, counter *count) {
  rredis_error err;
  rredis_conn *conn = NULL;
  rredis_reply *reply = NULL;
  int before = count->calls;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("SET", "c:unwanted", "10"), NULL, &err), err);
  CHECK_OK(rredis_conn_command_with(conn, ARGS("INCR", "c:unwanted"), 0, 0, NULL, NULL, &err), err);
  CHECK(count->calls == before + 1 && count->last == 11);
  CHECK_FAILS(rredis_conn_command(conn, ARGS("LPUSH", "c:unwanted", "x"), NULL, &err), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_REFUSED);
  CHECK_FAILS(rredis_conn_command_with(conn, ARGS("INCR", "c:unwanted"), RREDIS_CALL_ERROR_REPLY, 0, NULL, NULL, &err), err,
      RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  // One that is due none.
  CHECK_OK(rredis_conn_command(conn, ARGS("CLIENT", "REPLY", "SKIP"), NULL, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("INCR", "c:unwanted"), NULL, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("GET", "c:unwanted"), &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "12"));
  rredis_reply_free(reply);
  // What is received is asked for: that is a reply in any case.
  CHECK_OK(rredis_conn_send(conn, ARGS("PING"), &err), err);
  CHECK_FAILS(rredis_conn_receive(conn, -1, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_OK(rredis_conn_receive(conn, -1, &reply, &err), err);
  rredis_reply_free(reply);
  rredis_conn_free(conn);
}

static rredis_status increment(void *user_data, rredis_pipeline *pipeline, rredis_error *err) {
  UNUSED(user_data);
  rredis_status status = rredis_pipeline_command(pipeline, ARGS("GET", "c:unwanted"), NULL, err);
  return status == RREDIS_OK ? rredis_pipeline_add(pipeline, ARGS("INCR", "c:unwanted"), err) : status;
}

static void in_a_pipeline(const rredis_client *client, counter *count) {
  rredis_error err;
  rredis_pipeline *pipeline = NULL;
  int before = count->calls;
  CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
  for (int mode = RREDIS_PIPELINE_PLAIN; mode <= RREDIS_PIPELINE_ATOMIC; mode++) {
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("SET", "c:unwanted", "20"), &err), err);
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("LPUSH", "c:unwanted", "x"), &err), err);
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("INCR", "c:unwanted"), &err), err);
    CHECK_OK(rredis_pipeline_run(pipeline, (rredis_pipeline_mode)mode, NULL, &err), err);
    CHECK(rredis_pipeline_failed(pipeline) == 1 && rredis_pipeline_len(pipeline) == 0);
    CHECK(count->calls == ++before && count->last == 21);
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("INCR", "c:unwanted"), &err), err);
    CHECK_OK(rredis_pipeline_run_with(pipeline, (rredis_pipeline_mode)mode, 0, 0, NULL, &err), err);
    CHECK(rredis_pipeline_failed(pipeline) == -1 && count->calls == ++before && count->last == 22);
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("INCR", "c:unwanted"), &err), err);
    CHECK_FAILS(rredis_pipeline_run_with(pipeline, (rredis_pipeline_mode)mode, RREDIS_CALL_ERROR_REPLY, 0, NULL, &err), err,
        RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
    CHECK(rredis_pipeline_len(pipeline) == 1);   // what is refused does nothing
    rredis_pipeline_clear(pipeline);
  }
  CHECK_OK(rredis_pipeline_transact(pipeline, ARGS("c:unwanted"), increment, NULL, -1, NULL, &err), err);
  CHECK(count->calls == ++before && count->last == 23);
  rredis_pipeline_free(pipeline);
}

static void in_a_script(const rredis_client *client) {
  rredis_error err;
  rredis_script *script = NULL;
  CHECK_OK(rredis_script_new("return redis.call('INCRBY', KEYS[1], ARGV[1])", 45, &script, &err), err);
  CHECK_OK(rredis_script_run(script, client, 1, ARGS("c:unwanted", "7"), NULL, &err), err);
  CHECK_OK(rredis_script_run_with(script, client, 1, ARGS("c:unwanted", "7"), 0, 0, NULL, NULL, &err), err);
  check_value(client, "c:unwanted", "37", 2);
  CHECK(rredis_script_run(script, client, 1, ARGS("c:unwanted", "none"), NULL, &err) == RREDIS_ERR_SERVER);
  CHECK_FAILS(rredis_script_run_with(script, client, 1, ARGS("c:unwanted", "7"), RREDIS_CALL_ERROR_REPLY, 0, NULL, NULL, &err), err,
      RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  check_value(client, "c:unwanted", "37", 2);
  rredis_script_free(script);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_error err;
  rredis_client *client = check_client(check_options_tcp());
  counter count = {0, 0, 0};
  CHECK_OK(rredis_client_set_callback(client, "INCR", 4, count_it, &count, NULL, &err), err);
  on_a_client(client, &count);
  on_a_conn(client, &count);
  in_a_pipeline(client, &count);
  in_a_script(client);
  rredis_client_free(client);
  return 0;
}
