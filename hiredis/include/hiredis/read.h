// What a program that was written for hiredis includes as <hiredis/read.h>: readers, over librredis.
#ifndef RREDIS_HIREDIS_READ_H
#define RREDIS_HIREDIS_READ_H

#include <stddef.h>
#include <stdio.h>

// Each function has a symbol of its own, so that libhiredis may be in the same process.
#define RREDIS_HIREDIS(name) __asm__("rredis_hiredis_" #name) __attribute__((visibility("default")))

#define REDIS_ERR -1
#define REDIS_OK 0

#define REDIS_ERR_IO 1        // errno says more; EAGAIN: the time was up
#define REDIS_ERR_OTHER 2
#define REDIS_ERR_EOF 3       // the server has closed the connection
#define REDIS_ERR_PROTOCOL 4
#define REDIS_ERR_OOM 5
#define REDIS_ERR_TIMEOUT 6

#define REDIS_REPLY_STRING 1
#define REDIS_REPLY_ARRAY 2
#define REDIS_REPLY_INTEGER 3
#define REDIS_REPLY_NIL 4
#define REDIS_REPLY_STATUS 5
#define REDIS_REPLY_ERROR 6
#define REDIS_REPLY_DOUBLE 7
#define REDIS_REPLY_BOOL 8
#define REDIS_REPLY_MAP 9
#define REDIS_REPLY_SET 10
#define REDIS_REPLY_ATTR 11
#define REDIS_REPLY_PUSH 12
#define REDIS_REPLY_BIGNUM 13
#define REDIS_REPLY_VERB 14

#define REDIS_READER_MAX_BUF (1024 * 16)
#define REDIS_READER_MAX_ARRAY_ELEMENTS ((1LL << 32) - 1)

#ifdef __cplusplus
extern "C" {
#endif

// What a function that makes an object is told of it.
typedef struct redisReadTask {
  int type;
  long long elements;  // of an aggregate; -1: of anything else
  int idx;             // the object's place in its parent
  void *obj;           // of a parent: what createArray gave
  struct redisReadTask *parent;
  void *privdata;
} redisReadTask;

// Makes objects of the program's own. Where a function is NULL, or all of them, an object is its type, as a number.
typedef struct redisReplyObjectFunctions {
  void *(*createString)(const redisReadTask *, char *, size_t);
  void *(*createArray)(const redisReadTask *, size_t);
  void *(*createInteger)(const redisReadTask *, long long);
  void *(*createDouble)(const redisReadTask *, double, char *, size_t);
  void *(*createNil)(const redisReadTask *);
  void *(*createBool)(const redisReadTask *, int);
  void (*freeObject)(void *);
} redisReplyObjectFunctions;

typedef struct redisReader {
  int err;           // a REDIS_ERR_, or 0
  char errstr[128];  // what went wrong
  char *buf;         // not used
  size_t pos;        // 0
  size_t len;        // the bytes that were fed and are not part of a reply given
  size_t maxbuf;     // not used
  long long maxelements;
  redisReadTask **task;  // not used
  int tasks;
  int ridx;
  void *reply;
  redisReplyObjectFunctions *fn;
  void *privdata;
  void *layer;  // the layer's own
} redisReader;

redisReader *redisReaderCreateWithFunctions(redisReplyObjectFunctions *fn) RREDIS_HIREDIS(redisReaderCreateWithFunctions);
void redisReaderFree(redisReader *r) RREDIS_HIREDIS(redisReaderFree);
int redisReaderFeed(redisReader *r, const char *buf, size_t len) RREDIS_HIREDIS(redisReaderFeed);
int redisReaderGetReply(redisReader *r, void **reply) RREDIS_HIREDIS(redisReaderGetReply);

#define redisReaderSetPrivdata(r, p) ((void)(((redisReader *)(r))->privdata = (p)))
#define redisReaderGetObject(r) (((redisReader *)(r))->reply)
#define redisReaderGetError(r) (((redisReader *)(r))->errstr)

#ifdef __cplusplus
}
#endif

#endif
