//! An rredis_script, as a C program sees it.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use super::c::{Argv, Client, Reply, Result, arrays, call, made, status};
use super::pipeline::Pipeline;
use super::raw::*;

/// An rredis_script.
pub struct Script(*mut rredis_script);

// SAFETY: the header takes a script as const everywhere but in _free.
unsafe impl Send for Script {}
// SAFETY: as above.
unsafe impl Sync for Script {}

impl Script {
    pub fn new(text: &str) -> Script {
        // SAFETY: the text outlives the call.
        made(|out, err| unsafe { rredis_script_new(text.as_ptr().cast(), text.len(), out, err) })
            .map(Script)
            .expect("any text is a script")
    }

    pub fn sha(&self) -> String {
        // SAFETY: the handle is alive as long as self, and the digest is on loan from it.
        unsafe { CStr::from_ptr(rredis_script_sha(self.0)) }.to_string_lossy().into_owned()
    }

    pub fn run<A: AsRef<[u8]>>(&self, client: &Client, keys: usize, args: &[A]) -> Result<Reply> {
        self.run_for(client, keys, args, call::DEFAULT, 0, ptr::null_mut())
    }

    pub fn run_for<A: AsRef<[u8]>>(
        &self,
        client: &Client,
        keys: usize,
        args: &[A],
        flags: u32,
        timeout_ms: i64,
        call_data: *mut c_void,
    ) -> Result<Reply> {
        let (argv, lens) = arrays(args);
        let (argc, argv, lens) = (args.len(), argv.as_ptr(), lens.as_ptr());
        // SAFETY: both handles are alive; the arrays and what they point at outlive the call.
        made(|out, err| unsafe {
            rredis_script_run_with(self.0, client.0, keys, argc, argv, lens, flags, timeout_ms, call_data, out, err)
        })
        .map(Reply)
    }

    pub fn add<A: AsRef<[u8]>>(&self, pipeline: &mut Pipeline, keys: usize, args: &[A]) {
        self.add_with(pipeline, keys, args, call::DEFAULT, ptr::null_mut()).expect("a script that a pipeline takes")
    }

    pub fn add_with<A: AsRef<[u8]>>(
        &self,
        pipeline: &mut Pipeline,
        keys: usize,
        args: &[A],
        flags: u32,
        call_data: *mut c_void,
    ) -> Result<()> {
        let (argv, lens) = arrays(args);
        self.add_arrays(pipeline, keys, (&argv, &lens), flags, call_data)
    }

    pub fn add_of(&self, pipeline: &mut Pipeline, keys: usize, Argv(argv, lens): &Argv) -> Result<()> {
        self.add_arrays(pipeline, keys, (argv, lens), call::DEFAULT, ptr::null_mut())
    }

    fn add_arrays(
        &self,
        pipeline: &mut Pipeline,
        keys: usize,
        (argv, lens): (&[*const c_char], &[usize]),
        flags: u32,
        call_data: *mut c_void,
    ) -> Result<()> {
        let (argc, argv, lens) = (argv.len(), argv.as_ptr(), lens.as_ptr());
        // SAFETY: the handles are alive; the arrays, and by their maker what they point at, outlive the call.
        status(|err| unsafe {
            rredis_script_add_with(self.0, pipeline.0, keys, argc, argv, lens, flags, call_data, err)
        })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: it is ours, and this is the one time.
        unsafe { rredis_script_free(self.0) }
    }
}
