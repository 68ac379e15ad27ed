//! When verified tokens expire on the boot clock (semantics §4, "When a token has ended").
//!
//! `exp` is an instant of the wall clock, which can be set back. The first verification of a token converts `exp` to an
//! instant of the boot clock, and this table stores it under a digest of the complete token: after that instant the token
//! is refused, even if the wall clock shows an earlier time. Only verified tokens are stored, so forged tokens use no
//! memory. Bounded: the least recently verified tokens are evicted first, and an evicted token is unknown again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use hashlink::LinkedHashMap;

use crate::clock::Instants;
use crate::time::Timestamp;

/// The SHA-256 digest of a token.
pub(super) type TokenDigest = [u8; 32];

/// The expiries of the stored tokens.
#[derive(Debug)]
pub(super) struct BootExpiries {
    /// By the first byte of the digest, to reduce lock contention.
    shards: [Mutex<BootExpiryShard>; SHARDS],
}

type BootExpiryShard = LinkedHashMap<TokenDigest, BootExpiry, RandomState>;

#[derive(Debug, Clone, Copy)]
struct BootExpiry {
    /// The token's `exp`.
    expires_at: Timestamp,
    /// Nanoseconds on the boot clock: 8 bytes less per entry than a [`Duration`].
    boot_nanos: u64,
}

impl BootExpiries {
    pub fn new() -> Self {
        BootExpiries {
            shards: std::array::from_fn(|_| {
                Mutex::new(LinkedHashMap::with_hasher(RandomState::default()))
            }),
        }
    }

    /// Returns the `exp` of a stored token that has expired on the boot clock.
    pub fn expired(&self, token: &TokenDigest, now: Instants) -> Option<Timestamp> {
        let shard = self.shard(token)?;
        let end = shard.get(token)?;
        (Duration::from_nanos(end.boot_nanos) <= now.boot).then_some(end.expires_at)
    }

    /// Stores the expiry of a token that was verified now, and returns it: `expires_at` on the boot clock, or the earlier
    /// instant that an earlier verification stored. Setting the wall clock back between the two extends no token.
    pub fn record(&self, token: TokenDigest, expires_at: Timestamp, now: Instants) -> Duration {
        let left = expires_at.as_nanos().saturating_sub(now.wall.as_nanos());
        let left = u64::try_from(left).map_or(Duration::ZERO, Duration::from_nanos);
        let end = now.boot.saturating_add(left);
        let mut boot_nanos = u64::try_from(end.as_nanos()).unwrap_or(u64::MAX);
        if let Some(mut shard) = self.shard(&token) {
            if let Some(known) = shard.get(&token) {
                boot_nanos = boot_nanos.min(known.boot_nanos);
            }
            let end = BootExpiry {
                expires_at,
                boot_nanos,
            };
            // Also if it is stored already: it becomes the most recent.
            shard.insert(token, end);
            if shard.len() > MAX_IN_SHARD {
                shard.pop_front();
            }
        }
        Duration::from_nanos(boot_nanos)
    }

    /// Always `Some`: the remainder is below the number of shards. A poisoned lock is usable, because no update under it
    /// can be interrupted halfway by a panic.
    fn shard(&self, token: &TokenDigest) -> Option<MutexGuard<'_, BootExpiryShard>> {
        let [first, ..] = *token;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const SHARDS: usize = 16;

/// With [`SHARDS`], 16,384 tokens in about 1.6 MiB: twice the capacity of the token cache (`token_cache.rs`).
const MAX_IN_SHARD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn at(wall: Timestamp, boot: Duration) -> Instants {
        Instants { wall, boot }
    }

    #[test]
    fn the_earliest_expiry_of_a_token_counts_after_repeated_verifications() {
        let expiries = BootExpiries::new();
        let exp = WALL.plus(HOUR);
        assert_eq!(expiries.expired(&[7; 32], at(WALL, HOUR)), None);
        assert_eq!(expiries.record([7; 32], exp, at(WALL, HOUR)), HOUR * 2);
        let set_back = at(WALL.minus(HOUR), HOUR);
        assert_eq!(expiries.record([7; 32], exp, set_back), HOUR * 2);
        let set_forward = at(WALL.plus(HOUR / 2), HOUR);
        assert_eq!(expiries.record([7; 32], exp, set_forward), HOUR * 3 / 2);
        let before = at(WALL, HOUR * 3 / 2 - Duration::from_nanos(1));
        assert_eq!(expiries.expired(&[7; 32], before), None);
        assert_eq!(
            expiries.expired(&[7; 32], at(WALL, HOUR * 3 / 2)),
            Some(exp)
        );
        assert_eq!(expiries.expired(&[8; 32], at(WALL, HOUR * 9)), None);
    }

    #[test]
    fn the_most_recently_verified_tokens_are_stored_up_to_the_limit() {
        let expiries = BootExpiries::new();
        let digest = |number: u32| {
            // All in one shard.
            let mut digest = [0; 32];
            digest[1..5].copy_from_slice(&number.to_be_bytes());
            digest
        };
        let most = u32::try_from(MAX_IN_SHARD).unwrap_or(0);
        let now = at(WALL, HOUR);
        for number in 0..most {
            expiries.record(digest(number), WALL, now);
        }
        expiries.record(digest(0), WALL, now);
        expiries.record(digest(most), WALL, now);
        let known: Vec<u32> = (0..=most)
            .filter(|number| expiries.expired(&digest(*number), now).is_some())
            .collect();
        assert_eq!(known.len(), MAX_IN_SHARD);
        assert!(!known.contains(&1) && known.contains(&0));
    }

    #[test]
    fn a_far_expiry_and_a_past_expiry_do_not_overflow_the_clock() {
        let expiries = BootExpiries::new();
        let far = expiries.record([1; 32], Timestamp::MAX, at(Timestamp::MIN, HOUR));
        assert!(far > Duration::from_secs(100 * 365 * 24 * 3600));
        assert_eq!(
            expiries.record([2; 32], Timestamp::MIN, at(WALL, HOUR)),
            HOUR
        );
    }
}
