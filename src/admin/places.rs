//! The places of the admin address. A new connection always gets one, so that a probe always gets through; when all are
//! taken, another connection is closed for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// All places.
#[derive(Debug)]
pub(super) struct AdminPlaces {
    limit: usize,
    held: Mutex<Held>,
}

/// Keys grow with age.
#[derive(Debug, Default)]
struct Held {
    next: u64,
    connections: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    state: State,
    /// Dropped to close the connection.
    _close: oneshot::Sender<()>,
}

/// In the order in which connections are closed for newer ones; of those in one state, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// No request has come yet.
    Silent,
    /// The last request has its answer.
    Idle,
    /// A request is being answered.
    Busy,
}

/// A place, until this is dropped.
#[derive(Debug)]
pub(super) struct AdminPlace {
    places: Arc<AdminPlaces>,
    number: u64,
}

impl AdminPlaces {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(AdminPlaces {
            limit,
            held: Mutex::default(),
        })
    }

    /// A place, and what resolves when the connection has to be closed for a newer one.
    pub(super) fn take(self: &Arc<Self>) -> (AdminPlace, oneshot::Receiver<()>) {
        let (close, closed) = oneshot::channel();
        let mut held = self.held();
        if held.connections.len() >= self.limit {
            let all = held.connections.iter();
            let first = all.min_by_key(|(number, one)| (one.state, **number));
            if let Some(number) = first.map(|(number, _)| *number) {
                held.connections.remove(&number);
            }
        }
        let number = held.next;
        held.next += 1;
        let connection = Connection {
            state: State::Silent,
            _close: close,
        };
        held.connections.insert(number, connection);
        let place = AdminPlace {
            places: Arc::clone(self),
            number,
        };
        (place, closed)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdminPlace {
    /// A request has come.
    pub(super) fn asked(&self) {
        self.enter(State::Busy);
    }

    /// It has its answer.
    pub(super) fn answered(&self) {
        self.enter(State::Idle);
    }

    /// Whether a request has ever come.
    pub(super) fn has_asked(&self) -> bool {
        let held = self.places.held();
        let connection = held.connections.get(&self.number);
        connection.is_some_and(|one| one.state != State::Silent)
    }

    fn enter(&self, state: State) {
        let mut held = self.places.held();
        if let Some(connection) = held.connections.get_mut(&self.number) {
            connection.state = state;
        }
    }
}

impl Drop for AdminPlace {
    fn drop(&mut self) {
        self.places.held().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_connections_make_way_first_then_idle_ones_then_busy_ones() {
        let places = AdminPlaces::new(4);
        let mut held: Vec<_> = (0..4).map(|_| places.take()).collect();
        held[0].0.asked();
        held[1].0.asked();
        held[1].0.answered();
        let mut order = Vec::new();
        let mut newer = Vec::new();
        for _ in 0..4 {
            let (place, closed) = places.take();
            place.asked();
            newer.push((place, closed));
            let closed = held.iter_mut().map(|(_, closed)| {
                closed
                    .try_recv()
                    .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
            });
            order.push(closed.collect::<Vec<_>>());
        }
        assert_eq!(
            order,
            [
                [false, false, true, false],
                [false, false, true, true],
                [false, true, true, true],
                [true, true, true, true],
            ]
        );
    }
}
