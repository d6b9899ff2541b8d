//! Whom we talk to and how safely is never a guess: an option or a function about that which would do nothing where it was
//! given, and two settings that contradict each other, are refused when a handle is made, in whichever order they were set.
//! Times, limits and counts may lie idle, and what was not set contradicts nothing.

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use rredis::ffi::r#async::{rredis_async_free, rredis_async_new};
use rredis::ffi::builder::rredis_builder;
use rredis::ffi::client::{rredis_client, rredis_client_free, rredis_client_new, rredis_client_new_on};
use rredis::ffi::options::rredis_option::{self, *};
use rredis::ffi::options::*;
use rredis::ffi::parser::{rredis_parser_free, rredis_parser_new, rredis_parser_type};
use rredis::ffi::pool::{rredis_pool, rredis_pool_free, rredis_pool_new};
use rredis::ffi::pubsub::{rredis_pubsub_free, rredis_pubsub_new};
use rredis::ffi::reply::{rredis_reply, rredis_reply_free};
use rredis::ffi::status::{rredis_error, rredis_status};
use rredis::ffi::transport::rredis_transport;

use rredis_status::*;

/// One thing that a program sets.
#[derive(Clone, Copy, Debug)]
enum Set {
    Int(rredis_option, i64),
    Text(rredis_option, &'static str),
    Url(&'static str),
    Credentials,
    Transport,
    Parser,
    Callback,
    OnPush,
    OnEvent,
    OnInterrupt,
}
use Set::*;

/// What is made from options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Client,
    Pool,
    Parser,
    /// A client on a pool that was made with the defaults.
    OnPool,
}
const CONNECTING: [Maker; 2] = [Maker::Client, Maker::Pool];

/// An option alone, set to something else than its default, and what a maker that connects makes of it.
enum Alone {
    Fine,
    /// More servers than this version connects to.
    Many,
    /// It does nothing with one server.
    OfMany,
    /// It does nothing without Sentinels.
    OfSentinels,
    /// It does nothing without TLS.
    OfTls,
    /// It does nothing without a password.
    OfPassword,
}

/// Every option: with a value, what is made of it alone, and whether a client on a pool may have its own.
const TABLE: &[(Set, Alone, bool)] = &[
    (Text(RREDIS_OPTION_HOST, "db.example"), Alone::Fine, false),
    (Int(RREDIS_OPTION_PORT, 7000), Alone::Fine, false),
    (Text(RREDIS_OPTION_UNIX_PATH, "/s"), Alone::Fine, false),
    (Text(RREDIS_OPTION_USERNAME, "ann"), Alone::OfPassword, false),
    (Text(RREDIS_OPTION_PASSWORD, "sesame"), Alone::Fine, false),
    (Int(RREDIS_OPTION_DATABASE, 1), Alone::Fine, false),
    (Int(RREDIS_OPTION_PROTOCOL, 2), Alone::Fine, false),
    (Text(RREDIS_OPTION_CLIENT_NAME, "me"), Alone::Fine, false),
    (Text(RREDIS_OPTION_LIBRARY_NAME, "mine"), Alone::Fine, false),
    (Int(RREDIS_OPTION_TOPOLOGY, 1), Alone::Many, false),
    (Text(RREDIS_OPTION_SEEDS, "h:1,g:2"), Alone::OfMany, false),
    (Text(RREDIS_OPTION_SENTINEL_SERVICE, "mymaster"), Alone::OfSentinels, false),
    (Text(RREDIS_OPTION_SENTINEL_USERNAME, "ann"), Alone::OfSentinels, false),
    (Text(RREDIS_OPTION_SENTINEL_PASSWORD, "sesame"), Alone::OfSentinels, false),
    (Int(RREDIS_OPTION_SENTINEL_TLS, 1), Alone::OfSentinels, false),
    (Int(RREDIS_OPTION_READ_FROM, 1), Alone::Fine, true),
    (Text(RREDIS_OPTION_ZONE, "here"), Alone::Fine, true),
    (Text(RREDIS_OPTION_ADDRESS_MAP, "a=b"), Alone::OfMany, false),
    (Int(RREDIS_OPTION_SPLIT, 1), Alone::Fine, true),
    (Int(RREDIS_OPTION_POOL_MAX, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_POOL_WAIT_MS, 5), Alone::Fine, false),
    // More than the most by default: that gives way.
    (Int(RREDIS_OPTION_POOL_IDLE_MIN, 100), Alone::Fine, false),
    (Int(RREDIS_OPTION_POOL_IDLE_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_POOL_AGE_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_SHARE, 2), Alone::Fine, false),
    (Int(RREDIS_OPTION_INFLIGHT_MAX, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_INFLIGHT_BYTES_MAX, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_CONNECT_TIMEOUT_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_COMMAND_TIMEOUT_MS, 5), Alone::Fine, true),
    (Int(RREDIS_OPTION_KEEPALIVE_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_HEALTH_CHECK_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_USER_TIMEOUT_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_BLOCK_SLACK_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_TOPOLOGY_AGE_MS, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_RETRY_MAX, 5), Alone::Fine, true),
    // Longer than the longest by default: that gives way.
    (Int(RREDIS_OPTION_BACKOFF_MS, 1000), Alone::Fine, true),
    (Int(RREDIS_OPTION_BACKOFF_MS_MAX, 5), Alone::Fine, true),
    (Int(RREDIS_OPTION_RETRY_BUDGET_PERCENT, 5), Alone::Fine, true),
    (Int(RREDIS_OPTION_FAILOVER_WAIT_MS, 5), Alone::Fine, true),
    (Int(RREDIS_OPTION_SHAPE, 1), Alone::Fine, true),
    (Int(RREDIS_OPTION_PARSER, 2), Alone::Fine, false),
    (Int(RREDIS_OPTION_REPLY_BYTES_MAX, 100), Alone::Fine, false),
    (Int(RREDIS_OPTION_REPLY_DEPTH_MAX, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_REPLY_NODES_MAX, 5), Alone::Fine, false),
    (Int(RREDIS_OPTION_REPLY_LINE_MAX, 100), Alone::Fine, false),
    (Int(RREDIS_OPTION_PUSH_BYTES_MAX, 5), Alone::Fine, false),
    // With whom to trust, or the machine must have authorities for it.
    (Int(RREDIS_OPTION_TLS, 1), Alone::Fine, false),
    (Text(RREDIS_OPTION_TLS_CA_FILE, "/absent"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_CA_DIR, "/absent"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_CA_PEM, "pem"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_CERT_FILE, "/absent"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_CERT_PEM, "pem"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_KEY_FILE, "/absent"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_KEY_PEM, "pem"), Alone::OfTls, false),
    (Text(RREDIS_OPTION_TLS_SERVER_NAME, "db.example"), Alone::OfTls, false),
    (Int(RREDIS_OPTION_TLS_VERSION_MIN, 13), Alone::OfTls, false),
    (Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 1), Alone::OfTls, false),
    (Int(RREDIS_OPTION_PUBSUB_CONFIRMATIONS, 1), Alone::Fine, true),
];

