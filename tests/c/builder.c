// A reply made by hand: every kind, attributes, copies, and errors that are kept until take.
#include "check.h"

static rredis_builder *new_builder(void) {
  rredis_builder *builder = rredis_builder_new();
  CHECK(builder != NULL);
  return builder;
}

static rredis_reply *take(rredis_builder *builder) {
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_builder_take(builder, &reply, &err), err);
  CHECK(reply != NULL);
  return reply;
}

// Take must fail with `status`, write nothing, and leave a builder that is as new.
static void take_fails(rredis_builder *builder, rredis_status status) {
  rredis_error err;
  rredis_reply *reply = (rredis_reply *)&err;
  CHECK_FAILS(rredis_builder_take(builder, &reply, &err), err, status, RREDIS_OUTCOME_NONE);
  CHECK(reply == (rredis_reply *)&err);
  CHECK(err.message[0] != 0);
  rredis_builder_clear(builder);
  rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, 1);
  reply = take(builder);
  CHECK(check_is_integer(reply, 1));
  rredis_reply_free(reply);
}

static void every_kind(void) {
  rredis_builder *builder = new_builder();
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  rredis_builder_add_null(builder);
  rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, -5);
  rredis_builder_add_integer(builder, RREDIS_REPLY_BOOL, 1);
  rredis_builder_add_number(builder, 1.5, NULL, 0);
  rredis_builder_add_number(builder, 2.5, "2.50", 4);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, "a\0b", 3);
  rredis_builder_add_text(builder, RREDIS_REPLY_STATUS, "OK", 2);
  rredis_builder_add_text(builder, RREDIS_REPLY_ERROR, "ERR no", 6);
  rredis_builder_add_text(builder, RREDIS_REPLY_BIG_NUMBER, "123456789012345678901234567890", 30);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, "", 0);
  rredis_builder_open(builder, RREDIS_REPLY_MAP);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, "k", 1);
  rredis_builder_open(builder, RREDIS_REPLY_SET);
  rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, 9);
  rredis_builder_end(builder);
  rredis_builder_end(builder);
  rredis_builder_open(builder, RREDIS_REPLY_PUSH);
  rredis_builder_end(builder);
  rredis_builder_end(builder);

  rredis_reply *reply = take(builder);
  rredis_builder_free(builder);
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 12);
  const rredis_reply *node = reply->elements;
  CHECK(node[0].kind == RREDIS_REPLY_NULL);
  CHECK(check_is_integer(&node[1], -5));
  CHECK(node[2].kind == RREDIS_REPLY_BOOL && node[2].integer == 1);
  CHECK(check_is(&node[3], RREDIS_REPLY_DOUBLE, "1.5") && node[3].number == 1.5);
  CHECK(check_is(&node[4], RREDIS_REPLY_DOUBLE, "2.50") && node[4].number == 2.5);
  CHECK(node[5].len == 3 && memcmp(node[5].str, "a\0b", 4) == 0);
  CHECK(check_is(&node[6], RREDIS_REPLY_STATUS, "OK"));
  CHECK(check_is(&node[7], RREDIS_REPLY_ERROR, "ERR no"));
  CHECK(check_is(&node[8], RREDIS_REPLY_BIG_NUMBER, "123456789012345678901234567890"));
  CHECK(check_is(&node[9], RREDIS_REPLY_STRING, ""));
  CHECK(node[10].kind == RREDIS_REPLY_MAP && node[10].len == 2);
  const rredis_reply *set = rredis_reply_find(&node[10], "k", 1);
  CHECK(set && set->kind == RREDIS_REPLY_SET && check_is_integer(&set->elements[0], 9));
  CHECK(node[11].kind == RREDIS_REPLY_PUSH && node[11].len == 0 && node[11].elements == NULL);
  rredis_reply_free(reply);
}

static void attributes_and_copies(void) {
  rredis_builder *builder = new_builder();
  rredis_builder_open_attributes(builder);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, "ttl", 3);
  rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, 10);
  rredis_builder_end(builder);
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  rredis_builder_add_integer(builder, RREDIS_REPLY_INTEGER, 1);
  rredis_builder_end(builder);
  rredis_reply *inner = take(builder);
  const rredis_reply *attributes = rredis_reply_attributes(inner, inner);
  CHECK(inner->len == 1 && attributes && check_is_integer(rredis_reply_find(attributes, "ttl", 3), 10));

  // The same builder again: a copy of what it made, twice, children and all.
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  rredis_builder_add_reply(builder, inner);
  rredis_builder_add_reply(builder, inner);
  rredis_builder_end(builder);
  rredis_reply_free(inner);
  rredis_reply *outer = take(builder);
  CHECK(outer->len == 2);
  for (size_t i = 0; i < 2; i++) {
    CHECK(outer->elements[i].kind == RREDIS_REPLY_ARRAY && check_is_integer(&outer->elements[i].elements[0], 1));
  }
  rredis_reply_free(outer);

  rredis_builder_add_null(builder);   // a builder with something in it ends as well as an empty one
  rredis_builder_free(builder);
  rredis_builder_free(NULL);
}

