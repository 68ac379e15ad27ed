//! Runs the bench `calls` under callgrind, and reads what gungraun says.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::baseline::Counts;
use crate::program;

/// How often each case is asked: `CALLS` in `benches/calls.rs`.
const CALLS: f64 = 400.0;

/// The least of these counts: where the allocator's pages happen to lie costs a batch a fifth more in one run of six.
const RUNS: usize = 3;

pub fn count() -> Result<Counts> {
    eprintln!("building the bench, and running it under callgrind, {RUNS} times");
    let mut counts = run()?;
    for _ in 1..RUNS {
        for ((_, least), (_, again)) in counts.iter_mut().zip(run()?) {
            *least = least.min(again);
        }
    }
    Ok(counts)
}

fn run() -> Result<Counts> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let said = program::cargo()
        .args(["bench", "--locked", "--bench", "calls", "--manifest-path"])
        .arg(manifest)
        .args([
            "--",
            "--output-format=json",
            "--callgrind-args=--cache-sim=no",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(said.status.success(), "the bench failed: {}", said.status);
    let text = String::from_utf8(said.stdout).context("gungraun's summaries are not text")?;
    let summaries = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    summaries.map(|summary| case(&summary?)).collect()
}

/// One case, `hit/50_groups`, and its instructions a call: a member of gungraun's summary (version 7).
fn case(summary: &Value) -> Result<(String, f64)> {
    let text = |name: &str| summary[name].as_str().unwrap_or_default();
    // What the case was prepared with, such as `(Calling::hits(50))`.
    let prepared = text("description").chars();
    let groups: String = prepared.filter(char::is_ascii_digit).collect();
    let case = format!("{}/{groups}_groups", text("function_name"));
    let counted = summary.pointer("/profiles/0/data/total/metrics/Ir/values/new");
    let counted = counted.and_then(Value::as_f64);
    let counted = counted.with_context(|| format!("{case}: no instructions in {summary}"))?;
    Ok((case, counted / CALLS))
}
