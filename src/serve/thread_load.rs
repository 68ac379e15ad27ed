//! Overload detection for a request thread: it has been busy so long that calls queue.
//!
//! Controlled delay (CoDel) as in "Fail at Scale" (Ben Maurer, ACM Queue 13(8), 2015): while a thread is idle now and
//! then, a call may wait for its full budget, so that a burst is answered. Once the thread has not been idle for
//! [`OVERLOADED_AFTER`], calls that have waited longer than `ServeOptions::queue_delay` are shed. Unlike a concurrency
//! limit, this bounds the queue delay regardless of the cost of a call.
//!
//! Reading and refusing calls takes time, too. A call is shed only if at least [`MIN_HANDLER_SHARE`] of its wait was spent
//! in handlers, and at most [`MAX_REFUSED_SHARE`] on refused calls. Otherwise, with large messages, with many cheap calls
//! or on a slow machine, all calls would be shed and none answered.

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
    /// The time spent in handlers, in nanoseconds.
    handler_time: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
}

/// What a request thread has done since it started.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadWork {
    /// The time spent in handlers.
    pub(super) handler_time: Duration,
    /// The number of calls.
    pub(super) answered: u64,
    /// The number of calls.
    pub(super) refused: u64,
}

impl ThreadLoad {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(ThreadLoad {
            since: Instant::now(),
            idle_since: AtomicU64::new(0),
            last_idle: AtomicU64::new(0),
            handler_time: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
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

    pub(super) fn work(&self) -> ThreadWork {
        ThreadWork {
            handler_time: Duration::from_nanos(self.handler_time.load(Ordering::Relaxed)),
            answered: self.answered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    pub(super) fn add_handler_time(&self, span: Duration) {
        let span = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        add(&self.handler_time, span);
    }

    pub(super) fn count_answered(&self) {
        add(&self.answered, 1);
    }

    pub(super) fn count_refused(&self) {
        add(&self.refused, 1);
    }

    /// Whether to shed a call that has waited this long, longer than the queue delay. `before` is
    /// [`ThreadLoad::work`] at its arrival.
    pub(super) fn is_overloaded(&self, waited: Duration, before: ThreadWork) -> bool {
        let last_idle = Duration::from_micros(self.last_idle.load(Ordering::Relaxed));
        let busy = self.since.elapsed().saturating_sub(last_idle);
        let now = self.work();
        let handled = now.handler_time.saturating_sub(before.handler_time);
        busy >= OVERLOADED_AFTER
            && handled >= waited.mul_f64(MIN_HANDLER_SHARE)
            && refused_time(waited, before, now) <= waited.mul_f64(MAX_REFUSED_SHARE)
    }
}

/// The time spent on refused calls while a call waited, if reading a call and writing its response takes as long for a
/// refused call as for an answered one.
fn refused_time(waited: Duration, before: ThreadWork, now: ThreadWork) -> Duration {
    let handled = now.handler_time.saturating_sub(before.handler_time);
    let answered = now.answered.saturating_sub(before.answered);
    let refused = now.refused.saturating_sub(before.refused);
    let all = answered.saturating_add(refused).max(1);
    let share = refused as f64 / all as f64;
    waited.saturating_sub(handled).mul_f64(share)
}

/// Only the thread itself adds, so load and store do not race.
fn add(counter: &AtomicU64, number: u64) {
    let before = counter.load(Ordering::Relaxed);
    counter.store(before.wrapping_add(number), Ordering::Relaxed);
}

/// Longer than a burst of work or a short wait for a core. The source above uses the same value.
const OVERLOADED_AFTER: Duration = Duration::from_millis(100);

/// A thread that has run all its tasks parks for some microseconds even under overload, while clients wait for their flow
/// control windows.
const MIN_IDLE: Duration = Duration::from_millis(1);

/// A call that waited for less waited for its own message or for those of others, which shedding does not shorten.
const MIN_HANDLER_SHARE: f64 = 0.5;

/// Under any load the thread answers at least 80 % of its maximum throughput.
const MAX_REFUSED_SHARE: f64 = 0.2;

/// Calls that have waited less are not measured, which saves reading the clock for each call.
pub(super) const MEASURE_MIN_WAIT: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_besides_handlers_is_divided_among_answered_and_refused_calls() {
        let ms = Duration::from_millis;
        let work = |handler_time, answered, refused| ThreadWork {
            handler_time: ms(handler_time),
            answered,
            refused,
        };
        let before = work(50, 7, 9);
        for (handler_time, answered, refused, expected) in [
            (60, 7, 9, 0),
            (60, 17, 9, 0),
            (60, 12, 14, 5),
            (50, 7, 10, 20),
            (80, 8, 10, 0),
        ] {
            let now = work(handler_time, answered, refused);
            assert_eq!(refused_time(ms(20), before, now), ms(expected));
        }
    }
}
