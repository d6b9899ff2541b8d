//! What redis-server 7.0 and valkey-server 8.0 answered, in RESP2 and RESP3, and what hostile ones may.

use super::announced::tests::reply;
use super::*;
use crate::error::Status;
use proptest::prelude::*;

fn as_is(endpoint: Endpoint) -> Endpoint {
    endpoint
}

fn asked() -> Endpoint {
    announced::tcp("seed.example", 6379)
}

fn view(slots: &str) -> Result<ClusterView> {
    read(&reply(INFO_OK), &reply(slots.as_bytes()), &asked(), &as_is)
}

fn server(host: &str, port: u16) -> ViewServer {
    ViewServer { endpoint: announced::tcp(host, port), zone: None }
}

fn shard(primary: ViewServer, replicas: &[ViewServer], ranges: &[(u16, u16)]) -> ViewShard {
    ViewShard { primary, replicas: replicas.to_vec(), ranges: ranges.to_vec() }
}

/// One entry with one server, of host, port and metadata as they are on the wire.
fn one(from: i64, to: i64, host: &str, port: &str, metadata: &str) -> String {
    let node = format!("*4\r\n{host}{port}$1\r\ni\r\n{metadata}");
    format!("*1\r\n*3\r\n:{from}\r\n:{to}\r\n{node}")
}

const INFO_OK: &[u8] = b"$510\r\ncluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n\
    cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:3\r\ncluster_size:3\r\ncluster_current_epoch:3\r\n\
    cluster_my_epoch:1\r\ncluster_stats_messages_ping_sent:24\r\ncluster_stats_messages_pong_sent:24\r\n\
    cluster_stats_messages_sent:48\r\ncluster_stats_messages_ping_received:22\r\ncluster_stats_messages_pong_received:24\r\n\
    cluster_stats_messages_meet_received:2\r\ncluster_stats_messages_received:48\r\n\
    total_cluster_links_buffer_limit_exceeded:0\r\n\r\n";
const INFO_UNJOINED: &[u8] = b"=310\r\ntxt:cluster_state:fail\r\ncluster_slots_assigned:0\r\ncluster_slots_ok:0\r\n\
    cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:1\r\ncluster_size:0\r\ncluster_current_epoch:0\r\n\
    cluster_my_epoch:0\r\ncluster_stats_messages_sent:0\r\ncluster_stats_messages_received:0\r\n\
    total_cluster_links_buffer_limit_exceeded:0\r\n\r\n";
const DISABLED: &[u8] = b"-ERR This instance has cluster support disabled\r\n";
const WHOLE: &str = "*3\r\n*3\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:23001\r\n$40\r\n\
    9cdd19ea32a53f4e4f99bdd302f1973f9d92111a\r\n*0\r\n*3\r\n:5461\r\n:10922\r\n*4\r\n$9\r\n127.0.0.1\r\n:23002\r\n$40\r\n\
    5d257f184577e66088c1ce2abf4bb3531cd64af1\r\n*0\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:23003\r\n$40\r\n\
    3281684c64aa77bfa4e3cc8594eda233aa527b65\r\n*0\r\n";
/// RESP3, two shards with a replica, the third after a failover.
const WITH_REPLICAS: &str = "*3\r\n*4\r\n:0\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:23301\r\n$40\r\n\
    d9f2e5bcbd1884e41613b9ff80cce09f4a8f92dc\r\n%0\r\n*4\r\n$9\r\n127.0.0.1\r\n:23305\r\n$40\r\n\
    219b69507612973456c047adb270a943d56bdbf3\r\n%0\r\n*4\r\n:5461\r\n:10922\r\n*4\r\n$9\r\n127.0.0.1\r\n:23302\r\n$40\r\n\
    0587bbf2f553a83e12060bfe738a9e0709e11c7a\r\n%0\r\n*4\r\n$9\r\n127.0.0.1\r\n:23306\r\n$40\r\n\
    6d224345c05610c19344da1343d7f668000b4596\r\n%0\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n$9\r\n127.0.0.1\r\n:23304\r\n$40\r\n\
    1c527d31d43f5e7446b39a8a8a8cbdcb12aaa8d2\r\n%0\r\n";
