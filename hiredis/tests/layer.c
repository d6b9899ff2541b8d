// What a program that was written for hiredis relies on: layer HOST PORT SOCKET. Prints nothing unless it fails.
#include <hiredis/hiredis.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static const char *host, *path;
static int port;

static redisContext *connected(void) {
  redisContext *c = redisConnectWithTimeout(host, port, (struct timeval){.tv_sec = 20});
  CHECK(c != NULL);
  if (c->err) fprintf(stderr, "%s\n", c->errstr);
  CHECK(c->err == 0 && c->fd >= 0 && (c->flags & REDIS_BLOCK) && (c->flags & REDIS_CONNECTED));
  CHECK(c->connection_type == REDIS_CONN_TCP && strcmp(c->tcp.host, host) == 0 && c->tcp.port == port);
  return c;
}

static redisReply *is(redisReply *reply, int type) {
  CHECK(reply != NULL);
  if (reply->type != type) fprintf(stderr, "type %d: %s\n", reply->type, reply->str ? reply->str : "-");
  CHECK(reply->type == type);
  return reply;
}

static void is_text(redisReply *reply, int type, const char *text) {
  is(reply, type);
  CHECK(reply->len == strlen(text) && memcmp(reply->str, text, reply->len + 1) == 0);
  freeReplyObject(reply);
}

static void is_integer(redisReply *reply, long long value) {
  CHECK(is(reply, REDIS_REPLY_INTEGER)->integer == value);
  freeReplyObject(reply);
}

// ---- Commands and replies

static void commands(redisContext *c) {
  is_text(redisCommand(c, "FLUSHALL"), REDIS_REPLY_STATUS, "OK");
  is_text(redisCommand(c, "SET %s %b", "key", "a\0b", (size_t)3), REDIS_REPLY_STATUS, "OK");
  redisReply *reply = is(redisCommand(c, "GET key"), REDIS_REPLY_STRING);
  CHECK(reply->len == 3 && memcmp(reply->str, "a\0b", 4) == 0);
  freeReplyObject(reply);
  freeReplyObject(is(redisCommand(c, "GET nokey"), REDIS_REPLY_NIL));
  is_integer(redisCommand(c, "INCRBY n %d", -17), -17);
  is_integer(redisCommand(c, "INCRBY n %lld", 1LL << 40), (1LL << 40) - 17);
  is_text(redisCommand(c, "SET  f:%08.3f%% x%c ", 3.14159, 'y'), REDIS_REPLY_STATUS, "OK");
  is_text(redisCommand(c, "GET %s", "f:0003.142%"), REDIS_REPLY_STRING, "xy");
  is_text(redisCommand(c, "SET empty %s", ""), REDIS_REPLY_STATUS, "OK");
  is_text(redisCommand(c, "GET empty"), REDIS_REPLY_STRING, "");
  const char *argv[] = {"SET", "argv", "with space"};
  is_text(redisCommandArgv(c, 3, argv, NULL), REDIS_REPLY_STATUS, "OK");
  is_text(redisCommandArgv(c, 2, (const char *[]){"GET", "argvX"}, (size_t[]){3, 4}), REDIS_REPLY_STRING, "with space");

  // A server's error is a reply, and the context goes on.
  reply = is(redisCommand(c, "INCR key"), REDIS_REPLY_ERROR);
  CHECK(strncmp(reply->str, "ERR ", 4) == 0 && c->err == 0);
  freeReplyObject(reply);

  is_integer(redisCommand(c, "RPUSH list a b c"), 3);
  reply = is(redisCommand(c, "LRANGE list 0 -1"), REDIS_REPLY_ARRAY);
  CHECK(reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING && strcmp(reply->element[2]->str, "c") == 0);
  // Each node and each text is a piece of memory of its own: what is taken out is the program's.
  char *taken = reply->element[1]->str;
  redisReply *node = reply->element[0];
  reply->element[1]->str = NULL;
  reply->element[0] = NULL;
  freeReplyObject(reply);
  CHECK(strcmp(taken, "b") == 0 && strcmp(node->str, "a") == 0);
  free(taken);
  freeReplyObject(node);

  is_text(redisCommand(c, "MULTI"), REDIS_REPLY_STATUS, "OK");
  is_text(redisCommand(c, "INCR m"), REDIS_REPLY_STATUS, "QUEUED");
  is_text(redisCommand(c, "GET nokey"), REDIS_REPLY_STATUS, "QUEUED");
  reply = is(redisCommand(c, "EXEC"), REDIS_REPLY_ARRAY);
  CHECK(reply->elements == 2 && reply->element[0]->integer == 1 && reply->element[1]->type == REDIS_REPLY_NIL);
  freeReplyObject(reply);

  // What changes the connection is the program's affair.
  is_text(redisCommand(c, "SELECT 1"), REDIS_REPLY_STATUS, "OK");
  freeReplyObject(is(redisCommand(c, "GET key"), REDIS_REPLY_NIL));
  is_text(redisCommand(c, "SELECT 0"), REDIS_REPLY_STATUS, "OK");
  freeReplyObject(NULL);
}

