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

/// A listener's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Where it is shown.
    pub listener: Address,
    /// Its end, in seconds since 1970.
    pub not_after: i64,
}

impl Figures {
    /// The certificates in force.
    pub fn certificates(&self) -> Vec<Certificate> {
        let endpoints = self.endpoints.iter();
        endpoints.map(|endpoint| endpoint.certificate()).collect()
    }
}
