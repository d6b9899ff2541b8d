//! A connection against scripted peers: deadlines, outcomes, pushes, and bytes that belong to no command.

mod bursts;
mod opening;
mod several;
mod straight;
mod turns;
mod waits;

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::serving::serving;
use super::waiting::{PAUSE, Progress, SLACK_MS, SLICE_MS, VAIN_TURNS_MAX};
use super::*;
use crate::commands::{Effect, Shape};
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::{LATE_READS_MAX, READ_BYTES, READ_BYTES_LONG, TURN_BYTES_MAX, UNASKED_BYTES_MAX};
use crate::ongoing::Ongoing;
use crate::options::{Key, Options};
use crate::reply::Reply;
use crate::session::{Asked, Event, Ticket};
use crate::transport::script::{Script, Scripts, Step, expect, give};
use crate::transport::wait::READ_WAIT_MS;
use crate::transport::{Deadline, Transport};

const HELLO: &str = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GREETED: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";
const GET: &str = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";

/// A connection whose peer plays these steps once it is greeted.
fn greeted(steps: impl IntoIterator<Item = Step>) -> (Connection, Script) {
    let script = Script::new([expect(HELLO), give(GREETED)].into_iter().chain(steps));
    let mut options = Options::new();
    options.set_int(Key::ConnectTimeoutMs, 500).unwrap();
    let dial = Dial::new(options, Some(Arc::new(Scripts::new([script.clone()]))), None).unwrap();
    (dial.open(Deadline::never()).unwrap(), script)
}

fn get(connection: &mut Connection, allowed_ms: i64) -> Result<Reply> {
    let wait = Wait { deadline: Deadline::after_ms(allowed_ms), allowed_ms, name: b"get" };
    let ticket = connection.submit(&[b"GET", b"a"], Shape::KEEP)?;
    connection.reply_to(ticket, &wait, &mut Kept::new(true, 1000))
}

#[test]
fn short_writes_blocked_writes_and_short_reads_make_one_command() {
    let mut steps: Vec<Step> = GET.as_bytes().iter().map(|byte| expect([*byte])).collect();
    steps.insert(3, Step::Block);
    steps.extend("$1\r\nx\r\n".as_bytes().iter().flat_map(|byte| [Step::Block, give([*byte])]));
    let (mut connection, script) = greeted(steps);
    assert_eq!(get(&mut connection, 5000).unwrap().text(), b"x");
    assert!(script.is_done());
    assert!(connection.is_clean());
}

#[test]
fn a_reply_that_does_not_come_in_time_is_unknown_and_ends_the_connection() {
    let (mut connection, _script) = greeted([expect(GET), give("$1\r\n")]);
    let error = get(&mut connection, 20).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::Unknown));
    assert_eq!(error.to_string(), "127.0.0.1:6379: read: no whole reply to GET within 20 ms");
    assert!(!connection.is_clean());
    assert_eq!(get(&mut connection, 20).unwrap_err().outcome, Outcome::NotSent, "it is over");
}

#[test]
fn a_command_of_which_no_byte_left_was_not_sent() {
    let (mut connection, _script) = greeted([Step::Fail(libc::EPIPE)]);
    let error = get(&mut connection, 500).unwrap_err();
    assert_eq!((error.status, error.outcome, error.os_error), (Status::Io, Outcome::NotSent, libc::EPIPE));
}

#[test]
fn what_was_not_sent_in_time_is_never_sent() {
    // A write past the end of the script panics: the command that was told NOT_SENT must not be handed over later.
    let (mut connection, _script) = greeted((0..1000).map(|_| Step::Block));
    let error = get(&mut connection, 20).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent));
    for _ in 0..3 {
        let error = connection.next(Deadline::after_ms(1)).unwrap_err();
        assert_eq!(error.status, Status::Timeout, "not AGAIN: the connection is over, and says why");
    }
}

#[test]
fn what_the_server_said_before_it_closed_is_heard() {
    // Half of the command is written; then the server answers what it could not read, and closes.
    let (mut connection, _script) =
        greeted([expect(&GET[..10]), give("-ERR Protocol error: expected '$'\r\n"), Step::Fail(libc::EPIPE)]);
    let reply = get(&mut connection, 500).unwrap();
    assert!(reply.is_error());
    assert!(!connection.is_clean(), "half a command is still to be written");
}

#[test]
fn pushes_are_kept_and_bounded() {
    let (mut connection, _script) = greeted([expect(GET), give(">1\r\n+a\r\n>1\r\n+b\r\n$1\r\nx\r\n")]);
    let wait = Wait { deadline: Deadline::after_ms(500), allowed_ms: 500, name: b"GET" };
    let mut kept = Kept::new(true, 1000);
    let ticket = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    assert_eq!(connection.reply_to(ticket, &wait, &mut kept).unwrap().text(), b"x");
    assert_eq!(kept.take().unwrap().view().get(0).unwrap().text(), b"a");
    assert_eq!(kept.take().unwrap().view().get(0).unwrap().text(), b"b");
    assert!(kept.take().is_none());

    let (mut connection, _script) = greeted([expect(GET), give(">1\r\n+a\r\n>1\r\n+b\r\n$1\r\nx\r\n")]);
    let ticket = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    let error = connection.reply_to(ticket, &wait, &mut Kept::new(true, 10)).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Limit, Outcome::Unknown));
}

