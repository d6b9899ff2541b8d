// One connection driven by a poll loop: many commands at once, errors, pushes, timeouts, and a server that is not there.
#include "calls.h"

// Once round the loop: sleep until there is something to do. The descriptor tells of the time, too.
static void turn(rredis_async *async) {
  rredis_error err;
  struct pollfd watched = {rredis_async_fd(async), POLLIN, 0};
  CHECK(watched.fd >= 0 && rredis_async_wants(async) == RREDIS_READY_READ && rredis_async_deadline_ms(async) >= -1);
  CHECK(check_poll(&watched, 1, -1) == 1);
  CHECK_OK(rredis_async_step(async, RREDIS_READY_READ, &err), err);
}

// The next completion, whatever its status.
static rredis_status next(rredis_async *async, rredis_reply **reply, void **call_data, rredis_error *err) {
  rredis_status status;
  while ((status = rredis_async_next(async, reply, call_data, err)) == RREDIS_ERR_AGAIN) turn(async);
  return status;
}

static rredis_async *new_async(rredis_options *options) {
  rredis_error err;
  rredis_client *client = check_client(options);
  rredis_async *async = NULL;
  CHECK_OK(rredis_async_new(client, &async, &err), err);
  rredis_client_free(client);   // what was made from it goes on working
  return async;
}

static void submit(rredis_async *async, size_t argc, const char *const *argv, const size_t *argv_len, void *call_data) {
  rredis_error err;
  CHECK_OK(rredis_async_submit(async, argc, argv, argv_len, RREDIS_CALL_DEFAULT, 0, call_data, &err), err);
}

static void many_at_once(rredis_options *options) {
  enum { MANY = 3000 };
  static int marks[MANY];
  rredis_error err;
  rredis_async *async = new_async(options);
  int fd = rredis_async_fd(async);
  for (int i = 0; i < MANY; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    submit(async, ARGS("ECHO", number), &marks[i]);
  }
  for (int i = 0; i < MANY; i++) {
    rredis_reply *reply = NULL;
    void *call_data = NULL;
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    CHECK_OK(next(async, &reply, &call_data, &err), err);
    CHECK(call_data == &marks[i] && check_is(reply, RREDIS_REPLY_STRING, number));
    rredis_reply_free(reply);
  }
  CHECK(rredis_async_fd(async) == fd);
  // With all of it taken, the descriptor is quiet and the loop may sleep.
  rredis_reply *reply = NULL;
  void *call_data = &err;
  CHECK(rredis_async_next(async, &reply, &call_data, NULL) == RREDIS_ERR_AGAIN && !reply && call_data == &err);
  struct pollfd watched = {fd, POLLIN, 0};
  CHECK(check_poll(&watched, 1, 0) == 0);
  CHECK(rredis_async_deadline_ms(async) == -1);
  // What is under way when it is freed never completes.
  submit(async, ARGS("PING"), NULL);
  rredis_async_free(async);
}

static void what_fails(rredis_options *options) {
  rredis_error err;
  int one, two;
  rredis_async *async = new_async(options);
  rredis_reply *reply = NULL;
  void *call_data = NULL;
  submit(async, ARGS("SET", "text", "x"), NULL);
  submit(async, ARGS("INCR", "text"), &one);
  CHECK_OK(rredis_async_submit(async, ARGS("INCR", "text"), RREDIS_CALL_ERROR_REPLY, 0, &two, &err), err);
  CHECK_OK(next(async, &reply, &call_data, &err), err);
  CHECK(call_data == NULL);
  rredis_reply_free(reply);
  reply = NULL;
  CHECK_FAILS(next(async, &reply, &call_data, &err), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_REFUSED);
  CHECK(call_data == &one && reply == NULL && err.attempts == 1);   // which command it was is told all the same
  CHECK_OK(next(async, &reply, &call_data, &err), err);
  CHECK(call_data == &two && reply->kind == RREDIS_REPLY_ERROR);
  rredis_reply_free(reply);

  // Refused at once, and never sent.
  static const char *const refused[] = {"SELECT", "MULTI", "WATCH", "MONITOR", "RESET", "QUIT", "AUTH", "HELLO"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    CHECK_FAILS(rredis_async_submit(async, 1, &refused[i], NULL, 0, 0, NULL, &err), err, RREDIS_ERR_ARGUMENT,
        RREDIS_OUTCOME_NOT_SENT);
    CHECK_SAYS(err, refused[i]);
    CHECK(strcmp(refused[i], "SELECT") != 0 || strstr(err.message, "the option database") != NULL);
  }
  CHECK_FAILS(rredis_async_submit(async, ARGS("PING"), 1 << 20, 0, NULL, &err), err, RREDIS_ERR_ARGUMENT,
      RREDIS_OUTCOME_NOT_SENT);
  CHECK(rredis_async_step(async, 64, &err) == RREDIS_ERR_ARGUMENT);
  rredis_async_free(async);

  CHECK(rredis_async_fd(NULL) == -1 && rredis_async_wants(NULL) == 0 && rredis_async_deadline_ms(NULL) == -1);
  rredis_async_free(NULL);
}

