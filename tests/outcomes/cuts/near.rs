//! The whole client over a line that ends where it is told to: in memory, or over sockets.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rredis::client::{Call, Client, Dedicated, Setup};
use rredis::error::{Error, Outcome, Result, Status};
use rredis::options::Endpoint;
use rredis::reply::Reply;
use rredis::transport::{Attempt, Connect, Deadline, Moved, Transport, connected};

use super::play::{Cut, End, WHOLE, read};
use super::script::{Conversation, Far, Step};
use crate::support::peer::{Hello, Line, Peer};

/// Where the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Memory,
    Tcp,
}

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Through a client that may try so often again.
    Client { retry_max: u32 },
    /// On one connection, which is over when it breaks.
    OwnConnection,
}

/// What each command came to, and what the server's side saw of each connection.
pub struct Asked {
    pub results: Vec<Result<String>>,
    seen: BTreeMap<usize, Far>,
}

/// A way to a server in memory, whose first connection is cut.
#[derive(Clone)]
struct Near {
    conversation: Arc<Conversation>,
    hello: Hello,
    cut: Cut,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<BTreeMap<usize, Far>>>,
}

struct Stream {
    near: Near,
    number: usize,
    cut: Cut,
    up: usize,
    down: usize,
}

/// How long a command may take where the line stalls, and where it does not.
const SHORT_MS: u64 = 150;
const LONG_MS: u64 = 20_000;

/// All the steps of a conversation, one after the other; the first connection is cut.
pub fn ask(place: Place, conversation: &Arc<Conversation>, hello: Hello, cut: Cut, how: How) -> Asked {
    let talk = |client: &Client| results(client, conversation, how);
    let (results, seen) = over(place, conversation, hello, cut, how.retry_max(), talk);
    Asked { results, seen }
}

/// Let a client talk over a line whose first connection is cut; what came of it, and what the server's side saw.
pub fn over<R>(
    place: Place,
    conversation: &Arc<Conversation>,
    hello: Hello,
    cut: Cut,
    retry_max: u32,
    talk: impl FnOnce(&Client) -> R,
) -> (R, BTreeMap<usize, Far>) {
    let near =
        Near { conversation: Arc::clone(conversation), hello, cut, connections: Arc::default(), seen: Arc::default() };
    let script = near.clone();
    let peer = (place == Place::Tcp).then(|| Peer::tcp(hello, move |line| script.play(line)));
    let url = peer.as_ref().map_or("redis://memory.test".to_owned(), Peer::url);
    let (protocol, stalls) = (if hello == Hello::Resp3 { 3 } else { 2 }, cut.end == End::Stall && !cut.is_whole());
    let patience = if stalls { SHORT_MS } else { LONG_MS };
    let mut setup = Setup::default();
    let url = format!(
        "{url}?protocol={protocol}&pool_max=1&retry_max={retry_max}&backoff=1ms\
         &command_timeout={patience}ms&connect_timeout={patience}ms"
    );
    setup.options.set_url(url.as_bytes()).expect("a good URL");
    setup.transport = (place == Place::Memory).then(|| Arc::new(near.clone()) as Arc<dyn Connect>);
    let client = Client::new(&setup).expect("a client");
    let result = talk(&client);
    drop((client, peer));
    let seen = std::mem::take(&mut *near.lock());
    (result, seen)
}

fn results(client: &Client, conversation: &Conversation, how: How) -> Vec<Result<String>> {
    let call = Call::default();
    if how != How::OwnConnection {
        let one = |step: &Step| client.command(&step.bytes(), &call).map(|reply| read(reply.view()));
        return conversation.steps.iter().map(one).collect();
    }
    let mut conn = match Dedicated::new(client) {
        Ok(conn) => conn,
        Err(err) => return vec![Err(err.with_outcome(Outcome::NotSent))],
    };
    let read_if_any = |reply: Option<Reply>| reply.map_or("nothing".to_owned(), |reply| read(reply.view()));
    conversation.steps.iter().map(|step| conn.command(&step.bytes(), &call).map(read_if_any)).collect()
}

impl Asked {
    /// How many bytes went up and down the first connection.
    pub fn moved(&self) -> (usize, usize) {
        (self.seen[&0].heard_bytes, self.seen[&0].said_bytes)
    }

