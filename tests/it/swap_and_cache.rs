//! After a publication has returned, no later request is answered from older policies. loom proves this for the
//! protocol in use, and refutes it for three plausible but wrong ones.
//!
//! The model: one request races the publication of generation 2 over generation 1, and further requests start after
//! the publication has returned. loom runs every interleaving.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crosstrust::cache::protocol::{self, CacheSlot, Epoch, Published};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A snapshot that has only its generation.
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

/// Model of the engine: the policies in force, published in one step, and one cache slot.
struct World {
    active: Mutex<Policies>,
    slot: Slot,
}

struct Slot(Mutex<Option<(Epoch, Answer)>>);

impl CacheSlot for Slot {
    type Answer = Answer;

    fn get(&self) -> Option<(Epoch, Answer)> {
        *self.0.lock().unwrap()
    }

    fn insert(&self, epoch: Epoch, answer: &Answer) {
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
        *self.slot.0.lock().unwrap() = None;
    }
}

/// The protocol in use.
fn epoch_in_the_entry(world: &Arc<World>) -> Answer {
    protocol::get_or_decide(&world.load(), &world.slot, Policies::epoch).answer
}

/// The protocol in use if an event has to be on disk first: another thread inserts the answer later.
fn inserted_by_another_thread(world: &Arc<World>) -> Answer {
    let loaded = world.load();
    let deferred = DeferredSlot {
        slot: &world.slot,
        pending: Mutex::new(None),
    };
    let result = protocol::get_or_decide(&loaded, &deferred, Policies::epoch);
    if let Some((epoch, answer)) = deferred.pending.into_inner().unwrap() {
        let world = Arc::clone(world);
        thread::spawn(move || world.slot.insert(epoch, &answer));
    }
    result.answer
}

struct DeferredSlot<'a> {
    slot: &'a Slot,
    pending: Mutex<Option<(Epoch, Answer)>>,
}

impl CacheSlot for DeferredSlot<'_> {
    type Answer = Answer;

    fn get(&self) -> Option<(Epoch, Answer)> {
        self.slot.get()
    }

    fn insert(&self, epoch: Epoch, answer: &Answer) {
        *self.pending.lock().unwrap() = Some((epoch, *answer));
    }
}

/// Wrong: uses any cache entry.
fn any_entry_is_valid(world: &Arc<World>) -> Answer {
    if let Some((_, answer)) = world.slot.get() {
        return answer;
    }
    let loaded = world.load();
    let answer = loaded.epoch();
    world.slot.insert(loaded.epoch(), &answer);
    answer
}

/// Wrong: checks the generation again just before the insert.
fn check_again_before_insert(world: &Arc<World>) -> Answer {
    if let Some((_, answer)) = world.slot.get() {
        return answer;
    }
    let loaded = world.load();
    let answer = loaded.epoch();
    if world.load().epoch() == loaded.epoch() {
        world.slot.insert(loaded.epoch(), &answer);
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

/// Whether the guarantee holds in every interleaving. A model that fails for another reason fails the test.
fn holds(request: fn(&Arc<World>) -> Answer, publication: fn(&World)) -> bool {
    holds_while_racing(request, request, publication)
}

/// Like [`holds`], with another protocol for the racing request.
fn holds_while_racing(
    racing_request: fn(&Arc<World>) -> Answer,
    request: fn(&Arc<World>) -> Answer,
    publication: fn(&World),
) -> bool {
    let model = move || {
        loom::model(move || {
            let world = Arc::new(World {
                active: Mutex::new(OLD),
                slot: Slot(Mutex::new(None)),
            });
            let racing = {
                let world = Arc::clone(&world);
                thread::spawn(move || racing_request(&world))
            };
            publication(&world);
            assert_eq!(request(&world), NEW.epoch(), "while the other request runs");
            racing.join().unwrap();
            assert_eq!(
                request(&world),
                NEW.epoch(),
                "after the other request has ended"
            );
        });
    };
    match catch_unwind(AssertUnwindSafe(model)) {
        Ok(()) => true,
        Err(panic) => {
            let message = panic.downcast_ref::<String>().unwrap();
            assert!(message.contains("the other request"), "{message}");
            false
        }
    }
}

#[test]
fn an_epoch_in_every_entry_prevents_stale_answers() {
    assert!(holds(epoch_in_the_entry, publish));
    assert!(holds(epoch_in_the_entry, publish_and_clear));
}

#[test]
fn it_prevents_stale_answers_if_another_thread_inserts_later() {
    assert!(holds_while_racing(
        inserted_by_another_thread,
        epoch_in_the_entry,
        publish
    ));
}

#[test]
fn without_invalidation_a_later_request_gets_a_stale_answer() {
    assert!(!holds(any_entry_is_valid, publish));
}

#[test]
fn clearing_the_cache_after_the_swap_is_not_enough() {
    assert!(!holds(any_entry_is_valid, publish_and_clear));
}

#[test]
fn checking_again_before_the_insert_is_not_enough() {
    assert!(!holds(check_again_before_insert, publish_and_clear));
}
