//! What a call waits for, takes, and leaves to the next; and transports that have a descriptor, or that fail in parts.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bursts::taken;
use super::*;
use crate::transport::{Attempt, Connect, Moved, connected};

/// A script, behind what else a transport may say of itself.
#[derive(Clone, Default)]
pub(super) struct Said {
    pub(super) script: Option<Script>,
    /// What is watched: a socket that shows nothing of the script.
    pub(super) socket: Option<Arc<UnixStream>>,
    pub(super) pending: Arc<AtomicBool>,
    pub(super) moves_and_fails: bool,
    /// The next read is interrupted.
    pub(super) woken: Arc<AtomicBool>,
    /// All writes fail, and reads go on.
    pub(super) deaf: Arc<AtomicBool>,
}

struct Saying {
    said: Said,
    player: Box<dyn Transport>,
}

impl Transport for Saying {
    fn read(&mut self, buffer: &mut [u8], timeout_ms: i64) -> Result<Moved> {
        assert!(self.said.socket.is_none() || timeout_ms == 0, "who has a descriptor does not wait");
        match self.said.woken.swap(false, Ordering::Relaxed) {
            true => Err(Error::new(Status::Woken, "woken")),
            false => self.player.read(buffer, timeout_ms),
        }
    }

    fn write(&mut self, bytes: &[u8], timeout_ms: i64) -> Result<Moved> {
        assert!(self.said.socket.is_none() || timeout_ms == 0, "who has a descriptor does not wait");
        match self.said.deaf.load(Ordering::Relaxed) {
            true => Err(Error::os(Status::Io, "write", &std::io::Error::from_raw_os_error(libc::EPIPE))),
            false => self.player.write(bytes, timeout_ms),
        }
    }

    fn fd(&self) -> Option<RawFd> {
        self.said.socket.as_ref().map(|socket| socket.as_raw_fd())
    }

    fn pending(&self) -> bool {
        self.said.pending.load(Ordering::Relaxed)
    }

    fn may_move_and_fail(&self) -> bool {
        self.said.moves_and_fails
    }
}

impl Connect for Said {
    fn begin(&self, _: &crate::options::Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        let player = self.script.as_ref().unwrap().transport();
        Ok(connected(Box::new(Saying { said: self.clone(), player })))
    }

    fn name(&self) -> &str {
        "said"
    }
}

/// A connection over a transport that says this of itself.
pub(super) fn greeted_by(said: Said, steps: impl IntoIterator<Item = Step>) -> (Connection, Script) {
    let script = Script::new([expect(HELLO), give(GREETED)].into_iter().chain(steps));
    let said = Said { script: Some(script.clone()), ..said };
    let dial = Dial::new(Options::new(), Some(Arc::new(said)), None).unwrap();
    (dial.open(Deadline::after_ms(10_000)).unwrap(), script)
}

fn wait(name: &[u8], allowed_ms: i64) -> Wait<'_> {
    Wait { deadline: Deadline::after_ms(allowed_ms), allowed_ms, name }
}

fn text_of(reply: Result<Reply>) -> Vec<u8> {
    reply.unwrap().text().to_vec()
}

#[test]
fn a_reply_goes_to_the_command_that_it_answers() {
    let (mut connection, _script) = greeted([expect(GET), expect(GET), give("+one\r\n+two\r\n")]);
    let mut kept = Kept::new(true, 1000);
    connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    let second = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    assert_eq!(text_of(connection.reply_to(second, &wait(b"GET", 5000), &mut kept)), b"two");
    assert_eq!(kept.take().unwrap().text(), b"one");
}

