// ivykis's loop for an asynchronous context: redisIvykisAttach, once after the context was made.
#ifndef RREDIS_HIREDIS_IVYKIS_H
#define RREDIS_HIREDIS_IVYKIS_H

#include <iv.h>
#include <stdlib.h>

#include "../async.h"

typedef struct redisIvykisEvents {
  redisAsyncContext *context;  // NULL once it has ended
  struct iv_fd fd;
  struct iv_timer timer;
  int runs;  // calls that are under way: a callback may let the loop turn
} redisIvykisEvents;

static void redisIvykisHandle(redisIvykisEvents *e, void (*handle)(redisAsyncContext *)) {
  // The context may end in it, and ends this with it once all have returned.
  e->runs++;
  if (e->context != NULL) handle(e->context);
  e->runs--;
  if (e->context == NULL && e->runs == 0) free(e);
}
static void redisIvykisReadEvent(void *arg) { redisIvykisHandle((redisIvykisEvents *)arg, redisAsyncHandleRead); }
static void redisIvykisWriteEvent(void *arg) { redisIvykisHandle((redisIvykisEvents *)arg, redisAsyncHandleWrite); }
static void redisIvykisTimeout(void *arg) { redisIvykisHandle((redisIvykisEvents *)arg, redisAsyncHandleTimeout); }

static void redisIvykisAddRead(void *arg) { iv_fd_set_handler_in(&((redisIvykisEvents *)arg)->fd, redisIvykisReadEvent); }
static void redisIvykisDelRead(void *arg) { iv_fd_set_handler_in(&((redisIvykisEvents *)arg)->fd, NULL); }
static void redisIvykisAddWrite(void *arg) { iv_fd_set_handler_out(&((redisIvykisEvents *)arg)->fd, redisIvykisWriteEvent); }
static void redisIvykisDelWrite(void *arg) { iv_fd_set_handler_out(&((redisIvykisEvents *)arg)->fd, NULL); }

static void redisIvykisSetTimeout(void *arg, struct timeval time) {
  redisIvykisEvents *e = (redisIvykisEvents *)arg;
  if (iv_timer_registered(&e->timer)) iv_timer_unregister(&e->timer);
  iv_validate_now();
  e->timer.expires = iv_now;
  e->timer.expires.tv_sec += time.tv_sec;
  e->timer.expires.tv_nsec += time.tv_usec * 1000;
  if (e->timer.expires.tv_nsec >= 1000000000) {
    e->timer.expires.tv_sec++;
    e->timer.expires.tv_nsec -= 1000000000;
  }
  iv_timer_register(&e->timer);
}

static void redisIvykisCleanup(void *arg) {
  redisIvykisEvents *e = (redisIvykisEvents *)arg;
  iv_fd_unregister(&e->fd);
  if (iv_timer_registered(&e->timer)) iv_timer_unregister(&e->timer);
  e->context = NULL;
  if (e->runs == 0) free(e);
}

// REDIS_ERR: the context is attached already, or there is no memory. The thread has called iv_init before.
static int redisIvykisAttach(redisAsyncContext *ac) {
  redisIvykisEvents *e;
  if (ac->ev.data != NULL) return REDIS_ERR;
  e = (redisIvykisEvents *)calloc(1, sizeof *e);
  if (e == NULL) return REDIS_ERR;
  e->context = ac;
  IV_FD_INIT(&e->fd);
  e->fd.fd = ac->c.fd;
  e->fd.cookie = e;
  iv_fd_register(&e->fd);
  IV_TIMER_INIT(&e->timer);
  e->timer.cookie = e;
  e->timer.handler = redisIvykisTimeout;
  ac->ev.data = e;
  ac->ev.addRead = redisIvykisAddRead;
  ac->ev.delRead = redisIvykisDelRead;
  ac->ev.addWrite = redisIvykisAddWrite;
  ac->ev.delWrite = redisIvykisDelWrite;
  ac->ev.cleanup = redisIvykisCleanup;
  ac->ev.scheduleTimer = redisIvykisSetTimeout;
  return REDIS_OK;
}

#endif
