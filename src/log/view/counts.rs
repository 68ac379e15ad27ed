//! The number of records per reason or activity, as a table, JSON lines or CSV.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::json;

use super::print::{at, result, write_cells};
use super::{EventKind, RecordFormat, VisibleRecord};
use crate::log::json;

/// Counts records by result and reason, audit records by result and activity.
#[derive(Debug)]
pub struct RecordCounts {
    kind: EventKind,
    counts: HashMap<(String, String), u64>,
}

impl RecordCounts {
    /// Empty counts for one kind of records.
    pub fn new(kind: EventKind) -> Self {
        RecordCounts {
            kind,
            counts: HashMap::new(),
        }
    }

    /// Counts one record.
    pub fn add(&mut self, record: &VisibleRecord) {
        let reason = match self.kind {
            EventKind::SignIn => at(record, &["crosstrust", "reason"]),
            EventKind::Audit => at(record, &["activityDisplayName"]),
        };
        *self.counts.entry((result(record), reason)).or_default() += 1;
    }

    /// Writes the counts in descending order. Only a table ends with a row for the sum.
    pub fn print(self, out: &mut impl Write, format: RecordFormat) -> io::Result<()> {
        let reason = match self.kind {
            EventKind::SignIn => "reason",
            EventKind::Audit => "activity",
        };
        let sum: u64 = self.counts.values().sum();
        let mut rows: Vec<((String, String), u64)> = self.counts.into_iter().collect();
        rows.sort_unstable_by(|(a, m), (b, n)| (Reverse(m), a).cmp(&(Reverse(n), b)));
        let width = sum.to_string().len().max(HEAD.len());
        match format {
            RecordFormat::Table => {
                writeln!(out, "{HEAD:>width$}  RESULT   {}", reason.to_uppercase())?
            }
            RecordFormat::Csv => write_cells(
                out,
                [COUNT, "result", reason].map(str::to_owned).into_iter(),
            )?,
            RecordFormat::Json => {}
        }
        for ((result, text), count) in rows {
            match format {
                RecordFormat::Table => {
                    let text = json::visible(&text);
                    writeln!(out, "{count:>width$}  {result:7}  {text}")?;
                }
                RecordFormat::Csv => {
                    write_cells(out, [count.to_string(), result, text].into_iter())?
                }
                RecordFormat::Json => {
                    let row = json!({COUNT: count, "result": result, reason: text});
                    writeln!(out, "{}", json::line(&row))?;
                }
            }
        }
        if format == RecordFormat::Table {
            writeln!(out, "{sum:>width$}  in all")?;
        }
        out.flush()
    }
}

const HEAD: &str = "COUNT";
const COUNT: &str = "count";
