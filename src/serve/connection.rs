//! One connection, from its first byte to its end.
//!
//! It opens, waits for a place if there is none, serves, leaves (GOAWAY: running calls end, no new ones) and is gone.
//! Opening, serving and leaving each have a deadline; one that waits makes way for newer ones. So no client can stay in
//! any of them for ever.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::activity::Activity;
use super::connection_places::ConnectionPlace;
use super::fair_read::FairRead;
use super::guard::{ConnectionCalls, Gate, Guard};
use super::listener_state::ListenerState;
use super::socket::{Loose, PeerAddress, Socket};
use super::thread_load::ThreadLoad;
use super::threads::Burden;
use super::tls::Refusal;
use super::unopened::UnopenedPlace;
use super::unread::Unread;
use super::{Call, CloseCause, Counters, ServeOptions};
use crate::clock::jittered;

/// What all connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) stage: Stage,
    /// How often connections without a call were asked to leave because another waits for a place …
    pub(super) crowded: u64,
    /// … and when that was last.
    pub(super) asked: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Serving,
    /// Let running calls end.
    Draining,
    /// The time for that is over.
    Cutting,
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct NewConnection<S> {
    pub(super) socket: Loose,
    pub(super) peer: PeerAddress,
    pub(super) service: S,
    pub(super) listener: Arc<ListenerState>,
    /// Its place until it is served.
    pub(super) unopened: UnopenedPlace,
}

/// An accepted connection on its way to a request thread.
#[derive(Debug)]
pub(super) struct Arrival<S> {
    pub(super) connection: NewConnection<S>,
    /// Its part of the thread's burden, given back at its end.
    pub(super) burden: Burden,
}

/// What the connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ServeOptions,
    pub(super) gate: Arc<Gate>,
    pub(super) counters: Arc<Counters>,
    pub(super) orders: watch::Sender<Orders>,
}

/// Serves it to its end.
pub(super) async fn serve<S: Call>(
    arrival: Arrival<S>,
    shared: Arc<Shared>,
    thread: Arc<ThreadLoad>,
) where
    S::Future: Send,
{
    let Arrival {
        connection,
        burden: _burden,
    } = arrival;
    let NewConnection {
        socket,
        peer,
        service,
        listener,
        unopened,
    } = connection;
    unopened.started();
    let mut entry = Entry {
        begun: Instant::now(),
        peer,
        listener: &listener,
        shared: &shared,
        unopened,
    };
    let Some((socket, mut admission)) = entry.in_time(socket.open()).await else {
        return;
    };
    let activity = Activity::new();
    let unread = Unread::new(shared.options.unread_bytes);
    let calls = ConnectionCalls::new(
        Arc::clone(&shared.gate),
        Arc::clone(&listener.calls),
        thread,
        Arc::clone(&activity),
        Arc::clone(&unread),
    );
    let guard = Guard::new(service, calls);
    let socket = TokioIo::new(FairRead::new(socket, Arc::clone(&activity)));
    let mut connection = pin!(builder(&shared.options).serve_connection(socket, guard));
    let opened = entry.in_time(admission.opened(connection.as_mut())).await;
    if opened.is_none() {
        return;
    }
    let Some(place) = entry.place(connection.as_mut()).await else {
        return;
    };
    let _counted = Counted::one_of(&shared.counters);
    activity.admitted();
    admission.admit();
    let course = Course {
        phase: Phase::Open,
        place,
        activity: &activity,
        unread: &unread,
        listener: &listener,
        shared: &shared,
    };
    course.run(connection).await;
}

/// One of the connections that are served, until this is dropped.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn one_of(counters: &'a Counters) -> Self {
        counters.connections.fetch_add(1, Ordering::Relaxed);
        Counted(&counters.connections)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is not served yet. Where it does not come to that, the client sees a closed connection, and before
/// it an alert where TLS has one.
struct Entry<'a> {
    begun: Instant,
    peer: PeerAddress,
    listener: &'a ListenerState,
    shared: &'a Shared,
    unopened: UnopenedPlace,
}

