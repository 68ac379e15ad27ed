//! How a swap of policies and a cache of answers go together, as one generic function.
//!
//! What is promised: after a publication has returned, no request that starts later is answered from
//! anything older, from the cache or not. Clearing the cache after the swap does not give that: a request
//! that decided under the old policies may insert after the clearing. Nor does looking at the policies
//! again just before the insert. What does: every entry carries the epoch that it was decided under, and
//! is taken only by a request that loaded that very epoch, once, at its start. `tests/it/swap_and_cache.rs`
//! shows all four to a model checker.

/// Counts what answers depend on: every change of policies or revocations makes a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Before anything was published.
    pub const FIRST: Epoch = Epoch(0);

    /// The next one. At a billion changes a second it wraps after 584 years.
    #[must_use]
    pub fn next(self) -> Epoch {
        Epoch(self.0.wrapping_add(1))
    }
}

/// What a request loads once, at its start: a value and its epoch, published as one.
pub trait Published {
    /// The epoch that the value was published under.
    fn epoch(&self) -> Epoch;
}

/// The place in a cache that belongs to one question.
pub trait Memory {
    /// What is remembered.
    type Answer;

    /// What is there, and the epoch that it was decided under.
    fn recall(&self) -> Option<(Epoch, Self::Answer)>;

    /// Remembers an answer that was decided under this epoch; it may do so later, once the answer's event is on disk.
    fn keep(&self, epoch: Epoch, answer: &Self::Answer);
}

/// An answer, and whether it was remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered<A> {
    /// The answer.
    pub answer: A,
    /// It was not decided now.
    pub recalled: bool,
}

/// Answers one question under what was loaded for it.
pub fn answer<P: Published, M: Memory>(
    loaded: &P,
    memory: &M,
    decide: impl FnOnce(&P) -> M::Answer,
) -> Answered<M::Answer> {
    // INVARIANT(epoch): an entry counts only under the epoch that it was decided under.
    let epoch = loaded.epoch();
    if let Some((made_under, answer)) = memory.recall()
        && made_under == epoch
    {
        return Answered {
            answer,
            recalled: true,
        };
    }
    let answer = decide(loaded);
    memory.keep(epoch, &answer);
    Answered {
        answer,
        recalled: false,
    }
}
