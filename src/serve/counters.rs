//! How often each limit of the whole server was met, and how much there is of what is limited. What becomes of the
//! connections of a listener is counted in `closed`.

use std::sync::atomic::AtomicU64;

/// Counts since the start, which only grow; the last three tell how many there are now.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Accepts that failed, each followed by a pause.
    pub accept_failures: AtomicU64,
    /// Calls that found no place in flight.
    pub overloaded: AtomicU64,
    /// Calls that were shed because they had waited too long for their thread.
    pub queued_too_long: AtomicU64,
    /// Calls whose message did not arrive in time.
    pub incomplete: AtomicU64,
    /// Streams that found no place.
    pub refused_streams: AtomicU64,
    /// Calls without response headers within their budget.
    pub over_budget: AtomicU64,
    /// Calls that panicked.
    pub panicked: AtomicU64,
    /// Connections that are served now.
    pub connections: AtomicU64,
    /// Calls that are at work now: their response headers are not sent.
    pub in_flight: AtomicU64,
    /// Streams that have begun and not ended.
    pub streams: AtomicU64,
}
