//! What is an answer to a transaction, what it came to, and what became of one that broke off.

use super::super::queue::{MULTI, Queue};
use super::*;
use crate::client::Flags;
use crate::commands::Shape;
use crate::limits::Limits;
use crate::options::ParserChoice;

fn queue(commands: &[(&[&[u8]], bool)]) -> Queue {
    let mut queue = Queue::default();
    for (args, own_words) in commands {
        queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        queue.commands.last_mut().unwrap().own_words = *own_words;
    }
    queue.close_transaction().unwrap();
    queue
}

fn take(answers: &mut Transaction<'_>, reply: &str, handed: usize) -> Result<()> {
    let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
    parser.feed(reply.as_bytes()).unwrap();
    answers.take(&mut parser.next().unwrap().unwrap(), handed)
}

fn take_leaf(answers: &mut Transaction<'_>, reply: &str, handed: usize) -> Result<bool> {
    let mut parser = resp::parser(ParserChoice::Fast, Limits::default());
    parser.feed(reply.as_bytes()).unwrap();
    let (entry, bytes) = parser.peek().unwrap();
    answers.take_leaf(entry, bytes, handed)
}

const TWO: &[(&[&[u8]], bool)] = &[(&[b"SET", b"a", b"1"], false), (&[b"EVAL", b"return 1", b"0"], true)];
const PLAIN: &[(&[&[u8]], bool)] = &[(&[b"SET", b"a", b"1"], false), (&[b"INCR", b"b"], false)];

/// A reply is one to MULTI, to a command or to EXEC of which a byte at least has left; none of them is taken as a short value.
#[test]
fn a_reply_of_a_transaction_is_refused_whose_command_has_not_begun_to_leave() {
    let queue = queue(TWO);
    let starts = [0, MULTI.len(), queue.commands[0].end, queue.commands[1].end];
    let mut merged = Merged::default();
    let mut answers = Transaction::new(&queue.commands, &mut merged, true);
    let replies = ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "*2\r\n+OK\r\n:1\r\n"];
    assert_eq!(answers.due(), replies.len());
    for (start, reply) in starts.into_iter().zip(replies) {
        assert!(!take_leaf(&mut answers, ":1\r\n", queue.bytes.len()).unwrap());
        assert_eq!(take(&mut answers, reply, start).unwrap_err().status, Status::Protocol, "{reply}");
        take(&mut answers, reply, start + 1).unwrap();
    }
    answers.verdict(&queue.bytes).unwrap();
    assert_eq!(merged.gather.len(), 2);
}

/// What a transaction came to, by these replies: its verdict, whether the server takes no writes, and what failed first.
fn verdict(replies: &[&str]) -> (Result<()>, bool, Option<usize>) {
    let queue = queue(TWO);
    let mut merged = Merged::default();
    let mut answers = Transaction::new(&queue.commands, &mut merged, true);
    let taken = replies.iter().try_for_each(|reply| take(&mut answers, reply, queue.bytes.len()));
    let verdict = taken.and_then(|()| answers.verdict(&queue.bytes));
    (verdict, merged.read_only, merged.failed)
}

#[test]
fn exec_that_is_refused_ran_nothing_and_says_why() {
    let told = |replies: &[&str]| {
        let (verdict, _, refused) = verdict(replies);
        let error = verdict.unwrap_err();
        assert_eq!(error.outcome, Outcome::Refused);
        (error.status, error.to_string(), refused)
    };
    let (multi, queued) = ("+OK\r\n", "+QUEUED\r\n");
    let (status, text, refused) = told(&[multi, queued, "-ERR no\r\n", "-EXECABORT Transaction discarded\r\n"]);
    assert_eq!((status, text.as_str(), refused), (Status::Aborted, "EXECABORT: command 1: ERR no", Some(1)));
    let (status, text, refused) = told(&[multi, queued, queued, "-EXECABORT Transaction discarded\r\n"]);
    assert_eq!((status, text.as_str(), refused), (Status::Aborted, "EXECABORT Transaction discarded", None));
    let (status, text, refused) = told(&[multi, queued, queued, "-NOPERM no EXEC\r\n"]);
    assert_eq!((status, text.as_str(), refused), (Status::Server, "NOPERM no EXEC", None));
    assert_eq!(told(&[multi, queued, queued, "_\r\n"]).0, Status::Watch);
}

#[test]
fn that_the_server_takes_no_writes_is_believed_of_its_own_words() {
    const OWN: &str = "-READONLY of a script's own making\r\n";
    let (multi, queued) = ("+OK\r\n", "+QUEUED\r\n");
    // Before EXEC nothing has run that could have words of its own.
    let exec = "-EXECABORT Transaction discarded\r\n";
    assert!(verdict(&[multi, OWN, queued, exec]).1);
    assert!(verdict(&[multi, queued, OWN, exec]).1);
    assert!(!verdict(&[multi, queued, "-ERR no\r\n", exec]).1);
    assert!(!verdict(&[multi, queued, queued, "*2\r\n+OK\r\n:1\r\n"]).1);
    // Of SET that is refused within EXEC it is the server's, of a script only in the server's exact words.
    let (answer, read_only, refused) = verdict(&[multi, queued, queued, &format!("*2\r\n{OWN}:1\r\n")]);
    assert_eq!((answer.is_ok(), read_only, refused), (true, true, Some(0)));
    let (answer, read_only, refused) = verdict(&[multi, queued, queued, &format!("*2\r\n+OK\r\n{OWN}")]);
    assert_eq!((answer.is_ok(), read_only, refused), (true, false, Some(1)));
    let servers = "-READONLY You can't write against a read only replica.\r\n";
    assert!(verdict(&[multi, queued, queued, &format!("*2\r\n+OK\r\n{servers}")]).1);
    assert!(!verdict(&[multi, queued, queued, "*2\r\n-LOADING it\r\n:1\r\n"]).1, "that passes");
    for status in ["+READONLY is no error\r\n", "$8\r\nREADONLY\r\n"] {
        assert!(!verdict(&[status]).1 && !verdict(&[multi, status]).1, "{status}");
    }
}

