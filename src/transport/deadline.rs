//! A deadline on the monotonic clock.

use std::time::{Duration, Instant};

/// When waiting ends; or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// So many milliseconds from now: 0 is now, a negative number never, and so is what the clock cannot count to.
    #[inline(always)]
    pub fn after_ms(ms: i64) -> Self {
        match u64::try_from(ms) {
            Ok(ms) => Deadline::after(Duration::from_millis(ms)),
            Err(_) => Deadline::never(),
        }
    }

    /// So many milliseconds from that moment, as `after_ms`.
    #[inline]
    pub fn ms_behind(now: Instant, ms: i64) -> Self {
        match u64::try_from(ms) {
            Ok(ms) => Deadline(now.checked_add(Duration::from_millis(ms))),
            Err(_) => Deadline::never(),
        }
    }

    /// So long from now.
    pub fn after(duration: Duration) -> Self {
        Deadline(Instant::now().checked_add(duration))
    }

    /// At that moment.
    pub fn at(moment: Instant) -> Self {
        Deadline(Some(moment))
    }

    /// No deadline.
    pub fn never() -> Self {
        Deadline(None)
    }

    /// The moment itself, unless it is never.
    pub fn moment(self) -> Option<Instant> {
        self.0
    }

    /// What is left, nothing once it has passed; `None` is for ever.
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_duration_since(Instant::now()))
    }

    /// What is left in milliseconds, rounded up so that waiting so long is never too short; -1 is for ever.
    pub fn remaining_ms(self) -> i64 {
        match self.remaining() {
            Some(left) => i64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX),
            None => -1,
        }
    }

    /// Whether nothing is left.
    pub fn has_passed(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }

    /// Whether nothing was left then.
    #[inline]
    pub fn had_passed(self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }

    /// Whether more than so much was left then.
    #[inline]
    pub fn left_more_than(self, time: Duration, now: Instant) -> bool {
        self.0.is_none_or(|moment| now.checked_add(time).is_none_or(|then| then < moment))
    }

    /// Whichever of the two comes first.
    pub fn earlier(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Deadline(Some(one.min(two))),
            (one, two) => Deadline(one.or(two)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_passed_and_negative_never_does() {
        assert!(Deadline::after_ms(0).has_passed());
        assert_eq!(Deadline::after_ms(0).remaining_ms(), 0);
        for ms in [-1, i64::MIN] {
            assert!(!Deadline::after_ms(ms).has_passed());
            assert_eq!(Deadline::after_ms(ms).remaining_ms(), -1);
            assert_eq!(Deadline::after_ms(ms).remaining(), None);
        }
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        for ms in [i64::MAX, i64::MAX - 1, 1 << 62] {
            let deadline = Deadline::after_ms(ms);
            assert!(!deadline.has_passed());
            let left = deadline.remaining_ms();
            assert!(left == -1 || left > 1 << 61, "{left}");
        }
        assert_eq!(Deadline::after(Duration::MAX), Deadline::never());
    }

    #[test]
    fn what_is_left_is_rounded_up() {
        let deadline = Deadline::after(Duration::from_micros(4_999_500));
        assert_eq!(deadline.remaining_ms(), 5000);
        // Thirty years are counted as exactly, but for what has passed of them since.
        let years = 1_000_000_000_000;
        assert!((years - 60_000..=years).contains(&Deadline::after_ms(years).remaining_ms()));
        assert_eq!(Deadline::at(Instant::now() - Duration::from_secs(1)).remaining_ms(), 0);
    }

    #[test]
    fn what_was_left_at_a_moment_is_counted_from_it() {
        let now = Instant::now();
        for ms in [0, 1, 60, 5000] {
            let deadline = Deadline::ms_behind(now, ms);
            let time = Duration::from_millis(ms as u64);
            assert!(!deadline.left_more_than(time, now), "{ms}");
            assert!(deadline.left_more_than(time, now - Duration::from_nanos(1)), "{ms}");
            assert!(deadline.had_passed(now + time) && deadline.had_passed(now) == (ms == 0));
        }
        assert_eq!(Deadline::ms_behind(now, -1), Deadline::never());
        assert!(Deadline::never().left_more_than(Duration::MAX, now));
        assert!(Deadline::ms_behind(now, i64::MAX).left_more_than(Duration::from_secs(1), now));
    }

    #[test]
    fn the_earlier_of_two_is_the_one_that_comes_first() {
        let (soon, late) = (Deadline::after_ms(10), Deadline::after_ms(10_000));
        assert_eq!(soon.earlier(late), soon);
        assert_eq!(late.earlier(soon), soon);
        assert_eq!(late.earlier(Deadline::never()), late);
        assert_eq!(Deadline::never().earlier(late), late);
        assert_eq!(Deadline::never().earlier(Deadline::never()), Deadline::never());
    }
}
