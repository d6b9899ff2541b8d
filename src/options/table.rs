//! The table of options: number, URL name, kind, default, bounds, and whether the option belongs to the connection.

use crate::limits;

/// An option, by the number that C knows it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Key {
    /// Name or address of the server.
    Host = 1,
    /// Its TCP port.
    Port = 2,
    /// The path of its Unix socket; where there is one, host and port do not count.
    UnixPath = 3,
    /// User to log in as.
    Username = 4,
    /// Password to log in with.
    Password = 5,
    /// Database of every connection.
    Database = 6,
    /// RESP version: 0 is the best there is.
    Protocol = 7,
    /// What CLIENT LIST shows.
    ClientName = 8,
    /// What CLIENT LIST shows as the library.
    LibraryName = 9,
    /// How many servers there are, and who says where.
    Topology = 10,
    /// Servers that are asked for the others, in place of host and port.
    Seeds = 11,
    /// What the Sentinels call the primary.
    SentinelService = 12,
    /// User to log in to Sentinels as.
    SentinelUsername = 13,
    /// Password to log in to Sentinels with.
    SentinelPassword = 14,
    /// Whether to speak TLS to Sentinels.
    SentinelTls = 15,
    /// Which servers of a cluster are read from.
    ReadFrom = 16,
    /// The availability zone that the program is in.
    Zone = 17,
    /// Where servers are reached that announce other addresses.
    AddressMap = 18,
    /// Whether a command with keys of several slots is sent in parts.
    Split = 19,
    /// Connections of a pool at most.
    PoolMax = 20,
    /// Time to wait for a connection of the pool; for ever is until the call's own deadline.
    PoolWaitMs = 21,
    /// Idle connections that are kept however long they rest.
    PoolIdleMin = 22,
    /// Rest after which a connection is closed.
    PoolIdleMs = 23,
    /// Age after which a connection is closed.
    PoolAgeMs = 24,
    /// Whether commands of several threads share a connection.
    Share = 25,
    /// Commands under way on one connection that many use at once.
    InflightMax = 26,
    /// Bytes of them.
    InflightBytesMax = 27,
    /// Time to connect, handshake included.
    ConnectTimeoutMs = 30,
    /// Time for a command, all in all.
    CommandTimeoutMs = 31,
    /// Silence after which TCP asks whether the peer is there.
    KeepaliveMs = 32,
    /// Rest after which a connection is asked for a PONG before it is used.
    HealthCheckMs = 33,
    /// Time that sent bytes may stay unacknowledged.
    UserTimeoutMs = 34,
    /// Time that a blocking command gets on top of its own timeout.
    BlockSlackMs = 35,
    /// Age at which the map of the servers is read anew.
    TopologyAgeMs = 36,
    /// How often a command is tried again.
    RetryMax = 40,
    /// First wait between tries.
    BackoffMs = 41,
    /// Longest wait between tries.
    BackoffMsMax = 42,
    /// Tries again, as a share of all commands.
    RetryBudgetPercent = 43,
    /// Time that a command which did not run waits for a server to take over.
    FailoverWaitMs = 44,
    /// Whether replies have one shape whatever the protocol, or are as they came.
    Shape = 50,
    /// Which parser reads replies.
    Parser = 51,
    /// Bytes of one reply.
    ReplyBytesMax = 60,
    /// Aggregates within aggregates.
    ReplyDepthMax = 61,
    /// Nodes of one reply.
    ReplyNodesMax = 62,
    /// Bytes of one line.
    ReplyLineMax = 63,
    /// Bytes of pushes.
    PushBytesMax = 64,
    /// Whether to speak TLS.
    Tls = 70,
    /// File of certificates to trust.
    TlsCaFile = 71,
    /// Folder of certificates to trust.
    TlsCaDir = 72,
    /// Certificates to trust, as PEM.
    TlsCaPem = 73,
    /// File of our certificate.
    TlsCertFile = 74,
    /// Our certificate, as PEM.
    TlsCertPem = 75,
    /// File of our key.
    TlsKeyFile = 76,
    /// Our key, as PEM.
    TlsKeyPem = 77,
    /// Name that the server's certificate must bear, where it is not the host.
    TlsServerName = 78,
    /// Oldest TLS that will do: 12 or 13.
    TlsVersionMin = 79,
    /// Trust whoever answers.
    TlsInsecureSkipVerify = 80,
    /// Whether confirmations of subscriptions are shown.
    PubsubConfirmations = 90,
}

impl Key {
    /// The option with this number.
    pub fn from_number(number: u32) -> Option<Key> {
        let at = TABLE.binary_search_by_key(&number, |row| row.key as u32).ok()?;
        TABLE.get(at).map(|row| row.key)
    }

