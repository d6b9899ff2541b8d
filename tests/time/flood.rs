//! Peers that send without end, or take without end: a call that is not to wait comes back all the same, and so does one whose
//! time is up; and in the end all of it is there.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rredis::client::{Call, Client, Dedicated, Flags, PubSub, Setup};
use rredis::commands::Topic;
use rredis::error::{Error, Outcome, Result, Status};
use rredis::options::Endpoint;
use rredis::transport::{Attempt, Connect, Deadline, Moved, Transport, connected, wait};

use crate::support::own::{Came, Own};
use crate::support::peer::{Hello, Line, Peer};

/// What no call that does not wait may take, however busy the machine is. Every flood lasts for longer.
const CALL_MAX: Duration = Duration::from_secs(1);

/// How long one read or write takes that moves something, how much it moves, and how much there is to be moved: three seconds
/// of it, in the first of which no end is to be seen.
const PACE: Duration = Duration::from_millis(5);
const PIECE: usize = 4096;
const FLOOD: usize = 600 * PIECE;

/// A peer that takes all that is written, and, once it has taken so many bytes, says this, both without end and in its own time.
#[derive(Clone)]
struct Endless {
    after: usize,
    says: Vec<u8>,
}

struct Stream {
    peer: Endless,
    taken: usize,
    said: usize,
    /// What makes the descriptor readable while the peer says something.
    ours: UnixStream,
    theirs: UnixStream,
}

impl Connect for Endless {
    fn begin(&self, _: &Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        Ok(connected(Box::new(Stream { peer: self.clone(), taken: 0, said: 0, ours, theirs })))
    }

    fn name(&self) -> &str {
        "endless"
    }
}

impl Transport for Stream {
    fn read(&mut self, buffer: &mut [u8], _: i64) -> Result<Moved> {
        let len = buffer.len().min(PIECE).min(self.peer.says.len() - self.said);
        if self.taken < self.peer.after || len == 0 {
            return Ok(Moved::None);
        }
        thread::sleep(PACE);
        buffer[..len].copy_from_slice(&self.peer.says[self.said..self.said + len]);
        self.said += len;
        if self.said == self.peer.says.len() {
            assert_eq!(wait::receive(self.ours.as_raw_fd(), &mut [0; 8]).expect("the byte"), 1);
        }
        Ok(Moved::Some(len))
    }

    fn write(&mut self, bytes: &[u8], _: i64) -> Result<Moved> {
        thread::sleep(PACE);
        let (before, len) = (self.taken, bytes.len().min(PIECE));
        self.taken += len;
        if before < self.peer.after && self.taken >= self.peer.after {
            assert_eq!(wait::send(self.theirs.as_raw_fd(), b"x").expect("a byte"), 1);
        }
        Ok(Moved::Some(len))
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.ours.as_raw_fd())
    }
}

/// A client of such a peer. There is no greeting: what it sends is what is asked for.
fn client_of(after: usize, says: Vec<u8>, options: &str) -> Client {
    let mut setup = Setup::default();
    let url = format!("redis://127.0.0.1?protocol=2&library_name=&{options}");
    setup.options.set_url(url.as_bytes()).expect("a good URL");
    setup.transport = Some(Arc::new(Endless { after, says }));
    Client::new(&setup).expect("a client")
}

/// How long this takes.
fn timed<T>(longest: &mut Duration, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = call();
    *longest = start.elapsed().max(*longest);
    result
}

/// A bulk string that takes the peer its time.
fn large() -> Vec<u8> {
    [format!("${FLOOD}\r\n").as_bytes(), &vec![b'x'; FLOOD], b"\r\n"].concat()
}

/// A client of a peer that answers once it has taken the whole of such a command.
fn client_of_taker(args: &[&[u8]], options: &str) -> Client {
    let mut bytes = Vec::new();
    rredis::resp::encode(args, &mut bytes).expect("a command");
    client_of(bytes.len(), b"+OK\r\n".to_vec(), options)
}

/// Go round until something comes; how many rounds it took, and how long the longest call.
fn rounds(own: &mut Own) -> (Came, u32, Duration) {
    let (mut longest, mut rounds) = (Duration::ZERO, 0);
    loop {
        assert!(wait::wait(own.evented.fd(), true, false, Deadline::after_ms(30_000)).expect("poll").readable);
        rounds += 1;
        timed(&mut longest, || own.evented.step(true)).expect("a step");
        if let Some(came) = timed(&mut longest, || own.try_next()) {
            return (came, rounds, longest);
        }
    }
}

#[test]
fn a_loop_has_its_turn_while_a_large_reply_comes() {
    let mut own = Own::on(&client_of(1, large(), "command_timeout=60s"));
    own.submit(1, &["GET", "large"]);
    let (came, rounds, longest) = rounds(&mut own);
    assert!(matches!(&came, Came::Of(1, Ok(text)) if text.len() == FLOOD), "all of it");
    assert!(longest < CALL_MAX, "a call took {longest:?}");
    assert!(rounds > 2, "{rounds} rounds");
    assert!(own.run_for(Duration::from_millis(50)).is_empty() && own.is_quiet(), "and nothing is left");
}