    /// Hold it against the same without a cut.
    pub fn judge(&self, place: Place, cut: Cut, how: How, conversation: &Conversation, whole: &Asked) {
        let what = |step: usize| format!("{place:?} {cut:?} {how:?}: step {step}: {:?}", self.results[step]);
        let (mut failed, mut is_over) = (0, false);
        let retry_max = how.retry_max();
        for (number, (result, wanted)) in self.results.iter().zip(&whole.results).enumerate() {
            let step = &conversation.steps[number];
            let heard = self.seen.values().flat_map(|far| &far.heard).filter(|heard| **heard == number).count();
            assert!(heard <= 1 || (retry_max > 0 && step.only_reads()), "{}: it ran {heard} times", what(number));
            let err = match (result, wanted) {
                (Ok(reply), Ok(wanted)) => {
                    assert_eq!(reply, wanted, "{}", what(number));
                    continue;
                }
                (Err(err), Err(wanted)) if err.status == Status::Server => {
                    assert_eq!((err.outcome, &err.message), (wanted.outcome, &wanted.message), "{}", what(number));
                    continue;
                }
                (Err(err), _) => err,
                (Ok(_), Err(_)) => panic!("{}: it was refused", what(number)),
            };
            if is_over {
                assert_eq!((err.outcome, heard), (Outcome::NotSent, 0), "{}: the connection is over", what(number));
                continue;
            }
            (failed, is_over) = (failed + 1, how == How::OwnConnection);
            let timeout = cut.end == End::Stall && err.status == Status::Timeout;
            assert!(timeout || [Status::Io, Status::Connect].contains(&err.status), "{}", what(number));
            let came = heard > 0 || self.heard_a_part_of(number, whole);
            match err.outcome {
                Outcome::NotSent => assert!(!came, "{}: the server saw it", what(number)),
                // What a socket took may be on its way for ever.
                Outcome::Unknown => assert!(came || place == Place::Tcp, "{}: no byte of it went", what(number)),
                _ => panic!("{}", what(number)),
            }
            let tried_again = err.outcome == Outcome::NotSent || step.only_reads();
            assert!(retry_max == 0 || timeout || !tried_again, "{}: another try would have done", what(number));
        }
        // One connection is cut once; where time runs out, a busy machine may be slow elsewhere too.
        assert!(failed <= 1 || cut.end == End::Stall, "{cut:?}: {:?}", self.results);
    }

    /// On the first connection commands go one by one: what is not whole is the first that was not heard.
    fn heard_a_part_of(&self, step: usize, whole: &Asked) -> bool {
        let Some(far) = self.seen.get(&0) else { return false };
        far.heard_a_part() && far.greetings == whole.seen[&0].greetings && far.heard.len() == step
    }
}

impl How {
    fn retry_max(self) -> u32 {
        match self {
            How::Client { retry_max } => retry_max,
            How::OwnConnection => 0,
        }
    }
}

impl Cut {
    fn is_whole(&self) -> bool {
        (self.up, self.down) == (usize::MAX, usize::MAX)
    }
}

impl Near {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Far>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stream(&self, number: usize) -> Stream {
        self.lock().insert(number, Far::new(self.hello));
        let cut = if number == 0 { self.cut } else { WHOLE };
        Stream { near: self.clone(), number, cut, up: 0, down: 0 }
    }

    /// The same over a socket.
    fn play(&self, line: &mut Line) -> io::Result<()> {
        let mut stream = self.stream(line.number);
        while !stream.is_cut() {
            let bytes = line.some((stream.cut.up - stream.up).min(16 << 10))?;
            stream.hear(&bytes);
            line.send(&stream.say(usize::MAX))?;
        }
        match stream.cut.end {
            End::Fin => Ok(()),
            End::Rst => line.rst(),
            End::Stall => line.stall(),
        }
    }
}

impl Stream {
    fn is_cut(&self) -> bool {
        self.up == self.cut.up || self.down == self.cut.down
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.up += bytes.len();
        let steps = &self.near.conversation.steps;
        self.near.lock().entry(self.number).and_modify(|far| far.hear(bytes, steps));
    }

    fn say(&mut self, len_max: usize) -> Vec<u8> {
        let len = len_max.min(self.cut.down - self.down);
        let said = self.near.lock().get_mut(&self.number).map(|far| far.say(len)).unwrap_or_default();
        self.down += said.len();
        said
    }
}

impl Connect for Near {
    fn begin(&self, _endpoint: &Endpoint, _deadline: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(Box::new(self.stream(self.connections.fetch_add(1, Ordering::Relaxed)))))
    }

    fn name(&self) -> &str {
        "near"
    }
}

impl Transport for Stream {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        if self.is_cut() && self.cut.end == End::Rst {
            return Err(Error::new(Status::Io, "read: reset"));
        }
        let said = self.say(buffer.len());
        if said.is_empty() && !self.is_cut() {
            thread::sleep(Duration::from_millis(timeout_ms.clamp(0, 1) as u64));
            return Ok(Moved::None);
        }
        buffer[..said.len()].copy_from_slice(&said);
        Ok(Moved::Some(said.len()))
    }

    fn write(&mut self, bytes: &[u8], _timeout_ms: i64) -> Result<Moved> {
        if self.up == self.cut.up || (self.is_cut() && self.cut.end == End::Rst) {
            return Err(Error::new(Status::Io, "write: reset"));
        }
        let len = bytes.len().min(self.cut.up - self.up);
        self.hear(&bytes[..len]);
        Ok(Moved::Some(len))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}