    /// The option with this name in a URL.
    pub fn from_name(name: &str) -> Option<Key> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.key)
    }

    /// Its name in a URL and in messages.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub(super) fn row(self) -> &'static OptionRow {
        TABLE.get(self.index()).unwrap_or(&TABLE[0])
    }

    /// Its place in the table, which is its place among the values too.
    pub(super) fn index(self) -> usize {
        TABLE.binary_search_by_key(&self, |row| row.key).unwrap_or(0)
    }
}

/// What is known of an option.
pub(super) struct OptionRow {
    pub(super) key: Key,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Of a number.
    pub(super) default: i64,
    /// Of a text; empty is none.
    pub(super) default_text: &'static str,
    /// Least number, or fewest bytes of a text.
    pub(super) min: i64,
    /// Greatest number, or most bytes of a text.
    pub(super) max: i64,
    /// A connection is what it is by this option, so those who share a pool must agree on it.
    pub(super) of_connection: bool,
}

/// What values an option takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Int,
    Bytes,
    /// Milliseconds. Where -1 is within bounds, it and all below it are "for ever".
    Duration,
    Bool,
    /// One of these, the first name of a number being the one that is printed.
    Choice(&'static [(&'static str, i64)]),
    Text(TextForm),
    Secret,
}

/// What bytes a text may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TextForm {
    /// Any.
    Any,
    /// A host's name or address.
    Host,
    /// What a server accepts as the name of a client.
    Name,
    /// A path of the file system.
    Path,
    /// The path of a Unix socket.
    SocketPath,
    /// Servers with commas between.
    Servers,
    /// Pairs of addresses with commas between.
    AddressMap,
}

const OF_CONNECTION: bool = true;
const OF_CLIENT: bool = false;

/// Bytes of a socket's path: `sun_path` less its NUL.
pub(super) const SOCKET_PATH_MAX: i64 = 107;
/// Bytes of a host's name, zone included: what name services can carry.
const HOST_MAX: i64 = 255;
/// Bytes of a path of the file system: Linux's PATH_MAX less its NUL.
const PATH_MAX: i64 = 4095;
/// Bytes of a name or password: far above any in use, and sent at each connect.
const NAME_MAX: i64 = 65_535;
/// Bytes of a list of servers: more than two thousand of them.
const SERVERS_TEXT_MAX: i64 = 65_535;
/// Bytes of certificates: a system's whole store is a fourth of it.
const PEM_MAX: i64 = 1 << 20;
/// Bytes of anything counted in bytes: far from any overflow.
const BYTES_MAX: i64 = 1 << 40;
/// "For ever", as the least of a duration's values.
const EVER: i64 = -1;
const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

const PROTOCOLS: &[(&str, i64)] = &[("auto", 0), ("2", 2), ("3", 3), ("resp2", 2), ("resp3", 3)];
const TOPOLOGIES: &[(&str, i64)] = &[("single", 0), ("cluster", 1), ("sentinel", SENTINEL)];
/// The first of each number is the one that is printed.
const AS_TLS: &[(&str, i64)] =
    &[("auto", -1), ("false", 0), ("true", 1), ("no", 0), ("yes", 1), ("off", 0), ("on", 1), ("f", 0), ("t", 1)];
const READS: &[(&str, i64)] = &[("primary", 0), ("prefer_replica", 1), ("replica", 2), ("any", 3), ("zone", 4)];
const SHARES: &[(&str, i64)] = &[("never", 0), ("busy", 1), ("always", 2)];
const SHAPES: &[(&str, i64)] = &[("canonical", 0), ("raw", 1)];
const PARSERS: &[(&str, i64)] = &[("auto", 0), ("fast", 1), ("simple", 2)];
/// The last two are how TLS itself numbers them, and how OpenSSL and Python do.
const TLS_VERSIONS: &[(&str, i64)] = &[("1.2", 12), ("1.3", 13), ("771", 12), ("772", 13)];

/// BUSY; where the library is built for the suites that share all they can, ALWAYS.
const SHARE: i64 = if cfg!(shares_always) { 2 } else { 1 };

/// A topology: Sentinels.
pub(super) const SENTINEL: i64 = 2;
/// The port of a Sentinel, where none is said.
pub(super) const SENTINEL_PORT: i64 = 26_379;

