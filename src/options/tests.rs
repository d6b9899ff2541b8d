//! The values that options accept and refuse, and their messages.

mod topology;

use super::table::{Kind, TABLE};
use super::{Endpoint, Key, Options, ParserChoice, Topology, check};
use crate::error::{Result, Status};
use crate::limits::Limits;

fn refused(result: Result<()>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.status, Status::Config);
    assert_eq!(error.outcome, crate::error::Outcome::None);
    error.to_string()
}

fn int(key: Key, value: i64) -> String {
    refused(Options::new().set_int(key, value))
}

fn text(key: Key, value: &[u8]) -> String {
    refused(Options::new().set_text(key, value))
}

#[test]
fn the_table_is_in_the_order_of_its_numbers() {
    assert!(TABLE.windows(2).all(|pair| pair[0].key < pair[1].key));
    for row in &TABLE {
        assert_eq!(Key::from_number(row.key as u32), Some(row.key));
        assert_eq!(Key::from_name(row.name), Some(row.key));
        let name = format!("{:?}", row.key).replace("Max", "_max").replace("Min", "_min");
        let bare = row.name.replace('_', "");
        assert_eq!(name.replace('_', "").replace("Ms", "").to_lowercase(), bare);
        let number = row.key as u32;
        let shared = matches!(number, 1..=15 | 18 | 20..=27 | 30 | 32..=36 | 51 | 60..=89);
        assert_eq!(row.of_connection, shared, "{}", row.name);
    }
    for number in [0, 28, 37, 45, 91, u32::MAX] {
        assert_eq!(Key::from_number(number), None);
    }
}

#[test]
fn every_default_is_within_its_bounds() {
    for row in &TABLE {
        match row.kind {
            Kind::Text(_) => check::text(row, row.default_text.as_bytes()).unwrap(),
            Kind::Secret => {}
            _ => assert_eq!(check::number(row, row.default).unwrap(), row.default),
        }
    }
    assert_eq!(Options::new().limits(), Limits::default());
    Options::new().check().unwrap();
}

#[test]
fn the_defaults_are_as_documented() {
    let options = Options::new();
    assert_eq!(options.endpoint().to_string(), "127.0.0.1:6379");
    assert_eq!((options.database(), options.protocol(), options.pool_max()), (0, 0, 64));
    assert_eq!((options.pool_wait_ms(), options.pool_idle_ms(), options.pool_age_ms()), (-1, 300_000, -1));
    assert_eq!((options.connect_timeout_ms(), options.command_timeout_ms()), (5000, 5000));
    assert_eq!(
        (options.keepalive_ms(), options.user_timeout_ms(), options.health_check_ms()),
        (30_000, 30_000, 30_000)
    );
    assert_eq!((options.retry_max(), options.backoff_ms(), options.backoff_max_ms()), (3, 8, 512));
    assert_eq!((options.retry_budget_percent(), options.block_slack_ms()), (10, 1000));
    assert_eq!((options.topology(), options.seeds()), (Topology::Single, vec![options.endpoint()]));
    assert_eq!((options.topology_age_ms(), options.failover_wait_ms(), options.split()), (60_000, -1, false));
    assert_eq!((options.inflight_max(), options.inflight_bytes_max()), (4096, 64 << 20));
    assert!(options.username().is_none() && options.password().is_none() && options.client_name().is_none());
    assert!(!options.raw_shape() && !options.tls() && options.parser() == ParserChoice::Auto);
    assert!(TABLE.iter().all(|row| !options.is_set(row.key)));
}

#[test]
fn numbers_out_of_bounds_are_refused_with_the_bounds() {
    assert_eq!(int(Key::PoolMax, 0), "pool_max: 0 is not between 1 and 65535");
    assert_eq!(int(Key::PoolMax, 65_536), "pool_max: 65536 is not between 1 and 65535");
    assert_eq!(int(Key::Port, 0), "port: 0 is not between 1 and 65535");
    assert_eq!(int(Key::Port, i64::MAX), "port: 9223372036854775807 is not between 1 and 65535");
    assert_eq!(int(Key::Database, -1), "database: -1 is not between 0 and 2147483647");
    assert_eq!(int(Key::RetryBudgetPercent, 101), "retry_budget_percent: 101 is not between 0 and 100");
    assert_eq!(int(Key::Protocol, 1), "protocol: 1 is none of 0 (auto), 2, 3");
    assert_eq!(int(Key::Parser, 3), "parser: 3 is none of 0 (auto), 1 (fast), 2 (simple)");
    assert_eq!(int(Key::TlsVersionMin, 11), "tls_version_min: 11 is none of 12 (1.2), 13 (1.3)");
    assert_eq!(int(Key::Tls, 2), "tls: 2 is not between 0 and 1");
    assert_eq!(int(Key::BackoffMs, -1), "backoff: -1 is not between 0 and 9223372036854775807");
    assert_eq!(int(Key::Host, 1), "host takes text, not a number");
    assert_eq!(int(Key::Password, 1), "password takes text, not a number");
    assert_eq!(text(Key::Port, b"6379"), "port takes a number, not text");
    assert_eq!(Options::new().int(Key::Host).unwrap_err().to_string(), "host is text, not a number");
}

