//! How long a run may take, and what is tried again.

use super::super::Pipeline;
use super::*;
use crate::client::Setup;
use crate::options::Key;

const GET: &[&[u8]] = &[b"GET", b"a"];
const INCR: &[&[u8]] = &[b"INCR", b"a"];
const SHUTDOWN: &[&[u8]] = &[b"SHUTDOWN"];

fn run(command_timeout_ms: i64, commands: &[&[&[u8]]], mode: Mode) -> Run {
    let mut setup = Setup::default();
    setup.options.set_int(Key::CommandTimeoutMs, command_timeout_ms).unwrap();
    setup.options.set_int(Key::RetryMax, 3).unwrap();
    setup.options.set_int(Key::BackoffMs, 0).unwrap();
    let mut pipeline = Pipeline::new(&Client::new(&setup).unwrap());
    for args in commands {
        pipeline.add(args, Flags::default(), std::ptr::null_mut()).unwrap();
    }
    pipeline.begin_run(mode).unwrap()
}

fn call(flags: Flags, timeout_ms: i64) -> Call {
    Call { flags, timeout_ms, ..Call::default() }
}

#[test]
fn a_run_may_be_still_as_long_as_its_commands_say_and_in_a_transaction_nothing_waits() {
    let (forever, five): (&[&[u8]], &[&[u8]]) = (&[b"BLPOP", b"k", b"0"], &[b"BLPOP", b"k", b"5"]);
    let still = |timeout, args, mode| {
        let time = run(timeout, &[args], mode).time(&Call::default());
        assert!(time.total.is_none() && !time.is_over());
        assert_eq!(time.start == Deadline::never(), time.still_ms < 0, "until then a connection is there");
        assert!(time.start.remaining_ms() <= timeout, "a command that waits does not wait for its connection");
        assert_eq!(time.allowed_ms(), time.still_ms);
        time.still_ms
    };
    for (args, plain) in [(GET, 1000), (five, 6000), (forever, -1)] {
        assert_eq!(still(1000, args, Mode::Plain), plain);
        assert_eq!(still(1000, args, Mode::Atomic), 1000);
        assert_eq!(still(-1, args, Mode::Plain), -1);
        assert_eq!(still(-1, args, Mode::Atomic), -1);
    }
}

#[test]
fn time_that_the_call_gives_counts_alone_and_else_what_all_tries_have() {
    let mut run = run(1000, &[GET], Mode::Plain);
    run.limit = Some((Deadline::after_ms(0), 0));
    let time = run.time(&Call::default());
    assert_eq!((time.still_ms, time.allowed_ms(), time.is_over()), (1000, 0, true));
    let time = run.time(&call(Flags::TIMEOUT, 60_000));
    assert_eq!((time.still_ms, time.allowed_ms(), time.is_over()), (-1, 60_000, false));
    let start = time.start.remaining_ms();
    assert!((1001..=60_000).contains(&start), "{start}");
    assert!(!time.until().deadline().has_passed());
    assert_eq!(run.time(&call(Flags::TIMEOUT, -1)).start, Deadline::never());
}

#[test]
fn where_something_moved_what_comes_next_has_its_time_again() {
    let handed = |bytes| Handed { bytes, in_a_reply: false };
    for (still_ms, bytes, again) in [(60_000, 1, true), (60_000, 0, false), (-1, 1, false)] {
        let mut time = Time { still_ms, total: None, start: Deadline::after_ms(0) };
        time.moved(handed(bytes));
        assert_eq!(!time.start.has_passed(), again, "{still_ms} {bytes}");
    }
}

/// Whether another try follows a failure like this.
fn again(run: &Run, flags: Flags, status: Status, outcome: Outcome, rested: bool) -> bool {
    let call = call(flags, 0);
    let time = run.time(&Call::default());
    run.again(&call, &Error::new(status, "").with_outcome(outcome), rested, 1, &time).unwrap().is_some()
}

#[test]
fn a_run_is_tried_again_only_where_nothing_can_run_twice() {
    use Outcome::{NotSent, Ran, Refused, Unknown};
    let none = Flags::default();
    let (get, incr) = (run(1000, &[GET, GET], Mode::Plain), run(1000, &[GET, INCR], Mode::Plain));
    for status in [Status::Connect, Status::Io, Status::Timeout] {
        assert!(again(&incr, none, status, NotSent, false));
        assert!(!again(&incr, none, status, Unknown, false));
        assert!(again(&incr, Flags::IDEMPOTENT, status, Unknown, false));
        assert!(again(&get, none, status, Unknown, false));
        assert!(!again(&get, Flags::NO_RETRY, status, Unknown, false));
        assert!(!again(&get, none, status, Ran, false) && !again(&get, none, status, Refused, false));
    }
    for status in [Status::Protocol, Status::Server, Status::Limit, Status::Aborted] {
        assert!(!again(&get, none, status, NotSent, false) && !again(&get, none, status, Refused, false));
    }
    let mut shown = run(1000, &[GET, GET], Mode::Plain);
    shown.shown = 1;
    assert!(!again(&shown, none, Status::Io, NotSent, false), "replies are never shown twice");
}

#[test]
fn a_rested_connection_that_took_nothing_costs_no_try() {
    let (flags, incr) = (Flags::NO_RETRY, run(1000, &[INCR], Mode::Plain));
    assert!(again(&incr, flags, Status::Io, Outcome::NotSent, true));
    assert!(!again(&incr, flags, Status::Io, Outcome::NotSent, false));
    assert!(!again(&incr, flags, Status::Io, Outcome::Unknown, true));
    assert!(!again(&incr, flags, Status::Timeout, Outcome::NotSent, true));
}

#[test]
fn what_ends_the_server_is_never_tried_again() {
    let run = run(1000, &[GET, SHUTDOWN], Mode::Plain);
    for rested in [false, true] {
        assert!(!again(&run, Flags::default(), Status::Io, Outcome::NotSent, rested));
    }
}

#[test]
fn a_transaction_that_a_replica_refused_is_tried_again_and_no_other() {
    let mut run = run(1000, &[INCR], Mode::Atomic);
    let none = Flags::default();
    assert!(!again(&run, none, Status::Aborted, Outcome::Refused, false));
    run.read_only = true;
    assert!(again(&run, none, Status::Aborted, Outcome::Refused, false));
    assert!(!again(&run, Flags::NO_RETRY, Status::Aborted, Outcome::Refused, false));
    assert!(!again(&run, none, Status::Server, Outcome::Refused, false));
    assert!(!again(&run, none, Status::Io, Outcome::Refused, false));
}

#[test]
fn where_there_is_no_time_at_all_nothing_waits() {
    let five: &[&[u8]] = &[b"BLPOP", b"k", b"5"];
    assert!(run(0, &[GET], Mode::Plain).time(&Call::default()).start.has_passed());
    assert_eq!(run(0, &[five], Mode::Plain).time(&Call::default()).still_ms, 5000, "except for what the command says");
}
