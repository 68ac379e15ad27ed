//! The accept loop: one for all listeners, on the thread that runs the server.
//!
//! While all places are taken one connection is held at the door, the kernel holds who comes after it,
//! connections that exist go on answering, and those without a call are told to give way. Whoever says
//! nothing is reaped, so a place always comes free again.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connection::{Orders, Shared};
use super::guard::{ListenerPlaces, Offer};
use super::listener::{Bound, BoundSocket, SocketFile};
use super::socket::Loose;
use super::threads::{NoThread, Threads};
use super::tls::{Endpoint, Watch};
use super::{Address, Call};

/// A listener that is registered with the acceptor's runtime.
#[derive(Debug)]
pub(super) struct Door<S> {
    address: Address,
    socket: DoorSocket,
    offer: Offer<S>,
}

#[derive(Debug)]
enum DoorSocket {
    Tcp(TcpListener, Option<Arc<Endpoint>>),
    Unix {
        listener: UnixListener,
        uids: Option<Vec<u32>>,
        /// Removed when the door closes.
        _file: SocketFile,
    },
}

/// All that the loop needs.
#[derive(Debug)]
pub(super) struct Acceptor<S> {
    pub(super) doors: Vec<Door<S>>,
    pub(super) threads: Threads<S>,
    pub(super) places: Arc<Semaphore>,
    pub(super) orders: watch::Sender<Orders>,
    pub(super) shared: Arc<Shared>,
    /// The door that is asked first; it moves on, so that a busy one does not shut out the others.
    pub(super) turn: usize,
    pub(super) tls_files: Watch,
}

impl<S> Door<S> {
    /// Within a runtime.
    pub(super) fn open(bound: Bound<S>, places: Arc<ListenerPlaces>) -> io::Result<Self> {
        let socket = match bound.socket {
            BoundSocket::Tcp(listener) => {
                DoorSocket::Tcp(TcpListener::from_std(listener)?, bound.tls)
            }
            BoundSocket::Unix {
                listener,
                file,
                uids,
            } => DoorSocket::Unix {
                listener: UnixListener::from_std(listener)?,
                uids,
                _file: file,
            },
        };
        Ok(Door {
            address: bound.address,
            socket,
            offer: Offer {
                service: bound.service,
                places,
            },
        })
    }

    /// `None` for a peer that may not connect; it finds its connection closed.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Loose>>> {
        match &self.socket {
            DoorSocket::Tcp(listener, tls) => {
                let (stream, _peer) = ready!(listener.poll_accept(cx))?;
                // Without it an answer waits for the acknowledgement of the last one. It fails on a
                // connection that is gone already.
                let _ = stream.set_nodelay(true);
                let stream = stream.into_std()?;
                Poll::Ready(Ok(Some(match tls {
                    None => Loose::Tcp(stream),
                    Some(tls) => Loose::Tls(stream, Arc::clone(tls)),
                })))
            }
            DoorSocket::Unix { listener, uids, .. } => {
                let (stream, _peer) = ready!(listener.poll_accept(cx))?;
                if !may_connect(&stream, uids.as_deref()) {
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(stream.into_std().map(Loose::Unix).map(Some))
            }
        }
    }
}

/// The kernel says who connected. When it does not, nobody is let in.
fn may_connect(stream: &UnixStream, uids: Option<&[u32]>) -> bool {
    let Some(uids) = uids else {
        return true;
    };
    stream
        .peer_cred()
        .is_ok_and(|peer| uids.contains(&peer.uid()))
}

impl<S: Call> Acceptor<S>
where
    S::Future: Send,
{
    /// Accepts for ever; returns when no request thread is left.
    pub(super) async fn run(&mut self) -> NoThread {
        let mut pause = self.shared.options.accept_backoff;
        loop {
            match self.accept().await {
                (offer, _, Ok(Some(socket))) => {
                    pause = self.shared.options.accept_backoff;
                    self.count(|counters| &counters.accepted);
                    let Some(place) = self.place().await else {
                        return NoThread;
                    };
                    if let Err(none) = self.threads.hand_over(socket, offer, place) {
                        return none;
                    }
                }
                (_, _, Ok(None)) => self.count(|counters| &counters.refused_peers),
                // The client went away before it was accepted: nothing is wrong here.
                (_, _, Err(error)) if is_the_clients(&error) => {}
                (_, address, Err(error)) => {
                    self.count(|counters| &counters.accept_failures);
                    tracing::warn!(%address, %error, ?pause, "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(self.shared.options.accept_backoff_most);
                }
            }
        }
    }

    /// Waits for a place; meanwhile idle connections are told every second that somebody waits.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.count(|counters| &counters.waited_for_place);
        let again = ASK_AGAIN.min(self.shared.options.idle_when_full);
        loop {
            self.orders.send_modify(|orders| orders.crowded += 1);
            let place = Arc::clone(&self.places).acquire_owned();
            match tokio::time::timeout(again, place).await {
                Ok(place) => return place.ok(),
                Err(_elapsed) => {}
            }
        }
    }

    /// The next connection, with what answers at its door, and the address.
    async fn accept(&mut self) -> (Offer<S>, Address, io::Result<Option<Loose>>) {
        self.turn = self.turn.wrapping_add(1);
        let (doors, turn) = (&self.doors, self.turn);
        poll_fn(|cx| {
            let (before, after) = doors.split_at(turn.checked_rem(doors.len()).unwrap_or(0));
            for door in after.iter().chain(before) {
                if let Poll::Ready(accepted) = door.poll_accept(cx) {
                    return Poll::Ready((door.offer.clone(), door.address.clone(), accepted));
                }
            }
            Poll::Pending
        })
        .await
    }

    fn count(&self, which: impl Fn(&super::Counters) -> &std::sync::atomic::AtomicU64) {
        which(&self.shared.counters).fetch_add(1, Ordering::Relaxed);
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// How often a full house asks its idle connections to leave while somebody waits.
const ASK_AGAIN: Duration = Duration::from_secs(1);
