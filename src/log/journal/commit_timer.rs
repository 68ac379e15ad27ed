//! Measures group commits. Derives how long a caller waits for its record, and whether the disk is slow.
//!
//! The writer measures. Callers and the admin address read the values without a lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::rate::RateLimiter;

/// The bounds of the wait for a record, which is 16 times the measured group commit. Equal bounds make a fixed wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitBounds {
    /// The shortest wait.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
}

/// The measured values at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitStats {
    /// The measured group commit: the larger of the moving average and the time that the running commit has taken so far.
    pub commit: Duration,
    /// How long a caller waits for its record.
    pub wait: Duration,
    /// Callers whose wait timed out; they were answered AUDIT_UNAVAILABLE.
    pub timeouts: u64,
    /// A group commit takes more than a quarter of the wait.
    pub is_slow: bool,
}

/// Measures group commits.
#[derive(Debug)]
pub(super) struct CommitTimer {
    bounds: WaitBounds,
    /// Times below are nanoseconds since this instant.
    since: Instant,
    /// The moving average in nanoseconds; 0 before the first commit.
    average: AtomicU64,
    /// The start of the running commit; 0 while none runs.
    running_since: AtomicU64,
    timeouts: AtomicU64,
    /// A slow disk was logged, and its recovery was not.
    is_reported: AtomicBool,
    slow_reports: RateLimiter,
    timeout_reports: RateLimiter,
}

/// A running commit. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct RunningCommit<'a> {
    timer: &'a CommitTimer,
    started: u64,
}

impl WaitBounds {
    /// The default minimum. Fast disks also have syncs of tens of milliseconds; these must not cause refusals.
    pub const MIN: Duration = Duration::from_millis(80);
    /// The default maximum. With [`Self::CALL_OVERHEAD`] it is less than the 200 ms that Envoy waits by default.
    pub const MAX: Duration = Duration::from_millis(160);
    /// The time of a call besides its wait: reading, deciding and answering.
    pub const CALL_OVERHEAD: Duration = Duration::from_millis(20);

    /// The bounds for calls with this budget: [`Self::MIN`] to [`Self::MAX`], or the rest of a shorter budget. The
    /// answer that reports a late record also takes time.
    pub fn within(handler_budget: Duration) -> Self {
        let left = handler_budget
            .saturating_sub(Self::CALL_OVERHEAD)
            .max(handler_budget / 2);
        if left < Self::MIN {
            return WaitBounds::fixed(left);
        }
        WaitBounds {
            min: Self::MIN,
            max: Self::MAX,
        }
    }

    /// A wait that does not depend on the disk.
    pub fn fixed(wait: Duration) -> Self {
        WaitBounds {
            min: wait,
            max: wait,
        }
    }
}

impl CommitTimer {
    pub fn new(bounds: WaitBounds) -> Self {
        CommitTimer {
            bounds,
            since: Instant::now(),
            average: AtomicU64::new(0),
            running_since: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            is_reported: AtomicBool::new(false),
            slow_reports: RateLimiter::once_per(REPORT_INTERVAL),
            timeout_reports: RateLimiter::once_per(REPORT_INTERVAL),
        }
    }

