//! Lock-free rate limiting with bursts, for records and log lines that a client can cause.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A rate limiter with a burst.
///
/// The generic cell rate algorithm (ITU-T I.371): its entire state is one instant, which advances with each event that
/// is admitted.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// The theoretical arrival time of the next event, in nanoseconds.
    next: AtomicU64,
    /// Nanoseconds per event.
    interval: u64,
    /// How far `next` may lie ahead, in nanoseconds.
    burst: u64,
}

impl RateLimiter {
    /// Admits `number` events per second, and a burst of sixty times that number.
    pub(crate) fn per_second(number: u32) -> Self {
        let interval = 1_000_000_000 / u64::from(number.max(1));
        RateLimiter {
            next: AtomicU64::new(0),
            interval,
            burst: interval * u64::from(number) * BURST_SECONDS,
        }
    }

    /// Admits one event per interval, without bursts.
    pub(crate) fn once_per(interval: Duration) -> Self {
        RateLimiter::with_burst(1, interval)
    }

    /// Admits a burst of `number` events, and one event per interval.
    pub(crate) fn with_burst(number: u32, interval: Duration) -> Self {
        let interval = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
        let extra = number.saturating_sub(1);
        RateLimiter {
            next: AtomicU64::new(0),
            interval,
            burst: interval.saturating_mul(u64::from(extra)),
        }
    }

    /// Whether one more event is admitted now. `now` is the time of a monotonic clock.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let updated = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                let next = next.max(now);
                (next - now <= self.burst).then(|| next.saturating_add(self.interval))
            });
        updated.is_ok()
    }
}

/// Rate limit for log lines: a burst, then one line per interval.
#[derive(Debug)]
pub(crate) struct WarningLimit {
    since: Instant,
    rate: RateLimiter,
    suppressed: AtomicU64,
}

impl WarningLimit {
    pub(crate) fn new(burst: u32, interval: Duration) -> Self {
        WarningLimit {
            since: Instant::now(),
            rate: RateLimiter::with_burst(burst, interval),
            suppressed: AtomicU64::new(0),
        }
    }

    /// The number of lines suppressed since the last one if a line may be written now; `None` otherwise.
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

    fn admitted(rate: &RateLimiter, at: Duration, attempts: usize) -> usize {
        (0..attempts).filter(|_| rate.admits(at)).count()
    }

    #[test]
    fn after_a_burst_it_admits_the_number_per_second() {
        let rate = RateLimiter::per_second(10);
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
    fn once_per_interval_allows_no_burst() {
        let rate = RateLimiter::once_per(Duration::from_secs(60));
        let start = Duration::from_secs(1000);
        assert_eq!(admitted(&rate, start, 100), 1);
        assert_eq!(admitted(&rate, start + Duration::from_secs(59), 100), 0);
        assert_eq!(admitted(&rate, start + Duration::from_secs(3600), 100), 1);
    }

    #[test]
    fn after_a_burst_each_interval_admits_one_line_with_the_number_suppressed() {
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
