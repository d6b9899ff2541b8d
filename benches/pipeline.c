// Send the same commands in one pipeline with librredis and with hiredis, and take and free their replies.
//
//   pipeline <client> <socket> <rounds>   run the batch so often, for a tool that counts instructions or allocations
//
// A batch is 500 SETs of 64 bytes and 500 GETs of them, in turn, on one connection to the server at the socket.

#include <hiredis/hiredis.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMANDS = 1000, VALUE_BYTES = 64 };

static char keys[COMMANDS][24], value[VALUE_BYTES + 1];
static size_t key_lens[COMMANDS];

// What is sent as the command with this number: a SET, or a GET of the key before.
static int arguments(int number, const char *argv[3], size_t argv_len[3]) {
  int gets = number % 2;
  argv[0] = gets ? "GET" : "SET", argv_len[0] = 3;
  argv[1] = keys[number - gets], argv_len[1] = key_lens[number - gets];
  argv[2] = value, argv_len[2] = VALUE_BYTES;
  return gets ? 2 : 3;
}

static void failed(const char *what) {
  fprintf(stderr, "pipeline: %s\n", what);
  exit(1);
}

static void round_rredis(rredis_pipeline *pipeline) {
  rredis_error err;
  rredis_reply *reply;
  const char *argv[3];
  size_t argv_len[3];
  for (int i = 0; i < COMMANDS; i++) {
    size_t argc = (size_t)arguments(i, argv, argv_len);
    if (rredis_pipeline_add(pipeline, argc, argv, argv_len, &err) != RREDIS_OK) failed(err.message);
  }
  if (rredis_pipeline_run(pipeline, RREDIS_PIPELINE_PLAIN, &reply, &err) != RREDIS_OK) failed(err.message);
  if (reply->len != COMMANDS || reply->elements[COMMANDS - 1].len != VALUE_BYTES) failed("other replies");
  rredis_reply_free(reply);
}

static void round_hiredis(redisContext *context) {
  const char *argv[3];
  size_t argv_len[3];
  for (int i = 0; i < COMMANDS; i++) {
    int argc = arguments(i, argv, argv_len);
    if (redisAppendCommandArgv(context, argc, argv, argv_len) != REDIS_OK) failed(context->errstr);
  }
  for (int i = 0; i < COMMANDS; i++) {
    redisReply *reply;
    if (redisGetReply(context, (void **)&reply) != REDIS_OK) failed(context->errstr);
    if (i % 2 && reply->len != VALUE_BYTES) failed("other replies");
    freeReplyObject(reply);
  }
}

static void with_rredis(const char *socket, long rounds) {
  rredis_error err;
  rredis_client *client;
  rredis_pipeline *pipeline;
  rredis_options *options = rredis_options_new();
  if (rredis_options_set_str(options, RREDIS_OPTION_UNIX_PATH, socket, strlen(socket), &err) != RREDIS_OK ||
      rredis_client_new(options, &client, &err) != RREDIS_OK ||
      rredis_pipeline_new(client, &pipeline, &err) != RREDIS_OK) failed(err.message);
  for (long i = 0; i < rounds; i++) round_rredis(pipeline);
  rredis_pipeline_free(pipeline);
  rredis_client_free(client);
  rredis_options_free(options);
}

static void with_hiredis(const char *socket, long rounds) {
  redisContext *context = redisConnectUnix(socket);
  if (context == NULL || context->err) failed("no connection");
  for (long i = 0; i < rounds; i++) round_hiredis(context);
  redisFree(context);
}

int main(int argc, char **argv) {
  if (argc != 4) return 64;
  for (int i = 0; i < COMMANDS; i++) key_lens[i] = (size_t)snprintf(keys[i], sizeof keys[i], "key:%08d", i);
  memset(value, 'v', VALUE_BYTES);
  if (strcmp(argv[1], "hiredis") == 0) with_hiredis(argv[2], atol(argv[3]));
  else with_rredis(argv[2], atol(argv[3]));
  return 0;
}