#[test]
fn what_is_no_answer_to_a_transaction_is_none() {
    let (multi, queued) = ("+OK\r\n", "+QUEUED\r\n");
    for replies in [
        &[queued][..],
        &[":1\r\n"],
        &["=6\r\ntxt:OK\r\n"],
        &[multi, "+OK\r\n"],
        &[multi, queued, "$2\r\nno\r\n"],
        &[multi, queued, queued, "*1\r\n+OK\r\n"],
        &[multi, queued, queued, "*3\r\n+OK\r\n+OK\r\n+OK\r\n"],
        &[multi, queued, queued, "+OK\r\n"],
    ] {
        assert_eq!(verdict(replies).0.unwrap_err().status, Status::Protocol, "{replies:?}");
    }
}

#[test]
fn an_array_is_no_word_whatever_it_holds() {
    for choice in [ParserChoice::Fast, ParserChoice::Simple] {
        for (reply, is_ok) in [("+OK\r\n", true), ("$2\r\nOK\r\n", true), ("*2\r\n+OK\r\n+OK\r\n", false)] {
            let mut parser = resp::parser(choice, Limits::default());
            parser.feed(reply.as_bytes()).unwrap();
            let frame = parser.next().unwrap().unwrap();
            assert_eq!(says(&frame, frame.root().1.unwrap(), b"OK"), is_ok, "{reply}");
        }
    }
}

/// What became of a transaction that broke off when so many bytes had left and so many replies had come.
fn outcome(queue: &Queue, come: usize, bytes: usize, in_a_reply: bool) -> Outcome {
    let mut merged = Merged::default();
    let answers = Transaction { come, ..Transaction::new(&queue.commands, &mut merged, true) };
    answers.outcome(Handed { bytes, in_a_reply })
}

#[test]
fn a_transaction_runs_with_the_last_byte_of_exec_and_its_commands_alone_without_multi() {
    let queue = queue(PLAIN);
    let (first, whole) = (queue.commands[0].end, queue.bytes.len());
    let outcome = |come, bytes, in_a_reply| outcome(&queue, come, bytes, in_a_reply);
    assert_eq!(outcome(0, 0, false), Outcome::NotSent);
    assert_eq!(outcome(0, first - 1, false), Outcome::NotSent, "no command has left whole");
    assert_eq!(outcome(0, first, false), Outcome::Unknown, "MULTI may have been refused, and the first may have run");
    assert_eq!(outcome(1, first, false), Outcome::NotSent, "what is queued dies with the connection");
    assert_eq!(outcome(3, whole - 1, true), Outcome::NotSent);
    assert_eq!(outcome(3, whole, false), Outcome::Unknown);
    assert_eq!(outcome(2, whole, true), Outcome::Unknown, "the reply that had begun is not EXEC's");
    assert_eq!(outcome(3, whole, true), Outcome::Ran);
    let mut merged = Merged::default();
    let mut answers = Transaction::new(&queue.commands, &mut merged, true);
    take(&mut answers, "-ERR\r\n", 1).unwrap();
    assert_eq!(answers.outcome(Handed { bytes: first, in_a_reply: false }), Outcome::Unknown);
    // What is no answer to MULTI has opened nothing.
    let mut answers = Transaction::new(&queue.commands, &mut merged, true);
    take(&mut answers, "+NO\r\n", 1).unwrap_err();
    assert_eq!(answers.outcome(Handed { bytes: first, in_a_reply: false }), Outcome::Unknown);
}

#[test]
fn a_transaction_of_nothing_is_sent_with_its_exec() {
    let queue = queue(&[]);
    let whole = queue.bytes.len();
    assert_eq!(outcome(&queue, 0, whole - 1, false), Outcome::NotSent);
    assert_eq!(outcome(&queue, 0, whole, false), Outcome::Unknown);
    assert_eq!(outcome(&queue, 1, whole, true), Outcome::Ran);
}

/// Where MULTI was refused, each command ran or was refused by itself.
#[test]
fn without_multi_a_transaction_is_refused_where_each_command_was_and_did_nothing() {
    let verdict = |commands: &[(&[&[u8]], bool)], refused: usize| {
        let queue = queue(commands);
        let mut merged = Merged::default();
        let mut answers = Transaction::new(&queue.commands, &mut merged, true);
        take(&mut answers, "-NOPERM\r\n", 1).unwrap();
        (0..commands.len()).for_each(|index| {
            let reply = if index < refused { "-ERR\r\n" } else { "+OK\r\n" };
            take(&mut answers, reply, queue.bytes.len()).unwrap();
        });
        let error = answers.verdict(&queue.bytes).unwrap_err();
        assert_eq!((error.status, error.message.as_slice()), (Status::Server, b"MULTI: NOPERM".as_slice()));
        error.outcome
    };
    assert_eq!(verdict(PLAIN, 2), Outcome::Refused);
    assert_eq!(verdict(PLAIN, 1), Outcome::Unknown, "the other may have run");
    assert_eq!(verdict(TWO, 2), Outcome::Unknown, "a script may have come half way");
}
