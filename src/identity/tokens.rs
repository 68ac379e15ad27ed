//! Tokens that were verified before, good until they end.
//!
//! Cached under a digest of the whole token, signature and all, so that nothing but the same bytes is found. An entry
//! counts only under the epoch of the key sets that it was verified under (`cache::protocol`), and while its end lies
//! ahead on the wall clock and on the boot clock. Bounded by weight. A refused token is not cached: it costs its
//! sender, and no other client, another verification. The end of a verified token on the boot clock outlives its entry
//! (`ends`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::ends::{TokenDigest, TokenEnds};
use super::error::Blame;
use super::{Home, TokenError, Verified};
use crate::cache::protocol::{Epoch, Memory};
use crate::cache::{CacheBytes, Entry, Store};
use crate::clock::Instants;
use crate::request::IdentityProvider;

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
    tokens: Store<TokenDigest, Arc<Verified>>,
    ends: TokenEnds,
    hits: AtomicU64,
    misses: AtomicU64,
    refused_for: [AtomicU64; Blame::ALL.len()],
}

impl TokenCache {
    pub fn new() -> Self {
        TokenCache {
            tokens: Store::new(CAPACITY, USUAL_BYTES),
            ends: TokenEnds::new(),
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

    /// Takes out tokens that have ended. For a thread that serves nobody.
    pub fn sweep(&self, now: Instants) {
        self.tokens.sweep(now);
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
    key: TokenDigest,
    now: Instants,
    may_recall: F,
}

impl<F> Place<'_, F> {
    /// Refuses a known token whose end has passed on the boot clock, whatever the wall clock shows.
    pub fn check_boot_end(&self) -> Result<(), TokenError> {
        match self.cache.ends.ended(&self.key, self.now) {
            Some(exp) if exp <= self.now.wall => Err(TokenError::Expired(exp)),
            Some(exp) => Err(TokenError::ExpiredOnBootClock(exp)),
            None => Ok(()),
        }
    }
}

impl<F: Fn(&Verified) -> bool> Memory for Place<'_, F> {
    type Answer = Result<Arc<Verified>, TokenError>;

    fn recall(&self) -> Option<(Epoch, Self::Answer)> {
        let entry = self.cache.tokens.get(&self.key, self.now)?;
        (self.may_recall)(&entry.answer).then(|| (entry.epoch, Ok(Arc::clone(&entry.answer))))
    }

    fn keep(&self, epoch: Epoch, answer: &Self::Answer) {
        let Ok(verified) = answer else {
            return;
        };
        let end = verified.claims.expires_at;
        let boot_end = self.cache.ends.fix(self.key, end, self.now);
        let entry = Entry::new(epoch, Arc::clone(verified), self.now, end, bytes(verified));
        let entry = entry.until_boot(boot_end);
        self.cache.tokens.insert(self.key, Arc::new(entry));
    }
}

/// What a verified token takes of the memory, its lists and texts counted as they are allocated.
fn bytes(verified: &Verified) -> usize {
    let texts = |list: &[String]| -> usize {
        list.iter()
            .map(|text| text.len() + size_of::<String>())
            .sum()
    };
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let issuer = match verified.who.as_ref().map(|who| &who.home) {
        Ok(Home::Provider(IdentityProvider::SamlWsFed { issuer })) => issuer.len(),
        Ok(Home::Here | Home::Elsewhere { .. } | Home::Provider(_) | Home::Fixed) | Err(_) => 0,
    };
    let claims = &verified.claims;
    let ids = verified.groups.len()
        + verified.roles.len()
        + claims.accepted_terms_of_use.len()
        + claims.accepted_custom_controls.len();
    ids * size_of::<u128>()
        + texts(&verified.audiences)
        + texts(&verified.client_capabilities)
        + texts(&claims.authentication_contexts)
        + texts(&claims.certificate_issuer_skis)
        + texts(&claims.certificate_policy_oids)
        + optional(&claims.device_id)
        + optional(&claims.session_id)
        + issuer
        + size_of::<Verified>()
}

/// Thousands of tokens: with 20 groups each takes somewhat more than 1 KiB, with 200 some 4 KiB.
const CAPACITY: CacheBytes = CacheBytes(8 << 20);
const USUAL_BYTES: u64 = 1 << 10;
