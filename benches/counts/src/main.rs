//! Counts what a call costs, and compares with what is committed: instructions by callgrind, system calls by strace.
//! The same load trains and compares builds of the program (`deploy/release/build`).

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

use baseline::{Baseline, Verdict};

#[derive(Parser)]
#[command(about = "Counts what a call to crosstrust costs")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Instructions of calls without a network, by callgrind
    Instructions {
        /// Make these counts the ones to compare with
        #[arg(long)]
        write: bool,
    },
    /// System calls of a server under load, by strace
    Syscalls {
        /// Make these counts the ones to compare with
        #[arg(long)]
        write: bool,
        /// A crosstrust that is there already [default: builds one, release]
        #[arg(long, value_name = "PROGRAM")]
        binary: Option<PathBuf>,
    },
    /// Asks a program all that it is for, and ends it; an instrumented one writes its profile then
    Train { program: PathBuf },
    /// Instructions and CPU a call of several builds under the same load, in turns
    Compare {
        /// The first is the one that the others are compared with
        #[arg(required = true)]
        programs: Vec<PathBuf>,
        #[arg(long, default_value_t = 7)]
        rounds: usize,
    },
}

fn main() -> ExitCode {
    match run(Options::parse().command) {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Grown) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("counts: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Verdict> {
    match command {
        Command::Instructions { write } => {
            let Some(valgrind) = program::version("valgrind", &["--version"]) else {
                println!("valgrind is not installed: no instructions are counted");
                return Ok(Verdict::Fine);
            };
            let counts = instructions::count()?;
            Baseline::INSTRUCTIONS.settle(&counts, &[("valgrind", valgrind)], write)
        }
        Command::Syscalls { write, binary } => {
            let Some(strace) = program::version("strace", &["--version"]) else {
                println!("strace is not installed: no system calls are counted");
                return Ok(Verdict::Fine);
            };
            let binary = binary.map_or_else(program::build, Ok)?;
            let counts = syscalls::count(&binary.canonicalize().context("no such program")?)?;
            Baseline::SYSCALLS.settle(&counts, &[("strace", strace)], write)
        }
        Command::Train { program } => train::train(&program).map(|()| Verdict::Fine),
        Command::Compare { programs, rounds } => {
            compare::compare(&programs, rounds).map(|()| Verdict::Fine)
        }
    }
}
