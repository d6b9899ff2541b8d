// Replies: hiredis's trees, in which each node and each text is a piece of memory of its own.
#include "layer.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char types[] = {
    [RREDIS_REPLY_NULL] = REDIS_REPLY_NIL,          [RREDIS_REPLY_INTEGER] = REDIS_REPLY_INTEGER,
    [RREDIS_REPLY_BOOL] = REDIS_REPLY_BOOL,         [RREDIS_REPLY_STRING] = REDIS_REPLY_STRING,
    [RREDIS_REPLY_STATUS] = REDIS_REPLY_STATUS,     [RREDIS_REPLY_ERROR] = REDIS_REPLY_ERROR,
    [RREDIS_REPLY_VERBATIM] = REDIS_REPLY_VERB,     [RREDIS_REPLY_BIG_NUMBER] = REDIS_REPLY_BIGNUM,
    [RREDIS_REPLY_DOUBLE] = REDIS_REPLY_DOUBLE,     [RREDIS_REPLY_ARRAY] = REDIS_REPLY_ARRAY,
    [RREDIS_REPLY_SET] = REDIS_REPLY_SET,           [RREDIS_REPLY_MAP] = REDIS_REPLY_MAP,
    [RREDIS_REPLY_PUSH] = REDIS_REPLY_PUSH,
};

static inline int type_of(const rredis_reply *reply, bool resp3) {
  int type = types[reply->kind];
  return type == REDIS_REPLY_PUSH && !resp3 ? REDIS_REPLY_ARRAY : type;
}

int layer_type(const rredis_reply *reply, bool resp3) { return type_of(reply, resp3); }

static bool add_elements(redisReply *made, const rredis_reply *reply, bool resp3) {
  made->element = calloc(reply->len, sizeof *made->element);
  if (made->element == NULL) return false;
  made->elements = reply->len;
  for (size_t i = 0; i < reply->len; i++) {
    made->element[i] = layer_reply(&reply->elements[i], resp3);
    if (made->element[i] == NULL) return false;
  }
  return true;
}

static bool add_text(redisReply *made, const rredis_reply *reply) {
  made->str = malloc(reply->len + 1);
  if (made->str == NULL) return false;
  made->len = reply->len;
  memcpy(made->str, reply->str, reply->len + 1);
  if (made->type == REDIS_REPLY_VERB) memcpy(made->vtype, rredis_reply_format(reply), 3);
  return true;
}

redisReply *layer_reply(const rredis_reply *reply, bool resp3) {
  redisReply *made = malloc(sizeof *made);
  if (made == NULL) return NULL;
  *made = (redisReply){.type = type_of(reply, resp3), .integer = reply->integer, .dval = reply->number};
  bool is_whole = true;
  if (reply->kind >= RREDIS_REPLY_ARRAY) is_whole = reply->len == 0 || add_elements(made, reply, resp3);
  else if (reply->kind >= RREDIS_REPLY_STRING) is_whole = add_text(made, reply);
  if (is_whole) return made;
  freeReplyObject(made);
  return NULL;
}

void freeReplyObject(void *reply) {
  redisReply *made = reply;
  if (made == NULL) return;
  if (made->element != NULL) {
    for (size_t i = 0; i < made->elements; i++) freeReplyObject(made->element[i]);
    free(made->element);
  }
  free(made->str);
  free(made);
}
