//! The straight way of a command, and how it goes on where it is stopped: as if it had been the long way from the beginning.

use std::collections::VecDeque;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use super::*;
use crate::conn::straight::is_straight_in;
use crate::conn::waiting::MUCH_MS;
use crate::sync::Mutex;
use crate::transport::{Attempt, Connect, Moved, Plain, connected};

/// A socket that is always readable, and gives and takes what is written down here.
#[derive(Clone)]
struct Told {
    socket: Arc<(UnixStream, UnixStream)>,
    /// What a write takes and a read finds, one after the other; then all, and nothing.
    says: Arc<Mutex<Says>>,
}

#[derive(Default)]
struct Says {
    takes: VecDeque<Result<usize>>,
    gives: VecDeque<Result<&'static str>>,
    written: Vec<u8>,
}

impl Transport for Told {
    fn read(&mut self, buffer: &mut [u8], _: i64) -> Result<Moved> {
        let Some(given) = self.says.lock().gives.pop_front() else { return Ok(Moved::None) };
        let bytes = given?.as_bytes();
        buffer[..bytes.len()].copy_from_slice(bytes);
        Ok(if bytes == b"?" { Moved::None } else { Moved::Some(bytes.len()) })
    }

    fn write(&mut self, bytes: &[u8], _: i64) -> Result<Moved> {
        let mut says = self.says.lock();
        let len = says.takes.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        says.written.extend_from_slice(&bytes[..len]);
        Ok(if len == 0 { Moved::None } else { Moved::Some(len) })
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.socket.0.as_raw_fd())
    }

    fn plain(&self) -> Option<Plain> {
        self.fd().map(|fd| Plain { fd, waits: true })
    }
}

impl Connect for Told {
    fn begin(&self, _: &crate::options::Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(Box::new(self.clone())))
    }

    fn name(&self) -> &str {
        "told"
    }
}

fn greeted_one() -> (Connection, Arc<Mutex<Says>>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut theirs, b"x").unwrap();
    let says = Arc::new(Mutex::new(Says { gives: [Ok(GREETED)].into(), ..Says::default() }));
    let told = Told { socket: Arc::new((ours, theirs)), says: Arc::clone(&says) };
    let dial = Dial::new(Options::new(), Some(Arc::new(told)), None).unwrap();
    (dial.open(Deadline::after_ms(10_000)).unwrap(), says)
}

