//! Caches verified tokens until they expire.
//!
//! The key is a digest of the complete token including its signature, so only identical bytes hit. An entry is valid only
//! under the epoch of the key sets that verified it (`cache::protocol`), and until its expiry on the wall clock and on the
//! boot clock. Bounded by weight. Refused tokens are not cached: each is verified again, at the expense of its sender. The
//! expiry of a verified token on the boot clock outlives its cache entry (`boot_expiry`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use super::boot_expiry::{BootExpiries, TokenDigest};
use super::error::TokenErrorClass;
use super::{AccountHome, TokenError, VerifiedToken};
use crate::cache::protocol::{CacheSlot, Epoch};
use crate::cache::{CacheBytes, CacheEntry, Store};
use crate::clock::Instants;
use crate::request::IdentityProvider;

/// Token verifications since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCounters {
    /// Found in the cache, verified under the same keys.
    pub hits: u64,
    /// Not found in the cache.
    pub misses: u64,
    /// Refused. Also counted in `misses`.
    pub refused: u64,
    /// Refused, by error class, in the order of [`TokenErrorClass::ALL`].
    pub refused_by_class: [u64; TokenErrorClass::ALL.len()],
}

/// The cache of verified tokens.
#[derive(Debug)]
pub(super) struct TokenCache {
    tokens: Store<TokenDigest, Arc<VerifiedToken>>,
    boot_expiries: BootExpiries,
    hits: AtomicU64,
    misses: AtomicU64,
    refused_by_class: [AtomicU64; TokenErrorClass::ALL.len()],
}

impl TokenCache {
    pub fn new() -> Self {
        TokenCache {
            tokens: Store::new(CAPACITY, TYPICAL_BYTES),
            boot_expiries: BootExpiries::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused_by_class: Default::default(),
        }
    }

    /// The cache slot of this token. `is_usable` checks what the epoch does not cover.
    pub fn slot<'a, F: Fn(&VerifiedToken) -> bool>(
        &'a self,
        token: &str,
        now: Instants,
        is_usable: F,
    ) -> TokenCacheSlot<'a, F> {
        TokenCacheSlot {
            cache: self,
            key: Sha256::digest(token).into(),
            now,
            is_usable,
        }
    }

    /// Counts a verification.
    pub fn count(&self, is_hit: bool, refused: Option<&TokenError>) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) =
            refused.and_then(|error| self.refused_by_class.get(error.class() as usize))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Removes expired tokens. Must not run on a request thread.
    pub fn sweep(&self, now: Instants) {
        self.tokens.sweep(now);
    }

    pub fn counters(&self) -> TokenCounters {
        let refused_by_class = self.refused_by_class.each_ref();
        let refused_by_class = refused_by_class.map(|counter| counter.load(Ordering::Relaxed));
        TokenCounters {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refused: refused_by_class.iter().sum(),
            refused_by_class,
        }
    }
}

/// The place of one token in the cache.
pub(super) struct TokenCacheSlot<'a, F> {
    cache: &'a TokenCache,
    key: TokenDigest,
    now: Instants,
    is_usable: F,
}

impl<F> TokenCacheSlot<'_, F> {
    /// Refuses a token that has expired on the boot clock, even if the wall clock shows an earlier time.
    pub fn check_boot_expiry(&self) -> Result<(), TokenError> {
        match self.cache.boot_expiries.expired(&self.key, self.now) {
            Some(exp) if exp <= self.now.wall => Err(TokenError::Expired(exp)),
            Some(exp) => Err(TokenError::ExpiredOnBootClock(exp)),
            None => Ok(()),
        }
    }
}

impl<F: Fn(&VerifiedToken) -> bool> CacheSlot for TokenCacheSlot<'_, F> {
    type Answer = Result<Arc<VerifiedToken>, TokenError>;

    fn get(&self) -> Option<(Epoch, Self::Answer)> {
        let entry = self.cache.tokens.get(&self.key, self.now)?;
        (self.is_usable)(&entry.answer).then(|| (entry.epoch, Ok(Arc::clone(&entry.answer))))
    }

    fn insert(&self, epoch: Epoch, answer: &Self::Answer) {
        let Ok(verified) = answer else {
            return;
        };
        let end = verified.claims.expires_at;
        let boot_end = self.cache.boot_expiries.record(self.key, end, self.now);
        let entry = CacheEntry::new(
            epoch,
            Arc::clone(verified),
            self.now,
            end,
            size_of_token(verified),
        );
        let entry = entry.limited_to(boot_end);
        self.cache.tokens.insert(self.key, Arc::new(entry));
    }
}

/// Bytes of memory that a verified token uses, including its lists and texts.
fn size_of_token(verified: &VerifiedToken) -> usize {
    let texts = |list: &[String]| -> usize {
        list.iter()
            .map(|text| text.len() + size_of::<String>())
            .sum()
    };
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let issuer = match verified.subject.as_ref().map(|subject| &subject.home) {
        Ok(AccountHome::Provider(IdentityProvider::SamlWsFed { issuer })) => issuer.len(),
        Ok(
            AccountHome::SignInTenant
            | AccountHome::OtherTenant { .. }
            | AccountHome::Provider(_)
            | AccountHome::Fixed,
        )
        | Err(_) => 0,
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
        + size_of::<VerifiedToken>()
}

/// Thousands of tokens: one with 20 groups uses a little over 1 KiB, one with 200 about 4 KiB.
const CAPACITY: CacheBytes = CacheBytes(8 << 20);
const TYPICAL_BYTES: u64 = 1 << 10;
