//! The end: nobody new, running calls finish, and what does not finish in time is cut.
//!
//! It takes as long as the last connection needs, nothing when there is none, and never much longer than
//! the options say: a thread that computes without end is left behind, since it cannot be stopped.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Call;
use super::accept::{Acceptor, Door};
use super::connection::Stage;
use super::threads::Ending;

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they did not end in time.
    pub aborted: usize,
}

pub(super) async fn drain<S: Call>(acceptor: Acceptor<S>) -> Drained
where
    S::Future: Send,
{
    let Acceptor {
        doors,
        threads,
        shared,
        ..
    } = acceptor;
    let counters = doors.iter().map(Door::counters);
    let counters: Vec<_> = counters.collect();
    // Also removes the socket files: a successor may listen while this one drains.
    drop(doors);
    let mut endings = threads.close();
    shared
        .orders
        .send_modify(|orders| orders.stage = Stage::Draining);
    wait_for(&mut endings, shared.options.drain).await;
    if !endings.is_empty() {
        shared
            .orders
            .send_modify(|orders| orders.stage = Stage::Cutting);
        wait_for(&mut endings, CUT).await;
    }
    for stuck in &endings {
        tracing::error!(thread = ?stuck.handle.thread().name(), "a request thread does not end");
    }
    let left = endings
        .iter()
        .map(|one| one.connections.load(Ordering::Relaxed));
    let cut = counters
        .iter()
        .map(|one| one.closed_by("drain"))
        .sum::<u64>();
    Drained {
        aborted: left.sum::<usize>() + usize::try_from(cut).unwrap_or(usize::MAX),
    }
}

/// Joins the threads that end within `span`; the others stay in the list.
async fn wait_for(endings: &mut Vec<Ending>, span: Duration) {
    let until = Instant::now() + span;
    let mut left = Vec::new();
    for mut ending in endings.drain(..) {
        // A thread that panicked has dropped its sender: it has ended as well.
        match timeout_at(until, &mut ending.ended).await {
            Ok(_ended) => {
                if ending.handle.join().is_err() {
                    tracing::error!("a request thread panicked");
                }
            }
            Err(_elapsed) => left.push(ending),
        }
    }
    *endings = left;
}

/// The time that cut connections have to be gone: they only have to be polled once more.
const CUT: Duration = Duration::from_secs(1);
