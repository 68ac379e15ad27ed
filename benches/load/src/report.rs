//! The report: goals and rows as Markdown, rounds as JSON, latencies as a picture. A goal is judged by the median only; a
//! number that misses its goal is never left out.

pub mod json;
pub mod machine;
pub mod markdown;
pub mod picture;

use hdrhistogram::Histogram;
use serde_json::Value;

use crate::measure::{Measured, Round};
use crate::statistics::Spread;

#[derive(Default)]
pub struct Report {
    pub goals: Vec<Goal>,
    pub tables: Vec<Table>,
    pub pictures: Vec<Picture>,
}

pub struct Table {
    pub title: String,
    /// Notes for the reader; may be empty.
    pub note: String,
    pub head: &'static [&'static str],
    pub rows: Vec<Row>,
}

pub struct Row {
    /// One cell for each column of the head.
    pub cells: Vec<String>,
    /// All rounds.
    pub rounds: Value,
}

/// A row of the table of goals.
pub struct Goal {
    pub what: String,
    pub goal: String,
    pub measured: String,
    pub per_second: String,
    /// Whether the median meets the goal; `None` without a goal.
    pub is_met: Option<bool>,
}

/// Latencies of several rows.
pub struct Picture {
    /// The name of its file.
    pub file: &'static str,
    pub title: String,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: String,
    pub latencies: Histogram<u64>,
}

/// The memory limit of crosstrust with the sample policies, in MiB.
const MEMORY_MIB: f64 = 30.0;

/// A row that has its core to itself waits less than this share. Otherwise its latencies depend on other processes.
const MOST_WAITED: f64 = 0.05;

/// The head of a table of servers; [`Row::of`] makes the rows.
const SERVERS: &[&str] = &[
    "server",
    "shape",
    "CPU per call, µs",
    "calls/s",
    "p50, µs",
    "p99, µs",
    "waited",
];

impl Report {
    pub fn table(&mut self, title: &str, measured: &[Measured]) {
        self.noted(title, "", measured);
    }

    pub fn noted(&mut self, title: &str, note: &str, measured: &[Measured]) {
        self.tables.push(Table {
            title: title.to_owned(),
            note: note.to_owned(),
            head: SERVERS,
            rows: measured.iter().map(Row::of).collect(),
        });
    }
}

impl Row {
    fn of(measured: &Measured) -> Row {
        let number = |of: fn(&Round) -> f64, digits| {
            let spread = measured.of(of);
            spread.map_or("nothing".to_owned(), |spread| {
                median_and_range(spread, digits)
            })
        };
        let waited = measured.of(|round| round.waited);
        let waited = waited.map_or(String::new(), |waited| {
            format!("{:.0} %", 100.0 * waited.median)
        });
        Row {
            cells: vec![
                measured.name.clone(),
                measured.shape.to_string(),
                number(|round| round.cpu_us, 2),
                rate(measured),
                number(|round| round.load.percentile_us(50.0), 0),
                number(|round| round.load.percentile_us(99.0), 0),
                waited,
            ],
            rounds: json::row(measured),
        }
    }
}

impl Goal {
    /// CPU per call, as the ratio of two rows.
    pub fn cpu(what: &str, most: Option<f64>, one: &Measured, other: &Measured) -> Goal {
        Goal::ratio(what, most, (one, Round::cpu), (other, Round::cpu))
    }

    /// The ratio of a number of two rows, taken within each round.
    pub fn ratio(
        what: &str,
        most: Option<f64>,
        (one, upper): (&Measured, impl Fn(&Round) -> f64),
        (other, lower): (&Measured, impl Fn(&Round) -> f64),
    ) -> Goal {
        let ratio = one.against(other, upper, lower);
        let per_second = format!("{} ÷ {}", rate(one), rate(other));
        Goal {
            per_second,
            ..Goal::at_most(what, most, ratio)
        }
    }

    /// A ratio that is already computed.
    pub fn at_most(what: &str, most: Option<f64>, ratio: Option<Spread>) -> Goal {
        let met = |most: f64| ratio.is_some_and(|ratio| ratio.median <= most);
        // Two significant digits, also for small ratios.
        let digits = |ratio: Spread| if ratio.median < 0.2 { 3 } else { 2 };
        Goal {
            what: what.to_owned(),
            goal: most.map_or("informational".to_owned(), |most| format!("≤ {most:.2}")),
            measured: ratio.map_or("nothing".to_owned(), |ratio| {
                median_and_range(ratio, digits(ratio))
            }),
            per_second: String::new(),
            is_met: most.map(met),
        }
    }

    /// For a goal of latencies: without a verdict if other processes used the core of this row.
    pub fn where_quiet(mut self, row: &Measured) -> Goal {
        let waited = row.of(|round| round.waited);
        if waited.is_none_or(|waited| waited.median > MOST_WAITED) {
            self.is_met = None;
            self.measured += "; not judged: other processes used the core";
        }
        self
    }

    /// The peak memory of a server, and its memory before the load.
    pub fn memory(peak_kib: u64, before_kib: u64) -> Goal {
        let (mib, before) = (peak_kib as f64 / 1024.0, before_kib as f64 / 1024.0);
        Goal {
            what: "resident memory (VmHWM) of crosstrust with the sample policies, after the load"
                .to_owned(),
            goal: format!("≤ {MEMORY_MIB:.0} MiB"),
            measured: format!("{mib:.1} MiB; {before:.1} before the load"),
            per_second: String::new(),
            is_met: Some(mib <= MEMORY_MIB),
        }
    }

    /// A line without a limit.
    pub fn informational(what: &str, measured: String) -> Goal {
        Goal {
            what: what.to_owned(),
            goal: "informational".to_owned(),
            measured,
            per_second: String::new(),
            is_met: None,
        }
    }
}

/// `median (least–most)`.
pub fn median_and_range(spread: Spread, digits: usize) -> String {
    let Spread {
        median,
        least,
        most,
    } = spread;
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}

/// Calls per second, the median of the rounds.
fn rate(measured: &Measured) -> String {
    let rate = measured.of(|round| round.load.per_second());
    rate.map_or("nothing".to_owned(), |rate| thousands(rate.median))
}

/// An integer with commas between thousands.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_have_commas() {
        let formatted: Vec<String> = [7.0, 999.6, 12345.0, 1234567.0]
            .map(super::thousands)
            .into();
        assert_eq!(formatted, ["7", "1,000", "12,345", "1,234,567"]);
    }
}
