//! `PolicyService`: which policies are in force, look again now, and tell me when that changes.
//!
//! It asks the reloader and never loads anything itself. An engine without one (policies given in process)
//! tells its snapshot and has nothing to reload or to watch.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tonic::{Request, Response, Status};

use super::health::HealthState;
use super::proto::{
    CacheCounters, GetSnapshotRequest, GetSnapshotResponse, Rejection, ReloadOutcome,
    ReloadRequest, ReloadResponse, Snapshot, SnapshotCounts, WatchSnapshotsRequest,
    WatchSnapshotsResponse, policy_service_server as generated, watch_snapshots_response,
};
use super::router::Rights;
use super::{encode, router};
use crate::engine::Engine;
use crate::graph::Finding;
use crate::log::Log;
use crate::log::audit::{Actor, Audit};
use crate::reload::{self, Activation, Event, Outcome, ReloadHandle};

/// The service, for callers with these rights.
#[derive(Debug)]
pub struct Policy {
    pub engine: Arc<Engine>,
    pub reload: Option<ReloadHandle>,
    pub log: Log,
    pub rights: Arc<Rights>,
    pub health: HealthState,
}

impl Policy {
    fn reloader(&self) -> Result<&ReloadHandle, Status> {
        let missing = || Status::failed_precondition("the policies are not read from a folder");
        self.reload.as_ref().ok_or_else(missing)
    }
}

#[tonic::async_trait]
impl generated::PolicyService for Policy {
    async fn get_snapshot(
        &self,
        _: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        let told = in_force(&self.engine, self.reload.as_ref());
        Ok(Response::new(told))
    }

    async fn reload(
        &self,
        request: Request<ReloadRequest>,
    ) -> Result<Response<ReloadResponse>, Status> {
        router::operators_only(&self.rights, "Reload")?;
        let reloader = self.reloader()?;
        let allow_removals = request.into_inner().allow_removals;
        let outcome = reloader.reload(allow_removals).await;
        let word = match &outcome {
            Outcome::Activated(_) => "activated",
            Outcome::Unchanged { .. } => "unchanged",
            Outcome::Rejected(_) => "rejected",
        };
        let (told, message, findings) = match outcome {
            Outcome::Activated(_) => (ReloadOutcome::Activated, String::new(), Vec::new()),
            Outcome::Unchanged { id: _ } => (ReloadOutcome::Unchanged, String::new(), Vec::new()),
            Outcome::Rejected(rejection) => {
                let findings = lines(&rejection.findings);
                (ReloadOutcome::Rejected, rejection.message, findings)
            }
        };
        let audit = Audit::Reloaded {
            allow_removals,
            outcome: word,
        };
        // It has happened, so it is answered whatever becomes of its record.
        self.log
            .happened(&audit, Actor::Caller(&self.rights.callers));
        Ok(Response::new(ReloadResponse {
            outcome: told.into(),
            snapshot: self.engine.active().as_deref().map(encode::snapshot),
            message,
            findings,
        }))
    }

    type WatchSnapshotsStream = Pin<Box<dyn Stream<Item = Told> + Send>>;

    async fn watch_snapshots(
        &self,
        _: Request<WatchSnapshotsRequest>,
    ) -> Result<Response<Self::WatchSnapshotsStream>, Status> {
        let events = BroadcastStream::new(self.reloader()?.events()).map(told);
        let goodbye = Status::unavailable("the server is going down");
        let events = events
            .take_until(self.health.closed())
            .chain(stream::iter([Err(goodbye)]));
        Ok(Response::new(Box::pin(events)))
    }
}

/// What is in force, how it came to be and how it fares.
pub fn in_force(engine: &Engine, reload: Option<&ReloadHandle>) -> GetSnapshotResponse {
    let status = reload.map(ReloadHandle::status).unwrap_or_default();
    let active = engine.active();
    let counters = engine.counters();
    GetSnapshotResponse {
        snapshot: active.as_deref().map(encode::snapshot),
        source: active
            .as_ref()
            .map_or_else(String::new, |active| active.source.clone()),
        counts: active.as_ref().map(|active| {
            let counts = active.snapshot.counts();
            SnapshotCounts {
                tenants: number(counts.tenants),
                partners: number(counts.partners),
                policies: number(counts.policies),
            }
        }),
        last_error: status.last_error.unwrap_or_default(),
        findings: lines(&status.findings),
        stale_since: status
            .stale_since
            .map(|since| encode::timestamp(since.wall)),
        cache: Some(CacheCounters {
            hits: counters.hits,
            misses: counters.misses,
            entries: counters.held.entries,
            weight_bytes: counters.held.weight_bytes,
        }),
    }
}

/// One message of the stream, or how it ends.
type Told = Result<WatchSnapshotsResponse, Status>;

fn told(event: Result<Event, BroadcastStreamRecvError>) -> Told {
    use watch_snapshots_response::Event as Wire;
    let event = match event {
        Ok(Event::Activated(activation)) => Wire::Activated(activated(&activation)),
        Ok(Event::Rejected(rejection)) => Wire::Rejected(rejected(&rejection)),
        Err(BroadcastStreamRecvError::Lagged(missed)) => {
            return Err(Status::data_loss(format!(
                "{missed} messages were missed: ask GetSnapshot and watch again"
            )));
        }
    };
    Ok(WatchSnapshotsResponse { event: Some(event) })
}

fn activated(activation: &Activation) -> Snapshot {
    Snapshot {
        id: activation.id.to_string(),
        version: activation.version,
        activated_at: Some(encode::timestamp(activation.at)),
    }
}

fn rejected(rejection: &reload::Rejection) -> Rejection {
    Rejection {
        message: rejection.message.clone(),
        findings: lines(&rejection.findings),
        rejected_at: Some(encode::timestamp(rejection.at)),
    }
}

fn lines(findings: &[Finding]) -> Vec<String> {
    let first = findings.iter().take(MOST_FINDINGS_TOLD);
    first.map(Finding::to_string).collect()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Some 200 bytes each, and clients take messages of 4 MiB. `crosstrust check` tells all of them.
const MOST_FINDINGS_TOLD: usize = 1000;
