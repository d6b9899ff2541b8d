// Blocking contexts: one connection of librredis each.
#include "layer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- Failures -----------------------------------------------------------------------------

static int say(redisContext *c, int err, const char *text) {
  c->err = err;
  snprintf(c->errstr, sizeof c->errstr, "%.127s", text);
  return REDIS_ERR;
}

int layer_refuse(redisContext *c, int err, const char *text) { return say(c, err, text); }

// The context has failed for good; errno is `number`, where that is not 0.
static int fail(redisContext *c, int err, int number, const char *text) {
  c->layer->is_over = true;
  c->flags &= ~REDIS_CONNECTED;
  if (number != 0) errno = number;
  return say(c, err, text);
}

// `late`: what errno is when the time was up.
static int fail_by(redisContext *c, const rredis_error *error, int late) {
  switch (error->status) {
    case RREDIS_ERR_TIMEOUT:
    case RREDIS_ERR_AGAIN: return fail(c, REDIS_ERR_IO, late, strerror(late));
    case RREDIS_ERR_MEMORY: return fail(c, REDIS_ERR_OOM, ENOMEM, error->message);
    case RREDIS_ERR_PROTOCOL:
    case RREDIS_ERR_LIMIT: return fail(c, REDIS_ERR_PROTOCOL, 0, error->message);
    case RREDIS_ERR_IO: return fail(c, error->os_error != 0 ? REDIS_ERR_IO : REDIS_ERR_EOF, error->os_error, error->message);
    case RREDIS_ERR_CONNECT:
      return fail(c, error->os_error != 0 ? REDIS_ERR_IO : REDIS_ERR_OTHER, error->os_error, error->message);
    default: return fail(c, REDIS_ERR_OTHER, error->os_error, error->message);
  }
}

// A call begins: what an earlier one was refused for is forgotten, and what ended the context is not.
static bool begins(redisContext *c) {
  if (c == NULL || c->layer == NULL || c->layer->is_over) return false;
  c->err = 0;
  c->errstr[0] = '\0';
  return true;
}

// ---- Times ------------------------------------------------------------------------------------

// In milliseconds, rounded up. No time, and one of nothing, is for ever.
static int64_t ms_of(const struct timeval *time) {
  if (time == NULL || (time->tv_sec == 0 && time->tv_usec == 0)) return -1;
  return (int64_t)time->tv_sec * 1000 + (time->tv_usec + 999) / 1000;
}

static bool is_time(const struct timeval *time) {
  if (time == NULL) return true;
  // So many seconds are still a number of milliseconds.
  return time->tv_sec >= 0 && time->tv_sec <= (INT64_MAX - 999) / 1000 && time->tv_usec >= 0 && time->tv_usec < 1000000;
}

bool layer_keep_time(struct timeval **kept, const struct timeval *time) {
  if (time == NULL) return true;
  if (*kept == NULL && (*kept = malloc(sizeof **kept)) == NULL) return false;
  **kept = *time;
  return true;
}

// ---- A socket of the program's ------------------------------------------------------------------

static rredis_status socket_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
                                    void **out_stream, rredis_error *err) {
  (void)host, (void)host_len, (void)port, (void)timeout_ms, (void)err;
  *out_stream = user_data;
  return RREDIS_OK;
}

static rredis_status moved(ssize_t count, size_t *out_len, rredis_error *err) {
  if (count >= 0) return *out_len = (size_t)count, RREDIS_OK;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return RREDIS_ERR_AGAIN;
  err->os_error = errno;
  snprintf(err->message, sizeof err->message, "%s", strerror(errno));
  return RREDIS_ERR_IO;
}

static rredis_status socket_read(void *stream, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  (void)timeout_ms;
  return moved(recv(((rredis_hiredis *)stream)->own_fd, buffer, buffer_len, MSG_DONTWAIT), out_len, err);
}

static rredis_status socket_write(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len, rredis_error *err) {
  (void)timeout_ms;
  return moved(send(((rredis_hiredis *)stream)->own_fd, bytes, bytes_len, MSG_DONTWAIT | MSG_NOSIGNAL), out_len, err);
}

static int32_t socket_fd(void *stream) { return ((rredis_hiredis *)stream)->own_fd; }
// redisFree closes it, or redisFreeKeepFd keeps it.
static void socket_close(void *stream) { (void)stream; }

// ---- Connecting -----------------------------------------------------------------------------------

