//! A sharded LRU map, bounded by weight. Each entry has an epoch and expires on two clocks.
//!
//! At capacity the least recently used entry is evicted: a client that comes back with a new token leaves entries that
//! are never used again. An expired entry is never returned. It is removed when a lookup finds it and by a sweep every
//! minute.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;

use super::CacheBytes;
use super::protocol::Epoch;
use crate::clock::Instants;
use crate::time::Timestamp;

/// A cache of answers of one type.
#[derive(Debug)]
pub struct Store<K, A> {
    /// Each shard has a part of the keys and an equal share of the capacity, so threads rarely contend for a lock.
    shards: Box<[Mutex<CacheShard<K, A>>]>,
    shard_capacity: u64,
    hasher: RandomState,
    /// When the last sweep started, in seconds on the boot clock.
    last_sweep: AtomicU64,
}

/// Usage of a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheUsage {
    /// Entries of all epochs.
    pub entries: u64,
    /// Their weight in bytes.
    pub weight_bytes: u64,
    /// Entries removed or not inserted: over capacity, expired or replaced.
    pub evictions: u64,
}

/// A cached answer.
#[derive(Debug)]
pub struct CacheEntry<A> {
    /// The epoch that it was decided under.
    pub epoch: Epoch,
    /// The answer.
    pub answer: A,
    /// If the wall clock is set back before this, the entry is not used: the answer may differ at that time.
    created_at: Timestamp,
    expires_at: Timestamp,
    /// `expires_at` on the boot clock, by the clocks at creation.
    boot_deadline: Duration,
    weight: u64,
}

/// Entries ordered by last use.
#[derive(Debug)]
struct CacheShard<K, A> {
    entries: LinkedHashMap<K, Arc<CacheEntry<A>>, RandomState>,
    weight: u64,
    evictions: u64,
}

impl<A> CacheEntry<A> {
    /// An answer created now that expires at `expires_at`, after an hour at most. `bytes` is its memory besides the
    /// entry itself.
    pub fn new(
        epoch: Epoch,
        answer: A,
        now: Instants,
        expires_at: Timestamp,
        bytes: usize,
    ) -> Self {
        let nanos = expires_at.as_nanos().saturating_sub(now.wall.as_nanos());
        let ahead = u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos);
        let bytes = bytes + size_of::<Self>() + OVERHEAD_BYTES;
        CacheEntry {
            epoch,
            answer,
            created_at: now.wall,
            expires_at,
            boot_deadline: now.boot.saturating_add(ahead.min(MAX_LIFETIME)),
            weight: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }

    /// Limits the lifetime to this deadline on the boot clock.
    #[must_use]
    pub fn limited_to(self, boot_deadline: Duration) -> Self {
        CacheEntry {
            boot_deadline: self.boot_deadline.min(boot_deadline),
            ..self
        }
    }

    fn is_valid_at(&self, now: Instants) -> bool {
        self.created_at <= now.wall && now.wall < self.expires_at && now.boot < self.boot_deadline
    }

    /// Whether it can never be valid again. A wall clock that was set back may be corrected, so `created_at` does not
    /// count here.
    fn has_expired(&self, now: Instants) -> bool {
        now.wall >= self.expires_at || now.boot >= self.boot_deadline
    }
}

impl<K: Eq + Hash, A> Store<K, A> {
    /// An empty store of this capacity, for entries of about `typical_bytes` each.
    pub fn new(CacheBytes(capacity): CacheBytes, typical_bytes: u64) -> Self {
        let hasher = RandomState::default();
        let fitting = capacity / typical_bytes.saturating_mul(MIN_ENTRIES_PER_SHARD).max(1);
        let count = fitting.clamp(1, MAX_SHARDS);
        let shard = |_| {
            Mutex::new(CacheShard {
                entries: LinkedHashMap::with_hasher(hasher.clone()),
                weight: 0,
                evictions: 0,
            })
        };
        Store {
            shards: (0..count).map(shard).collect(),
            shard_capacity: capacity / count,
            hasher,
            last_sweep: AtomicU64::new(0),
        }
    }

