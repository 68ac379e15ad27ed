//! A rate without a lock: so many in a time, with some saved up for a burst. For records and log lines that a client can
//! cause, of which a few are written at once, and then one in a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Admits a number in a time, and after quiet a burst.
///
/// The generic cell rate algorithm (ITU-T I.371): one instant, before which nothing is admitted, moves on with each
/// one admitted.
#[derive(Debug)]
pub(crate) struct Rate {
    /// Nanoseconds.
    next: AtomicU64,
    interval: u64,
    burst: u64,
}

impl Rate {
    /// Admits so many a second, and after quiet a burst of sixty times as many.
    pub(crate) fn a_second(number: u32) -> Self {
        let interval = 1_000_000_000 / u64::from(number.max(1));
        Rate {
            next: AtomicU64::new(0),
            interval,
            burst: interval * u64::from(number) * BURST_SECONDS,
        }
    }

    /// Admits one, and the next when this time has passed.
    pub(crate) fn once_in(interval: Duration) -> Self {
        Rate::burst_of(1, interval)
    }

    /// Admits so many at once, and one more for each interval.
    pub(crate) fn burst_of(number: u32, interval: Duration) -> Self {
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let saved = number.saturating_sub(1);
        Rate {
            next: AtomicU64::new(0),
            interval,
            burst: interval.saturating_mul(u64::from(saved)),
        }
    }

    /// Whether one more is admitted now, on a clock that does not go back.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let moved = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                let next = next.max(now);
                (next - now <= self.burst).then(|| next.saturating_add(self.interval))
            });
        moved.is_ok()
    }
}

/// Lets through a burst of log lines, and after it one for each interval.
#[derive(Debug)]
pub(crate) struct WarningLimit {
    since: Instant,
    rate: Rate,
    suppressed: AtomicU64,
}

impl WarningLimit {
    pub(crate) fn new(burst: u32, interval: Duration) -> Self {
        WarningLimit {
            since: Instant::now(),
            rate: Rate::burst_of(burst, interval),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether a line is written now; if so, how many were left out since the last.
    pub(crate) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        if self.rate.admits(now.saturating_duration_since(self.since)) {
            return Some(self.suppressed.swap(0, Ordering::Relaxed));
        }
        self.suppressed.fetch_add(1, Ordering::Relaxed);
        None
    }
}

const BURST_SECONDS: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(rate: &Rate, at: Duration, asked: usize) -> usize {
        (0..asked).filter(|_| rate.admits(at)).count()
    }

    #[test]
    fn after_a_burst_it_admits_so_many_a_second() {
        let rate = Rate::a_second(10);
        let start = Duration::from_secs(1000);
        assert_eq!(admitted(&rate, start, 5000), 601);
        assert_eq!(admitted(&rate, start + Duration::from_secs(1), 5000), 10);
        assert_eq!(
            admitted(&rate, start + Duration::from_millis(1500), 5000),
            5
        );
        assert_eq!(
            admitted(&rate, start + Duration::from_secs(3600), 5000),
            601
        );
    }

    #[test]
    fn one_that_admits_once_in_an_interval_saves_nothing_up() {
        let rate = Rate::once_in(Duration::from_secs(60));
        let start = Duration::from_secs(1000);
        assert_eq!(admitted(&rate, start, 100), 1);
        assert_eq!(admitted(&rate, start + Duration::from_secs(59), 100), 0);
        assert_eq!(admitted(&rate, start + Duration::from_secs(3600), 100), 1);
    }

    #[test]
    fn after_a_burst_there_is_a_line_each_interval_that_says_how_many_are_missing() {
        let limit = WarningLimit::new(3, Duration::from_secs(1));
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let admitted: Vec<_> = (0..8).map(|millis| limit.admit_at(at(millis))).collect();
        assert_eq!(&admitted[..4], &[Some(0), Some(0), Some(0), None]);
        assert_eq!(limit.admit_at(at(1_000)), Some(5));
        assert_eq!(limit.admit_at(at(1_999)), None);
        assert_eq!(limit.admit_at(at(60_000)), Some(1));
        assert_eq!(limit.admit_at(at(60_000)), Some(0));
        assert_eq!(limit.admit_at(at(60_000)), Some(0));
        assert_eq!(limit.admit_at(at(60_000)), None);
    }
}
