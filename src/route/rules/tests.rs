//! Walks of commands over servers that answer anything at all.

use proptest::prelude::*;

use super::*;
use crate::options::Endpoint;

const OWN: u16 = 7;

fn endpoint(port: u16) -> Endpoint {
    Endpoint::Tcp { host: "h".into(), port }
}

fn facts() -> Facts {
    Facts {
        slot: Some(OWN),
        is_known: true,
        own_words: false,
        may_run_twice: false,
        waits_for_keys: false,
        may_wait: true,
        ends_server: false,
    }
}

fn refused_with(facts: &Facts, error: &str, redirect: Option<Redirect>) -> Next {
    next(facts, &mut Steps::default(), &Met::Refused(error.as_bytes(), redirect))
}

fn failed_with(facts: &Facts, status: Status, outcome: Outcome, rested: bool) -> Next {
    let error = Error::new(status, "").with_outcome(outcome);
    next(facts, &mut Steps::default(), &Met::Failed { error: &error, rested })
}

#[test]
fn a_redirect_of_the_own_slot_is_followed_and_no_other() {
    let moved = |slot| Redirect::Moved { slot, to: endpoint(1) };
    assert_eq!(refused_with(&facts(), "MOVED", Some(moved(OWN))), Next::Go(moved(OWN), Duration::ZERO));
    assert_eq!(refused_with(&facts(), "MOVED", Some(moved(8))), Next::Tell);
    assert_eq!(refused_with(&facts(), "MOVED", None), Next::Tell);
    let unknown = Facts { is_known: false, ..facts() };
    assert_eq!(refused_with(&unknown, "MOVED", Some(moved(8))), Next::Go(moved(8), Duration::ZERO));
    let impatient = Facts { may_wait: false, ..facts() };
    assert_eq!(refused_with(&impatient, "MOVED", Some(moved(OWN))), Next::Go(moved(OWN), Duration::ZERO));
    let shutdown = Facts { ends_server: true, ..facts() };
    assert_eq!(refused_with(&shutdown, "MOVED", Some(moved(OWN))), Next::Tell);
}

#[test]
fn redirects_end_after_sixteen_and_pause_from_the_third_on() {
    let (facts, mut steps) = (facts(), Steps::default());
    let ask = Redirect::Ask { slot: OWN, to: endpoint(2) };
    let mut pauses = Vec::new();
    while let Next::Go(_, pause) = next(&facts, &mut steps, &Met::Refused(b"ASK", Some(ask.clone()))) {
        pauses.push(pause.as_millis());
    }
    assert_eq!(pauses.len(), 16);
    assert_eq!(pauses[..6], [0, 0, 10, 20, 40, 50]);
    assert!(pauses[6..].iter().all(|pause| *pause == 50));
}

/// Of a slot on its way, one server refers to the other, and that one has not all keys yet.
#[test]
fn redirects_do_not_end_while_a_server_says_between_them_that_it_will_pass() {
    let ask = Redirect::Ask { slot: OWN, to: endpoint(2) };
    let refused = Error::new(Status::Connect, "refused").with_outcome(Outcome::NotSent);
    for met in [
        Met::Refused(b"TRYAGAIN Multiple keys", None),
        Met::Refused(b"CLUSTERDOWN Hash slot not served", None),
        Met::Refused(b"LOADING Redis is loading the dataset in memory", None),
        Met::Failed { error: &refused, rested: false },
    ] {
        let (facts, mut steps, mut longest) = (facts(), Steps::default(), Duration::ZERO);
        for round in 0..100 {
            let went = next(&facts, &mut steps, &Met::Refused(b"ASK", Some(ask.clone())));
            assert_eq!(went, Next::Go(ask.clone(), Duration::ZERO), "{round}");
            // The gate of the one is open, at which it would wait for the other.
            match next(&facts, &mut steps, &met) {
                Next::Again(pause) => longest = longest.max(pause),
                other => panic!("{round}: {other:?}"),
            }
        }
        assert_eq!(longest, Duration::from_millis(50));
    }
}

/// Only the server that an ASK named is another's affair.
#[test]
fn a_server_that_was_not_asked_aside_has_a_gate() {
    let (facts, mut steps) = (facts(), Steps::default());
    let down = Met::Refused(b"CLUSTERDOWN Hash slot not served", None);
    next(&facts, &mut steps, &Met::Refused(b"ASK", Some(Redirect::Ask { slot: OWN, to: endpoint(2) })));
    assert!(matches!(next(&facts, &mut steps, &down), Next::Again(_)));
    assert_eq!(next(&facts, &mut steps, &down), Next::Gate, "then it went to the owner");
    next(&facts, &mut steps, &Met::Refused(b"MOVED", Some(Redirect::Moved { slot: OWN, to: endpoint(2) })));
    assert_eq!(next(&facts, &mut steps, &down), Next::Gate, "that is the owner");
}

