//! Sentinels that are wrong: they disagree, are behind, name the dead, a replica or nobody, stall, and tell of what is none of
//! ours. Their connections, and those to the servers that they name, are counted.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rredis::client::Setup;
use rredis::transport::Sockets;

use crate::support::c::{Client, Options, Outcome, Status, call, option, stat};
use crate::support::node::{Answer, Asked, Node};
use crate::support::own::Own;
use crate::support::server::free_port;

/// A Sentinel that says what it is told to say.
struct Liar {
    node: Node,
    says: Arc<Says>,
}

#[derive(Default)]
struct Says {
    /// The port of the primary; 0 is that it knows no such service.
    primary: AtomicU16,
    epoch: AtomicU64,
    stalls: AtomicBool,
    /// What it pushes in front of the next answer.
    push: Mutex<Vec<u8>>,
    /// How often it was asked.
    asked: AtomicUsize,
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn row(words: &[&str]) -> String {
    words.iter().fold(format!("*{}\r\n", words.len()), |row, word| row + &bulk(word))
}

fn confirmed(asked: &Asked<'_>) -> Answer {
    Answer::Bytes(format!(">3\r\n{}{}:1\r\n", bulk("subscribe"), bulk(&asked.key())).into_bytes())
}

impl Says {
    fn answer(&self, asked: &Asked<'_>) -> Answer {
        if self.stalls.load(SeqCst) {
            return Answer::Silence;
        }
        if asked.is("SUBSCRIBE") {
            return confirmed(asked);
        }
        if !asked.is("SENTINEL") {
            return Answer::Honest;
        }
        let (primary, epoch) = (self.primary.load(SeqCst), self.epoch.load(SeqCst).to_string());
        let port = primary.to_string();
        let mut bytes = std::mem::take(&mut *self.push.lock().expect("a script"));
        let answer = match (asked.key().as_str(), primary) {
            ("GET-MASTER-ADDR-BY-NAME", 0) => "_\r\n".to_owned(),
            (_, 0) => "-ERR No such master with that name\r\n".to_owned(),
            ("GET-MASTER-ADDR-BY-NAME", _) => row(&["127.0.0.1", &port]),
            ("MASTER", _) => {
                self.asked.fetch_add(1, SeqCst);
                row(&["ip", "127.0.0.1", "port", &port, "flags", "master", "config-epoch", &epoch])
            }
            _ => "*0\r\n".to_owned(),
        };
        bytes.extend_from_slice(answer.as_bytes());
        Answer::Bytes(bytes)
    }
}

impl Liar {
    fn new(primary: u16, epoch: u64) -> Liar {
        let (node, says) = (Node::new(), Arc::new(Says::default()));
        node.is("sentinel", "");
        node.answers({
            let says = Arc::clone(&says);
            move |asked| says.answer(asked)
        });
        let liar = Liar { node, says };
        liar.names(primary, epoch);
        liar
    }

    fn names(&self, primary: u16, epoch: u64) {
        self.says.epoch.store(epoch, SeqCst);
        self.says.primary.store(primary, SeqCst);
    }

