// poll(2) for an asynchronous context, with no loop beside: redisPollAttach once, and then redisPollTick again and again.
#ifndef RREDIS_HIREDIS_POLL_H
#define RREDIS_HIREDIS_POLL_H

#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "../async.h"

// What redisPollTick says that it has handled, or-ed.
#define REDIS_POLL_HANDLED_READ 1
#define REDIS_POLL_HANDLED_WRITE 2
#define REDIS_POLL_HANDLED_TIMEOUT 4

typedef struct redisPollEvents {
  redisAsyncContext *context;  // NULL once it has ended
  redisFD fd;
  short wanted;     // POLLIN and POLLOUT, or-ed
  double deadline;  // 0: none
  int runs;         // ticks that are under way: a callback may tick
} redisPollEvents;

static double redisPollNow(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// In milliseconds, rounded up; -1: for ever.
static int redisPollWait(const redisPollEvents *e, double timeout) {
  if (e->deadline != 0.) {
    double left = e->deadline - redisPollNow();
    if (left < 0.) left = 0.;
    if (timeout < 0. || left < timeout) timeout = left;
  }
  if (timeout < 0.) return -1;
  return timeout > 2e6 ? 2000000000 : (int)(timeout * 1e3 + 0.999);
}

static int redisPollHandle(redisPollEvents *e, short came) {
  int handled = 0;
  if ((came & POLLIN) && e->context != NULL) {
    redisAsyncHandleRead(e->context);
    handled |= REDIS_POLL_HANDLED_READ;
  }
  if ((came & POLLOUT) && e->context != NULL) {
    redisAsyncHandleWrite(e->context);
    handled |= REDIS_POLL_HANDLED_WRITE;
  }
  if (e->context != NULL && e->deadline != 0. && redisPollNow() >= e->deadline) {
    e->deadline = 0.;
    redisAsyncHandleTimeout(e->context);
    handled |= REDIS_POLL_HANDLED_TIMEOUT;
  }
  return handled;
}

// Wait until there is something to do, at most `timeout` seconds, and do it. A negative time is for ever. What was handled; 0:
// nothing. The context may be no more afterwards.
static int redisPollTick(redisAsyncContext *ac, double timeout) {
  redisPollEvents *e = (redisPollEvents *)ac->ev.data;
  struct pollfd at;
  int handled;
  if (e == NULL) return 0;
  at.fd = e->fd;
  at.events = e->wanted;
  at.revents = 0;
  if (poll(&at, 1, redisPollWait(e, timeout)) < 0) at.revents = 0;
  // What failed shows when the context reads and writes.
  if (at.revents & (POLLERR | POLLHUP | POLLNVAL)) at.revents = e->wanted;
  // The context may end in it, and ends this with it once all ticks have returned.
  e->runs++;
  handled = redisPollHandle(e, at.revents);
  e->runs--;
  if (e->context == NULL && e->runs == 0) free(e);
  return handled;
}

static void redisPollAddRead(void *arg) { ((redisPollEvents *)arg)->wanted |= POLLIN; }
static void redisPollDelRead(void *arg) { ((redisPollEvents *)arg)->wanted &= (short)~POLLIN; }
static void redisPollAddWrite(void *arg) { ((redisPollEvents *)arg)->wanted |= POLLOUT; }
static void redisPollDelWrite(void *arg) { ((redisPollEvents *)arg)->wanted &= (short)~POLLOUT; }

static void redisPollSetTimeout(void *arg, struct timeval time) {
  ((redisPollEvents *)arg)->deadline = redisPollNow() + (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void redisPollCleanup(void *arg) {
  redisPollEvents *e = (redisPollEvents *)arg;
  e->context->ev.data = NULL;
  e->context = NULL;
  if (e->runs == 0) free(e);
}

// REDIS_ERR: the context is attached already, or there is no memory.
static int redisPollAttach(redisAsyncContext *ac) {
  redisPollEvents *e;
  if (ac->ev.data != NULL) return REDIS_ERR;
  e = (redisPollEvents *)calloc(1, sizeof *e);
  if (e == NULL) return REDIS_ERR;
  e->context = ac;
  e->fd = ac->c.fd;
  ac->ev.data = e;
  ac->ev.addRead = redisPollAddRead;
  ac->ev.delRead = redisPollDelRead;
  ac->ev.addWrite = redisPollAddWrite;
  ac->ev.delWrite = redisPollDelWrite;
  ac->ev.cleanup = redisPollCleanup;
  ac->ev.scheduleTimer = redisPollSetTimeout;
  return REDIS_OK;
}

#endif
