//! A thousand reloads, a fifth of them invalid, under constant load: every answer equals the oracle's for the
//! snapshot that it names, no answer uses a snapshot older than one that a reload had reported before the
//! request, and invalid policies are never activated.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crosstrust::cache::CacheBytes;
use crosstrust::clock::{Clock, ManualClock};
use crosstrust::engine::{Answer, Engine, EngineOptions};
use crosstrust::reload::{ReloadHandle, ReloadOptions, ReloadOutcome, Reloader};
use crosstrust::request::Request;
use crosstrust::snapshot::SnapshotId;

use crate::reference::{self, World};
use crate::support::random::Rng;
use crate::support::universe::NOW;
use crate::support::{generate, product};

const RELOADS: u64 = 1_000;
const WORLDS: u64 = 40;
const CALLERS: u64 = 2;

/// An answer, its request, and the latest version that was certainly in force when the request was sent.
struct ObservedAnswer {
    answer: Answer,
    request: usize,
    reported_before: u64,
}

fn write(root: &Path, world: &World) {
    for old in fs::read_dir(root).unwrap() {
        fs::remove_dir_all(old.unwrap().path()).unwrap();
    }
    for file in product::files(world) {
        let path = root.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes).unwrap();
    }
}

fn authorize_repeatedly(
    engine: &Engine,
    requests: &[Request],
    reported: &AtomicU64,
    stop: &AtomicBool,
    seed: u64,
) -> Vec<ObservedAnswer> {
    let mut rng = Rng::new(seed);
    let mut answers = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let reported_before = reported.load(Ordering::SeqCst);
        let request = rng.below(requests.len());
        let answer = engine.authorize(&requests[request]);
        // A fast machine gets more answers than need to be stored.
        if answers.len() < 100_000 || rng.chance(1) {
            answers.push(ObservedAnswer {
                answer,
                request,
                reported_before,
            });
        }
        // Leave one of two cores to the reloader.
        std::thread::yield_now();
    }
    answers
}

/// Reloads one world after another, and returns the number of rejected reloads.
fn reload(root: &Path, worlds: &[World], handle: &ReloadHandle, reported: &AtomicU64) -> u64 {
    let mut refused = 0;
    for number in 0..RELOADS {
        let world = &worlds[(number % WORLDS) as usize];
        write(root, world);
        if number % 5 == 4 {
            let broken = root.join("tenant-0/organization.json");
            fs::write(broken, r#"{ "id": "half a docu"#).unwrap();
        }
        match handle.reload_blocking(true) {
            ReloadOutcome::Activated(activation) => {
                reported.store(activation.version, Ordering::SeqCst)
            }
            ReloadOutcome::Rejected(_) => refused += 1,
            ReloadOutcome::Unchanged { .. } => {}
        }
    }
    refused
}

#[test]
fn under_a_thousand_reloads_every_answer_is_right_for_the_snapshot_that_it_names() {
    let mut worlds: Vec<World> = (0..WORLDS).map(generate::world).collect();
    for world in &mut worlds {
        world.bundles = product::bundles();
    }
    let by_id: HashMap<SnapshotId, &World> = worlds
        .iter()
        .map(|world| (product::snapshot(world).id(), world))
        .collect();
    let mut rng = Rng::new(7);
    let requests: Vec<Request> = (0..200)
        .map(|n| generate::request(&worlds[n % worlds.len()], &mut rng).0)
        .collect();

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &worlds[0]);
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: Some(CacheBytes::default()),
        clock: Clock::Manual(ManualClock::at(NOW)),
    }));
    let mut options = ReloadOptions::of(folder.path());
    options.allow_removals = true;
    // Reload only on request: other tests cover partially written folders.
    options.rescan = std::time::Duration::from_secs(3600);
    options.quiet = std::time::Duration::from_secs(3600);
    options.longest_wait = std::time::Duration::from_secs(3600);
    let started = Reloader::start(Arc::clone(&engine), options).unwrap();

    let reported = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let (refused, answers) = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|seed| {
                let (engine, requests, reported, stop) = (&engine, &requests, &reported, &stop);
                scope.spawn(move || authorize_repeatedly(engine, requests, reported, stop, seed))
            })
            .collect();
        let refused = reload(folder.path(), &worlds, &started.handle, &reported);
        stop.store(true, Ordering::Relaxed);
        let answers: Vec<ObservedAnswer> = callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect();
        (refused, answers)
    });

    assert_eq!(refused, RELOADS / 5);
    let mut known: HashMap<(SnapshotId, usize), reference::Expected> = HashMap::new();
    let mut hits = 0;
    for one in &answers {
        let active = one
            .answer
            .active
            .as_ref()
            .expect("a snapshot was always active");
        assert!(active.version >= one.reported_before);
        let id = active.snapshot.id();
        let request = &requests[one.request];
        let expected = known
            .entry((id, one.request))
            .or_insert_with(|| reference::decide(by_id[&id], &[], request, NOW));
        let found = product::to_expected(&active.snapshot, one.answer.decision.clone());
        assert_eq!(found, *expected);
        hits += u64::from(one.answer.cached);
    }
    assert!(answers.len() > 1_000, "{}", answers.len());
    assert!(hits > 0);
}
