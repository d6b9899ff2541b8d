// Every kind of reply, read in place; find, attributes, format, integer, number, clone.
#include "check.h"

static void kinds(void) {
  rredis_reply *reply = check_parse("_\r\n");
  CHECK(reply->kind == RREDIS_REPLY_NULL && reply->len == 0 && !reply->str && !reply->elements);
  rredis_reply_free(reply);
  reply = check_parse("$-1\r\n");
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);
  reply = check_parse("*-1\r\n");
  CHECK(reply->kind == RREDIS_REPLY_NULL);
  rredis_reply_free(reply);
  reply = check_parse(":-9223372036854775808\r\n");
  CHECK(check_is_integer(reply, INT64_MIN));
  rredis_reply_free(reply);
  reply = check_parse("#t\r\n");
  CHECK(reply->kind == RREDIS_REPLY_BOOL && reply->integer == 1);
  rredis_reply_free(reply);
  reply = check_parse("#f\r\n");
  CHECK(reply->kind == RREDIS_REPLY_BOOL && reply->integer == 0);
  rredis_reply_free(reply);
  reply = check_parse("$3\r\nfoo\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "foo"));
  rredis_reply_free(reply);
  reply = check_parse("$0\r\n\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "") && reply->str != NULL);
  rredis_reply_free(reply);
  reply = check_parse("+OK\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_STATUS, "OK"));
  rredis_reply_free(reply);
  reply = check_parse("-ERR no\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_ERROR, "ERR no"));
  rredis_reply_free(reply);
  reply = check_parse("!8\r\nERR\r\nno\n\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_ERROR, "ERR\r\nno\n"));
  rredis_reply_free(reply);
  reply = check_parse("=8\r\nmkd:# hi\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_VERBATIM, "# hi"));
  CHECK(strcmp(rredis_reply_format(reply), "mkd") == 0);
  rredis_reply_free(reply);
  reply = check_parse("(-3492890328409238509324850943850943825024385\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_BIG_NUMBER, "-3492890328409238509324850943850943825024385"));
  rredis_reply_free(reply);
  reply = check_parse(",1.50\r\n");
  CHECK(check_is(reply, RREDIS_REPLY_DOUBLE, "1.50") && reply->number == 1.5);
  rredis_reply_free(reply);
  reply = check_parse(",-inf\r\n");
  CHECK(reply->kind == RREDIS_REPLY_DOUBLE && isinf(reply->number) && reply->number < 0);
  rredis_reply_free(reply);
  reply = check_parse(",nan\r\n");
  CHECK(reply->kind == RREDIS_REPLY_DOUBLE && isnan(reply->number));
  rredis_reply_free(reply);
  reply = check_parse("*0\r\n");
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 0 && reply->elements == NULL);
  rredis_reply_free(reply);
}

static void aggregates(void) {
  rredis_reply *reply = check_parse("*3\r\n:1\r\n~2\r\n+a\r\n+b\r\n%2\r\n+k\r\n*1\r\n$1\r\nv\r\n:7\r\n#t\r\n");
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 3 && !reply->str);
  CHECK(check_is_integer(&reply->elements[0], 1));
  const rredis_reply *set = &reply->elements[1];
  CHECK(set->kind == RREDIS_REPLY_SET && set->len == 2 && check_is(&set->elements[1], RREDIS_REPLY_STATUS, "b"));
  const rredis_reply *map = &reply->elements[2];
  CHECK(map->kind == RREDIS_REPLY_MAP && map->len == 4);
  CHECK(check_is(&map->elements[1].elements[0], RREDIS_REPLY_STRING, "v"));
  CHECK(check_is_integer(&map->elements[2], 7));
  rredis_reply_free(reply);

  reply = check_parse(">2\r\n+message\r\n$5\r\nhello\r\n");
  CHECK(reply->kind == RREDIS_REPLY_PUSH && reply->len == 2);
  rredis_reply_free(reply);

  // A streamed string and a streamed array are what they would have been in one piece.
  reply = check_parse("*?\r\n$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n:2\r\n.\r\n");
  CHECK(reply->kind == RREDIS_REPLY_ARRAY && reply->len == 2);
  CHECK(check_is(&reply->elements[0], RREDIS_REPLY_STRING, "Hello"));
  rredis_reply_free(reply);
}

static void find(void) {
  rredis_reply *map = check_parse("%4\r\n$3\r\none\r\n:1\r\n+two\r\n:2\r\n:3\r\n:3\r\n$0\r\n\r\n:0\r\n");
  CHECK(check_is_integer(rredis_reply_find(map, "one", 3), 1));
  CHECK(check_is_integer(rredis_reply_find(map, "two", 3), 2));
  CHECK(check_is_integer(rredis_reply_find(map, "", 0), 0));
  CHECK(rredis_reply_find(map, "on", 2) == NULL);
  CHECK(rredis_reply_find(map, "three", 5) == NULL);
  CHECK(rredis_reply_find(map, "one\0", 4) == NULL);
  CHECK(rredis_reply_find(NULL, "one", 3) == NULL);
  CHECK(rredis_reply_find(map, NULL, 3) == NULL);
  rredis_reply_free(map);

  rredis_reply *integer = check_parse(":1\r\n");
  CHECK(rredis_reply_find(integer, "one", 3) == NULL);
  rredis_reply_free(integer);
}

static void attributes(void) {
  rredis_reply *root = check_parse("|1\r\n+ttl\r\n:3600\r\n*2\r\n:1\r\n|1\r\n+k\r\n|1\r\n+deep\r\n#t\r\n+v\r\n:2\r\n");
  CHECK(root->kind == RREDIS_REPLY_ARRAY && root->len == 2 && check_is_integer(&root->elements[1], 2));
  const rredis_reply *outer = rredis_reply_attributes(root, root);
  CHECK(outer && outer->kind == RREDIS_REPLY_MAP && check_is_integer(rredis_reply_find(outer, "ttl", 3), 3600));
  CHECK(rredis_reply_attributes(root, &root->elements[0]) == NULL);
  const rredis_reply *inner = rredis_reply_attributes(root, &root->elements[1]);
  CHECK(inner && check_is(rredis_reply_find(inner, "k", 1), RREDIS_REPLY_STATUS, "v"));

  // A clone is of the node and what is below it; what stood beside it stays with the whole it came from.
  rredis_error err;
  rredis_reply *copy = NULL;
  CHECK_OK(rredis_reply_clone(root, &copy, &err), err);
  rredis_reply_free(root);
  CHECK(copy->len == 2 && check_is_integer(&copy->elements[1], 2));
  CHECK(rredis_reply_attributes(copy, copy) == NULL);
  rredis_reply_free(copy);

  rredis_reply *plain = check_parse("+OK\r\n");
  CHECK(rredis_reply_attributes(plain, plain) == NULL);
  CHECK(rredis_reply_attributes(NULL, plain) == NULL);
  CHECK(rredis_reply_attributes(plain, NULL) == NULL);
  CHECK(rredis_reply_format(plain) == NULL);
  rredis_reply_free(plain);
}

// Nothing but a whole reply has attributes, or is freed: not an element, nor an attribute, nor a copy of the struct.
static void parts_are_no_roots(void) {
  rredis_reply *root = check_parse("|1\r\n+ttl\r\n:3600\r\n*3\r\n:1\r\n|1\r\n+k\r\n+v\r\n*2\r\n$1\r\na\r\n#t\r\n_\r\n");
  const rredis_reply *inner = &root->elements[1];
  const rredis_reply *of_root = rredis_reply_attributes(root, root), *of_inner = rredis_reply_attributes(root, inner);
  CHECK(of_root && of_inner);
  rredis_reply copy = *root;
  const rredis_reply *parts[] = {&root->elements[0], inner, &root->elements[2], &inner->elements[0], of_root,
      &of_root->elements[0], of_inner, &copy};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    CHECK(rredis_reply_attributes(parts[i], root) == NULL && rredis_reply_attributes(parts[i], inner) == NULL);
    CHECK(rredis_reply_attributes(parts[i], parts[i]) == NULL);
    rredis_reply_free((rredis_reply *)(uintptr_t)parts[i]);
  }
  CHECK(rredis_reply_attributes(root, inner) == of_inner && check_is(&inner->elements[0], RREDIS_REPLY_STRING, "a"));
  rredis_error err;
  rredis_reply *whole = NULL;
  CHECK_OK(rredis_reply_clone(inner, &whole, &err), err);
  rredis_reply_free(root);
  CHECK(whole->len == 2);
  rredis_reply_free(whole);
  // A struct of the program's own, with nothing before it.
  rredis_reply *alone = calloc(1, sizeof *alone);
  CHECK(alone && rredis_reply_attributes(alone, alone) == NULL);
  rredis_reply_free(alone);
  free(alone);
}

// What the bytes are as an integer: RREDIS_OK and the value, or a failure that leaves the value alone.
static rredis_status as_integer(const char *bytes, int64_t *out) {
  rredis_reply *reply = check_parse(bytes);
  rredis_error err;
  *out = 4711;
  rredis_status status = rredis_reply_integer(reply, out, &err);
  if (status != RREDIS_OK) CHECK(*out == 4711 && err.outcome == RREDIS_OUTCOME_NONE);
  rredis_reply_free(reply);
  return status;
}

static rredis_status as_number(const char *bytes, double *out) {
  rredis_reply *reply = check_parse(bytes);
  rredis_error err;
  *out = 4711;
  rredis_status status = rredis_reply_number(reply, out, &err);
  if (status != RREDIS_OK) CHECK(*out == 4711 && err.outcome == RREDIS_OUTCOME_NONE);
  rredis_reply_free(reply);
  return status;
}

static void integers(void) {
  int64_t value;
  CHECK(as_integer(":12\r\n", &value) == RREDIS_OK && value == 12);
  CHECK(as_integer("#t\r\n", &value) == RREDIS_OK && value == 1);
  CHECK(as_integer("$3\r\n-42\r\n", &value) == RREDIS_OK && value == -42);
  CHECK(as_integer("+7\r\n", &value) == RREDIS_OK && value == 7);
  CHECK(as_integer("(123\r\n", &value) == RREDIS_OK && value == 123);
  CHECK(as_integer("$19\r\n9223372036854775807\r\n", &value) == RREDIS_OK && value == INT64_MAX);
  CHECK(as_integer("$19\r\n9223372036854775808\r\n", &value) != RREDIS_OK);
  CHECK(as_integer("$3\r\nabc\r\n", &value) != RREDIS_OK);
  CHECK(as_integer("$0\r\n\r\n", &value) != RREDIS_OK);
  CHECK(as_integer("$3\r\n 12\r\n", &value) != RREDIS_OK);
  CHECK(as_integer("$3\r\n1.5\r\n", &value) != RREDIS_OK);
  CHECK(as_integer("_\r\n", &value) != RREDIS_OK);
  CHECK(as_integer("*1\r\n:1\r\n", &value) != RREDIS_OK);
}

static void numbers(void) {
  double value;
  CHECK(as_number(",2.5\r\n", &value) == RREDIS_OK && value == 2.5);
  CHECK(as_number(":12\r\n", &value) == RREDIS_OK && value == 12);
  CHECK(as_number("$4\r\n1e-3\r\n", &value) == RREDIS_OK && value == 1e-3);
  CHECK(as_number("$4\r\n-inf\r\n", &value) == RREDIS_OK && isinf(value) && value < 0);
  CHECK(as_number("$4\r\n10.5\r\n", &value) == RREDIS_OK && value == 10.5);
  CHECK(as_number("$3\r\n1,5\r\n", &value) != RREDIS_OK);
  CHECK(as_number("$3\r\nabc\r\n", &value) != RREDIS_OK);
  CHECK(as_number("$0\r\n\r\n", &value) != RREDIS_OK);
  CHECK(as_number("_\r\n", &value) != RREDIS_OK);
}

static void clones(void) {
  rredis_error err;
  rredis_reply *reply = check_parse("*2\r\n$5\r\nabcde\r\n*1\r\n,1.5\r\n");
  rredis_reply *copy = NULL;
  CHECK_OK(rredis_reply_clone(&reply->elements[1], &copy, &err), err);
  rredis_reply_free(reply);
  CHECK(copy->kind == RREDIS_REPLY_ARRAY && copy->len == 1 && copy->elements[0].number == 1.5);
  CHECK(check_is(&copy->elements[0], RREDIS_REPLY_DOUBLE, "1.5"));
  rredis_reply_free(copy);
  rredis_reply_free(NULL);
}

// A node of a copy of the bytes: its addresses are those of the original.
static const rredis_reply *in_copy(const char *copy, const char *bytes, size_t len, const rredis_reply *node) {
  size_t at = (size_t)((const char *)node - bytes);
  CHECK((const char *)node >= bytes && at < len && len - at >= sizeof *node);
  return (const rredis_reply *)(const void *)(copy + at);
}

// Whether a node and all below it, their texts and their attributes are among the bytes, and read the same in the copy.
static size_t all_among(const char *copy, const char *bytes, size_t len, const rredis_reply *root, const rredis_reply *node) {
  const rredis_reply *read = in_copy(copy, bytes, len, node);
  CHECK(memcmp(read, node, sizeof *node) == 0);
  if (node->str) {
    size_t at = (size_t)(node->str - bytes);
    CHECK(node->str >= bytes && at < len && len - at > node->len);
    CHECK(memcmp(copy + at, node->str, node->len + 1) == 0 && copy[at + node->len] == 0);
  }
  size_t count = 1;
  const rredis_reply *beside = rredis_reply_attributes(root, node);
  if (beside) count += all_among(copy, bytes, len, root, beside);
  for (size_t i = 0; !node->str && i < node->len; i++) count += all_among(copy, bytes, len, root, &read->elements[i]);
  return count;
}

static void copied(const rredis_reply *root, size_t nodes) {
  size_t len = 0;
  const char *bytes = rredis_reply_bytes(root, &len);
  CHECK(bytes != NULL && len >= nodes * sizeof *root);
  char *copy = malloc(len);
  CHECK(copy != NULL);
  memcpy(copy, bytes, len);
  CHECK(all_among(copy, bytes, len, root, root) == nodes);
  free(copy);
}

// A reply is one block, whether it was copied, built, or stands behind the bytes as they were read.
static void one_block(void) {
  static const struct { const char *wire; size_t nodes; } replies[] = {
    {"_\r\n", 1}, {":7\r\n", 1}, {"+OK\r\n", 1}, {"$0\r\n\r\n", 1}, {",1.5\r\n", 1}, {"=7\r\ntxt:abc\r\n", 1}, {"*0\r\n", 1},
    {"*2\r\n:1\r\n#t\r\n", 3}, {"%1\r\n+k\r\n~2\r\n$1\r\na\r\n(123\r\n", 5}, {"$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n", 1},
    {"|1\r\n+ttl\r\n:3600\r\n*2\r\n:1\r\n|1\r\n+k\r\n+v\r\n$3\r\nabc\r\n", 9},
  };
  for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
    rredis_reply *reply = check_parse(replies[i].wire);
    copied(reply, replies[i].nodes);
    rredis_error err;
    rredis_reply *copy = NULL;
    CHECK_OK(rredis_reply_clone(reply, &copy, &err), err);
    copied(copy, i + 1 < sizeof replies / sizeof *replies ? replies[i].nodes : 3);
    rredis_reply_free(copy);
    rredis_reply_free(reply);
  }
  // Large ones stay where they were read.
  for (size_t size = 60000; size <= 480000; size *= 2) {
    char *wire = malloc(size + 100);
    CHECK(wire != NULL);
    int head = sprintf(wire, "*2\r\n|1\r\n+k\r\n+v\r\n$%zu\r\n", size);
    memset(wire + head, 'x', size);
    strcpy(wire + head + size, "\r\n:7\r\n");
    rredis_reply *reply = check_parse(wire);
    copied(reply, 6);
    rredis_reply_free(reply);
    free(wire);
  }

  size_t len = 7;
  rredis_reply *reply = check_parse("*1\r\n*1\r\n:1\r\n");
  rredis_reply by_value = *reply;
  CHECK(rredis_reply_bytes(&reply->elements[0], &len) == NULL && len == 0);
  len = 7;
  CHECK(rredis_reply_bytes(&by_value, &len) == NULL && len == 0);
  len = 7;
  CHECK(rredis_reply_bytes(NULL, &len) == NULL && len == 0);
  CHECK(rredis_reply_bytes(reply, NULL) == NULL);
  rredis_reply_free(reply);
}

// The same from a server: a map walked in place, text with NULs in it.
static void from_a_server(void) {
  rredis_client *client = check_client(check_options_tcp());
  const char *argv[] = {"HSET", "c:reply:h", "name", "a\0b", "count", "3"};
  const size_t argv_len[] = {4, 9, 4, 3, 5, 1};
  check_do(client, ARGS("DEL", "c:reply:h"));
  check_do(client, 6, argv, argv_len);
  rredis_reply *map = check_ask(client, ARGS("HGETALL", "c:reply:h"));
  CHECK(map->kind == RREDIS_REPLY_MAP && map->len == 4);
  const rredis_reply *name = rredis_reply_find(map, "name", 4);
  CHECK(name && name->len == 3 && memcmp(name->str, "a\0b", 4) == 0);
  int64_t count = 0;
  rredis_error err;
  CHECK_OK(rredis_reply_integer(rredis_reply_find(map, "count", 5), &count, &err), err);
  CHECK(count == 3);
  rredis_client_free(client);
  CHECK(map->elements[0].kind == RREDIS_REPLY_STRING);   // a reply outlives the client it came from
  rredis_reply_free(map);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  kinds();
  aggregates();
  find();
  attributes();
  parts_are_no_roots();
  integers();
  numbers();
  clones();
  one_block();
  from_a_server();
  return 0;
}
