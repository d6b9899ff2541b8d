// What the files of asynchronous contexts share.
#ifndef ASYNC_H
#define ASYNC_H

#include "layer.h"

#include <hiredis/async.h>

// Who is told of a reply. Of a command that ends subscriptions it is nobody: its confirmations are its topics'.
typedef struct async_callback {
  redisCallbackFn *fn;  // may be NULL
  void *privdata;
  char ends;            // 's', 'p' or 'h' of a command that ends subscriptions, or 0
  size_t left;          // its confirmations that are still to come; 0: one of each topic, which nobody has counted yet
} async_callback;

// Those who wait, in order.
typedef struct async_queue {
  async_callback *all;
  size_t from, count, room;  // a ring
} async_queue;

// A channel, a pattern or a shard channel, and who is told of its messages.
typedef struct async_topic {
  struct async_topic *next;
  async_callback callback;
  char kind;       // 's' of SUBSCRIBE, 'p' of PSUBSCRIBE, 'h' of SSUBSCRIBE
  size_t due;      // confirmations that are still to come
  bool is_on;      // the server has confirmed it
  size_t len;
  char name[];
} async_topic;

enum { TOPIC_BUCKETS = 256 };

typedef struct rredis_hiredis_async {
  rredis_hiredis blocking;  // what functions for blocking contexts look at
  rredis_parser *parser;
  struct addrinfo *addresses, *address;  // `address`: the first that was not tried yet
  char *out;                             // bytes that are to be written
  size_t out_from, out_len, out_room;
  async_queue replies;   // of commands
  async_queue beside;    // of commands that were sent while something was subscribed
  async_callback monitor;
  async_topic *topics[TOPIC_BUCKETS];
  size_t topics_count;
  bool is_ending;  // the context is being freed
  bool is_over;    // its connection is, and the callback that it is in has still to return
} rredis_hiredis_async;

// Around each callback of a context's. A callback may let its loop turn, and others run meanwhile.
static inline bool async_enter(redisAsyncContext *ac) {
  bool is_outermost = !(ac->c.flags & REDIS_IN_CALLBACK);
  ac->c.flags |= REDIS_IN_CALLBACK;
  return is_outermost;
}
static inline void async_leave(redisAsyncContext *ac, bool is_outermost) {
  if (is_outermost) ac->c.flags &= ~REDIS_IN_CALLBACK;
}

// ---- async_replies.c

// False: no memory.
bool async_push(async_queue *queue, async_callback callback);
bool async_shift(async_queue *queue, async_callback *callback);
// What a command that subscribes, or ends that, does. False: no memory.
bool async_note_topics(redisAsyncContext *ac, char kind, bool subscribes, async_callback callback, size_t count,
                       const char *const *names, const size_t *lens);
// Hand a reply to whom it belongs. The reply is freed, or the callback has it. False: it belongs to nobody.
bool async_deliver(redisAsyncContext *ac, redisReply *reply);
// Tell everybody who waits that there is nothing more to come.
void async_tell_all(redisAsyncContext *ac);

#endif
