/* rredis.h of librredis 8.0.0, without comments and preprocessor: for parsers of plain C declarations. */
typedef enum rredis_version_of {
  RREDIS_VERSION_OF_HEADER = 0x080000,
} rredis_version_of;
const char *rredis_version(void);
uint32_t rredis_version_number(void);
typedef struct rredis_async rredis_async;
typedef struct rredis_builder rredis_builder;
typedef struct rredis_client rredis_client;
typedef struct rredis_conn rredis_conn;
typedef struct rredis_options rredis_options;
typedef struct rredis_parser rredis_parser;
typedef struct rredis_pipeline rredis_pipeline;
typedef struct rredis_pool rredis_pool;
typedef struct rredis_pubsub rredis_pubsub;
typedef struct rredis_script rredis_script;
typedef struct rredis_tls rredis_tls;
typedef struct rredis_parser_type rredis_parser_type;
typedef struct rredis_transport rredis_transport;
typedef enum rredis_status {
  RREDIS_OK = 0,
  RREDIS_ERR_ARGUMENT = 1,
  RREDIS_ERR_STATE = 2,
  RREDIS_ERR_AGAIN = 3,
  RREDIS_ERR_CONFIG = 4,
  RREDIS_ERR_UNSUPPORTED = 5,
  RREDIS_ERR_CONNECT = 10,
  RREDIS_ERR_IO = 11,
  RREDIS_ERR_TIMEOUT = 12,
  RREDIS_ERR_BUSY = 13,
  RREDIS_ERR_WOKEN = 14,
  RREDIS_ERR_FORKED = 15,
  RREDIS_ERR_TLS = 16,
  RREDIS_ERR_PROTOCOL = 20,
  RREDIS_ERR_LIMIT = 21,
  RREDIS_ERR_AUTH = 30,
  RREDIS_ERR_SERVER = 31,
  RREDIS_ERR_WATCH = 32,
  RREDIS_ERR_ABORTED = 33,
  RREDIS_ERR_CALLBACK = 80,
  RREDIS_ERR_PANIC = 90,
  RREDIS_ERR_MEMORY = 91,
} rredis_status;
typedef enum rredis_outcome {
  RREDIS_OUTCOME_NONE = 0,
  RREDIS_OUTCOME_NOT_SENT = 1,
  RREDIS_OUTCOME_REFUSED = 2,
  RREDIS_OUTCOME_UNKNOWN = 3,
  RREDIS_OUTCOME_RAN = 4,
} rredis_outcome;
typedef struct rredis_error {
  rredis_status status;
  rredis_outcome outcome;
  int32_t os_error;
  int32_t attempts;
  char message[240];
} rredis_error;
const char *rredis_status_name(rredis_status status);
const char *rredis_status_outcome_name(rredis_outcome outcome);
typedef enum rredis_reply_kind {
  RREDIS_REPLY_NULL = 0,
  RREDIS_REPLY_INTEGER = 1,
  RREDIS_REPLY_BOOL = 2,
  RREDIS_REPLY_STRING = 10,
  RREDIS_REPLY_STATUS = 11,
  RREDIS_REPLY_ERROR = 12,
  RREDIS_REPLY_VERBATIM = 13,
  RREDIS_REPLY_BIG_NUMBER = 14,
  RREDIS_REPLY_DOUBLE = 15,
  RREDIS_REPLY_ARRAY = 20,
  RREDIS_REPLY_SET = 21,
  RREDIS_REPLY_MAP = 22,
  RREDIS_REPLY_PUSH = 23,
} rredis_reply_kind;
typedef struct rredis_reply {
  rredis_reply_kind kind;
  uint32_t reserved;
  size_t len;
  const char *str;
  const struct rredis_reply *elements;
  int64_t integer;
  double number;
} rredis_reply;
const rredis_reply *rredis_reply_find(const rredis_reply *map, const char *key,
    size_t key_len);
const rredis_reply *rredis_reply_attributes(const rredis_reply *root,
    const rredis_reply *node);
const char *rredis_reply_format(const rredis_reply *verbatim);
rredis_status rredis_reply_integer(const rredis_reply *reply, int64_t *out_integer,
    rredis_error *err);
