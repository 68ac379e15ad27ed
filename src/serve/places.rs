//! Places for calls and streams: a part is reserved for each listener, the rest is shared.
//!
//! Without a reserved part the clients of one listener could take every place, and the calls of all other listeners
//! would be refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The places of one listener, and those that it shares with the others.
#[derive(Debug)]
pub(super) struct Places {
    reserved: Pool,
    shared: Arc<Pool>,
}

/// Which pool a place was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenFrom {
    Reserved,
    Shared,
}

#[derive(Debug)]
struct Pool {
    limit: u64,
    taken: AtomicU64,
}

/// How places are split among listeners: half of them are reserved in equal parts, one for each at least where there are
/// so many. The rest is shared, so that a busy listener can use more than its part while the others are quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    /// Reserved for each listener.
    pub(super) each: usize,
    /// Shared by all.
    pub(super) rest: usize,
}

impl Shares {
    pub(super) fn of(limit: usize, listeners: usize) -> Shares {
        let listeners = listeners.max(1);
        let half = limit / listeners.saturating_mul(2);
        let each = half.max(1).min(limit / listeners);
        let rest = limit.saturating_sub(each.saturating_mul(listeners));
        Shares { each, rest }
    }
}

impl Places {
    /// Splits so many places among this many listeners.
    pub(super) fn split(limit: usize, listeners: usize) -> Vec<Places> {
        let Shares { each, rest } = Shares::of(limit, listeners);
        let shared = Arc::new(Pool::new(rest));
        let places = (0..listeners).map(|_| Places {
            reserved: Pool::new(each),
            shared: Arc::clone(&shared),
        });
        places.collect()
    }

    /// Takes a place, if there is one. It has to be given back.
    pub(super) fn take(&self) -> Option<TakenFrom> {
        if self.reserved.take() {
            return Some(TakenFrom::Reserved);
        }
        self.shared.take().then_some(TakenFrom::Shared)
    }

    pub(super) fn give_back(&self, taken: TakenFrom) {
        match taken {
            TakenFrom::Reserved => self.reserved.give_back(),
            TakenFrom::Shared => self.shared.give_back(),
        }
    }
}

impl Pool {
    fn new(limit: usize) -> Self {
        Pool {
            limit: u64::try_from(limit).unwrap_or(u64::MAX),
            taken: AtomicU64::new(0),
        }
    }

    fn take(&self) -> bool {
        let one_more = |taken| (taken < self.limit).then_some(taken + 1);
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok()
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_by(places: &Places) -> usize {
        std::iter::from_fn(|| places.take()).count()
    }

    #[test]
    fn a_listener_cannot_take_what_is_reserved_for_another() {
        let places = Places::split(512, 2);
        assert_eq!(taken_by(&places[0]), 384);
        assert_eq!(taken_by(&places[1]), 128);
    }

    #[test]
    fn places_together_are_never_more_than_the_limit() {
        for (limit, listeners) in [(1, 1), (1, 2), (5, 3), (512, 1), (7, 2)] {
            let places = Places::split(limit, listeners);
            let taken: usize = places.iter().map(taken_by).sum();
            assert_eq!(taken, limit, "{listeners} listeners");
        }
    }

    #[test]
    fn a_place_goes_back_to_the_pool_that_it_was_taken_from() {
        let places = Places::split(4, 2);
        let taken: Vec<_> = std::iter::from_fn(|| places[0].take()).collect();
        assert_eq!(places[0].take(), None);
        taken.iter().for_each(|one| places[0].give_back(*one));
        assert_eq!(taken_by(&places[0]), 3);
    }
}