    /// Starts a commit. Only one thread commits.
    pub fn start(&self) -> RunningCommit<'_> {
        let started = self.elapsed().max(1);
        self.running_since.store(started, Ordering::Relaxed);
        RunningCommit {
            timer: self,
            started,
        }
    }

    /// Counts a second without a commit as a commit of zero duration, so that the effect of an old stall fades.
    pub fn idle(&self) {
        let average = self.average.load(Ordering::Relaxed);
        let average = average - average / AVERAGE_OF;
        self.average.store(average, Ordering::Relaxed);
    }

    /// How long a caller waits for its record.
    pub fn wait(&self) -> Duration {
        let average = Duration::from_nanos(self.average.load(Ordering::Relaxed));
        let wait = average.saturating_mul(COMMITS_A_WAIT);
        wait.max(self.bounds.min).min(self.bounds.max)
    }

    pub fn stats(&self) -> CommitStats {
        let running = match self.running_since.load(Ordering::Relaxed) {
            0 => 0,
            started => self.elapsed().saturating_sub(started),
        };
        let average = self.average.load(Ordering::Relaxed);
        let commit = Duration::from_nanos(average.max(running));
        let wait = self.wait();
        CommitStats {
            commit,
            wait,
            timeouts: self.timeouts.load(Ordering::Relaxed),
            is_slow: commit > wait / SLOW_PART,
        }
    }

    /// Counts and logs a wait that has timed out. The caller logs it, because the writer may hang in its sync.
    pub fn count_timeout(&self) {
        let timeouts = self.timeouts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.timeout_reports.admits(self.since.elapsed()) {
            let stats = self.stats();
            tracing::warn!(
                timeouts,
                commit_ms = millis(stats.commit),
                wait_ms = millis(stats.wait),
                "a record was not on disk within log.wait: the call is answered AUDIT_UNAVAILABLE; `timeouts` counts all \
                 such calls since the start"
            );
        }
    }

    /// Logs a slow disk at most once a minute, and its recovery once.
    pub fn report(&self) {
        let stats = self.stats();
        let (commit_ms, wait_ms) = (millis(stats.commit), millis(stats.wait));
        if stats.is_slow && self.slow_reports.admits(self.since.elapsed()) {
            self.is_reported.store(true, Ordering::Relaxed);
            tracing::warn!(
                commit_ms,
                wait_ms,
                "the disk of log.directory is slow: a group commit takes more than a quarter of log.wait; above half, \
                 calls are answered AUDIT_UNAVAILABLE; move log.directory to a faster disk, or raise log.wait"
            );
        }
        let is_fast = stats.commit <= stats.wait / (2 * SLOW_PART);
        if is_fast && self.is_reported.swap(false, Ordering::Relaxed) {
            tracing::info!(
                commit_ms,
                wait_ms,
                "the disk of log.directory is fast enough again"
            );
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Drop for RunningCommit<'_> {
    fn drop(&mut self) {
        let timer = self.timer;
        let took = timer.elapsed().saturating_sub(self.started);
        let average = match timer.average.load(Ordering::Relaxed) {
            0 => took,
            average => average - average / AVERAGE_OF + took / AVERAGE_OF,
        };
        timer.average.store(average.max(1), Ordering::Relaxed);
        timer.running_since.store(0, Ordering::Relaxed);
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// A record waits for the running commit and for its own: two commits. The rest covers commits that take longer than
/// the average.
const COMMITS_A_WAIT: u32 = 16;
/// Waits time out when two commits take longer than the wait. A disk is reported as slow at half of that.
const SLOW_PART: u32 = 4;
/// Each commit counts one eighth, like a round-trip time sample in RFC 6298 §2.
const AVERAGE_OF: u64 = 8;
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn with_average(bounds: WaitBounds, average: Duration) -> CommitTimer {
        let timer = CommitTimer::new(bounds);
        let nanos = u64::try_from(average.as_nanos()).unwrap();
        timer.average.store(nanos, Ordering::Relaxed);
        timer
    }

    #[test]
    fn the_wait_follows_the_group_commit_within_its_bounds() {
        let bounds = WaitBounds::within(Duration::from_millis(100));
        for (commit, wait) in [(0, 80), (5, 80), (6, 96), (10, 160), (500, 160)] {
            let timer = with_average(bounds, Duration::from_millis(commit));
            assert_eq!(timer.wait(), Duration::from_millis(wait), "{commit} ms");
        }
        let fixed = WaitBounds::fixed(Duration::from_millis(70));
        let timer = with_average(fixed, Duration::from_millis(500));
        assert_eq!(timer.wait(), Duration::from_millis(70));
    }

    #[test]
    fn a_call_with_a_shorter_budget_waits_less() {
        for (budget, wait) in [(1, 0.5), (20, 10.0), (40, 20.0), (60, 40.0), (99, 79.0)] {
            let bounds = WaitBounds::within(Duration::from_millis(budget));
            let wait = Duration::from_secs_f64(wait / 1000.0);
            assert_eq!(bounds, WaitBounds::fixed(wait), "{budget} ms");
        }
    }

    #[test]
    fn a_disk_is_slow_if_a_commit_takes_more_than_a_quarter_of_the_wait() {
        let bounds = WaitBounds::fixed(Duration::from_millis(80));
        let is_slow = |millis| {
            let timer = with_average(bounds, Duration::from_millis(millis));
            timer.stats().is_slow
        };
        assert!(!is_slow(20));
        assert!(is_slow(21));
    }

    #[test]
    fn a_hanging_commit_counts_before_it_ends() {
        let timer = CommitTimer::new(WaitBounds::fixed(Duration::from_millis(1)));
        let commit = timer.start();
        while !timer.stats().is_slow {
            std::thread::yield_now();
        }
        assert_eq!(timer.average.load(Ordering::Relaxed), 0);
        assert!(logged(|| timer.report()).contains("is slow"));
        drop(commit);
        assert!(timer.average.load(Ordering::Relaxed) > 0);
    }

    /// Collects log lines.
    #[derive(Clone, Default)]
    struct LogBuffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for LogBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(act: impl FnOnce()) -> String {
        let lines = LogBuffer::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_slow_disk_and_its_recovery_are_logged_once_each() {
        let bounds = WaitBounds::fixed(Duration::from_millis(80));
        let timer = with_average(bounds, Duration::from_millis(25));
        let output = logged(|| (0..100).for_each(|_| timer.report()));
        assert_eq!(output.lines().count(), 1, "{output}");
        for part in ["WARN", "commit_ms=25", "wait_ms=80", "log.wait"] {
            assert!(output.contains(part), "{output}");
        }
        // Between an eighth and a quarter of the wait, nothing is logged.
        timer.average.store(15_000_000, Ordering::Relaxed);
        assert_eq!(logged(|| timer.report()), "");
        timer.average.store(5_000_000, Ordering::Relaxed);
        let output = logged(|| (0..100).for_each(|_| timer.report()));
        assert!(
            output.contains("INFO") && output.lines().count() == 1,
            "{output}"
        );
    }

    #[test]
    fn all_timeouts_are_counted_and_one_is_logged() {
        let bounds = WaitBounds::fixed(Duration::from_millis(80));
        let timer = with_average(bounds, Duration::from_millis(300));
        let output = logged(|| (0..100).for_each(|_| timer.count_timeout()));
        assert_eq!(timer.stats().timeouts, 100);
        assert_eq!(output.lines().count(), 1, "{output}");
        for part in ["WARN", "timeouts=1", "commit_ms=300", "wait_ms=80"] {
            assert!(output.contains(part), "{output}");
        }
    }
}
