// Clients of every make, and every handle made, used and freed once: for programs that ask when and where that may be done.
// Where RREDIS_TEST_URL, RREDIS_TEST_CA and RREDIS_TEST_PASSWORD are set, all of them speak TLS.
#ifndef HANDLES_H
#define HANDLES_H
#include "calls.h"

// What a client's connections are made with.
enum { PLAIN, BY_NAME, WITH_CREDENTIALS, WITH_TRANSPORT, WITH_PARSER, KINDS };

static const char *const kind_names[] = {"plain", "by name", "with credentials", "with a transport", "with a parser"};

static rredis_status handles_who(void *user_data, const char *endpoint, size_t endpoint_len, rredis_builder *credentials,
    rredis_error *err) {
  UNUSED(user_data); UNUSED(endpoint); UNUSED(endpoint_len); UNUSED(err);
  rredis_builder_add_text(credentials, RREDIS_REPLY_STRING, "default", 7);
  const char *password = getenv("RREDIS_TEST_PASSWORD") ? getenv("RREDIS_TEST_PASSWORD") : "any";
  rredis_builder_add_text(credentials, RREDIS_REPLY_STRING, password, strlen(password));
  return RREDIS_OK;
}

// A transport: a socket that does not wait, behind a pointer.
static rredis_status handles_connect(void *user_data, const char *host, size_t host_len, int32_t port, int64_t timeout_ms,
    void **out_stream, rredis_error *err) {
  UNUSED(user_data); UNUSED(host); UNUSED(host_len); UNUSED(timeout_ms); UNUSED(err);
  int *fd = malloc(sizeof *fd);
  *fd = check_connected(port);
  *out_stream = fd;
  return RREDIS_OK;
}

static rredis_status handles_moved(ssize_t len, size_t *out_len) {
  if (len >= 0) *out_len = (size_t)len;
  if (len >= 0) return RREDIS_OK;
  return errno == EAGAIN || errno == EINTR ? RREDIS_ERR_AGAIN : RREDIS_ERR_IO;
}

static rredis_status handles_read(void *stream, char *buffer, size_t buffer_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  UNUSED(timeout_ms); UNUSED(err);
  return handles_moved(recv(*(int *)stream, buffer, buffer_len, MSG_DONTWAIT), out_len);
}

static rredis_status handles_write(void *stream, const char *bytes, size_t bytes_len, int64_t timeout_ms, size_t *out_len,
    rredis_error *err) {
  UNUSED(timeout_ms); UNUSED(err);
  return handles_moved(send(*(int *)stream, bytes, bytes_len, MSG_DONTWAIT | MSG_NOSIGNAL), out_len);
}

static void handles_close(void *stream) {
  close(*(int *)stream);
  free(stream);
}

static int32_t handles_fd(void *stream) { return *(int *)stream; }

// A parser: the library's own, behind the functions of one that is not.
static rredis_status handles_start(void *user_data, void **out_state, rredis_error *err) {
  UNUSED(user_data);
  return rredis_parser_new(NULL, (rredis_parser **)out_state, err);
}

static rredis_status handles_feed(void *state, const char *bytes, size_t bytes_len, rredis_error *err) {
  return rredis_parser_feed(state, bytes, bytes_len, err);
}

static rredis_status handles_next(void *state, rredis_builder *builder, rredis_error *err) {
  rredis_reply *reply = NULL;
  rredis_status status = rredis_parser_next(state, &reply, err);
  if (status != RREDIS_OK) return status;
  rredis_builder_add_reply(builder, reply);
  rredis_reply_free(reply);
  return RREDIS_OK;
}

static void handles_stop(void *state) { rredis_parser_free(state); }

static inline rredis_options *handles_place(int kind) {
  rredis_error err;
  const char *url = getenv("RREDIS_TEST_URL"), *ca = getenv("RREDIS_TEST_CA"), *password = getenv("RREDIS_TEST_PASSWORD");
  if (!url) return check_options_tcp();
  rredis_options *options = rredis_options_new();
  CHECK_OK(rredis_options_set_url(options, url, strlen(url), &err), err);
  CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_TLS_CA_FILE, ca, strlen(ca), &err), err);
  if (kind != WITH_CREDENTIALS)
    CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_PASSWORD, password, strlen(password), &err), err);
  return options;
}

