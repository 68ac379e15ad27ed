//! ghz, a common gRPC load tester, as a second opinion: the files of `benches/load/ghz`, each with a new crosstrust. ghz
//! counts latency from the start of a call, not from when it was due, and offers less load per core than our generator.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::measure::Plan;
use crate::report::{Report, Row, Table, thousands};
use crate::server::Address;
use crate::systems::{Log, Systems, Transport};
use crate::tools::Tool;

const FILES: [&str; 5] = ["hit", "miss", "denied", "mixed", "batch"];
/// Duration of one file, in seconds.
const LONG: u32 = 10;
/// Duration with `--quick`, in seconds.
const SHORT: u32 = 1;

pub fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let Some(ghz) = &systems.tools.ghz else {
        return Ok(());
    };
    let seconds = if plan.rounds > 1 { LONG } else { SHORT };
    let mut rows = Vec::new();
    for file in FILES {
        let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
        let Address::Tcp(address) = running.address else {
            bail!("ghz calls over TCP");
        };
        let before = running.process.spent()?;
        let result = one(ghz, file, &address.to_string(), seconds)?;
        let spent = running.process.spent()?.since(before).run_ns;
        rows.push(row(file, &result, spent).with_context(|| format!("ghz {file}"))?);
    }
    report.tables.push(Table {
        title: format!("{}, {seconds} s a file", ghz.version),
        note: "As ghz reports it. ghz runs on core 1, encodes each body while it measures, and does not count the wait for its \
               own workers."
            .to_owned(),
        head: &[
            "file",
            "calls",
            "requests/s",
            "p50, µs",
            "p99, µs",
            "CPU per call, µs",
        ],
        rows,
    });
    Ok(())
}

fn one(ghz: &Tool, file: &str, address: &str, seconds: u32) -> Result<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ghz");
    let output = Command::new(&ghz.program)
        .arg("--config")
        .arg(folder.join(format!("{file}.json")))
        .args(["--duration", &format!("{seconds}s"), "--format", "json"])
        // Skipped calls would still cost the server CPU.
        .args(["--skipFirst", "0", address])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start ghz")?;
    ensure!(output.status.success(), "ghz {file}: {}", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("ghz {file} printed no JSON"))
}

/// Fails if a call failed: the files make ghz wait for the last calls.
fn row(file: &str, result: &Value, spent_ns: u64) -> Result<Row> {
    let calls = result["count"].as_f64().context("no count")?;
    let good = result["statusCodeDistribution"]["OK"].as_f64();
    ensure!(
        good == Some(calls),
        "not every call was OK: {}",
        result["statusCodeDistribution"]
    );
    let percentile = |wanted: u64| {
        let all = result["latencyDistribution"].as_array();
        let mut all = all.into_iter().flatten();
        let one = all.find(|one| one["percentage"] == wanted);
        let ns = one.and_then(|one| one["latency"].as_f64());
        Ok::<f64, anyhow::Error>(ns.context("no percentile")? / 1000.0)
    };
    let rate = result["rps"].as_f64().context("no rps")?;
    let (p50, p99) = (percentile(50)?, percentile(99)?);
    let cpu = spent_ns as f64 / calls / 1000.0;
    Ok(Row {
        cells: vec![
            format!("{file}.json"),
            thousands(calls),
            thousands(rate),
            format!("{p50:.0}"),
            format!("{p99:.0}"),
            format!("{cpu:.2}"),
        ],
        rounds: json!({
            "file": file, "calls": calls, "per_second": rate, "p50_us": p50, "p99_us": p99, "cpu_us_a_call": cpu,
        }),
    })
}
