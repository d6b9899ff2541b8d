// What a program with an event loop relies on that was written for hiredis: async HOST PORT SOCKET. On libevent. Prints nothing
// unless it fails.
#include <hiredis/adapters/libevent.h>
#include <hiredis/hiredis.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                     \
      exit(1);                                                                            \
    }                                                                                     \
  } while (0)

static struct event_base *base;
static const char *host, *path;
static int port;

// What happened, a word each.
static char log_[4096];
static void note(const char *word) { strncat(strncat(log_, log_[0] ? " " : "", sizeof log_ - strlen(log_) - 1), word, sizeof log_ - strlen(log_) - 1); }
static void happened(const char *wanted) {
  event_base_dispatch(base);
  if (strcmp(log_, wanted) != 0) fprintf(stderr, "happened: %s\n  wanted: %s\n", log_, wanted);
  CHECK(strcmp(log_, wanted) == 0);
  log_[0] = '\0';
}

static void on_connect(const redisAsyncContext *ac, int status) {
  CHECK((status == REDIS_OK) == (ac->err == 0));
  note(status == REDIS_OK ? "connected" : "unreachable");
}
static void on_disconnect(const redisAsyncContext *ac, int status) {
  CHECK(status == REDIS_OK || ac->err != 0);
  note(status == REDIS_OK ? "over" : "lost");
}

static redisAsyncContext *watched(redisAsyncContext *ac) {
  CHECK(ac != NULL);
  if (ac->err) fprintf(stderr, "%s\n", ac->errstr);
  CHECK(ac->err == 0 && redisLibeventAttach(ac, base) == REDIS_OK && redisLibeventAttach(ac, base) == REDIS_ERR);
  CHECK(redisAsyncSetConnectCallback(ac, on_connect) == REDIS_OK && redisAsyncSetConnectCallback(ac, on_connect) == REDIS_ERR);
  CHECK(redisAsyncSetDisconnectCallback(ac, on_disconnect) == REDIS_OK);
  return ac;
}
static redisAsyncContext *connected_to_host(void) { return watched(redisAsyncConnect(host, port)); }

// Notes its word and the reply.
static void on_reply(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = given;
  char text[200];
  (void)ac;
  if (reply == NULL) snprintf(text, sizeof text, "%s:none", (char *)privdata);
  else if (reply->type == REDIS_REPLY_INTEGER) snprintf(text, sizeof text, "%s:%lld", (char *)privdata, reply->integer);
  else if (reply->str != NULL) snprintf(text, sizeof text, "%s:%.40s", (char *)privdata, reply->str);
  else if (reply->type == REDIS_REPLY_NIL) snprintf(text, sizeof text, "%s:nil", (char *)privdata);
  else if (reply->elements >= 3) {
    const redisReply *last = reply->element[2];
    snprintf(text, sizeof text, "%s:%s/%s/%s%.0lld", (char *)privdata, reply->element[0]->str, reply->element[1]->str ? reply->element[1]->str : "nil",
             last->str ? last->str : last->integer ? "" : "0", last->integer);
  } else snprintf(text, sizeof text, "%s:list", (char *)privdata);
  note(text);
}
static void then_disconnect(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
  redisAsyncDisconnect(ac);
}
static void then_free(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
  if (reply != NULL) redisAsyncFree(ac);
}