static inline rredis_options *handles_options(int kind) {
  rredis_error err;
  rredis_options *options = handles_place(kind);
  rredis_transport transport = {sizeof transport, "of its own", NULL, handles_connect, handles_read, handles_write,
      handles_close, handles_fd, NULL};
  rredis_parser_type parser = {sizeof parser, "of its own", NULL, handles_start, handles_feed, handles_next, handles_stop, NULL};
  switch (kind) {
    case BY_NAME: CHECK_OK(rredis_options_set_str(options, RREDIS_OPTION_HOST, "localhost", 9, &err), err); break;
    case WITH_CREDENTIALS: CHECK_OK(rredis_options_set_credentials(options, handles_who, NULL, NULL, &err), err); break;
    case WITH_TRANSPORT: CHECK_OK(rredis_options_set_transport(options, &transport, &err), err); break;
    case WITH_PARSER: CHECK_OK(rredis_options_set_parser(options, &parser, &err), err); break;
    default: break;
  }
  return options;
}

static rredis_status handles_transaction(void *user_data, rredis_pipeline *pipeline, rredis_error *err) {
  UNUSED(user_data);
  rredis_reply *reply = NULL;
  rredis_status status = rredis_pipeline_command(pipeline, ARGS("GET", "handles:counter"), &reply, err);
  if (status != RREDIS_OK) return status;
  rredis_reply_free(reply);
  return rredis_pipeline_add(pipeline, ARGS("INCR", "handles:counter"), err);
}

static rredis_status handles_each(void *user_data, size_t index, const rredis_reply *reply, rredis_error *err) {
  UNUSED(index); UNUSED(err);
  *(int *)user_data += reply->kind == RREDIS_REPLY_STRING;
  return RREDIS_OK;
}

static inline void use_command(const rredis_client *client) {
  rredis_reply *reply = check_ask(client, ARGS("ECHO", "a command"));
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "a command"));
  rredis_reply_free(reply);
}

static inline void use_conn(const rredis_client *client) {
  rredis_error err;
  rredis_conn *conn = NULL;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_conn_new(client, &conn, &err), err);
  CHECK_OK(rredis_conn_send(conn, ARGS("ECHO", "sent"), &err), err);
  CHECK_OK(rredis_conn_receive(conn, -1, &reply, &err), err);
  rredis_reply_free(reply);
  CHECK_OK(rredis_conn_command(conn, ARGS("ECHO", "asked"), &reply, &err), err);
  rredis_reply_free(reply);
  rredis_conn_free(conn);
}

static inline void use_pipeline(const rredis_client *client) {
  rredis_error err;
  rredis_pipeline *pipeline = NULL;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_pipeline_new(client, &pipeline, &err), err);
  for (int mode = RREDIS_PIPELINE_PLAIN; mode <= RREDIS_PIPELINE_ATOMIC; mode++) {
    for (int i = 0; i < 3; i++) CHECK_OK(rredis_pipeline_add(pipeline, ARGS("ECHO", "queued"), &err), err);
    CHECK_OK(rredis_pipeline_run(pipeline, (rredis_pipeline_mode)mode, &reply, &err), err);
    CHECK(reply->len == 3);
    rredis_reply_free(reply);
  }
  int shown = 0;
  for (int i = 0; i < 3; i++) CHECK_OK(rredis_pipeline_add(pipeline, ARGS("ECHO", "queued"), &err), err);
  CHECK_OK(rredis_pipeline_run_each(pipeline, 0, 0, handles_each, &shown, &err), err);
  CHECK(shown == 3);
  CHECK_OK(rredis_pipeline_transact(pipeline, ARGS("handles:watched"), handles_transaction, NULL, -1, &reply, &err), err);
  rredis_reply_free(reply);
  // Freed while it watches, so its connection is closed.
  CHECK_OK(rredis_pipeline_watch(pipeline, ARGS("handles:watched"), &err), err);
  rredis_pipeline_free(pipeline);
}

