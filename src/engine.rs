//! Snapshot, cache and revocations give an answer. The only place that holds the arc-swap.
//!
//! Policies, revocations and the epoch of the key sets are published as one value with one epoch, and a
//! request loads it once ([`View`]): it sees one of each, and the cache protocol (`cache::protocol`) keeps the answers of two epochs apart.
//! Nothing on a request's path takes a lock that a publication can hold. What was replaced is dropped by
//! the thread that publishes or reaps, never by a request.

use std::any::Any;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

pub use crate::cache::Unkept;
pub use crate::cache::protocol::Epoch;
use crate::cache::protocol::{self, Answered, Published};
use crate::cache::{CacheBytes, CacheCounters, Decided, DecisionCache, Key};
use crate::clock::{Clock, Instants};
use crate::decision::{Decision, Denial};
use crate::evaluate::{Explanation, Question};
use crate::id::DecisionId;
use crate::request::Request;
use crate::revocation::Revocations;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// How an engine is made.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How large the cache of decisions may be; `None` = no cache.
    pub cache: Option<CacheBytes>,
    /// Where the time comes from.
    pub clock: Clock,
}

/// A snapshot in force, and since when.
#[derive(Debug)]
pub struct Active {
    /// The compiled policies.
    pub snapshot: Snapshot,
    /// The epoch that its activation began. Revocations begin further ones.
    pub epoch: Epoch,
    /// Counts the activations of this engine, from 1.
    pub version: u64,
    /// When it was activated.
    pub activated_at: Timestamp,
    /// Where it was read from, for people.
    pub source: String,
}

/// What was decided, under which snapshot, and how to find it in the log.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The snapshot that was asked; none where there is none.
    pub active: Option<Arc<Active>>,
    /// The decision.
    pub decision: Decision,
    /// It was decided for an earlier request that asked the same.
    pub cached: bool,
    /// Names the event of the decision; a cached one carries the earlier request's.
    pub decision_id: DecisionId,
    /// When it was given.
    pub at: Timestamp,
}

/// Names a question and its denial under one epoch: two that differ have the same name with a chance of 2^-128, since the
/// hash is keyed. Good for counting repetitions, not for answering from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QuestionDigest(pub u128);

/// Answers requests.
#[derive(Debug)]
pub struct Engine {
    live: ArcSwap<Live>,
    /// Held by whoever publishes, so that epochs and versions follow each other. Requests never take it.
    publishing: Mutex<Publishing>,
    cache: Option<DecisionCache>,
    clock: Clock,
    /// Until when policies count without being confirmed anew: nanoseconds on the boot clock. Apart from the rest
    /// because it is moved every few seconds and changes no answer that is given before it.
    good_until: AtomicU64,
    /// Keys of the two halves of a [`QuestionDigest`].
    digest_keys: [RandomState; 2],
}

/// All that an answer depends on besides the request and the time.
#[derive(Debug, Clone)]
struct Live {
    epoch: Epoch,
    active: Option<Arc<Active>>,
    revocations: Arc<Revocations>,
    keys: Epoch,
}

/// What is in force at one moment: all that a request may be answered under. Not to be held over an await.
///
/// Its moment is that of its making: what is answered under one view is answered at one time.
pub struct View<'a> {
    engine: &'a Engine,
    live: Guard<Arc<Live>>,
    now: Instants,
}

