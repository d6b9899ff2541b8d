//! Connections that are lost or refused under a run and under a watch, and what that costs.

use super::*;

#[test]
fn a_rested_connection_that_takes_nothing_costs_a_run_no_try() {
    let answered = || vec![expect(INCR), give(":1\r\n")];
    let rested = [answered(), vec![Step::Block, Step::Fail(libc::EPIPE)]].concat();
    let client = client_of(0, vec![rested, answered()]);
    for _ in 0..2 {
        let mut pipeline = Pipeline::new(&client);
        pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
        let reply = pipeline.begin_run(Mode::Plain).unwrap().run(&Call::default()).unwrap();
        assert_eq!(reply.view().get(0).unwrap().integer(), Some(1));
    }
}

/// What was not sent is as if a key had changed: it is done again. What may have run is not.
#[test]
fn a_watch_whose_connection_is_lost_is_tried_again_only_where_nothing_was_sent() {
    let exec = "*1\r\n$4\r\nEXEC\r\n";
    let whole = [std::str::from_utf8(MULTI).unwrap(), INCR, exec].concat();
    for (steps, status, outcome) in [
        (vec![Step::Block, Step::Fail(libc::EPIPE)], Status::Watch, Outcome::NotSent),
        (vec![Step::Block, expect(&whole), Step::End], Status::Io, Outcome::Unknown),
        (vec![Step::Block, expect(&whole), give("+OK\r\n+QUEUED\r\n_\r\n")], Status::Watch, Outcome::Refused),
        (vec![Step::Block, expect(&whole), give("+OK\r\n+QUEUED\r\n:1\r\n")], Status::Protocol, Outcome::Unknown),
    ] {
        let watched = [vec![Step::Block, expect(WATCH), give("+OK\r\n")], steps.clone()].concat();
        let client = client_of(3, vec![watched]);
        let mut pipeline = Pipeline::new(&client);
        pipeline.watch(&[b"k"]).unwrap();
        pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
        let error = pipeline.begin_run(Mode::Atomic).unwrap().run(&Call::default()).unwrap_err();
        assert_eq!((error.status, error.outcome, error.attempts), (status, outcome, 1), "{steps:?}: {error}");
    }
}

/// Asking for a script and loading it changes nothing: until a byte of a command has left, none was sent.
#[test]
fn a_run_of_scripts_that_broke_off_before_its_first_command_was_not_sent() {
    let script = LuaScript::new(b"return 1").unwrap();
    let sha = script.sha().to_bytes();
    let front = [encoded(&[b"SCRIPT", b"EXISTS", sha]), encoded(&[b"SCRIPT", b"LOAD", b"return 1"])].concat();
    let command = encoded(&[b"EVALSHA", sha, b"0"]);
    for (sent, outcome) in [
        (front[..10].to_vec(), Outcome::NotSent),
        (front.clone(), Outcome::NotSent),
        ([front.clone(), command[..1].to_vec()].concat(), Outcome::Unknown),
        ([front.clone(), command.clone()].concat(), Outcome::Unknown),
    ] {
        let client = client_of(0, vec![vec![Step::Block, expect(&sent), Step::Fail(libc::EPIPE)]]);
        let mut pipeline = Pipeline::new(&client);
        pipeline.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
        let error = pipeline.begin_run(Mode::Plain).unwrap().run(&Call::default()).unwrap_err();
        assert_eq!((error.status, error.outcome), (Status::Io, outcome), "{} bytes: {error}", sent.len());
        assert!(error.to_string().ends_with("; 0 of 1 commands were answered"), "{error}");
    }
    let replies = [b"*1\r\n:0\r\n+".to_vec(), sha.to_vec(), b"\r\n:1\r\n".to_vec()].concat();
    let steps = vec![Step::Block, expect([front, command].concat()), give(replies)];
    let client = client_of(0, vec![steps]);
    let mut pipeline = Pipeline::new(&client);
    pipeline.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
    let reply = pipeline.begin_run(Mode::Plain).unwrap().run(&Call::default()).unwrap();
    assert_eq!((reply.view().len(), reply.view().get(0).unwrap().integer()), (1, Some(1)));
}

/// Nobody knows what a connection is in where MULTI itself was refused: it is not used again.
#[test]
fn a_connection_whose_multi_was_refused_is_left() {
    let whole = [MULTI, INCR.as_bytes(), b"*1\r\n$4\r\nEXEC\r\n"].concat();
    let refused = vec![Step::Block, expect(whole), give("-NOPERM no\r\n:1\r\n-ERR EXEC without MULTI\r\n")];
    let client = client_of(0, vec![refused, vec![expect(INCR), give(":2\r\n")]]);
    let mut pipeline = Pipeline::new(&client);
    pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
    let error = pipeline.begin_run(Mode::Atomic).unwrap().run(&Call::default()).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Server, Outcome::Unknown), "{error}");
    assert_eq!(client.command(&[b"INCR", b"k"], &Call::default()).unwrap().view().integer(), Some(2));
}

