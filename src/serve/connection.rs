//! One connection, from its first byte to its end.
//!
//! It opens, serves, leaves (GOAWAY: running calls end, no new ones) and is gone. Each of the first three
//! has a deadline, so that no client can stay in one for ever.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::activity::Activity;
use super::fair_read::FairRead;
use super::guard::{ConnectionCalls, Gate, Guard, Offer};
use super::socket::{Loose, Socket};
use super::thread_load::ThreadLoad;
use super::threads::Burden;
use super::tls::Refusal;
use super::unread::Unread;
use super::{Call, Counters, ServeOptions};
use crate::clock::jittered;

/// What all connections are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) stage: Stage,
    /// How often a connection had to wait outside for a place.
    pub(super) crowded: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Serving,
    /// Let running calls end.
    Draining,
    /// The time for that is over.
    Cutting,
}

/// An accepted connection on its way to a request thread.
#[derive(Debug)]
pub(super) struct Arrival<S> {
    pub(super) socket: Loose,
    pub(super) offer: Offer<S>,
    /// Its place among the connections, given back at its end.
    pub(super) place: OwnedSemaphorePermit,
    /// Its part of the thread's burden, likewise.
    pub(super) burden: Burden,
}

/// What the connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ServeOptions,
    pub(super) gate: Arc<Gate>,
    pub(super) counters: Arc<Counters>,
    pub(super) orders: watch::Receiver<Orders>,
    /// Places for TLS handshakes.
    pub(super) handshakes: Semaphore,
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
        socket,
        offer,
        place: _place,
        burden: _burden,
    } = arrival;
    let begun = Instant::now();
    let _counted = Counted::one_of(&shared.counters);
    let activity = Activity::new();
    let Some(socket) = open(socket, &activity, &shared, begun).await else {
        return;
    };
    let unread = Unread::new(shared.options.unread_bytes);
    let calls = ConnectionCalls::new(
        Arc::clone(&shared.gate),
        offer.places,
        thread,
        Arc::clone(&activity),
        Arc::clone(&unread),
    );
    let guard = Guard::new(offer.service, calls);
    let connection =
        builder(&shared.options).serve_connection(TokioIo::new(FairRead::new(socket)), guard);
    let course = Course {
        phase: Phase::Opening,
        begun,
        activity: &activity,
        unread: &unread,
        shared: &shared,
    };
    course.run(pin!(connection)).await;
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

/// The socket, its TLS handshake done. `None` when it does not come to that: the client sees a closed connection,
/// and before it an alert where TLS has one.
async fn open(
    socket: Loose,
    activity: &Arc<Activity>,
    shared: &Shared,
    begun: Instant,
) -> Option<Socket> {
    let counters = &shared.counters;
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    tokio::select! {
        biased;
        socket = socket.open(activity, &shared.handshakes) => match socket {
            Ok(socket) => return Some(socket),
            // Files or memory are short, which the accept loop tells of.
            Err(Refusal::System) => 0,
            Err(Refusal::Late) => count(&counters.never_opened),
            Err(Refusal::Crowded) => count(&counters.shed_handshakes),
            Err(Refusal::Handshake) => count(&counters.failed_handshakes),
            Err(Refusal::Peer) => count(&counters.refused_peers),
        },
        () = sleep_until(begun + shared.options.first_byte) => count(&counters.never_opened),
        () = ending(shared.orders.clone()) => 0,
    };
    None
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
    Opening,
    Open,
    Leaving,
}

/// Where a connection stands.
struct Course<'a> {
    phase: Phase,
    begun: Instant,
    activity: &'a Activity,
    unread: &'a Unread,
    shared: &'a Shared,
}

/// What is to be done with a connection.
enum Step {
    Go { deadline: Option<Instant> },
    Leave { deadline: Instant },
    Drop,
}

type Http2<S> = http2::Connection<TokioIo<FairRead<Socket>>, Guard<S>, TokioExecutor>;

impl Course<'_> {
    async fn run<S: Call>(mut self, mut connection: Pin<&mut Http2<S>>)
    where
        S::Future: Send,
    {
        let mut deadline = pin!(sleep_until(self.begun + self.shared.options.first_byte));
        let mut orders = pin!(next(self.shared.orders.clone(), INITIAL));
        let mut stuck = pin!(self.unread.stuck(self.shared.options.unread_wait));
        loop {
            let step = tokio::select! {
                biased;
                // An error is the client's: it went away or broke the protocol.
                _ended = connection.as_mut() => return,
                () = deadline.as_mut() => self.on_deadline(),
                () = stuck.as_mut() => {
                    self.count(&self.shared.counters.unread);
                    Step::Drop
                }
                (receiver, order) = orders.as_mut() => {
                    orders.set(next(receiver, order));
                    self.on_order(order)
                }
            };
            match step {
                Step::Go { deadline: None } => {}
                Step::Go {
                    deadline: Some(due),
                } => deadline.as_mut().reset(due),
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
        let options = &self.shared.options;
        match self.phase {
            Phase::Opening if self.activity.is_open() => {
                self.phase = Phase::Open;
                Step::Go {
                    deadline: Some(self.begun + jittered(options.connection_age, JITTER)),
                }
            }
            Phase::Opening => {
                self.count(&self.shared.counters.never_opened);
                Step::Drop
            }
            Phase::Open => Step::Leave {
                deadline: Instant::now() + options.goaway_grace,
            },
            Phase::Leaving => Step::Drop,
        }
    }

    fn on_order(&mut self, order: Orders) -> Step {
        let options = &self.shared.options;
        let open = self.activity.is_open();
        match order.stage {
            // No call can have begun, and h2 sends no GOAWAY before it has read the preface.
            Stage::Draining | Stage::Cutting if !open => Step::Drop,
            // The order to cut is the deadline; this one is only never reached.
            Stage::Draining => Step::Leave {
                deadline: Instant::now() + options.drain + options.goaway_grace,
            },
            Stage::Cutting => {
                self.count(&self.shared.counters.cut_in_drain);
                Step::Drop
            }
            Stage::Serving => {
                let spare = open
                    && self.phase != Phase::Leaving
                    && self.activity.is_idle_for(options.idle_when_full);
                if !spare {
                    return Step::Go { deadline: None };
                }
                self.count(&self.shared.counters.gave_way);
                // Nothing runs, so whoever reads a GOAWAY answers it at once.
                Step::Leave {
                    deadline: Instant::now() + options.first_byte,
                }
            }
        }
    }

    fn count(&self, counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
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
};

/// Where `usize` cannot hold what the options say, which is on no machine of today.
const MOST_SEND_BUFFER: usize = 64 * 1024;
