//! The options of clusters and of Sentinels.

use super::{refused, text};
use crate::options::{Endpoint, Key, Options, Topology};

/// Options with these numbers and texts.
fn set(numbers: &[(Key, i64)], texts: &[(Key, &str)]) -> Options {
    let mut options = Options::new();
    numbers.iter().for_each(|(key, number)| options.set_int(*key, *number).unwrap());
    texts.iter().for_each(|(key, text)| options.set_text(*key, text.as_bytes()).unwrap());
    options
}

const CLUSTER: (Key, i64) = (Key::Topology, 1);
const SENTINEL: (Key, i64) = (Key::Topology, 2);
const SERVICE: (Key, &str) = (Key::SentinelService, "mymaster");

fn seeds(options: &Options) -> String {
    options.seeds().iter().map(Endpoint::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_seeds_are_those_listed_or_else_the_one_of_host_and_port() {
    let list = (Key::Seeds, "a,b:7,[::1],[fe80::1%eth0]:9,10.0.0.1:1");
    assert_eq!(seeds(&set(&[CLUSTER], &[list])), "a:6379 b:7 [::1]:6379 [fe80::1%eth0]:9 10.0.0.1:1");
    assert_eq!(seeds(&set(&[SENTINEL], &[list])), "a:26379 b:7 [::1]:26379 [fe80::1%eth0]:9 10.0.0.1:1");
    assert_eq!(seeds(&set(&[CLUSTER], &[(Key::Host, "h")])), "h:6379");
    assert_eq!(seeds(&set(&[SENTINEL], &[(Key::Host, "h")])), "h:26379");
    assert_eq!(seeds(&set(&[SENTINEL, (Key::Port, 6379)], &[])), "127.0.0.1:6379");
    assert_eq!(set(&[SENTINEL], &[]).int(Key::Port).unwrap(), 26_379);
    assert_eq!(seeds(&set(&[], &[(Key::UnixPath, "/s")])), "unix:/s");
    let many = vec!["h:7000"; 1024].join(",");
    assert_eq!(set(&[CLUSTER], &[(Key::Seeds, &many)]).seeds().len(), 1024);
    assert_eq!(text(Key::Seeds, &b"h,".repeat(1024)), "seeds: 1025 servers, but it may have at most 1024");
}

#[test]
fn what_is_wrong_with_a_list_of_servers_is_the_piece_that_is_named() {
    for (list, message) in [
        ("a,,b", "seeds: server 2 of 3 is empty"),
        ("a,", "seeds: server 2 of 2 is empty"),
        (",", "seeds: server 1 of 2 is empty"),
        ("a,b:x", "seeds: \"b:x\" has a port that is not a number from 1 to 65535"),
        ("a,b:", "seeds: \"b:\" has a port that is not a number from 1 to 65535"),
        ("a:0,b", "seeds: \"a:0\" has a port that is not a number from 1 to 65535"),
        ("a:65536", "seeds: \"a:65536\" has a port that is not a number from 1 to 65535"),
        ("a:+1", "seeds: \"a:+1\" has a port that is not a number from 1 to 65535"),
        (":1,b", "seeds: \":1\" has no host"),
        ("a,::1", "seeds: \"::1\" has more than one ':' (an IPv6 address stands in brackets)"),
        ("[::1", "seeds: \"[::1\" has a '[' without its ']'"),
        ("[a]:1", "seeds: \"[a]:1\" has brackets around what is not an IPv6 address"),
        ("[::1]1", "seeds: \"[::1]1\" has something between ']' and the port"),
        ("[::1%]:1", "seeds: \"[::1%]:1\" has no good zone behind its '%'"),
        ("a, b", "seeds: \" b\" has white space (byte 0)"),
        ("a,b]", "seeds: \"b]\" has a byte that no host has (byte 1)"),
        ("redis://a,redis://b", "seeds: it is a URL, which is set as a whole"),
        ("ann:canary@a", "seeds: there is an '@' in it, as in the URL of a server"),
    ] {
        assert_eq!(text(Key::Seeds, list.as_bytes()), message, "{list}");
    }
    assert_eq!(text(Key::Seeds, &[b'a'; 65_536]), "seeds: 65536 bytes, but it may have at most 65535");
}

fn reached(map: &str, announced: &str) -> String {
    let options = set(&[CLUSTER], &[(Key::AddressMap, map), (Key::Seeds, announced)]);
    let [announced] = &options.seeds()[..] else { panic!("one address") };
    options.address_map().apply(announced.clone()).to_string()
}

#[test]
fn an_address_is_mapped_with_its_port_or_else_by_its_host_alone() {
    let map = "10.0.0.1:7000=localhost:1,10.0.0.1=tunnel,10.0.0.2=near:9,[::1]:7=[fe80::1%eth0]:8,[::2]=[::3],node-1=a";
    for (announced, place) in [
        ("10.0.0.1:7000", "localhost:1"),
        ("10.0.0.1:7001", "tunnel:7001"),
        ("10.0.0.2:7000", "near:9"),
        ("10.0.0.3:7000", "10.0.0.3:7000"),
        ("[::1]:7", "[fe80::1%eth0]:8"),
        ("[::1]:8", "[::1]:8"),
        // An address has many spellings, and a name has no case.
        ("[0:0::0:1]:7", "[fe80::1%eth0]:8"),
        ("[0::2]:5", "[::3]:5"),
        ("[::ffff:10.0.0.2]:5", "near:9"),
        ("NODE-1:5", "a:5"),
        // It is done once.
        ("tunnel:7000", "tunnel:7000"),
    ] {
        assert_eq!(reached(map, announced), place, "{announced}");
    }
    assert_eq!(reached("a=b,b=c", "a:1"), "b:1");
    assert_eq!(reached("", "a:1"), "a:1");
    let path = Endpoint::Unix { path: b"/s".to_vec() };
    assert_eq!(set(&[], &[(Key::AddressMap, map)]).address_map().apply(path.clone()), path);
}

#[test]
fn what_is_wrong_with_a_map_is_the_piece_that_is_named() {
    for (map, message) in [
        ("a=b,", "address_map: pair 2 of 2 is empty"),
        ("a=b,c", "address_map: \"c\" is not announced=reachable"),
        ("a=b=c", "address_map: \"a=b=c\" is not announced=reachable"),
        ("=b", "address_map: \"=b\" has no announced address"),
        ("a=", "address_map: \"a=\" has no reachable address"),
        ("a:x=b", "address_map: \"a:x\" has a port that is not a number from 1 to 65535"),
        ("a=b:x", "address_map: \"b:x\" has a port that is not a number from 1 to 65535"),
        ("a=b c", "address_map: \"b c\" has white space (byte 1)"),
        ("a=b,A=c", "address_map: \"A=c\" is for an address that has its pair already"),
        ("[::1]:1=b,[0::1]:1=c", "address_map: \"[0::1]:1=c\" is for an address that has its pair already"),
        ("a=redis://:canary@b", "address_map: it is a URL, which is set as a whole"),
        ("a=ann:canary@b", "address_map: there is an '@' in it, as in the URL of a server"),
    ] {
        assert_eq!(text(Key::AddressMap, map.as_bytes()), message, "{map}");
    }
}

/// What the servers of the data are told is told to no Sentinel.
#[test]
fn sentinels_are_dialled_with_what_is_theirs() {
    let numbers = [SENTINEL, (Key::Database, 3), (Key::Tls, 1), (Key::ConnectTimeoutMs, 7), (Key::ReplyDepthMax, 9)];
    let own =
        [SERVICE, (Key::Seeds, "a,b"), (Key::Username, "ann"), (Key::Password, "sesame"), (Key::ClientName, "me")];
    let theirs = [(Key::SentinelUsername, "watch"), (Key::SentinelPassword, "other")];
    let tls = [(Key::TlsCaFile, "/ca"), (Key::TlsKeyPem, "key")];
    let more = [(Key::AddressMap, "a=b")];
    let numbers = [&numbers[..], &[(Key::TopologyAgeMs, 5), (Key::FailoverWaitMs, 5)]].concat();
    let options = set(&numbers, &[&own[..], &theirs, &tls, &more].concat());
    options.check().unwrap();

    let dialled = options.for_sentinels();
    dialled.check().unwrap();
    let kept = set(
        &[(Key::Tls, 1), (Key::ConnectTimeoutMs, 7), (Key::ReplyDepthMax, 9)],
        &[&tls[..], &[(Key::ClientName, "me"), (Key::Username, "watch"), (Key::Password, "other")]].concat(),
    );
    assert_eq!(dialled, kept);
    assert_eq!(options.password().unwrap().bytes(), b"sesame", "the options are as they were");

    // Without what is theirs they are told nothing.
    let options = set(&numbers, &[&own[..], &tls].concat());
    let dialled = options.for_sentinels();
    assert!(dialled.username().is_none() && dialled.password().is_none());
    let mut by_url = Options::new();
    by_url.set_url(b"rediss://ann:sesame@h:7/3?topology=sentinel&sentinel_service=s").unwrap();
    let dialled = by_url.for_sentinels();
    dialled.check().unwrap();
    assert_eq!(dialled.to_url().unwrap(), "rediss://127.0.0.1:6379/0");
}

#[test]
fn tls_to_sentinels_is_as_to_the_servers_unless_said() {
    let ca = (Key::TlsCaFile, "/ca");
    for (tls, said, expected) in
        [(0, None, false), (1, None, true), (1, Some(0), false), (0, Some(1), true), (1, Some(-1), true)]
    {
        let mut options = set(&[SENTINEL, (Key::Tls, tls)], &[SERVICE]);
        if let Some(said) = said {
            options.set_int(Key::SentinelTls, said).unwrap();
        }
        assert_eq!(options.sentinel_tls(), expected, "{tls} {said:?}");
        let dialled = options.for_sentinels();
        assert_eq!(dialled.tls(), expected, "{tls} {said:?}");
        // Whom to trust has its use where either is over TLS, and is with the Sentinels where they are.
        options.set_text(ca.0, ca.1.as_bytes()).unwrap();
        assert_eq!(options.check().is_ok(), tls == 1 || expected, "{tls} {said:?}");
        if tls == 1 || expected {
            let dialled = options.for_sentinels();
            dialled.check().unwrap();
            assert_eq!(dialled.text(ca.0).is_some(), expected, "{tls} {said:?}");
        }
    }
    // In a cluster there are none.
    assert_eq!(refused(set(&[CLUSTER, (Key::SentinelTls, 1)], &[ca]).check()).split(':').next(), Some("tls_ca_file"));
}

#[test]
fn the_first_servers_are_the_same_by_a_list_or_by_host_and_port() {
    let listed = |topology, list| set(&[topology], &[SERVICE, (Key::Seeds, list)]);
    let placed = |topology, host| set(&[topology], &[SERVICE, (Key::Host, host)]);
    assert_eq!(listed(CLUSTER, "h"), placed(CLUSTER, "h"));
    assert_eq!(listed(CLUSTER, "h"), listed(CLUSTER, "h:6379"));
    assert_eq!(listed(SENTINEL, "h:26379"), placed(SENTINEL, "h"));
    assert_ne!(listed(SENTINEL, "h:6379"), placed(SENTINEL, "h"));
    assert_ne!(listed(CLUSTER, "h,g"), placed(CLUSTER, "h"));
    assert_ne!(listed(CLUSTER, "h"), listed(SENTINEL, "h:6379"));
    // A Sentinel's port is another by default.
    assert_ne!(set(&[SENTINEL, (Key::Port, 6379)], &[]), set(&[SENTINEL], &[]));
    assert_eq!(set(&[SENTINEL, (Key::Port, 26_379)], &[]), set(&[SENTINEL], &[]));
}

#[test]
fn a_client_on_a_pool_says_nothing_else_than_its_pool() {
    let cluster = set(&[CLUSTER], &[(Key::Seeds, "a:6379,b")]);
    let sentinel = set(&[SENTINEL], &[SERVICE, (Key::Seeds, "a")]);
    let single = Options::new();
    let differs: &[(&Options, Options, Option<Key>)] = &[
        (&cluster, set(&[CLUSTER], &[(Key::Seeds, "a,b:6379")]), None),
        (&cluster, set(&[], &[(Key::Seeds, "a,b")]), None),
        (&cluster, set(&[], &[(Key::Seeds, "a")]), Some(Key::Seeds)),
        (&cluster, set(&[], &[(Key::Host, "a")]), Some(Key::Host)),
        (&cluster, set(&[(Key::Topology, 0)], &[]), Some(Key::Topology)),
        (&cluster, set(&[], &[SERVICE]), Some(Key::SentinelService)),
        (&cluster, set(&[(Key::SentinelTls, -1)], &[]), Some(Key::SentinelTls)),
        (&cluster, set(&[(Key::TopologyAgeMs, 60_000), (Key::FailoverWaitMs, 3)], &[]), None),
        (&cluster, set(&[(Key::TopologyAgeMs, 5)], &[]), Some(Key::TopologyAgeMs)),
        (&cluster, set(&[], &[(Key::AddressMap, "a=b")]), Some(Key::AddressMap)),
        (&sentinel, set(&[SENTINEL], &[(Key::Host, "a")]), None),
        (&sentinel, set(&[], &[(Key::Seeds, "a:26379"), SERVICE]), None),
        (&sentinel, set(&[], &[(Key::SentinelPassword, "x")]), Some(Key::SentinelPassword)),
        (&sentinel, set(&[CLUSTER], &[]), Some(Key::Topology)),
        (&single, set(&[CLUSTER], &[]), Some(Key::Topology)),
        (&single, set(&[(Key::Topology, 0)], &[]), None),
        (&single, set(&[], &[(Key::Seeds, "127.0.0.1:6379")]), Some(Key::Seeds)),
        // They would have no effect, at their defaults or not.
        (&single, set(&[(Key::SentinelTls, -1)], &[]), Some(Key::SentinelTls)),
        (&single, set(&[], &[(Key::SentinelUsername, "")]), None),
        // How long, and whether in parts, may lie idle.
        (&single, set(&[(Key::TopologyAgeMs, 60_000), (Key::FailoverWaitMs, 3), (Key::Split, 1)], &[]), None),
        (&single, set(&[(Key::TopologyAgeMs, 5)], &[]), Some(Key::TopologyAgeMs)),
        (&cluster, set(&[(Key::Split, 1)], &[]), None),
    ];
    for (at, (pool, client, expected)) in differs.iter().enumerate() {
        assert_eq!(client.conflict(pool), *expected, "{at}: {client:?}");
    }
}

#[test]
fn each_topology_has_its_number() {
    for (number, topology) in [(0, Topology::Single), (1, Topology::Cluster), (2, Topology::Sentinel)] {
        assert_eq!(set(&[(Key::Topology, number)], &[]).topology(), topology);
    }
    let message = "topology: 3 is none of 0 (single), 1 (cluster), 2 (sentinel)";
    assert_eq!(refused(Options::new().set_int(Key::Topology, 3)), message);
    let message = "sentinel_tls: 2 is none of -1 (auto), 0 (false), 1 (true)";
    assert_eq!(refused(Options::new().set_int(Key::SentinelTls, 2)), message);
}
