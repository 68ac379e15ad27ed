//! The pool of a listener's connections that are accepted and not served: they have not opened, or wait for a place.
//!
//! A new connection always gets into it. When it is full, the oldest connection that has not opened is closed; when all
//! have opened, the oldest one that waits for a place. So connections that send nothing keep no client out.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::ListenerCounters;

/// A listener's pool.
#[derive(Debug)]
pub(super) struct UnopenedPool {
    limit: usize,
    entries: Mutex<Entries>,
    /// Twice the limit: also counts connections that were closed and that their request thread has not dropped yet.
    sockets: Arc<Semaphore>,
    counters: Arc<ListenerCounters>,
}

/// Each entry is dropped to close its connection. Keys grow with age.
#[derive(Debug, Default)]
struct Entries {
    next: u64,
    opening: BTreeMap<u64, oneshot::Sender<()>>,
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

/// Leave for one more socket.
#[derive(Debug)]
pub(super) struct SocketPermit {
    _permit: OwnedSemaphorePermit,
}

/// A connection in the pool, until this is dropped.
#[derive(Debug)]
pub(super) struct UnopenedPlace {
    pool: Arc<UnopenedPool>,
    number: u64,
    closed: oneshot::Receiver<()>,
    _socket: SocketPermit,
}

impl UnopenedPool {
    pub(super) fn new(limit: usize, counters: Arc<ListenerCounters>) -> Arc<Self> {
        Arc::new(UnopenedPool {
            limit,
            entries: Mutex::default(),
            sockets: Arc::new(Semaphore::new(limit.saturating_mul(2))),
            counters,
        })
    }

    /// Waits while request threads have not dropped the connections that were closed for others. Asked for before
    /// accepting.
    pub(super) async fn permit(&self) -> Option<SocketPermit> {
        let permit = Arc::clone(&self.sockets).acquire_owned().await;
        permit.ok().map(|_permit| SocketPermit { _permit })
    }

    /// Takes a connection in, and closes the oldest one where the pool is full.
    pub(super) fn admit(self: &Arc<Self>, socket: SocketPermit) -> UnopenedPlace {
        let (close, closed) = oneshot::channel();
        let mut entries = self.entries();
        if entries.opening.len() + entries.waiting.len() >= self.limit {
            let oldest = entries.opening.pop_first();
            let _closed = oldest.or_else(|| entries.waiting.pop_first());
        }
        let number = entries.next;
        entries.next += 1;
        entries.opening.insert(number, close);
        self.counters.unopened.fetch_add(1, Ordering::Relaxed);
        UnopenedPlace {
            pool: Arc::clone(self),
            number,
            closed,
            _socket: socket,
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnopenedPlace {
    /// The connection has opened and waits for a place.
    pub(super) fn opened(&self) {
        let mut entries = self.pool.entries();
        if let Some(close) = entries.opening.remove(&self.number) {
            entries.waiting.insert(self.number, close);
        }
    }

    /// Resolves when the connection has to make way for a newer one.
    pub(super) async fn closed(&mut self) {
        let _always_an_error = (&mut self.closed).await;
    }
}

impl Drop for UnopenedPlace {
    fn drop(&mut self) {
        let mut entries = self.pool.entries();
        entries.opening.remove(&self.number);
        entries.waiting.remove(&self.number);
        self.pool.counters.unopened.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(limit: usize) -> Arc<UnopenedPool> {
        let counters = ListenerCounters::new("127.0.0.1:1".parse().unwrap());
        UnopenedPool::new(limit, Arc::new(counters))
    }

    fn admit(pool: &Arc<UnopenedPool>) -> UnopenedPlace {
        let _permit = Arc::clone(&pool.sockets).try_acquire_owned().unwrap();
        pool.admit(SocketPermit { _permit })
    }

    fn is_closed(place: &mut UnopenedPlace) -> bool {
        place.closed.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_oldest_that_has_not_opened_is_closed_before_any_that_waits() {
        let pool = pool(3);
        let (mut waiting, mut old, mut young) = (admit(&pool), admit(&pool), admit(&pool));
        waiting.opened();
        let mut newest = admit(&pool);
        assert!(is_closed(&mut old));
        assert!(!is_closed(&mut waiting) && !is_closed(&mut young) && !is_closed(&mut newest));
        young.opened();
        newest.opened();
        let _next = admit(&pool);
        assert!(is_closed(&mut waiting));
        assert!(!is_closed(&mut young) && !is_closed(&mut newest));
    }

    #[test]
    fn closed_connections_that_are_not_dropped_yet_stop_the_accepting() {
        let pool = pool(2);
        let held: Vec<_> = (0..4).map(|_| admit(&pool)).collect();
        assert_eq!(pool.counters.unopened.load(Ordering::Relaxed), 4);
        assert!(Arc::clone(&pool.sockets).try_acquire_owned().is_err());
        drop(held);
        assert_eq!(pool.counters.unopened.load(Ordering::Relaxed), 0);
        assert!(Arc::clone(&pool.sockets).try_acquire_owned().is_ok());
    }
}
