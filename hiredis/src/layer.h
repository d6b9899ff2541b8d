// What the layer's files share.
#ifndef LAYER_H
#define LAYER_H

#include <hiredis/hiredis.h>
#include <rredis.h>
#include <stdbool.h>

// ---- reply.c

// The type of a reply. In RESP2 a message is an array.
int layer_type(const rredis_reply *reply, bool resp3);
// A copy that freeReplyObject frees; NULL: no memory.
redisReply *layer_reply(const rredis_reply *reply, bool resp3);

// ---- format.c

enum { WORDS_INLINE = 16 };

// The arguments of a command.
typedef struct layer_words {
  size_t count;
  const char **argv;
  size_t *lens;
  size_t room;  // for so many arguments
  char *bytes;  // of all arguments, one behind the other
  size_t used, bytes_room;
  bool is_open;  // the last argument goes on
  const char *inline_argv[WORDS_INLINE];
  size_t inline_lens[WORDS_INLINE];
  char inline_bytes[256];
} layer_words;

typedef enum layer_format { FORMAT_OK = 0, FORMAT_MEMORY = -1, FORMAT_WRONG = -2 } layer_format;

// The arguments that a format and its values stand for. They are freed in any case.
layer_format layer_words_of(layer_words *words, const char *format, va_list ap);
void layer_words_free(layer_words *words);

// What is wrong with formatted commands.
typedef struct layer_fault {
  int err;  // a REDIS_ERR_; 0: nothing
  const char *text;
} layer_fault;

typedef int layer_append_fn(void *to, int argc, const char **argv, const size_t *lens);

// Append the commands of these bytes, which are as redisFormatCommand gives them: arrays of texts, to any parser. With `is_one`
// there is one. The result is the last that `append` gave, or REDIS_ERR.
int layer_append_formatted(const char *cmd, size_t len, bool is_one, layer_append_fn *append, void *to, layer_fault *fault);

// ---- context.c

typedef struct rredis_hiredis {
  rredis_options *options;
  rredis_client *client;
  rredis_conn *conn;
  rredis_tls *tls;    // of a context for an event loop; NULL: it has none
  redisFD own_fd;     // of REDIS_CONN_USERFD
  bool is_kept;       // own_fd is not to be closed
  bool is_over;       // the context has failed for good
  bool is_tls;        // a blocking context speaks TLS
  bool resp3;         // what the connection speaks
  bool sent;          // a command was given out
  size_t turns;       // how often HELLO and RESET were sent, whose replies say what the connection speaks from then on
  redisReader reader; // what a program finds and may set: replies are bounded in other ways
} rredis_hiredis;

// Keep a copy of a time, if there is one. False: no memory.
bool layer_keep_time(struct timeval **kept, const struct timeval *time);

// Say what went wrong with this call; the context goes on. The result is REDIS_ERR.
int layer_refuse(redisContext *c, int err, const char *text);

#endif
