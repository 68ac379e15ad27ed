//! How the server fares, for whoever shows it.

use std::sync::Arc;

use super::tls::Endpoint;
use super::{Address, Counters, ListenerCounters};

/// A view of a server, to be looked at at any time.
#[derive(Debug, Clone)]
pub struct Figures {
    /// What has happened, and how much there is.
    pub counters: Arc<Counters>,
    /// The same for each listener.
    pub listeners: Vec<Arc<ListenerCounters>>,
    /// How many connections may be served at once.
    pub connections: usize,
    /// How many connections of each listener may be accepted and not served.
    pub unopened: usize,
    /// How many calls may be at work.
    pub in_flight: usize,
    pub(super) endpoints: Vec<Arc<Endpoint>>,
}

/// A file of a listener's TLS, and when the first certificate or revocation list in it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The listener.
    pub listener: Address,
    /// `certificate`, `client_ca` or `client_crl`.
    pub file: &'static str,
    /// The end, in seconds since 1970.
    pub not_after: i64,
}

impl Figures {
    /// The certificates in force.
    pub fn certificates(&self) -> Vec<Certificate> {
        let endpoints = self.endpoints.iter();
        endpoints
            .flat_map(|endpoint| endpoint.certificates())
            .collect()
    }
}
