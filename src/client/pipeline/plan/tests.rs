//! What goes over in each kind of run, and what is tried again.

use super::super::queue;
use super::*;
use crate::client::{Callback, Script};
use crate::commands::{self, Shape};
use crate::conn::Known;
use crate::reply::Reply;
use crate::resp;

const GET: &[&[u8]] = &[b"GET", b"a"];
const INCR: &[&[u8]] = &[b"INCR", b"a"];
const SHUTDOWN: &[&[u8]] = &[b"SHUTDOWN"];
const EXEC: &[&[u8]] = &[b"EXEC"];
const MULTI: &[&[u8]] = &[b"MULTI"];

fn plan(commands: &[&[&[u8]]], mode: Mode) -> Plan {
    let mut queue = Queue::default();
    for args in commands {
        queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, commands::blocking(args)).unwrap();
    }
    Plan::new(queue, mode)
}

/// What this part sends, how many commands of it come first and are none of the caller's, and how long those are.
fn sent(part: &Part<'_>) -> (Vec<u8>, usize, usize) {
    (part.bytes[part.from..].to_vec(), part.front, part.front_bytes())
}

fn encoded(commands: &[&[&[u8]]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    commands.iter().for_each(|args| resp::encode(args, &mut bytes).unwrap());
    bytes
}

#[test]
fn a_plain_run_sends_what_was_queued_and_a_transaction_what_encloses_it() {
    let mut plain = plan(&[GET, INCR], Mode::Plain);
    plain.close().unwrap();
    let part = plain.part();
    assert_eq!(sent(&part), (encoded(&[GET, INCR]), 0, 0));
    assert_eq!(part.end(), part.bytes.len() - part.from);
    let mut atomic = plan(&[GET, INCR], Mode::Atomic);
    atomic.close().unwrap();
    assert_eq!(sent(&atomic.part()), (encoded(&[MULTI, GET, INCR, EXEC]), 0, 0));
    let mut nothing = plan(&[], Mode::Atomic);
    nothing.close().unwrap();
    assert_eq!(sent(&nothing.part()), (encoded(&[MULTI, EXEC]), 0, 0));
}

#[test]
fn scripts_that_a_server_is_not_known_to_have_are_asked_for_and_loaded_once_in_front() {
    let (one, two) = (Script::new(b"return 1").unwrap(), Script::new(b"return 2").unwrap());
    let shas = [one.sha().to_bytes(), two.sha().to_bytes()];
    let add = |mode| {
        let mut plan = plan(&[GET], mode);
        for script in [&one, &two, &one] {
            plan.queue.add_script(script, 1, &[b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
        }
        plan
    };
    let run: [&[&[u8]]; 4] = [
        GET,
        &[b"EVALSHA", shas[0], b"1", b"k"],
        &[b"EVALSHA", shas[1], b"1", b"k"],
        &[b"EVALSHA", shas[0], b"1", b"k"],
    ];
    let whole: [&[&[u8]]; 4] = [
        GET,
        &[b"EVAL", b"return 1", b"1", b"k"],
        &[b"EVAL", b"return 2", b"1", b"k"],
        &[b"EVAL", b"return 1", b"1", b"k"],
    ];

    let mut known = Known::default();
    let mut by_digest = add(Mode::Plain);
    assert!(by_digest.has_digests());
    by_digest.deliver(Delivery::ByDigest(&known)).unwrap();
    let mut sorted = [(one.digest(), shas[0], &b"return 1"[..]), (two.digest(), shas[1], b"return 2")];
    sorted.sort();
    let asked: [&[&[u8]]; 3] = [
        &[b"SCRIPT", b"EXISTS", sorted[0].1, sorted[1].1],
        &[b"SCRIPT", b"LOAD", sorted[0].2],
        &[b"SCRIPT", b"LOAD", sorted[1].2],
    ];
    let front = encoded(&asked);
    assert_eq!(sent(&by_digest.part()), ([front.clone(), encoded(&run)].concat(), 3, front.len()));

    known.add(one.digest());
    by_digest.deliver(Delivery::ByDigest(&known)).unwrap();
    let of_two: [&[&[u8]]; 2] = [&[b"SCRIPT", b"EXISTS", shas[1]], &[b"SCRIPT", b"LOAD", b"return 2"]];
    assert_eq!(sent(&by_digest.part()).0, encoded(&[&of_two[..], &run].concat()));
    known.add(two.digest());
    by_digest.deliver(Delivery::ByDigest(&known)).unwrap();
    assert_eq!(sent(&by_digest.part()), (encoded(&run), 0, 0), "its own bytes");
    by_digest.deliver(Delivery::Whole).unwrap();
    assert_eq!(sent(&by_digest.part()), (encoded(&whole), 0, 0));

    let mut atomic = add(Mode::Atomic);
    assert!(!atomic.has_digests());
    atomic.close().unwrap();
    let enclosed = [encoded(&[MULTI]), encoded(&whole), encoded(&[EXEC])].concat();
    assert_eq!(sent(&atomic.part()).0, enclosed);
    assert!(!plan(&[GET], Mode::Plain).has_digests());
}

#[test]
fn a_script_without_arguments_goes_whole_too() {
    let script = Script::new(b"return 1").unwrap();
    let mut plan = plan(&[], Mode::Plain);
    plan.queue.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
    plan.deliver(Delivery::Whole).unwrap();
    assert_eq!(sent(&plan.part()).0, encoded(&[&[b"EVAL", b"return 1", b"0"]]));
}

/// Nothing can fail once all is queued, EXEC least of all: it has its room from the first.
#[test]
fn there_is_room_for_exec_behind_what_goes_over_in_the_place_of_a_queue() {
    let script = Script::new(b"return 1").unwrap();
    for len in 0..300 {
        let argument = vec![b'x'; len];
        let echo: &[&[u8]] = &[b"ECHO", &argument];
        let mut plan = plan(&[], Mode::Atomic);
        plan.queue.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
        for commands in 0..8 {
            let wire = Wire::of(&plan.queue, Delivery::Whole).unwrap().unwrap();
            let room = wire.queue.bytes.capacity() - wire.queue.bytes.len();
            assert!(room >= queue::EXEC.len(), "{room} bytes behind {commands} commands of {len} bytes");
            plan.queue.add(echo, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
        }
    }
}

/// Is never called here.
struct Uncalled;

impl Callback for Uncalled {
    fn call(&self, _: *mut (), _: &[&[u8]], _: &Reply) -> Result<Option<Reply>> {
        Ok(None)
    }
}

#[test]
fn what_a_callback_is_shown_comes_as_it_is_and_a_raw_run_has_none() {
    let mut table = Callbacks::default();
    table.set(b"HGETALL", Some(Arc::new(Uncalled))).unwrap();
    let table = Arc::new(table);
    let hgetall: &[&[u8]] = &[b"HGETALL", b"h"];
    let shape = commands::shape_of(commands::find(hgetall), hgetall);
    for (flags, own_flags, called) in [
        (Flags::default(), Flags::default(), true),
        (Flags::RAW, Flags::default(), false),
        (Flags::default(), Flags::RAW, false),
    ] {
        let mut plan = plan(&[GET], Mode::Plain);
        plan.queue.add(hgetall, own_flags, std::ptr::null_mut(), shape, None).unwrap();
        plan.ask(flags, &table).unwrap();
        let last = plan.queue.commands[1];
        assert_eq!((plan.callbacks.is_some(), last.called, last.shape.is_keep()), (called, called, called));
        assert!(!plan.queue.commands[0].called);
        assert_eq!(plan.keeps_all(), flags == Flags::RAW);
    }
    let mut plan = plan(&[GET], Mode::Plain);
    plan.ask(Flags::default(), &table).unwrap();
    assert!(plan.callbacks.is_none() && plan.keeps_all(), "none of these is called");
}

#[test]
fn inside_a_transaction_nothing_waits() {
    let five: &[&[u8]] = &[b"BLPOP", b"k", b"5"];
    assert!(plan(&[GET, five], Mode::Plain).blocking().is_some());
    assert!(plan(&[GET, five], Mode::Atomic).blocking().is_none());
}

/// Whether another try follows a failure like this.
fn again(plan: &mut Plan, flags: Flags, status: Status, outcome: Outcome, rested: bool) -> Again {
    plan.ask(flags, &Arc::default()).unwrap();
    plan.again(&Error::new(status, "").with_outcome(outcome), rested, false, 0)
}

#[test]
fn a_run_is_tried_again_only_where_nothing_can_run_twice() {
    use Outcome::{NotSent, Ran, Refused, Unknown};
    let none = Flags::default();
    let (mut get, mut incr) = (plan(&[GET, GET], Mode::Plain), plan(&[GET, INCR], Mode::Plain));
    for status in [Status::Connect, Status::Io, Status::Timeout] {
        assert_eq!(again(&mut incr, none, status, NotSent, false), Again::Later);
        assert_eq!(again(&mut incr, none, status, Unknown, false), Again::No);
        assert_eq!(again(&mut incr, Flags::IDEMPOTENT, status, Unknown, false), Again::Later);
        assert_eq!(again(&mut get, none, status, Unknown, false), Again::Later);
        assert_eq!(again(&mut get, Flags::NO_RETRY, status, Unknown, false), Again::No);
        for outcome in [Ran, Refused] {
            assert_eq!(again(&mut get, none, status, outcome, false), Again::No);
        }
    }
    for status in [Status::Protocol, Status::Server, Status::Limit, Status::Aborted] {
        for outcome in [NotSent, Refused] {
            assert_eq!(again(&mut get, none, status, outcome, false), Again::No);
        }
    }
    let lost = Error::new(Status::Io, "").with_outcome(NotSent);
    assert_eq!(get.again(&lost, false, false, 0), Again::Later);
    assert_eq!(get.again(&lost, false, false, 1), Again::No, "replies are never shown twice");
}

#[test]
fn a_rested_connection_that_took_nothing_costs_no_try() {
    let (flags, mut incr) = (Flags::NO_RETRY, plan(&[INCR], Mode::Plain));
    assert_eq!(again(&mut incr, flags, Status::Io, Outcome::NotSent, true), Again::AtOnce);
    assert_eq!(again(&mut incr, flags, Status::Io, Outcome::NotSent, false), Again::No);
    assert_eq!(again(&mut incr, flags, Status::Io, Outcome::Unknown, true), Again::No);
    assert_eq!(again(&mut incr, flags, Status::Timeout, Outcome::NotSent, true), Again::No);
}

#[test]
fn what_ends_the_server_is_never_tried_again() {
    let mut plan = plan(&[GET, SHUTDOWN], Mode::Plain);
    for rested in [false, true] {
        assert_eq!(again(&mut plan, Flags::default(), Status::Io, Outcome::NotSent, rested), Again::No);
    }
}

#[test]
fn a_transaction_that_a_replica_refused_is_tried_again_and_no_other() {
    let mut plan = plan(&[INCR], Mode::Atomic);
    let aborted = Error::new(Status::Aborted, "").with_outcome(Outcome::Refused);
    assert_eq!(plan.again(&aborted, false, false, 0), Again::No);
    assert_eq!(plan.again(&aborted, false, true, 0), Again::Later);
    plan.ask(Flags::NO_RETRY, &Arc::default()).unwrap();
    assert_eq!(plan.again(&aborted, false, true, 0), Again::No);
}
