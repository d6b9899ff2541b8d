// libevent's loop for an asynchronous context: redisLibeventAttach, once after the context was made.
#ifndef RREDIS_HIREDIS_LIBEVENT_H
#define RREDIS_HIREDIS_LIBEVENT_H

#include <event2/event.h>
#include <stdlib.h>

#include "../async.h"

typedef struct redisLibeventEvents {
  redisAsyncContext *context;
  struct event *ev;
  struct event_base *base;
  struct timeval time;
  short wanted;
  int is_timed, is_running, is_over;
} redisLibeventEvents;

static void redisLibeventDestroy(redisLibeventEvents *e) {
  event_free(e->ev);
  free(e);
}

static void redisLibeventHandler(evutil_socket_t fd, short what, void *arg) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  (void)fd;
  // The context may end in any of these, and ends this with it once they have returned.
  e->is_running = 1;
  if ((what & EV_TIMEOUT) && !e->is_over) redisAsyncHandleTimeout(e->context);
  if ((what & EV_READ) && !e->is_over) redisAsyncHandleRead(e->context);
  if ((what & EV_WRITE) && !e->is_over) redisAsyncHandleWrite(e->context);
  e->is_running = 0;
  if (e->is_over) redisLibeventDestroy(e);
}

static void redisLibeventUpdate(redisLibeventEvents *e, short wanted) {
  if (wanted != e->wanted) {
    event_del(e->ev);
    event_assign(e->ev, e->base, e->context->c.fd, wanted | EV_PERSIST, redisLibeventHandler, e);
    e->wanted = wanted;
  }
  if (wanted != 0 || e->is_timed) event_add(e->ev, e->is_timed ? &e->time : NULL);
}

static void redisLibeventAddRead(void *arg) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  if (!(e->wanted & EV_READ)) redisLibeventUpdate(e, (short)(e->wanted | EV_READ));
}
static void redisLibeventDelRead(void *arg) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  if (e->wanted & EV_READ) redisLibeventUpdate(e, (short)(e->wanted & ~EV_READ));
}
static void redisLibeventAddWrite(void *arg) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  if (!(e->wanted & EV_WRITE)) redisLibeventUpdate(e, (short)(e->wanted | EV_WRITE));
}
static void redisLibeventDelWrite(void *arg) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  if (e->wanted & EV_WRITE) redisLibeventUpdate(e, (short)(e->wanted & ~EV_WRITE));
}

static void redisLibeventSetTimeout(void *arg, struct timeval time) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  e->time = time;
  e->is_timed = 1;
  redisLibeventUpdate(e, e->wanted);
}

static void redisLibeventCleanup(void *arg) {
  redisLibeventEvents *e = (redisLibeventEvents *)arg;
  event_del(e->ev);
  e->is_over = 1;
  if (!e->is_running) redisLibeventDestroy(e);
}

// REDIS_ERR: the context is attached already, or there is no memory.
static int redisLibeventAttach(redisAsyncContext *ac, struct event_base *base) {
  redisLibeventEvents *e;
  if (ac->ev.data != NULL) return REDIS_ERR;
  e = (redisLibeventEvents *)calloc(1, sizeof *e);
  if (e == NULL) return REDIS_ERR;
  e->context = ac;
  e->base = base;
  e->ev = event_new(base, ac->c.fd, EV_READ | EV_WRITE, redisLibeventHandler, e);
  if (e->ev == NULL) {
    free(e);
    return REDIS_ERR;
  }
  ac->ev.data = e;
  ac->ev.addRead = redisLibeventAddRead;
  ac->ev.delRead = redisLibeventDelRead;
  ac->ev.addWrite = redisLibeventAddWrite;
  ac->ev.delWrite = redisLibeventDelWrite;
  ac->ev.cleanup = redisLibeventCleanup;
  ac->ev.scheduleTimer = redisLibeventSetTimeout;
  return REDIS_OK;
}

#endif
