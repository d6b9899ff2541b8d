// TLS over a socket of the program's, which no call waits for or closes: a peer that does not speak it, and one that says nothing; a child of fork.
#include "calls.h"

static rredis_tls *made(int fd, rredis_options *options) {
  rredis_error err;
  rredis_tls *tls;
  CHECK_OK(rredis_tls_new(options, fd, &tls, &err), err);
  rredis_options_free(options);
  CHECK(rredis_tls_wants(tls) == (RREDIS_READY_READ | RREDIS_READY_WRITE));
  return tls;
}

static int pollable(int fd) {
  CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
  return fd;
}

// A peer without TLS answers with an error of RESP's: the handshake fails, and stays failed.
static void plain_peer(void) {
  rredis_error err;
  char buffer[64];
  size_t len = 77;
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  rredis_tls *tls = made(pollable(ends[0]), check_options_tcp());
  CHECK(rredis_tls_write(tls, "PING\r\n", 6, &len, &err) == RREDIS_ERR_AGAIN && len == 77);
  CHECK(check_send(ends[1], "-ERR no TLS here\r\n", 18, 0) == 18);
  struct pollfd ready = {ends[0], POLLIN, 0};
  CHECK(rredis_tls_wants(tls) == RREDIS_READY_READ && check_poll(&ready, 1, 10000) == 1);
  CHECK_FAILS(rredis_tls_write(tls, "PING\r\n", 6, &len, &err), err, RREDIS_ERR_TLS, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "tls");
  CHECK_FAILS(rredis_tls_read(tls, buffer, sizeof buffer, &len, &err), err, RREDIS_ERR_TLS, RREDIS_OUTCOME_NONE);
  CHECK(len == 77);
  rredis_tls_free(tls);
  // The socket is the program's still.
  CHECK(fcntl(ends[0], F_GETFD) >= 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void silent_peer(void) {
  rredis_error err;
  char buffer[600];
  size_t len;
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  rredis_tls *tls = made(pollable(ends[0]), check_options_tcp());
  CHECK_FAILS(rredis_tls_read(tls, buffer, sizeof buffer, &len, &err), err, RREDIS_ERR_AGAIN, RREDIS_OUTCOME_NONE);
  CHECK(rredis_tls_wants(tls) == RREDIS_READY_READ);
  // The client speaks first: a record of a handshake's.
  CHECK(check_recv(ends[1], buffer, sizeof buffer, 0) > 5 && buffer[0] == 22 && buffer[1] == 3);
  close(ends[1]);
  CHECK(rredis_tls_read(tls, buffer, sizeof buffer, &len, &err) == RREDIS_ERR_CONNECT);
  rredis_tls_free(tls);
  close(ends[0]);
}

// A child of fork has the keys of its parent, and may only free.
static void forked(void) {
  rredis_error err;
  char buffer[64];
  size_t len;
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  rredis_tls *tls = made(pollable(ends[0]), check_options_tcp());
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK_FAILS(rredis_tls_read(tls, buffer, sizeof buffer, &len, &err), err, RREDIS_ERR_FORKED, RREDIS_OUTCOME_NONE);
    CHECK_FAILS(rredis_tls_write(tls, "PING\r\n", 6, &len, &err), err, RREDIS_ERR_FORKED, RREDIS_OUTCOME_NONE);
    rredis_tls_free(tls);
    _exit(0);
  }
  CHECK(check_waited(child) == 0);
  // Nothing was sent by the child, and the parent goes on.
  CHECK(check_recv(ends[1], buffer, sizeof buffer, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  CHECK(rredis_tls_write(tls, "PING\r\n", 6, &len, &err) == RREDIS_ERR_AGAIN);
  CHECK(check_recv(ends[1], buffer, sizeof buffer, 0) > 5 && buffer[0] == 22);
  rredis_tls_free(tls);
  close(ends[0]);
  close(ends[1]);
}

// A large buffer costs nothing while nothing comes.
static void large_buffer(void) {
  enum { LARGE = 1 << 20 };
  rredis_error err;
  size_t len;
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  rredis_tls *tls = made(pollable(ends[0]), check_options_tcp());
  char *buffer = malloc(LARGE);
  CHECK(buffer != NULL);
  memset(buffer, 'x', LARGE);
  CHECK(rredis_tls_read(tls, buffer, LARGE, &len, &err) == RREDIS_ERR_AGAIN);
  for (size_t i = 65536; i < LARGE; i++) CHECK(buffer[i] == 'x');
  free(buffer);
  rredis_tls_free(tls);
  close(ends[0]);
  close(ends[1]);
}

static void arguments(void) {
  rredis_error err;
  rredis_tls *tls;
  size_t len;
  char byte = 'x';
  int ends[2];
  CHECK_FAILS(rredis_tls_new(NULL, -1, &tls, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_tls_new(NULL, 0, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_TLS_CA_FILE, "/nowhere.pem", 12, &err), err);
  CHECK_FAILS(rredis_tls_new(options, 0, &tls, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  rredis_options_free(options);
  // Options that say that there is no TLS are refused by that name, and not by one that the program never set.
  options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_TLS, 0);
  CHECK_FAILS(rredis_tls_new(options, 0, &tls, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "tls=false");
  CHECK_OK(rredis_options_set_url(options, "redis://localhost", 17, &err), err);
  CHECK_FAILS(rredis_tls_new(options, 0, &tls, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "redis://");
  rredis_options_free(options);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  tls = made(pollable(ends[0]), check_options_tcp());
  CHECK_FAILS(rredis_tls_read(tls, NULL, 1, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_tls_read(tls, &byte, 0, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_tls_read(tls, &byte, 1, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_tls_write(tls, NULL, 1, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_tls_write(tls, &byte, 0, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_tls_write(NULL, &byte, 1, &len, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(rredis_tls_wants(NULL) == 0);
  rredis_tls_free(tls);
  rredis_tls_free(NULL);
  close(ends[0]);
  close(ends[1]);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  plain_peer();
  silent_peer();
  forked();
  large_buffer();
  arguments();
  return 0;
}
