// Response callbacks in C: keep the reply, give another, fill call_data, refuse; set in the options or on one client.
#include "check.h"

typedef struct { int calls, freed; } counter;

static void freed(void *user_data) { ((counter *)user_data)->freed++; }

static rredis_status keep(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  counter *count = user_data;
  count->calls++;
  CHECK(argc >= 1 && argv && argv_len && argv_len[0] == strlen(argv[0]));
  CHECK(reply != NULL && out_reply != NULL && *out_reply == NULL);
  CHECK(err != NULL && err->status == RREDIS_OK && err->message[0] == 0);
  if (call_data) *(size_t *)call_data = reply->len;
  return RREDIS_OK;
}

// The text in capital letters.
static rredis_status upper(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len);
  ((counter *)user_data)->calls++;
  if (reply->kind != RREDIS_REPLY_STRING) return RREDIS_OK;
  char text[256];
  CHECK(reply->len < sizeof text);
  for (size_t i = 0; i < reply->len; i++) {
    char byte = reply->str[i];
    text[i] = byte >= 'a' && byte <= 'z' ? (char)(byte - 32) : byte;
  }
  rredis_builder *builder = rredis_builder_new();
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, text, reply->len);
  rredis_status status = rredis_builder_take(builder, out_reply, err);
  rredis_builder_free(builder);
  return status;
}

static rredis_status refuse(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(reply); UNUSED(out_reply);
  ((counter *)user_data)->calls++;
  snprintf(err->message, sizeof err->message, "not to my taste");
  return RREDIS_ERR_STATE;
}

// Asks the same client something else: with one connection in the pool that would hang, were it still taken.
typedef struct { const rredis_client *client; int freed; } asker;

static rredis_status ask_again(void *user_data, void *call_data, size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(reply);
  asker *mine = user_data;
  return rredis_client_command_with(mine->client, ARGS("ECHO", "from inside"), RREDIS_CALL_RAW, 0, NULL, out_reply, err);
}

static rredis_status garbage(void *user_data, void *call_data, size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(user_data); UNUSED(call_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(reply); UNUSED(out_reply);
  memset(err, 0xff, sizeof *err);   // no NUL anywhere
  return (rredis_status)31337;
}

// Gives what is on loan, and a part of what is.
static rredis_status loan(void *user_data, void *call_data, size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(user_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(err);
  *out_reply = (rredis_reply *)(uintptr_t)(call_data ? &reply->elements[0] : reply);
  return RREDIS_OK;
}

static void set(const rredis_client *client, const char *command, rredis_callback_fn function, counter *count) {
  rredis_error err;
  CHECK_OK(rredis_client_set_callback(client, command, strlen(command), function, count, count ? freed : NULL, &err), err);
}

static int get_is(const rredis_client *client, const char *key, const char *want) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command(client, ARGS("get", key), &reply, &err), err);
  int same = check_is(reply, RREDIS_REPLY_STRING, want);
  rredis_reply_free(reply);
  return same;
}

static void on_a_client(const rredis_client *client) {
  rredis_error err;
  counter ups = {0, 0}, keeps = {0, 0};
  check_do(client, ARGS("SET", "c:cb:k", "value"));
  set(client, "Get", upper, &ups);   // names are compared in any case of letters
  CHECK(get_is(client, "c:cb:k", "VALUE"));
  CHECK(ups.calls == 1);

  // RAW asks for the reply as it came.
  rredis_reply *reply = check_ask(client, ARGS("GET", "c:cb:k"));
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "value") && ups.calls == 1);
  rredis_reply_free(reply);

  // A server's error is none of its business.
  check_do(client, ARGS("DEL", "c:cb:list"));
  check_do(client, ARGS("RPUSH", "c:cb:list", "a"));
  CHECK(rredis_client_command(client, ARGS("GET", "c:cb:list"), &reply, &err) == RREDIS_ERR_SERVER);
  CHECK(ups.calls == 1);

  // Another takes its place, and the first is told so once.
  set(client, "GET", keep, &keeps);
  CHECK(ups.freed == 1);
  size_t seen = 0;
  CHECK_OK(rredis_client_command_with(client, ARGS("GET", "c:cb:k"), 0, 0, &seen, &reply, &err), err);
  CHECK(seen == 5 && keeps.calls == 1 && check_is(reply, RREDIS_REPLY_STRING, "value"));
  rredis_reply_free(reply);

  // NULL restores what was there before any.
  set(client, "GET", NULL, NULL);
  CHECK(keeps.freed == 1 && get_is(client, "c:cb:k", "value") && keeps.calls == 1);
}

static void two_words(const rredis_client *client) {
  rredis_error err;
  counter count = {0, 0};
  set(client, "CONFIG GET", keep, &count);
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command(client, ARGS("config", "get", "maxmemory"), &reply, &err), err);
  rredis_reply_free(reply);
  CHECK(count.calls == 1);
  CHECK_OK(rredis_client_command(client, ARGS("CONFIG", "SET", "maxmemory", "0"), &reply, &err), err);
  rredis_reply_free(reply);
  CHECK(count.calls == 1);
  set(client, "config get", NULL, NULL);
  CHECK(count.freed == 1);
}

