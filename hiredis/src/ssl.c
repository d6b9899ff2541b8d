// TLS by files: what a program wants of it, kept until a connection connects again with it.
#include "layer.h"

#include <hiredis/hiredis_ssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CA_FILE, CA_DIR, CERT_FILE, KEY_FILE, SERVER_NAME, TEXTS };

static const rredis_option text_options[TEXTS] = {
    [CA_FILE] = RREDIS_OPTION_TLS_CA_FILE,     [CA_DIR] = RREDIS_OPTION_TLS_CA_DIR,
    [CERT_FILE] = RREDIS_OPTION_TLS_CERT_FILE, [KEY_FILE] = RREDIS_OPTION_TLS_KEY_FILE,
    [SERVER_NAME] = RREDIS_OPTION_TLS_SERVER_NAME,
};

struct redisSSLContext {
  char *texts[TEXTS];  // NULL: not set
  bool verifies;
};

int redisInitOpenSSL(void) { return REDIS_OK; }

static rredis_status set_all(rredis_options *options, const redisSSLContext *ctx, rredis_error *error) {
  rredis_status status = rredis_options_set_int(options, RREDIS_OPTION_TLS, 1, error);
  if (status == RREDIS_OK) status = rredis_options_set_int(options, RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, !ctx->verifies, error);
  for (size_t i = 0; i < TEXTS && status == RREDIS_OK; i++) {
    // Where nothing is verified there is nothing to verify it by.
    if (ctx->texts[i] == NULL || (!ctx->verifies && (i == CA_FILE || i == CA_DIR))) continue;
    status = rredis_options_set_str(options, text_options[i], ctx->texts[i], strlen(ctx->texts[i]), error);
  }
  return status;
}

// Whether a client can be made with it. Files are read then.
static bool serves(const redisSSLContext *ctx) {
  rredis_options *options = rredis_options_new();
  rredis_client *client = NULL;
  rredis_error error;
  bool made = options != NULL && set_all(options, ctx, &error) == RREDIS_OK && rredis_client_new(options, &client, &error) == RREDIS_OK;
  rredis_client_free(client);
  rredis_options_free(options);
  return made;
}

// Whether it serves with these texts alone.
static bool serves_with(const redisSSLContext *ctx, const int *wanted, size_t count) {
  redisSSLContext part = {.verifies = ctx->verifies};
  for (size_t i = 0; i < count; i++) part.texts[wanted[i]] = ctx->texts[wanted[i]];
  return serves(&part);
}

static redisSSLContextError fault(const redisSSLContext *ctx) {
  if ((ctx->texts[CERT_FILE] == NULL) != (ctx->texts[KEY_FILE] == NULL)) return REDIS_SSL_CTX_CERT_KEY_REQUIRED;
  if (serves(ctx)) return REDIS_SSL_CTX_NONE;
  if (!serves_with(ctx, (const int[]){CA_FILE, CA_DIR}, 2)) return REDIS_SSL_CTX_CA_CERT_LOAD_FAILED;
  if (ctx->texts[CERT_FILE] != NULL && access(ctx->texts[CERT_FILE], R_OK) != 0) return REDIS_SSL_CTX_CLIENT_CERT_LOAD_FAILED;
  if (!serves_with(ctx, (const int[]){CA_FILE, CA_DIR, CERT_FILE, KEY_FILE}, 4)) return REDIS_SSL_CTX_PRIVATE_KEY_LOAD_FAILED;
  return REDIS_SSL_CTX_CREATE_FAILED;
}

redisSSLContext *redisCreateSSLContextWithOptions(redisSSLOptions *options, redisSSLContextError *error) {
  const char *texts[TEXTS] = {
      [CA_FILE] = options->cacert_filename, [CA_DIR] = options->capath,           [CERT_FILE] = options->cert_filename,
      [KEY_FILE] = options->private_key_filename, [SERVER_NAME] = options->server_name,
  };
  redisSSLContext *ctx = calloc(1, sizeof *ctx);
  redisSSLContextError found = ctx != NULL ? REDIS_SSL_CTX_NONE : REDIS_SSL_CTX_CREATE_FAILED;
  if (ctx != NULL) ctx->verifies = options->verify_mode != REDIS_SSL_VERIFY_NONE;
  for (size_t i = 0; i < TEXTS && found == REDIS_SSL_CTX_NONE; i++)
    if (texts[i] != NULL && (ctx->texts[i] = strdup(texts[i])) == NULL) found = REDIS_SSL_CTX_CREATE_FAILED;
  if (found == REDIS_SSL_CTX_NONE) found = fault(ctx);
  if (error != NULL) *error = found;
  if (found == REDIS_SSL_CTX_NONE) return ctx;
  redisFreeSSLContext(ctx);
  return NULL;
}

