//! The state of one listener that its connections share: slots, counters and rate limits of log lines.

use std::sync::Arc;
use std::time::Duration;

use super::connection_slots::ConnectionSlots;
use super::guard::ListenerSlots;
use super::socket::PeerAddress;
use super::tls::{ConnectionRefusal, PeerCertificate};
use super::unopened::UnopenedPool;
use super::{CloseCause, ListenerCounters, PeerRefusal, ServeOptions};
use crate::rate::WarningLimit;

/// Shared by the connections of one listener.
#[derive(Debug)]
pub(super) struct ListenerState {
    pub(super) counters: Arc<ListenerCounters>,
    pub(super) slots: ConnectionSlots,
    /// The slots of its calls and streams.
    pub(super) calls: Arc<ListenerSlots>,
    pub(super) unopened: Arc<UnopenedPool>,
    refused: WarningLimit,
    failed: WarningLimit,
    full: WarningLimit,
    waiting: WarningLimit,
}

impl ListenerState {
    pub(super) fn new(
        counters: Arc<ListenerCounters>,
        slots: ConnectionSlots,
        calls: Arc<ListenerSlots>,
        unopened: usize,
        options: &ServeOptions,
    ) -> Arc<Self> {
        Arc::new(ListenerState {
            slots,
            calls,
            unopened: UnopenedPool::new(unopened, options.unopened_grace, Arc::clone(&counters)),
            counters,
            refused: WarningLimit::new(WARNING_BURST, WARNING_INTERVAL),
            failed: WarningLimit::new(WARNING_BURST, WARNING_INTERVAL),
            full: WarningLimit::new(1, RARE_WARNING_INTERVAL),
            waiting: WarningLimit::new(1, RARE_WARNING_INTERVAL),
        })
    }

    /// Counts a refused connection, and logs causes that an operator can fix.
    pub(super) fn refused(&self, peer: PeerAddress, refusal: ConnectionRefusal) {
        match refusal {
            // The client disconnected, or the system has no memory or files left, which the accept loop logs.
            ConnectionRefusal::Disconnected | ConnectionRefusal::System => {}
            ConnectionRefusal::TimedOut => self.counters.count(CloseCause::Silent),
            ConnectionRefusal::Peer(reason, certificate) => {
                self.counters.count(CloseCause::Peer(reason));
                self.warn_of_peer(peer, reason, &certificate.unwrap_or_default());
            }
            ConnectionRefusal::Protocol(protocol) => {
                self.counters.count(CloseCause::Protocol(protocol));
                if let Some(suppressed) = self.failed.admit() {
                    let (listener, found) = (&self.counters.address, protocol.name());
                    tracing::warn!(%listener, %peer, found, suppressed, "the client uses another protocol than the listener: connection closed");
                }
            }
            ConnectionRefusal::Handshake(error) => {
                self.counters.count(CloseCause::Handshake);
                if let Some(suppressed) = self.failed.admit() {
                    let listener = &self.counters.address;
                    tracing::warn!(%listener, %peer, error, suppressed, "TLS handshake failed: connection closed");
                }
            }
        }
    }

    fn warn_of_peer(&self, peer: PeerAddress, reason: PeerRefusal, certificate: &PeerCertificate) {
        let Some(suppressed) = self.refused.admit() else {
            return;
        };
        let (listener, reason) = (&self.counters.address, reason.name());
        let (uri, serial) = (&certificate.uri, &certificate.serial);
        tracing::warn!(%listener, %peer, reason, uri, serial, suppressed, "the peer may not connect: connection closed");
    }

    /// Counts a connection that was closed for a newer one before it was served.
    pub(super) fn evicted(&self, peer: PeerAddress) {
        self.counters.count(CloseCause::Unopened);
        if let Some(suppressed) = self.full.admit() {
            let listener = &self.counters.address;
            tracing::warn!(%listener, %peer, suppressed, "too many unopened connections: the oldest are closed for new ones (limits.unopened)");
        }
    }

    /// Logs that the connection limit delays a connection.
    pub(super) fn warn_of_connection_limit(&self, peer: PeerAddress) {
        if let Some(suppressed) = self.waiting.admit() {
            let listener = &self.counters.address;
            tracing::warn!(%listener, %peer, suppressed, "connection limit reached: new connections wait (limits.connections)");
        }
    }
}

/// Enough to log each of a few misconfigured clients.
const WARNING_BURST: u32 = 10;
const WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// For conditions that one line describes as well as many.
const RARE_WARNING_INTERVAL: Duration = Duration::from_secs(10);
