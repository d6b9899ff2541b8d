// TLS by files: ssl PORT PASSWORD CA CERT KEY OTHER-CA GARBAGE. Prints nothing unless it fails.
#include <hiredis/adapters/poll.h>
#include <hiredis/hiredis_ssl.h>

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                     \
      exit(1);                                                                            \
    }                                                                                     \
  } while (0)

static int port;
static const char *password;
static redisSSLContextError error;

static redisContext *secured(redisSSLContext *ssl) {
  redisContext *c = redisConnect("localhost", port);
  CHECK(c != NULL && c->err == 0);
  redisInitiateSSLWithContext(c, ssl);
  return c;
}

static void serves(redisSSLContext *ssl) {
  redisContext *c = secured(ssl);
  if (c->err) fprintf(stderr, "%s\n", c->errstr);
  CHECK(c->err == 0);
  redisReply *reply = redisCommand(c, "AUTH %s", password);
  CHECK(reply != NULL && reply->type == REDIS_REPLY_STATUS);
  freeReplyObject(reply);
  reply = redisCommand(c, "ECHO %s", "secret");
  CHECK(reply != NULL && strcmp(reply->str, "secret") == 0);
  freeReplyObject(reply);
  CHECK(redisInitiateSSLWithContext(c, ssl) == REDIS_ERR && c->err == REDIS_ERR_OTHER);
  // The next connection is secured, too.
  CHECK(redisReconnect(c) == REDIS_OK);
  reply = redisCommand(c, "AUTH %s", password);
  CHECK(reply != NULL && reply->type == REDIS_REPLY_STATUS);
  freeReplyObject(reply);
  redisFree(c);
  redisFreeSSLContext(ssl);
}

static void refuses(redisSSLContext *ssl) {
  CHECK(ssl != NULL);
  redisContext *c = secured(ssl);
  CHECK(c->err != 0 && c->errstr[0] != '\0' && redisCommand(c, "PING") == NULL);
  redisFree(c);
  redisFreeSSLContext(ssl);
}

// ---- Contexts for an event loop --------------------------------------------------------------------------

static int is_open, replies, refusals;
static char reason[128];
static void on_disconnect(const redisAsyncContext *ac, int status) {
  if (status != REDIS_OK) snprintf(reason, sizeof reason, "%s", ac->errstr);
  is_open = 0;
}
static void on_reply(redisAsyncContext *ac, void *given, void *privdata) {
  redisReply *reply = given;
  (void)ac;
  if (reply == NULL) refusals++;
  else if (reply->str != NULL && strcmp(reply->str, privdata) == 0) replies++;
  else fprintf(stderr, "%s\n", reply->str != NULL ? reply->str : "an odd reply");
}
static void then_disconnect(redisAsyncContext *ac, void *reply, void *privdata) {
  on_reply(ac, reply, privdata);
  redisAsyncDisconnect(ac);
}

static redisAsyncContext *secured_loop(redisSSLContext *ssl) {
  redisAsyncContext *ac = redisAsyncConnect("localhost", port);
  CHECK(ac != NULL && ac->err == 0 && redisPollAttach(ac) == REDIS_OK && redisAsyncSetDisconnectCallback(ac, on_disconnect) == REDIS_OK);
  CHECK(redisInitiateSSLWithContext(&ac->c, ssl) == REDIS_OK && redisInitiateSSLWithContext(&ac->c, ssl) == REDIS_ERR);
  ac->c.err = 0;
  is_open = 1;
  return ac;
}
// Nothing in it waits: each tick ends at once, or when poll(2) has something.
static int run(redisAsyncContext *ac) {
  int ticks = 0;
  for (; is_open; ticks++) redisPollTick(ac, 10.);
  return ticks;
}

