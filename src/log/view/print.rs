//! Records for people and for other programs: a table, JSON lines, CSV.
//!
//! Nothing that a record holds can act on a terminal, or be taken for a formula by a spreadsheet
//! (owasp.org/www-community/attacks/CSV_Injection).

use std::collections::HashMap;
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::{Kind, Seen, filter};
use crate::columns;
use crate::log::json;
use crate::snapshot::app_names;
use crate::time::Timestamp;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line each, for people.
    Table,
    /// A JSON object each, with all that may be seen.
    Json,
    /// For spreadsheets.
    Csv,
}

/// How a table is laid out; the other formats are for programs and have neither names nor a width.
#[derive(Debug, Default)]
pub struct Layout {
    /// The width of the terminal; cells are wrapped to it. `None`: a line each, however long.
    pub width: Option<usize>,
    /// Names by id, in lower case, shown beside the ids. Microsoft's applications have theirs in any case.
    pub names: HashMap<String, String>,
}

/// Writes records of one kind.
#[derive(Debug)]
pub struct Printer<W: Write> {
    out: W,
    format: Format,
    columns: &'static [Column],
    names: HashMap<String, String>,
    /// Widths of the columns of a table; `None`: cells are not wrapped.
    widths: Option<Vec<usize>>,
}

/// A column: its head, how wide it is in a table, and where its text comes from.
#[derive(Debug)]
struct Column {
    head: &'static str,
    width: usize,
    text: fn(&Seen) -> String,
}

impl Column {
    /// The width in a table that has to fit: the last column of audit records has no width of its own.
    fn width_of_many(&self) -> usize {
        match self.width {
            0 => 40,
            width => width,
        }
    }
}

impl<W: Write> Printer<W> {
    /// Begins with the head, where the format has one.
    pub fn new(out: W, format: Format, kind: Kind, layout: Layout) -> io::Result<Self> {
        let columns = match (format, kind) {
            (Format::Table, Kind::SignIn) => SIGN_IN_TABLE,
            (Format::Table, Kind::Audit) => AUDIT_TABLE,
            (Format::Json | Format::Csv, Kind::SignIn) => SIGN_IN_CSV,
            (Format::Json | Format::Csv, Kind::Audit) => AUDIT_CSV,
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
            Format::Table => printer.write_row(heads)?,
            Format::Csv => write_cells(&mut printer.out, heads.into_iter())?,
            Format::Json => {}
        }
        Ok(printer)
    }

    /// Writes one record.
    pub fn print(&mut self, seen: &Seen) -> io::Result<()> {
        let cells = self.columns.iter().map(|column| (column.text)(seen));
        match self.format {
            Format::Table => {
                let cells = cells.map(|cell| self.named(cell)).collect();
                self.write_row(cells)
            }
            Format::Csv => write_cells(&mut self.out, cells),
            Format::Json => writeln!(self.out, "{}", json::line(&with_place(seen))),
        }
    }

    /// An id with its name, where it has one.
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

