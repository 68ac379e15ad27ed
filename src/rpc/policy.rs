//! `PolicyService`: returns the snapshot in force, reloads the policies, and streams changes.
//!
//! It calls the reloader and never loads policies itself. An engine without a reloader (with policies set in process)
//! returns its snapshot and cannot reload or watch.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, stream};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tonic::{Request, Response, Status};

use super::health::HealthState;
use super::proto::{
    self, CacheCounters, GetSnapshotRequest, GetSnapshotResponse, Rejection, ReloadRequest,
    ReloadResponse, Snapshot, SnapshotCounts, WatchSnapshotsRequest, WatchSnapshotsResponse,
    policy_service_server as generated, watch_snapshots_response,
};
use super::router::Rights;
use super::{encode, router};
use crate::engine::Engine;
use crate::graph::Finding;
use crate::log::Log;
use crate::log::audit::{Actor, AuditEvent};
use crate::reload::{self, Activation, ReloadEvent, ReloadHandle};

/// Handles the methods of the service for callers with these rights.
#[derive(Debug)]
pub struct PolicyHandler {
    pub engine: Arc<Engine>,
    pub reload: Option<ReloadHandle>,
    pub log: Log,
    pub rights: Arc<Rights>,
    pub health: HealthState,
}

impl PolicyHandler {
    fn reloader(&self) -> Result<&ReloadHandle, Status> {
        let missing = || Status::failed_precondition("the policies are not read from a folder");
        self.reload.as_ref().ok_or_else(missing)
    }
}

#[tonic::async_trait]
impl generated::PolicyService for PolicyHandler {
    async fn get_snapshot(
        &self,
        _: Request<GetSnapshotRequest>,
    ) -> Result<Response<GetSnapshotResponse>, Status> {
        let response = in_force(&self.engine, self.reload.as_ref());
        Ok(Response::new(response))
    }

    async fn reload(
        &self,
        request: Request<ReloadRequest>,
    ) -> Result<Response<ReloadResponse>, Status> {
        router::check_operator(&self.rights, "Reload")?;
        let reloader = self.reloader()?;
        let allow_removals = request.into_inner().allow_removals;
        let outcome = reloader.reload(allow_removals).await;
        let word = match &outcome {
            reload::ReloadOutcome::Activated(_) => "activated",
            reload::ReloadOutcome::Unchanged { .. } => "unchanged",
            reload::ReloadOutcome::Rejected(_) => "rejected",
        };
        let (result, message, findings) = match outcome {
            reload::ReloadOutcome::Activated(_) => {
                (proto::ReloadOutcome::Activated, String::new(), Vec::new())
            }
            reload::ReloadOutcome::Unchanged { id: _ } => {
                (proto::ReloadOutcome::Unchanged, String::new(), Vec::new())
            }
            reload::ReloadOutcome::Rejected(rejection) => {
                let findings = lines(&rejection.findings);
                (proto::ReloadOutcome::Rejected, rejection.message, findings)
            }
        };
        let audit = AuditEvent::Reloaded {
            allow_removals,
            outcome: word,
        };
        // The reload is done, so the response does not depend on its record.
        self.log.record(&audit, Actor::Caller(&self.rights.callers));
        Ok(Response::new(ReloadResponse {
            outcome: result.into(),
            snapshot: self.engine.active().as_deref().map(encode::snapshot),
            message,
            findings,
        }))
    }

    type WatchSnapshotsStream = Pin<Box<dyn Stream<Item = WatchItem> + Send>>;

    async fn watch_snapshots(
        &self,
        _: Request<WatchSnapshotsRequest>,
    ) -> Result<Response<Self::WatchSnapshotsStream>, Status> {
        let events = BroadcastStream::new(self.reloader()?.events()).map(watch_item);
        let closing = Status::unavailable("the server is shutting down");
        let events = events
            .take_until(self.health.closed())
            .chain(stream::iter([Err(closing)]));
        Ok(Response::new(Box::pin(events)))
    }
}

/// The snapshot in force, the state of its source and the counters of the cache.
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
            entries: counters.usage.entries,
            weight_bytes: counters.usage.weight_bytes,
        }),
    }
}

/// A message of the stream, or the status that ends it.
type WatchItem = Result<WatchSnapshotsResponse, Status>;

fn watch_item(event: Result<ReloadEvent, BroadcastStreamRecvError>) -> WatchItem {
    use watch_snapshots_response::Event as Proto;
    let event = match event {
        Ok(ReloadEvent::Activated(activation)) => Proto::Activated(activated(&activation)),
        Ok(ReloadEvent::Rejected(rejection)) => Proto::Rejected(rejected(&rejection)),
        Err(BroadcastStreamRecvError::Lagged(missed)) => {
            return Err(Status::data_loss(format!(
                "{missed} messages were missed: call GetSnapshot and watch again"
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
    let first = findings.iter().take(MAX_FINDINGS);
    first.map(Finding::to_string).collect()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// About 200 bytes each, and clients accept messages of 4 MiB. `crosstrust check` prints all of them.
const MAX_FINDINGS: usize = 1000;
