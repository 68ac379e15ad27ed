//! Tokens that were verified before, good until they end.
//!
//! Kept under a digest of the whole token, signature and all, so that nothing but the same bytes is found. An entry
//! counts only under the epoch of the key sets that it was verified under (`cache::protocol`), and while its end lies
//! ahead on the wall clock and on the boot clock. Bounded by weight. What was refused is not kept: it costs its
//! sender, and nobody else, another look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use sha2::{Digest as _, Sha256};

use super::error::Blame;
use super::{TokenError, Verified};
use crate::cache::protocol::{Epoch, Memory};
use crate::clock::Instants;
use crate::time::Timestamp;

/// What became of the tokens so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCounters {
    /// Verified before, under the same keys.
    pub hits: u64,
    /// Looked at anew.
    pub misses: u64,
    /// Not believed; counted among the misses too.
    pub refused: u64,
    /// The same, by what was wrong, in the order of [`Blame::ALL`].
    pub refused_for: [u64; Blame::ALL.len()],
}

/// The tokens that were verified.
#[derive(Debug)]
pub(super) struct TokenCache {
    entries: moka::sync::Cache<[u8; 32], Arc<Entry>, RandomState>,
    hits: AtomicU64,
    misses: AtomicU64,
    refused_for: [AtomicU64; Blame::ALL.len()],
}

#[derive(Debug)]
struct Entry {
    epoch: Epoch,
    verified: Arc<Verified>,
    /// Before it the wall clock was set back.
    made_at: Timestamp,
    /// Where the token's end lies on the boot clock, as the clocks stood then.
    boot_deadline: Duration,
}

impl TokenCache {
    pub fn new() -> Self {
        TokenCache {
            entries: moka::sync::Cache::<[u8; 32], Arc<Entry>>::builder()
                .max_capacity(CAPACITY_BYTES)
                .weigher(|_, entry| weight(&entry.verified))
                // Memory hygiene only; the end of an entry is in the entry.
                .time_to_live(LONGEST_STAY)
                .build_with_hasher(RandomState::default()),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused_for: Default::default(),
        }
    }

    /// The place that belongs to this token, at this moment. `may_recall` looks at what the epoch does not tell.
    pub fn place<'a, F: Fn(&Verified) -> bool>(
        &'a self,
        token: &str,
        now: Instants,
        may_recall: F,
    ) -> Place<'a, F> {
        Place {
            cache: self,
            key: Sha256::digest(token).into(),
            now,
            may_recall,
        }
    }

    /// Counts a token.
    pub fn count(&self, is_hit: bool, refused: Option<&TokenError>) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) =
            refused.and_then(|error| self.refused_for.get(error.blame() as usize))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn counters(&self) -> TokenCounters {
        let refused_for = self.refused_for.each_ref();
        let refused_for = refused_for.map(|counter| counter.load(Ordering::Relaxed));
        TokenCounters {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refused: refused_for.iter().sum(),
            refused_for,
        }
    }
}

/// The place in the cache that belongs to one token.
pub(super) struct Place<'a, F> {
    cache: &'a TokenCache,
    key: [u8; 32],
    now: Instants,
    may_recall: F,
}

impl<F: Fn(&Verified) -> bool> Memory for Place<'_, F> {
    type Answer = Result<Arc<Verified>, TokenError>;

    fn recall(&self) -> Option<(Epoch, Self::Answer)> {
        let entry = self.cache.entries.get(&self.key)?;
        (entry.is_good_at(self.now) && (self.may_recall)(&entry.verified))
            .then(|| (entry.epoch, Ok(Arc::clone(&entry.verified))))
    }

    fn keep(&self, epoch: Epoch, answer: &Self::Answer) {
        let Ok(verified) = answer else {
            return;
        };
        let end = verified.claims.expires_at;
        let nanos = end.as_nanos().saturating_sub(self.now.wall.as_nanos());
        let ahead = u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos);
        let entry = Entry {
            epoch,
            verified: Arc::clone(verified),
            made_at: self.now.wall,
            boot_deadline: self.now.boot.saturating_add(ahead),
        };
        self.cache.entries.insert(self.key, Arc::new(entry));
    }
}

impl Entry {
    fn is_good_at(&self, now: Instants) -> bool {
        self.made_at <= now.wall
            && now.wall < self.verified.claims.expires_at
            && now.boot < self.boot_deadline
    }
}

/// What an entry takes of the memory, its lists and texts counted as they are allocated.
fn weight(verified: &Verified) -> u32 {
    let texts = |list: &[String]| -> usize {
        list.iter()
            .map(|text| text.len() + size_of::<String>())
            .sum()
    };
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let claims = &verified.claims;
    let ids = verified.groups.len()
        + verified.roles.len()
        + claims.accepted_terms_of_use.len()
        + claims.accepted_custom_controls.len();
    let bytes = ids * size_of::<u128>()
        + texts(&verified.audiences)
        + texts(&verified.client_capabilities)
        + texts(&claims.authentication_contexts)
        + texts(&claims.certificate_issuer_skis)
        + texts(&claims.certificate_policy_oids)
        + optional(&claims.device_id)
        + optional(&claims.session_id)
        + size_of::<Verified>()
        + size_of::<Entry>()
        + BOOKKEEPING;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Thousands of tokens: with 20 groups each takes somewhat more than 1 KiB, with 200 some 4 KiB.
const CAPACITY_BYTES: u64 = 8 << 20;
/// A token that is good for a day is verified again after an hour, which costs one signature.
const LONGEST_STAY: Duration = Duration::from_secs(60 * 60);
/// What moka allocates for an entry besides key and value (see `cache.rs`).
const BOOKKEEPING: usize = 256;