/// With a slot that was moved: of one primary there are two ranges.
const SPLIT: &str = "*5\r\n*3\r\n:0\r\n:99\r\n*4\r\n$9\r\n127.0.0.1\r\n:23001\r\n$40\r\n\
    9cdd19ea32a53f4e4f99bdd302f1973f9d92111a\r\n%1\r\n$8\r\nhostname\r\n$9\r\na.example\r\n*3\r\n:100\r\n:100\r\n*4\r\n$9\r\n\
    127.0.0.1\r\n:23002\r\n$40\r\n5d257f184577e66088c1ce2abf4bb3531cd64af1\r\n%1\r\n$8\r\nhostname\r\n$9\r\nb.example\r\n*3\r\n\
    :101\r\n:5460\r\n*4\r\n$9\r\n127.0.0.1\r\n:23001\r\n$40\r\n9cdd19ea32a53f4e4f99bdd302f1973f9d92111a\r\n%1\r\n$8\r\n\
    hostname\r\n$9\r\na.example\r\n*3\r\n:5461\r\n:10922\r\n*4\r\n$9\r\n127.0.0.1\r\n:23002\r\n$40\r\n\
    5d257f184577e66088c1ce2abf4bb3531cd64af1\r\n%1\r\n$8\r\nhostname\r\n$9\r\nb.example\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n$9\r\n\
    127.0.0.1\r\n:23003\r\n$40\r\n3281684c64aa77bfa4e3cc8594eda233aa527b65\r\n%0\r\n";
/// `cluster-preferred-endpoint-type hostname`, where the third server has none.
const BY_NAME: &str = "*3\r\n*3\r\n:0\r\n:5460\r\n*4\r\n$9\r\na.example\r\n:23001\r\n$40\r\n\
    9cdd19ea32a53f4e4f99bdd302f1973f9d92111a\r\n*2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n*3\r\n:5461\r\n:10922\r\n*4\r\n$9\r\n\
    b.example\r\n:23002\r\n$40\r\n5d257f184577e66088c1ce2abf4bb3531cd64af1\r\n*2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n*3\r\n\
    :10923\r\n:16383\r\n*4\r\n$1\r\n?\r\n:23003\r\n$40\r\n3281684c64aa77bfa4e3cc8594eda233aa527b65\r\n*2\r\n$2\r\nip\r\n$9\r\n\
    127.0.0.1\r\n";
/// `cluster-preferred-endpoint-type unknown-endpoint`, in RESP3.
const WITHOUT_HOSTS: &str = "*3\r\n*3\r\n:0\r\n:5460\r\n*4\r\n_\r\n:23001\r\n$40\r\n\
    9cdd19ea32a53f4e4f99bdd302f1973f9d92111a\r\n%2\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n$8\r\nhostname\r\n$9\r\na.example\r\n*3\r\n\
    :5461\r\n:10922\r\n*4\r\n_\r\n:23002\r\n$40\r\n5d257f184577e66088c1ce2abf4bb3531cd64af1\r\n%2\r\n$2\r\nip\r\n$9\r\n\
    127.0.0.1\r\n$8\r\nhostname\r\n$9\r\nb.example\r\n*3\r\n:10923\r\n:16383\r\n*4\r\n_\r\n:23003\r\n$40\r\n\
    3281684c64aa77bfa4e3cc8594eda233aa527b65\r\n%1\r\n$2\r\nip\r\n$9\r\n127.0.0.1\r\n";

