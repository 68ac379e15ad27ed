//! How many records there are of each reason or activity, for people and for other programs.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::json;

use super::print::{at, result, write_cells};
use super::{Format, Kind, Seen};
use crate::log::json;

/// Counts records by result and reason, audit records by result and activity.
#[derive(Debug)]
pub struct Counts {
    kind: Kind,
    counts: HashMap<(String, String), u64>,
}

impl Counts {
    /// Nothing is counted yet.
    pub fn new(kind: Kind) -> Self {
        Counts {
            kind,
            counts: HashMap::new(),
        }
    }

    /// Counts one record.
    pub fn add(&mut self, seen: &Seen) {
        let reason = match self.kind {
            Kind::SignIn => at(seen, &["crosstrust", "reason"]),
            Kind::Audit => at(seen, &["activityDisplayName"]),
        };
        *self.counts.entry((result(seen), reason)).or_default() += 1;
    }

    /// Writes the counts, the largest first. A table ends with their sum; the other formats have rows of one kind only.
    pub fn print(self, out: &mut impl Write, format: Format) -> io::Result<()> {
        let reason = match self.kind {
            Kind::SignIn => "reason",
            Kind::Audit => "activity",
        };
        let sum: u64 = self.counts.values().sum();
        let mut rows: Vec<((String, String), u64)> = self.counts.into_iter().collect();
        rows.sort_unstable_by(|(a, m), (b, n)| (Reverse(m), a).cmp(&(Reverse(n), b)));
        let width = sum.to_string().len().max(HEAD.len());
        match format {
            Format::Table => writeln!(out, "{HEAD:>width$}  RESULT   {}", reason.to_uppercase())?,
            Format::Csv => write_cells(
                out,
                [COUNT, "result", reason].map(str::to_owned).into_iter(),
            )?,
            Format::Json => {}
        }
        for ((result, text), count) in rows {
            match format {
                Format::Table => {
                    let text = json::visible(&text);
                    writeln!(out, "{count:>width$}  {result:7}  {text}")?;
                }
                Format::Csv => write_cells(out, [count.to_string(), result, text].into_iter())?,
                Format::Json => {
                    let row = json!({COUNT: count, "result": result, reason: text});
                    writeln!(out, "{}", json::line(&row))?;
                }
            }
        }
        if format == Format::Table {
            writeln!(out, "{sum:>width$}  in all")?;
        }
        out.flush()
    }
}

const HEAD: &str = "COUNT";
const COUNT: &str = "count";
