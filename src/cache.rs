//! The decision cache.
//!
//! An entry is valid only under the epoch that it was decided under ([`protocol`]), for a request that is equal in
//! every field ([`DecisionKey`]), and until it expires on the wall clock or on the boot clock (semantics §4, "How long
//! an answer is good"). Bounded by weight. Decisions that are not cacheable are never inserted, and errors cannot be.

mod key;
pub mod protocol;
mod store;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

pub use key::DecisionKey;
use protocol::{CacheSlot, Epoch};
pub use store::{CacheEntry, CacheUsage, Store};

use crate::clock::Instants;
use crate::decision::Decision;
use crate::id::DecisionId;

/// Capacity of a cache: the total weight of its entries in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBytes(pub u64);

/// 8 MiB: about 15,000 decisions.
impl Default for CacheBytes {
    fn default() -> Self {
        CacheBytes(8 << 20)
    }
}

/// Counters and usage of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Requests answered from the cache.
    pub hits: u64,
    /// Requests not answered from the cache.
    pub misses: u64,
    /// Entries, weight and evictions.
    pub usage: CacheUsage,
}

/// A decision and the id of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentifiedDecision {
    /// The decision.
    pub decision: Decision,
    /// The id of its event.
    pub id: DecisionId,
}

/// Caches decisions.
#[derive(Debug)]
pub struct DecisionCache {
    decisions: Arc<DecisionStore>,
    hits: AtomicU64,
    misses: AtomicU64,
}

type DecisionStore = Store<Box<[u8]>, IdentifiedDecision>;

impl DecisionCache {
    /// An empty cache.
    pub fn new(capacity: CacheBytes) -> Self {
        DecisionCache {
            decisions: Arc::new(Store::new(capacity, TYPICAL_BYTES)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The slot of this key at this moment.
    pub fn slot<'a>(&'a self, key: &'a DecisionKey, now: Instants) -> DecisionSlot<'a> {
        DecisionSlot {
            decisions: &self.decisions,
            key,
            now,
            pending: RefCell::new(None),
        }
    }

    /// Counts a hit or a miss.
    pub fn count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes expired entries. Not for request threads.
    pub fn sweep(&self, now: Instants) {
        self.decisions.sweep(now);
    }

    /// Counters and usage.
    pub fn counters(&self) -> CacheCounters {
        CacheCounters {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            usage: self.decisions.usage(),
        }
    }
}

/// The slot of one key in the cache.
#[derive(Debug)]
pub struct DecisionSlot<'a> {
    decisions: &'a Arc<DecisionStore>,
    key: &'a DecisionKey,
    now: Instants,
    pending: RefCell<Option<PendingInsert>>,
}

impl DecisionSlot<'_> {
    /// The new decision to insert; `None` if it came from the cache or is not cacheable.
    pub fn pending_insert(self) -> Option<PendingInsert> {
        self.pending.into_inner()
    }
}

/// A new decision that is not in the cache yet. If it is dropped, the next request is decided again.
pub struct PendingInsert {
    decisions: Arc<DecisionStore>,
    key: Box<[u8]>,
    entry: Arc<CacheEntry<IdentifiedDecision>>,
}

impl PendingInsert {
    /// Inserts it. A late insert is safe: the entry carries the epoch and the expiry that it was decided with.
    pub fn insert(self) {
        self.decisions.insert(self.key, self.entry);
    }
}

impl fmt::Debug for PendingInsert {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("PendingInsert").field(&self.entry).finish()
    }
}

impl CacheSlot for DecisionSlot<'_> {
    type Answer = IdentifiedDecision;

    fn get(&self) -> Option<(Epoch, IdentifiedDecision)> {
        let entry = self.decisions.get(self.key.as_bytes(), self.now)?;
        Some((entry.epoch, entry.answer.clone()))
    }

    fn insert(&self, epoch: Epoch, decided: &IdentifiedDecision) {
        let decision = &decided.decision;
        let key = self.key.as_bytes();
        if !decision.cacheable || decision.expires_at <= self.now.wall || key.len() > MAX_KEY_BYTES
        {
            return;
        }
        let bytes = key.len() + spilled_bytes(decision);
        let entry = CacheEntry::new(epoch, decided.clone(), self.now, decision.expires_at, bytes);
        *self.pending.borrow_mut() = Some(PendingInsert {
            decisions: Arc::clone(self.decisions),
            key: key.into(),
            entry: Arc::new(entry),
        });
    }
}

/// Heap bytes of a decision.
fn spilled_bytes(decision: &Decision) -> usize {
    fn of<A: smallvec::Array>(list: &SmallVec<A>) -> usize {
        if list.spilled() {
            size_of_val(list.as_slice())
        } else {
            0
        }
    }
    let challenge = decision
        .denial()
        .and_then(|denial| denial.challenge.as_ref());
    of(&decision.applied)
        + of(&decision.obligations)
        + challenge.map_or(0, |challenge| of(&challenge.step_ups))
}

/// Typical weight of a decision with its key.
const TYPICAL_BYTES: u64 = 600;

/// A request with a longer key is not cached, so that a client cannot fill the cache with a few calls.
const MAX_KEY_BYTES: usize = 8 << 10;
