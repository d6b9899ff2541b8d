//! A burst against scripted peers: whose replies are taken when, and what puts its end off.

use std::collections::VecDeque;

use super::*;
use crate::resp::Frame;
use crate::session::TakeReplies;
use crate::transport::{Attempt, Connect, Moved, connected};

/// Takes the replies of a burst, so many at the most.
pub(super) struct Taken {
    pub(super) replies: Vec<Vec<u8>>,
    most: usize,
}

impl TakeReplies for Taken {
    fn take(&mut self, frame: &mut Frame<'_>, _handed: usize) -> Result<()> {
        self.replies.push(Reply::build_from(frame)?.text().to_vec());
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.replies.len() >= self.most
    }
}

pub(super) fn taken(most: usize) -> Taken {
    Taken { replies: Vec::new(), most }
}

/// A connection with a burst of two commands on it.
fn with_burst(steps: impl IntoIterator<Item = Step>) -> (Connection, Script) {
    let (mut connection, script) = greeted(steps);
    connection.begin_burst(&mut two().into_bytes(), 4, 2).unwrap();
    (connection, script)
}

/// Two commands, behind four bytes that are not sent.
fn two() -> String {
    format!("left{GET}{GET}")
}

#[test]
fn replies_of_a_burst_are_taken_as_they_are_wanted_and_its_bytes_come_back() {
    let steps = [expect(GET), Step::Block, expect(GET), give("+one\r\n>1\r\n+news\r\n+two\r\n")];
    let (mut connection, script) = with_burst(steps);
    let mut kept = Kept::new(true, 1000);
    let mut replies = taken(1);
    connection.take_replies(|| Until::still_for(5000), &mut kept, &mut replies).unwrap();
    assert_eq!((&replies.replies[..], kept.is_empty()), (&[b"one".to_vec()][..], true));
    assert!(script.is_done());
    replies.most = 10;
    // What has come already is not waited for.
    connection.take_replies(|| unreachable!("it has come"), &mut kept, &mut replies).unwrap();
    assert_eq!(replies.replies, [b"one", b"two"]);
    assert_eq!(kept.take().unwrap().view().get(0).unwrap().text(), b"news");
    assert_eq!(connection.burst_bytes(), two().as_bytes());
    assert!(!connection.is_clean(), "it is not over yet");
    let mut bytes = Vec::new();
    let handed = connection.end_burst(&mut bytes);
    assert_eq!((handed.bytes, handed.in_a_reply, bytes), (2 * GET.len(), false, two().into_bytes()));
    assert!(connection.is_clean());
}

#[test]
fn a_burst_that_does_not_end_in_time_says_what_it_waited_for_and_ends_the_connection() {
    let take = |steps: Vec<Step>| {
        let (mut connection, _script) = with_burst(steps);
        let mut kept = Kept::new(true, 1000);
        let error = connection.take_replies(|| Until::still_for(20), &mut kept, &mut taken(10)).unwrap_err();
        assert_eq!(
            (error.status, connection.failure().map(|why| why.status)),
            (Status::Timeout, Some(Status::Timeout))
        );
        error.to_string()
    };
    let read = [expect(GET), expect(GET), give("+one\r\n$9\r\nhal")];
    assert_eq!(take(read.to_vec()), "127.0.0.1:6379: read: nothing moved for 20 ms");
    let written = [vec![expect(GET)], vec![Step::Block; 1000]].concat();
    assert_eq!(take(written), "127.0.0.1:6379: write: nothing moved for 20 ms");
}

#[test]
fn a_burst_that_is_given_up_ends_the_connection_and_so_does_a_failure() {
    for (steps, phase) in [([expect(GET), expect(GET)], "read"), ([expect(GET), Step::Block], "write")] {
        let (mut connection, _script) = with_burst(steps);
        connection.offer_now().unwrap();
        let error = connection.give_up_burst(Until::still_for(7));
        assert_eq!(error.to_string(), format!("127.0.0.1:6379: {phase}: nothing moved for 7 ms"));
        assert!(connection.failure().is_some());
    }
    let (mut connection, _script) = with_burst([expect(GET), expect(GET), give("+one\r\n"), Step::End]);
    let mut replies = taken(10);
    let error = connection.take_replies(|| Until::still_for(5000), &mut Kept::new(true, 1000), &mut replies);
    assert_eq!(error.unwrap_err().to_string(), "127.0.0.1:6379: read: the server closed the connection");
    assert!(connection.failure().is_some() && replies.replies == [b"one"]);
    let error = connection.begin_burst(&mut two().into_bytes(), 4, 2).unwrap_err();
    assert!(error.to_string().starts_with("127.0.0.1:6379: "), "{error}");
}

