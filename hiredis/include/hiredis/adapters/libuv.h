// libuv's loop for an asynchronous context: redisLibuvAttach, once after the context was made.
#ifndef RREDIS_HIREDIS_LIBUV_H
#define RREDIS_HIREDIS_LIBUV_H

#include <stdlib.h>
#include <uv.h>

#include "../async.h"

typedef struct redisLibuvEvents {
  redisAsyncContext *context;  // NULL once it has ended
  uv_poll_t handle;
  uv_timer_t timer;
  int wanted;  // UV_READABLE and UV_WRITABLE, or-ed
  int open;    // handles that are not closed yet
} redisLibuvEvents;

static void redisLibuvPoll(uv_poll_t *handle, int status, int what) {
  redisLibuvEvents *e = (redisLibuvEvents *)handle->data;
  // What failed shows when the context reads and writes.
  if (status != 0) what = UV_READABLE | UV_WRITABLE;
  what &= e->wanted;
  if ((what & UV_READABLE) && e->context != NULL) redisAsyncHandleRead(e->context);
  if ((what & UV_WRITABLE) && e->context != NULL) redisAsyncHandleWrite(e->context);
}

static void redisLibuvTimeout(uv_timer_t *timer) {
  redisLibuvEvents *e = (redisLibuvEvents *)timer->data;
  if (e->context != NULL) redisAsyncHandleTimeout(e->context);
}

static void redisLibuvUpdate(redisLibuvEvents *e, int wanted) {
  if (wanted == e->wanted || e->context == NULL) return;
  e->wanted = wanted;
  if (wanted == 0) uv_poll_stop(&e->handle);
  else uv_poll_start(&e->handle, wanted, redisLibuvPoll);
}

static void redisLibuvAddRead(void *arg) {
  redisLibuvEvents *e = (redisLibuvEvents *)arg;
  redisLibuvUpdate(e, e->wanted | UV_READABLE);
}
static void redisLibuvDelRead(void *arg) {
  redisLibuvEvents *e = (redisLibuvEvents *)arg;
  redisLibuvUpdate(e, e->wanted & ~UV_READABLE);
}
static void redisLibuvAddWrite(void *arg) {
  redisLibuvEvents *e = (redisLibuvEvents *)arg;
  redisLibuvUpdate(e, e->wanted | UV_WRITABLE);
}
static void redisLibuvDelWrite(void *arg) {
  redisLibuvEvents *e = (redisLibuvEvents *)arg;
  redisLibuvUpdate(e, e->wanted & ~UV_WRITABLE);
}

static void redisLibuvSetTimeout(void *arg, struct timeval time) {
  redisLibuvEvents *e = (redisLibuvEvents *)arg;
  uint64_t ms = (uint64_t)time.tv_sec * 1000 + ((uint64_t)time.tv_usec + 999) / 1000;
  if (e->context != NULL) uv_timer_start(&e->timer, redisLibuvTimeout, ms, 0);
}

static void redisLibuvClosed(uv_handle_t *handle) {
  redisLibuvEvents *e = (redisLibuvEvents *)handle->data;
  if (--e->open == 0) free(e);
}

// The loop still has the handles, and frees this when it has closed both.
static void redisLibuvCleanup(void *arg) {
  redisLibuvEvents *e = (redisLibuvEvents *)arg;
  e->context = NULL;
  uv_close((uv_handle_t *)&e->handle, redisLibuvClosed);
  uv_close((uv_handle_t *)&e->timer, redisLibuvClosed);
}

// REDIS_ERR: the context is attached already, or there is no memory, or libuv does not take its socket.
static int redisLibuvAttach(redisAsyncContext *ac, uv_loop_t *loop) {
  redisLibuvEvents *e;
  if (ac->ev.data != NULL) return REDIS_ERR;
  e = (redisLibuvEvents *)calloc(1, sizeof *e);
  if (e == NULL) return REDIS_ERR;
  if (uv_poll_init(loop, &e->handle, ac->c.fd) != 0) {
    free(e);
    return REDIS_ERR;
  }
  uv_timer_init(loop, &e->timer);
  e->context = ac;
  e->handle.data = e->timer.data = e;
  e->open = 2;
  ac->ev.data = e;
  ac->ev.addRead = redisLibuvAddRead;
  ac->ev.delRead = redisLibuvDelRead;
  ac->ev.addWrite = redisLibuvAddWrite;
  ac->ev.delWrite = redisLibuvDelWrite;
  ac->ev.cleanup = redisLibuvCleanup;
  ac->ev.scheduleTimer = redisLibuvSetTimeout;
  return REDIS_OK;
}

#endif
