//! Answers requests from snapshot, cache and revocations. The only module that swaps snapshots (arc-swap).
//!
//! Policies, revocations and the epoch of the key sets are published as one value with one epoch. A request loads it
//! once ([`View`]), so it uses a consistent set, and the cache protocol (`cache::protocol`) separates the answers of
//! two epochs. No request takes a lock that a publication can hold. The thread that publishes or reaps drops replaced
//! values, never a request.

use std::any::Any;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

pub use crate::cache::PendingInsert;
pub use crate::cache::protocol::Epoch;
use crate::cache::protocol::{self, LookupResult, Published};
use crate::cache::{CacheBytes, CacheCounters, DecisionCache, DecisionKey, IdentifiedDecision};
use crate::clock::{Clock, Instants};
use crate::decision::{Decision, Denial};
use crate::evaluate::{Evaluation, Explanation};
use crate::id::DecisionId;
use crate::request::Request;
use crate::revocation::Revocations;
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// Options of an [`Engine`].
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Capacity of the decision cache; `None` = no cache.
    pub cache: Option<CacheBytes>,
    /// The source of time.
    pub clock: Clock,
}

/// The snapshot in force.
#[derive(Debug)]
pub struct ActiveSnapshot {
    /// The compiled policies.
    pub snapshot: Snapshot,
    /// The epoch that its activation started. Every revocation starts another one.
    pub epoch: Epoch,
    /// Activation count, starting at 1.
    pub version: u64,
    /// When it was activated.
    pub activated_at: Timestamp,
    /// Where it was read from, for display.
    pub source: String,
}

/// A decision, its snapshot and its id in the log.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The snapshot that the decision is based on; `None` without policies in force.
    pub active: Option<Arc<ActiveSnapshot>>,
    /// The decision.
    pub decision: Decision,
    /// The decision is from the cache: an earlier, equal request was decided.
    pub cached: bool,
    /// Id of the decision's event; a cached decision has the id of the earlier request.
    pub decision_id: DecisionId,
    /// When the request was answered.
    pub at: Timestamp,
}

/// Keyed 128-bit hash of a request and its denial under one epoch. Two that differ collide with a probability of 2^-128:
/// good enough to count repetitions, not to answer from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DenialDigest(pub u128);

/// Answers requests.
#[derive(Debug)]
pub struct Engine {
    state: ArcSwap<EngineState>,
    /// Serialises publications, so that epochs and versions are consecutive. Requests never take it.
    publishing: Mutex<PublishState>,
    cache: Option<DecisionCache>,
    clock: Clock,
    /// When the policies expire unless they are confirmed again: nanoseconds on the boot clock. Not part of
    /// [`EngineState`], because it moves every few seconds and changes no earlier answer.
    confirmed_until: AtomicU64,
    /// Keys of the two halves of a [`DenialDigest`].
    digest_keys: [RandomState; 2],
}

/// Everything that an answer depends on besides the request and the time.
#[derive(Debug, Clone)]
struct EngineState {
    epoch: Epoch,
    active: Option<Arc<ActiveSnapshot>>,
    revocations: Arc<Revocations>,
    keys: Epoch,
}

/// The engine state at one moment, for answering requests. Do not hold it across an await.
///
/// The time is fixed when the view is created: all requests of one view are answered at the same time.
pub struct View<'a> {
    engine: &'a Engine,
    state: Guard<Arc<EngineState>>,
    now: Instants,
}

