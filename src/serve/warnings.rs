//! Log lines about what a client can cause: a few at once, then one in a while, with the number of those left out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets through a burst of log lines, and after it one for each interval.
#[derive(Debug)]
pub(super) struct WarningLimit {
    burst: u32,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: u32,
    /// When `left` was last added to.
    since: Option<Instant>,
    suppressed: u64,
}

impl WarningLimit {
    pub(super) const fn new(burst: u32, interval: Duration) -> Self {
        WarningLimit {
            burst,
            interval,
            state: Mutex::new(State {
                left: burst,
                since: None,
                suppressed: 0,
            }),
        }
    }

    /// Whether a line is written now; if so, how many were left out since the last.
    pub(super) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let since = *state.since.get_or_insert(now);
        let intervals =
            now.saturating_duration_since(since).as_nanos() / self.interval.as_nanos().max(1);
        if intervals > 0 {
            let earned = u32::try_from(intervals).unwrap_or(u32::MAX);
            state.left = state.left.saturating_add(earned).min(self.burst);
            state.since = Some(now);
        }
        match state.left.checked_sub(1) {
            Some(left) => {
                state.left = left;
                Some(std::mem::take(&mut state.suppressed))
            }
            None => {
                state.suppressed += 1;
                None
            }
        }
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
