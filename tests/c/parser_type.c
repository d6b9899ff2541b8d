// A parser of one's own: RESP2 in a page of C. And parsers that misbehave: a failure each, never a crash or a hang.
#include "shapes.h"

typedef struct { char *bytes; size_t len, room; } pile;
typedef struct { int started, stopped, freed; } counts;
static counts count;

static rredis_status start(void *user_data, void **out_state, rredis_error *err) {
  UNUSED(err);
  CHECK(user_data == &count);
  count.started++;
  *out_state = calloc(1, sizeof(pile));
  return RREDIS_OK;
}

static rredis_status feed(void *state, const char *bytes, size_t bytes_len, rredis_error *err) {
  UNUSED(err);
  pile *p = state;
  if (p->len + bytes_len > p->room) {
    p->room = (p->len + bytes_len) * 2;
    p->bytes = realloc(p->bytes, p->room);
    CHECK(p->bytes != NULL);
  }
  if (bytes_len) memcpy(p->bytes + p->len, bytes, bytes_len);
  p->len += bytes_len;
  return RREDIS_OK;
}

// Where the line that begins at `at` ends, its CRLF included; 0 when it is not all there.
static size_t line_end(const pile *p, size_t at) {
  const char *lf = p->len > at ? memchr(p->bytes + at, '\n', p->len - at) : NULL;
  return lf ? (size_t)(lf - p->bytes) + 1 : 0;
}

// Read one reply from `at`; with a builder, put it there. Where it ends; 0: not all there; SIZE_MAX: not RESP2.
static size_t one(const pile *p, size_t at, rredis_builder *builder) {
  size_t end = line_end(p, at);
  if (!end) return 0;
  const char *text = p->bytes + at + 1;
  size_t text_len = end - at - 3;
  char number[32] = "";
  if (text_len < sizeof number) memcpy(number, text, text_len);
  switch (p->bytes[at]) {
    case '+': case '-':
      if (builder) rredis_builder_add_text(builder, p->bytes[at] == '+' ? RREDIS_REPLY_STATUS : RREDIS_REPLY_ERROR, text, text_len);
      return end;
    case ':':
      if (builder) rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, strtoll(number, NULL, 10));
      return end;
    case '$': {
      long len = strtol(number, NULL, 10);
      if (len < 0) {
        if (builder) rredis_builder_add_null(builder);
        return end;
      }
      if (p->len < end + (size_t)len + 2) return 0;
      if (builder) rredis_builder_add_text(builder, RREDIS_REPLY_STRING, p->bytes + end, (size_t)len);
      return end + (size_t)len + 2;
    }
    case '*': {
      long len = strtol(number, NULL, 10);
      if (builder) {
        if (len < 0) rredis_builder_add_null(builder);
        else rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
      }
      for (long i = 0; i < len; i++) {
        end = one(p, end, builder);
        if (end == 0 || end == SIZE_MAX) return end;
      }
      if (builder && len >= 0) rredis_builder_end(builder);
      return end;
    }
    default: return SIZE_MAX;
  }
}

static rredis_status next(void *state, rredis_builder *builder, rredis_error *err) {
  pile *p = state;
  size_t end = one(p, 0, NULL);   // whole first, then built
  if (end == 0) return RREDIS_ERR_AGAIN;
  if (end == SIZE_MAX) {
    snprintf(err->message, sizeof err->message, "not RESP2");
    return RREDIS_ERR_PROTOCOL;
  }
  one(p, 0, builder);
  memmove(p->bytes, p->bytes + end, p->len - end);
  p->len -= end;
  return RREDIS_OK;
}

static void stop(void *state) {
  count.stopped++;
  free(((pile *)state)->bytes);
  free(state);
}

static void freed(void *user_data) { ((counts *)user_data)->freed++; }

static const rredis_parser_type plain_c = {sizeof plain_c, "plain C", &count, start, feed, next, stop, freed};

static void on_a_server(rredis_options *options) {
  memset(&count, 0, sizeof count);
  rredis_client *client = client_with_parser(options, &plain_c);
  resp2_shapes(client);
  rredis_client_free(client);
  CHECK(count.started >= 1 && count.stopped == count.started && count.freed == 1);
}

