//! What the connections of one listener share: places, counters and the limits of its log lines.

use std::sync::Arc;
use std::time::Duration;

use super::connection_places::ConnectionPlaces;
use super::guard::ListenerPlaces;
use super::socket::PeerAddress;
use super::tls::{PeerCertificate, Refusal};
use super::unopened::UnopenedPool;
use super::{CloseCause, ListenerCounters, PeerRefusal, ServeOptions};
use crate::rate::WarningLimit;

/// One listener, as its connections see it.
#[derive(Debug)]
pub(super) struct ListenerState {
    pub(super) counters: Arc<ListenerCounters>,
    pub(super) places: ConnectionPlaces,
    /// The places of its calls and streams.
    pub(super) calls: Arc<ListenerPlaces>,
    pub(super) unopened: Arc<UnopenedPool>,
    refused: WarningLimit,
    failed: WarningLimit,
    full: WarningLimit,
    waiting: WarningLimit,
}

impl ListenerState {
    pub(super) fn new(
        counters: Arc<ListenerCounters>,
        places: ConnectionPlaces,
        calls: Arc<ListenerPlaces>,
        unopened: usize,
        options: &ServeOptions,
    ) -> Arc<Self> {
        Arc::new(ListenerState {
            places,
            calls,
            unopened: UnopenedPool::new(unopened, options.unopened_grace, Arc::clone(&counters)),
            counters,
            refused: WarningLimit::new(BURST, EACH),
            failed: WarningLimit::new(BURST, EACH),
            full: WarningLimit::new(1, RARELY),
            waiting: WarningLimit::new(1, RARELY),
        })
    }

    /// Counts a connection that does not open, and logs what an operator can mend.
    pub(super) fn refused(&self, peer: PeerAddress, refusal: Refusal) {
        match refusal {
            // The client went away, or the system is short of memory or files, which the accept loop logs.
            Refusal::Gone | Refusal::System => {}
            Refusal::Late => self.counters.count(CloseCause::Silent),
            Refusal::Peer(reason, certificate) => {
                self.counters.count(CloseCause::Peer(reason));
                self.warn_of_peer(peer, reason, &certificate.unwrap_or_default());
            }
            Refusal::Protocol(protocol) => {
                self.counters.count(CloseCause::Protocol(protocol));
                if let Some(suppressed) = self.failed.admit() {
                    let (listener, found) = (&self.counters.address, protocol.name());
                    tracing::warn!(%listener, %peer, found, suppressed, "a client speaks another protocol than the listener: connection closed");
                }
            }
            Refusal::Handshake(error) => {
                self.counters.count(CloseCause::Handshake);
                if let Some(suppressed) = self.failed.admit() {
                    let listener = &self.counters.address;
                    tracing::warn!(%listener, %peer, error, suppressed, "a TLS handshake failed");
                }
            }
        }
    }

    fn warn_of_peer(&self, peer: PeerAddress, reason: PeerRefusal, shown: &PeerCertificate) {
        let Some(suppressed) = self.refused.admit() else {
            return;
        };
        let (listener, reason) = (&self.counters.address, reason.name());
        let (uri, serial) = (&shown.uri, &shown.serial);
        tracing::warn!(%listener, %peer, reason, uri, serial, suppressed, "a peer may not connect: connection closed");
    }

    /// Counts a connection that had to make way for a newer one before it was served.
    pub(super) fn made_way(&self, peer: PeerAddress) {
        self.counters.count(CloseCause::Unopened);
        if let Some(suppressed) = self.full.admit() {
            let listener = &self.counters.address;
            tracing::warn!(%listener, %peer, suppressed, "too many connections have not opened or wait for a place: the oldest are closed (limits.unopened)");
        }
    }

    /// Logs that all places are taken.
    pub(super) fn warn_of_waiting(&self, peer: PeerAddress) {
        if let Some(suppressed) = self.waiting.admit() {
            let listener = &self.counters.address;
            tracing::warn!(%listener, %peer, suppressed, "all places for connections are taken: a connection waits (limits.connections)");
        }
    }
}

/// Enough to see each of a few clients that are set up wrongly.
const BURST: u32 = 10;
const EACH: Duration = Duration::from_secs(1);

/// For what one line says as well as many.
const RARELY: Duration = Duration::from_secs(10);
