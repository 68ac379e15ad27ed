//! Several builds of the program under the same load: CPU a call as the kernel counts it, and instructions a call as
//! callgrind does. CPU is measured in rounds that take turns: the ratio within a round means something on a machine
//! that is not quiet, the times do not.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result};
use crosstrust::identity::Algorithm;
use crosstrust_counts::issuer::Issuer;
use tempfile::TempDir;

use crate::cases::{CASES, Case};
use crate::load::{self, Shape};
use crate::program;
use crate::server::{Log, Server, stay_on};

/// As `benches/load` has it.
const SERVERS_CORE: usize = 0;
const OUR_CORE: usize = 1;

pub fn compare(programs: &[PathBuf], rounds: usize) -> Result<()> {
    let whole = programs.iter().map(|program| program.canonicalize());
    let programs: Vec<PathBuf> = whole.collect::<Result<_, _>>().context("no such program")?;
    let issuer = Issuer::new(Algorithm::Rs256);
    stay_on(OUR_CORE);
    if program::version("valgrind", &["--version"]).is_some() {
        heading("instructions a call, without the kernel's", &programs);
        for case in &CASES {
            let counted = programs.iter().map(|program| {
                let counted = instructions(case, program, &issuer)?;
                Ok(vec![counted])
            });
            row(case, &counted.collect::<Result<Vec<_>>>()?, 0);
        }
    }
    let started = programs.iter().map(|program| start(&[program], &issuer));
    let servers: Vec<Server> = started.collect::<Result<_>>()?;
    heading("CPU a call, µs", &programs);
    for case in &CASES {
        row(case, &cpu_us(case, &servers, &issuer, rounds)?, 2);
    }
    servers.into_iter().try_for_each(Server::stop)
}

/// On its own core: a process inherits the cores of the thread that starts it.
fn start(command_line: &[&Path], issuer: &Issuer) -> Result<Server> {
    stay_on(SERVERS_CORE);
    let server = Server::start(command_line, issuer, Log::Off);
    stay_on(OUR_CORE);
    server
}

/// Of a round that is asked twice what one is asked, less that one: what is done once, and first, is in both.
fn instructions(case: &Case, program: &Path, issuer: &Issuer) -> Result<f64> {
    // callgrind takes fifty times as long.
    let calls = case.calls / 10;
    let (once, twice) = (
        traced(case, program, issuer, calls)?,
        traced(case, program, issuer, 2 * calls)?,
    );
    Ok((twice - once) / calls as f64)
}

/// All instructions of a server that lives for so many calls.
fn traced(case: &Case, program: &Path, issuer: &Issuer, calls: u64) -> Result<f64> {
    let folder = TempDir::new()?;
    let out = folder.path().join("out");
    let told = format!("--callgrind-out-file={}", out.display());
    let valgrind = ["valgrind", "--tool=callgrind", &told];
    let mut command_line: Vec<&Path> = valgrind.iter().map(Path::new).collect();
    command_line.push(program);
    let server = start(&command_line, issuer)?;
    let questions = Rc::new((case.questions)(0, issuer));
    load::run(server.address, Shape::TOGETHER, calls, &questions)?;
    server.stop()?;
    let text = fs::read_to_string(out).context("callgrind has written nothing")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.context("no totals in what callgrind has written")?;
    total.trim().parse().context("totals are no number")
}

/// Of each server in each round.
fn cpu_us(
    case: &Case,
    servers: &[Server],
    issuer: &Issuer,
    rounds: usize,
) -> Result<Vec<Vec<f64>>> {
    let mut measured = vec![Vec::new(); servers.len()];
    // One more, which is thrown away: whoever is asked for the first time has to make room.
    for round in 0..=rounds {
        let questions = Rc::new((case.questions)(round as u128, issuer));
        for (server, measured) in servers.iter().zip(&mut measured) {
            let before = run_time_ns(server)?;
            load::run(server.address, Shape::TOGETHER, case.calls, &questions)?;
            let spent = run_time_ns(server)?.saturating_sub(before);
            if round > 0 {
                measured.push(spent as f64 / 1000.0 / case.calls as f64);
            }
        }
    }
    Ok(measured)
}

/// What the kernel has counted for all threads: the first number of `schedstat`.
fn run_time_ns(server: &Server) -> Result<u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid()));
    let mut sum = 0;
    for task in tasks.context("a server has ended under load")? {
        // A thread may end between the listing and the reading.
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next();
        sum += first.map_or(Ok(0), str::parse::<u64>)?;
    }
    Ok(sum)
}

fn heading(what: &str, programs: &[PathBuf]) {
    let name = |program: &PathBuf| format!(" {} | ÷ first |", program.display());
    let names: String = programs.iter().map(name).collect();
    println!("\n| {what} |{names}");
    println!("|---|{}", "---:|---:|".repeat(programs.len()));
}

/// Each program's median and range, and those of its ratios to the first within a round.
fn row(case: &Case, measured: &[Vec<f64>], digits: usize) {
    let first = measured.first().cloned().unwrap_or_default();
    let cell = |numbers: &Vec<f64>| {
        let ratios = numbers.iter().zip(&first).map(|(one, first)| one / first);
        let ratios = spread(ratios.collect(), 2);
        format!(" {} | {ratios} |", spread(numbers.clone(), digits))
    };
    let cells: String = measured.iter().map(cell).collect();
    println!("| {} |{cells}", case.name);
}

fn spread(mut numbers: Vec<f64>, digits: usize) -> String {
    numbers.sort_by(f64::total_cmp);
    let at = |place: usize| numbers.get(place).copied().unwrap_or(f64::NAN);
    let (least, most) = (at(0), at(numbers.len().saturating_sub(1)));
    let median = format!("{:.digits$}", at(numbers.len() / 2));
    match numbers.len() {
        1 => median,
        _ => format!("{median} ({least:.digits$}–{most:.digits$})"),
    }
}
