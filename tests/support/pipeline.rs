//! An rredis_pipeline, as the tests use it.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;

use super::c::{Argv, Client, Reply, Result, Waker, arrays, made, status};
pub use super::raw::mode;
use super::raw::*;

/// An rredis_pipeline.
pub struct Pipeline(pub(super) *mut rredis_pipeline);

// SAFETY: a pipeline is used by one thread at a time, whichever that is.
unsafe impl Send for Pipeline {}

impl Pipeline {
    pub fn of(client: &Client) -> Pipeline {
        // SAFETY: the client is alive as long as its owner.
        made(|out, err| unsafe { rredis_pipeline_new(client.0, out, err) })
            .map(Pipeline)
            .expect("a pipeline can be made")
    }

    pub fn try_add<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<()> {
        self.add_with(args, 0, ptr::null_mut())
    }

    pub fn add_with<A: AsRef<[u8]>>(&mut self, args: &[A], flags: u32, call_data: *mut c_void) -> Result<()> {
        let (argv, lens) = arrays(args);
        let (argv, lens) = (argv.as_ptr(), lens.as_ptr());
        // SAFETY: the arrays and what they point at outlive the call.
        status(|err| unsafe { rredis_pipeline_add_with(self.0, args.len(), argv, lens, flags, call_data, err) })
    }

    pub fn try_add_of(&mut self, Argv(argv, lens): &Argv) -> Result<()> {
        let (flags, call_data) = (0, ptr::null_mut());
        // SAFETY: the arrays, and by their maker what they point at, outlive the call.
        status(|err| unsafe {
            rredis_pipeline_add_with(self.0, argv.len(), argv.as_ptr(), lens.as_ptr(), flags, call_data, err)
        })
    }

    /// Add a command that must be taken.
    pub fn add<A: AsRef<[u8]>>(&mut self, args: &[A]) -> &mut Pipeline {
        self.try_add(args).expect("a command that a pipeline takes");
        self
    }

    pub fn len(&self) -> usize {
        // SAFETY: the handle is alive as long as self.
        unsafe { rredis_pipeline_len(self.0) }
    }

    pub fn watch<A: AsRef<[u8]>>(&mut self, keys: &[A]) -> Result<()> {
        let (argv, lens) = arrays(keys);
        // SAFETY: the arrays and what they point at outlive the call.
        status(|err| unsafe { rredis_pipeline_watch(self.0, keys.len(), argv.as_ptr(), lens.as_ptr(), err) })
    }

    /// Watch the first `count` of these.
    pub fn watch_of(&mut self, Argv(keys, lens): &Argv, count: usize) -> Result<()> {
        assert!(count <= keys.len());
        // SAFETY: as in try_add_of.
        status(|err| unsafe { rredis_pipeline_watch(self.0, count, keys.as_ptr(), lens.as_ptr(), err) })
    }

    pub fn command<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Reply> {
        let (argv, lens) = arrays(args);
        // SAFETY: as above.
        made(|out, err| unsafe { rredis_pipeline_command(self.0, args.len(), argv.as_ptr(), lens.as_ptr(), out, err) })
            .map(Reply)
    }

    pub fn run(&mut self, mode: u32) -> Result<Reply> {
        // SAFETY: the handle is alive as long as self.
        made(|out, err| unsafe { rredis_pipeline_run(self.0, mode, out, err) }).map(Reply)
    }

    pub fn run_with(&mut self, mode: u32, flags: u32, timeout_ms: i64) -> Result<Reply> {
        // SAFETY: as above.
        made(|out, err| unsafe { rredis_pipeline_run_with(self.0, mode, flags, timeout_ms, out, err) }).map(Reply)
    }

    /// What a run that must succeed replied.
    pub fn ask(&mut self, mode: u32) -> String {
        self.run(mode).expect("a run that succeeds").dump()
    }

    /// Show each reply to the function; an error of its ends the run.
    pub fn run_each(&mut self, flags: u32, timeout_ms: i64, mut function: Each<'_>) -> Result<()> {
        let data = (&raw mut function).cast();
        // SAFETY: run_each's user_data is the function, which outlives the call.
        status(|err| unsafe { rredis_pipeline_run_each(self.0, flags, timeout_ms, Some(run_each), data, err) })
    }

    pub fn waker(&self) -> Waker {
        extern "C" fn wake(pipeline: *const c_void) -> usize {
            // SAFETY: it is the handle of a Pipeline.
            unsafe { rredis_pipeline_wake(pipeline.cast()) }
        }
        Waker(wake, self.0.cast_const().cast())
    }

    /// Until it goes through. The function is shown the pipeline itself.
    pub fn transact<A: AsRef<[u8]>>(
        &mut self,
        keys: &[A],
        timeout_ms: i64,
        mut function: Transaction<'_>,
    ) -> Result<Reply> {
        let (argv, lens) = arrays(keys);
        let (argv, lens, data) = (argv.as_ptr(), lens.as_ptr(), (&raw mut function).cast());
        let run = Some(run_transaction as RawTransaction);
        // SAFETY: as above; the arrays and what they point at outlive the call.
        made(|out, err| unsafe {
            rredis_pipeline_transact(self.0, keys.len(), argv, lens, run, data, timeout_ms, out, err)
        })
        .map(Reply)
    }

    /// The same pipeline once more, for a function that is called while it runs.
    pub fn again(&self) -> Again {
        Again(ManuallyDrop::new(Pipeline(self.0)))
    }

    pub fn failed(&self) -> i64 {
        // SAFETY: as above.
        unsafe { rredis_pipeline_failed(self.0) }
    }

    pub fn clear(&mut self) {
        // SAFETY: as above.
        unsafe { rredis_pipeline_clear(self.0) }
    }
}

/// A pipeline that somebody else frees.
pub struct Again(ManuallyDrop<Pipeline>);

impl Deref for Again {
    type Target = Pipeline;
    fn deref(&self) -> &Pipeline {
        &self.0
    }
}

impl DerefMut for Again {
    fn deref_mut(&mut self) -> &mut Pipeline {
        &mut self.0
    }
}

/// Shown each reply; an error's text goes to err.
pub type Each<'f> = Box<dyn FnMut(usize, &Node) -> std::result::Result<(), &'static str> + 'f>;

/// Reads and queues; an error's text goes to err.
pub type Transaction<'f> = Box<dyn FnMut(&mut Pipeline) -> std::result::Result<(), &'static str> + 'f>;

unsafe extern "C" fn run_each(data: *mut c_void, index: usize, reply: *const Node, err: *mut RawError) -> u32 {
    // SAFETY: the library hands back what it was given, and lends a reply and an err.
    let (function, reply, err) = unsafe { (&mut *data.cast::<Each<'_>>(), &*reply, &mut *err) };
    told(function(index, reply), err)
}

unsafe extern "C" fn run_transaction(data: *mut c_void, pipeline: *mut rredis_pipeline, err: *mut RawError) -> u32 {
    // SAFETY: as above.
    let (function, err) = unsafe { (&mut *data.cast::<Transaction<'_>>(), &mut *err) };
    let mut pipeline = Again(ManuallyDrop::new(Pipeline(pipeline)));
    told(function(&mut pipeline), err)
}

fn told(result: std::result::Result<(), &'static str>, err: &mut RawError) -> u32 {
    match result {
        Ok(()) => 0,
        Err(text) => {
            err.message[..text.len()].copy_from_slice(text.as_bytes());
            80
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_pipeline_free(self.0) }
    }
}
