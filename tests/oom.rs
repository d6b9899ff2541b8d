//! Where there is no memory: what a peer or a caller decides the size of fails with a status, the library stays as good as
//! before, and a small allocation that fails ends the process with a sentence.
//!
//! Every case runs in a process of its own, whose allocator refuses each large request in turn, and then each and all
//! behind it, until the case has met no refusal any more.

mod support;

#[path = "oom/cluster.rs"]
mod cluster;
#[path = "oom/own_loop.rs"]
mod own_loop;
#[path = "oom/pipelines.rs"]
mod pipelines;

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::c_void;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use support::c::{Argv, Client, Options, Outcome, Parser, Pool, Reply, Result, Status, option};
use support::functions::Verdict;
use support::pipeline::{Pipeline, mode};
use support::program::{child, preload, watch};
use support::pubsub::{PubSub, topic};
use support::raw::Node;
use support::script::Script;
use support::server::{Folder, Server};

/// What this is a test of: larger requests are those whose size others decide.
const LARGE: usize = 128 << 10;
const HUGE: usize = 2 << 20;
const MANY: usize = 20_000;
/// The longest name that an option takes: two are large.
const NAME: usize = 65_535;
/// So many commands under way, and the next makes their list large.
const UNDER_WAY: usize = 1024;

/// A case, by its name; and what it may say of its command when there is no memory.
type Case = (&'static str, fn(&World) -> Result<()>, &'static [Outcome]);

const NONE: &[Outcome] = &[Outcome::NONE];
const NOT_SENT: &[Outcome] = &[Outcome::NOT_SENT];
const RAN: &[Outcome] = &[Outcome::RAN];

const CASES: &[Case] = &[
    ("a huge value sent", value_sent, NOT_SENT),
    ("a huge value sent on a connection of one's own", value_sent_alone, NOT_SENT),
    ("a huge password said on a connection of one's own", password_said, NOT_SENT),
    ("a command that changes the connection, behind many", changed_behind_many, NOT_SENT),
    ("long names in a handshake", long_names, &[Outcome::NOT_SENT, Outcome::RAN]),
    ("a huge name of a command", huge_name, NOT_SENT),
    ("many arguments", many_arguments, NOT_SENT),
    ("a huge value read", value_read, RAN),
    ("a huge value read by SIMPLE", value_read_by_simple, RAN),
    ("many elements read", elements_read, RAN),
    ("many elements read by SIMPLE", elements_read_by_simple, RAN),
    ("a huge value sent and read", value_echoed, &[Outcome::NOT_SENT, Outcome::RAN]),
    ("a long error", long_error, &[Outcome::RAN, Outcome::UNKNOWN]),
    ("a long channel", long_channel, CHANNELS),
    ("many channels", many_channels, CHANNELS),
    ("many names wanted", many_wanted, CHANNELS),
    ("many names wanted one by one", many_wanted_one_by_one, CHANNELS),
    ("many pushes before a reply", many_pushes, ANY),
    ("a huge message", huge_message, CHANNELS),
    ("many commands sent before a reply is read", many_sent, CHANNELS),
    ("many commands queued in a transaction", many_queued, CHANNELS),
    ("many commands of one's own loop", own_loop::submitted, NOT_SENT),
    ("many subscriptions of one's own loop", own_loop::subscribed, NOT_SENT),
    ("many that wait for a connection", own_loop::held, NOT_SENT),
    ("many whose connection is lost before they are sent", own_loop::lost, NOT_SENT),
    ("many whose server is left before they are sent", own_loop::left, NOT_SENT),
    ("a pipeline of many commands", pipelined, ANY),
    ("a transaction of many commands", transacted, ANY),
    ("a pipeline of huge values", huge_values_pipelined, ANY),
    ("many replies shown one by one", shown, ANY),
    ("a pipeline with callbacks and shapes", called_back, ANY),
    ("a pipeline with a callback of many arguments", pipelines::called_back, ANY),
    ("replies shown to a callback of many arguments", pipelines::shown_called_back, ANY),
    ("a pipeline of many shapes", pipelines::shaped, ANY),
    ("a transaction of many shapes", pipelines::shaped_transaction, ANY),
    ("a pipeline of many scripts", pipelines::scripts_loaded, ANY),
    ("a pipeline of scripts that were flushed", pipelines::scripts_flushed, ANY),
    ("a pipeline of scripts that go whole", pipelines::scripts_whole, ANY),
    ("replies of many scripts shown", pipelines::scripts_shown, ANY),
    ("a transaction of many scripts", pipelines::scripts_transacted, ANY),
    ("a script of many arguments in a transaction", pipelines::arguments_transacted, ANY),
    ("a watch of many keys", pipelines::watched, ANY),
    ("a cluster learnt", cluster::learnt, NOT_SENT),
    ("a cluster of very many learnt", cluster::crowd_learnt, NOT_SENT),
    ("a cluster read anew", cluster::read_anew, NONE),
    ("a cluster's Sentinels learnt", cluster::sentinels_learnt, NOT_SENT),
    ("a cluster's huge value that is MOVED", cluster::huge_value_moved, &[Outcome::NOT_SENT, Outcome::REFUSED]),
    ("a cluster's pipeline", cluster::pipelined, ANY),
    ("a cluster's pipeline of which some is MOVED", cluster::pipelined_and_moved, ANY),
    ("a cluster's replies shown", cluster::shown, ANY),
    ("a cluster's command in parts", cluster::in_parts, ANY),
    ("a cluster's command in parts of which some are MOVED", cluster::in_parts_and_moved, ANY),
    ("a cluster's lists joined", cluster::lists_joined, ANY),
    ("a cluster's names united", cluster::names_united, ANY),
    ("a cluster's shard channels", cluster::shard_channels, CHANNELS),
    ("a cluster's commands of one's own loop", cluster::submitted, NOT_SENT),
    ("commands of one's own loop that no server takes", own_loop::to_no_cluster, NOT_SENT),
    ("a callback beside a huge key", callback, NOT_SENT),
    ("options", options, NONE),
    ("a huge URL", huge_url, NONE),
    ("a reply built", built, NONE),
    ("a reply copied", copied, NONE),
    ("a parser fed", parsed_by_fast, NONE),
    ("a parser fed, SIMPLE", parsed_by_simple, NONE),
    ("a command encoded", encoded, NONE),
];