    /// Hands on what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Flushes what was written, and gives it back.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// The body, and where in the log it is.
fn with_place(seen: &Seen) -> Value {
    let mut body = seen.body.clone();
    let ours = body
        .entry("crosstrust")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(ours) = ours {
        ours.insert(String::from("seq"), Value::from(seen.seq));
        if seen.is_tampered {
            ours.insert(String::from("tampered"), Value::from(true));
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

/// A cell that a spreadsheet takes for text.
fn guarded(cell: &str) -> String {
    let cell = json::visible(cell);
    let begins = cell.trim_start();
    match begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
        true => format!("'{cell}"),
        false => cell.into_owned(),
    }
}

/// Behind a name, an id is in brackets: with this width it is not broken where the cell is wrapped.
const ID_IN_BRACKETS: usize = 38;

const SIGN_IN_TABLE: &[Column] = &[
    column("TIME", 20, time),
    column("RESULT", 8, table_result),
    column("REASON", 28, reason),
    column("USER", 36, user),
    column("HOME TENANT", ID_IN_BRACKETS, |seen| {
        at(seen, &["homeTenantId"])
    }),
    column("RESOURCE TENANT", ID_IN_BRACKETS, |seen| {
        at(seen, &["resourceTenantId"])
    }),
    column("APPLICATION", ID_IN_BRACKETS, |seen| {
        at(seen, &["resourceId"])
    }),
];

const AUDIT_TABLE: &[Column] = &[
    column("TIME", 20, time),
    column("RESULT", 8, table_result),
    column("ACTIVITY", 55, |seen| at(seen, &["activityDisplayName"])),
    column("TARGET", 40, target),
    column("CHANGED", 0, changed),
];

const SIGN_IN_CSV: &[Column] = &[
    column("seq", 0, |seen| seen.seq.to_string()),
    column("createdDateTime", 0, |seen| at(seen, &["createdDateTime"])),
    column("id", 0, |seen| at(seen, &["id"])),
    column("result", 0, result),
    column("reason", 0, |seen| at(seen, &["crosstrust", "reason"])),
    column("stage", 0, |seen| at(seen, &["crosstrust", "stage"])),
    column("errorCode", 0, |seen| at(seen, &["status", "errorCode"])),
    column("failureReason", 0, |seen| {
        at(seen, &["status", "failureReason"])
    }),
    column("userId", 0, user),
    column("userType", 0, |seen| at(seen, &["userType"])),
    column("homeTenantId", 0, |seen| at(seen, &["homeTenantId"])),
    column("resourceTenantId", 0, |seen| {
        at(seen, &["resourceTenantId"])
    }),
    column("crossTenantAccessType", 0, |seen| {
        at(seen, &["crossTenantAccessType"])
    }),
    column("resourceId", 0, |seen| at(seen, &["resourceId"])),
    column("channelId", 0, |seen| {
        at(seen, &["crosstrust", "channelId"])
    }),
    column("appId", 0, |seen| at(seen, &["appId"])),
    column("clientAppUsed", 0, |seen| at(seen, &["clientAppUsed"])),
    column("ipAddress", 0, |seen| at(seen, &["ipAddress"])),
    column("countryOrRegion", 0, |seen| {
        at(seen, &["location", "countryOrRegion"])
    }),
    column("conditionalAccessStatus", 0, |seen| {
        at(seen, &["conditionalAccessStatus"])
    }),
    column("appliedConditionalAccessPolicies", 0, applied),
    column("correlationId", 0, |seen| at(seen, &["correlationId"])),
    column("requestId", 0, |seen| {
        at(seen, &["crosstrust", "requestId"])
    }),
    column("snapshotId", 0, |seen| {
        at(seen, &["crosstrust", "snapshotId"])
    }),
    column("tampered", 0, tampered),
];

const AUDIT_CSV: &[Column] = &[
    column("seq", 0, |seen| seen.seq.to_string()),
    column("activityDateTime", 0, |seen| {
        at(seen, &["activityDateTime"])
    }),
    column("id", 0, |seen| at(seen, &["id"])),
    column("result", 0, result),
    column("resultReason", 0, |seen| at(seen, &["resultReason"])),
    column("category", 0, |seen| at(seen, &["category"])),
    column("operationType", 0, |seen| at(seen, &["operationType"])),
    column("activityDisplayName", 0, |seen| {
        at(seen, &["activityDisplayName"])
    }),
    column("initiatedBy", 0, |seen| {
        at(seen, &["initiatedBy", "app", "displayName"])
    }),
    column("tenantId", 0, |seen| at(seen, &["crosstrust", "tenantId"])),
    column("target", 0, target),
    column("changed", 0, changed),
    column("additionalDetails", 0, details),
    column("tampered", 0, tampered),
];

const fn column(head: &'static str, width: usize, text: fn(&Seen) -> String) -> Column {
    Column { head, width, text }
}

fn time(seen: &Seen) -> String {
    Timestamp::from_seconds(seen.time.as_parts().0).to_string()
}

pub(super) fn result(seen: &Seen) -> String {
    let word = match filter::outcome_of(seen.kind, &seen.body) {
        filter::Outcome::Success => "success",
        filter::Outcome::Failure => "failure",
    };
    String::from(word)
}

/// What a changed record says of its result is not shown as one.
fn table_result(seen: &Seen) -> String {
    match seen.is_tampered {
        true => String::from("TAMPERED"),
        false => result(seen),
    }
}

fn tampered(seen: &Seen) -> String {
    let word = if seen.is_tampered { "true" } else { "" };
    String::from(word)
}

/// The reason, and of Conditional Access the policies that denied it, where the viewer may see them.
fn reason(seen: &Seen) -> String {
    let reason = at(seen, &["crosstrust", "reason"]);
    let policies = items(seen, "appliedConditionalAccessPolicies");
    let failed = policies.filter(|policy| text(policy.get("result")) == "failure");
    let names: Vec<String> = failed
        .map(|policy| match text(policy.get("displayName")) {
            name if name.is_empty() => text(policy.get("id")),
            name => name,
        })
        .collect();
    match names.is_empty() || result(seen) == "success" {
        true => reason,
        false => format!("{reason}: {}", names.join(", ")),
    }
}

/// The user at home, else the guest object.
fn user(seen: &Seen) -> String {
    match at(seen, &["userId"]) {
        id if id.is_empty() => at(seen, &["crosstrust", "resourceUserId"]),
        id => id,
    }
}

/// Each policy and its result.
fn applied(seen: &Seen) -> String {
    let policies = items(seen, "appliedConditionalAccessPolicies");
    let told = policies.map(|policy| {
        let member = |name| text(policy.get(name));
        format!("{}: {}", member("displayName"), member("result"))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Each target by its name, else by its id.
fn target(seen: &Seen) -> String {
    let targets = items(seen, "targetResources").map(|target| {
        let member = |name| text(target.get(name));
        match member("displayName") {
            name if name.is_empty() => member("id"),
            name => name,
        }
    });
    targets.collect::<Vec<_>>().join(" / ")
}

/// The members that differ.
fn changed(seen: &Seen) -> String {
    let targets = items(seen, "targetResources");
    let properties = targets.flat_map(|target| {
        let properties = target.get("modifiedProperties").and_then(Value::as_array);
        properties.into_iter().flatten()
    });
    let names = properties.map(|property| text(property.get("displayName")));
    names.collect::<Vec<_>>().join(", ")
}

fn details(seen: &Seen) -> String {
    let details = items(seen, "additionalDetails");
    let told = details.map(|detail| {
        let member = |name| text(detail.get(name));
        format!("{}: {}", member("key"), member("value"))
    });
    told.collect::<Vec<_>>().join("; ")
}

fn items<'s>(seen: &'s Seen, name: &str) -> impl Iterator<Item = &'s Value> {
    let list = seen.body.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The text at a path; empty where there is nothing.
pub(super) fn at(seen: &Seen, path: &[&str]) -> String {
    let Some((first, rest)) = path.split_first() else {
        return String::new();
    };
    let found = seen.body.get(*first);
    text(rest.iter().fold(found, |value, name| value?.get(*name)))
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}