#[test]
fn a_cluster_is_read() {
    let local = |port| server("127.0.0.1", port);
    let thirds = [(0, 5460), (5461, 10_922), (10_923, 16_383)];
    let of = |servers: [ViewServer; 3]| {
        let shards = servers.into_iter().zip(thirds).map(|(server, range)| shard(server, &[], &[range]));
        Ok(ClusterView { epoch: 3, shards: shards.collect() })
    };
    assert_eq!(view(WHOLE), of([local(23_001), local(23_002), local(23_003)]));
    assert_eq!(view(WHOLE).unwrap().covered(), 16_384);
    assert_eq!(view(BY_NAME), of([server("a.example", 23_001), server("b.example", 23_002), local(23_003)]));
    let seed = |port| server("seed.example", port);
    assert_eq!(view(WITHOUT_HOSTS), of([seed(23_001), seed(23_002), seed(23_003)]));
    let shards = vec![
        shard(local(23_301), &[local(23_305)], &[thirds[0]]),
        shard(local(23_302), &[local(23_306)], &[thirds[1]]),
        shard(local(23_304), &[], &[thirds[2]]),
    ];
    assert_eq!(view(WITH_REPLICAS), Ok(ClusterView { epoch: 3, shards }));
    let shards = vec![
        shard(local(23_001), &[], &[(0, 99), (101, 5460)]),
        shard(local(23_002), &[], &[(100, 100), thirds[1]]),
        shard(local(23_003), &[], &[thirds[2]]),
    ];
    assert_eq!(view(SPLIT), Ok(ClusterView { epoch: 3, shards }));
    assert_eq!(view("*0\r\n"), Ok(ClusterView { epoch: 3, shards: vec![] }));
    assert_eq!(view("*0\r\n").unwrap().covered(), 0);
}

#[test]
fn what_a_server_says_of_its_cluster() {
    assert!(is_well(&reply(INFO_OK)));
    assert!(!is_well(&reply(INFO_UNJOINED)));
    assert_eq!(epoch(&reply(INFO_OK)), Ok(3));
    assert_eq!(epoch(&reply(INFO_UNJOINED)), Ok(0));
    assert_eq!(epoch(&reply(b"$16\r\ncluster_state:ok\r\n")), Ok(0));
    let largest = b"$42\r\ncluster_current_epoch:18446744073709551615\r\n";
    assert_eq!(epoch(&reply(largest)), Ok(u64::MAX));
    for info in
        ["cluster_state:fail\r\n", "xcluster_state:ok\r\n", "cluster_state:okay\r\n", "cluster_state: ok\r\n", ""]
    {
        assert!(!is_well(&reply(format!("${}\r\n{info}\r\n", info.len()).as_bytes())), "{info:?}");
    }
    for value in ["", "-1", "+1", "x", "1.0", "18446744073709551616", " 1"] {
        let info = format!("cluster_current_epoch:{value}\r\n");
        epoch(&reply(format!("${}\r\n{info}\r\n", info.len()).as_bytes())).unwrap_err();
    }
    for info in ["*0\r\n", "_\r\n", ":1\r\n", "%0\r\n"] {
        assert!(!is_well(&reply(info.as_bytes())));
        assert_eq!(epoch(&reply(info.as_bytes())).unwrap_err().status, Status::Protocol);
    }
    assert!(is_of_none(&reply(DISABLED)));
    assert!(!is_well(&reply(DISABLED)));
    for other in ["-ERR unknown command 'CLUSTER'\r\n", "+ERR This instance has cluster support disabled\r\n", "*0\r\n"]
    {
        assert!(!is_of_none(&reply(other.as_bytes())));
    }
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let error = read(&reply(DISABLED), &reply(DISABLED), &asked(), &as_is).unwrap_err();
    assert_eq!(error.status, Status::Server);
    assert_eq!(error.to_string(), "CLUSTER INFO: ERR This instance has cluster support disabled");
    let error = view("-NOPERM this user has no permissions\r\n").unwrap_err();
    assert_eq!(error.to_string(), "CLUSTER SLOTS: NOPERM this user has no permissions");
}

