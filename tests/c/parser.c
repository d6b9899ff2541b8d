// The packaged parsers without a socket: fed whole, byte by byte and in place; RESP2 and RESP3; errors that stay.
#include "check.h"

static const char transcript[] =
    "+OK\r\n-ERR no\r\n:12\r\n$5\r\nhello\r\n$-1\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n*-1\r\n"
    "_\r\n#t\r\n,1.5\r\n(12345678901234567890\r\n=7\r\ntxt:abc\r\n!5\r\nERR x\r\n"
    "%1\r\n+k\r\n~1\r\n:1\r\n>1\r\n+push\r\n|1\r\n+a\r\n:1\r\n+last\r\n";
static const rredis_reply_kind transcript_kinds[] = {
  RREDIS_REPLY_STATUS, RREDIS_REPLY_ERROR, RREDIS_REPLY_INTEGER, RREDIS_REPLY_STRING, RREDIS_REPLY_NULL,
  RREDIS_REPLY_ARRAY, RREDIS_REPLY_NULL, RREDIS_REPLY_NULL, RREDIS_REPLY_BOOL, RREDIS_REPLY_DOUBLE,
  RREDIS_REPLY_BIG_NUMBER, RREDIS_REPLY_VERBATIM, RREDIS_REPLY_ERROR, RREDIS_REPLY_MAP, RREDIS_REPLY_PUSH,
  RREDIS_REPLY_STATUS,
};
enum { TRANSCRIPT_LEN = sizeof transcript - 1, TRANSCRIPT_COUNT = sizeof transcript_kinds / sizeof *transcript_kinds };

static rredis_parser *new_parser(rredis_parser_kind kind) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  check_set_int(options, RREDIS_OPTION_PARSER, kind);
  rredis_parser *parser = NULL;
  CHECK_OK(rredis_parser_new(options, &parser, &err), err);
  rredis_options_free(options);
  CHECK(strcmp(rredis_parser_name(parser), kind == RREDIS_PARSER_SIMPLE ? "simple" : "fast") == 0);
  return parser;
}

// Takes whatever is whole; what comes must be what is next in the transcript.
static size_t drain(rredis_parser *parser, size_t seen) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_status status;
  while ((status = rredis_parser_next(parser, &reply, &err)) == RREDIS_OK) {
    CHECK(seen < TRANSCRIPT_COUNT && reply->kind == transcript_kinds[seen]);
    rredis_reply_free(reply);
    reply = NULL;
    seen++;
  }
  CHECK(status == RREDIS_ERR_AGAIN && reply == NULL);
  return seen;
}

static void fed(rredis_parser_kind kind) {
  rredis_error err;
  rredis_parser *parser = new_parser(kind);
  CHECK_OK(rredis_parser_feed(parser, transcript, TRANSCRIPT_LEN, &err), err);
  CHECK(drain(parser, 0) == TRANSCRIPT_COUNT);

  size_t seen = 0;
  for (size_t i = 0; i < TRANSCRIPT_LEN; i++) {
    CHECK_OK(rredis_parser_feed(parser, transcript + i, 1, &err), err);
    seen = drain(parser, seen);
  }
  CHECK(seen == TRANSCRIPT_COUNT);
  CHECK_OK(rredis_parser_feed(parser, transcript, 0, &err), err);   // nothing is allowed, and changes nothing
  CHECK(drain(parser, TRANSCRIPT_COUNT) == TRANSCRIPT_COUNT);
  rredis_parser_free(parser);
}

static void read_in_place(rredis_parser_kind kind) {
  rredis_error err;
  rredis_parser *parser = new_parser(kind);
  size_t seen = 0;
  for (size_t i = 0; i < TRANSCRIPT_LEN;) {
    size_t room = 0, len = TRANSCRIPT_LEN - i < 7 ? TRANSCRIPT_LEN - i : 7;
    char *place = rredis_parser_reserve(parser, 7, &room);
    CHECK(place != NULL && room >= 7);
    memcpy(place, transcript + i, len);
    CHECK_OK(rredis_parser_commit(parser, len, &err), err);
    seen = drain(parser, seen);
    i += len;
  }
  CHECK(seen == TRANSCRIPT_COUNT);

  // More than was reserved is a mistake, and so is a commit of what was never reserved.
  size_t room = 0;
  CHECK(rredis_parser_reserve(parser, 10, &room) != NULL);
  CHECK(rredis_parser_commit(parser, room + 1, &err) == RREDIS_ERR_ARGUMENT);
  CHECK(rredis_parser_reserve(parser, SIZE_MAX, &room) == NULL);
  CHECK(rredis_parser_reserve(NULL, 10, &room) == NULL);
  rredis_parser_free(parser);
  rredis_parser_free(NULL);
}

