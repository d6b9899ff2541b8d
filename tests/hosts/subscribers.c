// One thread reads while eight others subscribe, unsubscribe, publish, set handlers and wake it, and the connection is lost
// now and then. Without losses every count is right; with them nothing is given twice. ThreadSanitizer's program, too.
#include "check.h"

enum { THREADS = 8 };
typedef struct {
  const rredis_pubsub *pubsub;
  int number, rounds, lossy;
  int64_t received;            // by the server's word
} job;

static int64_t heard[THREADS], handled[THREADS], last[THREADS], delivered;
static int gaps, freed_count, working, reading;

// A message's payload is the number of its sender and its own, which grows.
static int64_t numbered(const rredis_reply *message, int *sender) {
  int64_t number;
  CHECK(message->kind == RREDIS_REPLY_PUSH && message->len == 4);
  CHECK(sscanf(message->elements[3].str, "%d %" SCNd64, sender, &number) == 2 && *sender < THREADS);
  CHECK(number > last[*sender]);
  last[*sender] = number;
  return number;
}

static void handle(void *user_data, const rredis_reply *message) {
  int sender;
  CHECK(*(int *)user_data == 4711);
  numbered(message, &sender);
  handled[sender]++;
}

static void freed(void *user_data) {
  *(int *)user_data = 0;
  free(user_data);
  __sync_fetch_and_add(&freed_count, 1);
}

static void *work(void *data) {
  rredis_error err;
  job *mine = data;
  char channel[32], other[32], payload[64];
  snprintf(channel, sizeof channel, "own:%d", mine->number);
  for (int i = 0; i < mine->rounds; i++) {
    const char *names[] = {channel, other};
    snprintf(other, sizeof other, "other:%d:%d", mine->number, i);
    CHECK_OK(rredis_pubsub_subscribe(mine->pubsub, RREDIS_TOPIC_CHANNEL, 2, names, NULL, &err), err);
    int *user_data = malloc(sizeof *user_data);
    *user_data = 4711;
    rredis_reply_fn function = i % 2 ? handle : NULL;
    CHECK_OK(rredis_pubsub_on(mine->pubsub, RREDIS_TOPIC_CHANNEL, channel, strlen(channel), function, user_data, freed, &err), err);
    // Published until the server has seen the subscription; what it says it delivered is what must be read.
    int64_t receivers = 0;
    int len = snprintf(payload, sizeof payload, "%d %d", mine->number, i + 1);
    for (int tries = 0; receivers == 0 && tries < 20000; tries++) {
      CHECK_OK(rredis_pubsub_publish(mine->pubsub, channel, strlen(channel), payload, (size_t)len, &receivers, &err), err);
      if (receivers == 0) check_sleep_ms(1);
    }
    // A connection that was lost and not yet missed by the server still counts as a receiver.
    CHECK(mine->lossy || receivers == 1);
    mine->received += receivers;
    __sync_fetch_and_add(&delivered, receivers);
    CHECK_OK(rredis_pubsub_unsubscribe(mine->pubsub, RREDIS_TOPIC_CHANNEL, i % 3 ? 1 : 2, names + i % 3 % 2, NULL, &err), err);
    CHECK_OK(rredis_pubsub_subscribe(mine->pubsub, RREDIS_TOPIC_PATTERN, 1, names + 1, NULL, &err), err);
    CHECK_OK(rredis_pubsub_unsubscribe(mine->pubsub, RREDIS_TOPIC_PATTERN, 1, names + 1, NULL, &err), err);
    if (i % 4 == 0) rredis_pubsub_wake(mine->pubsub);
    CHECK(rredis_pubsub_fd(mine->pubsub) >= 0);
  }
  __sync_fetch_and_sub(&working, 1);
  return NULL;
}

static int all_is_there(void) {
  int64_t got = 0;
  for (int i = 0; i < THREADS; i++) got += heard[i] + handled[i];
  return got >= __sync_fetch_and_add(&delivered, 0);
}

// Reads until the others are done and nothing more comes. What was delivered and is missing is waited for, for on a busy
// machine the server may be late with it; after a minute it is lost. Where connections are lost, so may messages be.
static void *read_all(void *data) {
  const job *any = data;
  const rredis_pubsub *pubsub = any->pubsub;
  rredis_error err;
  for (int quiet = 0; quiet < (any->lossy || all_is_there() ? 3 : 1200);) {
    rredis_reply *push = NULL;
    int sender;
    rredis_status status = rredis_pubsub_next(pubsub, 50, &push, &err);
    if (status == RREDIS_ERR_AGAIN) {
      quiet = __sync_fetch_and_add(&working, 0) ? 0 : quiet + 1;
      continue;
    }
    quiet = 0;
    if (status == RREDIS_ERR_WOKEN) continue;
    CHECK_OK(status, err);
    if (check_is(&push->elements[0], RREDIS_REPLY_STRING, "gap")) {
      gaps++;
    } else {
      numbered(push, &sender);
      heard[sender]++;
    }
    rredis_reply_free(push);
  }
  __sync_fetch_and_sub(&reading, 1);
  return NULL;
}

static void all(rredis_options *options, int rounds, int lossy) {
  rredis_error err;
  pthread_t threads[THREADS], reader;
  job jobs[THREADS];
  rredis_pubsub *pubsub = NULL;
  check_set_int(options, RREDIS_OPTION_BACKOFF_MS, 1);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 60000);
  rredis_client *client = check_client(options), *killer = check_client(check_options_unix());
  CHECK_OK(rredis_pubsub_new(client, &pubsub, &err), err);
  memset(heard, 0, sizeof heard);
  memset(handled, 0, sizeof handled);
  memset(last, 0, sizeof last);
  gaps = freed_count = 0;
  delivered = 0;
  working = THREADS;
  reading = 1;
  job any = {pubsub, 0, rounds, lossy, 0};
  CHECK(pthread_create(&reader, NULL, read_all, &any) == 0);
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){pubsub, i, rounds, lossy, 0};
    CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
  }
  while (lossy && __sync_fetch_and_add(&working, 0) > 0) {
    check_sleep_ms(3);
    check_do(killer, ARGS("CLIENT", "KILL", "TYPE", "pubsub"));
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  pthread_join(reader, NULL);
  CHECK(reading == 0);
  int64_t both[2] = {0, 0};
  for (int i = 0; i < THREADS; i++) {
    int64_t got = heard[i] + handled[i];
    CHECK(lossy ? got <= jobs[i].received : got == jobs[i].received);
    CHECK(lossy || got == rounds);
    both[0] += heard[i];
    both[1] += handled[i];
  }
  CHECK(both[0] > 0 && both[1] > 0);
  CHECK(lossy || gaps == 0);
  rredis_pubsub_free(pubsub);
  CHECK(freed_count == THREADS * rounds);
  rredis_client_free(client);
  rredis_client_free(killer);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  const char *asked = getenv("RREDIS_TEST_ROUNDS");
  int rounds = asked ? atoi(asked) : 40;
  for (int protocol = 2; protocol <= 3; protocol++) {
    for (int lossy = 0; lossy < 2; lossy++) {
      rredis_options *options = lossy ? check_options_tcp() : check_options_unix();
      check_set_int(options, RREDIS_OPTION_PROTOCOL, protocol);
      all(options, rounds, lossy);
    }
  }
  return 0;
}
