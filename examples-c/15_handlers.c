// 15. Handlers.
//
// A function of yours for a channel or a pattern is called with each message, inside _run, on
// the thread that runs. It may publish, subscribe and unsubscribe, and end the run.
//
// New here: rredis_pubsub_on, rredis_pubsub_run
// Run it:   make examples && ./target/examples/15_handlers

#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>

static void check(rredis_status status, const rredis_error *err) {
  if (status == RREDIS_OK) return;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

static void say(const rredis_pubsub *pubsub, const char *channel, size_t channel_len, const char *text, size_t text_len) {
  rredis_error err;
  int64_t receivers;
  check(rredis_pubsub_publish(pubsub, channel, channel_len, text, text_len, &receivers, &err), &err);
}

// [kind, pattern or NULL, channel, payload]
static void on_question(void *pubsub, const rredis_reply *message) {
  printf("asked: %s\n", message->elements[3].str);
  say(pubsub, "page15:answers", 14, "42", 2);
}

static void on_answer(void *pubsub, const rredis_reply *message) {
  printf("%s says: %s\n", message->elements[2].str, message->elements[3].str);
  rredis_pubsub_wake(pubsub);
}

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_pubsub *pubsub;
  check(rredis_client_new(NULL, &client, &err), &err);
  check(rredis_pubsub_new(client, &pubsub, &err), &err);

  // Who hears is one thing, what is subscribed another.
  check(rredis_pubsub_on(pubsub, RREDIS_TOPIC_CHANNEL, "page15:questions", 16, on_question, pubsub, NULL, &err), &err);
  check(rredis_pubsub_on(pubsub, RREDIS_TOPIC_PATTERN, "page15:a*", 9, on_answer, pubsub, NULL, &err), &err);
  check(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, RREDIS_TEXTS("page15:questions"), &err), &err);
  check(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_PATTERN, RREDIS_TEXTS("page15:a*"), &err), &err);

  say(pubsub, "page15:questions", 16, "what is six times seven?", 24);
  printf("run: %s\n", rredis_status_name(rredis_pubsub_run(pubsub, 10000, &err)));

  rredis_pubsub_free(pubsub);
  rredis_client_free(client);
}

// Prints:
// asked: what is six times seven?
// page15:answers says: 42
// run: OK
