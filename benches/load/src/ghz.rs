//! ghz, the usual gRPC load tester, as a second opinion: the files of `benches/load/ghz`, against a crosstrust of its
//! own. It counts a call's time from its own start, not from when it was due, and one core of it is slower than ours.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::artifacts::repository;
use crate::server::Address;
use crate::systems::{Log, Systems, Transport};

pub const VERSION: &str = "v0.121.0";
const SUITES: [&str; 4] = ["hit", "miss", "denied", "batch"];

/// ghz, installed.
pub struct Ghz(PathBuf);

/// Installs it into `target/tools` where it is not there yet. `None`, and a line that says so, without Go.
pub fn install() -> Result<Option<Ghz>> {
    let tools = repository().join("target/tools");
    let ghz = tools.join("ghz");
    if ghz.exists() {
        return Ok(Some(Ghz(ghz)));
    }
    let package = format!("github.com/bojand/ghz/cmd/ghz@{VERSION}");
    let installed = Command::new("go")
        .args(["install", &package])
        .env("GOBIN", &tools)
        .status();
    match installed {
        Err(_) => {
            eprintln!("ghz is not run: it has to be installed with Go, and there is no Go here");
            Ok(None)
        }
        Ok(status) if status.success() => Ok(Some(Ghz(ghz))),
        Ok(status) => bail!("go install {package}: {status}"),
    }
}

impl Ghz {
    /// Runs every file, and tells what came out as a table.
    pub fn run(&self, systems: &Systems, seconds: u32) -> Result<String> {
        let mut text = format!("\n## ghz {VERSION}\n\n");
        text.push_str("| file | calls | calls/s | p50, µs | p99, µs | CPU a call, µs |\n|---|---|---|---|---|---|\n");
        for suite in SUITES {
            let running = systems.crosstrust(Log::Off, Transport::Tcp)?;
            let Address::Tcp(address) = running.address else {
                bail!("ghz asks over TCP");
            };
            let before = running.process.spent()?;
            let told = self.one(suite, &address.to_string(), seconds)?;
            let spent = running.process.spent()?.since(before).run_ns;
            let line = line(suite, &told, spent).with_context(|| format!("ghz {suite}"))?;
            let _ = writeln!(text, "{line}");
        }
        Ok(text)
    }

    fn one(&self, suite: &str, address: &str, seconds: u32) -> Result<Value> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ghz");
        let output = Command::new(&self.0)
            .arg("--config")
            .arg(folder.join(format!("{suite}.json")))
            .args(["--duration", &format!("{seconds}s"), "--format", "json"])
            // Calls that it leaves out would still cost the server CPU.
            .args(["--skipFirst", "0", address])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start ghz")?;
        ensure!(output.status.success(), "ghz {suite}: {}", output.status);
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("ghz {suite} printed no JSON"))
    }
}

/// One line of the table. Calls that ghz has cut off at its end are not failures of the server.
fn line(suite: &str, told: &Value, spent_ns: u64) -> Result<String> {
    let calls = told["count"].as_f64().context("no count")?;
    let good = told["statusCodeDistribution"]["OK"].as_f64();
    ensure!(
        good == Some(calls),
        "not every call was OK: {}",
        told["statusCodeDistribution"]
    );
    let percentile = |wanted: u64| {
        let all = told["latencyDistribution"].as_array();
        let mut all = all.into_iter().flatten();
        let one = all.find(|one| one["percentage"] == wanted);
        one.and_then(|one| one["latency"].as_f64())
            .context("no percentile")
    };
    let rate = told["rps"].as_f64().context("no rps")?;
    Ok(format!(
        "| {suite}.json | {calls:.0} | {rate:.0} | {:.0} | {:.0} | {:.2} |",
        percentile(50)? / 1000.0,
        percentile(99)? / 1000.0,
        spent_ns as f64 / calls / 1000.0
    ))
}