// What a connection of this layer is, whatever it connects to: replies as the server sent them, and nothing of its own accord.
static const struct {
  rredis_option option;
  int64_t value;
} fixed[] = {
    {RREDIS_OPTION_PROTOCOL, 2},           {RREDIS_OPTION_SHAPE, RREDIS_SHAPE_RAW},
    {RREDIS_OPTION_RETRY_MAX, 0},          {RREDIS_OPTION_POOL_MAX, 1},
    {RREDIS_OPTION_HEALTH_CHECK_MS, -1},
};
static const rredis_option of_sockets[] = {RREDIS_OPTION_KEEPALIVE_MS, RREDIS_OPTION_USER_TIMEOUT_MS};

static rredis_status set_text(rredis_options *options, rredis_option option, const char *text, char **kept, rredis_error *error) {
  if (text == NULL) {
    *error = (rredis_error){.status = RREDIS_ERR_ARGUMENT, .message = "there is no host or path"};
    return RREDIS_ERR_ARGUMENT;
  }
  *kept = strdup(text);
  if (*kept == NULL) return error->status = RREDIS_ERR_MEMORY;
  return rredis_options_set_str(options, option, text, strlen(text), error);
}

static rredis_status set_endpoint(redisContext *c, const redisOptions *o, rredis_error *error) {
  rredis_hiredis *layer = c->layer;
  rredis_status status;
  switch (c->connection_type) {
    case REDIS_CONN_TCP:
      c->tcp.port = o->endpoint.tcp.port;
      status = set_text(layer->options, RREDIS_OPTION_HOST, o->endpoint.tcp.ip, &c->tcp.host, error);
      return status != RREDIS_OK ? status : rredis_options_set_int(layer->options, RREDIS_OPTION_PORT, c->tcp.port, error);
    case REDIS_CONN_UNIX: return set_text(layer->options, RREDIS_OPTION_UNIX_PATH, o->endpoint.unix_socket, &c->unix_sock.path, error);
    case REDIS_CONN_USERFD: break;
  }
  layer->own_fd = o->endpoint.fd;
  rredis_transport transport = {
      .size = sizeof transport, .name = "socket", .user_data = layer, .connect = socket_connect, .read = socket_read,
      .write = socket_write, .close = socket_close, .fd = socket_fd,
  };
  return rredis_options_set_transport(layer->options, &transport, error);
}

static rredis_status set_options(redisContext *c, const redisOptions *o, rredis_error *error) {
  rredis_options *options = c->layer->options;
  rredis_status status = RREDIS_OK;
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed && status == RREDIS_OK; i++)
    status = rredis_options_set_int(options, fixed[i].option, fixed[i].value, error);
  for (size_t i = 0; i < 2 && status == RREDIS_OK && c->connection_type == REDIS_CONN_TCP; i++)
    status = rredis_options_set_int(options, of_sockets[i], -1, error);
  return status == RREDIS_OK ? set_endpoint(c, o, error) : status;
}

static void hang_up(redisContext *c) {
  rredis_hiredis *layer = c->layer;
  rredis_conn_free(layer->conn);
  rredis_client_free(layer->client);
  layer->conn = NULL;
  layer->client = NULL;
  layer->turns = 0;
  layer->sent = layer->resp3 = false;
  c->fd = REDIS_INVALID_FD;
  c->flags &= ~REDIS_CONNECTED;
}

static int dial(redisContext *c) {
  rredis_hiredis *layer = c->layer;
  rredis_error error;
  int64_t ms = ms_of(c->connect_timeout);
  hang_up(c);
  layer->is_over = false;
  c->err = 0;
  c->errstr[0] = '\0';
  if (rredis_options_set_int(layer->options, RREDIS_OPTION_CONNECT_TIMEOUT_MS, ms, &error) != RREDIS_OK ||
      rredis_options_set_int(layer->options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, ms, &error) != RREDIS_OK ||
      rredis_client_new(layer->options, &layer->client, &error) != RREDIS_OK ||
      rredis_conn_new(layer->client, &layer->conn, &error) != RREDIS_OK)
    return fail_by(c, &error, ETIMEDOUT);
  c->fd = rredis_conn_fd(layer->conn);
  c->flags |= REDIS_CONNECTED;
  return REDIS_OK;
}

static void drop_push(void *privdata, void *reply) {
  (void)privdata;
  freeReplyObject(reply);
}

