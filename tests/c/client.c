// Clients: the four combinations of the mission, binary values, flags, failures with the fate of their command, threads.
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

static rredis_status command(const rredis_client *client, uint32_t flags, rredis_error *err, size_t argc,
    const char *const *argv, const size_t *argv_len) {
  rredis_reply *reply = (rredis_reply *)err;   // must be left as it was by a failure
  rredis_status status = rredis_client_command_with(client, argc, argv, argv_len, flags, 0, NULL, &reply, err);
  if (status == RREDIS_OK) rredis_reply_free(reply);
  else CHECK(reply == (rredis_reply *)err);
  return status;
}

// What every client can do, whichever way it reaches its server.
static void ordinary(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_client_command(client, ARGS("PING"), &reply, &err), err);
  rredis_reply_free(reply);

  check_do(client, ARGS("SET", "c:client:foo", "bar"));
  check_value(client, "c:client:foo", "bar", 3);

  // A key and a value of any bytes, NULs among them.
  char *bytes = check_bytes(300000);
  const char *argv[] = {"SET", "c:client:\0bin", bytes};
  const size_t argv_len[] = {3, 13, 300000};
  check_do(client, 3, argv, argv_len);
  const char *get[] = {"GET", "c:client:\0bin"};
  CHECK_OK(rredis_client_command(client, 2, get, argv_len, &reply, &err), err);
  CHECK(reply->len == 300000 && memcmp(reply->str, bytes, 300000) == 0 && reply->str[300000] == 0);
  rredis_reply_free(reply);
  free(bytes);

  reply = check_ask(client, ARGS("GET", "c:client:absent"));
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);

  // The one server is a primary.
  CHECK_OK(rredis_client_servers(client, &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 1 && reply->elements[0].kind == RREDIS_REPLY_MAP);
  CHECK(strcmp(rredis_reply_find(&reply->elements[0], "role", 4)->str, "primary") == 0);
  CHECK(rredis_reply_find(&reply->elements[0], "of", 2)->kind == RREDIS_REPLY_NULL);
  CHECK(rredis_reply_find(&reply->elements[0], "connections", 11)->integer >= 1);

  // A client for it, by its endpoint or by any key, is like this one.
  const rredis_reply *endpoint = rredis_reply_find(&reply->elements[0], "endpoint", 8);
  rredis_client *at = NULL;
  CHECK_OK(rredis_client_new_at(client, RREDIS_TARGET_SERVER, endpoint->str, endpoint->len, &at, &err), err);
  check_do(at, ARGS("PING"));
  rredis_client_free(at);
  CHECK_OK(rredis_client_new_at(client, RREDIS_TARGET_KEY, "key", 3, &at, &err), err);
  check_do(at, ARGS("PING"));
  rredis_client_free(at);
  CHECK_FAILS(rredis_client_new_at(client, RREDIS_TARGET_SERVER, "nowhere:1", 9, &at, &err), err, RREDIS_ERR_ARGUMENT,
              RREDIS_OUTCOME_NONE);
  rredis_reply_free(reply);

  // A server's error is the failure, in the server's words.
  check_do(client, ARGS("DEL", "c:client:list"));
  check_do(client, ARGS("RPUSH", "c:client:list", "a", "b"));
  CHECK_FAILS(command(client, 0, &err, ARGS("INCR", "c:client:list")), err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_REFUSED);
  CHECK(strncmp(err.message, "WRONGTYPE ", 10) == 0);
  CHECK(err.attempts == 1);
  check_do(client, ARGS("PING"));
}

static void four_combinations(void) {
  for (int on_pool = 0; on_pool < 2; on_pool++) {
    for (int over_unix = 0; over_unix < 2; over_unix++) {
      for (int protocol = 2; protocol < 4; protocol++) {
        rredis_error err;
        rredis_options *options = over_unix ? check_options_unix() : check_options_tcp();
        check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
        rredis_client *client = NULL;
        rredis_pool *pool = NULL;
        if (on_pool) {
          CHECK_OK(rredis_pool_new(options, &pool, &err), err);
          CHECK_OK(rredis_client_new_on(pool, NULL, &client, &err), err);
        } else {
          CHECK_OK(rredis_client_new(options, &client, &err), err);
        }
        rredis_options_free(options);
        ordinary(client);
        CHECK(strcmp(rredis_client_parser(client), "fast") == 0);
        rredis_pool_free(pool);
        rredis_client_free(client);
      }
    }
  }
}

