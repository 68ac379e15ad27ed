//! Counters of the limits of the server, and gauges of the limited resources. `close_cause` counts closed connections.

use std::sync::atomic::AtomicU64;

/// Counters since the start. The last three are gauges.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Failed accepts, each followed by a pause.
    pub accept_failures: AtomicU64,
    /// Calls refused by the limit of calls in flight.
    pub overloaded: AtomicU64,
    /// Calls shed because of their queue delay.
    pub queued_too_long: AtomicU64,
    /// Calls whose request message did not arrive in time.
    pub incomplete: AtomicU64,
    /// Streams refused by the limit of open streams.
    pub refused_streams: AtomicU64,
    /// Calls without response headers within their budget.
    pub over_budget: AtomicU64,
    /// Calls that panicked.
    pub panicked: AtomicU64,
    /// Served connections.
    pub connections: AtomicU64,
    /// Calls in flight: admitted, and without response headers.
    pub in_flight: AtomicU64,
    /// Open streams.
    pub streams: AtomicU64,
}
