//! What redis-server 7.0 and valkey-server 8.0 answered, in RESP2 and RESP3, and what hostile ones may.

use super::announced::tests::reply;
use super::*;
use proptest::prelude::*;

fn as_is(endpoint: Endpoint) -> Endpoint {
    endpoint
}

fn at(port: u16) -> Endpoint {
    tcp("127.0.0.1", port)
}

/// A row of texts, flat as in RESP2, or as the map of RESP3.
fn row(words: &str, is_map: bool) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let head = if is_map { format!("%{}\r\n", words.len() / 2) } else { format!("*{}\r\n", words.len()) };
    words.iter().fold(head, |row, word| row + &format!("${}\r\n{word}\r\n", word.len()))
}

/// The same of both protocols.
fn both<T: std::fmt::Debug + PartialEq>(
    words: &str,
    is_in_list: bool,
    read: impl Fn(&Reply) -> Result<T>,
) -> Result<T> {
    let read = |is_map| {
        let row = row(words, is_map);
        read(&reply(if is_in_list { format!("*1\r\n{row}") } else { row }.as_bytes()))
    };
    let (resp2, resp3) = (read(false), read(true));
    assert_eq!(resp2, resp3);
    resp2
}

const MASTER: &str = "name mymaster ip 127.0.0.1 port 23004 runid 4478fa0e72b820ce3e89dc0304758e6b3b5a3262 flags master \
    link-pending-commands 0 link-refcount 1 last-ping-sent 0 last-ok-ping-reply 155 last-ping-reply 155 \
    down-after-milliseconds 5000 info-refresh 2527 role-reported master role-reported-time 103092 config-epoch 3 \
    num-slaves 1 num-other-sentinels 1 quorum 1 failover-timeout 180000 parallel-syncs 1";
const SENTINEL: &str = "name 7b44e4772888766d243b55bd74b51015aef729d0 ip 127.0.0.1 port 23007 runid \
    7b44e4772888766d243b55bd74b51015aef729d0 flags sentinel link-pending-commands 0 link-refcount 1 last-ping-sent 0 \
    last-ok-ping-reply 957 last-ping-reply 957 down-after-milliseconds 5000 last-hello-message 1880 voted-leader ? \
    voted-leader-epoch 0";
const REPLICA: &str = "name 127.0.0.1:23005 ip 127.0.0.1 port 23005 runid de6eca0c8744b7f95474aa085208245f35e7cd3a flags \
    slave link-pending-commands 0 link-refcount 1 last-ping-sent 0 last-ok-ping-reply 730 last-ping-reply 730 \
    down-after-milliseconds 5000 info-refresh 9175 role-reported slave role-reported-time 104671 master-link-down-time 0 \
    master-link-status ok master-host 127.0.0.1 master-port 23004 slave-priority 100 slave-repl-offset 12500 \
    replica-announced 1";
const UNKNOWN: &[u8] = b"-ERR No such master with that name\r\n";

#[test]
fn a_promotion_is_of_a_service() {
    let told = |text: &[u8]| service_of_promoted(text).map(<[u8]>::to_vec);
    assert_eq!(told(b"slave 127.0.0.1:23005 127.0.0.1 23005 @ mymaster 127.0.0.1 23004"), Some(b"mymaster".to_vec()));
    assert_eq!(told(b"slave h:1 ::1 1 @ my service ::1 2"), Some(b"my service".to_vec()));
    for text in [&b""[..], b"slave h:1 h 1", b"slave h:1 h 1 @ ", b"slave h:1 h 1 @ h 2", b"slave h:1 h 1 @  h 2"] {
        assert_eq!(told(text), None, "{text:?}");
    }
}

#[test]
fn an_address_by_name() {
    let read = |wire: &[u8]| address(&reply(wire), &as_is);
    assert_eq!(read(b"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n23004\r\n"), Ok(Some(at(23_004))));
    assert_eq!(read(b"*2\r\n$9\r\n127.0.0.1\r\n:23004\r\n"), Ok(Some(at(23_004))));
    assert_eq!(read(b"*2\r\n$3\r\n::1\r\n$1\r\n1\r\n"), Ok(Some(tcp("::1", 1))));
    assert_eq!(read(b"*-1\r\n"), Ok(None));
    assert_eq!(read(b"_\r\n"), Ok(None));
    for wire in [
        "+OK\r\n",
        ":1\r\n",
        "*0\r\n",
        "*1\r\n$1\r\na\r\n",
        "*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n",
        "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
        "*2\r\n$1\r\na\r\n$1\r\n0\r\n",
        "*2\r\n$1\r\na\r\n$5\r\n65536\r\n",
        "*2\r\n$1\r\na\r\n:-1\r\n",
        "*2\r\n$1\r\na\r\n:65536\r\n",
        "*2\r\n:1\r\n$1\r\n1\r\n",
        "*2\r\n$-1\r\n$1\r\n1\r\n",
        "*2\r\n$7\r\n0.0.0.0\r\n$4\r\n6379\r\n",
        "*2\r\n$2\r\n::\r\n$4\r\n6379\r\n",
    ] {
        let error = read(wire.as_bytes()).unwrap_err();
        assert_eq!(error.status, crate::error::Status::Protocol, "{wire:?}: {error}");
    }
    let error = read(b"-NOAUTH Authentication required.\r\n").unwrap_err();
    assert_eq!(error.to_string(), "SENTINEL GET-MASTER-ADDR-BY-NAME: NOAUTH Authentication required.");
    // A wildcard may stand for something that is to be reached.
    let map = |_| at(7);
    assert_eq!(address(&reply(b"*2\r\n$7\r\n0.0.0.0\r\n$4\r\n6379\r\n"), &map), Ok(Some(at(7))));
}

