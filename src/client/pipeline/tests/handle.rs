//! What a pipeline is asked while it runs, and before and behind that: what is refused, forgotten, told and timed.

use std::time::Duration;

use super::super::batch::Batch;
use super::super::exchange::Leased;
use super::super::queue::Queue;
use super::super::{command, run};
use super::*;
use crate::commands::Shape;
use crate::limits::PIPELINE_REST_BYTES_MAX;
use crate::reply::Builder;
use crate::route::Audience;
use crate::transport::Deadline;

#[test]
fn what_cannot_be_queued_is_refused_and_the_queue_is_as_it_was() {
    let script = LuaScript::new(b"return 1").unwrap();
    let mut pipeline = Pipeline::new(&client_of(0, vec![]));
    let nothing = pipeline.add(&[], Flags::default(), std::ptr::null_mut()).unwrap_err();
    let timed = pipeline.add(&[b"GET", b"k"], Flags::TIMEOUT, std::ptr::null_mut()).unwrap_err();
    let script = pipeline.add_script(&script, 0, &[], Flags::TIMEOUT, std::ptr::null_mut()).unwrap_err();
    for error in [nothing, timed, script] {
        assert_eq!((error.status, error.outcome), (Status::Argument, Outcome::NotSent), "{error}");
    }
    assert!(pipeline.is_empty());
}

#[test]
fn a_pipeline_that_runs_says_so_whatever_it_is_asked_and_nothing_failed_yet() {
    let client = client_of(0, vec![vec![expect(INCR), give("-ERR no\r\n")]]);
    let mut pipeline = queued(&client, &[b"INCR", b"k"]);
    run(&mut pipeline, Mode::Plain, &Call::default()).unwrap();
    assert_eq!(pipeline.failed(), Some(0));
    let batch = pipeline.begin_run(Mode::Plain).unwrap();
    assert_eq!(pipeline.failed(), None);
    let script = LuaScript::new(b"return 1").unwrap();
    for error in [
        pipeline.add(&[b"GET", b"k"], Flags::default(), std::ptr::null_mut()).unwrap_err(),
        pipeline.add_script(&script, 0, &[], Flags::default(), std::ptr::null_mut()).unwrap_err(),
        pipeline.watch(&[b"k"]).unwrap_err(),
        command(&mut pipeline, &[b"GET", b"k"], &Call::default()).unwrap_err(),
    ] {
        assert_eq!((error.status, error.outcome), (Status::State, Outcome::NotSent));
        assert!(error.to_string().starts_with("this pipeline is running"), "{error}");
    }
    pipeline.end(batch);
    assert!(pipeline.is_empty());
}

#[test]
fn a_run_of_nothing_has_no_reply_of_the_run_before() {
    let client = client_of(0, vec![vec![expect(INCR), give(":1\r\n")]]);
    let mut pipeline = queued(&client, &[b"INCR", b"k"]);
    for replies in [1, 0] {
        assert_eq!(run(&mut pipeline, Mode::Plain, &Call::default()).unwrap().view().len(), replies);
    }
}

#[test]
fn a_client_whose_replies_have_no_shape_has_none_in_pipelines() {
    for (raw, kind) in [(0, Kind::RREDIS_REPLY_MAP), (1, Kind::RREDIS_REPLY_ARRAY)] {
        let steps = vec![expect("*2\r\n$7\r\nHGETALL\r\n$1\r\nh\r\n"), give("*2\r\n+f\r\n+v\r\n")];
        let client = Client::new(&setup_of(&[(Key::Shape, raw)], vec![steps])).unwrap();
        let reply = run(&mut queued(&client, &[b"HGETALL", b"h"]), Mode::Plain, &Call::default()).unwrap();
        assert_eq!(reply.view().get(0).unwrap().kind(), kind);
    }
}

#[test]
fn a_transaction_is_too_late_for_a_pause_that_ends_behind_its_limit() {
    let mut pipeline = Pipeline::new(&client_of(0, vec![]));
    let late = |pipeline: &Pipeline, seconds| pipeline.is_too_late(Duration::from_secs(seconds));
    assert!(!late(&pipeline, 60), "nothing limits it yet");
    pipeline.begin_transacting(600_000).unwrap();
    assert_eq!((late(&pipeline, 0), late(&pipeline, 700)), (false, true));
    pipeline.end_transacting();
    assert!(!late(&pipeline, 700));
}

/// Makes 7 of each reply.
struct Seven;

