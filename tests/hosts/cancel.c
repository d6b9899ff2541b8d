// A thread that is cancelled ends at its next cancellation point behind the call that it is in, never within: every handle, of
// clients of every make, cancelled before the call and at any moment of it. The process lives, and all pools stay whole.
#include "handles.h"

typedef struct {
  const rredis_client *client;
  int kind, number, calls;
} job;

// Whether this thread can be cancelled now.
static int cancellable(void) {
  int state, held;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  pthread_setcancelstate(state, &held);
  return state == PTHREAD_CANCEL_ENABLE;
}

// Ask for the end of the calling thread, which comes at its next cancellation point.
static void cancel_self(void) {
  int state;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  CHECK(pthread_cancel(pthread_self()) == 0);
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
}

// Waiting calls, which a cancellation is the likeliest to meet.
static void wait_in(int number, const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_conn *conn = NULL;
  rredis_pubsub *pubsub = NULL;
  rredis_pipeline *pipeline = NULL;
  switch (number % 4) {
    case 0:
      CHECK_OK(rredis_client_command(client, ARGS("BLPOP", "cancel:never", "0.01"), &reply, &err), err);
      break;
    case 1:
      CHECK_OK(rredis_conn_new(client, &conn, &err), err);
      CHECK_OK(rredis_conn_send(conn, ARGS("BLPOP", "cancel:never", "0.01"), &err), err);
      CHECK_OK(rredis_conn_receive(conn, -1, &reply, &err), err);
      rredis_conn_free(conn);
      break;
    case 2:
      CHECK_OK(rredis_pubsub_new(client, &pubsub, &err), err);
      CHECK_OK(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("cancel:never"), &err), err);
      CHECK(rredis_pubsub_next(pubsub, 10, &reply, &err) == RREDIS_ERR_AGAIN);
      rredis_pubsub_free(pubsub);
      break;
    default:
      CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
      CHECK_OK(rredis_pipeline_add(pipeline, ARGS("BLPOP", "cancel:never", "0.01"), &err), err);
      CHECK_OK(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_PLAIN, &reply, &err), err);
      rredis_pipeline_free(pipeline);
      break;
  }
  rredis_reply_free(reply);
}

static void *cancelled_before(void *data) {
  job *mine = data;
  cancel_self();
  CHECK(cancellable());
  use(mine->number, mine->client, mine->kind);
  wait_in(mine->number, mine->client);
  CHECK(cancellable());
  mine->calls = 1;
  pthread_testcancel();
  abort();   // not to be reached
  return NULL;
}

static void *cancelled_at_any_moment(void *data) {
  job *mine = data;
  while (mine->client) {
    if (mine->calls++ % 2) use(mine->number, mine->client, mine->kind);
    else wait_in(mine->number, mine->client);
    pthread_testcancel();
  }
  return NULL;
}

// One that does not want to be cancelled stays so.
static void *uncancellable(void *data) {
  job *mine = data;
  int state;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  use(mine->number, mine->client, mine->kind);
  CHECK(!cancellable());
  return mine;
}

// Functions of the program's, each with a cancellation point: within a call it is passed by.
static int passed;

static rredis_status point_callback(void *user_data, void *call_data, size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(user_data); UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(reply); UNUSED(out_reply); UNUSED(err);
  pthread_testcancel();
  passed++;
  return RREDIS_OK;
}

static void point_free(void *user_data) {
  UNUSED(user_data);
  pthread_testcancel();
  passed++;
}

static rredis_status point_start(void *user_data, void **out_state, rredis_error *err) {
  pthread_testcancel();
  passed++;
  return handles_start(user_data, out_state, err);
}

static rredis_status point_feed(void *state, const char *bytes, size_t bytes_len, rredis_error *err) {
  pthread_testcancel();
  passed++;
  return handles_feed(state, bytes, bytes_len, err);
}

static rredis_status point_next(void *state, rredis_builder *builder, rredis_error *err) {
  pthread_testcancel();
  passed++;
  return handles_next(state, builder, err);
}

static void point_stop(void *state) {
  pthread_testcancel();
  passed++;
  handles_stop(state);
}

static void *functions(void *data) {
  rredis_error err;
  const job *mine = data;
  cancel_self();
  CHECK_OK(rredis_client_set_callback(mine->client, "ECHO", 4, point_callback, NULL, point_free, &err), err);
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command(mine->client, ARGS("ECHO", "x"), &reply, &err), err);
  rredis_reply_free(reply);
  CHECK(passed == 1);
  use_async(mine->client);
  CHECK(passed == 2);
  CHECK_OK(rredis_client_set_callback(mine->client, "ECHO", 4, NULL, NULL, NULL, &err), err);
  CHECK(passed == 3);
  // A parser of the program's own, without a client: no system call is made, and its functions are called all the same.
  rredis_options *options = rredis_options_new();
  rredis_parser_type type = {sizeof type, NULL, NULL, point_start, point_feed, point_next, point_stop, point_free};
  rredis_parser *parser = NULL;
  CHECK_OK(rredis_options_set_parser(options, &type, &err), err);
  CHECK_OK(rredis_parser_new(options, &parser, &err), err);
  rredis_options_free(options);
  CHECK_OK(rredis_parser_feed(parser, "+OK\r\n", 5, &err), err);
  CHECK_OK(rredis_parser_next(parser, &reply, &err), err);
  rredis_reply_free(reply);
  rredis_parser_free(parser);
  CHECK(passed == 8);
  options = rredis_options_new();
  CHECK_OK(rredis_options_set_callback(options, "ECHO", 4, point_callback, NULL, point_free, &err), err);
  rredis_options_free(options);
  CHECK(passed == 9);
  pthread_testcancel();
  return NULL;
}

static void cancelled(void *(*work)(void *), job *mine, int64_t after_us) {
  pthread_t thread;
  void *result = NULL;
  CHECK(pthread_create(&thread, NULL, work, mine) == 0);
  if (after_us >= 0) {
    usleep((useconds_t)after_us);
    CHECK(pthread_cancel(thread) == 0);
  }
  CHECK(pthread_join(thread, &result) == 0);
  CHECK(result == PTHREAD_CANCELED);
  CHECK(rredis_client_stat(mine->client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  unsigned dice = 4711;
  for (int kind = 0; kind < KINDS; kind++) {
    rredis_client *client = check_client(handles_options(kind));
    for (int number = 0; number < USES; number++) {
      job mine = {client, kind, number, 0};
      cancelled(cancelled_before, &mine, -1);
      CHECK(mine.calls == 1);
      for (int round = 0; round < 3; round++) {
        mine.calls = round;
        dice = dice * 1103515245 + 12345;
        cancelled(cancelled_at_any_moment, &mine, dice / 65536 % 12000);
      }
      pthread_t thread;
      void *result = NULL;
      CHECK(pthread_create(&thread, NULL, uncancellable, &mine) == 0);
      CHECK(pthread_join(thread, &result) == 0 && result == &mine);
    }
    passed = 0;
    job mine = {client, kind, 0, 0};
    cancelled(functions, &mine, -1);
    rredis_client_free(client);
  }
  return 0;
}
