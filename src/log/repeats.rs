//! Deduplicates the events of denials that are not cached: a denial that is repeated within a minute adds no record.
//!
//! Allows are never deduplicated: each allow that is sent has a separate record, or is cached and has the record of the
//! first one.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlink::LinkedHashMap;

use crate::engine::DenialDigest;
use crate::id::DecisionId;

/// The events of the last [`INTERVAL`], in the order of their expiry.
#[derive(Debug, Default)]
pub(super) struct RepeatedDenials(Mutex<LinkedHashMap<DenialDigest, RecentEvent>>);

#[derive(Debug, Clone, Copy)]
struct RecentEvent {
    event: DecisionId,
    /// The expiry, on the boot clock.
    until: Duration,
}

impl RepeatedDenials {
    /// Registers the event of this denial. Fails with the event that is already registered.
    pub(super) fn register(
        &self,
        denial: DenialDigest,
        event: DecisionId,
        now: Duration,
    ) -> Result<(), DecisionId> {
        let mut events = self.events();
        if let Some(recent) = events.get(&denial)
            && now < recent.until
        {
            return Err(recent.event);
        }
        let until = now.saturating_add(INTERVAL);
        events.insert(denial, RecentEvent { event, until });
        while events.len() > MAX_DENIALS
            || events.front().is_some_and(|(_, first)| first.until <= now)
        {
            events.pop_front();
        }
        Ok(())
    }

    /// Removes an event that the journal refused.
    pub(super) fn remove(&self, denial: DenialDigest) {
        self.events().remove(&denial);
    }

    fn events(&self) -> MutexGuard<'_, LinkedHashMap<DenialDigest, RecentEvent>> {
        // No panic can leave the map inconsistent.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A denial that is repeated all day writes 2 MB of records.
const INTERVAL: Duration = Duration::from_secs(60);
/// About 1.5 MiB. The oldest denial is dropped first, and its next repetition is recorded again.
const MAX_DENIALS: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn first(
        repeats: &RepeatedDenials,
        denial: u128,
        event: u128,
        now: Duration,
    ) -> Result<(), u128> {
        let first = repeats.register(DenialDigest(denial), DecisionId(event), now);
        first.map_err(|DecisionId(event)| event)
    }

    #[test]
    fn a_denial_has_one_event_in_an_interval() {
        let repeats = RepeatedDenials::default();
        assert_eq!(first(&repeats, 1, 10, NOW), Ok(()));
        assert_eq!(first(&repeats, 2, 11, NOW), Ok(()));
        let last = NOW + INTERVAL - Duration::from_nanos(1);
        assert_eq!(first(&repeats, 1, 12, last), Err(10));
        assert_eq!(first(&repeats, 1, 13, NOW + INTERVAL), Ok(()));
        assert_eq!(first(&repeats, 1, 14, NOW + INTERVAL), Err(13));
    }

    #[test]
    fn a_denial_whose_event_was_refused_has_none() {
        let repeats = RepeatedDenials::default();
        assert_eq!(first(&repeats, 1, 10, NOW), Ok(()));
        repeats.remove(DenialDigest(1));
        assert_eq!(first(&repeats, 1, 11, NOW), Ok(()));
    }

    #[test]
    fn the_map_is_bounded_and_expired_entries_are_removed() {
        let repeats = RepeatedDenials::default();
        for denial in 0..=MAX_DENIALS as u128 {
            assert_eq!(first(&repeats, denial, denial, NOW), Ok(()));
        }
        assert_eq!(repeats.events().len(), MAX_DENIALS);
        assert_eq!(first(&repeats, 1, 0, NOW), Err(1));
        assert_eq!(first(&repeats, 0, 0, NOW + INTERVAL), Ok(()));
        assert_eq!(repeats.events().len(), 1);
    }
}
