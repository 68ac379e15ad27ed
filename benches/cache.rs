//! The decision cache alone: `cargo bench --bench cache`. Compare only numbers of one run.
//!
//! `key` builds the key, which is also part of the other cases. `hit` looks up 10,000 cached users in turn. `insert`
//! adds a new user each time to a full cache, so that each insert evicts an entry.

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

/// A publication that never changes.
struct Unchanging;

impl Published for Unchanging {
    fn epoch(&self) -> Epoch {
        Epoch::FIRST
    }
}

fn caching(criterion: &mut Criterion) {
    let active = calls::engine(None).active().unwrap();
    let now = Clock::System.now();
    let decision = IdentifiedDecision {
        decision: Evaluation::new(&active.snapshot, &request_of(0))
            .decide(&Revocations::default(), now.wall),
        id: DecisionId(1),
    };
    let requests: Vec<Request> = (0..10_000).map(request_of).collect();
    let evaluations: Vec<Evaluation<'_>> = requests
        .iter()
        .map(|request| Evaluation::new(&active.snapshot, request))
        .collect();

    let mut in_turn = evaluations.iter().cycle();
    criterion.bench_function("cache/key", |bencher| {
        bencher.iter(|| black_box(DecisionKey::of(in_turn.next().unwrap())));
    });

    let cache = DecisionCache::new(CacheBytes::default());
    let keys: Vec<DecisionKey> = evaluations.iter().map(DecisionKey::of).collect();
    for key in &keys {
        assert!(!look_up_or_insert(&cache, key, now, &decision));
    }
    for key in &keys {
        assert!(look_up_or_insert(&cache, key, now, &decision));
    }
    let mut in_turn = keys.iter().cycle();
    criterion.bench_function("cache/hit/10k_keys", |bencher| {
        bencher.iter(|| look_up_or_insert(&cache, in_turn.next().unwrap(), now, &decision));
    });

    let cache = DecisionCache::new(CacheBytes::default());
    let mut users = new_users(&active);
    for _ in 0..50_000 {
        look_up_or_insert(&cache, &users.next().unwrap(), now, &decision);
    }
    assert!(
        cache.counters().usage.evictions > 0,
        "{:?}",
        cache.counters()
    );
    criterion.bench_function("cache/insert/full", |bencher| {
        bencher.iter_batched(
            || users.next().unwrap(),
            |key| look_up_or_insert(&cache, &key, now, &decision),
            BatchSize::SmallInput,
        );
    });
}

/// Looks up a decision and caches it on a miss; returns whether it was cached.
fn look_up_or_insert(
    cache: &DecisionCache,
    key: &DecisionKey,
    now: Instants,
    decision: &IdentifiedDecision,
) -> bool {
    let slot = cache.slot(key, now);
    let result = get_or_decide(&Unchanging, &slot, |_| decision.clone());
    if let Some(pending) = slot.pending_insert() {
        pending.insert();
    }
    black_box(result).cached
}

fn request_of(user: u128) -> Request {
    to_request(calls::question(user, 5), &RequestLimits::default()).unwrap()
}

/// Keys that are not cached.
fn new_users(active: &ActiveSnapshot) -> impl Iterator<Item = DecisionKey> {
    (1 << 24..).map(|user| DecisionKey::of(&Evaluation::new(&active.snapshot, &request_of(user))))
}

criterion_group!(benches, caching);
criterion_main!(benches);