// What is wrong with a command is that call's failure, and the next one works.
static void refusals(redisContext *c) {
  const char *wrong[] = {"GET %y", "GET %ls", "GET %5s", "GET %lf"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(redisCommand(c, wrong[i], "x", 1.0) == NULL && c->err == REDIS_ERR_OTHER && c->errstr[0] != '\0');
    is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");
    CHECK(c->err == 0);
  }
  CHECK(redisCommand(c, "SET key %s", (char *)NULL) == NULL && c->err == REDIS_ERR_OTHER);
  CHECK(redisCommand(c, "") == NULL && c->err == REDIS_ERR_OTHER);
  CHECK(redisCommandArgv(c, 0, NULL, NULL) == NULL && c->err == REDIS_ERR_OTHER);
  CHECK(redisAppendFormattedCommand(c, "*1\r\n$4\r\nPI", 9) == REDIS_ERR && c->err == REDIS_ERR_OTHER);
  CHECK(redisAppendFormattedCommand(c, "PING\r\n", 6) == REDIS_ERR && c->err == REDIS_ERR_OTHER);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");
}

static void pipelines(redisContext *c) {
  void *reply;
  for (int i = 0; i < 1000; i++) CHECK(redisAppendCommand(c, "RPUSH pipe %d", i) == REDIS_OK);
  char *formatted;
  int len = redisFormatCommand(&formatted, "LLEN %s", "pipe");
  CHECK(len == (int)strlen("*2\r\n$4\r\nLLEN\r\n$4\r\npipe\r\n"));
  CHECK(redisAppendFormattedCommand(c, formatted, (size_t)len) == REDIS_OK);
  redisFreeCommand(formatted);
  for (int i = 1; i <= 1000; i++) {
    CHECK(redisGetReply(c, &reply) == REDIS_OK);
    is_integer(reply, i);
  }
  CHECK(redisGetReply(c, &reply) == REDIS_OK);
  is_integer(reply, 1000);

  CHECK(redisGetReplyFromReader(c, &reply) == REDIS_OK && reply == NULL);
  CHECK(redisAppendCommand(c, "PING") == REDIS_OK && redisAppendCommand(c, "PING") == REDIS_OK);
  CHECK(redisGetReply(c, NULL) == REDIS_OK && redisGetReply(c, &reply) == REDIS_OK);
  is_text(reply, REDIS_REPLY_STATUS, "PONG");
}

// ---- RESP3, pushes and messages

static int pushes;
static void on_push(void *privdata, void *reply) {
  redisReply *push = is(reply, REDIS_REPLY_PUSH);
  CHECK(strcmp(privdata, "mine") == 0 && strcmp(push->element[0]->str, "message") == 0);
  freeReplyObject(push);
  pushes++;
}

