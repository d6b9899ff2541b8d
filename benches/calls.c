// One operation at a time with librredis or with hiredis, for a tool that counts what it costs.
//
//   calls <client> <operation> <rounds> <where>
//   calls operations                               a line each: its name, the commands of a round, rounds that are enough
//
// measured.c and lockstep.c say what `client` and `where` may be, and what is printed.

#include "calls.h"

#include <poll.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_BYTES = 64, MESSAGES = 1000 };

void failed(const char *what) {
  fprintf(stderr, "calls: %s\n", what);
  exit(1);
}

static const operation OPERATIONS[] = {
    {"get", "call", 1, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"cpp", "c++", 1, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"set", "call", 1, 3, {"SET", "bench:key", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, VALUE_BYTES, 0, 0},
    {"incr", "call", 1, 2, {"INCR", "bench:number"}, VALUE_BYTES, 0, 0},
    {"conn", "conn", 1, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"send", "send", 1, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"pipeline10", "pipeline", 10, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"pipeline100", "pipeline", 100, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"pipeline10000", "pipeline", 10000, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 0},
    {"get16k", "call", 1, 2, {"GET", "bench:key"}, 16 << 10, 0, 0},
    {"get64k", "call", 1, 2, {"GET", "bench:key"}, 64 << 10, 0, 0},
    {"get256k", "call", 1, 2, {"GET", "bench:key"}, 256 << 10, 0, 0},
    {"get1m", "call", 1, 2, {"GET", "bench:key"}, 1 << 20, 0, 0},
    {"lrange1000", "call", 1, 4, {"LRANGE", "bench:list", "0", "-1"}, 0, 1000, 0},
    {"lrange100000", "call", 1, 4, {"LRANGE", "bench:list", "0", "-1"}, 0, 100000, 0},
    {"hgetall1000", "call", 1, 2, {"HGETALL", "bench:hash"}, 0, 1000, 0},
    {"zrange1000", "call", 1, 5, {"ZRANGE", "bench:zset", "0", "-1", "WITHSCORES"}, 0, 1000, 0},
    {"async1", "async", 1000, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 1},
    {"async10", "async", 1000, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 10},
    {"async100", "async", 1000, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 100},
    {"async1000", "async", 10000, 2, {"GET", "bench:key"}, VALUE_BYTES, 0, 1000},
    {"message", "message", MESSAGES, 3, {"PUBLISH", "bench:channel", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, VALUE_BYTES, 0, 0},
};

static const operation *wanted(const char *name) {
  for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++)
    if (strcmp(OPERATIONS[i].name, name) == 0) return &OPERATIONS[i];
  failed("no such operation");
  return NULL;
}

int port_of(const char *place) { return atoi(strchr(place, ':') + 1); }

int is_way(const operation *op, const char *way) { return strcmp(op->way, way) == 0; }

// ---- librredis ----

static rredis_client *client;
static rredis_conn *conn;
static rredis_pipeline *pipeline;
static rredis_pubsub *subscriber;
static rredis_async *async;
static rredis_error err;
size_t argv_len[ARGC_MAX];

void rredis_open(const operation *op, const char *place) {
  if (is_way(op, "c++")) {
    cplusplus_open(place);
    return;
  }
  rredis_options *options = rredis_options_new();
  if (strncmp(place, "unix:", 5) == 0)
    rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, place + 5, strlen(place + 5), NULL);
  else
    rredis_options_set_int(options, RREDIS_OPTION_PORT, port_of(place), NULL);
  if (strncmp(place, "cluster:", 8) == 0) rredis_options_set_int(options, RREDIS_OPTION_TOPOLOGY, RREDIS_TOPOLOGY_CLUSTER, NULL);
  if (rredis_client_new(options, &client, &err)) failed(err.message);
  if ((is_way(op, "conn") || is_way(op, "send")) && rredis_conn_new(client, &conn, &err)) failed(err.message);
  if (is_way(op, "async") && rredis_async_new(client, &async, &err)) failed(err.message);
  if (rredis_pipeline_new(client, &pipeline, &err)) failed(err.message);
  if (is_way(op, "message")) {
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
  if (reply->len < (size_t)op->elements) failed("too few elements");
}

static rredis_status one(const operation *op, rredis_reply **reply) {
  size_t argc = (size_t)op->argc;
  if (conn == NULL) return rredis_client_command(client, argc, op->argv, argv_len, reply, &err);
  if (!is_way(op, "send")) return rredis_conn_command(conn, argc, op->argv, argv_len, reply, &err);
  rredis_status status = rredis_conn_send_with(conn, argc, op->argv, argv_len, RREDIS_CALL_MORE, &err);
  return status ? status : rredis_conn_receive(conn, 5000, reply, &err);
}

static void burst(const operation *op) {
  rredis_reply *reply;
  if (op->commands == 1) {
    if (one(op, &reply)) failed(err.message);
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

static void messages(const operation *op) {
  for (int i = 0; i < op->commands; i++) {
    rredis_reply *message;
    if (rredis_pubsub_next(subscriber, 5000, &message, &err)) failed(err.message);
    if (message->len < 3) failed("another message");
    rredis_reply_free(message);
  }
}

static void submit(const operation *op) {
  if (rredis_async_submit(async, (size_t)op->argc, op->argv, argv_len, RREDIS_CALL_DEFAULT, 0, NULL, &err)) failed(err.message);
}

// Each reply is followed by one more command, so that the window is full until the last has been sent.
static void loop(const operation *op) {
  int sent = 0, came = 0;
  for (; sent < op->window; sent++) submit(op);
  while (came < op->commands) {
    struct pollfd watched = {rredis_async_fd(async), POLLIN, 0};
    poll(&watched, 1, -1);
    if (rredis_async_step(async, watched.revents ? RREDIS_READY_READ : RREDIS_READY_NONE, &err)) failed(err.message);
    rredis_reply *reply;
    void *call_data;
    rredis_status status;
    while ((status = rredis_async_next(async, &reply, &call_data, &err)) == RREDIS_OK) {
      check(op, reply);
      rredis_reply_free(reply);
      came++;
      if (sent++ < op->commands) submit(op);
    }
    if (status != RREDIS_ERR_AGAIN) failed(err.message);
  }
}

void rredis_round(const operation *op) {
  if (is_way(op, "c++")) {
    if (cplusplus_get(op->argv[1]) != (size_t)op->value_bytes) failed("another reply");
  } else if (async != NULL) loop(op);
  else if (subscriber != NULL) messages(op);
  else burst(op);
}

void rredis_close(void) {
  rredis_async_free(async);
  rredis_pubsub_free(subscriber);
  rredis_pipeline_free(pipeline);
  rredis_conn_free(conn);
  rredis_client_free(client);
}

// ---- the program ----

static void operations(void) {
  for (size_t i = 0; i < sizeof OPERATIONS / sizeof *OPERATIONS; i++) {
    if (is_way(&OPERATIONS[i], "c++") && cplusplus_get == NULL) continue;
    long much = OPERATIONS[i].commands * 30 + OPERATIONS[i].value_bytes / 500 + OPERATIONS[i].elements;
    printf("%s %d %ld\n", OPERATIONS[i].name, OPERATIONS[i].commands, 30000 / much > 5 ? 30000 / much : 5);
  }
}

int main(int argc, char **argv) {
  if (argc == 2) operations();
  if (argc != 5) return argc == 2 ? 0 : 64;
  const operation *op = wanted(argv[2]);
  for (int i = 0; i < op->argc; i++) argv_len[i] = strlen(op->argv[i]);
  measure(op, argv[1], atol(argv[3]), argv[4]);
  rredis_close();
  return 0;
}
