//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Parser, ValueEnum};

use crate::artifacts::repository;

/// Puts crosstrust, its peers and constant servers under load, and prints the cost of a call as Markdown.
#[derive(Debug, Parser)]
pub struct Options {
    /// Run only this suite; may be repeated [default: all]
    #[arg(long = "suite", value_name = "NAME")]
    pub suites: Vec<Name>,
    /// Rounds that count, at least 5, after one warm-up round
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub rounds: usize,
    /// Duration of one measurement in seconds
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,
    /// Folder for table.md, latencies.json and the pictures [default: target/load of the repository]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// One round of 0.3 s: checks that everything runs; its numbers mean nothing
    #[arg(long)]
    pub quick: bool,
    /// Seed of the policies and requests for the peers
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub seed: u64,
    /// Path of an opa-envoy-plugin binary, added as a row
    #[arg(long, value_name = "PATH")]
    pub opa_envoy: Option<PathBuf>,
    /// Write the input of each peer into this folder, and measure nothing
    #[arg(long, value_name = "FOLDER")]
    pub write: Option<PathBuf>,
}

/// The suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Hits, misses and denials against the constant servers, with 5, 50 and 200 groups
    Authorize,
    /// The log off, async and strict
    Log,
    /// Envoy's Check with a bearer token
    Check,
    /// A request through a real Envoy that calls Check
    Envoy,
    /// 32 requests in one call
    Batch,
    /// Hits while the policies change every two seconds
    Reload,
    /// TCP, Unix socket and TLS
    Transport,
    /// Connections and streams
    Shapes,
    /// Latencies at one rate for all, and at fractions of each maximum
    Latency,
    /// More calls than are admitted: answers, refusals and latencies
    Overload,
    /// Servers and generator without CPU pinning
    Unpinned,
    /// OPA and Cerbos, with 10,000 requests that all must answer alike
    Peers,
    /// cedar-policy and regorus with the same requests, without a network
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
        let default = || repository().join("target/load");
        self.out.clone().unwrap_or_else(default)
    }

    pub fn wants(&self, suite: Name) -> bool {
        self.suites.is_empty() || self.suites.contains(&suite)
    }
}
