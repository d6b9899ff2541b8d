// Readers: bytes of the program's in, objects that it makes itself out.
#include "layer.h"

#include <stdlib.h>
#include <string.h>

static redisReply *node_of(const redisReadTask *task) {
  redisReply *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  made->type = task->type;
  if (task->parent != NULL) ((redisReply *)task->parent->obj)->element[task->idx] = made;
  return made;
}

// A node whose text cannot be had is dropped again.
static void *dropped(const redisReadTask *task, redisReply *made) {
  if (task->parent != NULL) ((redisReply *)task->parent->obj)->element[task->idx] = NULL;
  freeReplyObject(made);
  return NULL;
}

static void *make_string(const redisReadTask *task, char *str, size_t len) {
  redisReply *made = node_of(task);
  if (made == NULL) return NULL;
  if (task->type == REDIS_REPLY_VERB) {
    memcpy(made->vtype, str, 3);
    str += 4;
    len -= 4;
  }
  made->str = malloc(len + 1);
  if (made->str == NULL) return dropped(task, made);
  memcpy(made->str, str, len);
  made->str[len] = '\0';
  made->len = len;
  return made;
}

static void *make_array(const redisReadTask *task, size_t elements) {
  redisReply *made = node_of(task);
  if (made == NULL || elements == 0) return made;
  made->element = calloc(elements, sizeof *made->element);
  if (made->element == NULL) return dropped(task, made);
  made->elements = elements;
  return made;
}

static void *make_integer(const redisReadTask *task, long long value) {
  redisReply *made = node_of(task);
  if (made != NULL) made->integer = value;
  return made;
}

static void *make_double(const redisReadTask *task, double value, char *str, size_t len) {
  redisReply *made = make_string(task, str, len);
  if (made != NULL) made->dval = value;
  return made;
}

static void *make_nil(const redisReadTask *task) { return node_of(task); }
static void *make_bool(const redisReadTask *task, int value) { return make_integer(task, value != 0); }

static redisReplyObjectFunctions replies = {make_string, make_array, make_integer, make_double, make_nil, make_bool, freeReplyObject};

// An object where there is no function for its kind.
static void *number(const redisReadTask *task) { return (void *)(intptr_t)task->type; }

// A verbatim text goes to the function with its format before it, as it comes over the wire.
static void *verbatim(const redisReplyObjectFunctions *fn, const redisReadTask *task, const rredis_reply *reply) {
  char *whole = malloc(reply->len + 5);
  if (whole == NULL) return NULL;
  memcpy(whole, rredis_reply_format(reply), 3);
  whole[3] = ':';
  memcpy(whole + 4, reply->str, reply->len + 1);
  void *made = fn->createString(task, whole, reply->len + 4);
  free(whole);
  return made;
}

static void *object(const redisReader *r, const rredis_reply *reply, redisReadTask *parent, int idx) {
  const redisReplyObjectFunctions *fn = r->fn;
  redisReadTask task = {layer_type(reply, true), -1, idx, NULL, parent, r->privdata};
  if (reply->kind >= RREDIS_REPLY_ARRAY) {
    task.elements = (long long)reply->len;
    void *made = fn->createArray ? fn->createArray(&task, reply->len) : number(&task);
    task.obj = made;
    for (size_t i = 0; made != NULL && i < reply->len; i++) {
      if (object(r, &reply->elements[i], &task, (int)i) != NULL) continue;
      // The root frees what it has so far.
      if (parent == NULL && fn->freeObject != NULL) fn->freeObject(made);
      return NULL;
    }
    return made;
  }
  switch (task.type) {
    case REDIS_REPLY_NIL: return fn->createNil ? fn->createNil(&task) : number(&task);
    case REDIS_REPLY_INTEGER: return fn->createInteger ? fn->createInteger(&task, reply->integer) : number(&task);
    case REDIS_REPLY_BOOL: return fn->createBool ? fn->createBool(&task, (int)reply->integer) : number(&task);
    case REDIS_REPLY_DOUBLE:
      return fn->createDouble ? fn->createDouble(&task, reply->number, (char *)reply->str, reply->len) : number(&task);
    default:
      if (fn->createString == NULL) return number(&task);
      if (task.type == REDIS_REPLY_VERB) return verbatim(fn, &task, reply);
      return fn->createString(&task, (char *)reply->str, reply->len);
  }
}

