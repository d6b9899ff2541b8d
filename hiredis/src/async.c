// Contexts for an event loop: a socket that the program's loop watches, as hiredis has it. What is sent and parsed is
// librredis's; what the connection goes through, AUTH and SELECT among it, is the program's affair.
#include "async.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 16 * 1024 };

// ---- What the loop is told ----------------------------------------------------------------

static bool is_set(const struct timeval *time) { return time != NULL && (time->tv_sec != 0 || time->tv_usec != 0); }

static void refresh_timer(redisAsyncContext *ac) {
  const struct timeval *time = ac->c.flags & REDIS_CONNECTED ? ac->c.command_timeout : ac->c.connect_timeout;
  if (ac->ev.scheduleTimer != NULL && is_set(time)) ac->ev.scheduleTimer(ac->ev.data, *time);
}

// Whoever waits for something waits for so long, the connect among it.
static void add_read(redisAsyncContext *ac) {
  refresh_timer(ac);
  if (ac->ev.addRead != NULL) ac->ev.addRead(ac->ev.data);
}
static void add_write(redisAsyncContext *ac) {
  refresh_timer(ac);
  if (ac->ev.addWrite != NULL) ac->ev.addWrite(ac->ev.data);
}
static void del_write(redisAsyncContext *ac) {
  if (ac->ev.delWrite != NULL) ac->ev.delWrite(ac->ev.data);
}

// ---- The end --------------------------------------------------------------------------------

static void fail(redisAsyncContext *ac, int err, const char *text) {
  ac->c.err = ac->err = err;
  snprintf(ac->c.errstr, sizeof ac->c.errstr, "%.127s", text);
}

static void connected(redisAsyncContext *ac, int status) {
  bool is_outermost = async_enter(ac);
  if (ac->onConnect != NULL) ac->onConnect(ac, status);
  else if (ac->onConnectNC != NULL) ac->onConnectNC(ac, status);
  async_leave(ac, is_outermost);
}

// Everybody is told, and the context is no more.
static void end(redisAsyncContext *ac) {
  rredis_hiredis_async *layer = ac->layer;
  layer->is_ending = true;
  async_tell_all(ac);
  if (ac->ev.cleanup != NULL) ac->ev.cleanup(ac->ev.data);
  ac->ev.cleanup = NULL;
  bool is_well = ac->err == 0 || (ac->c.flags & REDIS_FREEING);
  if ((ac->c.flags & REDIS_CONNECTED) && ac->onDisconnect != NULL) ac->onDisconnect(ac, is_well ? REDIS_OK : REDIS_ERR);
  if (ac->dataCleanup != NULL) ac->dataCleanup(ac->data);
  rredis_tls_free(layer->blocking.tls);
  if (ac->c.fd >= 0) close(ac->c.fd);
  if (layer->addresses != NULL) freeaddrinfo(layer->addresses);
  rredis_parser_free(layer->parser);
  if (ac->c.free_privdata != NULL && ac->c.privdata != NULL) ac->c.free_privdata(ac->c.privdata);
  free(layer->out);
  free(layer);
  free(ac->c.tcp.host);
  free(ac->c.unix_sock.path);
  free(ac->c.connect_timeout);
  free(ac->c.command_timeout);
  free(ac);
}

// The connection is over. A program that wants to free the context itself keeps it.
static void hang_up(redisAsyncContext *ac) {
  ac->c.flags |= REDIS_DISCONNECTING;
  if (ac->c.flags & REDIS_IN_CALLBACK) {
    // The callback uses the context. What it returns to ends it.
    ac->layer->is_over = true;
    if (ac->ev.delRead != NULL) ac->ev.delRead(ac->ev.data);
    del_write(ac);
    return;
  }
  if (!(ac->c.flags & REDIS_NO_AUTO_FREE)) {
    end(ac);
    return;
  }
  // Who waits for a reply is told when the program frees it.
  ac->layer->is_over = true;
  if (ac->ev.cleanup != NULL) ac->ev.cleanup(ac->ev.data);
  ac->ev.cleanup = NULL;
}

static void lose(redisAsyncContext *ac, int err, const char *text) {
  fail(ac, err, text);
  hang_up(ac);
}

