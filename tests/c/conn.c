// A connection of one's own: what a pool cannot do, and what becomes of it afterwards.
#include "calls.h"

static rredis_conn *new_conn(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  return conn;
}

static rredis_reply *ask(rredis_conn *conn, size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_error err;
  rredis_reply *reply = (rredis_reply *)&err;
  CHECK_OK(rredis_conn_command_with(conn, argc, argv, argv_len, RREDIS_CALL_RAW, 0, NULL, &reply, &err), err);
  return reply;
}

static void done(rredis_conn *conn, size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_reply *reply = ask(conn, argc, argv, argv_len);
  CHECK(reply != NULL);
  rredis_reply_free(reply);
}

static rredis_reply *receive(rredis_conn *conn) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_conn_receive(conn, 5000, &reply, &err), err);
  CHECK(reply != NULL);
  return reply;
}

// A command that is due no reply.
static void no_reply(rredis_conn *conn, size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_reply *reply = ask(conn, argc, argv, argv_len);
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);
}

// The database is the connection's, and the pool never sees it.
static void select_stays_here(const rredis_client *client) {
  check_do(client, ARGS("SET", "c:conn:db", "zero"));
  rredis_conn *conn = new_conn(client);
  done(conn, ARGS("SELECT", "7"));
  done(conn, ARGS("SET", "c:conn:db", "seven"));
  rredis_reply *reply = ask(conn, ARGS("GET", "c:conn:db"));
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "seven"));
  rredis_reply_free(reply);
  rredis_conn_free(conn);
  for (int i = 0; i < 3; i++) check_value(client, "c:conn:db", "zero", 4);
}

static void transactions(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = new_conn(client);
  done(conn, ARGS("WATCH", "c:conn:n"));
  done(conn, ARGS("MULTI"));
  rredis_reply *reply = ask(conn, ARGS("SET", "c:conn:n", "1"));
  CHECK(check_is(reply, RREDIS_REPLY_STATUS, "QUEUED"));
  rredis_reply_free(reply);
  done(conn, ARGS("INCR", "c:conn:n"));
  reply = ask(conn, ARGS("EXEC"));
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 2 && check_is_integer(&reply->elements[1], 2));
  rredis_reply_free(reply);

  // A watched key that another client changes: no transaction.
  done(conn, ARGS("WATCH", "c:conn:n"));
  check_do(client, ARGS("SET", "c:conn:n", "other"));
  done(conn, ARGS("MULTI"));
  done(conn, ARGS("SET", "c:conn:n", "mine"));
  reply = ask(conn, ARGS("EXEC"));
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);
  check_value(client, "c:conn:n", "other", 5);

  // An error is one here too, and the connection is as good as before.
  reply = NULL;
  CHECK_FAILS(rredis_conn_command(conn, ARGS("LPUSH", "c:conn:n", "x"), &reply, &err), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_REFUSED);
  CHECK(reply == NULL);
  CHECK_SAYS(err, "WRONGTYPE");

  // Freed in the middle of a transaction, it is not seen again.
  done(conn, ARGS("MULTI"));
  rredis_conn_free(conn);
  check_value(client, "c:conn:n", "other", 5);
}

static void several_at_once(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = new_conn(client);
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_conn_receive(conn, 50, &reply, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NONE);   // nothing is due
  for (int i = 0; i < 100; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    CHECK_OK(rredis_conn_send(conn, ARGS("ECHO", number), &err), err);
  }
  for (int i = 0; i < 100; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", i);
    reply = receive(conn);
    CHECK(check_is(reply, RREDIS_REPLY_STRING, number));
    rredis_reply_free(reply);
  }
  // An error arrives as a reply, in its order.
  CHECK_OK(rredis_conn_send(conn, ARGS("NOSUCHCOMMAND"), &err), err);
  CHECK_OK(rredis_conn_send(conn, ARGS("PING"), &err), err);
  reply = receive(conn);
  CHECK(reply->kind == RREDIS_REPLY_ERROR);
  rredis_reply_free(reply);
  reply = receive(conn);
  CHECK(check_is(reply, RREDIS_REPLY_STATUS, "PONG"));
  rredis_reply_free(reply);
  rredis_conn_free(conn);
}

