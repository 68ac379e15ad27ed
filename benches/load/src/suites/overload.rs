//! More calls than are admitted, with the default limits: 2, 5 and 10 times the admitted concurrency in closed loop, where
//! each stream calls again at once, and twice the peak in open loop. The calls are batches, which cost the server more
//! than the generator, so that the generator can offer twice what is answered.
//!
//! The admitted concurrency is the number of calls that the server answers in 10 ms at its peak: further calls would wait
//! longer than the goal. `limits.in_flight` is higher: it bounds calls that wait for something else, such as a disk.

use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::{FIFTY, authorize, batch};
use crate::generator::{self, OverloadOutcomes, Shape};
use crate::measure::{Candidate, Plan};
use crate::questions::authorize::{self as asked, Groups, SEEN};
use crate::questions::check::{self, CHECK};
use crate::report::{Goal, Report, Row, Table, median_and_range, thousands};
use crate::server::Server;
use crate::statistics::{Spread, spread};
use crate::systems::Systems;

/// The largest batch, without groups: it costs the server 15 times the CPU of the generator.
const BATCH: u32 = 100;
const TIMES: [f64; 3] = [2.0, 5.0, 10.0];
/// The default of `limits.in_flight`; ten times this is measured without a goal.
const IN_FLIGHT: f64 = 512.0;
/// Keeps the server busy, with few enough streams that no call waits 5 ms.
const PEAK: Shape = Shape {
    connections: 4,
    streams: 8,
};
/// Concurrent calls on a connection, fewer than the server allows.
const STREAMS: usize = 128;
/// The longest wait of an answered call, in ms.
const MOST_WAIT_MS: f64 = 10.0;
const LEAST_GOODPUT: f64 = 0.8;

/// A kind of overload, and its outcomes in each round.
struct Case {
    name: String,
    rounds: Vec<(OverloadOutcomes, Baseline)>,
}

/// The server below its capacity, in the same round.
#[derive(Clone, Copy)]
struct Baseline {
    per_second: f64,
    service_ms: f64,
}

#[derive(Clone, Copy)]
enum LoadKind {
    /// This many times the admitted concurrency.
    Closed(f64),
    /// Ten times `limits.in_flight`.
    InFlight,
    Open,
}

pub async fn run(systems: &Systems, plan: Plan, report: &mut Report) -> Result<()> {
    let running = systems.crosstrust_with_default_limits()?;
    let batched = batch::hits(&running, BATCH, Groups(0));
    let check = Server {
        method: CHECK,
        questions: Rc::new(check::seen_tokens(&systems.issuer)?),
        verify: Rc::new(check::verify),
        quick_check: Rc::new(check::quick_check),
        ..authorize("Check", &running, asked::hits(FIFTY), SEEN)
    };
    let batch = Candidate::prepare(batched, Shape::DEFAULT).await?;
    let check = Candidate::prepare(check, Shape::DEFAULT).await?;
    let mut rows = cases(&batch.server, plan, &[LoadKind::Open]).await?;
    rows.extend(cases(&batch.server, plan, &TIMES.map(LoadKind::Closed)).await?);
    for case in &rows {
        case.goals(report);
    }
    // Without a goal: with this many streams, refusals alone take the server more than 10 ms, and a refusal of these cheap
    // calls costs nearly as much as an answer.
    let closed = TIMES.map(LoadKind::Closed);
    rows.extend(cases(&check.server, plan, &closed).await?);
    for server in [&check.server, &batch.server] {
        rows.extend(cases(server, plan, &[LoadKind::InFlight]).await?);
    }
    report.tables.push(Table {
        title: "Overload (default `limits`)".to_owned(),
        note: "Peak: closed loop, 4×8. Admitted: the calls answered in 10 ms at the peak. Service time: one call at a time. A refusal that is not \
               explicit or an allow that was not decided ends the run. Calls that begin in the first 0.5 s are not counted."
            .to_owned(),
        head: &[
            "calls", "offered/s", "answered/s", "of the peak", "refused/s", "p50, ms", "p99, ms", "service, ms",
        ],
        rows: rows.iter().map(Case::row).collect(),
    });
    Ok(())
}

