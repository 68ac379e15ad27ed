//! Rounds that take turns: server A, B, C, then A, B, C again, because the machine's speed moves. The first round is
//! for warmth and thrown away; ratios are taken within a round. Answers are verified before, apart from the load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::generator::{self, Load, Shape, Until};
use crate::process::Spent;
use crate::server::Server;
use crate::statistics::{Spread, spread};

/// One row under load.
pub struct Contestant {
    pub server: Server,
    pub shape: Shape,
}

/// What a round has shown of one row.
pub struct Round {
    pub load: Load,
    /// CPU time of the server for one call, in µs.
    pub cpu_us: f64,
    /// How much of the time its threads were ready and somebody else had their core. Much of it: the machine is not
    /// quiet, or the server's own threads are in each other's way.
    pub waited: f64,
}

impl Round {
    pub fn cpu(&self) -> f64 {
        self.cpu_us
    }
}

/// All rounds of one row.
pub struct Measured {
    pub name: String,
    pub shape: Shape,
    pub decisions: u32,
    pub rounds: Vec<Round>,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    pub time: Duration,
}

/// Answers that are looked at before the load.
const VERIFIED: usize = 8;

impl Contestant {
    /// Asks everything once where answers are to be remembered, then reads a handful of answers.
    pub async fn prepare(server: Server, shape: Shape) -> Result<Contestant> {
        let name = server.name.clone();
        warm(&server).await?;
        for _ in 0..VERIFIED {
            let answer = generator::one_answer(&server)
                .await
                .with_context(|| format!("verifying {name}"))?;
            (server.verify)(&answer).with_context(|| format!("{name} gives a wrong answer"))?;
            ensure!(
                (server.glance)(&answer),
                "{name}: a glance misjudges a right answer"
            );
        }
        Ok(Contestant { server, shape })
    }
}

/// Every question once: what can be remembered is remembered then.
async fn warm(server: &Server) -> Result<()> {
    let calls = Until::Calls(server.questions.len() as u64);
    generator::closed(server, Shape::DEFAULT, calls, || Ok(())).await?;
    Ok(())
}

/// A row in open loop, at a rate of its own.
pub struct Paced<'c> {
    pub name: String,
    pub contestant: &'c Contestant,
    pub per_second: f64,
}

/// Closed loop, in turns.
pub async fn in_turns(contestants: &[Contestant], plan: Plan) -> Result<Vec<Measured>> {
    let measured = contestants.iter().map(Measured::nothing_yet).collect();
    let closed = async |contestant: &Contestant| closed(contestant, plan.time).await;
    rounds(contestants, measured, plan, closed).await
}

/// Open loop in turns, each at its rate.
pub async fn paced(rows: &[Paced<'_>], plan: Plan) -> Result<Vec<Measured>> {
    let measured = rows.iter().map(|row| Measured {
        name: row.name.clone(),
        ..Measured::nothing_yet(row.contestant)
    });
    let open = async |row: &Paced<'_>| open(row.contestant, row.per_second, plan.time).await;
    rounds(rows, measured.collect(), plan, open).await
}

/// Open loop in turns, at one rate for all.
pub async fn at_rate(
    contestants: &[Contestant],
    plan: Plan,
    per_second: f64,
) -> Result<Vec<Measured>> {
    let rows = contestants.iter().map(|contestant| Paced {
        name: contestant.server.name.clone(),
        contestant,
        per_second,
    });
    paced(&rows.collect::<Vec<_>>(), plan).await
}

async fn rounds<T>(
    rows: &[T],
    mut measured: Vec<Measured>,
    plan: Plan,
    one: impl AsyncFn(&T) -> Result<Round>,
) -> Result<Vec<Measured>> {
    for round in 0..=plan.rounds {
        for (row, measured) in rows.iter().zip(&mut measured) {
            let one = one(row).await?;
            if round > 0 {
                measured.rounds.push(one);
            }
        }
    }
    Ok(measured)
}

/// What it can do at most, calls a second: in closed loop, or with a core of its own at what a call costs in open
/// loop, where fewer answers share a write. The lesser of both.
pub async fn most(contestant: &Contestant, plan: Plan) -> Result<f64> {
    let closed = in_turns(std::slice::from_ref(contestant), plan).await?;
    let closed = slowest(&closed).context("no maximum")?;
    let open = open(contestant, closed / 2.0, plan.time).await?;
    Ok(closed.min(1e6 / open.cpu_us))
}

/// Calls a second that the slowest of them answers, by the median of its rounds.
pub fn slowest(measured: &[Measured]) -> Option<f64> {
    let rates = measured
        .iter()
        .filter_map(|one| one.of(|round| round.load.per_second()));
    rates.map(|rate| rate.median).reduce(f64::min)
}

async fn closed(contestant: &Contestant, time: Duration) -> Result<Round> {
    let server = &contestant.server;
    let spent = || server.spent();
    let until = Until::Time(time);
    let (load, before) = generator::closed(server, contestant.shape, until, spent).await?;
    let spent = spent()?.since(before);
    round(server, load, spent)
}

async fn open(contestant: &Contestant, per_second: f64, time: Duration) -> Result<Round> {
    let server = &contestant.server;
    let before = server.spent()?;
    let load = generator::open(server, contestant.shape, per_second, time).await?;
    let spent = server.spent()?.since(before);
    round(server, load, spent)
}

/// A round of this load, which took the server so much CPU time.
pub fn round(server: &Server, load: Load, spent: Spent) -> Result<Round> {
    let name = &server.name;
    ensure!(load.calls > 0, "{name} has answered nothing");
    ensure!(
        load.wrong == 0,
        "{name}: {} of {} answers are not what they have to be",
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
    pub fn nothing_yet(contestant: &Contestant) -> Measured {
        Measured {
            name: contestant.server.name.clone(),
            shape: contestant.shape,
            decisions: contestant.server.decisions,
            rounds: Vec::new(),
        }
    }

    /// One number of each round.
    pub fn of(&self, number: impl Fn(&Round) -> f64) -> Option<Spread> {
        let numbers: Vec<f64> = self.rounds.iter().map(number).collect();
        spread(&numbers)
    }

    /// A number here against one there, divided within each round.
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