/// To send is NOT_SENT, and to receive tells of no command.
const CHANNELS: &[Outcome] = &[Outcome::NOT_SENT, Outcome::NONE];

/// What is queued is not sent, what has begun to be answered ran, and of what is in between nobody knows.
const ANY: &[Outcome] = &[Outcome::NOT_SENT, Outcome::RAN, Outcome::UNKNOWN];

/// What a case has at hand: all that is large and its own was made before memory ran short.
struct World {
    /// With the FAST parser, and with the SIMPLE one.
    clients: [Client; 2],
    /// With a callback, somebody who is shown pushes, and longer lines than most.
    called: Client,
    /// With names as long as they may be.
    named: (Pool, Client),
    /// With one of RPUSH, which replaces its reply.
    replacing: Client,
    /// May not ask for scripts, nor load them.
    guest: Client,
    scripts: OnceCell<Vec<Script>>,
    huge: Vec<u8>,
    list: Vec<u8>,
    /// RPUSH, a key, and many words; SUBSCRIBE, and many; SET, a key, and a number.
    push: Argv,
    subscribe: Argv,
    set: Argv,
    pem: String,
    url: String,
    reply: Reply,
    /// A buffer of the caller's.
    room: RefCell<Vec<u8>>,
    /// A cluster, for the cases that need one.
    many: Option<cluster::Many>,
    /// Where the server is.
    server: String,
    /// How many requests were refused before the case had it all back.
    refused: Cell<usize>,
}

const CASE: &str = "RREDIS_TEST_CASE";
const URL: &str = "RREDIS_TEST_URL";