static bool is_idle(const redisAsyncContext *ac) {
  const rredis_hiredis_async *layer = ac->layer;
  return layer->replies.count == 0 && layer->beside.count == 0 && layer->out_len == 0;
}

// After a callback: what it asked for is done now, except inside of another one. True: the context is no more, or will be when
// that returns.
static bool has_ended(redisAsyncContext *ac) {
  bool is_over = ac->layer->is_over || ((ac->c.flags & REDIS_DISCONNECTING) && is_idle(ac));
  if (ac->c.flags & REDIS_IN_CALLBACK) return is_over || (ac->c.flags & REDIS_FREEING);
  if (ac->c.flags & REDIS_FREEING) return end(ac), true;
  return is_over ? (hang_up(ac), true) : false;
}

void redisAsyncFree(redisAsyncContext *ac) {
  if (ac == NULL || ac->layer->is_ending) return;
  ac->c.flags |= REDIS_FREEING;
  if (!(ac->c.flags & REDIS_IN_CALLBACK)) end(ac);
}

void redisAsyncDisconnect(redisAsyncContext *ac) {
  if (ac->layer->is_ending) return;
  ac->c.flags |= REDIS_DISCONNECTING;
  // From now on it is the context that frees itself.
  ac->c.flags &= ~REDIS_NO_AUTO_FREE;
  if (!(ac->c.flags & REDIS_IN_CALLBACK) && (is_idle(ac) || ac->layer->is_over)) hang_up(ac);
}

// ---- Connecting -------------------------------------------------------------------------------

