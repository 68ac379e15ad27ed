//! Answers under keys: each with the epoch that it was given under and its end on two clocks, all bounded by weight.
//!
//! Where there is no room, what was asked for least recently goes: whoever comes back with a new token leaves entries
//! behind that nobody asks for again, and what is in use stays. What has ended is no answer. It goes when it is met, and
//! once a minute.

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

/// Answers of one kind.
#[derive(Debug)]
pub struct Store<K, A> {
    /// Each holds a part of the keys, and an equal share of the capacity: two threads seldom want the same.
    shards: Box<[Mutex<Shard<K, A>>]>,
    shard_capacity: u64,
    hasher: RandomState,
    /// When what has ended was taken out last, in seconds on the boot clock.
    swept: AtomicU64,
}

/// What a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Answers that it holds, of every epoch.
    pub entries: u64,
    /// What they weigh, in bytes.
    pub weight_bytes: u64,
    /// Answers that it was given and holds no more: there was no room, they had ended, or were given anew.
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

/// In the order in which they were asked for last.
#[derive(Debug)]
struct Shard<K, A> {
    entries: LinkedHashMap<K, Arc<Entry<A>>, RandomState>,
    weight: u64,
    evictions: u64,
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

    /// The same, but no longer than until `boot_end` on the boot clock.
    #[must_use]
    pub fn until_boot(self, boot_end: Duration) -> Self {
        Entry {
            boot_deadline: self.boot_deadline.min(boot_end),
            ..self
        }
    }

    fn is_good_at(&self, now: Instants) -> bool {
        self.made_at <= now.wall && now.wall < self.ends_at && now.boot < self.boot_deadline
    }

    /// Whether it can be good once more: a wall clock that was set back may be set right again.
    fn has_ended(&self, now: Instants) -> bool {
        now.wall >= self.ends_at || now.boot >= self.boot_deadline
    }
}

impl<K: Eq + Hash, A> Store<K, A> {
    /// An empty store of this capacity, for answers of which each takes about `usual_bytes`.
    pub fn new(CacheBytes(capacity): CacheBytes, usual_bytes: u64) -> Self {
        let hasher = RandomState::default();
        let most = capacity / usual_bytes.saturating_mul(LEAST_IN_SHARD).max(1);
        let count = most.clamp(1, MOST_SHARDS);
        let shard = |_| {
            Mutex::new(Shard {
                entries: LinkedHashMap::with_hasher(hasher.clone()),
                weight: 0,
                evictions: 0,
            })
        };
        Store {
            shards: (0..count).map(shard).collect(),
            shard_capacity: capacity / count,
            hasher,
            swept: AtomicU64::new(0),
        }
    }

    /// The answer under this key, where there is one that is good at this moment.
    pub fn get<Q>(&self, key: &Q, now: Instants) -> Option<Arc<Entry<A>>>
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
        if found.get().is_good_at(now) {
            found.to_back();
            return Some(Arc::clone(found.get()));
        }
        if found.get().has_ended(now) {
            let ended = found.remove();
            shard.forget(ended.weight);
        }
        None
    }

    /// Keeps an answer, in place of an earlier one under the same key. One that is larger than a shard is not kept, and
    /// takes nobody's room.
    pub fn insert(&self, key: K, entry: Arc<Entry<A>>) {
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
            shard.forget(earlier.weight);
        }
        while shard.weight > self.shard_capacity {
            let Some((_, least_recent)) = shard.entries.pop_front() else {
                break;
            };
            shard.forget(least_recent.weight);
        }
    }

    /// Takes out what has ended, once a minute however often it is called. For a thread that serves nobody.
    pub fn sweep(&self, now: Instants) {
        let last = self.swept.load(Ordering::Relaxed);
        if now.boot.as_secs() < last.saturating_add(SWEEP_EVERY_SECONDS) {
            return;
        }
        self.swept.store(now.boot.as_secs(), Ordering::Relaxed);
        for shard in &self.shards {
            let shard = &mut *locked(shard);
            let (mut weight, mut ended) = (0, 0);
            shard.entries.retain(|_, entry| {
                let is_over = entry.has_ended(now);
                if is_over {
                    ended += 1;
                } else {
                    weight += entry.weight;
                }
                !is_over
            });
            shard.weight = weight;
            shard.evictions += ended;
        }
    }

    /// What it holds. Takes the lock of each shard for the time of a look.
    pub fn held(&self) -> Held {
        let mut held = Held::default();
        for shard in &self.shards {
            let shard = locked(shard);
            held.entries += u64::try_from(shard.entries.len()).unwrap_or(u64::MAX);
            held.weight_bytes += shard.weight;
            held.evictions += shard.evictions;
        }
        held
    }

    /// Always there: the remainder is below the number of shards.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard<K, A>>> {
        let count = u64::try_from(self.shards.len()).ok()?;
        // The table of a shard looks at the lowest and the highest bits.
        let index = usize::try_from((hash >> 24) % count).ok()?;
        self.shards.get(index).map(locked)
    }
}

impl<K, A> Shard<K, A> {
    fn forget(&mut self, weight: u64) {
        self.weight = self.weight.saturating_sub(weight);
        self.evictions += 1;
    }
}

/// Nothing is done under the lock that a panic could leave half done.
fn locked<K, A>(shard: &Mutex<Shard<K, A>>) -> MutexGuard<'_, Shard<K, A>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many threads as can ask at once without waiting for each other. More of them would make each too small.
const MOST_SHARDS: u64 = 16;
/// Usual entries that a shard has room for at least, so that chance fills none long before the others.
const LEAST_IN_SHARD: u64 = 32;

const SWEEP_EVERY_SECONDS: u64 = 60;

/// No decision is good for longer (semantics §4); a token that is good for a day is verified again after an hour, which
/// costs one signature.
const LONGEST_STAY: Duration = Duration::from_secs(60 * 60);

/// What is allocated for an entry besides key and answer: its node in the list (key, pointer, two links), its place in
/// the table with the room that growing by doubling leaves, the counts of its `Arc`, and what the allocator rounds up.
const BOOKKEEPING: usize = 144;
