// Who is told of what an asynchronous context receives: commands in their order, and subscribers by their topics.
#include "async.h"

#include <stdlib.h>
#include <string.h>

// ---- Queues -------------------------------------------------------------------------------

bool async_push(async_queue *queue, async_callback callback) {
  if (queue->count == queue->room) {
    size_t room = queue->room > 0 ? 2 * queue->room : 16;
    async_callback *all = malloc(room * sizeof *all);
    if (all == NULL) return false;
    for (size_t i = 0; i < queue->count; i++) all[i] = queue->all[(queue->from + i) % queue->room];
    free(queue->all);
    queue->all = all;
    queue->room = room;
    queue->from = 0;
  }
  queue->all[(queue->from + queue->count++) % queue->room] = callback;
  return true;
}

bool async_shift(async_queue *queue, async_callback *callback) {
  if (queue->count == 0) return false;
  *callback = queue->all[queue->from];
  queue->from = (queue->from + 1) % queue->room;
  queue->count--;
  return true;
}

// ---- Topics -------------------------------------------------------------------------------

static async_topic **find(rredis_hiredis_async *layer, char kind, const char *name, size_t len) {
  size_t hash = (unsigned char)kind;
  for (size_t i = 0; i < len; i++) hash = 31 * hash + (unsigned char)name[i];
  async_topic **at = &layer->topics[hash % TOPIC_BUCKETS];
  while (*at != NULL && !((*at)->kind == kind && (*at)->len == len && memcmp((*at)->name, name, len) == 0)) at = &(*at)->next;
  return at;
}

static bool want(rredis_hiredis_async *layer, char kind, async_callback callback, const char *name, size_t len) {
  async_topic **at = find(layer, kind, name, len);
  if (*at == NULL) {
    async_topic *made = calloc(1, sizeof *made + len);
    if (made == NULL) return false;
    made->kind = kind;
    made->len = len;
    memcpy(made->name, name, len);
    *at = made;
    layer->topics_count++;
  }
  (*at)->callback = callback;
  (*at)->due++;
  return true;
}

bool async_note_topics(redisAsyncContext *ac, char kind, bool subscribes, async_callback callback, size_t count,
                       const char *const *names, const size_t *lens) {
  rredis_hiredis_async *layer = ac->layer;
  if (!subscribes) {
    async_callback leaving = {.ends = kind, .left = count};
    return async_push(ac->c.flags & REDIS_SUBSCRIBED ? &layer->beside : &layer->replies, leaving);
  }
  for (size_t i = 0; i < count; i++)
    if (!want(layer, kind, callback, names[i], lens[i])) return false;
  ac->c.flags |= REDIS_SUBSCRIBED;
  return true;
}

// How many topics of a kind the server has confirmed.
static size_t count_on(const rredis_hiredis_async *layer, char kind) {
  size_t count = 0;
  for (size_t i = 0; i < TOPIC_BUCKETS; i++)
    for (const async_topic *topic = layer->topics[i]; topic != NULL; topic = topic->next) count += topic->kind == kind && topic->is_on;
  return count;
}

static void forget(rredis_hiredis_async *layer, async_topic **at) {
  async_topic *gone = *at;
  *at = gone->next;
  layer->topics_count--;
  free(gone);
}

// ---- Replies ------------------------------------------------------------------------------

static void call(redisAsyncContext *ac, async_callback callback, redisReply *reply) {
  if (callback.fn == NULL) return;
  bool is_outermost = async_enter(ac);
  callback.fn(ac, reply, callback.privdata);
  async_leave(ac, is_outermost);
}

static void give(redisAsyncContext *ac, async_callback callback, redisReply *reply) {
  call(ac, callback, reply);
  if (callback.fn == NULL || !(ac->c.flags & REDIS_NO_AUTO_FREE_REPLIES)) freeReplyObject(reply);
}

// What a message, or a confirmation, is of: 0: it is neither.
static char topic_kind(const redisReply *reply, bool *ends) {
  static const struct {
    const char *word;
    char kind;
    bool ends;
  } words[] = {
      {"message", 's', false},      {"subscribe", 's', false},  {"unsubscribe", 's', true},
      {"pmessage", 'p', false},     {"psubscribe", 'p', false}, {"punsubscribe", 'p', true},
      {"smessage", 'h', false},     {"ssubscribe", 'h', false}, {"sunsubscribe", 'h', true},
  };
  if ((reply->type != REDIS_REPLY_ARRAY && reply->type != REDIS_REPLY_PUSH) || reply->elements < 3) return 0;
  const redisReply *first = reply->element[0];
  if (first->type != REDIS_REPLY_STRING && first->type != REDIS_REPLY_STATUS) return 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(first->str, words[i].word) == 0) return *ends = words[i].ends, words[i].kind;
  return 0;
}

