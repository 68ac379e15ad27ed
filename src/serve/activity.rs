//! The activity of a connection: running calls, the start of the last one, and the bytes that belong to calls.
//!
//! `guard` writes it; the task of the connection reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The activity of one connection.
#[derive(Debug)]
pub(super) struct ConnectionActivity {
    since: Instant,
    running: AtomicUsize,
    /// Bytes that belong to calls, see `fair_read`.
    call_bytes: AtomicU64,
    /// When the last call began or the connection was admitted, in milliseconds since `since`.
    last_call: AtomicU64,
}

/// Counts a running call until dropped.
#[derive(Debug)]
pub(super) struct RunningCall(Arc<ConnectionActivity>);

impl ConnectionActivity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(ConnectionActivity {
            since: Instant::now(),
            running: AtomicUsize::new(0),
            call_bytes: AtomicU64::new(0),
            last_call: AtomicU64::new(0),
        })
    }

    /// Starts a call that arrived at this time.
    pub(super) fn begin(activity: &Arc<Self>, arrived: Instant) -> RunningCall {
        activity.running.fetch_add(1, Ordering::Relaxed);
        activity.add_call_bytes(HEADER_BYTES);
        let began = arrived.saturating_duration_since(activity.since);
        activity.last_call.store(millis(began), Ordering::Relaxed);
        RunningCall(Arc::clone(activity))
    }

    /// The bytes of all calls: their messages, and [`HEADER_BYTES`] for each.
    pub(super) fn call_bytes(&self) -> u64 {
        self.call_bytes.load(Ordering::Relaxed)
    }

    /// Adds bytes of a request message.
    pub(super) fn add_call_bytes(&self, bytes: u64) {
        self.call_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The connection is admitted: it is idle from now on.
    pub(super) fn admitted(&self) {
        self.last_call
            .store(millis(self.since.elapsed()), Ordering::Relaxed);
    }

    /// Whether no call runs or has begun within this time. A stream whose headers are sent does not count: otherwise a
    /// client could hold a slot forever.
    pub(super) fn is_idle_for(&self, span: Duration) -> bool {
        let last = Duration::from_millis(self.last_call.load(Ordering::Relaxed));
        self.running.load(Ordering::Relaxed) == 0
            && self.since.elapsed().saturating_sub(last) >= span
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// More than the headers of most calls, and low enough that a flood of other frames needs one call for every 240 PINGs.
const HEADER_BYTES: u64 = 4 << 10;

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