/// An error in a script's own words is no reason to leave the server; in the server's it is.
#[test]
fn what_a_script_of_a_run_says_of_the_server_is_not_believed() {
    let script = LuaScript::new(b"return 1").unwrap();
    let sha = script.sha().to_bytes();
    let sent = [
        encoded(&[b"SCRIPT", b"EXISTS", sha]),
        encoded(&[b"SCRIPT", b"LOAD", b"return 1"]),
        encoded(&[b"EVALSHA", sha, b"0"]),
    ]
    .concat();
    for (said, stays) in [
        ("-READONLY of its own making\r\n", true),
        ("-READONLY You can't write against a read only replica.\r\n", false),
    ] {
        let replies = [b"*1\r\n:1\r\n+".to_vec(), sha.to_vec(), b"\r\n".to_vec(), said.into()].concat();
        let run = vec![Step::Block, expect(&sent), give(replies)];
        let incr = |number: &str| vec![expect(INCR), give(format!(":{number}\r\n"))];
        let first = if stays { [run, vec![Step::Block], incr("1")].concat() } else { run };
        let client = client_of(0, vec![first, incr("2")]);
        let mut pipeline = Pipeline::new(&client);
        pipeline.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap();
        let mut run = pipeline.begin_run(Mode::Plain).unwrap();
        assert!(run.run(&Call::default()).unwrap().view().get(0).unwrap().is_error());
        assert_eq!(run.merged.failed, Some(0));
        let next = client.command(&[b"INCR", b"k"], &Call::default()).unwrap().view().integer();
        assert_eq!(next, Some(if stays { 1 } else { 2 }), "{said}");
    }
}

#[test]
fn what_is_watched_counts_as_commands_and_a_watch_that_is_refused_is_told() {
    let asked = |said: &'static str| vec![Step::Block, expect(WATCH), give(said)];
    let client = client_of(0, vec![[asked("+OK\r\n"), asked("-NOPERM no\r\n")].concat()]);
    let mut pipeline = Pipeline::new(&client);
    assert!(pipeline.is_empty());
    pipeline.watch(&[b"k"]).unwrap();
    assert_eq!(client.stat(Stat::Commands), Some(1));
    let error = pipeline.watch(&[b"k"]).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Server, Outcome::Refused), "{error}");
    assert_eq!(client.stat(Stat::Commands), Some(2));
    pipeline.add(&[b"INCR", b"k"], Flags::default(), std::ptr::null_mut()).unwrap();
    assert!(!pipeline.is_empty());
}

#[test]
fn what_transacts_or_watches_begins_no_other_transacting() {
    let client = client_of(0, vec![vec![Step::Block, expect(WATCH), give("+OK\r\n")]]);
    let mut pipeline = Pipeline::new(&client);
    pipeline.begin_transacting(1000).unwrap();
    let refused = |pipeline: &mut Pipeline| pipeline.begin_transacting(1000).unwrap_err().status;
    assert_eq!(refused(&mut pipeline), Status::State);
    // Also once its first try has run.
    let run = pipeline.begin_run(Mode::Atomic).unwrap();
    pipeline.end(run);
    assert_eq!((refused(&mut pipeline), pipeline.watch(&[b"k"]).unwrap_err().status), (Status::State, Status::State));
    pipeline.end_transacting();
    pipeline.watch(&[b"k"]).unwrap();
    assert_eq!(refused(&mut pipeline), Status::State);
}

/// Nothing was read before a WATCH: it is asked again where a passing reason refused it, and nothing else is.
#[test]
fn a_watch_is_asked_again_where_its_connection_or_its_server_was_not_ready() {
    let watch = |said: &'static str| vec![Step::Block, expect(WATCH), give(said)];
    let lost = vec![Step::Block, Step::Fail(libc::EPIPE)];
    let (ready, loading, refused) = (watch("+OK\r\n"), watch("-LOADING it\r\n"), watch("-NOPERM no\r\n"));
    for (retry_max, scripts, status, attempts) in [
        (1, vec![[loading, ready.clone()].concat()], None, 0),
        (1, vec![lost.clone(), ready.clone()], None, 0),
        (0, vec![lost.clone(), ready.clone()], Some(Status::Io), 1),
        (1, vec![refused, ready.clone()], Some(Status::Server), 1),
    ] {
        let mut pipeline = Pipeline::new(&client_of(retry_max, scripts.clone()));
        let watched = pipeline.watch(&[b"k"]).map_err(|error| (error.status, error.attempts));
        assert_eq!(watched.err(), status.map(|status| (status, attempts)), "{scripts:?}");
    }
    // A connection that rested and takes nothing costs no try.
    let rested = [vec![Step::Block, expect(INCR), give(":1\r\n")], lost].concat();
    let client = client_of(0, vec![rested, ready]);
    client.command(&[b"INCR", b"k"], &Call::default()).unwrap();
    Pipeline::new(&client).watch(&[b"k"]).unwrap();
}
