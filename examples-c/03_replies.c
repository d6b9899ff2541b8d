// 03. Print any reply.
//
// Whatever a server says is one kind of thing: a node with a kind, and then a number, a text,
// or more nodes in a row. show() is the walk that every program ends up with; take it along.
//
// New here: rredis_reply_kind, reply->elements, rredis_reply_find
// Run it:   make examples && ./target/examples/03_replies

#include <rredis.h>
#include <stdio.h>

static void show(const rredis_reply *reply, int depth) {
  printf("%*s", 2 * depth, "");
  switch (reply->kind) {
    case RREDIS_REPLY_NULL: printf("null\n"); return;
    case RREDIS_REPLY_INTEGER: printf("%lld\n", (long long)reply->integer); return;
    case RREDIS_REPLY_BOOL: printf("%s\n", reply->integer ? "true" : "false"); return;
    case RREDIS_REPLY_DOUBLE: printf("%g\n", reply->number); return;
    case RREDIS_REPLY_ARRAY: printf("array of %zu\n", reply->len); break;
    case RREDIS_REPLY_SET: printf("set of %zu\n", reply->len); break;
    case RREDIS_REPLY_MAP: printf("map of %zu\n", reply->len / 2); break;  // key, value, ...
    case RREDIS_REPLY_PUSH: printf("push of %zu\n", reply->len); break;
    default: printf("\"%s\"\n", reply->str); return;  // every other kind is a text
  }
  for (size_t i = 0; i < reply->len; i++) show(&reply->elements[i], depth + 1);
}

int main(void) {
  rredis_client *client;
  if (rredis_client_new(NULL, &client, NULL) != RREDIS_OK) return 1;

  // A script of the server's can answer with almost every kind at once.
  const char *argv[] = {"EVAL",
                        "redis.setresp(3) "
                        "return {42, 'text', true, {double = 2.5}, {map = {answer = {1, 2}}}}", "0"};
  rredis_reply *reply;
  if (rredis_client_command(client, 3, argv, NULL, &reply, NULL) != RREDIS_OK) return 1;
  show(reply, 0);

  // A value found by its key in a map is borrowed from the reply.
  const rredis_reply *answer = rredis_reply_find(&reply->elements[4], "answer", 6);
  if (answer) printf("the answer has %zu elements\n", answer->len);

  rredis_reply_free(reply);  // one call, however large the tree
  rredis_client_free(client);
  return 0;
}

// Prints:
// array of 5
//   42
//   "text"
//   true
//   2.5
//   map of 1
//     "answer"
//     array of 2
//       1
//       2
// the answer has 2 elements