#[test]
fn a_loop_has_its_turn_while_a_large_command_goes() {
    let value = "x".repeat(FLOOD);
    let mut own = Own::on(&client_of_taker(&[b"SET", b"large", value.as_bytes()], "command_timeout=60s"));
    own.submit(1, &["SET", "large", &value]);
    let (came, rounds, longest) = rounds(&mut own);
    assert!(matches!(came, Came::Of(1, Ok(_))), "{came:?}");
    assert!(longest < CALL_MAX, "a call took {longest:?}");
    assert!(rounds > 2, "{rounds} rounds");
    assert!(own.run_for(Duration::from_millis(50)).is_empty() && own.is_quiet(), "and nothing is left");
}

#[test]
fn a_subscriber_and_a_connection_of_ones_own_come_back_while_a_large_message_comes() {
    let message = [b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n", &large()[..]];
    let client = client_of(1, message.concat(), "command_timeout=60s");
    let mut longest = Duration::ZERO;
    let pubsub = PubSub::new(&client).expect("a subscriber");
    timed(&mut longest, || pubsub.subscribe(Topic::Channel, &[b"news"])).expect("it is subscribed");
    let start = Instant::now();
    let message = loop {
        let fd = pubsub.fd().expect("this process's own");
        assert!(wait::wait(fd, true, false, Deadline::after_ms(30_000)).expect("poll").readable);
        match timed(&mut longest, || pubsub.next(0)) {
            Ok(message) => break message,
            Err(error) => assert_eq!(error.status, Status::Again, "{error}"),
        }
    };
    assert_eq!(message.view().get(3).map(|payload| payload.text().len()), Some(FLOOD));
    assert!(start.elapsed() > CALL_MAX && longest < CALL_MAX, "a call took {longest:?}");

    let mut conn = Dedicated::new(&client).expect("a connection");
    conn.send(&[b"SUBSCRIBE", b"news"]).expect("it is sent");
    let replies = |conn: &mut Dedicated, longest: &mut Duration| loop {
        match timed(longest, || conn.receive(0)) {
            Ok(reply) => return reply,
            Err(error) => assert_eq!(error.status, Status::Again, "{error}"),
        }
    };
    assert_eq!(replies(&mut conn, &mut longest).view().get(1).expect("a name").text(), b"news");
    let message = replies(&mut conn, &mut longest);
    assert_eq!(message.view().get(2).map(|payload| payload.text().len()), Some(FLOOD));
    assert!(longest < CALL_MAX, "a call took {longest:?}");
}

#[test]
fn a_call_ends_at_its_deadline_whatever_the_peer_sends_or_takes() {
    let mut longest = Duration::ZERO;
    let call = Call { flags: Flags::TIMEOUT, timeout_ms: 200, ..Call::default() };
    let mut fails = |client: Client, args: &[&[u8]]| -> Error {
        timed(&mut longest, || client.command(args, &call)).map(drop).expect_err("there is no end to it")
    };
    let error = fails(client_of(1, large(), "retry_max=0"), &[b"GET", b"large"]);
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::Unknown), "{error}");
    let value = vec![b'x'; FLOOD];
    let set: [&[u8]; 3] = [b"SET", b"large", &value];
    let error = fails(client_of_taker(&set, "retry_max=0"), &set);
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::Unknown), "{error}");
    assert!(error.to_string().contains("write"), "{error}");
    assert!(longest < CALL_MAX + Duration::from_millis(200), "a call took {longest:?}");
}

/// Numbered pushes for so long, as fast as they are taken, and then an answer.
fn floods(line: &mut Line, time: Duration) -> io::Result<()> {
    line.command()?;
    let (end, mut number) = (Instant::now() + time, 0);
    let filling = "x".repeat(PIECE);
    while Instant::now() < end {
        let pushes = (number..number + 100).map(|number| format!(">2\r\n:{number}\r\n+{filling}\r\n"));
        line.send(pushes.collect::<String>().as_bytes())?;
        number += 100;
    }
    line.send(format!("+{number}\r\n").as_bytes())?;
    line.until_left()
}

#[test]
fn a_loop_has_its_turn_while_a_server_sends_pushes_without_end() {
    let peer = Peer::tcp(Hello::Resp3, |line| floods(line, CALL_MAX * 3));
    let mut own = Own::at(&format!("{}?command_timeout=120s", peer.url()));
    own.submit(1, &["GET", "count"]);
    let (mut longest, mut pushes, mut rounds) = (Duration::ZERO, 0, 0);
    let said = loop {
        assert!(wait::wait(own.evented.fd(), true, false, Deadline::after_ms(30_000)).expect("poll").readable);
        rounds += 1;
        timed(&mut longest, || own.evented.step(true)).expect("a step");
        // All that one round brings is taken, as the header says; and that has an end.
        let said = timed(&mut longest, || {
            let mut said = None;
            while let Some(came) = own.try_next() {
                match came {
                    Came::Push(push) => {
                        assert!(push.starts_with(&format!(">:{pushes} ")), "{pushes}: {push}");
                        pushes += 1;
                    }
                    Came::Of(_, result) => said = Some(result.expect("an answer")),
                }
            }
            said
        });
        if let Some(said) = said {
            break said;
        }
    };
    assert_eq!(said, pushes.to_string(), "all of them, in order");
    assert!(longest < CALL_MAX, "a round took {longest:?}");
    assert!(rounds > 3, "{rounds} rounds");
}