#[test]
fn a_flush_ends_when_all_was_handed_over_and_keeps_what_came() {
    let flush = |steps: Vec<Step>, bytes_max: u64, allowed_ms: i64| {
        let (mut connection, script) = greeted(steps);
        let mut kept = Kept::new(true, bytes_max);
        let ticket = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
        let flushed = connection.flush(ticket, &wait(b"GET", allowed_ms), &mut kept);
        let flushed = flushed.map_err(|error| (error.status, error.outcome));
        (flushed, kept.take().is_some(), script.is_done(), connection.failure().is_some())
    };
    let (first, rest) = GET.split_at(10);
    let steps = [expect(first), give(">1\r\n+news\r\n"), Step::Block, expect(rest)];
    assert_eq!(flush(steps.to_vec(), 1000, 5000), (Ok(()), true, true, false));
    let (flushed, _, _, failed) = flush(steps.to_vec(), 10, 5000);
    assert_eq!((flushed, failed), (Err((Status::Limit, Outcome::Unknown)), true));
    let (flushed, _, _, failed) = flush(vec![Step::Block; 1000], 1000, 20);
    assert_eq!((flushed, failed), (Err((Status::Timeout, Outcome::NotSent)), true));
}

#[test]
fn what_waits_for_whatever_comes_may_be_woken_and_goes_on() {
    let said = Said::default();
    let (mut connection, script) = greeted_by(said.clone(), []);
    said.woken.store(true, Ordering::Relaxed);
    let error = connection.next(Deadline::after_ms(5000)).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Woken, Outcome::None));
    assert!(error.to_string().starts_with("127.0.0.1:6379: ") && connection.failure().is_none());
    script.add(give(">1\r\n+news\r\n"));
    assert_eq!(connection.next(Deadline::after_ms(5000)).unwrap().view().get(0).unwrap().text(), b"news");
    assert_eq!(connection.next(Deadline::after_ms(1)).unwrap_err().status, Status::Again);
    script.add(Step::End);
    let error = connection.next(Deadline::after_ms(5000)).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Io, Outcome::None));
    assert!(connection.failure().is_some());
}

#[test]
fn a_wait_without_a_descriptor_is_ended_by_who_wakes_the_call() {
    let (mut connection, _script) = greeted([]);
    let ongoing = Ongoing::default();
    let error = ongoing.during(std::ptr::null(), || {
        assert_eq!(ongoing.wake(std::ptr::null()), 1);
        connection.next(Deadline::after_ms(5000)).unwrap_err()
    });
    assert_eq!(error.status, Status::Woken, "{error}");
    assert!(connection.failure().is_none());
}

#[test]
fn a_connection_that_rests_gives_back_what_much_at_once_made_grow() {
    let news = ">1\r\n+p\r\n".repeat(20_000);
    let (mut connection, _script) = greeted([give(news)]);
    connection.inspect(Deadline::after_ms(10_000), &mut Kept::new(false, 0)).unwrap();
    assert!(connection.read_bytes > READ_BYTES_LONG);
    connection.rest();
    assert_eq!(connection.read_bytes, READ_BYTES_LONG, "what is as long again comes in few reads");
    for (came, next) in [(0, READ_BYTES), (READ_BYTES, READ_BYTES), (READ_BYTES + 1, READ_BYTES_LONG)] {
        connection.count_bytes();
        connection.moved.bytes_in = came as u64;
        connection.rest();
        assert_eq!(connection.read_bytes, next, "{came} bytes came");
    }
}

#[test]
fn what_a_look_finds_is_bounded_as_what_comes_during_a_call() {
    let (mut connection, script) = greeted([]);
    script.add(give(">1\r\n+a\r\n>1\r\n+b\r\n"));
    let error = connection.inspect(Deadline::never(), &mut Kept::new(true, 100)).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Limit, Outcome::NotSent));
    assert!(connection.failure().is_some());
}

#[test]
fn a_look_takes_nothing_where_something_may_come_by_right() {
    let (mut connection, script) = greeted([expect(GET)]);
    let mut kept = Kept::new(true, 1000);
    let ticket = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    connection.flush(ticket, &wait(b"GET", 5000), &mut kept).unwrap();
    script.add(give("+one\r\n"));
    connection.inspect_lent(Deadline::never(), &mut kept).unwrap();
    assert!(kept.is_empty() && !script.is_done());
    assert_eq!(text_of(connection.reply_to(ticket, &wait(b"GET", 5000), &mut kept)), b"one");

    const SUBSCRIBE: &str = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n";
    script.add(expect(SUBSCRIBE));
    connection.submit_any(Asked::any(&[b"SUBSCRIBE", b"a"], Shape::KEEP)).unwrap();
    script.add(give(">3\r\n+subscribe\r\n+a\r\n:1\r\n"));
    connection.next(Deadline::after_ms(5000)).unwrap();
    script.add(give(">3\r\n+message\r\n+a\r\n+hello\r\n"));
    connection.inspect_lent(Deadline::never(), &mut kept).unwrap();
    assert!(kept.is_empty() && !script.is_done());
    assert_eq!(connection.next(Deadline::after_ms(5000)).unwrap().view().get(2).unwrap().text(), b"hello");

    // Where nothing may come by right, what comes is seen, and ends it.
    let (mut connection, script) = greeted([]);
    script.add(give("$4\r\nEVIL\r\n"));
    let error = connection.inspect_lent(Deadline::never(), &mut kept).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Protocol, Outcome::NotSent));
}

