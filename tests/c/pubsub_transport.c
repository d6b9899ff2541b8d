// Subscribers over transports of one's own: with a descriptor, and without one, where reading does the waiting.
#include "calls.h"

typedef struct { int connects, closes, with_fd; } counts;
typedef struct { counts *of; int fd, taken; } stream;

// For one stream there are never two calls at once, whichever threads they come from.
static void enter(stream *s) { CHECK(__sync_lock_test_and_set(&s->taken, 1) == 0); }

static rredis_status my_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(host); UNUSED(host_len); UNUSED(timeout_ms); UNUSED(err);
  stream *s = calloc(1, sizeof *s);
  s->of = user_data;
  s->fd = check_connected(port);
  __sync_fetch_and_add(&s->of->connects, 1);
  *out_stream = s;
  return RREDIS_OK;
}

// Few bytes at a time; and where there is no descriptor for others to wait for, it waits itself.
static rredis_status moved(stream *s, ssize_t len, size_t *out_len) {
  __sync_lock_release(&s->taken);
  if (len < 0 && errno == EAGAIN) return RREDIS_ERR_AGAIN;
  *out_len = len < 0 ? 0 : (size_t)len;
  return len < 0 ? RREDIS_ERR_IO : RREDIS_OK;
}

static void await(stream *s, short events, int64_t timeout_ms) {
  struct pollfd entry = {s->fd, events, 0};
  if (!s->of->with_fd) check_poll(&entry, 1, timeout_ms);
}

static rredis_status my_read(void *data, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  UNUSED(err);
  stream *s = data;
  enter(s);
  await(s, POLLIN, timeout_ms);
  return moved(s, check_recv(s->fd, buffer, buffer_len < 7 ? buffer_len : 7, MSG_DONTWAIT), out_len);
}

static rredis_status my_write(void *data, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  UNUSED(err);
  stream *s = data;
  enter(s);
  await(s, POLLOUT, timeout_ms);
  return moved(s, check_send(s->fd, bytes, bytes_len < 5 ? bytes_len : 5, MSG_DONTWAIT), out_len);
}

static void my_close(void *data) {
  stream *s = data;
  enter(s);
  close(s->fd);
  __sync_fetch_and_add(&s->of->closes, 1);
  free(s);
}

static int32_t my_fd(void *data) { return ((stream *)data)->fd; }

static void expect(const rredis_pubsub *pubsub, const char *payload) {
  rredis_error err;
  rredis_reply *push = NULL;
  CHECK_OK(rredis_pubsub_next(pubsub, 20000, &push, &err), err);
  CHECK(push->len == 4 && check_is(&push->elements[3], RREDIS_REPLY_STRING, payload));
  rredis_reply_free(push);
}

// A server that is late counts a subscriber that is gone, and then a message for the next goes to that one.
static void wait_until_gone(const rredis_client *client) {
  for (uint64_t left = 1; left > 0;) {
    rredis_reply *reply = check_ask(client, ARGS("PUBSUB", "CHANNELS"));
    left = reply->len;
    rredis_reply_free(reply);
    if (left > 0) check_sleep_ms(1);
  }
}

static void publish(const rredis_client *client, const char *channel, const char *payload) {
  for (int64_t receivers = 0; receivers == 0;) {
    rredis_reply *reply = check_ask(client, ARGS("PUBLISH", channel, payload));
    receivers = reply->integer;
    rredis_reply_free(reply);
    if (receivers == 0) check_sleep_ms(1);
  }
}

typedef struct { const rredis_pubsub *pubsub; rredis_status status; } waiter;

static void *wait_for_more(void *data) {
  rredis_error err;
  rredis_reply *push = NULL;
  waiter *w = data;
  w->status = rredis_pubsub_next(w->pubsub, -1, &push, &err);
  if (w->status == RREDIS_OK) rredis_reply_free(push);
  return NULL;
}

static void subscriber(const rredis_client *client, const rredis_client *other) {
  rredis_error err;
  rredis_pubsub *pubsub = NULL;
  rredis_reply *push = NULL;
  CHECK_OK(rredis_pubsub_new(client, &pubsub, &err), err);
  CHECK_OK(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("t:one"), &err), err);
  publish(other, "t:one", "first");
  expect(pubsub, "first");

  // Another thread subscribes and wakes, while this connection is waited for.
  waiter w = {pubsub, RREDIS_OK};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wait_for_more, &w) == 0);
  check_sleep_ms(30);
  CHECK_OK(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("t:two"), &err), err);
  publish(other, "t:two", "second");
  pthread_join(thread, NULL);
  CHECK(w.status == RREDIS_OK);
  CHECK(pthread_create(&thread, NULL, wait_for_more, &w) == 0);
  check_sleep_ms(30);
  rredis_pubsub_wake(pubsub);
  pthread_join(thread, NULL);
  CHECK(w.status == RREDIS_ERR_WOKEN);

  // A loop finds what comes by the one descriptor, be it a little later.
  struct pollfd entry = {rredis_pubsub_fd(pubsub), POLLIN, 0};
  publish(other, "t:one", "third");
  for (int64_t end = check_now_ms() + 20000; !push && check_now_ms() < end;) {
    if (check_poll(&entry, 1, 1000) > 0 && rredis_pubsub_next(pubsub, 0, &push, &err) != RREDIS_OK) CHECK(err.status == RREDIS_ERR_AGAIN);
  }
  CHECK(push && check_is(&push->elements[3], RREDIS_REPLY_STRING, "third"));
  rredis_reply_free(push);

  // Lost, and made anew.
  check_do(other, ARGS("CLIENT", "KILL", "TYPE", "pubsub"));
  push = NULL;
  CHECK_OK(rredis_pubsub_next(pubsub, 20000, &push, &err), err);
  CHECK(check_is(&push->elements[0], RREDIS_REPLY_STRING, "gap"));
  rredis_reply_free(push);
  publish(other, "t:two", "fourth");
  expect(pubsub, "fourth");
  rredis_pubsub_free(pubsub);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_error err;
  rredis_client *other = check_client(check_options_tcp());
  for (int with_fd = 0; with_fd < 2; with_fd++) {
    for (int protocol = 2; protocol <= 3; protocol++) {
      counts of = {0, 0, with_fd};
      rredis_transport transport;
      memset(&transport, 0, sizeof transport);
      transport.size = sizeof transport;
      transport.user_data = &of;
      transport.connect = my_connect;
      transport.read = my_read;
      transport.write = my_write;
      transport.close = my_close;
      transport.fd = with_fd ? my_fd : NULL;
      rredis_options *options = check_options_tcp();
      check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
      CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
      rredis_client *client = check_client(options);
      subscriber(client, other);
      wait_until_gone(other);
      rredis_client_free(client);
      CHECK(of.connects == 2 && of.closes == 2);
    }
  }
  rredis_client_free(other);
  return 0;
}
