// Parse and free the same replies with librredis's two parsers and with hiredis's reader.
//
//   parse count <parser> <input> <rounds>   parse the input so often, for a tool that counts instructions
//   parse time                              every input with every parser in turn, and the best of many times
//   parse inputs                            the inputs' names
//
// Every input is fed in pieces of 16 KiB, as a socket gives them, and every reply is taken and freed. The input "encode" is a
// command to be encoded, 1000 times. With VALKEY defined, libvalkey is measured in the place of hiredis.

#ifdef VALKEY
#include <valkey/valkey.h>
#define redisReaderCreate valkeyReaderCreate
#define redisReaderFeed valkeyReaderFeed
#define redisReaderGetReply valkeyReaderGetReply
#define redisReaderFree valkeyReaderFree
#define redisFormatCommandArgv valkeyFormatCommandArgv
#define redisFreeCommand valkeyFreeCommand
#define REDIS_OK VALKEY_OK
#else
#include <hiredis/hiredis.h>
#endif
#include <rredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIECE_BYTES = 16 * 1024, TRIALS = 25, TRIAL_NS = 4 * 1000 * 1000 };

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

static void put_bulk(buffer *out, const char *text) { put(out, "$%zu\r\n%s\r\n", strlen(text), text); }

static void put_numbered(buffer *out, const char *format, int number) {
  char text[1100];
  snprintf(text, sizeof text, format, number);
  put_bulk(out, text);
}

static void lrange(buffer *out) {
  put(out, "*1000\r\n");
  for (int i = 0; i < 1000; i++) put_numbered(out, "element-%08d", i);
}

static void stream(buffer *out) {
  put(out, "*200\r\n");
  for (int i = 0; i < 200; i++) {
    put(out, "*2\r\n");
    put_numbered(out, "1700000000%03d-0", i);
    put(out, "*16\r\n");
    for (int field = 0; field < 8; field++) {
      put_numbered(out, "field-%d", field);
      put_numbered(out, "value-%06d", i * 8 + field);
    }
  }
}

static void pairs(buffer *out, const char *head) {
  put(out, "%s", head);
  for (int i = 0; i < 200; i++) {
    put_numbered(out, "field-%04d", i);
    put_numbered(out, "value-of-the-field-%06d", i);
  }
}

static void hgetall3(buffer *out) { pairs(out, "%200\r\n"); }
static void hgetall2(buffer *out) { pairs(out, "*400\r\n"); }

// Scores of so many digits and more, up to `most`.
static void scores3(buffer *out, int fewest, int most) {
  put(out, "*500\r\n");
  for (int i = 0; i < 500; i++) {
    put(out, "*2\r\n");
    put_numbered(out, "member-%06d", i);
    put(out, ",%.*g\r\n", fewest + i % (most - fewest + 1), (i + 1) * 1234.5678 / 7);
  }
}

static void zrange3(buffer *out) { scores3(out, 12, 15); }
static void zrange17(buffer *out) { scores3(out, 17, 17); }

static void zrange2(buffer *out) {
  put(out, "*1000\r\n");
  for (int i = 0; i < 500; i++) {
    char score[64];
    put_numbered(out, "member-%06d", i);
    snprintf(score, sizeof score, "%.17g", i * 1.1);
    put_bulk(out, score);
  }
}

static void ints(buffer *out) {
  put(out, "*1000\r\n");
  for (int i = 0; i < 1000; i++) put(out, ":%d\r\n", i * 7919);
}

// As large as times and sizes are: 8 to 16 digits.
static void ints16(buffer *out) {
  put(out, "*1000\r\n");
  long long first = 12345678;
  for (int i = 0; i < 1000; i++) {
    if (i % 9 == 0) first = 12345678;
    put(out, ":%lld\r\n", first + i);
    first *= 10;
  }
}

static void get64(buffer *out) {
  for (int i = 0; i < 1000; i++) put_numbered(out, "%064d", i);
}

static void ok(buffer *out) {
  for (int i = 0; i < 1000; i++) put(out, "+OK\r\n");
}

static void incr(buffer *out) {
  for (int i = 0; i < 1000; i++) put(out, ":%d\r\n", 100000 + i * 7919);
}

