//! The shared connection of a pool in one process: who boards there, and whether callers are many enough to share.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::sync::Futex;

use super::boarding::Boarding;
use super::train::CallersBoarding;

/// The shared connection of a pool in one process.
pub(in super::super) struct Sharing {
    pub(super) boarding: CallersBoarding,
    /// Callers were many lately: all of them share.
    is_busy: AtomicBool,
    /// How often in a row a conductor has taken few commands.
    quiet: AtomicU32,
}

impl Sharing {
    /// Whether callers are many.
    pub(in super::super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// There are more callers than are to have connections of their own.
    pub(in super::super) fn begin(&self) {
        self.is_busy.store(true, Ordering::Relaxed);
    }

    /// A conductor has taken so many commands at once. Where that is few for a long time, callers lease connections of their
    /// own again.
    pub(super) fn took(&self, count: usize) {
        if count > FEW {
            self.quiet.store(0, Ordering::Relaxed);
        } else if self.quiet.fetch_add(1, Ordering::Relaxed) >= QUIET_MAX {
            self.quiet.store(0, Ordering::Relaxed);
            self.is_busy.store(false, Ordering::Relaxed);
        }
    }
}

impl Default for Sharing {
    fn default() -> Self {
        Sharing { boarding: Boarding::new(Futex::default), is_busy: AtomicBool::new(false), quiet: AtomicU32::new(0) }
    }
}

/// As many commands at once are few.
const FEW: usize = 2;
/// So often in a row few.
const QUIET_MAX: u32 = 64;
