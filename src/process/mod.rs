//! Values for each process: a child of fork makes new ones, whatever locks its parent's threads held.
//!
//! A lock of the parent's may be taken in the child for ever, and a list half changed. So nothing that is locked, waited for
//! or shared with the parent through a socket is used in the child: it is made anew there, with all that can wait (`sync`).

#[expect(unsafe_code, reason = "a call of the C library's that Rust's has no name for")]
mod cancel;
#[expect(unsafe_code, reason = "a system call")]
mod cores;
#[expect(unsafe_code, reason = "system calls, and a function for fork to call")]
mod mark;
#[expect(unsafe_code, reason = "a value that is set once without anybody's waiting for it")]
mod own;

pub use cancel::{Hold, hold, release, uncancelled};
pub use cores::cores;
pub use mark::Process;
pub use own::PerProcess;

/// Proof that a thread's own value needs no destructor: one that has it is gone while the thread ends, and calls still come
/// then, from the destructors of the program's own.
pub const fn without_destructor<T>() {
    assert!(!std::mem::needs_drop::<T>(), "it would be gone while its thread ends");
}