#[test]
fn what_others_decide_the_size_of_fails_with_a_status_and_leaves_all_as_it_was() {
    let server = Server::start(&["proto-max-bulk-len 64mb"]);
    server.ask(&["EVAL", "redis.call('SET', 'huge', string.rep('x', 2097152))", "0"]);
    server.ask(&["EVAL", "for i = 1, 20000 do redis.call('RPUSH', 'many', i) end", "0"]);
    server.ask(&["EVAL", "for i = 1, 20000 do redis.call('HSET', 'map', i, i) end", "0"]);
    server.ask(&["ACL", "SETUSER", "guest", "on", ">sesame", "~*", "+@all", "-script"]);
    let folder = Folder::new("memory");
    let memory = preload(folder.path(), "tests/preload/memory.c");
    let mut wrong = Vec::new();
    for (name, ..) in CASES {
        let mut command = child("child_without_memory");
        let ended = watch(command.env("LD_PRELOAD", &memory).env(CASE, name).env(URL, server.url()));
        if !ended.status.success() || !ended.said.contains("1 passed") {
            wrong.push(format!("{name}: {}\n{}", ended.status, ended.said));
        }
        ended.said.lines().filter(|line| line.contains("refus")).for_each(|line| println!("{line}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "it is run by the test above, with an allocator that refuses"]
fn child_without_memory() {
    let Ok(name) = std::env::var(CASE) else { return };
    let (_, run, outcomes) = CASES.iter().find(|case| case.0 == name).expect("the test above names them");
    let mut world = World::new(&std::env::var(URL).expect("and say where the server is"));
    world.many = name.contains("cluster").then(cluster::Many::new);
    let mut refusals = 0;
    for together in [1, usize::MAX] {
        for spared in 0.. {
            memory::refuse(LARGE, spared, together);
            let result = run(&world);
            world.relent();
            let refused = world.refused.take();
            refusals += refused;
            match result {
                Ok(()) if refused == 0 => break,
                // What was refused was not needed after all.
                Ok(()) => {}
                Err(err) => {
                    assert!(refused > 0, "it fails with all the memory there is: {err:?}");
                    assert!([Status::MEMORY, Status::LIMIT].contains(&err.status), "{spared} spared: {err:?}");
                    assert!(outcomes.contains(&err.outcome), "{spared} spared: {err:?}");
                }
            }
            for client in &world.clients {
                assert_eq!(client.ask(&["PING"]), "+PONG", "{spared} spared");
            }
        }
    }
    assert!(refusals > 0, "nothing large was asked for");
    println!("{name}: {refusals} requests refused");
}

impl World {
    fn new(url: &str) -> World {
        let client = |parser| Options::at(url).int(option::PARSER, parser).int(option::RETRY_MAX, 0).client();
        let keep = Box::new(|_: &[&[u8]], _: &_, _: *mut c_void| Verdict::Keep);
        let called = Options::at(url)
            .int(option::REPLY_LINE_MAX, 4 << 20)
            .callback("GET", keep, &Arc::default())
            .on_push(Box::new(|_| {}))
            .client();
        let replacing = Options::at(url).callback("RPUSH", pipelines::replacing(), &Arc::default()).client();
        let guest = Client::at(&url.replace("://", "://guest:sesame@"));
        let huge = vec![b'x'; HUGE];
        let list = format!("*{MANY}\r\n{}", "$1\r\nx\r\n".repeat(MANY)).into_bytes();
        let words = |first: &[&str]| {
            let first = first.iter().map(|&word| word.to_owned());
            let words: &'static [String] = first.chain((0..MANY).map(|n| n.to_string())).collect::<Vec<_>>().leak();
            // SAFETY: what is leaked outlives everything.
            unsafe { Argv::of(words) }
        };
        let clients = [client(1), client(2)];
        let name = "x".repeat(NAME);
        let named = Options::at(url).int(option::RETRY_MAX, 0).text(option::PASSWORD, &name);
        let named = named.text(option::CLIENT_NAME, &name).text(option::LIBRARY_NAME, &name).pool();
        let of_named = named.client(None).expect("a client can be made");
        let reply = clients[0].command(&["LRANGE", "many", "0", "-1"]).expect("they are there");
        World {
            clients,
            called,
            named: (named, of_named),
            replacing,
            guest,
            scripts: OnceCell::new(),
            list,
            push: words(&["RPUSH", "pushed"]),
            subscribe: words(&["SUBSCRIBE"]),
            // SAFETY: literals outlive everything.
            set: unsafe { Argv::of(&["SET", "k", "v"]) },
            pem: "x".repeat(1 << 20),
            url: format!("redis://:{}@localhost", "x".repeat(HUGE)),
            reply,
            room: RefCell::new(vec![0; HUGE]),
            many: None,
            server: url.to_owned(),
            refused: Cell::new(0),
            huge,
        }
    }

    /// From now on there is all the memory there is.
    fn relent(&self) {
        self.refused.set(self.refused.get() + memory::refused());
        memory::refuse(usize::MAX, 0, 0);
    }

    fn many(&self) -> &cluster::Many {
        self.many.as_ref().expect("the case's name says that it has one")
    }

    fn client(&self) -> &Client {
        &self.clients[0]
    }
}

fn value_sent(world: &World) -> Result<()> {
    world.client().command(&[b"SET".as_slice(), b"k", &world.huge]).map(drop)
}

fn value_sent_alone(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    let sent = conn.command(&[b"SET".as_slice(), b"k", &world.huge]).map(drop);
    assert_eq!(conn.ask(&["PING"]), "+PONG", "nothing of it was sent, so the connection is as good as before");
    sent
}

/// What was not sent has not changed the connection: it goes back, and is the next one's.
fn password_said(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    let id = conn.ask(&["CLIENT", "ID"]);
    let said = conn.command(&[b"AUTH".as_slice(), &world.huge]);
    drop(conn);
    let next = world.client().conn()?.ask(&["CLIENT", "ID"]);
    match said {
        Err(err) if err.status == Status::SERVER => {
            assert_ne!(id, next);
            Ok(())
        }
        Err(err) => {
            assert_eq!(id, next);
            Err(err)
        }
        Ok(_) => panic!("it has no password"),
    }
}

/// The same, where it is the list of commands that there is no memory for.
fn changed_behind_many(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    let id = conn.ask(&["CLIENT", "ID"]);
    for _ in 0..UNDER_WAY {
        conn.send(&["PING"])?;
    }
    let said = conn.send(&["AUTH", "nobody"]);
    for _ in 0..UNDER_WAY {
        assert_eq!(conn.receive(60_000)?.dump(), "+PONG");
    }
    if said.is_ok() {
        assert!(conn.receive(60_000)?.dump().starts_with("-ERR"), "it has no password");
    }
    drop(conn);
    let next = world.client().conn()?.ask(&["CLIENT", "ID"]);
    assert_eq!(id == next, said.is_err(), "what was not sent has not changed the connection");
    said
}

/// A connection that could not say all of its names is not used.
fn long_names(world: &World) -> Result<()> {
    let (pool, client) = &world.named;
    pool.drop_idle();
    let name = client.command(&["CLIENT", "GETNAME"])?;
    assert_eq!(name.len, NAME);
    Ok(())
}

fn huge_name(world: &World) -> Result<()> {
    let err = world.client().command(&[&world.huge]).expect_err("no command has that name");
    if err.status == Status::SERVER { Ok(()) } else { Err(err) }
}

fn many_arguments(world: &World) -> Result<()> {
    world.client().command_of(&world.push).map(drop)
}

fn read(client: &Client, args: &[&str]) -> Result<()> {
    let reply = client.command(args)?;
    assert!(reply.len >= MANY);
    Ok(())
}

fn value_read(world: &World) -> Result<()> {
    read(&world.clients[0], &["GET", "huge"])
}

fn value_read_by_simple(world: &World) -> Result<()> {
    read(&world.clients[1], &["GET", "huge"])
}

fn elements_read(world: &World) -> Result<()> {
    read(&world.clients[0], &["LRANGE", "many", "0", "-1"])?;
    read(&world.clients[0], &["HGETALL", "map"])
}

fn elements_read_by_simple(world: &World) -> Result<()> {
    read(&world.clients[1], &["LRANGE", "many", "0", "-1"])?;
    read(&world.clients[1], &["HGETALL", "map"])
}

fn value_echoed(world: &World) -> Result<()> {
    world.client().command(&[b"ECHO".as_slice(), &world.huge]).map(drop)
}

/// The server's words are the message, as far as it goes.
fn long_error(world: &World) -> Result<()> {
    let script = "return {err = 'ERR ' .. string.rep('x', 1000000)}";
    let err = world.called.command(&["EVAL", script, "0"]).expect_err("it is an error");
    if err.status == Status::SERVER { Ok(()) } else { Err(err) }
}

fn long_channel(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    conn.send(&[b"SUBSCRIBE".as_slice(), &world.huge])?;
    conn.receive(60_000).map(drop)
}

fn many_channels(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    conn.send_of(&world.subscribe)?;
    for _ in 0..MANY {
        conn.receive(60_000)?;
    }
    Ok(())
}

fn many_wanted(world: &World) -> Result<()> {
    let pubsub = world.client().try_pubsub()?;
    pubsub.subscribe_of(&world.subscribe)?;
    hear_the_last(&pubsub)
}

fn many_wanted_one_by_one(world: &World) -> Result<()> {
    let pubsub = world.client().try_pubsub()?;
    for number in 0..MANY / 4 {
        pubsub.try_subscribe(topic::CHANNEL, &[number.to_string()])?;
    }
    // Without memory for what is confirmed it would begin anew for ever.
    world.relent();
    hear_the_last(&pubsub)
}

/// They are kept for whoever is shown pushes.
fn many_pushes(world: &World) -> Result<()> {
    let mut conn = world.called.conn()?;
    conn.send(&["SUBSCRIBE", "c"])?;
    conn.receive(60_000)?;
    world.client().command(&["EVAL", "for i = 1, 4000 do redis.call('PUBLISH', 'c', i) end", "0"])?;
    conn.command(&["PING"]).map(drop)
}

fn hear_the_last(pubsub: &PubSub) -> Result<()> {
    pubsub.subscribe(&["the last"]);
    while pubsub.publish("the last", b"x")? == 0 {}
    let got = pubsub.next(60_000)?;
    let said = String::from_utf8_lossy(got.elements()[2].text()).into_owned();
    assert!(said == "the last" || said.contains("no memory"), "{got:?}");
    Ok(())
}

/// Where there is no memory to read it the connection is lost, and a gap says so; where there is none to give it, it is kept.
fn huge_message(world: &World) -> Result<()> {
    let pubsub = world.client().try_pubsub()?;
    pubsub.subscribe(&["c"]);
    while pubsub.publish("c", &world.huge)? == 0 {}
    let got = match pubsub.next(60_000) {
        Err(err) if err.status == Status::MEMORY => pubsub.next(60_000)?,
        got => got?,
    };
    match got.elements()[0].text() {
        b"gap" => assert!(String::from_utf8_lossy(got.elements()[2].text()).contains("no memory"), "{got:?}"),
        _ => assert_eq!(got.elements()[3].len, HUGE),
    }
    Ok(())
}

fn many_sent(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    for _ in 0..MANY / 2 {
        conn.send_of(&world.set)?;
    }
    for _ in 0..MANY / 2 {
        conn.receive(60_000)?;
    }
    Ok(())
}

fn many_queued(world: &World) -> Result<()> {
    let mut conn = world.client().conn()?;
    conn.send(&["MULTI"])?;
    assert_eq!(conn.receive(60_000)?.dump(), "+OK");
    for _ in 0..MANY {
        conn.send_of(&world.set)?;
    }
    for _ in 0..MANY {
        conn.receive(60_000)?;
    }
    conn.send(&["EXEC"])?;
    assert_eq!(conn.receive(60_000)?.len, MANY);
    Ok(())
}

/// A pipeline with so many of this command. What cannot be added leaves it as it was.
fn queued<A: AsRef<[u8]>>(client: &Client, args: &[A], count: usize) -> Result<Pipeline> {
    let mut pipeline = Pipeline::of(client);
    for number in 0..count {
        pipeline.try_add(args).inspect_err(|_| assert_eq!(pipeline.len(), number))?;
    }
    Ok(pipeline)
}

fn run(mut pipeline: Pipeline, mode: u32) -> Result<()> {
    let count = pipeline.len();
    let reply = pipeline.run(mode).inspect_err(|_| assert_eq!(pipeline.len(), 0))?;
    assert_eq!(reply.len, count);
    pipeline.add(&["PING"]);
    assert_eq!(pipeline.ask(mode), "[#1]", "it is as good as before");
    Ok(())
}

fn pipelined(world: &World) -> Result<()> {
    run(queued(world.client(), &["ECHO", "some words"], MANY)?, mode::PLAIN)
}

fn transacted(world: &World) -> Result<()> {
    run(queued(&world.clients[1], &["ECHO", "some words"], MANY)?, mode::ATOMIC)
}

fn huge_values_pipelined(world: &World) -> Result<()> {
    run(queued(world.client(), &["GET", "huge"], 3)?, mode::PLAIN)?;
    run(queued(world.client(), &[b"ECHO".as_slice(), &world.huge], 2)?, mode::ATOMIC)
}

fn shown(world: &World) -> Result<()> {
    let mut pipeline = queued(world.client(), &["GET", "huge"], 3)?;
    let look = |_, reply: &Node| {
        assert_eq!(reply.len, HUGE);
        Ok(())
    };
    pipeline.run_each(0, 0, Box::new(look))
}

fn called_back(world: &World) -> Result<()> {
    let mut pipeline = queued(&world.called, &["GET", "huge"], 2)?;
    pipeline.try_add(&["HGETALL", "map"])?;
    pipeline.try_add(&["INFO"])?;
    run(pipeline, mode::PLAIN)
}

/// A key may be huge: looking for the callback of its command is no reason to copy it. A name may not.
fn callback(world: &World) -> Result<()> {
    let name = std::str::from_utf8(&world.huge).expect("it is text");
    let keep = Box::new(|_: &[&[u8]], _: &_, _: *mut c_void| Verdict::Keep);
    let err = world.client().callback(name, Some(keep), &Arc::default()).expect_err("no command has that name");
    assert_eq!(err.status, Status::ARGUMENT, "{err:?}");
    world.called.command(&[b"GET".as_slice(), &world.huge]).map(drop)?;
    world.called.command_of(&world.push).map(drop)
}

fn options(world: &World) -> Result<()> {
    let mut options = Options::new();
    options.try_text(option::TLS_CA_PEM, &world.pem)?;
    options.try_text(option::TLS_KEY_PEM, &world.pem)?;
    options.try_int(option::PORT, 1)?;
    options.try_url("redis://localhost:7")?;
    assert!(options.to_url()?.len > world.pem.len());
    let Err(err) = options.try_client() else { panic!("there is no TLS to use them") };
    if err.status == Status::CONFIG { Ok(()) } else { Err(err) }
}

fn huge_url(world: &World) -> Result<()> {
    let err = Options::new().try_url(&world.url).expect_err("no password is that long");
    if err.status == Status::CONFIG { Ok(()) } else { Err(err) }
}

fn built(world: &World) -> Result<()> {
    Reply::try_string(&world.huge).map(drop)
}

fn copied(world: &World) -> Result<()> {
    let copy = world.reply.try_clone()?;
    assert_eq!(copy.len, MANY);
    Ok(())
}

fn parsed(world: &World, parser: i64) -> Result<()> {
    let mut parser = Parser::new(parser)?;
    parser.feed(&world.list)?;
    assert_eq!(next(&mut parser)?.len, MANY);
    parser.feed(format!("${HUGE}\r\n").as_bytes())?;
    for piece in [world.huge.as_slice(), b"\r\n"] {
        match next(&mut parser).expect_err("it is not whole") {
            err if err.status == Status::AGAIN => parser.feed(piece)?,
            err => return Err(err),
        }
    }
    assert_eq!(next(&mut parser)?.len, HUGE);
    Ok(())
}

/// The next reply. Where it was lost for want of memory, no later one is taken for it.
fn next(parser: &mut Parser) -> Result<Reply> {
    parser.next().inspect_err(|err| {
        if err.status == Status::MEMORY {
            assert_eq!(parser.feed(b"+OK\r\n").err().map_or(Status::MEMORY, |err| err.status), Status::MEMORY);
            assert_eq!(parser.next().expect_err("a reply was lost").status, Status::MEMORY);
        }
    })
}

fn parsed_by_fast(world: &World) -> Result<()> {
    parsed(world, 1)
}

fn parsed_by_simple(world: &World) -> Result<()> {
    parsed(world, 2)
}

fn encoded(world: &World) -> Result<()> {
    world.push.encode(&mut world.room.borrow_mut()).map(drop)
}

/// What the preloaded allocator is told, and asked.
mod memory {
    use std::ffi::CStr;
    use std::mem::transmute;

    fn find(name: &CStr) -> *mut libc::c_void {
        // SAFETY: looks a name up among what is loaded.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        assert!(!found.is_null(), "the allocator of tests/preload is not there");
        found
    }

    /// On this thread, let so many requests of this size or more pass, and refuse so many behind them.
    pub fn refuse(size: usize, spared: usize, refused: usize) {
        // SAFETY: the prototype is that of tests/preload/memory.c.
        let refuse: extern "C" fn(usize, usize, usize) = unsafe { transmute(find(c"refuse_memory")) };
        refuse(size, spared, refused);
    }

    /// How many were refused since.
    pub fn refused() -> usize {
        // SAFETY: as above.
        let refused: extern "C" fn() -> usize = unsafe { transmute(find(c"refused_memory")) };
        refused()
    }
}

#[test]
fn a_small_allocation_that_fails_ends_the_process_with_a_sentence() {
    let folder = Folder::new("memory");
    let memory = preload(folder.path(), "tests/preload/memory.c");
    let ended = watch(child("child_without_any_memory").env("LD_PRELOAD", &memory).env(CASE, "small"));
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{}\n{}", ended.status, ended.said);
    assert!(ended.said.contains("memory allocation of ") && ended.said.contains(" bytes failed"), "{}", ended.said);
}

#[test]
#[ignore = "it is run by the test above, and does not survive it"]
fn child_without_any_memory() {
    if std::env::var(CASE).is_err() {
        return;
    }
    memory::refuse(1, 0, usize::MAX);
    let _options = Options::new();
    memory::refuse(usize::MAX, 0, 0);
}