static void get1k(buffer *out) {
  for (int i = 0; i < 1000; i++) put_numbered(out, "%01024d", i);
}

// What a program that does a little of everything is answered.
static void mixed(buffer *out) {
  for (int i = 0; i < 100; i++) {
    put(out, "+OK\r\n:%d\r\n$-1\r\n_\r\n", i % 2);
    put_numbered(out, "value-%d", i);
    put_numbered(out, "%032d", i);
    put(out, "*2\r\n$1\r\na\r\n$-1\r\n#t\r\n:%d\r\n-ERR value is not an integer or out of range\r\n", 1000 + i);
  }
}

static void messages(buffer *out) {
  for (int i = 0; i < 1000; i++) {
    put(out, ">3\r\n$7\r\nmessage\r\n$10\r\nchannel-01\r\n");
    put_numbered(out, "message-%056d", i);
  }
}

static void bulk1m(buffer *out) {
  put(out, "$%d\r\n", 1024 * 1024);
  for (int i = 0; i < 1024 * 16; i++) put(out, "%064d", i);
  put(out, "\r\n");
}

static const struct input { const char *name; long replies; void (*make)(buffer *out); } INPUTS[] = {
  {"lrange", 1, lrange},       {"stream", 1, stream},      {"hgetall", 1, hgetall3},  {"hgetall-2", 1, hgetall2},
  {"zrange", 1, zrange3},      {"zrange-17", 1, zrange17}, {"zrange-2", 1, zrange2},  {"ints", 1, ints},
  {"ints-16", 1, ints16},        {"get64", 1000, get64},      {"get1k", 1000, get1k},     {"ok", 1000, ok},          {"incr", 1000, incr},
  {"mixed", 1000, mixed},      {"messages", 1000, messages}, {"bulk1m", 1, bulk1m},   {"encode", 1000, NULL},
};
enum { INPUTS_LEN = sizeof INPUTS / sizeof *INPUTS };

// ---- The parsers ----

// How many replies came out, or -1: this one cannot read the input.
typedef long round_fn(void *parser, const buffer *in);

static long round_rredis(void *parser, const buffer *in) {
  long replies = 0;
  for (size_t at = 0; at < in->len; at += PIECE_BYTES) {
    size_t len = in->len - at < PIECE_BYTES ? in->len - at : PIECE_BYTES;
    if (rredis_parser_feed(parser, in->bytes + at, len, NULL) != RREDIS_OK) return -1;
    rredis_reply *reply;
    rredis_status status;
    while ((status = rredis_parser_next(parser, &reply, NULL)) == RREDIS_OK) {
      rredis_reply_free(reply);
      replies++;
    }
    if (status != RREDIS_ERR_AGAIN) return -1;
  }
  return replies;
}

static long round_hiredis(void *reader, const buffer *in) {
  long replies = 0;
  for (size_t at = 0; at < in->len; at += PIECE_BYTES) {
    size_t len = in->len - at < PIECE_BYTES ? in->len - at : PIECE_BYTES;
    if (redisReaderFeed(reader, in->bytes + at, len) != REDIS_OK) return -1;
    for (;;) {
      void *reply = NULL;
      if (redisReaderGetReply(reader, &reply) != REDIS_OK) return -1;
      if (reply == NULL) break;
      freeReplyObject(reply);
      replies++;
    }
  }
  return replies;
}

// A SET of 64 bytes, so often as a command of its own: how often it was encoded.
enum { COMMANDS = 1000 };
static const char *const SET[] = {"SET", "key:000000000001", "0123456789012345678901234567890123456789012345678901234567890123"};
static const size_t SET_LEN[] = {3, 16, 64};

static long encode_rredis(void) {
  char bytes[256];
  long count = 0;
  for (int i = 0; i < COMMANDS; i++) {
    size_t len;
    count += rredis_command_encode(3, SET, SET_LEN, bytes, sizeof bytes, &len, NULL) == RREDIS_OK;
  }
  return count;
}

static long encode_hiredis(void) {
  long count = 0;
  for (int i = 0; i < COMMANDS; i++) {
    char *bytes;
    count += redisFormatCommandArgv(&bytes, 3, (const char **)SET, SET_LEN) > 0;
    redisFreeCommand(bytes);
  }
  return count;
}