redisContext *redisConnectWithOptions(const redisOptions *o) {
  redisContext *c = calloc(1, sizeof *c);
  rredis_hiredis *layer = calloc(1, sizeof *layer);
  rredis_error error;
  if (c == NULL || layer == NULL || (layer->options = rredis_options_new()) == NULL) return free(c), free(layer), NULL;
  layer->own_fd = REDIS_INVALID_FD;
  c->layer = layer;
  c->reader = &layer->reader;
  c->fd = REDIS_INVALID_FD;
  c->flags = REDIS_BLOCK;
  c->connection_type = (enum redisConnectionType)o->type;
  c->push_cb = o->push_cb != NULL ? o->push_cb : (o->options & REDIS_OPT_NO_PUSH_AUTOFREE) != 0 ? NULL : drop_push;
  c->privdata = o->privdata;
  c->free_privdata = o->free_privdata;
  if (!layer_keep_time(&c->connect_timeout, o->connect_timeout) || !layer_keep_time(&c->command_timeout, o->command_timeout))
    return redisFree(c), NULL;
  if (o->options & REDIS_OPT_NONBLOCK) fail(c, REDIS_ERR_OTHER, 0, "a context that does not block is a redisAsyncContext here");
  else if (!is_time(o->connect_timeout) || !is_time(o->command_timeout)) fail(c, REDIS_ERR_IO, EINVAL, "a timeout is no time");
  else if (c->connection_type == REDIS_CONN_TCP && o->endpoint.tcp.source_addr != NULL)
    fail(c, REDIS_ERR_OTHER, 0, "source_addr is not supported");
  else if (set_options(c, o, &error) != RREDIS_OK) fail_by(c, &error, ETIMEDOUT);
  else dial(c);
  return c;
}

redisContext *redisConnect(const char *ip, int port) {
  redisOptions o = {.type = REDIS_CONN_TCP, .endpoint.tcp = {.ip = ip, .port = port}};
  return redisConnectWithOptions(&o);
}

redisContext *redisConnectWithTimeout(const char *ip, int port, const struct timeval tv) {
  redisOptions o = {.type = REDIS_CONN_TCP, .connect_timeout = &tv, .endpoint.tcp = {.ip = ip, .port = port}};
  return redisConnectWithOptions(&o);
}

redisContext *redisConnectUnix(const char *path) {
  redisOptions o = {.type = REDIS_CONN_UNIX, .endpoint.unix_socket = path};
  return redisConnectWithOptions(&o);
}

redisContext *redisConnectUnixWithTimeout(const char *path, const struct timeval tv) {
  redisOptions o = {.type = REDIS_CONN_UNIX, .connect_timeout = &tv, .endpoint.unix_socket = path};
  return redisConnectWithOptions(&o);
}

redisContext *redisConnectFd(redisFD fd) {
  redisOptions o = {.type = REDIS_CONN_USERFD, .endpoint.fd = fd};
  return redisConnectWithOptions(&o);
}

int redisReconnect(redisContext *c) {
  if (c == NULL || c->layer == NULL) return REDIS_ERR;
  if (c->connection_type == REDIS_CONN_USERFD) return fail(c, REDIS_ERR_OTHER, 0, "a socket of the program's cannot be connected again");
  return dial(c);
}

redisFD redisFreeKeepFd(redisContext *c) {
  redisFD kept = c->connection_type == REDIS_CONN_USERFD ? c->layer->own_fd : c->fd >= 0 ? dup(c->fd) : REDIS_INVALID_FD;
  c->layer->is_kept = true;
  redisFree(c);
  return kept;
}

void redisFree(redisContext *c) {
  if (c == NULL) return;
  rredis_hiredis *layer = c->layer;
  hang_up(c);
  rredis_options_free(layer->options);
  if (layer->own_fd >= 0 && !layer->is_kept) close(layer->own_fd);
  if (c->free_privdata != NULL && c->privdata != NULL) c->free_privdata(c->privdata);
  free(c->tcp.host);
  free(c->unix_sock.path);
  free(c->connect_timeout);
  free(c->command_timeout);
  free(layer);
  free(c);
}

// ---- Settings -------------------------------------------------------------------------------------

redisPushFn *redisSetPushCallback(redisContext *c, redisPushFn *fn) {
  redisPushFn *before = c->push_cb;
  c->push_cb = fn;
  return before;
}

int redisSetTimeout(redisContext *c, const struct timeval tv) {
  if (!begins(c)) return REDIS_ERR;
  if (!is_time(&tv)) return layer_refuse(c, REDIS_ERR_IO, "the timeout is no time");
  return layer_keep_time(&c->command_timeout, &tv) ? REDIS_OK : layer_refuse(c, REDIS_ERR_OOM, "not enough memory for the timeout");
}

static bool set_number(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value) == 0; }

