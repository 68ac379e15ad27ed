//! `crosstrust log show`: who came in and why, and what was changed, as one organisation sees it.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::RecordsArguments;
use crate::cli::authorize::engine_of;
use crate::cli::{output, policies, table};
use crate::id::{AppId, TenantId, UserId};
use crate::log::journal::disk::{Disk, SystemDisk};
use crate::log::journal::{Record, RecordKind, Records};
use crate::log::json;
use crate::log::pseudonym::Pseudonyms;
use crate::log::view::{
    self, Filter, Format, Kind, Layout, Outcome, Person, Printer, Seen, Side, Viewer,
};
use crate::time::Timestamp;

/// Shows sign-ins, or with --audit what was changed, as the administrators of one organisation see them.
///
/// A sign-in concerns two organisations. With `--side home` it is shown as the user's organisation sees it: with the
/// client, without Conditional Access; with `--side resource` as the application's: with Conditional Access, without
/// the client. An organisation's audit records are those of its own policies and channels. `--operator` shows
/// everything, whoever it concerns.
///
/// It may be asked while the log is written. Gaps in the log are told on standard error.
/// Exit code: 0 = shown; 1 = some record could not be read; 2 = nothing could be.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    records: RecordsArguments,
    /// Whose view: the organisation's tenant id
    #[arg(long, value_name = "ID", required_unless_present = "operator")]
    tenant: Option<TenantId>,
    /// Which end of sign-ins that organisation is
    #[arg(long, value_enum, required_unless_present_any = ["operator", "audit"])]
    side: Option<SideWord>,
    /// Everything, as it was written
    #[arg(long, conflicts_with_all = ["tenant", "side"])]
    operator: bool,
    /// Audit records instead of sign-ins
    #[arg(long)]
    audit: bool,
    /// Only this user's: an id, or a pseudonym as records show it
    #[arg(long, value_name = "ID")]
    user: Option<UserWord>,
    /// Only those of this application
    #[arg(long, value_name = "ID")]
    app: Option<AppId>,
    /// Only those that ended so
    #[arg(long, value_enum)]
    result: Option<ResultWord>,
    /// Not before this instant (RFC 3339) or day
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Before this instant or day
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,
    /// Only the last ones, this many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    last: Option<u32>,
    /// How they are written: a table, a JSON object a line, or CSV
    #[arg(long, value_enum, default_value_t = FormatWord::Table)]
    format: FormatWord,
    /// The key of the pseudonyms, to find a user by id
    #[arg(long, value_name = "FILE", env = "CROSSTRUST_LOG_PSEUDONYM_KEY")]
    pseudonym_key: Option<PathBuf>,
    /// A policies folder: its tenants' names are shown beside their ids in a table
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Configuration file of `serve`; what it says about policies counts with --policies
    #[arg(long, value_name = "FILE", requires = "policies")]
    config: Option<PathBuf>,
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
}

#[derive(Clone, Copy, ValueEnum)]
enum SideWord {
    Home,
    Resource,
}

#[derive(Clone, Copy, ValueEnum)]
enum ResultWord {
    Success,
    Failure,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatWord {
    Table,
    Json,
    Csv,
}

#[derive(Clone)]
enum UserWord {
    Id(UserId),
    Pseudonym(String),
}

impl FromStr for UserWord {
    type Err = <UserId as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("p:") {
            Some(_) => Ok(UserWord::Pseudonym(text.to_owned())),
            None => text.parse().map(UserWord::Id),
        }
    }
}

