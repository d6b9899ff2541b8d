// A host that does nothing about SIGPIPE, and a peer that resets in the middle of commands and between them, on TCP and
// on a Unix socket. Every one of its failures is a status; the process is never ended by the signal, and its handling of
// it is as it was.
#include "calls.h"

#include <sys/un.h>

static int listen_tcp(int *port) {
  struct sockaddr_in address;
  socklen_t len = sizeof address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 16) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
  *port = ntohs(address.sin_port);
  return fd;
}

static int listen_unix(char *path, size_t path_len) {
  struct sockaddr_un address;
  memset(&address, 0, sizeof address);
  address.sun_family = AF_UNIX;
  snprintf(path, path_len, "/tmp/rredis-sigpipe-%d", (int)getpid());
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0);
  return fd;
}

static void reset(int fd) {
  struct linger hard = {1, 0};   // on TCP: RST, and whatever was unread is lost
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

static void say(int fd, const char *bytes) { CHECK(check_send_all(fd, bytes, strlen(bytes)) || errno != EINVAL); }

// Answers the handshake, and resets as soon as it has read some of a SET; ECHO is answered and then the peer is gone.
static void serve(int fd) {
  char bytes[4096 + 1];
  for (;;) {
    ssize_t len = check_recv(fd, bytes, sizeof bytes - 1, 0);
    if (len <= 0) break;
    bytes[len] = 0;
    if (strstr(bytes, "\r\nSET\r\n")) break;
    for (char *command = bytes; command; command = strstr(command + 1, "\n*")) {
      char *name = strchr(command + 1, '$');
      if (name && strstr(name, "\r\nHELLO\r\n") == strchr(name, '\r')) {
        say(fd, "%3\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:3\r\n");
      } else {
        say(fd, "+OK\r\n");
      }
    }
    if (strstr(bytes, "\r\nECHO\r\n")) {
      check_sleep_ms(1);
      break;
    }
  }
  reset(fd);
}

static void peer(int tcp, int local) {
  for (;;) {
    struct pollfd ready[2] = {{tcp, POLLIN, 0}, {local, POLLIN, 0}};
    CHECK(check_poll(ready, 2, -1) > 0);
    for (int i = 0; i < 2; i++) {
      if (ready[i].revents) serve(check_accept(ready[i].fd));
    }
  }
}

static void broken(rredis_status status, const rredis_error *err) {
  if (status == RREDIS_ERR_IO || status == RREDIS_ERR_CONNECT) return;
  check_failed(__FILE__, __LINE__, "a connection that broke is IO or CONNECT", err);
}

static void suffer(const rredis_client *client, const char *big, size_t big_len) {
  rredis_error err;
  rredis_reply *reply = NULL;
  const char *argv[] = {"SET", "k", big};
  const size_t lens[] = {3, 1, big_len};
  const size_t small_lens[] = {3, 1, 10};
  for (int i = 0; i < 10; i++) {
    // Reset while megabytes are still to be written, and right after a little.
    broken(rredis_client_command_with(client, 3, argv, lens, RREDIS_CALL_NO_RETRY, 0, NULL, &reply, &err), &err);
    broken(rredis_client_command_with(client, 3, argv, small_lens, RREDIS_CALL_NO_RETRY, 0, NULL, &reply, &err), &err);

    // Answered, and then gone: the next command finds the connection dead, and is written to another or fails.
    rredis_status status = rredis_client_command(client, ARGS("ECHO", "x"), &reply, &err);
    if (status == RREDIS_OK) rredis_reply_free(reply);
    else broken(status, &err);

    // One command after the other into a connection that is no more.
    rredis_conn *conn = NULL;
    if (rredis_conn_new(client, &conn, &err) != RREDIS_OK) continue;
    for (int j = 0; j < 50 && (status = rredis_conn_send(conn, 3, argv, small_lens, &err)) == RREDIS_OK; j++) check_sleep_ms(1);
    CHECK(status == RREDIS_ERR_IO || status == RREDIS_ERR_STATE || status == RREDIS_ERR_CONNECT);
    CHECK(rredis_conn_send(conn, 3, argv, small_lens, &err) != RREDIS_OK);
    rredis_conn_free(conn);
    reply = NULL;
  }
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  char path[64];
  int port, tcp = listen_tcp(&port), local = listen_unix(path, sizeof path);
  pid_t child = fork();
  if (child == 0) peer(tcp, local);
  close(tcp);
  close(local);
  check_port = port;
  check_path = path;

  struct sigaction before, after;
  sigaction(SIGPIPE, NULL, &before);
  CHECK(before.sa_handler == SIG_DFL);

  size_t big_len = 8 << 20;
  char *big = calloc(1, big_len);
  for (int protocol = 2; protocol < 4; protocol++) {
    rredis_options *tcp_options = check_options_tcp(), *unix_options = check_options_unix();
    check_set_int(tcp_options, RREDIS_OPTION_PROTOCOL, protocol);
    check_set_int(unix_options, RREDIS_OPTION_PROTOCOL, protocol);
    rredis_client *over_tcp = check_client(tcp_options), *over_unix = check_client(unix_options);
    suffer(over_tcp, big, big_len);
    suffer(over_unix, big, big_len);
    rredis_client_free(over_tcp);
    rredis_client_free(over_unix);
  }
  free(big);

  sigset_t mask, pending;
  sigaction(SIGPIPE, NULL, &after);
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  sigpending(&pending);
  CHECK(after.sa_handler == SIG_DFL && !sigismember(&mask, SIGPIPE) && !sigismember(&pending, SIGPIPE));

  kill(child, SIGKILL);
  check_waited(child);
  unlink(path);
  return 0;
}
