//! Starting a thread with pthread_create: std's threads take locks that a child of fork may find locked for ever.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// What a thread does.
pub(super) type Body = Box<dyn FnOnce() + Send>;

/// Start a thread that nobody waits for. Where there is none to be had, what it was to do is given back.
///
/// It is born with every signal blocked, so that no handler of the host's ever runs on it.
pub(super) fn start(name: &'static CStr, stack_bytes: usize, body: Body) -> Result<(), Body> {
    let birth = Box::into_raw(Box::new(Birth { name, body }));
    match with_signals_blocked(|| create(stack_bytes, birth.cast())) {
        0 => Ok(()),
        // SAFETY: it came from a Box just now, and there is no thread that has it.
        _ => Err(unsafe { Box::from_raw(birth) }.body),
    }
}

struct Birth {
    name: &'static CStr,
    body: Body,
}

/// A name for whoever looks on. Where it is refused, so be it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn take_name(name: &CStr) {
    // SAFETY: a text that ends in a NUL, of which the call takes a copy.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn take_name(_name: &CStr) {}

/// What pthread_create says.
fn create(stack_bytes: usize, birth: *mut c_void) -> libc::c_int {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::zeroed();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: it writes the attributes, which are there.
    let mut failed = unsafe { libc::pthread_attr_init(attributes) };
    if failed != 0 {
        return failed;
    }
    // SAFETY: they were written just now.
    failed = unsafe { libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED) };
    // A size that this system does not like leaves its own.
    // SAFETY: as above.
    unsafe { libc::pthread_attr_setstacksize(attributes, stack_bytes) };
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    if failed == 0 {
        // SAFETY: as above; the function takes what it is given here, once.
        failed = unsafe { libc::pthread_create(thread.as_mut_ptr(), attributes, run, birth) };
    }
    // SAFETY: as above, and they are not used after this.
    unsafe { libc::pthread_attr_destroy(attributes) };
    failed
}

extern "C" fn run(birth: *mut c_void) -> *mut c_void {
    // SAFETY: what `start` took from a Box, for this thread alone.
    let Birth { name, body } = *unsafe { Box::from_raw(birth.cast::<Birth>()) };
    take_name(name);
    // A panic has been told by whoever hears of panics; what waits for this thread sees that it is over.
    let _ = catch_unwind(AssertUnwindSafe(body));
    ptr::null_mut()
}

/// Run `body` with every signal blocked, so that a thread it starts never runs a handler of the host's.
pub(super) fn with_signals_blocked<T>(body: impl FnOnce() -> T) -> T {
    let _restored_when_dropped = BlockedSignals::new();
    body()
}

struct BlockedSignals {
    before: libc::sigset_t,
}

impl BlockedSignals {
    fn new() -> Self {
        let mut all = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: sigfillset writes the whole set.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: both point to a set; the call reads the one and writes the other.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
        // SAFETY: the call above wrote it; and zeros, too, are a set.
        BlockedSignals { before: unsafe { before.assume_init() } }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set is one that the same call gave; no old one is asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_thread_runs_with_its_name_and_ends_by_itself_whatever_it_does() {
        let (told, heard) = mpsc::channel();
        let body = move || {
            told.send(std::fs::read_to_string("/proc/thread-self/comm").unwrap()).unwrap();
            std::panic::resume_unwind(Box::new("not told to anybody"));
        };
        assert!(start(c"rredis-test", 64 << 10, Box::new(body)).is_ok());
        assert_eq!(heard.recv().unwrap(), "rredis-test\n");
        assert!(heard.recv().is_err(), "what it had is dropped");
    }

    #[test]
    fn what_finds_no_thread_is_given_back() {
        // No system has so much memory for a stack.
        let refused = start(c"rredis-test", (usize::MAX / 4 * 3) & !0xffff, Box::new(|| ()));
        refused.unwrap_err()();
    }
}
