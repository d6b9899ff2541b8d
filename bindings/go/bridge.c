// See bridge.h. Each go_X makes the call of rredis_X, and leaves the result in the call's block.
#include "bridge.h"
#include "_cgo_export.h"

#include <stdlib.h>
#include <string.h>

// The call that runs on this thread, or 0: a function of Go that C calls leaves its panic there.
static __thread uintptr_t current;


// A call within a callback of another is a call of its own.
#define DURING(call, status, made)      \
  do {                                  \
    uintptr_t outer = current;          \
    current = (uintptr_t)(call);        \
    status = (made);                    \
    current = outer;                    \
  } while (0)

go_call *go_call_new(void) {
  go_call *call = calloc(1, sizeof *call);
  if (call && !go_call_reserve(call, 8, 16, 256)) { go_call_free(call); return NULL; }
  return call;
}

void go_call_free(go_call *call) {
  free(call->lens);
  free(call->argcs);
  free(call->bytes);
  free(call);
}

rredis_conn *go_call_conn(uintptr_t call) { return call ? ((go_call *)call)->conn : NULL; }

static int grow(void **block, size_t *room, size_t wanted, size_t each) {
  if (wanted <= *room) return 1;
  if (wanted < *room * 2) wanted = *room * 2;
  void *grown = wanted > SIZE_MAX / each ? NULL : realloc(*block, wanted * each);
  if (!grown) return 0;
  *block = grown;
  *room = wanted;
  return 1;
}

int go_call_reserve(go_call *call, size_t argcs, size_t lens, size_t bytes) {
  return grow((void **)&call->argcs, &call->argcs_room, argcs, sizeof *call->argcs) &&
         grow((void **)&call->lens, &call->lens_room, lens, sizeof *call->lens) &&
         grow((void **)&call->bytes, &call->bytes_room, bytes, 1);
}

// The arguments of one command as the library takes them. They are few nearly always.
typedef struct vector {
  const char *few[32];
  const char **argv;
} vector;

static int vector_of(vector *v, size_t argc, const size_t *lens, const char *bytes) {
  v->argv = argc <= 32 ? v->few : malloc(argc * sizeof *v->argv);
  if (!v->argv) return 0;
  for (size_t i = 0; i < argc; i++) {
    v->argv[i] = bytes;
    bytes += lens[i];
  }
  return 1;
}

static void vector_end(vector *v) {
  if (v->argv != v->few) free((void *)v->argv);
}

static int32_t no_memory(go_call *call) {
  memset(&call->err, 0, sizeof call->err);
  call->err.status = RREDIS_ERR_MEMORY;
  strcpy(call->err.message, "there was not enough memory for the arguments");
  return RREDIS_ERR_MEMORY;
}

// A scalar with a short text is taken over at once, so that Go need not come back to free it.
static int32_t taken(int32_t status, go_call *call, rredis_reply *reply) {
  call->reply = NULL;
  if (status != RREDIS_OK || !reply) return status;
  call->kind = (int32_t)reply->kind;
  call->len = reply->len;
  call->integer = reply->integer;
  call->number = reply->number;
  if (reply->kind >= RREDIS_REPLY_ARRAY || reply->len > GO_TEXT) {
    call->reply = reply;
    return status;
  }
  if (reply->len) memcpy(call->text, reply->str, reply->len);
  rredis_reply_free(reply);
  return status;
}

#define WITH_VECTOR(call, status, made)                                             \
  do {                                                                              \
    vector v;                                                                       \
    if (!vector_of(&v, (call)->argc, (call)->lens, (call)->bytes)) return no_memory(call); \
    DURING(call, status, made);                                                     \
    vector_end(&v);                                                                 \
  } while (0)

int32_t go_client_command(const rredis_client *client, go_call *call) {
  rredis_reply *reply = NULL;
  int32_t status;
  WITH_VECTOR(call, status, rredis_client_command_with(client, call->argc, v.argv, call->lens, call->flags,
                                                       call->timeout_ms, call, &reply, &call->err));
  return taken(status, call, reply);
}

int32_t go_client_at(const rredis_client *client, rredis_target kind, rredis_client **out, go_call *call) {
  int32_t status;
  DURING(call, status, rredis_client_new_at(client, kind, call->bytes, call->bytes_len, out, &call->err));
  return status;
}

int32_t go_client_servers(const rredis_client *client, go_call *call) {
  int32_t status;
  call->reply = NULL;
  DURING(call, status, rredis_client_servers(client, &call->reply, &call->err));
  return status;
}

