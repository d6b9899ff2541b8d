// hiredis: a connection for each thread. With -DVALKEY it is libvalkey. With -DTLS it has hiredis_ssl.

#include "speed.h"

#ifdef VALKEY
#include <valkey/valkey.h>
#define redisContext valkeyContext
#define redisReply valkeyReply
#define redisConnect valkeyConnect
#define redisConnectUnix valkeyConnectUnix
#define redisCommandArgv valkeyCommandArgv
#define redisAppendCommandArgv valkeyAppendCommandArgv
#define redisGetReply valkeyGetReply
#define redisFree valkeyFree
#define REDIS_REPLY_ERROR VALKEY_REPLY_ERROR
#define REDIS_REPLY_ARRAY VALKEY_REPLY_ARRAY
#else
#include <hiredis/hiredis.h>
#endif
#ifdef TLS
#include <hiredis/hiredis_ssl.h>
#endif
#include <stdlib.h>

#ifdef TLS
static redisSSLContext *tls;

void client_open(const char *place) {
  if (!is_tls(place)) return;
  redisInitOpenSSL();
  tls = redisCreateSSLContext(getenv("RREDIS_CA"), NULL, NULL, NULL, "localhost", NULL);
  if (tls == NULL) failed("no TLS");
}

static void secure(redisContext *context) {
  if (redisInitiateSSLWithContext(context, tls)) failed(context->errstr);
}
#else
void client_open(const char *place) {
  if (is_tls(place)) failed("this client has no TLS");
}

static void secure(redisContext *context) { (void)context; }
#endif

void client_close(void) {}

void *link_open(const char *place) {
  redisContext *context = is_unix(place) ? redisConnectUnix(place + 5) : redisConnect("127.0.0.1", port_of(place));
  if (context == NULL || context->err) failed("no connection");
  if (is_tls(place)) secure(context);
  return context;
}

void link_close(void *link) { redisFree(link); }

static size_t taken(redisReply *reply) {
  if (reply == NULL) return lost("no reply");
  if (reply->type == REDIS_REPLY_ERROR) failed(reply->str);
  size_t len = reply->type == REDIS_REPLY_ARRAY ? reply->elements : reply->len;
  freeReplyObject(reply);
  return len;
}

size_t link_run(void *link, const command *sent, int times) {
  if (times == 1) return taken(redisCommandArgv(link, sent->argc, sent->argv, sent->argv_len));
  for (int i = 0; i < times; i++) redisAppendCommandArgv(link, sent->argc, sent->argv, sent->argv_len);
  size_t len = 0;
  for (int i = 0; i < times; i++) {
    void *reply = NULL;
    redisGetReply(link, &reply);
    if ((len = taken(reply)) == LOST) break;
  }
  return len;
}
