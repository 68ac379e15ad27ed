//! How long a group takes to get to the disk, and what follows from it: how long a caller waits for its record, and
//! whether the disk is slow.
//!
//! The writer measures. Callers and the admin address read, without a lock.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::rate::Rate;

/// How long a caller waits for its record: sixteen times the measured group commit, within these bounds. Equal bounds are
/// a fixed wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitBounds {
    /// The shortest wait.
    pub least: Duration,
    /// The longest wait.
    pub most: Duration,
}

/// What was measured, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceFigures {
    /// The measured group commit: a moving average, or how long the commit that runs has taken where that is longer.
    pub commit: Duration,
    /// How long a caller waits for its record.
    pub wait: Duration,
    /// Callers that waited so long and were answered AUDIT_UNAVAILABLE.
    pub timeouts: u64,
    /// A group takes more than a quarter of the wait.
    pub is_slow: bool,
}

/// The measurement.
#[derive(Debug)]
pub(super) struct Pace {
    bounds: WaitBounds,
    /// Times below are nanoseconds since this instant.
    since: Instant,
    /// The moving average in nanoseconds; 0 before the first commit.
    average: AtomicU64,
    /// When the commit that runs began; 0 while none runs.
    running_since: AtomicU64,
    timeouts: AtomicU64,
    /// The log says that the disk is slow.
    is_reported: AtomicBool,
    slow_reports: Rate,
    timeout_reports: Rate,
}

/// A commit that runs until this is dropped.
#[derive(Debug)]
pub(super) struct Commit<'a> {
    pace: &'a Pace,
    began: u64,
}

impl WaitBounds {
    /// The shortest wait by default. A fast disk has syncs that take tens of milliseconds, too: they refuse nothing.
    pub const LEAST: Duration = Duration::from_millis(80);
    /// The longest wait by default: with what a call needs besides, less than the 200 ms that Envoy waits by default.
    pub const MOST: Duration = Duration::from_millis(160);
    /// What a call needs besides its wait: until it is read and decided, and for its answer.
    pub const BESIDES: Duration = Duration::from_millis(20);

    /// The bounds where a call may take so long: [`Self::LEAST`] to [`Self::MOST`], or all that a shorter budget leaves. The answer
    /// that says why a record is late takes time, too.
    pub fn within(handler_budget: Duration) -> Self {
        let left = handler_budget
            .saturating_sub(Self::BESIDES)
            .max(handler_budget / 2);
        if left < Self::LEAST {
            return WaitBounds::fixed(left);
        }
        WaitBounds {
            least: Self::LEAST,
            most: Self::MOST,
        }
    }

    /// The same wait whatever the disk does.
    pub fn fixed(wait: Duration) -> Self {
        WaitBounds {
            least: wait,
            most: wait,
        }
    }
}

impl Pace {
    pub fn new(bounds: WaitBounds) -> Self {
        Pace {
            bounds,
            since: Instant::now(),
            average: AtomicU64::new(0),
            running_since: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            is_reported: AtomicBool::new(false),
            slow_reports: Rate::once_in(REPORT_INTERVAL),
            timeout_reports: Rate::once_in(REPORT_INTERVAL),
        }
    }