impl Callback for Seven {
    fn call(&self, _: *mut (), _: &[&[u8]], _: &Reply) -> Result<Option<Reply>> {
        let mut builder = Builder::for_copies();
        builder.add_integer(Kind::RREDIS_REPLY_INTEGER, 7);
        builder.take().map(Some)
    }
}

#[test]
fn a_reply_that_a_callback_made_is_shown_and_is_no_failure() {
    let mut setup = setup_of(&[], vec![vec![expect(INCR), give(":1\r\n")]]);
    setup.callbacks.set(b"INCR", Some(Arc::new(Seven))).unwrap();
    let mut batch = queued(&Client::new(&setup).unwrap(), &[b"INCR", b"k"]).begin_run(Mode::Plain).unwrap();
    let mut shown = Vec::new();
    let mut show = |_: usize, reply: &Reply| {
        shown.push(reply.view().integer());
        Ok(())
    };
    batch.each(&Call::default(), &mut show).unwrap();
    assert_eq!((shown, batch.merged.failed), (vec![Some(7)], None));
}

/// What ended the run is the caller's: its connection is closed, and nothing was lost.
#[test]
fn no_connection_is_said_to_be_lost_where_the_function_ends_a_run() {
    let told = Arc::new(Kinds::default());
    let mut setup = setup_of(&[], vec![vec![expect(INCR), give(":1\r\n")]]);
    setup.on_event = Some(told.clone());
    let mut batch = queued(&Client::new(&setup).unwrap(), &[b"INCR", b"k"]).begin_run(Mode::Plain).unwrap();
    let error = batch.each(&Call::default(), &mut |_, _| Err(Error::new(Status::Callback, "enough"))).unwrap_err();
    assert_eq!((error.status, error.outcome), (Status::Callback, Outcome::Ran));
    assert_eq!(*told.0.lock(), ["connected"]);
}

/// One try on a connection that is lost when all has left, begun when the time for a connection was over; the time that a
/// further try has for its own.
fn start_after(
    sent: &[u8],
    mode: Mode,
    attempt: impl FnOnce(&mut Batch, &mut Leased<'_>) -> Result<Result<()>>,
) -> Deadline {
    let client = client_of(0, vec![vec![Step::Block, expect(sent), Step::End]]);
    let mut batch = queued(&client, &[b"INCR", b"k"]).begin_run(mode).unwrap();
    batch.plan.close().unwrap();
    let mut time = batch.time(&Call::default());
    let mut kept = client.kept();
    let mut lease = client.0.route.lease(&client.time_for_a_connection(), &mut kept).unwrap();
    time.start = Deadline::after_ms(0);
    let tried = attempt(&mut batch, &mut Leased { lease: &mut lease, kept: &mut kept, time: &mut time });
    assert_eq!(tried.unwrap_err().status, Status::Io);
    time.start
}

#[test]
fn where_something_was_sent_the_next_try_has_time_for_its_connection_again() {
    let whole = [MULTI, INCR.as_bytes(), b"*1\r\n$4\r\nEXEC\r\n"].concat();
    assert!(!start_after(INCR.as_bytes(), Mode::Plain, Batch::attempt).has_passed());
    assert!(!start_after(&whole, Mode::Atomic, Batch::attempt).has_passed());
    let shown = |batch: &mut Batch, leased: &mut Leased<'_>| batch.show_each(leased, &mut |_, _| Ok(())).map(Ok);
    assert!(!start_after(INCR.as_bytes(), Mode::Plain, shown).has_passed());
}

/// What a pipeline keeps between its runs is enough for a batch of 10 000, and has a bound.
#[test]
fn a_pipeline_keeps_the_memory_of_its_batch_and_no_more_than_so_much() {
    let mut queue = Queue::default();
    let add = |queue: &mut Queue, args: &[&[u8]]| {
        queue.add(args, Flags::default(), std::ptr::null_mut(), Shape::KEEP, None).unwrap();
    };
    (0..10_000).for_each(|_| add(&mut queue, &[b"GET", b"a:key:of:some:length"]));
    let kept = |queue: &Queue| (queue.bytes.capacity(), queue.commands.capacity());
    let before = kept(&queue);
    queue.clear();
    assert_eq!(kept(&queue), before);
    add(&mut queue, &[b"SET", b"k", &vec![b'x'; PIPELINE_REST_BYTES_MAX]]);
    queue.clear();
    assert_eq!(kept(&queue), (0, before.1));
}
