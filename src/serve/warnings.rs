//! Log lines about what a client can cause: a few at once, then one in a while, with the number of those left out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::rate::Rate;

/// Lets through a burst of log lines, and after it one for each interval.
#[derive(Debug)]
pub(super) struct WarningLimit {
    since: Instant,
    rate: Rate,
    suppressed: AtomicU64,
}

impl WarningLimit {
    pub(super) fn new(burst: u32, interval: Duration) -> Self {
        WarningLimit {
            since: Instant::now(),
            rate: Rate::burst_of(burst, interval),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether a line is written now; if so, how many were left out since the last.
    pub(super) fn admit(&self) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