#[test]
fn every_number_takes_its_bounds_and_nothing_beyond_them() {
    for row in TABLE.iter().filter(|row| !matches!(row.kind, Kind::Text(_) | Kind::Secret)) {
        let mut options = Options::new();
        for value in [row.min, row.max] {
            options.set_int(row.key, value).unwrap();
            assert_eq!(options.int(row.key).unwrap(), value, "{}", row.name);
            assert!(options.is_set(row.key));
        }
        if row.max < i64::MAX {
            assert!(options.set_int(row.key, row.max + 1).is_err(), "{}", row.name);
        }
        let below = options.set_int(row.key, i64::MIN);
        assert_eq!(below.is_ok(), matches!(row.kind, Kind::Duration) && row.min < 0, "{}", row.name);
    }
}

#[test]
fn every_time_below_zero_is_for_ever() {
    for key in [Key::ConnectTimeoutMs, Key::CommandTimeoutMs, Key::PoolWaitMs, Key::PoolAgeMs, Key::KeepaliveMs] {
        let mut options = Options::new();
        options.set_int(key, -77).unwrap();
        assert_eq!(options.int(key).unwrap(), -1);
    }
}

#[test]
fn texts_are_checked_for_what_they_are_for() {
    assert_eq!(text(Key::Host, b""), "host must not be empty");
    assert_eq!(text(Key::Host, b"a\0b"), "host: \"a\\x00b\" has a NUL (byte 1)");
    assert_eq!(text(Key::Host, b"a b"), "host: \"a b\" has white space (byte 1)");
    assert_eq!(text(Key::Host, b"[::1]"), "host: \"[::1]\" has a byte that no host has (byte 0)");
    let port = "is neither a host's name nor an address (a port is an option of its own)";
    assert_eq!(text(Key::Host, b"localhost:6379"), format!("host: \"localhost:6379\" {port}"));
    assert_eq!(text(Key::Host, b"\xff"), "host: \"\\xff\" is not UTF-8");
    assert_eq!(text(Key::Host, b"fe80::1%"), "host: \"fe80::1%\" has no good zone behind its '%'");
    assert_eq!(text(Key::Host, &[b'a'; 256]), "host: 256 bytes, but it may have at most 255");
    let long = text(Key::UnixPath, &[b'/'; 200]);
    assert_eq!(long, "unix_path: 200 bytes, but a socket's path has at most 107");
    assert_eq!(text(Key::UnixPath, b"/a\0"), "unix_path: \"/a\\x00\" has a NUL (byte 2)");
    assert_eq!(text(Key::TlsCaFile, b"/a\0"), "tls_ca_file: \"/a\\x00\" has a NUL (byte 2)");
    assert_eq!(text(Key::ClientName, b"my app"), "client_name: \"my app\" has white space (byte 2)");
    assert_eq!(text(Key::ClientName, b"app\n"), "client_name: \"app\\x0a\" has white space (byte 3)");
    assert_eq!(
        text(Key::LibraryName, b"caf\xc3\xa9"),
        "library_name: \"caf\u{e9}\" has a byte that is not ASCII (byte 3)"
    );
    for host in ["localhost", "127.0.0.1", "::1", "fe80::1%eth0", "::ffff:1.2.3.4", "redis_1", "b\u{fc}cher.example"] {
        Options::new().set_text(Key::Host, host.as_bytes()).unwrap();
    }
    Options::new().set_text(Key::UnixPath, &[b'/'; 107]).unwrap();
    Options::new().set_text(Key::Username, b"a b\0:@").unwrap();
}

#[test]
fn an_empty_text_is_none() {
    let mut options = Options::new();
    options.set_text(Key::UnixPath, b"/s").unwrap();
    assert_eq!(options.endpoint(), Endpoint::Unix { path: b"/s".to_vec() });
    options.set_text(Key::UnixPath, b"").unwrap();
    options.set_text(Key::Password, b"").unwrap();
    assert_eq!(options.endpoint().to_string(), "127.0.0.1:6379");
    assert!(options.password().is_none() && options.is_set(Key::Password) && options.text(Key::UnixPath).is_none());
    assert_eq!(options, Options::new());
}

