//! Decisions that were made before, good until they expire.
//!
//! An entry counts only under the epoch that it was decided under ([`protocol`]), for a request that asks
//! the same in every field ([`Key`]), and while its end lies ahead on the wall clock and on the boot clock
//! (semantics §4, "How long an answer is good"). Bounded by weight. What is not cacheable never comes in;
//! errors have no way in at all.

mod key;
pub mod protocol;
mod store;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

pub use key::Key;
use protocol::{Epoch, Memory};
pub use store::{Entry, Held, Store};

use crate::clock::Instants;
use crate::decision::Decision;
use crate::id::DecisionId;

/// How much the entries of a cache may weigh together, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBytes(pub u64);

/// 8 MiB: some 15,000 decisions.
impl Default for CacheBytes {
    fn default() -> Self {
        CacheBytes(8 << 20)
    }
}

/// What the cache has done and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Requests that were answered from the cache.
    pub hits: u64,
    /// Requests that were not.
    pub misses: u64,
    /// What it holds.
    pub held: Held,
}

/// A decision, and the id of the event that told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The event.
    pub id: DecisionId,
}

/// The cache.
#[derive(Debug)]
pub struct DecisionCache {
    decisions: Arc<Decisions>,
    hits: AtomicU64,
    misses: AtomicU64,
}

type Decisions = Store<Box<[u8]>, Decided>;

impl DecisionCache {
    /// An empty cache.
    pub fn new(capacity: CacheBytes) -> Self {
        DecisionCache {
            decisions: Arc::new(Store::new(capacity, USUAL_BYTES)),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The place that belongs to this key, at this moment.
    pub fn place<'a>(&'a self, key: &'a Key, now: Instants) -> Place<'a> {
        Place {
            decisions: &self.decisions,
            key,
            now,
            unkept: RefCell::new(None),
        }
    }

    /// Counts an answer.
    pub fn count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes out what has ended. For a thread that serves nobody.
    pub fn sweep(&self, now: Instants) {
        self.decisions.sweep(now);
    }

    /// What it has done and holds.
    pub fn counters(&self) -> CacheCounters {
        CacheCounters {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            held: self.decisions.held(),
        }
    }
}

/// The place in the cache that belongs to one question.
#[derive(Debug)]
pub struct Place<'a> {
    decisions: &'a Arc<Decisions>,
    key: &'a Key,
    now: Instants,
    unkept: RefCell<Option<Unkept>>,
}

impl Place<'_> {
    /// What was decided and may be kept; nothing, where it was remembered or is not to be kept.
    pub fn unkept(self) -> Option<Unkept> {
        self.unkept.into_inner()
    }
}

/// A decision on its way into the cache. Whoever dropped it kept nothing: the next request decides again.
pub struct Unkept {
    decisions: Arc<Decisions>,
    key: Box<[u8]>,
    entry: Arc<Entry<Decided>>,
}

impl Unkept {
    /// Keeps it. It may be late: the entry has the epoch and the end that it was decided with.
    pub fn keep(self) {
        self.decisions.insert(self.key, self.entry);
    }
}

impl fmt::Debug for Unkept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Unkept").field(&self.entry).finish()
    }
}

impl Memory for Place<'_> {
    type Answer = Decided;

    fn recall(&self) -> Option<(Epoch, Decided)> {
        let entry = self.decisions.get(self.key.as_bytes(), self.now)?;
        Some((entry.epoch, entry.answer.clone()))
    }

    fn keep(&self, epoch: Epoch, decided: &Decided) {
        let decision = &decided.decision;
        let key = self.key.as_bytes();
        if !decision.cacheable || decision.expires_at <= self.now.wall || key.len() > LONGEST_KEY {
            return;
        }
        let bytes = key.len() + spilled_bytes(decision);
        let entry = Entry::new(epoch, decided.clone(), self.now, decision.expires_at, bytes);
        *self.unkept.borrow_mut() = Some(Unkept {
            decisions: Arc::clone(self.decisions),
            key: key.into(),
            entry: Arc::new(entry),
        });
    }
}

/// What a decision takes of the memory besides itself.
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
        + challenge.map_or(0, |challenge| of(&challenge.cures))
}

/// What most decisions take, with their key.
const USUAL_BYTES: u64 = 600;

/// A request that says more than this is decided each time: no caller fills the cache with a few calls.
const LONGEST_KEY: usize = 8 << 10;