#[test]
fn a_look_finds_what_no_descriptor_shows_and_that_the_peer_has_closed() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let said = Said { socket: Some(Arc::new(ours)), ..Said::default() };
    let mut kept = Kept::new(true, 1000);
    let open = |steps: [Step; 1]| greeted_by(said.clone(), steps).0;
    // The descriptor is quiet, and so is the transport: there is nothing to read.
    let evil = || [give("$4\r\nEVIL\r\n")];
    open(evil()).inspect(Deadline::never(), &mut kept).unwrap();
    said.pending.store(true, Ordering::Relaxed);
    assert_eq!(open(evil()).inspect(Deadline::never(), &mut kept).unwrap_err().status, Status::Protocol);
    said.pending.store(false, Ordering::Relaxed);
    let mut connection = open(evil());
    drop(theirs);
    let error = connection.inspect(Deadline::never(), &mut kept).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Io, Outcome::NotSent));
    assert_eq!(error.to_string(), "127.0.0.1:6379: read: the server closed the connection");
    assert!(connection.failure().is_some());
}

#[test]
fn a_transaction_is_queueing_until_it_is_over() {
    const MULTI: &str = "*1\r\n$5\r\nMULTI\r\n";
    const DISCARD: &str = "*1\r\n$7\r\nDISCARD\r\n";
    let (mut connection, _script) = greeted([expect(MULTI), give("+OK\r\n"), expect(DISCARD), give("+OK\r\n")]);
    for (name, queueing) in [(&b"MULTI"[..], true), (b"DISCARD", false)] {
        assert_eq!(connection.is_queueing(), !queueing);
        let ticket = connection.submit_any(Asked::any(&[name], Shape::KEEP)).unwrap().ticket;
        connection.reply_to(ticket, &wait(name, 5000), &mut Kept::new(true, 1000)).unwrap();
        assert_eq!(connection.is_queueing(), queueing);
    }
}

#[test]
fn what_is_queued_on_a_connection_that_is_over_was_not_sent() {
    let (mut connection, _script) = greeted([]);
    connection.end(Error::new(Status::Io, "lost"));
    let args: [&[u8]; 2] = [b"GET", b"a"];
    let refused = [
        connection.submit(&args, Shape::KEEP).unwrap_err(),
        connection.submit_known(&args, 100, Effect::None, Shape::KEEP).unwrap_err(),
        connection.submit_any(Asked::any(&args, Shape::KEEP)).map(drop).unwrap_err(),
    ];
    for error in refused {
        assert_eq!((error.status, error.outcome), (Status::Io, Outcome::NotSent), "{error}");
        assert!(error.to_string().starts_with("127.0.0.1:6379: "), "{error}");
    }
    // What the caller may not do is nothing of the server's.
    let (mut connection, _script) = greeted([]);
    connection.begin_burst(&mut GET.as_bytes().to_vec(), 0, 1).unwrap();
    let error = connection.submit(&args, Shape::KEEP).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::State, Outcome::NotSent));
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
}

/// A connection whose writes fail from now on, and two commands queued on it.
fn deaf(moves_and_fails: bool, steps: impl IntoIterator<Item = Step>) -> (Connection, [Ticket; 2]) {
    let said = Said { moves_and_fails, ..Said::default() };
    let (mut connection, _script) = greeted_by(said.clone(), steps);
    said.deaf.store(true, Ordering::Relaxed);
    let tickets = [(); 2].map(|()| connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap());
    (connection, tickets)
}

