//! Names that other clients have for options, and what their values mean here.

use super::super::fault::about;
use super::super::{Key, words};
use crate::error::Result;

/// The names that redis-py, and for Sentinels go-redis, rueidis and lettuce, have for what has another name here.
pub(super) const ALIASES: [(&str, Key, Meaning); 21] = [
    ("db", Key::Database, Meaning::Same),
    ("path", Key::UnixPath, Meaning::Same),
    ("lib_name", Key::LibraryName, Meaning::Same),
    ("max_connections", Key::PoolMax, Meaning::Same),
    ("socket_timeout", Key::CommandTimeoutMs, Meaning::Same),
    ("socket_connect_timeout", Key::ConnectTimeoutMs, Meaning::Same),
    ("socket_keepalive", Key::KeepaliveMs, Meaning::OnOrOff),
    ("health_check_interval", Key::HealthCheckMs, Meaning::ZeroIsNever),
    ("ssl_ca_certs", Key::TlsCaFile, Meaning::Same),
    ("ssl_ca_path", Key::TlsCaDir, Meaning::Same),
    ("ssl_ca_data", Key::TlsCaPem, Meaning::Same),
    ("ssl_certfile", Key::TlsCertFile, Meaning::Same),
    ("ssl_keyfile", Key::TlsKeyFile, Meaning::Same),
    ("ssl_min_version", Key::TlsVersionMin, Meaning::Same),
    ("ssl_cert_reqs", Key::TlsInsecureSkipVerify, Meaning::Required),
    ("ssl_check_hostname", Key::TlsInsecureSkipVerify, Meaning::HostName),
    ("addr", Key::Seeds, Meaning::OneMore),
    ("service_name", Key::SentinelService, Meaning::Same),
    ("master_name", Key::SentinelService, Meaning::Same),
    ("master_set", Key::SentinelService, Meaning::Same),
    ("sentinelMasterId", Key::SentinelService, Meaning::Same),
];

/// How the value of a name means what it means here.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    Same,
    OnOrOff,
    ZeroIsNever,
    Required,
    HostName,
    OneMore,
}

/// What another client's value means for our option.
pub(super) fn translate(key: Key, meaning: Meaning, value: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    match meaning {
        Meaning::OnOrOff => match words::truth(text) {
            Some(true) => Ok(key.row().default),
            Some(false) => Ok(-1),
            None => Err(about(key.name(), value, "is neither true nor false")),
        },
        Meaning::Required => match text.to_ascii_lowercase().trim_start_matches("cert_") {
            "none" => Ok(1),
            "optional" | "required" => Ok(0),
            _ => Err(about("ssl_cert_reqs", value, "is none of none, optional, required")),
        },
        _ => match words::read(key.row(), value)? {
            0 => Ok(-1),
            number => Ok(number),
        },
    }
}

/// A name that means one thing in one place and another elsewhere: no guess is made.
pub(super) fn ambiguous(name: &str) -> Option<&'static str> {
    let text = "timeout, which is ambiguous: pool_wait is the time to wait for a connection of the pool, and command_timeout \
        that of a command";
    (name == "timeout").then_some(text)
}
