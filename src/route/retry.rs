//! The limits of retries: their number, the random and growing pauses before them, the deadline, and a budget that
//! bounds the extra load on a failing server.
#![forbid(unsafe_code)]

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::options::Options;
use crate::process::Process;
use crate::transport::Deadline;

/// The retry settings and budget of a client.
#[derive(Debug)]
pub struct Retry {
    max: u32,
    backoff_ms: u64,
    backoff_max_ms: u64,
    budget: Budget,
}

/// The retries that commands have earned and that were not spent, in thousandths of a retry.
#[derive(Debug)]
struct Budget {
    per_command: i64,
    left: AtomicI64,
}

impl Retry {
    /// The settings of these options.
    pub fn new(options: &Options) -> Retry {
        Retry {
            max: options.retry_max(),
            backoff_ms: u64::try_from(options.backoff_ms()).unwrap_or(0),
            backoff_max_ms: u64::try_from(options.backoff_max_ms()).unwrap_or(u64::MAX),
            budget: Budget::new(options.retry_budget_percent()),
        }
    }

    /// A command begins: it earns its share of the budget.
    pub fn begin(&self) {
        self.budget.earn();
    }

    /// The pause before the next try, after `attempts` tries. `None`: no further try.
    pub fn next_pause(&self, attempts: u32, deadline: Deadline) -> Option<Duration> {
        if attempts > self.max {
            return None;
        }
        let pause = self.pause(attempts);
        // A pause that leaves no time for the next try is not begun.
        let in_time = deadline.remaining().is_none_or(|remaining| pause < remaining);
        (in_time && self.budget.spend()).then_some(pause)
    }

    /// A random pause after `attempts` tries: from 0 to a limit that doubles with each try, up to `backoff_max`.
    pub fn pause(&self, attempts: u32) -> Duration {
        let doubled = 1u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let longest = self.backoff_ms.saturating_mul(doubled).min(self.backoff_max_ms);
        Duration::from_millis(random() % longest.saturating_add(1))
    }
}

impl Budget {
    fn new(percent: u32) -> Budget {
        Budget { per_command: i64::from(percent) * 10, left: AtomicI64::new(if percent == 0 { 0 } else { BUDGET_MAX }) }
    }

    fn earn(&self) {
        if self.left.load(Ordering::Relaxed) < BUDGET_MAX {
            self.left.fetch_add(self.per_command, Ordering::Relaxed);
        }
    }

    fn spend(&self) -> bool {
        let spent = |left| (left >= 1000).then_some(left - 1000);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spent).is_ok()
    }
}

/// Random enough to spread the retries of many clients, not for secrets. The hash keys of std differ for each call,
/// except that children of fork repeat their parent's. The process ID distinguishes a child from its parent. If a child
/// has its parent's ID in another namespace, `Process` distinguishes them.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one((std::process::id(), Process::current()))
}

/// The largest budget, in thousandths: a client may make at most a hundred retries at once.
const BUDGET_MAX: i64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Key;

    fn retry(max: i64, percent: i64) -> Retry {
        let mut options = Options::new();
        options.set_int(Key::RetryMax, max).unwrap();
        options.set_int(Key::RetryBudgetPercent, percent).unwrap();
        Retry::new(&options)
    }

    #[test]
    fn pauses_grow_to_their_limit_and_end_with_the_tries() {
        let retry = retry(20, 100);
        for (attempts, longest) in [(1, 8), (2, 16), (3, 32), (7, 512), (20, 512)] {
            for _ in 0..50 {
                retry.begin();
                let pause = retry.next_pause(attempts, Deadline::never()).unwrap();
                assert!(pause <= Duration::from_millis(longest), "{attempts}: {pause:?}");
            }
        }
        assert_eq!(retry.next_pause(21, Deadline::never()), None);
    }

    #[test]
    fn pauses_range_from_0_to_the_longest() {
        for (backoff, longest) in [(0, [0; 5]), (1, [1, 2, 4, 8, 8]), (3, [3, 6, 8, 8, 8])] {
            let mut options = Options::new();
            options.set_int(Key::BackoffMs, backoff).unwrap();
            options.set_int(Key::BackoffMsMax, 8).unwrap();
            let retry = Retry::new(&options);
            for (attempts, longest) in (1..).zip(longest) {
                let pauses: Vec<u64> = (0..400).map(|_| retry.pause(attempts).as_millis() as u64).collect();
                let extremes = (pauses.iter().min(), pauses.iter().max());
                assert_eq!(extremes, (Some(&0), Some(&longest)), "{backoff} ms, after {attempts}");
            }
        }
    }

    #[test]
    fn no_pause_goes_past_the_deadline() {
        assert_eq!(retry(3, 100).next_pause(1, Deadline::after_ms(0)), None);
        let mut options = Options::new();
        options.set_int(Key::BackoffMs, 60_000_000).unwrap();
        let retry = Retry::new(&options);
        let longest = Duration::from_secs(600);
        let pauses: Vec<Duration> = (0..400).filter_map(|_| retry.next_pause(1, Deadline::after(longest))).collect();
        // Of the pauses that are drawn, one in a hundred is within the ten minutes.
        assert!(pauses.len() < 100 && pauses.iter().all(|pause| *pause < longest), "{pauses:?}");
        assert!((0..10_000).any(|_| retry.next_pause(1, Deadline::after(longest)).is_some()));
        // A pause that was not begun does not spend the budget.
        let left = retry.budget.left.load(Ordering::Relaxed);
        assert_eq!(retry.next_pause(1, Deadline::after_ms(0)), None);
        assert_eq!(retry.budget.left.load(Ordering::Relaxed), left);
    }

    #[test]
    fn a_client_that_never_fails_saves_up_no_more_than_a_hundred() {
        for percent in [1, 10, 100] {
            let retry = retry(3, percent);
            (0..1000).for_each(|_| retry.begin());
            assert_eq!(retry.budget.left.load(Ordering::Relaxed), BUDGET_MAX);
            retry.next_pause(1, Deadline::never()).unwrap();
            (0..1000).for_each(|_| retry.begin());
            assert_eq!(retry.budget.left.load(Ordering::Relaxed), BUDGET_MAX);
        }
    }

    #[test]
    fn a_client_that_keeps_failing_runs_out_of_retries() {
        let retry = retry(3, 10);
        let allowed = (0..10_000).filter(|_| {
            retry.begin();
            retry.next_pause(1, Deadline::never()).is_some()
        });
        // A hundred to begin with, then one for every ten commands. The first command earns nothing, since the
        // budget is full.
        assert!((1099..=1100).contains(&allowed.count()));
    }
}
