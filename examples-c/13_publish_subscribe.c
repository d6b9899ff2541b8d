// 13. Publish and subscribe.
//
// A pubsub has a connection of its own. Messages are asked for: _next waits for one and gives
// it as [kind, pattern or NULL, channel, payload]. Any other thread may publish, subscribe or
// wake meanwhile. Lost connections come back by themselves; what was missed shows as a "gap".
//
// New here: rredis_pubsub_new, _subscribe, _next, _publish, _wake, _free, RREDIS_ERR_WOKEN
// Run it:   make examples && ./target/examples/13_publish_subscribe

#include <pthread.h>
#include <rredis.h>
#include <stdio.h>
#include <stdlib.h>

static void check(rredis_status status, const rredis_error *err) {
  if (status == RREDIS_OK) return;
  fprintf(stderr, "%s: %s\n", rredis_status_name(err->status), err->message);
  exit(1);
}

static void *publish(void *shared) {
  rredis_error err;
  int64_t receivers;
  check(rredis_pubsub_publish(shared, "page13:news", 11, "it rains", 8, &receivers, &err), &err);
  check(rredis_pubsub_publish(shared, "page13:sport", 12, "nil-nil", 7, &receivers, &err), &err);
  return NULL;
}

static void *wake(void *shared) { return rredis_pubsub_wake(shared), NULL; }

int main(void) {
  rredis_error err;
  rredis_client *client;
  rredis_pubsub *pubsub;
  check(rredis_client_new(NULL, &client, &err), &err);
  check(rredis_pubsub_new(client, &pubsub, &err), &err);
  check(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, RREDIS_TEXTS("page13:news"), &err), &err);
  check(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_PATTERN, RREDIS_TEXTS("page13:s*"), &err), &err);

  // One thread says something; when both are heard, another ends the waiting.
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, publish, pubsub);
  rredis_reply *message;
  for (int count = 1; rredis_pubsub_next(pubsub, 10000, &message, &err) == RREDIS_OK; count++) {
    const rredis_reply *of = message->elements;
    printf("%s on %s: %s\n", of[0].str, of[2].str, of[3].str);
    rredis_reply_free(message);
    if (count == 2) pthread_create(&threads[1], NULL, wake, pubsub);
  }
  printf("%s\n", rredis_status_name(err.status));
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  rredis_pubsub_free(pubsub);
  rredis_client_free(client);
}

// Prints:
// message on page13:news: it rains
// pmessage on page13:sport: nil-nil
// WOKEN
