//! Disabling pthread cancellation during a call: its unwinding must not be stopped, and unwinding through Rust frames
//! would end the process.

use std::ffi::c_int;

/// Run what may have a cancellation point, or unwind frames that know of none: what reaches the system, and functions of the
/// caller's.
#[inline]
pub fn uncancelled<T>(body: impl FnOnce() -> T) -> T {
    let mut hold = Hold::default();
    hold.take();
    body()
}

/// A hold on this thread's cancellation that is taken where it is needed first, and ends with this.
#[derive(Debug, Default)]
pub struct Hold(Option<c_int>);

impl Hold {
    /// From now on it is held off.
    #[inline]
    pub fn take(&mut self) {
        if self.0.is_none() {
            self.0 = Some(hold());
        }
    }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            release(before);
        }
    }
}

/// Hold off this thread's cancellation, and say how it was. Whoever asks for its end meanwhile has it at the program's next
/// cancellation point behind `release`.
#[inline]
pub fn hold() -> c_int {
    exchanged(PTHREAD_CANCEL_DISABLE)
}

/// Let it be again as it was.
#[inline]
pub fn release(before: c_int) {
    exchanged(before);
}

#[cfg(not(target_os = "android"))]
#[inline]
fn exchanged(state: c_int) -> c_int {
    let mut before = state;
    // SAFETY: it writes one int. Where it refuses the state, nothing has changed.
    unsafe { pthread_setcancelstate(state, &mut before) };
    before
}

/// No thread of Android's can be cancelled.
#[cfg(target_os = "android")]
#[inline]
fn exchanged(state: c_int) -> c_int {
    state
}

/// As glibc, musl and FreeBSD have it.
#[cfg(not(any(target_os = "macos", target_os = "ios")))]
const PTHREAD_CANCEL_DISABLE: c_int = 1;
#[cfg(any(target_os = "macos", target_os = "ios"))]
const PTHREAD_CANCEL_DISABLE: c_int = 0;

// SAFETY: as POSIX declares it.
#[cfg(not(target_os = "android"))]
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}