static void resp3(void) {
  redisContext *c = connected();
  c->privdata = "mine";
  redisReply *reply = is(redisCommand(c, "HELLO 2"), REDIS_REPLY_ARRAY);
  freeReplyObject(reply);
  reply = is(redisCommand(c, "HELLO 3"), REDIS_REPLY_MAP);
  CHECK(reply->elements % 2 == 0 && reply->element[0]->type == REDIS_REPLY_STRING);
  freeReplyObject(reply);
  freeReplyObject(is(redisCommand(c, "ZADD z 1.5 a"), REDIS_REPLY_INTEGER));
  reply = is(redisCommand(c, "ZSCORE z a"), REDIS_REPLY_DOUBLE);
  CHECK(reply->dval == 1.5 && strcmp(reply->str, "1.5") == 0 && reply->len == 3);
  freeReplyObject(reply);
  freeReplyObject(is(redisCommand(c, "SADD s a b"), REDIS_REPLY_INTEGER));
  freeReplyObject(is(redisCommand(c, "SMEMBERS s"), REDIS_REPLY_SET));
  reply = is(redisCommand(c, "DEBUG PROTOCOL verbatim"), REDIS_REPLY_VERB);
  CHECK(strcmp(reply->vtype, "txt") == 0 && strncmp(reply->str, "This is", 7) == 0);
  freeReplyObject(reply);
  reply = is(redisCommand(c, "DEBUG PROTOCOL true"), REDIS_REPLY_BOOL);
  CHECK(reply->integer == 1);
  freeReplyObject(reply);
  freeReplyObject(is(redisCommand(c, "DEBUG PROTOCOL bignum"), REDIS_REPLY_BIGNUM));

  // A push goes to the callback, and never stands in for a reply.
  redisPushFn *before = redisSetPushCallback(c, on_push);
  CHECK(before != NULL);
  redisContext *other = connected();
  CHECK(redisAppendCommand(c, "SUBSCRIBE ch") == REDIS_OK);
  redisSetPushCallback(c, NULL);
  void *got;
  CHECK(redisGetReply(c, &got) == REDIS_OK);
  freeReplyObject(is(got, REDIS_REPLY_PUSH));
  redisSetPushCallback(c, on_push);
  is_integer(redisCommand(other, "PUBLISH ch hi"), 1);
  is_text(redisCommand(c, "GET %s", "argv"), REDIS_REPLY_STRING, "with space");
  CHECK(pushes == 1);
  redisFree(other);

  // Without the callback that frees them, pushes are replies.
  redisOptions o = {.type = REDIS_CONN_TCP, .options = REDIS_OPT_NO_PUSH_AUTOFREE, .endpoint.tcp = {.ip = host, .port = port}};
  other = redisConnectWithOptions(&o);
  CHECK(other != NULL && other->err == 0 && other->push_cb == NULL);
  freeReplyObject(is(redisCommand(other, "HELLO 3"), REDIS_REPLY_MAP));
  freeReplyObject(is(redisCommand(other, "SUBSCRIBE other"), REDIS_REPLY_PUSH));
  // However many confirmations come before, RESET and HELLO decide what a message is.
  freeReplyObject(is(redisCommand(other, "UNSUBSCRIBE other"), REDIS_REPLY_PUSH));
  freeReplyObject(is(redisCommand(other, "SUBSCRIBE a"), REDIS_REPLY_PUSH));
  freeReplyObject(is(redisCommand(other, "RESET"), REDIS_REPLY_STATUS));
  freeReplyObject(is(redisCommand(other, "SUBSCRIBE a"), REDIS_REPLY_ARRAY));
  freeReplyObject(is(redisCommand(other, "UNSUBSCRIBE"), REDIS_REPLY_ARRAY));
  freeReplyObject(is(redisCommand(other, "HELLO 3"), REDIS_REPLY_MAP));
  freeReplyObject(is(redisCommand(other, "SUBSCRIBE a"), REDIS_REPLY_PUSH));
  redisFree(other);
  c->privdata = NULL;
  redisFree(c);
}

// What a program sets without asking.
static void settings(void) {
  redisContext *c = connected();
  c->reader->maxbuf = 0;
  c->reader->maxelements = 0;
  freeReplyObject(is(redisCommand(c, "PING"), REDIS_REPLY_STATUS));
  redisFree(c);
  redisReader *reader = redisReaderCreate();
  redisReaderSetPrivdata(reader, &port);
  CHECK(reader->privdata == &port);
  redisReaderFree(reader);
}

// A child of fork connects anew, and the parent's context is left as it was.
static void forks(void) {
  redisContext *c = connected();
  int status;
  pid_t child = fork();
  if (child == 0) {
    if (redisCommand(c, "PING") != NULL || c->err == 0 || redisReconnect(c) != REDIS_OK) _exit(1);
    redisReply *reply = redisCommand(c, "PING");
    _exit(reply != NULL && reply->type == REDIS_REPLY_STATUS ? 0 : 2);
  }
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  freeReplyObject(is(redisCommand(c, "PING"), REDIS_REPLY_STATUS));
  redisFree(c);
}

