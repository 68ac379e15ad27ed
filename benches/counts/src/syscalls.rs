//! System calls of the real server under load, counted by strace. Answers that are no longer batched into one write show
//! here and not in the instructions. A run that only connects is subtracted.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use crosstrust::identity::Algorithm;
use crosstrust_counts::issuer::Issuer;
use tempfile::TempDir;

use crate::baseline::Counts;
use crate::load::{self, Shape};
use crate::questions::Questions;
use crate::server::{Log, Server};

const SHAPES: [(Shape, u64); 2] = [(Shape::CONCURRENT, 40_000), (Shape::SEQUENTIAL, 4_000)];

/// System calls that are counted together.
const KINDS: [(&str, &[&str]); 2] = [
    ("writev", &["writev", "sendmsg", "sendto", "write"]),
    ("read", &["read", "readv", "recvfrom", "recvmsg"]),
];

pub fn count(program: &Path) -> Result<Counts> {
    let issuer = Issuer::new(Algorithm::EdDsa);
    let questions = Rc::new(Questions::allowed(0..1000, 50));
    let mut counts = Counts::new();
    for (shape, calls) in SHAPES {
        eprintln!("{shape}: {calls} calls under strace");
        let without = traced(program, &issuer, |server| {
            load::run(server.address, shape, 0, &questions)
        })?;
        let with = traced(program, &issuer, |server| {
            load::run(server.address, shape, calls, &questions)
        })?;
        for (kind, names) in KINDS {
            let of = |seen: &BTreeMap<String, u64>| -> u64 {
                names.iter().filter_map(|name| seen.get(*name)).sum()
            };
            let more = of(&with) as f64 - of(&without) as f64;
            counts.push((format!("{shape} {kind}"), more / calls as f64));
        }
    }
    Ok(counts)
}

/// The system calls of a server during `work`, its start and its end.
fn traced(
    program: &Path,
    issuer: &Issuer,
    work: impl FnOnce(&Server) -> Result<()>,
) -> Result<BTreeMap<String, u64>> {
    let folder = TempDir::new()?;
    let summary = folder.path().join("summary");
    let all: Vec<&str> = KINDS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let traced = format!("trace={}", all.join(","));
    // -D: the program, not strace, is the child that gets the signal and that is waited for.
    let strace = ["strace", "-D", "-f", "-c", "-e", &traced, "-o"];
    let mut command_line: Vec<&Path> = strace.iter().map(Path::new).collect();
    command_line.extend([summary.as_path(), program]);
    let server = Server::start(&command_line, issuer, Log::Off)?;
    work(&server)?;
    server.stop()?;
    read(&summary)
}

/// Reads the columns `calls` and `syscall` of the summary, which strace writes after the program has ended.
fn read(summary: &Path) -> Result<BTreeMap<String, u64>> {
    let started = Instant::now();
    loop {
        let text = std::fs::read_to_string(summary).unwrap_or_default();
        if text.lines().any(|line| line.ends_with(" total")) {
            return text.lines().filter_map(row).collect();
        }
        ensure!(
            started.elapsed() < Duration::from_secs(10),
            "strace wrote no summary"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `% time, seconds, usecs/call, calls, errors (or none), syscall`.
fn row(line: &str) -> Option<Result<(String, u64)>> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let name = fields.last().filter(|name| **name != "total")?;
    let is_row = fields.first()?.parse::<f64>().is_ok();
    let calls = || {
        let calls = fields.get(3).context("a line with too few fields")?.parse();
        Ok(((*name).to_owned(), calls.context("not a number")?))
    };
    is_row.then(calls)
}