/// What does nothing without TLS.
pub(super) const OF_TLS: [Key; 10] = [
    Key::TlsCaFile,
    Key::TlsCaDir,
    Key::TlsCaPem,
    Key::TlsCertFile,
    Key::TlsCertPem,
    Key::TlsKeyFile,
    Key::TlsKeyPem,
    Key::TlsServerName,
    Key::TlsVersionMin,
    Key::TlsInsecureSkipVerify,
];

/// In the order of the numbers.
#[rustfmt::skip]
pub(super) const TABLE: [OptionRow; 58] = [
    text(Key::Host, "host", TextForm::Host, "127.0.0.1", 1, HOST_MAX, OF_CONNECTION),
    number(Key::Port, "port", Kind::Int, 6379, 1, 65_535, OF_CONNECTION),
    text(Key::UnixPath, "unix_path", TextForm::SocketPath, "", 0, SOCKET_PATH_MAX, OF_CONNECTION),
    text(Key::Username, "username", TextForm::Any, "", 0, NAME_MAX, OF_CONNECTION),
    secret(Key::Password, "password", NAME_MAX, OF_CONNECTION),
    number(Key::Database, "database", Kind::Int, 0, 0, i32::MAX as i64, OF_CONNECTION),
    number(Key::Protocol, "protocol", Kind::Choice(PROTOCOLS), 0, 0, 3, OF_CONNECTION),
    text(Key::ClientName, "client_name", TextForm::Name, "", 0, NAME_MAX, OF_CONNECTION),
    text(Key::LibraryName, "library_name", TextForm::Name, "", 0, NAME_MAX, OF_CONNECTION),

    number(Key::Topology, "topology", Kind::Choice(TOPOLOGIES), 0, 0, SENTINEL, OF_CONNECTION),
    text(Key::Seeds, "seeds", TextForm::Servers, "", 0, SERVERS_TEXT_MAX, OF_CONNECTION),
    text(Key::SentinelService, "sentinel_service", TextForm::Name, "", 0, NAME_MAX, OF_CONNECTION),
    text(Key::SentinelUsername, "sentinel_username", TextForm::Any, "", 0, NAME_MAX, OF_CONNECTION),
    secret(Key::SentinelPassword, "sentinel_password", NAME_MAX, OF_CONNECTION),
    number(Key::SentinelTls, "sentinel_tls", Kind::Choice(AS_TLS), -1, -1, 1, OF_CONNECTION),
    number(Key::ReadFrom, "read_from", Kind::Choice(READS), 0, 0, 4, OF_CLIENT),
    text(Key::Zone, "zone", TextForm::Name, "", 0, NAME_MAX, OF_CLIENT),
    text(Key::AddressMap, "address_map", TextForm::AddressMap, "", 0, SERVERS_TEXT_MAX, OF_CONNECTION),
    number(Key::Split, "split", Kind::Bool, 0, 0, 1, OF_CLIENT),

    number(Key::PoolMax, "pool_max", Kind::Int, 64, 1, limits::POOL_MAX as i64, OF_CONNECTION),
    number(Key::PoolWaitMs, "pool_wait", Kind::Duration, EVER, EVER, i64::MAX, OF_CONNECTION),
    number(Key::PoolIdleMin, "pool_idle_min", Kind::Int, 0, 0, limits::POOL_MAX as i64, OF_CONNECTION),
    number(Key::PoolIdleMs, "pool_idle", Kind::Duration, 5 * MINUTE, EVER, i64::MAX, OF_CONNECTION),
    number(Key::PoolAgeMs, "pool_age", Kind::Duration, EVER, EVER, i64::MAX, OF_CONNECTION),
    number(Key::Share, "share", Kind::Choice(SHARES), SHARE, 0, 2, OF_CONNECTION),
    number(Key::InflightMax, "inflight_max", Kind::Int, 4096, 1, 1 << 20, OF_CONNECTION),
    number(Key::InflightBytesMax, "inflight_bytes_max", Kind::Bytes, 64 << 20, 1, BYTES_MAX, OF_CONNECTION),

    number(Key::ConnectTimeoutMs, "connect_timeout", Kind::Duration, 5 * SECOND, EVER, i64::MAX, OF_CONNECTION),
    number(Key::CommandTimeoutMs, "command_timeout", Kind::Duration, 5 * SECOND, EVER, i64::MAX, OF_CLIENT),
    number(Key::KeepaliveMs, "keepalive", Kind::Duration, 30 * SECOND, EVER, i64::MAX, OF_CONNECTION),
    number(Key::HealthCheckMs, "health_check", Kind::Duration, 30 * SECOND, EVER, i64::MAX, OF_CONNECTION),
    number(Key::UserTimeoutMs, "user_timeout", Kind::Duration, 30 * SECOND, EVER, i64::MAX, OF_CONNECTION),
    number(Key::BlockSlackMs, "block_slack", Kind::Duration, SECOND, 0, i64::MAX, OF_CONNECTION),
    number(Key::TopologyAgeMs, "topology_age", Kind::Duration, MINUTE, EVER, i64::MAX, OF_CONNECTION),

    number(Key::RetryMax, "retry_max", Kind::Int, 3, 0, 65_535, OF_CLIENT),
    number(Key::BackoffMs, "backoff", Kind::Duration, 8, 0, i64::MAX, OF_CLIENT),
    number(Key::BackoffMsMax, "backoff_max", Kind::Duration, 512, 0, i64::MAX, OF_CLIENT),
    number(Key::RetryBudgetPercent, "retry_budget_percent", Kind::Int, 10, 0, 100, OF_CLIENT),
    number(Key::FailoverWaitMs, "failover_wait", Kind::Duration, EVER, EVER, i64::MAX, OF_CLIENT),

    number(Key::Shape, "shape", Kind::Choice(SHAPES), 0, 0, 1, OF_CLIENT),
    number(Key::Parser, "parser", Kind::Choice(PARSERS), 0, 0, 2, OF_CONNECTION),

    number(Key::ReplyBytesMax, "reply_bytes_max", Kind::Bytes, limits::REPLY_BYTES_MAX as i64, 1, BYTES_MAX, OF_CONNECTION),
    number(Key::ReplyDepthMax, "reply_depth_max", Kind::Int, limits::REPLY_DEPTH_MAX as i64, 1, 1 << 20, OF_CONNECTION),
    number(Key::ReplyNodesMax, "reply_nodes_max", Kind::Int, limits::REPLY_NODES_MAX as i64, 1, u32::MAX as i64, OF_CONNECTION),
    number(Key::ReplyLineMax, "reply_line_max", Kind::Bytes, limits::REPLY_LINE_MAX as i64, 32, 1 << 30, OF_CONNECTION),
    number(Key::PushBytesMax, "push_bytes_max", Kind::Bytes, limits::PUSH_BYTES_MAX as i64, 1, BYTES_MAX, OF_CONNECTION),

    number(Key::Tls, "tls", Kind::Bool, 0, 0, 1, OF_CONNECTION),
    text(Key::TlsCaFile, "tls_ca_file", TextForm::Path, "", 0, PATH_MAX, OF_CONNECTION),
    text(Key::TlsCaDir, "tls_ca_dir", TextForm::Path, "", 0, PATH_MAX, OF_CONNECTION),
    text(Key::TlsCaPem, "tls_ca_pem", TextForm::Any, "", 0, PEM_MAX, OF_CONNECTION),
    text(Key::TlsCertFile, "tls_cert_file", TextForm::Path, "", 0, PATH_MAX, OF_CONNECTION),
    text(Key::TlsCertPem, "tls_cert_pem", TextForm::Any, "", 0, PEM_MAX, OF_CONNECTION),
    text(Key::TlsKeyFile, "tls_key_file", TextForm::Path, "", 0, PATH_MAX, OF_CONNECTION),
    secret(Key::TlsKeyPem, "tls_key_pem", PEM_MAX, OF_CONNECTION),
    text(Key::TlsServerName, "tls_server_name", TextForm::Host, "", 0, HOST_MAX, OF_CONNECTION),
    number(Key::TlsVersionMin, "tls_version_min", Kind::Choice(TLS_VERSIONS), 12, 12, 13, OF_CONNECTION),
    number(Key::TlsInsecureSkipVerify, "tls_insecure_skip_verify", Kind::Bool, 0, 0, 1, OF_CONNECTION),

    number(Key::PubsubConfirmations, "pubsub_confirmations", Kind::Bool, 0, 0, 1, OF_CLIENT),
];

const fn number(
    key: Key,
    name: &'static str,
    kind: Kind,
    default: i64,
    min: i64,
    max: i64,
    of_connection: bool,
) -> OptionRow {
    OptionRow { key, name, kind, default, default_text: "", min, max, of_connection }
}

const fn text(
    key: Key,
    name: &'static str,
    form: TextForm,
    default_text: &'static str,
    min: i64,
    max: i64,
    of_connection: bool,
) -> OptionRow {
    OptionRow { key, name, kind: Kind::Text(form), default: 0, default_text, min, max, of_connection }
}

const fn secret(key: Key, name: &'static str, max: i64, of_connection: bool) -> OptionRow {
    OptionRow { key, name, kind: Kind::Secret, default: 0, default_text: "", min: 0, max, of_connection }
}