pub(super) fn run(arguments: &ShowArguments) -> anyhow::Result<ExitCode> {
    let mut look = Look {
        viewer: arguments.viewer()?,
        filter: arguments.filter()?,
        problems: 0,
    };
    let format = match arguments.format {
        FormatWord::Table => Format::Table,
        FormatWord::Json => Format::Json,
        FormatWord::Csv => Format::Csv,
    };
    let folder = &arguments.records.log_directory;
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::beside(folder));
    let records = Records::between(disk, None, None)
        .with_context(|| format!("cannot read {}", folder.display()))?;
    let out = BufWriter::new(io::stdout().lock());
    let layout = Layout {
        width: table::terminal_width(),
        names: arguments.names()?,
    };
    match show(&mut look, records, format, layout, arguments.last, out) {
        // The reader has closed the pipe.
        Err(error) if is_closed(&error) => {}
        shown => shown?,
    }
    Ok(match look.problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Prints what is looked for.
fn show(
    look: &mut Look,
    records: Records,
    format: Format,
    layout: Layout,
    last: Option<u32>,
    out: impl Write,
) -> anyhow::Result<()> {
    let kind = look.filter.kind.unwrap_or(Kind::SignIn);
    let mut printer = Printer::new(out, format, kind, layout)?;
    let most = last.and_then(|last| usize::try_from(last).ok());
    let mut kept: VecDeque<Seen> = VecDeque::new();
    for record in records {
        let Some(seen) = look.at(&record.context("cannot read further")?) else {
            continue;
        };
        match most {
            None => printer.print(&seen)?,
            Some(most) => {
                if kept.len() == most {
                    kept.pop_front();
                }
                kept.push_back(seen);
            }
        }
    }
    for seen in &kept {
        printer.print(seen)?;
    }
    printer.finish()?;
    Ok(())
}

/// What is looked for, and for whom.
struct Look {
    viewer: Viewer,
    filter: Filter,
    problems: usize,
}

impl Look {
    fn at(&mut self, record: &Record) -> Option<Seen> {
        let kind = match record.kind {
            RecordKind::SignIn => Kind::SignIn,
            RecordKind::Audit => Kind::Audit,
            RecordKind::Gap => {
                self.tell_gap(record);
                return None;
            }
            RecordKind::Segment | RecordKind::Checkpoint => return None,
        };
        let Ok(time) = record.time.parse() else {
            self.problem(&format!("record {} has no time", record.seq));
            return None;
        };
        let record = view::Record {
            seq: record.seq,
            time,
            kind,
            body: &record.body,
        };
        match view::seen(&record, self.viewer, &self.filter) {
            Ok(seen) => seen,
            Err(unreadable) => {
                self.problem(&unreadable.to_string());
                None
            }
        }
    }

    /// Somebody who looks for something has to know where it may be missing. How many records of others are is the
    /// operator's to see.
    fn tell_gap(&self, record: &Record) {
        let is_before = record
            .time
            .parse()
            .is_ok_and(|time: Timestamp| self.filter.from.is_some_and(|from| time < from));
        if is_before {
            return;
        }
        let detail = match self.viewer {
            Viewer::Operator => format!(": {}", String::from_utf8_lossy(&record.body)),
            Viewer::Tenant { .. } => String::new(),
        };
        let told = format!("note: records are missing before {}{detail}", record.time);
        output::error_line(json::visible(&told));
    }

    fn problem(&mut self, what: &str) {
        self.problems += 1;
        output::error_line(format_args!("crosstrust: {}", json::visible(what)));
    }
}

impl ShowArguments {
    fn viewer(&self) -> anyhow::Result<Viewer> {
        let Some(id) = self.tenant else {
            return Ok(Viewer::Operator);
        };
        let side = match self.side {
            Some(SideWord::Home) => Side::Home,
            Some(SideWord::Resource) => Side::Resource,
            // Audit records have none.
            None if self.audit => Side::Resource,
            None => bail!("--side home or --side resource: which end of sign-ins is it?"),
        };
        Ok(Viewer::Tenant { id, side })
    }

    fn filter(&self) -> anyhow::Result<Filter> {
        let user = match &self.user {
            None => None,
            Some(UserWord::Pseudonym(pseudonym)) => Some(Person::called(pseudonym)),
            Some(UserWord::Id(id)) => Some(Person::of(*id, &self.pseudonyms()?)),
        };
        let kind = match self.audit {
            true => Kind::Audit,
            false => Kind::SignIn,
        };
        Ok(Filter {
            kind: Some(kind),
            user,
            app: self.app,
            outcome: self.result.map(|word| match word {
                ResultWord::Success => Outcome::Success,
                ResultWord::Failure => Outcome::Failure,
            }),
            from: self.from,
            to: self.to,
        })
    }

    fn names(&self) -> anyhow::Result<HashMap<String, String>> {
        let Some(folder) = &self.policies else {
            return Ok(HashMap::new());
        };
        let settings = policies::settings_of_file(self.config.as_deref(), &self.undecisive)?;
        let engine = engine_of(folder, settings)?;
        let active = engine.active();
        let tenants = active.iter().flat_map(|active| active.snapshot.tenants());
        // A tenant without a name has its id for one.
        let named = tenants.map(|(id, name)| (id.to_string(), name.to_owned()));
        Ok(named.filter(|(id, name)| id != name).collect())
    }

    fn pseudonyms(&self) -> anyhow::Result<Pseudonyms> {
        let Some(file) = &self.pseudonym_key else {
            return Ok(Pseudonyms::OFF);
        };
        Pseudonyms::from_file(file).with_context(|| format!("the key {}", file.display()))
    }
}
