//! Closures of a test's, as the C functions that the library calls.

use std::ffi::{c_char, c_void};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::c::{Reply, Status};
use super::raw::{Node, RawError};

/// What a callback of a test's does with its reply.
pub enum Verdict {
    Keep,
    Replace(Reply),
    Fail(&'static str),
}

/// A function of a test's, as a response callback: given the arguments, the reply and call_data.
pub type Callback = Box<dyn Fn(&[&[u8]], &Node, *mut c_void) -> Verdict + Send + Sync>;

/// A function of a test's that is shown a reply.
pub type Listener = Box<dyn Fn(&Node) + Send + Sync>;

/// What stands behind a user_data.
pub struct Boxed<F> {
    function: F,
    freed: Arc<AtomicUsize>,
}

impl<F> Boxed<F> {
    pub fn leak(function: F, freed: &Arc<AtomicUsize>) -> *mut c_void {
        Box::into_raw(Box::new(Boxed { function, freed: Arc::clone(freed) })).cast()
    }

    /// SAFETY: `data` came from `leak` of the same type and is freed this once.
    unsafe fn free(data: *mut c_void) {
        // SAFETY: by the caller.
        let boxed = unsafe { Box::from_raw(data.cast::<Boxed<F>>()) };
        boxed.freed.fetch_add(1, Ordering::SeqCst);
    }
}

pub unsafe extern "C" fn free_callback(data: *mut c_void) {
    // SAFETY: set together with run_callback, for a Boxed of that type.
    unsafe { Boxed::<Callback>::free(data) }
}

pub unsafe extern "C" fn free_listener(data: *mut c_void) {
    // SAFETY: set together with run_listener, for a Boxed of that type.
    unsafe { Boxed::<Listener>::free(data) }
}

pub unsafe extern "C" fn run_listener(data: *mut c_void, reply: *const Node) {
    // SAFETY: the library hands back what it was given, and lends a reply.
    let (boxed, reply) = unsafe { (&*data.cast::<Boxed<Listener>>(), &*reply) };
    (boxed.function)(reply);
}

pub unsafe extern "C" fn run_callback(
    data: *mut c_void,
    call_data: *mut c_void,
    argc: usize,
    argv: *const *const c_char,
    argv_len: *const usize,
    reply: *const Node,
    out_reply: *mut *mut Node,
    err: *mut RawError,
) -> u32 {
    let mut args: Vec<&[u8]> = Vec::new();
    let has_room = args.try_reserve_exact(argc).is_ok();
    // SAFETY: as run_listener; argc arguments and their lengths are on loan, and err and out_reply are never NULL.
    let (boxed, reply, out_reply, err) = unsafe {
        let pointers = slice::from_raw_parts(argv, argc);
        let lens = slice::from_raw_parts(argv_len, argc);
        let all = pointers.iter().zip(lens).filter(|_| has_room);
        args.extend(all.map(|(&arg, &len)| slice::from_raw_parts(arg.cast::<u8>(), len)));
        (&*data.cast::<Boxed<Callback>>(), &*reply, &mut *out_reply, &mut *err)
    };
    assert!(out_reply.is_null(), "out_reply comes NULL");
    assert_eq!((err.status, err.outcome, err.message[0]), (0, 0, 0), "err comes zeroed");
    let verdict = match has_room {
        true => (boxed.function)(&args, reply, call_data),
        false => Verdict::Fail("no memory for the arguments"),
    };
    match verdict {
        Verdict::Keep => 0,
        Verdict::Replace(reply) => {
            *out_reply = reply.into_raw();
            0
        }
        Verdict::Fail(text) => {
            err.message[..text.len()].copy_from_slice(text.as_bytes());
            Status::CALLBACK.0
        }
    }
}