static void on_loan(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  counter count = {0, 0};
  check_do(client, ARGS("DEL", "c:cb:list"));
  check_do(client, ARGS("RPUSH", "c:cb:list", "a", "b"));
  set(client, "LRANGE", loan, &count);
  CHECK_OK(rredis_client_command(client, ARGS("LRANGE", "c:cb:list", "0", "-1"), &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 2);
  rredis_reply_free(reply);
  int part = 1;
  CHECK_FAILS(rredis_client_command_with(client, ARGS("LRANGE", "c:cb:list", "0", "-1"), 0, 0, &part, &reply, &err), err,
      RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_RAN);
  CHECK_SAYS(err, "rredis_reply_clone");
  set(client, "LRANGE", NULL, NULL);
}

static void refusals(const rredis_client *client) {
  rredis_error err;
  counter count = {0, 0};
  rredis_reply *reply = NULL;
  set(client, "INCR", refuse, &count);
  check_do(client, ARGS("DEL", "c:cb:n"));
  CHECK_FAILS(rredis_client_command(client, ARGS("INCR", "c:cb:n"), &reply, &err), err, RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_RAN);
  CHECK_SAYS(err, "not to my taste");
  CHECK(reply == NULL && count.calls == 1);
  check_value(client, "c:cb:n", "1", 1);   // it ran, once
  set(client, "INCR", garbage, NULL);
  CHECK_FAILS(rredis_client_command(client, ARGS("INCR", "c:cb:n"), &reply, &err), err, RREDIS_ERR_CALLBACK, RREDIS_OUTCOME_RAN);
  CHECK(reply == NULL && memchr(err.message, 0, sizeof err.message) != NULL);
  set(client, "INCR", NULL, NULL);
  check_do(client, ARGS("PING"));
}

static void inside(void) {
  rredis_error err;
  rredis_options *options = check_options_unix();
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 1);
  rredis_client *client = check_client(options);
  asker mine = {client, 0};
  CHECK_OK(rredis_client_set_callback(client, "PING", 4, ask_again, &mine, NULL, &err), err);
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command(client, ARGS("PING"), &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "from inside"));
  rredis_reply_free(reply);
  rredis_client_free(client);
}

// In the options: for every client made from them; on a pool: for the clients of one, and not of another.
static void in_the_options(void) {
  rredis_error err;
  counter count = {0, 0};
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_set_callback(options, "GET", 3, upper, &count, freed, &err), err);
  rredis_client *one = NULL, *two = NULL;
  CHECK_OK(rredis_client_new(options, &one, &err), err);
  CHECK_OK(rredis_client_new(options, &two, &err), err);
  rredis_options_free(options);
  check_do(one, ARGS("SET", "c:cb:k", "value"));
  CHECK(get_is(one, "c:cb:k", "VALUE") && get_is(two, "c:cb:k", "VALUE"));

  counter own = {0, 0};
  set(two, "GET", keep, &own);   // this client only
  CHECK(get_is(two, "c:cb:k", "value") && get_is(one, "c:cb:k", "VALUE"));
  set(two, "GET", NULL, NULL);   // and NULL gives back what the options said
  CHECK(own.freed == 1);
  rredis_client_free(one);
  CHECK(count.freed == 0);
  rredis_client_free(two);
  CHECK(count.freed == 1);

  // A connection of one's own obeys its client's; user_data ends with the last handle that needs it.
  counter last = {0, 0};
  rredis_client *client = check_client(check_options_tcp());
  set(client, "GET", upper, &last);
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  rredis_client_free(client);
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_conn_command(conn, ARGS("GET", "c:cb:k"), &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "VALUE"));
  rredis_reply_free(reply);
  rredis_conn_free(conn);
  CHECK(last.freed == 1);
}

static void refused_settings(const rredis_client *client) {
  rredis_error err;
  counter count = {0, 0};
  CHECK(rredis_client_set_callback(client, "", 0, keep, &count, freed, &err) != RREDIS_OK);
  CHECK(rredis_client_set_callback(client, NULL, 3, keep, &count, freed, &err) == RREDIS_ERR_ARGUMENT);
  CHECK(rredis_client_set_callback(NULL, "GET", 3, keep, &count, freed, &err) == RREDIS_ERR_ARGUMENT);
  CHECK(count.calls == 0);
}

