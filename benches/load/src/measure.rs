//! Interleaved rounds: server A, B, C, then A, B, C again, because the machine's speed varies. The first round is a
//! warm-up and discarded; ratios are taken within a round. Answers are verified before the load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::generator::{self, Load, Shape, Until};
use crate::process::Spent;
use crate::server::Server;
use crate::statistics::{Spread, spread};

/// A row of a table: a server and the shape of its load.
pub struct Candidate {
    pub server: Server,
    pub shape: Shape,
}

/// The measurements of measure row in measure round.
pub struct Round {
    pub load: Load,
    /// CPU time of the server for measure call, in µs.
    pub cpu_us: f64,
    /// Share of the time in which its threads were ready but waited for the core. A large share means that the machine is
    /// busy, or that the server's own threads compete.
    pub waited: f64,
}

impl Round {
    pub fn cpu(&self) -> f64 {
        self.cpu_us
    }
}

/// All rounds of measure row.
pub struct Measured {
    pub name: String,
    pub shape: Shape,
    pub decisions: u32,
    pub rounds: Vec<Round>,
}

/// The number of rounds, and the duration of each.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    pub time: Duration,
}

/// Answers that are verified before the load.
const VERIFIED: usize = 8;

impl Candidate {
    /// Sends every request once to fill the cache, then verifies some answers.
    pub async fn prepare(server: Server, shape: Shape) -> Result<Candidate> {
        let name = server.name.clone();
        warm(&server).await?;
        for _ in 0..VERIFIED {
            let answer = generator::one_answer(&server)
                .await
                .with_context(|| format!("verifying {name}"))?;
            (server.verify)(&answer).with_context(|| format!("{name} returned a wrong answer"))?;
            ensure!(
                (server.quick_check)(&answer),
                "{name}: the quick check rejects a correct answer"
            );
        }
        Ok(Candidate { server, shape })
    }
}

/// Sends every request once, so that what can be cached is cached.
async fn warm(server: &Server) -> Result<()> {
    let calls = Until::Calls(server.questions.len() as u64);
    generator::closed(server, Shape::DEFAULT, calls, || Ok(())).await?;
    Ok(())
}

/// A row in open loop, with its own rate.
pub struct Paced<'c> {
    pub name: String,
    pub candidate: &'c Candidate,
    pub per_second: f64,
}

/// Closed loop, interleaved.
pub async fn interleaved(candidates: &[Candidate], plan: Plan) -> Result<Vec<Measured>> {
    let measured = candidates.iter().map(Measured::empty).collect();
    let closed = async |candidate: &Candidate| closed(candidate, plan.time).await;
    rounds(candidates, measured, plan, closed).await
}

/// Open loop, interleaved, each row at its rate.
pub async fn paced(rows: &[Paced<'_>], plan: Plan) -> Result<Vec<Measured>> {
    let measured = rows.iter().map(|row| Measured {
        name: row.name.clone(),
        ..Measured::empty(row.candidate)
    });
    let open = async |row: &Paced<'_>| open(row.candidate, row.per_second, plan.time).await;
    rounds(rows, measured.collect(), plan, open).await
}

/// Open loop, interleaved, at one rate for all.
pub async fn at_rate(
    candidates: &[Candidate],
    plan: Plan,
    per_second: f64,
) -> Result<Vec<Measured>> {
    let rows = candidates.iter().map(|candidate| Paced {
        name: candidate.server.name.clone(),
        candidate,
        per_second,
    });
    paced(&rows.collect::<Vec<_>>(), plan).await
}

async fn rounds<T>(
    rows: &[T],
    mut measured: Vec<Measured>,
    plan: Plan,
    measure: impl AsyncFn(&T) -> Result<Round>,
) -> Result<Vec<Measured>> {
    for round in 0..=plan.rounds {
        for (row, measured) in rows.iter().zip(&mut measured) {
            let result = measure(row).await?;
            if round > 0 {
                measured.rounds.push(result);
            }
        }
    }
    Ok(measured)
}

/// The maximum of a server in calls per second: the rate in closed loop, or that of a full core at the CPU cost of a call
/// in open loop, where fewer answers share a write. The lower of both.
pub async fn most(candidate: &Candidate, plan: Plan) -> Result<f64> {
    let closed = interleaved(std::slice::from_ref(candidate), plan).await?;
    let closed = slowest(&closed).context("no maximum")?;
    let open = open(candidate, closed / 2.0, plan.time).await?;
    Ok(closed.min(1e6 / open.cpu_us))
}

/// The rate of the slowest in calls per second, by the median of its rounds.
pub fn slowest(measured: &[Measured]) -> Option<f64> {
    let rates = measured
        .iter()
        .filter_map(|row| row.of(|round| round.load.per_second()));
    rates.map(|rate| rate.median).reduce(f64::min)
}

async fn closed(candidate: &Candidate, time: Duration) -> Result<Round> {
    let server = &candidate.server;
    let spent = || server.spent();
    let until = Until::Time(time);
    let (load, before) = generator::closed(server, candidate.shape, until, spent).await?;
    let spent = spent()?.since(before);
    round(server, load, spent)
}

async fn open(candidate: &Candidate, per_second: f64, time: Duration) -> Result<Round> {
    let server = &candidate.server;
    let before = server.spent()?;
    let load = generator::open(server, candidate.shape, per_second, time).await?;
    let spent = server.spent()?.since(before);
    round(server, load, spent)
}

/// The round of this load, for which the server spent this CPU time.
pub fn round(server: &Server, load: Load, spent: Spent) -> Result<Round> {
    let name = &server.name;
    ensure!(load.calls > 0, "{name} answered no call");
    ensure!(
        load.wrong == 0,
        "{name}: {} of {} answers are wrong",
        load.wrong,
        load.calls
    );
    let cpu_us = spent.run_ns as f64 / load.calls as f64 / 1000.0;
    let waited = spent.wait_ns as f64 / 1e9 / load.took.as_secs_f64();
    Ok(Round {
        load,
        cpu_us,
        waited,
    })
}

impl Measured {
    pub fn empty(candidate: &Candidate) -> Measured {
        Measured {
            name: candidate.server.name.clone(),
            shape: candidate.shape,
            decisions: candidate.server.decisions,
            rounds: Vec::new(),
        }
    }

    /// The spread of one number over the rounds.
    pub fn of(&self, number: impl Fn(&Round) -> f64) -> Option<Spread> {
        let numbers: Vec<f64> = self.rounds.iter().map(number).collect();
        spread(&numbers)
    }

    /// The spread of the ratio of a number of this row to one of the other, taken within each round.
    pub fn against(
        &self,
        other: &Measured,
        upper: impl Fn(&Round) -> f64,
        lower: impl Fn(&Round) -> f64,
    ) -> Option<Spread> {
        let pairs = self.rounds.iter().zip(&other.rounds);
        let ratios: Vec<f64> = pairs.map(|(a, b)| upper(a) / lower(b)).collect();
        spread(&ratios)
    }
}