#[test]
fn a_connection_that_rested_is_looked_at() {
    let (mut connection, script) = greeted([]);
    let mut kept = Kept::new(true, 1000);
    connection.inspect(Deadline::never(), &mut kept).unwrap();
    script.add(give(">1\r\n+news\r\n"));
    connection.inspect(Deadline::never(), &mut kept).unwrap();
    assert_eq!(kept.take().unwrap().view().get(0).unwrap().text(), b"news");
    script.add(give("$4\r\nEVIL\r\n"));
    assert_eq!(connection.inspect(Deadline::never(), &mut kept).unwrap_err().status, Status::Protocol);
    assert!(!connection.is_clean());
}

#[test]
fn half_a_reply_that_nobody_asked_for_is_noticed_too() {
    let (mut connection, script) = greeted([]);
    script.add(give("$4\r\nEV"));
    assert_eq!(connection.inspect(Deadline::never(), &mut Kept::new(false, 0)).unwrap_err().status, Status::Protocol);
}

#[test]
fn a_handshake_that_stalls_is_a_timeout_of_the_handshake() {
    let script = Script::new([expect(HELLO)]);
    let mut options = Options::new();
    options.set_int(Key::ConnectTimeoutMs, 20).unwrap();
    let dial = Dial::new(options, Some(Arc::new(Scripts::new([script]))), None).unwrap();
    let error = dial.open(Deadline::never()).err().unwrap();
    assert_eq!((error.status, error.outcome), (Status::Timeout, Outcome::NotSent));
    // How many exactly is for the machine to say.
    let message = error.to_string();
    assert!(message.starts_with("127.0.0.1:6379: handshake: the server did not answer within "), "{message}");
}

#[test]
fn a_transport_may_not_use_the_client_that_it_serves() {
    let (connection, _script) = greeted([]);
    assert!(connection.dial.refuse_reentry().is_ok());
    let refused = serving(connection.dial.serves(), || connection.dial.refuse_reentry()).unwrap_err();
    assert_eq!((refused.status, refused.outcome), (Status::State, Outcome::NotSent));
    assert!(connection.dial.refuse_reentry().is_ok(), "when it is done serving it may");
}

/// ECHO with an argument of so many bytes, queued; and its bytes.
fn queued(connection: &mut Connection, len: usize) -> Vec<u8> {
    let arg = vec![b'v'; len];
    connection.submit(&[b"ECHO", &arg], Shape::KEEP).unwrap();
    connection.session().outgoing().to_vec()
}

#[test]
fn what_was_offered_in_vain_is_told_so_that_nobody_takes_it_back() {
    const OFFERED: usize = 256 << 10;
    let (mut connection, script) = greeted([]);
    let bytes = queued(&mut connection, TURN_BYTES_MAX + 2 * OFFERED);
    let (turn, rest) = bytes.split_at(TURN_BYTES_MAX);
    let (rest, last) = rest.split_at(rest.len() - 10);
    for step in [expect(turn), Step::Block, expect(rest), Step::Block] {
        script.add(step);
    }
    assert_eq!(connection.offer_now().unwrap(), Some(0), "the turn is over, and nothing behind it was offered");
    // A turn may end sooner, by the clock of a busy machine: then nothing behind it was offered either.
    let offered = |connection: &mut Connection| {
        let mut turns = (0..100).map(|_| connection.offer_now().unwrap());
        turns.find(|offered| *offered != Some(0)).unwrap()
    };
    assert_eq!(offered(&mut connection), Some(OFFERED));
    assert_eq!(offered(&mut connection), Some(10), "no more than there is");
    script.add(expect(last));
    assert_eq!(connection.offer_now().unwrap(), None);
    assert!(script.is_done());
}

#[test]
fn a_read_says_whether_there_may_be_more() {
    let (mut connection, script) = greeted([]);
    assert_eq!(connection.read_once().unwrap(), Read::Nothing);
    script.add(give(">1\r\n"));
    // A transport of the caller's may hold more, whatever its descriptor says.
    assert_eq!(connection.read_once().unwrap(), Read::Some(4));
    script.add(Step::End);
    assert_eq!(connection.read_once().unwrap_err().status, Status::Io);
}

