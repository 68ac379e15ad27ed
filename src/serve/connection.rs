//! The life of one connection on its request thread.
//!
//! A connection opens (TLS handshake, HTTP/2 preface, first frame), waits for a connection slot if none is free, is
//! served, and closes gracefully (GOAWAY: running calls finish, new ones are refused). Opening, serving and closing have
//! deadlines. A connection that waits for a slot is closed when newer ones need its place. So no state lasts forever.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::activity::ConnectionActivity;
use super::connection_slots::ConnectionSlot;
use super::fair_read::FairRead;
use super::guard::{AdmissionControl, CallGuard, ConnectionCalls};
use super::listener_state::ListenerState;
use super::socket::{PeerAddress, PendingSocket, Socket};
use super::thread_load::ThreadLoad;
use super::threads::ConnectionGuard;
use super::tls::ConnectionRefusal;
use super::unopened::UnopenedSlot;
use super::unread::UnreadResponses;
use super::{CloseCause, Counters, HttpService, ServeOptions};
use crate::clock::jittered;

/// State that the server publishes to all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerState {
    pub(super) stage: ServerStage,
    /// How often idle connections were asked to close because another connection waits for a slot.
    pub(super) idle_close_requests: u64,
    /// When that was last.
    pub(super) last_idle_close_request: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerStage {
    Serving,
    /// Running calls may finish until the drain timeout.
    Draining,
    /// The drain timeout has passed: connections are aborted.
    Aborting,
}

/// A connection that was accepted and is not assigned to a request thread.
#[derive(Debug)]
pub(super) struct AcceptedConnection<S> {
    pub(super) socket: PendingSocket,
    pub(super) peer: PeerAddress,
    pub(super) service: S,
    pub(super) listener: Arc<ListenerState>,
    /// Its slot in the pool of unopened connections.
    pub(super) unopened: UnopenedSlot,
}

/// An accepted connection that is assigned to a request thread.
#[derive(Debug)]
pub(super) struct AssignedConnection<S> {
    pub(super) connection: AcceptedConnection<S>,
    /// Counts the connection on its thread.
    pub(super) guard: ConnectionGuard,
}

/// Shared by all connections of a server.
#[derive(Debug)]
pub(super) struct ServerShared {
    pub(super) options: ServeOptions,
    pub(super) admission: Arc<AdmissionControl>,
    pub(super) counters: Arc<Counters>,
    pub(super) state: watch::Sender<ServerState>,
}

/// Serves a connection until it is closed.
pub(super) async fn serve<S: HttpService>(
    assigned: AssignedConnection<S>,
    shared: Arc<ServerShared>,
    thread: Arc<ThreadLoad>,
) where
    S::Future: Send,
{
    let AssignedConnection {
        connection,
        guard: _guard,
    } = assigned;
    let AcceptedConnection {
        socket,
        peer,
        service,
        listener,
        unopened,
    } = connection;
    unopened.started();
    let mut opening = OpeningConnection {
        begun: Instant::now(),
        peer,
        listener: &listener,
        shared: &shared,
        unopened,
    };
    let Some((socket, mut preface)) = opening.before_deadline(socket.open()).await else {
        return;
    };
    let activity = ConnectionActivity::new();
    let unread = UnreadResponses::new(shared.options.unread_bytes);
    let calls = ConnectionCalls::new(
        Arc::clone(&shared.admission),
        Arc::clone(&listener.calls),
        thread,
        Arc::clone(&activity),
        Arc::clone(&unread),
    );
    let guard = CallGuard::new(service, calls);
    let socket = TokioIo::new(FairRead::new(socket, Arc::clone(&activity)));
    let mut connection = pin!(builder(&shared.options).serve_connection(socket, guard));
    let opened = opening
        .before_deadline(preface.opened(connection.as_mut()))
        .await;
    if opened.is_none() {
        return;
    }
    let Some(slot) = opening.acquire_slot(connection.as_mut()).await else {
        return;
    };
    let _gauge = ConnectionGauge::increment(&shared.counters);
    activity.admitted();
    preface.admit();
    let served = ServedConnection {
        phase: ConnectionPhase::Open,
        slot,
        activity: &activity,
        unread: &unread,
        listener: &listener,
        shared: &shared,
    };
    served.run(connection).await;
}

