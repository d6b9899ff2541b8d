// What a program that was written for hiredis includes as <hiredis/hiredis_ssl.h>: TLS by files, over librredis. There is no
// libhiredis_ssl to link beside. A context that verifies its server verifies its name, too.
#ifndef RREDIS_HIREDIS_SSL_H
#define RREDIS_HIREDIS_SSL_H

#include "hiredis.h"

#define REDIS_SSL_VERIFY_NONE 0x00  // accept every certificate
#define REDIS_SSL_VERIFY_PEER 0x01
#define REDIS_SSL_VERIFY_FAIL_IF_NO_PEER_CERT 0x02
#define REDIS_SSL_VERIFY_CLIENT_ONCE 0x04
#define REDIS_SSL_VERIFY_POST_HANDSHAKE 0x08

#ifdef __cplusplus
extern "C" {
#endif

typedef struct redisSSLContext redisSSLContext;

typedef enum {
  REDIS_SSL_CTX_NONE = 0,
  REDIS_SSL_CTX_CREATE_FAILED,
  REDIS_SSL_CTX_CERT_KEY_REQUIRED,
  REDIS_SSL_CTX_CA_CERT_LOAD_FAILED,
  REDIS_SSL_CTX_CLIENT_CERT_LOAD_FAILED,
  REDIS_SSL_CTX_CLIENT_DEFAULT_CERT_FAILED,
  REDIS_SSL_CTX_PRIVATE_KEY_LOAD_FAILED,
  REDIS_SSL_CTX_OS_CERTSTORE_OPEN_FAILED,
  REDIS_SSL_CTX_OS_CERT_ADD_FAILED
} redisSSLContextError;

// Each may be NULL.
typedef struct {
  const char *cacert_filename;       // NULL, and no capath: the system's certificates
  const char *capath;
  const char *cert_filename;         // a certificate of the program's, with private_key_filename
  const char *private_key_filename;
  const char *server_name;           // the name that the server's certificate must have; NULL: that of the endpoint
  int verify_mode;                   // REDIS_SSL_VERIFY_NONE, or anything else
} redisSSLOptions;

int redisInitOpenSSL(void) RREDIS_HIREDIS(redisInitOpenSSL);
redisSSLContext *redisCreateSSLContext(const char *cacert_filename, const char *capath, const char *cert_filename,
                                       const char *private_key_filename, const char *server_name, redisSSLContextError *error)
    RREDIS_HIREDIS(redisCreateSSLContext);
redisSSLContext *redisCreateSSLContextWithOptions(redisSSLOptions *options, redisSSLContextError *error)
    RREDIS_HIREDIS(redisCreateSSLContextWithOptions);
void redisFreeSSLContext(redisSSLContext *ctx) RREDIS_HIREDIS(redisFreeSSLContext);
const char *redisSSLContextGetError(redisSSLContextError error) RREDIS_HIREDIS(redisSSLContextGetError);

// Connects again, over TLS. To be called before the first command. A context for an event loop, ac->c, shakes hands with its
// first command, and waits for nothing.
int redisInitiateSSLWithContext(redisContext *c, redisSSLContext *ctx) RREDIS_HIREDIS(redisInitiateSSLWithContext);

#ifdef __cplusplus
}
#endif

#endif