#[test]
fn two_commands_at_once_give_two_replies_and_the_fate_of_the_second() {
    let ask = |steps: Vec<Step>| {
        let (mut connection, script) = greeted(steps);
        let wait = Wait { deadline: Deadline::after_ms(50), allowed_ms: 50, name: b"GET" };
        let mut kept = Kept::new(true, 1000);
        let before = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
        let first = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
        assert_eq!(before + 1, first);
        let second = connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
        let replies = connection.replies_to((first, second), &wait, &mut kept);
        let replies = replies.map(|(one, two)| (one.text().to_vec(), two.text().to_vec()));
        (replies, std::iter::from_fn(move || kept.take()).count(), connection.is_clean(), script.is_done())
    };
    // What is due to the command before them is not theirs.
    let both = || vec![expect(GET), expect(GET), expect(GET), give("+before\r\n")];
    let answered = [both(), vec![give("+one\r\n>1\r\n+news\r\n"), give("+two\r\n")]].concat();
    let (replies, kept, clean, done) = ask(answered);
    assert_eq!((replies.unwrap(), kept, clean, done), ((b"one".to_vec(), b"two".to_vec()), 2, true, true));
    for (steps, outcome) in [
        (vec![Step::Fail(libc::EPIPE)], Outcome::NotSent),
        (vec![expect(GET), expect(GET), give("+before\r\n+one\r\n"), Step::Fail(libc::EPIPE)], Outcome::NotSent),
        ([both(), vec![give("+one\r\n"), Step::End]].concat(), Outcome::Unknown),
        ([both(), vec![give("+one\r\n")]].concat(), Outcome::Unknown),
    ] {
        let (replies, _, clean, _) = ask(steps);
        assert_eq!((replies.unwrap_err().outcome, clean), (outcome, false));
    }
}

#[test]
fn a_server_that_is_there_answers_ping_and_nothing_else() {
    const PING: &str = "*1\r\n$4\r\nPING\r\n";
    let ping = |said: &str| {
        let (mut connection, _script) = greeted([expect(PING), give(said)]);
        let pinged = connection.ping(Deadline::never(), 5000, &mut Kept::new(true, 1000));
        let pinged = pinged.map_err(|error| (error.status, error.outcome));
        assert_eq!(connection.failure().is_none(), connection.is_clean(), "what is not as a new one is over");
        (pinged, connection.is_clean())
    };
    assert_eq!(ping("+PONG\r\n"), (Ok(()), true));
    assert_eq!(ping("-LOADING Redis is loading the dataset in memory\r\n"), (Ok(()), true));
    assert_eq!(ping("+PANG\r\n").0.unwrap_err().0, Status::Protocol);
    // One answer too many would be the next command's.
    assert_eq!(ping("+PONG\r\n+PONG\r\n"), (Err((Status::Protocol, Outcome::NotSent)), false));
}

#[test]
fn a_step_that_fails_says_where_and_nothing_of_a_command() {
    let (mut connection, _script) = greeted([Step::Fail(libc::EPIPE)]);
    queued(&mut connection, 10);
    let failed = [connection.read_now(0).unwrap_err(), connection.told_of(Error::new(Status::Io, "lost"))];
    for error in failed {
        assert_eq!((error.status, error.outcome), (Status::Io, Outcome::None), "{error}");
        assert!(error.to_string().starts_with("127.0.0.1:6379: "), "{error}");
    }
    let (mut connection, _script) = greeted([give(">1\r\n")]);
    assert!(connection.read_now(0).unwrap() && !connection.read_now(0).unwrap());
}

#[test]
fn a_connection_in_use_gives_back_what_grew_and_only_then() {
    const GROWN: usize = 64 << 10;
    let (mut connection, script) = greeted([]);
    let rests = |connection: &mut Connection| {
        let before = connection.age().1;
        std::thread::sleep(Duration::from_millis(1));
        connection.rest_if_grown();
        connection.age().1 > before
    };
    assert!(!rests(&mut connection));
    let head = queued(&mut connection, GROWN).len() - GROWN;
    script.add(expect(connection.session().outgoing()));
    assert_eq!(connection.offer_now().unwrap(), None);
    assert!(rests(&mut connection) && !rests(&mut connection));
    let bytes = queued(&mut connection, GROWN - head);
    assert_eq!(bytes.len(), GROWN);
    script.add(expect(bytes));
    assert_eq!(connection.offer_now().unwrap(), None);
    assert!(!rests(&mut connection));
    // Where a read came back full, the next asks for more.
    let (mut connection, script) = greeted([]);
    let read = |connection: &mut Connection, len: usize| {
        script.add(give(vec![b'v'; len]));
        while connection.read_once().unwrap() != Read::Nothing {}
    };
    connection.submit(&[b"GET", b"a"], Shape::KEEP).unwrap();
    script.add(expect(GET));
    connection.offer_now().unwrap();
    script.add(give("$1000000\r\n"));
    while connection.read_bytes < GROWN {
        read(&mut connection, GROWN / 2);
    }
    assert!(connection.read_bytes > GROWN || !rests(&mut connection));
    read(&mut connection, 4 * GROWN);
    assert!(rests(&mut connection) && !rests(&mut connection));
}