/// What contradicts the other, or is without effect beside it; and what the message names.
const APART: &[(&[Set], &[&str])] = &[
    (&[Int(RREDIS_OPTION_TLS, 1), Url("redis://h")], &["tls", "redis://"]),
    (&[Int(RREDIS_OPTION_TLS, 0), Url("rediss://h")], &["tls", "rediss://"]),
    (&[Int(RREDIS_OPTION_TLS, 1), Url("unix:///s?tls=false")], &["tls", "URL"]),
    (&[Text(RREDIS_OPTION_TLS_CA_FILE, "/ca"), Url("redis://h")], &["tls_ca_file", "rediss://"]),
    (&[Text(RREDIS_OPTION_TLS_CA_FILE, "/ca"), Int(RREDIS_OPTION_TLS, 0)], &["tls_ca_file"]),
    (
        &[
            Text(RREDIS_OPTION_TLS_SERVER_NAME, "n"),
            Text(RREDIS_OPTION_TLS_CERT_FILE, "/c"),
            Text(RREDIS_OPTION_TLS_KEY_PEM, "k"),
        ],
        &["tls_server_name", "tls_cert_file", "tls_key_pem"],
    ),
    (&[Url("redis://h?tls_ca_file=/ca")], &["tls_ca_file"]),
    (&[Url("redis://h?ssl_cert_reqs=required")], &["tls_insecure_skip_verify"]),
    (&[Url("redis://h?ssl_check_hostname=true")], &["tls_insecure_skip_verify"]),
    (&[Url("redis://h?ssl_min_version=1.2")], &["tls_version_min"]),
    // The default, said all the same: who says it means it.
    (&[Int(RREDIS_OPTION_TLS_VERSION_MIN, 12)], &["tls_version_min"]),
    (&[Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 0)], &["tls_insecure_skip_verify"]),
    // Whom to trust, and that it is anybody.
    (
        &[Url("rediss://h"), Text(RREDIS_OPTION_TLS_CA_FILE, "/ca"), Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 1)],
        &["tls_ca_file", "tls_insecure_skip_verify"],
    ),
    (
        &[
            Int(RREDIS_OPTION_TLS, 1),
            Text(RREDIS_OPTION_TLS_CA_PEM, "pem"),
            Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 1),
        ],
        &["tls_ca_pem", "tls_insecure_skip_verify"],
    ),
    (&[Url("rediss://h?ssl_cert_reqs=none&ssl_ca_path=/d")], &["tls_ca_dir", "tls_insecure_skip_verify"]),
    // Where the server is.
    (&[Text(RREDIS_OPTION_UNIX_PATH, "/s"), Text(RREDIS_OPTION_HOST, "h")], &["unix_path", "host"]),
    (&[Text(RREDIS_OPTION_UNIX_PATH, "/s"), Int(RREDIS_OPTION_PORT, 6379)], &["unix_path", "port"]),
    (&[Text(RREDIS_OPTION_UNIX_PATH, "/s"), Url("redis://h")], &["unix_path", "host"]),
    (&[Url("unix:///s"), Text(RREDIS_OPTION_HOST, "h")], &["unix_path", "host"]),
    (&[Url("unix:///s?port=1")], &["unix_path", "port"]),
    (&[Text(RREDIS_OPTION_UNIX_PATH, "/s"), Int(RREDIS_OPTION_TLS, 1)], &["tls_server_name"]),
    // Who we are.
    (&[Url("redis://ann@h")], &["username", "password"]),
    (&[Text(RREDIS_OPTION_USERNAME, "ann"), Text(RREDIS_OPTION_PASSWORD, "")], &["username", "password"]),
    (&[Credentials, Text(RREDIS_OPTION_USERNAME, "ann")], &["username", "credentials"]),
    (&[Credentials, Text(RREDIS_OPTION_PASSWORD, "secret")], &["password", "credentials"]),
    (&[Credentials, Url("redis://ann:secret@h")], &["username", "password", "credentials"]),
    // How many, both said.
    (&[Int(RREDIS_OPTION_POOL_IDLE_MIN, 5), Int(RREDIS_OPTION_POOL_MAX, 4)], &["pool_idle_min", "pool_max"]),
    (&[Int(RREDIS_OPTION_BACKOFF_MS, 9), Int(RREDIS_OPTION_BACKOFF_MS_MAX, 8)], &["backoff", "backoff_max"]),
    // How many servers there are.
    (&[Int(RREDIS_OPTION_TOPOLOGY, 1), Url("redis://h?topology=sentinel")], &["topology", "URL"]),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 0), Url("redis://h?topology=cluster")], &["topology", "URL"]),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 0), Url("redis+cluster://h")], &["topology", "redis+cluster://"]),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 1), Url("redis+sentinel://h/m")], &["topology", "redis+sentinel://"]),
    (&[Url("redis+sentinel://h")], &["sentinel_service", "needed"]),
    (&[Url("redis://h?master_name=m")], &["sentinel_service", "redis+sentinel://"]),
    (&[Url("redis+cluster://h?service_name=m")], &["sentinel_service", "redis+sentinel://"]),
    (&[Url("redis+cluster://h"), Text(RREDIS_OPTION_HOST, "h")], &["seeds", "host"]),
    (&[Url("redis+cluster://h?port=7")], &["seeds", "port"]),
    (&[Url("redis+cluster://h"), Text(RREDIS_OPTION_UNIX_PATH, "/s")], &["unix_path", "seeds"]),
    (&[Int(RREDIS_OPTION_TLS, 1), Url("redis+cluster://h")], &["tls", "redis://"]),
    (&[Url("redis+cluster://ann@h")], &["username", "password"]),
    (&[Url("redis+cluster://h?tls_ca_file=/ca")], &["tls_ca_file", "rediss://"]),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 0), Text(RREDIS_OPTION_SEEDS, "h")], &["seeds", "single", "redis+cluster://"]),
    (&[Int(RREDIS_OPTION_READ_FROM, 4)], &["read_from", "zone"]),
    // The defaults, said all the same.
    (&[Int(RREDIS_OPTION_SENTINEL_TLS, -1), Int(RREDIS_OPTION_TOPOLOGY, 1)], &["sentinel_tls", "redis+sentinel://"]),
    (
        &[
            Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"),
            Text(RREDIS_OPTION_SENTINEL_PASSWORD, "secret"),
            Int(RREDIS_OPTION_TOPOLOGY, 1),
        ],
        &["sentinel_service", "sentinel_password", "cluster", "redis+sentinel://"],
    ),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 2)], &["sentinel_service", "needed"]),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 2), Text(RREDIS_OPTION_SENTINEL_SERVICE, "")], &["sentinel_service", "needed"]),
    (
        &[
            Int(RREDIS_OPTION_TOPOLOGY, 2),
            Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"),
            Text(RREDIS_OPTION_SENTINEL_USERNAME, "ann"),
        ],
        &["sentinel_username", "sentinel_password"],
    ),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 1), Text(RREDIS_OPTION_UNIX_PATH, "/s")], &["unix_path", "cluster", "host"]),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 1), Url("unix:///s")], &["unix_path", "seeds"]),
    (
        &[
            Int(RREDIS_OPTION_TOPOLOGY, 2),
            Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"),
            Text(RREDIS_OPTION_UNIX_PATH, "/s"),
        ],
        &["unix_path", "Sentinels"],
    ),
    (
        &[Int(RREDIS_OPTION_TOPOLOGY, 1), Text(RREDIS_OPTION_SEEDS, "a"), Text(RREDIS_OPTION_HOST, "a")],
        &["seeds", "host"],
    ),
    (
        &[Int(RREDIS_OPTION_TOPOLOGY, 1), Text(RREDIS_OPTION_SEEDS, "a"), Int(RREDIS_OPTION_PORT, 6379)],
        &["seeds", "port"],
    ),
    (&[Int(RREDIS_OPTION_TOPOLOGY, 1), Text(RREDIS_OPTION_SEEDS, "a"), Url("redis://h")], &["seeds", "host"]),
    // Who reads.
    (&[Parser, Int(RREDIS_OPTION_PARSER, 1)], &["parser"]),
    (&[Parser, Int(RREDIS_OPTION_PARSER, 2)], &["parser"]),
];

