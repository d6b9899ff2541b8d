// Pools: shared by clients, bounded, counted; freed in any order.
#include "check.h"

static int64_t client_id(const rredis_client *client) {
  rredis_reply *reply = check_ask(client, ARGS("CLIENT", "ID"));
  CHECK(reply->kind == RREDIS_REPLY_INTEGER);
  int64_t id = reply->integer;
  rredis_reply_free(reply);
  return id;
}

static rredis_pool *new_pool(rredis_options *options) {
  rredis_error err;
  rredis_pool *pool = NULL;
  CHECK_OK(rredis_pool_new(options, &pool, &err), err);
  rredis_options_free(options);
  return pool;
}

static rredis_client *new_on(const rredis_pool *pool) {
  rredis_error err;
  rredis_client *client = NULL;
  CHECK_OK(rredis_client_new_on(pool, NULL, &client, &err), err);
  return client;
}

static void shared_by_two(rredis_options *options) {
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 1);
  rredis_pool *pool = new_pool(options);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS) == 0);   // nothing is connected before it is needed
  rredis_client *one = new_on(pool), *two = new_on(pool);
  int64_t id = client_id(one);
  CHECK(client_id(two) == id);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS) == 1);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_IDLE) == 1);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_CREATED) == 1);

  // The pool's own handle first, then one client: the other still works.
  rredis_pool_free(pool);
  rredis_client_free(one);
  CHECK(client_id(two) == id);
  rredis_client_free(two);
}

static void warm_and_drop(void) {
  rredis_error err;
  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 3);
  rredis_pool *pool = new_pool(options);
  CHECK_OK(rredis_pool_warm(pool, 2, &err), err);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_IDLE) == 2);
  CHECK_OK(rredis_pool_warm(pool, 2, &err), err);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS) == 2);
  rredis_pool_drop_idle(pool);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS) == 0);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_CREATED) == 2);
  CHECK(rredis_pool_stat(pool, (rredis_stat)4711) == -1);
  CHECK(rredis_pool_stat(NULL, RREDIS_STAT_CONNECTIONS) == -1);
  rredis_pool_drop_idle(NULL);
  rredis_pool_free(pool);
  rredis_pool_free(NULL);
}

// With its only connection taken, a pool says so in time, and counts it.
static void busy(void) {
  rredis_error err;
  rredis_options *options = check_options_unix();
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 1);
  check_set_int(options, RREDIS_OPTION_POOL_WAIT_MS, 100);
  rredis_pool *pool = new_pool(options);
  rredis_client *client = new_on(pool);
  rredis_conn *conn = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_IN_USE) == 1);
  rredis_reply *reply = NULL;
  int64_t before = check_now_ms();
  CHECK_FAILS(rredis_client_command(client, ARGS("PING"), &reply, &err), err, RREDIS_ERR_BUSY, RREDIS_OUTCOME_NOT_SENT);
  CHECK(reply == NULL);
  int64_t took = check_now_ms() - before;
  CHECK(took >= 90 && took < 2000);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_WAITS_TIMED_OUT) == 1);
  rredis_conn_free(conn);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_IN_USE) == 0);
  check_do(client, ARGS("PING"));
  rredis_client_free(client);
  rredis_pool_free(pool);
}

// What a client says of its connection must be what its pool says.
static void conflicts(void) {
  rredis_error err;
  rredis_pool *pool = new_pool(check_options_tcp());
  rredis_options *options = rredis_options_new();
  check_set_int(options, RREDIS_OPTION_DATABASE, 5);
  rredis_client *client = NULL;
  CHECK_FAILS(rredis_client_new_on(pool, options, &client, &err), err, RREDIS_ERR_CONFIG, RREDIS_OUTCOME_NONE);
  CHECK(client == NULL);
  CHECK_SAYS(err, "database");
  check_set_int(options, RREDIS_OPTION_DATABASE, 0);
  check_set_int(options, RREDIS_OPTION_COMMAND_TIMEOUT_MS, 1234);
  CHECK_OK(rredis_client_new_on(pool, options, &client, &err), err);
  check_do(client, ARGS("PING"));
  rredis_options_free(options);
  rredis_client_free(client);
  rredis_pool_free(pool);
}

static void *ping_often(void *client) {
  for (int i = 0; i < 200; i++) check_do(client, ARGS("PING"));
  return NULL;
}

static void never_more_than_max(void) {
  rredis_options *options = check_options_tcp();
  check_set_int(options, RREDIS_OPTION_POOL_MAX, 2);
  rredis_pool *pool = new_pool(options);
  rredis_client *client = new_on(pool);
  pthread_t threads[8];
  for (int i = 0; i < 8; i++) CHECK(pthread_create(&threads[i], NULL, ping_often, client) == 0);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS) <= 2);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_CREATED) <= 2);
  CHECK(rredis_pool_stat(pool, RREDIS_STAT_CONNECTIONS_LOST) == 0);
  rredis_client_free(client);
  rredis_pool_free(pool);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  shared_by_two(check_options_tcp());
  shared_by_two(check_options_unix());
  warm_and_drop();
  busy();
  conflicts();
  never_more_than_max();
  return 0;
}
