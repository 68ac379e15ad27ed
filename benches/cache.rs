//! The cache of decisions by itself: `cargo bench --bench cache`. Compare only numbers of one run.
//!
//! `key` is what every look-up begins with and belongs to each of the others, too. `hit` has 10,000 users in turn, who
//! are all remembered; `insert` has a new user each time and a cache that is full, so that each takes the place of
//! another.

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    reason = "a bench may fail loudly"
)]

#[path = "support/calls.rs"]
mod calls;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crosstrust::cache::protocol::{Epoch, Published, get_or_decide};
use crosstrust::cache::{CacheBytes, DecisionCache, DecisionKey, IdentifiedDecision};
use crosstrust::clock::{Clock, Instants};
use crosstrust::engine::ActiveSnapshot;
use crosstrust::evaluate::Evaluation;
use crosstrust::id::DecisionId;
use crosstrust::request::Request;
use crosstrust::revocation::Revocations;
use crosstrust::rpc::RequestLimits;
use crosstrust::rpc::client::to_request;

/// What every answer here was decided under.
struct Always;

impl Published for Always {
    fn epoch(&self) -> Epoch {
        Epoch::FIRST
    }
}

fn caching(criterion: &mut Criterion) {
    let active = calls::engine(None).active().unwrap();
    let now = Clock::System.now();
    let decided = IdentifiedDecision {
        decision: Evaluation::new(&active.snapshot, &asked(0))
            .decide(&Revocations::default(), now.wall),
        id: DecisionId(1),
    };
    let requests: Vec<Request> = (0..10_000).map(asked).collect();
    let questions: Vec<Evaluation<'_>> = requests
        .iter()
        .map(|request| Evaluation::new(&active.snapshot, request))
        .collect();

    let mut in_turn = questions.iter().cycle();
    criterion.bench_function("cache/key", |bencher| {
        bencher.iter(|| black_box(DecisionKey::of(in_turn.next().unwrap())));
    });

    let cache = DecisionCache::new(CacheBytes::default());
    let keys: Vec<DecisionKey> = questions.iter().map(DecisionKey::of).collect();
    for key in &keys {
        assert!(!ask(&cache, key, now, &decided));
    }
    for key in &keys {
        assert!(ask(&cache, key, now, &decided));
    }
    let mut in_turn = keys.iter().cycle();
    criterion.bench_function("cache/hit/10k_keys", |bencher| {
        bencher.iter(|| ask(&cache, in_turn.next().unwrap(), now, &decided));
    });

    let cache = DecisionCache::new(CacheBytes::default());
    let mut users = new_users(&active);
    for _ in 0..50_000 {
        ask(&cache, &users.next().unwrap(), now, &decided);
    }
    assert!(
        cache.counters().usage.evictions > 0,
        "{:?}",
        cache.counters()
    );
    criterion.bench_function("cache/insert/full", |bencher| {
        bencher.iter_batched(
            || users.next().unwrap(),
            |key| ask(&cache, &key, now, &decided),
            BatchSize::SmallInput,
        );
    });
}

/// Whether it was remembered; kept, if it was not.
fn ask(
    cache: &DecisionCache,
    key: &DecisionKey,
    now: Instants,
    decided: &IdentifiedDecision,
) -> bool {
    let slot = cache.slot(key, now);
    let result = get_or_decide(&Always, &slot, |_| decided.clone());
    if let Some(pending) = slot.pending_insert() {
        pending.insert();
    }
    black_box(result).cached
}

fn asked(user: u128) -> Request {
    to_request(calls::question(user, 5), &RequestLimits::default()).unwrap()
}

/// Keys that nobody has asked for.
fn new_users(active: &ActiveSnapshot) -> impl Iterator<Item = DecisionKey> {
    (1 << 24..).map(|user| DecisionKey::of(&Evaluation::new(&active.snapshot, &asked(user))))
}

criterion_group!(benches, caching);
criterion_main!(benches);
