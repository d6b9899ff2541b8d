//! Whether a thread has given bytes of a command to a transport. After a panic this alone decides whether the command
//! may have run.

use std::cell::Cell;

use crate::process::without_destructor;
use crate::session::Session;

/// How often this thread has begun to hand bytes to a transport, those of a greeting not counted. What is written for it by another thread counts for it too.
#[inline]
pub fn handed() -> u64 {
    HANDED.get()
}

/// Bytes of this conversation are about to be handed over: of a command, once the greeting is over.
#[inline]
pub(super) fn hand(session: &Session) {
    if session.is_ready() {
        HANDED.set(HANDED.get().wrapping_add(1));
    }
}

const _: () = without_destructor::<Cell<u64>>();

thread_local! {
    static HANDED: Cell<u64> = const { Cell::new(0) };
}
