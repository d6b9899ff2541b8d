// A transport of one's own: each stream is closed once, by the process that connected it, and by no child of that process.
#include "calls.h"

static int connects, closes, freed;

static rredis_status my_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(user_data); UNUSED(host); UNUSED(host_len); UNUSED(timeout_ms); UNUSED(err);
  int *fd = malloc(sizeof *fd);
  *fd = check_connected(port);
  connects++;
  *out_stream = fd;
  return RREDIS_OK;
}

static rredis_status moved(ssize_t len, size_t *out_len) {
  if (len < 0 && errno == EAGAIN) return RREDIS_ERR_AGAIN;
  *out_len = len < 0 ? 0 : (size_t)len;
  return len < 0 ? RREDIS_ERR_IO : RREDIS_OK;
}

static rredis_status my_read(void *stream, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  UNUSED(timeout_ms); UNUSED(err);
  return moved(check_recv(*(int *)stream, buffer, buffer_len, MSG_DONTWAIT), out_len);
}

static rredis_status my_write(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  UNUSED(timeout_ms); UNUSED(err);
  return moved(check_send(*(int *)stream, bytes, bytes_len, MSG_DONTWAIT), out_len);
}

static void my_close(void *stream) {
  CHECK(close(*(int *)stream) == 0);
  free(stream);
  closes++;
}

static int32_t my_fd(void *stream) { return *(int *)stream; }

static void my_free(void *user_data) { UNUSED(user_data); freed++; }

// What one child does with the client, and how often it must have called close then.
static void in_a_child(rredis_client *client, rredis_conn *conn, int use, int closed) {
  pid_t child = fork();
  if (child == 0) {
    connects = closes = 0;
    CHECK(rredis_conn_fd(conn) == -1);
    if (use) check_do(client, ARGS("PING"));
    CHECK(connects == use);
    rredis_conn_free(conn);
    rredis_client_free(client);
    CHECK(closes == closed && freed == 1);
    _exit(0);
  }
  int status = check_waited(child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_error err;
  rredis_transport transport;
  memset(&transport, 0, sizeof transport);
  transport.size = sizeof transport;
  transport.connect = my_connect;
  transport.read = my_read;
  transport.write = my_write;
  transport.close = my_close;
  transport.fd = my_fd;
  transport.user_data_free = my_free;
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_set_transport(options, &transport, &err), err);
  rredis_client *client = check_client(options);

  // One connection rests, and one is somebody's own.
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  check_do(client, ARGS("PING"));
  CHECK(connects == 2 && closes == 0);

  CHECK(rredis_conn_fd(conn) >= 0);
  in_a_child(client, conn, 0, 0);
  in_a_child(client, conn, 1, 1);

  rredis_reply *reply = NULL;
  CHECK_OK(rredis_conn_command(conn, ARGS("PING"), &reply, &err), err);
  rredis_reply_free(reply);
  check_do(client, ARGS("PING"));
  CHECK(connects == 2 && closes == 0);
  rredis_conn_free(conn);
  rredis_client_free(client);
  CHECK(closes == 2 && freed == 1);
  return 0;
}