#[test]
fn what_stands_for_a_host() {
    let ip = "*2\r\n$2\r\nip\r\n$7\r\n1.2.3.4\r\n";
    let name = "%1\r\n$8\r\nhostname\r\n$1\r\nh\r\n";
    let both = "%2\r\n$8\r\nhostname\r\n$1\r\nh\r\n$2\r\nip\r\n$7\r\n1.2.3.4\r\n";
    let no_ip = "%2\r\n$8\r\nhostname\r\n$1\r\nh\r\n$2\r\nip\r\n$0\r\n\r\n";
    let unknown = "$1\r\n?\r\n";
    for (host, metadata, expected) in [
        ("$-1\r\n", "*0\r\n", Some("seed.example")),
        ("_\r\n", ip, Some("seed.example")),
        ("$0\r\n\r\n", "%0\r\n", Some("seed.example")),
        (unknown, ip, Some("1.2.3.4")),
        (unknown, name, Some("h")),
        (unknown, both, Some("1.2.3.4")),
        (unknown, no_ip, Some("h")),
        (unknown, "*0\r\n", None),
        (unknown, "_\r\n", None),
        ("$3\r\n::1\r\n", "*0\r\n", Some("::1")),
        ("$9\r\na.example\r\n", ip, Some("a.example")),
    ] {
        let view = view(&one(7, 9, host, ":7001\r\n", metadata)).unwrap();
        let found: Vec<&ViewShard> = view.shards.iter().collect();
        let expected = expected.map(|host| shard(server(host, 7001), &[], &[(7, 9)]));
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{host:?} {metadata:?}");
    }
    // Without the port nobody is reached.
    assert_eq!(view(&one(7, 9, "$1\r\na\r\n", ":0\r\n", "*0\r\n")).unwrap().shards, []);
    let unix = Endpoint::Unix { path: b"/s".to_vec() };
    let slots = one(7, 9, "_\r\n", ":7001\r\n", "*0\r\n");
    assert_eq!(read(&reply(INFO_OK), &reply(slots.as_bytes()), &unix, &as_is).unwrap().shards, []);
    let map = |endpoint| if endpoint == server("a", 1).endpoint { server("b", 2).endpoint } else { endpoint };
    let slots = one(7, 9, "$1\r\na\r\n", ":1\r\n", "*0\r\n");
    let mapped = read(&reply(INFO_OK), &reply(slots.as_bytes()), &asked(), &map).unwrap();
    assert_eq!(mapped.shards, [shard(server("b", 2), &[], &[(7, 9)])]);
}

#[test]
fn a_server_has_its_zone() {
    let zone =
        |metadata: &str| view(&one(0, 1, "$1\r\na\r\n", ":1\r\n", metadata)).unwrap().shards[0].primary.zone.clone();
    let name = "$17\r\navailability-zone\r\n";
    assert_eq!(zone(&format!("%1\r\n{name}$6\r\nzone-a\r\n")), Some(b"zone-a".to_vec()));
    assert_eq!(zone(&format!("*2\r\n{name}$6\r\nzone-a\r\n")), Some(b"zone-a".to_vec()));
    assert_eq!(zone(&format!("%1\r\n{name}$0\r\n\r\n")), None);
    assert_eq!(zone(&format!("%1\r\n{name}_\r\n")), None);
    assert_eq!(zone("%1\r\n$5\r\nother\r\n:1\r\n"), None);
}

/// Behind an address map, or a balancer, several that are announced may be one endpoint.
#[test]
fn an_endpoint_is_one_server() {
    let node = |port: u16| format!("*3\r\n$1\r\na\r\n:{port}\r\n$1\r\ni\r\n");
    let entry = |from: u16, to: u16, nodes: &[u16]| {
        let nodes: String = nodes.iter().map(|port| node(*port)).collect();
        (from, to, nodes)
    };
    let wire = |entries: &[(u16, u16, String)]| {
        let entry = |(from, to, nodes): &(u16, u16, String)| {
            format!("*{}\r\n:{from}\r\n:{to}\r\n{nodes}", 2 + nodes.matches('*').count())
        };
        format!("*{}\r\n{}", entries.len(), entries.iter().map(entry).collect::<String>())
    };
    let at = |port| server("a", port);
    let twice = wire(&[entry(0, 1, &[1, 2, 2]), entry(3, 4, &[1, 2, 3]), entry(5, 5, &[4, 2, 1, 4, 5])]);
    let expected = [shard(at(1), &[at(2), at(3)], &[(0, 1), (3, 4)]), shard(at(4), &[at(5)], &[(5, 5)])];
    assert_eq!(view(&twice).unwrap().shards, expected);
    // A primary that is told of behind a replica of its address.
    let later = wire(&[entry(0, 1, &[1, 2]), entry(3, 4, &[2])]);
    assert_eq!(view(&later).unwrap().shards, [shard(at(1), &[], &[(0, 1)]), shard(at(2), &[], &[(3, 4)])]);
    // Nobody's replicas are nobody's.
    let nobody = "*1\r\n*4\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n*2\r\n$1\r\na\r\n:7\r\n";
    assert_eq!(view(nobody).unwrap().shards, []);
}

