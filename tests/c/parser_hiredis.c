// The packaged hiredis's reader as a parser type: what a program already trusts to read its replies, it can keep.
#include "shapes.h"

#include <hiredis/hiredis.h>

static rredis_status start(void *user_data, void **out_state, rredis_error *err) {
  UNUSED(user_data); UNUSED(err);
  *out_state = redisReaderCreate();
  return *out_state ? RREDIS_OK : RREDIS_ERR_MEMORY;
}

static rredis_status feed(void *state, const char *bytes, size_t bytes_len, rredis_error *err) {
  redisReader *reader = state;
  if (redisReaderFeed(reader, bytes, bytes_len) == REDIS_OK) return RREDIS_OK;
  snprintf(err->message, sizeof err->message, "%s", reader->errstr);
  return RREDIS_ERR_PROTOCOL;
}

static void build(rredis_builder *builder, const redisReply *reply) {
  switch (reply->type) {
    case REDIS_REPLY_STATUS: rredis_builder_add_text(builder, RREDIS_REPLY_STATUS, reply->str, (size_t)reply->len); break;
    case REDIS_REPLY_ERROR: rredis_builder_add_text(builder, RREDIS_REPLY_ERROR, reply->str, (size_t)reply->len); break;
    case REDIS_REPLY_STRING: rredis_builder_add_text(builder, RREDIS_REPLY_STRING, reply->str, (size_t)reply->len); break;
    case REDIS_REPLY_INTEGER: rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, reply->integer); break;
    case REDIS_REPLY_ARRAY:
      rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
      for (size_t i = 0; i < reply->elements; i++) build(builder, reply->element[i]);
      rredis_builder_end(builder);
      break;
    default: rredis_builder_add_null(builder);
  }
}

static rredis_status next(void *state, rredis_builder *builder, rredis_error *err) {
  redisReader *reader = state;
  void *reply = NULL;
  if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
    snprintf(err->message, sizeof err->message, "%s", reader->errstr);
    return RREDIS_ERR_PROTOCOL;
  }
  if (!reply) return RREDIS_ERR_AGAIN;
  build(builder, reply);
  freeReplyObject(reply);
  return RREDIS_OK;
}

static void stop(void *state) { redisReaderFree(state); }

int main(int argc, char **argv) {
  check_begin(argc, argv);
  const rredis_parser_type type = {sizeof type, "hiredis", NULL, start, feed, next, stop, NULL};
  rredis_client *client = client_with_parser(check_options_tcp(), &type);
  resp2_shapes(client);
  rredis_client_free(client);
  client = client_with_parser(check_options_unix(), &type);
  resp2_shapes(client);
  rredis_client_free(client);

  // What hiredis cannot read, RESP3's null, is its error, in its words.
  rredis_error err;
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_parser(options, &type, &err), err);
  rredis_parser *parser = NULL;
  CHECK_OK(rredis_parser_new(options, &parser, &err), err);
  rredis_options_free(options);
  CHECK_OK(rredis_parser_feed(parser, "_\r\n", 3, &err), err);
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_parser_next(parser, &reply, &err), err, RREDIS_ERR_PROTOCOL, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "Protocol error");
  rredis_parser_free(parser);
  return 0;
}
