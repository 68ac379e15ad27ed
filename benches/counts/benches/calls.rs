//! The instructions of whole calls and of their parts, by callgrind: `counts instructions` runs this and compares.
//!
//! Each case is prepared outside of what is counted, and asked [`CALLS`] times with users in turn: hash seeds differ
//! from run to run, and hundreds of users level that out. What the kernel does is not seen (`counts syscalls`).

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

/// As in the program: it is a part of what a call costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `counts` divides by it.
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
#[benches::groups(args = [5, 50, 200], setup = Deciding::of)]
fn decision(deciding: Deciding) -> Deciding {
    for request in &deciding.requests {
        let snapshot = &deciding.active.snapshot;
        black_box(decide(snapshot, &deciding.none, request, NOW));
    }
    deciding
}

#[library_benchmark]
#[benches::groups(args = [5, 50, 200], setup = Calling::hits)]
fn hit(calling: Calling) -> Calling {
    calling.call_each()
}

#[library_benchmark]
#[benches::groups(args = [5, 50, 200], setup = Calling::decided)]
fn decided(calling: Calling) -> Calling {
    calling.call_each()
}

#[library_benchmark]
#[benches::groups(args = [50], setup = Calling::misses)]
fn miss(calling: Calling) -> Calling {
    calling.call_each()
}

#[library_benchmark]
#[benches::groups(args = [50], setup = Calling::batches)]
fn batch_of_32(calling: Calling) -> Calling {
    calling.call_each()
}

#[library_benchmark]
#[benches::groups(args = [10], setup = Calling::seen_tokens)]
fn check_seen_token(calling: Calling) -> Calling {
    calling.call_each()
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn encoded(groups: u128) -> (Vec<Vec<u8>>, RequestLimits) {
    let messages = (0..CALLS).map(|user| question(user, groups).encode_to_vec());
    (messages.collect(), RequestLimits::default())
}

struct Deciding {
    active: Arc<ActiveSnapshot>,
    none: Revocations,
    requests: Vec<Request>,
}

impl Deciding {
    fn of(groups: u128) -> Deciding {
        let (messages, limits) = encoded(groups);
        let read = |message: &Vec<u8>| decode_request(message, &limits).unwrap();
        let deciding = Deciding {
            active: engine(None).active().unwrap(),
            none: Revocations::default(),
            requests: messages.iter().map(read).collect(),
        };
        for request in &deciding.requests {
            let decision = decide(&deciding.active.snapshot, &deciding.none, request, NOW);
            assert!(decision.is_allow(), "{decision:?}");
        }
        deciding
    }
}

/// A router and what it is asked.
struct Calling {
    router: Router,
    path: &'static str,
    messages: Vec<Bytes>,
}

impl Calling {
    /// Each is remembered.
    fn hits(groups: u128) -> Calling {
        let router = serving(Some(CacheBytes::default()));
        Calling::users(router, 0..CALLS, groups).told(true)
    }

    /// There is no cache.
    fn decided(groups: u128) -> Calling {
        Calling::users(serving(None), 0..CALLS, groups).told(false)
    }

    /// Each user is new to a cache that is full, so that each entry takes the place of another.
    fn misses(groups: u128) -> Calling {
        const SMALL: CacheBytes = CacheBytes(256 << 10);
        let mut router = serving(Some(SMALL));
        for user in CALLS..CALLS + 2000 {
            call(&mut router, AUTHORIZE, framed(&question(user, groups)));
        }
        Calling::users(router, 0..CALLS, groups)
    }

    fn users(router: Router, users: std::ops::Range<u128>, groups: u128) -> Calling {
        Calling {
            router,
            path: AUTHORIZE,
            messages: users.map(|user| framed(&question(user, groups))).collect(),
        }
    }

    fn batches(groups: u128) -> Calling {
        const SIZE: u128 = 32;
        // Again and again the same hundred, which the cache has room for.
        let batches = (0..CALLS).map(|n| n % 100 * SIZE);
        let batches = batches.map(|first| framed(&batch(first..first + SIZE, groups)));
        Calling {
            router: serving(Some(CacheBytes::default())),
            path: AUTHORIZE_BATCH,
            messages: batches.collect(),
        }
        .asked_before()
    }

    fn seen_tokens(_: u128) -> Calling {
        let issuer = Issuer::new(Algorithm::EdDsa);
        let engine = engine(Some(CacheBytes::default()));
        let gateway = issuer.gateway(&engine);
        let checks = (0..CALLS).map(|user| framed(&with_token(&issuer.token(user))));
        let mut calling = Calling {
            router: routed(engine, gateway),
            path: CHECK,
            messages: checks.collect(),
        }
        .asked_before();
        let answer = call(&mut calling.router, CHECK, calling.messages[0].clone());
        // A status whose code is 0 is an empty message.
        assert_eq!(answer[5..7], [0x0a, 0x00], "no allow: {answer:?}");
        calling
    }

    fn asked_before(mut self) -> Calling {
        for message in &self.messages {
            call(&mut self.router, self.path, message.clone());
        }
        self
    }

    /// Asked before, and then told what the first has to be told: an allow, remembered or not.
    fn told(self, cached: bool) -> Calling {
        let mut calling = self.asked_before();
        let answer = call(&mut calling.router, AUTHORIZE, calling.messages[0].clone());
        let answer = AuthorizeResponse::decode(&answer[5..]).unwrap();
        assert_eq!((answer.decision, answer.cached), (1, cached));
        calling
    }

    fn call_each(mut self) -> Calling {
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