/// Ask for GET straight, and go on as any command where that came to nothing: whether it did not, and what came of it.
fn asked(takes: &[Result<usize>], gives: &[Result<&'static str>]) -> (bool, Result<Vec<u8>>, Connection) {
    asked_so(true, takes, gives)
}

/// The same, or ask for it on the long way from the beginning.
fn asked_so(
    straight: bool,
    takes: &[Result<usize>],
    gives: &[Result<&'static str>],
) -> (bool, Result<Vec<u8>>, Connection) {
    let (mut connection, says) = greeted_one();
    let (takes, gives) = (takes.iter().cloned().collect(), gives.iter().cloned().collect());
    *says.lock() = Says { takes, gives, written: Vec::new() };
    let args: &[&[u8]] = &[b"GET", b"a"];
    let replied = if straight { connection.ask_straight(args, 100, Shape::KEEP, Instant::now()) } else { None };
    let is_straight = replied.is_some();
    let reply = replied.map_or_else(
        || {
            let wait = Wait { deadline: Deadline::after_ms(10_000), allowed_ms: 10_000, name: b"GET" };
            let begun = connection.begun().map_or_else(|| connection.submit(args, Shape::KEEP), Ok);
            connection.reply_to(begun?, &wait, &mut Kept::new(true, 1000))
        },
        Ok,
    );
    assert!(reply.is_err() || says.lock().written == GET.as_bytes(), "it is written once");
    assert!(connection.begun.is_none());
    (is_straight, reply.map(|reply| reply.text().to_vec()), connection)
}

#[test]
fn a_short_reply_that_comes_at_once_is_straight() {
    for gives in ["$3\r\nabc\r\n", "+abc\r\n"] {
        let (is_straight, reply, connection) = asked(&[], &[Ok(gives)]);
        assert!(is_straight && reply.unwrap() == b"abc" && connection.is_clean());
    }
}

#[test]
fn what_is_stopped_goes_on_from_there() {
    for (takes, gives) in [
        (&[Ok(0usize)] as &[Result<usize>], &[Ok("$3\r\nabc\r\n")] as &[Result<&'static str>]),
        (&[Ok(3), Ok(0), Ok(1)], &[Ok("?"), Ok("?"), Ok("$3\r\nabc\r\n")]),
        (&[], &[Ok("?"), Ok("$3\r\nabc\r\n")]),
        (&[], &[Ok("$3\r\na"), Ok("bc\r\n")]),
        (&[], &[Ok(">2\r\n+x\r\n+y\r\n$3\r\nabc\r\n")]),
        (&[], &[Ok(">2\r\n+x\r\n+y\r\n"), Ok("$3\r\nabc\r\n")]),
    ] {
        let (is_straight, reply, connection) = asked(takes, gives);
        assert!(!is_straight && reply.unwrap() == b"abc" && connection.is_clean(), "{takes:?}, {gives:?}");
    }
    let (is_straight, reply, _) = asked(&[], &[Ok("-ERR no\r\n")]);
    assert!(!is_straight && reply.unwrap() == b"ERR no");
}

/// The reason and the outcome are those of the long way.
#[test]
fn what_fails_says_what_became_of_the_command() {
    let broken = || Error::new(Status::Io, "broken");
    for (takes, gives, outcome) in [
        (&[Err(broken())] as &[Result<usize>], &[] as &[Result<&'static str>], Outcome::NotSent),
        (&[Ok(3), Err(broken())], &[], Outcome::Unknown),
        (&[], &[Err(broken())], Outcome::Unknown),
        (&[], &[Ok("?"), Err(broken())], Outcome::Unknown),
        (&[], &[Ok("$3\r\na"), Err(broken())], Outcome::Unknown),
        (&[], &[Ok("$x\r\n")], Outcome::Unknown),
        (&[], &[Ok("")], Outcome::Unknown),
    ] {
        let (is_straight, reply, connection) = asked(takes, gives);
        let (_, by_the_long_way, _) = asked_so(false, takes, gives);
        assert!(!is_straight && connection.failure().is_some(), "{takes:?}, {gives:?}");
        assert_eq!(reply, by_the_long_way);
        assert_eq!(reply.unwrap_err().outcome, outcome, "{takes:?}, {gives:?}");
    }
}

#[test]
fn a_second_reply_leaves_the_connection_unclean() {
    let (is_straight, reply, connection) = asked(&[], &[Ok("$3\r\nabc\r\n+more\r\n")]);
    assert!(is_straight && reply.unwrap() == b"abc" && !connection.is_clean());
}

#[test]
fn a_time_that_is_near_is_looked_at_on_the_long_way() {
    for (allowed_ms, is_enough) in [(-1, true), (0, false), (1, false), (MUCH_MS, false), (MUCH_MS + 1, true)] {
        assert_eq!(is_straight_in(allowed_ms), is_enough, "{allowed_ms}");
    }
}

/// What a look at a connection could not see is on its way: that is so for as long as the shortest answer took, and no longer.
#[test]
fn a_connection_has_hardly_rested_within_its_shortest_round_trip() {
    let (_, _, mut connection) = asked(&[], &[Ok("$3\r\nabc\r\n")]);
    let (start, ms) = (Instant::now(), Duration::from_millis);
    connection.round_trip = Duration::ZERO;
    connection.asked = None;
    connection.rests_since(start);
    assert!(!connection.has_hardly_rested(Duration::MAX, start), "none was measured");
    for (took, shortest) in [(9, 9), (5, 5), (7, 5)] {
        connection.asks_at(start);
        connection.rests_since(start + ms(took));
        assert_eq!(connection.round_trip, ms(shortest));
        let rested = |time: u64| start + ms(took) + ms(time);
        assert!(connection.has_hardly_rested(Duration::MAX, rested(shortest - 1)));
        assert!(!connection.has_hardly_rested(Duration::MAX, rested(shortest)));
        assert!(!connection.has_hardly_rested(ms(shortest), rested(0)), "it may rest for less than that");
    }
    connection.rests_since(start + ms(20));
    assert_eq!(connection.round_trip, ms(5), "nothing was asked");
    connection.plain = None;
    assert!(!connection.has_hardly_rested(Duration::MAX, start + ms(20)), "what is no socket alone may hold something");
}

/// Between two commands of a borrower, a look is left out only where it could see nothing: right behind the one reply that was
/// waited for since it was asked for, and that says nothing of the connection.
#[test]
fn only_what_has_just_answered_is_not_looked_at() {
    const GETS: &[&[&[u8]]] = &[&[b"GET", b"a"], &[b"GET", b"a"]];
    let asked = |commands: &[&[&[u8]]], gives: &[&'static str], receives: usize| {
        let (mut connection, says) = greeted_one();
        connection.round_trip = Duration::ZERO;
        for args in commands {
            connection.submit_any(Asked::any(args, Shape::KEEP)).unwrap();
        }
        says.lock().gives = gives.iter().map(|given| Ok(*given)).collect();
        (0..receives).for_each(|_| drop(connection.next_timed(0)));
        let soon = connection.has_just_answered(connection.rested);
        assert!(!connection.has_just_answered(connection.rested + connection.round_trip));
        soon
    };
    assert!(asked(&GETS[..1], &["+one\r\n"], 1));
    for (commands, gives, receives, why) in [
        (GETS, &["+one\r\n+two\r\n"] as &[&'static str], 2, "how long one took is not known"),
        (GETS, &["+one\r\n"], 1, "another is owed"),
        (&GETS[..1], &["+one\r\n+two\r\n"], 1, "more has come"),
        (&GETS[..1], &["?", "+one\r\n"], 2, "it was not waited for"),
        (&GETS[..1], &[">2\r\n+x\r\n+y\r\n", "+one\r\n"], 2, "a push came before it"),
        (&[&[b"SELECT", b"1"]], &["+OK\r\n"], 1, "the connection is another"),
        (&[&[b"QUIT"]], &["+OK\r\n"], 1, "the server closes it"),
        (&[&[b"SUBSCRIBE", b"a"]], &[">3\r\n+subscribe\r\n+a\r\n:1\r\n"], 1, "messages come"),
    ] {
        assert!(!asked(commands, gives, receives), "{why}");
    }
}