    /// The entry of this key, if it is valid now.
    pub fn get<Q>(&self, key: &Q, now: Instants) -> Option<Arc<CacheEntry<A>>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash)?;
        let found = shard.entries.raw_entry_mut();
        let RawEntryMut::Occupied(mut found) = found.from_key_hashed_nocheck(hash, key) else {
            return None;
        };
        if found.get().is_valid_at(now) {
            found.to_back();
            return Some(Arc::clone(found.get()));
        }
        if found.get().has_expired(now) {
            let expired = found.remove();
            shard.count_eviction(expired.weight);
        }
        None
    }

    /// Inserts an entry and replaces an earlier one of the same key. An entry larger than a shard is not inserted and
    /// evicts nothing.
    pub fn insert(&self, key: K, entry: Arc<CacheEntry<A>>) {
        let hash = self.hasher.hash_one(&key);
        let Some(mut shard) = self.shard(hash) else {
            return;
        };
        if entry.weight > self.shard_capacity {
            shard.evictions += 1;
            return;
        }
        shard.weight += entry.weight;
        if let Some(earlier) = shard.entries.insert(key, entry) {
            shard.count_eviction(earlier.weight);
        }
        while shard.weight > self.shard_capacity {
            let Some((_, least_recent)) = shard.entries.pop_front() else {
                break;
            };
            shard.count_eviction(least_recent.weight);
        }
    }

    /// Removes expired entries, at most once a minute. Not for request threads.
    pub fn sweep(&self, now: Instants) {
        let last = self.last_sweep.load(Ordering::Relaxed);
        if now.boot.as_secs() < last.saturating_add(SWEEP_INTERVAL_SECONDS) {
            return;
        }
        self.last_sweep.store(now.boot.as_secs(), Ordering::Relaxed);
        for shard in &self.shards {
            let shard = &mut *locked(shard);
            let (mut weight, mut expired) = (0, 0);
            shard.entries.retain(|_, entry| {
                let has_expired = entry.has_expired(now);
                if has_expired {
                    expired += 1;
                } else {
                    weight += entry.weight;
                }
                !has_expired
            });
            shard.weight = weight;
            shard.evictions += expired;
        }
    }

    /// The current usage. Locks each shard briefly.
    pub fn usage(&self) -> CacheUsage {
        let mut usage = CacheUsage::default();
        for shard in &self.shards {
            let shard = locked(shard);
            usage.entries += u64::try_from(shard.entries.len()).unwrap_or(u64::MAX);
            usage.weight_bytes += shard.weight;
            usage.evictions += shard.evictions;
        }
        usage
    }

    /// Always `Some`: the remainder is below the number of shards.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, CacheShard<K, A>>> {
        let count = u64::try_from(self.shards.len()).ok()?;
        // The hash table of a shard uses the lowest and the highest bits.
        let index = usize::try_from((hash >> 24) % count).ok()?;
        self.shards.get(index).map(locked)
    }
}

impl<K, A> CacheShard<K, A> {
    fn count_eviction(&mut self, weight: u64) {
        self.weight = self.weight.saturating_sub(weight);
        self.evictions += 1;
    }
}

/// Ignores poisoning: a panic under the lock leaves the shard consistent.
fn locked<K, A>(shard: &Mutex<CacheShard<K, A>>) -> MutexGuard<'_, CacheShard<K, A>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads that can look up at once without contention. More shards would make each too small.
const MAX_SHARDS: u64 = 16;
/// Typical entries that fit into a shard at least, so that no shard fills long before the others by chance.
const MIN_ENTRIES_PER_SHARD: u64 = 32;

const SWEEP_INTERVAL_SECONDS: u64 = 60;

/// The maximum validity of a decision (semantics §4). A token that is valid for a day is verified again after an hour,
/// which costs one signature check.
const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Allocated for an entry besides key and answer: its list node (key, pointer, two links), its slot in the hash table
/// including the spare slots after doubling, the counts of its `Arc`, and allocator rounding.
const OVERHEAD_BYTES: usize = 144;
