//! Option names
//!
//! The options that can be set, and the values of those that are enumerators.

/// The name of an option. An option marked "text" is set by rredis_options_set_str, and
/// every other option by rredis_options_set_int. In a URL its name is in small letters,
/// without RREDIS_OPTION_ and without _MS. An option without a default is not set.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_option {
    /// text: an address or a host name. The addresses of a name are tried 250 ms apart.
    /// Default: 127.0.0.1
    RREDIS_OPTION_HOST = 1,
    /// the TCP port. Default: 6379
    RREDIS_OPTION_PORT = 2,
    /// text: the path of a Unix socket. Together with HOST or PORT it is
    /// RREDIS_ERR_CONFIG
    RREDIS_OPTION_UNIX_PATH = 3,
    /// text: the user name, which needs a PASSWORD. Default: the server's default user
    RREDIS_OPTION_USERNAME = 4,
    /// text: the password. No function gives it back, and no message about the
    /// handshake shows it, whatever the server repeats
    RREDIS_OPTION_PASSWORD = 5,
    /// the number of the database. Default: 0
    RREDIS_OPTION_DATABASE = 6,
    /// 2 or 3, for RESP2 or RESP3; 0: the newest that the server speaks. Default: 0
    RREDIS_OPTION_PROTOCOL = 7,
    /// text: the name that CLIENT LIST shows
    RREDIS_OPTION_CLIENT_NAME = 8,
    /// text: the lib-name that CLIENT LIST shows
    RREDIS_OPTION_LIBRARY_NAME = 9,
    /// the largest number of connections, at most 65535. Default: 64
    RREDIS_OPTION_POOL_MAX = 20,
    /// how long a call waits for a connection while all are in use; -1: until its
    /// deadline. Default: -1
    RREDIS_OPTION_POOL_WAIT_MS = 21,
    /// the number of connections that are kept however long they are idle. Default: 0
    RREDIS_OPTION_POOL_IDLE_MIN = 22,
    /// a connection is closed after it was idle for this time. Default: 5 minutes
    RREDIS_OPTION_POOL_IDLE_MS = 23,
    /// a connection is closed at this age. Default: -1 (never)
    RREDIS_OPTION_POOL_AGE_MS = 24,
    /// an rredis_share. This version supports NEVER alone; the others are
    /// RREDIS_ERR_UNSUPPORTED. Default: NEVER
    RREDIS_OPTION_SHARE = 25,
    /// the largest number of commands under way on an rredis_async. Default: 4096
    RREDIS_OPTION_INFLIGHT_MAX = 26,
    /// the largest total size of commands under way on an rredis_async. Default: 64 MiB
    RREDIS_OPTION_INFLIGHT_BYTES_MAX = 27,
    /// the time to connect, including the handshake. Default: 5 s
    RREDIS_OPTION_CONNECT_TIMEOUT_MS = 30,
    /// the time for a whole call, including connecting. For a blocking command (BLPOP,
    /// XREAD BLOCK) see BLOCK_SLACK_MS. Default: 5 s
    RREDIS_OPTION_COMMAND_TIMEOUT_MS = 31,
    /// the interval of TCP keepalive, where the system supports it. Default: 30 s
    RREDIS_OPTION_KEEPALIVE_MS = 32,
    /// a connection that was idle for this time is checked with PING before use, and a
    /// subscriber's connection after this time of silence. Default: 30 s
    RREDIS_OPTION_HEALTH_CHECK_MS = 33,
    /// a connection is lost when sent bytes stay unacknowledged for this time, where
    /// the system supports it. Default: 30 s
    RREDIS_OPTION_USER_TIMEOUT_MS = 34,
    /// extra time for a blocking command beyond its own timeout argument. A command
    /// that blocks for ever has no deadline. Default: 1 s
    RREDIS_OPTION_BLOCK_SLACK_MS = 35,
    /// the largest number of tries after the first. Default: 3
    RREDIS_OPTION_RETRY_MAX = 40,
    /// the pause before the second try; it is doubled before each further try. Default:
    /// 8 ms
    RREDIS_OPTION_BACKOFF_MS = 41,
    /// the longest pause between two tries. Default: 512 ms, or BACKOFF_MS where that
    /// is longer
    RREDIS_OPTION_BACKOFF_MS_MAX = 42,
    /// the largest number of tries after the first, in 100 calls. Default: 10
    RREDIS_OPTION_RETRY_BUDGET_PERCENT = 43,
    /// an rredis_shape. Default: CANONICAL
    RREDIS_OPTION_SHAPE = 50,
    /// an rredis_parser_kind. Default: AUTO
    RREDIS_OPTION_PARSER = 51,
    /// the largest size of a reply. Default: 1 GiB
    RREDIS_OPTION_REPLY_BYTES_MAX = 60,
    /// the deepest nesting of aggregates in a reply. Default: 512
    RREDIS_OPTION_REPLY_DEPTH_MAX = 61,
    /// the largest number of nodes in a reply. Default: 16777216
    RREDIS_OPTION_REPLY_NODES_MAX = 62,
    /// the longest line (a status, an error, a number), in bytes. A line of MONITOR is
    /// limited by REPLY_BYTES_MAX instead. Default: 65536
    RREDIS_OPTION_REPLY_LINE_MAX = 63,
    /// the largest total size of pushes that wait to be delivered. Default: 64 MiB
    RREDIS_OPTION_PUSH_BYTES_MAX = 64,
    /// 1: connect over TLS. While it is 0, every other TLS option is RREDIS_ERR_CONFIG.
    /// Default: 0
    RREDIS_OPTION_TLS = 70,
    /// text: a file of trusted certificates (PEM), read again when it changes. Default,
    /// where no TLS_CA option is set: the files that SSL_CERT_FILE and SSL_CERT_DIR in
    /// the environment name, or else the system's
    RREDIS_OPTION_TLS_CA_FILE = 71,
    /// text: a directory of trusted certificates
    RREDIS_OPTION_TLS_CA_DIR = 72,
    /// text: the trusted certificates themselves
    RREDIS_OPTION_TLS_CA_PEM = 73,
    /// text: a file with the client's certificate and its chain
    RREDIS_OPTION_TLS_CERT_FILE = 74,
    /// text: the client's certificate itself
    RREDIS_OPTION_TLS_CERT_PEM = 75,
    /// text: a file with the client's private key. Default: TLS_CERT_FILE
    RREDIS_OPTION_TLS_KEY_FILE = 76,
    /// text: the private key itself. No function gives it back
    RREDIS_OPTION_TLS_KEY_PEM = 77,
    /// text: the name that the server's certificate must have. Default: HOST
    RREDIS_OPTION_TLS_SERVER_NAME = 78,
    /// the oldest TLS version: 12 for 1.2, or 13 for 1.3. Default: 12
    RREDIS_OPTION_TLS_VERSION_MIN = 79,
    /// 1: accept every certificate; for tests only. Together with trusted certificates
    /// it is RREDIS_ERR_CONFIG. Default: 0
    RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY = 80,
    /// 1: rredis_pubsub_next also gives the confirmations of subscriptions. Default: 0
    RREDIS_OPTION_PUBSUB_CONFIRMATIONS = 90,
}

/// The values of RREDIS_OPTION_SHAPE.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_shape {
    /// one shape for each command, in RESP2 and RESP3
    RREDIS_SHAPE_CANONICAL = 0,
    /// the reply as the server sent it
    RREDIS_SHAPE_RAW = 1,
}

/// The values of RREDIS_OPTION_SHARE: when commands of several threads share a
/// connection.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_share {
    /// never
    RREDIS_SHARE_NEVER = 0,
    /// while all connections are in use
    RREDIS_SHARE_BUSY = 1,
    /// whenever it is possible
    RREDIS_SHARE_ALWAYS = 2,
}
