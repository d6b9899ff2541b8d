//! An rredis_pipeline, as the tests use it.

use std::ffi::c_void;
use std::ptr;

use super::c::{Client, Reply, Result, arrays, made, status};
pub use super::raw::mode;
use super::raw::*;

/// An rredis_pipeline.
pub struct Pipeline(*mut rredis_pipeline);

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

    pub fn failed(&self) -> i64 {
        // SAFETY: as above.
        unsafe { rredis_pipeline_failed(self.0) }
    }

    pub fn clear(&mut self) {
        // SAFETY: as above.
        unsafe { rredis_pipeline_clear(self.0) }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_pipeline_free(self.0) }
    }
}