/// What goes together, in any order.
const TOGETHER: &[&[Set]] = &[
    &[],
    &[Callback, OnPush, OnEvent, OnInterrupt],
    &[Url("redis://ann:secret@h:1/2?pool_max=4"), Transport, Parser],
    &[Int(RREDIS_OPTION_TLS, 0), Url("redis://h")],
    &[Url("redis://h?tls=1"), Int(RREDIS_OPTION_TLS, 1), Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 1)],
    &[Url("rediss://h?ssl_cert_reqs=none"), Int(RREDIS_OPTION_TLS, 1), Int(RREDIS_OPTION_TLS_VERSION_MIN, 13)],
    &[Int(RREDIS_OPTION_TLS, 1), Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 1), Url("unix:///s")],
    &[Url("rediss://h?ssl_cert_reqs=none"), Text(RREDIS_OPTION_TLS_SERVER_NAME, "n"), Transport],
    // An empty text is none.
    &[
        Text(RREDIS_OPTION_TLS_CA_FILE, ""),
        Text(RREDIS_OPTION_TLS_KEY_PEM, ""),
        Text(RREDIS_OPTION_TLS_SERVER_NAME, ""),
    ],
    &[Text(RREDIS_OPTION_UNIX_PATH, ""), Text(RREDIS_OPTION_HOST, "h")],
    &[Text(RREDIS_OPTION_SEEDS, ""), Text(RREDIS_OPTION_ADDRESS_MAP, ""), Text(RREDIS_OPTION_SENTINEL_PASSWORD, "")],
    &[Int(RREDIS_OPTION_TOPOLOGY, 0), Url("redis://h"), Transport],
    // The user that one is without a word.
    &[Url("redis://default@h")],
    &[Text(RREDIS_OPTION_USERNAME, "ann"), Text(RREDIS_OPTION_PASSWORD, "sesame"), Url("redis://h")],
    &[Credentials, Text(RREDIS_OPTION_PASSWORD, ""), Text(RREDIS_OPTION_USERNAME, "")],
    &[Credentials, Text(RREDIS_OPTION_CLIENT_NAME, "me"), Int(RREDIS_OPTION_DATABASE, 1), Url("redis://h")],
    &[Parser, Int(RREDIS_OPTION_PARSER, 0), Int(RREDIS_OPTION_REPLY_BYTES_MAX, 100)],
    &[Text(RREDIS_OPTION_UNIX_PATH, "/s"), Int(RREDIS_OPTION_KEEPALIVE_MS, 1), Int(RREDIS_OPTION_USER_TIMEOUT_MS, 1)],
    &[Transport, Int(RREDIS_OPTION_KEEPALIVE_MS, 1), Text(RREDIS_OPTION_UNIX_PATH, "/s")],
];