#[derive(Debug, Default)]
struct PublishState {
    version: u64,
    /// Replaced values that a request may still hold.
    retired: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Published for EngineState {
    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl Engine {
    /// An engine without policies. It denies all requests.
    pub fn new(options: EngineOptions) -> Self {
        Engine {
            state: ArcSwap::from_pointee(EngineState {
                epoch: Epoch::FIRST,
                active: None,
                revocations: Arc::new(Revocations::default()),
                keys: Epoch::FIRST,
            }),
            publishing: Mutex::new(PublishState::default()),
            cache: options.cache.map(DecisionCache::new),
            clock: options.clock,
            confirmed_until: AtomicU64::new(NO_EXPIRY),
            digest_keys: [RandomState::new(), RandomState::new()],
        }
    }

    /// The current state.
    pub fn view(&self) -> View<'_> {
        View {
            engine: self,
            state: self.state.load(),
            // Read after the state is loaded: the state was in force before this moment.
            now: self.clock.now(),
        }
    }

    /// Answers one request.
    pub fn authorize(&self, request: &Request) -> Answer {
        self.view().authorize(request)
    }

    /// Answers several requests in order, all under one snapshot.
    pub fn authorize_batch(&self, requests: &[Request]) -> Vec<Answer> {
        let view = self.view();
        requests
            .iter()
            .map(|request| view.authorize(request))
            .collect()
    }

    /// Decides and explains every stage; never cached. `None` without policies in force.
    pub fn explain(&self, request: &Request) -> Option<(Arc<ActiveSnapshot>, Explanation)> {
        self.view().explain(request)
    }

    /// The snapshot in force.
    pub fn active(&self) -> Option<Arc<ActiveSnapshot>> {
        self.state.load().active.clone()
    }

    /// The clock that answers use.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Counters and usage of the cache; zero without a cache.
    pub fn counters(&self) -> CacheCounters {
        self.cache
            .as_ref()
            .map(DecisionCache::counters)
            .unwrap_or_default()
    }

    /// Puts a snapshot in force. No request that starts after this returns uses an older one.
    pub fn activate(&self, snapshot: Snapshot, source: impl Into<String>) -> Arc<ActiveSnapshot> {
        let mut publishing = self.publishing();
        publishing.version = publishing.version.wrapping_add(1);
        let state = self.state.load_full();
        let epoch = state.epoch.next();
        let active = Arc::new(ActiveSnapshot {
            snapshot,
            epoch,
            version: publishing.version,
            activated_at: self.clock.now().wall,
            source: source.into(),
        });
        self.state.store(Arc::new(EngineState {
            epoch,
            active: Some(Arc::clone(&active)),
            ..EngineState::clone(&state)
        }));
        if let Some(replaced) = state.active.clone() {
            publishing.retired.push(replaced);
        }
        drop(state);
        publishing.reap();
        active
    }

    /// Replaces the snapshot in force by one of the same id. They differ only in the origin of their values, not in
    /// any answer: epoch, version and cache entries stay.
    pub fn refresh(&self, snapshot: Snapshot) {
        let mut publishing = self.publishing();
        let state = self.state.load_full();
        let Some(replaced) = state.active.clone() else {
            return;
        };
        if replaced.snapshot.id() != snapshot.id() {
            return;
        }
        self.state.store(Arc::new(EngineState {
            active: Some(Arc::new(ActiveSnapshot {
                snapshot,
                epoch: replaced.epoch,
                version: replaced.version,
                activated_at: replaced.activated_at,
                source: replaced.source.clone(),
            })),
            ..EngineState::clone(&state)
        }));
        publishing.retired.push(replaced);
        drop(state);
        publishing.reap();
    }

    /// Keeps the policies in force for `valid_for` from now. The reloader calls this each time that it finds them up
    /// to date. After that time all requests are denied. Without any call the policies do not expire.
    pub fn confirm(&self, valid_for: Duration) {
        let until = self.clock.now().boot.saturating_add(valid_for);
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(NO_EXPIRY);
        self.confirmed_until.store(nanos, Ordering::Release);
    }

    /// Whether policies are in force and not expired; if not, all requests are denied.
    pub fn has_policies(&self) -> bool {
        self.in_force(&self.state.load(), self.clock.now())
            .is_some()
    }

    /// Whether the policies in force can expire.
    pub fn may_expire(&self) -> bool {
        self.confirmed_until.load(Ordering::Acquire) != NO_EXPIRY
    }

    /// Replaces the revocations. No request that starts after this returns uses older ones.
    pub fn set_revocations(&self, revocations: Revocations) {
        let mut publishing = self.publishing();
        let state = self.state.load_full();
        self.state.store(Arc::new(EngineState {
            epoch: state.epoch.next(),
            revocations: Arc::new(revocations),
            ..EngineState::clone(&state)
        }));
        publishing.retired.push(Arc::clone(&state.revocations) as _);
        drop(state);
        publishing.reap();
    }

    /// Puts the key sets of this epoch in force. No request that starts after this returns uses an older epoch. Call it
    /// after the key sets themselves are published: a request that loads this epoch verifies with them or later ones.
    pub fn set_keys(&self, keys: Epoch) {
        let _publishing = self.publishing();
        let state = self.state.load_full();
        self.state.store(Arc::new(EngineState {
            epoch: state.epoch.next(),
            keys,
            ..EngineState::clone(&state)
        }));
    }

    /// Drops replaced values that no request holds, and returns how many remain. Once a minute it also drops expired
    /// cache entries. Not for request threads.
    pub fn reap(&self) -> usize {
        if let Some(cache) = &self.cache {
            cache.sweep(self.clock.now());
        }
        let mut publishing = self.publishing();
        publishing.reap();
        publishing.retired.len()
    }

    fn answer(
        &self,
        state: &EngineState,
        now: Instants,
        request: &Request,
    ) -> (Answer, Option<PendingInsert>) {
        let Some(active) = self.in_force(state, now) else {
            let answer = Answer {
                active: None,
                decision: Decision::no_snapshot(now.wall),
                cached: false,
                decision_id: new_event_id(now.wall),
                at: now.wall,
            };
            return (answer, None);
        };
        let evaluation = Evaluation::new(&active.snapshot, request);
        let decide = |state: &EngineState| IdentifiedDecision {
            decision: evaluation.decide(&state.revocations, now.wall),
            id: new_event_id(now.wall),
        };
        let (LookupResult { answer, cached }, pending) = match &self.cache {
            None => {
                let answer = decide(state);
                let cached = false;
                (LookupResult { answer, cached }, None)
            }
            Some(cache) => {
                let key = DecisionKey::of(&evaluation);
                let slot = cache.slot(&key, now);
                let result = protocol::get_or_decide(state, &slot, decide);
                cache.count(result.cached);
                (result, slot.pending_insert())
            }
        };
        let answer = Answer {
            active: Some(Arc::clone(active)),
            decision: answer.decision,
            cached,
            decision_id: answer.id,
            at: now.wall,
        };
        (answer, pending)
    }

    /// The active snapshot, unless it has expired.
    fn in_force<'a>(
        &self,
        state: &'a EngineState,
        now: Instants,
    ) -> Option<&'a Arc<ActiveSnapshot>> {
        let until = Duration::from_nanos(self.confirmed_until.load(Ordering::Acquire));
        state.active.as_ref().filter(|_| now.boot < until)
    }

    fn publishing(&self) -> MutexGuard<'_, PublishState> {
        // A panic while publishing leaves the counter and the list intact.
        self.publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl View<'_> {
    /// The answer to a request that is denied before it is evaluated; never cached.
    pub fn refuse(&self, denial: Denial) -> Answer {
        let now = self.now.wall;
        Answer {
            active: self.state.active.clone(),
            decision: Decision::refused(denial, now),
            cached: false,
            decision_id: new_event_id(now),
            at: now,
        }
    }

    /// The time of this view on the wall clock.
    pub fn now(&self) -> Timestamp {
        self.now.wall
    }

    /// The epoch of the key sets. An identity that was verified under an older epoch has to be verified again.
    pub fn keys(&self) -> Epoch {
        self.state.keys
    }

    /// Answers one request and caches a new decision immediately.
    pub fn authorize(&self, request: &Request) -> Answer {
        let (answer, pending) = self.decide(request);
        if let Some(pending) = pending {
            pending.insert();
        }
        answer
    }

    /// Answers one request. The caller inserts a new decision into the cache after it is recorded.
    pub fn decide(&self, request: &Request) -> (Answer, Option<PendingInsert>) {
        self.engine.answer(&self.state, self.now, request)
    }

    /// The digest of this request and its denial. `None` for an allow and without policies in force.
    pub fn denial_digest(&self, request: &Request, decision: &Decision) -> Option<DenialDigest> {
        let denial = decision.denial()?;
        let active = self.engine.in_force(&self.state, self.now)?;
        let key = DecisionKey::of(&Evaluation::new(&active.snapshot, request));
        let digested = (
            self.state.epoch,
            key.as_bytes(),
            denial.stage,
            denial.reason,
            decision.applied.as_slice(),
        );
        let [high, low] = self
            .engine
            .digest_keys
            .each_ref()
            .map(|key| u128::from(key.hash_one(digested)));
        Some(DenialDigest(high << 64 | low))
    }

    /// Decides and explains every stage; never cached. `None` without policies in force.
    pub fn explain(&self, request: &Request) -> Option<(Arc<ActiveSnapshot>, Explanation)> {
        let active = Arc::clone(self.engine.in_force(&self.state, self.now)?);
        let now = self.now.wall;
        let evaluation = Evaluation::new(&active.snapshot, request);
        let explanation = evaluation.explain(&self.state.revocations, now);
        Some((active, explanation))
    }
}