// More than a record of TLS's and than a socket takes at once, both ways.
static void serves_loop(redisSSLContext *ssl) {
  static char large[300000];
  memset(large, 'x', sizeof large - 1);
  redisAsyncContext *ac = secured_loop(ssl);
  replies = refusals = 0;
  CHECK(redisAsyncCommand(ac, on_reply, "OK", "AUTH %s", password) == REDIS_OK);
  for (int i = 0; i < 20; i++) CHECK(redisAsyncCommand(ac, on_reply, large, "ECHO %s", large) == REDIS_OK);
  CHECK(redisAsyncCommand(ac, then_disconnect, "PONG", "PING") == REDIS_OK);
  int ticks = run(ac);
  CHECK(replies == 22 && refusals == 0 && reason[0] == '\0');
  // It waits in poll(2), and not by asking again and again.
  CHECK(ticks < 5000);
  redisFreeSSLContext(ssl);
}

static void refuses_loop(redisSSLContext *ssl) {
  redisAsyncContext *ac = secured_loop(ssl);
  replies = refusals = 0;
  CHECK(redisAsyncCommand(ac, on_reply, "OK", "AUTH %s", password) == REDIS_OK);
  run(ac);
  CHECK(replies == 0 && refusals == 1 && strstr(reason, "tls") != NULL);
  reason[0] = '\0';
  redisFreeSSLContext(ssl);
}

static void late_loop(redisSSLContext *ssl) {
  redisAsyncContext *ac = secured_loop(ssl);
  CHECK(redisAsyncCommand(ac, then_disconnect, "OK", "AUTH %s", password) == REDIS_OK);
  redisPollTick(ac, 10.);
  redisAsyncFree(ac);
  redisFreeSSLContext(ssl);
}

static void fails(redisSSLContext *ssl, redisSSLContextError wanted) {
  if (error != wanted) fprintf(stderr, "%d, and not %d\n", error, wanted);
  CHECK(ssl == NULL && error == wanted && strlen(redisSSLContextGetError(error)) > 10);
}

int main(int argc, char **argv) {
  CHECK(argc == 8);
  port = atoi(argv[1]);
  password = argv[2];
  const char *ca = argv[3], *cert = argv[4], *key = argv[5], *other = argv[6], *garbage = argv[7];
  CHECK(redisInitOpenSSL() == REDIS_OK);
  serves(redisCreateSSLContext(ca, NULL, NULL, NULL, NULL, &error));
  serves(redisCreateSSLContext(ca, NULL, cert, key, "localhost", NULL));
  redisSSLOptions nobody = {.cacert_filename = other, .verify_mode = REDIS_SSL_VERIFY_NONE};
  serves(redisCreateSSLContextWithOptions(&nobody, &error));
  refuses(redisCreateSSLContext(other, NULL, NULL, NULL, NULL, &error));
  refuses(redisCreateSSLContext(ca, NULL, NULL, NULL, "elsewhere.example", &error));

  serves_loop(redisCreateSSLContext(ca, NULL, NULL, NULL, NULL, &error));
  serves_loop(redisCreateSSLContext(ca, NULL, cert, key, "localhost", NULL));
  serves_loop(redisCreateSSLContextWithOptions(&nobody, &error));
  refuses_loop(redisCreateSSLContext(other, NULL, NULL, NULL, NULL, &error));
  refuses_loop(redisCreateSSLContext(ca, NULL, NULL, NULL, "elsewhere.example", &error));
  late_loop(redisCreateSSLContext(ca, NULL, NULL, NULL, NULL, &error));

  fails(redisCreateSSLContext("/nowhere.pem", NULL, NULL, NULL, NULL, &error), REDIS_SSL_CTX_CA_CERT_LOAD_FAILED);
  fails(redisCreateSSLContext(garbage, NULL, NULL, NULL, NULL, &error), REDIS_SSL_CTX_CA_CERT_LOAD_FAILED);
  fails(redisCreateSSLContext(ca, NULL, cert, NULL, NULL, &error), REDIS_SSL_CTX_CERT_KEY_REQUIRED);
  fails(redisCreateSSLContext(ca, NULL, NULL, key, NULL, &error), REDIS_SSL_CTX_CERT_KEY_REQUIRED);
  fails(redisCreateSSLContext(ca, NULL, "/nowhere.pem", key, NULL, &error), REDIS_SSL_CTX_CLIENT_CERT_LOAD_FAILED);
  fails(redisCreateSSLContext(ca, NULL, cert, garbage, NULL, &error), REDIS_SSL_CTX_PRIVATE_KEY_LOAD_FAILED);
  return 0;
}
