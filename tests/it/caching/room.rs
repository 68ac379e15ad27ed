//! What stays in the cache and what goes when there is no room for all.

use std::ops::Range;

use crosstrust::cache::{CacheBytes, CacheUsage};
use crosstrust::id::UserId;
use crosstrust::request::Request;
use crosstrust::time::Timestamp;

use super::super::small_world;
use super::{MINUTE, NOON, World};

impl World {
    /// Contoso lets everybody in.
    fn of(bytes: u64) -> World {
        let world = World::with(Some(CacheBytes(bytes)));
        world.activate("allowed");
        world
    }

    /// Whether the answer was remembered; asked with a token that ends half an hour after it was issued.
    fn ask_of(&self, user: u128, issued: Timestamp) -> bool {
        let request = Request {
            user: Some(UserId(user)),
            ..small_world::request(issued.plus(30 * MINUTE))
        };
        self.engine.authorize(&request).cached
    }

    fn ask_each(&self, users: Range<u128>, issued: Timestamp) {
        for user in users {
            self.ask_of(user, issued);
        }
    }

    fn held(&self) -> CacheUsage {
        self.engine.counters().usage
    }
}

#[test]
fn it_stays_within_its_weight_and_forgets_nobody_who_fits() {
    let bytes = 200_000;
    let world = World::of(bytes);
    (0..100).for_each(|user| assert!(!world.ask_of(user, NOON)));
    let held = world.held();
    assert_eq!((held.entries, held.evictions), (100, 0));
    // A key of some 200 bytes, a decision, and what the table keeps.
    assert!(
        (400 * 100..1200 * 100).contains(&held.weight_bytes),
        "{held:?}"
    );
    assert!((0..100).all(|user| world.ask_of(user, NOON)));

    world.ask_each(0..5000, NOON);
    let held = world.held();
    assert!(held.weight_bytes <= bytes && held.entries > 100, "{held:?}");
    // The first hundred were remembered: 5,000 have come in, and are there or gone.
    assert_eq!(held.entries + held.evictions, 5000, "{held:?}");
}

/// Whoever is asked about keeps a place, however many others come by once.
#[test]
fn who_is_in_use_stays() {
    let world = World::of(200_000);
    world.ask_of(0, NOON);
    for user in 1..5000 {
        world.ask_of(user, NOON);
        assert!(world.ask_of(0, NOON), "after {user} others");
    }
}

/// Users come back with new tokens: the entries of the old ones are nobody's, and hold no place against the new.
#[test]
fn entries_of_old_tokens_give_way_to_those_of_new_ones() {
    let world = World::of(1 << 20);
    // As many as fit with a little room for chance.
    let users = 1000;
    for renewal in 0..4 {
        let issued = NOON.plus(renewal * 10 * MINUTE);
        world.clock.set_wall(issued);
        let asked_again = (0..5).map(|_| {
            (0..users)
                .filter(|user| world.ask_of(*user, issued))
                .count()
        });
        let remembered: Vec<usize> = asked_again.collect();
        assert_eq!(remembered, [0, 1000, 1000, 1000, 1000], "renewal {renewal}");
    }
}

#[test]
fn what_has_ended_is_taken_out_within_minutes_and_what_is_good_stays() {
    let world = World::of(1 << 20);
    world.ask_each(0..10, NOON);
    world.clock.advance(20 * MINUTE);
    let later = NOON.plus(20 * MINUTE);
    world.ask_each(10..15, later);
    world.engine.reap();
    assert_eq!(world.held().entries, 15);

    world.clock.advance(10 * MINUTE);
    world.engine.reap();
    let held = world.held();
    assert_eq!((held.entries, held.evictions), (5, 10));
    assert!(held.weight_bytes > 0);
    assert!((10..15).all(|user| world.ask_of(user, later)));

    // A sweep in the same minute finds nothing, also where something has ended.
    world.clock.advance(20 * MINUTE);
    world.engine.reap();
    assert_eq!(
        world.held(),
        CacheUsage {
            evictions: 15,
            ..CacheUsage::default()
        }
    );
}

#[test]
fn an_entry_that_is_met_after_its_end_goes_at_once() {
    let world = World::of(1 << 20);
    world.ask_of(1, NOON);
    world.clock.advance(30 * MINUTE);
    assert!(!world.ask_of(1, NOON));
    assert_eq!(
        world.held(),
        CacheUsage {
            evictions: 1,
            ..CacheUsage::default()
        }
    );
}

#[test]
fn a_cache_without_room_for_one_entry_keeps_none_and_answers_all_the_same() {
    let world = World::of(100);
    assert!(!world.ask_of(1, NOON) && !world.ask_of(1, NOON));
    assert_eq!(
        world.held(),
        CacheUsage {
            evictions: 2,
            ..CacheUsage::default()
        }
    );
}

#[test]
fn an_answer_that_is_too_large_takes_nobodys_room() {
    // One shard, with room for some small ones and for no long session id.
    let world = World::of(4000);
    world.ask_each(0..3, NOON);
    let mut long = small_world::request(NOON.plus(30 * MINUTE));
    long.claims.session_id = Some("x".repeat(5000));
    assert!(!world.ask(&long).cached && !world.ask(&long).cached);
    assert!((0..3).all(|user| world.ask_of(user, NOON)));
}
