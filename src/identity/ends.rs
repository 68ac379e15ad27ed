//! When verified tokens end on the boot clock (semantics §4, "When a token has ended").
//!
//! A token states its end on the wall clock, which can be set back. Its first verification fixes where that end lies on
//! the boot clock, and this table keeps it under a digest of the whole token: past it the token is refused, whatever the
//! wall clock shows. Holds verified tokens only, so a forged token takes no place. Bounded: the tokens that were
//! verified least recently go first, and a token that has gone is unknown again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::quality::RandomState;
use hashlink::LinkedHashMap;

use crate::clock::Instants;
use crate::time::Timestamp;

/// The SHA-256 digest of a token.
pub(super) type TokenDigest = [u8; 32];

/// The ends of the tokens that are known.
#[derive(Debug)]
pub(super) struct TokenEnds {
    /// By the first byte of the digest, so that threads seldom wait for each other.
    shards: [Mutex<Shard>; SHARDS],
}

type Shard = LinkedHashMap<TokenDigest, TokenEnd, RandomState>;

#[derive(Debug, Clone, Copy)]
struct TokenEnd {
    /// The token's `exp`.
    expires_at: Timestamp,
    /// Nanoseconds on the boot clock: 8 bytes less an entry than a [`Duration`].
    boot_nanos: u64,
}

impl TokenEnds {
    pub fn new() -> Self {
        TokenEnds {
            shards: std::array::from_fn(|_| {
                Mutex::new(LinkedHashMap::with_hasher(RandomState::default()))
            }),
        }
    }

    /// The `exp` of a known token whose end has passed on the boot clock.
    pub fn ended(&self, token: &TokenDigest, now: Instants) -> Option<Timestamp> {
        let shard = self.shard(token)?;
        let end = shard.get(token)?;
        (Duration::from_nanos(end.boot_nanos) <= now.boot).then_some(end.expires_at)
    }

    /// Fixes the end of a token that was verified now, and returns it: where `expires_at` lies on the boot clock, or an
    /// earlier instant that an earlier verification has fixed. A wall clock that was set back between the two
    /// lengthens nothing.
    pub fn fix(&self, token: TokenDigest, expires_at: Timestamp, now: Instants) -> Duration {
        let left = expires_at.as_nanos().saturating_sub(now.wall.as_nanos());
        let left = u64::try_from(left).map_or(Duration::ZERO, Duration::from_nanos);
        let end = now.boot.saturating_add(left);
        let mut boot_nanos = u64::try_from(end.as_nanos()).unwrap_or(u64::MAX);
        if let Some(mut shard) = self.shard(&token) {
            if let Some(known) = shard.get(&token) {
                boot_nanos = boot_nanos.min(known.boot_nanos);
            }
            let end = TokenEnd {
                expires_at,
                boot_nanos,
            };
            // Also where it is known: it becomes the most recent.
            shard.insert(token, end);
            if shard.len() > MOST_IN_SHARD {
                shard.pop_front();
            }
        }
        Duration::from_nanos(boot_nanos)
    }

    /// Always there: the remainder is below the number of shards. Nothing is done under the lock that a panic could
    /// leave half done.
    fn shard(&self, token: &TokenDigest) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = *token;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const SHARDS: usize = 16;

/// With [`SHARDS`], 16,384 tokens: twice as many as the cache of verified tokens holds (`tokens.rs`), in some 1.6 MiB.
const MOST_IN_SHARD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn at(wall: Timestamp, boot: Duration) -> Instants {
        Instants { wall, boot }
    }

    #[test]
    fn the_earliest_end_of_a_token_counts_however_often_it_is_verified() {
        let ends = TokenEnds::new();
        let exp = WALL.plus(HOUR);
        assert_eq!(ends.ended(&[7; 32], at(WALL, HOUR)), None);
        assert_eq!(ends.fix([7; 32], exp, at(WALL, HOUR)), HOUR * 2);
        let set_back = at(WALL.minus(HOUR), HOUR);
        assert_eq!(ends.fix([7; 32], exp, set_back), HOUR * 2);
        let set_forward = at(WALL.plus(HOUR / 2), HOUR);
        assert_eq!(ends.fix([7; 32], exp, set_forward), HOUR * 3 / 2);
        let before = at(WALL, HOUR * 3 / 2 - Duration::from_nanos(1));
        assert_eq!(ends.ended(&[7; 32], before), None);
        assert_eq!(ends.ended(&[7; 32], at(WALL, HOUR * 3 / 2)), Some(exp));
        assert_eq!(ends.ended(&[8; 32], at(WALL, HOUR * 9)), None);
    }

    #[test]
    fn the_most_recently_verified_tokens_are_known_and_no_more_than_fit() {
        let ends = TokenEnds::new();
        let digest = |number: u32| {
            // All of one shard.
            let mut digest = [0; 32];
            digest[1..5].copy_from_slice(&number.to_be_bytes());
            digest
        };
        let most = u32::try_from(MOST_IN_SHARD).unwrap_or(0);
        let now = at(WALL, HOUR);
        for number in 0..most {
            ends.fix(digest(number), WALL, now);
        }
        ends.fix(digest(0), WALL, now);
        ends.fix(digest(most), WALL, now);
        let known: Vec<u32> = (0..=most)
            .filter(|number| ends.ended(&digest(*number), now).is_some())
            .collect();
        assert_eq!(known.len(), MOST_IN_SHARD);
        assert!(!known.contains(&1) && known.contains(&0));
    }

    #[test]
    fn a_far_end_and_a_passed_end_are_within_what_the_clock_can_show() {
        let ends = TokenEnds::new();
        let far = ends.fix([1; 32], Timestamp::MAX, at(Timestamp::MIN, HOUR));
        assert!(far > Duration::from_secs(100 * 365 * 24 * 3600));
        assert_eq!(ends.fix([2; 32], Timestamp::MIN, at(WALL, HOUR)), HOUR);
    }
}
