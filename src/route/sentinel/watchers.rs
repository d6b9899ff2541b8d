//! The Sentinels of the servers that a route has: those that are asked, and those that are listened to.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::discover::Sentinels;
use super::ear::Ears;
use crate::conn::{Dial, Kept, Notice};
use crate::options::Endpoint;
use crate::process::PerProcess;
use crate::sync::Mutex;

/// The Sentinels of the servers, and what is heard of them.
pub(in crate::route) struct Watchers {
    pub(super) sentinels: Sentinels,
    pub(super) ears: Ears,
    made: Instant,
    /// When the primary became another one, in milliseconds since this was made.
    changed_ms: AtomicU64,
    untold: PerProcess<Untold>,
}

/// What happened where nobody could be told of it.
#[derive(Default)]
struct Untold {
    is_any: AtomicBool,
    notices: Mutex<Vec<Notice>>,
}

impl Watchers {
    /// Those that these seeds are of. Nothing is connected yet.
    pub(in crate::route) fn new(dial: &Dial, seeds: &[Endpoint]) -> Watchers {
        let service = dial.options().sentinel_service().unwrap_or_default();
        Watchers {
            sentinels: Sentinels::new(dial, service, seeds),
            ears: Ears::new(dial.is_foreign()),
            made: Instant::now(),
            changed_ms: AtomicU64::new(0),
            untold: PerProcess::new(),
        }
    }

    /// Whether nothing is to be heard now, and there is no doubt.
    #[inline]
    pub(in crate::route) fn are_quiet(&self, now: Instant) -> bool {
        self.ears.are_quiet(now)
    }

    /// What happened is for the next call to tell.
    pub(super) fn tell_later(&self, notices: Vec<Notice>) {
        if !notices.is_empty() {
            let untold = self.untold.get(|_| Untold::default());
            untold.notices.lock().extend(notices);
            untold.is_any.store(true, Ordering::Relaxed);
        }
    }

    /// Tell what happened where nobody could be told of it.
    pub(super) fn tell(&self, kept: &mut Kept) {
        let Some(untold) = self.untold.made_here() else { return };
        if untold.is_any.swap(false, Ordering::Relaxed) {
            untold.notices.lock().drain(..).for_each(|notice| kept.notice(notice));
        }
    }

    /// The primary is another one.
    pub(super) fn has_changed(&self) {
        self.changed_ms.store(self.made.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// How long ago the primary became another one.
    pub(super) fn changed_for(&self) -> Duration {
        self.made.elapsed().saturating_sub(Duration::from_millis(self.changed_ms.load(Ordering::Relaxed)))
    }
}
