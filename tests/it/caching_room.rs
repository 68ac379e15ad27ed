//! What stays in the cache and what goes when there is no room for all.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::{CacheBytes, Held};
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::id::UserId;
use crosstrust::request::Request;
use crosstrust::time::Timestamp;

use super::small_world::{self, files, snapshot_of};

const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);
const MINUTE: Duration = Duration::from_secs(60);

struct World {
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl World {
    fn with(bytes: u64) -> World {
        let clock = ManualClock::at(NOON);
        let engine = Engine::new(EngineOptions {
            cache: Some(CacheBytes(bytes)),
            clock: Clock::Manual(Arc::clone(&clock)),
        });
        engine.activate(snapshot_of(&files("allowed")), "a test");
        World { engine, clock }
    }

    /// Whether the answer was remembered; asked with a token that ends half an hour after it was issued.
    fn ask(&self, user: u128, issued: Timestamp) -> bool {
        let request = Request {
            user: Some(UserId(user)),
            ..small_world::request(issued.plus(30 * MINUTE))
        };
        self.engine.authorize(&request).cached
    }

    fn ask_each(&self, users: Range<u128>, issued: Timestamp) {
        for user in users {
            self.ask(user, issued);
        }
    }

    fn held(&self) -> Held {
        self.engine.counters().held
    }
}

#[test]
fn it_stays_within_its_weight_and_forgets_nobody_who_fits() {
    let bytes = 200_000;
    let world = World::with(bytes);
    (0..100).for_each(|user| assert!(!world.ask(user, NOON)));
    let held = world.held();
    assert_eq!((held.entries, held.evictions), (100, 0));
    // A key of some 200 bytes, a decision, and what the table keeps.
    assert!(
        (400 * 100..1200 * 100).contains(&held.weight_bytes),
        "{held:?}"
    );
    assert!((0..100).all(|user| world.ask(user, NOON)));

    world.ask_each(0..5000, NOON);
    let held = world.held();
    assert!(held.weight_bytes <= bytes && held.entries > 100, "{held:?}");
    // The first hundred were remembered: 5,000 have come in, and are there or gone.
    assert_eq!(held.entries + held.evictions, 5000, "{held:?}");
}

/// Whoever is asked about keeps a place, however many others come by once.
#[test]
fn who_is_in_use_stays() {
    let world = World::with(200_000);
    world.ask(0, NOON);
    for user in 1..5000 {
        world.ask(user, NOON);
        assert!(world.ask(0, NOON), "after {user} others");
    }
}

/// Users come back with new tokens: the entries of the old ones are nobody's, and hold no place against the new.
#[test]
fn entries_of_old_tokens_give_way_to_those_of_new_ones() {
    let world = World::with(1 << 20);
    // As many as fit with a little room for chance.
    let users = 1000;
    for renewal in 0..4 {
        let issued = NOON.plus(renewal * 10 * MINUTE);
        world.clock.set_wall(issued);
        let asked_again =
            (0..5).map(|_| (0..users).filter(|user| world.ask(*user, issued)).count());
        let remembered: Vec<usize> = asked_again.collect();
        assert_eq!(remembered, [0, 1000, 1000, 1000, 1000], "renewal {renewal}");
    }
}

#[test]
fn what_has_ended_is_taken_out_within_minutes_and_what_is_good_stays() {
    let world = World::with(1 << 20);
    world.ask_each(0..10, NOON);
    world.clock.pass(20 * MINUTE);
    let later = NOON.plus(20 * MINUTE);
    world.ask_each(10..15, later);
    world.engine.reap();
    assert_eq!(world.held().entries, 15);

    world.clock.pass(10 * MINUTE);
    world.engine.reap();
    let held = world.held();
    assert_eq!((held.entries, held.evictions), (5, 10));
    assert!(held.weight_bytes > 0);
    assert!((10..15).all(|user| world.ask(user, later)));

    // A sweep in the same minute finds nothing, also where something has ended.
    world.clock.pass(20 * MINUTE);
    world.engine.reap();
    assert_eq!(
        world.held(),
        Held {
            evictions: 15,
            ..Held::default()
        }
    );
}

#[test]
fn an_entry_that_is_met_after_its_end_goes_at_once() {
    let world = World::with(1 << 20);
    world.ask(1, NOON);
    world.clock.pass(30 * MINUTE);
    assert!(!world.ask(1, NOON));
    assert_eq!(
        world.held(),
        Held {
            evictions: 1,
            ..Held::default()
        }
    );
}

#[test]
fn a_cache_without_room_for_one_entry_keeps_none_and_answers_all_the_same() {
    let world = World::with(100);
    assert!(!world.ask(1, NOON) && !world.ask(1, NOON));
    assert_eq!(
        world.held(),
        Held {
            evictions: 2,
            ..Held::default()
        }
    );
}
