// A transport whose write sends all that it is given and then fails: whatever was among that may have run, is told so, and
// is not sent again.
#include "calls.h"

// How a write fails, once it has sent everything.
enum { WITH_IO, WITH_TIMEOUT, WITH_TLS, CLAIMS_MORE, FAILURES };

typedef struct { int how, with_fd, armed, failed; } plan;
typedef struct { plan *of; int fd, over; } stream;

static rredis_status my_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(host);
  UNUSED(host_len);
  UNUSED(timeout_ms);
  UNUSED(err);
  stream *s = calloc(1, sizeof *s);
  s->of = user_data;
  s->fd = check_connected(port);
  *out_stream = s;
  return RREDIS_OK;
}

static rredis_status my_read(void *data, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  stream *s = data;
  UNUSED(err);
  struct pollfd ready = {s->fd, POLLIN, 0};
  // What the server says to what was sent stays unheard.
  if (s->over || check_poll(&ready, 1, timeout_ms) == 0) return RREDIS_ERR_AGAIN;
  ssize_t len = check_recv(s->fd, buffer, buffer_len, MSG_DONTWAIT);
  CHECK(len >= 0);
  *out_len = (size_t)len;
  return RREDIS_OK;
}

static rredis_status my_write(void *data, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  stream *s = data;
  UNUSED(timeout_ms);
  CHECK(check_send_all(s->fd, bytes, bytes_len));
  *out_len = bytes_len;
  if (!s->of->armed) return RREDIS_OK;
  s->over = 1;
  s->of->failed++;
  snprintf(err->message, sizeof err->message, "it was sent all the same");
  switch (s->of->how) {
    case WITH_IO: return RREDIS_ERR_IO;
    case WITH_TIMEOUT: return RREDIS_ERR_TIMEOUT;
    case WITH_TLS: return RREDIS_ERR_TLS;
    default: *out_len = bytes_len + 1; return RREDIS_OK;
  }
}

static void my_close(void *data) {
  stream *s = data;
  close(s->fd);
  free(s);
}

static int32_t my_fd(void *data) { return ((stream *)data)->fd; }

// The command ran just as often as the caller has to reckon with, and not again a little later.
static void ran(const rredis_client *other, int64_t count) {
  int64_t end = check_now_ms() + 20000;
  for (;;) {
    rredis_reply *reply = check_ask(other, ARGS("GET", "c:failing"));
    int64_t now = reply->kind == RREDIS_REPLY_NULL ? 0 : strtoll(reply->str, NULL, 10);
    rredis_reply_free(reply);
    CHECK(now <= count && check_now_ms() < end);
    if (now == count) break;
    check_sleep_ms(1);
  }
  check_do(other, ARGS("DEL", "c:failing"));
  check_sleep_ms(20);
  rredis_reply *reply = check_ask(other, ARGS("EXISTS", "c:failing"));
  CHECK(check_is_integer(reply, 0));
  rredis_reply_free(reply);
}

static void unknown(rredis_status status, const rredis_error *err, const plan *of) {
  rredis_status wanted = of->how == WITH_TLS ? RREDIS_ERR_TLS : RREDIS_ERR_IO;
  if (status != wanted || err->status != wanted || err->outcome != RREDIS_OUTCOME_UNKNOWN || err->attempts > 1) {
    fprintf(stderr, "failure %d, with fd %d: ", of->how, of->with_fd);
    check_failed(__FILE__, __LINE__, "UNKNOWN", err);
  }
}

