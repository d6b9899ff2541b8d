// Publish and subscribe: every function, in both protocols, over TCP and a Unix socket.
#include "calls.h"

static rredis_pubsub *new_pubsub(const rredis_client *client) {
  rredis_error err;
  rredis_pubsub *pubsub = NULL;
  CHECK_OK(rredis_pubsub_new(client, &pubsub, &err), err);
  CHECK(pubsub != NULL);
  return pubsub;
}

static void subscribe(const rredis_pubsub *pubsub, rredis_topic topic, size_t argc, const char *const *argv,
    const size_t *argv_len) {
  rredis_error err;
  CHECK_OK(rredis_pubsub_subscribe(pubsub, topic, argc, argv, argv_len, &err), err);
}

static int64_t publish(const rredis_pubsub *pubsub, const char *channel, const char *message) {
  rredis_error err;
  int64_t receivers = -1;
  CHECK_OK(rredis_pubsub_publish(pubsub, channel, strlen(channel), message, strlen(message), &receivers, &err), err);
  return receivers;
}

// The next must be this; a NULL is a NULL, and what is no text is that number.
static void expect(const rredis_pubsub *pubsub, const char *kind, const char *pattern, const char *channel,
    const char *payload, int64_t count) {
  rredis_error err;
  rredis_reply *push = NULL;
  CHECK_OK(rredis_pubsub_next(pubsub, 20000, &push, &err), err);
  CHECK(push->kind == RREDIS_REPLY_PUSH && push->len == 4);
  CHECK(check_is(&push->elements[0], RREDIS_REPLY_STRING, kind));
  if (pattern) CHECK(check_is(&push->elements[1], RREDIS_REPLY_STRING, pattern));
  else CHECK(push->elements[1].kind == RREDIS_REPLY_NULL);
  CHECK(check_is(&push->elements[2], RREDIS_REPLY_STRING, channel));
  if (payload) CHECK(check_is(&push->elements[3], RREDIS_REPLY_STRING, payload));
  else CHECK(check_is_integer(&push->elements[3], count));
  rredis_reply_free(push);
}

static void nothing_more(const rredis_pubsub *pubsub) {
  rredis_error err;
  rredis_reply *push = NULL;
  CHECK_FAILS(rredis_pubsub_next(pubsub, 0, &push, &err), err, RREDIS_ERR_AGAIN, RREDIS_OUTCOME_NONE);
  CHECK(push == NULL);
}

static void messages(const rredis_client *client) {
  rredis_error err;
  rredis_pubsub *pubsub = new_pubsub(client);
  subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("c:one", "c:two"));
  expect(pubsub, "subscribe", NULL, "c:one", NULL, 1);
  expect(pubsub, "subscribe", NULL, "c:two", NULL, 2);
  subscribe(pubsub, RREDIS_TOPIC_PATTERN, ARGS("c:*"));
  expect(pubsub, "psubscribe", NULL, "c:*", NULL, 3);
  subscribe(pubsub, RREDIS_TOPIC_SHARD, ARGS("c:shard"));
  expect(pubsub, "ssubscribe", NULL, "c:shard", NULL, 1);
  CHECK(publish(pubsub, "c:one", "hello") == 2);
  expect(pubsub, "message", NULL, "c:one", "hello", 0);
  expect(pubsub, "pmessage", "c:*", "c:one", "hello", 0);
  check_do(client, ARGS("SPUBLISH", "c:shard", "x"));
  expect(pubsub, "smessage", NULL, "c:shard", "x", 0);
  CHECK_OK(rredis_pubsub_unsubscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("c:one"), &err), err);
  expect(pubsub, "unsubscribe", NULL, "c:one", NULL, 2);
  CHECK_OK(rredis_pubsub_unsubscribe(pubsub, RREDIS_TOPIC_PATTERN, 0, NULL, NULL, &err), err);
  expect(pubsub, "punsubscribe", NULL, "c:*", NULL, 1);
  CHECK(publish(pubsub, "c:one", "nobody") == 0);
  nothing_more(pubsub);
  rredis_pubsub_free(pubsub);
}

// A loop of one's own: the descriptor says when there is something, and never otherwise.
static void in_a_loop(const rredis_client *client) {
  rredis_pubsub *pubsub = new_pubsub(client);
  struct pollfd entry = {rredis_pubsub_fd(pubsub), POLLIN, 0};
  CHECK(entry.fd >= 0);
  CHECK(check_poll(&entry, 1, 0) == 0);
  subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("c:loop"));
  CHECK(check_poll(&entry, 1, 20000) == 1);
  expect(pubsub, "subscribe", NULL, "c:loop", NULL, 1);
  nothing_more(pubsub);
  CHECK(check_poll(&entry, 1, 0) == 0);
  CHECK(publish(pubsub, "c:loop", "a") == 1 && publish(pubsub, "c:loop", "b") == 1);
  expect(pubsub, "message", NULL, "c:loop", "a", 0);
  expect(pubsub, "message", NULL, "c:loop", "b", 0);
  nothing_more(pubsub);
  CHECK(check_poll(&entry, 1, 0) == 0);
  rredis_pubsub_wake(pubsub);
  CHECK(check_poll(&entry, 1, 0) == 1);
  CHECK(entry.fd == rredis_pubsub_fd(pubsub));
  rredis_pubsub_free(pubsub);
  CHECK(rredis_pubsub_fd(NULL) == -1);
  rredis_pubsub_wake(NULL);
  rredis_pubsub_free(NULL);
}