#[test]
fn a_service_with_its_epoch() {
    let read = |words: &str| both(words, false, |reply| service(reply, &as_is));
    assert_eq!(read(MASTER), Ok(Some(Service { primary: at(23_004), epoch: 3, is_down: false })));
    for flags in ["s_down,master", "s_down,o_down,master", "master,disconnected", "o_down"] {
        let words = MASTER.replace("flags master", &format!("flags {flags}"));
        assert_eq!(read(&words), Ok(Some(Service { primary: at(23_004), epoch: 3, is_down: true })), "{flags}");
    }
    let words = MASTER.replace("flags master", "flags master,failover_in_progress");
    assert_eq!(read(&words).unwrap().map(|service| service.is_down), Some(false));
    assert_eq!(service(&reply(UNKNOWN), &as_is), Ok(None));
    for (from, to) in [
        ("config-epoch 3", "config-epoch x"),
        ("config-epoch 3", "config-epoch -3"),
        ("config-epoch 3", "other 3"),
        ("port 23004", "port 0"),
        ("port 23004", "port x"),
        ("ip 127.0.0.1", "ip 0.0.0.0"),
        ("ip 127.0.0.1", "ip ?"),
        ("flags", "other"),
    ] {
        assert_ne!(MASTER.replace(from, to), MASTER);
        read(&MASTER.replace(from, to)).unwrap_err();
    }
    service(&reply(b"*1\r\n$4\r\nname\r\n"), &as_is).unwrap_err();
    service(&reply(b"*-1\r\n"), &as_is).unwrap_err();
    service(&reply(b"-LOADING x\r\n"), &as_is).unwrap_err();
}

#[test]
fn the_others_that_a_sentinel_knows() {
    let read = |words: &str| both(words, true, |reply| sentinels(reply, &as_is));
    assert_eq!(read(SENTINEL), Ok(Some(vec![KnownServer { endpoint: at(23_007), is_up: true }])));
    let down = SENTINEL.replace("flags sentinel", "flags s_down,sentinel");
    assert_eq!(read(&down), Ok(Some(vec![KnownServer { endpoint: at(23_007), is_up: false }])));
    let read = |words: &str| both(words, true, |reply| replicas(reply, &as_is));
    assert_eq!(read(REPLICA), Ok(Some(vec![KnownServer { endpoint: at(23_005), is_up: true }])));
    let down = REPLICA.replace("flags slave", "flags s_down,slave,disconnected");
    assert_eq!(read(&down), Ok(Some(vec![KnownServer { endpoint: at(23_005), is_up: false }])));
    // What has no address, or not yet, is passed over.
    for (from, to) in [("port 23005", "port 0"), ("ip 127.0.0.1", "ip ?"), ("ip 127.0.0.1", "ip 0.0.0.0")] {
        assert_eq!(read(&REPLICA.replace(from, to)), Ok(Some(vec![])), "{to}");
    }
    for (wire, expected) in [(&b"*0\r\n"[..], Some(vec![])), (UNKNOWN, None)] {
        assert_eq!(sentinels(&reply(wire), &as_is), Ok(expected.clone()));
        assert_eq!(replicas(&reply(wire), &as_is), Ok(expected));
    }
    for wire in ["*-1\r\n", "+OK\r\n", "*1\r\n+OK\r\n", "*1\r\n*1\r\n$1\r\na\r\n", "*1\r\n*0\r\n", "-NOPERM x\r\n"] {
        sentinels(&reply(wire.as_bytes()), &as_is).unwrap_err();
    }
    let twice = format!("*2\r\n{0}{0}", row(REPLICA, true));
    assert_eq!(replicas(&reply(twice.as_bytes()), &as_is).unwrap().map(|all| all.len()), Some(1));
    let many = |count: usize| format!("*{count}\r\n{}", "%1\r\n$5\r\nflags\r\n$1\r\nx\r\n".repeat(count));
    assert_eq!(replicas(&reply(many(SERVERS_MAX).as_bytes()), &as_is), Ok(Some(vec![])));
    replicas(&reply(many(SERVERS_MAX + 1).as_bytes()), &as_is).unwrap_err();
}

