//! Runs over connections that play their steps: what is shown, tried again and told.

mod handle;
mod lost;
mod scripts;
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::client::script::Script as LuaScript;
use crate::client::{Call, Callback, Client, Flags, Listen, Setup};
use crate::error::{Error, Outcome, Result, Status};
use crate::options::Key;
use crate::reply::{Kind, Reply};
use crate::resp;
use crate::stats::Stat;
use crate::sync::Mutex;
use crate::transport::script::{Script, Scripts, Step, expect, give};

use super::queue::MULTI;
use super::{Mode, Pipeline};

const HELLO: &str = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GREETED: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";
const INCR: &str = "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n";
const WATCH: &str = "*2\r\n$5\r\nWATCH\r\n$1\r\nk\r\n";
const LONG: &str = "+0123456789012345678901234567890123456789\r\n";

/// A client with these options, over connections that play these steps behind their greeting.
fn setup_of(options: &[(Key, i64)], scripts: Vec<Vec<Step>>) -> Setup {
    let mut setup = Setup::default();
    options.iter().for_each(|(key, value)| setup.options.set_int(*key, *value).unwrap());
    let scripts = scripts.into_iter().map(|steps| Script::new([expect(HELLO), give(GREETED)].into_iter().chain(steps)));
    setup.transport = Some(Arc::new(Scripts::new(scripts)));
    setup
}

fn client_of(retry_max: i64, scripts: Vec<Vec<Step>>) -> Client {
    let options = [(Key::RetryMax, retry_max), (Key::BackoffMs, 0), (Key::CommandTimeoutMs, 5000)];
    Client::new(&setup_of(&options, scripts)).unwrap()
}

/// A pipeline of this client's with this command.
fn queued(client: &Client, args: &[&[u8]]) -> Pipeline {
    let mut pipeline = Pipeline::new(client);
    pipeline.add(args, Flags::default(), std::ptr::null_mut()).unwrap();
    pipeline
}

fn encoded(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    resp::encode(args, &mut bytes).unwrap();
    bytes
}

/// Writes down the kinds of what it is told.
#[derive(Default)]
struct Kinds(Mutex<Vec<String>>);

impl Listen for Kinds {
    fn hear(&self, reply: &Reply) {
        self.0.lock().push(String::from_utf8_lossy(reply.view().get(0).unwrap().text()).into_owned());
    }
}

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
    (result, run.merged.failed, shown)
}

#[test]
fn a_run_that_shows_replies_says_what_became_of_those_it_did_not_show() {
    let both = || vec![expect(INCR), expect(INCR)];
    let half = || vec![expect(INCR), expect(&INCR[..10])];
    let then = |before: Vec<Step>, steps: &[Step]| vec![[before, steps.to_vec()].concat()];
    let lost = Step::Fail(libc::EPIPE);
    for (steps, fails, status, outcome, failed) in [
        (then(vec![Step::Block], std::slice::from_ref(&lost)), None, Status::Io, Outcome::NotSent, 0),
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
    assert!(before.elapsed().as_millis() >= *wait_ms as u128, "{wait_ms} ms");
    assert_eq!((client.stat(Stat::Retries), client.stat(Stat::Commands)), (Some(1), Some(1)));
}