int32_t go_pool_warm(const rredis_pool *pool, size_t count, go_call *call) {
  int32_t status;
  DURING(call, status, rredis_pool_warm(pool, count, &call->err));
  return status;
}

int32_t go_conn_new(const rredis_client *client, rredis_conn **out, go_call *call) {
  int32_t status;
  DURING(call, status, rredis_conn_new(client, out, &call->err));
  return status;
}

int32_t go_conn_command(rredis_conn *conn, go_call *call) {
  rredis_reply *reply = NULL;
  int32_t status;
  WITH_VECTOR(call, status, rredis_conn_command_with(conn, call->argc, v.argv, call->lens, call->flags,
                                                     call->timeout_ms, call, &reply, &call->err));
  return taken(status, call, reply);
}

int32_t go_conn_send(rredis_conn *conn, go_call *call, uint32_t flags) {
  int32_t status;
  WITH_VECTOR(call, status, rredis_conn_send_with(conn, call->argc, v.argv, call->lens, flags, &call->err));
  return status;
}

int32_t go_conn_receive(rredis_conn *conn, go_call *call, int64_t timeout_ms) {
  rredis_reply *reply = NULL;
  int32_t status;
  DURING(call, status, rredis_conn_receive(conn, timeout_ms, &reply, &call->err));
  return taken(status, call, reply);
}

int32_t go_script_run(const rredis_script *script, const rredis_client *client, size_t keys_len, go_call *call) {
  rredis_reply *reply = NULL;
  int32_t status;
  WITH_VECTOR(call, status, rredis_script_run_with(script, client, keys_len, call->argc, v.argv, call->lens,
                                                   call->flags, call->timeout_ms, call, &reply, &call->err));
  return taken(status, call, reply);
}

// Queue all commands. The first that is wrong ends it, and call->failed has its index.
static int32_t queue(rredis_pipeline *pipeline, const go_queued *queued, go_call *call) {
  const size_t *lens = call->lens;
  const char *bytes = call->bytes;
  for (size_t i = 0; i < call->commands; i++) {
    vector v;
    size_t argc = call->argcs[i];
    if (!vector_of(&v, argc, lens, bytes)) return no_memory(call);
    // The index is what a response callback finds of its command.
    void *index = (void *)(uintptr_t)(i + 1);
    int32_t status =
        queued[i].script
            ? (int32_t)rredis_script_add_with(queued[i].script, pipeline, queued[i].keys_len, argc, v.argv, lens,
                                              queued[i].flags, index, &call->err)
            : (int32_t)rredis_pipeline_add_with(pipeline, argc, v.argv, lens, queued[i].flags, index, &call->err);
    vector_end(&v);
    if (status != RREDIS_OK) {
      call->failed = (int64_t)i;
      rredis_pipeline_clear(pipeline);
      return status;
    }
    for (size_t j = 0; j < argc; j++) bytes += lens[j];
    lens += argc;
  }
  return RREDIS_OK;
}

int32_t go_pipeline_run(rredis_pipeline *pipeline, rredis_pipeline_mode mode, const go_queued *queued, go_call *call) {
  int32_t status = queue(pipeline, queued, call);
  call->reply = NULL;
  if (status != RREDIS_OK) return status;
  DURING(call, status,
         rredis_pipeline_run_with(pipeline, mode, call->flags, call->timeout_ms, &call->reply, &call->err));
  call->failed = rredis_pipeline_failed(pipeline);
  return status;
}

static rredis_status on_each(void *user_data, size_t index, const rredis_reply *reply, rredis_error *err) {
  return (rredis_status)goEach(current, (uintptr_t)user_data, index, (rredis_reply *)reply, err);
}

int32_t go_pipeline_run_each(rredis_pipeline *pipeline, const go_queued *queued, uintptr_t function, go_call *call) {
  int32_t status = queue(pipeline, queued, call);
  if (status != RREDIS_OK) return status;
  DURING(call, status, rredis_pipeline_run_each(pipeline, call->flags, call->timeout_ms, on_each, (void *)function,
                                                &call->err));
  return status;
}

int32_t go_pipeline_add(rredis_pipeline *pipeline, uintptr_t index, go_call *call) {
  int32_t status;
  WITH_VECTOR(call, status, rredis_pipeline_add_with(pipeline, call->argc, v.argv, call->lens, call->flags, (void *)index,
                                                     &call->err));
  return status;
}

int32_t go_pipeline_command(rredis_pipeline *pipeline, go_call *call) {
  rredis_reply *reply = NULL;
  int32_t status;
  WITH_VECTOR(call, status, rredis_pipeline_command(pipeline, call->argc, v.argv, call->lens, &reply, &call->err));
  return taken(status, call, reply);
}