// The same type without a client, through rredis_parser.
static void without_a_socket(void) {
  rredis_error err;
  memset(&count, 0, sizeof count);
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_parser(options, &plain_c, &err), err);
  rredis_parser *parser = NULL;
  CHECK_OK(rredis_parser_new(options, &parser, &err), err);
  rredis_options_free(options);
  CHECK(strcmp(rredis_parser_name(parser), "plain C") == 0);
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_parser_feed(parser, "*2\r\n:1\r\n$1\r\n", 12, &err), err);
  CHECK(rredis_parser_next(parser, &reply, &err) == RREDIS_ERR_AGAIN);
  CHECK_OK(rredis_parser_feed(parser, "x\r\n_\r\n", 6, &err), err);
  CHECK_OK(rredis_parser_next(parser, &reply, &err), err);
  CHECK(reply->len == 2 && check_is(&reply->elements[1], RREDIS_REPLY_STRING, "x"));
  rredis_reply_free(reply);
  CHECK(rredis_parser_next(parser, &reply, &err) == RREDIS_ERR_PROTOCOL);
  CHECK_SAYS(err, "not RESP2");
  rredis_parser_free(parser);
  CHECK(count.started == 1 && count.stopped == 1 && count.freed == 1);
}

typedef enum { NO_START, NO_FEED, NO_NEXT, GARBAGE, EMPTY, UNFINISHED, TWICE, WRONG_KIND, DEEP, ALWAYS_AGAIN, FOR_EVER, MISDEEDS } misdeed;

static rredis_status bad_start(void *user_data, void **out_state, rredis_error *err) {
  if (*(misdeed *)user_data == NO_START) {
    snprintf(err->message, sizeof err->message, "no state");
    return RREDIS_ERR_MEMORY;
  }
  *out_state = user_data;
  return RREDIS_OK;
}

static rredis_status bad_feed(void *state, const char *bytes, size_t bytes_len, rredis_error *err) {
  UNUSED(bytes); UNUSED(bytes_len); UNUSED(err);
  return *(misdeed *)state == NO_FEED ? RREDIS_ERR_MEMORY : RREDIS_OK;
}

static rredis_status bad_next(void *state, rredis_builder *builder, rredis_error *err) {
  switch (*(misdeed *)state) {
    case NO_NEXT: memset(err, 'n', sizeof *err); return RREDIS_ERR_PROTOCOL;
    case GARBAGE: return (rredis_status)-1234;
    case UNFINISHED: rredis_builder_open(builder, RREDIS_REPLY_ARRAY); return RREDIS_OK;
    case TWICE: rredis_builder_add_null(builder); rredis_builder_add_null(builder); return RREDIS_OK;
    case WRONG_KIND: rredis_builder_open(builder, (rredis_reply_kind)99); return RREDIS_OK;
    case DEEP: for (int i = 0; i < 10000; i++) rredis_builder_open(builder, RREDIS_REPLY_ARRAY); return RREDIS_OK;
    case ALWAYS_AGAIN: return RREDIS_ERR_AGAIN;
    case FOR_EVER: rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, 1); return RREDIS_OK;   // more than anybody asked
    default: return RREDIS_OK;   // EMPTY: whole, it says, and gave nothing
  }
}

static void bad_stop(void *state) { UNUSED(state); }

static void misbehave(misdeed what) {
  rredis_error err;
  rredis_parser_type type = {sizeof type, "bad", &what, bad_start, bad_feed, bad_next, bad_stop, NULL};
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_set_parser(options, &type, &err), err);
  check_set_int(options, RREDIS_OPTION_PROTOCOL, 2);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 200);
  check_set_int(options, RREDIS_OPTION_CONNECT_TIMEOUT_MS, 200);
  rredis_client *client = check_client(options);
  for (int i = 0; i < 2; i++) {
    rredis_reply *reply = NULL;
    int64_t before = check_now_ms();
    rredis_status status = rredis_client_command(client, ARGS("PING"), &reply, &err);
    CHECK(check_now_ms() - before < 3000);
    if (what == FOR_EVER && status == RREDIS_OK) {   // one reply is as good as another; what follows it is not
      rredis_reply_free(reply);
      continue;
    }
    CHECK(status != RREDIS_OK && status != RREDIS_ERR_PANIC && reply == NULL && err.status == status);
    CHECK(err.message[0] != 0 && memchr(err.message, 0, sizeof err.message));
    if (what == NO_START) CHECK_SAYS(err, "no state");
  }
  rredis_client_free(client);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  on_a_server(check_options_tcp());
  on_a_server(check_options_unix());
  without_a_socket();
  for (int what = 0; what < MISDEEDS; what++) misbehave((misdeed)what);

  rredis_error err;
  rredis_options *options = rredis_options_new();
  rredis_parser_type hollow = {sizeof hollow, "hollow", NULL, NULL, NULL, NULL, NULL, NULL};
  CHECK(rredis_options_set_parser(options, &hollow, &err) == RREDIS_ERR_ARGUMENT);
  CHECK(rredis_options_set_parser(options, NULL, &err) == RREDIS_ERR_ARGUMENT);
  rredis_options_free(options);
  return 0;
}
