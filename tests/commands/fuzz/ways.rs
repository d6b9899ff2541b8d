//! A few commands with arbitrary replies, by every way that a reply takes to its caller, with both parsers: alone, on a
//! connection of one's own, sent and received there, in a loop of the program's, in a pipeline, shown one by one, in a
//! transaction, and through a callback of the program's.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rredis::client::pipeline::{self, Mode};
use rredis::client::{Call, Callback, Callbacks, Client, Dedicated, Evented, Flags, Pipeline, Setup};
use rredis::commands::{
    self,
    shape::{self, shape},
};
use rredis::error::Result;
use rredis::limits::Limits;
use rredis::options::{Endpoint, Key, ParserChoice};
use rredis::reply::{Reply, View};
use rredis::resp::{self, Parse};
use rredis::transport::{Attempt, Connect, Deadline, Moved, Transport, connected};

use super::{ARGUMENTS, parsed, shown, value};
use crate::support::dice::Dice;

/// A command, what it is answered with, and what its caller gets.
#[derive(Default)]
struct Case {
    args: Vec<&'static str>,
    wire: String,
    expected: String,
    /// What who asks for the wire gets.
    raw: String,
}

pub fn every_way(seed: u64) {
    let mut dice = Dice::new(seed ^ 0x5eed, seed >> 7);
    let mut callbacks = Callbacks::default();
    let cases = (0..1 + dice.throw(4)).map(|_| case(&mut dice, &mut callbacks)).collect();
    every_way_of(cases, &callbacks, seed, &mut dice);
}