// ZRANGE with the built-in's pairs, of which it keeps the members.
static rredis_status members(void *user_data, void *call_data, size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(user_data); UNUSED(call_data);
  rredis_reply *pairs = NULL;
  rredis_status status = rredis_callback_builtin(argc, argv, argv_len, reply, &pairs, err);
  if (status != RREDIS_OK) return status;
  rredis_builder *builder = rredis_builder_new();
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  for (size_t i = 0; i < pairs->len; i++) {
    CHECK(pairs->elements[i].kind == RREDIS_REPLY_ARRAY && pairs->elements[i].len == 2);
    CHECK(pairs->elements[i].elements[1].kind == RREDIS_REPLY_DOUBLE);
    rredis_builder_add_reply(builder, &pairs->elements[i].elements[0]);
  }
  rredis_builder_end(builder);
  rredis_reply_free(pairs);
  status = rredis_builder_take(builder, out_reply, err);
  rredis_builder_free(builder);
  return status;
}

static rredis_reply *canonical(const rredis_client *client, size_t argc, const char *const *argv, const size_t *argv_len) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command(client, argc, argv, argv_len, &reply, &err), err);
  return reply;
}

// The built-in callbacks: their names, what they make, and a function of ours around one of them.
static void built_in(int64_t protocol) {
  rredis_error err;
  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
  rredis_client *client = check_client(options);
  check_do(client, ARGS("DEL", "c:cb:z"));
  check_do(client, ARGS("ZADD", "c:cb:z", "1", "WITHSCORES", "2.5", "b"));
  rredis_reply *reply = canonical(client, ARGS("zrange", "c:cb:z", "0", "-1", "withscores"));
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 2 && reply->elements[1].len == 2);
  CHECK(check_is(&reply->elements[1].elements[0], RREDIS_REPLY_STRING, "b"));
  const rredis_reply *score = &reply->elements[1].elements[1];
  CHECK(check_is(score, RREDIS_REPLY_DOUBLE, "2.5") && score->number > 2.4 && score->number < 2.6);

  // What is canonical already is made again as it is.
  rredis_reply *again = NULL;
  CHECK_OK(rredis_callback_builtin(ARGS("ZRANGE", "k", "0", "-1", "WITHSCORES"), reply, &again, &err), err);
  CHECK(again != reply && again->len == 2 && check_is(&again->elements[1].elements[1], RREDIS_REPLY_DOUBLE, "2.5"));
  rredis_reply_free(again);
  rredis_reply_free(reply);

  set(client, "ZRANGE", members, NULL);
  reply = canonical(client, ARGS("ZRANGE", "c:cb:z", "0", "-1", "WITHSCORES"));
  CHECK(reply->len == 2 && check_is(&reply->elements[0], RREDIS_REPLY_STRING, "WITHSCORES"));
  rredis_reply_free(reply);
  set(client, "ZRANGE", NULL, NULL);
  reply = canonical(client, ARGS("ZRANGE", "c:cb:z", "0", "-1", "WITHSCORES"));
  CHECK(reply->len == 2 && reply->elements[0].kind == RREDIS_REPLY_ARRAY);   // the built-in one is back
  rredis_reply_free(reply);

  reply = canonical(client, ARGS("SET", "c:cb:k", "value"));
  CHECK(check_is(reply, RREDIS_REPLY_BOOL, "OK") && reply->integer == 1);
  rredis_reply_free(reply);
  CHECK_OK(rredis_client_command_with(client, ARGS("SET", "c:cb:k", "value"), RREDIS_CALL_RAW, 0, NULL, &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STATUS, "OK"));
  CHECK_OK(rredis_callback_builtin(ARGS("set", "k", "v"), reply, &again, &err), err);
  CHECK(check_is(again, RREDIS_REPLY_BOOL, "OK") && again->integer == 1);
  rredis_reply_free(again);
  CHECK_OK(rredis_callback_builtin(ARGS("NO", "SUCH"), reply, &again, &err), err);
  CHECK(check_is(again, RREDIS_REPLY_STATUS, "OK"));
  rredis_reply_free(again);
  rredis_reply_free(reply);
  CHECK_OK(rredis_client_command_with(client, ARGS("SET", "c:cb:k"), RREDIS_CALL_ERROR_REPLY, 0, NULL, &reply, &err), err);
  CHECK_OK(rredis_callback_builtin(ARGS("SET", "k", "v"), reply, &again, &err), err);
  CHECK(again->kind == RREDIS_REPLY_ERROR && again->len == reply->len);
  rredis_reply_free(again);
  rredis_reply_free(reply);
  rredis_client_free(client);
}

static void names(void) {
  size_t count = 0, found = 0;
  for (const char *name; (name = rredis_callback_name(count)) != NULL; count++) {
    CHECK(name[0] >= 'A' && name[0] <= 'Z');
    const char *known[] = {"ZRANGE", "CONFIG GET", "CLIENT LIST", "HGETALL", "INFO"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) found += strcmp(name, known[i]) == 0;
  }
  CHECK(count >= 150 && found == 5);
  CHECK(rredis_callback_name(count + 1) == NULL && rredis_callback_name(SIZE_MAX) == NULL);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_client *client = check_client(check_options_tcp());
  on_a_client(client);
  two_words(client);
  on_loan(client);
  refusals(client);
  refused_settings(client);
  rredis_client_free(client);
  inside();
  in_the_options();
  built_in(2);
  built_in(3);
  names();
  return 0;
}
