// Eight threads on a client of a cluster whose slots move meanwhile: resharded URL MILLISECONDS. Each has keys of its own in many
// slots, and knows how often it has counted each up, with commands and in pipelines. ThreadSanitizer's program.
#include "check.h"

enum { THREADS = 8, KEYS = 32 };
typedef struct {
  const rredis_client *client;
  int number;
} job;
static int64_t ends_at;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void name_of(char *name, size_t room, const job *mine, int key) { snprintf(name, room, "resharded:%d:%d", mine->number, key); }

static void counts(const job *mine, int64_t wanted) {
  rredis_error err;
  rredis_reply *reply = NULL;
  char name[40];
  for (int key = 0; key < KEYS; key++) {
    name_of(name, sizeof name, mine, key);
    CHECK_OK(rredis_client_command(mine->client, ARGS("INCR", name), &reply, &err), err);
    CHECK(reply->integer == wanted);
    rredis_reply_free(reply);
  }
}

static void counts_at_once(const job *mine, int64_t wanted) {
  rredis_error err;
  rredis_reply *reply = NULL;
  rredis_pipeline *pipeline = NULL;
  char name[40];
  CHECK_OK(rredis_pipeline_new(mine->client, &pipeline, &err), err);
  for (int key = 0; key < KEYS; key++) {
    name_of(name, sizeof name, mine, key);
    CHECK_OK(rredis_pipeline_add(pipeline, ARGS("INCR", name), &err), err);
  }
  CHECK_OK(rredis_pipeline_run(pipeline, RREDIS_PIPELINE_PLAIN, &reply, &err), err);
  CHECK(reply->len == KEYS);
  for (int key = 0; key < KEYS; key++) CHECK(reply->elements[key].kind == RREDIS_REPLY_INTEGER && reply->elements[key].integer == wanted);
  rredis_reply_free(reply);
  rredis_pipeline_free(pipeline);
}

static void *run(void *given) {
  const job *mine = given;
  for (int64_t round = 1; now_ms() < ends_at; round++) {
    if (round % 2) counts(mine, round);
    else counts_at_once(mine, round);
    CHECK(rredis_client_stat(mine->client, RREDIS_STAT_SERVERS) >= 3);
  }
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  rredis_error err;
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_url(options, argv[1], strlen(argv[1]), &err), err);
  CHECK_OK(rredis_options_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 30000, &err), err);
  rredis_client *client = NULL;
  CHECK_OK(rredis_client_new(options, &client, &err), err);
  rredis_options_free(options);
  ends_at = now_ms() + atoll(argv[2]);
  job jobs[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){client, i};
    CHECK(pthread_create(&threads[i], NULL, run, &jobs[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  rredis_client_free(client);
  return 0;
}
