// What a server sends unasked goes to the function that was set for it, inside the call during which it came, and never
// into a reply. The server is a script: each command that is written lets it say its next line.
#include "check.h"

typedef struct { const char *const *lines; size_t said, asked; const char *rest; } script;
typedef struct { const rredis_client *client; int heard, freed; int64_t last; } ear;

static rredis_status connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(host); UNUSED(host_len); UNUSED(port); UNUSED(timeout_ms); UNUSED(err);
  *out_stream = user_data;
  return RREDIS_OK;
}

static rredis_status read_some(void *stream, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  UNUSED(err);
  script *s = stream;
  if (!*s->rest && s->said < s->asked) s->rest = s->lines[s->said++];
  if (!*s->rest) {
    check_sleep_ms(timeout_ms < 0 || timeout_ms > 10 ? 10 : timeout_ms);
    return RREDIS_ERR_AGAIN;
  }
  size_t len = strlen(s->rest) < buffer_len ? strlen(s->rest) : buffer_len;
  memcpy(buffer, s->rest, len);
  s->rest += len;
  *out_len = len;
  return RREDIS_OK;
}

static rredis_status write_all(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  UNUSED(timeout_ms); UNUSED(err);
  if (bytes[0] == '*') ((script *)stream)->asked++;
  *out_len = bytes_len;
  return RREDIS_OK;
}

static void close_it(void *stream) { UNUSED(stream); }

// The connection has gone back when this is called: with one in the pool, asking again from here does not hang.
static void hear(void *user_data, const rredis_reply *reply) {
  ear *e = user_data;
  CHECK(reply->kind == RREDIS_REPLY_PUSH && reply->len == 2 && strcmp(reply->elements[0].str, "news") == 0);
  CHECK(reply->elements[1].integer == e->last + 1);   // in the order they came
  e->last = reply->elements[1].integer;
  if (++e->heard == 2) check_do(e->client, ARGS("PING"));
}

static void freed(void *user_data) { ((ear *)user_data)->freed++; }

int main(int argc, char **argv) {
  check_begin(argc, argv);
  static const char *const lines[] = {
    "%2\r\n+server\r\n+redis\r\n+proto\r\n:3\r\n",                  // HELLO
    ">2\r\n+news\r\n:1\r\n$3\r\none\r\n",                            // GET: a push, then the reply
    "*2\r\n:1\r\n>2\r\n+news\r\n:2\r\n:2\r\n",                       // LRANGE: a push between two elements
    "+PONG\r\n",                                                     // the PING of the ear
    "$3\r\ntwo\r\n",
  };
  script s = {lines, 0, 0, ""};
  ear e = {NULL, 0, 0, 0};
  rredis_error err;
  rredis_transport transport = {sizeof transport, "script", &s, connect, read_some, write_all, close_it, NULL, NULL};
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
  CHECK_OK(rredis_options_on_push(options, hear, &e, freed, &err), err);
  check_set_int(options, RREDIS_OPTION_PROTOCOL, 3);
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 1);
  rredis_client *client = check_client(options);
  e.client = client;

  rredis_reply *reply = check_ask(client, ARGS("GET", "a"));
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "one") && e.heard == 1);
  rredis_reply_free(reply);
  reply = check_ask(client, ARGS("LRANGE", "a", "0", "-1"));
  CHECK(reply->len == 2 && check_is_integer(&reply->elements[1], 2) && e.heard == 2);
  rredis_reply_free(reply);
  reply = check_ask(client, ARGS("GET", "b"));
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "two") && e.heard == 2);
  rredis_reply_free(reply);
  CHECK(e.freed == 0);
  rredis_client_free(client);
  CHECK(e.freed == 1);
  return 0;
}
