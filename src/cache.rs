//! Decisions that were made before, good until they expire.
//!
//! An entry counts only under the epoch that it was decided under ([`protocol`]), for a request that asks
//! the same in every field ([`Key`]), and while its end lies ahead on the wall clock and on the boot clock
//! (semantics §4, "How long an answer is good"). Bounded by weight. What is not cacheable never comes in;
//! errors have no way in at all.

mod key;
pub mod protocol;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;

pub use key::Key;
use protocol::{Epoch, Memory};

use crate::clock::Instants;
use crate::decision::Decision;
use crate::id::DecisionId;
use crate::time::Timestamp;

/// How much the entries of a cache may weigh together, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheBytes(pub u64);

/// 8 MiB: some 15,000 decisions.
impl Default for CacheBytes {
    fn default() -> Self {
        CacheBytes(8 << 20)
    }
}

/// What the cache has done and holds. `entries` and `weight_bytes` may lag a little behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Requests that were answered from the cache.
    pub hits: u64,
    /// Requests that were not.
    pub misses: u64,
    /// Entries that it holds, of every epoch.
    pub entries: u64,
    /// What they weigh.
    pub weight_bytes: u64,
    /// Entries that it holds no more: there was no room, they were too old, or decided anew.
    pub evictions: u64,
}

/// A decision, and the id of the event that told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The event.
    pub id: DecisionId,
}

type Entries = moka::sync::Cache<Box<[u8]>, Arc<Entry>, RandomState>;

/// The cache.
#[derive(Debug)]
pub struct DecisionCache {
    entries: Entries,
    hits: AtomicU64,
    misses: AtomicU64,
    kept: Arc<AtomicU64>,
    evictions: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    epoch: Epoch,
    decided: Decided,
    /// Before it the wall clock was set back, and the decision might be another one there.
    made_at: Timestamp,
    /// Where `decided.decision.expires_at` lies on the boot clock, as the clocks stood then.
    boot_deadline: Duration,
}

impl DecisionCache {
    /// An empty cache.
    pub fn new(CacheBytes(capacity): CacheBytes) -> Self {
        DecisionCache {
            kept: Arc::default(),
            evictions: AtomicU64::new(0),
            entries: moka::sync::Cache::<Box<[u8]>, Arc<Entry>>::builder()
                .max_capacity(capacity)
                .weigher(|key, entry| weight(key.len(), entry))
                // Memory hygiene only; the end of an entry is in the entry. No `Expiry`: its timer
                // wheel had use-after-free bugs, and nothing needs it.
                .time_to_live(LONGEST_STAY)
                .build_with_hasher(RandomState::default()),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The place that belongs to this key, at this moment.
    pub fn place<'a>(&'a self, key: &'a Key, now: Instants) -> Place<'a> {
        Place {
            cache: self,
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

    /// What it has done and holds; takes no lock.
    pub fn counters(&self) -> CacheCounters {
        // Asking moka to tell of evictions would put a lock on every insert. The number of entries lags a little,
        // and what was told once is not taken back.
        let entries = self.entries.entry_count();
        let gone = self.kept.load(Ordering::Relaxed).saturating_sub(entries);
        let told = self.evictions.fetch_max(gone, Ordering::Relaxed);
        CacheCounters {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries,
            weight_bytes: self.entries.weighted_size(),
            evictions: told.max(gone),
        }
    }

    /// Does the work that inserting puts off: evicts, and counts anew. For a thread that serves nobody.
    pub fn settle(&self) {
        self.entries.run_pending_tasks();
    }
}

/// The place in the cache that belongs to one question.
#[derive(Debug)]
pub struct Place<'a> {
    cache: &'a DecisionCache,
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
    entries: Entries,
    kept: Arc<AtomicU64>,
    key: Box<[u8]>,
    entry: Arc<Entry>,
}

impl Unkept {
    /// Keeps it. It may be late: the entry has the epoch and the end that it was decided with.
    pub fn keep(self) {
        self.entries.insert(self.key, self.entry);
        self.kept.fetch_add(1, Ordering::Relaxed);
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
        let entry = self.cache.entries.get(self.key.as_bytes())?;
        entry
            .is_good_at(self.now)
            .then(|| (entry.epoch, entry.decided.clone()))
    }

    fn keep(&self, epoch: Epoch, decided: &Decided) {
        let decision = &decided.decision;
        let key = self.key.as_bytes();
        if !decision.cacheable || decision.expires_at <= self.now.wall || key.len() > LONGEST_KEY {
            return;
        }
        let ahead = span_between(self.now.wall, decision.expires_at);
        let entry = Entry {
            epoch,
            decided: decided.clone(),
            made_at: self.now.wall,
            boot_deadline: self.now.boot.saturating_add(ahead),
        };
        *self.unkept.borrow_mut() = Some(Unkept {
            entries: self.cache.entries.clone(),
            kept: Arc::clone(&self.cache.kept),
            key: key.into(),
            entry: Arc::new(entry),
        });
    }
}

impl Entry {
    fn is_good_at(&self, now: Instants) -> bool {
        self.made_at <= now.wall
            && now.wall < self.decided.decision.expires_at
            && now.boot < self.boot_deadline
    }
}

/// What an entry takes of the memory: its bytes, and moka's own for it.
fn weight(key_bytes: usize, entry: &Entry) -> u32 {
    let decision = &entry.decided.decision;
    let spilled = |spills: bool, bytes: usize| if spills { bytes } else { 0 };
    let applied = spilled(
        decision.applied.spilled(),
        size_of_val(decision.applied.as_slice()),
    );
    let obligations = spilled(
        decision.obligations.spilled(),
        size_of_val(decision.obligations.as_slice()),
    );
    let challenge = decision
        .denial()
        .and_then(|denial| denial.challenge.as_ref())
        .map_or(0, |challenge| {
            spilled(
                challenge.cures.spilled(),
                size_of_val(challenge.cures.as_slice()),
            )
        });
    let bytes = key_bytes + size_of::<Entry>() + BOOKKEEPING + applied + obligations + challenge;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn span_between(start: Timestamp, end: Timestamp) -> Duration {
    let nanos = end.as_nanos().saturating_sub(start.as_nanos());
    u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos)
}

/// No decision is good for longer (semantics §4).
const LONGEST_STAY: Duration = Duration::from_secs(60 * 60);

/// A request that says more than this is decided each time: no caller fills the cache with a few calls.
const LONGEST_KEY: usize = 8 << 10;

/// What moka allocates for an entry besides key and value: two list nodes, the entry's info, and reference
/// counts; read off its source (0.12), rounded up.
const BOOKKEEPING: usize = 256;
