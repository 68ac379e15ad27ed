//! Latencies in open loop: at one rate for all, half of the slowest one's maximum; and for crosstrust and the constant
//! prost server at fractions of their own maximum.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use super::{FIFTY, all, authorize, constant, with_its_answer};
use crate::generator::Shape;
use crate::measure::{self, Candidate, Measured, Paced, Plan, Round};
use crate::questions::authorize::{self as asked, NEW, SEEN};
use crate::report::{Goal, Line, Picture, Report, thousands};
use crate::systems::{Constant, Log, Systems, Transport};

/// Fraction of the slowest one's maximum.
const FRACTION: f64 = 0.5;
/// Fractions of each one's own maximum.
const RUNGS: [f64; 3] = [0.50, 0.70, 0.85];

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let (seen, answer) = with_its_answer(systems).await?;
    let new = systems.crosstrust(Log::Off, Transport::Tcp)?;
    let strict = systems.crosstrust(Log::Strict, Transport::Tcp)?;
    let prost = systems.constant(Constant::Prost, &answer)?;
    let skip = systems.constant(Constant::Skip, &answer)?;
    let servers = vec![
        constant("constant, skip", &skip, asked::hits(FIFTY), &answer),
        constant("constant, prost", &prost, asked::hits(FIFTY), &answer),
        authorize("crosstrust, hit", &seen, asked::hits(FIFTY), SEEN),
        authorize("crosstrust, miss", &new, asked::misses(FIFTY)?, NEW),
        authorize(
            "crosstrust, miss, log strict",
            &strict,
            asked::misses(FIFTY)?,
            NEW,
        ),
    ];
    let candidates = all(servers, Shape::DEFAULT).await?;
    let once = Plan { rounds: 1, ..plan };
    let most = measure::interleaved(&candidates, once).await?;
    let rate = FRACTION * measure::slowest(&most).context("nothing was measured")?;
    let measured = measure::at_rate(&candidates, plan, rate).await?;
    report.pictures.push(Picture {
        file: "latency.svg",
        title: format!(
            "Latency from the intended start, {rate:.0} calls/s, 8 connections × 10 streams"
        ),
        lines: measured.iter().map(line).collect::<Result<_>>()?,
    });
    let title = format!("Open loop at {rate:.0} calls/s, 50 groups");
    report.table(&title, &measured);
    let [_, prost, hit, ..] = &candidates[..] else {
        anyhow::bail!("rows are missing");
    };
    ladder(prost, hit, plan, report).await
}

/// Both at fractions of their own maximum: how latency grows towards a full core.
async fn ladder(prost: &Candidate, hit: &Candidate, plan: Plan, report: &mut Report) -> Result<()> {
    let once = Plan { rounds: 1, ..plan };
    let most = [
        measure::most(prost, once).await?,
        measure::most(hit, once).await?,
    ];
    let rungs = RUNGS.iter().flat_map(|part| {
        let row = move |(candidate, most): (_, f64)| rung(candidate, most, *part);
        [prost, hit].into_iter().zip(most).map(row)
    });
    let measured = measure::paced(&rungs.collect::<Vec<_>>(), plan).await?;
    let p99 = |round: &Round| round.load.percentile_us(99.0);
    for (part, pair) in RUNGS.iter().zip(measured.chunks(2)) {
        let [prost, hit] = pair else {
            anyhow::bail!("rows are missing");
        };
        let what = format!(
            "p99 at {:.0} % of its own maximum, hit ÷ constant prost",
            part * 100.0
        );
        let goal = Goal::ratio(&what, None, (hit, p99), (prost, p99));
        report.goals.push(goal);
    }
    report.pictures.push(Picture {
        file: "ladder.svg",
        title: "Latency from the intended start, at parts of its own maximum".to_owned(),
        lines: measured.iter().map(line).collect::<Result<_>>()?,
    });
    report.table(
        "Open loop at parts of its own maximum, 50 groups",
        &measured,
    );
    Ok(())
}

fn rung(candidate: &Candidate, most: f64, part: f64) -> Paced<'_> {
    let per_second = most * part;
    let percent = part * 100.0;
    Paced {
        name: format!(
            "{}, at {percent:.0} %: {}/s",
            candidate.server.name,
            thousands(per_second)
        ),
        candidate,
        per_second,
    }
}

/// The latencies of all rounds of a row.
fn line(measured: &Measured) -> Result<Line> {
    let mut all = Histogram::new_with_bounds(1, 60_000_000_000, 3)?;
    for round in &measured.rounds {
        all.add(&round.load.latencies)?;
    }
    Ok(Line {
        name: measured.name.clone(),
        latencies: all,
    })
}
