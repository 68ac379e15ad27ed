//! Eviction: which entries the cache retains when it is full.

use std::ops::Range;

use crosstrust::cache::{CacheBytes, CacheUsage};
use crosstrust::id::UserId;
use crosstrust::request::Request;
use crosstrust::time::Timestamp;

use super::super::small_world;
use super::{MINUTE, NOON, World};

impl World {
    /// Contoso allows all inbound access.
    fn with_bytes(bytes: u64) -> World {
        let world = World::with(Some(CacheBytes(bytes)));
        world.activate("allowed");
        world
    }

    /// Returns whether the answer came from the cache. The token expires half an hour after `issued`.
    fn hits_cache(&self, user: u128, issued: Timestamp) -> bool {
        let request = Request {
            user: Some(UserId(user)),
            ..small_world::request(issued.plus(30 * MINUTE))
        };
        self.engine.authorize(&request).cached
    }

    fn authorize_each(&self, users: Range<u128>, issued: Timestamp) {
        for user in users {
            self.hits_cache(user, issued);
        }
    }

    fn usage(&self) -> CacheUsage {
        self.engine.counters().usage
    }
}

#[test]
fn the_cache_stays_within_its_weight_and_evicts_nothing_that_fits() {
    let bytes = 200_000;
    let world = World::with_bytes(bytes);
    (0..100).for_each(|user| assert!(!world.hits_cache(user, NOON)));
    let usage = world.usage();
    assert_eq!((usage.entries, usage.evictions), (100, 0));
    // A key of about 200 bytes, a decision, and the overhead of the table.
    assert!(
        (400 * 100..1200 * 100).contains(&usage.weight_bytes),
        "{usage:?}"
    );
    assert!((0..100).all(|user| world.hits_cache(user, NOON)));

    world.authorize_each(0..5000, NOON);
    let usage = world.usage();
    assert!(
        usage.weight_bytes <= bytes && usage.entries > 100,
        "{usage:?}"
    );
    // The first hundred were hits. 5,000 were inserted, and each is either cached or evicted.
    assert_eq!(usage.entries + usage.evictions, 5000, "{usage:?}");
}

/// An entry in use is retained, however many others are requested once.
#[test]
fn entries_in_use_are_retained() {
    let world = World::with_bytes(200_000);
    world.hits_cache(0, NOON);
    for user in 1..5000 {
        world.hits_cache(user, NOON);
        assert!(world.hits_cache(0, NOON), "after {user} others");
    }
}

/// Users return with new tokens: entries of the old tokens are never used again and are evicted for the new ones.
#[test]
fn entries_of_old_tokens_are_evicted_for_those_of_new_ones() {
    let world = World::with_bytes(1 << 20);
    // As many as fit, with a small margin.
    let users = 1000;
    for renewal in 0..4 {
        let issued = NOON.plus(renewal * 10 * MINUTE);
        world.clock.set_wall(issued);
        let hits = (0..5).map(|_| {
            (0..users)
                .filter(|user| world.hits_cache(*user, issued))
                .count()
        });
        let hits_per_round: Vec<usize> = hits.collect();
        assert_eq!(
            hits_per_round,
            [0, 1000, 1000, 1000, 1000],
            "renewal {renewal}"
        );
    }
}

#[test]
fn expired_entries_are_removed_within_minutes_and_valid_ones_stay() {
    let world = World::with_bytes(1 << 20);
    world.authorize_each(0..10, NOON);
    world.clock.advance(20 * MINUTE);
    let later = NOON.plus(20 * MINUTE);
    world.authorize_each(10..15, later);
    world.engine.reap();
    assert_eq!(world.usage().entries, 15);

    world.clock.advance(10 * MINUTE);
    world.engine.reap();
    let usage = world.usage();
    assert_eq!((usage.entries, usage.evictions), (5, 10));
    assert!(usage.weight_bytes > 0);
    assert!((10..15).all(|user| world.hits_cache(user, later)));

    // A second sweep in the same minute removes nothing, even if an entry has expired.
    world.clock.advance(20 * MINUTE);
    world.engine.reap();
    assert_eq!(
        world.usage(),
        CacheUsage {
            evictions: 15,
            ..CacheUsage::default()
        }
    );
}

#[test]
fn an_expired_entry_that_is_read_is_removed_at_once() {
    let world = World::with_bytes(1 << 20);
    world.hits_cache(1, NOON);
    world.clock.advance(30 * MINUTE);
    assert!(!world.hits_cache(1, NOON));
    assert_eq!(
        world.usage(),
        CacheUsage {
            evictions: 1,
            ..CacheUsage::default()
        }
    );
}

#[test]
fn a_cache_too_small_for_one_entry_stays_empty_and_answers_are_unchanged() {
    let world = World::with_bytes(100);
    assert!(!world.hits_cache(1, NOON) && !world.hits_cache(1, NOON));
    assert_eq!(
        world.usage(),
        CacheUsage {
            evictions: 2,
            ..CacheUsage::default()
        }
    );
}

#[test]
fn an_oversized_answer_evicts_nothing() {
    // One shard, with space for a few small entries but not for a long session id.
    let world = World::with_bytes(4000);
    world.authorize_each(0..3, NOON);
    let mut long = small_world::request(NOON.plus(30 * MINUTE));
    long.claims.session_id = Some("x".repeat(5000));
    assert!(!world.authorize(&long).cached && !world.authorize(&long).cached);
    assert!((0..3).all(|user| world.hits_cache(user, NOON)));
}
