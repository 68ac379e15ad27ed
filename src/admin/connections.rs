//! The connections of the admin address. A new connection is always accepted, so that a probe always gets an answer; at
//! the limit, another connection is closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The open connections, up to a limit.
#[derive(Debug)]
pub(super) struct AdminConnections {
    limit: usize,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    next: u64,
    /// By number; older connections have smaller numbers.
    connections: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    state: State,
    /// Dropped to close the connection.
    _close: oneshot::Sender<()>,
}

/// In the order in which connections are closed for newer ones; within a state, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// No request was received yet.
    Silent,
    /// The last request was answered.
    Idle,
    /// A request is being answered.
    Busy,
}

/// Counts a connection as open until this is dropped.
#[derive(Debug)]
pub(super) struct AdminConnectionGuard {
    connections: Arc<AdminConnections>,
    number: u64,
}

impl AdminConnections {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(AdminConnections {
            limit,
            open: Mutex::default(),
        })
    }

    /// Adds a connection. The receiver resolves when it must be closed for a newer one.
    pub(super) fn add(self: &Arc<Self>) -> (AdminConnectionGuard, oneshot::Receiver<()>) {
        let (close, closed) = oneshot::channel();
        let mut open = self.lock();
        if open.connections.len() >= self.limit {
            let all = open.connections.iter();
            let first = all.min_by_key(|(number, one)| (one.state, **number));
            if let Some(number) = first.map(|(number, _)| *number) {
                open.connections.remove(&number);
            }
        }
        let number = open.next;
        open.next += 1;
        let connection = Connection {
            state: State::Silent,
            _close: close,
        };
        open.connections.insert(number, connection);
        let guard = AdminConnectionGuard {
            connections: Arc::clone(self),
            number,
        };
        (guard, closed)
    }

    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AdminConnectionGuard {
    /// Notes that a request was received.
    pub(super) fn begin_request(&self) {
        self.enter(State::Busy);
    }

    /// Notes that the request was answered.
    pub(super) fn end_request(&self) {
        self.enter(State::Idle);
    }

    /// Whether any request was received.
    pub(super) fn had_request(&self) -> bool {
        let open = self.connections.lock();
        let connection = open.connections.get(&self.number);
        connection.is_some_and(|one| one.state != State::Silent)
    }

    fn enter(&self, state: State) {
        let mut open = self.connections.lock();
        if let Some(connection) = open.connections.get_mut(&self.number) {
            connection.state = state;
        }
    }
}

impl Drop for AdminConnectionGuard {
    fn drop(&mut self) {
        self.connections.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_connections_are_closed_first_then_idle_ones_then_busy_ones() {
        let connections = AdminConnections::new(4);
        let mut open: Vec<_> = (0..4).map(|_| connections.add()).collect();
        open[0].0.begin_request();
        open[1].0.begin_request();
        open[1].0.end_request();
        let mut order = Vec::new();
        let mut newer = Vec::new();
        for _ in 0..4 {
            let (guard, closed) = connections.add();
            guard.begin_request();
            newer.push((guard, closed));
            let closed = open.iter_mut().map(|(_, closed)| {
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
