//! The header's declarations, in Rust: structs, numbers and functions.

use std::ffi::{c_char, c_void};
use std::fmt::Write;
use std::slice;

// The library itself, for the symbols that are declared here.
use rredis as _;

/// rredis_reply
#[repr(C)]
pub struct Node {
    pub kind: u32,
    pub reserved: u32,
    pub len: usize,
    pub str: *const c_char,
    pub elements: *const Node,
    pub integer: i64,
    pub number: f64,
}

/// rredis_error
#[repr(C)]
pub struct RawError {
    pub status: u32,
    pub outcome: u32,
    pub os_error: i32,
    pub attempts: i32,
    pub message: [u8; 240],
}

/// rredis_callback_fn
pub type RawCallback = unsafe extern "C" fn(
    *mut c_void,
    *mut c_void,
    usize,
    *const *const c_char,
    *const usize,
    *const Node,
    *mut *mut Node,
    *mut RawError,
) -> u32;
/// rredis_each_fn
pub type RawEach = unsafe extern "C" fn(*mut c_void, usize, *const Node, *mut RawError) -> u32;
/// rredis_transaction_fn
pub type RawTransaction = unsafe extern "C" fn(*mut c_void, *mut rredis_pipeline, *mut RawError) -> u32;
/// rredis_free_fn
pub type RawFree = unsafe extern "C" fn(*mut c_void);
/// rredis_reply_fn
pub type RawInterrupt = unsafe extern "C" fn(user_data: *mut c_void) -> u32;
pub type RawListener = unsafe extern "C" fn(*mut c_void, *const Node);

