//! URLs that are accepted and refused, and the messages.

mod any;
mod many;
mod secrets;

use super::*;
use crate::error::Status;

fn parse(url: &str) -> Options {
    let mut options = Options::new();
    options.set_url(url.as_bytes()).unwrap_or_else(|error| panic!("{url}: {error}"));
    options
}

fn refused(url: impl AsRef<[u8]>) -> String {
    let mut options = Options::new();
    options.set_int(Key::PoolMax, 7).unwrap();
    let error = options.set_url(url.as_ref()).unwrap_err();
    assert_eq!(error.status, Status::Config);
    assert!(TABLE.iter().all(|row| options.is_set(row.key) == (row.key == Key::PoolMax)), "something was set");
    error.to_string()
}

fn endpoint(url: &str) -> String {
    parse(url).endpoint().to_string()
}

fn secret(url: &str) -> String {
    let options = parse(url);
    options.password().unwrap().bytes().escape_ascii().to_string()
}

fn number(url: &str, key: Key) -> i64 {
    parse(url).int(key).unwrap()
}

fn words(url: &str, key: Key) -> String {
    parse(url).text(key).unwrap().escape_ascii().to_string()
}

#[test]
fn places() {
    assert_eq!(endpoint("redis://localhost"), "localhost:6379");
    assert_eq!(endpoint("REDIS://localhost:7000"), "localhost:7000");
    assert_eq!(endpoint("valkey://10.0.0.1:1/"), "10.0.0.1:1");
    assert_eq!(endpoint("redis://[::1]"), "[::1]:6379");
    assert_eq!(endpoint("redis://[::1]:7000/1"), "[::1]:7000");
    assert_eq!(endpoint("redis://[fe80::1%25eth0]:1"), "[fe80::1%eth0]:1");
    assert_eq!(endpoint("redis://[fe80::1%eth0]:1"), "[fe80::1%eth0]:1");
    assert_eq!(endpoint("redis://[fe80::1%25a%2Db]:1"), "[fe80::1%a-b]:1");
    assert_eq!(endpoint("redis://l%6Fcalhost"), "localhost:6379");
    assert_eq!(endpoint("unix:///tmp/redis.sock"), "unix:/tmp/redis.sock");
    assert_eq!(endpoint("Redis+Unix:///tmp/a%20b"), "unix:/tmp/a b");
    assert_eq!(endpoint("valkey+unix:///tmp/s@1"), "unix:/tmp/s@1");
    assert_eq!(endpoint("unix://?path=relative"), "unix:relative");
    assert_eq!(endpoint("unix://u:p@/tmp/s?db=3"), "unix:/tmp/s");
    for (url, tls) in [("redis://h", false), ("rediss://h", true), ("valkeys://h", true), ("redis://h?tls=yes", true)] {
        assert_eq!(parse(url).tls(), tls, "{url}");
    }
}

#[test]
fn a_later_url_of_a_tcp_server_ends_an_earlier_unix_path() {
    let mut options = parse("unix:///tmp/s");
    options.set_url(b"redis://localhost/2").unwrap();
    assert_eq!(options.endpoint().to_string(), "localhost:6379");
    assert_eq!(options.conflict(&parse("unix:///tmp/s")), Some(Key::Host));
    assert_eq!(parse("redis://127.0.0.1").conflict(&parse("unix:///tmp/s")), Some(Key::UnixPath));
    assert_eq!(parse("redis://h").conflict(&parse("rediss://h")), Some(Key::Tls));
}

