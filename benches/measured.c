// Against a server: `client` is rredis, hiredis, or none, which does only what both have done for them; `where` is unix:PATH or
// tcp:PORT of a server on this machine, and for rredis cluster:PORT, too.
//
// Prints nanoseconds of processor time, user and system, and page faults, for one command: the first rounds are not counted.

#include "calls.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static redisContext *context, *publisher;

static redisContext *context_at(const char *where) {
  int is_unix = strncmp(where, "unix:", 5) == 0;
  redisContext *context = is_unix ? redisConnectUnix(where + 5) : redisConnect("127.0.0.1", port_of(where));
  if (context == NULL || context->err) failed("no connection");
  return context;
}

static void fill(redisContext *context, const operation *op) {
  const char *key = op->argv[1];
  char kind = op->argv[0][0];
  redisReply *reply = redisCommand(context, "DEL %s", key);
  if (reply == NULL) failed("DEL");
  freeReplyObject(reply);
  for (long made = 0, taken = 0; taken < op->elements; taken++) {
    for (; made < op->elements && made < taken + 1000; made++) {
      if (kind == 'L') redisAppendCommand(context, "RPUSH %s element-%08d", key, (int)made);
      else if (kind == 'H') redisAppendCommand(context, "HSET %s field-%04d value-of-the-field-%06d", key, (int)made, (int)made);
      else redisAppendCommand(context, "ZADD %s %.15g member-%06d", key, (double)(made + 1) * 1234.5678 / 7, (int)made);
    }
    if (redisGetReply(context, (void **)&reply) || reply->type != REDIS_REPLY_INTEGER) failed("an element was not added");
    freeReplyObject(reply);
  }
}

// The server makes the value: memory that is taken here and given back would change how the allocator treats what follows.
static void prepare(const operation *op, const char *where) {
  redisContext *context = context_at(where);
  const char *words[] = {"DEL bench:key", "SETRANGE bench:key %ld v"};
  for (int i = 0; i < 2 && op->value_bytes > 0; i++) {
    redisReply *reply = redisCommand(context, words[i], op->value_bytes - 1);
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) failed(words[i]);
    freeReplyObject(reply);
  }
  if (op->elements > 0) fill(context, op);
  redisFree(context);
}

static void append_all(redisContext *to, const operation *op) {
  for (int i = 0; i < op->commands; i++)
    if (redisAppendCommandArgv(to, op->argc, (const char **)op->argv, argv_len)) failed(to->errstr);
}

static void take_all(redisContext *from, const operation *op) {
  for (int i = 0; i < op->commands; i++) {
    redisReply *reply;
    if (redisGetReply(from, (void **)&reply)) failed(from->errstr);
    if (op->argv[0][0] == 'G' && reply->len != (size_t)op->value_bytes) failed("another reply");
    freeReplyObject(reply);
  }
}

static void round_hiredis(const operation *op) {
  if (op->commands > 1) {
    append_all(context, op);
    take_all(context, op);
    return;
  }
  redisReply *reply = redisCommandArgv(context, op->argc, (const char **)op->argv, argv_len);
  if (reply == NULL) failed(context->errstr);
  if (op->argv[0][0] == 'G' && reply->len != (size_t)op->value_bytes) failed("another reply");
  if (reply->elements < (size_t)op->elements) failed("too few elements");
  freeReplyObject(reply);
}

// ---- hiredis in a loop ----

static redisAsyncContext *looped;
static const operation *looping;
static int events, sent, came;

static void add_read(void *data) { (void)data; events |= POLLIN; }
static void del_read(void *data) { (void)data; events &= ~POLLIN; }
static void add_write(void *data) { (void)data; events |= POLLOUT; }
static void del_write(void *data) { (void)data; events &= ~POLLOUT; }

static void open_loop(const char *where) {
  looped = redisAsyncConnect("127.0.0.1", port_of(where));
  if (looped == NULL || looped->err) failed("no connection");
  looped->ev.addRead = add_read;
  looped->ev.delRead = del_read;
  looped->ev.addWrite = add_write;
  looped->ev.delWrite = del_write;
}

static void replied(redisAsyncContext *from, void *given, void *data) {
  redisReply *reply = given;
  if (reply == NULL || reply->len != (size_t)looping->value_bytes) failed("another reply");
  came++;
  if (sent++ < looping->commands) redisAsyncCommandArgv(from, replied, data, looping->argc, (const char **)looping->argv, argv_len);
}

static void loop(const operation *op) {
  looping = op;
  sent = came = 0;
  for (; sent < op->window; sent++) redisAsyncCommandArgv(looped, replied, NULL, op->argc, (const char **)op->argv, argv_len);
  while (came < op->commands) {
    struct pollfd watched = {looped->c.fd, (short)events, 0};
    poll(&watched, 1, -1);
    if (watched.revents & (POLLIN | POLLERR | POLLHUP)) redisAsyncHandleRead(looped);
    if (watched.revents & POLLOUT) redisAsyncHandleWrite(looped);
  }
}

// ---- both ----

static void open_hiredis(const operation *op, const char *where) {
  if (is_way(op, "async")) {
    open_loop(where);
    return;
  }
  context = context_at(where);
  if (!is_way(op, "message")) return;
  redisReply *reply = redisCommand(context, "SUBSCRIBE %s", op->argv[1]);
  if (reply == NULL) failed("SUBSCRIBE");
  freeReplyObject(reply);
}

static double used_ns, faults;

static void count(int sign) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  used_ns += sign * ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e9 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e3);
  faults += sign * (double)used.ru_minflt;
}

// All messages of a round are sent by a connection that is neither's, and are there before the first is taken.
static void one_round(const operation *op, const char *who) {
  if (publisher != NULL) {
    append_all(publisher, op);
    take_all(publisher, op);
    count(-1);
  }
  if (strcmp(who, "rredis") == 0) rredis_round(op);
  else if (looped != NULL) loop(op);
  else if (context != NULL && publisher != NULL) take_all(context, op);
  else if (context != NULL) round_hiredis(op);
  if (publisher != NULL) count(1);
}

void measure(const operation *op, const char *who, long rounds, const char *where) {
  long warm = op->commands >= 1000 ? 3 : 100;
  prepare(op, where);
  if (is_way(op, "message")) publisher = context_at(where);
  if (strcmp(who, "hiredis") == 0) open_hiredis(op, where);
  if (strcmp(who, "rredis") == 0) rredis_open(op, where);
  while (warm-- > 0) one_round(op, who);
  used_ns = faults = 0;
  if (publisher == NULL) count(-1);
  for (long i = 0; i < rounds; i++) one_round(op, who);
  if (publisher == NULL) count(1);
  double commands = rounds > 0 ? (double)(rounds * op->commands) : 1;
  printf("%.0f %.3f\n", used_ns / commands, faults / commands);
  if (looped != NULL) redisAsyncFree(looped);
  if (context != NULL) redisFree(context);
  if (publisher != NULL) redisFree(publisher);
}
