//! A client of a cluster, or behind Sentinels, where memory runs short: what it learns of its servers, what goes to several of them at
//! once, and what they refuse. Nodes that are told what to say count what they were sent.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::support::c::{Argv, Client, Options, Outcome, Result, Status, option, stat};
use super::support::node::{Answer, Asked, HERE, Host, Node, Range, slots};
use super::support::pipeline::{Pipeline, mode};
use super::support::pubsub::topic;
use super::support::slots::{SLOTS, slot_of};
use super::{World, own_loop};

const NODES: usize = 3;
/// So many commands, or keys, are of so many slots that a table of them is large.
const COMMANDS: usize = 6000;
/// So many names does each node know: those of two make a large table.
const NAMES: usize = 6000;
/// So many servers does the crowd have.
const CROWD: usize = 2000;

/// So many slots in a row have one owner.
const WIDTH: usize = 4;

/// Three nodes of which each has slots all over, clients for them, a node that knows a crowd, and a Sentinel that does.
pub struct Many {
    nodes: [Node; NODES],
    crowd: Node,
    sentinel: Node,
    told: Arc<Told>,
    client: Client,
    /// Reads the map anew behind each command.
    curious: Client,
    /// Sends keys of several slots in parts.
    splitting: Client,
    /// MGET and many keys.
    mget: Argv,
    keys: Vec<String>,
    /// What each command of a pipeline was answered.
    said: RefCell<Vec<Option<Vec<u8>>>>,
}

/// What the nodes are told and have seen.
#[derive(Default)]
struct Told {
    /// How often each key was set, or each channel subscribed.
    sets: Mutex<HashMap<Vec<u8>, u32>>,
    /// So many commands are answered MOVED.
    moves: AtomicUsize,
}

impl Told {
    fn answer(&self, own: usize, ports: [u16; NODES], names: &[u8], asked: &Asked<'_>) -> Answer {
        let moves = self.moves.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |moves| moves.checked_sub(1));
        if asked.command.len() > 1 && moves.is_ok() {
            let (slot, port) = (slot_of(&asked.key()), ports[(own + 1) % NODES]);
            return Answer::Error(format!("MOVED {slot} 127.0.0.1:{port}"));
        }
        match asked.command.first().map(|name| name.to_ascii_uppercase()).as_deref() {
            Some(b"SET") => {
                *self.sets.lock().expect("a script").entry(asked.command[1].clone()).or_default() += 1;
                Answer::Honest
            }
            Some(b"MGET") => {
                let count = asked.command.len() - 1;
                Answer::Bytes(format!("*{count}\r\n{}", "$1\r\nx\r\n".repeat(count)).into_bytes())
            }
            Some(b"KEYS" | b"PUBSUB") => Answer::Bytes(names.to_vec()),
            Some(b"SSUBSCRIBE") => {
                let mut sets = self.sets.lock().expect("a script");
                asked.command[1..].iter().for_each(|name| *sets.entry(name.clone()).or_default() += 1);
                let confirm = |name: &Vec<u8>| {
                    let name = String::from_utf8_lossy(name);
                    format!(">3\r\n$10\r\nssubscribe\r\n${}\r\n{name}\r\n:1\r\n", name.len())
                };
                Answer::Bytes(asked.command[1..].iter().map(confirm).collect::<String>().into_bytes())
            }
            _ => Answer::Honest,
        }
    }
}