#[test]
fn users_and_passwords() {
    assert_eq!(secret("redis://:secret@h"), "secret");
    assert_eq!(secret("redis://u:a:b:c@h"), "a:b:c");
    assert_eq!(secret("redis://u:p@ss@h"), "p@ss");
    assert_eq!(secret("redis://u::@:@@h"), ":@:@");
    assert_eq!(secret("redis://u:%3A%40%2f%3F%23%25%00%ff@h"), r":@/?#%\x00\xff");
    assert_eq!(secret("redis://u:%2541@h"), "%41");
    assert_eq!(secret("redis://u:a+b@h"), "a+b");
    assert_eq!(secret("redis://h?password=a%26b=c"), "a&b=c");
    assert_eq!(secret("unix://:p@w@/s"), "p@w");
    assert_eq!(secret("redis://u:p%C3%A4ss\u{e4}@h"), r"p\xc3\xa4ss\xc3\xa4");
    let alone = parse("redis://alice@h");
    assert_eq!((alone.username(), alone.password().is_none()), (Some(&b"alice"[..]), true));
    assert_eq!(parse("redis://:p@h").username(), None);
    assert_eq!(words("redis://a%3Ab:p@h", Key::Username), "a:b");
    assert!(!parse("redis://:@h").is_set(Key::Password));
}

#[test]
fn databases() {
    assert_eq!(parse("redis://h").database(), 0);
    assert_eq!(parse("redis://h/").database(), 0);
    assert_eq!(parse("redis://h/15").database(), 15);
    assert_eq!(parse("redis://h?db=3").database(), 3);
    assert_eq!(parse("redis://h/1?db=3").database(), 3);
    assert_eq!(parse("unix:///s?database=4").database(), 4);
}

#[test]
fn options_by_their_own_names() {
    assert_eq!(number("redis://h?pool_max=7&retry_max=0", Key::PoolMax), 7);
    assert_eq!(number("redis://h?connect_timeout=500ms", Key::ConnectTimeoutMs), 500);
    assert_eq!(number("redis://h?connect_timeout=2s", Key::ConnectTimeoutMs), 2000);
    assert_eq!(number("redis://h?pool_idle=5m", Key::PoolIdleMs), 300_000);
    assert_eq!(number("redis://h?command_timeout=0.5", Key::CommandTimeoutMs), 500);
    assert_eq!(number("redis://h?command_timeout=3", Key::CommandTimeoutMs), 3000);
    assert_eq!(number("redis://h?pool_age=-1", Key::PoolAgeMs), -1);
    assert_eq!(number("redis://h?protocol=3", Key::Protocol), 3);
    assert_eq!(number("redis://h?protocol=resp2", Key::Protocol), 2);
    assert_eq!(number("redis://h?parser=simple", Key::Parser), 2);
    assert_eq!(number("redis://h?parser=1", Key::Parser), 1);
    assert_eq!(number("redis://h?shape=RAW", Key::Shape), 1);
    assert_eq!(number("redis://h?tls_version_min=1.3", Key::TlsVersionMin), 13);
    assert_eq!(words("redis://h?client_name=a%2Fb", Key::ClientName), "a/b");
    for row in TABLE.iter().filter(|row| !matches!(row.kind, Kind::Text(_) | Kind::Secret)) {
        if !matches!(row.key, Key::Port | Key::Tls) {
            let value = words::write(row, row.max);
            assert_eq!(number(&format!("redis://h?{}={value}", row.name), row.key), row.max, "{}", row.name);
        }
    }
}

#[test]
fn options_by_the_names_of_redis_py() {
    let all = "rediss://h?db=1&socket_timeout=0.25&socket_connect_timeout=1.5&max_connections=9&pool_wait=20\
        &health_check_interval=0&socket_keepalive=False&client_name=n&lib_name=l&protocol=2&username=u&password=p\
        &ssl_ca_certs=/ca&ssl_ca_path=/dir&ssl_ca_data=pem&ssl_certfile=/c&ssl_keyfile=/k&ssl_cert_reqs=none\
        &ssl_check_hostname=False&ssl_min_version=772";
    let ours = "rediss://h/1?command_timeout=250ms&connect_timeout=1500ms&pool_max=9&pool_wait=20s&health_check=-1\
        &keepalive=-1&client_name=n&library_name=l&protocol=2&username=u&password=p&tls_ca_file=/ca&tls_ca_dir=/dir\
        &tls_ca_pem=pem&tls_cert_file=/c&tls_key_file=/k&tls_insecure_skip_verify=true&tls_version_min=1.3";
    assert_eq!(parse(all), parse(ours));
    assert_eq!(number("redis://h?socket_keepalive=true", Key::KeepaliveMs), 30_000);
    assert_eq!(number("redis://h?health_check_interval=10", Key::HealthCheckMs), 10_000);
    assert!(!parse("rediss://h?ssl_cert_reqs=required").tls_insecure_skip_verify());
    for (written, skips) in [("CERT_NONE", true), ("CERT_OPTIONAL", false), ("CERT_REQUIRED", false), ("None", true)] {
        let options = parse(&format!("rediss://h?ssl_cert_reqs={written}"));
        assert_eq!(options.tls_insecure_skip_verify(), skips, "{written}");
        assert!(options.is_set(Key::TlsInsecureSkipVerify), "{written}");
    }
    let checked = parse("rediss://h?ssl_check_hostname=True");
    assert!(checked.is_set(Key::TlsInsecureSkipVerify) && !checked.tls_insecure_skip_verify());
}