static void messages(void) {
  redisContext *c = connected(), *other = connected();
  redisReply *reply = is(redisCommand(c, "SUBSCRIBE %s", "ch"), REDIS_REPLY_ARRAY);
  CHECK(reply->elements == 3 && strcmp(reply->element[0]->str, "subscribe") == 0 && reply->element[2]->integer == 1);
  freeReplyObject(reply);
  is_integer(redisCommand(other, "PUBLISH ch %s", "hello"), 1);
  void *got;
  CHECK(redisGetReply(c, &got) == REDIS_OK);
  reply = is(got, REDIS_REPLY_ARRAY);
  CHECK(strcmp(reply->element[0]->str, "message") == 0 && strcmp(reply->element[2]->str, "hello") == 0);
  freeReplyObject(reply);
  reply = is(redisCommand(c, "UNSUBSCRIBE"), REDIS_REPLY_ARRAY);
  freeReplyObject(reply);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");
  redisFree(c);

  c = connected();
  is_text(redisCommand(c, "MONITOR"), REDIS_REPLY_STATUS, "OK");
  is_text(redisCommand(other, "PING"), REDIS_REPLY_STATUS, "PONG");
  CHECK(redisGetReply(c, &got) == REDIS_OK);
  reply = is(got, REDIS_REPLY_STATUS);
  CHECK(strstr(reply->str, "PING") != NULL);
  freeReplyObject(reply);
  redisFree(c);
  redisFree(other);
}

// ---- Failures

static void failures(void) {
  redisContext *c = redisConnect("127.0.0.1", 1);
  CHECK(c != NULL && c->err == REDIS_ERR_IO && strstr(c->errstr, "refused") != NULL);
  void *reply = &c;
  CHECK(redisGetReply(c, &reply) == REDIS_ERR && reply == NULL && redisCommand(c, "PING") == NULL);
  redisFree(c);
  c = redisConnectUnix("/nowhere/at/all");
  CHECK(c != NULL && c->err == REDIS_ERR_IO && c->errstr[0] != '\0');
  redisFree(c);
  c = redisConnectWithTimeout(host, port, (struct timeval){.tv_usec = 1000001});
  CHECK(c != NULL && c->err == REDIS_ERR_IO);
  redisFree(c);

  // The time is up: the context is over.
  c = connected();
  CHECK(redisSetTimeout(c, (struct timeval){.tv_usec = 20000}) == REDIS_OK);
  errno = 0;
  CHECK(redisCommand(c, "BLPOP nolist 0") == NULL && c->err == REDIS_ERR_IO && errno == EAGAIN);
  CHECK(redisCommand(c, "PING") == NULL && c->err == REDIS_ERR_IO);
  CHECK(redisReconnect(c) == REDIS_OK && c->err == 0);
  CHECK(redisSetTimeout(c, (struct timeval){0}) == REDIS_OK);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");

  // The server hangs up.
  redisContext *other = connected();
  redisReply *id = is(redisCommand(c, "CLIENT ID"), REDIS_REPLY_INTEGER);
  is_integer(redisCommand(other, "CLIENT KILL ID %lld", id->integer), 1);
  freeReplyObject(id);
  CHECK(redisCommand(c, "PING") == NULL && (c->err == REDIS_ERR_EOF || c->err == REDIS_ERR_IO));
  CHECK(redisReconnect(c) == REDIS_OK);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");

  // With nothing due, a reply is the end of the stream.
  CHECK(redisSetTimeout(c, (struct timeval){.tv_usec = 20000}) == REDIS_OK);
  CHECK(redisGetReply(c, &reply) == REDIS_ERR && c->err == REDIS_ERR_IO && errno == EAGAIN);
  CHECK(redisReconnect(c) == REDIS_OK && redisSetTimeout(c, (struct timeval){0}) == REDIS_OK);
  id = is(redisCommand(c, "CLIENT ID"), REDIS_REPLY_INTEGER);
  is_integer(redisCommand(other, "CLIENT KILL ID %lld", id->integer), 1);
  freeReplyObject(id);
  CHECK(redisGetReply(c, &reply) == REDIS_ERR && c->err == REDIS_ERR_EOF && reply == NULL);
  redisFree(other);
  redisFree(c);
}

// ---- Ways to connect

static int freed;
static void free_mine(void *privdata) { freed += *(int *)privdata; }

