//! What can be set: the enumerators of the chapter of the options, which needs them beside its functions.

/// What can be set. Numbers, by rredis_options_set_int, but where text is said. The name
/// in a URL is the enumerator's in small letters, without RREDIS_OPTION_ and without _MS.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_option {
    /// text: an address, or a name whose addresses are tried 250 ms apart; 127.0.0.1
    RREDIS_OPTION_HOST = 1,
    /// 6379
    RREDIS_OPTION_PORT = 2,
    /// text: a Unix socket, instead of host and port: beside them it is RREDIS_ERR_CONFIG
    RREDIS_OPTION_UNIX_PATH = 3,
    /// text: who logs in; without it the server's default user
    RREDIS_OPTION_USERNAME = 4,
    /// text: never given back, nor in any message
    RREDIS_OPTION_PASSWORD = 5,
    /// 0
    RREDIS_OPTION_DATABASE = 6,
    /// 0: the best there is; or RESP 2 or 3
    RREDIS_OPTION_PROTOCOL = 7,
    /// text: what CLIENT LIST shows
    RREDIS_OPTION_CLIENT_NAME = 8,
    /// text: what CLIENT LIST shows as lib-name
    RREDIS_OPTION_LIBRARY_NAME = 9,
    /// connections, at most 65535; 64
    RREDIS_OPTION_POOL_MAX = 20,
    /// for a connection, where all are in use; -1: as long as the call may take
    RREDIS_OPTION_POOL_WAIT_MS = 21,
    /// connections to keep, however long they rest; 0
    RREDIS_OPTION_POOL_IDLE_MIN = 22,
    /// a connection that rested so long is closed; 5 minutes
    RREDIS_OPTION_POOL_IDLE_MS = 23,
    /// a connection so old is closed; -1
    RREDIS_OPTION_POOL_AGE_MS = 24,
    /// an rredis_share; NEVER. This version has no other: RREDIS_ERR_UNSUPPORTED
    RREDIS_OPTION_SHARE = 25,
    /// commands under way on an rredis_async; 4096
    RREDIS_OPTION_INFLIGHT_MAX = 26,
    /// bytes of them; 64 MiB
    RREDIS_OPTION_INFLIGHT_BYTES_MAX = 27,
    /// to connect, the handshake included; 5 s
    RREDIS_OPTION_CONNECT_TIMEOUT_MS = 30,
    /// for a whole call, connecting included; 5 s. Not for a command that waits on the server, as BLPOP or XREAD BLOCK: see BLOCK_SLACK_MS
    RREDIS_OPTION_COMMAND_TIMEOUT_MS = 31,
    /// TCP keepalive's interval, where the system has it; 30 s
    RREDIS_OPTION_KEEPALIVE_MS = 32,
    /// a connection that rested so long is tried before use, and one that waits for
    /// messages after so long a silence; 30 s
    RREDIS_OPTION_HEALTH_CHECK_MS = 33,
    /// sent bytes so long unacknowledged break the connection, where the system can; 30 s
    RREDIS_OPTION_USER_TIMEOUT_MS = 34,
    /// a command that waits on the server has the time it says and so much more; none ends it where it says for ever; 1 s
    RREDIS_OPTION_BLOCK_SLACK_MS = 35,
    /// tries after the first; 3
    RREDIS_OPTION_RETRY_MAX = 40,
    /// before the first of them; 8 ms
    RREDIS_OPTION_BACKOFF_MS = 41,
    /// doubled each time, up to this; 512 ms, or BACKOFF_MS where that is longer
    RREDIS_OPTION_BACKOFF_MS_MAX = 42,
    /// tries after the first, in a hundred calls; 10
    RREDIS_OPTION_RETRY_BUDGET_PERCENT = 43,
    /// an rredis_shape; CANONICAL
    RREDIS_OPTION_SHAPE = 50,
    /// an rredis_parser_kind; AUTO
    RREDIS_OPTION_PARSER = 51,
    /// of one reply; 1 GiB
    RREDIS_OPTION_REPLY_BYTES_MAX = 60,
    /// aggregates within aggregates; 512
    RREDIS_OPTION_REPLY_DEPTH_MAX = 61,
    /// of one reply; 16777216
    RREDIS_OPTION_REPLY_NODES_MAX = 62,
    /// bytes of one line: a status, an error, a number; 65536. A line of MONITOR may have REPLY_BYTES_MAX
    RREDIS_OPTION_REPLY_LINE_MAX = 63,
    /// of pushes that wait to be shown; 64 MiB
    RREDIS_OPTION_PUSH_BYTES_MAX = 64,
    /// 0, or 1: over TLS, without which the other options of TLS are RREDIS_ERR_CONFIG
    RREDIS_OPTION_TLS = 70,
    /// text: a file of certificates (PEM) to trust, read anew when it changes; without any, the system's, or, in their place, those that SSL_CERT_FILE and SSL_CERT_DIR in the environment name
    RREDIS_OPTION_TLS_CA_FILE = 71,
    /// text: a folder of them
    RREDIS_OPTION_TLS_CA_DIR = 72,
    /// text: the certificates themselves
    RREDIS_OPTION_TLS_CA_PEM = 73,
    /// text: our own certificate's file, and what links it to an authority
    RREDIS_OPTION_TLS_CERT_FILE = 74,
    /// text: our own certificate
    RREDIS_OPTION_TLS_CERT_PEM = 75,
    /// text: the file of its key; CERT_FILE
    RREDIS_OPTION_TLS_KEY_FILE = 76,
    /// text: its key, never given back
    RREDIS_OPTION_TLS_KEY_PEM = 77,
    /// text: the name the server must prove; HOST
    RREDIS_OPTION_TLS_SERVER_NAME = 78,
    /// 12 or 13, for 1.2 and 1.3; 12
    RREDIS_OPTION_TLS_VERSION_MIN = 79,
    /// 1: believe anybody; for tests. Beside authorities to trust it is RREDIS_ERR_CONFIG
    RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY = 80,
    /// 1: rredis_pubsub_next gives confirmations of subscriptions too; 0
    RREDIS_OPTION_PUBSUB_CONFIRMATIONS = 90,
}

/// What RREDIS_OPTION_SHAPE may be.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_shape {
    /// one shape for each command, whatever the protocol
    RREDIS_SHAPE_CANONICAL = 0,
    /// as the server sent it
    RREDIS_SHAPE_RAW = 1,
}

/// What RREDIS_OPTION_SHARE may be: whether commands of several threads ride on one
/// connection together.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_share {
    /// each on its own
    RREDIS_SHARE_NEVER = 0,
    /// when all connections are in use
    RREDIS_SHARE_BUSY = 1,
    /// whenever they can
    RREDIS_SHARE_ALWAYS = 2,
}