#[test]
fn a_server_that_cannot_serve_shuts_the_gate_and_a_script_is_not_believed_for_less_than_the_servers_words() {
    let script = Facts { own_words: true, ..facts() };
    let words = ["CLUSTERDOWN Hash slot not served", "LOADING Redis is loading the dataset in memory"];
    for error in words {
        assert_eq!(refused_with(&facts(), error, None), Next::Gate);
        assert_eq!(refused_with(&script, error, None), Next::Gate);
        assert_eq!(refused_with(&Facts { may_wait: false, ..facts() }, error, None), Next::Tell);
        assert!(did_not_run(&script, error.as_bytes()));
    }
    let read_only = "READONLY You can't write against a read only replica.";
    assert_eq!(refused_with(&facts(), read_only, None), Next::Gate);
    assert_eq!(refused_with(&script, read_only, None), Next::Gate);
    for error in ["CLUSTERDOWN I say", "LOADING", "TRYAGAIN", "READONLY this", "ERR no"] {
        assert_eq!(refused_with(&script, error, None), Next::Tell, "{error}");
        assert!(!did_not_run(&script, error.as_bytes()));
    }
}

#[test]
fn a_command_that_waits_for_its_keys_waits_on_at_the_next_primary() {
    let unblocked = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    assert_eq!(refused_with(&facts(), unblocked, None), Next::Tell);
    assert_eq!(refused_with(&Facts { waits_for_keys: true, ..facts() }, unblocked, None), Next::Gate);
}

#[test]
fn only_what_did_not_run_or_may_run_twice_goes_on_after_a_failure() {
    let reads = Facts { may_run_twice: true, ..facts() };
    for status in [Status::Connect, Status::Io, Status::Timeout] {
        assert_eq!(failed_with(&facts(), status, Outcome::NotSent, false), Next::Gate);
        assert_eq!(failed_with(&reads, status, Outcome::Unknown, false), Next::Repeat);
    }
    assert_eq!(failed_with(&facts(), Status::Io, Outcome::Unknown, false), Next::TellSick);
    assert_eq!(failed_with(&facts(), Status::Timeout, Outcome::Unknown, false), Next::TellSick);
    let waits = Facts { waits_for_keys: true, ..facts() };
    assert_eq!(failed_with(&waits, Status::Timeout, Outcome::Unknown, false), Next::Tell);
    assert_eq!(failed_with(&facts(), Status::Io, Outcome::NotSent, true), Next::Again(Duration::ZERO));
    for status in [Status::Auth, Status::Tls, Status::Config, Status::Busy, Status::Woken, Status::Protocol] {
        assert_eq!(failed_with(&reads, status, Outcome::NotSent, false), Next::Tell, "{status:?}");
    }
}

fn any_met() -> impl Strategy<Value = (u8, u8, u8, bool)> {
    (0u8..6, 0u8..6, 0u8..3, any::<bool>())
}

proptest! {
    /// A command is written a second time only where what was met before proves that it did not run, or where it may run twice;
    /// and no walk goes on for ever without a pause or a gate.
    #[test]
    fn no_command_is_written_twice_without_a_refusal_in_between(
        met in proptest::collection::vec(any_met(), 1..200),
        may_run_twice: bool,
        own_words: bool,
        may_wait: bool,
        is_known: bool,
    ) {
        let facts = Facts { may_run_twice, own_words, may_wait, is_known, ..facts() };
        let mut steps = Steps::default();
        let mut without_rest = 0;
        for (kind, status, outcome, rested) in met {
            let status = [Status::Connect, Status::Io, Status::Timeout, Status::Auth, Status::Busy, Status::Protocol]
                [usize::from(status)];
            let outcome = [Outcome::NotSent, Outcome::Unknown, Outcome::Ran][usize::from(outcome)];
            let error = Error::new(status, "").with_outcome(outcome);
            let words: [&[u8]; 6] =
                [b"MOVED", b"ASK", b"TRYAGAIN", b"CLUSTERDOWN Hash slot not served", b"ERR it ran", b"READONLY I ran"];
            let text = words[usize::from(kind)];
            let slot = if rested { OWN } else { OWN + 1 };
            let redirect = match kind {
                0 => Some(Redirect::Moved { slot, to: endpoint(1) }),
                1 => Some(Redirect::Ask { slot, to: endpoint(1) }),
                _ => None,
            };
            let is_reply = status == Status::Protocol;
            let is_redirect = redirect.is_some();
            let met = match is_reply {
                true => Met::Refused(text, redirect),
                false => Met::Failed { error: &error, rested },
            };
            let proves = match is_reply {
                true => is_redirect || did_not_run(&facts, text),
                false => outcome == Outcome::NotSent,
            };
            match next(&facts, &mut steps, &met) {
                Next::Tell | Next::TellSick => break,
                Next::Repeat => prop_assert!(may_run_twice && outcome == Outcome::Unknown),
                Next::Gate => {
                    prop_assert!(proves && may_wait);
                    without_rest = 0;
                }
                Next::Go(_, pause) | Next::Again(pause) => {
                    prop_assert!(proves);
                    without_rest = if pause.is_zero() { without_rest + 1 } else { 0 };
                }
            }
            prop_assert!(without_rest <= 3, "it goes round without a rest");
        }
    }
}
