//! Option names
//!
//! The options that can be set. The next chapter has the values of those that are
//! enumerators.

/// The name of an option. An option marked "text" is set by rredis_options_set_str, and
/// every other option by rredis_options_set_int. In a URL an option's name is in lower
/// case, without RREDIS_OPTION_ and without _MS. Where no default is given, the option
/// is unset.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_option {
    /// text: an address or a host name. The addresses of a name are tried 250 ms apart.
    /// Default: 127.0.0.1
    RREDIS_OPTION_HOST = 1,
    /// the TCP port. Default: 6379, or 26379 for Sentinels
    RREDIS_OPTION_PORT = 2,
    /// text: the path of a Unix socket. RREDIS_ERR_CONFIG if HOST or PORT is set too
    RREDIS_OPTION_UNIX_PATH = 3,
    /// text: the user name, which needs a PASSWORD. Default: the server's user
    /// "default"
    RREDIS_OPTION_USERNAME = 4,
    /// text: the password. No function returns it. No message about the handshake shows
    /// it, even if the server repeats it
    RREDIS_OPTION_PASSWORD = 5,
    /// the database's number. Default: 0
    RREDIS_OPTION_DATABASE = 6,
    /// 2 or 3, for RESP2 or RESP3; 0: the newest that the server speaks. Default: 0
    RREDIS_OPTION_PROTOCOL = 7,
    /// text: the name that CLIENT LIST shows
    RREDIS_OPTION_CLIENT_NAME = 8,
    /// text: the lib-name of CLIENT LIST
    RREDIS_OPTION_LIBRARY_NAME = 9,
    /// an rredis_topology. Default: SINGLE
    RREDIS_OPTION_TOPOLOGY = 10,
    /// text: host:port,host:port of any nodes of the cluster, or of the Sentinels.
    /// Default: HOST and PORT
    RREDIS_OPTION_SEEDS = 11,
    /// text: the Sentinels' name for the primary
    RREDIS_OPTION_SENTINEL_SERVICE = 12,
    /// text: the user name for Sentinels
    RREDIS_OPTION_SENTINEL_USERNAME = 13,
    /// text: the password for Sentinels. They never receive PASSWORD
    RREDIS_OPTION_SENTINEL_PASSWORD = 14,
    /// 1: TLS to Sentinels; 0: no TLS; -1: as TLS. The TLS_ options are for Sentinels
    /// and servers alike. Default: -1
    RREDIS_OPTION_SENTINEL_TLS = 15,
    /// an rredis_read: which servers are read from. Default: PRIMARY
    RREDIS_OPTION_READ_FROM = 16,
    /// text: the availability zone of the program, for READ_FROM
    RREDIS_OPTION_ZONE = 17,
    /// text: announced=reachable,... replaces the addresses that servers announce, each
    /// a host or host:port
    RREDIS_OPTION_ADDRESS_MAP = 18,
    /// 1: a command whose keys have several slots is sent in parts, each to the server
    /// that has its keys: DEL, EXISTS, MGET, MSET, MSETEX, TOUCH and UNLINK. It is not
    /// atomic, and of a failed one some parts may have run. Default: 0
    RREDIS_OPTION_SPLIT = 19,
    /// the largest number of connections to a server, at most 65535. Default: 64
    RREDIS_OPTION_POOL_MAX = 20,
    /// how long a call waits while all connections are in use; -1: until its deadline.
    /// Default: -1
    RREDIS_OPTION_POOL_WAIT_MS = 21,
    /// connections that are kept however long they are idle. Default: 0
    RREDIS_OPTION_POOL_IDLE_MIN = 22,
    /// a connection that was idle for this time is closed when the pool is next used.
    /// Default: 5 minutes
    RREDIS_OPTION_POOL_IDLE_MS = 23,
    /// a connection of this age is closed instead of leased. Default: -1 (never)
    RREDIS_OPTION_POOL_AGE_MS = 24,
    /// an rredis_share. ALWAYS is RREDIS_ERR_CONFIG beside a transport, a parser or an
    /// interrupt function of the program's: with these nothing is shared. Default: BUSY
    RREDIS_OPTION_SHARE = 25,
    /// the largest number of commands under way on an rredis_async. Default: 4096
    RREDIS_OPTION_INFLIGHT_MAX = 26,
    /// the largest size of the commands under way on an rredis_async, in bytes.
    /// Default: 64 MiB
    RREDIS_OPTION_INFLIGHT_BYTES_MAX = 27,
    /// the time to connect, including the handshake. Default: 5 s; with CLUSTER and
    /// SENTINEL 1 s
    RREDIS_OPTION_CONNECT_TIMEOUT_MS = 30,
    /// the time for a whole call, including connecting. For a blocking command (BLPOP,
    /// XREAD BLOCK) see BLOCK_SLACK_MS. Default: 5 s
    RREDIS_OPTION_COMMAND_TIMEOUT_MS = 31,
    /// the idle time before TCP keepalive, rounded up to seconds; -1: no keepalive.
    /// Default: 30 s
    RREDIS_OPTION_KEEPALIVE_MS = 32,
    /// a connection that was idle for this time is checked with PING before use. A
    /// subscriber's connection is checked when nothing arrived for this time. Default:
    /// 30 s
    RREDIS_OPTION_HEALTH_CHECK_MS = 33,
    /// TCP_USER_TIMEOUT: the connection is closed if sent bytes stay unacknowledged for
    /// this time; 0 or -1: the system's. Default: 30 s
    RREDIS_OPTION_USER_TIMEOUT_MS = 34,
    /// the time that a blocking command has in addition to its own timeout argument. A
    /// command that blocks for ever has no deadline. Default: 1 s
    RREDIS_OPTION_BLOCK_SLACK_MS = 35,
    /// how old the list of servers may be, or -1, for any age. Default: 60 s
    RREDIS_OPTION_TOPOLOGY_AGE_MS = 36,
    /// the largest number of retries (tries after the first). A try on an idle
    /// connection that the server had closed is repeated in any case. Default: 3
    RREDIS_OPTION_RETRY_MAX = 40,
    /// the longest pause before the second try; doubled for each further try. Each
    /// pause is random, from 0 to the longest. Default: 8 ms
    RREDIS_OPTION_BACKOFF_MS = 41,
    /// the longest pause before any try. Default: 512 ms, or BACKOFF_MS if that is
    /// longer
    RREDIS_OPTION_BACKOFF_MS_MAX = 42,
    /// the number of retries that 100 calls earn. A client begins with 100 retries,
    /// and saves at most 100. 0: no retries. Default: 10
    RREDIS_OPTION_RETRY_BUDGET_PERCENT = 43,
    /// how long a command that did not run waits for a server to take over. Default: -1,
    /// until the call's deadline
    RREDIS_OPTION_FAILOVER_WAIT_MS = 44,
    /// an rredis_shape. Default: CANONICAL
    RREDIS_OPTION_SHAPE = 50,
    /// an rredis_parser_kind. Default: AUTO
    RREDIS_OPTION_PARSER = 51,
    /// the largest size of a reply, in bytes of RESP. Default: 1 GiB
    RREDIS_OPTION_REPLY_BYTES_MAX = 60,
    /// the deepest nesting of aggregates in a reply. Default: 512
    RREDIS_OPTION_REPLY_DEPTH_MAX = 61,
    /// the largest number of nodes in a reply. Default: 16777216
    RREDIS_OPTION_REPLY_NODES_MAX = 62,
    /// the longest line (a status, an error, a number), in bytes. REPLY_BYTES_MAX
    /// limits a line of MONITOR instead. Default: 65536
    RREDIS_OPTION_REPLY_LINE_MAX = 63,
    /// the largest size of one push, and of all pushes that wait to be delivered, in
    /// bytes. More are RREDIS_ERR_LIMIT. Default: 64 MiB
    RREDIS_OPTION_PUSH_BYTES_MAX = 64,
    /// 1: connect over TLS. 0: no TLS to servers, and every other TLS_ option is
    /// RREDIS_ERR_CONFIG, except with SENTINEL_TLS 1. Default: 0
    RREDIS_OPTION_TLS = 70,
    /// text: a file of trusted certificates (PEM), read again when it changes. Default,
    /// if no TLS_CA_ option is set: the environment variables SSL_CERT_FILE and
    /// SSL_CERT_DIR, or else the system's certificates
    RREDIS_OPTION_TLS_CA_FILE = 71,
    /// text: a directory of such files
    RREDIS_OPTION_TLS_CA_DIR = 72,
    /// text: the trusted certificates themselves (PEM)
    RREDIS_OPTION_TLS_CA_PEM = 73,
    /// text: a file with the client's certificate and its chain (PEM)
    RREDIS_OPTION_TLS_CERT_FILE = 74,
    /// text: the certificate itself (PEM)
    RREDIS_OPTION_TLS_CERT_PEM = 75,
    /// text: a file with the client's private key. Default: TLS_CERT_FILE
    RREDIS_OPTION_TLS_KEY_FILE = 76,
    /// text: the private key itself (PEM). No function returns it
    RREDIS_OPTION_TLS_KEY_PEM = 77,
    /// text: the name that the server's certificate must have, with several servers
    /// that of each. Default: the host that is connected to
    RREDIS_OPTION_TLS_SERVER_NAME = 78,
    /// the oldest TLS version: 12 for 1.2, or 13 for 1.3. Default: 12
    RREDIS_OPTION_TLS_VERSION_MIN = 79,
    /// 1: accept every certificate; for tests only. RREDIS_ERR_CONFIG if a TLS_CA_
    /// option is set too. Default: 0
    RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY = 80,
    /// 1: rredis_pubsub_next also gives the confirmations of subscriptions. Default: 0
    RREDIS_OPTION_PUBSUB_CONFIRMATIONS = 90,
}
