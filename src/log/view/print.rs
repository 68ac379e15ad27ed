//! Prints records as a table, JSON lines or CSV.
//!
//! Escapes characters that act on a terminal, and cells that a spreadsheet would evaluate as a formula
//! (owasp.org/www-community/attacks/CSV_Injection).

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::{EventKind, VisibleRecord, filter};
use crate::columns;
use crate::log::json;
use crate::snapshot::app_names;
use crate::time::Timestamp;

/// The output format of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// A table with one row per record.
    Table,
    /// One JSON object per line, with all visible members.
    Json,
    /// CSV for spreadsheets.
    Csv,
}

/// The layout of a table. The other formats have neither names nor a width.
#[derive(Debug, Default)]
pub struct TableLayout {
    /// The width of the terminal, to which cells are wrapped. `None`: no wrapping.
    pub width: Option<usize>,
    /// Names by id in lower case, shown beside the ids. Names of Microsoft's applications are always shown.
    pub names: HashMap<String, String>,
}

/// Writes records of one kind.
#[derive(Debug)]
pub struct Printer<W: Write> {
    out: W,
    format: RecordFormat,
    columns: &'static [Column],
    names: HashMap<String, String>,
    /// The column widths of a table; `None`: no wrapping.
    widths: Option<Vec<usize>>,
}

/// A column: its header, its width in a table, and its text.
#[derive(Debug)]
struct Column {
    head: &'static str,
    width: usize,
    text: fn(&VisibleRecord) -> String,
}

impl Column {
    /// The width in a wrapped table. The last column of audit records has no fixed width.
    fn width_of_many(&self) -> usize {
        match self.width {
            0 => 40,
            width => width,
        }
    }
}

impl<W: Write> Printer<W> {
    /// Writes the header row, if the format has one.
    pub fn new(
        out: W,
        format: RecordFormat,
        kind: EventKind,
        layout: TableLayout,
    ) -> io::Result<Self> {
        let columns = match (format, kind) {
            (RecordFormat::Table, EventKind::SignIn) => SIGN_IN_TABLE,
            (RecordFormat::Table, EventKind::Audit) => AUDIT_TABLE,
            (RecordFormat::Json | RecordFormat::Csv, EventKind::SignIn) => SIGN_IN_CSV,
            (RecordFormat::Json | RecordFormat::Csv, EventKind::Audit) => AUDIT_CSV,
        };
        let widths = layout.width.map(|limit| {
            let mut widths: Vec<usize> = columns.iter().map(Column::width_of_many).collect();
            columns::fit(&mut widths, Some(limit));
            widths
        });
        let mut printer = Printer {
            out,
            format,
            columns,
            names: layout.names,
            widths,
        };
        let heads: Vec<String> = columns.iter().map(|one| one.head.to_owned()).collect();
        match format {
            RecordFormat::Table => printer.write_row(heads)?,
            RecordFormat::Csv => write_cells(&mut printer.out, heads.into_iter())?,
            RecordFormat::Json => {}
        }
        Ok(printer)
    }

    /// Writes one record.
    pub fn print(&mut self, record: &VisibleRecord) -> io::Result<()> {
        let cells = self.columns.iter().map(|column| (column.text)(record));
        match self.format {
            RecordFormat::Table => {
                let cells = cells.map(|cell| self.named(cell)).collect();
                self.write_row(cells)
            }
            RecordFormat::Csv => write_cells(&mut self.out, cells),
            RecordFormat::Json => writeln!(self.out, "{}", json::line(&with_seq(record))),
        }
    }

    /// An id with its name, if the name is known.
    fn named(&self, cell: String) -> String {
        let known = self.names.get(&cell.to_ascii_lowercase());
        let name = match known {
            Some(name) => Some(name.as_str()),
            None => cell.parse().ok().and_then(app_names::name_of),
        };
        match name {
            Some(name) => format!("{name} ({cell})"),
            None => cell,
        }
    }

