//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::artifacts::repository;

/// Puts crosstrust, its peers and servers that decide nothing under load, and prints what a call costs, as Markdown.
#[derive(Debug, Parser)]
pub struct Options {
    /// Only this suite; may be given several times [default: all]
    #[arg(long = "suite", value_name = "NAME")]
    pub suites: Vec<Name>,
    /// Rounds that count, at least 5; one more comes first and is thrown away
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub rounds: usize,
    /// Seconds of one measurement
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,
    /// Where table.md, latencies.json and the pictures go [default: target/load of the repository]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// One round of 0.3 s: tells that it runs, and no number that means anything
    #[arg(long)]
    pub quick: bool,
    /// The peers' world and its questions follow from it
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub seed: u64,
    /// A program of opa-envoy-plugin, which becomes a row beside OPA's
    #[arg(long, value_name = "PATH")]
    pub opa_envoy: Option<PathBuf>,
    /// Writes what each peer is given into this folder, and measures nothing
    #[arg(long, value_name = "FOLDER")]
    pub write: Option<PathBuf>,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Hits, misses and denials against the constant servers, with 5, 50 and 200 groups
    Authorize,
    /// The log off, async and strict
    Log,
    /// Envoy's Check with a bearer token
    Check,
    /// A request through a real Envoy that asks by Check
    Envoy,
    /// 32 questions in one call
    Batch,
    /// Hits while the policies change every two seconds
    Reload,
    /// TCP, Unix socket and TLS
    Transport,
    /// Connections and streams
    Shapes,
    /// Latencies at one rate for all, and at parts of the own maximum
    Latency,
    /// More calls than are admitted: what is answered, what is refused, and how long answers take
    Overload,
    /// Servers and generator on no core of their own
    Unpinned,
    /// OPA and Cerbos, on 10,000 questions to which all give the same answers
    Peers,
    /// cedar-policy and regorus on the same questions, without a network
    InProcess,
    /// ghz with the files of benches/load/ghz
    Ghz,
}

impl Options {
    pub fn read() -> Result<Options> {
        let mut options = Options::parse();
        if options.quick {
            options.rounds = 1;
            options.seconds = 0.3;
        } else {
            let rounds = options.rounds;
            ensure!(
                (5..=1000).contains(&rounds),
                "--rounds: expected 5 to 1000, found {rounds}"
            );
        }
        let seconds = options.seconds;
        ensure!(
            (0.1..=600.0).contains(&seconds),
            "--seconds: expected 0.1 to 600, found {seconds}"
        );
        Ok(options)
    }

    pub fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub fn out(&self) -> PathBuf {
        let usual = || repository().join("target/load");
        self.out.clone().unwrap_or_else(usual)
    }

    pub fn wants(&self, suite: Name) -> bool {
        self.suites.is_empty() || self.suites.contains(&suite)
    }
}
