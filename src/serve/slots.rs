//! Concurrency limits for calls and streams, as slots: some are reserved for each listener, the rest is shared.
//!
//! Without reserved slots the clients of one listener could take all slots, and the calls of the others would be refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The reserved slots of one listener, and the shared ones.
#[derive(Debug)]
pub(super) struct Slots {
    reserved: SlotPool,
    shared: Arc<SlotPool>,
}

/// The pool that a slot was acquired from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotSource {
    Reserved,
    Shared,
}

#[derive(Debug)]
struct SlotPool {
    limit: u64,
    acquired: AtomicU64,
}

/// How slots are split among listeners: half are reserved in equal parts, with at least one each if there are enough. The
/// rest is shared, so that a busy listener can use more than its part while the others are quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotShares {
    /// Reserved for each listener.
    pub(super) each: usize,
    /// Shared by all.
    pub(super) rest: usize,
}

impl SlotShares {
    pub(super) fn of(limit: usize, listeners: usize) -> SlotShares {
        let listeners = listeners.max(1);
        let half = limit / listeners.saturating_mul(2);
        let each = half.max(1).min(limit / listeners);
        let rest = limit.saturating_sub(each.saturating_mul(listeners));
        SlotShares { each, rest }
    }
}

impl Slots {
    /// Splits `limit` slots among the listeners.
    pub(super) fn split(limit: usize, listeners: usize) -> Vec<Slots> {
        let SlotShares { each, rest } = SlotShares::of(limit, listeners);
        let shared = Arc::new(SlotPool::new(rest));
        let slots = (0..listeners).map(|_| Slots {
            reserved: SlotPool::new(each),
            shared: Arc::clone(&shared),
        });
        slots.collect()
    }

    /// Acquires a slot if one is free. The caller must release it.
    pub(super) fn acquire(&self) -> Option<SlotSource> {
        if self.reserved.acquire() {
            return Some(SlotSource::Reserved);
        }
        self.shared.acquire().then_some(SlotSource::Shared)
    }

    pub(super) fn release(&self, source: SlotSource) {
        match source {
            SlotSource::Reserved => self.reserved.release(),
            SlotSource::Shared => self.shared.release(),
        }
    }
}

impl SlotPool {
    fn new(limit: usize) -> Self {
        SlotPool {
            limit: u64::try_from(limit).unwrap_or(u64::MAX),
            acquired: AtomicU64::new(0),
        }
    }

    fn acquire(&self) -> bool {
        let one_more = |acquired| (acquired < self.limit).then_some(acquired + 1);
        let acquired = self
            .acquired
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        acquired.is_ok()
    }

    fn release(&self) {
        self.acquired.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acquire_all(slots: &Slots) -> usize {
        std::iter::from_fn(|| slots.acquire()).count()
    }

    #[test]
    fn a_listener_cannot_take_slots_reserved_for_another() {
        let slots = Slots::split(512, 2);
        assert_eq!(acquire_all(&slots[0]), 384);
        assert_eq!(acquire_all(&slots[1]), 128);
    }

    #[test]
    fn all_slots_together_equal_the_limit() {
        for (limit, listeners) in [(1, 1), (1, 2), (5, 3), (512, 1), (7, 2)] {
            let slots = Slots::split(limit, listeners);
            let acquired: usize = slots.iter().map(acquire_all).sum();
            assert_eq!(acquired, limit, "{listeners} listeners");
        }
    }

    #[test]
    fn a_slot_is_released_to_the_pool_it_was_acquired_from() {
        let slots = Slots::split(4, 2);
        let acquired: Vec<_> = std::iter::from_fn(|| slots[0].acquire()).collect();
        assert_eq!(slots[0].acquire(), None);
        acquired.iter().for_each(|one| slots[0].release(*one));
        assert_eq!(acquire_all(&slots[0]), 3);
    }
}
