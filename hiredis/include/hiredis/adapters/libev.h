// libev's loop for an asynchronous context: redisLibevAttach, once after the context was made.
#ifndef RREDIS_HIREDIS_LIBEV_H
#define RREDIS_HIREDIS_LIBEV_H

#include <ev.h>
#include <stdlib.h>

#include "../async.h"

typedef struct redisLibevEvents {
  redisAsyncContext *context;  // NULL once it has ended
#if EV_MULTIPLICITY
  struct ev_loop *loop;
#endif
  ev_io rev, wev;
  ev_timer timer;
  int runs;  // calls that are under way: a callback may let the loop turn
} redisLibevEvents;

#if EV_MULTIPLICITY
#define redisLibevLoop(e) (e)->loop,
#else
#define redisLibevLoop(e)
#endif

static void redisLibevHandle(redisLibevEvents *e, void (*handle)(redisAsyncContext *)) {
  // The context may end in it, and ends this with it once all have returned.
  e->runs++;
  if (e->context != NULL) handle(e->context);
  e->runs--;
  if (e->context == NULL && e->runs == 0) free(e);
}

static void redisLibevReadEvent(EV_P_ ev_io *watcher, int what) {
#if EV_MULTIPLICITY
  (void)loop;
#endif
  (void)what;
  redisLibevHandle((redisLibevEvents *)watcher->data, redisAsyncHandleRead);
}
static void redisLibevWriteEvent(EV_P_ ev_io *watcher, int what) {
#if EV_MULTIPLICITY
  (void)loop;
#endif
  (void)what;
  redisLibevHandle((redisLibevEvents *)watcher->data, redisAsyncHandleWrite);
}
static void redisLibevTimeout(EV_P_ ev_timer *timer, int what) {
#if EV_MULTIPLICITY
  (void)loop;
#endif
  (void)what;
  redisLibevHandle((redisLibevEvents *)timer->data, redisAsyncHandleTimeout);
}

static void redisLibevAddRead(void *arg) {
  redisLibevEvents *e = (redisLibevEvents *)arg;
  ev_io_start(redisLibevLoop(e) &e->rev);
}
static void redisLibevDelRead(void *arg) {
  redisLibevEvents *e = (redisLibevEvents *)arg;
  ev_io_stop(redisLibevLoop(e) &e->rev);
}
static void redisLibevAddWrite(void *arg) {
  redisLibevEvents *e = (redisLibevEvents *)arg;
  ev_io_start(redisLibevLoop(e) &e->wev);
}
static void redisLibevDelWrite(void *arg) {
  redisLibevEvents *e = (redisLibevEvents *)arg;
  ev_io_stop(redisLibevLoop(e) &e->wev);
}

static void redisLibevSetTimeout(void *arg, struct timeval time) {
  redisLibevEvents *e = (redisLibevEvents *)arg;
  ev_timer_stop(redisLibevLoop(e) &e->timer);
  ev_timer_set(&e->timer, (double)time.tv_sec + (double)time.tv_usec / 1e6, 0.);
  ev_timer_start(redisLibevLoop(e) &e->timer);
}

static void redisLibevCleanup(void *arg) {
  redisLibevEvents *e = (redisLibevEvents *)arg;
  ev_io_stop(redisLibevLoop(e) &e->rev);
  ev_io_stop(redisLibevLoop(e) &e->wev);
  ev_timer_stop(redisLibevLoop(e) &e->timer);
  e->context = NULL;
  if (e->runs == 0) free(e);
}

// REDIS_ERR: the context is attached already, or there is no memory.
static int redisLibevAttach(EV_P_ redisAsyncContext *ac) {
  redisLibevEvents *e;
  if (ac->ev.data != NULL) return REDIS_ERR;
  e = (redisLibevEvents *)calloc(1, sizeof *e);
  if (e == NULL) return REDIS_ERR;
  e->context = ac;
#if EV_MULTIPLICITY
  e->loop = loop;
#endif
  ev_io_init(&e->rev, redisLibevReadEvent, ac->c.fd, EV_READ);
  ev_io_init(&e->wev, redisLibevWriteEvent, ac->c.fd, EV_WRITE);
  ev_init(&e->timer, redisLibevTimeout);
  e->rev.data = e->wev.data = e->timer.data = e;
  ac->ev.data = e;
  ac->ev.addRead = redisLibevAddRead;
  ac->ev.delRead = redisLibevDelRead;
  ac->ev.addWrite = redisLibevAddWrite;
  ac->ev.delWrite = redisLibevDelWrite;
  ac->ev.cleanup = redisLibevCleanup;
  ac->ev.scheduleTimer = redisLibevSetTimeout;
  return REDIS_OK;
}

#endif