#[derive(Debug, Default)]
struct Publishing {
    version: u64,
    /// What was replaced and some request may still hold.
    retired: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Published for Live {
    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Engine {
    /// An engine without policies: it denies everything.
    pub fn new(options: EngineOptions) -> Self {
        Engine {
            live: ArcSwap::from_pointee(Live {
                epoch: Epoch::FIRST,
                active: None,
                revocations: Arc::new(Revocations::default()),
                keys: Epoch::FIRST,
            }),
            publishing: Mutex::new(Publishing::default()),
            cache: options.cache.map(DecisionCache::new),
            clock: options.clock,
            good_until: AtomicU64::new(NO_END),
            digest_keys: [RandomState::new(), RandomState::new()],
        }
    }

    /// What is in force now.
    pub fn view(&self) -> View<'_> {
        View {
            engine: self,
            live: self.live.load(),
            // After the policies: what is seen was in force before this moment.
            now: self.clock.now(),
        }
    }

    /// Answers one request.
    pub fn authorize(&self, request: &Request) -> Answer {
        self.view().authorize(request)
    }

    /// Answers several, all under one snapshot, in their order.
    pub fn authorize_batch(&self, requests: &[Request]) -> Vec<Answer> {
        let view = self.view();
        requests
            .iter()
            .map(|request| view.authorize(request))
            .collect()
    }

    /// Decides and tells why, stage by stage; never cached. `None` where there is no snapshot.
    pub fn explain(&self, request: &Request) -> Option<(Arc<Active>, Explanation)> {
        self.view().explain(request)
    }

    /// The snapshot in force.
    pub fn active(&self) -> Option<Arc<Active>> {
        self.live.load().active.clone()
    }

    /// The clock that answers go by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the cache has done and holds; zeros where there is none.
    pub fn counters(&self) -> CacheCounters {
        self.cache
            .as_ref()
            .map(DecisionCache::counters)
            .unwrap_or_default()
    }

    /// Puts a snapshot in force: no request that starts after this has returned sees an older one.
    pub fn activate(&self, snapshot: Snapshot, source: impl Into<String>) -> Arc<Active> {
        let mut publishing = self.publishing();
        publishing.version = publishing.version.wrapping_add(1);
        let live = self.live.load_full();
        let epoch = live.epoch.next();
        let active = Arc::new(Active {
            snapshot,
            epoch,
            version: publishing.version,
            activated_at: self.clock.now().wall,
            source: source.into(),
        });
        self.live.store(Arc::new(Live {
            epoch,
            active: Some(Arc::clone(&active)),
            ..Live::clone(&live)
        }));
        if let Some(replaced) = live.active.clone() {
            publishing.retired.push(replaced);
        }
        drop(live);
        publishing.reap();
        active
    }

    /// Takes a snapshot of the same id in place of the one in force, which differs in where its values
    /// come from and in nothing that an answer shows: epoch, version and what is cached stay.
    pub fn refresh(&self, snapshot: Snapshot) {
        let mut publishing = self.publishing();
        let live = self.live.load_full();
        let Some(replaced) = live.active.clone() else {
            return;
        };
        if replaced.snapshot.id() != snapshot.id() {
            return;
        }
        self.live.store(Arc::new(Live {
            active: Some(Arc::new(Active {
                snapshot,
                epoch: replaced.epoch,
                version: replaced.version,
                activated_at: replaced.activated_at,
                source: replaced.source.clone(),
            })),
            ..Live::clone(&live)
        }));
        publishing.retired.push(replaced);
        drop(live);
        publishing.reap();
    }

    /// From now on the policies in force count for so long, unless this is called again: whoever follows them does
    /// so each time that they are found to be what they should be. Past that, nothing is answered from them. An
    /// engine that was never told has no such end.
    pub fn confirm(&self, good_for: Duration) {
        let until = self.clock.now().boot.saturating_add(good_for);
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(NO_END);
        self.good_until.store(nanos, Ordering::Release);
    }

    /// Whether there are policies, confirmed within their time: else everything is denied.
    pub fn has_policies(&self) -> bool {
        self.in_force(&self.live.load(), self.clock.now()).is_some()
    }

    /// Whether what is in force can come to an end by itself.
    pub fn may_expire(&self) -> bool {
        self.good_until.load(Ordering::Acquire) != NO_END
    }

    /// Puts revocations in force, in place of those before; as prompt as [`Engine::activate`].
    pub fn set_revocations(&self, revocations: Revocations) {
        let mut publishing = self.publishing();
        let live = self.live.load_full();
        self.live.store(Arc::new(Live {
            epoch: live.epoch.next(),
            revocations: Arc::new(revocations),
            ..Live::clone(&live)
        }));
        publishing.retired.push(Arc::clone(&live.revocations) as _);
        drop(live);
        publishing.reap();
    }

    /// Puts key sets of this epoch in force; as prompt as [`Engine::activate`]. To be called when the key
    /// sets themselves can be seen by everybody: who finds this epoch here verifies by them or later ones.
    pub fn set_keys(&self, keys: Epoch) {
        let _publishing = self.publishing();
        let live = self.live.load_full();
        self.live.store(Arc::new(Live {
            epoch: live.epoch.next(),
            keys,
            ..Live::clone(&live)
        }));
    }

    /// Drops what was replaced and no request holds any more, and says how much is left; and remembered decisions that
    /// have ended, once a minute. For a thread that serves nobody.
    pub fn reap(&self) -> usize {
        if let Some(cache) = &self.cache {
            cache.sweep(self.clock.now());
        }
        let mut publishing = self.publishing();
        publishing.reap();
        publishing.retired.len()
    }

    fn answer(&self, live: &Live, now: Instants, request: &Request) -> (Answer, Option<Unkept>) {
        let Some(active) = self.in_force(live, now) else {
            let answer = Answer {
                active: None,
                decision: Decision::no_snapshot(now.wall),
                cached: false,
                decision_id: new_event_id(now.wall),
                at: now.wall,
            };
            return (answer, None);
        };
        let question = Question::new(&active.snapshot, request);
        let decide = |live: &Live| Decided {
            decision: question.decide(&live.revocations, now.wall),
            id: new_event_id(now.wall),
        };
        let (Answered { answer, recalled }, unkept) = match &self.cache {
            None => {
                let answer = decide(live);
                let recalled = false;
                (Answered { answer, recalled }, None)
            }
            Some(cache) => {
                let key = Key::of(&question);
                let place = cache.place(&key, now);
                let answered = protocol::answer(live, &place, decide);
                cache.count(answered.recalled);
                (answered, place.unkept())
            }
        };
        let answer = Answer {
            active: Some(Arc::clone(active)),
            decision: answer.decision,
            cached: recalled,
            decision_id: answer.id,
            at: now.wall,
        };
        (answer, unkept)
    }

    /// The snapshot that may answer at this moment.
    fn in_force<'a>(&self, live: &'a Live, now: Instants) -> Option<&'a Arc<Active>> {
        let until = Duration::from_nanos(self.good_until.load(Ordering::Acquire));
        live.active.as_ref().filter(|_| now.boot < until)
    }

    fn publishing(&self) -> MutexGuard<'_, Publishing> {
        // A panic while publishing leaves counters and a list behind, both whole.
        self.publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl View<'_> {
    /// The answer to what is refused before anything can be evaluated; never cached.
    pub fn refuse(&self, denial: Denial) -> Answer {
        let now = self.now.wall;
        Answer {
            active: self.live.active.clone(),
            decision: Decision::refused(denial, now),
            cached: false,
            decision_id: new_event_id(now),
            at: now,
        }
    }

    /// Its moment, on the wall.
    pub fn now(&self) -> Timestamp {
        self.now.wall
    }

    /// The epoch of the key sets: an identity that was verified under an older one has to be verified again.
    pub fn keys(&self) -> Epoch {
        self.live.keys
    }

    /// Answers one request, and keeps the decision at once.
    pub fn authorize(&self, request: &Request) -> Answer {
        let (answer, unkept) = self.decide(request);
        if let Some(unkept) = unkept {
            unkept.keep();
        }
        answer
    }

    /// Answers one request. What was decided now is kept by whoever has recorded it.
    pub fn decide(&self, request: &Request) -> (Answer, Option<Unkept>) {
        self.engine.answer(&self.live, self.now, request)
    }

    /// The name of this question and of the denial that it was answered with. `None` where there is no snapshot, and for
    /// an allow.
    pub fn digest(&self, request: &Request, decision: &Decision) -> Option<QuestionDigest> {
        let denial = decision.denial()?;
        let active = self.engine.in_force(&self.live, self.now)?;
        let key = Key::of(&Question::new(&active.snapshot, request));
        let asked = (
            self.live.epoch,
            key.as_bytes(),
            denial.stage,
            denial.reason,
            decision.applied.as_slice(),
        );
        let [high, low] = self
            .engine
            .digest_keys
            .each_ref()
            .map(|key| u128::from(key.hash_one(asked)));
        Some(QuestionDigest(high << 64 | low))
    }

    /// Decides and tells why, stage by stage; never cached. `None` where there is no snapshot.
    pub fn explain(&self, request: &Request) -> Option<(Arc<Active>, Explanation)> {
        let active = Arc::clone(self.engine.in_force(&self.live, self.now)?);
        let now = self.now.wall;
        let question = Question::new(&active.snapshot, request);
        let explanation = question.explain(&self.live.revocations, now);
        Some((active, explanation))
    }
}