static void commands(void) {
  redisAsyncContext *ac = connected_to_host();
  CHECK(redisAsyncCommand(ac, NULL, NULL, "FLUSHALL") == REDIS_OK);
  // What changes the connection is the program's affair.
  CHECK(redisAsyncCommand(ac, on_reply, "select", "SELECT %d", 1) == REDIS_OK);
  CHECK(redisAsyncCommand(ac, on_reply, "set", "SET key %b", "value", (size_t)5) == REDIS_OK);
  CHECK(redisAsyncCommandArgv(ac, on_reply, "get", 2, (const char *[]){"GET", "key"}, NULL) == REDIS_OK);
  CHECK(redisAsyncFormattedCommand(ac, on_reply, "incr", "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n", 21) == REDIS_OK);
  CHECK(redisAsyncFormattedCommand(ac, on_reply, "no", "*2\r\n$4\r\nINCR\r\n$1\r\n", 18) == REDIS_ERR);
  CHECK(redisAsyncCommand(ac, on_reply, "no", "GET %y", 1) == REDIS_ERR);
  CHECK(redisAsyncCommand(ac, on_reply, "wrong", "INCR key") == REDIS_OK);
  redisAsyncDisconnect(ac);
  CHECK(redisAsyncCommand(ac, on_reply, "no", "PING") == REDIS_ERR);
  happened("connected select:OK set:OK get:value incr:1 wrong:ERR value is not an integer or out of ra over");

  ac = watched(redisAsyncConnectUnix(path));
  for (int i = 0; i < 5000; i++) CHECK(redisAsyncCommand(ac, NULL, NULL, "RPUSH list %0100d", i) == REDIS_OK);
  CHECK(redisAsyncCommand(ac, then_disconnect, "len", "LLEN list") == REDIS_OK);
  happened("connected len:5000 over");
}

static void ends(void) {
  redisAsyncContext *ac = watched(redisAsyncConnect("127.0.0.1", 1));
  CHECK(redisAsyncCommand(ac, on_reply, "ping", "PING") == REDIS_OK);
  happened("unreachable ping:none");

  // Freed in a callback, and outside of one.
  ac = connected_to_host();
  CHECK(redisAsyncCommand(ac, then_free, "one", "PING") == REDIS_OK && redisAsyncCommand(ac, then_free, "two", "PING") == REDIS_OK);
  happened("connected one:PONG two:none over");
  ac = connected_to_host();
  CHECK(redisAsyncCommand(ac, on_reply, "one", "PING") == REDIS_OK);
  redisAsyncFree(ac);
  happened("one:none");

  // The server hangs up.
  ac = connected_to_host();
  CHECK(redisAsyncCommand(ac, on_reply, "pop", "BLPOP nolist 0") == REDIS_OK);
  CHECK(redisAsyncCommand(ac, on_reply, "ping", "PING") == REDIS_OK);
  redisAsyncContext *other = connected_to_host();
  CHECK(redisAsyncCommand(other, NULL, NULL, "CLIENT PAUSE 50 WRITE") == REDIS_OK);
  CHECK(redisAsyncCommand(other, then_disconnect, "kill", "CLIENT KILL TYPE normal") == REDIS_OK);
  event_base_dispatch(base);
  CHECK(strstr(log_, "pop:none ping:none lost") != NULL && strstr(log_, "kill:1 over") != NULL);
  log_[0] = '\0';

  // The time is up.
  redisOptions options = {0};
  struct timeval time = {.tv_usec = 50000};
  REDIS_OPTIONS_SET_TCP(&options, host, port);
  options.command_timeout = &time;
  ac = watched(redisAsyncConnectWithOptions(&options));
  CHECK(redisAsyncCommand(ac, on_reply, "pop", "BLPOP nolist 0") == REDIS_OK);
  happened("connected pop:none lost");
}

static redisAsyncContext *subscriber;
static void publish_next(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
}
static void on_message(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = given;
  on_reply(ac, given, privdata);
  if (reply == NULL) return;
  const char *kind = reply->element[0]->str;
  if (strcmp(kind, "psubscribe") == 0) {
    redisAsyncContext *publisher = redisAsyncConnect(host, port);
    redisLibeventAttach(publisher, base);
    redisAsyncCommand(publisher, publish_next, "publish", "PUBLISH ch %s", "hello");
    redisAsyncDisconnect(publisher);
  }
  if (strcmp(kind, "pmessage") == 0) {
    CHECK(redisAsyncCommand(ac, NULL, NULL, "UNSUBSCRIBE") == REDIS_OK && redisAsyncCommand(ac, NULL, NULL, "PUNSUBSCRIBE c*") == REDIS_OK);
  }
  if (strcmp(kind, "punsubscribe") == 0) CHECK(redisAsyncCommand(ac, then_disconnect, "get", "GET nokey") == REDIS_OK);
}

