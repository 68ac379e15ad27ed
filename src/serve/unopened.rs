//! The limit of a listener's accepted connections that are not served: they are opening, or wait for a connection slot.
//!
//! A new connection is always added. If the pool is full, the oldest opening connection is closed, or the oldest waiting
//! one if all have opened. So connections that send nothing cannot keep other clients out. A grace period protects each
//! from its first turn on its request thread, so that in a burst of well-behaved clients all can open.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until};

use super::ListenerCounters;

/// The unopened connections of a listener.
#[derive(Debug)]
pub(super) struct UnopenedPool {
    limit: usize,
    /// See [`super::ServeOptions::unopened_grace`].
    grace: Duration,
    entries: Mutex<UnopenedEntries>,
    /// Twice the limit: also counts closed connections that their request thread has yet to drop.
    sockets: Arc<Semaphore>,
    /// Notifies the accept loop of changes in the pool.
    changed: Notify,
    counters: Arc<ListenerCounters>,
}

/// Keys increase: the first entry of a map is the oldest.
#[derive(Debug, Default)]
struct UnopenedEntries {
    next: u64,
    opening: BTreeMap<u64, UnopenedEntry>,
    waiting: BTreeMap<u64, UnopenedEntry>,
}

/// Dropping it closes the connection.
#[derive(Debug)]
struct UnopenedEntry {
    _close: oneshot::Sender<()>,
    /// When its request thread started to open it.
    started: Option<Instant>,
}

/// The permit to accept one connection.
#[derive(Debug)]
pub(super) struct SocketPermit {
    _permit: OwnedSemaphorePermit,
}

/// The slot of a connection in the pool, released on drop.
#[derive(Debug)]
pub(super) struct UnopenedSlot {
    pool: Arc<UnopenedPool>,
    number: u64,
    closed: oneshot::Receiver<()>,
    _socket: SocketPermit,
}

impl UnopenedPool {
    pub(super) fn new(limit: usize, grace: Duration, counters: Arc<ListenerCounters>) -> Arc<Self> {
        Arc::new(UnopenedPool {
            limit,
            grace,
            entries: Mutex::default(),
            sockets: Arc::new(Semaphore::new(limit.saturating_mul(2))),
            changed: Notify::new(),
            counters,
        })
    }

    /// Waits until a connection may be accepted: request threads have dropped closed connections, and the pool has
    /// capacity or the grace period of its oldest connection is over. For a single accept loop.
    pub(super) async fn permit(&self) -> Option<SocketPermit> {
        let permit = Arc::clone(&self.sockets).acquire_owned().await.ok()?;
        loop {
            let changed = self.changed.notified();
            match self.readiness() {
                AcceptReadiness::Ready => return Some(SocketPermit { _permit: permit }),
                AcceptReadiness::ReadyAt(instant) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(instant) => {}
                },
                AcceptReadiness::AfterChange => changed.await,
            }
        }
    }

    fn readiness(&self) -> AcceptReadiness {
        let entries = self.entries();
        if entries.opening.len() + entries.waiting.len() < self.limit {
            return AcceptReadiness::Ready;
        }
        let opening = entries.opening.first_key_value();
        let oldest = opening.or_else(|| entries.waiting.first_key_value());
        let Some(started) = oldest.and_then(|(_, oldest)| oldest.started) else {
            return AcceptReadiness::AfterChange;
        };
        let evictable = started + self.grace;
        match evictable <= Instant::now() {
            true => AcceptReadiness::Ready,
            false => AcceptReadiness::ReadyAt(evictable),
        }
    }

    /// Adds a connection, and closes the oldest one if the pool is full.
    pub(super) fn admit(self: &Arc<Self>, socket: SocketPermit) -> UnopenedSlot {
        let (close, closed) = oneshot::channel();
        let mut entries = self.entries();
        if entries.opening.len() + entries.waiting.len() >= self.limit {
            let oldest = entries.opening.pop_first();
            let _closed = oldest.or_else(|| entries.waiting.pop_first());
        }
        let number = entries.next;
        entries.next += 1;
        let entry = UnopenedEntry {
            _close: close,
            started: None,
        };
        entries.opening.insert(number, entry);
        self.counters.unopened.fetch_add(1, Ordering::Relaxed);
        UnopenedSlot {
            pool: Arc::clone(self),
            number,
            closed,
            _socket: socket,
        }
    }

    fn entries(&self) -> MutexGuard<'_, UnopenedEntries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a connection may be accepted.
enum AcceptReadiness {
    Ready,
    ReadyAt(Instant),
    /// When [`UnopenedPool::changed`] is notified.
    AfterChange,
}

impl UnopenedSlot {
    /// The request thread starts to open the connection.
    pub(super) fn started(&self) {
        if let Some(entry) = self.pool.entries().opening.get_mut(&self.number) {
            entry.started = Some(Instant::now());
        }
        self.pool.changed.notify_one();
    }

    /// The connection has opened and waits for a connection slot.
    pub(super) fn opened(&self) {
        let mut entries = self.pool.entries();
        if let Some(entry) = entries.opening.remove(&self.number) {
            entries.waiting.insert(self.number, entry);
        }
    }

    /// Resolves when the connection must be closed for a newer one.
    pub(super) async fn closed(&mut self) {
        let _always_an_error = (&mut self.closed).await;
    }
}

impl Drop for UnopenedSlot {
    fn drop(&mut self) {
        let mut entries = self.pool.entries();
        entries.opening.remove(&self.number);
        entries.waiting.remove(&self.number);
        drop(entries);
        self.pool.counters.unopened.fetch_sub(1, Ordering::Relaxed);
        self.pool.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_millis(50);

    fn pool(limit: usize) -> Arc<UnopenedPool> {
        let counters = ListenerCounters::new("127.0.0.1:1".parse().unwrap());
        UnopenedPool::new(limit, GRACE, Arc::new(counters))
    }

    fn admit(pool: &Arc<UnopenedPool>) -> UnopenedSlot {
        let _permit = Arc::clone(&pool.sockets).try_acquire_owned().unwrap();
        pool.admit(SocketPermit { _permit })
    }

    fn is_closed(slot: &mut UnopenedSlot) -> bool {
        slot.closed.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn the_oldest_opening_connection_is_closed_before_any_waiting_one() {
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

    #[tokio::test]
    async fn a_connection_is_not_closed_for_another_during_its_grace_period() {
        let pool = pool(1);
        let mut first = admit(&pool);
        assert!(matches!(pool.readiness(), AcceptReadiness::AfterChange));
        first.started();
        let started = Instant::now();
        let permit = pool.permit().await.unwrap();
        assert!(started.elapsed() >= GRACE);
        let second = pool.admit(permit);
        assert!(is_closed(&mut first));
        drop((first, second));
        assert!(matches!(pool.readiness(), AcceptReadiness::Ready));
    }

    #[test]
    fn accepting_stops_while_closed_connections_are_not_dropped() {
        let pool = pool(2);
        let held: Vec<_> = (0..4).map(|_| admit(&pool)).collect();
        assert_eq!(pool.counters.unopened.load(Ordering::Relaxed), 4);
        assert!(Arc::clone(&pool.sockets).try_acquire_owned().is_err());
        drop(held);
        assert_eq!(pool.counters.unopened.load(Ordering::Relaxed), 0);
        assert!(Arc::clone(&pool.sockets).try_acquire_owned().is_ok());
    }
}