#[test]
fn what_is_malformed_is_refused_whole() {
    let good = "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n";
    assert_eq!(view(&format!("*1\r\n{good}")).unwrap().covered(), 2);
    let node = |node: &str| format!("*3\r\n:5\r\n:6\r\n{node}");
    for (bad, why) in [
        (":1\r\n".to_owned(), "no array"),
        ("_\r\n".to_owned(), "no array"),
        ("%1\r\n:5\r\n:6\r\n".to_owned(), "no array"),
        ("*0\r\n".to_owned(), "fewer than three elements"),
        ("*2\r\n:5\r\n:6\r\n".to_owned(), "fewer than three elements"),
        ("*3\r\n:-1\r\n:6\r\n*2\r\n$1\r\na\r\n:1\r\n".to_owned(), "a slot that is none"),
        ("*3\r\n:5\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n".to_owned(), "a slot that is none"),
        ("*3\r\n:65541\r\n:65542\r\n*2\r\n$1\r\na\r\n:1\r\n".to_owned(), "a slot that is none"),
        ("*3\r\n$1\r\n5\r\n:6\r\n*2\r\n$1\r\na\r\n:1\r\n".to_owned(), "a slot that is no integer"),
        ("*3\r\n:6\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n".to_owned(), "a range that ends before it begins"),
        ("*3\r\n:1\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n".to_owned(), "a slot that an earlier entry has"),
        (node("_\r\n"), "a server that is no array"),
        (node("*1\r\n$1\r\na\r\n"), "a server without a host and a port"),
        (node("*2\r\n:1\r\n:1\r\n"), "a host that is no text"),
        (node("*2\r\n$3\r\na b\r\n:1\r\n"), "a host that is none"),
        (node("*2\r\n$3\r\na:b\r\n:1\r\n"), "a host that is none"),
        (node("*2\r\n$1\r\na\r\n$1\r\n1\r\n"), "a port that is no integer"),
        (node("*2\r\n$1\r\na\r\n:-1\r\n"), "a port that is none"),
        (node("*2\r\n$1\r\na\r\n:65536\r\n"), "a port that is none"),
        (node("*4\r\n$1\r\na\r\n:1\r\n$1\r\ni\r\n*1\r\n$2\r\nip\r\n"), "metadata that are no fields"),
        (node("*4\r\n$1\r\na\r\n:1\r\n$1\r\ni\r\n%1\r\n:1\r\n:1\r\n"), "metadata that are no fields"),
        (node("*4\r\n$1\r\n?\r\n:1\r\n$1\r\ni\r\n%1\r\n$2\r\nip\r\n:1\r\n"), "metadata that are no text"),
        (node("*4\r\n$1\r\n?\r\n:1\r\n$1\r\ni\r\n%1\r\n$2\r\nip\r\n$1\r\n?\r\n"), "a host that is none"),
        ("*4\r\n:5\r\n:6\r\n*2\r\n$1\r\na\r\n:1\r\n_\r\n".to_owned(), "a server that is no array"),
    ] {
        let error = view(&format!("*2\r\n{good}{bad}")).unwrap_err();
        assert_eq!(error.status, Status::Protocol, "{bad:?}");
        assert_eq!(error.to_string(), format!("CLUSTER SLOTS: the server's answer is malformed: entry 1: {why}"));
    }
    for wire in ["_\r\n", "%0\r\n", "+OK\r\n", ":1\r\n", "~0\r\n"] {
        assert_eq!(view(wire).unwrap_err().status, Status::Protocol, "{wire:?}");
    }
}

/// A reply of so many servers, each with as many slots of its own.
fn wide(servers: usize, replicas: usize, slots: usize) -> String {
    let mut wire = format!("*{servers}\r\n");
    for at in 0..servers {
        wire += &format!("*{}\r\n:{}\r\n:{}\r\n", 3 + replicas, at * slots, at * slots + slots - 1);
        for node in 0..=replicas {
            wire += &format!("*2\r\n$8\r\n10.0.0.1\r\n:{}\r\n", 1 + at * (replicas + 1) + node);
        }
    }
    wire
}