redisSSLContext *redisCreateSSLContext(const char *cacert_filename, const char *capath, const char *cert_filename,
                                       const char *private_key_filename, const char *server_name, redisSSLContextError *error) {
  redisSSLOptions options = {
      .cacert_filename = cacert_filename, .capath = capath, .cert_filename = cert_filename,
      .private_key_filename = private_key_filename, .server_name = server_name, .verify_mode = REDIS_SSL_VERIFY_PEER,
  };
  return redisCreateSSLContextWithOptions(&options, error);
}

void redisFreeSSLContext(redisSSLContext *ctx) {
  if (ctx == NULL) return;
  for (size_t i = 0; i < TEXTS; i++) free(ctx->texts[i]);
  free(ctx);
}

const char *redisSSLContextGetError(redisSSLContextError error) {
  switch (error) {
    case REDIS_SSL_CTX_NONE: return "no failure";
    case REDIS_SSL_CTX_CREATE_FAILED: return "the TLS context cannot be made";
    case REDIS_SSL_CTX_CERT_KEY_REQUIRED: return "a certificate needs its private key, and a private key its certificate";
    case REDIS_SSL_CTX_CA_CERT_LOAD_FAILED: return "the trusted certificates cannot be loaded";
    case REDIS_SSL_CTX_CLIENT_CERT_LOAD_FAILED: return "the certificate of this client cannot be loaded";
    case REDIS_SSL_CTX_CLIENT_DEFAULT_CERT_FAILED: return "the default certificate of this client cannot be loaded";
    case REDIS_SSL_CTX_PRIVATE_KEY_LOAD_FAILED: return "the private key of this client cannot be loaded, or is of another certificate";
    case REDIS_SSL_CTX_OS_CERTSTORE_OPEN_FAILED: return "the system's certificates cannot be opened";
    case REDIS_SSL_CTX_OS_CERT_ADD_FAILED: return "the system's certificates cannot be added";
  }
  return "an unknown failure";
}

// TLS over the socket of a context for an event loop, which shakes hands with the first command.
static int secure(redisContext *c, const redisSSLContext *ctx) {
  rredis_error error;
  if (c->layer->tls != NULL || c->layer->sent != 0) return layer_refuse(c, REDIS_ERR_OTHER, "TLS begins once, before the first command");
  rredis_options *options = rredis_options_new();
  if (options == NULL) return layer_refuse(c, REDIS_ERR_OOM, "not enough memory for TLS");
  rredis_status status = set_all(options, ctx, &error);
  if (status == RREDIS_OK && c->tcp.host != NULL)
    status = rredis_options_set_str(options, RREDIS_OPTION_HOST, c->tcp.host, strlen(c->tcp.host), &error);
  if (status == RREDIS_OK) status = rredis_tls_new(options, c->fd, &c->layer->tls, &error);
  rredis_options_free(options);
  return status == RREDIS_OK ? REDIS_OK : layer_refuse(c, REDIS_ERR_OTHER, error.message);
}

int redisInitiateSSLWithContext(redisContext *c, redisSSLContext *ctx) {
  rredis_error error;
  if (c == NULL || ctx == NULL || c->layer == NULL || c->err != 0) return REDIS_ERR;
  if (!(c->flags & REDIS_BLOCK)) return secure(c, ctx);
  if (c->connection_type == REDIS_CONN_USERFD) return layer_refuse(c, REDIS_ERR_OTHER, "TLS over a socket of the program's is not supported");
  if (c->layer->sent != 0) return layer_refuse(c, REDIS_ERR_OTHER, "TLS begins before the first command");
  if (set_all(c->layer->options, ctx, &error) != RREDIS_OK) return layer_refuse(c, REDIS_ERR_OTHER, error.message);
  c->layer->is_tls = true;
  return redisReconnect(c);
}