async fn cases(server: &Server, plan: Plan, loads: &[LoadKind]) -> Result<Vec<Case>> {
    let mut cases: Vec<Case> = loads
        .iter()
        .map(|load| Case {
            name: match load {
                LoadKind::Closed(times) => {
                    format!(
                        "{}, closed loop, {times} × the admitted concurrency",
                        server.name
                    )
                }
                LoadKind::InFlight => {
                    format!("{}, closed loop, 10 × {IN_FLIGHT} streams", server.name)
                }
                LoadKind::Open => format!("{}, open loop, 2 × the peak", server.name),
            },
            rounds: Vec::new(),
        })
        .collect();
    for round in 0..=plan.rounds {
        let baseline = baseline(server, plan).await?;
        for (load, case) in loads.iter().zip(&mut cases) {
            let outcomes = overload(server, *load, baseline, plan).await?;
            ensure!(
                outcomes.wrong == 0,
                "{}: {} wrong answers",
                case.name,
                outcomes.wrong
            );
            if round > 0 {
                case.rounds.push((outcomes, baseline));
            }
        }
    }
    Ok(cases)
}

async fn baseline(server: &Server, plan: Plan) -> Result<Baseline> {
    let one = Shape {
        connections: 1,
        streams: 1,
    };
    let alone = generator::closed_overload(server, one, plan.time / 4).await?;
    let peak = generator::closed_overload(server, PEAK, plan.time).await?;
    Ok(Baseline {
        per_second: peak.answered_per_second(),
        service_ms: alone.percentile_ms(50.0),
    })
}

async fn overload(
    server: &Server,
    load: LoadKind,
    baseline: Baseline,
    plan: Plan,
) -> Result<OverloadOutcomes> {
    match load {
        LoadKind::Closed(times) => {
            let admitted = baseline.per_second * MOST_WAIT_MS / 1000.0;
            generator::closed_overload(server, of(times * admitted), plan.time).await
        }
        LoadKind::InFlight => {
            generator::closed_overload(server, of(10.0 * IN_FLIGHT), plan.time).await
        }
        LoadKind::Open => {
            // More than are ever in flight: `limits.in_flight`, and refusals that take 20 ms.
            let shape = of(4.0 * (IN_FLIGHT + 2.0 * baseline.per_second * 0.02));
            generator::open_overload(server, shape, 2.0 * baseline.per_second, plan.time).await
        }
    }
    .with_context(|| server.name.clone())
}

/// This many streams on as few connections as possible.
fn of(streams: f64) -> Shape {
    let streams = streams.max(1.0) as usize;
    let connections = streams.div_ceil(STREAMS);
    Shape {
        connections,
        streams: streams.div_ceil(connections),
    }
}

impl Case {
    fn of(&self, number: impl Fn(&OverloadOutcomes, Baseline) -> f64) -> Option<Spread> {
        let numbers: Vec<f64> = self
            .rounds
            .iter()
            .map(|(outcomes, baseline)| number(outcomes, *baseline))
            .collect();
        spread(&numbers)
    }

    fn goals(&self, report: &mut Report) {
        let goodput =
            self.of(|outcomes, baseline| outcomes.answered_per_second() / baseline.per_second);
        let waited =
            self.of(|outcomes, baseline| outcomes.percentile_ms(99.0) - baseline.service_ms);
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
        let rate = |number: fn(&OverloadOutcomes) -> f64| {
            let spread = self.of(|outcomes, _| number(outcomes));
            spread.map_or("nothing".to_owned(), |one| thousands(one.median))
        };
        let shown = |spread: Option<Spread>| {
            spread.map_or("nothing".to_owned(), |one| median_and_range(one, 2))
        };
        let rounds = self.rounds.iter().map(|(outcomes, baseline)| {
            json!({
                "offered_per_second": outcomes.offered_per_second(),
                "answered_per_second": outcomes.answered_per_second(),
                "peak_per_second": baseline.per_second,
                "service_ms": baseline.service_ms,
                "p50_ms": outcomes.percentile_ms(50.0),
                "p99_ms": outcomes.percentile_ms(99.0),
            })
        });
        Row {
            cells: vec![
                self.name.clone(),
                rate(OverloadOutcomes::offered_per_second),
                rate(OverloadOutcomes::answered_per_second),
                shown(
                    self.of(|outcomes, baseline| {
                        outcomes.answered_per_second() / baseline.per_second
                    }),
                ),
                rate(OverloadOutcomes::refused_per_second),
                shown(self.of(|outcomes, _| outcomes.percentile_ms(50.0))),
                shown(self.of(|outcomes, _| outcomes.percentile_ms(99.0))),
                shown(self.of(|_, baseline| baseline.service_ms)),
            ],
            rounds: rounds.collect(),
        }
    }
}