rredis_status rredis_reply_number(const rredis_reply *reply, double *out_number,
    rredis_error *err);
rredis_status rredis_reply_clone(const rredis_reply *reply, rredis_reply **out_reply,
    rredis_error *err);
const void *rredis_reply_bytes(const rredis_reply *root, size_t *out_len);
void rredis_reply_free(rredis_reply *reply);
typedef void (*rredis_free_fn)(void *user_data);
typedef void (*rredis_reply_fn)(void *user_data, const rredis_reply *reply);
typedef rredis_status (*rredis_callback_fn)(void *user_data, void *call_data,
    size_t argc, const char *const *argv, const size_t *argv_len,
    const rredis_reply *reply, rredis_reply **out_reply, rredis_error *err);
typedef enum rredis_stat {
  RREDIS_STAT_CONNECTIONS = 0,
  RREDIS_STAT_CONNECTIONS_IN_USE = 1,
  RREDIS_STAT_CONNECTIONS_IDLE = 2,
  RREDIS_STAT_CONNECTIONS_CREATED = 3,
  RREDIS_STAT_CONNECTIONS_LOST = 4,
  RREDIS_STAT_CONNECTIONS_CLOSED = 5,
  RREDIS_STAT_WAITING = 10,
  RREDIS_STAT_WAITS = 11,
  RREDIS_STAT_WAITS_TIMED_OUT = 12,
  RREDIS_STAT_COMMANDS = 20,
  RREDIS_STAT_RETRIES = 21,
  RREDIS_STAT_TIMEOUTS = 22,
  RREDIS_STAT_UNKNOWN = 23,
  RREDIS_STAT_RIDES = 24,
  RREDIS_STAT_BATCHES = 25,
  RREDIS_STAT_BYTES_IN = 30,
  RREDIS_STAT_BYTES_OUT = 31,
  RREDIS_STAT_ERRORS_CALLER = 40,
  RREDIS_STAT_ERRORS_NETWORK = 41,
  RREDIS_STAT_ERRORS_PROTOCOL = 42,
  RREDIS_STAT_ERRORS_SERVER = 43,
  RREDIS_STAT_ERRORS_CALLBACK = 44,
  RREDIS_STAT_ERRORS_INTERNAL = 45,
  RREDIS_STAT_SERVERS = 50,
  RREDIS_STAT_MOVED = 51,
  RREDIS_STAT_ASKED = 52,
  RREDIS_STAT_REFRESHES = 53,
  RREDIS_STAT_FAILOVERS = 54,
  RREDIS_STAT_SHARDS_DOWN = 55,
  RREDIS_STAT_SCOUTS = 56,
} rredis_stat;
typedef enum rredis_call {
  RREDIS_CALL_DEFAULT = 0,
  RREDIS_CALL_RAW = 1,
  RREDIS_CALL_IDEMPOTENT = 2,
  RREDIS_CALL_NO_RETRY = 4,
  RREDIS_CALL_TIMEOUT = 8,
  RREDIS_CALL_ERROR_REPLY = 16,
  RREDIS_CALL_ALONE = 32,
  RREDIS_CALL_PRIMARY = 64,
  RREDIS_CALL_MORE = 512,
} rredis_call;
typedef enum rredis_target {
  RREDIS_TARGET_SERVER = 0,
  RREDIS_TARGET_KEY = 1,
} rredis_target;
rredis_status rredis_client_new(const rredis_options *options,
    rredis_client **out_client, rredis_error *err);
rredis_status rredis_client_new_on(const rredis_pool *pool,
    const rredis_options *options, rredis_client **out_client, rredis_error *err);
rredis_status rredis_client_new_at(const rredis_client *client, rredis_target kind,
    const char *target, size_t target_len, rredis_client **out_client,
    rredis_error *err);
rredis_status rredis_client_command(const rredis_client *client, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_reply **out_reply,
    rredis_error *err);
