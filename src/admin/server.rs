//! A small HTTP/1.1 server on a thread of its own: few connections, each for a minute at most.
//!
//! Prometheus and the kubelet open a connection and keep it a while. A connection that sends no request is closed after a
//! second, one without a further request after five. When all places are taken, a new connection is answered all the
//! same, and another is closed for it (`places`).

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::places::{AdminPlace, AdminPlaces};
use super::{AdminError, Sources, pages};

/// An address that is held; nobody is answered yet.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    listener: std::net::TcpListener,
}

/// An admin address that is served. It ends when this is dropped.
#[derive(Debug)]
pub struct AdminHandle {
    address: SocketAddr,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Takes the address; port 0 lets the kernel choose.
    pub fn bind(address: SocketAddr) -> Result<Admin, AdminError> {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Admin { address, listener })
        });
        bound.map_err(|source| AdminError { address, source })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on, on a thread of its own.
    pub fn start(self, sources: Sources) -> Result<AdminHandle, AdminError> {
        let address = self.address;
        let failed = |source| AdminError { address, source };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let listener = {
            let _within = runtime.enter();
            TcpListener::from_std(self.listener).map_err(failed)?
        };
        let (stop, stopped) = watch::channel(());
        let thread = std::thread::Builder::new()
            .name(String::from("admin"))
            .spawn(move || serve(runtime, listener, pages::router(sources), stopped));
        Ok(AdminHandle {
            address,
            stop: Some(stop),
            thread: Some(thread.map_err(failed)?),
        })
    }
}

impl AdminHandle {
    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers what was asked, takes nothing new, and waits for that no longer than [`LAST_ANSWERS`].
impl Drop for AdminHandle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed.
            let _ = thread.join();
        }
    }
}

fn serve(runtime: Runtime, listener: TcpListener, router: Router, stopped: watch::Receiver<()>) {
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        accept(&listener, &router, &stopped, &mut connections).await;
        drop(listener);
        // Those that do not end are dropped with the set.
        let _ = timeout(LAST_ANSWERS, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
    });
    runtime.shutdown_background();
}

async fn accept(
    listener: &TcpListener,
    router: &Router,
    stopped: &watch::Receiver<()>,
    connections: &mut JoinSet<()>,
) {
    let places = AdminPlaces::new(CONNECTIONS);
    let mut end = pin!(ended(stopped.clone()));
    loop {
        let accepted = tokio::select! {
            () = &mut end => return,
            // One that panicked has only ended itself.
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let (place, closed) = places.take();
                let (router, stopped) = (router.clone(), stopped.clone());
                connections.spawn(answer(stream, router, Arc::new(place), closed, stopped));
            }
            Err(error) => {
                if !is_the_clients(&error) {
                    // The system is short of something, which the other listeners tell of as well.
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn answer(
    stream: TcpStream,
    router: Router,
    place: Arc<AdminPlace>,
    mut closed: oneshot::Receiver<()>,
    stopped: watch::Receiver<()>,
) {
    // It fails on a connection that is gone already.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        place.asked();
        let (answer, place) = (router.call(request), Arc::clone(&place));
        async move {
            let answer = answer.await;
            place.answered();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MOST_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let (mut end, mut life) = (pin!(ended(stopped)), pin!(sleep(LIFE)));
    let mut first_request = pin!(sleep(FIRST_REQUEST));
    let mut waits_for_first = true;
    loop {
        tokio::select! {
            biased;
            // An error is the client's.
            _ended = connection.as_mut() => return,
            _closed = &mut closed => return,
            () = end.as_mut() => break,
            () = life.as_mut() => break,
            () = first_request.as_mut(), if waits_for_first => match place.has_asked() {
                true => waits_for_first = false,
                false => return,
            },
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_ANSWERS, connection).await;
}

async fn ended(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent: an error is the end.
    while stopped.changed().await.is_ok() {}
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// A few scrapers, probes, and a person who looks.
const CONNECTIONS: usize = 32;

/// The time from accepting a connection to the end of its first request's head. A client that connects has a request.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// The time from an answer to the end of the next request's head.
const IDLE: Duration = Duration::from_secs(5);

/// The time that a connection has: whoever reads its answers slowly has no more.
const LIFE: Duration = Duration::from_secs(60);

/// The time that an answer under way has at the end of the connection.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Bytes of a request's head.
const MOST_BYTES: usize = 16 * 1024;

const MOST_HEADERS: usize = 64;

/// After the system refused a connection.
const PAUSE: Duration = Duration::from_millis(100);
