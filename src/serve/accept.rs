//! The accept loops: one a listener, all on the thread that runs the server.
//!
//! A loop takes each connection at once and hands it to a request thread, where it opens and then waits for a place if
//! there is none. It pauses only while request threads are behind with dropping connections that had to make way, or
//! when the system has no files left. No loop waits for another.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::connection::{NewConnection, Shared};
use super::listener::{Bound, BoundSocket, SocketFile};
use super::listener_state::ListenerState;
use super::socket::{Loose, PeerAddress};
use super::threads::{NoThread, Threads};
use super::tls::{Endpoint, Refusal, Watch};
use super::{Call, ListenerCounters, PeerRefusal};

/// A listener that is registered with the acceptor's runtime.
#[derive(Debug)]
pub(super) struct Door<S> {
    state: Arc<ListenerState>,
    socket: DoorSocket,
    service: S,
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

/// All that the loops need.
#[derive(Debug)]
pub(super) struct Acceptor<S> {
    pub(super) doors: Vec<Door<S>>,
    pub(super) threads: Threads<S>,
    pub(super) shared: Arc<Shared>,
    pub(super) tls_files: Watch,
}

impl<S> Door<S> {
    /// Within a runtime.
    pub(super) fn open(bound: Bound<S>, state: Arc<ListenerState>) -> io::Result<Self> {
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
            state,
            socket,
            service: bound.service,
        })
    }

    pub(super) fn counters(&self) -> Arc<ListenerCounters> {
        Arc::clone(&self.state.counters)
    }

    /// `None` in place of the connection for a peer that may not connect; it finds its connection closed.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Option<Loose>, PeerAddress)>> {
        match &self.socket {
            DoorSocket::Tcp(listener, tls) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                // Without it an answer waits for the acknowledgement of the last one. It fails on a
                // connection that is gone already.
                let _ = stream.set_nodelay(true);
                let stream = stream.into_std()?;
                let loose = match tls {
                    None => Loose::Tcp(stream),
                    Some(tls) => Loose::Tls(stream, Arc::clone(tls)),
                };
                Poll::Ready(Ok((Some(loose), PeerAddress::Tcp(peer))))
            }
            DoorSocket::Unix { listener, uids, .. } => {
                let (stream, _peer) = ready!(listener.poll_accept(cx))?;
                let uid = uid(&stream);
                let peer = PeerAddress::Unix(uid);
                // Where the kernel does not say who connected, no listed user did.
                let may_connect = uids
                    .as_ref()
                    .is_none_or(|uids| uid.is_some_and(|uid| uids.contains(&uid)));
                if !may_connect {
                    return Poll::Ready(Ok((None, peer)));
                }
                let loose = Loose::Unix(stream.into_std()?);
                Poll::Ready(Ok((Some(loose), peer)))
            }
        }
    }
}

fn uid(stream: &UnixStream) -> Option<u32> {
    stream.peer_cred().ok().map(|peer| peer.uid())
}

impl<S: Call> Door<S>
where
    S::Future: Send,
{
    /// Accepts for ever; returns when no request thread is left.
    async fn run(&self, threads: &Threads<S>, shared: &Shared) -> NoThread {
        let counters = &shared.counters;
        let mut pause = shared.options.accept_backoff;
        loop {
            let Some(socket_permit) = self.state.unopened.permit().await else {
                return NoThread;
            };
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok((Some(socket), peer)) => {
                    pause = shared.options.accept_backoff;
                    counters.accepted.fetch_add(1, Ordering::Relaxed);
                    let connection = NewConnection {
                        socket,
                        peer,
                        service: self.service.clone(),
                        listener: Arc::clone(&self.state),
                        unopened: self.state.unopened.admit(socket_permit),
                    };
                    if let Err(none) = threads.hand_over(connection) {
                        return none;
                    }
                }
                Ok((None, peer)) => {
                    let refusal = Refusal::Peer(PeerRefusal::Uid, None);
                    self.state.refused(peer, refusal);
                }
                // The client went away before it was accepted: nothing is wrong here.
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    counters.accept_failures.fetch_add(1, Ordering::Relaxed);
                    let address = &self.state.counters.address;
                    tracing::warn!(%address, %error, ?pause, "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(shared.options.accept_backoff_most);
                }
            }
        }
    }
}

impl<S: Call> Acceptor<S>
where
    S::Future: Send,
{
    /// Accepts at all listeners for ever; returns when no request thread is left.
    pub(super) async fn run(&self) -> NoThread {
        let loops = self
            .doors
            .iter()
            .map(|door| door.run(&self.threads, &self.shared));
        let mut loops: FuturesUnordered<_> = loops.collect();
        loops.next().await.unwrap_or(NoThread)
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