typedef struct {
  const rredis_pubsub *pubsub;
  int heard, freed;
} diary;

static void freed(void *user_data) { ((diary *)user_data)->freed++; }

static void second(void *user_data, const rredis_reply *message) {
  diary *d = user_data;
  CHECK(check_is(&message->elements[2], RREDIS_REPLY_STRING, "c:second"));
  d->heard += 10;
  rredis_pubsub_wake(d->pubsub);
}

// A handler may do all but wait: here it subscribes to a second channel, sets its handler, and publishes there.
static void first(void *user_data, const rredis_reply *message) {
  rredis_error err;
  rredis_reply *push = NULL;
  diary *d = user_data;
  CHECK(check_is(&message->elements[3], RREDIS_REPLY_STRING, "go"));
  d->heard++;
  CHECK_FAILS(rredis_pubsub_next(d->pubsub, 0, &push, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NONE);
  CHECK_FAILS(rredis_pubsub_run(d->pubsub, 0, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NONE);
  CHECK_OK(rredis_pubsub_on(d->pubsub, RREDIS_TOPIC_CHANNEL, "c:second", 8, second, d, freed, &err), err);
  subscribe(d->pubsub, RREDIS_TOPIC_CHANNEL, ARGS("c:second"));
  while (publish(d->pubsub, "c:second", "x") == 0) check_sleep_ms(1);
  CHECK_OK(rredis_pubsub_unsubscribe(d->pubsub, RREDIS_TOPIC_CHANNEL, ARGS("c:first"), &err), err);
  // Itself goes, and its user_data with it, but not while it runs.
  CHECK_OK(rredis_pubsub_on(d->pubsub, RREDIS_TOPIC_CHANNEL, "c:first", 7, NULL, NULL, NULL, &err), err);
  CHECK(d->freed == 0);
}

static void handlers(const rredis_client *client) {
  rredis_error err;
  rredis_pubsub *pubsub = new_pubsub(client);
  diary d = {pubsub, 0, 0};
  subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS("c:first"));
  CHECK_FAILS(rredis_pubsub_run(pubsub, 0, &err), err, RREDIS_ERR_STATE, RREDIS_OUTCOME_NONE);
  CHECK_SAYS(err, "c:first");
  CHECK_OK(rredis_pubsub_on(pubsub, RREDIS_TOPIC_CHANNEL, "c:first", 7, first, &d, freed, &err), err);
  while (publish(pubsub, "c:first", "go") == 0) check_sleep_ms(1);
  CHECK_OK(rredis_pubsub_run(pubsub, 20000, &err), err);
  CHECK(d.heard == 11 && d.freed == 1);
  rredis_pubsub_free(pubsub);
  CHECK(d.freed == 2);
}

static void wrong_calls(const rredis_client *client) {
  rredis_error err;
  rredis_pubsub *pubsub = new_pubsub(client);
  diary d = {pubsub, 0, 0};
  CHECK_FAILS(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, 0, NULL, NULL, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(rredis_pubsub_subscribe(pubsub, (rredis_topic)7, ARGS("c"), &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NOT_SENT);
  CHECK_FAILS(rredis_pubsub_on(pubsub, (rredis_topic)7, "c", 1, second, &d, freed, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(d.freed == 1);
  CHECK_FAILS(rredis_pubsub_on(pubsub, RREDIS_TOPIC_CHANNEL, NULL, 1, second, &d, freed, &err), err, RREDIS_ERR_ARGUMENT, RREDIS_OUTCOME_NONE);
  CHECK(d.freed == 2);
  rredis_pubsub_free(pubsub);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  for (int protocol = 2; protocol <= 3; protocol++) {
    rredis_options *both[] = {check_options_tcp(), check_options_unix()};
    for (int i = 0; i < 2; i++) {
      check_set_int(both[i], RREDIS_OPTION_PROTOCOL, protocol);
      check_set_int(both[i], RREDIS_OPTION_PUBSUB_CONFIRMATIONS, 1);
      rredis_client *client = check_client(both[i]);
      messages(client);
      in_a_loop(client);
      handlers(client);
      wrong_calls(client);
      CHECK(rredis_client_stat(client, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);
      rredis_client_free(client);
    }
  }
  return 0;
}
