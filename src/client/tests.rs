//! A client against scripted peers: what is tried again, and what that costs.

use std::sync::Arc;

use super::*;
use crate::error::{Outcome, Status};
use crate::options::Key;
use crate::reply::Reply;
use crate::transport::script::{Script, Scripts, Step, expect, give};

const HELLO: &str = "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GREETED: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";
const INCR: &str = "*2\r\n$4\r\nINCR\r\n$1\r\nk\r\n";
const GET: &str = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

fn greeted(steps: impl IntoIterator<Item = Step>) -> Script {
    Script::new([expect(HELLO), give(GREETED)].into_iter().chain(steps))
}

fn client(retry_max: i64, scripts: impl IntoIterator<Item = Script>) -> Client {
    let mut setup = Setup::default();
    setup.options.set_int(Key::RetryMax, retry_max).unwrap();
    setup.options.set_int(Key::BackoffMs, 0).unwrap();
    setup.transport = Some(Arc::new(Scripts::new(scripts)));
    Client::new(&setup).unwrap()
}

fn incr(client: &Client, timeout_ms: i64) -> Result<Reply> {
    client.command(&[b"INCR", b"k"], &Call { flags: Flags::TIMEOUT, timeout_ms, ..Call::default() })
}

/// What the look at a connection that rested cannot see: it ends between that and the first byte.
#[test]
fn a_connection_that_ends_before_the_first_byte_is_replaced_whatever_the_command_and_the_budget() {
    let rested = greeted([expect(INCR), give(":1\r\n"), Step::Block, Step::Fail(libc::EPIPE)]);
    let fresh = greeted([expect(INCR), give(":2\r\n")]);
    let client = client(0, [rested.clone(), fresh]);
    assert_eq!(incr(&client, 5000).unwrap().view().integer(), Some(1));
    assert_eq!(incr(&client, 5000).unwrap().view().integer(), Some(2));
    assert_eq!((rested.closed(), client.stat(Stat::Retries)), (1, Some(1)));
}

/// Except for SHUTDOWN, which is never tried again: the server that was meant is not there, and another may be.
#[test]
fn a_shutdown_whose_connection_ends_before_the_first_byte_is_not_tried_on_another() {
    for in_a_pipeline in [false, true] {
        let rested = greeted([expect(INCR), give(":1\r\n"), Step::Block, Step::Fail(libc::EPIPE)]);
        let client = client(3, [rested, greeted([expect("*1\r\n$8\r\nSHUTDOWN\r\n"), Step::End])]);
        assert_eq!(incr(&client, 5000).unwrap().view().integer(), Some(1));
        let error = shutdown(&client, in_a_pipeline).unwrap_err();
        assert_eq!((error.status, error.outcome, error.attempts), (Status::Io, Outcome::NotSent, 1), "{in_a_pipeline}");
        assert_eq!(client.stat(Stat::Retries), Some(0));
    }
}

/// The end of the stream answers a SHUTDOWN that the server has had all of, and no other.
#[test]
fn half_a_shutdown_is_not_answered_by_the_end_of_the_stream() {
    for in_a_pipeline in [false, true] {
        for part in ["*1\r\n$8\r\nSHUT", "*1\r\n$8\r\nSHUTDOWN\r"] {
            let client = client(3, [greeted([expect(part), Step::End])]);
            let error = shutdown(&client, in_a_pipeline).unwrap_err();
            assert_eq!(
                (error.status, error.outcome),
                (Status::Io, Outcome::Unknown),
                "{in_a_pipeline} {part}: {error}"
            );
        }
        let client = client(3, [greeted([expect("*1\r\n$8\r\nSHUTDOWN\r\n"), Step::End])]);
        assert!(shutdown(&client, in_a_pipeline).is_ok(), "{in_a_pipeline}");
    }
}

fn shutdown(client: &Client, in_a_pipeline: bool) -> Result<Reply> {
    if !in_a_pipeline {
        return client.command(&[b"SHUTDOWN"], &Call::default());
    }
    let mut queue = Pipeline::new(client);
    queue.add(&[b"SHUTDOWN"], Flags::default(), std::ptr::null_mut())?;
    pipeline::run(&mut queue, pipeline::Mode::Plain, &Call::default())
}

#[test]
fn a_new_connection_that_ends_before_the_first_byte_is_a_try_like_any_other() {
    let ends = || greeted([Step::Block, Step::Fail(libc::EPIPE)]);
    let error = incr(&client(0, [ends(), greeted([])]), 5000).unwrap_err();
    assert_eq!((error.status, error.outcome, error.attempts), (Status::Io, Outcome::NotSent, 1));
    let answered = greeted([expect(INCR), give(":1\r\n")]);
    assert!(incr(&client(1, [ends(), answered]), 5000).is_ok());
}

/// A server that takes nothing is no reason to connect to it anew: the time is over.
#[test]
fn a_connection_that_rested_and_takes_nothing_in_time_is_not_replaced() {
    let rested = greeted([expect(INCR), give(":1\r\n")].into_iter().chain((0..10_000).map(|_| Step::Block)));
    let client = client(0, [rested, greeted([])]);
    assert!(incr(&client, 5000).is_ok());
    let error = incr(&client, 20).unwrap_err();
    assert_eq!((error.status, error.outcome, error.attempts), (Status::Timeout, Outcome::NotSent, 1));
    assert_eq!(client.stat(Stat::Retries), Some(0));
}

