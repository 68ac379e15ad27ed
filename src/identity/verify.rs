//! Verifies tokens under the key sets in force, each token under one of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};

use super::checks::{self, Vouched};
use super::claims::Numbers;
use super::error::Told;
use super::tokens::TokenCache;
use super::{
    IssuerIndex, KeySet, KeySets, TokenCounters, TokenError, Trust, Verified, Wanted, token,
};
use crate::cache::protocol::{self, Published};
use crate::clock::Instants;
use crate::engine::Engine;

/// How much a token may say, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Bytes of a token.
    pub bytes: usize,
    /// From `iat` to `exp`.
    pub lifetime: Duration,
}

/// 16 KiB, as much as gateways take in a header; 28 hours, the longest that Entra issues
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
pub struct Identity {
    trust: Trust,
    engine: Arc<Engine>,
    limits: TokenLimits,
    keys: ArcSwap<KeySets>,
    /// Held by whoever publishes, so that epochs follow each other. Requests never take it.
    publishing: Mutex<()>,
    seen: TokenCache,
    wanted: Wanted,
}

impl Identity {
    /// Nobody has keys yet, and every token is refused. The engine is told whenever keys change, and its clock is
    /// the one that tokens go by.
    pub fn new(trust: Trust, engine: Arc<Engine>, limits: TokenLimits) -> Self {
        let issuers = trust.issuers.len();
        Identity {
            trust,
            engine,
            limits,
            keys: ArcSwap::from_pointee(KeySets::none(issuers)),
            publishing: Mutex::new(()),
            seen: TokenCache::new(),
            wanted: Wanted::new(issuers),
        }
    }

    /// Whom it believes.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The clock that tokens go by.
    pub fn clock(&self) -> &crate::clock::Clock {
        self.engine.clock()
    }

    /// Wishes for keys, for whoever follows them.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Forgets verified tokens that have ended, once a minute. For a thread that serves nobody.
    pub fn sweep(&self) {
        self.seen.sweep(self.engine.clock().now());
    }

    /// What became of the tokens so far.
    pub fn counters(&self) -> TokenCounters {
        self.seen.counters()
    }

    /// Verifies a compact JWS (RFC 7515 §3.1), or finds that it was verified before. Never waits.
    pub fn verify_now(&self, token: &str) -> Result<Arc<Verified>, TokenError> {
        let (bytes, most) = (token.len(), self.limits.bytes);
        if bytes > most {
            let error = TokenError::TooLong { bytes, most };
            self.seen.count(false, Some(&error));
            return Err(error);
        }
        let now = self.engine.clock().now();
        // INVARIANT(epoch): loaded once, and all that this token is verified by.
        let keys = self.keys.load();
        let has_keys = |verified: &Verified| keys.of(verified.issuer, now.boot).is_some();
        let place = self.seen.place(token, now, has_keys);
        let answered = protocol::answer(keys.as_ref(), &place, |keys| {
            place.check_boot_end()?;
            self.look_at(token, keys, now).map(Arc::new)
        });
        self.seen
            .count(answered.recalled, answered.answer.as_ref().err());
        answered.answer
    }

    /// The same; but where the issuer has no key of the token's id, or none that verifies the signature, asks once for
    /// its keys and waits until they have been looked at, at most `patience`. Waits for nobody where nobody follows the
    /// keys.
    pub async fn verify(
        &self,
        token: &str,
        patience: Duration,
    ) -> Result<Arc<Verified>, TokenError> {
        let before = self.publication();
        let first = self.verify_now(token);
        let Some(issuer) = first.as_ref().err().and_then(TokenError::wants_keys_of) else {
            return first;
        };
        // Where nothing was published, a forged signature is not worth another verification.
        if self.await_keys(issuer, before, patience).await {
            self.verify_now(token)
        } else {
            first
        }
    }

    /// Asks once for the issuer's keys and waits until they have been looked at, at most `patience`. Returns whether
    /// keys were published after the publication `before`.
    pub async fn await_keys(&self, issuer: IssuerIndex, before: u64, patience: Duration) -> bool {
        self.wanted.wait(issuer, patience).await;
        self.publication() != before
    }

    /// The number of the last publication of keys.
    pub fn publication(&self) -> u64 {
        self.keys.load().publication()
    }

    /// Believes claims that a gateway has verified: all is checked as in a token but the signature. Its numbers may be
    /// doubles, for protobuf has no others.
    pub fn believe(&self, payload: Map<String, Value>) -> Result<Verified, TokenError> {
        let (index, issuer) = checks::issuer_named(&self.trust, &payload)?;
        let vouched = Vouched {
            index,
            issuer,
            key: None,
            under: self.keys.load().epoch(),
        };
        let now = self.engine.clock().now().wall;
        checks::check(&payload, vouched, Numbers::WholeDoubles, self.limits, now)
    }

    /// Puts an issuer's keys in force until `good_until` (boot clock; `None` = no end); `None` = it has no keys any
    /// more. No token that is verified after this has returned is verified by the keys before. The epoch moves on,
    /// and the engine's with it, only if the keys differ.
    pub fn publish(&self, issuer: IssuerIndex, keys: Option<KeySet>, good_until: Option<Duration>) {
        // A panic while publishing leaves nothing half done: the value is swapped as one.
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

    /// The checks in their order: cheap ones first, and nothing of the claims is believed before the signature is
    /// checked. Until then `iss` only says whose keys are to be looked at.
    fn look_at(&self, token: &str, keys: &KeySets, now: Instants) -> Result<Verified, TokenError> {
        let token = token::read(token, self.limits.bytes)?;
        let header = &token.header;
        let (index, issuer) = checks::issuer_named(&self.trust, &token.claims)?;
        if !token::is_of_type(header.typ.as_deref(), &issuer.types) {
            let typ = header.typ.as_deref().unwrap_or_default();
            return Err(TokenError::Type(Told::of(typ)));
        }
        if !issuer.algorithms.contains(&header.algorithm) {
            return Err(TokenError::AlgorithmNotAllowed(header.algorithm));
        }
        let of_issuer = keys.of(index, now.boot);
        let of_id = of_issuer.map_or(&[][..], |keys| keys.of_id(&header.kid));
        if of_id.is_empty() {
            return Err(TokenError::UnknownKey {
                issuer: index,
                kid: Told::of(&header.kid),
            });
        }
        let mut refused = TokenError::KeyDoesNotFit {
            issuer: index,
            algorithm: header.algorithm,
        };
        for key in of_id.iter().filter(|key| key.fits(header.algorithm)) {
            if !key.verifies(header.algorithm, token.signed.as_bytes(), token.signature) {
                refused = TokenError::BadSignature { issuer: index };
                continue;
            }
            let vouched = Vouched {
                index,
                issuer,
                key: Some(key),
                under: keys.epoch(),
            };
            let numbers = Numbers::Integers;
            match checks::check(&token.claims, vouched, numbers, self.limits, now.wall) {
                // The same key may stand there once more, bound to the token's issuer.
                Err(TokenError::KeyOfOtherIssuer) => refused = TokenError::KeyOfOtherIssuer,
                checked => return checked,
            }
        }
        Err(refused)
    }
}
