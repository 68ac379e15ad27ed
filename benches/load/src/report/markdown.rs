//! The report as Markdown.

use std::fmt::Write as _;

use super::{Goal, Report, Table};

/// The report, with these lines at its head.
pub fn report(report: &Report, lines: &[String], is_quick: bool) -> String {
    let mut text = String::from("# crosstrust under load\n\n");
    if is_quick {
        text.push_str(
            "**One short round: it checks that everything runs; its numbers mean nothing.**\n\n",
        );
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    if !report.goals.is_empty() {
        text.push_str("\n## Goals\n\n");
        text.push_str(
            "Server CPU per call, as a ratio within each round, unless stated otherwise.\n\n",
        );
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
    if !table.note.is_empty() {
        let _ = writeln!(text, "{}\n", table.note);
    }
    let _ = writeln!(text, "| {} |", table.head.join(" | "));
    let _ = writeln!(text, "{}|", "|---".repeat(table.head.len()));
    for row in &table.rows {
        let _ = writeln!(text, "| {} |", row.cells.join(" | "));
    }
}