#[test]
fn pushes_during_a_burst_are_bounded() {
    let (mut connection, _script) = with_burst([expect(GET), expect(GET), give(">1\r\n+p\r\n+one\r\n+two\r\n")]);
    let mut kept = Kept::new(true, 10);
    let error = connection.take_replies(|| Until::still_for(5000), &mut kept, &mut taken(10)).unwrap_err();
    assert_eq!((error.status, connection.failure().map(|why| why.status)), (Status::Limit, Some(Status::Limit)));
}

#[test]
fn a_transaction_that_was_answered_in_a_burst_watches_nothing_any_more() {
    const WATCH: &str = "*2\r\n$5\r\nWATCH\r\n$1\r\na\r\n";
    let (mut connection, _script) = greeted([expect(WATCH), give("+OK\r\n")]);
    let ticket = connection.submit_any(Asked::any(&[b"WATCH", b"a"], Shape::KEEP)).unwrap().ticket;
    let wait = Wait { deadline: Deadline::after_ms(5000), allowed_ms: 5000, name: b"WATCH" };
    connection.reply_to(ticket, &wait, &mut Kept::new(true, 1000)).unwrap();
    assert!(!connection.is_clean());
    connection.executed();
    assert!(connection.is_clean());
}

/// A peer that takes so many bytes at once, and gives the next piece with each read, both after a pause.
#[derive(Clone)]
struct Slow {
    takes: usize,
    pieces: VecDeque<Vec<u8>>,
}

const SLOW_MS: u64 = 5;

impl Transport for Slow {
    fn read(&mut self, buffer: &mut [u8], _: i64) -> Result<Moved> {
        std::thread::sleep(Duration::from_millis(SLOW_MS));
        let Some(piece) = self.pieces.pop_front() else { return Ok(Moved::None) };
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(Moved::Some(piece.len()))
    }

    fn write(&mut self, bytes: &[u8], _: i64) -> Result<Moved> {
        if !bytes.starts_with(HELLO.as_bytes()) {
            std::thread::sleep(Duration::from_millis(SLOW_MS));
            return Ok(Moved::Some(bytes.len().min(self.takes)));
        }
        Ok(Moved::Some(bytes.len()))
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

impl Connect for Slow {
    fn begin(&self, _: &crate::options::Endpoint, _: Deadline) -> Result<Box<dyn Attempt>> {
        Ok(connected(Box::new(self.clone())))
    }

    fn name(&self) -> &str {
        "slow"
    }
}

/// What becomes of a burst of 100 commands with such a peer, where nothing may stand still for so long.
fn with_slow(takes: usize, pieces: impl IntoIterator<Item = Vec<u8>>, still_ms: i64) -> Result<usize> {
    let pieces = std::iter::once(GREETED.into()).chain(pieces).collect();
    let dial = Dial::new(Options::new(), Some(Arc::new(Slow { takes, pieces })), None)?;
    let mut connection = dial.open(Deadline::after_ms(10_000))?;
    connection.begin_burst(&mut GET.repeat(100).into_bytes(), 0, 100)?;
    let mut replies = taken(100);
    connection.take_replies(|| Until::still_for(still_ms), &mut Kept::new(false, 0), &mut replies)?;
    Ok(replies.replies.len())
}

/// So long nothing may stand still; each of these takes longer.
const STILL_MS: i64 = 250;

fn pieces(piece: &str, count: usize) -> impl Iterator<Item = Vec<u8>> {
    std::iter::repeat_n(piece.as_bytes().to_vec(), count)
}

#[test]
fn what_is_written_puts_the_end_of_a_burst_off() {
    let replies = pieces(">1\r\n+p\r\n", 100).chain(["+x\r\n".repeat(100).into()]);
    assert_eq!(with_slow(GET.len(), replies, STILL_MS), Ok(100));
}

#[test]
fn each_reply_puts_the_end_of_a_burst_off() {
    assert_eq!(with_slow(usize::MAX, pieces("+x\r\n", 100), STILL_MS), Ok(100));
}

#[test]
fn each_part_of_a_reply_puts_the_end_of_a_burst_off() {
    let rest = format!("\r\n{}", "+x\r\n".repeat(99));
    let parts = pieces("$100\r\n", 1).chain(pieces("v", 100)).chain([rest.into()]);
    assert_eq!(with_slow(usize::MAX, parts, STILL_MS), Ok(100));
}

#[test]
fn pushes_alone_put_the_end_of_a_burst_off_by_nothing() {
    let replies = pieces(">1\r\n+p\r\n", 500).chain(["+x\r\n".repeat(100).into()]);
    let error = with_slow(usize::MAX, replies, 100).unwrap_err();
    assert_eq!(error.status, Status::Timeout, "{error}");
}