impl Many {
    pub fn new() -> Many {
        let nodes = [(); NODES].map(|()| Node::new());
        let ports = nodes.each_ref().map(Node::port);
        let told = Arc::<Told>::default();
        let own = ports.map(|port| [(HERE, i64::from(port))]);
        let first = |number: usize| (number * WIDTH) as i64;
        let range =
            |number: usize| Range { from: first(number), to: first(number + 1) - 1, nodes: &own[number % NODES] };
        let view = slots(&(0..SLOTS / WIDTH).map(range).collect::<Vec<_>>());
        for (number, node) in nodes.iter().enumerate() {
            node.says_slots(view.clone());
            let names = (0..NAMES).map(|name| format!("$6\r\n{number}{name:05}\r\n")).collect::<String>();
            let (names, told) = (format!("*{NAMES}\r\n{names}").into_bytes(), Arc::clone(&told));
            node.answers(move |asked| told.answer(number, ports, &names, asked));
        }
        let crowd = Node::new();
        let one = [(HERE, i64::from(crowd.port()))];
        let others: Vec<[(Host<'_>, i64); 1]> = (0..CROWD).map(|port| [(HERE, 1 + port as i64)]).collect();
        let mut all = vec![Range { from: CROWD as i64, to: SLOTS as i64 - 1, nodes: &one }];
        all.extend((0..CROWD).map(|slot| Range { from: slot as i64, to: slot as i64, nodes: &others[slot] }));
        crowd.says_slots(slots(&all));
        let options = || Options::of_cluster(&nodes[0].endpoint()).int(option::RETRY_MAX, 0);
        let client = options().client();
        let curious = options().int(option::TOPOLOGY_AGE_MS, 1).client();
        let splitting = options().int(option::SPLIT, 1).client();
        for client in [&client, &curious, &splitting] {
            client.ask(&["GET", "k"]);
        }
        let keys: Vec<String> = (0..COMMANDS).map(|key| key.to_string()).collect();
        let words = |name: &str| {
            let words: &'static [String] = [&[name.to_owned()], &keys[..]].concat().leak();
            // SAFETY: what is leaked outlives everything.
            unsafe { Argv::of(words) }
        };
        let (mget, said) = (words("MGET"), RefCell::new(vec![None; COMMANDS]));
        let sentinel = sentinel(ports[0]);
        Many { nodes, crowd, sentinel, told, client, curious, splitting, mget, keys, said }
    }

    /// All is as it was before: the client goes on, and has no connection in use.
    fn is_well(&self, client: &Client) {
        self.told.moves.store(0, Ordering::SeqCst);
        assert_eq!(client.ask(&["SET", "k", "v"]), "+OK", "it goes on");
        assert_eq!(client.stat(stat::CONNECTIONS_IN_USE), 0);
        self.nodes.iter().for_each(Node::forgets);
        self.told.sets.lock().expect("a script").clear();
    }
}

/// A Sentinel that knows many others, and many replicas.
fn sentinel(primary: u16) -> Node {
    let row = |words: &[&str]| {
        words.iter().fold(format!("*{}\r\n", words.len()), |row, word| row + &format!("${}\r\n{word}\r\n", word.len()))
    };
    let port = primary.to_string();
    let other = |number: usize| {
        let port = (number + 1).to_string();
        row(&["name", &port, "ip", "127.0.0.1", "port", &port, "flags", "slave"])
    };
    let others = format!("*{CROWD}\r\n{}", (0..CROWD).map(other).collect::<String>());
    let node = Node::new();
    node.is("sentinel", "");
    let address = row(&["127.0.0.1", &port]);
    let service = row(&["ip", "127.0.0.1", "port", &port, "flags", "master", "config-epoch", "1"]);
    node.answers(move |asked| match asked.key().as_str() {
        "GET-MASTER-ADDR-BY-NAME" => Answer::Bytes(address.clone().into_bytes()),
        "MASTER" => Answer::Bytes(service.clone().into_bytes()),
        "SENTINELS" | "REPLICAS" => Answer::Bytes(others.clone().into_bytes()),
        _ if asked.is("SUBSCRIBE") => {
            let key = asked.key();
            Answer::Bytes(format!(">3\r\n$9\r\nsubscribe\r\n${}\r\n{key}\r\n:1\r\n", key.len()).into_bytes())
        }
        _ => Answer::Honest,
    });
    node
}

/// What a new client comes to that has everything to learn. It goes on where there is memory again.
fn learns(world: &World, options: Options) -> Result<()> {
    let client = options.int(option::RETRY_MAX, 0).client();
    let said = client.command(&["GET", "k"]).map(drop);
    world.relent();
    assert_eq!(client.ask(&["GET", "k"]), "\"v:k\"");
    said
}

pub fn learnt(world: &World) -> Result<()> {
    learns(world, Options::of_cluster(&world.many().nodes[0].endpoint()))
}

pub fn crowd_learnt(world: &World) -> Result<()> {
    learns(world, Options::of_cluster(&world.many().crowd.endpoint()))
}

pub fn sentinels_learnt(world: &World) -> Result<()> {
    learns(world, Options::at(&format!("redis+sentinel://{}/service", world.many().sentinel.endpoint())))
}

/// Whoever has a reply has it, whatever comes of the map.
pub fn read_anew(world: &World) -> Result<()> {
    let many = world.many();
    std::thread::sleep(Duration::from_millis(2));
    let before = many.curious.stat(stat::REFRESHES);
    many.curious.command(&["GET", "k"]).expect("its own reply was there");
    world.relent();
    assert!(many.curious.stat(stat::REFRESHES) > before);
    many.is_well(&many.curious);
    Ok(())
}

pub fn huge_value_moved(world: &World) -> Result<()> {
    let many = world.many();
    many.told.moves.store(1, Ordering::SeqCst);
    let sent = many.client.command(&[b"SET".as_slice(), b"k", &world.huge]).map(drop);
    world.relent();
    let sets = many.told.sets.lock().expect("a script").get(b"k".as_slice()).copied();
    assert_eq!(sets, sent.is_ok().then_some(1));
    many.is_well(&many.client);
    sent
}

/// Run commands to all slots, of which some have moved. Each that is told to have run did so once, and no other did.
fn run(world: &World, moves: usize, is_shown: bool) -> Result<()> {
    let many = world.many();
    let mut pipeline = Pipeline::of(&many.client);
    let added = many.keys.iter().try_for_each(|key| pipeline.try_add(&["SET", key, "v"]));
    many.told.moves.store(moves, Ordering::SeqCst);
    let mut said = many.said.borrow_mut();
    said.fill(None);
    let ran = added.and_then(|()| match is_shown {
        true => pipeline.run_each(0, 0, {
            let said = &mut *said;
            Box::new(move |index, reply| {
                said[index] = Some(reply.text().to_vec());
                Ok(())
            })
        }),
        false => pipeline.run(mode::PLAIN).map(|reply| {
            said.iter_mut().zip(reply.elements()).for_each(|(said, reply)| *said = Some(reply.text().to_vec()));
        }),
    });
    world.relent();
    pipeline.clear();
    many.told.moves.store(0, Ordering::SeqCst);
    {
        let sets = many.told.sets.lock().expect("a script");
        for (key, said) in many.keys.iter().zip(&*said) {
            let times = sets.get(key.as_bytes()).copied().unwrap_or_default();
            match said.as_deref() {
                Some(b"OK") => assert_eq!(times, 1, "{key}"),
                Some(text) if text.starts_with(b"NOT_SENT ") => assert_eq!(times, 0, "{key}"),
                None if ran.as_ref().is_err_and(|err| err.outcome == Outcome::NOT_SENT) => assert_eq!(times, 0),
                Some(text) if !text.starts_with(b"UNKNOWN ") => panic!("{key}: {}", String::from_utf8_lossy(text)),
                _ => assert!(times <= 1, "{key}"),
            }
        }
    }
    pipeline.add(&["GET", "k"]);
    assert_eq!(pipeline.ask(mode::PLAIN), "[\"v:k\"]", "it is as good as before");
    many.is_well(&many.client);
    ran
}

pub fn pipelined(world: &World) -> Result<()> {
    run(world, 0, false)
}

pub fn pipelined_and_moved(world: &World) -> Result<()> {
    run(world, COMMANDS / 4, false)
}

pub fn shown(world: &World) -> Result<()> {
    run(world, COMMANDS / 4, true)
}

/// A command to several servers, and how many elements its reply has.
fn ask_all(world: &World, client: &Client, args: &Argv, len: usize) -> Result<()> {
    let reply = client.command_of(args).map(|reply| assert_eq!(reply.len, len));
    world.relent();
    world.many().is_well(client);
    reply
}

pub fn in_parts(world: &World) -> Result<()> {
    ask_all(world, &world.many().splitting, &world.many().mget, COMMANDS)
}

pub fn in_parts_and_moved(world: &World) -> Result<()> {
    world.many().told.moves.store(50, Ordering::SeqCst);
    in_parts(world)
}

pub fn lists_joined(world: &World) -> Result<()> {
    // SAFETY: literals outlive everything.
    ask_all(world, &world.many().client, &unsafe { Argv::of(&["KEYS", "*"]) }, NODES * NAMES)
}

pub fn names_united(world: &World) -> Result<()> {
    // SAFETY: as above.
    ask_all(world, &world.many().client, &unsafe { Argv::of(&["PUBSUB", "CHANNELS"]) }, NODES * NAMES)
}

/// All that is accepted comes to be subscribed, where there is memory again at the latest.
pub fn shard_channels(world: &World) -> Result<()> {
    let many = world.many();
    let pubsub = many.client.try_pubsub()?;
    let asked = pubsub.try_subscribe(topic::SHARD, &many.keys);
    let heard = || match pubsub.next(20) {
        Err(err) if err.status == Status::MEMORY || err.status == Status::AGAIN => {}
        said => drop(said.expect("a confirmation, or a gap")),
    };
    (0..50).for_each(|_| heard());
    world.relent();
    let end = Instant::now() + Duration::from_secs(60);
    while asked.is_ok() && many.told.sets.lock().expect("a script").len() < COMMANDS {
        assert!(Instant::now() < end, "a channel is forgotten");
        heard();
    }
    drop(pubsub);
    many.is_well(&many.client);
    asked
}

/// Commands of a loop of the caller's own, to many slots: what was accepted completes once, with its own reply.
pub fn submitted(world: &World) -> Result<()> {
    own_loop::over_cluster(world, &format!("redis+cluster://{}", world.many().nodes[0].endpoint()))
}
