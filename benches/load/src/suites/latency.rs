//! Latencies in open loop, at one rate for all: half of what the slowest can do at most.

use anyhow::{Context, Result};
use hdrhistogram::Histogram;

use super::{FIFTY, all, authorize, constant, with_its_answer};
use crate::generator::Shape;
use crate::measure::{self, Measured, Plan};
use crate::questions::authorize::{self as asked, NEW, SEEN};
use crate::report::{Line, Picture, Report};
use crate::systems::{Constant, Log, Systems, Transport};

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
    let contestants = all(servers, Shape::DEFAULT).await?;
    let once = Plan { rounds: 1, ..plan };
    let most = measure::in_turns(&contestants, once).await?;
    let rate = 0.5 * measure::slowest(&most).context("nothing was measured")?;
    let measured = measure::at_rate(&contestants, plan, rate).await?;
    report.picture = Some(Picture {
        per_second: rate,
        lines: measured.iter().map(line).collect::<Result<_>>()?,
    });
    let title = format!("Open loop at {rate:.0} calls/s, 50 groups");
    report.table(&title, &measured);
    Ok(())
}

/// All rounds of a row in one.
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
