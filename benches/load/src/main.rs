//! Measures the cost of calls to crosstrust, to its peers and to constant servers.
//!
//! ```sh
//! cargo run --release --manifest-path benches/load/Cargo.toml
//! ```
//!
//! builds crosstrust (profile `dist`), the constant servers and the available peers, starts each as a process on core 0,
//! calls them from core 1, and prints Markdown; it writes `table.md`, `latencies.json` and pictures to `target/load`. If
//! a call fails or an answer is wrong, the run ends with an error and reports no numbers. `--help` lists the options,
//! README.md describes the method.

#![forbid(unsafe_code)]

mod artifacts;
mod cores;
mod generator;
mod measure;
mod options;
mod peers;
mod process;
mod questions;
mod report;
mod server;
mod statistics;
mod suites;
mod systems;
mod tools;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use artifacts::Artifacts;
use options::Options;
use questions::tokens::Issuer;
use report::{Report, json, machine, markdown, picture};
use systems::Systems;
use tools::Tools;

/// The allocator of crosstrust and the constant servers; the engines in this process share it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let options = Options::read()?;
    if let Some(folder) = &options.write {
        return peers::write(folder, options.seed);
    }
    without_backtraces()?;
    let out = options.out();
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let out = out.canonicalize()?;
    let artifacts = Artifacts::build()?;
    let tools = Tools::get(&options)?;
    cores::pin_to(cores::GENERATOR)?;
    let systems = Systems {
        artifacts,
        tools,
        out,
        issuer: Issuer::new()?,
    };
    let load_before = machine::load_average();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(until_signal(suites::run(&options, &systems)))?;
    let mut lines = machine::lines(&options, &load_before);
    let skipped = systems.tools.skipped.iter();
    lines.extend(skipped.map(|line| format!("- {line}")));
    let text = markdown::report(&report, &lines, options.quick);
    write(&systems.out, &report, &lines, &text)?;
    print!("{text}");
    eprintln!("results are in {}", systems.out.display());
    Ok(())
}

/// Restarts this process with backtraces off. An engine in this process that creates errors internally would otherwise pay
/// for a backtrace each time.
fn without_backtraces() -> Result<()> {
    const NAME: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(NAME).is_some_and(|value| value == "0") {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    let again = again.args(std::env::args_os().skip(1)).env(NAME, "0");
    Err(again.exec().into())
}

fn write(out: &Path, report: &Report, lines: &[String], text: &str) -> Result<()> {
    fs::write(out.join("table.md"), text)?;
    let rounds = serde_json::to_string_pretty(&json::report(report, lines))?;
    fs::write(out.join("latencies.json"), rounds)?;
    for picture in &report.pictures {
        fs::write(out.join(picture.file), picture::svg(picture)?)?;
    }
    Ok(())
}

/// Runs the suites, and ends with an error, which ends the servers, when this process gets a signal.
async fn until_signal(suites: impl Future<Output = Result<Report>>) -> Result<Report> {
    let mut ended = signal(SignalKind::terminate())?;
    tokio::select! {
        report = suites => report,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = ended.recv() => bail!("ended by a signal"),
    }
}
