// What Go calls in place of the library: Go may not pass pointers to pointers of its own, so a call's arguments and its result
// lie in one block of C's memory, and one crossing does the whole of a call.
#ifndef RREDIS_GO_BRIDGE_H
#define RREDIS_GO_BRIDGE_H

#include <rredis.h>

#define GO_TEXT 512

typedef struct go_call {
  // the arguments of all commands one after the other; argcs has the number of each command's
  size_t commands, argc, bytes_len;
  size_t *lens, *argcs;
  char *bytes;
  size_t lens_room, argcs_room, bytes_room;
  // for each command of a pipeline: its flags, and its script or NULL with the number of keys
  uint32_t flags;
  int64_t timeout_ms;
  // the subscriber that waits in this call, or NULL
  const rredis_pubsub *waiting;
  // the connection whose call this is, or NULL
  rredis_conn *conn;
  // the result: a scalar with a short text lies in these, and reply is NULL
  rredis_reply *reply;
  int32_t kind;
  size_t len;
  int64_t integer;
  double number;
  int64_t failed;
  rredis_error err;
  char text[GO_TEXT];
} go_call;

// A command of a pipeline.
typedef struct go_queued {
  rredis_script *script;
  size_t keys_len;
  uint32_t flags;
} go_queued;

go_call *go_call_new(void);
void go_call_free(go_call *call);
rredis_conn *go_call_conn(uintptr_t call);
int go_call_reserve(go_call *call, size_t argcs, size_t lens, size_t bytes);

int32_t go_client_at(const rredis_client *client, rredis_target kind, rredis_client **out, go_call *call);
int32_t go_client_servers(const rredis_client *client, go_call *call);
int32_t go_pool_warm(const rredis_pool *pool, size_t count, go_call *call);
int32_t go_client_command(const rredis_client *client, go_call *call);
int32_t go_conn_command(rredis_conn *conn, go_call *call);
int32_t go_conn_send(rredis_conn *conn, go_call *call, uint32_t flags);
int32_t go_conn_receive(rredis_conn *conn, go_call *call, int64_t timeout_ms);
int32_t go_conn_new(const rredis_client *client, rredis_conn **out, go_call *call);
int32_t go_script_run(const rredis_script *script, const rredis_client *client, size_t keys_len, go_call *call);
int32_t go_pipeline_run(rredis_pipeline *pipeline, rredis_pipeline_mode mode, const go_queued *queued, go_call *call);
int32_t go_pipeline_add(rredis_pipeline *pipeline, uintptr_t index, go_call *call);
int32_t go_pipeline_command(rredis_pipeline *pipeline, go_call *call);
int32_t go_pipeline_transact(rredis_pipeline *pipeline, uintptr_t function, int64_t timeout_ms, go_call *call);
int32_t go_pipeline_run_each(rredis_pipeline *pipeline, const go_queued *queued, uintptr_t function, go_call *call);
int32_t go_pubsub_change(const rredis_pubsub *pubsub, int on, rredis_topic topic, go_call *call);
int32_t go_pubsub_on(const rredis_pubsub *pubsub, rredis_topic topic, uintptr_t function, go_call *call);
int32_t go_pubsub_next(const rredis_pubsub *pubsub, int64_t timeout_ms, go_call *call);
int32_t go_pubsub_run(const rredis_pubsub *pubsub, int64_t timeout_ms, go_call *call);

int32_t go_options_callback(rredis_options *options, uintptr_t function, go_call *call);
int32_t go_client_callback(const rredis_client *client, uintptr_t function, go_call *call);
int32_t go_options_credentials(rredis_options *options, uintptr_t function, go_call *call);
int32_t go_options_on_push(rredis_options *options, uintptr_t function, go_call *call);
int32_t go_options_on_event(rredis_options *options, uintptr_t function, go_call *call);


void go_fail(rredis_error *err, const char *text, size_t text_len);

#endif
