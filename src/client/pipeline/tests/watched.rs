//! Watches and tries: what they are told of, what they cost and what ends them.

use std::sync::OnceLock;

use super::super::watch::{watch_of, within};
use super::super::{command, run, transact};
use super::*;
use crate::conn::Wait;
use crate::transport::Deadline;

fn lost() -> Vec<Step> {
    vec![Step::Block, Step::Fail(libc::EPIPE)]
}

fn ready() -> Vec<Step> {
    vec![Step::Block, expect(WATCH), give("+OK\r\n")]
}

#[test]
fn a_watch_is_told_at_once_of_its_connection_and_of_its_loss() {
    let told = Arc::new(Kinds::default());
    let get = [Step::Block, expect("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), Step::End];
    let mut setup = setup_of(&[], vec![[ready(), get.to_vec()].concat()]);
    setup.on_event = Some(told.clone());
    let client = Client::new(&setup).unwrap();
    let mut pipeline = Pipeline::new(&client);
    pipeline.watch(&[b"k"]).unwrap();
    assert_eq!(*told.0.lock(), ["connected"]);
    let error = command(&mut pipeline, &[b"GET", b"k"], &Call::default()).unwrap_err();
    assert_eq!((error.status, error.attempts), (Status::Watch, 1), "{error}");
    assert_eq!(*told.0.lock(), ["connected", "lost"]);
    assert_eq!(client.stat(Stat::Commands), Some(2));
}

#[test]
fn what_came_unasked_while_keys_were_watched_is_shown_when_they_are_given_up() {
    let shown = Arc::new(Kinds::default());
    let get = [Step::Block, expect("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), give(">1\r\n+news\r\n_\r\n")];
    let mut setup = setup_of(&[], vec![[ready(), get.to_vec()].concat()]);
    setup.on_push = Some(shown.clone());
    let mut pipeline = Pipeline::new(&Client::new(&setup).unwrap());
    pipeline.watch(&[b"k"]).unwrap();
    command(&mut pipeline, &[b"GET", b"k"], &Call::default()).unwrap();
    assert!(shown.0.lock().is_empty());
    pipeline.clear();
    assert_eq!(*shown.0.lock(), ["news"]);
}

/// Ends all calls of its client when it is told of this.
struct Ends {
    at: &'static str,
    client: OnceLock<Client>,
}

impl Listen for Ends {
    fn hear(&self, reply: &Reply) {
        if reply.view().get(0).unwrap().text() == self.at.as_bytes() {
            assert_eq!(self.client.get().unwrap().wake(std::ptr::null()), 1);
        }
    }
}

#[test]
fn a_pause_that_is_ended_is_followed_by_no_further_try() {
    for at in ["retry", "lost"] {
        let answered = if at == "retry" { vec![expect(INCR), give(":1\r\n")] } else { ready() };
        // A pause of no time at all, one of half a million, cannot be ended.
        let options = [(Key::RetryMax, 3), (Key::BackoffMs, 500_000), (Key::BackoffMsMax, 500_000)];
        let mut setup = setup_of(&options, vec![lost(), answered]);
        setup.options.set_int(Key::CommandTimeoutMs, -1).unwrap();
        let ends = Arc::new(Ends { at, client: OnceLock::new() });
        setup.on_event = Some(ends.clone());
        let client = Client::new(&setup).unwrap();
        assert!(ends.client.set(client.clone()).is_ok());
        let error = client.during(std::ptr::null(), || match at {
            "retry" => run(&mut queued(&client, &[b"INCR", b"k"]), Mode::Plain, &Call::default()).unwrap_err(),
            _ => Pipeline::new(&client).watch(&[b"k"]).unwrap_err(),
        });
        assert_eq!(
            (error.status, error.outcome, error.attempts),
            (Status::Woken, Outcome::NotSent, 1),
            "{at}: {error}"
        );
    }
}

#[test]
fn each_run_and_each_watch_earns_its_share_of_the_tries() {
    let options = [(Key::RetryMax, 1), (Key::BackoffMs, 0), (Key::RetryBudgetPercent, 100)];
    // More than are there at first.
    let client = |answered: Vec<Step>| {
        let scripts = (0..120).flat_map(|_| [lost(), answered.clone()]).collect();
        Client::new(&setup_of(&options, scripts)).unwrap()
    };
    let runs = client(vec![expect(INCR), give(":1\r\n"), Step::End]);
    let watches = client(ready());
    for number in 0..120 {
        let reply = run(&mut queued(&runs, &[b"INCR", b"k"]), Mode::Plain, &Call::default());
        assert!(reply.is_ok(), "{number}: {reply:?}");
        let watched = Pipeline::new(&watches).watch(&[b"k"]);
        assert!(watched.is_ok(), "{number}: {watched:?}");
    }
}

#[test]
fn a_rested_connection_costs_a_watch_a_try_where_it_took_it_or_its_time() {
    let incr = || vec![Step::Block, expect(INCR), give(":1\r\n"), Step::Block];
    let blocked: Vec<Step> = (0..10_000).map(|_| Step::Block).collect();
    for (steps, timeout_ms, status, outcome) in [
        (vec![expect(WATCH), Step::End], 5000, Status::Io, Outcome::Unknown),
        (blocked, 20, Status::Timeout, Outcome::NotSent),
    ] {
        let options = [(Key::RetryMax, 0), (Key::CommandTimeoutMs, timeout_ms)];
        let client = Client::new(&setup_of(&options, vec![[incr(), steps].concat(), ready()])).unwrap();
        client.command(&[b"INCR", b"k"], &Call { flags: Flags::TIMEOUT, timeout_ms: 5000, ..Call::default() }).unwrap();
        let error = Pipeline::new(&client).watch(&[b"k"]).unwrap_err();
        assert_eq!((error.status, error.outcome, error.attempts), (status, outcome, 1), "{error}");
    }
}

/// Only a connection that had rested costs no try: not one that ends as soon as it is there.
#[test]
fn a_connection_that_ends_as_it_is_opened_costs_a_run_its_try() {
    let answered = vec![expect(INCR), give(":1\r\n")];
    let client = client_of(0, vec![vec![Step::Fail(libc::ECONNRESET)], answered]);
    let error = run(&mut queued(&client, &[b"INCR", b"k"]), Mode::Plain, &Call::default()).unwrap_err();
    assert_eq!((error.status, error.outcome, error.attempts), (Status::Io, Outcome::NotSent, 1), "{error}");
}

#[test]
fn a_transaction_that_was_refused_by_no_replica_is_not_tried_again() {
    let whole = [MULTI, INCR.as_bytes(), b"*1\r\n$4\r\nEXEC\r\n"].concat();
    let refused = vec![Step::Block, expect(&whole), give("+OK\r\n-ERR no\r\n-EXECABORT Transaction discarded\r\n")];
    let broken = vec![Step::Block, expect(&whole), give("+OK\r\n"), Step::End];
    for (steps, status, outcome, text) in [
        (refused, Status::Aborted, Outcome::Refused, "EXECABORT: command 0: ERR no"),
        (broken, Status::Io, Outcome::Unknown, "; 0 of 1 commands were answered"),
    ] {
        let client = client_of(3, vec![steps, vec![Step::Block, expect(&whole)]]);
        let error = run(&mut queued(&client, &[b"INCR", b"k"]), Mode::Atomic, &Call::default()).unwrap_err();
        assert_eq!((error.status, error.outcome, error.attempts), (status, outcome, 1), "{error}");
        assert!(error.to_string().ends_with(text), "{error}");
    }
}

#[test]
fn a_command_of_a_transaction_ends_with_its_own_time_or_with_that_of_all_tries() {
    let wait = |ms| Wait { deadline: Deadline::after_ms(ms), allowed_ms: ms, name: b"GET" };
    for (own_ms, all_ms, allowed_ms) in [(1000, 60_000, 1000), (60_000, 1000, 1000), (-1, 1000, 1000)] {
        let within = within(wait(own_ms), Some((Deadline::after_ms(all_ms), all_ms)));
        assert_eq!(within.allowed_ms, allowed_ms);
        assert!(within.deadline.remaining_ms() <= allowed_ms);
    }
    assert_eq!(within(wait(1000), None).allowed_ms, 1000);
}

#[test]
fn a_watch_names_each_of_its_keys() {
    let keys: &[&[u8]] = &[b"a", b"b"];
    assert_eq!(watch_of(keys).unwrap(), [b"WATCH".as_slice(), b"a", b"b"]);
    assert_eq!(watch_of(&[]).unwrap(), [b"WATCH"]);
}

#[test]
fn the_function_of_a_transaction_whose_watch_was_refused_is_not_called() {
    let client = client_of(0, vec![vec![Step::Block, expect(WATCH), give("-NOPERM no\r\n")]]);
    let mut called = false;
    let mut function = || {
        called = true;
        Ok(())
    };
    let error = transact(&mut Pipeline::new(&client), &[b"k"], 5000, &mut function).unwrap_err();
    assert_eq!((error.status, error.outcome, called), (Status::Server, Outcome::Refused, false));
}

#[test]
fn a_transaction_begins_no_pause_that_ends_behind_its_time() {
    let whole = [MULTI, b"*1\r\n$4\r\nEXEC\r\n"].concat();
    let changed = [ready(), vec![Step::Block, expect(&whole), give("+OK\r\n_\r\n"), Step::End]].concat();
    let options = [(Key::BackoffMs, 20_000), (Key::BackoffMsMax, 20_000)];
    // Of the pauses that are drawn, one in forty is within the time.
    let client = Client::new(&setup_of(&options, vec![changed; 10])).unwrap();
    let error = transact(&mut Pipeline::new(&client), &[b"k"], 500, &mut || Ok(())).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Watch, Outcome::Refused), "{error}");
}