#[test]
fn a_failover_is_told_of() {
    let read = |message: &str| switch(message.as_bytes(), &as_is);
    let told = |service: &str| Some(Switch { service: service.into(), from: at(23_004), to: at(23_005) });
    assert_eq!(read("mymaster 127.0.0.1 23004 127.0.0.1 23005"), told("mymaster"));
    assert_eq!(read("my master 127.0.0.1 23004 127.0.0.1 23005"), told("my master"));
    for message in [
        "",
        "mymaster",
        "mymaster 127.0.0.1 23004",
        "127.0.0.1 23004 127.0.0.1 23005",
        " 127.0.0.1 23004 127.0.0.1 23005",
        "mymaster 127.0.0.1 23004 127.0.0.1 0",
        "mymaster 127.0.0.1 23004 127.0.0.1 23005 ",
        "mymaster 127.0.0.1 x 127.0.0.1 23005",
        "mymaster ? 23004 127.0.0.1 23005",
        "mymaster 127.0.0.1 23004 0.0.0.0 23005",
    ] {
        assert_eq!(read(message), None, "{message:?}");
    }
}

#[test]
fn what_a_server_is() {
    let read = |wire: &str| is_primary(&reply(wire.as_bytes()));
    let with_replica = "*3\r\n$6\r\nmaster\r\n:4912\r\n*1\r\n*3\r\n$9\r\n127.0.0.1\r\n$5\r\n23005\r\n$4\r\n4912\r\n";
    assert!(read(with_replica) && read("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"));
    for wire in [
        "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:23004\r\n$9\r\nconnected\r\n:5462\r\n",
        "*2\r\n$8\r\nsentinel\r\n*1\r\n$8\r\nmymaster\r\n",
        "*0\r\n",
        "+master\r\n",
        "%1\r\n$6\r\nmaster\r\n:1\r\n",
        "*1\r\n:1\r\n",
        "-ERR x\r\n",
        "_\r\n",
    ] {
        assert!(!read(wire), "{wire:?}");
    }
}

/// Every reading of one reply, of which none may panic, and what is believed is whole.
fn read_all(wire: &[u8]) {
    let reply = reply(wire);
    let map = |endpoint: Endpoint| endpoint;
    let is_sound =
        |endpoint: &Endpoint| matches!(endpoint, Endpoint::Tcp { host, port } if !host.is_empty() && *port > 0);
    assert!(address(&reply, &map).ok().flatten().is_none_or(|endpoint| is_sound(&endpoint)));
    assert!(service(&reply, &map).ok().flatten().is_none_or(|service| is_sound(&service.primary)));
    for known in [sentinels(&reply, &map), replicas(&reply, &map)].into_iter().flatten().flatten().flatten() {
        assert!(is_sound(&known.endpoint));
    }
    let _ = is_primary(&reply);
}

/// A value of RESP that is likely to be of these answers.
fn any_value() -> impl Strategy<Value = String> {
    let words = "name|ip|port|flags|config-epoch|master|slave|sentinel|127\\.0\\.0\\.1|0\\.0\\.0\\.0|::|\\?|[0-9]{1,6}|-1|s_down|";
    let leaf = prop_oneof![
        words.prop_map(|word: String| format!("${}\r\n{word}\r\n", word.len())),
        (-2i64..70_000).prop_map(|number| format!(":{number}\r\n")),
        Just("_\r\n".to_owned()),
        Just("*-1\r\n".to_owned()),
        Just("#t\r\n".to_owned()),
        Just("-ERR No such master with that name\r\n".to_owned()),
    ];
    leaf.prop_recursive(3, 40, 8, |inner| {
        (proptest::collection::vec(inner, 0..9), any::<bool>()).prop_map(|(parts, is_map)| {
            let len = parts.len();
            match is_map && len % 2 == 0 {
                true => format!("%{}\r\n{}", len / 2, parts.concat()),
                false => format!("*{len}\r\n{}", parts.concat()),
            }
        })
    })
}

proptest! {
    #[test]
    fn no_answer_is_too_strange(wire in any_value()) {
        read_all(wire.as_bytes());
    }

    #[test]
    fn no_message_is_too_strange(message in ".{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = switch(message.as_bytes(), &|endpoint| endpoint);
        let _ = switch(&bytes, &|endpoint| endpoint);
    }

    /// An answer with one part of it lost or put in another's place.
    #[test]
    fn an_answer_that_was_changed_in_one_place_is_read_or_refused(at in 0usize..42, other in "[a-z0-9._:?-]{1,12}") {
        for words in [MASTER, REPLICA, SENTINEL] {
            let mut words: Vec<&str> = words.split(' ').collect();
            let at = at % words.len();
            words[at] = &other;
            let changed = row(&words.join(" "), true);
            read_all(changed.as_bytes());
            read_all(format!("*1\r\n{changed}").as_bytes());
            words.remove(at);
            read_all(row(&words.join(" "), false).as_bytes());
        }
    }
}