/// What goes together, in any order, and is of several servers.
const MANY_TOGETHER: &[&[Set]] = &[
    &[Int(RREDIS_OPTION_TOPOLOGY, 1)],
    &[Int(RREDIS_OPTION_TOPOLOGY, 1), Transport],
    &[Int(RREDIS_OPTION_TOPOLOGY, 1), Url("redis+cluster://ann:secret@h,g/1?failover_wait=1s"), Transport],
    &[Url("redis-sentinel://h:1,g/2#m"), Int(RREDIS_OPTION_DATABASE, 2), Transport],
    &[
        Int(RREDIS_OPTION_TOPOLOGY, 1),
        Url("redis://ann:secret@h:1/2?topology=1"),
        Text(RREDIS_OPTION_ADDRESS_MAP, "a=b"),
    ],
    &[Int(RREDIS_OPTION_TOPOLOGY, 1), Text(RREDIS_OPTION_HOST, "h"), Int(RREDIS_OPTION_PORT, 7)],
    &[
        Int(RREDIS_OPTION_TOPOLOGY, 1),
        Text(RREDIS_OPTION_SEEDS, "a,[::1]:7"),
        Int(RREDIS_OPTION_TOPOLOGY_AGE_MS, -1),
        Int(RREDIS_OPTION_FAILOVER_WAIT_MS, 0),
    ],
    &[
        Int(RREDIS_OPTION_TOPOLOGY, 2),
        Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"),
        Text(RREDIS_OPTION_SENTINEL_USERNAME, "ann"),
        Text(RREDIS_OPTION_SENTINEL_PASSWORD, "secret"),
        Text(RREDIS_OPTION_SEEDS, "a,b"),
    ],
    &[Int(RREDIS_OPTION_TOPOLOGY, 2), Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"), Transport, Credentials],
    // The user that one is without a word.
    &[
        Int(RREDIS_OPTION_TOPOLOGY, 2),
        Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"),
        Text(RREDIS_OPTION_SENTINEL_USERNAME, "default"),
    ],
    // Whom to trust, where the Sentinels alone are over TLS.
    &[
        Int(RREDIS_OPTION_TOPOLOGY, 2),
        Text(RREDIS_OPTION_SENTINEL_SERVICE, "m"),
        Int(RREDIS_OPTION_SENTINEL_TLS, 1),
        Int(RREDIS_OPTION_TLS_VERSION_MIN, 13),
    ],
    // An empty text is none.
    &[
        Int(RREDIS_OPTION_TOPOLOGY, 1),
        Text(RREDIS_OPTION_SENTINEL_SERVICE, ""),
        Text(RREDIS_OPTION_SEEDS, ""),
        Url("redis://h"),
    ],
];

#[test]
fn every_option_is_in_the_table() {
    let listed = |number: u32| TABLE.iter().any(|row| option_of(row.0).is_some_and(|option| option as u32 == number));
    let options = Options::new(&[]);
    for number in 0..=1000_u32 {
        // SAFETY: an enumerator is a number of this size, and what is none is what the library is asked to find.
        let option = unsafe { std::mem::transmute::<u32, MaybeUninit<rredis_option>>(number) };
        let mut value = MaybeUninit::uninit();
        let known = rredis_options_get_int(options.get(), option, Some(&mut value), None) != RREDIS_ERR_ARGUMENT;
        assert_eq!(known, listed(number), "option {number}");
    }
}

#[test]
fn an_option_that_would_do_nothing_is_refused_by_who_connects_and_by_nobody_else() {
    for (set, alone, of_client) in TABLE {
        // Whom TLS trusts is another matter here.
        let with = [*set, Int(RREDIS_OPTION_TLS_INSECURE_SKIP_VERIFY, 1)];
        let set = if name_of(*set) == "tls" { &with[..] } else { std::slice::from_ref(set) };
        let name = name_of(set[0]);
        for maker in CONNECTING {
            match (alone, make(maker, set)) {
                (Alone::Fine, made) => assert_eq!(made, Ok(()), "{maker:?} of {name}"),
                (Alone::Many, made) => assert!(made.is_ok(), "{maker:?} of {name}: {made:?}"),
                (Alone::OfMany, made) => says(made, RREDIS_ERR_CONFIG, &[&name, "topology", "redis+cluster://"]),
                (Alone::OfSentinels, made) => says(made, RREDIS_ERR_CONFIG, &[&name, "redis+sentinel://"]),
                (Alone::OfPassword, made) => says(made, RREDIS_ERR_CONFIG, &[&name, "password"]),
                (Alone::OfTls, made) => says(made, RREDIS_ERR_CONFIG, &[&name, "TLS"]),
            }
        }
        assert_eq!(make(Maker::Parser, set), Ok(()), "{name}: a parser connects to nobody");
        match (of_client, make(Maker::OnPool, set)) {
            (true, made) => assert_eq!(made, Ok(()), "{name} is a client's own"),
            (false, made) => says(made, RREDIS_ERR_CONFIG, &[&name, "pool"]),
        }
    }
}

#[test]
fn what_contradicts_is_refused_in_any_order_and_named() {
    for (sets, words) in APART {
        for order in orders(sets) {
            for maker in CONNECTING {
                says(make(maker, &order), RREDIS_ERR_CONFIG, words);
            }
            // Who makes a parser looks at the parser and the limits.
            match words == &["parser"] {
                true => says(make(Maker::Parser, &order), RREDIS_ERR_CONFIG, words),
                false => assert_eq!(make(Maker::Parser, &order), Ok(()), "{order:?}"),
            }
            // A client on a pool is refused for whatever of it is of the connection, or contradicts.
            let on_pool = make(Maker::OnPool, &order);
            assert!(on_pool.is_err_and(|(status, _)| status == RREDIS_ERR_CONFIG), "{order:?}");
        }
    }
}

#[test]
fn what_goes_together_is_made_in_any_order() {
    for sets in TOGETHER {
        for order in orders(sets) {
            for maker in [Maker::Client, Maker::Pool, Maker::Parser] {
                // A parser of this test's own starts nothing.
                let starts = maker != Maker::Parser || !sets.iter().any(|set| matches!(set, Parser));
                if starts {
                    assert_eq!(make(maker, &order), Ok(()), "{maker:?} of {order:?}");
                }
            }
        }
    }
    for sets in MANY_TOGETHER {
        for order in orders(sets) {
            for maker in CONNECTING {
                let made = make(maker, &order);
                assert!(made.is_ok(), "{maker:?} of {order:?}: {made:?}");
            }
        }
    }
    // All that is only how long and how many, at once, with each way to reach a server.
    let tuning: Vec<Set> = (TABLE.iter().map(|row| row.0))
        .filter(|set| option_of(*set).is_some_and(|option| matches!(option as u32, 19..=44 | 60..=69)))
        .filter(|set| !["share", "pool_idle_min", "backoff"].contains(&name_of(*set).as_str()))
        .collect();
    assert!(tuning.len() > 15, "{tuning:?}");
    for place in [Url("redis://h"), Url("unix:///s"), Transport, Credentials, Parser] {
        for maker in CONNECTING {
            assert_eq!(make(maker, &[&tuning[..], &[place]].concat()), Ok(()), "{maker:?} with {place:?}");
        }
    }
}

/// What a client has accepted, whatever is made of the client accepts.
#[test]
fn what_is_made_of_a_client_has_nothing_to_add() {
    let rows = TABLE.iter().filter(|row| matches!(row.1, Alone::Fine) && name_of(row.0) != "tls");
    for set in rows.map(|row| row.0).chain([Credentials, Parser, Callback, OnPush, OnEvent, OnInterrupt]) {
        let options = Options::new(&[set]);
        let client = options.client().unwrap_or_else(|(status, message)| panic!("{set:?}: {status:?}: {message}"));
        let mut handle = MaybeUninit::uninit();
        assert_eq!(rredis_async_new(Some(&client), Some(&mut handle), None), RREDIS_OK, "{set:?}");
        rredis_async_free(Some(ours(handle)));
        let mut pubsub = MaybeUninit::uninit();
        assert_eq!(rredis_pubsub_new(Some(&client), Some(&mut pubsub), None), RREDIS_OK, "{set:?}");
        rredis_pubsub_free(Some(ours(pubsub)));
        rredis_client_free(Some(client));
    }
}

#[test]
fn a_function_of_the_connections_is_its_pools() {
    for (set, word) in [(Credentials, "credentials"), (Transport, "transport"), (Parser, "parser")] {
        for maker in CONNECTING {
            assert_eq!(make(maker, &[set]), Ok(()), "{maker:?} with {set:?}");
        }
        says(make(Maker::OnPool, &[set]), RREDIS_ERR_CONFIG, &[word, "pool"]);
        // Its pool has it: that is no reason for the client to bring it too.
        says(make_on(&[set], &[set]), RREDIS_ERR_CONFIG, &[word, "pool"]);
    }
    for set in [Callback, OnPush, OnEvent, OnInterrupt] {
        assert_eq!(make(Maker::OnPool, &[set]), Ok(()), "{set:?}");
    }
}

#[test]
fn a_client_may_say_again_what_its_pool_says() {
    let agrees: &[(&[Set], &[Set])] = &[
        (&[Url("redis://ann:secret@h:1/2")], &[Url("redis://ann:secret@h:1/2"), Int(RREDIS_OPTION_SHAPE, 1)]),
        (&[Url("redis://h")], &[Text(RREDIS_OPTION_HOST, "h"), Int(RREDIS_OPTION_TLS, 0)]),
        (&[Url("unix:///s")], &[Text(RREDIS_OPTION_UNIX_PATH, "/s")]),
        (
            &[Url("rediss://h?ssl_cert_reqs=none&tls_version_min=1.3")],
            &[Int(RREDIS_OPTION_TLS, 1), Int(RREDIS_OPTION_TLS_VERSION_MIN, 13)],
        ),
        (&[Credentials], &[Int(RREDIS_OPTION_DATABASE, 0)]),
    ];
    for (pool, client) in agrees {
        assert_eq!(make_on(pool, client), Ok(()), "{client:?} on {pool:?}");
    }
    let differs: &[(&[Set], &[Set], &str)] = &[
        (&[Url("unix:///s")], &[Text(RREDIS_OPTION_HOST, "127.0.0.1")], "host"),
        (&[Url("unix:///s")], &[Int(RREDIS_OPTION_PORT, 6379)], "port"),
        (&[Url("unix:///s")], &[Url("redis://127.0.0.1")], "unix_path"),
        (&[Url("rediss://h?ssl_cert_reqs=none")], &[Url("redis://h")], "tls"),
        (&[Url("rediss://h?ssl_cert_reqs=none")], &[Int(RREDIS_OPTION_TLS, 1), Url("redis://h")], "tls"),
        (&[Credentials], &[Text(RREDIS_OPTION_USERNAME, "ann")], "username"),
        (&[Url("redis://h")], &[Int(RREDIS_OPTION_TLS_VERSION_MIN, 12)], "tls_version_min"),
        (&[Url("redis://:secret@h")], &[Text(RREDIS_OPTION_PASSWORD, "other")], "password"),
    ];
    for (pool, client, word) in differs {
        says(make_on(pool, client), RREDIS_ERR_CONFIG, &[word, "pool"]);
    }
}

/// The last URL says where the server is; what earlier ones said of that is over.
#[test]
fn a_later_urls_place_is_in_the_place_of_an_earlier_ones() {
    for (urls, place) in [
        (["unix:///s", "redis://h:7"], "redis://h:7/0"),
        (["redis://h:7", "unix:///s"], "unix:///s"),
        (["unix://?path=s", "redis://h"], "redis://h:6379/0"),
        (["rediss://h?ssl_cert_reqs=none", "redis://h?tls=1"], "rediss://h:6379/0?tls_insecure_skip_verify=true"),
        (["rediss://g", "redis://h"], "redis://h:6379/0"),
        (["rediss://g", "unix:///s"], "unix:///s"),
        (["redis://g?topology=cluster", "redis://h"], "redis://h:6379/0"),
        (["redis://g?topology=cluster", "unix:///s"], "unix:///s"),
        (["redis+cluster://g,i", "redis://h"], "redis://h:6379/0"),
        (["redis+sentinel://:p@g,i/m?sentinel_password=x&sentinel_tls=1", "redis://h"], "redis://h:6379/0"),
        (["redis://g:7", "redis://h"], "redis://h:6379/0"),
        // A password is for the server of its URL.
        (["redis://ann:secret@g:7", "redis://h"], "redis://h:6379/0"),
        (["redis://g?username=ann&password=secret", "unix:///s"], "unix:///s"),
        (["redis://g?sentinel_username=ann&sentinel_password=secret", "redis://h"], "redis://h:6379/0"),
        (["redis://ann:secret@g", "redis://:other@h"], "redis://:***@h:6379/0"),
        (["redis://ann:secret@g?pool_max=3", "redis://bob:other@h"], "redis://bob:***@h:6379/0?pool_max=3"),
    ] {
        let options = Options::new(&urls.map(Url));
        assert_eq!(options.url(), place);
        assert_eq!(options.client().map(|client| rredis_client_free(Some(client))), Ok(()), "{urls:?}");
    }
}

/// What was set by its name is for whatever server a URL names.
#[test]
fn a_later_url_leaves_what_was_set_by_its_name() {
    let by_name =
        [Text(RREDIS_OPTION_USERNAME, "ann"), Text(RREDIS_OPTION_PASSWORD, "secret"), Int(RREDIS_OPTION_PORT, 7)];
    let sets = [&[Url("redis://bob:other@g:8")], &by_name[..], &[Url("redis://h")]].concat();
    assert_eq!(Options::new(&sets).url(), "redis://ann:***@h:7/0");
}

/// Options, and what is made from them.
struct Options(Option<Box<rredis_options>>);

type Made<T = ()> = Result<T, (rredis_status, String)>;

impl Options {
    fn new(sets: &[Set]) -> Options {
        let mut options = Options(rredis_options_new());
        for set in sets {
            assert_eq!(options.set(*set), Ok(()), "{set:?}");
        }
        options
    }

    fn get(&self) -> Option<&rredis_options> {
        self.0.as_deref()
    }

    fn set(&mut self, set: Set) -> Made {
        let options = self.0.as_deref_mut();
        let data = null_mut();
        told(|err| match set {
            Int(option, value) => rredis_options_set_int(options, MaybeUninit::new(option), value, err),
            Text(option, text) => {
                let (option, value, len) = (MaybeUninit::new(option), text.as_ptr().cast(), text.len());
                // SAFETY: a text that is there.
                unsafe { rredis_options_set_str(options, option, value, len, err) }
            }
            // SAFETY: a text that is there.
            Url(url) => unsafe { rredis_options_set_url(options, url.as_ptr().cast(), url.len(), err) },
            // SAFETY: a function that looks at nothing.
            Credentials => unsafe { rredis_options_set_credentials(options, Some(credentials), data, None, err) },
            // SAFETY: a struct as large as it says, of functions that look at nothing.
            Transport => unsafe { rredis_options_set_transport(options, &transport(), err) },
            // SAFETY: as above.
            Parser => unsafe { rredis_options_set_parser(options, &parser(), err) },
            Callback => {
                let name = c"GET".as_ptr();
                // SAFETY: a text that is there, and a function that looks at nothing.
                unsafe { rredis_options_set_callback(options, name, 3, Some(callback), data, None, err) }
            }
            // SAFETY: a function that looks at nothing.
            OnPush => unsafe { rredis_options_on_push(options, Some(listener), data, None, err) },
            // SAFETY: as above.
            OnEvent => unsafe { rredis_options_on_event(options, Some(listener), data, None, err) },
            // SAFETY: as above.
            OnInterrupt => unsafe { rredis_options_on_interrupt(options, Some(go_on), data, None, err) },
        })
    }

    fn url(&self) -> String {
        let mut text = MaybeUninit::uninit();
        assert_eq!(rredis_options_to_url(self.get(), Some(&mut text), None), RREDIS_OK);
        // SAFETY: written, for the call succeeded.
        let text = unsafe { text.assume_init() };
        // SAFETY: a reply that nobody has freed.
        let str = unsafe { (*text).str };
        // SAFETY: a STRING, which ends in a NUL.
        let url = unsafe { CStr::from_ptr(str) }.to_string_lossy().into_owned();
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_reply_free(text) };
        url
    }

    fn client(&self) -> Made<Box<rredis_client>> {
        let mut client = MaybeUninit::uninit();
        told(|err| rredis_client_new(self.get(), Some(&mut client), err))?;
        Ok(ours(client))
    }

    fn pool(&self) -> Made<Box<rredis_pool>> {
        let mut pool = MaybeUninit::uninit();
        told(|err| rredis_pool_new(self.get(), Some(&mut pool), err))?;
        Ok(ours(pool))
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        rredis_options_free(self.0.take());
    }
}