static void messages(void) {
  subscriber = connected_to_host();
  CHECK(redisAsyncCommand(subscriber, on_reply, "before", "GET nokey") == REDIS_OK);
  CHECK(redisAsyncCommand(subscriber, on_message, "ch", "SUBSCRIBE ch") == REDIS_OK);
  CHECK(redisAsyncCommand(subscriber, on_message, "c*", "PSUBSCRIBE c*") == REDIS_OK);
  event_base_dispatch(base);
  CHECK(strstr(log_, "publish:2") != NULL);
  const char *in_order[] = {"connected before:nil ch:subscribe/ch/1 c*:psubscribe/c*/2", "ch:message/ch/hello c*:pmessage/c*/ch",
                            "ch:unsubscribe/ch/1 c*:punsubscribe/c*/0 get:nil over"};
  const char *at = log_;
  for (size_t i = 0; i < 3; i++) {
    if ((at = strstr(at, in_order[i])) == NULL) fprintf(stderr, "%s\nhas no %s\n", log_, in_order[i]);
    CHECK(at != NULL);
  }
  log_[0] = '\0';
}

// ---- Who frees what -----------------------------------------------------------------------

static void on_own_reply(redisAsyncContext *ac, void *given, void *privdata) {
  on_reply(ac, given, privdata);
  if (given != NULL && (ac->c.flags & REDIS_NO_AUTO_FREE_REPLIES)) freeReplyObject(given);
}

static int connected_socket(void) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
  return fd;
}

static void on_disconnect_end_again(const redisAsyncContext *ac, int status) {
  on_disconnect(ac, status);
  redisAsyncDisconnect((redisAsyncContext *)ac);
  redisAsyncFree((redisAsyncContext *)ac);
}
static void end_again(void *data) {
  redisAsyncDisconnect(data);
  redisAsyncFree(data);
  note("cleaned");
}

// Who is told of the end may ask for it.
static void ended_twice(void) {
  redisAsyncContext *ac = redisAsyncConnect(host, port);
  CHECK(ac != NULL && ac->err == 0 && redisLibeventAttach(ac, base) == REDIS_OK);
  CHECK(redisAsyncSetDisconnectCallback(ac, on_disconnect_end_again) == REDIS_OK);
  ac->data = ac;
  ac->dataCleanup = end_again;
  CHECK(redisAsyncCommand(ac, on_reply, "ping", "PING") == REDIS_OK);
  redisAsyncDisconnect(ac);
  happened("ping:PONG over cleaned");
}

static int bound(struct sockaddr_in *at) {
  socklen_t size = sizeof *at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(fd, (struct sockaddr *)at, size) == 0 && getsockname(fd, (struct sockaddr *)at, &size) == 0);
  return fd;
}

// A host that answers no connect, and a reply that comes later than a connect may.
static void connects_in_time(void) {
  struct timeval brief = {.tv_usec = 100000};
  struct sockaddr_in at;
  int fd = bound(&at), full[4];
  CHECK(listen(fd, 0) == 0);
  for (size_t i = 0; i < sizeof full / sizeof *full; i++) {
    full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    (void)!connect(full[i], (struct sockaddr *)&at, sizeof at);
  }
  redisOptions o = {.type = REDIS_CONN_TCP, .connect_timeout = &brief, .endpoint.tcp = {.ip = "127.0.0.1", .port = ntohs(at.sin_port)}};
  redisAsyncContext *ac = watched(redisAsyncConnectWithOptions(&o));
  CHECK(redisAsyncCommand(ac, on_reply, "ping", "PING") == REDIS_OK);
  happened("unreachable ping:none");
  for (size_t i = 0; i < sizeof full / sizeof *full; i++) close(full[i]);
  close(fd);

  o.endpoint.tcp.ip = host;
  o.endpoint.tcp.port = port;
  ac = watched(redisAsyncConnectWithOptions(&o));
  CHECK(redisAsyncCommand(ac, then_disconnect, "none", "BLPOP nothing 0.3") == REDIS_OK);
  happened("connected none:nil over");
}