impl Entry<'_> {
    /// A step of opening it, unless its time is over before.
    async fn in_time<T>(&mut self, step: impl Future<Output = Result<T, Refusal>>) -> Option<T> {
        let late = self.begun + self.shared.options.first_byte;
        let opened = tokio::select! {
            biased;
            opened = step => opened,
            () = self.unopened.closed() => {
                self.listener.made_way(self.peer);
                return None;
            }
            () = sleep_until(late) => Err(Refusal::Late),
            () = ending(self.shared.orders.subscribe()) => return None,
        };
        opened
            .map_err(|refusal| self.listener.refused(self.peer, refusal))
            .ok()
    }

    /// Takes a place, or waits for one.
    async fn place(mut self, http2: impl Future) -> Option<ConnectionPlace> {
        let Entry {
            listener, shared, ..
        } = self;
        if let Some(place) = listener.places.try_take() {
            return Some(place);
        }
        self.unopened.opened();
        listener.counters.waited.fetch_add(1, Ordering::Relaxed);
        listener.warn_of_waiting(self.peer);
        let pause = ASK_AGAIN.min(shared.options.idle_when_full);
        let ask = || {
            // Each order wakes every connection: one serves all that wait.
            let now = Instant::now();
            shared.orders.send_if_modified(|orders| {
                let is_due = orders
                    .asked
                    .is_none_or(|asked| now.duration_since(asked) >= pause / 10);
                if is_due {
                    orders.crowded += 1;
                    orders.asked = Some(now);
                }
                is_due
            });
        };
        tokio::select! {
            biased;
            place = listener.places.wait(pause, ask) => place,
            () = self.unopened.closed() => {
                listener.made_way(self.peer);
                None
            }
            () = ending(shared.orders.subscribe()) => None,
            // It still writes its SETTINGS.
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
        .max_send_buf_size(usize::try_from(options.send_buffer_bytes).unwrap_or(MOST_SEND_BUFFER))
        .keep_alive_interval(options.keepalive_interval)
        .keep_alive_timeout(options.keepalive_timeout)
        // gRPC has no use for a date in every answer.
        .auto_date_header(false);
    builder
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Leaving,
}

/// Where a connection stands.
struct Course<'a> {
    phase: Phase,
    place: ConnectionPlace,
    activity: &'a Activity,
    unread: &'a Unread,
    listener: &'a ListenerState,
    shared: &'a Shared,
}

/// What is to be done with a connection.
enum Step {
    Go,
    Leave { deadline: Instant },
    Drop,
}

type Http2<S> = http2::Connection<TokioIo<FairRead<Socket>>, Guard<S>, TokioExecutor>;

impl Course<'_> {
    async fn run<S: Call>(mut self, mut connection: Pin<&mut Http2<S>>)
    where
        S::Future: Send,
    {
        let age = jittered(self.shared.options.connection_age, JITTER);
        let mut deadline = pin!(sleep_until(Instant::now() + age));
        let mut orders = pin!(next(self.shared.orders.subscribe(), INITIAL));
        let mut stuck = pin!(self.unread.stuck(self.shared.options.unread_wait));
        loop {
            let step = tokio::select! {
                biased;
                // An error is the client's: it went away or broke the protocol.
                _ended = connection.as_mut() => return,
                () = deadline.as_mut() => self.on_deadline(),
                () = stuck.as_mut() => {
                    self.listener.counters.count(CloseCause::Unread);
                    Step::Drop
                }
                (receiver, order) = orders.as_mut() => {
                    orders.set(next(receiver, order));
                    self.on_order(order)
                }
            };
            match step {
                Step::Go => {}
                Step::Leave { deadline: due } => {
                    self.phase = Phase::Leaving;
                    connection.as_mut().graceful_shutdown();
                    deadline.as_mut().reset(due);
                }
                Step::Drop => return,
            }
        }
    }

    fn on_deadline(&mut self) -> Step {
        match self.phase {
            Phase::Open => Step::Leave {
                deadline: Instant::now() + self.shared.options.goaway_grace,
            },
            Phase::Leaving => Step::Drop,
        }
    }

    fn on_order(&mut self, order: Orders) -> Step {
        let options = &self.shared.options;
        match order.stage {
            // The order to cut is the deadline; this one is only never reached.
            Stage::Draining => Step::Leave {
                deadline: Instant::now() + options.drain + options.goaway_grace,
            },
            Stage::Cutting => {
                self.listener.counters.count(CloseCause::Drain);
                Step::Drop
            }
            Stage::Serving => {
                // Its place would be of no use to a connection of another listener.
                let is_wanted = self.place.is_shared || self.listener.places.has_waiting();
                let spare = is_wanted
                    && self.phase != Phase::Leaving
                    && self.activity.is_idle_for(options.idle_when_full);
                if !spare {
                    return Step::Go;
                }
                self.listener.counters.count(CloseCause::Crowded);
                // Nothing runs, so whoever reads a GOAWAY answers it at once.
                Step::Leave {
                    deadline: Instant::now() + options.first_byte,
                }
            }
        }
    }
}

/// Until the server is told to end.
async fn ending(mut orders: watch::Receiver<Orders>) {
    let told = orders.wait_for(|order| order.stage != Stage::Serving);
    if told.await.is_err() {
        std::future::pending().await
    }
}

/// The first order that differs from `last`; never, when nobody is left to give one.
async fn next(
    mut orders: watch::Receiver<Orders>,
    last: Orders,
) -> (watch::Receiver<Orders>, Orders) {
    // Copied out at once: the value's lock may not be held over an await.
    let order = orders
        .wait_for(|order| *order != last)
        .await
        .map(|order| *order);
    match order {
        Ok(order) => (orders, order),
        Err(_closed) => std::future::pending().await,
    }
}

/// A tenth more or less.
const JITTER: u32 = 100;
pub(super) const INITIAL: Orders = Orders {
    stage: Stage::Serving,
    crowded: 0,
    asked: None,
};

/// How often connections without a call are asked to leave while another waits.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Where `usize` cannot hold what the options say, which is on no machine of today.
const MOST_SEND_BUFFER: usize = 64 * 1024;
