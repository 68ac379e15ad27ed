//! The pool of a listener's connections that are accepted and not served: they have not opened, or wait for a place.
//!
//! A new connection always gets into it. When it is full, the oldest connection that has not opened is closed; when all
//! have opened, the oldest one that waits for a place. So connections that send nothing keep no client out. Each has
//! a little time on its request thread before it is closed for another, so that a burst of honest clients all open.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until};

use super::ListenerCounters;

/// A listener's pool.
#[derive(Debug)]
pub(super) struct UnopenedPool {
    limit: usize,
    /// See [`super::ServeOptions::unopened_grace`].
    grace: Duration,
    entries: Mutex<Entries>,
    /// Twice the limit: also counts connections that were closed and that their request thread has not dropped yet.
    sockets: Arc<Semaphore>,
    /// Something has changed that the accept loop may wait for.
    changed: Notify,
    counters: Arc<ListenerCounters>,
}

/// Keys grow with time: the first entry of a map is the oldest.
#[derive(Debug, Default)]
struct Entries {
    next: u64,
    opening: BTreeMap<u64, Entry>,
    waiting: BTreeMap<u64, Entry>,
}

/// Dropped to close its connection.
#[derive(Debug)]
struct Entry {
    _close: oneshot::Sender<()>,
    /// When its request thread took it up.
    started: Option<Instant>,
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

    /// Waits until a connection may be accepted: request threads have dropped those that were closed for others, and the
    /// pool has room or its oldest connection has had its time. For one accept loop.
    pub(super) async fn permit(&self) -> Option<SocketPermit> {
        let permit = Arc::clone(&self.sockets).acquire_owned().await.ok()?;
        loop {
            let changed = self.changed.notified();
            match self.room() {
                Room::Now => return Some(SocketPermit { _permit: permit }),
                Room::At(due) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(due) => {}
                },
                Room::Later => changed.await,
            }
        }
    }

    fn room(&self) -> Room {
        let entries = self.entries();
        if entries.opening.len() + entries.waiting.len() < self.limit {
            return Room::Now;
        }
        let opening = entries.opening.first_key_value();
        let oldest = opening.or_else(|| entries.waiting.first_key_value());
        let Some(started) = oldest.and_then(|(_, oldest)| oldest.started) else {
            return Room::Later;
        };
        let due = started + self.grace;
        match due <= Instant::now() {
            true => Room::Now,
            false => Room::At(due),
        }
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
        let entry = Entry {
            _close: close,
            started: None,
        };
        entries.opening.insert(number, entry);
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

/// When a connection may be accepted.
enum Room {
    Now,
    At(Instant),
    /// After a change.
    Later,
}

impl UnopenedPlace {
    /// The request thread has taken the connection up.
    pub(super) fn started(&self) {
        if let Some(entry) = self.pool.entries().opening.get_mut(&self.number) {
            entry.started = Some(Instant::now());
        }
        self.pool.changed.notify_one();
    }

    /// The connection has opened and waits for a place.
    pub(super) fn opened(&self) {
        let mut entries = self.pool.entries();
        if let Some(entry) = entries.opening.remove(&self.number) {
            entries.waiting.insert(self.number, entry);
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

    #[tokio::test]
    async fn a_connection_has_its_grace_before_it_is_closed_for_another() {
        let pool = pool(1);
        let mut first = admit(&pool);
        assert!(matches!(pool.room(), Room::Later));
        first.started();
        let started = Instant::now();
        let permit = pool.permit().await.unwrap();
        assert!(started.elapsed() >= GRACE);
        let second = pool.admit(permit);
        assert!(is_closed(&mut first));
        drop((first, second));
        assert!(matches!(pool.room(), Room::Now));
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