static void flags(const rredis_client *client) {
  rredis_error err;
  rredis_reply *reply = NULL;

  // A server's error as a reply, whole.
  CHECK_OK(rredis_client_command_with(client, ARGS("INCR", "c:client:list"), RREDIS_CALL_ERROR_REPLY, 0, NULL, &reply, &err), err);
  CHECK(reply->kind == RREDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE ", 10) == 0);
  rredis_reply_free(reply);

  // A bit that is none is refused before anything is sent.
  CHECK_FAILS(command(client, 0x40000000, &err, ARGS("PING")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);

  // A time of its own for one call; the next is as good as before.
  reply = (rredis_reply *)&err;
  int64_t before = check_now_ms();
  CHECK_FAILS(rredis_client_command_with(client, ARGS("BLPOP", "c:client:never", "0"), RREDIS_CALL_TIMEOUT, 150, NULL, &reply, &err),
      err, RREDIS_ERR_TIMEOUT, RREDIS_OUTCOME_UNKNOWN);
  int64_t took = check_now_ms() - before;
  CHECK(took >= 140 && took < 3000 && reply == (rredis_reply *)&err);
  check_do(client, ARGS("PING"));
  check_value(client, "c:client:foo", "bar", 3);
  CHECK(rredis_client_stat(client, RREDIS_STAT_TIMEOUTS) == 1 || rredis_client_stat(client, RREDIS_STAT_TIMEOUTS) == -1);
  CHECK(rredis_client_stat(client, (rredis_stat)4711) == -1);
  CHECK(rredis_client_stat(NULL, RREDIS_STAT_COMMANDS) == -1);
}

// What would change a connection that others will use.
static void refused(const rredis_client *client) {
  rredis_error err;
  CHECK_FAILS(command(client, 0, &err, ARGS("SELECT", "3")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_SAYS(err, "the option database");
  CHECK_SAYS(err, "SELECT");
  CHECK_FAILS(command(client, 0, &err, ARGS("sElEcT", "3")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(command(client, 0, &err, ARGS("MULTI")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(command(client, 0, &err, ARGS("WATCH", "k")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(command(client, 0, &err, ARGS("subscribe", "k")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(command(client, 0, &err, ARGS("client", "reply", "off")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(command(client, 0, &err, ARGS("MONITOR")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(command(client, 0, &err, ARGS("RESET")), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);

  // An error of a script tells nothing of what the script did before it.
  CHECK_FAILS(command(client, 0, &err, ARGS("EVAL", "redis.call('SET', KEYS[1], 'x'); return redis.error_reply('ERR after')", "1", "c:client:s")),
      err, RREDIS_ERR_SERVER, RREDIS_OUTCOME_UNKNOWN);
  CHECK_SAYS(err, "ERR after");
}

static void unreachable(void) {
  rredis_error err;

  // A port that nobody listens on: one that is bound, and not listened on.
  int closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t address_len = sizeof address;
  CHECK(bind(closed, (struct sockaddr *)&address, address_len) == 0);
  CHECK(getsockname(closed, (struct sockaddr *)&address, &address_len) == 0);
  rredis_options *options = rredis_options_new();
  check_set_int(options, RREDIS_OPTION_PORT, ntohs(address.sin_port));
  rredis_client *client = check_client(options);   // connects to nothing yet
  CHECK_FAILS(command(client, 0, &err, ARGS("PING")), err, RREDIS_ERR_CONNECT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(err.os_error == ECONNREFUSED);
  char port[16];
  snprintf(port, sizeof port, "127.0.0.1:%d", ntohs(address.sin_port));
  CHECK_SAYS(err, port);
  rredis_client_free(client);
  close(closed);

  // A socket that is not there: the path, the system's words, and a hint.
  options = rredis_options_new();
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, "/nonexistent/redis.sock", 23, &err), err);
  client = check_client(options);
  CHECK_FAILS(command(client, 0, &err, ARGS("PING")), err, RREDIS_ERR_CONNECT, RREDIS_OUTCOME_NOT_SENT);
  CHECK(err.os_error == ENOENT);
  CHECK_SAYS(err, "/nonexistent/redis.sock");
  CHECK_SAYS(err, "unixsocket");
  rredis_client_free(client);
  rredis_client_free(NULL);
}

static _Atomic int waits_over;

static void *waits(void *shared) {
  const rredis_client *client = shared;
  rredis_error err;
  CHECK(command(client, 0, &err, ARGS("BLPOP", "c:client:nothing", "0")) == RREDIS_ERR_WOKEN);
  CHECK_SAYS(err, "another thread");
  waits_over = 1;
  return NULL;
}

static void woken(const rredis_client *client) {
  CHECK(rredis_client_wake(client, NULL) == 0);  // nobody waits
  CHECK(rredis_client_wake(NULL, NULL) == 0);
  pthread_t thread;
  int other;
  waits_over = 0;
  CHECK(pthread_create(&thread, NULL, waits, (void *)client) == 0);
  errno = 77;
  while (!waits_over) {
    CHECK(rredis_client_wake(client, &other) == 0);
    rredis_client_wake(client, NULL);
  }
  CHECK(errno == 77);
  pthread_join(thread, NULL);
  check_do(client, ARGS("PING"));
}

static void *mixed(void *shared) {
  const rredis_client *client = shared;
  char key[64], value[128];
  snprintf(key, sizeof key, "c:client:thread:%lu", (unsigned long)pthread_self());
  for (int i = 0; i < 300; i++) {
    snprintf(value, sizeof value, "%s=%d", key, i);
    check_do(client, ARGS("SET", key, value));
    check_value(client, key, value, strlen(value));
    rredis_error err;
    if (i % 7 == 0) CHECK(command(client, 0, &err, ARGS("LPUSH", key, "x")) == RREDIS_ERR_SERVER);
  }
  return NULL;
}

static void eight_threads(const rredis_client *client) {
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, mixed, (void *)client) == 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  four_combinations();
  rredis_client *client = check_client(check_options_tcp());
  ordinary(client);
  flags(client);
  refused(client);
  eight_threads(client);
  woken(client);
  rredis_client_free(client);

  rredis_options *simple = check_options_unix();
  check_set_int(simple, RREDIS_OPTION_PARSER, RREDIS_PARSER_SIMPLE);
  client = check_client(simple);
  ordinary(client);
  CHECK(strcmp(rredis_client_parser(client), "simple") == 0);
  rredis_client_free(client);
  unreachable();
  return 0;
}
