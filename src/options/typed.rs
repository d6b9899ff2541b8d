//! The options in force, each in its type.

use std::borrow::Cow;

use super::fault::config;
use super::{Endpoint, Key, Options, Secret};
use crate::error::Result;
use crate::limits::Limits;

/// Which parser reads replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParserChoice {
    /// The best there is.
    Auto,
    /// The fast one.
    Fast,
    /// The simple one.
    Simple,
}

/// When commands of several threads share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Never.
    Never,
    /// When all connections are busy.
    Busy,
    /// Always.
    Always,
}

/// Durations are in milliseconds, and -1 is for ever.
impl Options {
    /// Where the server is.
    pub fn endpoint(&self) -> Endpoint {
        match self.text(Key::UnixPath) {
            Some(path) => Endpoint::Unix { path: path.to_vec() },
            None => {
                let host = String::from_utf8_lossy(self.text(Key::Host).unwrap_or_default()).into_owned();
                Endpoint::Tcp { host, port: self.number(Key::Port) as u16 }
            }
        }
    }

    /// User to log in as.
    pub fn username(&self) -> Option<&[u8]> {
        self.text(Key::Username)
    }

    /// Password to log in with.
    pub fn password(&self) -> Option<&Secret> {
        self.secret(Key::Password)
    }

    /// Database of every connection.
    pub fn database(&self) -> u32 {
        self.number(Key::Database) as u32
    }

    /// RESP version: 2, 3, or 0 for the best there is.
    pub fn protocol(&self) -> u8 {
        self.number(Key::Protocol) as u8
    }

    /// What CLIENT LIST shows.
    pub fn client_name(&self) -> Option<&[u8]> {
        self.text(Key::ClientName)
    }

    /// What CLIENT LIST shows as the library.
    pub fn library_name(&self) -> Option<&[u8]> {
        self.text(Key::LibraryName)
    }

    /// Connections of a pool at most.
    pub fn pool_max(&self) -> usize {
        self.number(Key::PoolMax) as usize
    }

    /// Time to wait for a connection of the pool.
    pub fn pool_wait_ms(&self) -> i64 {
        self.number(Key::PoolWaitMs)
    }

    /// Idle connections that are kept however long they rest.
    pub fn pool_idle_min(&self) -> usize {
        self.number(Key::PoolIdleMin) as usize
    }

    /// Rest after which a connection is closed.
    pub fn pool_idle_ms(&self) -> i64 {
        self.number(Key::PoolIdleMs)
    }

    /// Age after which a connection is closed.
    pub fn pool_age_ms(&self) -> i64 {
        self.number(Key::PoolAgeMs)
    }

    /// When commands of several threads share a connection.
    pub fn share(&self) -> Share {
        match self.number(Key::Share) {
            1 => Share::Busy,
            2 => Share::Always,
            _ => Share::Never,
        }
    }

    /// Commands under way on a shared connection.
    pub fn inflight_max(&self) -> usize {
        self.number(Key::InflightMax) as usize
    }

    /// Bytes under way on a shared connection.
    pub fn inflight_bytes_max(&self) -> u64 {
        self.number(Key::InflightBytesMax) as u64
    }

    /// Time to connect, handshake included.
    pub fn connect_timeout_ms(&self) -> i64 {
        self.number(Key::ConnectTimeoutMs)
    }

    /// Time for a command, all in all.
    pub fn command_timeout_ms(&self) -> i64 {
        self.number(Key::CommandTimeoutMs)
    }

    /// Silence after which TCP asks whether the peer is there; -1 is never.
    pub fn keepalive_ms(&self) -> i64 {
        self.number(Key::KeepaliveMs)
    }

    /// Rest after which a connection is asked for a PONG before it is used; -1 is never.
    pub fn health_check_ms(&self) -> i64 {
        self.number(Key::HealthCheckMs)
    }

    /// Time that sent bytes may stay unacknowledged; -1 leaves it to the system.
    pub fn user_timeout_ms(&self) -> i64 {
        self.number(Key::UserTimeoutMs)
    }

    /// Time that a blocking command gets on top of its own timeout.
    pub fn block_slack_ms(&self) -> i64 {
        self.number(Key::BlockSlackMs)
    }

    /// How often a command is tried again.
    pub fn retry_max(&self) -> u32 {
        self.number(Key::RetryMax) as u32
    }

    /// First wait between tries.
    pub fn backoff_ms(&self) -> i64 {
        self.number(Key::BackoffMs)
    }

    /// Longest wait between tries. Where it was left alone it is no shorter than the first.
    pub fn backoff_max_ms(&self) -> i64 {
        match self.is_set(Key::BackoffMsMax) {
            true => self.number(Key::BackoffMsMax),
            false => self.number(Key::BackoffMsMax).max(self.backoff_ms()),
        }
    }

    /// Tries again, as a share of all commands.
    pub fn retry_budget_percent(&self) -> u32 {
        self.number(Key::RetryBudgetPercent) as u32
    }

    /// Whether replies are as they came.
    pub fn raw_shape(&self) -> bool {
        self.number(Key::Shape) == 1
    }

    /// Which parser reads replies.
    pub fn parser(&self) -> ParserChoice {
        match self.number(Key::Parser) {
            1 => ParserChoice::Fast,
            2 => ParserChoice::Simple,
            _ => ParserChoice::Auto,
        }
    }

    /// What a reply may grow to.
    pub fn limits(&self) -> Limits {
        Limits {
            bytes: self.number(Key::ReplyBytesMax) as u64,
            nodes: self.number(Key::ReplyNodesMax) as u64,
            depth: self.number(Key::ReplyDepthMax) as u32,
            line: self.number(Key::ReplyLineMax) as u32,
            push_bytes: self.number(Key::PushBytesMax) as u64,
        }
    }

    /// Whether to speak TLS.
    pub fn tls(&self) -> bool {
        self.number(Key::Tls) == 1
    }

    /// The name or address that the certificate of a server at `endpoint` must be for.
    pub fn tls_name<'o>(&'o self, endpoint: &'o Endpoint) -> Result<Cow<'o, str>> {
        match (self.text(Key::TlsServerName), endpoint) {
            (Some(name), _) => Ok(String::from_utf8_lossy(name)),
            (None, Endpoint::Tcp { host, .. }) => Ok(Cow::Borrowed(host)),
            // Nobody is verified then, and for an address no name is sent.
            (None, Endpoint::Unix { .. }) if self.tls_insecure_skip_verify() => Ok(Cow::Borrowed("127.0.0.1")),
            (None, Endpoint::Unix { .. }) => {
                let text = "tls_server_name: needed over a Unix socket, whose path is on no certificate";
                Err(config(text.to_owned()))
            }
        }
    }

    /// Our key for TLS, as PEM.
    pub fn tls_key_pem(&self) -> Option<&Secret> {
        self.secret(Key::TlsKeyPem)
    }

    /// Whether to trust whoever answers.
    pub fn tls_insecure_skip_verify(&self) -> bool {
        self.number(Key::TlsInsecureSkipVerify) == 1
    }

    /// Whether confirmations of subscriptions are shown.
    pub fn pubsub_confirmations(&self) -> bool {
        self.number(Key::PubsubConfirmations) == 1
    }
}
