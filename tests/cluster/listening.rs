//! What servers say of the cluster, believed or not: a map that is good stays until a better one is told, and whatever is told
//! costs neither time nor memory nor a connection to somebody else. Scripted nodes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::c::{Client, Options, call, option, stat};
use crate::support::node::{Answer, HERE, Host, Node, Range, slots};
use crate::support::over::Over;
use crate::support::server::eventually;
use crate::support::slots::{SLOTS, key};

const LAST: i64 = SLOTS as i64 - 1;
/// Each reply is followed by a look at what the servers say, if the last is so long ago.
const AGE_MS: i64 = 30;

/// Two nodes with half of the slots each, of which a client knows.
struct Told {
    nodes: [Node; 2],
    client: Client,
}

impl Told {
    fn new() -> Told {
        let nodes: [Node; 2] = Node::several();
        nodes.iter().for_each(|node| node.says_info("ok", 7));
        let options = Options::of_cluster(&nodes[0].endpoint()).int(option::TOPOLOGY_AGE_MS, AGE_MS);
        let client = options.client();
        let told = Told { nodes, client };
        told.is_as_it_was("before all");
        told
    }

    /// Both say this, and are heard twice.
    fn hears(&self, name: &str, bytes: &[u8]) {
        self.nodes.iter().for_each(|node| node.says_slots(bytes.to_vec()));
        self.hears_again(name);
    }

    fn hears_again(&self, name: &str) {
        let refreshes = || self.nodes.iter().map(Node::refreshes).sum::<usize>();
        let (before, end) = (refreshes(), Instant::now() + Duration::from_secs(20));
        while refreshes() < before + 3 {
            assert!(Instant::now() < end, "{name}: nobody asks any more");
            let begin = Instant::now();
            // It is as good as any other reply, whatever is heard beside it.
            self.ask(name, 100);
            assert!(begin.elapsed() < Duration::from_secs(2), "{name}: {:?}", begin.elapsed());
            std::thread::sleep(Duration::from_millis(AGE_MS as u64 / 2));
        }
    }

    fn ask(&self, name: &str, slot: usize) {
        let key = key(slot, "k");
        let reply = self.client.command_within(&["GET", &key], call::NO_RETRY, 5_000);
        assert_eq!(reply.unwrap_or_else(|err| panic!("{name}: {err:?}")).dump(), format!("\"v:{key}\""), "{name}");
    }

    fn is_as_it_was(&self, name: &str) {
        let before = self.nodes.each_ref().map(|node| node.times("GET"));
        self.ask(name, 0);
        self.ask(name, SLOTS - 1);
        let after = self.nodes.each_ref().map(|node| node.times("GET"));
        assert_eq!([after[0] - before[0], after[1] - before[1]], [1, 1], "{name}: each has its half");
        assert_eq!((self.client.stat(stat::SERVERS), self.client.stat(stat::MOVED)), (2, 0), "{name}");
        let told = self.client.servers().expect("they are known").dump();
        let halves = [format!("[:0 :{}]", LAST / 2), format!("[:{} :{LAST}]", LAST / 2 + 1)];
        assert!(halves.iter().all(|half| told.contains(half)), "{name}: {told}");
    }
}

