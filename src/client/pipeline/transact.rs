//! A transaction tried until it goes through: watch, read, queue, run, and again where somebody else was faster.
#![forbid(unsafe_code)]

use crate::client::Call;
use crate::error::{Error, Result, Status};
use crate::ongoing;
use crate::reply::Reply;

use super::{Mode, Pipeline, Reach};

/// Watch these keys, have `function` read and queue, run it as a transaction, until no watched key was changed meanwhile or
/// the time is up. However it ends, the pipeline is empty and watches nothing.
pub fn transact(
    pipeline: &mut impl Reach,
    keys: &[&[u8]],
    timeout_ms: i64,
    function: &mut dyn FnMut() -> Result<()>,
) -> Result<Reply> {
    pipeline.reach(|pipeline| pipeline.begin_transacting(timeout_ms))?;
    let result = until_it_goes_through(pipeline, keys, function);
    pipeline.reach(Pipeline::end_transacting);
    result
}

fn until_it_goes_through(
    pipeline: &mut impl Reach,
    keys: &[&[u8]],
    function: &mut dyn FnMut() -> Result<()>,
) -> Result<Reply> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match once(pipeline, keys, function) {
            Ok(reply) => return Ok(reply),
            Err(error) if error.status != Status::Watch => return Err(error),
            Err(error) => error,
        };
        pipeline.reach(Pipeline::give_up);
        // Whoever is in the way needs some time too.
        let pause = pipeline.reach(|pipeline| pipeline.client.0.retry.pause(attempts));
        if pipeline.reach(|pipeline| pipeline.is_too_late(pause)) {
            return Err(Error { attempts, ..error });
        }
        ongoing::pause(pause).map_err(|ended| ended.with_outcome(error.outcome))?;
    }
}

fn once(pipeline: &mut impl Reach, keys: &[&[u8]], function: &mut dyn FnMut() -> Result<()>) -> Result<Reply> {
    pipeline.reach(|pipeline| pipeline.watch_within_limit(keys))?;
    if let Err(error) = function() {
        // What it could not read because the connection was lost, it may read on the next; why else it ended is the cause.
        return Err(pipeline.reach(|pipeline| pipeline.lost()).unwrap_or(error));
    }
    let mut run = pipeline.reach(|pipeline| pipeline.begin_run(Mode::Atomic))?;
    let result = run.run(&Call::default());
    pipeline.reach(|pipeline| pipeline.end(run));
    result
}