fn make(maker: Maker, sets: &[Set]) -> Made {
    let options = Options::new(sets);
    match maker {
        Maker::Client => options.client().map(|client| rredis_client_free(Some(client))),
        Maker::Pool => options.pool().map(|pool| rredis_pool_free(Some(pool))),
        Maker::OnPool => make_on(&[], sets),
        Maker::Parser => {
            let mut parser = MaybeUninit::uninit();
            told(|err| rredis_parser_new(options.get(), Some(&mut parser), err))?;
            rredis_parser_free(Some(ours(parser)));
            Ok(())
        }
    }
}

/// A client with these options on a pool with those.
fn make_on(pool: &[Set], client: &[Set]) -> Made {
    let pool = Options::new(pool).pool().expect("a pool");
    let (options, mut made) = (Options::new(client), MaybeUninit::uninit());
    let result = told(|err| rredis_client_new_on(Some(&pool), options.get(), Some(&mut made), err));
    if result.is_ok() {
        rredis_client_free(Some(ours(made)));
    }
    rredis_pool_free(Some(pool));
    result
}

/// What a call that succeeded has made.
fn ours<T>(made: MaybeUninit<*mut T>) -> Box<T> {
    // SAFETY: written, for the call succeeded.
    let made = unsafe { made.assume_init() };
    // SAFETY: made by _new, and ours.
    unsafe { Box::from_raw(made) }
}