// What is queued is not sent, and then goes with the next command, or with the wait for its reply.
static void queued(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = new_conn(client);
  check_do(client, ARGS("DEL", "c:conn:more"));
  const int64_t before = rredis_client_stat(client, RREDIS_STAT_COMMANDS);
  for (int i = 0; i < 100; i++) CHECK_OK(rredis_conn_send_with(conn, ARGS("INCR", "c:conn:more"), RREDIS_CALL_MORE, &err), err);
  CHECK(rredis_client_stat(client, RREDIS_STAT_COMMANDS) == before + 100);
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_conn_command(conn, ARGS("PING"), &reply, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NOT_SENT);
  reply = check_ask(client, ARGS("EXISTS", "c:conn:more"));
  CHECK(check_is_integer(reply, 0));
  rredis_reply_free(reply);
  CHECK_OK(rredis_conn_send_with(conn, ARGS("INCR", "c:conn:more"), RREDIS_CALL_RAW | RREDIS_CALL_NO_RETRY, &err), err);
  for (int i = 1; i <= 101; i++) {
    reply = receive(conn);
    CHECK(check_is_integer(reply, i));
    rredis_reply_free(reply);
  }
  CHECK_OK(rredis_conn_send_with(conn, ARGS("GET", "c:conn:more"), RREDIS_CALL_MORE, &err), err);
  reply = receive(conn);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "101"));
  rredis_reply_free(reply);
  // One that does not wait writes them, too.
  CHECK_OK(rredis_conn_send_with(conn, ARGS("ECHO", "soon"), RREDIS_CALL_MORE, &err), err);
  rredis_status status;
  while ((status = rredis_conn_receive(conn, 0, &reply, &err)) == RREDIS_ERR_AGAIN) check_sleep_ms(1);
  CHECK(status == RREDIS_OK && check_is(reply, RREDIS_REPLY_STRING, "soon"));
  rredis_reply_free(reply);

  CHECK_FAILS(rredis_conn_send_with(conn, ARGS("PING"), RREDIS_CALL_TIMEOUT, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(rredis_conn_command_with(conn, ARGS("PING"), RREDIS_CALL_MORE, 0, NULL, &reply, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "flags: MORE");
  CHECK_FAILS(rredis_client_command_with(client, ARGS("PING"), RREDIS_CALL_MORE, 0, NULL, &reply, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);

  // Freed with commands that are queued, it neither sends them nor goes back.
  CHECK_OK(rredis_conn_send_with(conn, ARGS("DEL", "c:conn:more"), RREDIS_CALL_MORE, &err), err);
  rredis_conn_free(conn);
  for (int i = 0; i < 3; i++) check_value(client, "c:conn:more", "101", 3);
}

// A loop that watches the descriptor: it is readable when something has come, and stays the same.
static void watched(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = new_conn(client);
  const int fd = rredis_conn_fd(conn);
  CHECK(fd >= 0 && rredis_conn_fd(NULL) == -1);
  struct pollfd entry = {fd, POLLIN, 0};
  CHECK(check_poll(&entry, 1, 0) == 0);
  for (int i = 0; i < 3; i++) CHECK_OK(rredis_conn_send(conn, ARGS("ECHO", "hello"), &err), err);
  rredis_reply *reply = NULL;
  rredis_status status;
  for (int seen = 0; seen < 3;) {
    while ((status = rredis_conn_receive(conn, 0, &reply, &err)) == RREDIS_OK) {
      CHECK(check_is(reply, RREDIS_REPLY_STRING, "hello"));
      rredis_reply_free(reply);
      seen++;
    }
    if (seen == 3) break;
    CHECK_FAILS(status, err, RREDIS_ERR_AGAIN, RREDIS_OUTCOME_NONE);
    CHECK(check_poll(&entry, 1, 20000) == 1);
  }
  done(conn, ARGS("PING"));
  CHECK(rredis_conn_fd(conn) == fd);
  rredis_conn_free(conn);
}

static void subscribed(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = new_conn(client);
  no_reply(conn, ARGS("SUBSCRIBE", "c:conn:channel"));   // its answers are pushes
  rredis_reply *reply = receive(conn);
  CHECK(reply->kind == RREDIS_REPLY_PUSH && reply->len == 3);
  CHECK(strcmp(reply->elements[0].str, "subscribe") == 0);
  rredis_reply_free(reply);

  reply = NULL;
  CHECK(rredis_conn_receive(conn, 30, &reply, &err) == RREDIS_ERR_AGAIN && reply == NULL);
  check_do(client, ARGS("PUBLISH", "c:conn:channel", "hello"));
  reply = receive(conn);
  CHECK(reply->kind == RREDIS_REPLY_PUSH && reply->len == 3);
  CHECK(strcmp(reply->elements[0].str, "message") == 0);
  CHECK(check_is(&reply->elements[2], RREDIS_REPLY_STRING, "hello"));
  rredis_reply_free(reply);
  rredis_conn_free(conn);
  for (int i = 0; i < 3; i++) check_do(client, ARGS("PING"));
}

static void silence(const rredis_client *client) {
  rredis_conn *conn = new_conn(client);
  no_reply(conn, ARGS("CLIENT", "REPLY", "OFF"));
  no_reply(conn, ARGS("SET", "c:conn:quiet", "1"));
  done(conn, ARGS("CLIENT", "REPLY", "ON"));
  rredis_reply *reply = ask(conn, ARGS("GET", "c:conn:quiet"));
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "1"));
  rredis_reply_free(reply);
  rredis_conn_free(conn);
}

static void monitor(const rredis_client *client) {
  rredis_conn *conn = new_conn(client);
  done(conn, ARGS("MONITOR"));
  check_do(client, ARGS("SET", "c:conn:watched-word", "1"));
  rredis_reply *line = receive(conn);
  CHECK(line->kind == RREDIS_REPLY_STATUS && line->len > 0);
  rredis_reply_free(line);
  rredis_conn_free(conn);
  for (int i = 0; i < 3; i++) check_do(client, ARGS("PING"));
}

// A reply that did not come in time ends the connection: it must not reach anybody else.
static void timeout_ends_it(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = new_conn(client);
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_conn_command_with(conn, ARGS("BLPOP", "c:conn:never", "0"), RREDIS_CALL_TIMEOUT, 100, NULL, &reply, &err),
      err, RREDIS_ERR_TIMEOUT, RREDIS_OUTCOME_UNKNOWN);
  CHECK(rredis_conn_command(conn, ARGS("PING"), &reply, &err) != RREDIS_OK && reply == NULL);
  CHECK(err.outcome == RREDIS_OUTCOME_NOT_SENT);
  rredis_conn_free(conn);
  check_do(client, ARGS("PING"));
}

static void all_of_it(rredis_options *options, int protocol) {
  rredis_error err;
  check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 4);
  rredis_client *client = check_client(options);
  select_stays_here(client);
  transactions(client);
  several_at_once(client);
  queued(client);
  watched(client);
  subscribed(client);
  silence(client);
  monitor(client);
  timeout_ends_it(client);
  CHECK(rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);

  // A connection outlives the handle of the client it came from.
  rredis_conn *conn = new_conn(client);
  rredis_client_free(client);
  done(conn, ARGS("PING"));
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_conn_command(conn, 0, NULL, NULL, &reply, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  rredis_conn_free(conn);
  rredis_conn_free(NULL);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  all_of_it(check_options_tcp(), 2);
  all_of_it(check_options_tcp(), 3);
  all_of_it(check_options_unix(), 3);
  return 0;
}
