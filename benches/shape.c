// What a canonical reply costs over the same reply as it came: one client, on a transport that plays a server.
//
//   shape count <raw|canonical> <input> <rounds>   so many commands, for a tool that counts instructions
//   shape inputs                                   the inputs' names, and the most that the shape may cost in percent

#include <rredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- The inputs ----

typedef struct buffer { char *bytes; size_t len, max; } buffer;

static void put(buffer *out, const char *format, ...) {
  for (;;) {
    va_list args;
    va_start(args, format);
    size_t room = out->max - out->len;
    size_t len = (size_t)vsnprintf(out->bytes + out->len, room, format, args);
    va_end(args);
    if (len < room) {
      out->len += len;
      return;
    }
    out->max = (out->max + len) * 2;
    out->bytes = realloc(out->bytes, out->max);
    if (out->bytes == NULL) abort();
  }
}

static void put_text(buffer *out, const char *text) { put(out, "$%zu\r\n%s\r\n", strlen(text), text); }

static void put_member(buffer *out, int number) {
  char text[32];
  snprintf(text, sizeof text, "member-%06d", number);
  put_text(out, text);
}

static void scores(buffer *out, int digits) {
  put(out, "*2000\r\n");
  for (int i = 0; i < 1000; i++) {
    char score[64];
    snprintf(score, sizeof score, "%.*g", digits, digits > 6 ? i * 1234.5678 / 7 : (double)(i * 997 % 1000000));
    put_member(out, i);
    put_text(out, score);
  }
}

static void integers(buffer *out) { scores(out, 6); }
static void doubles(buffer *out) { scores(out, 17); }

static void scores3(buffer *out) {
  put(out, "*1000\r\n");
  for (int i = 0; i < 1000; i++) {
    put(out, "*2\r\n");
    put_member(out, i);
    put(out, ",%d\r\n", i * 997 % 1000000);
  }
}

static void fields(buffer *out, const char *head) {
  put(out, "%s", head);
  for (int i = 0; i < 2000; i++) put_member(out, i);
}

static void map2(buffer *out) { fields(out, "*2000\r\n"); }
static void map3(buffer *out) { fields(out, "%1000\r\n"); }
static void set2(buffer *out) { fields(out, "*2000\r\n"); }
static void set3(buffer *out) { fields(out, "~2000\r\n"); }
// Entries of a stream, of eight fields each.
static void stream(buffer *out) {
  put(out, "*200\r\n");
  for (int i = 0; i < 200; i++) {
    put(out, "*2\r\n$15\r\n1700000000%03d-0\r\n*16\r\n", i);
    for (int field = 0; field < 8; field++) {
      char text[32];
      snprintf(text, sizeof text, "field-%d", field);
      put_text(out, text);
      put_member(out, i * 8 + field);
    }
  }
}

// Sections as long as a server's.
static void info(buffer *out) {
  buffer text = {malloc(1 << 16), 0, 1 << 16};
  if (text.bytes == NULL) abort();
  for (int section = 0; section < 10; section++) {
    put(&text, "# Section%d\r\n", section);
    for (int i = 0; i < 18; i++) put(&text, "name_of_field_%d_%d:%d\r\n", section, i, i * 7919 * (section + 1));
    put(&text, "\r\n");
  }
  put(out, "=%zu\r\ntxt:%s\r\n", text.len + 4, text.bytes);
  free(text.bytes);
}

static void ok(buffer *out) { put(out, "+OK\r\n"); }
static void text(buffer *out) { put_text(out, "value"); }

#define COMMAND(...) {__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)
static const struct input {
  const char *name;
  int protocol, percent_max;
  void (*make)(buffer *out);
  const char *argv[8];
  size_t argc;
} INPUTS[] = {
  {"zrange-2-integers", 2, 30, integers, COMMAND("ZRANGE", "k", "0", "-1", "WITHSCORES")},
  {"zrange-2-17-digits", 2, 120, doubles, COMMAND("ZRANGE", "k", "0", "-1", "WITHSCORES")},
  {"zrange-3", 3, 1, scores3, COMMAND("ZRANGE", "k", "0", "-1", "WITHSCORES")},
  {"hgetall-2", 2, 1, map2, COMMAND("HGETALL", "k")},
  {"hgetall-3", 3, 1, map3, COMMAND("HGETALL", "k")},
  {"smembers-2", 2, 1, set2, COMMAND("SMEMBERS", "k")},
  {"smembers-3", 3, 1, set3, COMMAND("SMEMBERS", "k")},
  {"xrange-2", 2, 10, stream, COMMAND("XRANGE", "k", "-", "+")},
  {"xrange-3", 3, 10, stream, COMMAND("XRANGE", "k", "-", "+")},
  {"info", 3, 300, info, COMMAND("INFO")},
  {"set", 3, 10, ok, COMMAND("SET", "k", "v")},
  {"get", 3, 10, text, COMMAND("GET", "k")},
};
enum { INPUTS_LEN = sizeof INPUTS / sizeof *INPUTS };

