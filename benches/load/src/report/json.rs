//! Every round of every row as JSON.

use serde_json::{Value, json};

use super::Report;
use crate::measure::{Measured, Round};

const PERCENTILES: [f64; 6] = [50.0, 90.0, 99.0, 99.9, 99.99, 100.0];

pub fn report(report: &Report, lines: &[String]) -> Value {
    let goals = report.goals.iter().map(|goal| {
        json!({ "what": goal.what, "goal": goal.goal, "measured": goal.measured, "met": goal.is_met })
    });
    let tables = report.tables.iter().map(|table| {
        let rows: Vec<&Value> = table.rows.iter().map(|row| &row.rounds).collect();
        json!({ "title": table.title, "note": table.note, "rows": rows })
    });
    let (goals, tables): (Vec<Value>, Vec<Value>) = (goals.collect(), tables.collect());
    json!({ "about": lines, "goals": goals, "tables": tables })
}

/// The rounds of a row.
pub fn row(row: &Measured) -> Value {
    let rounds: Vec<Value> = row.rounds.iter().map(round).collect();
    json!({
        "server": row.name,
        "connections": row.shape.connections,
        "streams": row.shape.streams,
        "decisions_in_a_call": row.decisions,
        "rounds": rounds,
    })
}

fn round(round: &Round) -> Value {
    let load = &round.load;
    let percentiles = PERCENTILES
        .map(|percent| json!({ "percentile": percent, "us": load.percentile_us(percent) }));
    json!({
        "cpu_us_a_call": round.cpu_us,
        "waited_for_the_core": round.waited,
        "calls": load.calls,
        "seconds": load.took.as_secs_f64(),
        "latencies": percentiles,
        "gaps": load.gaps,
        "longest_gap_ms": load.longest_gap.as_secs_f64() * 1000.0,
    })
}