// A server of IPv4 alone, by a name that may have an address of IPv6 too.
static void by_name(void) {
  for (int i = 0; i < 2; i++) {
    redisOptions o = {.type = REDIS_CONN_TCP, .options = i ? REDIS_OPT_PREFER_IPV4 : 0, .endpoint.tcp = {.ip = "localhost", .port = port}};
    redisAsyncContext *ac = watched(redisAsyncConnectWithOptions(&o));
    CHECK(redisAsyncCommand(ac, then_disconnect, "ping", "PING") == REDIS_OK);
    happened("connected ping:PONG over");
  }
}

static void owned(void) {
  // The program frees its replies, and a context that is lost.
  redisOptions o = {.type = REDIS_CONN_TCP, .options = REDIS_OPT_NOAUTOFREE | REDIS_OPT_NOAUTOFREEREPLIES, .endpoint.tcp = {.ip = host, .port = port}};
  redisAsyncContext *ac = watched(redisAsyncConnectWithOptions(&o));
  CHECK((ac->c.flags & REDIS_NO_AUTO_FREE) && (ac->c.flags & REDIS_NO_AUTO_FREE_REPLIES));
  CHECK(redisAsyncCommand(ac, on_own_reply, "echo", "ECHO mine") == REDIS_OK && redisAsyncCommand(ac, on_own_reply, "quit", "QUIT") == REDIS_OK);
  CHECK(redisAsyncCommand(ac, on_own_reply, "late", "PING") == REDIS_OK);
  happened("connected echo:mine quit:OK");
  CHECK(ac->err == REDIS_ERR_EOF && ac->c.err == REDIS_ERR_EOF && redisAsyncCommand(ac, on_own_reply, "no", "PING") == REDIS_ERR);
  redisAsyncFree(ac);
  happened("late:none over");
  // Lost, and then ended: it frees itself.
  ac = watched(redisAsyncConnectWithOptions(&o));
  CHECK(redisAsyncCommand(ac, on_own_reply, "quit", "QUIT") == REDIS_OK && redisAsyncCommand(ac, on_own_reply, "late", "PING") == REDIS_OK);
  happened("connected quit:OK");
  redisAsyncDisconnect(ac);
  happened("late:none lost");

  // Where it asks for the end itself, the context frees itself.
  ac = watched(redisAsyncConnectWithOptions(&o));
  CHECK(redisAsyncCommand(ac, on_own_reply, "ping", "PING") == REDIS_OK);
  redisAsyncDisconnect(ac);
  happened("connected ping:PONG over");

  // A socket of the program's, which the context takes over.
  redisOptions of_socket = {.type = REDIS_CONN_USERFD, .endpoint.fd = connected_socket()};
  ac = watched(redisAsyncConnectWithOptions(&of_socket));
  CHECK(ac->c.fd == of_socket.endpoint.fd);
  CHECK(redisAsyncCommand(ac, then_disconnect, "ping", "PING") == REDIS_OK);
  happened("connected ping:PONG over");
  CHECK(fcntl(of_socket.endpoint.fd, F_GETFD) < 0);
}

static const char *last_command;
static void on_last(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = given;
  on_reply(ac, given, privdata);
  if (reply == NULL || reply->element[2]->integer != 2) return;
  CHECK(redisAsyncCommand(ac, then_disconnect, "not called", last_command) == REDIS_OK);
  CHECK(redisAsyncCommand(ac, then_disconnect, "not called", "PUNSUBSCRIBE") == REDIS_OK);
  CHECK(redisAsyncCommand(ac, then_disconnect, "echo", "ECHO behind") == REDIS_OK);
}

