//! The load: an HTTP/2 client on raw h2 with bodies encoded in advance. In closed loop each stream calls again when it has
//! its answer; in open loop calls begin when they are due, independent of earlier ones. The status of every answer is
//! checked; a call that fails ends the run.

mod apart;
mod beyond;
mod call;
mod closed;
mod connect;
mod open;

pub use apart::{all_answers, one_answer};
pub use beyond::{OverloadOutcomes, closed_overload, open_overload};
pub use closed::{Until, closed};
pub use open::open;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;

/// The number of connections, and of concurrent calls on each.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub connections: usize,
    pub streams: usize,
}

impl Shape {
    pub const DEFAULT: Shape = Shape {
        connections: 8,
        streams: 10,
    };
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.connections, self.streams)
    }
}

/// The client's measurements.
#[derive(Debug, Clone)]
pub struct Load {
    pub calls: u64,
    pub took: Duration,
    /// In nanoseconds.
    pub latencies: Histogram<u64>,
    /// Answers that failed the quick check.
    pub wrong: u64,
    /// Intervals longer than [`GAP`] without an answer.
    pub gaps: u64,
    pub longest_gap: Duration,
}

/// A longer interval without an answer is counted.
pub const GAP: Duration = Duration::from_millis(5);

/// Time limit of a call.
pub const TIMEOUT: Duration = Duration::from_secs(5);

impl Load {
    pub fn per_second(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }

    pub fn percentile_us(&self, percent: f64) -> f64 {
        self.latencies.value_at_percentile(percent) as f64 / 1000.0
    }
}

/// Collects the measurements of answered calls.
#[derive(Debug)]
struct Tally {
    latencies: Histogram<u64>,
    wrong: u64,
    begun: Instant,
    last: Instant,
    gaps: u64,
    longest_gap: Duration,
}

impl Tally {
    fn new() -> Result<Tally> {
        let now = Instant::now();
        // Up to a minute, to three digits.
        let latencies = Histogram::new_with_bounds(1, 60_000_000_000, 3);
        Ok(Tally {
            latencies: latencies.map_err(|error| anyhow!("no histogram: {error}"))?,
            wrong: 0,
            begun: now,
            last: now,
            gaps: 0,
            longest_gap: Duration::ZERO,
        })
    }

    /// Records the answer, received now, of a call that began or was due at `begun`.
    fn answered(&mut self, begun: Instant, is_right: bool) {
        let now = Instant::now();
        let took = u64::try_from((now - begun).as_nanos()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(took.max(1));
        self.wrong += u64::from(!is_right);
        let silence = now - self.last;
        self.last = now;
        if silence > GAP {
            self.gaps += 1;
        }
        self.longest_gap = self.longest_gap.max(silence);
    }

    fn load(self) -> Load {
        Load {
            calls: self.latencies.len(),
            took: self.last - self.begun,
            latencies: self.latencies,
            wrong: self.wrong,
            gaps: self.gaps,
            longest_gap: self.longest_gap,
        }
    }
}
