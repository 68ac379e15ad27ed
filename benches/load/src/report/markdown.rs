//! The report as Markdown.

use std::fmt::Write as _;

use super::{Goal, Report, Table, rate, told};
use crate::measure::{Measured, Round};

/// The whole report under these lines.
pub fn report(report: &Report, lines: &[String], is_quick: bool) -> String {
    let mut text = String::from("# crosstrust under load\n\n");
    if is_quick {
        text.push_str("**One short round: it tells that everything runs, and no number that means anything.**\n\n");
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    if !report.goals.is_empty() {
        text.push_str("\n## Goals\n\n");
        text.push_str("CPU of the server for a call, as a ratio within each round, unless said otherwise.\n\n");
        text.push_str("| what | goal | measured | met | calls/s |\n|---|---|---|---|---|\n");
        for goal in &report.goals {
            let _ = writeln!(text, "{}", goal_line(goal));
        }
    }
    for table in &report.tables {
        rows(&mut text, table);
    }
    text
}

fn goal_line(goal: &Goal) -> String {
    let Goal {
        what,
        goal,
        measured,
        per_second,
        is_met,
    } = goal;
    let met = match is_met {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    format!("| {what} | {goal} | {measured} | {met} | {per_second} |")
}

fn rows(text: &mut String, table: &Table) {
    let _ = writeln!(text, "\n## {}\n", table.title);
    text.push_str("| server | shape | CPU a call, µs | calls/s | p50, µs | p99, µs | waited |\n|---|---|---|---|---|---|---|\n");
    for row in &table.rows {
        let _ = writeln!(text, "{}", row_line(row));
    }
}

fn row_line(row: &Measured) -> String {
    let number = |of: fn(&Round) -> f64, digits| {
        let spread = row.of(of);
        spread.map_or("nothing".to_owned(), |spread| told(spread, digits))
    };
    let cpu = number(|round| round.cpu_us, 2);
    let p50 = number(|round| round.load.percentile_us(50.0), 0);
    let p99 = number(|round| round.load.percentile_us(99.0), 0);
    let waited = row.of(|round| round.waited);
    let waited = waited.map_or(String::new(), |waited| {
        format!("{:.0} %", 100.0 * waited.median)
    });
    format!(
        "| {} | {} | {cpu} | {} | {p50} | {p99} | {waited} |",
        row.name,
        row.shape,
        rate(row)
    )
}