    fn write_row(&mut self, cells: Vec<String>) -> io::Result<()> {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| json::visible(cell).into_owned())
            .collect();
        if let Some(widths) = &self.widths {
            return writeln!(self.out, "{}", columns::row(&cells, widths));
        }
        let padded = self.columns.iter().zip(cells).map(|(column, cell)| {
            let width = column.width;
            format!("{cell:width$}")
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        writeln!(self.out, "{}", line.trim_end())
    }

    /// Flushes the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Flushes and returns the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The body with the record's sequence number.
fn with_seq(record: &VisibleRecord) -> Value {
    let mut body = record.body.clone();
    let crosstrust = body
        .entry("crosstrust")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(crosstrust) = crosstrust {
        crosstrust.insert(String::from("seq"), Value::from(record.seq));
        if record.is_tampered {
            crosstrust.insert(String::from("tampered"), Value::from(true));
        }
    }
    Value::Object(body)
}

pub(super) fn write_cells(
    out: &mut impl Write,
    cells: impl Iterator<Item = String>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    let guarded: Vec<String> = cells.map(|cell| guarded(&cell)).collect();
    writer.write_record(&guarded).map_err(io::Error::other)?;
    writer.flush()
}

/// A cell that a spreadsheet does not evaluate as a formula.
fn guarded(cell: &str) -> String {
    let cell = json::visible(cell);
    let begins = cell.trim_start();
    match begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        true => format!("'{cell}"),
        false => cell.into_owned(),
    }
}

/// An id after a name is in brackets. This width keeps it on one line when the cell is wrapped.
const ID_IN_BRACKETS: usize = 38;

const SIGN_IN_TABLE: &[Column] = &[
    column("TIME", 20, time),
    column("RESULT", 8, table_result),
    column("REASON", 28, reason),
    column("USER", 36, user),
    column("HOME TENANT", ID_IN_BRACKETS, |record| {
        at(record, &["homeTenantId"])
    }),
    column("RESOURCE TENANT", ID_IN_BRACKETS, |record| {
        at(record, &["resourceTenantId"])
    }),
    column("APPLICATION", ID_IN_BRACKETS, |record| {
        at(record, &["resourceId"])
    }),
];

const AUDIT_TABLE: &[Column] = &[
    column("TIME", 20, time),
    column("RESULT", 8, table_result),
    column("ACTIVITY", 55, |record| {
        at(record, &["activityDisplayName"])
    }),
    column("TARGET", 40, target),
    column("CHANGED", 0, changed),
];

const SIGN_IN_CSV: &[Column] = &[
    column("seq", 0, |record| record.seq.to_string()),
    column("createdDateTime", 0, |record| {
        at(record, &["createdDateTime"])
    }),
    column("id", 0, |record| at(record, &["id"])),
    column("result", 0, result),
    column("reason", 0, |record| at(record, &["crosstrust", "reason"])),
    column("stage", 0, |record| at(record, &["crosstrust", "stage"])),
    column("errorCode", 0, |record| {
        at(record, &["status", "errorCode"])
    }),
    column("failureReason", 0, |record| {
        at(record, &["status", "failureReason"])
    }),
    column("userId", 0, user),
    column("userType", 0, |record| at(record, &["userType"])),
    column("homeTenantId", 0, |record| at(record, &["homeTenantId"])),
    column("resourceTenantId", 0, |record| {
        at(record, &["resourceTenantId"])
    }),
    column("crossTenantAccessType", 0, |record| {
        at(record, &["crossTenantAccessType"])
    }),
    column("resourceId", 0, |record| at(record, &["resourceId"])),
    column("channelId", 0, |record| {
        at(record, &["crosstrust", "channelId"])
    }),
    column("appId", 0, |record| at(record, &["appId"])),
    column("clientAppUsed", 0, |record| at(record, &["clientAppUsed"])),
    column("ipAddress", 0, |record| at(record, &["ipAddress"])),
    column("countryOrRegion", 0, |record| {
        at(record, &["location", "countryOrRegion"])
    }),
    column("conditionalAccessStatus", 0, |record| {
        at(record, &["conditionalAccessStatus"])
    }),
    column("appliedConditionalAccessPolicies", 0, applied),
    column("correlationId", 0, |record| at(record, &["correlationId"])),
    column("requestId", 0, |record| {
        at(record, &["crosstrust", "requestId"])
    }),
    column("snapshotId", 0, |record| {
        at(record, &["crosstrust", "snapshotId"])
    }),
    column("tampered", 0, tampered),
];

const AUDIT_CSV: &[Column] = &[
    column("seq", 0, |record| record.seq.to_string()),
    column("activityDateTime", 0, |record| {
        at(record, &["activityDateTime"])
    }),
    column("id", 0, |record| at(record, &["id"])),
    column("result", 0, result),
    column("resultReason", 0, |record| at(record, &["resultReason"])),
    column("category", 0, |record| at(record, &["category"])),
    column("operationType", 0, |record| at(record, &["operationType"])),
    column("activityDisplayName", 0, |record| {
        at(record, &["activityDisplayName"])
    }),
    column("initiatedBy", 0, |record| {
        at(record, &["initiatedBy", "app", "displayName"])
    }),
    column("tenantId", 0, |record| {
        at(record, &["crosstrust", "tenantId"])
    }),
    column("target", 0, target),
    column("changed", 0, changed),
    column("additionalDetails", 0, details),
    column("tampered", 0, tampered),
];

const fn column(head: &'static str, width: usize, text: fn(&VisibleRecord) -> String) -> Column {
    Column { head, width, text }
}

fn time(record: &VisibleRecord) -> String {
    Timestamp::from_seconds(record.time.as_parts().0).to_string()
}

pub(super) fn result(record: &VisibleRecord) -> String {
    let word = match filter::outcome_of(record.kind, &record.body) {
        filter::RecordOutcome::Success => "success",
        filter::RecordOutcome::Failure => "failure",
    };
    String::from(word)
}

/// `TAMPERED` instead of the result of a record that may have been changed.
fn table_result(record: &VisibleRecord) -> String {
    match record.is_tampered {
        true => String::from("TAMPERED"),
        false => result(record),
    }
}

fn tampered(record: &VisibleRecord) -> String {
    let word = if record.is_tampered { "true" } else { "" };
    String::from(word)
}

/// The reason, and the Conditional Access policies that denied the sign-in, if they are visible.
fn reason(record: &VisibleRecord) -> String {
    let reason = at(record, &["crosstrust", "reason"]);
    let policies = items(record, "appliedConditionalAccessPolicies");
    let failed = policies.filter(|policy| text(policy.get("result")) == "failure");
    let names: Vec<String> = failed
        .map(|policy| match text(policy.get("displayName")) {
            name if name.is_empty() => text(policy.get("id")),
            name => name,
        })
        .collect();
    match names.is_empty() || result(record) == "success" {
        true => reason,
        false => format!("{reason}: {}", names.join(", ")),
    }
}

/// The user in the home tenant, else the guest object.
fn user(record: &VisibleRecord) -> String {
    match at(record, &["userId"]) {
        id if id.is_empty() => at(record, &["crosstrust", "resourceUserId"]),
        id => id,
    }
}

/// Each policy and its result.
fn applied(record: &VisibleRecord) -> String {
    let policies = items(record, "appliedConditionalAccessPolicies");
    let results = policies.map(|policy| {
        let member = |name| text(policy.get(name));
        format!("{}: {}", member("displayName"), member("result"))
    });
    results.collect::<Vec<_>>().join("; ")
}

/// The names of the targets, or the ids of targets without a name.
fn target(record: &VisibleRecord) -> String {
    let targets = items(record, "targetResources").map(|target| {
        let member = |name| text(target.get(name));
        match member("displayName") {
            name if name.is_empty() => member("id"),
            name => name,
        }
    });
    targets.collect::<Vec<_>>().join(" / ")
}

/// The names of the changed properties.
fn changed(record: &VisibleRecord) -> String {
    let targets = items(record, "targetResources");
    let properties = targets.flat_map(|target| {
        let properties = target.get("modifiedProperties").and_then(Value::as_array);
        properties.into_iter().flatten()
    });
    let names = properties.map(|property| text(property.get("displayName")));
    names.collect::<Vec<_>>().join(", ")
}

fn details(record: &VisibleRecord) -> String {
    let details = items(record, "additionalDetails");
    let pairs = details.map(|detail| {
        let member = |name| text(detail.get(name));
        format!("{}: {}", member("key"), member("value"))
    });
    pairs.collect::<Vec<_>>().join("; ")
}

fn items<'s>(record: &'s VisibleRecord, name: &str) -> impl Iterator<Item = &'s Value> {
    let list = record.body.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The text at a path; empty if there is none.
pub(super) fn at(record: &VisibleRecord, path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else {
        return String::new();
    };
    let found = record.body.get(*first);
    text(rest.iter().fold(found, |value, name| value?.get(*name)))
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
