//! Graceful shutdown: no new connections, running calls finish, and the rest is aborted at the drain timeout.
//!
//! Draining ends with the last connection, and at most one second after `ServeOptions::drain`. A thread that computes
//! without end is left running, because a thread cannot be stopped.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::HttpService;
use super::accept::{AcceptLoop, Acceptor};
use super::connection::ServerStage;
use super::threads::ClosingThread;

/// The result of draining.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainSummary {
    /// Connections that were aborted because they did not close before the drain timeout.
    pub aborted: usize,
}

pub(super) async fn drain<S: HttpService>(acceptor: Acceptor<S>) -> DrainSummary
where
    S::Future: Send,
{
    let Acceptor {
        accept_loops,
        threads,
        shared,
        ..
    } = acceptor;
    let counters = accept_loops.iter().map(AcceptLoop::counters);
    let counters: Vec<_> = counters.collect();
    // Also removes the socket files, so that a new process can listen while this one drains.
    drop(accept_loops);
    let mut closing = threads.close();
    shared
        .state
        .send_modify(|state| state.stage = ServerStage::Draining);
    wait_for(&mut closing, shared.options.drain).await;
    if !closing.is_empty() {
        shared
            .state
            .send_modify(|state| state.stage = ServerStage::Aborting);
        wait_for(&mut closing, ABORT_TIMEOUT).await;
    }
    for thread in &closing {
        tracing::error!(thread = ?thread.handle.thread().name(), "a request thread did not end within the drain timeout");
    }
    let remaining = closing
        .iter()
        .map(|one| one.connections.load(Ordering::Relaxed));
    let aborted = counters
        .iter()
        .map(|one| one.closed_by("drain"))
        .sum::<u64>();
    DrainSummary {
        aborted: remaining.sum::<usize>() + usize::try_from(aborted).unwrap_or(usize::MAX),
    }
}

/// Joins the threads that end within `timeout`. The others stay in the list.
async fn wait_for(closing: &mut Vec<ClosingThread>, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    let mut remaining = Vec::new();
    for mut thread in closing.drain(..) {
        // An error means that the thread panicked and dropped its sender: it has ended, too.
        match timeout_at(deadline, &mut thread.ended).await {
            Ok(_ended) => {
                if thread.handle.join().is_err() {
                    tracing::error!("a request thread panicked");
                }
            }
            Err(_elapsed) => remaining.push(thread),
        }
    }
    *closing = remaining;
}

/// The time for aborted connections to be dropped, which takes one more poll.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);
