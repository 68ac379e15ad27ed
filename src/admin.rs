//! The admin address: metrics, health and the snapshot in force, over plain HTTP/1.1 for machines of the operator.
//!
//! `GET /metrics /healthz /readyz /v1/snapshot`, nothing that changes anything. All of it runs on one thread of its
//! own with limits of its own: a scrape takes nothing from request threads, and who hangs on here keeps nobody out
//! there. Reads what other rooms count and keep, at that moment; counts nothing itself.

mod exposition;
mod pages;
mod places;
mod process;
mod server;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::identity::Identity;
use crate::identity::follow::FollowHandle;
use crate::metrics::{LogFigures, Metrics};
use crate::reload::ReloadHandle;
use crate::rpc::HealthState;
use crate::serve::Figures;

pub use server::{Admin, AdminHandle};

/// Where everything is read that is shown.
#[derive(Debug, Clone)]
pub struct Sources {
    /// What request threads count.
    pub metrics: Arc<Metrics>,
    /// The snapshot and the cache.
    pub engine: Arc<Engine>,
    /// Whether requests are welcome.
    pub health: HealthState,
    /// How the policies folder stands, where there is one.
    pub reload: Option<ReloadHandle>,
    /// What became of tokens, where an issuer is believed.
    pub identity: Option<Arc<Identity>>,
    /// How the issuers' keys stand, likewise.
    pub keys: Option<FollowHandle>,
    /// How the listeners fare.
    pub server: Figures,
    /// How the log stands, where there is one.
    pub log: Option<LogSource>,
    /// How long the policies may be stale, where that has an end.
    pub stale_budget: Option<Duration>,
}

/// Asks the log for its figures.
#[derive(Clone)]
pub struct LogSource(pub Arc<dyn Fn() -> LogFigures + Send + Sync>);

impl fmt::Debug for LogSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LogSource")
    }
}

/// Why there is no admin address.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for metrics and health: {source}; `--admin` names another address, or `off`"
)]
pub struct AdminError {
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}