// Each confirmation is one, whether its topic is subscribed or not, and a command behind them is answered by none of them.
static void confirmations(const char *protocol) {
  const char *last[] = {"UNSUBSCRIBE b x a a z", "UNSUBSCRIBE"};
  for (size_t i = 0; i < 2; i++) {
    last_command = last[i];
    redisAsyncContext *ac = connected_to_host();
    CHECK(redisAsyncCommand(ac, NULL, NULL, "HELLO %s", protocol) == REDIS_OK && redisAsyncCommand(ac, on_last, "on", "SUBSCRIBE a b") == REDIS_OK);
    event_base_dispatch(base);
    const char *begin = "connected on:subscribe/a/1 on:subscribe/b/2 on:unsubscribe/", *end = "/0 echo:behind over";
    size_t len = strlen(log_);
    if (strncmp(log_, begin, strlen(begin)) != 0 || len < strlen(end) || strcmp(log_ + len - strlen(end), end) != 0) fprintf(stderr, "%s\n", log_);
    CHECK(strncmp(log_, begin, strlen(begin)) == 0 && len > strlen(end) && strcmp(log_ + len - strlen(end), end) == 0);
    CHECK(strstr(log_, "unsubscribe/a/") != NULL && strstr(log_, "unsubscribe/b/") != NULL);
    log_[0] = '\0';
  }
}

static void on_push(redisAsyncContext *ac, void *given) {
  redisReply *push = given;
  (void)ac;
  CHECK(push->type == REDIS_REPLY_PUSH && strcmp(push->element[0]->str, "invalidate") == 0);
  note("push");
}

static void resp3(void) {
  redisAsyncContext *ac = connected_to_host();
  CHECK(redisAsyncSetPushCallback(ac, on_push) == NULL);
  CHECK(redisAsyncCommand(ac, NULL, NULL, "HELLO 3") == REDIS_OK && redisAsyncCommand(ac, NULL, NULL, "CLIENT TRACKING on") == REDIS_OK);
  CHECK(redisAsyncCommand(ac, on_reply, "ch", "SUBSCRIBE ch") == REDIS_OK);
  // Commands go beside subscriptions there.
  CHECK(redisAsyncCommand(ac, on_reply, "get", "GET tracked") == REDIS_OK && redisAsyncCommand(ac, on_reply, "set", "SET tracked x") == REDIS_OK);
  CHECK(redisAsyncCommand(ac, then_free, "ping", "PING") == REDIS_OK);
  event_base_dispatch(base);
  CHECK(strstr(log_, "connected ch:subscribe/ch/1 get:nil") != NULL && strstr(log_, "set:OK") != NULL && strstr(log_, "push") != NULL);
  CHECK(strstr(log_, "ping:PONG ch:none over") != NULL);
  log_[0] = '\0';
}

static int lines;
static void on_line(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = given;
  (void)privdata;
  if (reply != NULL && ++lines == 2) {
    CHECK(strstr(reply->str, "\"ECHO\" \"seen\"") != NULL);
    redisAsyncDisconnect(ac);
  }
  if (lines == 1) {
    redisContext *other = redisConnect(host, port);
    freeReplyObject(redisCommand(other, "ECHO seen"));
    redisFree(other);
  }
}

static void monitored(void) {
  redisAsyncContext *ac = connected_to_host();
  CHECK(redisAsyncCommand(ac, on_line, NULL, "MONITOR") == REDIS_OK);
  happened("connected over");
  CHECK(lines >= 2);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  host = argv[1];
  port = atoi(argv[2]);
  path = argv[3];
  base = event_base_new();
  commands();
  ends();
  messages();
  owned();
  ended_twice();
  connects_in_time();
  by_name();
  confirmations("2");
  confirmations("3");
  resp3();
  monitored();
  event_base_free(base);
  return 0;
}
