//! The admin address: metrics, health and the active snapshot over plain HTTP/1.1, for the operator.
//!
//! Serves `GET` of `/metrics`, `/healthz`, `/readyz` and `/v1/snapshot`; nothing can be changed. Runs on a separate
//! thread with separate limits: scrapes and slow clients do not affect request threads. Reads the counters and state of
//! other modules on each request; counts nothing itself.

mod connections;
mod exposition;
mod pages;
mod process;
mod server;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::identity::TokenVerifier;
use crate::identity::follow::FollowHandle;
use crate::metrics::{LogMetrics, Metrics};
use crate::reload::ReloadHandle;
use crate::rpc::HealthState;
use crate::serve::ServerStats;

pub use server::{Admin, AdminHandle};

/// The sources of the pages.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The counters of request threads.
    pub metrics: Arc<Metrics>,
    /// The snapshot and the cache.
    pub engine: Arc<Engine>,
    /// Readiness.
    pub health: HealthState,
    /// The state of the policies folder, if there is one.
    pub reload: Option<ReloadHandle>,
    /// Token verification, if an issuer is configured.
    pub identity: Option<Arc<TokenVerifier>>,
    /// The key sets of issuers, if an issuer is configured.
    pub keys: Option<FollowHandle>,
    /// The listeners and their connections.
    pub server: ServerStats,
    /// The log, if it is on.
    pub log: Option<LogMetricsSource>,
    /// How long the policies may be stale; `None` = forever.
    pub stale_budget: Option<Duration>,
}

/// Reads the metrics of the log.
#[derive(Clone)]
pub struct LogMetricsSource(pub Arc<dyn Fn() -> LogMetrics + Send + Sync>);

impl fmt::Debug for LogMetricsSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LogMetricsSource")
    }
}

/// The admin address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for metrics and health: {source}; `--admin` names another address, or `off`"
)]
pub struct AdminError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the operating system.
    pub source: io::Error,
}