static void *new_rredis(rredis_parser_kind kind) {
  rredis_options *options = rredis_options_new();
  rredis_parser *parser = NULL;
  rredis_options_set_int(options, RREDIS_OPTION_PARSER, kind, NULL);
  rredis_parser_new(options, &parser, NULL);
  rredis_options_free(options);
  return parser;
}

static void *new_fast(void) { return new_rredis(RREDIS_PARSER_FAST); }
static void *new_simple(void) { return new_rredis(RREDIS_PARSER_SIMPLE); }
static void *new_hiredis(void) { return redisReaderCreate(); }
static void free_rredis(void *parser) { rredis_parser_free(parser); }
static void free_hiredis(void *reader) { redisReaderFree(reader); }

static const struct parser {
  const char *name;
  void *(*make)(void);
  round_fn *round;
  long (*encode)(void);
  void (*end)(void *parser);
} PARSERS[] = {
  {"fast", new_fast, round_rredis, encode_rredis, free_rredis},
  {"simple", new_simple, round_rredis, encode_rredis, free_rredis},
  {"hiredis", new_hiredis, round_hiredis, encode_hiredis, free_hiredis},
};
enum { PARSERS_LEN = sizeof PARSERS / sizeof *PARSERS };

static long run(const struct parser *parser, void *one, const struct input *input, const buffer *in) {
  return input->make == NULL ? parser->encode() : parser->round(one, in);
}

// ---- The two ways to measure ----

static buffer made(const struct input *input) {
  buffer out = {malloc(1 << 16), 0, 1 << 16};
  if (out.bytes == NULL) abort();
  if (input->make != NULL) input->make(&out);
  return out;
}

// 0: done. 2: this parser cannot read this input.
static int count(const struct parser *parser, const struct input *input, long rounds) {
  buffer in = made(input);
  void *one = parser->make();
  int status = 0;
  for (long i = 0; i < rounds && status == 0; i++) {
    if (run(parser, one, input, &in) != input->replies) status = 2;
  }
  parser->end(one);
  free(in.bytes);
  return status;
}

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e9 + now.tv_nsec;
}

// Nanoseconds of one round, on the average of a trial; -1: cannot read it.
static double trial(const struct parser *parser, const struct input *input, const buffer *in) {
  void *one = parser->make();
  long rounds = 0;
  double begin = now_ns(), passed = 0;
  while (passed < TRIAL_NS) {
    if (run(parser, one, input, in) != input->replies) {
      parser->end(one);
      return -1;
    }
    rounds++;
    passed = now_ns() - begin;
  }
  parser->end(one);
  return passed / rounds;
}

static void time_input(const struct input *input) {
  buffer in = made(input);
  double best[PARSERS_LEN] = {0};
  for (int i = 0; i < TRIALS; i++) {
    for (int p = 0; p < PARSERS_LEN; p++) {
      double ns = trial(&PARSERS[p], input, &in);
      if (best[p] == 0 || ns < best[p]) best[p] = ns;
    }
  }
  printf("%s", input->name);
  for (int p = 0; p < PARSERS_LEN; p++) printf(" %.0f", best[p]);
  printf("\n");
  free(in.bytes);
}

int main(int argc, char **argv) {
  const struct input *input = NULL;
  const struct parser *parser = NULL;
  for (int i = 0; argc == 5 && i < INPUTS_LEN; i++) {
    if (strcmp(argv[3], INPUTS[i].name) == 0) input = &INPUTS[i];
  }
  for (int i = 0; argc == 5 && i < PARSERS_LEN; i++) {
    if (strcmp(argv[2], PARSERS[i].name) == 0) parser = &PARSERS[i];
  }
  if (input && parser && strcmp(argv[1], "count") == 0) return count(parser, input, atol(argv[4]));
  for (int i = 0; argc == 2 && i < INPUTS_LEN; i++) {
    if (strcmp(argv[1], "time") == 0) time_input(&INPUTS[i]);
    else puts(INPUTS[i].name);
  }
  return argc == 2 ? 0 : 64;
}
