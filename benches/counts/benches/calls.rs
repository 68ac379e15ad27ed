//! Instructions of complete calls and of their parts, counted by callgrind: `counts instructions` runs and compares them.
//!
//! The setup of a case is not counted. Each case makes [`CALLS`] calls with users in turn: hash seeds differ between runs,
//! and hundreds of users average that out. The kernel's work is not counted (`counts syscalls` counts it).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use crosstrust::cache::CacheBytes;
use crosstrust::engine::ActiveSnapshot;
use crosstrust::evaluate::decide;
use crosstrust::identity::Algorithm;
use crosstrust::request::Request;
use crosstrust::revocation::Revocations;
use crosstrust::rpc::client::decode_request;
use crosstrust::rpc::proto::AuthorizeResponse;
use crosstrust::rpc::{RequestLimits, Router};
use crosstrust::time::Timestamp;
use crosstrust_counts::calls::{
    AUTHORIZE, AUTHORIZE_BATCH, batch, call, engine, framed, question, routed, serving,
};
use crosstrust_counts::check::{CHECK, with_token};
use crosstrust_counts::issuer::Issuer;
use gungraun::{library_benchmark, library_benchmark_group, main};
use prost::Message as _;

/// The program's allocator: it is part of the cost of a call.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `counts` divides by this number.
const CALLS: u128 = 400;

#[library_benchmark]
#[benches::groups(args = [5, 50, 200], setup = encoded)]
fn decode((messages, limits): (Vec<Vec<u8>>, RequestLimits)) -> (Vec<Vec<u8>>, RequestLimits) {
    for message in &messages {
        black_box(decode_request(message, &limits).unwrap());
    }
    (messages, limits)
}

#[library_benchmark]
#[benches::groups(args = [5, 50, 200], setup = DecisionCase::of)]
fn decision(case: DecisionCase) -> DecisionCase {
    for request in &case.requests {
        let snapshot = &case.active.snapshot;
        black_box(decide(snapshot, &case.none, request, NOW));
    }
    case
}

#[library_benchmark]
#[benches::groups(args = [5, 50, 200], setup = CallCase::hits)]
fn hit(case: CallCase) -> CallCase {
    case.call_each()
}

#[library_benchmark]
#[benches::groups(args = [5, 50, 200], setup = CallCase::decided)]
fn decided(case: CallCase) -> CallCase {
    case.call_each()
}

#[library_benchmark]
#[benches::groups(args = [50], setup = CallCase::misses)]
fn miss(case: CallCase) -> CallCase {
    case.call_each()
}

#[library_benchmark]
#[benches::groups(args = [50], setup = CallCase::batches)]
fn batch_of_32(case: CallCase) -> CallCase {
    case.call_each()
}

#[library_benchmark]
#[benches::groups(args = [10], setup = CallCase::seen_tokens)]
fn check_seen_token(case: CallCase) -> CallCase {
    case.call_each()
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn encoded(groups: u128) -> (Vec<Vec<u8>>, RequestLimits) {
    let messages = (0..CALLS).map(|user| question(user, groups).encode_to_vec());
    (messages.collect(), RequestLimits::default())
}

struct DecisionCase {
    active: Arc<ActiveSnapshot>,
    none: Revocations,
    requests: Vec<Request>,
}

impl DecisionCase {
    fn of(groups: u128) -> DecisionCase {
        let (messages, limits) = encoded(groups);
        let read = |message: &Vec<u8>| decode_request(message, &limits).unwrap();
        let case = DecisionCase {
            active: engine(None).active().unwrap(),
            none: Revocations::default(),
            requests: messages.iter().map(read).collect(),
        };
        for request in &case.requests {
            let decision = decide(&case.active.snapshot, &case.none, request, NOW);
            assert!(decision.is_allow(), "{decision:?}");
        }
        case
    }
}

/// A router and the calls to it.
struct CallCase {
    router: Router,
    path: &'static str,
    messages: Vec<Bytes>,
}

impl CallCase {
    /// Every answer is cached.
    fn hits(groups: u128) -> CallCase {
        let router = serving(Some(CacheBytes::default()));
        CallCase::users(router, 0..CALLS, groups).expecting(true)
    }

    /// Without a cache.
    fn decided(groups: u128) -> CallCase {
        CallCase::users(serving(None), 0..CALLS, groups).expecting(false)
    }

    /// Each user is new to a full cache, so that each entry evicts another.
    fn misses(groups: u128) -> CallCase {
        const SMALL: CacheBytes = CacheBytes(256 << 10);
        let mut router = serving(Some(SMALL));
        for user in CALLS..CALLS + 2000 {
            call(&mut router, AUTHORIZE, framed(&question(user, groups)));
        }
        CallCase::users(router, 0..CALLS, groups)
    }

    fn users(router: Router, users: std::ops::Range<u128>, groups: u128) -> CallCase {
        CallCase {
            router,
            path: AUTHORIZE,
            messages: users.map(|user| framed(&question(user, groups))).collect(),
        }
    }

    fn batches(groups: u128) -> CallCase {
        const SIZE: u128 = 32;
        // The same hundred batches repeatedly, which fit into the cache.
        let batches = (0..CALLS).map(|n| n % 100 * SIZE);
        let batches = batches.map(|first| framed(&batch(first..first + SIZE, groups)));
        CallCase {
            router: serving(Some(CacheBytes::default())),
            path: AUTHORIZE_BATCH,
            messages: batches.collect(),
        }
        .warmed_up()
    }

    fn seen_tokens(_: u128) -> CallCase {
        let issuer = Issuer::new(Algorithm::EdDsa);
        let engine = engine(Some(CacheBytes::default()));
        let gateway = issuer.gateway(&engine);
        let checks = (0..CALLS).map(|user| framed(&with_token(&issuer.token(user))));
        let mut case = CallCase {
            router: routed(engine, gateway),
            path: CHECK,
            messages: checks.collect(),
        }
        .warmed_up();
        let answer = call(&mut case.router, CHECK, case.messages[0].clone());
        // A status whose code is 0 is an empty message.
        assert_eq!(answer[5..7], [0x0a, 0x00], "not an allow: {answer:?}");
        case
    }

    fn warmed_up(mut self) -> CallCase {
        for message in &self.messages {
            call(&mut self.router, self.path, message.clone());
        }
        self
    }

    /// Makes each call once, and asserts that the first answer is then an allow, cached or not as expected.
    fn expecting(self, cached: bool) -> CallCase {
        let mut case = self.warmed_up();
        let answer = call(&mut case.router, AUTHORIZE, case.messages[0].clone());
        let answer = AuthorizeResponse::decode(&answer[5..]).unwrap();
        assert_eq!((answer.decision, answer.cached), (1, cached));
        case
    }

    fn call_each(mut self) -> CallCase {
        for message in &self.messages {
            black_box(call(&mut self.router, self.path, message.clone()));
        }
        self
    }
}

library_benchmark_group!(
    name = calls,
    benchmarks = [
        decode,
        decision,
        hit,
        decided,
        miss,
        batch_of_32,
        check_seen_token
    ]
);
main!(library_benchmark_groups = calls);