rredis_status rredis_client_command_with(const rredis_client *client, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, int64_t timeout_ms,
    void *call_data, rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_client_set_callback(const rredis_client *client,
    const char *command, size_t command_len, rredis_callback_fn function,
    void *user_data, rredis_free_fn user_data_free, rredis_error *err);
int64_t rredis_client_stat(const rredis_client *client, rredis_stat stat);
rredis_status rredis_client_servers(const rredis_client *client,
    rredis_reply **out_reply, rredis_error *err);
const char *rredis_client_parser(const rredis_client *client);
size_t rredis_client_wake(const rredis_client *client, const void *call_data);
void rredis_client_free(rredis_client *client);
typedef enum rredis_option {
  RREDIS_OPTION_HOST = 1,
  RREDIS_OPTION_PORT = 2,
  RREDIS_OPTION_UNIX_PATH = 3,
  RREDIS_OPTION_USERNAME = 4,
  RREDIS_OPTION_PASSWORD = 5,
  RREDIS_OPTION_DATABASE = 6,
  RREDIS_OPTION_PROTOCOL = 7,
  RREDIS_OPTION_CLIENT_NAME = 8,
  RREDIS_OPTION_LIBRARY_NAME = 9,
  RREDIS_OPTION_TOPOLOGY = 10,
  RREDIS_OPTION_SEEDS = 11,
  RREDIS_OPTION_SENTINEL_SERVICE = 12,
  RREDIS_OPTION_SENTINEL_USERNAME = 13,
  RREDIS_OPTION_SENTINEL_PASSWORD = 14,
  RREDIS_OPTION_SENTINEL_TLS = 15,
  RREDIS_OPTION_READ_FROM = 16,
  RREDIS_OPTION_ZONE = 17,
  RREDIS_OPTION_ADDRESS_MAP = 18,
  RREDIS_OPTION_SPLIT = 19,
  RREDIS_OPTION_POOL_MAX = 20,
  RREDIS_OPTION_POOL_WAIT_MS = 21,
  RREDIS_OPTION_POOL_IDLE_MIN = 22,
  RREDIS_OPTION_POOL_IDLE_MS = 23,
  RREDIS_OPTION_POOL_AGE_MS = 24,
  RREDIS_OPTION_SHARE = 25,
  RREDIS_OPTION_INFLIGHT_MAX = 26,
  RREDIS_OPTION_INFLIGHT_BYTES_MAX = 27,
  RREDIS_OPTION_CONNECT_TIMEOUT_MS = 30,
  RREDIS_OPTION_COMMAND_TIMEOUT_MS = 31,
  RREDIS_OPTION_KEEPALIVE_MS = 32,
  RREDIS_OPTION_HEALTH_CHECK_MS = 33,
  RREDIS_OPTION_USER_TIMEOUT_MS = 34,
  RREDIS_OPTION_BLOCK_SLACK_MS = 35,
  RREDIS_OPTION_TOPOLOGY_AGE_MS = 36,
  RREDIS_OPTION_RETRY_MAX = 40,
  RREDIS_OPTION_BACKOFF_MS = 41,
  RREDIS_OPTION_BACKOFF_MS_MAX = 42,
  RREDIS_OPTION_RETRY_BUDGET_PERCENT = 43,
  RREDIS_OPTION_FAILOVER_WAIT_MS = 44,
  RREDIS_OPTION_SHAPE = 50,
  RREDIS_OPTION_PARSER = 51,
  RREDIS_OPTION_REPLY_BYTES_MAX = 60,
  RREDIS_OPTION_REPLY_DEPTH_MAX = 61,
  RREDIS_OPTION_REPLY_NODES_MAX = 62,
  RREDIS_OPTION_REPLY_LINE_MAX = 63,
  RREDIS_OPTION_PUSH_BYTES_MAX = 64,
  RREDIS_OPTION_TLS = 70,
  RREDIS_OPTION_TLS_CA_FILE = 71,
  RREDIS_OPTION_TLS_CA_DIR = 72,
  RREDIS_OPTION_TLS_CA_PEM = 73,
  RREDIS_OPTION_TLS_CERT_FILE = 74,
  RREDIS_OPTION_TLS_CERT_PEM = 75,
  RREDIS_OPTION_TLS_KEY_FILE = 76,
  RREDIS_OPTION_TLS_KEY_PEM = 77,
  RREDIS_OPTION_TLS_SERVER_NAME = 78,
  RREDIS_OPTION_TLS_VERSION_MIN = 79,
  RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY = 80,
  RREDIS_OPTION_PUBSUB_CONFIRMATIONS = 90,
} rredis_option;
typedef enum rredis_topology {
  RREDIS_TOPOLOGY_SINGLE = 0,
  RREDIS_TOPOLOGY_CLUSTER = 1,
  RREDIS_TOPOLOGY_SENTINEL = 2,
} rredis_topology;
typedef enum rredis_read {
  RREDIS_READ_PRIMARY = 0,
  RREDIS_READ_PREFER_REPLICA = 1,
  RREDIS_READ_REPLICA = 2,
  RREDIS_READ_ANY = 3,
  RREDIS_READ_ZONE = 4,
} rredis_read;
typedef enum rredis_shape {
  RREDIS_SHAPE_CANONICAL = 0,
  RREDIS_SHAPE_RAW = 1,
} rredis_shape;
typedef enum rredis_share {
  RREDIS_SHARE_NEVER = 0,
  RREDIS_SHARE_BUSY = 1,
  RREDIS_SHARE_ALWAYS = 2,
} rredis_share;
typedef rredis_status (*rredis_credentials_fn)(void *user_data, const char *endpoint,
    size_t endpoint_len, rredis_builder *credentials, rredis_error *err);
typedef rredis_status (*rredis_interrupt_fn)(void *user_data);
rredis_options *rredis_options_new(void);
rredis_status rredis_options_set_int(rredis_options *options, rredis_option option,
    int64_t value, rredis_error *err);
rredis_status rredis_options_set_str(rredis_options *options, rredis_option option,
    const char *value, size_t value_len, rredis_error *err);
rredis_status rredis_options_set_url(rredis_options *options, const char *url,
    size_t url_len, rredis_error *err);
rredis_status rredis_options_set_callback(rredis_options *options, const char *command,
    size_t command_len, rredis_callback_fn function, void *user_data,
    rredis_free_fn user_data_free, rredis_error *err);
rredis_status rredis_options_set_credentials(rredis_options *options,
    rredis_credentials_fn function, void *user_data, rredis_free_fn user_data_free,
    rredis_error *err);
rredis_status rredis_options_set_transport(rredis_options *options,
    const rredis_transport *transport, rredis_error *err);
rredis_status rredis_options_set_parser(rredis_options *options,
    const rredis_parser_type *parser, rredis_error *err);
rredis_status rredis_options_on_push(rredis_options *options, rredis_reply_fn function,
    void *user_data, rredis_free_fn user_data_free, rredis_error *err);
rredis_status rredis_options_on_event(rredis_options *options, rredis_reply_fn function,
    void *user_data, rredis_free_fn user_data_free, rredis_error *err);
rredis_status rredis_options_on_interrupt(rredis_options *options,
    rredis_interrupt_fn function, void *user_data, rredis_free_fn user_data_free,
    rredis_error *err);
rredis_status rredis_options_get_int(const rredis_options *options,
    rredis_option option, int64_t *out_value, rredis_error *err);
const char *rredis_options_get_str(const rredis_options *options, rredis_option option,
    size_t *out_len);
rredis_status rredis_options_to_url(const rredis_options *options,
    rredis_reply **out_text, rredis_error *err);
void rredis_options_free(rredis_options *options);
typedef rredis_status (*rredis_each_fn)(void *user_data, size_t index,
    const rredis_reply *reply, rredis_error *err);
typedef rredis_status (*rredis_transaction_fn)(void *user_data,
    rredis_pipeline *pipeline, rredis_error *err);
typedef enum rredis_pipeline_mode {
  RREDIS_PIPELINE_PLAIN = 0,
  RREDIS_PIPELINE_ATOMIC = 1,
} rredis_pipeline_mode;
rredis_status rredis_pipeline_new(const rredis_client *client,
    rredis_pipeline **out_pipeline, rredis_error *err);
rredis_status rredis_pipeline_add(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_error *err);
rredis_status rredis_pipeline_add_with(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, void *call_data,
    rredis_error *err);
size_t rredis_pipeline_len(const rredis_pipeline *pipeline);
rredis_status rredis_pipeline_watch(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_error *err);
rredis_status rredis_pipeline_command(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_reply **out_reply,
    rredis_error *err);
rredis_status rredis_pipeline_run(rredis_pipeline *pipeline, rredis_pipeline_mode mode,
    rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_pipeline_run_with(rredis_pipeline *pipeline,
    rredis_pipeline_mode mode, uint32_t flags, int64_t timeout_ms,
    rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_pipeline_run_each(rredis_pipeline *pipeline, uint32_t flags,
    int64_t timeout_ms, rredis_each_fn function, void *user_data, rredis_error *err);
rredis_status rredis_pipeline_transact(rredis_pipeline *pipeline, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_transaction_fn function,
    void *user_data, int64_t timeout_ms, rredis_reply **out_reply, rredis_error *err);
size_t rredis_pipeline_wake(const rredis_pipeline *pipeline);
int64_t rredis_pipeline_failed(const rredis_pipeline *pipeline);
void rredis_pipeline_clear(rredis_pipeline *pipeline);
void rredis_pipeline_free(rredis_pipeline *pipeline);
rredis_status rredis_conn_new(const rredis_client *client, rredis_conn **out_conn,
    rredis_error *err);
rredis_status rredis_conn_command(rredis_conn *conn, size_t argc,
    const char *const *argv, const size_t *argv_len, rredis_reply **out_reply,
    rredis_error *err);
rredis_status rredis_conn_command_with(rredis_conn *conn, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, int64_t timeout_ms,
    void *call_data, rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_conn_send(rredis_conn *conn, size_t argc, const char *const *argv,
    const size_t *argv_len, rredis_error *err);
rredis_status rredis_conn_send_with(rredis_conn *conn, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, rredis_error *err);
rredis_status rredis_conn_receive(rredis_conn *conn, int64_t timeout_ms,
    rredis_reply **out_reply, rredis_error *err);
int32_t rredis_conn_fd(const rredis_conn *conn);
size_t rredis_conn_wake(const rredis_conn *conn);
void rredis_conn_free(rredis_conn *conn);
typedef enum rredis_topic {
  RREDIS_TOPIC_CHANNEL = 0,
  RREDIS_TOPIC_PATTERN = 1,
  RREDIS_TOPIC_SHARD = 2,
} rredis_topic;
rredis_status rredis_pubsub_new(const rredis_client *client, rredis_pubsub **out_pubsub,
    rredis_error *err);
rredis_status rredis_pubsub_subscribe(const rredis_pubsub *pubsub, rredis_topic topic,
    size_t argc, const char *const *argv, const size_t *argv_len, rredis_error *err);
rredis_status rredis_pubsub_unsubscribe(const rredis_pubsub *pubsub, rredis_topic topic,
    size_t argc, const char *const *argv, const size_t *argv_len, rredis_error *err);
rredis_status rredis_pubsub_on(const rredis_pubsub *pubsub, rredis_topic topic,
    const char *name, size_t name_len, rredis_reply_fn function, void *user_data,
    rredis_free_fn user_data_free, rredis_error *err);
rredis_status rredis_pubsub_next(const rredis_pubsub *pubsub, int64_t timeout_ms,
    rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_pubsub_run(const rredis_pubsub *pubsub, int64_t timeout_ms,
    rredis_error *err);
rredis_status rredis_pubsub_publish(const rredis_pubsub *pubsub, const char *channel,
    size_t channel_len, const char *message, size_t message_len, int64_t *out_receivers,
    rredis_error *err);
int32_t rredis_pubsub_fd(const rredis_pubsub *pubsub);
void rredis_pubsub_wake(const rredis_pubsub *pubsub);
void rredis_pubsub_free(rredis_pubsub *pubsub);
rredis_status rredis_script_new(const char *text, size_t text_len,
    rredis_script **out_script, rredis_error *err);
const char *rredis_script_sha(const rredis_script *script);
rredis_status rredis_script_run(const rredis_script *script,
    const rredis_client *client, size_t keys_len, size_t argc, const char *const *argv,
    const size_t *argv_len, rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_script_run_with(const rredis_script *script,
    const rredis_client *client, size_t keys_len, size_t argc, const char *const *argv,
    const size_t *argv_len, uint32_t flags, int64_t timeout_ms, void *call_data,
    rredis_reply **out_reply, rredis_error *err);
rredis_status rredis_script_add(const rredis_script *script, rredis_pipeline *pipeline,
    size_t keys_len, size_t argc, const char *const *argv, const size_t *argv_len,
    rredis_error *err);
rredis_status rredis_script_add_with(const rredis_script *script,
    rredis_pipeline *pipeline, size_t keys_len, size_t argc, const char *const *argv,
    const size_t *argv_len, uint32_t flags, void *call_data, rredis_error *err);
void rredis_script_free(rredis_script *script);
typedef enum rredis_ready {
  RREDIS_READY_NONE = 0,
  RREDIS_READY_READ = 1,
  RREDIS_READY_WRITE = 2,
} rredis_ready;
rredis_status rredis_async_new(const rredis_client *client, rredis_async **out_async,
    rredis_error *err);
rredis_status rredis_async_submit(rredis_async *handle, size_t argc,
    const char *const *argv, const size_t *argv_len, uint32_t flags, int64_t timeout_ms,
    void *call_data, rredis_error *err);
int32_t rredis_async_fd(const rredis_async *handle);
uint32_t rredis_async_wants(const rredis_async *handle);
int64_t rredis_async_deadline_ms(const rredis_async *handle);
rredis_status rredis_async_step(rredis_async *handle, uint32_t ready,
    rredis_error *err);
rredis_status rredis_async_next(rredis_async *handle, rredis_reply **out_reply,
    void **out_call_data, rredis_error *err);
void rredis_async_free(rredis_async *handle);
rredis_status rredis_pool_new(const rredis_options *options, rredis_pool **out_pool,
    rredis_error *err);
rredis_status rredis_pool_warm(const rredis_pool *pool, size_t count,
    rredis_error *err);
void rredis_pool_drop_idle(const rredis_pool *pool);
int64_t rredis_pool_stat(const rredis_pool *pool, rredis_stat stat);
void rredis_pool_free(rredis_pool *pool);
const char *rredis_callback_name(size_t index);
rredis_status rredis_callback_builtin(size_t argc, const char *const *argv,
    const size_t *argv_len, const rredis_reply *reply, rredis_reply **out_reply,
    rredis_error *err);
rredis_builder *rredis_builder_new(void);
void rredis_builder_add_null(rredis_builder *builder);
void rredis_builder_add_integer(rredis_builder *builder, rredis_reply_kind kind,
    int64_t value);
void rredis_builder_add_number(rredis_builder *builder, double value, const char *text,
    size_t text_len);
void rredis_builder_add_text(rredis_builder *builder, rredis_reply_kind kind,
    const char *text, size_t text_len);
void rredis_builder_add_reply(rredis_builder *builder, const rredis_reply *reply);
void rredis_builder_open(rredis_builder *builder, rredis_reply_kind kind);
void rredis_builder_open_attributes(rredis_builder *builder);
void rredis_builder_end(rredis_builder *builder);
rredis_status rredis_builder_take(rredis_builder *builder, rredis_reply **out_reply,
    rredis_error *err);
void rredis_builder_clear(rredis_builder *builder);
void rredis_builder_free(rredis_builder *builder);
typedef enum rredis_command_flag {
  RREDIS_COMMAND_WRITE = 1,
  RREDIS_COMMAND_READONLY = 2,
  RREDIS_COMMAND_DENYOOM = 4,
  RREDIS_COMMAND_MODULE = 8,
  RREDIS_COMMAND_ADMIN = 16,
  RREDIS_COMMAND_PUBSUB = 32,
  RREDIS_COMMAND_NOSCRIPT = 64,
  RREDIS_COMMAND_BLOCKING = 128,
  RREDIS_COMMAND_LOADING = 256,
  RREDIS_COMMAND_STALE = 512,
  RREDIS_COMMAND_SKIP_MONITOR = 1024,
  RREDIS_COMMAND_SKIP_SLOWLOG = 2048,
  RREDIS_COMMAND_ASKING = 4096,
  RREDIS_COMMAND_FAST = 8192,
  RREDIS_COMMAND_NO_AUTH = 16384,
  RREDIS_COMMAND_NO_MULTI = 32768,
  RREDIS_COMMAND_NO_MANDATORY_KEYS = 65536,
  RREDIS_COMMAND_NO_ASYNC_LOADING = 131072,
  RREDIS_COMMAND_ALLOW_BUSY = 262144,
  RREDIS_COMMAND_UNSTABLE = 524288,
  RREDIS_COMMAND_UNORDERED = 1048576,
  RREDIS_COMMAND_CONTAINER = 2097152,
  RREDIS_COMMAND_STATEFUL = 4194304,
  RREDIS_COMMAND_REPEATABLE = 8388608,
  RREDIS_COMMAND_IDEMPOTENT = 16777216,
  RREDIS_COMMAND_WAITS = 33554432,
} rredis_command_flag;
typedef enum rredis_key {
  RREDIS_KEY_RO = 1,
  RREDIS_KEY_RW = 2,
  RREDIS_KEY_OW = 4,
  RREDIS_KEY_RM = 8,
  RREDIS_KEY_ACCESS = 16,
  RREDIS_KEY_UPDATE = 32,
  RREDIS_KEY_INSERT = 64,
  RREDIS_KEY_DELETE = 128,
} rredis_key;
rredis_status rredis_command_encode(size_t argc, const char *const *argv,
    const size_t *argv_len, char *buffer, size_t buffer_len, size_t *out_len,
    rredis_error *err);
rredis_status rredis_command_keys(size_t argc, const char *const *argv,
    const size_t *argv_len, size_t *indexes, uint32_t *access, size_t indexes_len,
    size_t *out_len, rredis_error *err);
int64_t rredis_command_slot(const char *key, size_t key_len);
rredis_status rredis_command_flags(size_t argc, const char *const *argv,
    const size_t *argv_len, uint32_t *out_flags, rredis_error *err);
typedef enum rredis_parser_kind {
  RREDIS_PARSER_AUTO = 0,
  RREDIS_PARSER_FAST = 1,
  RREDIS_PARSER_SIMPLE = 2,
} rredis_parser_kind;
struct rredis_parser_type {
  size_t size;
  const char *name;
  void *user_data;
  rredis_status (*start)(void *user_data, void **out_state, rredis_error *err);
  rredis_status (*feed)(void *state, const char *bytes, size_t bytes_len,
      rredis_error *err);
  rredis_status (*next)(void *state, rredis_builder *builder, rredis_error *err);
  void (*stop)(void *state);
  rredis_free_fn user_data_free;
};
rredis_status rredis_parser_new(const rredis_options *options,
    rredis_parser **out_parser, rredis_error *err);
rredis_status rredis_parser_feed(rredis_parser *parser, const char *bytes,
    size_t bytes_len, rredis_error *err);
char *rredis_parser_reserve(rredis_parser *parser, size_t wanted, size_t *out_len);
rredis_status rredis_parser_commit(rredis_parser *parser, size_t bytes_len,
    rredis_error *err);
rredis_status rredis_parser_next(rredis_parser *parser, rredis_reply **out_reply,
    rredis_error *err);
size_t rredis_parser_unread(const rredis_parser *parser);
const char *rredis_parser_name(const rredis_parser *parser);
void rredis_parser_free(rredis_parser *parser);
rredis_status rredis_tls_new(const rredis_options *options, int32_t fd,
    rredis_tls **out_tls, rredis_error *err);
rredis_status rredis_tls_read(rredis_tls *tls, char *buffer, size_t buffer_len,
    size_t *out_len, rredis_error *err);
rredis_status rredis_tls_write(rredis_tls *tls, const char *bytes, size_t bytes_len,
    size_t *out_len, rredis_error *err);
uint32_t rredis_tls_wants(const rredis_tls *tls);
void rredis_tls_free(rredis_tls *tls);
struct rredis_transport {
  size_t size;
  const char *name;
  void *user_data;
  rredis_status (*connect)(void *user_data, const char *host, size_t host_len,
      int32_t port, int64_t timeout_ms, void **out_stream, rredis_error *err);
  rredis_status (*read)(void *stream, char *buffer, size_t buffer_len,
      int64_t timeout_ms, size_t *out_len, rredis_error *err);
  rredis_status (*write)(void *stream, const char *bytes, size_t bytes_len,
      int64_t timeout_ms, size_t *out_len, rredis_error *err);
  void (*close)(void *stream);
  int32_t (*fd)(void *stream);
  rredis_free_fn user_data_free;
};
