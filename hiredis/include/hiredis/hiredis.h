// What a program that was written for hiredis includes as <hiredis/hiredis.h>: blocking contexts, commands by format, and
// replies, over librredis.
#ifndef RREDIS_HIREDIS_H
#define RREDIS_HIREDIS_H

#include <stdarg.h>
#include <stdint.h>
#include <sys/time.h>

#include "read.h"

// The version of hiredis whose names these are.
#define HIREDIS_MAJOR 1
#define HIREDIS_MINOR 2
#define HIREDIS_PATCH 0

// Bits of flags of a context.
#define REDIS_BLOCK 0x1
#define REDIS_CONNECTED 0x2
#define REDIS_DISCONNECTING 0x4
#define REDIS_FREEING 0x8
#define REDIS_IN_CALLBACK 0x10
#define REDIS_SUBSCRIBED 0x20
#define REDIS_MONITORING 0x40
#define REDIS_REUSEADDR 0x80
#define REDIS_SUPPORTS_PUSH 0x100
#define REDIS_NO_AUTO_FREE 0x200
#define REDIS_NO_AUTO_FREE_REPLIES 0x400
#define REDIS_PREFER_IPV4 0x800
#define REDIS_PREFER_IPV6 0x1000

#define REDIS_KEEPALIVE_INTERVAL 15  // seconds
#define REDIS_CONNECT_RETRIES 10
#define REDIS_INVALID_FD -1