/// What a key holds is no server's word, whatever it looks like.
#[test]
fn a_value_that_reads_as_a_refusal_is_a_value() {
    for reply in ["$9\r\nLOADING x\r\n", "+LOADING x\r\n", "$10\r\nTRYAGAIN x\r\n"] {
        let client = client(3, [greeted([expect(GET), give(reply)])]);
        let value = client.command(&[b"GET", b"k"], &Call::default()).unwrap();
        assert!(reply.contains(&*String::from_utf8_lossy(value.text())) && !value.text().is_empty(), "{reply}");
        assert_eq!(client.stat(Stat::Retries), Some(0), "{reply}");
    }
}

#[test]
fn what_is_no_command_is_refused_before_anybody_is_connected_to() {
    // No script: whoever connects would be told so.
    let client = client(0, []);
    let error = client.command(&[], &Call::default()).unwrap_err();
    assert_eq!((error.status, error.outcome, error.attempts), (Status::Argument, Outcome::NotSent, 0));
}

#[test]
fn a_call_whose_time_is_over_asks_for_no_connection() {
    let rested = greeted([expect(INCR), give(":1\r\n")]);
    let client = client(3, [rested.clone()]);
    for connections in [0, 1] {
        // A byte of it would be past the end of the transcript.
        let error = incr(&client, 0).unwrap_err();
        assert_eq!((error.status, error.outcome, error.attempts), (Status::Timeout, Outcome::NotSent, 1));
        assert!(error.to_string().ends_with("the 0 ms allowed were over before a connection was asked for"), "{error}");
        assert_eq!(client.stat(Stat::ConnectionsIdle), Some(connections));
        if connections == 0 {
            incr(&client, 5000).unwrap();
        }
    }
    assert_eq!(rested.closed(), 0);
}

#[test]
fn a_command_that_waits_has_the_time_it_says_and_some_for_the_way() {
    for (slack, waits) in [(0, 2000), (1, 2001), (500, 2500)] {
        let mut setup = Setup::default();
        setup.options.set_int(Key::CommandTimeoutMs, 700).unwrap();
        setup.options.set_int(Key::BlockSlackMs, slack).unwrap();
        let client = Client::new(&setup).unwrap();
        let allowed =
            |args: &[&[u8]], flags| client.terms(args, &Call { flags, timeout_ms: 30, ..Call::default() }).allowed_ms;
        assert_eq!(allowed(&[b"BLPOP", b"k", b"2"], Flags::default()), waits);
        assert!(allowed(&[b"BLPOP", b"k", b"0"], Flags::default()) < 0);
        assert_eq!(allowed(&[b"GET", b"k"], Flags::default()), 700);
        assert_eq!(allowed(&[b"BLPOP", b"k", b"2"], Flags::TIMEOUT), 30);
    }
}

/// What belongs to the pool and is unset in the options of a client on it is as the pool has it.
#[test]
fn a_client_has_the_slack_of_its_pool() {
    let mut setup = Setup::default();
    setup.options.set_int(Key::BlockSlackMs, 500).unwrap();
    let pool = Servers::new(setup.dial().unwrap());
    let client = Client::new_on(&pool, &Setup::default()).unwrap();
    assert_eq!(client.terms(&[b"BLPOP", b"k", b"2"], &Call::default()).allowed_ms, 2500);
}

/// What nobody wants to see is not kept, and is bounded by nothing.
#[test]
fn pushes_that_nobody_is_shown_may_be_any_number() {
    let mut setup = Setup::default();
    setup.options.set_int(Key::PushBytesMax, 100).unwrap();
    let pushes = ">2\r\n+invalidate\r\n+k\r\n".repeat(100);
    let steps = [expect(GET), give(pushes), give("+v\r\n")];
    setup.transport = Some(Arc::new(Scripts::new([greeted(steps)])));
    let value = Client::new(&setup).unwrap().command(&[b"GET", b"k"], &Call::default()).unwrap();
    assert_eq!(value.text(), b"v");
}

/// A change that another thread overtook is made again, to what that one left.
#[test]
fn callbacks_that_threads_set_at_once_are_all_there() {
    struct Nothing;
    impl Callback for Nothing {
        fn call(&self, _: *mut (), _: &[&[u8]], _: &Reply) -> Result<Option<Reply>> {
            Ok(None)
        }
    }
    let client = client(0, []);
    let name = |thread: usize, number: usize| format!("C{thread}.{number}");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let client = &client;
            scope.spawn(move || {
                for number in 0..250 {
                    client.set_callback(name(thread, number).as_bytes(), Some(Arc::new(Nothing))).unwrap();
                }
            });
        }
    });
    let table = client.0.callbacks.load();
    for (thread, number) in (0..4).flat_map(|thread| (0..250).map(move |number| (thread, number))) {
        let name = name(thread, number);
        assert!(table.get(name.as_bytes()).is_some(), "{name}");
    }
}