#[test]
fn a_cluster_is_only_so_large() {
    assert_eq!(view(&wide(SERVERS_MAX, 0, 8)).unwrap().covered(), 16_384);
    assert_eq!(view(&wide(SERVERS_MAX / 2, 1, 16)).unwrap().shards.len(), SERVERS_MAX / 2);
    for wire in [wide(SERVERS_MAX + 1, 0, 1), wide(1, SERVERS_MAX, 1)] {
        let error = view(&wire).unwrap_err();
        assert!(error.to_string().ends_with("too many servers"), "{error}");
    }
    // As many ranges as there are slots, each alone, of two servers in turn.
    let mut wire = "*16384\r\n".to_owned();
    for slot in 0..16_384 {
        wire += &format!("*3\r\n:{slot}\r\n:{slot}\r\n*2\r\n$1\r\na\r\n:{}\r\n", 1 + slot % 2);
    }
    let view = view(&wire).unwrap();
    assert_eq!((view.shards.len(), view.shards[1].ranges.len(), view.covered()), (2, 8192, 16_384));
}

/// A value of RESP that is likely to be of these answers.
fn any_value() -> impl Strategy<Value = String> {
    let words = "127\\.0\\.0\\.1|\\?|ip|hostname|availability-zone|a|::1|cluster_state:ok|";
    let leaf = prop_oneof![
        words.prop_map(|word: String| format!("${}\r\n{word}\r\n", word.len())),
        (-1i64..17_000).prop_map(|number| format!(":{number}\r\n")),
        (0i64..20).prop_map(|number| format!(":{number}\r\n")),
        Just("_\r\n".to_owned()),
        Just("%0\r\n".to_owned()),
    ];
    leaf.prop_recursive(4, 60, 5, |inner| {
        proptest::collection::vec(inner, 0..5).prop_map(|parts| format!("*{}\r\n{}", parts.len(), parts.concat()))
    })
}

/// Whatever is believed is whole.
fn is_sound(view: &ClusterView) {
    let mut owned = vec![false; usize::from(SLOTS)];
    for shard in &view.shards {
        assert!(!shard.ranges.is_empty());
        for (from, to) in &shard.ranges {
            let slots = &mut owned[usize::from(*from)..=usize::from(*to)];
            assert!(slots.iter().all(|owned| !owned));
            slots.fill(true);
        }
        let replicas = shard.replicas.iter().map(|replica| &replica.endpoint);
        for endpoint in replicas.chain([&shard.primary.endpoint]) {
            assert!(matches!(endpoint, Endpoint::Tcp { host, port } if !host.is_empty() && *port > 0));
            let times = |shard: &ViewShard| {
                let replicas = shard.replicas.iter().filter(|replica| replica.endpoint == *endpoint).count();
                replicas + usize::from(shard.primary.endpoint == *endpoint)
            };
            assert_eq!(view.shards.iter().map(times).sum::<usize>(), 1, "{endpoint}");
        }
    }
    assert_eq!(owned.iter().filter(|owned| **owned).count(), view.covered());
}

proptest! {
    #[test]
    fn no_answer_is_too_strange(info in any_value(), slots in any_value()) {
        for info in [&reply(info.as_bytes()), &reply(INFO_OK)] {
            let _ = is_well(info);
            if let Ok(view) = read(info, &reply(slots.as_bytes()), &asked(), &as_is) {
                is_sound(&view);
            }
        }
    }

    /// An answer with one value of it put in the place of another, or another number.
    #[test]
    fn an_answer_that_was_changed_in_one_place_is_sound_or_refused(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), number in -1i64..20_000) {
        for whole in [WHOLE, WITH_REPLICAS, SPLIT, BY_NAME, WITHOUT_HOSTS] {
            let values: Vec<&str> = whole.split_inclusive("\r\n:").collect();
            let (at, other) = (1 + from.index(values.len() - 1), 1 + to.index(values.len() - 1));
            let head = |value: &str| value.find("\r\n").unwrap();
            for digits in [values[other][..head(values[other])].to_owned(), number.to_string()] {
                let changed = digits + &values[at][head(values[at])..];
                let mut values = values.clone();
                values[at] = &changed;
                if let Ok(view) = view(&values.concat()) {
                    is_sound(&view);
                }
            }
        }
    }
}
