//! Runs the bench `calls` under callgrind and reads gungraun's summaries.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::baseline::Counts;
use crate::program;

/// Calls of each case: `CALLS` in `benches/calls.rs`.
const CALLS: f64 = 400.0;

/// The smallest count of these runs is used: in one run of six, the location of the allocator's pages adds 20 % to a batch.
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
    let output = program::cargo()
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
    ensure!(
        output.status.success(),
        "the bench failed: {}",
        output.status
    );
    let text = String::from_utf8(output.stdout).context("gungraun's summaries are not text")?;
    let summaries = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    summaries.map(|summary| case(&summary?)).collect()
}

/// A case such as `hit/50_groups` and its instructions per call, from gungraun's summary (version 7).
fn case(summary: &Value) -> Result<(String, f64)> {
    let text = |name: &str| summary[name].as_str().unwrap_or_default();
    // The setup of the case, such as `(CallCase::hits(50))`.
    let setup = text("description").chars();
    let groups: String = setup.filter(char::is_ascii_digit).collect();
    let case = format!("{}/{groups}_groups", text("function_name"));
    let counted = summary.pointer("/profiles/0/data/total/metrics/Ir/values/new");
    let counted = counted.and_then(Value::as_f64);
    let counted = counted.with_context(|| format!("{case}: no instructions in {summary}"))?;
    Ok((case, counted / CALLS))
}
