// What a program that was written for hiredis includes as <hiredis/async.h>: contexts for an event loop, over librredis.
#ifndef RREDIS_HIREDIS_ASYNC_H
#define RREDIS_HIREDIS_ASYNC_H

#include "hiredis.h"

#ifdef __cplusplus
extern "C" {
#endif

struct redisAsyncContext;

// Receives a reply, which is freed when the function has returned; NULL: the context ends, and err says why.
typedef void(redisCallbackFn)(struct redisAsyncContext *, void *reply, void *privdata);
typedef void(redisDisconnectCallback)(const struct redisAsyncContext *, int status);
typedef void(redisConnectCallback)(const struct redisAsyncContext *, int status);
typedef void(redisConnectCallbackNC)(struct redisAsyncContext *, int status);
typedef void(redisTimerCallback)(void *timer, void *privdata);

typedef struct redisAsyncContext {
  redisContext c;  // its fd, its flags
  int err;         // a REDIS_ERR_, or 0
  char *errstr;    // what went wrong
  void *data;      // the program's
  void (*dataCleanup)(void *privdata);

  // What an adapter sets: how the loop is told what to watch.
  struct {
    void *data;
    void (*addRead)(void *privdata);
    void (*delRead)(void *privdata);
    void (*addWrite)(void *privdata);
    void (*delWrite)(void *privdata);
    void (*cleanup)(void *privdata);
    void (*scheduleTimer)(void *privdata, struct timeval tv);
  } ev;

  redisDisconnectCallback *onDisconnect;
  redisConnectCallback *onConnect;
  redisConnectCallbackNC *onConnectNC;
  redisAsyncPushFn *push_cb;
  struct rredis_hiredis_async *layer;  // the layer's own
} redisAsyncContext;

redisAsyncContext *redisAsyncConnectWithOptions(const redisOptions *options) RREDIS_HIREDIS(redisAsyncConnectWithOptions);
redisAsyncContext *redisAsyncConnect(const char *ip, int port) RREDIS_HIREDIS(redisAsyncConnect);
redisAsyncContext *redisAsyncConnectBind(const char *ip, int port, const char *source_addr) RREDIS_HIREDIS(redisAsyncConnectBind);
redisAsyncContext *redisAsyncConnectUnix(const char *path) RREDIS_HIREDIS(redisAsyncConnectUnix);

// REDIS_ERR: one is set already.
int redisAsyncSetConnectCallback(redisAsyncContext *ac, redisConnectCallback *fn) RREDIS_HIREDIS(redisAsyncSetConnectCallback);
int redisAsyncSetConnectCallbackNC(redisAsyncContext *ac, redisConnectCallbackNC *fn) RREDIS_HIREDIS(redisAsyncSetConnectCallbackNC);
int redisAsyncSetDisconnectCallback(redisAsyncContext *ac, redisDisconnectCallback *fn)
    RREDIS_HIREDIS(redisAsyncSetDisconnectCallback);
redisAsyncPushFn *redisAsyncSetPushCallback(redisAsyncContext *ac, redisAsyncPushFn *fn) RREDIS_HIREDIS(redisAsyncSetPushCallback);
int redisAsyncSetTimeout(redisAsyncContext *ac, struct timeval tv) RREDIS_HIREDIS(redisAsyncSetTimeout);

// Ends the context once every reply has come.
void redisAsyncDisconnect(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncDisconnect);
// Ends it now: commands whose replies are due are given NULL.
void redisAsyncFree(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncFree);

// What a loop calls.
void redisAsyncHandleRead(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncHandleRead);
void redisAsyncHandleWrite(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncHandleWrite);
void redisAsyncHandleTimeout(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncHandleTimeout);
void redisAsyncRead(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncRead);
void redisAsyncWrite(redisAsyncContext *ac) RREDIS_HIREDIS(redisAsyncWrite);

int redisvAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, const char *format, va_list ap)
    RREDIS_HIREDIS(redisvAsyncCommand);
int redisAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, const char *format, ...)
    RREDIS_HIREDIS(redisAsyncCommand);
int redisAsyncCommandArgv(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, int argc, const char **argv,
                          const size_t *argvlen) RREDIS_HIREDIS(redisAsyncCommandArgv);
int redisAsyncFormattedCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, const char *cmd, size_t len)
    RREDIS_HIREDIS(redisAsyncFormattedCommand);

#ifdef __cplusplus
}
#endif

#endif
