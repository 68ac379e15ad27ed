//! A small HTTP/1.1 server on a separate thread, with few connections, each for a minute at most.
//!
//! Prometheus and the kubelet keep connections open for a while. A connection that sends no request is closed after a
//! second, one that sends no further request after five. At the limit of connections, a new one is accepted and another
//! is closed (`connections`).

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

use super::connections::{AdminConnectionGuard, AdminConnections};
use super::{AdminError, Sources, pages};

/// A bound address that does not answer yet.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    listener: std::net::TcpListener,
}

/// A running admin server. Stops when dropped.
#[derive(Debug)]
pub struct AdminHandle {
    address: SocketAddr,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Binds the address; for port 0, the kernel chooses the port.
    pub fn bind(address: SocketAddr) -> Result<Admin, AdminError> {
        let bound = std::net::TcpListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Admin { address, listener })
        });
        bound.map_err(|source| AdminError { address, source })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts answering, on a separate thread.
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
    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Finishes running requests within [`LAST_ANSWERS`] and accepts no new ones.
impl Drop for AdminHandle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic was already printed.
            let _ = thread.join();
        }
    }
}

fn serve(runtime: Runtime, listener: TcpListener, router: Router, stopped: watch::Receiver<()>) {
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        accept(&listener, &router, &stopped, &mut connections).await;
        drop(listener);
        // The rest is dropped with the set.
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
    let open = AdminConnections::new(CONNECTIONS);
    let mut end = pin!(ended(stopped.clone()));
    loop {
        let accepted = tokio::select! {
            () = &mut end => return,
            // A panic ends only its connection.
            Some(_ended) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let (guard, closed) = open.add();
                let (router, stopped) = (router.clone(), stopped.clone());
                connections.spawn(answer(stream, router, Arc::new(guard), closed, stopped));
            }
            Err(error) => {
                if !is_client_error(&error) {
                    // The system lacks resources; the other listeners log that too.
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

async fn answer(
    stream: TcpStream,
    router: Router,
    guard: Arc<AdminConnectionGuard>,
    mut closed: oneshot::Receiver<()>,
    stopped: watch::Receiver<()>,
) {
    // Fails only if the connection is already closed.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| {
        guard.begin_request();
        let (answer, guard) = (router.call(request), Arc::clone(&guard));
        async move {
            let answer = answer.await;
            guard.end_request();
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MAX_BUFFER_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let (mut end, mut life) = (pin!(ended(stopped)), pin!(sleep(LIFE)));
    let mut first_request = pin!(sleep(FIRST_REQUEST));
    let mut waits_for_first = true;
    loop {
        tokio::select! {
            biased;
            // Errors are caused by the client and ignored.
            _ended = connection.as_mut() => return,
            _closed = &mut closed => return,
            () = end.as_mut() => break,
            () = life.as_mut() => break,
            () = first_request.as_mut(), if waits_for_first => match guard.had_request() {
                true => waits_for_first = false,
                false => return,
            },
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_ANSWERS, connection).await;
}

async fn ended(mut stopped: watch::Receiver<()>) {
    // No value is ever sent; the channel closes at the end.
    while stopped.changed().await.is_ok() {}
}

fn is_client_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// Enough for a few scrapers, probes and a browser.
const CONNECTIONS: usize = 32;

/// The time limit from accepting a connection to the end of its first request's head.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// The time limit from an answer to the end of the next request's head.
const IDLE: Duration = Duration::from_secs(5);

/// The maximum age of a connection, also for a client that reads slowly.
const LIFE: Duration = Duration::from_secs(60);

/// The time limit for the current answer when a connection ends.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// The size limit of a request's head.
const MAX_BUFFER_BYTES: usize = 16 * 1024;

const MAX_HEADERS: usize = 64;

/// The pause after an accept error of the system.
const PAUSE: Duration = Duration::from_millis(100);