// ---- A server that is not there ----

// Every write is whole commands: each is answered at once, and the answers wait here until they are read.
typedef struct server { const struct input *input; buffer reply, out; size_t at; } server;

static rredis_status connect_to(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  (void)host, (void)host_len, (void)port, (void)timeout_ms, (void)err;
  *out_stream = user_data;
  return RREDIS_OK;
}

static rredis_status write_to(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  (void)timeout_ms, (void)err;
  server *it = stream;
  for (const char *at = bytes, *end = bytes + bytes_len; at < end;) {
    long argc = strtol(at + 1, (char **)&at, 10);
    const char *name = NULL;
    size_t name_len = 0;
    for (at += 2; argc > 0; argc--) {
      size_t len = (size_t)strtol(at + 1, (char **)&at, 10);
      if (name == NULL) name = at + 2, name_len = len;
      at += 2 + len + 2;
    }
    const char *asked = it->input->argv[0];
    if (name_len == strlen(asked) && memcmp(name, asked, name_len) == 0) {
      // The large reply is copied as a socket would: once, into the room that reading makes.
      put(&it->out, "");
      if (it->out.max < it->out.len + it->reply.len) {
        it->out.max = it->out.len + it->reply.len;
        it->out.bytes = realloc(it->out.bytes, it->out.max);
      }
      memcpy(it->out.bytes + it->out.len, it->reply.bytes, it->reply.len);
      it->out.len += it->reply.len;
    } else if (memcmp(name, "HELLO", 5) == 0) {
      put(&it->out, it->input->protocol == 3 ? "%%1\r\n+proto\r\n:3\r\n" : "*2\r\n+proto\r\n:2\r\n");
    } else {
      put(&it->out, "+OK\r\n");
    }
  }
  *out_len = bytes_len;
  return RREDIS_OK;
}

static rredis_status read_from(void *stream, char *into, size_t into_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  (void)timeout_ms, (void)err;
  server *it = stream;
  size_t len = it->out.len - it->at < into_len ? it->out.len - it->at : into_len;
  if (len == 0) return RREDIS_ERR_AGAIN;
  memcpy(into, it->out.bytes + it->at, len);
  it->at += len;
  if (it->at == it->out.len) it->at = it->out.len = 0;
  *out_len = len;
  return RREDIS_OK;
}

static void close_it(void *stream) { (void)stream; }

// ---- The measure ----

static int count(rredis_shape shape, const struct input *input, long rounds) {
  server it = {input, {malloc(1 << 17), 0, 1 << 17}, {malloc(1 << 17), 0, 1 << 17}, 0};
  input->make(&it.reply);
  rredis_transport transport = {.size = sizeof transport, .user_data = &it, .connect = connect_to, .read = read_from,
    .write = write_to, .close = close_it};
  rredis_options *options = rredis_options_new();
  rredis_error err = {0};
  rredis_client *client = NULL;
  rredis_options_set_int(options, RREDIS_OPTION_PROTOCOL, input->protocol, NULL);
  rredis_options_set_int(options, RREDIS_OPTION_SHAPE, shape, NULL);
  rredis_options_set_transport(options, &transport, NULL);
  int status = rredis_client_new(options, &client, &err);
  for (long i = 0; i < rounds && status == 0; i++) {
    rredis_reply *reply;
    status = rredis_client_command(client, input->argc, input->argv, NULL, &reply, &err);
    if (status == 0) rredis_reply_free(reply);
  }
  if (status != 0) fprintf(stderr, "%s\n", err.message);
  rredis_client_free(client);
  rredis_options_free(options);
  free(it.reply.bytes);
  free(it.out.bytes);
  return status;
}

int main(int argc, char **argv) {
  for (int i = 0; i < INPUTS_LEN; i++) {
    if (argc == 5 && strcmp(argv[1], "count") == 0 && strcmp(argv[3], INPUTS[i].name) == 0)
      return count(strcmp(argv[2], "raw") == 0 ? RREDIS_SHAPE_RAW : RREDIS_SHAPE_CANONICAL, &INPUTS[i], atol(argv[4]));
    if (argc == 2) printf("%s %d\n", INPUTS[i].name, INPUTS[i].percent_max);
  }
  return argc == 2 ? 0 : 64;
}