/// What a call says: nothing, or its status and its message.
fn told(call: impl FnOnce(Option<&mut MaybeUninit<rredis_error>>) -> rredis_status) -> Made {
    let mut err = MaybeUninit::uninit();
    match call(Some(&mut err)) {
        RREDIS_OK => Ok(()),
        status => {
            // SAFETY: written, for the call failed.
            let err = unsafe { err.assume_init() };
            assert_eq!((err.status, err.outcome as u32), (status, 0));
            // SAFETY: the message ends in a NUL.
            Err((status, unsafe { CStr::from_ptr(err.message.as_ptr()) }.to_string_lossy().into_owned()))
        }
    }
}

fn says(made: Made, status: rredis_status, words: &[&str]) {
    let (told, message) = made.expect_err("it is to be refused");
    assert_eq!(told, status, "{words:?}: {message}");
    assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    assert!(!message.contains("secret"), "{message}");
    assert!(message.len() < 239, "it is cut: {message}");
}

fn option_of(set: Set) -> Option<rredis_option> {
    match set {
        Int(option, _) | Text(option, _) => Some(option),
        _ => None,
    }
}

/// The option's name in a URL, which messages use.
fn name_of(set: Set) -> String {
    let name = format!("{:?}", option_of(set).expect("an option"));
    name.trim_start_matches("RREDIS_OPTION_").to_lowercase().replace("_ms", "")
}