impl Publishing {
    /// Drops what only this list holds: nobody can come to hold it again.
    fn reap(&mut self) {
        self.retired
            .retain(|replaced| Arc::strong_count(replaced) > 1);
        // Somebody who keeps an answer for long keeps its snapshot too; from here on that is theirs to drop.
        let too_many = self.retired.len().saturating_sub(MOST_RETIRED);
        self.retired.drain(..too_many);
    }
}

/// Later than any machine has run.
const NO_END: u64 = u64::MAX;

/// How many replaced values wait for their last request: more than can be in use unless something hangs.
const MOST_RETIRED: usize = 8;

/// A new id of an event, in the form of a UUID v7 (RFC 9562 §5.7): they sort by time, and need not be hard to guess.
pub fn new_event_id(now: Timestamp) -> DecisionId {
    thread_local! {
        /// Seeded by the system's random numbers, differently in each thread.
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8));
    }
    let random = u128::from(STATE.with(split_mix)) << 64 | u128::from(STATE.with(split_mix));
    let millis = u128::try_from(now.as_nanos() / 1_000_000).unwrap_or(0);
    let version_and_variant = 0x7 << 76 | 0b10 << 62;
    let random_bits = 0xfff << 64 | ((1 << 62) - 1);
    DecisionId((millis & ((1 << 48) - 1)) << 80 | version_and_variant | random & random_bits)
}

/// SplitMix64 (Steele, Lea, Flood, 2014): a few instructions, and no two threads' seeds are related.
fn split_mix(state: &Cell<u64>) -> u64 {
    let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    state.set(next);
    let mixed = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn decision_ids_are_uuids_of_version_7_that_tell_the_time_and_never_repeat() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let ids: HashSet<u128> = (0..10_000).map(|_| new_event_id(now).0).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let uuid = uuid::Uuid::from_u128(id);
            assert_eq!(uuid.get_version_num(), 7);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            let told = uuid.get_timestamp().map(|told| told.to_unix());
            assert_eq!(told, Some((1_800_000_000, 0)));
        }
    }
}
