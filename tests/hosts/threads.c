// Eight threads, one client: every command gets its own reply, while callbacks are set and removed and the counts are read.
// ThreadSanitizer's program, which asks for more rounds with RREDIS_TEST_ROUNDS.
#include "check.h"

enum { THREADS = 8 };
typedef struct { const rredis_client *client; const rredis_pool *pool; int number, rounds; } job;

static rredis_status keep(void *user_data, void *call_data, size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err) {
  UNUSED(user_data); UNUSED(argc); UNUSED(argv); UNUSED(argv_len); UNUSED(out_reply); UNUSED(err);
  if (call_data) *(size_t *)call_data = reply->len;
  return RREDIS_OK;
}

static void freed(void *user_data) { free(user_data); }

static void round_of(const job *mine, int i) {
  rredis_error err;
  rredis_reply *reply = NULL;
  char key[32], value[32];
  snprintf(key, sizeof key, "c:threads:%d", mine->number);
  snprintf(value, sizeof value, "%d-%d", mine->number, i);
  check_do(mine->client, ARGS("SET", key, value));
  size_t seen = 0;
  CHECK_OK(rredis_client_command_with(mine->client, ARGS("GET", key), 0, 0, &seen, &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, value) && (seen == 0 || seen == strlen(value)));
  rredis_reply_free(reply);

  switch (i % 6) {
    case 0: CHECK(rredis_client_command(mine->client, ARGS("LPUSH", key, "x"), &reply, &err) == RREDIS_ERR_SERVER); break;
    case 1: {   // a callback set while others run it; user_data is its own memory
      rredis_callback_fn function = i % 4 < 2 ? keep : NULL;
      CHECK_OK(rredis_client_set_callback(mine->client, "GET", 3, function, function ? malloc(8) : NULL, function ? freed : NULL, &err), err);
      break;
    }
    case 2: {
      rredis_conn *conn = NULL;
      CHECK_OK(rredis_conn_new(mine->client, &conn, &err), err);
      CHECK_OK(rredis_conn_command(conn, ARGS("SELECT", "1"), &reply, &err), err);
      rredis_reply_free(reply);
      rredis_conn_free(conn);
      break;
    }
    case 3: {   // in time, or not even a connection in time
      rredis_status late = rredis_client_command_with(mine->client, ARGS("BLPOP", "c:threads:never", "0"), RREDIS_CALL_TIMEOUT, 2, NULL, &reply, &err);
      CHECK(late == RREDIS_ERR_TIMEOUT || late == RREDIS_ERR_BUSY);
      break;
    }
    case 4: if (mine->pool && i % 12 == 4) rredis_pool_drop_idle(mine->pool); break;
    default: break;
  }
  for (int stat = 0; stat < 46; stat++) {
    CHECK(rredis_client_stat(mine->client, (rredis_stat)stat) >= -1);
    if (mine->pool) CHECK(rredis_pool_stat(mine->pool, (rredis_stat)stat) >= -1);
  }
}

static void *work(void *data) {
  const job *mine = data;
  for (int i = 0; i < mine->rounds; i++) round_of(mine, i);
  return NULL;
}

static void all(const rredis_client *client, const rredis_pool *pool, int rounds) {
  pthread_t threads[THREADS];
  job jobs[THREADS];
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){client, pool, i, rounds};
    CHECK(pthread_create(&threads[i], NULL, work, &jobs[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

// A reply made by one thread is read and freed by another; the last handle of all may end on any thread.
static void *reader(void *data) {
  rredis_reply *reply = data;
  CHECK(reply->len > 0);
  rredis_reply_free(reply);
  return NULL;
}
static void *ender(void *data) {
  check_do(data, ARGS("PING"));
  rredis_client_free(data);
  return NULL;
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  const char *asked = getenv("RREDIS_TEST_ROUNDS");
  int rounds = asked ? atoi(asked) : 30;
  rredis_error err;

  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 3);
  rredis_client *client = check_client(options);
  all(client, NULL, rounds);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, reader, check_ask(client, ARGS("ECHO", "hello"))) == 0);
  pthread_join(thread, NULL);
  rredis_client_free(client);

  options = check_options_unix();
  rredis_pool *pool = NULL;
  CHECK_OK(rredis_pool_new(options, &pool, &err), err);
  rredis_options_free(options);
  CHECK_OK(rredis_client_new_on(pool, NULL, &client, &err), err);
  all(client, pool, rounds);
  rredis_client *clients[4];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CHECK_OK(rredis_client_new_on(pool, NULL, &clients[i], &err), err);
  for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, ender, clients[i]) == 0);
  rredis_pool_free(pool);
  rredis_client_free(client);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  return 0;
}