/// Every order of them.
fn orders(sets: &[Set]) -> Vec<Vec<Set>> {
    let Some((first, rest)) = sets.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in orders(rest) {
        for at in 0..=order.len() {
            all.push([&order[..at], &[*first], &order[at..]].concat());
        }
    }
    all
}

unsafe extern "C-unwind" fn credentials(
    _: *mut c_void,
    _: *const c_char,
    _: usize,
    _: *mut rredis_builder,
    _: *mut rredis_error,
) -> MaybeUninit<rredis_status> {
    MaybeUninit::new(RREDIS_ERR_CALLBACK)
}

unsafe extern "C-unwind" fn callback(
    _: *mut c_void,
    _: *mut c_void,
    _: usize,
    _: *const *const c_char,
    _: *const usize,
    _: *const rredis_reply,
    _: *mut *mut rredis_reply,
    _: *mut rredis_error,
) -> MaybeUninit<rredis_status> {
    MaybeUninit::new(RREDIS_OK)
}

unsafe extern "C-unwind" fn listener(_: *mut c_void, _: *const rredis_reply) {}

unsafe extern "C-unwind" fn go_on(_: *mut c_void) -> MaybeUninit<rredis_status> {
    MaybeUninit::new(RREDIS_OK)
}

unsafe extern "C-unwind" fn close(_: *mut c_void) {}