#[test]
fn secrets_are_told_to_nobody() {
    let mut options = Options::new();
    options.set_text(Key::Password, b"canary").unwrap();
    options.set_text(Key::TlsKeyPem, b"canary").unwrap();
    options.set_text(Key::SentinelPassword, b"canary").unwrap();
    assert_eq!(options.password().unwrap().bytes(), b"canary");
    assert_eq!(options.tls_key_pem().unwrap().bytes(), b"canary");
    for row in TABLE.iter().filter(|row| matches!(row.kind, Kind::Secret)) {
        assert!(options.is_set(row.key) && options.text(row.key).is_none(), "{}", row.name);
    }
    assert_eq!(format!("{:?}", options.password()), "Some(***)");
    assert!(!format!("{options:?} {}", options.to_url().unwrap()).contains("canary"));
    let long = text(Key::Password, &b"canary".repeat(20_000));
    assert_eq!(long, "password: it may have at most 65535 bytes", "how long it is, is a secret too");
}

#[test]
fn a_key_that_stands_where_it_has_no_place_is_shown_to_nobody() {
    let key = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n";
    for option in [Key::TlsCertFile, Key::TlsKeyFile, Key::TlsCaFile, Key::TlsCaDir, Key::UnixPath] {
        for pem in [key.to_owned(), key.replace('\n', "")] {
            assert_eq!(
                text(option, pem.as_bytes()),
                format!("{}: it is a PEM, where the path of a file is due", option.name())
            );
        }
    }
    for option in [Key::TlsCertPem, Key::TlsCaPem] {
        let both = format!("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n{key}");
        let fault = format!("{}: there is a private key in it, whose place is tls_key_pem", option.name());
        assert_eq!(text(option, both.as_bytes()), fault);
    }
}

#[test]
fn a_url_that_stands_where_it_has_no_place_is_shown_to_nobody() {
    for option in [Key::Host, Key::TlsServerName, Key::UnixPath, Key::TlsCaFile, Key::TlsKeyFile, Key::ClientName] {
        let url = b"redis://ann:canary@db.example:6379/2";
        assert_eq!(text(option, url), format!("{}: it is a URL, which is set as a whole", option.name()));
    }
    for option in [Key::Host, Key::TlsServerName] {
        let said = format!("{}: there is an '@' in it, as in the URL of a server", option.name());
        assert_eq!(text(option, b"ann:canary@db.example"), said);
        let url = format!("redis://h?{}=ann%3Acanary%40h", option.name());
        assert!(!refused(Options::new().set_url(url.as_bytes())).contains("canary"));
    }
    assert!(!refused(Options::new().set_url(b"redis://ann%3Acanary%40h")).contains("canary"));
}

#[test]
fn an_endpoint_prints_as_it_is_dialled() {
    let mut options = Options::new();
    options.set_text(Key::Host, b"::1").unwrap();
    options.set_int(Key::Port, 7000).unwrap();
    assert_eq!(options.endpoint().to_string(), "[::1]:7000");
    options.set_text(Key::UnixPath, b"/tmp/s").unwrap();
    assert_eq!(options.endpoint().to_string(), "unix:/tmp/s");
}

#[test]
fn only_what_was_set_and_differs_is_a_conflict() {
    let mut pool = Options::new();
    pool.set_int(Key::Database, 5).unwrap();
    pool.set_text(Key::Password, b"x").unwrap();
    let mut mine = Options::new();
    assert_eq!(mine.conflict(&pool), None);
    mine.set_int(Key::CommandTimeoutMs, 1).unwrap();
    mine.set_int(Key::Shape, 1).unwrap();
    mine.set_int(Key::PoolMax, 64).unwrap();
    mine.set_int(Key::Database, 5).unwrap();
    mine.set_text(Key::Password, b"x").unwrap();
    assert_eq!(mine.conflict(&pool), None);
    mine.set_text(Key::Password, b"y").unwrap();
    assert_eq!(mine.conflict(&pool), Some(Key::Password));
    mine.set_int(Key::Database, 0).unwrap();
    mine.set_int(Key::Port, 1).unwrap();
    assert_eq!(mine.conflict(&pool), Some(Key::Port));
}

#[test]
fn options_that_cannot_hold_together_are_found() {
    let mut options = Options::new();
    options.set_int(Key::PoolMax, 4).unwrap();
    options.set_int(Key::PoolIdleMin, 5).unwrap();
    assert_eq!(refused(options.check()), "pool_idle_min: 5 is more than pool_max, which is 4");
}

#[test]
fn what_was_left_alone_gives_way_to_what_was_set() {
    let mut options = Options::new();
    options.set_int(Key::PoolIdleMin, 100).unwrap();
    options.set_int(Key::BackoffMs, 1000).unwrap();
    options.check().unwrap();
    assert_eq!((options.backoff_ms(), options.backoff_max_ms()), (1000, 1000));
    options.set_int(Key::BackoffMsMax, 512).unwrap();
    assert_eq!(refused(options.check()), "backoff: 1000 is more than backoff_max, which is 512");
}
