//! How often each limit was met, and how much there is of what is limited. Counted, not logged: what a client can
//! cause, it can cause often.

use std::sync::atomic::AtomicU64;

/// Counts since the start, which only grow; the last three tell how many there are now.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: AtomicU64,
    /// Peers that may not connect: by their uid on a Unix socket, by their certificate with TLS.
    pub refused_peers: AtomicU64,
    /// Accepts that failed, each followed by a pause.
    pub accept_failures: AtomicU64,
    /// Connections that waited at the door because all places were taken.
    pub waited_for_place: AtomicU64,
    /// Connections that had no call and left because another waited.
    pub gave_way: AtomicU64,
    /// TLS handshakes that failed for another reason than who the peer is.
    pub failed_handshakes: AtomicU64,
    /// Connections closed because too many handshakes were under way.
    pub shed_handshakes: AtomicU64,
    /// Connections closed because their handshake or their preface was not complete in time.
    pub never_opened: AtomicU64,
    /// Connections cut when the time to drain was over.
    pub cut_in_drain: AtomicU64,
    /// Connections closed because their answers were not read.
    pub unread: AtomicU64,
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