static void ways(void) {
  redisContext *c = redisConnectUnix(path);
  CHECK(c != NULL && c->err == 0 && c->connection_type == REDIS_CONN_UNIX && strcmp(c->unix_sock.path, path) == 0);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");
  redisFree(c);

  int seven = 7;
  redisOptions options = {0};
  REDIS_OPTIONS_SET_TCP(&options, host, port);
  REDIS_OPTIONS_SET_PRIVDATA(&options, &seven, free_mine);
  struct timeval time = {.tv_sec = 20};
  options.command_timeout = &time;
  c = redisConnectWithOptions(&options);
  CHECK(c != NULL && c->err == 0 && c->command_timeout->tv_sec == 20);
  CHECK(redisEnableKeepAlive(c) == REDIS_OK && redisEnableKeepAliveWithInterval(c, 30) == REDIS_OK);
  int on = 0;
  socklen_t size = sizeof on;
  CHECK(getsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size) == 0 && on != 0);
  redisFree(c);
  CHECK(freed == 7);

  // A socket of the program's.
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  strncpy(local.sun_path, path, sizeof local.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(fd >= 0 && connect(fd, (struct sockaddr *)&local, sizeof local) == 0);
  c = redisConnectFd(fd);
  CHECK(c != NULL && c->err == 0 && c->fd == fd);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");
  CHECK(redisFreeKeepFd(c) == fd);
  c = redisConnectFd(fd);
  is_text(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG");
  redisFree(c);
  CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
}

// ---- Readers

static long long seen;
static void *count_string(const redisReadTask *task, char *text, size_t len) {
  CHECK(strlen(text) == len && strcmp(task->privdata, "mine") == 0);
  seen++;
  return (void *)1;
}
static void *count_array(const redisReadTask *task, size_t elements) {
  CHECK(task->elements == (long long)elements);
  seen += 100;
  return (void *)2;
}
static void *no_integer(const redisReadTask *task, long long value) {
  CHECK(task->parent != NULL && task->parent->obj == (void *)2 && task->idx == 1 && value == 5);
  return NULL;
}
static void free_counted(void *object) { seen += object == (void *)2 ? 10000 : 1000000; }

static void readers(void) {
  void *reply;
  redisReader *r = redisReaderCreate();
  CHECK(r != NULL && redisReaderGetReply(r, &reply) == REDIS_OK && reply == NULL);
  CHECK(redisReaderFeed(r, "*2\r\n+a\r\n$3\r\nb", 13) == REDIS_OK && r->len == 13);
  CHECK(redisReaderGetReply(r, &reply) == REDIS_OK && reply == NULL);
  CHECK(redisReaderFeed(r, "cd\r\n:1\r\n", 8) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_OK);
  redisReply *array = is(reply, REDIS_REPLY_ARRAY);
  CHECK(array->elements == 2 && strcmp(array->element[1]->str, "bcd") == 0 && r->len == 4);
  freeReplyObject(array);
  CHECK(redisReaderGetReply(r, &reply) == REDIS_OK);
  is_integer(reply, 1);
  CHECK(redisReaderFeed(r, "@what\r\n", 7) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_ERR);
  CHECK(reply == NULL && r->err == REDIS_ERR_PROTOCOL && redisReaderGetError(r)[0] != '\0');
  CHECK(redisReaderFeed(r, "+a\r\n", 4) == REDIS_ERR);
  redisReaderFree(r);

  // Functions of the program's, one of which has no object to give.
  redisReplyObjectFunctions functions = {.createString = count_string, .createArray = count_array, .freeObject = free_counted};
  r = redisReaderCreateWithFunctions(&functions);
  char mine[] = "mine";
  r->privdata = mine;
  CHECK(redisReaderFeed(r, "*2\r\n+a\r\n:5\r\n", 12) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_OK);
  CHECK(reply == (void *)2 && seen == 101);
  functions.createInteger = no_integer;
  CHECK(redisReaderFeed(r, "*2\r\n+a\r\n:5\r\n", 12) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_ERR);
  CHECK(reply == NULL && r->err == REDIS_ERR_OOM && seen == 10202);
  redisReaderFree(r);

  // No functions at all: a reply is its type.
  r = redisReaderCreateWithFunctions(NULL);
  CHECK(redisReaderFeed(r, "*1\r\n+a\r\n", 8) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_OK);
  CHECK(reply == (void *)REDIS_REPLY_ARRAY);
  redisReaderFree(r);

  r = redisReaderCreate();
  r->maxelements = 2;
  CHECK(redisReaderFeed(r, "*2\r\n:1\r\n:2\r\n", 12) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_OK && reply != NULL);
  freeReplyObject(reply);
  CHECK(redisReaderFeed(r, "*3\r\n:1\r\n:2\r\n:3\r\n", 16) == REDIS_OK && redisReaderGetReply(r, &reply) == REDIS_ERR);
  CHECK(r->err == REDIS_ERR_PROTOCOL);
  redisReaderFree(r);
  redisReaderFree(NULL);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  host = argv[1];
  port = atoi(argv[2]);
  path = argv[3];
  redisContext *c = connected();
  commands(c);
  refusals(c);
  pipelines(c);
  redisFree(c);
  redisFree(NULL);
  resp3();
  settings();
  forks();
  messages();
  failures();
  ways();
  readers();
  return 0;
}