// A command whose time is up disturbs no other; its late reply is nobody's.
static void one_is_late(rredis_options *options) {
  rredis_error err;
  int late, other;
  rredis_async *async = new_async(options);
  rredis_client *client = check_client(check_options_tcp());
  rredis_reply *reply = NULL;
  void *call_data = NULL;
  check_do(client, ARGS("DEL", "list"));
  CHECK_OK(rredis_async_submit(async, ARGS("BLPOP", "list", "0"), RREDIS_CALL_TIMEOUT, 50, &late, &err), err);
  submit(async, ARGS("ECHO", "later"), &other);
  CHECK_FAILS(next(async, &reply, &call_data, &err), err, RREDIS_ERR_TIMEOUT, RREDIS_OUTCOME_UNKNOWN);
  CHECK(call_data == &late);
  CHECK_SAYS(err, "BLPOP");
  check_do(client, ARGS("RPUSH", "list", "lost"));
  CHECK_OK(next(async, &reply, &call_data, &err), err);
  CHECK(call_data == &other && check_is(reply, RREDIS_REPLY_STRING, "later"));
  rredis_reply_free(reply);
  rredis_client_free(client);
  rredis_async_free(async);
}

static void subscribed(rredis_options *options) {
  rredis_error err;
  int sub, get;
  rredis_async *async = new_async(options);
  rredis_client *client = check_client(check_options_tcp());
  rredis_reply *reply = NULL;
  void *call_data = &err;
  submit(async, ARGS("SUBSCRIBE", "news"), &sub);
  CHECK_OK(next(async, &reply, &call_data, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_PUSH && call_data == NULL);
  CHECK(check_is(&reply->elements[0], RREDIS_REPLY_STRING, "subscribe"));
  rredis_reply_free(reply);
  CHECK_OK(next(async, &reply, &call_data, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_NULL && call_data == &sub);
  rredis_reply_free(reply);
  check_do(client, ARGS("PUBLISH", "news", "hello"));
  submit(async, ARGS("ECHO", "beside"), &get);
  int pushes = 0, replies = 0;
  while (pushes + replies < 2) {
    CHECK_OK(next(async, &reply, &call_data, &err), err);
    if (call_data == &get) {
      CHECK(check_is(reply, RREDIS_REPLY_STRING, "beside"));
      replies++;
    } else {
      CHECK(reply->kind == RREDIS_REPLY_PUSH && check_is(&reply->elements[2], RREDIS_REPLY_STRING, "hello"));
      pushes++;
    }
    rredis_reply_free(reply);
  }
  rredis_client_free(client);
  rredis_async_free(async);
}

// In RESP2 nothing goes beside subscriptions, until the last has ended.
static void messages_in_resp2(rredis_options *options) {
  rredis_error err;
  rredis_reply *reply;
  void *call_data;
  int mark, end;
  check_set_int(options, RREDIS_OPTION_PROTOCOL, 2);
  rredis_async *async = new_async(options);
  submit(async, ARGS("SUBSCRIBE", "news"), &mark);
  CHECK_FAILS(rredis_async_submit(async, ARGS("GET", "key"), 0, 0, NULL, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "rredis_pubsub");
  submit(async, ARGS("UNSUBSCRIBE", "news"), &end);
  for (int pushes = 0, ended = 0; pushes + ended < 4;) {
    CHECK_OK(next(async, &reply, &call_data, &err), err);
    if (call_data == NULL) CHECK(reply->kind == RREDIS_REPLY_PUSH && check_is(&reply->elements[1], RREDIS_REPLY_STRING, "news"));
    else CHECK(reply->kind == RREDIS_REPLY_NULL && (call_data == &mark || call_data == &end));
    if (call_data == NULL) pushes++;
    else ended++;
    rredis_reply_free(reply);
  }
  submit(async, ARGS("ECHO", "beside"), &mark);
  CHECK_OK(next(async, &reply, &call_data, &err), err);
  CHECK(call_data == &mark && check_is(reply, RREDIS_REPLY_STRING, "beside"));
  rredis_reply_free(reply);
  rredis_async_free(async);
}

static void bounded(void) {
  rredis_error err;
  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_INFLIGHT_MAX, 2);
  rredis_async *async = new_async(options);
  submit(async, ARGS("PING"), NULL);
  submit(async, ARGS("PING"), NULL);
  CHECK_FAILS(rredis_async_submit(async, ARGS("PING"), 0, 0, NULL, &err), err, RREDIS_ERR_BUSY, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "inflight_max");
  rredis_async_free(async);
}

// Nobody listens: the command waits for a connection as long as it may, and says what kept it.
static void nobody_there(void) {
  rredis_error err;
  int mark;
  rredis_options *options = rredis_options_new();
  check_set_int(options, RREDIS_OPTION_PORT, 1);
  rredis_async *async = new_async(options);
  rredis_reply *reply = NULL;
  void *call_data = NULL;
  CHECK_OK(rredis_async_submit(async, ARGS("PING"), RREDIS_CALL_TIMEOUT, 60, &mark, &err), err);
  CHECK_FAILS(next(async, &reply, &call_data, &err), err, RREDIS_ERR_TIMEOUT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(call_data == &mark);
  CHECK_SAYS(err, "refused");
  CHECK_OK(rredis_async_submit(async, ARGS("PING"), RREDIS_CALL_NO_RETRY, 0, &mark, &err), err);
  CHECK_FAILS(next(async, &reply, &call_data, &err), err, RREDIS_ERR_CONNECT, RREDIS_OUTCOME_NOT_SENT);
  rredis_async_free(async);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  many_at_once(check_options_tcp());
  many_at_once(check_options_unix());
  what_fails(check_options_tcp());
  what_fails(check_options_unix());
  one_is_late(check_options_tcp());
  subscribed(check_options_tcp());
  subscribed(check_options_unix());
  messages_in_resp2(check_options_tcp());
  bounded();
  nobody_there();
  return 0;
}
