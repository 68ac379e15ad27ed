//! Verifies tokens under the key sets in force. One verification uses one version of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};

use super::checks::{self, TokenSigner};
use super::claims::AcceptedNumbers;
use super::error::Excerpt;
use super::token_cache::TokenCache;
use super::{
    IssuerIndex, KeySet, KeySets, RefreshRequests, TokenCounters, TokenError, TrustedIssuers,
    VerifiedToken, token,
};
use crate::cache::protocol::{self, Published};
use crate::clock::Instants;
use crate::engine::Engine;

/// Limits for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Longest token in bytes.
    pub bytes: usize,
    /// Longest time from `iat` to `exp`.
    pub lifetime: Duration,
}

/// 16 KiB, which is the header limit of gateways; 28 hours, the longest lifetime that Entra issues
/// (learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation).
impl Default for TokenLimits {
    fn default() -> Self {
        TokenLimits {
            bytes: 16 << 10,
            lifetime: Duration::from_secs(28 * 60 * 60),
        }
    }
}

/// Verifies tokens.
#[derive(Debug)]
pub struct TokenVerifier {
    trust: TrustedIssuers,
    engine: Arc<Engine>,
    limits: TokenLimits,
    keys: ArcSwap<KeySets>,
    /// Serialises publications, so that epochs increase one by one. Requests never take it.
    publishing: Mutex<()>,
    cache: TokenCache,
    refresh_requests: RefreshRequests,
}

impl TokenVerifier {
    /// Starts without keys, so every token is refused. Changes of keys are passed to the engine, and tokens are checked
    /// against the engine's clock.
    pub fn new(trust: TrustedIssuers, engine: Arc<Engine>, limits: TokenLimits) -> Self {
        let issuers = trust.issuers.len();
        TokenVerifier {
            trust,
            engine,
            limits,
            keys: ArcSwap::from_pointee(KeySets::none(issuers)),
            publishing: Mutex::new(()),
            cache: TokenCache::new(),
            refresh_requests: RefreshRequests::new(issuers),
        }
    }

    /// The configured issuers.
    pub fn trust(&self) -> &TrustedIssuers {
        &self.trust
    }

    /// The clock that tokens are checked against.
    pub fn clock(&self) -> &crate::clock::Clock {
        self.engine.clock()
    }

    /// Requests to refresh key sets, for the thread that refreshes them.
    pub fn refresh_requests(&self) -> &RefreshRequests {
        &self.refresh_requests
    }

    /// Removes expired tokens from the cache, at most once a minute. Must not run on a request thread.
    pub fn sweep(&self) {
        self.cache.sweep(self.engine.clock().now());
    }

    /// Token verifications since the start.
    pub fn counters(&self) -> TokenCounters {
        self.cache.counters()
    }

    /// Verifies a compact JWS (RFC 7515 §3.1) or returns the cached result. Never waits.
    pub fn verify_now(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let (bytes, most) = (token.len(), self.limits.bytes);
        if bytes > most {
            let error = TokenError::TooLong { bytes, most };
            self.cache.count(false, Some(&error));
            return Err(error);
        }
        let now = self.engine.clock().now();
        // INVARIANT(epoch): loaded once; this verification uses no other key sets.
        let keys = self.keys.load();
        let has_keys = |verified: &VerifiedToken| keys.of(verified.issuer, now.boot).is_some();
        let slot = self.cache.slot(token, now, has_keys);
        let answered = protocol::get_or_decide(keys.as_ref(), &slot, |keys| {
            slot.check_boot_expiry()?;
            self.verify_uncached(token, keys, now).map(Arc::new)
        });
        self.cache
            .count(answered.cached, answered.answer.as_ref().err());
        answered.answer
    }

    /// Like [`verify_now`](Self::verify_now), but if the issuer has no key of the token's `kid`, or none that verifies the
    /// signature, requests one refresh of its key set, waits for it at most `timeout`, and verifies again. Does not wait if
    /// no thread refreshes key sets.
    pub async fn verify(
        &self,
        token: &str,
        timeout: Duration,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        let before = self.publication();
        let first = self.verify_now(token);
        let Some(issuer) = first.as_ref().err().and_then(TokenError::issuer_to_refresh) else {
            return first;
        };
        // If nothing was published, verifying a forged signature again is a waste.
        if self.await_keys(issuer, before, timeout).await {
            self.verify_now(token)
        } else {
            first
        }
    }