// What is fed counts until it was given: with its reply, or before that as a push in the middle of it.
static void unread(rredis_parser_kind kind) {
  static const char push[] = ">2\r\n$1\r\na\r\n:1\r\n", head[] = "*2\r\n$2\r\nhi\r\n", tail[] = ":1\r\n";
  const size_t push_len = sizeof push - 1, head_len = sizeof head - 1, tail_len = sizeof tail - 1;
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_parser *parser = new_parser(kind);
  CHECK(rredis_parser_unread(parser) == 0 && rredis_parser_unread(NULL) == 0);
  size_t fed = 0;
  const struct { const char *bytes; size_t len; } pieces[] = {{head, head_len}, {push, push_len}, {tail, tail_len}};
  for (size_t i = 0; i < 3; i++) {
    for (size_t j = 0; j < pieces[i].len; j++) {
      CHECK(rredis_parser_next(parser, &reply, &err) == RREDIS_ERR_AGAIN && rredis_parser_unread(parser) == fed);
      CHECK_OK(rredis_parser_feed(parser, pieces[i].bytes + j, 1, &err), err);
      CHECK(rredis_parser_unread(parser) == ++fed);
    }
    if (i == 0) continue;
    CHECK_OK(rredis_parser_next(parser, &reply, &err), err);
    CHECK(reply->kind == (i == 1 ? RREDIS_REPLY_PUSH : RREDIS_REPLY_ARRAY));
    rredis_reply_free(reply);
    fed -= i == 1 ? push_len : head_len + tail_len;
    CHECK(rredis_parser_unread(parser) == fed);
  }
  CHECK(fed == 0);
  // The bytes behind a reply are those of another protocol, for somebody else to read.
  CHECK_OK(rredis_parser_feed(parser, "+OK\r\n$3\r\nab", 11, &err), err);
  CHECK_OK(rredis_parser_next(parser, &reply, &err), err);
  rredis_reply_free(reply);
  CHECK(rredis_parser_unread(parser) == 6);
  size_t room = 0;
  CHECK(rredis_parser_reserve(parser, 100, &room) != NULL && rredis_parser_unread(parser) == 6);
  CHECK_OK(rredis_parser_commit(parser, 0, &err), err);
  CHECK(rredis_parser_next(parser, &reply, &err) == RREDIS_ERR_AGAIN && rredis_parser_unread(parser) == 6);
  rredis_parser_free(parser);
}

static void fails(rredis_parser_kind kind, const char *bytes, rredis_status want) {
  rredis_error err, again;
  rredis_parser *parser = new_parser(kind);
  CHECK_OK(rredis_parser_feed(parser, "+fine\r\n", 7, &err), err);
  CHECK_OK(rredis_parser_feed(parser, bytes, strlen(bytes), &err), err);
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_parser_next(parser, &reply, &err), err);   // what came before is not lost
  CHECK(check_is(reply, RREDIS_REPLY_STATUS, "fine"));
  rredis_reply_free(reply);
  reply = NULL;
  CHECK_FAILS(rredis_parser_next(parser, &reply, &err), err, want, RREDIS_OUTCOME_NONE);
  CHECK(reply == NULL && err.message[0] != 0);
  (void)rredis_parser_feed(parser, "+OK\r\n", 5, NULL);   // it stays broken, and says the same
  CHECK_FAILS(rredis_parser_next(parser, &reply, &again), again, want, RREDIS_OUTCOME_NONE);
  CHECK(strcmp(err.message, again.message) == 0);
  rredis_parser_free(parser);
}

static void limits(rredis_parser_kind kind) {
  rredis_error err;
  rredis_options *options = rredis_options_new();
  check_set_int(options, RREDIS_OPTION_PARSER, kind);
  check_set_int(options, RREDIS_OPTION_REPLY_NODES_MAX, 100);
  rredis_parser *parser = NULL;
  CHECK_OK(rredis_parser_new(options, &parser, &err), err);
  rredis_options_free(options);
  CHECK_OK(rredis_parser_feed(parser, "*100000\r\n", 9, &err), err);
  rredis_reply *reply = NULL;
  CHECK_FAILS(rredis_parser_next(parser, &reply, &err), err, RREDIS_ERR_LIMIT, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "nodes");
  rredis_parser_free(parser);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  const rredis_parser_kind both[] = {RREDIS_PARSER_FAST, RREDIS_PARSER_SIMPLE, RREDIS_PARSER_AUTO};
  for (size_t i = 0; i < 3; i++) {
    fed(both[i]);
    read_in_place(both[i]);
    unread(both[i]);
    fails(both[i], "?what\r\n", RREDIS_ERR_PROTOCOL);
    fails(both[i], "$3\r\nabcd\r\n", RREDIS_ERR_PROTOCOL);
    fails(both[i], ":1x\r\n", RREDIS_ERR_PROTOCOL);
    fails(both[i], "#x\r\n", RREDIS_ERR_PROTOCOL);
    limits(both[i]);
  }
  return 0;
}