int redisEnableKeepAliveWithInterval(redisContext *c, int interval) {
  if (!begins(c)) return REDIS_ERR;
  int between = interval / 3 > 0 ? interval / 3 : 1;
  if (set_number(c->fd, SOL_SOCKET, SO_KEEPALIVE, 1) && set_number(c->fd, IPPROTO_TCP, TCP_KEEPIDLE, interval) &&
      set_number(c->fd, IPPROTO_TCP, TCP_KEEPINTVL, between) && set_number(c->fd, IPPROTO_TCP, TCP_KEEPCNT, 3))
    return REDIS_OK;
  return layer_refuse(c, REDIS_ERR_OTHER, strerror(errno));
}

int redisSetTcpUserTimeout(redisContext *c, unsigned int timeout) {
  if (!begins(c)) return REDIS_ERR;
  if (timeout <= INT32_MAX && set_number(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout)) return REDIS_OK;
  return layer_refuse(c, REDIS_ERR_OTHER, strerror(timeout > INT32_MAX ? EINVAL : errno));
}

int redisEnableKeepAlive(redisContext *c) { return redisEnableKeepAliveWithInterval(c, REDIS_KEEPALIVE_INTERVAL); }

// ---- Commands -------------------------------------------------------------------------------------

static bool is_named(const char *arg, size_t len, const char *name) { return len == strlen(name) && strncasecmp(arg, name, len) == 0; }

static bool is_text(const rredis_reply *reply, rredis_reply_kind kind, const char *text) {
  return reply->kind == kind && reply->len == strlen(text) && memcmp(reply->str, text, reply->len) == 0;
}

// HELLO and RESET decide what the connection speaks, once they are answered.
static void note_protocol(rredis_hiredis *layer, const char **argv, const size_t *lens) {
  size_t len = lens != NULL ? lens[0] : strlen(argv[0]);
  if (len == 5 && (is_named(argv[0], len, "RESET") || is_named(argv[0], len, "HELLO"))) layer->turns++;
}

// The answer to HELLO names the protocol. Replies are not counted: how many confirmations come, and when, is the server's affair.
static void heed_protocol(rredis_hiredis *layer, const rredis_reply *got) {
  if (is_text(got, RREDIS_REPLY_STATUS, "RESET")) {
    layer->resp3 = false;
    layer->turns--;
  }
  if (got->kind != RREDIS_REPLY_MAP && got->kind != RREDIS_REPLY_ARRAY) return;
  if (got->len < 2 || !is_text(&got->elements[0], RREDIS_REPLY_STRING, "server")) return;
  for (size_t i = 0; i + 1 < got->len; i += 2)
    if (is_text(&got->elements[i], RREDIS_REPLY_STRING, "proto") && got->elements[i + 1].kind == RREDIS_REPLY_INTEGER) {
      layer->resp3 = got->elements[i + 1].integer == 3;
      layer->turns--;
      return;
    }
}

int redisAppendCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen) {
  rredis_error error;
  if (!begins(c)) return REDIS_ERR;
  rredis_hiredis *layer = c->layer;
  size_t count = argc > 0 ? (size_t)argc : 0;
  rredis_status status = rredis_conn_send_with(layer->conn, count, argv, argvlen, RREDIS_CALL_MORE, &error);
  if (status == RREDIS_ERR_ARGUMENT) return layer_refuse(c, REDIS_ERR_OTHER, error.message);
  if (status != RREDIS_OK) return fail_by(c, &error, EAGAIN);
  layer->sent = true;
  note_protocol(layer, argv, argvlen);
  return REDIS_OK;
}

int redisvAppendCommand(redisContext *c, const char *format, va_list ap) {
  layer_words words;
  if (!begins(c)) return REDIS_ERR;
  int result;
  switch (layer_words_of(&words, format, ap)) {
    case FORMAT_OK: result = redisAppendCommandArgv(c, (int)words.count, words.argv, words.lens); break;
    case FORMAT_MEMORY: result = layer_refuse(c, REDIS_ERR_OOM, "not enough memory for the command"); break;
    default: result = layer_refuse(c, REDIS_ERR_OTHER, "the format of the command is wrong, or a value of it is NULL"); break;
  }
  layer_words_free(&words);
  return result;
}

int redisAppendCommand(redisContext *c, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  int result = redisvAppendCommand(c, format, ap);
  va_end(ap);
  return result;
}

static int append_words(void *to, int argc, const char **argv, const size_t *lens) { return redisAppendCommandArgv(to, argc, argv, lens); }