    /// A commit begins. One thread commits.
    pub fn begin(&self) -> Commit<'_> {
        let began = self.elapsed().max(1);
        self.running_since.store(began, Ordering::Relaxed);
        Commit { pace: self, began }
    }

    /// A second has passed without a commit: it counts as one that took no time, so that a stall long ago says nothing.
    pub fn idle(&self) {
        let average = self.average.load(Ordering::Relaxed);
        let average = average - average / AVERAGE_OF;
        self.average.store(average, Ordering::Relaxed);
    }

    /// How long a caller waits for its record.
    pub fn wait(&self) -> Duration {
        let average = Duration::from_nanos(self.average.load(Ordering::Relaxed));
        let wait = average.saturating_mul(COMMITS_A_WAIT);
        wait.max(self.bounds.least).min(self.bounds.most)
    }

    pub fn figures(&self) -> PaceFigures {
        let running = match self.running_since.load(Ordering::Relaxed) {
            0 => 0,
            began => self.elapsed().saturating_sub(began),
        };
        let average = self.average.load(Ordering::Relaxed);
        let commit = Duration::from_nanos(average.max(running));
        let wait = self.wait();
        PaceFigures {
            commit,
            wait,
            timeouts: self.timeouts.load(Ordering::Relaxed),
            is_slow: commit > wait / SLOW_PART,
        }
    }

    /// A caller has waited for its record in vain. Logged here, since the writer may hang in its sync.
    pub fn timed_out(&self) {
        let timeouts = self.timeouts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.timeout_reports.admits(self.since.elapsed()) {
            let figures = self.figures();
            tracing::warn!(
                timeouts,
                commit_ms = millis(figures.commit),
                wait_ms = millis(figures.wait),
                "a record was not on disk within the wait (log.wait), and its call is answered AUDIT_UNAVAILABLE; \
                 timeouts counts all since the start"
            );
        }
    }

    /// Logs a disk that is slow, once a minute at most, and once when it is fast enough again.
    pub fn report(&self) {
        let figures = self.figures();
        let (commit_ms, wait_ms) = (millis(figures.commit), millis(figures.wait));
        if figures.is_slow && self.slow_reports.admits(self.since.elapsed()) {
            self.is_reported.store(true, Ordering::Relaxed);
            tracing::warn!(
                commit_ms,
                wait_ms,
                "the disk of log.directory is slow: a group of records takes more than a quarter of the time that a \
                 caller waits for its record (log.wait), and above half of it callers are answered AUDIT_UNAVAILABLE; \
                 give the records a faster disk, or let callers wait longer (log.wait)"
            );
        }
        let is_fast = figures.commit <= figures.wait / (2 * SLOW_PART);
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

impl Drop for Commit<'_> {
    fn drop(&mut self) {
        let pace = self.pace;
        let took = pace.elapsed().saturating_sub(self.began);
        let average = match pace.average.load(Ordering::Relaxed) {
            0 => took,
            average => average - average / AVERAGE_OF + took / AVERAGE_OF,
        };
        pace.average.store(average.max(1), Ordering::Relaxed);
        pace.running_since.store(0, Ordering::Relaxed);
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// A record waits for the group that is under way and for its own: two commits. The rest is for commits that take longer
/// than usual.
const COMMITS_A_WAIT: u32 = 16;
/// Callers time out when two commits take longer than the wait. A disk is reported as slow at half of that.
const SLOW_PART: u32 = 4;
/// Each commit counts an eighth, as a sample of the round trip time does in RFC 6298 §2.
const AVERAGE_OF: u64 = 8;
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn with_average(bounds: WaitBounds, average: Duration) -> Pace {
        let pace = Pace::new(bounds);
        let nanos = u64::try_from(average.as_nanos()).unwrap();
        pace.average.store(nanos, Ordering::Relaxed);
        pace
    }

    #[test]
    fn the_wait_follows_the_group_commit_within_its_bounds() {
        let bounds = WaitBounds::within(Duration::from_millis(100));
        for (commit, wait) in [(0, 80), (5, 80), (6, 96), (10, 160), (500, 160)] {
            let pace = with_average(bounds, Duration::from_millis(commit));
            assert_eq!(pace.wait(), Duration::from_millis(wait), "{commit} ms");
        }
        let fixed = WaitBounds::fixed(Duration::from_millis(70));
        let pace = with_average(fixed, Duration::from_millis(500));
        assert_eq!(pace.wait(), Duration::from_millis(70));
    }

    #[test]
    fn a_call_that_may_take_less_waits_less() {
        for (budget, wait) in [(1, 0.5), (20, 10.0), (40, 20.0), (60, 40.0), (99, 79.0)] {
            let bounds = WaitBounds::within(Duration::from_millis(budget));
            let wait = Duration::from_secs_f64(wait / 1000.0);
            assert_eq!(bounds, WaitBounds::fixed(wait), "{budget} ms");
        }
    }

    #[test]
    fn a_disk_is_slow_where_a_commit_takes_more_than_a_quarter_of_the_wait() {
        let bounds = WaitBounds::fixed(Duration::from_millis(80));
        let is_slow = |millis| {
            let pace = with_average(bounds, Duration::from_millis(millis));
            pace.figures().is_slow
        };
        assert!(!is_slow(20));
        assert!(is_slow(21));
    }

    #[test]
    fn a_commit_that_hangs_counts_before_it_ends() {
        let pace = Pace::new(WaitBounds::fixed(Duration::from_millis(1)));
        let commit = pace.begin();
        while !pace.figures().is_slow {
            std::thread::yield_now();
        }
        assert_eq!(pace.average.load(Ordering::Relaxed), 0);
        assert!(logged(|| pace.report()).contains("is slow"));
        drop(commit);
        assert!(pace.average.load(Ordering::Relaxed) > 0);
    }

    /// What is logged goes here.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(act: impl FnOnce()) -> String {
        let lines = Lines::default();
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
    fn a_slow_disk_is_logged_once_with_both_times_and_once_when_it_is_fast_again() {
        let bounds = WaitBounds::fixed(Duration::from_millis(80));
        let pace = with_average(bounds, Duration::from_millis(25));
        let told = logged(|| (0..100).for_each(|_| pace.report()));
        assert_eq!(told.lines().count(), 1, "{told}");
        for part in ["WARN", "commit_ms=25", "wait_ms=80", "log.wait"] {
            assert!(told.contains(part), "{told}");
        }
        // Between an eighth and a quarter of the wait it is neither.
        pace.average.store(15_000_000, Ordering::Relaxed);
        assert_eq!(logged(|| pace.report()), "");
        pace.average.store(5_000_000, Ordering::Relaxed);
        let told = logged(|| (0..100).for_each(|_| pace.report()));
        assert!(told.contains("INFO") && told.lines().count() == 1, "{told}");
    }

    #[test]
    fn of_many_timeouts_all_are_counted_and_one_is_logged() {
        let bounds = WaitBounds::fixed(Duration::from_millis(80));
        let pace = with_average(bounds, Duration::from_millis(300));
        let told = logged(|| (0..100).for_each(|_| pace.timed_out()));
        assert_eq!(pace.figures().timeouts, 100);
        assert_eq!(told.lines().count(), 1, "{told}");
        for part in ["WARN", "timeouts=1", "commit_ms=300", "wait_ms=80"] {
            assert!(told.contains(part), "{told}");
        }
    }
}
