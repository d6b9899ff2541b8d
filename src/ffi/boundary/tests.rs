//! The guard and the arguments, without C in between.

use std::ffi::c_char;
use std::sync::Arc;

use super::args::FEW;
use super::panics::Errno;
use super::*;
use crate::client::{Call, Client, Setup};
use crate::process;
use crate::transport::faulty::{Bug, Faulty};

struct Thing {
    poison: Poison,
}

impl Handle for Thing {
    const NAME: &'static str = "thing";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

fn thing() -> Thing {
    Thing { poison: Poison::default() }
}

/// Run a call with an err, and give what it said.
fn told(call: impl FnOnce(Err<'_>) -> rredis_status) -> (rredis_status, rredis_error) {
    let mut err = MaybeUninit::zeroed();
    let status = call(Some(&mut err));
    // SAFETY: all zeroes are an rredis_error too.
    (status, unsafe { err.assume_init() })
}

fn words(message: &[c_char]) -> String {
    let bytes = message.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0);
    String::from_utf8(bytes.collect()).unwrap()
}

#[test]
fn a_panic_is_a_status_that_says_where() {
    let (status, err) = told(|err| guard(err, || panic!("no {}", "such luck")));
    assert_eq!(status, rredis_status::RREDIS_ERR_PANIC);
    assert_eq!(err.outcome, rredis_outcome::RREDIS_OUTCOME_NONE);
    let words = words(&err.message);
    assert!(words.starts_with("a bug in librredis: no such luck (") && words.contains("tests.rs:"), "{words}");
}

#[test]
fn a_handle_that_met_a_panic_says_so_ever_after() {
    let thing = thing();
    assert_eq!(guard_on(Some(&thing), None, |_| Ok(())), rredis_status::RREDIS_OK);
    assert!(usable(Some(&thing)).is_some());
    let (status, _) = told(|err| guard_on(Some(&thing), err, |_| panic!("once")));
    assert_eq!(status, rredis_status::RREDIS_ERR_PANIC);
    let (status, err) = told(|err| guard_on(Some(&thing), err, |_| Ok(())));
    assert_eq!(status, rredis_status::RREDIS_ERR_PANIC);
    assert_eq!(words(&err.message), "this thing met a bug in librredis before: free it");
    assert!(usable(Some(&thing)).is_none());
}

#[test]
fn so_does_one_that_nobody_shares() {
    let mut thing = thing();
    guard_alone(Some(&mut thing), None, |_| panic!("once"));
    let status = guard_command_alone(Some(&mut thing), None, |_| Ok(()));
    assert_eq!(status, rredis_status::RREDIS_ERR_PANIC);
}

#[test]
fn a_panic_says_whether_the_command_may_have_run() {
    let faulty = Faulty::new();
    let setup = Setup { transport: Some(Arc::new(faulty.clone())), ..Setup::default() };
    let client = Client::new(&setup).unwrap();
    let outcome = |bug: Bug| {
        faulty.set(bug);
        let set = |_: &Thing| client.command(&[b"SET", b"key", b"value"], &Call::default()).map(drop);
        let (status, err) = told(|err| guard_command(Some(&thing()), err, set));
        assert_eq!(status == rredis_status::RREDIS_OK, bug == Bug::None);
        err.outcome
    };
    // Before there is a connection, and before the command is its.
    for bug in [Bug::Connect, Bug::Write("HELLO"), Bug::Read] {
        assert_eq!(outcome(bug), rredis_outcome::RREDIS_OUTCOME_NOT_SENT, "{bug:?}");
    }
    outcome(Bug::None);
    // On one that is open.
    assert_eq!(outcome(Bug::Read), rredis_outcome::RREDIS_OUTCOME_UNKNOWN);
    outcome(Bug::None);
    assert_eq!(outcome(Bug::Write("SET")), rredis_outcome::RREDIS_OUTCOME_UNKNOWN);
    // What is only taken has not run, whatever was sent before.
    let (_, err) = told(|err| guard_queue(Some(&mut thing()), err, |_| panic!("once")));
    assert_eq!(err.outcome, rredis_outcome::RREDIS_OUTCOME_NOT_SENT);
}

#[test]
fn cancellation_is_as_it_was_behind_a_call() {
    let held = process::hold();
    assert_eq!(process::uncancelled(process::hold), process::hold(), "held off within");
    process::release(held);
    for before in [held, process::hold()] {
        process::release(before);
        guard_reaching(None, || panic!("once"));
        assert_eq!(process::hold(), before);
    }
    process::release(held);
}

#[test]
fn a_call_that_cannot_tell_gives_its_default() {
    assert_eq!(quietly(-1, || panic!("unheard")), -1);
    assert_eq!(quietly(-1, || 7), 7);
}

#[test]
fn a_missing_handle_is_named_and_its_command_was_not_sent() {
    let (status, err) = told(|err| guard_command::<Thing>(None, err, |_| Ok(())));
    assert_eq!(status, rredis_status::RREDIS_ERR_ARGUMENT);
    assert_eq!(err.outcome, rredis_outcome::RREDIS_OUTCOME_NOT_SENT);
    assert_eq!(words(&err.message), "thing is NULL");
    let (_, err) = told(|err| guard_on::<Thing>(None, err, |_| Ok(())));
    assert_eq!(err.outcome, rredis_outcome::RREDIS_OUTCOME_NONE);
}

#[test]
fn errno_is_left_as_it_was() {
    Errno::of_thread().set(77);
    guard(None, || {
        Errno::of_thread().set(5);
        Ok(())
    });
    assert_eq!(Errno::of_thread().value, 77);
}

#[test]
fn arguments_are_looked_at_one_by_one() {
    let texts = [c"GET".as_ptr(), c"a key".as_ptr(), std::ptr::null()];
    // SAFETY: two texts that end in a NUL.
    let two = unsafe { args(2, texts.as_ptr(), std::ptr::null()) };
    assert_eq!(&*two.unwrap(), [b"GET".as_slice(), b"a key"]);
    // SAFETY: as above, and a NULL that is looked at before it is used.
    let three = unsafe { args(3, texts.as_ptr(), std::ptr::null()) };
    assert_eq!(three.err().unwrap().to_string(), "argv[2] is NULL");
    // SAFETY: as above; an empty argument needs no pointer.
    let empty = unsafe { args(3, texts.as_ptr(), [3, 1, 0].as_ptr()) };
    assert_eq!(&*empty.unwrap(), [b"GET".as_slice(), b"a", b""]);
    // SAFETY: as above; the length is looked at before it is used.
    let huge = unsafe { args(2, texts.as_ptr(), [3, usize::MAX].as_ptr()) };
    assert_eq!(huge.err().unwrap().to_string(), "argv_len[1] is larger than any object");
}

#[test]
fn many_arguments_are_as_good_as_few() {
    let texts = vec![c"x".as_ptr(); 1000];
    for argc in [1, FEW, FEW + 1, 1000] {
        // SAFETY: that many texts that end in a NUL.
        let args = unsafe { args(argc, texts.as_ptr(), std::ptr::null()) }.unwrap();
        assert_eq!(args.len(), argc);
        assert!(args.iter().all(|arg| *arg == b"x"));
    }
}