/// Counts a served connection in [`Counters::connections`] until dropped.
struct ConnectionGauge<'a>(&'a AtomicU64);

impl<'a> ConnectionGauge<'a> {
    fn increment(counters: &'a Counters) -> Self {
        counters.connections.fetch_add(1, Ordering::Relaxed);
        ConnectionGauge(&counters.connections)
    }
}

impl Drop for ConnectionGauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is not served yet. If it is refused, the client sees it closed, after a TLS alert if there is one.
struct OpeningConnection<'a> {
    begun: Instant,
    peer: PeerAddress,
    listener: &'a ListenerState,
    shared: &'a ServerShared,
    unopened: UnopenedSlot,
}

impl OpeningConnection<'_> {
    /// Runs one step of opening. `None` if the step fails, times out, or the connection is closed for another reason.
    async fn before_deadline<T>(
        &mut self,
        step: impl Future<Output = Result<T, ConnectionRefusal>>,
    ) -> Option<T> {
        let deadline = self.begun + self.shared.options.first_byte;
        let opened = tokio::select! {
            biased;
            opened = step => opened,
            () = self.unopened.closed() => {
                self.listener.evicted(self.peer);
                return None;
            }
            () = sleep_until(deadline) => Err(ConnectionRefusal::TimedOut),
            () = shutdown_started(self.shared.state.subscribe()) => return None,
        };
        opened
            .map_err(|refusal| self.listener.refused(self.peer, refusal))
            .ok()
    }

    /// Acquires a connection slot, or waits for one.
    async fn acquire_slot(mut self, http2: impl Future) -> Option<ConnectionSlot> {
        let OpeningConnection {
            listener, shared, ..
        } = self;
        if let Some(slot) = listener.slots.try_acquire() {
            return Some(slot);
        }
        self.unopened.opened();
        listener.counters.delayed.fetch_add(1, Ordering::Relaxed);
        listener.warn_of_connection_limit(self.peer);
        let interval = IDLE_CLOSE_INTERVAL.min(shared.options.idle_when_full);
        let request_idle_close = || {
            // Each change wakes every connection, so one request serves all that wait.
            let now = Instant::now();
            shared.state.send_if_modified(|state| {
                let is_due = state
                    .last_idle_close_request
                    .is_none_or(|last| now.duration_since(last) >= interval / 10);
                if is_due {
                    state.idle_close_requests += 1;
                    state.last_idle_close_request = Some(now);
                }
                is_due
            });
        };
        tokio::select! {
            biased;
            slot = listener.slots.wait(interval, request_idle_close) => slot,
            () = self.unopened.closed() => {
                listener.evicted(self.peer);
                None
            }
            () = shutdown_started(shared.state.subscribe()) => None,
            // Polled so that the server's SETTINGS are written.
            _ended = http2 => None,
        }
    }
}

fn builder(options: &ServeOptions) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.streams)
        .max_local_error_reset_streams(options.local_error_resets)
        .max_pending_accept_reset_streams(options.pending_accept_resets)
        .max_header_list_size(options.header_list_bytes)
        .max_frame_size(options.frame_bytes)
        .initial_stream_window_size(options.stream_window_bytes)
        .initial_connection_window_size(options.connection_window_bytes)
        .max_send_buf_size(usize::try_from(options.send_buffer_bytes).unwrap_or(MAX_SEND_BUFFER))
        .keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout)
        // gRPC does not use the date header.
        .auto_date_header(false);
    builder
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionPhase {
    Open,
    Closing,
}

/// A connection that is open and holds a slot.
struct ServedConnection<'a> {
    phase: ConnectionPhase,
    slot: ConnectionSlot,
    activity: &'a ConnectionActivity,
    unread: &'a UnreadResponses,
    listener: &'a ListenerState,
    shared: &'a ServerShared,
}

/// What to do with a connection after an event.
enum ConnectionAction {
    Continue,
    GoAway { deadline: Instant },
    Close,
}

