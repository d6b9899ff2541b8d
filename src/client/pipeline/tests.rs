//! The replies of a run, one by one: which are too early, what they say of the server, and what a transaction came to.

mod lost;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::client::script::Script as LuaScript;
use crate::client::{Call, Callback, Client, Flags, Listen, Setup};
use crate::commands::Shape;
use crate::error::{Error, Outcome, Result, Status};
use crate::limits::Limits;
use crate::options::{Key, ParserChoice};
use crate::pool::Stat;
use crate::reply::{Kind, Reply};
use crate::resp::{self, Gather, Parse};
use crate::session::TakeReplies;
use crate::sync::Mutex;
use crate::transport::script::{Script, Scripts, Step, expect, give};

use super::answers::Answers;
use super::queue::{MULTI, Queue};
use super::{Mode, Pipeline};

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

const HELLO: &str = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GREETED: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";
const INCR: &str = "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n";
const LONG: &str = "+0123456789012345678901234567890123456789\r\n";

/// Two INCRs whose replies are shown one by one, over connections that play these steps: how it ended, which failed first and
/// what was shown. The function fails at the reply with this number.
fn shown(retry_max: i64, steps: Vec<Vec<Step>>, fails: Option<usize>) -> (Result<()>, Option<usize>, Vec<String>) {
    let mut setup = Setup::default();
    let ints = [(Key::RetryMax, retry_max), (Key::BackoffMs, 0), (Key::CommandTimeoutMs, 50), (Key::ReplyLineMax, 32)];
    ints.into_iter().for_each(|(key, value)| setup.options.set_int(key, value).unwrap());
    let scripts = steps.into_iter().map(|steps| Script::new([expect(HELLO), give(GREETED)].into_iter().chain(steps)));
    setup.transport = Some(Arc::new(Scripts::new(scripts)));
    let mut pipeline = Pipeline::new(&Client::new(&setup).unwrap());
    for _ in 0..2 {
        pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
    }
    let mut run = pipeline.begin_run(Mode::Plain).unwrap();
    let mut shown = Vec::new();
    let result = run.each(&Call::default(), &mut |index, reply| {
        assert_eq!(index, shown.len());
        shown.push(
            reply
                .view()
                .integer()
                .map_or_else(|| String::from_utf8_lossy(reply.text()).into_owned(), |number| number.to_string()),
        );
        match fails {
            Some(at) if at == index => Err(Error::new(Status::Callback, "enough")),
            _ => Ok(()),
        }
    });
    (result, run.failed, shown)
}

#[test]
fn a_run_that_shows_replies_says_what_became_of_those_it_did_not_show() {
    let both = || vec![expect(INCR), expect(INCR)];
    let half = || vec![expect(INCR), expect(&INCR[..10])];
    let then = |before: Vec<Step>, steps: &[Step]| vec![[before, steps.to_vec()].concat()];
    let lost = Step::Fail(libc::EPIPE);
    for (steps, fails, status, outcome, failed) in [
        (then(vec![Step::Block], &[lost.clone()]), None, Status::Io, Outcome::NotSent, 0),
        (then(both(), &[Step::End]), None, Status::Io, Outcome::Unknown, 0),
        (then(both(), &[give(":1\r\n"), Step::End]), None, Status::Io, Outcome::Unknown, 1),
        (then(both(), &[]), None, Status::Timeout, Outcome::Unknown, 0),
        // A reply that is refused had begun to arrive: its command ran, where all of it had left and no other is due.
        (then(both(), &[give(":1\r\n"), give(LONG)]), None, Status::Limit, Outcome::Ran, 1),
        (then(both(), &[give(LONG)]), None, Status::Limit, Outcome::Unknown, 0),
        (then(half(), &[give(":1\r\n"), give(LONG), lost.clone()]), None, Status::Limit, Outcome::Unknown, 1),
        // A reply whose command has not begun to leave is nobody's.
        (then(vec![expect(INCR)], &[give(":1\r\n:2\r\n"), lost]), None, Status::Protocol, Outcome::Unknown, 1),
        // The function ends it.
        (then(both(), &[give(":1\r\n:2\r\n")]), Some(0), Status::Callback, Outcome::Unknown, usize::MAX),
        (then(both(), &[give(":1\r\n:2\r\n")]), Some(1), Status::Callback, Outcome::Ran, usize::MAX),
        (then(both(), &[give("-ERR\r\n:2\r\n")]), Some(1), Status::Callback, Outcome::Ran, 0),
    ] {
        let (result, first, _) = shown(0, steps.clone(), fails);
        let error = result.unwrap_err();
        assert_eq!((error.status, error.outcome), (status, outcome), "{steps:?}: {error}");
        assert_eq!(first, Some(failed).filter(|failed| *failed != usize::MAX), "{steps:?}");
    }
}

#[test]
fn errors_are_shown_in_their_places_and_the_first_is_known() {
    let steps = vec![expect(INCR), expect(INCR), give("-ERR one\r\n"), give("-ERR two\r\n")];
    let (result, failed, texts) = shown(0, vec![steps], None);
    assert_eq!((result.is_ok(), failed, texts), (true, Some(0), vec!["ERR one".to_owned(), "ERR two".to_owned()]));
}