/// What a form reads, it cannot read off a text in pieces: the tree is given its form when they are joined.
#[test]
fn a_score_in_pieces_keeps_its_attributes() {
    let score = "|1\r\n+ttl\r\n|1\r\n+unit\r\n+s\r\n:3600\r\n$?\r\n;1\r\n1\r\n;2\r\n.5\r\n;0\r\n";
    let case = |args: &[&'static str], wire: &str| Case { args: args.to_vec(), wire: wire.into(), ..Case::default() };
    let cases =
        vec![case(&["ZSCORE", "key", "member"], score), case(&["ZMSCORE", "key", "member"], &format!("*1\r\n{score}"))];
    every_way_of(cases, &Callbacks::default(), 0, &mut Dice::new(1, 1));
}

fn every_way_of(mut cases: Vec<Case>, callbacks: &Callbacks, seed: u64, dice: &mut Dice) {
    cases.iter_mut().for_each(|case| case.expect(callbacks));
    for choice in [ParserChoice::Fast, ParserChoice::Simple] {
        let longest = if dice.throw(2) == 0 { 7 } else { 100_000 };
        let most = 1 + dice.throw(longest) as usize;
        let server = Server { lines: Arc::new(Mutex::new(Lines::new(most))), readable: None };
        let in_a_loop = client(&Server { readable: Some(Arc::new(readable())), ..server.clone() }, choice, callbacks);
        let client = client(&server, choice, callbacks);
        for (way, name) in WAYS {
            let client = if name == IN_A_LOOP { &in_a_loop } else { &client };
            server.lock().replies = cases.iter().map(|case| case.wire.clone()).collect();
            let got = way(client, &cases).unwrap_or_else(|error| panic!("seed {seed}: {choice:?} {name}: {error:?}"));
            assert_eq!(got.len(), cases.len(), "seed {seed}: {choice:?} {name}");
            for (got, case) in got.iter().zip(&cases) {
                let (args, wire) = (case.args.join(" "), &case.wire);
                let expected = if name == RECEIVED { &case.raw } else { &case.expected };
                assert_eq!(got, expected, "seed {seed}: {choice:?} {name}: {args} of {wire:?}");
            }
        }
    }
}

fn case(dice: &mut Dice, callbacks: &mut Callbacks) -> Case {
    let names: Vec<&'static str> = (0..).map_while(shape::name).collect();
    loop {
        let name = names[dice.throw(names.len() as u64) as usize];
        let mut args: Vec<&'static str> = name.split(' ').collect();
        args.extend((0..dice.throw(6)).map(|_| ARGUMENTS[dice.throw(ARGUMENTS.len() as u64) as usize]));
        let mut case = Case { args, ..Case::default() };
        // What changes the connection has ways of its own.
        if commands::connection_state(&case.bytes()).is_some() {
            continue;
        }
        value(dice, 0, &mut case.wire);
        if dice.throw(5) == 0 {
            callbacks.set(name.as_bytes(), Some(Arc::new(Copies))).expect("it can be set");
        }
        return case;
    }
}

/// Every way to the caller: the replies as they are shown.
type Way = fn(&Client, &[Case]) -> Result<Vec<String>>;

const RECEIVED: &str = "sent and received";
const IN_A_LOOP: &str = "in a loop";
const WAYS: [(Way, &str); 8] = [
    (alone, "alone"),
    (on_a_connection, "on a connection"),
    (received, RECEIVED),
    (in_a_loop, IN_A_LOOP),
    (in_a_pipeline, "in a pipeline"),
    (one_by_one, "one by one"),
    (in_a_transaction, "in a transaction"),
    (in_a_transaction_by_hand, "in a transaction by hand"),
];

fn alone(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let run = |case: &Case| client.command(&case.bytes(), &case.call()).map(|reply| shown(&reply, reply.view()));
    cases.iter().map(run).collect()
}

fn on_a_connection(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let mut conn = Dedicated::new(client)?;
    let mut run = |case: &Case| {
        let reply = conn.command(&case.bytes(), &case.call())?.expect("it is due a reply");
        Ok(shown(&reply, reply.view()))
    };
    cases.iter().map(&mut run).collect()
}

fn received(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let mut conn = Dedicated::new(client)?;
    cases.iter().try_for_each(|case| conn.send(&case.bytes()))?;
    cases.iter().map(|_| conn.receive(60_000).map(|reply| shown(&reply, reply.view()))).collect()
}

fn in_a_loop(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let mut evented = Evented::new(client)?;
    cases.iter().try_for_each(|case| evented.submit(&case.bytes(), &case.call()))?;
    let (mut replies, end) = (Vec::new(), Instant::now() + Duration::from_secs(60));
    while replies.len() < cases.len() {
        assert!(Instant::now() < end, "{} of {} replies", replies.len(), cases.len());
        evented.step(true)?;
        while let Some(completion) = evented.take_next()? {
            let reply = completion.result.map_err(|error| *error)?;
            replies.push(shown(&reply, reply.view()));
        }
    }
    Ok(replies)
}

fn in_a_pipeline(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let reply = pipeline::run(&mut queued(client, cases)?, Mode::Plain, &Call::default())?;
    Ok(elements(&reply))
}

fn one_by_one(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let mut replies = Vec::new();
    pipeline::run_each(&mut queued(client, cases)?, &Call::default(), &mut |_, reply| {
        replies.push(shown(reply, reply.view()));
        Ok(())
    })?;
    Ok(replies)
}

fn in_a_transaction(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let reply = pipeline::run(&mut queued(client, cases)?, Mode::Atomic, &Call::default())?;
    Ok(elements(&reply))
}

fn in_a_transaction_by_hand(client: &Client, cases: &[Case]) -> Result<Vec<String>> {
    let mut conn = Dedicated::new(client)?;
    conn.command(&[b"MULTI"], &Call::default())?;
    for case in cases {
        let reply = conn.command(&case.bytes(), &case.call())?.expect("it is due a reply");
        assert_eq!(reply.text(), b"QUEUED");
    }
    let reply = conn.command(&[b"EXEC"], &Call::default())?.expect("it is due a reply");
    assert_eq!(shown(&reply, View::new(reply.attributes(reply.root()).expect("EXEC's own"))), EXECS_OWN);
    Ok(elements(&reply))
}

fn queued(client: &Client, cases: &[Case]) -> Result<Pipeline> {
    let mut pipeline = Pipeline::new(client);
    cases.iter().try_for_each(|case| pipeline.add(&case.bytes(), Flags::default(), case.call().call_data))?;
    Ok(pipeline)
}

fn elements(reply: &Reply) -> Vec<String> {
    reply.view().children().map(|child| shown(reply, child)).collect()
}

impl Case {
    fn bytes(&self) -> Vec<&[u8]> {
        self.args.iter().map(|arg| arg.as_bytes()).collect()
    }

    /// What a callback of the program's copies is as it came; anything else has its shape.
    fn expect(&mut self, callbacks: &Callbacks) {
        let raw = parsed(ParserChoice::Simple, &self.wire);
        let made = match callbacks.find(&self.bytes()) {
            Some(_) => None,
            None => shape(&self.bytes()).reshape(&raw).expect("it is made"),
        };
        let reply = made.as_ref().unwrap_or(&raw);
        self.expected = shown(reply, reply.view());
        self.raw = shown(&raw, raw.view());
    }

    fn call(&self) -> Call {
        Call { flags: Flags::ERROR_REPLY, ..Call::default() }
    }
}

/// A callback of the program's that gives what it is shown, as a reply of its own.
struct Copies;

impl Callback for Copies {
    fn call(&self, _: *mut (), _: &[&[u8]], reply: &Reply) -> Result<Option<Reply>> {
        reply.part(reply.view()).map(Some)
    }
}

fn client(server: &Server, choice: ParserChoice, callbacks: &Callbacks) -> Client {
    let (transport, callbacks) = (Some(Arc::new(server.clone()) as Arc<dyn Connect>), callbacks.clone());
    let mut setup = Setup { transport, callbacks, ..Setup::default() };
    let parser = if choice == ParserChoice::Fast { 1 } else { 2 };
    setup.options.set_int(Key::Parser, parser).expect("it can be set");
    setup.options.set_int(Key::Protocol, 3).expect("it can be set");
    Client::new(&setup).expect("a client can be made")
}

/// A server in memory, whose answers are written down.
#[derive(Clone)]
struct Server {
    lines: Arc<Mutex<Lines>>,
    /// What a loop may watch: it always has something to read.
    readable: Option<Arc<[UnixStream; 2]>>,
}

fn readable() -> [UnixStream; 2] {
    let (one, other) = UnixStream::pair().expect("two sockets");
    std::io::Write::write_all(&mut &other, b"x").expect("a byte");
    [one, other]
}

/// What it has to say, and what it was asked.
struct Lines {
    replies: VecDeque<String>,
    asked: Box<dyn Parse>,
    said: VecDeque<u8>,
    /// The replies of a transaction.
    queued: Option<Vec<String>>,
    /// As many bytes as one read gives at the most.
    most: usize,
}

const EXECS_OWN: &str = "22[10:0:of:0.0 10:0:EXEC:0.0]";

impl Server {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn new(most: usize) -> Lines {
        let asked = resp::parser(ParserChoice::Fast, Limits::default());
        Lines { replies: VecDeque::new(), asked, said: VecDeque::new(), queued: None, most }
    }

    fn answer(&mut self, bytes: &[u8]) -> Result<()> {
        self.asked.feed(bytes)?;
        let mut greeting = false;
        while let Some(frame) = self.asked.next()? {
            let command = Reply::build(frame)?;
            let name = command.view().get(0).map(|name| name.text().to_vec()).unwrap_or_default();
            greeting |= name == b"HELLO";
            let text = match (name.as_slice(), &mut self.queued) {
                (b"HELLO", _) => "%1\r\n$5\r\nproto\r\n:3\r\n".to_owned(),
                (b"MULTI", queued) => {
                    *queued = Some(Vec::new());
                    "+OK\r\n".to_owned()
                }
                (b"EXEC", queued) => {
                    let replies = queued.take().unwrap_or_default();
                    format!("|1\r\n$2\r\nof\r\n$4\r\nEXEC\r\n*{}\r\n{}", replies.len(), replies.concat())
                }
                _ if greeting => "+OK\r\n".to_owned(),
                (_, Some(queued)) => {
                    queued.extend(self.replies.pop_front());
                    "+QUEUED\r\n".to_owned()
                }
                (_, None) => self.replies.pop_front().expect("no more was asked than there are replies for"),
            };
            self.said.extend(text.bytes());
        }
        Ok(())
    }
}

impl Connect for Server {
    fn begin(&self, _: &Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(Box::new(self.clone())))
    }

    fn name(&self) -> &str {
        "memory"
    }
}

impl Transport for Server {
    fn read(&mut self, buffer: &mut [u8], _: i64) -> Result<Moved> {
        let lines = &mut *self.lock();
        let len = buffer.len().min(lines.most).min(lines.said.len());
        for (place, byte) in buffer.iter_mut().zip(lines.said.drain(..len)) {
            *place = byte;
        }
        Ok(if len == 0 { Moved::None } else { Moved::Some(len) })
    }

    fn write(&mut self, bytes: &[u8], _: i64) -> Result<Moved> {
        self.lock().answer(bytes)?;
        Ok(Moved::Some(bytes.len()))
    }

    fn fd(&self) -> Option<RawFd> {
        self.readable.as_ref().map(|pair| pair[0].as_raw_fd())
    }
}
