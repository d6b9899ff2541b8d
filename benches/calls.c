// One operation at a time with librredis or with hiredis, for a tool that counts what it costs.
//
//   calls <client> <operation> <rounds> <where>    client: rredis, hiredis, or none, which does only what both have done for
//                                                  them; where: unix:PATH or tcp:PORT, a server on this machine
//   calls operations                               a line each: its name, the commands of a round, rounds that are enough
//
// Prints nanoseconds of processor time, user and system, and page faults, for one command: the first rounds are not counted.

#include <hiredis/hiredis.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WARM = 100, VALUE_BYTES = 64, MESSAGES = 1000 };

static void failed(const char *what) {
  fprintf(stderr, "calls: %s\n", what);
  exit(1);
}

// What is sent once before the first round, and what each round sends: so many commands, all the same.
typedef struct operation {
  const char *name, *way;  // way: call, conn, pipeline or message
  int commands, argc;
  const char *argv[4];
  long value_bytes;  // of the value that is set beforehand
} operation;

static const operation OPERATIONS[] = {
    {"get", "call", 1, 2, {"GET", "bench:key"}, VALUE_BYTES},
    {"set", "call", 1, 3, {"SET", "bench:key", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, VALUE_BYTES},
    {"incr", "call", 1, 2, {"INCR", "bench:number"}, VALUE_BYTES},
    {"conn", "conn", 1, 2, {"GET", "bench:key"}, VALUE_BYTES},
    {"pipeline10", "pipeline", 10, 2, {"GET", "bench:key"}, VALUE_BYTES},
    {"pipeline100", "pipeline", 100, 2, {"GET", "bench:key"}, VALUE_BYTES},
    {"pipeline10000", "pipeline", 10000, 2, {"GET", "bench:key"}, VALUE_BYTES},
    {"get16k", "call", 1, 2, {"GET", "bench:key"}, 16 << 10},
    {"get64k", "call", 1, 2, {"GET", "bench:key"}, 64 << 10},
    {"get256k", "call", 1, 2, {"GET", "bench:key"}, 256 << 10},
    {"get1m", "call", 1, 2, {"GET", "bench:key"}, 1 << 20},
    {"message", "message", MESSAGES, 3, {"PUBLISH", "bench:channel", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, VALUE_BYTES},
};

static const operation *wanted(const char *name) {
  for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
    if (strcmp(OPERATIONS[i].name, name) == 0) return &OPERATIONS[i];
  failed("no such operation");
  return NULL;
}

static redisContext *context_at(const char *where) {
  int is_unix = strncmp(where, "unix:", 5) == 0;
  redisContext *context = is_unix ? redisConnectUnix(where + 5) : redisConnect("127.0.0.1", atoi(where + 4));
  if (context == NULL || context->err) failed("no connection");
  return context;
}

// The server makes the value: memory that is taken here and given back would change how the allocator treats what follows.
static void prepare(const operation *op, const char *where) {
  redisContext *context = context_at(where);
  const char *words[] = {"DEL bench:key", "SETRANGE bench:key %ld v"};
  for (int i = 0; i < 2; i++) {
    redisReply *reply = redisCommand(context, words[i], op->value_bytes - 1);
    if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) failed(words[i]);
    freeReplyObject(reply);
  }
  redisFree(context);
}

// ---- librredis ----

static rredis_client *client;
static rredis_conn *conn;
static rredis_pipeline *pipeline;
static rredis_pubsub *subscriber;
static rredis_error err;
static size_t argv_len[4];

static void open_rredis(const operation *op, const char *where) {
  rredis_options *options = rredis_options_new();
  if (strncmp(where, "unix:", 5) == 0)
    rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, where + 5, strlen(where + 5), NULL);
  else
    rredis_options_set_int(options, RREDIS_OPTION_PORT, atoi(where + 4), NULL);
  if (rredis_client_new(options, &client, &err)) failed(err.message);
  if (strcmp(op->way, "conn") == 0 && rredis_conn_new(client, &conn, &err)) failed(err.message);
  if (rredis_pipeline_new(client, &pipeline, &err)) failed(err.message);
  if (strcmp(op->way, "message") == 0) {
    const char *names[] = {op->argv[1]};
    if (rredis_pubsub_new(client, &subscriber, &err) ||
        rredis_pubsub_subscribe(subscriber, RREDIS_TOPIC_CHANNEL, 1, names, NULL, &err)) failed(err.message);
    rredis_reply *none;
    if (rredis_pubsub_next(subscriber, 200, &none, &err) != RREDIS_ERR_AGAIN) failed("a message too early");
  }
  rredis_options_free(options);
}

