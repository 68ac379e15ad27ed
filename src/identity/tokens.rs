//! Verifies tokens under the key sets in force.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::{IssuerIndex, KeySet, KeySets, TokenError, Trust, Verified, Wanted};
use crate::cache::protocol::Published;
use crate::engine::Engine;

/// How much a token may say, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Bytes of a token.
    pub bytes: usize,
    /// From `iat` to `exp`.
    pub lifetime: Duration,
}

/// 16 KiB, which the headers of common gateways hold; 28 hours, the longest that Entra issues
/// (learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation).
impl Default for TokenLimits {
    fn default() -> Self {
        TokenLimits {
            bytes: 16 << 10,
            lifetime: Duration::from_secs(28 * 60 * 60),
        }
    }
}

/// What became of the tokens so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCounters {
    /// Verified before, under the same keys.
    pub hits: u64,
    /// Verified now.
    pub misses: u64,
    /// Not believed.
    pub refused: u64,
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
    wanted: Wanted,
}

impl Identity {
    /// Nobody has keys yet, and every token is refused.
    pub fn new(trust: Trust, engine: Arc<Engine>, limits: TokenLimits) -> Self {
        let issuers = trust.issuers.len();
        Identity {
            trust,
            engine,
            limits,
            keys: ArcSwap::from_pointee(KeySets::none(issuers)),
            publishing: Mutex::new(()),
            wanted: Wanted::new(issuers),
        }
    }

    /// Whom it believes.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Wishes for keys, for whoever follows them.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Puts an issuer's keys in force until `good_until` (boot clock; `None` = no end); `None` = it has no keys
    /// any more. No token that is verified after this has returned is verified by the keys before. The epoch
    /// moves on, and the engine's with it, only if the keys differ.
    pub fn publish(&self, issuer: IssuerIndex, keys: Option<KeySet>, good_until: Option<Duration>) {
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
}