macro_rules! handles {
    ($($name:ident),*) => { $(#[repr(C)] pub struct $name { _private: [u8; 0] })* };
}
handles!(
    rredis_builder,
    rredis_client,
    rredis_conn,
    rredis_options,
    rredis_parser,
    rredis_pipeline,
    rredis_pool,
    rredis_pubsub,
    rredis_script
);

macro_rules! numbers {
    ($name:ident { $($number:ident = $value:expr),* $(,)? }) => {
        pub mod $name { $(pub const $number: u32 = $value;)* }
    };
}

numbers!(kind {
    NULL = 0, INTEGER = 1, BOOL = 2, STRING = 10, STATUS = 11, ERROR = 12, VERBATIM = 13, BIG_NUMBER = 14, DOUBLE = 15,
    ARRAY = 20, SET = 21, MAP = 22, PUSH = 23,
});
numbers!(call { DEFAULT = 0, RAW = 1, IDEMPOTENT = 2, NO_RETRY = 4, TIMEOUT = 8, ERROR_REPLY = 16, ALONE = 32, PRIMARY = 64 });
numbers!(option {
    HOST = 1, PORT = 2, UNIX_PATH = 3, USERNAME = 4, PASSWORD = 5, DATABASE = 6, PROTOCOL = 7, CLIENT_NAME = 8,
    LIBRARY_NAME = 9, TOPOLOGY = 10, SEEDS = 11, READ_FROM = 16, ZONE = 17, ADDRESS_MAP = 18, SPLIT = 19, SENTINEL_TLS = 15, TOPOLOGY_AGE_MS = 36, FAILOVER_WAIT_MS = 44, POOL_MAX = 20, POOL_WAIT_MS = 21, POOL_IDLE_MIN = 22, POOL_IDLE_MS = 23, POOL_AGE_MS = 24, SHARE = 25,
    CONNECT_TIMEOUT_MS = 30, COMMAND_TIMEOUT_MS = 31, HEALTH_CHECK_MS = 33, BLOCK_SLACK_MS = 35,
    RETRY_MAX = 40, BACKOFF_MS = 41, BACKOFF_MS_MAX = 42, RETRY_BUDGET_PERCENT = 43, SHAPE = 50, PARSER = 51,
    REPLY_BYTES_MAX = 60, REPLY_DEPTH_MAX = 61, REPLY_NODES_MAX = 62, REPLY_LINE_MAX = 63, PUSH_BYTES_MAX = 64,
    TLS = 70, TLS_CA_FILE = 71, TLS_CA_DIR = 72, TLS_CA_PEM = 73, TLS_CERT_FILE = 74, TLS_CERT_PEM = 75, TLS_KEY_FILE = 76,
    TLS_KEY_PEM = 77, TLS_SERVER_NAME = 78, TLS_VERSION_MIN = 79, TLS_INSECURE_SKIP_VERIFY = 80,
    PUBSUB_CONFIRMATIONS = 90,
});
numbers!(topic { CHANNEL = 0, PATTERN = 1, SHARD = 2 });
numbers!(stat {
    CONNECTIONS = 0, CONNECTIONS_IN_USE = 1, CONNECTIONS_IDLE = 2, CONNECTIONS_CREATED = 3, CONNECTIONS_LOST = 4,
    CONNECTIONS_CLOSED = 5, WAITING = 10, WAITS = 11, WAITS_TIMED_OUT = 12, COMMANDS = 20, RETRIES = 21, TIMEOUTS = 22, UNKNOWN = 23,
    RIDES = 24, BATCHES = 25, BYTES_IN = 30, BYTES_OUT = 31, ERRORS_NETWORK = 41, ERRORS_CALLBACK = 44,
    SERVERS = 50, MOVED = 51, ASKED = 52, REFRESHES = 53, FAILOVERS = 54, SHARDS_DOWN = 55, SCOUTS = 56,
});

numbers!(mode { PLAIN = 0, ATOMIC = 1 });

type Argv = *const *const c_char;
type Lens = *const usize;

// SAFETY: these are the prototypes of include/rredis.h, which tests/header keeps true to the library.
#[rustfmt::skip]
unsafe extern "C" {
    pub fn rredis_status_name(status: u32) -> *const c_char;
    pub fn rredis_status_outcome_name(outcome: u32) -> *const c_char;

    pub fn rredis_reply_attributes(root: *const Node, node: *const Node) -> *const Node;
    pub fn rredis_reply_clone(reply: *const Node, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_reply_free(reply: *mut Node);
    pub fn rredis_builder_new() -> *mut rredis_builder;
    pub fn rredis_builder_add_text(builder: *mut rredis_builder, kind: u32, text: *const c_char, text_len: usize);
    pub fn rredis_builder_take(builder: *mut rredis_builder, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_builder_free(builder: *mut rredis_builder);

    pub fn rredis_parser_new(options: *const rredis_options, out_parser: *mut *mut rredis_parser, err: *mut RawError) -> u32;
    pub fn rredis_parser_feed(parser: *mut rredis_parser, bytes: *const c_char, bytes_len: usize, err: *mut RawError) -> u32;
    pub fn rredis_parser_next(parser: *mut rredis_parser, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_parser_free(parser: *mut rredis_parser);
    pub fn rredis_command_encode(argc: usize, argv: Argv, argv_len: Lens, buffer: *mut c_char, buffer_len: usize,
        out_len: *mut usize, err: *mut RawError) -> u32;

    pub fn rredis_options_new() -> *mut rredis_options;
    pub fn rredis_options_set_int(options: *mut rredis_options, option: u32, value: i64, err: *mut RawError) -> u32;
    pub fn rredis_options_set_str(options: *mut rredis_options, option: u32, value: *const c_char, value_len: usize, err: *mut RawError) -> u32;
    pub fn rredis_options_set_url(options: *mut rredis_options, url: *const c_char, url_len: usize, err: *mut RawError) -> u32;
    pub fn rredis_options_set_callback(options: *mut rredis_options, command: *const c_char, command_len: usize,
        function: Option<RawCallback>, user_data: *mut c_void, user_data_free: Option<RawFree>, err: *mut RawError) -> u32;
    pub fn rredis_options_on_push(options: *mut rredis_options, function: Option<RawListener>, user_data: *mut c_void,
        user_data_free: Option<RawFree>, err: *mut RawError) -> u32;
    pub fn rredis_options_on_event(options: *mut rredis_options, function: Option<RawListener>, user_data: *mut c_void,
        user_data_free: Option<RawFree>, err: *mut RawError) -> u32;
    pub fn rredis_options_to_url(options: *const rredis_options, out_text: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_options_free(options: *mut rredis_options);

    pub fn rredis_pool_new(options: *const rredis_options, out_pool: *mut *mut rredis_pool, err: *mut RawError) -> u32;
    pub fn rredis_pool_warm(pool: *const rredis_pool, count: usize, err: *mut RawError) -> u32;
    pub fn rredis_pool_drop_idle(pool: *const rredis_pool);
    pub fn rredis_pool_stat(pool: *const rredis_pool, stat: u32) -> i64;
    pub fn rredis_pool_free(pool: *mut rredis_pool);

    pub fn rredis_client_new(options: *const rredis_options, out_client: *mut *mut rredis_client, err: *mut RawError) -> u32;
    pub fn rredis_client_new_on(pool: *const rredis_pool, options: *const rredis_options, out_client: *mut *mut rredis_client, err: *mut RawError) -> u32;
    pub fn rredis_client_command(client: *const rredis_client, argc: usize, argv: Argv, argv_len: Lens,
        out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_client_command_with(client: *const rredis_client, argc: usize, argv: Argv, argv_len: Lens, flags: u32,
        timeout_ms: i64, call_data: *mut c_void, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_client_set_callback(client: *const rredis_client, command: *const c_char, command_len: usize,
        function: Option<RawCallback>, user_data: *mut c_void, user_data_free: Option<RawFree>, err: *mut RawError) -> u32;
    pub fn rredis_client_stat(client: *const rredis_client, stat: u32) -> i64;
    pub fn rredis_client_servers(client: *const rredis_client, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_client_new_at(client: *const rredis_client, kind: u32, target: *const c_char, target_len: usize,
        out_client: *mut *mut rredis_client, err: *mut RawError) -> u32;
    pub fn rredis_client_parser(client: *const rredis_client) -> *const c_char;
    pub fn rredis_client_free(client: *mut rredis_client);

    pub fn rredis_conn_new(client: *const rredis_client, out_conn: *mut *mut rredis_conn, err: *mut RawError) -> u32;
    pub fn rredis_conn_command_with(conn: *mut rredis_conn, argc: usize, argv: Argv, argv_len: Lens, flags: u32,
        timeout_ms: i64, call_data: *mut c_void, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_conn_send(conn: *mut rredis_conn, argc: usize, argv: Argv, argv_len: Lens, err: *mut RawError) -> u32;
    pub fn rredis_conn_receive(conn: *mut rredis_conn, timeout_ms: i64, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_conn_free(conn: *mut rredis_conn);
    pub fn rredis_conn_wake(conn: *const rredis_conn) -> usize;
    pub fn rredis_client_wake(client: *const rredis_client, call_data: *const c_void) -> usize;
    pub fn rredis_pipeline_wake(pipeline: *const rredis_pipeline) -> usize;
    pub fn rredis_options_on_interrupt(options: *mut rredis_options, function: Option<RawInterrupt>, user_data: *mut c_void,
        user_data_free: Option<RawFree>, err: *mut RawError) -> u32;

    pub fn rredis_pipeline_new(client: *const rredis_client, out_pipeline: *mut *mut rredis_pipeline, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_add_with(pipeline: *mut rredis_pipeline, argc: usize, argv: Argv, argv_len: Lens, flags: u32,
        call_data: *mut c_void, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_len(pipeline: *const rredis_pipeline) -> usize;
    pub fn rredis_pipeline_watch(pipeline: *mut rredis_pipeline, argc: usize, argv: Argv, argv_len: Lens, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_command(pipeline: *mut rredis_pipeline, argc: usize, argv: Argv, argv_len: Lens,
        out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_run(pipeline: *mut rredis_pipeline, mode: u32, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_run_with(pipeline: *mut rredis_pipeline, mode: u32, flags: u32, timeout_ms: i64,
        out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_run_each(pipeline: *mut rredis_pipeline, flags: u32, timeout_ms: i64, function: Option<RawEach>,
        user_data: *mut c_void, err: *mut RawError) -> u32;
    pub fn rredis_pipeline_transact(pipeline: *mut rredis_pipeline, argc: usize, argv: Argv, argv_len: Lens,
        function: Option<RawTransaction>, user_data: *mut c_void, timeout_ms: i64, out_reply: *mut *mut Node,
        err: *mut RawError) -> u32;
    pub fn rredis_pipeline_failed(pipeline: *const rredis_pipeline) -> i64;
    pub fn rredis_pipeline_clear(pipeline: *mut rredis_pipeline);
    pub fn rredis_pipeline_free(pipeline: *mut rredis_pipeline);

    pub fn rredis_pubsub_new(client: *const rredis_client, out_pubsub: *mut *mut rredis_pubsub, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_subscribe(pubsub: *const rredis_pubsub, topic: u32, argc: usize, argv: Argv, argv_len: Lens, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_unsubscribe(pubsub: *const rredis_pubsub, topic: u32, argc: usize, argv: Argv, argv_len: Lens, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_on(pubsub: *const rredis_pubsub, topic: u32, name: *const c_char, name_len: usize,
        function: Option<RawListener>, user_data: *mut c_void, user_data_free: Option<RawFree>, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_next(pubsub: *const rredis_pubsub, timeout_ms: i64, out_reply: *mut *mut Node, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_run(pubsub: *const rredis_pubsub, timeout_ms: i64, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_publish(pubsub: *const rredis_pubsub, channel: *const c_char, channel_len: usize,
        message: *const c_char, message_len: usize, out_receivers: *mut i64, err: *mut RawError) -> u32;
    pub fn rredis_pubsub_fd(pubsub: *const rredis_pubsub) -> i32;
    pub fn rredis_pubsub_wake(pubsub: *const rredis_pubsub);
    pub fn rredis_pubsub_free(pubsub: *mut rredis_pubsub);

    pub fn rredis_script_new(text: *const c_char, text_len: usize, out_script: *mut *mut rredis_script, err: *mut RawError) -> u32;
    pub fn rredis_script_sha(script: *const rredis_script) -> *const c_char;
    pub fn rredis_script_run_with(script: *const rredis_script, client: *const rredis_client, keys_len: usize, argc: usize,
        argv: Argv, argv_len: Lens, flags: u32, timeout_ms: i64, call_data: *mut c_void, out_reply: *mut *mut Node,
        err: *mut RawError) -> u32;
    pub fn rredis_script_add_with(script: *const rredis_script, pipeline: *mut rredis_pipeline, keys_len: usize, argc: usize,
        argv: Argv, argv_len: Lens, flags: u32, call_data: *mut c_void, err: *mut RawError) -> u32;
    pub fn rredis_script_free(script: *mut rredis_script);
}

impl Node {
    /// Its bytes; none for a kind that has no text.
    pub fn text(&self) -> &[u8] {
        if self.str.is_null() || self.kind >= kind::ARRAY {
            return &[];
        }
        // SAFETY: a kind below ARRAY that has a str has len bytes there.
        unsafe { slice::from_raw_parts(self.str.cast(), self.len) }
    }

    /// Its elements; none for a kind that has none.
    pub fn elements(&self) -> &[Node] {
        if self.elements.is_null() {
            return &[];
        }
        // SAFETY: elements that are not NULL are len nodes in a row.
        unsafe { slice::from_raw_parts(self.elements, self.len) }
    }

    /// Itself and all below it on one line: `"a"` a string, `+OK` a status, `-ERR` an error, `:1` an integer, `#1` a
    /// bool, `,1.5` a double, `(1` a big number, `=a` a verbatim, `(nil)`; `[…]` an array, `~[…]` a set, `%[…]` a map,
    /// `>[…]` a push.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        let text = self.text().escape_ascii();
        let written = match self.kind {
            kind::NULL => write!(out, "(nil)"),
            kind::INTEGER => write!(out, ":{}", self.integer),
            kind::BOOL => write!(out, "#{}", self.integer),
            kind::STRING => write!(out, "\"{text}\""),
            kind::STATUS => write!(out, "+{text}"),
            kind::ERROR => write!(out, "-{text}"),
            kind::VERBATIM => write!(out, "={text}"),
            kind::BIG_NUMBER => write!(out, "({text}"),
            kind::DOUBLE => write!(out, ",{}", self.number),
            kind::ARRAY => write!(out, "["),
            kind::SET => write!(out, "~["),
            kind::MAP => write!(out, "%["),
            kind::PUSH => write!(out, ">["),
            other => panic!("no such kind: {other}"),
        };
        written.expect("a string can be written to");
        if self.kind >= kind::ARRAY {
            for (index, element) in self.elements().iter().enumerate() {
                out.push_str(if index == 0 { "" } else { " " });
                element.write(out);
            }
            out.push(']');
        }
    }
}
