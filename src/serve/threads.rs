//! The request threads: each an operating system thread with a current-thread runtime of its own.
//!
//! A connection stays on the thread that it was given to, with all of its calls. One runtime over many
//! threads would write nearly every answer by itself: its scheduler runs the connection's task right after
//! the first finished call. A thread ends when no connection can come any more and its last has ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Call;
use super::connection::{self, Arrival, NewConnection, Shared};
use super::thread_load::ThreadLoad;

/// The threads, from the acceptor's side.
#[derive(Debug)]
pub(super) struct Threads<S> {
    threads: Vec<Thread<S>>,
}

#[derive(Debug)]
struct Thread<S> {
    /// Bounded by the places for connections and for unopened ones.
    arrivals: mpsc::UnboundedSender<Arrival<S>>,
    connections: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
    handle: thread::JoinHandle<()>,
}

/// A thread that takes no more connections.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) ended: oneshot::Receiver<()>,
    pub(super) handle: thread::JoinHandle<()>,
}

/// One connection of a thread, until this is dropped.
#[derive(Debug)]
pub(super) struct Burden(Arc<AtomicUsize>);

/// No request thread is left.
#[derive(Debug)]
pub(super) struct NoThread;

impl<S: Call> Threads<S>
where
    S::Future: Send,
{
    pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let threads = (0..shared.options.thread_count()).map(|number| start_one(number, shared));
        Ok(Threads {
            threads: threads.collect::<io::Result<_>>()?,
        })
    }

    /// Hands a connection to the thread with the fewest.
    pub(super) fn hand_over(&self, mut connection: NewConnection<S>) -> Result<(), NoThread> {
        loop {
            let alive = self.threads.iter().filter(|t| !t.arrivals.is_closed());
            let fewest = alive.min_by_key(|t| t.connections.load(Ordering::Relaxed));
            let thread = fewest.ok_or(NoThread)?;
            let arrival = Arrival {
                connection,
                burden: Burden::on(&thread.connections),
            };
            match thread.arrivals.send(arrival) {
                Ok(()) => return Ok(()),
                // It ended in between: the next round does not see it.
                Err(back) => connection = back.0.connection,
            }
        }
    }

    /// No connection comes any more.
    pub(super) fn close(self) -> Vec<Ending> {
        let endings = self.threads.into_iter().map(|thread| Ending {
            connections: thread.connections,
            ended: thread.ended,
            handle: thread.handle,
        });
        endings.collect()
    }
}

impl Burden {
    fn on(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Burden(Arc::clone(connections))
    }
}

impl Drop for Burden {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn start_one<S: Call>(number: usize, shared: &Arc<Shared>) -> io::Result<Thread<S>>
where
    S::Future: Send,
{
    let (arrivals, incoming) = mpsc::unbounded_channel();
    let (ending, ended) = oneshot::channel();
    // Here, not on the thread: what fails should fail at the start of the program.
    let load = ThreadLoad::new();
    let runtime = {
        let load = Arc::clone(&load);
        let mut builder = Builder::new_current_thread();
        builder.enable_all().on_thread_unpark(move || load.rested());
        builder.build()?
    };
    let shared = Arc::clone(shared);
    let handle = thread::Builder::new()
        .name(format!("request-{number}"))
        .spawn(move || {
            runtime.block_on(serve_all(incoming, shared, load));
            end(runtime);
            // Nobody waits for it when the server was dropped before it ran.
            let _ = ending.send(());
        })?;
    Ok(Thread {
        arrivals,
        connections: Arc::new(AtomicUsize::new(0)),
        ended,
        handle,
    })
}

/// Drops the calls of connections that were cut, without waiting for blocking work that one left behind.
fn end(runtime: Runtime) {
    runtime.shutdown_background();
}

async fn serve_all<S: Call>(
    mut incoming: mpsc::UnboundedReceiver<Arrival<S>>,
    shared: Arc<Shared>,
    load: Arc<ThreadLoad>,
) where
    S::Future: Send,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            arrival = incoming.recv() => match arrival {
                Some(arrival) => {
                    connections.spawn(connection::serve(
                        arrival,
                        Arc::clone(&shared),
                        Arc::clone(&load),
                    ));
                }
                None => break,
            },
            // One that panicked, which none should, has only ended itself.
            Some(_ended) = connections.join_next() => {}
        }
    }
    while connections.join_next().await.is_some() {}
}