/// What people write, and what other clients read.
#[test]
fn what_is_only_untidy_is_read() {
    for (url, place) in [
        ("redis://h?", "redis://h:6379/0"),
        ("redis://h/?", "redis://h:6379/0"),
        ("redis://h/1?", "redis://h:6379/1"),
        ("redis://h/1/", "redis://h:6379/1"),
        ("redis://h//", "redis://h:6379/0"),
        ("redis://h/1/?", "redis://h:6379/1"),
        ("redis://h/1/?pool_max=2&", "redis://h:6379/1?pool_max=2"),
        ("redis://h?db=1&", "redis://h:6379/1"),
        ("rediss://:p@h:1/?", "rediss://:***@h:1/0"),
        ("unix:///tmp/s?", "unix:///tmp/s"),
        ("unix:///tmp/s/", "unix:///tmp/s"),
        ("unix:///tmp/s/?db=2&", "unix:///tmp/s?database=2"),
        ("tls://h", "rediss://h:6379/0"),
        ("TLS://u@h:1/2", "rediss://u@h:1/2"),
        // A comma that is escaped is the host's own.
        ("redis://a%2Cb", "redis://a%2Cb:6379/0"),
    ] {
        assert_eq!(parse(url).to_url().unwrap(), place, "{url}");
    }
}

#[test]
fn a_time_that_could_be_two_names_both() {
    let message = "timeout, which is ambiguous: pool_wait is the time to wait for a connection of the pool, and \
        command_timeout that of a command, at byte 10 of the URL";
    assert_eq!(refused("redis://h?timeout=20"), message);
    assert_eq!(refused("unix:///s?timeout=x"), message);
}

#[test]
fn a_database_is_no_piece_of_a_sockets_path() {
    let message = "a path that ends in what looks like a database, which is said by ?database=N here (?database=0 where the \
        socket itself has that name), at byte";
    for (url, at) in [("unix:///path/2", 13), ("unix:///run/redis.sock/15?pool_max=3", 23), ("unix:///a/b/007/", 12)] {
        assert_eq!(refused(url), format!("{message} {at} of the URL"), "{url}");
    }
    // That is a path, by its length or because the database is said.
    for (url, place) in [
        ("unix:///run/redis/6379", "unix:/run/redis/6379"),
        ("unix:///7", "unix:/7"),
        ("unix:///run/redis/1?db=0", "unix:/run/redis/1"),
        ("unix://?path=/run/redis/1", "unix:/run/redis/1"),
        ("unix:///run/1/s", "unix:/run/1/s"),
        ("unix:///", "unix:/"),
    ] {
        assert_eq!(endpoint(url), place, "{url}");
    }
}

fn are_refused(urls: &[(&str, &str)]) {
    for (url, message) in urls {
        assert_eq!(refused(url), *message, "{url}");
    }
}