static void to_subscriber(redisAsyncContext *ac, redisReply *reply, char kind, bool ends) {
  rredis_hiredis_async *layer = ac->layer;
  const redisReply *name = reply->element[1], *count = reply->element[2];
  async_callback callback = {.fn = NULL};
  async_topic **at = name->str != NULL ? find(layer, kind, name->str, name->len) : NULL;
  bool is_confirmation = count->type == REDIS_REPLY_INTEGER;
  if (at != NULL && *at != NULL) {
    callback = (*at)->callback;
    if (is_confirmation && !ends && (*at)->due > 0) (*at)->due--;
    if (is_confirmation) (*at)->is_on = !ends;
    // It may be subscribed again already.
    if (ends && (*at)->due == 0) forget(layer, at);
  }
  if (ends && is_confirmation && count->integer == 0 && layer->topics_count == 0) {
    async_callback waiting;
    ac->c.flags &= ~REDIS_SUBSCRIBED;
    while (async_shift(&layer->beside, &waiting)) async_push(&layer->replies, waiting);
  }
  give(ac, callback, reply);
}

// The queue whose first is answered next: what was sent before a subscription is answered before it.
static async_queue *due(rredis_hiredis_async *layer) { return layer->replies.count > 0 ? &layer->replies : &layer->beside; }

// The command that ends subscriptions, and whose turn it is; NULL: it is another's turn.
static async_callback *leaving(rredis_hiredis_async *layer) {
  async_queue *queue = due(layer);
  return queue->count > 0 && queue->all[queue->from].ends != 0 ? &queue->all[queue->from] : NULL;
}

// A confirmation has come: one less is to come of the command whose turn it is.
static void count_down(rredis_hiredis_async *layer, char kind) {
  async_callback *command = leaving(layer);
  if (command == NULL || command->ends != kind) return;
  if (command->left == 0) command->left = count_on(layer, kind);
  if (command->left > 1) command->left--;
  else async_shift(due(layer), &(async_callback){0});
}

static bool to_topic(redisAsyncContext *ac, redisReply *reply, char kind, bool ends) {
  if (ends) count_down(ac->layer, kind);
  to_subscriber(ac, reply, kind, ends);
  return true;
}

static void to_push_callback(redisAsyncContext *ac, redisReply *reply) {
  if (ac->push_cb != NULL) {
    bool is_outermost = async_enter(ac);
    ac->push_cb(ac, reply);
    async_leave(ac, is_outermost);
  }
  // The callback only looks at it.
  freeReplyObject(reply);
}

bool async_deliver(redisAsyncContext *ac, redisReply *reply) {
  rredis_hiredis_async *layer = ac->layer;
  async_callback callback;
  bool ends = false;
  char kind = topic_kind(reply, &ends);
  if (reply->type == REDIS_REPLY_PUSH) return kind != 0 ? to_topic(ac, reply, kind, ends) : (to_push_callback(ac, reply), true);
  // In RESP2 a message is an array as any other, and comes while something is subscribed and nothing older is to be answered.
  if (leaving(layer) != NULL && kind != 0) return to_topic(ac, reply, kind, ends);
  if (leaving(layer) != NULL) {
    async_shift(due(layer), &callback);
    // It was refused.
    if (reply->type == REDIS_REPLY_ERROR) return freeReplyObject(reply), true;
    return async_deliver(ac, reply);
  }
  if (async_shift(&layer->replies, &callback)) return give(ac, callback, reply), true;
  if ((ac->c.flags & REDIS_SUBSCRIBED) && kind != 0) return to_topic(ac, reply, kind, ends);
  if (async_shift(&layer->beside, &callback)) return give(ac, callback, reply), true;
  if (ac->c.flags & REDIS_MONITORING) return give(ac, layer->monitor, reply), true;
  return false;
}

void async_tell_all(redisAsyncContext *ac) {
  rredis_hiredis_async *layer = ac->layer;
  async_callback callback;
  while (async_shift(&layer->replies, &callback)) call(ac, callback, NULL);
  while (async_shift(&layer->beside, &callback)) call(ac, callback, NULL);
  for (size_t i = 0; i < TOPIC_BUCKETS; i++)
    while (layer->topics[i] != NULL) {
      callback = layer->topics[i]->callback;
      forget(layer, &layer->topics[i]);
      call(ac, callback, NULL);
    }
  if (ac->c.flags & REDIS_MONITORING) call(ac, layer->monitor, NULL);
  free(layer->replies.all);
  free(layer->beside.all);
}