#[test]
fn a_write_that_fails_ends_the_wait_and_what_it_may_have_moved_counts_as_sent() {
    for (moves_and_fails, outcome) in [(true, Outcome::Unknown), (false, Outcome::NotSent)] {
        for which in [0, 1] {
            let (mut connection, tickets) = deaf(moves_and_fails, []);
            let replied = connection.reply_to(tickets[which], &wait(b"GET", 5000), &mut Kept::new(true, 1000));
            let error = replied.unwrap_err();
            assert_eq!((error.os_error, error.outcome), (libc::EPIPE, outcome), "{error}");
        }
    }
    // What the peer said before is heard; and the last byte, which makes a command whole, does not count as sent.
    let (mut connection, tickets) = deaf(true, [give("+one\r\n$4\r\nha")]);
    let mut kept = Kept::new(true, 1000);
    assert_eq!(text_of(connection.reply_to(tickets[0], &wait(b"GET", 5000), &mut kept)), b"one");
    let error = connection.reply_to(tickets[1], &wait(b"GET", 5000), &mut kept).unwrap_err();
    assert_eq!((error.os_error, error.outcome), (libc::EPIPE, Outcome::Unknown), "{error}");
}

#[test]
fn the_end_of_the_stream_says_whether_it_came_in_the_middle_of_a_reply() {
    for (said, told) in [("$4\r\nha", " in the middle of a reply"), ("", "")] {
        let mut steps = vec![expect(GET), give(said), Step::End];
        steps.retain(|step| !matches!(step, Step::Give(bytes) if bytes.is_empty()));
        let (mut connection, _script) = greeted(steps);
        let error = get(&mut connection, 5000).unwrap_err();
        assert_eq!(error.to_string(), format!("127.0.0.1:6379: read: the server closed the connection{told}"));
    }
}

#[test]
fn what_is_taken_when_the_time_is_up_puts_the_end_off_too() {
    // The descriptor shows nothing: each wait takes all of its time, and then the transport takes something after all.
    let (ours, _theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    while std::io::Write::write(&mut &ours, &[0; 4096]).is_ok() {}
    let said = Said { socket: Some(Arc::new(ours)), ..Said::default() };
    let (first, rest) = GET.split_at(10);
    let steps = [expect(first), Step::Block, expect(rest), give("+one\r\n")];
    let (mut connection, _script) = greeted_by(said, steps);
    connection.begin_burst(&mut GET.as_bytes().to_vec(), 0, 1).unwrap();
    let mut replies = taken(1);
    connection.take_replies(|| Until::still_for(200), &mut Kept::new(true, 1000), &mut replies).unwrap();
    assert_eq!(replies.replies, [b"one"]);
}

#[test]
fn the_end_of_the_stream_answers_shutdown_and_a_failure_does_not() {
    const SHUTDOWN: &str = "*1\r\n$8\r\nSHUTDOWN\r\n";
    let shut_down = |step: Step| {
        let (mut connection, _script) = greeted([expect(SHUTDOWN), step]);
        let asked = Asked::any(&[b"SHUTDOWN"], Shape::KEEP);
        let ticket = connection.submit_any(asked).unwrap().ticket;
        (connection, ticket)
    };
    let (mut connection, ticket) = shut_down(Step::End);
    assert!(connection.reply_to(ticket, &wait(b"SHUTDOWN", 5000), &mut Kept::new(true, 1000)).is_ok());
    // A driver is told that something has come.
    let (mut connection, _) = shut_down(Step::End);
    connection.offer_now().unwrap();
    assert_eq!(connection.read_once().unwrap(), Read::Some(0));
    assert!(matches!(connection.poll().unwrap(), Some(Event::Reply { .. })));
    let (mut connection, ticket) = shut_down(Step::Fail(libc::ECONNRESET));
    connection.offer_now().unwrap_or_default();
    let replied = connection.reply_to(ticket, &wait(b"SHUTDOWN", 5000), &mut Kept::new(true, 1000));
    let error = replied.unwrap_err();
    assert_eq!((error.os_error, error.outcome), (libc::ECONNRESET, Outcome::Unknown), "{error}");
}
