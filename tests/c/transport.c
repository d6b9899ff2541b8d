// Transports of one's own on a real server: over a socket that has an fd, over a socketpair with a relay behind it, and
// without an fd. Each moves few bytes at a time and often none, and everything works on top of it all the same.
#include "calls.h"

#include <sys/un.h>

typedef struct {
  int connects, closes, freed;
  int relayed;      // connect gives one end of a socketpair
  size_t most;      // bytes moved by one call at most
  const rredis_client *served, *other;
} counts;

typedef struct { counts *of; int fd, relay, turn, taken; pthread_t thread; } stream;

// For one stream there are never two calls at once, whichever threads they come from.
static void enter(stream *s) { CHECK(__sync_lock_test_and_set(&s->taken, 1) == 0); }
static rredis_status leave(stream *s, rredis_status status) {
  __sync_lock_release(&s->taken);
  return status;
}

static int connect_to(const char *host, int32_t port) {
  if (port != 0) return check_connected(port);
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s", host);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check_connect(fd, &address, sizeof address);
  return fd;
}

// Carries bytes between the far end of the pair and the server until one of them ends.
static void *relay(void *data) {
  int *ends = data;
  char bytes[4096];
  for (;;) {
    struct pollfd ready[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    check_poll(ready, 2, -1);
    for (int i = 0; i < 2; i++) {
      if (!ready[i].revents) continue;
      ssize_t len = check_recv(ends[i], bytes, sizeof bytes, 0);
      if (len <= 0) {
        close(ends[0]);
        close(ends[1]);
        free(ends);
        return NULL;
      }
      (void)check_send_all(ends[1 - i], bytes, (size_t)len);
    }
  }
}

static rredis_status my_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(err);
  CHECK(host_len == strlen(host) && timeout_ms != 0);
  CHECK(port == 0 ? strcmp(host, check_path) == 0 : port == check_port && strcmp(host, check_host) == 0);
  stream *s = calloc(1, sizeof *s);
  s->of = user_data;
  s->fd = connect_to(host, port);
  if (s->of->relayed) {
    int pair[2], *ends = malloc(2 * sizeof *ends);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    ends[0] = pair[1];
    ends[1] = s->fd;
    s->fd = pair[0];
    s->relay = 1;
    CHECK(pthread_create(&s->thread, NULL, relay, ends) == 0);
  }
  __sync_fetch_and_add(&s->of->connects, 1);
  *out_stream = s;
  return RREDIS_OK;
}

// 0 when the socket is ready within the time; -1 when it is not.
static int wait_for(const stream *s, short events, int64_t timeout_ms) {
  struct pollfd ready = {s->fd, events, 0};
  return check_poll(&ready, 1, timeout_ms) > 0 ? 0 : -1;
}

static rredis_status moved(ssize_t got, size_t *out_len, rredis_error *err) {
  if (got >= 0) {
    *out_len = (size_t)got;
    return RREDIS_OK;
  }
  if (errno == EAGAIN) return RREDIS_ERR_AGAIN;
  snprintf(err->message, sizeof err->message, "%s", strerror(errno));
  return RREDIS_ERR_IO;
}

// A transport may use any client but the one it serves.
static void use_clients(const counts *of) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_client_command(of->served, ARGS("PING"), &reply, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NOT_SENT);
  check_do(of->other, ARGS("PING"));
}

static rredis_status my_read(void *data, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  stream *s = data;
  enter(s);
  CHECK(buffer && buffer_len > 0);
  if (++s->turn % 11 == 0) return leave(s, RREDIS_ERR_AGAIN);   // now and then for no reason at all
  if (s->turn % 512 == 1) use_clients(s->of);
  if (timeout_ms != 0 && wait_for(s, POLLIN, timeout_ms) != 0) return leave(s, RREDIS_ERR_AGAIN);
  size_t len = buffer_len < s->of->most ? buffer_len : s->of->most;
  return leave(s, moved(check_recv(s->fd, buffer, len, MSG_DONTWAIT), out_len, err));
}

static rredis_status my_write(void *data, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  stream *s = data;
  enter(s);
  CHECK(bytes && bytes_len > 0);
  if (++s->turn % 13 == 0) return leave(s, RREDIS_ERR_AGAIN);
  if (timeout_ms != 0 && wait_for(s, POLLOUT, timeout_ms) != 0) return leave(s, RREDIS_ERR_AGAIN);
  size_t len = bytes_len < s->of->most ? bytes_len : s->of->most;
  return leave(s, moved(check_send(s->fd, bytes, len, MSG_DONTWAIT), out_len, err));
}

static void my_close(void *data) {
  stream *s = data;
  __sync_fetch_and_add(&s->of->closes, 1);
  close(s->fd);
  if (s->relay) pthread_join(s->thread, NULL);
  free(s);
}

