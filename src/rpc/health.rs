//! `grpc.health.v1.Health`: SERVING only if the engine has a valid snapshot and the process is not draining.
//!
//! Computed for each call, so it always agrees with the engine. `/readyz` uses the same function. It does not report the
//! findings or the age of the policies (see `GetSnapshot`), unless they are too old to be used.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use crate::engine::Engine;

/// Whether the process is draining. Clones share one state.
#[derive(Debug, Clone)]
pub struct HealthState(Arc<watch::Sender<ShutdownPhase>>);

/// Why the process is not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotReady {
    /// The process is draining.
    Draining,
    /// No policies are loaded.
    NoSnapshot,
    /// The policies could not be confirmed for longer than configured.
    Stale,
}

/// The progress of the shutdown. Never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ShutdownPhase {
    Open,
    Draining,
    Closed,
}

impl HealthState {
    /// The state of a process that is not draining.
    pub fn new() -> Self {
        HealthState(Arc::new(watch::Sender::new(ShutdownPhase::Open)))
    }

    /// Sets every service to NOT_SERVING. Requests are still answered.
    pub fn drain(&self) {
        self.advance(ShutdownPhase::Draining);
    }

    /// Ends the open streams, so that their connections can be closed.
    pub fn close(&self) {
        self.advance(ShutdownPhase::Closed);
    }

    /// Whether [`HealthState::drain`] or [`HealthState::close`] has been called.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() > ShutdownPhase::Open
    }

    /// Whether the process is ready: it is not draining and has a valid snapshot.
    pub fn readiness(&self, engine: &Engine) -> Result<(), NotReady> {
        if self.is_draining() {
            return Err(NotReady::Draining);
        }
        if engine.has_policies() {
            return Ok(());
        }
        Err(match engine.active() {
            Some(_) => NotReady::Stale,
            None => NotReady::NoSnapshot,
        })
    }

    /// Whether the process is ready, as a bool.
    pub fn is_serving(&self, engine: &Engine) -> bool {
        self.readiness(engine).is_ok()
    }

    /// Returns when [`HealthState::close`] is called.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut phase = self.0.subscribe();
        async move {
            // An error means that the state was dropped, so the process is ending.
            let _ = phase
                .wait_for(|phase| *phase == ShutdownPhase::Closed)
                .await;
        }
    }

    fn advance(&self, to: ShutdownPhase) {
        self.0.send_if_modified(|phase| {
            let later = *phase < to;
            *phase = (*phase).max(to);
            later
        });
    }
}

impl Default for HealthState {
    fn default() -> Self {
        Self::new()
    }
}

/// Handles the methods of the service. "" is the server; other names are the services of the listener.
#[derive(Debug)]
pub struct HealthHandler {
    pub engine: Arc<Engine>,
    pub state: HealthState,
    pub services: Vec<&'static str>,
}

impl HealthHandler {
    fn has_service(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

#[tonic::async_trait]
impl health_server::Health for HealthHandler {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.has_service(&request.get_ref().service) {
            return Err(Status::not_found(
                "this listener does not offer the service",
            ));
        }
        let serving = self.state.is_serving(&self.engine);
        Ok(Response::new(response(status(serving))))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// Sends one message immediately and one at each change. For an unknown service it sends SERVICE_UNKNOWN and keeps the
    /// stream open (comment on Watch in grpc/health/v1/health.proto).
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watcher = HealthWatcher {
            is_known: self.has_service(&request.get_ref().service),
            engine: Arc::clone(&self.engine),
            state: self.state.clone(),
            phase: self.state.0.subscribe(),
            last_sent: None,
        };
        let changes = stream::unfold(watcher, |mut watcher| async move {
            let status = watcher.next().await?;
            Some((Ok(response(status)), watcher))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}

struct HealthWatcher {
    is_known: bool,
    engine: Arc<Engine>,
    state: HealthState,
    phase: watch::Receiver<ShutdownPhase>,
    last_sent: Option<ServingStatus>,
}

impl HealthWatcher {
    /// Returns the next status that differs from the last one sent. `None` when the process closes its streams.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            let phase = *self.phase.borrow_and_update();
            let status = self.status();
            if self.last_sent != Some(status) {
                self.last_sent = Some(status);
                return Some(status);
            }
            if phase == ShutdownPhase::Closed {
                return None;
            }
            self.change().await?;
        }
    }

    fn status(&self) -> ServingStatus {
        if self.is_known {
            status(self.state.is_serving(&self.engine))
        } else {
            ServingStatus::Unknown
        }
    }

    /// Waits until the status may have changed. The engine does not notify of its first snapshot or of an expired one, so it
    /// is polled. If neither can occur, only a change of the phase is awaited.
    async fn change(&mut self) -> Option<()> {
        if self.engine.active().is_some() && !self.engine.may_expire() {
            return self.phase.changed().await.ok();
        }
        match tokio::time::timeout(POLL_INTERVAL, self.phase.changed()).await {
            Ok(changed) => changed.ok(),
            Err(_) => Some(()),
        }
    }
}

fn status(is_serving: bool) -> ServingStatus {
    if is_serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    use tonic_health::pb::health_check_response::ServingStatus as Wire;
    let status = match status {
        ServingStatus::Serving => Wire::Serving,
        ServingStatus::NotServing => Wire::NotServing,
        ServingStatus::Unknown => Wire::ServiceUnknown,
    };
    HealthCheckResponse {
        status: status.into(),
    }
}

/// How often a watcher polls the engine.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
