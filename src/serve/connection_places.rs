//! The places of connections that have opened: half of them reserved for the listeners in equal parts, the rest shared.
//!
//! A listener that is full takes nothing from the reserve of another. A connection that finds no place waits for one,
//! and meanwhile connections without a call that hold a place it could have are asked to leave.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::places::Shares;

/// The places that the connections of one listener can have.
#[derive(Debug)]
pub(super) struct ConnectionPlaces {
    reserved: Arc<Semaphore>,
    shared: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place, until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPlace {
    _permit: OwnedSemaphorePermit,
    pub(super) is_shared: bool,
}

struct Waiting<'a>(&'a AtomicUsize);

impl ConnectionPlaces {
    /// For each of so many listeners; together they have `places`.
    pub(super) fn divide(places: usize, listeners: usize) -> Vec<ConnectionPlaces> {
        let Shares { each, rest } = Shares::of(places, listeners);
        let shared = Arc::new(Semaphore::new(rest));
        let places = (0..listeners).map(|_| ConnectionPlaces {
            reserved: Arc::new(Semaphore::new(each)),
            shared: Arc::clone(&shared),
            waiting: AtomicUsize::new(0),
        });
        places.collect()
    }

    /// A place that is free now.
    pub(super) fn try_take(&self) -> Option<ConnectionPlace> {
        let of = |semaphore: &Arc<Semaphore>, is_shared| {
            let permit = Arc::clone(semaphore).try_acquire_owned().ok()?;
            Some(ConnectionPlace {
                _permit: permit,
                is_shared,
            })
        };
        of(&self.reserved, false).or_else(|| of(&self.shared, true))
    }

    /// The first place that comes free. `ask` asks idle connections to leave, now and after every `pause`. `None` when
    /// there will never be one.
    pub(super) async fn wait(&self, pause: Duration, ask: impl Fn()) -> Option<ConnectionPlace> {
        let _waiting = Waiting::count(&self.waiting);
        let mut place = pin!(self.first_free());
        loop {
            ask();
            tokio::select! {
                biased;
                place = place.as_mut() => return place,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn first_free(&self) -> Option<ConnectionPlace> {
        let (permit, is_shared) = tokio::select! {
            biased;
            permit = Arc::clone(&self.reserved).acquire_owned() => (permit, false),
            permit = Arc::clone(&self.shared).acquire_owned() => (permit, true),
        };
        Some(ConnectionPlace {
            _permit: permit.ok()?,
            is_shared,
        })
    }

    /// Whether a connection of this listener waits for a place.
    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

impl<'a> Waiting<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(places: &ConnectionPlaces) -> Vec<ConnectionPlace> {
        std::iter::from_fn(|| places.try_take()).collect()
    }

    #[test]
    fn a_listener_that_is_full_leaves_the_others_their_reserve() {
        let places = ConnectionPlaces::divide(128, 3);
        let first = taken(&places[0]);
        assert_eq!(first.len(), 128 - 2 * 21);
        assert_eq!(first.iter().filter(|place| !place.is_shared).count(), 21);
        assert_eq!(taken(&places[1]).len(), 21);
        drop(first);
        assert_eq!(taken(&places[2]).len(), 128 - 2 * 21);
    }

    #[test]
    fn all_places_are_given_whatever_their_number() {
        for (count, listeners) in [(1, 1), (1, 2), (2, 1), (7, 3), (128, 1)] {
            let places = ConnectionPlaces::divide(count, listeners);
            let held: Vec<_> = places.iter().flat_map(taken).collect();
            assert_eq!(held.len(), count, "{count} over {listeners}");
        }
    }
}
