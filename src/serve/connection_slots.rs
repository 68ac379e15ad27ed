//! The connection limit, as slots for open connections: half are reserved for the listeners in equal parts, the rest is
//! shared.
//!
//! A full listener takes no slot that is reserved for another. A connection that finds no free slot waits for one, and
//! meanwhile idle connections whose slot it could use are asked to close.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::slots::SlotShares;

/// The connection slots of one listener.
#[derive(Debug)]
pub(super) struct ConnectionSlots {
    reserved: Arc<Semaphore>,
    shared: Arc<Semaphore>,
    waiters: AtomicUsize,
}

/// A connection slot, released on drop.
#[derive(Debug)]
pub(super) struct ConnectionSlot {
    _permit: OwnedSemaphorePermit,
    pub(super) is_shared: bool,
}

/// Counts a waiting connection until dropped.
struct WaiterGuard<'a>(&'a AtomicUsize);

impl ConnectionSlots {
    /// Splits the slots among the listeners.
    pub(super) fn split(slots: usize, listeners: usize) -> Vec<ConnectionSlots> {
        let SlotShares { each, rest } = SlotShares::of(slots, listeners);
        let shared = Arc::new(Semaphore::new(rest));
        let slots = (0..listeners).map(|_| ConnectionSlots {
            reserved: Arc::new(Semaphore::new(each)),
            shared: Arc::clone(&shared),
            waiters: AtomicUsize::new(0),
        });
        slots.collect()
    }

    /// Acquires a slot if one is free.
    pub(super) fn try_acquire(&self) -> Option<ConnectionSlot> {
        let acquire = |semaphore: &Arc<Semaphore>, is_shared| {
            let permit = Arc::clone(semaphore).try_acquire_owned().ok()?;
            Some(ConnectionSlot {
                _permit: permit,
                is_shared,
            })
        };
        acquire(&self.reserved, false).or_else(|| acquire(&self.shared, true))
    }

    /// Waits for a slot. Calls `request_idle_close` now and after every `interval`. `None` if the semaphore is closed.
    pub(super) async fn wait(
        &self,
        interval: Duration,
        request_idle_close: impl Fn(),
    ) -> Option<ConnectionSlot> {
        let _waiter = WaiterGuard::new(&self.waiters);
        let mut slot = pin!(self.acquire());
        loop {
            request_idle_close();
            tokio::select! {
                biased;
                slot = slot.as_mut() => return slot,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    async fn acquire(&self) -> Option<ConnectionSlot> {
        let (permit, is_shared) = tokio::select! {
            biased;
            permit = Arc::clone(&self.reserved).acquire_owned() => (permit, false),
            permit = Arc::clone(&self.shared).acquire_owned() => (permit, true),
        };
        Some(ConnectionSlot {
            _permit: permit.ok()?,
            is_shared,
        })
    }

    /// Whether a connection of this listener waits for a slot.
    pub(super) fn has_waiters(&self) -> bool {
        self.waiters.load(Ordering::Relaxed) > 0
    }
}

impl<'a> WaiterGuard<'a> {
    fn new(waiters: &'a AtomicUsize) -> Self {
        waiters.fetch_add(1, Ordering::Relaxed);
        WaiterGuard(waiters)
    }
}

impl Drop for WaiterGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquire_all(slots: &ConnectionSlots) -> Vec<ConnectionSlot> {
        std::iter::from_fn(|| slots.try_acquire()).collect()
    }

    #[test]
    fn a_full_listener_leaves_reserved_slots_to_the_others() {
        let slots = ConnectionSlots::split(128, 3);
        let first = acquire_all(&slots[0]);
        assert_eq!(first.len(), 128 - 2 * 21);
        assert_eq!(first.iter().filter(|slot| !slot.is_shared).count(), 21);
        assert_eq!(acquire_all(&slots[1]).len(), 21);
        drop(first);
        assert_eq!(acquire_all(&slots[2]).len(), 128 - 2 * 21);
    }

    #[test]
    fn all_slots_are_available_for_any_limit_and_number_of_listeners() {
        for (count, listeners) in [(1, 1), (1, 2), (2, 1), (7, 3), (128, 1)] {
            let slots = ConnectionSlots::split(count, listeners);
            let held: Vec<_> = slots.iter().flat_map(acquire_all).collect();
            assert_eq!(held.len(), count, "{count} over {listeners}");
        }
    }
}