static void in_a_loop(const rredis_client *client, plan *of) {
  rredis_error err;
  rredis_async *async = NULL;
  CHECK_OK(rredis_async_new(client, &async, &err), err);
  rredis_reply *reply = NULL;
  void *call_data = NULL;
  for (int round = 0; round < 2; round++) {
    of->armed = round;
    CHECK_OK(rredis_async_submit(async, ARGS("INCR", "c:failing"), RREDIS_CALL_DEFAULT, 0, of, &err), err);
    rredis_status status;
    while ((status = rredis_async_next(async, &reply, &call_data, &err)) == RREDIS_ERR_AGAIN) {
      struct pollfd watched = {rredis_async_fd(async), POLLIN, 0};
      int64_t sleep_ms = rredis_async_deadline_ms(async);
      int count = check_poll(&watched, 1, sleep_ms < 0 || sleep_ms > 1000 ? 1000 : sleep_ms);
      CHECK_OK(rredis_async_step(async, count > 0 ? RREDIS_READY_READ : RREDIS_READY_NONE, &err), err);
    }
    CHECK(call_data == of);
    if (round == 0) {
      CHECK_OK(status, err);
      rredis_reply_free(reply);
    } else {
      unknown(status, &err, of);
    }
  }
  of->armed = 0;
  rredis_async_free(async);
}

static rredis_status see(void *user_data, size_t index, const rredis_reply *reply, rredis_error *err) {
  UNUSED(user_data);
  UNUSED(index);
  UNUSED(reply);
  UNUSED(err);
  return RREDIS_OK;
}

static void run(int how, int with_fd) {
  rredis_error err;
  rredis_reply *reply = NULL;
  plan of = {how, with_fd, 0, 0};
  rredis_options *options = check_options_tcp();
  rredis_transport transport;
  memset(&transport, 0, sizeof transport);
  transport.size = sizeof transport;
  transport.user_data = &of;
  transport.connect = my_connect;
  transport.read = my_read;
  transport.write = my_write;
  transport.close = my_close;
  transport.fd = with_fd ? my_fd : NULL;
  CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS, 1);
  rredis_client *client = check_client(options), *other = check_client(check_options_tcp());

  check_do(client, ARGS("PING"));
  of.armed = 1;
  unknown(rredis_client_command(client, ARGS("INCR", "c:failing"), &reply, &err), &err, &of);
  of.armed = 0;
  ran(other, 1);

  rredis_conn *conn = NULL;
  for (int send = 0; send < 2; send++) {
    CHECK_OK(rredis_conn_new(client, &conn, &err), err);
    of.armed = 1;
    if (send) {
      unknown(rredis_conn_send(conn, ARGS("INCR", "c:failing"), &err), &err, &of);
    } else {
      unknown(rredis_conn_command(conn, ARGS("INCR", "c:failing"), &reply, &err), &err, &of);
    }
    of.armed = 0;
    ran(other, 1);
    rredis_conn_free(conn);
  }

  for (int way = 0; way < 3; way++) {
    rredis_pipeline *pipeline = NULL;
    check_do(client, ARGS("PING"));
    CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
    for (int i = 0; i < 3; i++) CHECK_OK(rredis_pipeline_add(pipeline, ARGS("INCR", "c:failing"), &err), err);
    of.armed = 1;
    rredis_status status = way == 2 ? rredis_pipeline_run_each(pipeline, RREDIS_CALL_DEFAULT, 0, see, NULL, &err)
        : rredis_pipeline_run(pipeline, way ? RREDIS_PIPELINE_ATOMIC : RREDIS_PIPELINE_PLAIN, &reply, &err);
    unknown(status, &err, &of);
    of.armed = 0;
    ran(other, 3);
    rredis_pipeline_free(pipeline);
  }

  rredis_script *script = NULL;
  CHECK_OK(rredis_script_new("return redis.call('INCR', KEYS[1])", 34, &script, &err), err);
  CHECK_OK(rredis_script_run(script, client, 1, ARGS("c:failing"), &reply, &err), err);
  rredis_reply_free(reply);
  of.armed = 1;
  unknown(rredis_script_run(script, client, 1, ARGS("c:failing"), &reply, &err), &err, &of);
  of.armed = 0;
  ran(other, 2);
  rredis_script_free(script);

  if (with_fd) {
    in_a_loop(client, &of);
    ran(other, 2);
  }
  CHECK(of.failed == (with_fd ? 8 : 7));
  rredis_client_free(client);
  rredis_client_free(other);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  for (int how = 0; how < FAILURES; how++) {
    run(how, 1);
    run(how, 0);
  }
  return 0;
}
