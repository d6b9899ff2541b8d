// Bytes that no server should send, into clients of every kind: each is a status in time, and nobody prints a word.
#include "check.h"

typedef struct { const char *bytes; size_t len, at, handshake; } script;

static rredis_status connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(host); UNUSED(host_len); UNUSED(port); UNUSED(timeout_ms); UNUSED(err);
  script *s = user_data;
  s->at = 0;
  *out_stream = s;
  return RREDIS_OK;
}
static rredis_status read_some(void *stream, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  UNUSED(timeout_ms); UNUSED(err);
  script *s = stream;
  size_t len = s->len - s->at < buffer_len ? s->len - s->at : buffer_len;
  if (len > 3) len = 3;
  memcpy(buffer, s->bytes + s->at, len);
  s->at += len;
  *out_len = len;   // 0, the end, when all was said
  return RREDIS_OK;
}
static rredis_status write_all(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  UNUSED(stream); UNUSED(bytes); UNUSED(timeout_ms); UNUSED(err);
  *out_len = bytes_len;
  return RREDIS_OK;
}
static void close_it(void *stream) { UNUSED(stream); }

static const char *const lines[] = {
  "", "\r\n", "\n", "?\r\n", "+", "+OK", "+OK\r", "+OK\rX", "$5\r\nabc", "$5\r\nabcdeXY", "$-2\r\n", "$\r\n", "$1x\r\n",
  "$9999999999999999999999\r\n", "$4294967296\r\n", "*-2\r\n", "*1000000000\r\n", "*9223372036854775807\r\n", ":\r\n",
  ":1.5\r\n", ":99999999999999999999\r\n", "#x\r\n", "_x\r\n", ",abc\r\n", "(12x\r\n", "=3\r\nabc\r\n", "!-1\r\n",
  "%1\r\n+k\r\n", "|1\r\n+k\r\n+v\r\n", "%9223372036854775807\r\n", ">0\r\n", "*?\r\n", "$?\r\n;5\r\nab", ".\r\n", ";0\r\n",
  "-\r\n", "-LOADING x\r\n-x\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "\x16\x03\x01\x02", "*1\r\n*1\r\n*1\r\n",
};

static void hear(const char *bytes, int64_t protocol, rredis_parser_kind parser) {
  rredis_error err;
  script s = {bytes, strlen(bytes), 0, 0};
  rredis_transport transport = {sizeof transport, "hostile", &s, connect, read_some, write_all, close_it, NULL, NULL};
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
  check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
  check_set_int(options, RREDIS_OPTION_PARSER, parser);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 1000);
  rredis_client *client = check_client(options);
  for (int i = 0; i < 2; i++) {
    rredis_reply *reply = NULL;
    rredis_status status = rredis_client_command_with(client, ARGS("GET", "k"), RREDIS_CALL_NO_RETRY, 0, NULL, &reply, &err);
    if (status == RREDIS_OK) rredis_reply_free(reply);
    else CHECK(status != RREDIS_ERR_PANIC && err.message[0] != 0 && reply == NULL);
  }
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    for (int64_t protocol = 0; protocol < 4; protocol++) {
      if (protocol == 1) continue;
      hear(lines[i], protocol, RREDIS_PARSER_FAST);
      hear(lines[i], protocol, RREDIS_PARSER_SIMPLE);
    }
  }
  return 0;
}
