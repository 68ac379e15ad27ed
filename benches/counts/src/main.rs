//! Counts instructions (callgrind) and system calls (strace) per call, and compares them with the committed counts. The
//! same load trains and compares builds of the program (`deploy/release/build`).

mod baseline;
mod cases;
mod compare;
mod instructions;
mod load;
mod program;
mod questions;
mod server;
mod syscalls;
mod train;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use baseline::{Baseline, Comparison};

#[derive(Parser)]
#[command(about = "Counts instructions and system calls of a call to crosstrust")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count instructions of calls without a network, with callgrind
    Instructions {
        /// Write these counts as the new baseline
        #[arg(long)]
        write: bool,
    },
    /// Count system calls of a server under load, with strace
    Syscalls {
        /// Write these counts as the new baseline
        #[arg(long)]
        write: bool,
        /// An existing crosstrust binary [default: build one, release]
        #[arg(long, value_name = "PROGRAM")]
        binary: Option<PathBuf>,
    },
    /// Send a program a mix of all calls, then SIGTERM; an instrumented program writes its profile
    Train { program: PathBuf },
    /// Compare instructions and CPU per call of several builds under the same load
    Compare {
        /// Programs; the others are compared with the first
        #[arg(required = true)]
        programs: Vec<PathBuf>,
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
}

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(Comparison::Passed) => ExitCode::SUCCESS,
        Ok(Comparison::Grown) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("counts: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Comparison> {
    match command {
        Command::Instructions { write } => {
            let Some(valgrind) = program::version("valgrind", &["--version"]) else {
                println!("valgrind is not installed: instructions are not counted");
                return Ok(Comparison::Passed);
            };
            let counts = instructions::count()?;
            Baseline::INSTRUCTIONS.compare_or_write(&counts, &[("valgrind", valgrind)], write)
        }
        Command::Syscalls { write, binary } => {
            let Some(strace) = program::version("strace", &["--version"]) else {
                println!("strace is not installed: system calls are not counted");
                return Ok(Comparison::Passed);
            };
            let binary = binary.map_or_else(program::build, Ok)?;
            let counts =
                syscalls::count(&binary.canonicalize().context("cannot find the program")?)?;
            Baseline::SYSCALLS.compare_or_write(&counts, &[("strace", strace)], write)
        }
        Command::Train { program } => train::train(&program).map(|()| Comparison::Passed),
        Command::Compare { programs, rounds } => {
            compare::compare(&programs, rounds).map(|()| Comparison::Passed)
        }
    }
}
