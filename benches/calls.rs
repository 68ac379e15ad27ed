//! Complete calls without a network: `cargo bench --bench calls`. Compare only numbers of one run.
//!
//! From the bytes of a request to the bytes of its answer, with users in turn so that the CPU caches do not hold them
//! all. `hit` is cached, `miss` is decided each time (without a cache), `batch` is 32 requests in one call.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

#[path = "support/calls.rs"]
mod calls;

use std::hint::black_box;

use bytes::Bytes;
use calls::{AUTHORIZE, AUTHORIZE_BATCH, batch, call, framed, question, serving};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crosstrust::cache::CacheBytes;
use crosstrust::rpc::RequestLimits;
use crosstrust::rpc::client::decode_request;
use crosstrust::rpc::proto::{AuthorizeRequest, AuthorizeResponse};
use prost::Message as _;

const USERS: u128 = 1000;
const SIZES: [u128; 3] = [5, 50, 200];

fn complete_calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    for (name, cache) in [("hit", Some(CacheBytes::default())), ("miss", None)] {
        let mut router = serving(cache);
        for groups in SIZES {
            let messages: Vec<Bytes> = (0..USERS)
                .map(|user| framed(&question(user, groups)))
                .collect();
            let mut users = messages.iter().cycle();
            for _ in 0..USERS {
                call(&mut router, AUTHORIZE, users.next().unwrap().clone());
            }
            let answer = call(&mut router, AUTHORIZE, messages[0].clone());
            let answer = AuthorizeResponse::decode(&answer[5..]).unwrap();
            assert_eq!((answer.decision, answer.cached), (1, name == "hit"));
            group.bench_function(format!("{name}/{groups}_groups"), |bencher| {
                bencher.iter(|| call(&mut router, AUTHORIZE, users.next().unwrap().clone()));
            });
        }
    }
    let mut router = serving(Some(CacheBytes::default()));
    let message = framed(&batch(0..32, 50));
    group.throughput(Throughput::Elements(32));
    group.bench_function("batch/32x50_groups", |bencher| {
        bencher.iter(|| call(&mut router, AUTHORIZE_BATCH, message.clone()));
    });
}

/// Our decoder, and prost's (which only produces strings).
fn decoding(criterion: &mut Criterion) {
    let limits = RequestLimits::default();
    let mut group = criterion.benchmark_group("decode");
    for groups in SIZES {
        let messages: Vec<Vec<u8>> = (0..USERS)
            .map(|user| question(user, groups).encode_to_vec())
            .collect();
        let mut users = messages.iter().cycle();
        group.bench_function(format!("own/{groups}_groups"), |bencher| {
            bencher.iter(|| black_box(decode_request(users.next().unwrap(), &limits).unwrap()));
        });
        group.bench_function(format!("prost_strings_only/{groups}_groups"), |bencher| {
            bencher.iter(|| AuthorizeRequest::decode(users.next().unwrap().as_slice()).unwrap());
        });
    }
}

criterion_group!(benches, complete_calls, decoding);
criterion_main!(benches);
