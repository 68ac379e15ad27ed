//! Answers under keys: each with the epoch that it was given under and its end on two clocks, all bounded by weight.
//!
//! What has ended or belongs to another epoch is no answer, and takes its room until something else needs it.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, Weighter};

use super::CacheBytes;
use super::protocol::Epoch;
use crate::clock::Instants;
use crate::time::Timestamp;

/// Answers of one kind.
#[derive(Debug)]
pub struct Store<K, A> {
    entries: Cache<K, Arc<Entry<A>>, Weight, RandomState>,
    kept: AtomicU64,
    gone: AtomicU64,
}

/// What a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Answers that it holds, of every epoch.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub weight_bytes: u64,
    /// Answers that it was given and holds no more.
    pub evictions: u64,
}

/// An answer that was given.
#[derive(Debug)]
pub struct Entry<A> {
    /// The epoch that it was given under.
    pub epoch: Epoch,
    /// The answer.
    pub answer: A,
    /// Before it the wall clock was set back, and the answer might be another one there.
    made_at: Timestamp,
    ends_at: Timestamp,
    /// Where `ends_at` lies on the boot clock, as the clocks stood then.
    boot_deadline: Duration,
    weight: u64,
}

impl<A> Entry<A> {
    /// An answer that is given now and good until `ends_at`, for an hour at most; `bytes` is what it takes of the
    /// memory besides itself.
    pub fn new(epoch: Epoch, answer: A, now: Instants, ends_at: Timestamp, bytes: usize) -> Self {
        let nanos = ends_at.as_nanos().saturating_sub(now.wall.as_nanos());
        let ahead = u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos);
        let bytes = bytes + size_of::<Self>() + BOOKKEEPING;
        Entry {
            epoch,
            answer,
            made_at: now.wall,
            ends_at,
            boot_deadline: now.boot.saturating_add(ahead.min(LONGEST_STAY)),
            weight: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }

    fn is_good_at(&self, now: Instants) -> bool {
        self.made_at <= now.wall && now.wall < self.ends_at && now.boot < self.boot_deadline
    }
}

impl<K: Eq + Hash, A> Store<K, A> {
    /// An empty store of this capacity, for answers of which each takes about `usual_bytes`.
    pub fn new(CacheBytes(capacity): CacheBytes, usual_bytes: u64) -> Self {
        let usual = usize::try_from(capacity / usual_bytes.max(1)).unwrap_or(usize::MAX);
        let (hasher, life) = (RandomState::default(), DefaultLifecycle::default());
        Store {
            entries: Cache::with(usual, capacity, Weight, hasher, life),
            kept: AtomicU64::new(0),
            gone: AtomicU64::new(0),
        }
    }

    /// The answer under this key, where there is one that is good at this moment.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(
        &self,
        key: &Q,
        now: Instants,
    ) -> Option<Arc<Entry<A>>> {
        self.entries.get(key).filter(|entry| entry.is_good_at(now))
    }

    /// Keeps an answer, in place of an earlier one under the same key.
    pub fn insert(&self, key: K, entry: Arc<Entry<A>>) {
        self.entries.insert(key, entry);
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    /// What it holds. Takes the lock of each part for the time of a look.
    pub fn held(&self) -> Held {
        let entries = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        // An insert that is half done makes the number smaller; what was told once is not taken back.
        let gone = self.kept.load(Ordering::Relaxed).saturating_sub(entries);
        let told = self.gone.fetch_max(gone, Ordering::Relaxed);
        Held {
            entries,
            weight_bytes: self.entries.weight(),
            evictions: told.max(gone),
        }
    }
}

/// Weighs an entry by what it was said to take when it was made.
#[derive(Debug, Clone, Copy)]
struct Weight;

impl<K, A> Weighter<K, Arc<Entry<A>>> for Weight {
    fn weight(&self, _: &K, entry: &Arc<Entry<A>>) -> u64 {
        entry.weight
    }
}

/// No decision is good for longer (semantics §4); a token that is good for a day is verified again after an hour, which
/// costs one signature.
const LONGEST_STAY: Duration = Duration::from_secs(60 * 60);

/// What the table allocates for an entry besides key and value: its place in a slab and in the index, each with the
/// room that growing by doubling leaves, and what is remembered of keys that had to go; read off its source (0.7),
/// rounded up.
const BOOKKEEPING: usize = 160;