static inline void use_script(const rredis_client *client) {
  rredis_error err;
  rredis_script *script = NULL;
  rredis_reply *reply = NULL;
  CHECK_OK(rredis_script_new("return ARGV[1]", 14, &script, &err), err);
  CHECK_OK(rredis_script_run(script, client, 0, ARGS("a script"), &reply, &err), err);
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "a script"));
  rredis_reply_free(reply);
  rredis_script_free(script);
}

static inline void use_pubsub(const rredis_client *client) {
  rredis_error err;
  rredis_pubsub *pubsub = NULL;
  rredis_reply *message = NULL;
  int64_t receivers = 0;
  char channel[64];
  snprintf(channel, sizeof channel, "handles:%lx", (unsigned long)pthread_self());
  CHECK_OK(rredis_pubsub_new(client, &pubsub, &err), err);
  CHECK_OK(rredis_pubsub_subscribe(pubsub, RREDIS_TOPIC_CHANNEL, ARGS(channel), &err), err);
  CHECK_OK(rredis_pubsub_publish(pubsub, channel, strlen(channel), "hello", 5, &receivers, &err), err);
  // The subscription may reach the server behind the message.
  if (receivers == 1) {
    CHECK_OK(rredis_pubsub_next(pubsub, -1, &message, &err), err);
    rredis_reply_free(message);
  }
  rredis_pubsub_wake(pubsub);
  CHECK(rredis_pubsub_run(pubsub, -1, &err) != RREDIS_OK);
  rredis_pubsub_free(pubsub);
}

static inline void use_async(const rredis_client *client) {
  rredis_error err;
  rredis_async *handle = NULL;
  rredis_reply *reply = NULL;
  void *call_data = NULL;
  CHECK_OK(rredis_async_new(client, &handle, &err), err);
  CHECK_OK(rredis_async_submit(handle, ARGS("ECHO", "in a loop"), 0, 0, handle, &err), err);
  for (;;) {
    CHECK_OK(rredis_async_step(handle, RREDIS_READY_READ, &err), err);
    rredis_status status = rredis_async_next(handle, &reply, &call_data, &err);
    if (status == RREDIS_OK) break;
    CHECK(status == RREDIS_ERR_AGAIN);
    struct pollfd ready = {rredis_async_fd(handle), POLLIN, 0};
    int cancelled;   // poll of the program's own is no call of the library's
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelled);
    check_poll(&ready, 1, 100);
    pthread_setcancelstate(cancelled, &cancelled);
  }
  CHECK(check_is(reply, RREDIS_REPLY_STRING, "in a loop") && call_data == handle);
  rredis_reply_free(reply);
  rredis_async_free(handle);
}

// A pool and a client of its own, and what needs no server.
static inline void use_new(int kind) {
  rredis_error err;
  rredis_pool *pool = NULL;
  rredis_client *client = NULL;
  rredis_reply *copy = NULL;
  rredis_options *options = handles_options(kind);
  CHECK_OK(rredis_pool_new(options, &pool, &err), err);
  CHECK_OK(rredis_client_new_on(pool, NULL, &client, &err), err);
  rredis_options_free(options);
  CHECK_OK(rredis_pool_warm(pool, 1, &err), err);
  use_command(client);
  rredis_pool_drop_idle(pool);
  rredis_client_free(client);
  rredis_pool_free(pool);
  rredis_reply *reply = check_parse("*2\r\n$1\r\na\r\n:1\r\n");
  CHECK_OK(rredis_reply_clone(reply, &copy, &err), err);
  rredis_reply_free(reply);
  CHECK_OK(rredis_callback_builtin(ARGS("GET", "a"), copy, &reply, &err), err);
  rredis_reply_free(reply);
  rredis_reply_free(copy);
}

// Every use there is, by its number.
enum { USES = 7 };

static inline void use(int number, const rredis_client *client, int kind) {
  switch (number) {
    case 0: use_command(client); break;
    case 1: use_conn(client); break;
    case 2: use_pipeline(client); break;
    case 3: use_script(client); break;
    case 4: use_pubsub(client); break;
    case 5: use_async(client); break;
    default: use_new(kind); break;
  }
}

#endif