static int32_t my_fd(void *data) { return ((stream *)data)->fd; }
static int32_t no_fd(void *data) { UNUSED(data); return -1; }
static void my_free(void *user_data) { ((counts *)user_data)->freed++; }

static void everything_works(const rredis_client *client, size_t value_len) {
  rredis_error err;
  check_do(client, ARGS("SET", "c:transport:foo", "bar"));
  check_value(client, "c:transport:foo", "bar", 3);

  char *bytes = check_bytes(value_len);
  const char *argv[] = {"SET", "c:transport:big", bytes};
  const size_t argv_len[] = {3, 15, value_len};
  check_do(client, 3, argv, argv_len);
  check_value(client, "c:transport:big", bytes, value_len);
  free(bytes);

  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_client_command(client, ARGS("INCR", "c:transport:foo"), &reply, &err), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_REFUSED);

  // A deadline holds here too, and the connection that missed it is closed.
  int64_t before = check_now_ms();
  CHECK_FAILS(rredis_client_command_with(client, ARGS("BLPOP", "c:transport:never", "0"), RREDIS_CALL_TIMEOUT, 100, NULL, &reply, &err),
      err, RREDIS_ERR_TIMEOUT, RREDIS_OUTCOME_UNKNOWN);
  CHECK(check_now_ms() - before < 3000);
  check_value(client, "c:transport:foo", "bar", 3);

  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_OK(rredis_conn_command(conn, ARGS("SELECT", "5"), &reply, &err), err);
  rredis_reply_free(reply);
  for (int i = 0; i < 20; i++) CHECK_OK(rredis_conn_send(conn, ARGS("PING"), &err), err);
  for (int i = 0; i < 20; i++) {
    CHECK_OK(rredis_conn_receive(conn, 5000, &reply, &err), err);
    CHECK(check_is(reply, RREDIS_REPLY_STATUS, "PONG"));
    rredis_reply_free(reply);
  }
  rredis_conn_free(conn);
}

static void *from_a_thread(void *client) {
  char key[64];
  snprintf(key, sizeof key, "c:transport:%lu", (unsigned long)pthread_self());
  for (int i = 0; i < 5; i++) {
    check_do(client, ARGS("SET", key, key));
    check_value(client, key, key, strlen(key));
  }
  return NULL;
}

static void run(rredis_options *options, int64_t protocol, int relayed, int with_fd, size_t most) {
  rredis_error err;
  counts count = {0, 0, 0, relayed, most, NULL, NULL};
  rredis_transport transport;
  memset(&transport, 0, sizeof transport);
  transport.size = sizeof transport;
  transport.name = "mine";
  transport.user_data = &count;
  transport.connect = my_connect;
  transport.read = my_read;
  transport.write = my_write;
  transport.close = my_close;
  transport.fd = with_fd == 2 ? my_fd : with_fd == 1 ? no_fd : NULL;
  transport.user_data_free = my_free;
  CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
  memset(&transport, 0, sizeof transport);   // what goes in is copied
  check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 2);

  rredis_client *client = check_client(options), *other = check_client(check_options_unix());
  count.served = client;
  count.other = other;
  everything_works(client, most * 400);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, from_a_thread, client) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK(count.freed == 0);
  rredis_client_free(client);
  CHECK(count.connects >= 2 && count.closes == count.connects);
  CHECK(count.freed == 1);
  rredis_client_free(other);
}

static void refused(void) {
  rredis_error err;
  rredis_options *options = check_options_tcp();
  rredis_transport transport;
  memset(&transport, 0, sizeof transport);
  transport.size = sizeof transport;
  CHECK(rredis_options_set_transport(options, &transport, &err) == RREDIS_ERR_ARGUMENT);   // no functions
  CHECK(rredis_options_set_transport(options, NULL, &err) == RREDIS_ERR_ARGUMENT);
  transport.connect = my_connect;
  transport.read = my_read;
  transport.write = my_write;
  transport.close = my_close;
  transport.size = 3;
  CHECK(rredis_options_set_transport(options, &transport, &err) == RREDIS_ERR_ARGUMENT);   // smaller than its own fields
  rredis_options_free(options);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  for (int64_t protocol = 2; protocol < 4; protocol++) {
    run(check_options_tcp(), protocol, 0, 2, 5);     // its own socket, polled by the library
    run(check_options_unix(), protocol, 0, 2, 300);
    run(check_options_tcp(), protocol, 1, 2, 7);     // a socketpair
    run(check_options_tcp(), protocol, 0, 0, 5);     // no fd: it waits by itself
    run(check_options_unix(), protocol, 1, 1, 300);
  }
  refused();
  return 0;
}
