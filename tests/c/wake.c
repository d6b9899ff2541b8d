// Waits that are ended: a connection's, a pipeline's, and any by a function that is asked meanwhile.
#include "check.h"

#include <pthread.h>
#include <unistd.h>

static _Atomic int over, asked;

static void *receives(void *shared) {
  rredis_error err;
  rredis_reply *reply;
  CHECK(rredis_conn_receive(shared, -1, &reply, &err) == RREDIS_ERR_WOKEN);
  CHECK(err.outcome == RREDIS_OUTCOME_NONE);
  over = 1;
  return NULL;
}

static void a_connection(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn;
  rredis_reply *reply;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK(rredis_conn_wake(conn) == 0);
  CHECK(rredis_conn_wake(NULL) == 0);
  const char *subscribe[] = {"SUBSCRIBE", "c:wake"};
  CHECK_OK(rredis_conn_command(conn, 2, subscribe, NULL, &reply, &err), err);
  rredis_reply_free(reply);
  CHECK_OK(rredis_conn_receive(conn, 10000, &reply, &err), err);
  rredis_reply_free(reply);
  pthread_t thread;
  over = 0;
  CHECK(pthread_create(&thread, NULL, receives, conn) == 0);
  while (!over) rredis_conn_wake(conn);
  pthread_join(thread, NULL);
  // It is as good as before.
  check_do(client, ARGS("PUBLISH", "c:wake", "hello"));
  CHECK_OK(rredis_conn_receive(conn, 10000, &reply, &err), err);
  CHECK(reply->len == 3);
  rredis_reply_free(reply);
  rredis_conn_free(conn);
}

static void *runs(void *shared) {
  rredis_error err;
  rredis_reply *reply;
  CHECK(rredis_pipeline_run(shared, RREDIS_PIPELINE_PLAIN, &reply, &err) == RREDIS_ERR_WOKEN);
  over = 1;
  return NULL;
}

static void a_pipeline(const rredis_client *client) {
  rredis_error err;
  rredis_pipeline *pipeline;
  CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
  CHECK(rredis_pipeline_wake(pipeline) == 0);
  CHECK(rredis_pipeline_wake(NULL) == 0);
  const char *pop[] = {"BLPOP", "c:wake:nothing", "0"};
  CHECK_OK(rredis_pipeline_add(pipeline, 3, pop, NULL, &err), err);
  pthread_t thread;
  over = 0;
  CHECK(pthread_create(&thread, NULL, runs, pipeline) == 0);
  while (!over) rredis_pipeline_wake(pipeline);
  pthread_join(thread, NULL);
  rredis_pipeline_free(pipeline);
}

static rredis_status no_more(void *user_data) {
  CHECK(user_data == &asked);
  return ++asked < 3 ? RREDIS_OK : RREDIS_ERR_CALLBACK;
}

static void freed(void *user_data) { *(_Atomic int *)user_data = -1; }

static void a_function(void) {
  rredis_error err;
  rredis_options *options = check_options_tcp();
  CHECK_OK(rredis_options_on_interrupt(options, no_more, &asked, freed, &err), err);
  rredis_client *client = check_client(options);
  const char *pop[] = {"BLPOP", "c:wake:nothing", "0"};
  rredis_reply *reply;
  CHECK_FAILS(rredis_client_command(client, 3, pop, NULL, &reply, &err), err, RREDIS_ERR_WOKEN, RREDIS_OUTCOME_UNKNOWN);
  CHECK(asked == 3);
  CHECK_SAYS(err, "on_interrupt");
  rredis_client_free(client);
  CHECK(asked == -1);
}

int main(int argc, char **argv) {
  check_begin(argc, argv);
  rredis_client *client = check_client(check_options_tcp());
  a_connection(client);
  a_pipeline(client);
  rredis_client_free(client);
  a_function();
  return 0;
}
