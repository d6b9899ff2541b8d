//! The replies of a run, one by one: which are too early, what they say of the server, and what a transaction came to.

use crate::client::Flags;
use crate::commands::Shape;
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::Limits;
use crate::options::ParserChoice;
use crate::resp::{self, Gather, Parse};
use crate::session::TakeReplies;

use super::answers::Answers;
use super::queue::{MULTI, Queue};

fn queue(commands: &[(&[&[u8]], bool)]) -> Queue {
    let mut queue = Queue::default();
    for (args, own_words) in commands {
        queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        queue.commands.last_mut().unwrap().own_words = *own_words;
    }
    queue
}

fn parser(bytes: &[u8]) -> Box<dyn Parse> {
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
    let (mut gather, mut unshaped) = (Gather::new(), Vec::new());
    let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), false, true);
    for start in [0, first] {
        assert_eq!(take(&mut answers, "+OK\r\n", start).unwrap_err().status, Status::Protocol);
        assert!(!take_leaf(&mut answers, ":1\r\n", start).unwrap(), "it is looked at as any reply is");
        assert!(take_leaf(&mut answers, ":1\r\n", start + 1).unwrap());
    }
    assert_eq!(answers.answered(), 2);
    let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), false, true);
    for start in [0, first] {
        take(&mut answers, "-ERR\r\n", start + 1).unwrap();
    }
    assert_eq!((answers.answered(), answers.refused), (2, Some(0)));
}

/// The same of MULTI, of each command behind it, and of EXEC; none of those is taken as a short value.
#[test]
fn a_reply_of_a_transaction_is_refused_whose_command_has_not_begun_to_leave() {
    let mut queue = queue(TWO);
    let starts = [0, MULTI.len(), queue.commands[0].end, queue.commands[1].end];
    queue.close_transaction().unwrap();
    let (mut gather, mut unshaped) = (Gather::new(), Vec::new());
    let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), true, true);
    let replies = ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "*2\r\n+OK\r\n:1\r\n"];
    for (start, reply) in starts.into_iter().zip(replies) {
        assert!(!take_leaf(&mut answers, ":1\r\n", queue.bytes.len()).unwrap());
        assert_eq!(take(&mut answers, reply, start).unwrap_err().status, Status::Protocol, "{reply}");
        take(&mut answers, reply, start + 1).unwrap();
    }
    answers.verdict(&queue.bytes).unwrap();
    assert_eq!(answers.gather.len(), 2);
}

/// What a transaction came to, by these replies: its verdict, whether the server takes no writes, and what failed first.
fn verdict(replies: &[&str]) -> (std::result::Result<(), Error>, bool, Option<usize>) {
    let mut queue = queue(TWO);
    queue.close_transaction().unwrap();
    let (mut gather, mut unshaped) = (Gather::new(), Vec::new());
    let mut answers = Answers::new(&queue.commands, (&mut gather, &mut unshaped), true, true);
    let taken = replies.iter().try_for_each(|reply| take(&mut answers, reply, queue.bytes.len()));
    let verdict = taken.and_then(|()| answers.verdict(&queue.bytes));
    (verdict, answers.read_only, answers.refused)
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
}

#[test]
fn what_is_no_answer_to_a_transaction_is_none() {
    let (multi, queued) = ("+OK\r\n", "+QUEUED\r\n");
    for replies in [
        &[queued][..],
        &[":1\r\n"],
        &[multi, "+OK\r\n"],
        &[multi, queued, "$2\r\nno\r\n"],
        &[multi, queued, queued, "*1\r\n+OK\r\n"],
        &[multi, queued, queued, "*3\r\n+OK\r\n+OK\r\n+OK\r\n"],
        &[multi, queued, queued, "+OK\r\n"],
    ] {
        assert_eq!(verdict(replies).0.unwrap_err().status, Status::Protocol, "{replies:?}");
    }
}
