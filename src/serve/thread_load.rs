//! Whether a request thread is overloaded: it has had work without a pause for so long that calls wait for each other.
//!
//! A controlled delay in two steps, as in "Fail at Scale" (Ben Maurer, ACM Queue 13(8), 2015): while a thread finds time
//! to rest, a call may wait for its whole budget, so that a burst is answered; once it has not rested for
//! [`OVERLOADED_AFTER`], a call that has waited longer than `ServeOptions::queue_delay` is shed. The wait that remains
//! does not depend on what a call costs, which a number of places cannot achieve.
//!
//! Reading and refusing calls takes time as well. A call is shed only where at least [`LEAST_SERVED`] of the time that it
//! has waited went to calls that are answered: otherwise, with many calls or on a slow machine, every call would have
//! waited too long and none would be answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a request thread rested last. Written by its runtime, read by its calls.
#[derive(Debug)]
pub(super) struct ThreadLoad {
    since: Instant,
    /// In microseconds since `since`.
    rested: AtomicU64,
    /// The time that went to calls which are answered, in nanoseconds.
    served: AtomicU64,
}

impl ThreadLoad {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(ThreadLoad {
            since: Instant::now(),
            rested: AtomicU64::new(0),
            served: AtomicU64::new(0),
        })
    }

    /// The thread has had nothing to do until now.
    pub(super) fn rested(&self) {
        let now = self.since.elapsed();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.rested.store(now, Ordering::Relaxed);
    }

    /// The time that went to calls which are answered, since the thread was started.
    pub(super) fn served(&self) -> Duration {
        Duration::from_nanos(self.served.load(Ordering::Relaxed))
    }

    /// This much time went to a call. Only the thread itself says so, so nothing is lost between load and store.
    pub(super) fn serve(&self, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let served = self.served.load(Ordering::Relaxed);
        self.served
            .store(served.wrapping_add(span), Ordering::Relaxed);
    }

    /// Whether a call that has waited this long is to be shed, when `served` was [`ThreadLoad::served`] at its arrival and
    /// it has waited longer than the queue delay.
    pub(super) fn is_overloaded(&self, waited: Duration, served: Duration) -> bool {
        let rested = Duration::from_micros(self.rested.load(Ordering::Relaxed));
        let busy = self.since.elapsed().saturating_sub(rested);
        let served = self.served().saturating_sub(served);
        busy >= OVERLOADED_AFTER && served >= waited.mul_f64(LEAST_SERVED)
    }
}

/// A burst of work, or a machine that gives the thread no core for a moment, is shorter; the source above uses the
/// same value.
const OVERLOADED_AFTER: Duration = Duration::from_millis(100);

/// Four fifths of what the thread answers at its best are answered under any load.
const LEAST_SERVED: f64 = 0.8;

/// Where calls have waited less, their time is not measured: it would be a look at the clock for each call.
pub(super) const MEASURED_FROM: Duration = Duration::from_micros(100);
