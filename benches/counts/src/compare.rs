//! Several builds of the program under the same load: CPU time per call from the kernel, and instructions per call from
//! callgrind. CPU time is measured in alternating rounds: on a busy machine the ratio within a round is meaningful, the
//! times are not.

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
use crate::server::{Log, Server, pin_to_core};

/// As in `benches/load`.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;

pub fn compare(programs: &[PathBuf], rounds: usize) -> Result<()> {
    let canonical = programs.iter().map(|program| program.canonicalize());
    let programs: Vec<PathBuf> = canonical
        .collect::<Result<_, _>>()
        .context("cannot find the program")?;
    let issuer = Issuer::new(Algorithm::Rs256);
    pin_to_core(LOAD_CORE);
    if program::version("valgrind", &["--version"]).is_some() {
        heading("instructions per call, without the kernel's", &programs);
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
    heading("CPU per call, µs", &programs);
    for case in &CASES {
        row(case, &cpu_us(case, &servers, &issuer, rounds)?, 2);
    }
    servers.into_iter().try_for_each(Server::stop)
}

/// Starts a server on its own core: a process inherits the CPU affinity of the thread that starts it.
fn start(command_line: &[&Path], issuer: &Issuer) -> Result<Server> {
    pin_to_core(SERVER_CORE);
    let server = Server::start(command_line, issuer, Log::Off);
    pin_to_core(LOAD_CORE);
    server
}

/// Instructions per call: those of a run with twice the calls, less those of a run with the calls, which removes the
/// start and the warm-up.
fn instructions(case: &Case, program: &Path, issuer: &Issuer) -> Result<f64> {
    // callgrind is fifty times slower.
    let calls = case.calls / 10;
    let (once, twice) = (
        traced(case, program, issuer, calls)?,
        traced(case, program, issuer, 2 * calls)?,
    );
    Ok((twice - once) / calls as f64)
}

/// All instructions of a server that answers this many calls.
fn traced(case: &Case, program: &Path, issuer: &Issuer, calls: u64) -> Result<f64> {
    let folder = TempDir::new()?;
    let out = folder.path().join("out");
    let output_option = format!("--callgrind-out-file={}", out.display());
    let valgrind = ["valgrind", "--tool=callgrind", &output_option];
    let mut command_line: Vec<&Path> = valgrind.iter().map(Path::new).collect();
    command_line.push(program);
    let server = start(&command_line, issuer)?;
    let questions = Rc::new((case.questions)(0, issuer));
    load::run(server.address, Shape::CONCURRENT, calls, &questions)?;
    server.stop()?;
    let text = fs::read_to_string(out).context("callgrind wrote no file")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.context("no totals in callgrind's file")?;
    total.trim().parse().context("totals are not a number")
}

/// CPU time per call of each server in each round, in µs.
fn cpu_us(
    case: &Case,
    servers: &[Server],
    issuer: &Issuer,
    rounds: usize,
) -> Result<Vec<Vec<f64>>> {
    let mut measured = vec![Vec::new(); servers.len()];
    // An extra first round is a warm-up and not counted.
    for round in 0..=rounds {
        let questions = Rc::new((case.questions)(round as u128, issuer));
        for (server, measured) in servers.iter().zip(&mut measured) {
            let before = run_time_ns(server)?;
            load::run(server.address, Shape::CONCURRENT, case.calls, &questions)?;
            let spent = run_time_ns(server)?.saturating_sub(before);
            if round > 0 {
                measured.push(spent as f64 / 1000.0 / case.calls as f64);
            }
        }
    }
    Ok(measured)
}

/// CPU time of all threads in ns: the first number of `schedstat`.
fn run_time_ns(server: &Server) -> Result<u64> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid()));
    let mut sum = 0;
    for task in tasks.context("a server ended under load")? {
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
