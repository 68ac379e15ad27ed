//! More calls than are admitted, with the default limits: 2, 5 and 10 times the admitted concurrency in closed loop, where
//! each stream asks again at once, and twice what the server can do in open loop. The calls are batches: so costly that
//! the generator, with a core as fast as the server's, can offer twice what is answered.
//!
//! Admitted are as many calls at a time as the server answers in 10 ms at its peak: those behind them would wait longer
//! than the goal. `limits.in_flight` is more: it bounds the calls that wait for something else, such as a disk.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{FIFTY, authorize, batch};
use crate::generator::{self, Beyond, Shape};
use crate::measure::{Contestant, Plan};
use crate::questions::authorize::{self as asked, Groups, SEEN};
use crate::questions::check::{self, CHECK};
use crate::report::{Goal, Report, Row, Table, median_and_range, thousands};
use crate::server::Server;
use crate::statistics::{Spread, spread};
use crate::systems::Systems;

/// The most that a call may hold, without groups: the server takes 15 times as long as the generator.
const BATCH: u32 = 100;
const TIMES: [f64; 3] = [2.0, 5.0, 10.0];
/// Ten times this, beside the goals.
const IN_FLIGHT: f64 = 512.0;
/// Enough to keep the server busy, and so few that no call waits 5 ms.
const PEAK: Shape = Shape {
    connections: 4,
    streams: 8,
};
/// Calls at a time on one connection, fewer than the server allows.
const STREAMS: usize = 64;
/// A call that is answered may wait so long.
const MOST_WAIT_MS: f64 = 10.0;
const LEAST_GOODPUT: f64 = 0.8;

/// One way of asking for too much, and what came of it in each round.
struct Case {
    name: String,
    rounds: Vec<(Beyond, Quiet)>,
}

/// The server below its capacity, in the same round.
#[derive(Clone, Copy)]
struct Quiet {
    per_second: f64,
    service_ms: f64,
}

#[derive(Clone, Copy)]
enum Pressure {
    /// So many times the admitted concurrency.
    Closed(f64),
    /// Ten times `limits.in_flight`.
    InFlight,
    Open,
}

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust_with_usual_limits()?;
    let batched = batch::hits(&running, BATCH, Groups(0));
    let check = Server {
        method: CHECK,
        questions: Rc::new(check::seen_tokens(&systems.issuer)?),
        verify: Rc::new(check::verify),
        glance: Rc::new(check::glance),
        ..authorize("Check", &running, asked::hits(FIFTY), SEEN)
    };
    let batch = Contestant::prepare(batched, Shape::DEFAULT).await?;
    let check = Contestant::prepare(check, Shape::DEFAULT).await?;
    let mut rows = cases(&batch.server, plan, &[Pressure::Open]).await?;
    rows.extend(cases(&batch.server, plan, &TIMES.map(Pressure::Closed)).await?);
    for case in &rows {
        case.goals(report);
    }
    // Without a goal: so many streams that refusals alone take the server more than 10 ms, and calls so cheap that a
    // refusal costs nearly as much as an answer.
    let closed = TIMES.map(Pressure::Closed);
    rows.extend(cases(&check.server, plan, &closed).await?);
    for server in [&check.server, &batch.server] {
        rows.extend(cases(server, plan, &[Pressure::InFlight]).await?);
    }
    report.tables.push(Table {
        title: "Beyond what is admitted (`limits` by default)".to_owned(),
        note: "Peak: closed loop, 4×8. Admitted: what is answered in 10 ms at the peak. Service time: one call at a time. Every refusal says that it is one, or the run \
               ends; an allow is one that was decided. What begins in the first 0.5 s is not counted."
            .to_owned(),
        head: &[
            "calls", "offered/s", "answered/s", "of the peak", "refused/s", "p50, ms", "p99, ms", "service, ms",
        ],
        rows: rows.iter().map(Case::row).collect(),
    });
    Ok(())
}

async fn cases(server: &Server, plan: Plan, pressures: &[Pressure]) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = pressures
        .iter()
        .map(|pressure| Case {
            name: match pressure {
                Pressure::Closed(times) => {
                    format!(
                        "{}, closed loop, {times} × the admitted concurrency",
                        server.name
                    )
                }
                Pressure::InFlight => {
                    format!("{}, closed loop, 10 × {IN_FLIGHT} streams", server.name)
                }
                Pressure::Open => format!("{}, open loop, 2 × the peak", server.name),
            },
            rounds: Vec::new(),
        })
        .collect();
    for round in 0..=plan.rounds {
        let quiet = quiet(server, plan).await?;
        for (pressure, case) in pressures.iter().zip(&mut cases) {
            let seen = press(server, *pressure, quiet, plan).await?;
            ensure!(
                seen.wrong == 0,
                "{}: {} wrong answers",
                case.name,
                seen.wrong
            );
            if round > 0 {
                case.rounds.push((seen, quiet));
            }
        }
    }
    Ok(cases)
}

