//! `grpc.health.v1.Health`: SERVING only while there is a snapshot that counts and the process is not on its way out.
//!
//! Looked up at each call, so it cannot disagree with the engine. `/readyz` asks the same function. It tells nothing
//! about how good or how old the policies are (that is `GetSnapshot`), unless they no longer count for their age.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use crate::engine::Engine;

/// Whether the process is on its way out. Its clones are one state.
#[derive(Debug, Clone)]
pub struct HealthState(Arc<watch::Sender<Phase>>);

/// Why requests are not welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotReady {
    /// The process is on its way out.
    Draining,
    /// There are no policies.
    NoSnapshot,
    /// There are, but they could not be confirmed for longer than the operator allows.
    Stale,
}

/// Only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    Draining,
    Closed,
}

impl HealthState {
    /// The state of a process that stays.
    pub fn new() -> Self {
        HealthState(Arc::new(watch::Sender::new(Phase::Open)))
    }

    /// From now on every service is NOT_SERVING; requests are answered as before.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Ends the streams that would otherwise never end, so that their connections can be closed.
    pub fn close(&self) {
        self.advance(Phase::Closed);
    }

    /// Whether [`HealthState::drain`] or [`HealthState::close`] has been called.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() > Phase::Open
    }

    /// Whether requests are welcome: there is a snapshot to answer them from, and time to do it.
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

    /// The same in a word.
    pub fn is_serving(&self, engine: &Engine) -> bool {
        self.readiness(engine).is_ok()
    }

    /// Returns when [`HealthState::close`] is called.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut phase = self.0.subscribe();
        async move {
            // An error means that the state is gone, and the process with it.
            let _ = phase.wait_for(|phase| *phase == Phase::Closed).await;
        }
    }

    fn advance(&self, to: Phase) {
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

/// The service. It knows the services of its listener by name, and the server as a whole by "".
#[derive(Debug)]
pub struct Health {
    pub engine: Arc<Engine>,
    pub state: HealthState,
    pub services: Vec<&'static str>,
}

impl Health {
    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(&service)
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("this listener has no such service"));
        }
        let serving = self.state.is_serving(&self.engine);
        Ok(Response::new(response(status(serving))))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// One message at once and one at each change. A service that is not known is told as such and not
    /// hung up on (the comment on Watch in grpc/health/v1/health.proto).
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watcher = Watcher {
            is_known: self.knows(&request.get_ref().service),
            engine: Arc::clone(&self.engine),
            state: self.state.clone(),
            phase: self.state.0.subscribe(),
            told: None,
        };
        let changes = stream::unfold(watcher, |mut watcher| async move {
            let status = watcher.next().await?;
            Some((Ok(response(status)), watcher))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}

struct Watcher {
    is_known: bool,
    engine: Arc<Engine>,
    state: HealthState,
    phase: watch::Receiver<Phase>,
    told: Option<ServingStatus>,
}

impl Watcher {
    /// The next status that differs from what was told last; none when the process closes.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            let phase = *self.phase.borrow_and_update();
            let status = self.status();
            if self.told != Some(status) {
                self.told = Some(status);
                return Some(status);
            }
            if phase == Phase::Closed {
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

    /// Waits until something may have changed. The engine tells nobody of its first snapshot, nor when one has
    /// counted for too long, so it is looked at now and then; where neither can come, only the phase counts.
    async fn change(&mut self) -> Option<()> {
        if self.engine.active().is_some() && !self.engine.may_expire() {
            return self.phase.changed().await.ok();
        }
        match tokio::time::timeout(LOOK_AGAIN, self.phase.changed()).await {
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

/// How often a watcher looks at the engine.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
