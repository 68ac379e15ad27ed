//! The accept loops: one per listener, all on the thread that runs the server.
//!
//! A loop accepts each connection immediately and assigns it to a request thread, where it opens and then waits for a
//! connection slot if none is free. A loop pauses only while request threads have yet to drop connections that were closed
//! for newer ones, or when the process has no file descriptors left. The loops are independent of each other.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::connection::{AcceptedConnection, ServerShared};
use super::listener::{BoundListener, BoundSocket, SocketFile};
use super::listener_state::ListenerState;
use super::socket::{PeerAddress, PendingSocket};
use super::threads::{NoRequestThread, RequestThreads};
use super::tls::{ConnectionRefusal, TlsEndpoint, TlsFileWatcher};
use super::{HttpService, ListenerCounters, PeerRefusal};

/// A listener that is registered with the runtime of the acceptor.
#[derive(Debug)]
pub(super) struct AcceptLoop<S> {
    state: Arc<ListenerState>,
    socket: AcceptSocket,
    service: S,
}

#[derive(Debug)]
enum AcceptSocket {
    Tcp(TcpListener, Option<Arc<TlsEndpoint>>),
    Unix {
        listener: UnixListener,
        uids: Option<Vec<u32>>,
        /// Removed when the accept loop is dropped.
        _file: SocketFile,
    },
}

/// The accept loops of all listeners.
#[derive(Debug)]
pub(super) struct Acceptor<S> {
    pub(super) accept_loops: Vec<AcceptLoop<S>>,
    pub(super) threads: RequestThreads<S>,
    pub(super) shared: Arc<ServerShared>,
    pub(super) tls_files: TlsFileWatcher,
}

impl<S> AcceptLoop<S> {
    /// Must be called within a runtime.
    pub(super) fn new(bound: BoundListener<S>, state: Arc<ListenerState>) -> io::Result<Self> {
        let socket = match bound.socket {
            BoundSocket::Tcp(listener) => {
                AcceptSocket::Tcp(TcpListener::from_std(listener)?, bound.tls)
            }
            BoundSocket::Unix {
                listener,
                file,
                uids,
            } => AcceptSocket::Unix {
                listener: UnixListener::from_std(listener)?,
                uids,
                _file: file,
            },
        };
        Ok(AcceptLoop {
            state,
            socket,
            service: bound.service,
        })
    }

    pub(super) fn counters(&self) -> Arc<ListenerCounters> {
        Arc::clone(&self.state.counters)
    }

    /// `None` instead of a socket for a peer that may not connect: its connection is closed.
    fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Option<PendingSocket>, PeerAddress)>> {
        match &self.socket {
            AcceptSocket::Tcp(listener, tls) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                // Without TCP_NODELAY a response waits for the acknowledgement of the previous one. The call fails on
                // a connection that is already closed.
                let _ = stream.set_nodelay(true);
                let stream = stream.into_std()?;
                let socket = match tls {
                    None => PendingSocket::Tcp(stream),
                    Some(tls) => PendingSocket::Tls(stream, Arc::clone(tls)),
                };
                Poll::Ready(Ok((Some(socket), PeerAddress::Tcp(peer))))
            }
            AcceptSocket::Unix { listener, uids, .. } => {
                let (stream, _peer) = ready!(listener.poll_accept(cx))?;
                let uid = uid(&stream);
                let peer = PeerAddress::Unix(uid);
                // Without a uid from the kernel, the peer is not a listed user.
                let may_connect = uids
                    .as_ref()
                    .is_none_or(|uids| uid.is_some_and(|uid| uids.contains(&uid)));
                if !may_connect {
                    return Poll::Ready(Ok((None, peer)));
                }
                let socket = PendingSocket::Unix(stream.into_std()?);
                Poll::Ready(Ok((Some(socket), peer)))
            }
        }
    }
}

fn uid(stream: &UnixStream) -> Option<u32> {
    stream.peer_cred().ok().map(|peer| peer.uid())
}

impl<S: HttpService> AcceptLoop<S>
where
    S::Future: Send,
{
    /// Accepts connections; returns when no request thread is left.
    async fn run(&self, threads: &RequestThreads<S>, shared: &ServerShared) -> NoRequestThread {
        let counters = &shared.counters;
        let mut pause = shared.options.accept_backoff;
        loop {
            let Some(socket_permit) = self.state.unopened.permit().await else {
                return NoRequestThread;
            };
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok((Some(socket), peer)) => {
                    pause = shared.options.accept_backoff;
                    counters.accepted.fetch_add(1, Ordering::Relaxed);
                    let connection = AcceptedConnection {
                        socket,
                        peer,
                        service: self.service.clone(),
                        listener: Arc::clone(&self.state),
                        unopened: self.state.unopened.admit(socket_permit),
                    };
                    if let Err(error) = threads.assign(connection) {
                        return error;
                    }
                }
                Ok((None, peer)) => {
                    let refusal = ConnectionRefusal::Peer(PeerRefusal::Uid, None);
                    self.state.refused(peer, refusal);
                }
                // The client disconnected before it was accepted.
                Err(error) if is_client_error(&error) => {}
                Err(error) => {
                    counters.accept_failures.fetch_add(1, Ordering::Relaxed);
                    let address = &self.state.counters.address;
                    tracing::warn!(%address, %error, ?pause, "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(shared.options.accept_backoff_max);
                }
            }
        }
    }
}

impl<S: HttpService> Acceptor<S>
where
    S::Future: Send,
{
    /// Accepts on all listeners; returns when no request thread is left.
    pub(super) async fn run(&self) -> NoRequestThread {
        let loops = self
            .accept_loops
            .iter()
            .map(|accept_loop| accept_loop.run(&self.threads, &self.shared));
        let mut loops: FuturesUnordered<_> = loops.collect();
        loops.next().await.unwrap_or(NoRequestThread)
    }
}

fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
