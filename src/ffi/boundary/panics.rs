//! Panics become errors, and what the caller's thread has of its own is left as it was: errno, and whether it can be cancelled.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_int;
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Outcome, Result, Status};
use crate::process::{self, without_destructor};

/// Run the body; a panic in it becomes an error, and errno is left as it was. One that reaches the system, or functions of the
/// caller's, is not cancelled meanwhile.
#[inline]
pub(super) fn caught<T, const REACHES: bool>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    hook_panics_once();
    // An error is large, so a success is made anew and not moved: that is half the time of a small call.
    match unharmed::<_, REACHES>(body) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error),
        Err(payload) => Err(panic_error(payload, REACHES)),
    }
}

/// The same, with whatever the body gives, and a panic as it is; once they are hooked, as they are from the first call on that
/// gives a handle.
#[inline(always)]
pub(super) fn unharmed<T, const REACHES: bool>(body: impl FnOnce() -> T) -> std::thread::Result<T> {
    let errno = Errno::of_thread();
    let inside = INSIDE.replace(true);
    let held = REACHES.then(process::hold);
    let result = catch_unwind(AssertUnwindSafe(body));
    if let Some(before) = held {
        process::release(before);
    }
    INSIDE.set(inside);
    errno.restore();
    result
}

#[inline]
pub(super) fn reaching<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    caught::<_, true>(body)
}

#[cold]
pub(super) fn panic_error(payload: Box<dyn Any + Send>, reaches: bool) -> Error {
    let (place, len) = PLACE.get();
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "a panic",
    };
    let place = String::from_utf8_lossy(&place[..len]);
    // What works in memory alone has nobody's command.
    let outcome = if reaches { Outcome::Unknown } else { Outcome::None };
    Error::new(Status::Panic, format!("a bug in librredis: {text} ({place})")).with_outcome(outcome)
}

/// Nobody waits for who hooks them: in a child of fork that may be a thread of its parent's.
#[inline]
fn hook_panics_once() {
    if !HOOKED.load(Ordering::Acquire) && !HOOKED.swap(true, Ordering::AcqRel) {
        hook_panics();
    }
}

/// Panics inside a call are told through err alone: nothing goes to the host's terminal. Others are none of ours.
#[cold]
fn hook_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match INSIDE.get() {
        false => others(info),
        true => remember_place(info),
    }));
}

fn remember_place(info: &PanicHookInfo<'_>) {
    let mut place = [0; PLACE_LEN];
    let mut rest = &mut place[..];
    if let Some(location) = info.location() {
        // What does not fit is cut off.
        let _ = write!(rest, "{}:{}", location.file(), location.line());
    }
    let len = PLACE_LEN - rest.len();
    PLACE.set((place, len));
}

const PLACE_LEN: usize = 64;
static HOOKED: AtomicBool = AtomicBool::new(false);
const _: () = without_destructor::<Cell<bool>>();
const _: () = without_destructor::<Cell<([u8; PLACE_LEN], usize)>>();
thread_local! {
    /// A call is on its way in this thread.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static PLACE: Cell<([u8; PLACE_LEN], usize)> = const { Cell::new(([0; PLACE_LEN], 0)) };
}

/// Run what cannot panic, and leave errno as it was.
#[inline]
pub(crate) fn keeping_errno(body: impl FnOnce()) {
    let errno = Errno::of_thread();
    body();
    errno.restore();
}

/// errno as it was, and where this thread has it.
pub(super) struct Errno {
    place: *mut c_int,
    pub(super) value: c_int,
}

impl Errno {
    #[inline]
    pub(super) fn of_thread() -> Errno {
        // SAFETY: asks for an address, and always gets one.
        let place = unsafe { errno_place() };
        // SAFETY: errno is always there, and this thread's own.
        Errno { place, value: unsafe { *place } }
    }

    #[inline]
    pub(super) fn restore(self) {
        let value = self.value;
        self.set(value);
    }

    #[inline]
    pub(super) fn set(self, value: c_int) {
        // SAFETY: as above: a pointer does not leave its thread.
        unsafe { *self.place = value }
    }
}

#[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "redox", target_os = "hurd"))]
use libc::__errno_location as errno_place;
#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
use libc::__error as errno_place;