    /// Requests one refresh of the issuer's key set and waits for it at most `timeout`. Returns whether keys were published
    /// after the publication `before`.
    pub async fn await_keys(&self, issuer: IssuerIndex, before: u64, timeout: Duration) -> bool {
        self.refresh_requests.wait(issuer, timeout).await;
        self.publication() != before
    }

    /// The number of the last publication of key sets.
    pub fn publication(&self) -> u64 {
        self.keys.load().publication()
    }

    /// Checks claims whose signature a gateway has verified: everything is checked as in a token except the signature.
    /// Numbers may be doubles, because protobuf's `Struct` has no other numbers.
    pub fn check_claims(&self, payload: Map<String, Value>) -> Result<VerifiedToken, TokenError> {
        let (index, issuer) = checks::find_issuer(&self.trust, &payload)?;
        let signer = TokenSigner {
            index,
            issuer,
            key: None,
            key_epoch: self.keys.load().epoch(),
        };
        let now = self.engine.clock().now().wall;
        checks::check(
            &payload,
            signer,
            AcceptedNumbers::WholeDoubles,
            self.limits,
            now,
        )
    }

    /// Replaces an issuer's key set; it is valid until `good_until` (boot clock; `None`: no expiry). Without `keys` the
    /// issuer has no keys any more. After this returns, no token is verified by the previous keys. The epoch, and the
    /// engine's with it, advances only if the keys differ.
    pub fn publish(&self, issuer: IssuerIndex, keys: Option<KeySet>, good_until: Option<Duration>) {
        // A poisoned lock is usable: the key sets are swapped as one value.
        let _publishing = self
            .publishing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.keys.load_full();
        let next = before.with(issuer, keys, good_until);
        let epoch = next.epoch();
        self.keys.store(Arc::new(next));
        if epoch != before.epoch() {
            self.engine.set_keys(epoch);
        }
    }

    /// Runs the checks in order, cheap ones first. No claim is trusted before the signature is verified; until then `iss`
    /// only selects the issuer whose keys are tried.
    fn verify_uncached(
        &self,
        token: &str,
        keys: &KeySets,
        now: Instants,
    ) -> Result<VerifiedToken, TokenError> {
        let token = token::parse(token, self.limits.bytes)?;
        let header = &token.header;
        let (index, issuer) = checks::find_issuer(&self.trust, &token.claims)?;
        if !token::is_accepted_type(header.typ.as_deref(), &issuer.types) {
            let typ = header.typ.as_deref().unwrap_or_default();
            return Err(TokenError::Type(Excerpt::of(typ)));
        }
        if !issuer.algorithms.contains(&header.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed(header.algorithm));
        }
        let of_issuer = keys.of(index, now.boot);
        let of_id = of_issuer.map_or(&[][..], |keys| keys.of_id(&header.kid));
        if of_id.is_empty() {
            return Err(TokenError::UnknownKey {
                issuer: index,
                kid: Excerpt::of(&header.kid),
            });
        }
        let mut refused = TokenError::KeyDoesNotFit {
            issuer: index,
            algorithm: header.algorithm,
        };
        for key in of_id.iter().filter(|key| key.supports(header.algorithm)) {
            if !key.verifies(header.algorithm, token.signed.as_bytes(), token.signature) {
                refused = TokenError::BadSignature { issuer: index };
                continue;
            }
            let signer = TokenSigner {
                index,
                issuer,
                key: Some(key),
                key_epoch: keys.epoch(),
            };
            let numbers = AcceptedNumbers::Integers;
            match checks::check(&token.claims, signer, numbers, self.limits, now.wall) {
                // The key set may contain the same key again, bound to the token's issuer.
                Err(TokenError::KeyOfOtherIssuer) => refused = TokenError::KeyOfOtherIssuer,
                checked => return checked,
            }
        }
        Err(refused)
    }
}