type Http2<S> = http2::Connection<TokioIo<FairRead<Socket>>, CallGuard<S>, TokioExecutor>;

impl ServedConnection<'_> {
    async fn run<S: HttpService>(mut self, mut connection: Pin<&mut Http2<S>>)
    where
        S::Future: Send,
    {
        let age = jittered(self.shared.options.connection_age, JITTER);
        let mut deadline = pin!(sleep_until(Instant::now() + age));
        let mut change = pin!(next_state(self.shared.state.subscribe(), INITIAL_STATE));
        let mut stalled = pin!(self.unread.stalled(self.shared.options.unread_wait));
        loop {
            let action = tokio::select! {
                biased;
                // An error is caused by the client: it disconnected or violated the protocol.
                _ended = connection.as_mut() => return,
                () = deadline.as_mut() => self.on_deadline(),
                () = stalled.as_mut() => {
                    self.listener.counters.count(CloseCause::Unread);
                    ConnectionAction::Close
                }
                (receiver, state) = change.as_mut() => {
                    change.set(next_state(receiver, state));
                    self.on_state(state)
                }
            };
            match action {
                ConnectionAction::Continue => {}
                ConnectionAction::GoAway { deadline: due } => {
                    self.phase = ConnectionPhase::Closing;
                    connection.as_mut().graceful_shutdown();
                    deadline.as_mut().reset(due);
                }
                ConnectionAction::Close => return,
            }
        }
    }

    fn on_deadline(&mut self) -> ConnectionAction {
        match self.phase {
            ConnectionPhase::Open => ConnectionAction::GoAway {
                deadline: Instant::now() + self.shared.options.goaway_grace,
            },
            ConnectionPhase::Closing => ConnectionAction::Close,
        }
    }

    fn on_state(&mut self, state: ServerState) -> ConnectionAction {
        let options = &self.shared.options;
        match state.stage {
            // `Aborting` comes before this deadline.
            ServerStage::Draining => ConnectionAction::GoAway {
                deadline: Instant::now() + options.drain + options.goaway_grace,
            },
            ServerStage::Aborting => {
                self.listener.counters.count(CloseCause::Drain);
                ConnectionAction::Close
            }
            ServerStage::Serving => {
                // A reserved slot is of no use to another listener.
                let is_slot_needed = self.slot.is_shared || self.listener.slots.has_waiters();
                let is_closable = is_slot_needed
                    && self.phase != ConnectionPhase::Closing
                    && self.activity.is_idle_for(options.idle_when_full);
                if !is_closable {
                    return ConnectionAction::Continue;
                }
                self.listener.counters.count(CloseCause::Crowded);
                // No call runs, so a client that reads closes the connection as soon as it receives GOAWAY.
                ConnectionAction::GoAway {
                    deadline: Instant::now() + options.first_byte,
                }
            }
        }
    }
}

/// Resolves when the server starts to drain.
async fn shutdown_started(mut receiver: watch::Receiver<ServerState>) {
    let started = receiver.wait_for(|state| state.stage != ServerStage::Serving);
    if started.await.is_err() {
        std::future::pending().await
    }
}

/// The first state that differs from `last`. Never resolves once the sender is dropped.
async fn next_state(
    mut receiver: watch::Receiver<ServerState>,
    last: ServerState,
) -> (watch::Receiver<ServerState>, ServerState) {
    // Copied immediately: the lock of the value must not be held over an await.
    let state = receiver
        .wait_for(|state| *state != last)
        .await
        .map(|state| *state);
    match state {
        Ok(state) => (receiver, state),
        Err(_closed) => std::future::pending().await,
    }
}

/// ±10 %, in thousandths.
const JITTER: u32 = 100;
pub(super) const INITIAL_STATE: ServerState = ServerState {
    stage: ServerStage::Serving,
    idle_close_requests: 0,
    last_idle_close_request: None,
};

/// How often idle connections are asked to close while another connection waits for a slot.
const IDLE_CLOSE_INTERVAL: Duration = Duration::from_secs(1);

/// Used if `usize` is too small for the configured value, which is not the case on 32-bit and larger machines.
const MAX_SEND_BUFFER: usize = 64 * 1024;