static rredis_status on_transaction(void *user_data, rredis_pipeline *pipeline, rredis_error *err) {
  return (rredis_status)goTransaction(current, (uintptr_t)user_data, pipeline, err);
}

int32_t go_pipeline_transact(rredis_pipeline *pipeline, uintptr_t function, int64_t timeout_ms, go_call *call) {
  int32_t status;
  call->reply = NULL;
  WITH_VECTOR(call, status, rredis_pipeline_transact(pipeline, call->argc, v.argv, call->lens, on_transaction,
                                                     (void *)function, timeout_ms, &call->reply, &call->err));
  call->failed = rredis_pipeline_failed(pipeline);
  return status;
}

int32_t go_pubsub_change(const rredis_pubsub *pubsub, int on, rredis_topic topic, go_call *call) {
  int32_t status;
  WITH_VECTOR(call, status, (on ? rredis_pubsub_subscribe : rredis_pubsub_unsubscribe)(pubsub, topic, call->argc, v.argv,
                                                                                       call->lens, &call->err));
  return status;
}

// It has no status to fail by. A subscriber that waits is woken instead, so that its call ends and raises the panic.
static void on_message(void *user_data, const rredis_reply *reply) {
  go_call *call = (go_call *)current;
  if (goReply(current, (uintptr_t)user_data, (rredis_reply *)reply) != RREDIS_OK && call && call->waiting)
    rredis_pubsub_wake(call->waiting);
}

static void gone(void *user_data) { goGone((uintptr_t)user_data); }

int32_t go_pubsub_on(const rredis_pubsub *pubsub, rredis_topic topic, uintptr_t function, go_call *call) {
  return rredis_pubsub_on(pubsub, topic, call->bytes, call->bytes_len, function ? on_message : NULL, (void *)function,
                          function ? gone : NULL, &call->err);
}

int32_t go_pubsub_next(const rredis_pubsub *pubsub, int64_t timeout_ms, go_call *call) {
  int32_t status;
  call->reply = NULL;
  call->waiting = pubsub;
  DURING(call, status, rredis_pubsub_next(pubsub, timeout_ms, &call->reply, &call->err));
  call->waiting = NULL;
  return status;
}

int32_t go_pubsub_run(const rredis_pubsub *pubsub, int64_t timeout_ms, go_call *call) {
  int32_t status;
  call->waiting = pubsub;
  DURING(call, status, rredis_pubsub_run(pubsub, timeout_ms, &call->err));
  call->waiting = NULL;
  return status;
}

static rredis_status on_response(void *user_data, void *call_data, size_t argc, const char *const *argv,
                                 const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply,
                                 rredis_error *err) {
  return (rredis_status)goResponse(current, (uintptr_t)user_data, (uintptr_t)call_data, argc, (char **)argv, (size_t *)argv_len,
                                   (rredis_reply *)reply, out_reply, err);
}

int32_t go_options_callback(rredis_options *options, uintptr_t function, go_call *call) {
  return rredis_options_set_callback(options, call->bytes, call->bytes_len, function ? on_response : NULL,
                                     (void *)function, function ? gone : NULL, &call->err);
}

int32_t go_client_callback(const rredis_client *client, uintptr_t function, go_call *call) {
  return rredis_client_set_callback(client, call->bytes, call->bytes_len, function ? on_response : NULL,
                                    (void *)function, function ? gone : NULL, &call->err);
}

static rredis_status on_credentials(void *user_data, const char *endpoint, size_t endpoint_len,
                                    rredis_builder *credentials, rredis_error *err) {
  return (rredis_status)goCredentials(current, (uintptr_t)user_data, (char *)endpoint, endpoint_len, credentials, err);
}

int32_t go_options_credentials(rredis_options *options, uintptr_t function, go_call *call) {
  return rredis_options_set_credentials(options, on_credentials, (void *)function, gone, &call->err);
}

int32_t go_options_on_push(rredis_options *options, uintptr_t function, go_call *call) {
  return rredis_options_on_push(options, on_message, (void *)function, gone, &call->err);
}

int32_t go_options_on_event(rredis_options *options, uintptr_t function, go_call *call) {
  return rredis_options_on_event(options, on_message, (void *)function, gone, &call->err);
}

void go_fail(rredis_error *err, const char *text, size_t text_len) {
  if (text_len >= sizeof err->message) text_len = sizeof err->message - 1;
  memcpy(err->message, text, text_len);
  err->message[text_len] = 0;
}
