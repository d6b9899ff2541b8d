//! A pipeline's handle, the modes of its runs, and the types of the functions that its calls call.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::client::pipeline::Reach;
use crate::client::{Client, Pipeline};
use crate::ffi::boundary::{Handle, Poison, shared};
use crate::ffi::status::{rredis_error, rredis_status};
use crate::ongoing::Ongoing;
use crate::reply::node::rredis_reply;

/// Receives the replies of a run one by one, in order, as they arrive. index is the
/// command's, from 0. The reply to a refused command is an ERROR. If the function
/// returns any status except RREDIS_OK, the run ends.
pub type rredis_each_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        index: usize,
        reply: *const rredis_reply,
        err: *mut rredis_error,
    ) -> MaybeUninit<rredis_status>,
>;

/// One try of a transaction: reads with rredis_pipeline_command, and queues with
/// rredis_pipeline_add. It may be called any number of times. If it returns any status
/// except RREDIS_OK, the transaction is given up. After a lost connection the
/// transaction is tried again, whatever this function returned.
pub type rredis_transaction_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        pipeline: *mut rredis_pipeline,
        err: *mut rredis_error,
    ) -> MaybeUninit<rredis_status>,
>;

/// The mode of a run.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rredis_pipeline_mode {
    /// the commands run one after the other
    RREDIS_PIPELINE_PLAIN = 0,
    /// the commands run between MULTI and EXEC: all of them or none, with no other
    /// client's command between them
    RREDIS_PIPELINE_ATOMIC = 1,
}

/// queues commands, and runs them in one burst
pub struct rredis_pipeline {
    pub(crate) pipeline: Pipeline,
    poison: Poison,
    pub(super) ongoing: Arc<Ongoing>,
}

impl rredis_pipeline {
    /// An empty one, of this client's.
    pub(super) fn new(client: &Client) -> Self {
        let (poison, ongoing) = (Poison::default(), Arc::new(client.ongoing()));
        rredis_pipeline { pipeline: Pipeline::new(client), poison, ongoing }
    }
}

/// A pipeline that functions of the caller's may use too, while they are called.
pub(super) struct Pointer(NonNull<rredis_pipeline>);

impl Reach for Pointer {
    fn reach<T>(&mut self, step: impl FnOnce(&mut Pipeline) -> T) -> T {
        // SAFETY: the caller vouches that nobody else uses it but functions of its own that are called from here, none of
        // which runs during a step, and none of which frees it.
        step(unsafe { &mut self.0.as_mut().pipeline })
    }
}

/// Run a call of this pipeline's whose waits `rredis_pipeline_wake` ends.
pub(super) fn waiting<T>(pipeline: NonNull<rredis_pipeline>, body: impl FnOnce(&mut Pointer) -> T) -> T {
    // SAFETY: the caller vouches for the handle.
    let place = unsafe { ptr::addr_of!((*pipeline.as_ptr()).ongoing) };
    // SAFETY: as above; this field of it never changes.
    let ongoing = Arc::clone(unsafe { &*place });
    ongoing.during(ptr::null(), || body(&mut Pointer(pipeline)))
}

impl Handle for rredis_pipeline {
    const NAME: &'static str = "pipeline";
    fn poison(&self) -> &Poison {
        &self.poison
    }
}

// SAFETY: one thread at a time uses it, except for two figures that are only read; call_data is never looked at here.
unsafe impl Send for rredis_pipeline {}
// SAFETY: as above.
unsafe impl Sync for rredis_pipeline {}

const _: () = shared::<rredis_pipeline>();
