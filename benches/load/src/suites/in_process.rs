//! crosstrust's core, cedar-policy and regorus in this process, on one thread: the time of a decision. Requests are in
//! each engine's own types, so no engine pays for a conversion.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::measure::Plan;
use crate::peers::Case;
use crate::peers::in_process::{Engines, time};
use crate::report::{Goal, Report, Row, Table, median_and_range};
use crate::statistics::{Spread, spread};

/// Duration of a round of one engine.
const SPAN: Duration = Duration::from_millis(400);
/// crosstrust ÷ a peer: ten times as fast.
const GOAL: f64 = 0.10;

/// The time of a decision in each round, in nanoseconds.
struct Timed {
    name: String,
    rounds: Vec<f64>,
}

pub async fn run(seed: u64, plan: Plan, report: &mut Report) -> Result<()> {
    let case = Case::of(seed)?;
    let mut engines = Engines::of(&case)?;
    let mut engines = engines.all();
    let mut timed = Vec::new();
    for engine in &mut engines {
        engine.agrees(&case)?;
        eprintln!("{}: the same answers", engine.name);
        timed.push(Timed {
            name: engine.name.clone(),
            rounds: Vec::new(),
        });
    }
    let span = plan.time.min(SPAN);
    for round in 0..=plan.rounds {
        for (engine, timed) in engines.iter_mut().zip(&mut timed) {
            let took = time(engine, case.world.requests.len(), span)?;
            if round > 0 {
                timed.rounds.push(took);
            }
            // Lets a signal end the run.
            tokio::task::yield_now().await;
        }
    }
    report_results(report, &timed, &case);
    Ok(())
}

fn report_results(report: &mut Report, timed: &[Timed], case: &Case) {
    let Some((ours, others)) = timed.split_first() else {
        return;
    };
    for other in others {
        let what = format!("{} ÷ {}, time per decision", ours.name, other.name);
        let ratio = against(ours, other);
        report.goals.push(Goal::at_most(&what, Some(GOAL), ratio));
    }
    let note = format!(
        "{}. Before the measurement, every engine gave the same 10,000 answers.",
        case.answers.mix()
    );
    report.tables.push(Table {
        title: "In process, one thread".to_owned(),
        note,
        head: &["engine", "ns per decision", "× crosstrust"],
        rows: timed.iter().map(|one| row(one, ours)).collect(),
    });
}

fn row(timed: &Timed, ours: &Timed) -> Row {
    let number = |spread: Option<Spread>, digits| {
        spread.map_or("nothing".to_owned(), |spread| {
            median_and_range(spread, digits)
        })
    };
    Row {
        cells: vec![
            timed.name.clone(),
            number(spread(&timed.rounds), 0),
            number(against(timed, ours), 1),
        ],
        rounds: json!({ "engine": timed.name, "ns_a_decision": timed.rounds }),
    }
}

/// The ratio of two engines, taken within each round.
fn against(one: &Timed, other: &Timed) -> Option<Spread> {
    let pairs = one.rounds.iter().zip(&other.rounds);
    let ratios: Vec<f64> = pairs.map(|(one, other)| one / other).collect();
    spread(&ratios)
}