static void numbers_are_written_for_you(void) {
  rredis_builder *builder = new_builder();
  const double values[] = {0, -0.0, 0.1, 1e300, -1e-300, 3, INFINITY, -INFINITY, NAN};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    rredis_builder_add_number(builder, values[i], NULL, 0);
    rredis_reply *reply = take(builder);
    CHECK(reply->kind == RREDIS_REPLY_DOUBLE && reply->str && reply->len == strlen(reply->str));
    CHECK(isnan(values[i]) ? isnan(reply->number) : reply->number == values[i]);
    // What was written reads back as the same number, whatever the locale: a comma would not.
    CHECK(strchr(reply->str, ',') == NULL);
    double back = 0;
    rredis_error err;
    rredis_reply *text = NULL;
    rredis_builder_add_text(builder, RREDIS_REPLY_STRING, reply->str, reply->len);
    text = take(builder);
    CHECK_OK(rredis_reply_number(text, &back, &err), err);
    CHECK(isnan(values[i]) ? isnan(back) : back == values[i]);
    rredis_reply_free(text);
    rredis_reply_free(reply);
  }
  rredis_builder_free(builder);
}

// NULL is the empty text, where its length says so.
static void empty_texts(void) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_builder *builder = rredis_builder_new();
  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, NULL, 0);
  rredis_builder_add_number(builder, 1.5, NULL, 0);
  rredis_builder_end(builder);
  CHECK_OK(rredis_builder_take(builder, &reply, &err), err);
  CHECK(check_is(&reply->elements[0], RREDIS_REPLY_STRING, "") && check_is(&reply->elements[1], RREDIS_REPLY_DOUBLE, "1.5"));
  rredis_reply_free(reply);
  rredis_builder_free(builder);
}

static void errors_are_kept_until_take(void) {
  rredis_builder *builder = new_builder();

  take_fails(builder, RREDIS_ERR_STATE);   // nothing in it

  rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  rredis_builder_add_null(builder);
  take_fails(builder, RREDIS_ERR_STATE);   // not ended

  rredis_builder_end(builder);             // nothing to end
  rredis_builder_add_null(builder);        // does nothing any more
  rredis_error err;
  rredis_reply *reply = NULL;
  CHECK(rredis_builder_take(builder, &reply, &err) != RREDIS_OK && reply == NULL);
  rredis_builder_clear(builder);

  // A kind that the function is not for, and one that is none.
  rredis_builder_add_integer(builder, RREDIS_REPLY_STRING, 1);
  take_fails(builder, RREDIS_ERR_ARGUMENT);
  rredis_builder_add_text(builder, RREDIS_REPLY_ARRAY, "x", 1);
  take_fails(builder, RREDIS_ERR_ARGUMENT);
  rredis_builder_open(builder, RREDIS_REPLY_STRING);
  take_fails(builder, RREDIS_ERR_ARGUMENT);
  rredis_builder_add_text(builder, (rredis_reply_kind)999, "x", 1);
  take_fails(builder, RREDIS_ERR_ARGUMENT);
  rredis_builder_open(builder, (rredis_reply_kind)-3);
  take_fails(builder, RREDIS_ERR_ARGUMENT);
  rredis_builder_add_text(builder, RREDIS_REPLY_STRING, NULL, 5);
  take_fails(builder, RREDIS_ERR_ARGUMENT);
  rredis_builder_add_reply(builder, NULL);
  take_fails(builder, RREDIS_ERR_ARGUMENT);

  // A key without its value; two roots; attributes of nothing.
  rredis_builder_open(builder, RREDIS_REPLY_MAP);
  rredis_builder_add_null(builder);
  rredis_builder_end(builder);
  CHECK(rredis_builder_take(builder, &reply, &err) != RREDIS_OK && reply == NULL);
  rredis_builder_clear(builder);
  rredis_builder_add_null(builder);
  rredis_builder_add_null(builder);
  CHECK(rredis_builder_take(builder, &reply, &err) != RREDIS_OK && reply == NULL);
  rredis_builder_clear(builder);
  rredis_builder_open_attributes(builder);
  rredis_builder_end(builder);
  CHECK(rredis_builder_take(builder, &reply, &err) != RREDIS_OK && reply == NULL);
  rredis_builder_clear(builder);

  // Far too deep is refused, and nothing recurses.
  for (int i = 0; i < 100000; i++) rredis_builder_open(builder, RREDIS_REPLY_ARRAY);
  for (int i = 0; i < 100000; i++) rredis_builder_end(builder);
  take_fails(builder, RREDIS_ERR_LIMIT);
  rredis_builder_free(builder);

  rredis_builder_add_null(NULL);
  rredis_builder_open(NULL, RREDIS_REPLY_ARRAY);
  rredis_builder_end(NULL);
  rredis_builder_clear(NULL);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  every_kind();
  attributes_and_copies();
  numbers_are_written_for_you();
  empty_texts();
  errors_are_kept_until_take();
  return 0;
}