static void check(const operation *op, const rredis_reply *reply) {
  if (op->argv[0][0] == 'G' && reply->len != (size_t)op->value_bytes) failed("another reply");
}

static void round_rredis(const operation *op) {
  rredis_reply *reply;
  if (strcmp(op->way, "call") == 0 || strcmp(op->way, "conn") == 0) {
    rredis_status status = conn ? rredis_conn_command(conn, (size_t)op->argc, op->argv, argv_len, &reply, &err)
                                : rredis_client_command(client, (size_t)op->argc, op->argv, argv_len, &reply, &err);
    if (status) failed(err.message);
    check(op, reply);
    rredis_reply_free(reply);
    return;
  }
  for (int i = 0; i < op->commands; i++)
    if (rredis_pipeline_add(pipeline, (size_t)op->argc, op->argv, argv_len, &err)) failed(err.message);
  if (rredis_pipeline_run(pipeline, RREDIS_PIPELINE_PLAIN, &reply, &err)) failed(err.message);
  if (reply->len != (size_t)op->commands) failed("other replies");
  rredis_reply_free(reply);
}

static void take_rredis(const operation *op) {
  for (int i = 0; i < op->commands; i++) {
    rredis_reply *message;
    if (rredis_pubsub_next(subscriber, 5000, &message, &err)) failed(err.message);
    if (message->len < 3) failed("another message");
    rredis_reply_free(message);
  }
}

static void close_rredis(void) {
  rredis_pubsub_free(subscriber);
  rredis_pipeline_free(pipeline);
  rredis_conn_free(conn);
  rredis_client_free(client);
}

// ---- hiredis ----

static redisContext *context, *publisher;

static void open_hiredis(const operation *op, const char *where) {
  context = context_at(where);
  if (strcmp(op->way, "message") != 0) return;
  redisReply *reply = redisCommand(context, "SUBSCRIBE %s", op->argv[1]);
  if (reply == NULL) failed("SUBSCRIBE");
  freeReplyObject(reply);
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
  freeReplyObject(reply);
}

// ---- both ----

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
  if (strcmp(who, "none") == 0) return;
  int is_hiredis = strcmp(who, "hiredis") == 0;
  if (publisher == NULL && is_hiredis) round_hiredis(op);
  else if (publisher == NULL) round_rredis(op);
  else if (is_hiredis) take_all(context, op);
  else take_rredis(op);
  if (publisher != NULL) count(1);
}

static void operations(void) {
  for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
    long much = OPERATIONS[i].commands * 30 + OPERATIONS[i].value_bytes / 500;
    printf("%s %d %ld\n", OPERATIONS[i].name, OPERATIONS[i].commands, 30000 / much > 5 ? 30000 / much : 5);
  }
}

int main(int argc, char **argv) {
  if (argc == 2) operations();
  if (argc != 5) return argc == 2 ? 0 : 64;
  const operation *op = wanted(argv[2]);
  long rounds = atol(argv[3]), warm = op->commands >= 1000 ? 3 : 100;
  for (int i = 0; i < op->argc; i++) argv_len[i] = strlen(op->argv[i]);
  prepare(op, argv[4]);
  if (strcmp(op->way, "message") == 0) publisher = context_at(argv[4]);
  if (strcmp(argv[1], "hiredis") == 0) open_hiredis(op, argv[4]);
  if (strcmp(argv[1], "rredis") == 0) open_rredis(op, argv[4]);
  while (warm-- > 0) one_round(op, argv[1]);
  used_ns = faults = 0;
  if (publisher == NULL) count(-1);
  for (long i = 0; i < rounds; i++) one_round(op, argv[1]);
  if (publisher == NULL) count(1);
  double commands = rounds > 0 ? (double)(rounds * op->commands) : 1;
  printf("%.0f %.3f\n", used_ns / commands, faults / commands);
  if (client != NULL) close_rredis();
  if (context != NULL) redisFree(context);
  if (publisher != NULL) redisFree(publisher);
  return 0;
}
