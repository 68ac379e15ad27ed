//! Building a snapshot: `cargo bench --bench compile`. Compare only numbers of one run.
//!
//! `read` is bytes to documents; `compile` is documents to a snapshot: checks, inheritance, interning, digest. The name of
//! a case is what it has many of. Dropping the result is not measured.

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    reason = "a bench may fail loudly"
)]

#[path = "support/policies.rs"]
mod policies;

use criterion::{Criterion, criterion_group, criterion_main};
use crosstrust::compile::compile;
use crosstrust::graph::read_policies_folder;
use crosstrust::policy_settings::PolicySettings;
use crosstrust::time::Timestamp;
use policies::folder;

fn compiling(criterion: &mut Criterion) {
    let sizes = [
        ("small", folder(10, 10, 20)),
        ("10k_targets", folder(10_000, 10, 20)),
        ("10k_partners", folder(10, 10_000, 20)),
        ("100k_partners", folder(10, 100_000, 20)),
        ("200_policies", folder(10, 10, 200)),
    ];
    for (name, files) in sizes {
        let mut group = criterion.benchmark_group("snapshot");
        // Few samples, because the largest case takes a second.
        group.sample_size(10);
        group.bench_function(format!("read/{name}"), |bencher| {
            bencher.iter_with_large_drop(|| {
                read_policies_folder(files.clone(), &PolicySettings::NONE)
            });
        });
        let reading = read_policies_folder(files, &PolicySettings::NONE);
        group.bench_function(format!("compile/{name}"), |bencher| {
            bencher.iter_with_large_drop(|| {
                compile(&reading.tenants, &PolicySettings::NONE, Timestamp::MIN).unwrap()
            });
        });
    }
}

criterion_group!(benches, compiling);
criterion_main!(benches);
