//! A transaction tried until it goes through: watch, read, queue, run, and again where somebody else was faster, or where the
//! server has become a replica.
#![forbid(unsafe_code)]

use crate::client::Call;
use crate::error::{Error, Result, Status};
use crate::ongoing;
use crate::reply::Reply;

use super::handle::{Pipeline, Reach};
use super::plan::Mode;

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
    let mut refusals = 0;
    loop {
        attempts += 1;
        let Failed { error, by_a_replica } = match once(pipeline, keys, function) {
            Ok(reply) => return Ok(reply),
            Err(failed) => failed,
        };
        if error.status != Status::Watch && !by_a_replica {
            return Err(error);
        }
        pipeline.reach(Pipeline::give_up);
        refusals += u32::from(by_a_replica);
        let pause = pipeline.reach(|pipeline| match by_a_replica {
            // Whether a primary will be there is not sure: the options say how often to ask.
            true => pipeline.client().0.route.retry().next_pause(refusals, pipeline.time_limit()),
            // Whoever is in the way needs some time too.
            false => Some(pipeline.client().0.route.retry().pause(attempts)),
        });
        match pause.filter(|pause| pipeline.reach(|pipeline| !pipeline.is_too_late(*pause))) {
            Some(pause) => ongoing::pause(pause).map_err(|ended| ended.with_outcome(error.outcome))?,
            None => return Err(Error { attempts, ..error }),
        }
    }
}

/// Why one try did not go through, and whether that is because the server takes no writes.
struct Failed {
    error: Error,
    by_a_replica: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed { error, by_a_replica: false }
    }
}

fn once(
    pipeline: &mut impl Reach,
    keys: &[&[u8]],
    function: &mut dyn FnMut() -> Result<()>,
) -> std::result::Result<Reply, Failed> {
    pipeline.reach(|pipeline| pipeline.watch_within_limit(keys))?;
    if let Err(error) = function() {
        // What it could not read because the connection was lost, it may read on the next; why else it ended is the cause.
        return Err(pipeline.reach(|pipeline| pipeline.lost()).unwrap_or(error).into());
    }
    let mut batch = pipeline.reach(|pipeline| pipeline.begin_run(Mode::Atomic))?;
    let result = batch.run(&Call::default());
    let failed = result.map_err(|error| Failed { by_a_replica: batch.merged.is_refused_by_a_replica(&error), error });
    pipeline.reach(|pipeline| pipeline.end(batch));
    failed
}
