//! The cache protocol: a snapshot swap and a cache that stay consistent, as one generic function.
//!
//! Guarantee: after a publication has returned, no request that starts later is answered from older policies, cached
//! or not. Clearing the cache after the swap is not enough, because a request that was decided under the old policies
//! may insert after the clearing. Checking the policies again just before the insert is not enough either. Instead,
//! every entry carries the epoch that it was decided under, and a request uses it only if it loaded that epoch, once,
//! at its start. `tests/it/swap_and_cache.rs` checks this protocol and three wrong ones with a model checker.

/// Version of the state that answers depend on: every change of policies, revocations or key sets starts a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch before the first publication.
    pub const FIRST: Epoch = Epoch(0);

    /// The next epoch. At a billion changes per second it wraps after 584 years.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0.wrapping_add(1))
    }
}

/// A value that a request loads once, at its start, published together with its epoch.
pub trait Published {
    /// The epoch that the value was published under.
    fn epoch(&self) -> Epoch;
}

/// The slot of one request in a cache.
pub trait CacheSlot {
    /// The cached value.
    type Answer;

    /// The cached answer and the epoch that it was decided under.
    fn get(&self) -> Option<(Epoch, Self::Answer)>;

    /// Inserts an answer that was decided under this epoch. It may insert later, when the answer's event is on disk.
    fn insert(&self, epoch: Epoch, answer: &Self::Answer);
}

/// An answer, and whether it came from the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupResult<A> {
    /// The answer.
    pub answer: A,
    /// Whether it came from the cache.
    pub cached: bool,
}

/// Gets the answer from the slot if its epoch is that of `loaded`; otherwise decides and inserts.
pub fn get_or_decide<P: Published, S: CacheSlot>(
    loaded: &P,
    slot: &S,
    decide: impl FnOnce(&P) -> S::Answer,
) -> LookupResult<S::Answer> {
    // INVARIANT(epoch): an entry is valid only under the epoch that it was decided under.
    let epoch = loaded.epoch();
    if let Some((decided_under, answer)) = slot.get()
        && decided_under == epoch
    {
        return LookupResult {
            answer,
            cached: true,
        };
    }
    let answer = decide(loaded);
    slot.insert(epoch, &answer);
    LookupResult {
        answer,
        cached: false,
    }
}