#[test]
fn what_is_wrong_with_a_server_is_named_with_its_place() {
    are_refused(&[
        ("", "no scheme such as redis://, at byte 0 of the URL"),
        ("localhost:6379", "no scheme such as redis://, at byte 0 of the URL"),
        (
            "http://h",
            "unknown scheme \"http\" (there are redis://, rediss:// and unix://, and redis+cluster:// and redis+sentinel://), at byte 0 of the URL",
        ),
        ("redis://", "no host, at byte 8 of the URL"),
        ("redis://:6379", "no host, at byte 8 of the URL"),
        ("redis://u:p@/1", "no host, at byte 14 of the URL with *** for its secrets"),
        ("redis://h:", "a port that is not a number, at byte 10 of the URL"),
        ("redis://h:x", "a port that is not a number, at byte 10 of the URL"),
        ("redis://h:-1", "a port that is not a number, at byte 10 of the URL"),
        ("redis://h:0", "port: 0 is not between 1 and 65535, at byte 10 of the URL"),
        ("redis://h:65536", "port: 65536 is not between 1 and 65535, at byte 10 of the URL"),
        ("redis://::1", "no host, at byte 8 of the URL"),
        ("redis://fe80::1", "more than one ':' (an IPv6 address stands in brackets), at byte 8 of the URL"),
        ("redis://[::1", "a '[' without its ']', at byte 8 of the URL"),
        ("redis://[::1]7", "something between ']' and the port, at byte 13 of the URL"),
        ("redis://[h]", "brackets around what is not an IPv6 address, at byte 9 of the URL"),
        ("redis://[fe80::1%25]", "host: \"fe80::1%\" has no good zone behind its '%', at byte 9 of the URL"),
        ("redis://a%20b", "host: \"a b\" has white space (byte 1), at byte 8 of the URL"),
        ("redis://a%00b", "host: \"a\\x00b\" has a NUL (byte 1), at byte 8 of the URL"),
        ("redis://h/1/2", "more path than a database's number, at byte 11 of the URL"),
        ("redis://h/1//", "more path than a database's number, at byte 11 of the URL"),
        ("redis://h//1", "more path than a database's number, at byte 10 of the URL"),
        ("redis://h/notadb", "database: \"notadb\" is not a whole number, at byte 10 of the URL"),
        ("redis://h/-1", "database: -1 is not between 0 and 2147483647, at byte 10 of the URL"),
        ("redis://h/1#x", "a byte 0x23, which is written %23 in a URL, at byte 11 of the URL"),
        ("redis://h h", "a byte 0x20, which is written %20 in a URL, at byte 9 of the URL"),
        ("redis://h\n", "a byte 0x0a, which is written %0A in a URL, at byte 9 of the URL"),
    ]);
}

