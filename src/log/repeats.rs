//! Which questions have a recent event of their denial, so that a caller that repeats one adds no record.
//!
//! For denials that the cache of decisions does not keep. Allows are not here: each that leaves has a record of its own,
//! or is answered from the cache and has the record of the first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashlink::LinkedHashMap;

use crate::engine::QuestionDigest;
use crate::id::DecisionId;

/// The events of the last interval, in the order in which they end.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<LinkedHashMap<QuestionDigest, Recent>>);

#[derive(Debug, Clone, Copy)]
struct Recent {
    event: DecisionId,
    /// On the boot clock.
    until: Duration,
}

impl Repeats {
    /// Notes that the denial of this question gets this event; an error where it has one, with that event.
    pub(super) fn first(
        &self,
        question: QuestionDigest,
        event: DecisionId,
        now: Duration,
    ) -> Result<(), DecisionId> {
        let mut events = self.events();
        if let Some(recent) = events.get(&question)
            && now < recent.until
        {
            return Err(recent.event);
        }
        let until = now.saturating_add(INTERVAL);
        events.insert(question, Recent { event, until });
        while events.len() > MOST || events.front().is_some_and(|(_, first)| first.until <= now) {
            events.pop_front();
        }
        Ok(())
    }

    /// The event was not taken by the journal.
    pub(super) fn forget(&self, question: QuestionDigest) {
        self.events().remove(&question);
    }

    fn events(&self) -> MutexGuard<'_, LinkedHashMap<QuestionDigest, Recent>> {
        // Nothing in here panics halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that is repeated at any rate writes 2 MB a day.
const INTERVAL: Duration = Duration::from_secs(60);
/// About 1.5 MiB. The oldest goes first, and is then recorded once more when it is asked again.
const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn first(repeats: &Repeats, question: u128, event: u128, now: Duration) -> Result<(), u128> {
        let first = repeats.first(QuestionDigest(question), DecisionId(event), now);
        first.map_err(|DecisionId(event)| event)
    }

    #[test]
    fn a_question_has_one_event_in_an_interval() {
        let repeats = Repeats::default();
        assert_eq!(first(&repeats, 1, 10, NOW), Ok(()));
        assert_eq!(first(&repeats, 2, 11, NOW), Ok(()));
        let last = NOW + INTERVAL - Duration::from_nanos(1);
        assert_eq!(first(&repeats, 1, 12, last), Err(10));
        assert_eq!(first(&repeats, 1, 13, NOW + INTERVAL), Ok(()));
        assert_eq!(first(&repeats, 1, 14, NOW + INTERVAL), Err(13));
    }

    #[test]
    fn one_whose_event_was_not_taken_has_none() {
        let repeats = Repeats::default();
        assert_eq!(first(&repeats, 1, 10, NOW), Ok(()));
        repeats.forget(QuestionDigest(1));
        assert_eq!(first(&repeats, 1, 11, NOW), Ok(()));
    }

    #[test]
    fn what_is_held_is_bounded_and_what_has_ended_goes() {
        let repeats = Repeats::default();
        for question in 0..=MOST as u128 {
            assert_eq!(first(&repeats, question, question, NOW), Ok(()));
        }
        assert_eq!(repeats.events().len(), MOST);
        assert_eq!(first(&repeats, 1, 0, NOW), Err(1));
        assert_eq!(first(&repeats, 0, 0, NOW + INTERVAL), Ok(()));
        assert_eq!(repeats.events().len(), 1);
    }
}
