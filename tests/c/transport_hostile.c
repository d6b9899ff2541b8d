// Transports that misbehave: each misdeed is a failure of that call, in time, with a text; never a crash, never a hang.
#include "check.h"

typedef enum {
  READ_TOO_MUCH, WRITE_TOO_MUCH, READ_AGAIN, WRITE_AGAIN, WRITE_NOTHING, READ_GARBAGE_STATUS, WRITE_GARBAGE_STATUS,
  READ_SAYS, WRITE_SAYS, READ_MESSAGE_WITHOUT_END, READ_END, CONNECT_SAYS, CONNECT_GARBAGE_STATUS, CONNECT_AGAIN,
  READ_OK_WITHOUT_LEN, FD_OF_NOTHING, READ_NONSENSE, MISDEEDS
} misdeed;

typedef struct { misdeed what; int connects, closes, asked; } wicked;

static rredis_status say(rredis_error *err, rredis_status status) {
  CHECK(err != NULL);
  snprintf(err->message, sizeof err->message, "the cable\nis wet");
  return status;
}

static rredis_status bad_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(host); UNUSED(host_len); UNUSED(port); UNUSED(timeout_ms);
  wicked *w = user_data;
  if (w->what == CONNECT_SAYS) return say(err, RREDIS_ERR_CONNECT);
  if (w->what == CONNECT_GARBAGE_STATUS) return (rredis_status)-77;
  if (w->what == CONNECT_AGAIN) return RREDIS_ERR_AGAIN;
  w->connects++;
  *out_stream = w;
  return RREDIS_OK;
}

static rredis_status bad_read(void *stream, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  wicked *w = stream;
  if (w->what == READ_TOO_MUCH) *out_len = buffer_len + 1;
  else if (w->what == READ_AGAIN) return RREDIS_ERR_AGAIN;   // at once, whatever time there was
  else if (w->what == READ_GARBAGE_STATUS) return (rredis_status)31337;
  else if (w->what == READ_SAYS) return say(err, RREDIS_ERR_IO);
  else if (w->what == READ_MESSAGE_WITHOUT_END) {
    memset(err, 'm', sizeof *err);
    return RREDIS_ERR_TLS;
  } else if (w->what == READ_END) *out_len = 0;
  else if (w->what == READ_NONSENSE) {
    size_t len = buffer_len < 9 ? buffer_len : 9;
    memcpy(buffer, "\0\xff?what\r\n", len);
    *out_len = len;
  } else if (w->what != READ_OK_WITHOUT_LEN) {
    check_sleep_ms(timeout_ms < 0 || timeout_ms > 20 ? 20 : timeout_ms);   // nothing comes
    return RREDIS_ERR_AGAIN;
  }
  return RREDIS_OK;
}

static rredis_status bad_write(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  UNUSED(bytes); UNUSED(timeout_ms);
  wicked *w = stream;
  w->asked++;
  if (w->what == WRITE_TOO_MUCH) *out_len = bytes_len + 1;
  else if (w->what == WRITE_AGAIN) return RREDIS_ERR_AGAIN;
  else if (w->what == WRITE_NOTHING) *out_len = 0;
  else if (w->what == WRITE_GARBAGE_STATUS) return (rredis_status)31337;
  else if (w->what == WRITE_SAYS) return say(err, (rredis_status)11);
  else *out_len = bytes_len;
  return RREDIS_OK;
}

static void bad_close(void *stream) { ((wicked *)stream)->closes++; }
static int32_t bad_fd(void *stream) { return ((wicked *)stream)->what == FD_OF_NOTHING ? 1000000 : -1; }

static void try(misdeed what, int64_t protocol) {
  rredis_error err;
  wicked w = {what, 0, 0, 0};
  rredis_transport transport;
  memset(&transport, 0, sizeof transport);
  transport.size = sizeof transport;
  transport.user_data = &w;
  transport.connect = bad_connect;
  transport.read = bad_read;
  transport.write = bad_write;
  transport.close = bad_close;
  transport.fd = bad_fd;
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
  check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 200);
  check_set_int(options, RREDIS_OPTION_CONNECT_TIMEOUT_MS, 200);
  rredis_client *client = check_client(options);

  for (int i = 0; i < 2; i++) {
    rredis_reply *reply = (rredis_reply *)&err;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    int64_t start = check_now_ms();
    rredis_status status = rredis_client_command_with(client, ARGS("SET", "k", "v"), RREDIS_CALL_NO_RETRY, 0, NULL, &reply, &err);
    int64_t took = check_now_ms() - start;
    getrusage(RUSAGE_SELF, &after);
    if (status == RREDIS_OK || reply != (rredis_reply *)&err || err.status != status || took > 3000) {
      fprintf(stderr, "misdeed %d, protocol %d, after %d ms: ", what, (int)protocol, (int)took);
      check_failed(__FILE__, __LINE__, "a failure in time", &err);
    }
    CHECK(err.message[0] != 0 && memchr(err.message, 0, sizeof err.message) && !strchr(err.message, '\n'));
    CHECK(status < RREDIS_ERR_PROTOCOL + 10 && status != RREDIS_ERR_AGAIN && status != RREDIS_ERR_PANIC);
    if (what == CONNECT_SAYS) CHECK(status == RREDIS_ERR_CONNECT && err.outcome == RREDIS_OUTCOME_NOT_SENT);
    if (what == CONNECT_SAYS || what == READ_SAYS || what == WRITE_SAYS) CHECK(strcasestr(err.message, "the cable\\x0ais wet") != NULL);
    if (what == WRITE_AGAIN || what == WRITE_NOTHING) CHECK(err.outcome == RREDIS_OUTCOME_NOT_SENT);
    // In RESP3 the greeting comes first, and the command never leaves.
    if (what == WRITE_SAYS || what == WRITE_TOO_MUCH || what == WRITE_GARBAGE_STATUS)
      CHECK(err.outcome == (protocol == 2 ? RREDIS_OUTCOME_UNKNOWN : RREDIS_OUTCOME_NOT_SENT));
    if (what == READ_AGAIN || what == WRITE_AGAIN) {
      // AGAIN for ever is waited out, not spun out.
      int64_t busy = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 + (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000;
      CHECK(busy < 150);
    }
  }
  rredis_client_free(client);
  CHECK(w.closes == w.connects);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  for (int what = 0; what < MISDEEDS; what++) {
    try((misdeed)what, 2);
    try((misdeed)what, 3);
  }
  return 0;
}
