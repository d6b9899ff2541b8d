//! Which replies are too early, what they say of the server, and what became of commands without one.

use super::*;
use crate::client::Flags;
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp::{self, Parse};

use super::super::queue::Queue;

pub(super) fn queue(commands: &[(&[&[u8]], bool)]) -> Queue {
    let mut queue = Queue::default();
    for (args, own_words) in commands {
        queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        queue.commands.last_mut().unwrap().own_words = *own_words;
    }
    queue
}

pub(super) fn parser(bytes: &[u8]) -> Box<dyn Parse> {
    let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
    parser.feed(bytes).unwrap();
    parser
}

fn take(answers: &mut Answers<'_>, reply: &str, handed: usize) -> Result<()> {
    answers.take(&mut parser(reply.as_bytes()).next().unwrap().unwrap(), handed)
}

fn take_leaf(answers: &mut Answers<'_>, reply: &str, handed: usize) -> Result<bool> {
    let mut parser = parser(reply.as_bytes());
    let (entry, bytes) = parser.peek().unwrap();
    answers.take_leaf(entry, bytes, handed)
}

const TWO: &[(&[&[u8]], bool)] = &[(&[b"SET", b"a", b"1"], false), (&[b"EVAL", b"return 1", b"0"], true)];

/// A reply is one to a command of which a byte at least has left.
#[test]
fn a_reply_of_a_run_is_refused_whose_command_has_not_begun_to_leave() {
    let queue = queue(TWO);
    let first = queue.commands[0].end - MULTI.len();
    let mut merged = Merged::default();
    let mut answers = Answers::new(&queue.commands, &mut merged, true);
    for start in [0, first] {
        assert_eq!(take(&mut answers, "+OK\r\n", start).unwrap_err().status, Status::Protocol);
        assert!(!take_leaf(&mut answers, ":1\r\n", start).unwrap(), "it is looked at as any reply is");
        assert!(take_leaf(&mut answers, ":1\r\n", start + 1).unwrap());
    }
    assert_eq!(answers.come(), 2);
    let mut answers = Answers::new(&queue.commands, &mut merged, true);
    for start in [0, first] {
        take(&mut answers, "-ERR\r\n", start + 1).unwrap();
    }
    assert_eq!((answers.come(), merged.failed, merged.gather.len()), (2, Some(0), 2));
}

#[test]
fn that_the_server_takes_no_writes_is_believed_of_its_own_words() {
    let queue = queue(TWO);
    let end = queue.bytes.len();
    for (replies, read_only) in [
        (["+OK\r\n", "-READONLY of a script's own making\r\n"], false),
        (["-READONLY of a server's\r\n", ":1\r\n"], true),
        (["-LOADING it\r\n", ":1\r\n"], false),
        (["+OK\r\n", "-READONLY You can't write against a read only replica.\r\n"], true),
    ] {
        let mut merged = Merged::default();
        let mut answers = Answers::new(&queue.commands, &mut merged, true);
        replies.iter().for_each(|reply| take(&mut answers, reply, end).unwrap());
        assert_eq!(merged.read_only, read_only, "{replies:?}");
    }
}

#[test]
fn commands_ran_where_all_have_left_and_the_last_reply_had_begun() {
    let queue = queue(TWO);
    let whole = queue.bytes.len() - MULTI.len();
    let outcome = |come, bytes, in_a_reply| {
        let mut merged = Merged::default();
        let answers = Answers { come, ..Answers::new(&queue.commands, &mut merged, true) };
        answers.outcome(Handed { bytes, in_a_reply })
    };
    assert_eq!(outcome(0, 0, false), Outcome::NotSent);
    assert_eq!(outcome(0, 0, true), Outcome::NotSent);
    assert_eq!(outcome(0, 1, false), Outcome::Unknown);
    assert_eq!(outcome(1, whole, false), Outcome::Unknown);
    assert_eq!(outcome(0, whole, true), Outcome::Unknown, "another reply is due behind it");
    assert_eq!(outcome(1, whole - 1, true), Outcome::Unknown, "what has not left whole has not run");
    assert_eq!(outcome(1, whole, true), Outcome::Ran);
}

#[test]
fn a_try_begins_with_nothing_of_the_one_before_it() {
    let queue = queue(TWO);
    let mut merged = Merged { unshaped: vec![1], failed: Some(1), read_only: true, ..Merged::default() };
    take(&mut Answers::new(&queue.commands, &mut merged, true), "+OK\r\n", 1).unwrap();
    assert_eq!(Answers::new(&queue.commands, &mut merged, true).come(), 0);
    assert!(merged.unshaped.is_empty() && merged.gather.is_empty());
    assert_eq!((merged.failed, merged.read_only), (None, false));
}
