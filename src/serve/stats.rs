//! The counters, limits and certificate expiries of a server, for the metrics page.

use std::sync::Arc;

use super::tls::TlsEndpoint;
use super::{Counters, ListenAddress, ListenerCounters};

/// A live view of a server, readable at any time.
#[derive(Debug, Clone)]
pub struct ServerStats {
    /// Counters of the server.
    pub counters: Arc<Counters>,
    /// Counters of each listener.
    pub listeners: Vec<Arc<ListenerCounters>>,
    /// The limit of served connections.
    pub connections: usize,
    /// The limit of unopened connections of each listener.
    pub unopened: usize,
    /// The limit of calls in flight.
    pub in_flight: usize,
    pub(super) endpoints: Vec<Arc<TlsEndpoint>>,
}

/// A TLS file of a listener, and when the first certificate or revocation list in it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateExpiry {
    /// The address of the listener.
    pub listener: ListenAddress,
    /// `certificate`, `client_ca` or `client_crl`.
    pub file: &'static str,
    /// `notAfter` or `nextUpdate`, in seconds since 1970.
    pub not_after: i64,
}

impl ServerStats {
    /// When the active TLS files expire.
    pub fn certificate_expiries(&self) -> Vec<CertificateExpiry> {
        let endpoints = self.endpoints.iter();
        endpoints
            .flat_map(|endpoint| endpoint.certificate_expiries())
            .collect()
    }
}
