//! After a publication has returned, no later request is answered from anything older: shown to a model
//! checker for the protocol in use, and refuted for three that look right.
//!
//! The model is one request that races one publication of generation 2 over generation 1, and requests
//! that start after the publication has returned. loom runs every interleaving of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crosstrust::cache::protocol::{self, Epoch, Memory, Published};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A snapshot that can only tell which generation it is.
#[derive(Debug, Clone, Copy)]
struct Policies(Epoch);

impl Published for Policies {
    fn epoch(&self) -> Epoch {
        self.0
    }
}

/// The answer of a generation is its epoch.
type Answer = Epoch;

const OLD: Policies = Policies(Epoch(1));
const NEW: Policies = Policies(Epoch(2));

/// What the engine has: the policies in force, published in one step, and one place of the cache.
struct World {
    active: Mutex<Policies>,
    place: Place,
}

struct Place(Mutex<Option<(Epoch, Answer)>>);

impl Memory for Place {
    type Answer = Answer;

    fn recall(&self) -> Option<(Epoch, Answer)> {
        *self.0.lock().unwrap()
    }

    fn keep(&self, epoch: Epoch, answer: &Answer) {
        *self.0.lock().unwrap() = Some((epoch, *answer));
    }
}

impl World {
    fn load(&self) -> Policies {
        *self.active.lock().unwrap()
    }

    fn publish(&self, policies: Policies) {
        *self.active.lock().unwrap() = policies;
    }

    fn clear(&self) {
        *self.place.0.lock().unwrap() = None;
    }
}

/// The one in use.
fn epoch_in_the_entry(world: &Arc<World>) -> Answer {
    protocol::answer(&world.load(), &world.place, Policies::epoch).answer
}

/// The same where an event has to be on disk first: another thread keeps the answer, whenever it comes to it.
fn kept_by_another_thread(world: &Arc<World>) -> Answer {
    let loaded = world.load();
    let later = Later {
        place: &world.place,
        kept: Mutex::new(None),
    };
    let answered = protocol::answer(&loaded, &later, Policies::epoch);
    if let Some((epoch, answer)) = later.kept.into_inner().unwrap() {
        let world = Arc::clone(world);
        thread::spawn(move || world.place.keep(epoch, &answer));
    }
    answered.answer
}

struct Later<'a> {
    place: &'a Place,
    kept: Mutex<Option<(Epoch, Answer)>>,
}

impl Memory for Later<'_> {
    type Answer = Answer;

    fn recall(&self) -> Option<(Epoch, Answer)> {
        self.place.recall()
    }

    fn keep(&self, epoch: Epoch, answer: &Answer) {
        *self.kept.lock().unwrap() = Some((epoch, *answer));
    }
}

/// Wrong: whatever is in the cache counts.
fn any_entry_counts(world: &Arc<World>) -> Answer {
    if let Some((_, answer)) = world.place.recall() {
        return answer;
    }
    let loaded = world.load();
    let answer = loaded.epoch();
    world.place.keep(loaded.epoch(), &answer);
    answer
}

/// Wrong: the generation is looked at again just before the insert.
fn look_again_before_inserting(world: &Arc<World>) -> Answer {
    if let Some((_, answer)) = world.place.recall() {
        return answer;
    }
    let loaded = world.load();
    let answer = loaded.epoch();
    if world.load().epoch() == loaded.epoch() {
        world.place.keep(loaded.epoch(), &answer);
    }
    answer
}

fn publish(world: &World) {
    world.publish(NEW);
}

fn publish_and_clear(world: &World) {
    world.publish(NEW);
    world.clear();
}

/// Whether the promise holds in every interleaving. A model that fails for any other reason fails the test.
fn holds(request: fn(&Arc<World>) -> Answer, publication: fn(&World)) -> bool {
    holds_beside(request, request, publication)
}

/// The same where the racing request is of another kind.
fn holds_beside(
    racing_request: fn(&Arc<World>) -> Answer,
    request: fn(&Arc<World>) -> Answer,
    publication: fn(&World),
) -> bool {
    let model = move || {
        loom::model(move || {
            let world = Arc::new(World {
                active: Mutex::new(OLD),
                place: Place(Mutex::new(None)),
            });
            let racing = {
                let world = Arc::clone(&world);
                thread::spawn(move || racing_request(&world))
            };
            publication(&world);
            assert_eq!(request(&world), NEW.epoch(), "while the other still runs");
            racing.join().unwrap();
            assert_eq!(request(&world), NEW.epoch(), "after the other has ended");
        });
    };
    match catch_unwind(AssertUnwindSafe(model)) {
        Ok(()) => true,
        Err(panic) => {
            let message = panic.downcast_ref::<String>().unwrap();
            assert!(message.contains("the other"), "{message}");
            false
        }
    }
}

#[test]
fn an_epoch_in_every_entry_keeps_old_answers_from_later_requests() {
    assert!(holds(epoch_in_the_entry, publish));
    assert!(holds(epoch_in_the_entry, publish_and_clear));
}

#[test]
fn they_do_so_too_where_another_thread_keeps_them_later() {
    assert!(holds_beside(
        kept_by_another_thread,
        epoch_in_the_entry,
        publish
    ));
}

#[test]
fn without_invalidation_an_old_answer_is_given_later() {
    assert!(!holds(any_entry_counts, publish));
}

#[test]
fn clearing_the_cache_after_the_swap_is_not_enough() {
    assert!(!holds(any_entry_counts, publish_and_clear));
}

#[test]
fn looking_again_before_inserting_is_not_enough() {
    assert!(!holds(look_again_before_inserting, publish_and_clear));
}