static bool set_socket(int fd, int family) {
  int on = 1, flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return false;
  return family == AF_UNIX || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

static bool bind_to(int fd, int family, const char *source) {
  struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
  if (getaddrinfo(source, NULL, &hints, &found) != 0) return false;
  bool bound = bind(fd, found->ai_addr, found->ai_addrlen) == 0;
  freeaddrinfo(found);
  return bound;
}

// Begin to connect to the next address that can be tried.
static void dial_next(redisAsyncContext *ac) {
  rredis_hiredis_async *layer = ac->layer;
  int why = ECONNREFUSED;
  for (; layer->address != NULL; layer->address = layer->address->ai_next) {
    const struct addrinfo *to = layer->address;
    int fd = socket(to->ai_family, SOCK_STREAM, 0);
    if (fd >= 0 && set_socket(fd, to->ai_family) && (ac->c.tcp.source_addr == NULL || bind_to(fd, to->ai_family, ac->c.tcp.source_addr)) &&
        (connect(fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS)) {
      ac->c.fd = fd;
      layer->address = to->ai_next;
      return;
    }
    why = errno;
    if (fd >= 0) close(fd);
  }
  errno = why;
  fail(ac, REDIS_ERR_IO, strerror(why));
}

static void dial_tcp(redisAsyncContext *ac, const redisOptions *o) {
  char port[16];
  // IPv6 where that is preferred, both where both are, and otherwise IPv4; the other one where the name has none of it.
  bool takes_6 = o->options & REDIS_OPT_PREFER_IPV6, takes_4 = !takes_6 || (o->options & REDIS_OPT_PREFER_IPV4);
  struct addrinfo hints = {.ai_family = !takes_6 ? AF_INET : takes_4 ? AF_UNSPEC : AF_INET6, .ai_socktype = SOCK_STREAM};
  snprintf(port, sizeof port, "%d", o->endpoint.tcp.port);
  int found = getaddrinfo(ac->c.tcp.host, port, &hints, &ac->layer->addresses);
  if (found != 0 && hints.ai_family != AF_UNSPEC) {
    hints.ai_family = takes_6 ? AF_INET : AF_INET6;
    found = getaddrinfo(ac->c.tcp.host, port, &hints, &ac->layer->addresses);
  }
  if (found != 0) {
    fail(ac, REDIS_ERR_OTHER, gai_strerror(found));
    return;
  }
  ac->layer->address = ac->layer->addresses;
  dial_next(ac);
}

static void dial_unix(redisAsyncContext *ac) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (strlen(ac->c.unix_sock.path) >= sizeof to.sun_path) {
    fail(ac, REDIS_ERR_OTHER, "the path of the socket is too long");
    return;
  }
  strcpy(to.sun_path, ac->c.unix_sock.path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd >= 0 && set_socket(fd, AF_UNIX) && (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS || errno == EAGAIN)) {
    ac->c.fd = fd;
    return;
  }
  fail(ac, REDIS_ERR_IO, strerror(errno));
  if (fd >= 0) close(fd);
}

static bool keep_text(char **kept, const char *text) { return text == NULL || (*kept = strdup(text)) != NULL; }

static redisAsyncContext *made(const redisOptions *o) {
  redisAsyncContext *ac = calloc(1, sizeof *ac);
  rredis_hiredis_async *layer = calloc(1, sizeof *layer);
  if (ac == NULL || layer == NULL || rredis_parser_new(NULL, &layer->parser, NULL) != RREDIS_OK) return free(ac), free(layer), NULL;
  ac->layer = layer;
  ac->c.layer = &layer->blocking;
  ac->c.reader = &layer->blocking.reader;
  ac->c.fd = REDIS_INVALID_FD;
  ac->c.connection_type = (enum redisConnectionType)o->type;
  ac->c.flags = (o->options & REDIS_OPT_NOAUTOFREE ? REDIS_NO_AUTO_FREE : 0) |
                (o->options & REDIS_OPT_NOAUTOFREEREPLIES ? REDIS_NO_AUTO_FREE_REPLIES : 0);
  ac->c.privdata = o->privdata;
  ac->c.free_privdata = o->free_privdata;
  ac->push_cb = o->async_push_cb;
  ac->errstr = ac->c.errstr;
  return ac;
}

redisAsyncContext *redisAsyncConnectWithOptions(const redisOptions *o) {
  redisAsyncContext *ac = made(o);
  if (ac == NULL) return NULL;
  bool is_kept = layer_keep_time(&ac->c.connect_timeout, o->connect_timeout) && layer_keep_time(&ac->c.command_timeout, o->command_timeout);
  switch (ac->c.connection_type) {
    case REDIS_CONN_TCP:
      ac->c.tcp.port = o->endpoint.tcp.port;
      ac->c.tcp.source_addr = (char *)o->endpoint.tcp.source_addr;
      if (!is_kept || !keep_text(&ac->c.tcp.host, o->endpoint.tcp.ip)) break;
      if (ac->c.tcp.host == NULL) fail(ac, REDIS_ERR_OTHER, "there is no host");
      else dial_tcp(ac, o);
      ac->c.tcp.source_addr = NULL;
      return ac;
    case REDIS_CONN_UNIX:
      if (!is_kept || !keep_text(&ac->c.unix_sock.path, o->endpoint.unix_socket)) break;
      if (ac->c.unix_sock.path == NULL) fail(ac, REDIS_ERR_OTHER, "there is no path");
      else dial_unix(ac);
      return ac;
    case REDIS_CONN_USERFD:
      ac->c.fd = o->endpoint.fd;
      if (!set_socket(ac->c.fd, AF_UNIX)) fail(ac, REDIS_ERR_IO, strerror(errno));
      return ac;
  }
  fail(ac, REDIS_ERR_OOM, "not enough memory for a context");
  return ac;
}

redisAsyncContext *redisAsyncConnectBind(const char *ip, int port, const char *source_addr) {
  redisOptions o = {.type = REDIS_CONN_TCP, .endpoint.tcp = {.ip = ip, .port = port, .source_addr = source_addr}};
  return redisAsyncConnectWithOptions(&o);
}

redisAsyncContext *redisAsyncConnect(const char *ip, int port) { return redisAsyncConnectBind(ip, port, NULL); }

redisAsyncContext *redisAsyncConnectUnix(const char *path) {
  redisOptions o = {.type = REDIS_CONN_UNIX, .endpoint.unix_socket = path};
  return redisAsyncConnectWithOptions(&o);
}

// ---- Settings -----------------------------------------------------------------------------------

int redisAsyncSetConnectCallback(redisAsyncContext *ac, redisConnectCallback *fn) {
  if (ac->onConnect != NULL || ac->onConnectNC != NULL) return REDIS_ERR;
  ac->onConnect = fn;
  // The loop finds out that it has connected.
  add_write(ac);
  return REDIS_OK;
}

int redisAsyncSetConnectCallbackNC(redisAsyncContext *ac, redisConnectCallbackNC *fn) {
  if (ac->onConnect != NULL || ac->onConnectNC != NULL) return REDIS_ERR;
  ac->onConnectNC = fn;
  add_write(ac);
  return REDIS_OK;
}

int redisAsyncSetDisconnectCallback(redisAsyncContext *ac, redisDisconnectCallback *fn) {
  if (ac->onDisconnect != NULL) return REDIS_ERR;
  ac->onDisconnect = fn;
  return REDIS_OK;
}

redisAsyncPushFn *redisAsyncSetPushCallback(redisAsyncContext *ac, redisAsyncPushFn *fn) {
  redisAsyncPushFn *before = ac->push_cb;
  ac->push_cb = fn;
  return before;
}

int redisAsyncSetTimeout(redisAsyncContext *ac, struct timeval tv) {
  if (layer_keep_time(&ac->c.command_timeout, &tv)) return REDIS_OK;
  fail(ac, REDIS_ERR_OOM, "not enough memory for the timeout");
  return REDIS_ERR;
}

// ---- What the loop calls ---------------------------------------------------------------------------

// The connect that is under way has come to an end, or not yet. False: there is nothing to read or write, or no context.
static bool is_connected(redisAsyncContext *ac) {
  // Inside of a callback, with nothing more to do.
  if (ac->layer->is_over || (ac->c.flags & REDIS_FREEING)) return false;
  if (ac->c.flags & REDIS_CONNECTED) return true;
  struct pollfd at = {.fd = ac->c.fd, .events = POLLOUT};
  int why = 0;
  socklen_t size = sizeof why;
  if (poll(&at, 1, 0) == 0) return add_write(ac), false;
  if (getsockopt(ac->c.fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0) why = errno;
  if (why != 0) {
    errno = why;
    fail(ac, REDIS_ERR_IO, strerror(why));
    connected(ac, REDIS_ERR);
    if (!(ac->c.flags & REDIS_FREEING)) hang_up(ac);
    else end(ac);
    return false;
  }
  ac->c.flags |= REDIS_CONNECTED;
  connected(ac, REDIS_OK);
  return !has_ended(ac);
}

// As send(2) and recv(2), through TLS where there is TLS. What is wrong is told in `error`.
static ssize_t moved_by_tls(rredis_status status, size_t len) {
  if (status == RREDIS_OK) return (ssize_t)len;
  errno = status == RREDIS_ERR_AGAIN ? EAGAIN : EPROTO;
  return -1;
}
static ssize_t moved_by_socket(ssize_t count, rredis_error *error) {
  if (count < 0) snprintf(error->message, sizeof error->message, "%s", strerror(errno));
  return count;
}
static ssize_t send_some(redisAsyncContext *ac, const char *bytes, size_t len, rredis_error *error) {
  rredis_hiredis *blocking = &ac->layer->blocking;
  blocking->sent = 1;
  if (blocking->tls == NULL) return moved_by_socket(send(ac->c.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT), error);
  size_t sent = 0;
  rredis_status status = rredis_tls_write(blocking->tls, bytes, len, &sent, error);
  return moved_by_tls(status, sent);
}
static ssize_t receive_some(redisAsyncContext *ac, char *buffer, size_t room, rredis_error *error) {
  rredis_tls *tls = ac->layer->blocking.tls;
  if (tls == NULL) return moved_by_socket(recv(ac->c.fd, buffer, room, MSG_DONTWAIT), error);
  size_t got = 0;
  rredis_status status = rredis_tls_read(tls, buffer, room, &got, error);
  return moved_by_tls(status, got);
}
static bool has_to_wait(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void redisAsyncWrite(redisAsyncContext *ac) {
  rredis_hiredis_async *layer = ac->layer;
  rredis_error error;
  while (layer->out_len > 0) {
    ssize_t count = send_some(ac, layer->out + layer->out_from, layer->out_len, &error);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && has_to_wait()) {
      // Hands are shaken first, and then it may be the other side's turn.
      if (layer->blocking.tls == NULL || (rredis_tls_wants(layer->blocking.tls) & RREDIS_READY_WRITE)) add_write(ac);
      else del_write(ac);
      if (layer->blocking.tls != NULL) add_read(ac);
      return;
    }
    if (count < 0) {
      lose(ac, REDIS_ERR_IO, error.message);
      return;
    }
    layer->out_from += (size_t)count;
    layer->out_len -= (size_t)count;
  }
  layer->out_from = 0;
  del_write(ac);
  add_read(ac);
}

void redisAsyncHandleWrite(redisAsyncContext *ac) {
  if (!is_connected(ac)) return;
  refresh_timer(ac);
  redisAsyncWrite(ac);
}

// What came is handed out. False: the context is no more.
static bool deliver_all(redisAsyncContext *ac) {
  rredis_error error;
  rredis_reply *got;
  rredis_status status;
  while ((status = rredis_parser_next(ac->layer->parser, &got, &error)) == RREDIS_OK) {
    redisReply *reply = layer_reply(got, true);
    rredis_reply_free(got);
    if (reply == NULL) return lose(ac, REDIS_ERR_OOM, "not enough memory for a reply"), false;
    if (!async_deliver(ac, reply)) {
      // A server that takes no more clients says so unasked.
      bool is_error = reply->type == REDIS_REPLY_ERROR;
      fail(ac, is_error ? REDIS_ERR_OTHER : REDIS_ERR_PROTOCOL, is_error ? reply->str : "the server sent a reply to no command");
      freeReplyObject(reply);
      return hang_up(ac), false;
    }
    if (has_ended(ac)) return false;
  }
  if (status != RREDIS_ERR_AGAIN) return lose(ac, status == RREDIS_ERR_MEMORY ? REDIS_ERR_OOM : REDIS_ERR_PROTOCOL, error.message), false;
  return true;
}

// False: there is nothing more for now, or the context is no more.
static bool read_some(redisAsyncContext *ac) {
  rredis_hiredis_async *layer = ac->layer;
  size_t room;
  rredis_error error;
  char *buffer = rredis_parser_reserve(layer->parser, READ_BYTES, &room);
  if (buffer == NULL) return lose(ac, REDIS_ERR_OOM, "not enough memory for a reply"), false;
  ssize_t count = receive_some(ac, buffer, room, &error);
  if (count < 0 && has_to_wait()) {
    add_read(ac);
    // Hands may have been shaken, for which a write has waited.
    if (layer->blocking.tls != NULL && (rredis_tls_wants(layer->blocking.tls) & RREDIS_READY_WRITE)) add_write(ac);
    return false;
  }
  if (count < 0) return lose(ac, REDIS_ERR_IO, error.message), false;
  if (count == 0) return lose(ac, REDIS_ERR_EOF, "the server closed the connection"), false;
  if (rredis_parser_commit(layer->parser, (size_t)count, &error) != RREDIS_OK) return lose(ac, REDIS_ERR_PROTOCOL, error.message), false;
  add_read(ac);
  return deliver_all(ac);
}

// What TLS has opened no longer shows at the socket: it is read to its end.
void redisAsyncRead(redisAsyncContext *ac) {
  bool is_secured = ac->layer->blocking.tls != NULL;
  while (read_some(ac) && is_secured) continue;
}

void redisAsyncHandleRead(redisAsyncContext *ac) {
  if (!is_connected(ac)) return;
  refresh_timer(ac);
  redisAsyncRead(ac);
}

void redisAsyncHandleTimeout(redisAsyncContext *ac) {
  bool was_connected = (ac->c.flags & REDIS_CONNECTED) != 0;
  if (ac->layer->is_over || (ac->c.flags & REDIS_FREEING)) return;
  // Nobody waits; or it was the connect that had so much time.
  if (was_connected && (is_idle(ac) || !is_set(ac->c.command_timeout))) return;
  if (ac->c.err == 0) fail(ac, REDIS_ERR_TIMEOUT, "the time was up");
  if (!was_connected) connected(ac, REDIS_ERR);
  if (ac->c.flags & REDIS_FREEING) {
    end(ac);
    return;
  }
  hang_up(ac);
}

// ---- Commands -----------------------------------------------------------------------------------

// Room for so many bytes more behind those that wait; NULL: there is none.
static char *room_for(rredis_hiredis_async *layer, size_t len) {
  if (layer->out_room - layer->out_from - layer->out_len < len) {
    size_t room = 2 * (layer->out_len + len);
    char *out = malloc(room);
    if (out == NULL) return NULL;
    if (layer->out_len > 0) memcpy(out, layer->out + layer->out_from, layer->out_len);
    free(layer->out);
    layer->out = out;
    layer->out_room = room;
    layer->out_from = 0;
  }
  return layer->out + layer->out_from + layer->out_len;
}

static bool is_word(const char *arg, size_t len, const char *word) { return len == strlen(word) && strncasecmp(arg, word, len) == 0; }

// What a command does to who is told. False: no memory.
static bool note_callback(redisAsyncContext *ac, async_callback callback, size_t count, const char *const *argv, const size_t *lens) {
  static const struct {
    const char *word;
    char kind;
    bool subscribes;
  } words[] = {
      {"SUBSCRIBE", 's', true},    {"PSUBSCRIBE", 'p', true},    {"SSUBSCRIBE", 'h', true},
      {"UNSUBSCRIBE", 's', false}, {"PUNSUBSCRIBE", 'p', false}, {"SUNSUBSCRIBE", 'h', false},
  };
  rredis_hiredis_async *layer = ac->layer;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (is_word(argv[0], lens[0], words[i].word)) return async_note_topics(ac, words[i].kind, words[i].subscribes, callback, count - 1, argv + 1, lens + 1);
  if (is_word(argv[0], lens[0], "MONITOR")) {
    ac->c.flags |= REDIS_MONITORING;
    layer->monitor = callback;
  }
  return async_push(ac->c.flags & REDIS_SUBSCRIBED ? &layer->beside : &layer->replies, callback);
}

int redisAsyncCommandArgv(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, int argc, const char **argv, const size_t *argvlen) {
  rredis_hiredis_async *layer = ac->layer;
  size_t count = argc > 0 ? (size_t)argc : 0, len, inline_lens[WORDS_INLINE], *lens = inline_lens;
  if (ac->c.flags & (REDIS_DISCONNECTING | REDIS_FREEING)) return REDIS_ERR;
  if (rredis_command_encode(count, argv, argvlen, NULL, 0, &len, NULL) != RREDIS_OK) return REDIS_ERR;
  if (argvlen == NULL && count > WORDS_INLINE && (lens = malloc(count * sizeof *lens)) == NULL) return REDIS_ERR;
  for (size_t i = 0; argvlen == NULL && i < count; i++) lens[i] = strlen(argv[i]);
  char *out = room_for(layer, len);
  bool accepted = out != NULL && note_callback(ac, (async_callback){.fn = fn, .privdata = privdata}, count, argv, argvlen != NULL ? argvlen : lens);
  if (accepted) {
    rredis_command_encode(count, argv, argvlen, out, len, &len, NULL);
    layer->out_len += len;
    add_write(ac);
  }
  if (lens != inline_lens) free(lens);
  return accepted ? REDIS_OK : REDIS_ERR;
}

int redisvAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, const char *format, va_list ap) {
  layer_words words;
  int result = REDIS_ERR;
  if (layer_words_of(&words, format, ap) == FORMAT_OK) result = redisAsyncCommandArgv(ac, fn, privdata, (int)words.count, words.argv, words.lens);
  layer_words_free(&words);
  return result;
}

int redisAsyncCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  int result = redisvAsyncCommand(ac, fn, privdata, format, ap);
  va_end(ap);
  return result;
}

typedef struct callee {
  redisAsyncContext *ac;
  redisCallbackFn *fn;
  void *privdata;
} callee;

static int append_words(void *to, int argc, const char **argv, const size_t *lens) {
  callee *of = to;
  return redisAsyncCommandArgv(of->ac, of->fn, of->privdata, argc, argv, lens);
}

// One command: a reply has one callback.
int redisAsyncFormattedCommand(redisAsyncContext *ac, redisCallbackFn *fn, void *privdata, const char *cmd, size_t len) {
  layer_fault fault = {0};
  return layer_append_formatted(cmd, len, true, append_words, &(callee){ac, fn, privdata}, &fault);
}