#ifdef __cplusplus
extern "C" {
#endif

typedef int redisFD;
struct sockaddr;

typedef struct redisReply {
  int type;                     // a REDIS_REPLY_
  long long integer;            // of an INTEGER or a BOOL
  double dval;                  // of a DOUBLE
  size_t len;                   // the bytes of str
  char *str;                    // of a STRING, ERROR, STATUS, VERB, DOUBLE or BIGNUM, with a NUL behind it
  char vtype[4];                // of a VERB: its format, such as "txt"
  size_t elements;              // how many there are; of a MAP, keys and values together
  struct redisReply **element;  // of an aggregate
} redisReply;

enum redisConnectionType { REDIS_CONN_TCP, REDIS_CONN_UNIX, REDIS_CONN_USERFD };

struct redisAsyncContext;
typedef void(redisPushFn)(void *privdata, void *reply);
typedef void(redisAsyncPushFn)(struct redisAsyncContext *, void *reply);

// Bits of options of redisOptions.
#define REDIS_OPT_NONBLOCK 0x01
#define REDIS_OPT_REUSEADDR 0x02
#define REDIS_OPT_NOAUTOFREE 0x04
#define REDIS_OPT_NO_PUSH_AUTOFREE 0x08
#define REDIS_OPT_NOAUTOFREEREPLIES 0x10
#define REDIS_OPT_PREFER_IPV4 0x20
#define REDIS_OPT_PREFER_IPV6 0x40
#define REDIS_OPT_PREFER_IP_UNSPEC (REDIS_OPT_PREFER_IPV4 | REDIS_OPT_PREFER_IPV6)

// How a context connects. All zero except the endpoint is right.
typedef struct {
  int type;     // an enum redisConnectionType
  int options;  // REDIS_OPT_, or-ed
  const struct timeval *connect_timeout;  // NULL: none
  const struct timeval *command_timeout;  // NULL: none
  union {
    struct {
      const char *source_addr;  // must be NULL
      const char *ip;           // a name or an address
      int port;
    } tcp;
    const char *unix_socket;
    redisFD fd;  // a connected socket, which the context takes over
  } endpoint;
  void *privdata;
  void (*free_privdata)(void *);
  redisPushFn *push_cb;
  redisAsyncPushFn *async_push_cb;
} redisOptions;

#define REDIS_OPTIONS_SET_TCP(opts, ip_, port_) \
  do {                                          \
    (opts)->type = REDIS_CONN_TCP;              \
    (opts)->endpoint.tcp.ip = ip_;              \
    (opts)->endpoint.tcp.port = port_;          \
  } while (0)

#define REDIS_OPTIONS_SET_UNIX(opts, path)  \
  do {                                      \
    (opts)->type = REDIS_CONN_UNIX;         \
    (opts)->endpoint.unix_socket = path;    \
  } while (0)

#define REDIS_OPTIONS_SET_PRIVDATA(opts, data, dtor) \
  do {                                               \
    (opts)->privdata = data;                         \
    (opts)->free_privdata = dtor;                    \
  } while (0)

typedef struct redisContext {
  const void *funcs;  // not used
  int err;            // a REDIS_ERR_, or 0
  char errstr[128];   // what went wrong
  redisFD fd;         // to be watched for reading, at most
  int flags;
  char *obuf;           // not used
  redisReader *reader;  // may be set, and changes nothing
  enum redisConnectionType connection_type;
  struct timeval *connect_timeout;
  struct timeval *command_timeout;
  struct {
    char *host;
    char *source_addr;
    int port;
  } tcp;
  struct {
    char *path;
  } unix_sock;
  struct sockaddr *saddr;  // NULL
  size_t addrlen;
  void *privdata;
  void (*free_privdata)(void *);
  void *privctx;
  redisPushFn *push_cb;
  struct rredis_hiredis *layer;  // the layer's own
} redisContext;

void freeReplyObject(void *reply) RREDIS_HIREDIS(freeReplyObject);

int redisvFormatCommand(char **target, const char *format, va_list ap) RREDIS_HIREDIS(redisvFormatCommand);
int redisFormatCommand(char **target, const char *format, ...) RREDIS_HIREDIS(redisFormatCommand);
long long redisFormatCommandArgv(char **target, int argc, const char **argv, const size_t *argvlen)
    RREDIS_HIREDIS(redisFormatCommandArgv);
void redisFreeCommand(char *cmd) RREDIS_HIREDIS(redisFreeCommand);

redisReader *redisReaderCreate(void) RREDIS_HIREDIS(redisReaderCreate);

redisContext *redisConnectWithOptions(const redisOptions *options) RREDIS_HIREDIS(redisConnectWithOptions);
redisContext *redisConnect(const char *ip, int port) RREDIS_HIREDIS(redisConnect);
redisContext *redisConnectWithTimeout(const char *ip, int port, const struct timeval tv)
    RREDIS_HIREDIS(redisConnectWithTimeout);
redisContext *redisConnectUnix(const char *path) RREDIS_HIREDIS(redisConnectUnix);
redisContext *redisConnectUnixWithTimeout(const char *path, const struct timeval tv)
    RREDIS_HIREDIS(redisConnectUnixWithTimeout);
redisContext *redisConnectFd(redisFD fd) RREDIS_HIREDIS(redisConnectFd);
int redisReconnect(redisContext *c) RREDIS_HIREDIS(redisReconnect);
redisPushFn *redisSetPushCallback(redisContext *c, redisPushFn *fn) RREDIS_HIREDIS(redisSetPushCallback);
int redisSetTimeout(redisContext *c, const struct timeval tv) RREDIS_HIREDIS(redisSetTimeout);
int redisEnableKeepAlive(redisContext *c) RREDIS_HIREDIS(redisEnableKeepAlive);
int redisEnableKeepAliveWithInterval(redisContext *c, int interval) RREDIS_HIREDIS(redisEnableKeepAliveWithInterval);
// How long what was sent may stay unacknowledged, in milliseconds.
int redisSetTcpUserTimeout(redisContext *c, unsigned int timeout) RREDIS_HIREDIS(redisSetTcpUserTimeout);
void redisFree(redisContext *c) RREDIS_HIREDIS(redisFree);
redisFD redisFreeKeepFd(redisContext *c) RREDIS_HIREDIS(redisFreeKeepFd);

int redisGetReply(redisContext *c, void **reply) RREDIS_HIREDIS(redisGetReply);
int redisGetReplyFromReader(redisContext *c, void **reply) RREDIS_HIREDIS(redisGetReplyFromReader);
int redisvAppendCommand(redisContext *c, const char *format, va_list ap) RREDIS_HIREDIS(redisvAppendCommand);
int redisAppendCommand(redisContext *c, const char *format, ...) RREDIS_HIREDIS(redisAppendCommand);
int redisAppendCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen)
    RREDIS_HIREDIS(redisAppendCommandArgv);
int redisAppendFormattedCommand(redisContext *c, const char *cmd, size_t len) RREDIS_HIREDIS(redisAppendFormattedCommand);
void *redisvCommand(redisContext *c, const char *format, va_list ap) RREDIS_HIREDIS(redisvCommand);
void *redisCommand(redisContext *c, const char *format, ...) RREDIS_HIREDIS(redisCommand);
void *redisCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen)
    RREDIS_HIREDIS(redisCommandArgv);

#ifdef __cplusplus
}
#endif

#endif