#[test]
fn what_did_not_leave_is_shown_from_the_next_connection() {
    let answered = vec![expect(INCR), expect(INCR), give(":1\r\n:2\r\n")];
    let (result, failed, texts) = shown(1, vec![vec![Step::Fail(libc::EPIPE)], answered.clone()], None);
    assert_eq!((result.is_ok(), failed, texts), (true, None, vec!["1".to_owned(), "2".to_owned()]));
    let broken = vec![expect(INCR), expect(INCR), give(":1\r\n"), Step::End];
    let (result, failed, texts) = shown(1, vec![broken, answered], None);
    assert_eq!((result.unwrap_err().outcome, failed, texts), (Outcome::Unknown, Some(1), vec!["1".to_owned()]));
}

/// Counts how often it is called.
struct Counted(AtomicUsize);

impl Callback for Counted {
    fn call(&self, _: *mut (), _: &[&[u8]], _: &Reply) -> Result<Option<Reply>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(None)
    }
}

#[test]
fn a_callback_is_shown_no_error_and_nothing_of_a_raw_run() {
    for (flags, replies, called) in [
        (Flags::default(), ":1\r\n:2\r\n", 2),
        (Flags::default(), "-ERR one\r\n:2\r\n", 1),
        (Flags::RAW, ":1\r\n:2\r\n", 0),
    ] {
        let counted = Arc::new(Counted(AtomicUsize::new(0)));
        let mut setup = Setup::default();
        setup.callbacks.set(b"INCR", Some(counted.clone())).unwrap();
        let steps = [expect(HELLO), give(GREETED), expect(INCR), expect(INCR), give(replies)];
        setup.transport = Some(Arc::new(Scripts::new([Script::new(steps)])));
        let client = Client::new(&setup).unwrap();
        let mut pipeline = Pipeline::new(&client);
        for _ in 0..2 {
            pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
        }
        let mut run = pipeline.begin_run(Mode::Plain).unwrap();
        run.each(&Call { flags, ..Call::default() }, &mut |_, _| Ok(())).unwrap();
        assert_eq!(counted.0.load(Ordering::Relaxed), called, "{replies}");
        assert_eq!(client.stat(Stat::Commands), Some(2));
    }
}

#[test]
fn a_raw_run_shows_replies_as_they_came() {
    const HGETALL: &str = "*2\r\n$7\r\nHGETALL\r\n$1\r\nh\r\n";
    for (flags, kind) in [(Flags::default(), Kind::RREDIS_REPLY_MAP), (Flags::RAW, Kind::RREDIS_REPLY_ARRAY)] {
        let mut setup = Setup::default();
        let steps = [expect(HELLO), give(GREETED), expect(HGETALL), give("*2\r\n+f\r\n+v\r\n")];
        setup.transport = Some(Arc::new(Scripts::new([Script::new(steps)])));
        let mut pipeline = Pipeline::new(&Client::new(&setup).unwrap());
        pipeline.add(&[b"HGETALL", b"h"], Flags::default(), std::ptr::null_mut()).unwrap();
        let mut run = pipeline.begin_run(Mode::Plain).unwrap();
        let mut kinds = Vec::new();
        let mut show = |_: usize, reply: &Reply| {
            kinds.push(reply.kind());
            Ok(())
        };
        run.each(&Call { flags, ..Call::default() }, &mut show).unwrap();
        assert_eq!(kinds, [kind]);
    }
}

/// Writes down what it is told: the kinds of events, and how long the tries wait together.
#[derive(Default)]
struct Told(Mutex<(Vec<String>, i64)>);

impl Listen for Told {
    fn hear(&self, reply: &Reply) {
        let mut told = self.0.lock();
        let kind = String::from_utf8_lossy(reply.view().get(0).unwrap().text()).into_owned();
        if kind == "retry" {
            assert_eq!(reply.view().get(1).unwrap().text(), b"PIPELINE");
            assert_eq!(reply.view().get(2).unwrap().integer(), Some(1), "so often it was tried");
            told.1 += reply.view().get(3).unwrap().integer().unwrap();
        }
        told.0.push(kind);
    }
}

#[test]
fn each_further_try_of_a_run_is_told_and_waits_as_long_as_it_says() {
    let told = Arc::new(Told::default());
    let mut setup = Setup { on_event: Some(told.clone()), ..Setup::default() };
    for (key, value) in [(Key::RetryMax, 2), (Key::BackoffMs, 40)] {
        setup.options.set_int(key, value).unwrap();
    }
    let greeted = |steps: Vec<Step>| Script::new([expect(HELLO), give(GREETED)].into_iter().chain(steps));
    let lost = greeted(vec![Step::Block, Step::Fail(libc::EPIPE)]);
    setup.transport = Some(Arc::new(Scripts::new([lost, greeted(vec![expect(INCR), give(":1\r\n")])])));
    let client = Client::new(&setup).unwrap();
    let mut pipeline = Pipeline::new(&client);
    pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
    let before = Instant::now();
    let reply = pipeline.begin_run(Mode::Plain).unwrap().run(&Call::default()).unwrap();
    assert_eq!(reply.view().get(0).unwrap().integer(), Some(1));
    let (kinds, wait_ms) = &*told.0.lock();
    assert_eq!(kinds, &["connected", "lost", "retry", "connected"]);
    assert!(*wait_ms > 0 && before.elapsed().as_millis() >= *wait_ms as u128, "{wait_ms} ms");
    assert_eq!((client.stat(Stat::Retries), client.stat(Stat::Commands)), (Some(1), Some(1)));
}