/// A function that fails, of whatever type is asked for.
macro_rules! fails {
    ($($argument:ty),*) => {{
        unsafe extern "C-unwind" fn fails($(_: $argument),*) -> MaybeUninit<rredis_status> {
            MaybeUninit::new(RREDIS_ERR_IO)
        }
        Some(fails as unsafe extern "C-unwind" fn($($argument),*) -> MaybeUninit<rredis_status>)
    }};
}

/// One with no descriptor is refused by an rredis_async, for another reason.
fn transport() -> rredis_transport {
    rredis_transport {
        size: size_of::<rredis_transport>(),
        name: null(),
        user_data: null_mut(),
        connect: fails!(*mut c_void, *const c_char, usize, i32, i64, *mut *mut c_void, *mut rredis_error),
        read: fails!(*mut c_void, *mut c_char, usize, i64, *mut usize, *mut rredis_error),
        write: fails!(*mut c_void, *const c_char, usize, i64, *mut usize, *mut rredis_error),
        close: Some(close),
        fd: None,
        user_data_free: None,
    }
}

fn parser() -> rredis_parser_type {
    rredis_parser_type {
        size: size_of::<rredis_parser_type>(),
        name: null(),
        user_data: null_mut(),
        start: fails!(*mut c_void, *mut *mut c_void, *mut rredis_error),
        feed: fails!(*mut c_void, *const c_char, usize, *mut rredis_error),
        next: fails!(*mut c_void, *mut rredis_builder, *mut rredis_error),
        stop: Some(close),
        user_data_free: None,
    }
}