#[test]
fn what_is_wrong_with_an_option_is_named_with_its_place() {
    are_refused(&[
        ("redis://h?&", "an option without a name, at byte 10 of the URL"),
        ("redis://h?a&", "an option \"a\" without a value, at byte 10 of the URL"),
        ("redis://h?db=1&&", "an option without a name, at byte 15 of the URL"),
        ("redis://h?db=1&&pool_max=1", "an option without a name, at byte 15 of the URL"),
        ("redis://h?pool_max", "an option \"pool_max\" without a value, at byte 10 of the URL"),
        ("redis://h?pool_max=", "pool_max: \"\" is not a whole number, at byte 19 of the URL"),
        ("redis://h?pool_max=x", "pool_max: \"x\" is not a whole number, at byte 19 of the URL"),
        ("redis://h?pool_max=0", "pool_max: 0 is not between 1 and 65535, at byte 19 of the URL"),
        ("redis://h?max_connections=0", "pool_max: 0 is not between 1 and 65535, at byte 26 of the URL"),
        (
            "redis://h?pool_max=99999999999999999999",
            "pool_max: \"99999999999999999999\" is not between 1 and 65535, at byte 19 of the URL",
        ),
        ("redis://h?colour=red", "an option \"colour\" that is not known, at byte 10 of the URL"),
        ("redis://h?POOL_MAX=1", "an option \"POOL_MAX\" that is not known, at byte 10 of the URL"),
        ("redis://h?decode_responses=1", "an option \"decode_responses\" that is not known, at byte 10 of the URL"),
        ("redis://h?client_name=%zz", "\"%zz\" is no escape of two hexadecimal digits, at byte 22 of the URL"),
        ("redis://h?client_name=%4", "\"%4\" is no escape of two hexadecimal digits, at byte 22 of the URL"),
        ("redis://h?client_name=a%20b", "client_name: \"a b\" has white space (byte 1), at byte 22 of the URL"),
        ("redis://h?tls=maybe", "tls: \"maybe\" is neither true nor false, at byte 14 of the URL"),
        ("redis://h?parser=quick", "parser: \"quick\" is none of auto, fast, simple, at byte 17 of the URL"),
        ("redis://h?protocol=4", "protocol: 4 is none of 0 (auto), 2, 3, at byte 19 of the URL"),
        (
            "redis://h?connect_timeout=2h",
            "connect_timeout: \"2h\" is not a time such as 500ms, 2s, 5m or 0.5, at byte 26 of the URL",
        ),
        ("redis://h?db=1&db=1", "database a second time, at byte 18 of the URL"),
        ("redis://h?db=1&database=1", "database a second time, at byte 24 of the URL"),
        ("redis://h?host=g", "host a second time, at byte 15 of the URL"),
        ("redis://u:p@h?password=q", "password a second time, at byte 25 of the URL with *** for its secrets"),
        ("rediss://h?tls=false", "tls a second time, at byte 15 of the URL"),
        ("redis://h?path=/s", "path in the URL of a TCP server, at byte 10 of the URL"),
        ("unix:///s?path=/t", "unix_path a second time, at byte 15 of the URL"),
        ("unix://", "no path of a socket, at byte 7 of the URL"),
        (
            "unix://tmp/s",
            "a host in the URL of a Unix socket, which has three slashes: unix:///path, at byte 7 of the URL",
        ),
        ("unix:///a%00", "unix_path: \"/a\\x00\" has a NUL (byte 2), at byte 7 of the URL"),
        (
            "rediss://h?ssl_cert_reqs=some",
            "ssl_cert_reqs: \"some\" is none of none, optional, required, at byte 25 of the URL",
        ),
        (
            "rediss://h?ssl_check_hostname=0",
            "ssl_check_hostname=false, which is said by tls_insecure_skip_verify=true here, at byte 11 of the URL",
        ),
        (
            "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=1",
            "ssl_check_hostname=true, and nothing is checked with tls_insecure_skip_verify=true, at byte 30 of the URL",
        ),
    ]);
    let long = refused(format!("unix:///{}", "a".repeat(200)));
    assert_eq!(long, "unix_path: 201 bytes, but a socket's path has at most 107, at byte 7 of the URL");
}

#[test]
fn the_canonical_url() {
    for (url, canonical) in [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("VALKEYS://u:p@[::1]:7/3?tls_ca_file=/a%20b", "rediss://u:***@[::1]:7/3?tls_ca_file=/a%20b"),
        ("redis://:p@h", "redis://:***@h:6379/0"),
        ("redis://a%3Ab@h?socket_timeout=0.5&max_connections=64", "redis://a%3Ab@h:6379/0?command_timeout=500ms"),
        ("redis://[fe80::1%eth0]", "redis://[fe80::1%25eth0]:6379/0"),
        ("unix:///tmp/a%3Fb?db=2&parser=fast", "unix:///tmp/a%3Fb?database=2&parser=fast"),
        ("unix://?path=a%26b&tls=1", "unix://?unix_path=a%26b&tls=true"),
        ("unix://?path=/run/1", "unix://?unix_path=/run/1"),
        ("unix://?path=/run/s/", "unix://?unix_path=/run/s/"),
        ("redis://h?tls_key_pem=x&pool_idle=-5", "redis://h:6379/0?pool_idle=-1&tls_key_pem=***"),
    ] {
        assert_eq!(parse(url).to_url().unwrap(), canonical);
    }
    assert_eq!(Options::new().to_url().unwrap(), "redis://127.0.0.1:6379/0");
}
