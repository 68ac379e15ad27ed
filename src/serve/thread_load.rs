//! Overload detection for a request thread: it has been busy so long that calls queue.
//!
//! Controlled delay (CoDel) as in "Fail at Scale" (Ben Maurer, ACM Queue 13(8), 2015): while a thread is idle now and
//! then, a call may wait for its full budget, so that a burst is answered. Once the thread has not been idle for
//! [`OVERLOADED_AFTER`], calls that have waited longer than `ServeOptions::queue_delay` are shed. Unlike a concurrency
//! limit, this bounds the queue delay regardless of the cost of a call.
//!
//! Reading and refusing calls takes time, too. A call is shed only if at least [`MIN_SERVED_SHARE`] of its wait was spent
//! on answered calls. Otherwise, with many calls or on a slow machine, all calls would be shed and none answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a request thread was last idle. Its runtime writes it; its calls read it.
#[derive(Debug)]
pub(super) struct ThreadLoad {
    since: Instant,
    /// The start of its latest idle time, in microseconds since `since`.
    idle_since: AtomicU64,
    /// The end of its latest idle time of at least [`MIN_IDLE`].
    last_idle: AtomicU64,
    /// The time spent on answered calls, in nanoseconds.
    served: AtomicU64,
}

impl ThreadLoad {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(ThreadLoad {
            since: Instant::now(),
            idle_since: AtomicU64::new(0),
            last_idle: AtomicU64::new(0),
            served: AtomicU64::new(0),
        })
    }

    /// Records that the thread becomes idle.
    pub(super) fn begin_idle(&self) {
        self.idle_since.store(self.micros(), Ordering::Relaxed);
    }

    /// Records that the thread was idle until now.
    pub(super) fn end_idle(&self) {
        let now = self.micros();
        let idle = now.saturating_sub(self.idle_since.load(Ordering::Relaxed));
        if Duration::from_micros(idle) >= MIN_IDLE {
            self.last_idle.store(now, Ordering::Relaxed);
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The time spent on answered calls since the thread started.
    pub(super) fn served(&self) -> Duration {
        Duration::from_nanos(self.served.load(Ordering::Relaxed))
    }

    /// Adds time spent on an answered call. Only the thread itself calls this, so load and store do not race.
    pub(super) fn add_served(&self, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let served = self.served.load(Ordering::Relaxed);
        self.served
            .store(served.wrapping_add(span), Ordering::Relaxed);
    }

    /// Whether to shed a call that has waited this long, longer than the queue delay. `served` is the value of
    /// [`ThreadLoad::served`] at its arrival.
    pub(super) fn is_overloaded(&self, waited: Duration, served: Duration) -> bool {
        let last_idle = Duration::from_micros(self.last_idle.load(Ordering::Relaxed));
        let busy = self.since.elapsed().saturating_sub(last_idle);
        let served = self.served().saturating_sub(served);
        busy >= OVERLOADED_AFTER && served >= waited.mul_f64(MIN_SERVED_SHARE)
    }
}

/// Longer than a burst of work or a short wait for a core. The source above uses the same value.
const OVERLOADED_AFTER: Duration = Duration::from_millis(100);

/// A thread that has run all its tasks parks for some microseconds even under overload, while clients wait for their flow
/// control windows.
const MIN_IDLE: Duration = Duration::from_millis(1);

/// Under any load the thread answers at least 80 % of its maximum throughput.
const MIN_SERVED_SHARE: f64 = 0.8;

/// Calls that have waited less are not measured, which saves reading the clock for each call.
pub(super) const MEASURE_MIN_WAIT: Duration = Duration::from_micros(100);
