//! The request threads: operating system threads, each with its own current-thread runtime.
//!
//! A connection and its calls stay on the thread that it is assigned to. A multi-threaded runtime would write nearly every
//! response separately, because it schedules the task of the connection right after the first finished call. A thread ends
//! when it accepts no more connections and the last one has closed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::HttpService;
use super::connection::{self, AcceptedConnection, AssignedConnection, ServerShared};
use super::thread_load::ThreadLoad;

/// The handles of all request threads.
#[derive(Debug)]
pub(super) struct RequestThreads<S> {
    threads: Vec<RequestThread<S>>,
}

#[derive(Debug)]
struct RequestThread<S> {
    /// Bounded by the limits of served and of unopened connections.
    assigned: mpsc::UnboundedSender<AssignedConnection<S>>,
    connections: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
    handle: thread::JoinHandle<()>,
}

/// A thread that is assigned no more connections.
#[derive(Debug)]
pub(super) struct ClosingThread {
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) ended: oneshot::Receiver<()>,
    pub(super) handle: thread::JoinHandle<()>,
}

/// Counts a connection on its thread until dropped.
#[derive(Debug)]
pub(super) struct ConnectionGuard(Arc<AtomicUsize>);

/// No request thread is left.
#[derive(Debug)]
pub(super) struct NoRequestThread;

impl<S: HttpService> RequestThreads<S>
where
    S::Future: Send,
{
    pub(super) fn start(shared: &Arc<ServerShared>) -> io::Result<Self> {
        let threads = (0..shared.options.thread_count()).map(|number| start_thread(number, shared));
        Ok(RequestThreads {
            threads: threads.collect::<io::Result<_>>()?,
        })
    }

    /// Assigns a connection to the thread with the fewest connections.
    pub(super) fn assign(
        &self,
        mut connection: AcceptedConnection<S>,
    ) -> Result<(), NoRequestThread> {
        loop {
            let alive = self.threads.iter().filter(|t| !t.assigned.is_closed());
            let fewest = alive.min_by_key(|t| t.connections.load(Ordering::Relaxed));
            let thread = fewest.ok_or(NoRequestThread)?;
            let assigned = AssignedConnection {
                connection,
                guard: ConnectionGuard::new(&thread.connections),
            };
            match thread.assigned.send(assigned) {
                Ok(()) => return Ok(()),
                // The thread ended meanwhile: the next iteration skips it.
                Err(back) => connection = back.0.connection,
            }
        }
    }

    /// Closes the queues: no more connections are assigned.
    pub(super) fn close(self) -> Vec<ClosingThread> {
        let closing = self.threads.into_iter().map(|thread| ClosingThread {
            connections: thread.connections,
            ended: thread.ended,
            handle: thread.handle,
        });
        closing.collect()
    }
}

impl ConnectionGuard {
    fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        ConnectionGuard(Arc::clone(connections))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn start_thread<S: HttpService>(
    number: usize,
    shared: &Arc<ServerShared>,
) -> io::Result<RequestThread<S>>
where
    S::Future: Send,
{
    let (assigned, incoming) = mpsc::unbounded_channel();
    let (on_end, ended) = oneshot::channel();
    // Built here and not on the thread, so that a failure is reported at startup.
    let load = ThreadLoad::new();
    let runtime = {
        let (before, after) = (Arc::clone(&load), Arc::clone(&load));
        let mut builder = Builder::new_current_thread();
        builder
            .enable_all()
            .on_thread_park(move || before.begin_idle())
            .on_thread_unpark(move || after.end_idle());
        builder.build()?
    };
    let shared = Arc::clone(shared);
    let handle = thread::Builder::new()
        .name(format!("request-{number}"))
        .spawn(move || {
            runtime.block_on(serve_all(incoming, shared, load));
            end(runtime);
            // Fails if the server was dropped before it ran.
            let _ = on_end.send(());
        })?;
    Ok(RequestThread {
        assigned,
        connections: Arc::new(AtomicUsize::new(0)),
        ended,
        handle,
    })
}

/// Drops the calls of aborted connections, without waiting for blocking tasks.
fn end(runtime: Runtime) {
    runtime.shutdown_background();
}

async fn serve_all<S: HttpService>(
    mut incoming: mpsc::UnboundedReceiver<AssignedConnection<S>>,
    shared: Arc<ServerShared>,
    load: Arc<ThreadLoad>,
) where
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            assigned = incoming.recv() => match assigned {
                Some(assigned) => {
                    connections.spawn(connection::serve(
                        assigned,
                        Arc::clone(&shared),
                        Arc::clone(&load),
                    ));
                }
                None => break,
            },
            // A panic, which is a bug, ends only its own connection.
            Some(_ended) = connections.join_next() => {}
        }
    }
    while connections.join_next().await.is_some() {}
}