impl PublishState {
    /// Drops values that only this list holds; no request can reach them any more.
    fn reap(&mut self) {
        self.retired
            .retain(|replaced| Arc::strong_count(replaced) > 1);
        // A caller that holds an answer for long also holds its snapshot, and drops it itself from here on.
        let too_many = self.retired.len().saturating_sub(MAX_RETIRED);
        self.retired.drain(..too_many);
    }
}

/// No expiry: later than any possible uptime.
const NO_EXPIRY: u64 = u64::MAX;

/// Bound on replaced values that wait for their last request: more are in use only if requests hang.
const MAX_RETIRED: usize = 8;

/// A new event id: a UUID v7 (RFC 9562 §5.7). The ids sort by time and need not be hard to guess.
pub fn new_event_id(now: Timestamp) -> DecisionId {
    thread_local! {
        /// Seeded from system randomness, separately for each thread.
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8));
    }
    let random = u128::from(STATE.with(split_mix)) << 64 | u128::from(STATE.with(split_mix));
    let millis = u128::try_from(now.as_nanos() / 1_000_000).unwrap_or(0);
    let version_and_variant = 0x7 << 76 | 0b10 << 62;
    let random_bits = 0xfff << 64 | ((1 << 62) - 1);
    DecisionId((millis & ((1 << 48) - 1)) << 80 | version_and_variant | random & random_bits)
}

/// SplitMix64 (Steele, Lea, Flood, 2014): a few instructions, with independent seeds per thread.
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
    fn decision_ids_are_unique_version_7_uuids_that_carry_the_time() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let ids: HashSet<u128> = (0..10_000).map(|_| new_event_id(now).0).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            let uuid = uuid::Uuid::from_u128(id);
            assert_eq!(uuid.get_version_num(), 7);
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122);
            let time = uuid.get_timestamp().map(|time| time.to_unix());
            assert_eq!(time, Some((1_800_000_000, 0)));
        }
    }
}