    /// Tell of this before the next answer, and wait until that has gone out.
    fn tells(&self, message: &str, client: &Client) {
        let push = format!(">3\r\n{}{}{}", bulk("message"), bulk("+switch-master"), bulk(message));
        *self.says.push.lock().expect("a script") = push.into_bytes();
        let asked = self.says.asked.load(SeqCst);
        let end = Instant::now() + Duration::from_secs(20);
        while self.says.asked.load(SeqCst) < asked + 2 {
            assert!(Instant::now() < end, "it is not asked any more");
            client.command(&["GET", "key"]).expect("the primary answers");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A primary, which answers every command.
fn primary() -> Node {
    let node = Node::new();
    node.is("standalone", "master");
    node
}

fn url(liars: &[&Liar]) -> String {
    let seeds: Vec<String> = liars.iter().map(|liar| liar.node.endpoint()).collect();
    format!("redis+sentinel://{}/service", seeds.join(","))
}

fn client(liars: &[&Liar]) -> Client {
    Options::at(&url(liars)).int(option::COMMAND_TIMEOUT_MS, 5000).client()
}

fn get(client: &Client) -> String {
    client.ask(&["GET", "key"])
}

#[test]
fn the_latest_epoch_is_believed_and_what_is_behind_is_not_later_either() {
    let (one, two) = (primary(), primary());
    let liars = [Liar::new(one.port(), 1), Liar::new(one.port(), 1), Liar::new(two.port(), 2)];
    let client = client(&liars.each_ref());
    assert_eq!(get(&client), "\"v:key\"");
    assert_eq!((one.connections(), two.connections()), (0, 1));
    // The one that knows better is silent: the others are still behind.
    liars[2].says.stalls.store(true, SeqCst);
    let end = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < end {
        get(&client);
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(one.connections(), 0);
    assert_eq!(client.stat(stat::FAILOVERS), 0);
}

#[test]
fn a_replica_and_the_dead_are_waited_for_until_somebody_names_another() {
    let (good, replica) = (primary(), primary());
    replica.is("standalone", "replica");
    for wrong in [replica.port(), free_port()] {
        let liar = Liar::new(wrong, 1);
        let client = client(&[&liar]);
        let early =
            client.command_with(&["SET", "key", "v"], call::NO_RETRY, 0).map(drop).expect_err("nobody is there");
        assert_eq!((early.status, early.outcome), (Status::CONNECT, Outcome::NOT_SENT), "{early:?}");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| client.command(&["SET", "key", "v"]).map(drop));
            thread::sleep(Duration::from_millis(300));
            liar.names(good.port(), 2);
            waiting.join().expect("a thread").expect("it waited for the good one");
        });
    }
    assert_eq!(replica.times("SET"), 0);
    let liar = Liar::new(replica.port(), 1);
    let options = Options::at(&url(&[&liar])).int(option::COMMAND_TIMEOUT_MS, 5000).int(option::FAILOVER_WAIT_MS, 300);
    let begun = Instant::now();
    let told = options.client().command(&["SET", "key", "v"]).map(drop).expect_err("nobody takes it");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(told.outcome, Outcome::NOT_SENT, "{told:?}");
    assert!(told.message.contains("no primary"), "{told:?}");
}

#[test]
fn those_that_name_nobody_or_stall_hold_nobody_up_for_long() {
    let good = primary();
    let [nobody, stalling, knowing] = [Liar::new(0, 0), Liar::new(good.port(), 1), Liar::new(good.port(), 1)];
    stalling.says.stalls.store(true, SeqCst);
    let begun = Instant::now();
    assert_eq!(get(&client(&[&nobody, &stalling, &knowing])), "\"v:key\"");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let unknown = client(&[&nobody]).command(&["GET", "key"]).map(drop).expect_err("nobody is named");
    assert_eq!(unknown.status, Status::CONFIG, "{unknown:?}");
    let silent = Options::at(&url(&[&stalling])).int(option::COMMAND_TIMEOUT_MS, 2000).client();
    let told = silent.command(&["GET", "key"]).map(drop).expect_err("nobody answers");
    assert_eq!(told.outcome, Outcome::NOT_SENT, "{told:?}");
}

/// What is told of another service, or of what is so already, closes no connection.
#[test]
fn what_is_told_of_others_and_what_is_known_disturbs_nobody() {
    let (good, other) = (primary(), primary());
    let liar = Liar::new(good.port(), 1);
    let client = client(&[&liar]);
    let (here, there) = (good.port(), other.port());
    for message in [
        format!("another 127.0.0.1 {here} 127.0.0.1 {there}"),
        format!("service 127.0.0.1 {there} 127.0.0.1 {here}"),
        format!("service 127.0.0.1 {there} 127.0.0.1 {here}"),
        // It tells of one that it does not name when it is asked.
        format!("service 127.0.0.1 {here} 127.0.0.1 {there}"),
        format!("service 127.0.0.1 {here} 127.0.0.1"),
        String::new(),
    ] {
        liar.tells(&message, &client);
    }
    assert_eq!((good.connections(), other.connections()), (1, 0));
    assert_eq!(client.stat(stat::FAILOVERS), 0);
    // What it names when it is asked is another matter.
    liar.names(there, 2);
    let end = Instant::now() + Duration::from_secs(20);
    while other.connections() == 0 {
        assert!(Instant::now() < end, "the other is never used");
        get(&client);
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(client.stat(stat::FAILOVERS), 1);
    let before = good.times("GET");
    get(&client);
    assert_eq!(good.times("GET"), before);
}

/// The one that leads a failover tells of it before it is over, and before any of them has another to name: it is asked at once.
#[test]
fn what_is_told_of_a_promotion_is_asked_about_at_once() {
    let (old, new) = (primary(), primary());
    let (here, there) = (old.port(), new.port());
    let says = Arc::new(Says::default());
    says.primary.store(here, SeqCst);
    let (leader, promoted) = (Node::new(), Arc::new(AtomicBool::new(false)));
    leader.is("sentinel", "");
    let (script, is_promoted, mut heard_on) = (Arc::clone(&says), Arc::clone(&promoted), usize::MAX);
    leader.answers(move |asked| {
        if asked.is("SUBSCRIBE") {
            heard_on = asked.connection;
        }
        // Where it is listened to it goes on naming the old one, as others do that are asked a moment too early.
        let is_ear = asked.connection == heard_on;
        script.primary.store(if is_promoted.load(SeqCst) && !is_ear { there } else { here }, SeqCst);
        script.epoch.store(1 + u64::from(is_promoted.load(SeqCst)), SeqCst);
        let Answer::Bytes(mut bytes) = script.answer(asked) else { return Answer::Honest };
        if is_ear && asked.key() == "MASTER" && script.asked.load(SeqCst) > 1 && !is_promoted.swap(true, SeqCst) {
            for service in ["another", "service"] {
                let told = format!("slave 127.0.0.1:{there} 127.0.0.1 {there} @ {service} 127.0.0.1 {here}");
                let push = format!(">3\r\n{}{}{}", bulk("message"), bulk("+promoted-slave"), bulk(&told));
                bytes.extend_from_slice(push.as_bytes());
            }
        }
        Answer::Bytes(bytes)
    });
    let url = format!("redis+sentinel://{}/service", leader.endpoint());
    let client = Options::at(&url).int(option::COMMAND_TIMEOUT_MS, 5000).client();
    let end = Instant::now() + Duration::from_secs(20);
    while new.connections() == 0 {
        assert!(Instant::now() < end, "the new one is never used (it was promoted: {})", promoted.load(SeqCst));
        get(&client);
        thread::sleep(Duration::from_millis(10));
    }
    assert!(promoted.load(SeqCst));
    assert_eq!(client.stat(stat::FAILOVERS), 1);
}

/// A transport of the program's may wait, so that nothing is heard over it without waiting: the Sentinels are asked instead.
#[test]
fn over_a_transport_of_the_programs_the_primary_is_followed_too() {
    let (one, two) = (primary(), primary());
    let liar = Liar::new(one.port(), 1);
    let mut setup = Setup::default();
    setup.options.set_url(url(&[&liar]).as_bytes()).expect("a good URL");
    setup.transport = Some(Arc::new(Sockets::new(-1, -1)));
    let client = rredis::client::Client::new(&setup).expect("a client");
    let mut own = Own::on(&client);
    let mut both = || {
        client.command(&[b"GET", b"key"], &rredis::client::Call::default()).expect("the primary answers");
        own.submit(0, &["GET", "key"]);
        own.completion().1.expect("the primary answers");
    };
    both();
    assert_eq!(one.times("GET"), 2);
    liar.names(two.port(), 2);
    let end = Instant::now() + Duration::from_secs(20);
    while two.times("GET") < 4 {
        assert!(Instant::now() < end, "the other is never used");
        thread::sleep(Duration::from_millis(20));
        both();
    }
    let before = one.times("GET");
    both();
    assert_eq!(one.times("GET"), before);
}

/// Each is told its own secrets, and none of the other's.
#[test]
fn sentinels_hear_nothing_of_the_password_of_the_data() {
    let good = primary();
    let liar = Liar::new(good.port(), 1);
    let url = format!("{}?sentinel_password=theirs&password=ours", url(&[&liar]));
    let client = Options::at(&url).int(option::COMMAND_TIMEOUT_MS, 5000).client();
    get(&client);
    let heard = |node: &Node| -> String {
        let commands = (0..node.connections()).flat_map(|number| node.commands(number));
        commands.flatten().map(|word| String::from_utf8_lossy(&word).into_owned() + " ").collect()
    };
    assert!(heard(&good).contains("ours") && !heard(&good).contains("theirs"), "{}", heard(&good));
    assert!(heard(&liar.node).contains("theirs") && !heard(&liar.node).contains("ours"), "{}", heard(&liar.node));
}
