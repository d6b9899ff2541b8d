// GLib's main loop for an asynchronous context: redis_source_new makes a source, which the program attaches to its main
// context, and unreferences.
#ifndef RREDIS_HIREDIS_GLIB_H
#define RREDIS_HIREDIS_GLIB_H

#include <glib.h>
#include <string.h>

#include "../async.h"

typedef struct RedisSource {
  GSource source;
  redisAsyncContext *ac;  // NULL once it has ended
  GPollFD poll_fd;
} RedisSource;

static void redis_source_watch(gpointer data, gushort added, gushort removed) {
  RedisSource *source = (RedisSource *)data;
  source->poll_fd.events = (gushort)((source->poll_fd.events | added) & ~removed);
}
static void redis_source_add_read(gpointer data) { redis_source_watch(data, G_IO_IN, 0); }
static void redis_source_del_read(gpointer data) { redis_source_watch(data, 0, G_IO_IN); }
static void redis_source_add_write(gpointer data) { redis_source_watch(data, G_IO_OUT, 0); }
static void redis_source_del_write(gpointer data) { redis_source_watch(data, 0, G_IO_OUT); }

static void redis_source_set_timeout(gpointer data, struct timeval time) {
  gint64 after = (gint64)time.tv_sec * G_USEC_PER_SEC + time.tv_usec;
  g_source_set_ready_time((GSource *)data, g_get_monotonic_time() + after);
}

static void redis_source_cleanup(gpointer data) {
  RedisSource *source = (RedisSource *)data;
  source->ac = NULL;
  source->poll_fd.revents = 0;
  g_source_remove_poll(&source->source, &source->poll_fd);
  g_source_set_ready_time(&source->source, -1);
}

static gboolean redis_source_is_due(GSource *source) {
  gint64 at = g_source_get_ready_time(source);
  return at >= 0 && at <= g_source_get_time(source);
}

static gboolean redis_source_prepare(GSource *source, gint *timeout) {
  (void)source;
  *timeout = -1;
  return FALSE;
}

// What failed shows when the context reads and writes.
static gboolean redis_source_check(GSource *data) {
  RedisSource *source = (RedisSource *)data;
  return source->ac != NULL && (source->poll_fd.revents & (source->poll_fd.events | G_IO_ERR | G_IO_HUP)) != 0;
}

static gboolean redis_source_dispatch(GSource *data, GSourceFunc callback, gpointer user_data) {
  RedisSource *source = (RedisSource *)data;
  gushort came = source->poll_fd.revents;
  if (came & (G_IO_ERR | G_IO_HUP)) came = (gushort)(came | source->poll_fd.events);
  // The context may end in any of these.
  if (redis_source_is_due(data) && source->ac != NULL) {
    g_source_set_ready_time(data, -1);
    redisAsyncHandleTimeout(source->ac);
  }
  if ((came & G_IO_IN) && source->ac != NULL) redisAsyncHandleRead(source->ac);
  if ((came & G_IO_OUT) && source->ac != NULL) redisAsyncHandleWrite(source->ac);
  return callback != NULL ? callback(user_data) : G_SOURCE_CONTINUE;
}

// The source goes before the context: nothing watches it any longer.
static void redis_source_finalize(GSource *data) {
  RedisSource *source = (RedisSource *)data;
  if (source->ac != NULL) memset(&source->ac->ev, 0, sizeof source->ac->ev);
}

// NULL: the context is attached already.
static GSource *redis_source_new(redisAsyncContext *ac) {
  static GSourceFuncs functions = {redis_source_prepare, redis_source_check, redis_source_dispatch, redis_source_finalize, NULL, NULL};
  RedisSource *source;
  g_return_val_if_fail(ac != NULL && ac->ev.data == NULL, NULL);
  source = (RedisSource *)g_source_new(&functions, sizeof *source);
  source->ac = ac;
  source->poll_fd.fd = ac->c.fd;
  g_source_add_poll(&source->source, &source->poll_fd);
  ac->ev.data = source;
  ac->ev.addRead = redis_source_add_read;
  ac->ev.delRead = redis_source_del_read;
  ac->ev.addWrite = redis_source_add_write;
  ac->ev.delWrite = redis_source_del_write;
  ac->ev.cleanup = redis_source_cleanup;
  ac->ev.scheduleTimer = redis_source_set_timeout;
  return &source->source;
}

#endif
