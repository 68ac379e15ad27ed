//! Token verification: `cargo bench --bench tokens`. Compare only numbers of one run.
//!
//! `fresh` is a new token whose signature is verified; `seen` is a token that was verified before with the same keys.
//! Both have 20 groups.

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench may fail loudly"
)]

#[path = "../tests/support/tokens.rs"]
mod tokens;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use crosstrust::identity::{Algorithm, Preset};
use serde_json::json;

use tokens::{Signer, claims, issuer, with, with_keys};

const ISS: &str = "https://idp.example";

fn verifying(criterion: &mut Criterion) {
    let groups: Vec<String> = (0..20)
        .map(|n| format!("66666666-6666-4666-8666-6666666666{n:02}"))
        .collect();
    let claims = with(claims(ISS), json!({ "groups": groups }));
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let signer = Signer::new(algorithm, "key");
        let (identity, _, _) = with_keys(vec![(issuer(ISS, Preset::EntraV2), &[&signer])]);
        let mut number = 0;
        let name = format!("verify/fresh/{}", algorithm.name());
        criterion.bench_function(&name, |bencher| {
            bencher.iter_batched(
                || {
                    number += 1;
                    signer.sign(&with(claims.clone(), json!({ "jti": number })))
                },
                |token| black_box(identity.verify_now(&token).unwrap()),
                BatchSize::SmallInput,
            );
        });
        let token = signer.sign(&claims);
        let name = format!("verify/seen/{}", algorithm.name());
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| black_box(identity.verify_now(black_box(&token)).unwrap()));
        });
    }
}

criterion_group!(benches, verifying);
criterion_main!(benches);