redisReader *redisReaderCreateWithFunctions(redisReplyObjectFunctions *fn) {
  redisReader *r = calloc(1, sizeof *r);
  rredis_parser *parser;
  if (r == NULL || rredis_parser_new(NULL, &parser, NULL) != RREDIS_OK) return free(r), NULL;
  r->fn = fn;
  r->maxbuf = REDIS_READER_MAX_BUF;
  r->maxelements = REDIS_READER_MAX_ARRAY_ELEMENTS;
  r->ridx = -1;
  r->layer = parser;
  return r;
}

redisReader *redisReaderCreate(void) { return redisReaderCreateWithFunctions(&replies); }

void redisReaderFree(redisReader *r) {
  if (r == NULL) return;
  rredis_parser_free(r->layer);
  free(r);
}

static int failed(redisReader *r, int err, const char *text) {
  r->err = err;
  snprintf(r->errstr, sizeof r->errstr, "%.127s", text);
  return REDIS_ERR;
}

static int failed_by(redisReader *r, const rredis_error *error) {
  switch (error->status) {
    case RREDIS_ERR_MEMORY: return failed(r, REDIS_ERR_OOM, error->message);
    case RREDIS_ERR_PROTOCOL:
    case RREDIS_ERR_LIMIT: return failed(r, REDIS_ERR_PROTOCOL, error->message);
    default: return failed(r, REDIS_ERR_OTHER, error->message);
  }
}

int redisReaderFeed(redisReader *r, const char *buf, size_t len) {
  rredis_error error;
  if (r->err != 0) return REDIS_ERR;
  if (buf == NULL || len == 0) return REDIS_OK;
  if (rredis_parser_feed(r->layer, buf, len, &error) != RREDIS_OK) return failed_by(r, &error);
  r->len = rredis_parser_unread(r->layer);
  return REDIS_OK;
}

static bool is_too_long(const redisReader *r, const rredis_reply *reply) {
  if (reply->kind < RREDIS_REPLY_ARRAY) return false;
  if (r->maxelements > 0 && reply->len > (unsigned long long)r->maxelements) return true;
  for (size_t i = 0; i < reply->len; i++)
    if (is_too_long(r, &reply->elements[i])) return true;
  return false;
}

int redisReaderGetReply(redisReader *r, void **reply) {
  rredis_error error;
  rredis_reply *got;
  if (reply != NULL) *reply = NULL;
  if (r->err != 0) return REDIS_ERR;
  rredis_status status = rredis_parser_next(r->layer, &got, &error);
  if (status == RREDIS_ERR_AGAIN) return REDIS_OK;
  if (status != RREDIS_OK) return failed_by(r, &error);
  r->len = rredis_parser_unread(r->layer);
  if (r->maxelements != REDIS_READER_MAX_ARRAY_ELEMENTS && is_too_long(r, got)) {
    rredis_reply_free(got);
    return failed(r, REDIS_ERR_PROTOCOL, "an aggregate has more elements than the reader's maxelements");
  }
  void *made;
  if (r->fn == &replies) made = layer_reply(got, true);
  else made = r->fn != NULL ? object(r, got, NULL, -1) : (void *)(intptr_t)layer_type(got, true);
  rredis_reply_free(got);
  if (made == NULL) return failed(r, REDIS_ERR_OOM, "not enough memory for a reply");
  if (reply != NULL) *reply = made;
  else if (r->fn != NULL && r->fn->freeObject != NULL) r->fn->freeObject(made);
  return REDIS_OK;
}