#[test]
fn what_cannot_be_true_changes_nothing() {
    let told = Told::new();
    let foreign = Node::new();
    let ports = [i64::from(told.nodes[0].port()), i64::from(told.nodes[1].port()), i64::from(foreign.port())];
    let [one, two, three] = ports.map(|port| [(HERE, port)]);
    let range = |from, to, nodes| Range { from, to, nodes };
    let all = slots(&[range(0, LAST, &three)]);
    let many: Vec<[(Host<'_>, i64); 1]> = (1..=2_100).map(|port| [(HERE, port)]).collect();
    let many: Vec<Range<'_>> = many.iter().enumerate().map(|(at, nodes)| range(at as i64, at as i64, nodes)).collect();
    let texts = String::from_utf8(all).expect("text").replacen(":0\r\n", "$1\r\n0\r\n", 1);
    let lies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", b"*0\r\n".to_vec()),
        ("a slot below the first", slots(&[range(-1, LAST, &three)])),
        ("a slot behind the last", slots(&[range(0, LAST + 1, &three)])),
        ("backwards", slots(&[range(9, 0, &three), range(10, LAST, &one)])),
        ("a slot twice", slots(&[range(0, 9_000, &three), range(9_000, LAST, &two)])),
        ("a range twice", slots(&[range(0, LAST, &one), range(0, LAST, &three)])),
        ("port 65536", slots(&[range(0, LAST, &[(HERE, 65_536)])])),
        ("port -1", slots(&[range(0, LAST, &[(HERE, -1)])])),
        ("nobody's", slots(&[range(0, LAST, &[])])),
        ("more servers than may be", slots(&many)),
        ("a host that is none", slots(&[range(0, LAST, &[(Host::Text("a b"), ports[2])])])),
        ("an error", b"-ERR no such thing\r\n".to_vec()),
        ("a string", b"$2\r\nok\r\n".to_vec()),
        ("a null", b"_\r\n".to_vec()),
        ("numbers", b"*2\r\n:0\r\n:1\r\n".to_vec()),
        ("a map", b"%1\r\n:0\r\n:1\r\n".to_vec()),
        ("texts for slots", texts.into_bytes()),
        ("an entry of two", b"*1\r\n*2\r\n:0\r\n:16383\r\n".to_vec()),
        ("an entry within an entry", b"*1\r\n*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n".to_vec()),
    ];
    for (name, bytes) in &lies {
        told.hears(name, bytes);
        told.is_as_it_was(name);
        assert_eq!(foreign.connections(), 0, "{name}: whom nobody names as it should be is not called");
    }
}

#[test]
fn who_is_not_well_or_behind_is_not_believed() {
    let (told, foreign) = (Told::new(), Node::new());
    let nodes = [(HERE, i64::from(foreign.port()))];
    let bytes = slots(&[Range { from: 0, to: LAST, nodes: &nodes }]);
    // One of the two goes on saying what is so, or the epoch that all know of would be nobody's.
    for (name, state, epoch) in [("in a minority", "fail", 7), ("of another age", "ok", 6), ("without a state", "", 7)]
    {
        told.nodes[1].says_info(state, epoch);
        told.nodes[1].says_slots(bytes.clone());
        told.hears_again(name);
        told.hears_again(name);
        told.is_as_it_was(name);
        assert_eq!(foreign.connections(), 0, "{name}");
    }
    // A cluster that is farther on is another matter.
    told.nodes.iter().for_each(|node| {
        node.says_info("ok", 8);
        node.says_slots(bytes.clone());
    });
    foreign.says_info("ok", 8);
    let end = Instant::now() + Duration::from_secs(20);
    while told.client.stat(stat::SERVERS) != 1 {
        assert!(Instant::now() < end, "it is not believed");
        told.ask("farther on", 100);
        std::thread::sleep(Duration::from_millis(5));
    }
    told.ask("farther on", 100);
    told.ask("farther on", SLOTS - 1);
    assert!(foreign.times("GET") >= 2);
}

#[test]
fn half_an_answer_and_one_without_end_cost_a_moment() {
    let told = Told::new();
    let nodes = [(HERE, i64::from(told.nodes[0].port()))];
    let whole = slots(&[Range { from: 0, to: LAST, nodes: &nodes }]);
    told.nodes[1].says_half_of_slots(whole[..whole.len() / 2].to_vec());
    told.hears_again("half an answer");
    told.is_as_it_was("half an answer");
    // 64 MiB of one text, where an array should be.
    let mut long = format!("${}\r\n", 64 << 20).into_bytes();
    long.resize(long.len() + (64 << 20), b'x');
    long.extend_from_slice(b"\r\n");
    told.nodes[1].says_slots(long);
    told.hears_again("64 MiB");
    told.is_as_it_was("64 MiB");
}

/// 16 384 ranges of one slot each, in turns, are as good as two.
#[test]
fn as_many_ranges_as_there_are_slots_are_believed() {
    let nodes: [Node; 2] = Node::several();
    let ports = nodes.each_ref().map(|node| [(HERE, i64::from(node.port()))]);
    let range = |slot: usize| Range { from: slot as i64, to: slot as i64, nodes: &ports[slot % 2] };
    let bytes = slots(&(0..SLOTS).map(range).collect::<Vec<_>>());
    nodes.iter().for_each(|node| node.says_slots(bytes.clone()));
    let client = Options::of_cluster(&nodes[0].endpoint()).client();
    for slot in 0..200 {
        client.command(&["GET", &key(slot, "k")]).expect("it is answered");
    }
    assert_eq!((nodes[0].times("GET"), nodes[1].times("GET"), client.stat(stat::MOVED)), (100, 100, 0));
}

/// What some servers say instead of a host that all can use.
#[test]
fn a_host_that_is_not_told_is_the_one_that_was_asked() {
    for host in [Host::Null, Host::Text("")] {
        let [one, two]: [Node; 2] = Node::several();
        let halves = [[(host, i64::from(one.port()))], [(host, i64::from(two.port()))]];
        let bytes = slots(&[
            Range { from: 0, to: 8_191, nodes: &halves[0] },
            Range { from: 8_192, to: LAST, nodes: &halves[1] },
        ]);
        one.says_slots(bytes.clone());
        two.says_slots(bytes);
        let client = Options::of_cluster(&one.endpoint()).client();
        client.command(&["GET", &key(1, "k")]).expect("the first has it");
        client.command(&["GET", &key(SLOTS - 1, "k")]).expect("the second has it");
        assert_eq!((one.times("GET"), two.times("GET")), (1, 1));
        let told = client.servers().expect("they are known").dump();
        assert!(told.contains(&one.endpoint()) && told.contains(&two.endpoint()), "{told}");
    }
}

/// A server that cannot be reached by what is told of it is left out, and the others are not: its slots are nobody's.
#[test]
fn who_cannot_be_reached_is_left_out() {
    for nowhere in [(Host::Text("?"), 7_000), (HERE, 0)] {
        let one = Node::new();
        let nodes = [(HERE, i64::from(one.port())), nowhere];
        let bytes =
            slots(&[Range { from: 0, to: 8_191, nodes: &nodes }, Range { from: 8_192, to: LAST, nodes: &[nowhere] }]);
        one.says_slots(bytes);
        let client = Options::of_cluster(&one.endpoint()).client();
        client.command(&["GET", &key(1, "k")]).expect("the first has it");
        assert_eq!(client.stat(stat::SERVERS), 1);
        let begin = Instant::now();
        let err = client.command_within(&["GET", &key(SLOTS - 1, "k")], 0, 500).expect_err("nobody has it");
        assert!(begin.elapsed() < Duration::from_secs(3) && one.times("GET") <= 2, "{err:?}");
        println!("{nowhere:?}: {err:?}", nowhere = nowhere.1);
    }
}

/// Names stay names: in the list of servers, in redirects, and where connections are made.
#[test]
fn servers_may_be_known_by_their_names() {
    let [one, two]: [Node; 2] = Node::several();
    let halves = [&one, &two].map(|node| [(Host::Text("localhost"), i64::from(node.port()))]);
    let bytes =
        slots(&[Range { from: 0, to: 8_191, nodes: &halves[0] }, Range { from: 8_192, to: LAST, nodes: &halves[1] }]);
    [&one, &two].iter().for_each(|node| node.says_slots(bytes.clone()));
    let client = Options::of_cluster(&one.endpoint()).client();
    client.command(&["GET", &key(SLOTS - 1, "k")]).expect("the second has it");
    let told = client.servers().expect("they are known").dump();
    assert!(told.contains(&format!("\"localhost:{}\"", two.port())) && !told.contains("127.0.0.1"), "{told}");
    let to = format!("localhost:{}", two.port());
    one.answers(move |_| Answer::Error(format!("MOVED 1 {to}")));
    client.command(&["GET", &key(1, "k")]).expect("the second has it");
    assert_eq!((one.times("GET"), two.times("GET"), client.stat(stat::MOVED)), (1, 2, 1));
}

/// Where a cluster has no preferred way to be reached, what else it says of a server is used.
#[test]
fn what_is_told_beside_a_host_that_is_none_is_used() {
    for (name, host) in [("ip", "127.0.0.1"), ("hostname", "localhost")] {
        let node = Node::new();
        let bytes = format!(
            "*1\r\n*3\r\n:0\r\n:{LAST}\r\n*4\r\n$1\r\n?\r\n:{}\r\n$1\r\nn\r\n*2\r\n${}\r\n{name}\r\n${}\r\n{host}\r\n",
            node.port(),
            name.len(),
            host.len()
        );
        node.says_slots(bytes.into_bytes());
        let client = Options::of_cluster(&node.endpoint()).client();
        client.command(&["GET", &key(1, "k")]).unwrap_or_else(|err| panic!("{name}: {err:?}"));
        let told = client.servers().expect("they are known").dump();
        assert!(told.contains(&format!("\"{host}:{}\"", node.port())), "{told}");
    }
}

/// A cluster that was made anew at the same places begins with a smaller epoch. It is believed where nobody knows of the old one.
#[test]
fn a_cluster_that_was_made_anew_is_believed() {
    let told = Told::new();
    let half = LAST / 2;
    let halves = told.nodes.each_ref().map(|node| [(HERE, i64::from(node.port()))]);
    // The halves have changed places.
    let bytes =
        slots(&[Range { from: 0, to: half, nodes: &halves[1] }, Range { from: half + 1, to: LAST, nodes: &halves[0] }]);
    told.nodes.iter().for_each(|node| {
        node.says_info("ok", 2);
        node.says_slots(bytes.clone());
    });
    let [one, two] = told.nodes.each_ref().map(Node::endpoint);
    told.nodes[0].answers(move |asked| match asked.key() == key(0, "k") {
        true => Answer::Error(format!("MOVED 0 {two}")),
        false => Answer::Honest,
    });
    told.nodes[1].answers(move |asked| match asked.key() == key(SLOTS - 1, "k") {
        true => Answer::Error(format!("MOVED {LAST} {one}")),
        false => Answer::Honest,
    });
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let before = told.client.stat(stat::MOVED);
        told.ask("made anew", 0);
        told.ask("made anew", SLOTS - 1);
        let servers = told.client.servers().expect("they are known").dump();
        if told.client.stat(stat::MOVED) == before && servers.contains(&format!("[:0 :{half}]")) {
            break;
        }
        assert!(Instant::now() < end, "it is not believed: {servers}");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Slots that nobody was redirected for are where the new one has them.
    let before = told.nodes[1].times("GET");
    told.ask("made anew", 5);
    assert_eq!(told.nodes[1].times("GET"), before + 1);
}

/// All servers are replaced by others, one after the other, while commands run: none fails, and nobody stays with who is gone.
#[test]
fn servers_that_are_gone_are_let_go() {
    const THREADS: usize = 8;
    let nodes: [Node; 6] = [(); 6].map(|()| Node::new());
    let at = nodes.each_ref().map(|node| [(HERE, i64::from(node.port()))]);
    // The first three, and then one more of the second three in each epoch.
    let of_epoch = |epoch: usize| [0, 1, 2].map(|shard| if shard < epoch { shard + 3 } else { shard });
    let view = |epoch: usize| {
        let [one, two, three] = of_epoch(epoch);
        slots(&[
            Range { from: 0, to: 4_999, nodes: &at[one] },
            Range { from: 5_000, to: 9_999, nodes: &at[two] },
            Range { from: 10_000, to: LAST, nodes: &at[three] },
        ])
    };
    let say = |epoch: usize| {
        for node in &nodes {
            node.says_info("ok", epoch as u64);
            node.says_slots(view(epoch));
        }
    };
    say(0);
    let seeds = nodes[..3].iter().map(Node::endpoint).collect::<Vec<_>>().join(",");
    let client = Options::of_cluster(&seeds).int(option::TOPOLOGY_AGE_MS, AGE_MS).client();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over_at_the_end = Over(&over);
        for who in 0..THREADS {
            let (client, over) = (&client, &over);
            scope.spawn(move || {
                let keys = [0, 5_000, 10_000].map(|slot| key(slot + who, "k"));
                for key in keys.iter().cycle() {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let reply = client.command(&["GET", key]).unwrap_or_else(|err| panic!("{err:?}"));
                    assert_eq!(reply.dump(), format!("\"v:{key}\""));
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        for epoch in 1..=3 {
            eventually("the present ones are used", || of_epoch(epoch - 1).iter().all(|node| nodes[*node].open() > 0));
            say(epoch);
            let gone = epoch - 1;
            eventually("the one that is gone is left", || nodes[gone].open() == 0);
        }
        eventually("the last ones are used", || nodes[3..].iter().all(|node| node.open() > 0));
    });
    assert_eq!((client.stat(stat::SERVERS), client.stat(stat::MOVED), client.stat(stat::RETRIES)), (3, 0, 0));
    let open = || nodes.iter().map(|node| node.open() as i64).sum::<i64>();
    eventually("what is counted is what is open", || client.stat(stat::CONNECTIONS) == open());
}
