//! Locks and condition variables whose whole state is in the object. There is no table of waiting threads in the
//! process, which a child of fork would inherit: a new object of the child (`process::PerProcess`) works.
//!
//! ```text
//!  word      a number that threads sleep on: the seam, for which loom has a model of its own
//!  futex     Linux's
//!  portable  any other system's, made of what std has
//!  lock      a lock of one word; lock_api makes a Mutex of it, with guards
//!  condvar   a wait for what a lock guards
//! ```
//!
//! ThreadSanitizer follows all of it, for threads are put in order by atomics of ours alone, and never by the system.

mod condvar;
#[expect(unsafe_code, reason = "the system call")]
mod futex;
#[expect(unsafe_code, reason = "lock_api asks a lock of one's own to vouch for itself")]
mod lock;
mod portable;
mod word;

pub use condvar::Condvar;
pub use lock::Lock;
pub use portable::Portable;
pub use word::{ALL, Waited, Word};

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use futex::Futex;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use portable::Portable as Futex;

/// A value behind a lock of our own.
pub type Mutex<T> = lock_api::Mutex<Lock, T>;
/// The right to use it.
pub type MutexGuard<'m, T> = lock_api::MutexGuard<'m, Lock, T>;

#[cfg(test)]
mod tests;