int redisAppendFormattedCommand(redisContext *c, const char *cmd, size_t len) {
  if (!begins(c)) return REDIS_ERR;
  layer_fault fault = {0};
  int result = layer_append_formatted(cmd, len, false, append_words, c, &fault);
  return fault.err != 0 ? layer_refuse(c, fault.err, fault.text) : result;
}

// ---- Replies --------------------------------------------------------------------------------------

// Nothing is due: wait for the end of the stream. Over TLS, bytes may be anything, its goodbye among it.
static int await_end(redisContext *c, int64_t timeout_ms) {
  struct pollfd at = {.fd = c->fd, .events = c->layer->is_tls ? POLLRDHUP : POLLIN};
  char byte;
  int ready;
  do ready = poll(&at, 1, timeout_ms < 0 ? -1 : timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms);
  while (ready < 0 && errno == EINTR);
  if (ready == 0) return fail(c, REDIS_ERR_IO, EAGAIN, strerror(EAGAIN));
  ssize_t count = ready < 0 ? -1 : recv(c->fd, &byte, 1, MSG_PEEK);
  if (count < 0) return fail(c, REDIS_ERR_IO, errno, strerror(errno));
  if (count == 0 || c->layer->is_tls) return fail(c, REDIS_ERR_EOF, 0, "the server closed the connection");
  return fail(c, REDIS_ERR_PROTOCOL, 0, "the server sent a reply to no command");
}

// One reply, or push, or message that has arrived within the time. RREDIS_ERR_STATE: nothing can arrive.
static rredis_status receive(redisContext *c, int64_t timeout_ms, redisReply **made, bool *is_push, rredis_error *error) {
  rredis_hiredis *layer = c->layer;
  rredis_reply *got;
  rredis_status status = rredis_conn_receive(layer->conn, timeout_ms, &got, error);
  if (status != RREDIS_OK) return status;
  *is_push = got->kind == RREDIS_REPLY_PUSH && layer->resp3;
  if (layer->turns > 0) heed_protocol(layer, got);
  *made = layer_reply(got, layer->resp3);
  rredis_reply_free(got);
  if (*made != NULL) return RREDIS_OK;
  *error = (rredis_error){.status = RREDIS_ERR_MEMORY, .message = "not enough memory for a reply"};
  return RREDIS_ERR_MEMORY;
}

// The next that is not for the push callback.
static rredis_status next(redisContext *c, int64_t timeout_ms, redisReply **made, rredis_error *error) {
  for (;;) {
    bool is_push;
    rredis_status status = receive(c, timeout_ms, made, &is_push, error);
    if (status != RREDIS_OK || !is_push || c->push_cb == NULL) return status;
    c->push_cb(c->privdata, *made);
  }
}

static void give(redisReply *made, void **reply) {
  if (reply != NULL) *reply = made;
  else freeReplyObject(made);
}

int redisGetReply(redisContext *c, void **reply) {
  rredis_error error;
  redisReply *made;
  if (reply != NULL) *reply = NULL;
  if (!begins(c)) return REDIS_ERR;
  int64_t timeout_ms = ms_of(c->command_timeout);
  rredis_status status = next(c, timeout_ms, &made, &error);
  if (status == RREDIS_ERR_STATE) return await_end(c, timeout_ms);
  if (status != RREDIS_OK) return fail_by(c, &error, EAGAIN);
  give(made, reply);
  return REDIS_OK;
}

int redisGetReplyFromReader(redisContext *c, void **reply) {
  rredis_error error;
  redisReply *made;
  if (reply != NULL) *reply = NULL;
  if (!begins(c)) return REDIS_ERR;
  rredis_status status = next(c, 0, &made, &error);
  if (status == RREDIS_ERR_AGAIN || status == RREDIS_ERR_STATE) return REDIS_OK;
  if (status != RREDIS_OK) return fail_by(c, &error, EAGAIN);
  give(made, reply);
  return REDIS_OK;
}

static void *reply_of(redisContext *c, int appended) {
  void *reply = NULL;
  return appended == REDIS_OK && redisGetReply(c, &reply) == REDIS_OK ? reply : NULL;
}

void *redisvCommand(redisContext *c, const char *format, va_list ap) { return reply_of(c, redisvAppendCommand(c, format, ap)); }

void *redisCommand(redisContext *c, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  void *reply = redisvCommand(c, format, ap);
  va_end(ap);
  return reply;
}

void *redisCommandArgv(redisContext *c, int argc, const char **argv, const size_t *argvlen) {
  return reply_of(c, redisAppendCommandArgv(c, argc, argv, argvlen));
}