async fn quiet(server: &Server, plan: Plan) -> Result<Quiet> {
    let one = Shape {
        connections: 1,
        streams: 1,
    };
    let alone = generator::closed_beyond(server, one, plan.time / 4).await?;
    let peak = generator::closed_beyond(server, PEAK, plan.time).await?;
    Ok(Quiet {
        per_second: peak.answered_per_second(),
        service_ms: alone.percentile_ms(50.0),
    })
}

async fn press(server: &Server, pressure: Pressure, quiet: Quiet, plan: Plan) -> Result<Beyond> {
    match pressure {
        Pressure::Closed(times) => {
            let admitted = quiet.per_second * MOST_WAIT_MS / 1000.0;
            generator::closed_beyond(server, of(times * admitted), plan.time).await
        }
        Pressure::InFlight => {
            generator::closed_beyond(server, of(10.0 * IN_FLIGHT), plan.time).await
        }
        Pressure::Open => {
            // More than are ever under way: `limits.in_flight`, and refusals that take 20 ms.
            let shape = of(4.0 * (IN_FLIGHT + 2.0 * quiet.per_second * 0.02));
            generator::open_beyond(server, shape, 2.0 * quiet.per_second, plan.time).await
        }
    }
    .with_context(|| server.name.clone())
}

/// As many streams, on as few connections as they fit on.
fn of(streams: f64) -> Shape {
    let streams = streams.max(1.0) as usize;
    let connections = streams.div_ceil(STREAMS);
    Shape {
        connections,
        streams: streams.div_ceil(connections),
    }
}

impl Case {
    fn of(&self, number: impl Fn(&Beyond, Quiet) -> f64) -> Option<Spread> {
        let numbers: Vec<f64> = self
            .rounds
            .iter()
            .map(|(seen, quiet)| number(seen, *quiet))
            .collect();
        spread(&numbers)
    }

    fn goals(&self, report: &mut Report) {
        let goodput = self.of(|seen, quiet| seen.answered_per_second() / quiet.per_second);
        let waited = self.of(|seen, quiet| seen.percentile_ms(99.0) - quiet.service_ms);
        let shown = |spread: Option<Spread>| {
            spread.map_or("nothing".to_owned(), |one| median_and_range(one, 2))
        };
        report.goals.push(Goal {
            what: format!("answered, of the peak: {}", self.name),
            goal: format!("≥ {LEAST_GOODPUT:.2}"),
            measured: shown(goodput),
            per_second: String::new(),
            is_met: Some(goodput.is_some_and(|one| one.median >= LEAST_GOODPUT)),
        });
        report.goals.push(Goal {
            what: format!("p99 of answers less the service time, ms: {}", self.name),
            goal: format!("≤ {MOST_WAIT_MS:.0}"),
            measured: shown(waited),
            per_second: String::new(),
            is_met: Some(waited.is_some_and(|one| one.median <= MOST_WAIT_MS)),
        });
    }

    fn row(&self) -> Row {
        let rate = |number: fn(&Beyond) -> f64| {
            let spread = self.of(|seen, _| number(seen));
            spread.map_or("nothing".to_owned(), |one| thousands(one.median))
        };
        let shown = |spread: Option<Spread>| {
            spread.map_or("nothing".to_owned(), |one| median_and_range(one, 2))
        };
        let rounds = self.rounds.iter().map(|(seen, quiet)| {
            json!({
                "offered_per_second": seen.offered_per_second(),
                "answered_per_second": seen.answered_per_second(),
                "peak_per_second": quiet.per_second,
                "service_ms": quiet.service_ms,
                "p50_ms": seen.percentile_ms(50.0),
                "p99_ms": seen.percentile_ms(99.0),
            })
        });
        Row {
            cells: vec![
                self.name.clone(),
                rate(Beyond::offered_per_second),
                rate(Beyond::answered_per_second),
                shown(self.of(|seen, quiet| seen.answered_per_second() / quiet.per_second)),
                rate(Beyond::refused_per_second),
                shown(self.of(|seen, _| seen.percentile_ms(50.0))),
                shown(self.of(|seen, _| seen.percentile_ms(99.0))),
                shown(self.of(|_, quiet| quiet.service_ms)),
            ],
            rounds: rounds.collect(),
        }
    }
}
