//! What a connection does: is a call running on it, when did the last one begin, and how many bytes belong to calls.
//!
//! Written by the guard, read by the connection's own task.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One connection's doings.
#[derive(Debug)]
pub(super) struct Activity {
    since: Instant,
    running: AtomicUsize,
    /// Bytes that belong to its calls, see `fair_read`.
    call_bytes: AtomicU64,
    /// When the last call began, or the connection got its place, in milliseconds since `since`.
    last_call: AtomicU64,
}

/// A call that runs until this is dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Activity {
            since: Instant::now(),
            running: AtomicUsize::new(0),
            call_bytes: AtomicU64::new(0),
            last_call: AtomicU64::new(0),
        })
    }

    /// A call that has arrived at this moment runs.
    pub(super) fn begin(activity: &Arc<Self>, arrived: Instant) -> Busy {
        activity.running.fetch_add(1, Ordering::Relaxed);
        activity.add_call_bytes(HEADER_BYTES);
        let began = arrived.saturating_duration_since(activity.since);
        activity.last_call.store(millis(began), Ordering::Relaxed);
        Busy(Arc::clone(activity))
    }

    /// Bytes of all calls: of their messages, and an allowance for the headers of each.
    pub(super) fn call_bytes(&self) -> u64 {
        self.call_bytes.load(Ordering::Relaxed)
    }

    /// So many bytes of a call's message have arrived.
    pub(super) fn add_call_bytes(&self, bytes: u64) {
        self.call_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The connection has its place from now on.
    pub(super) fn admitted(&self) {
        self.last_call
            .store(millis(self.since.elapsed()), Ordering::Relaxed);
    }

    /// No call runs, nor has one begun for so long. A stream whose headers are sent does not count:
    /// it would be a way to hold a place for ever.
    pub(super) fn is_idle_for(&self, span: Duration) -> bool {
        let last = Duration::from_millis(self.last_call.load(Ordering::Relaxed));
        self.running.load(Ordering::Relaxed) == 0
            && self.since.elapsed().saturating_sub(last) >= span
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// More than the headers of most calls have, and so few that a flood of other frames needs a call for each 240 PINGs.
const HEADER_BYTES: u64 = 4 << 10;

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
