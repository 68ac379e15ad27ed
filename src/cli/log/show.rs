//! `crosstrust log show`: prints sign-in or audit records, in the view of one organisation.

use std::collections::VecDeque;
use std::io::{self, BufWriter, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::RecordsArguments;
use super::follow::follow;
use super::names::{self, Names, NamesArguments};
use crate::cli::time_argument::TimeArgument;
use crate::cli::{output, table};
use crate::clock::Clock;
use crate::id::{DecisionId, UserId, parse_guid};
use crate::log::journal::disk::{Disk, SystemDisk};
use crate::log::journal::{
    Gap, GapReason, JournalFollower, JournalRecord, Position, RecordKind, Records,
};
use crate::log::json;
use crate::log::pseudonym::Pseudonyms;
use crate::log::view::{
    self, EventKind, PartnerFilter, Printer, RecordCounts, RecordFilter, RecordFormat,
    RecordOutcome, SignInSide, TableLayout, UserFilter, Viewer, VisibleRecord,
};
use crate::time::Timestamp;

/// Show sign-in records, or with --audit audit records, as one organisation may see them
///
/// A sign-in concerns two organisations. `--side home` is the view of the user's organisation: with the client, without
/// Conditional Access. `--side resource` is the view of the application's organisation: with Conditional Access, without
/// the client. An organisation's audit records are those of its policies and channels. `--operator` shows the records of
/// all organisations in full.
///
/// The log may be in use. Gaps in the log are reported on standard error. A record whose hash does not match the record
/// before it is marked TAMPERED: one of the two was changed.
/// Exit code: 0 = shown; 1 = a record could not be read or was changed; 2 = no record could be read.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    records: RecordsArguments,
    /// The organisation's tenant: an id, or a display name or verified domain in the policies
    #[arg(long, value_name = "TENANT", required_unless_present = "operator")]
    tenant: Option<String>,
    /// The organisation's side of the sign-ins
    #[arg(long, value_enum, required_unless_present_any = ["operator", "audit"])]
    side: Option<SideWord>,
    /// Show all records in full
    #[arg(long, conflicts_with_all = ["tenant", "side"])]
    operator: bool,
    /// Show audit records instead of sign-ins
    #[arg(long)]
    audit: bool,
    /// Only records of this user: an id, or a pseudonym from a record
    #[arg(long, value_name = "ID")]
    user: Option<UserWord>,
    /// Only records of this application: an id, or the name of a Microsoft application
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Only sign-ins whose other organisation is this tenant; with --audit, only changes of settings for this tenant
    #[arg(long, value_name = "TENANT")]
    partner: Option<String>,
    /// Only sign-ins with this reason; may be repeated
    #[arg(
        long,
        value_name = "REASON",
        value_delimiter = ',',
        ignore_case = true,
        value_parser = PossibleValuesParser::new(view::reasons()),
        conflicts_with = "audit"
    )]
    reason: Vec<String>,
    /// Only the record with this id: an answer's decision id
    #[arg(long, value_name = "ID")]
    id: Option<DecisionId>,
    /// Only records with this result
    #[arg(long, value_enum)]
    result: Option<ResultWord>,
    /// Start time: an instant (RFC 3339), a day, or a duration before now such as 90s, 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME")]
    from: Option<TimeArgument>,
    /// End time, exclusive
    #[arg(long, value_name = "TIME")]
    to: Option<TimeArgument>,
    /// Only the last NUMBER records
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    last: Option<u32>,
    /// Show the number of records by result and reason (with --audit: result and activity)
    #[arg(long)]
    count: bool,
    /// Show new records as they are written, until SIGINT (Ctrl-C) or SIGTERM
    #[arg(long, conflicts_with_all = ["count", "to"])]
    follow: bool,
    /// Output format: a table, one JSON object per line, or CSV
    #[arg(long, value_enum, default_value_t = FormatWord::Table)]
    format: FormatWord,
    /// The key of the pseudonyms (log.pseudonym_key), to find a user by id
    #[arg(long, value_name = "FILE", env = "CROSSTRUST_LOG_PSEUDONYM_KEY")]
    pseudonym_key: Option<PathBuf>,
    #[command(flatten)]
    names: NamesArguments,
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
    let names = arguments.names()?;
    let mut query = RecordQuery {
        viewer: arguments.viewer(&names)?,
        filter: arguments.filter(&names)?,
        problems: 0,
        tampered: 0,
        retention: None,
        first: None,
    };
    match show(arguments, &mut query, &names) {
        Err(error) if is_closed_pipe(&error) => {}
        shown => shown?,
    }
    Ok(match query.problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn show(arguments: &ShowArguments, query: &mut RecordQuery, names: &Names) -> anyhow::Result<()> {
    let folder = &arguments.records.log_directory;
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::read_only(folder));
    let mut records = Records::between(Arc::clone(&disk), None, None)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .checked();
    let last = arguments.last.and_then(|last| usize::try_from(last).ok());
    let (format, kind) = (arguments.format(), arguments.kind());
    let mut out = BufWriter::new(output::stdout());
    if arguments.count {
        let mut counts = RecordCounts::new(kind);
        for_each(query, &mut records, last, |seen| {
            counts.add(seen);
            Ok(())
        })?;
        counts.print(&mut out, format)?;
        return Ok(());
    }
    let layout = TableLayout {
        width: table::terminal_width(),
        names: names.by_id(),
    };
    let mut printer = Printer::new(out, format, kind, layout)?;
    let end = for_each(query, &mut records, last, |seen| printer.print(seen))?;
    if arguments.follow {
        printer.flush()?;
        let mut follower = JournalFollower::new(disk, end).continue_check(records);
        follow(query, &mut printer, &mut follower)?;
        query.report_tampering(follower.unreadable());
    }
    printer.finish()?;
    Ok(())
}

/// Calls `visit` for each selected record, or for the `last` ones. Returns the position after the last record.
fn for_each(
    query: &mut RecordQuery,
    records: &mut Records,
    last: Option<usize>,
    mut visit: impl FnMut(&VisibleRecord) -> io::Result<()>,
) -> anyhow::Result<Position> {
    let mut end = Position::default();
    let mut held: VecDeque<VisibleRecord> = VecDeque::new();
    for record in records.by_ref() {
        let record = record.context("cannot read the next record")?;
        end = record.position;
        let Some(seen) = query.select(&record) else {
            continue;
        };
        match last {
            None => visit(&seen)?,
            Some(most) => {
                if held.len() == most {
                    held.pop_front();
                }
                held.push_back(seen);
            }
        }
    }
    held.iter().try_for_each(visit)?;
    query.report_retention();
    query.report_tampering(records.unreadable());
    Ok(end)
}

/// The viewer and filter of the records to show, and the problems found while reading.
pub(super) struct RecordQuery {
    viewer: Viewer,
    filter: RecordFilter,
    problems: usize,
    /// Records, including checkpoints, whose hash does not match the record before.
    tampered: u64,
    /// The last gap record of retention; it covers the earlier ones.
    retention: Option<Gap>,
    /// The time of the first record in the log.
    first: Option<String>,
}

impl RecordQuery {
    /// The record as the viewer may see it, if it matches the filter. Reports gaps and unreadable records.
    pub(super) fn select(&mut self, record: &JournalRecord) -> Option<VisibleRecord> {
        self.tampered += u64::from(record.is_broken);
        self.first.get_or_insert_with(|| record.time.clone());
        let kind = match record.kind {
            RecordKind::SignIn => EventKind::SignIn,
            RecordKind::Audit => EventKind::Audit,
            RecordKind::Gap => {
                self.report_gap(record);
                return None;
            }
            RecordKind::Segment | RecordKind::Checkpoint => return None,
        };
        let Ok(time) = record.time.parse() else {
            self.problem(&format!("record {} has no time", record.seq));
            return None;
        };
        let is_broken = record.is_broken;
        let record = view::RecordRef {
            seq: record.seq,
            time,
            kind,
            body: &record.body,
        };
        match view::visible_record(&record, self.viewer, &self.filter) {
            Ok(seen) => seen.map(|seen| VisibleRecord {
                is_tampered: is_broken,
                ..seen
            }),
            Err(unreadable) => {
                self.problem(&unreadable.to_string());
                None
            }
        }
    }

    /// Reports that records may be missing. Only the operator sees how many, because they may be records of others.
    fn report_gap(&mut self, record: &JournalRecord) {
        let gap = serde_json::from_slice::<Gap>(&record.body).ok();
        if let Some(gap) = gap.filter(|gap| gap.reason == GapReason::Retention) {
            self.retention = Some(gap);
            return;
        }
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
        let note = format!("note: records are missing before {}{detail}", record.time);
        output::error_line(json::visible(&note));
    }

    /// Reports retention once, although every removed file has a gap record.
    fn report_retention(&self) {
        let (Some(gap), Some(first)) = (&self.retention, &self.first) else {
            return;
        };
        let detail = match (self.viewer, gap.to) {
            (Viewer::Operator, Some(to)) => format!(" (up to record {to})"),
            (Viewer::Operator | Viewer::Tenant { .. }, _) => String::new(),
        };
        let note = format!("note: retention has removed the records before {first}{detail}");
        output::error_line(json::visible(&note));
    }

    fn report_tampering(&mut self, unreadable: u64) {
        let broken = std::mem::take(&mut self.tampered);
        if broken > 0 {
            self.problem(&format!(
                "{broken} records were changed, or the record before each was; `crosstrust log verify` lists them"
            ));
        }
        if unreadable > 0 {
            self.problem(&format!(
                "{unreadable} lines are not valid records and are not shown; `crosstrust log verify` lists them"
            ));
        }
    }

    fn problem(&mut self, what: &str) {
        self.problems += 1;
        output::error_line(format_args!("crosstrust: {}", json::visible(what)));
    }
}

impl ShowArguments {
    fn format(&self) -> RecordFormat {
        match self.format {
            FormatWord::Table => RecordFormat::Table,
            FormatWord::Json => RecordFormat::Json,
            FormatWord::Csv => RecordFormat::Csv,
        }
    }

    fn kind(&self) -> EventKind {
        match self.audit {
            true => EventKind::Audit,
            false => EventKind::SignIn,
        }
    }

    /// Reads the policies if a flag has a name or a table shows names.
    fn names(&self) -> anyhow::Result<Names> {
        let flags = [&self.tenant, &self.partner].into_iter().flatten();
        let shows_names = self.format() == RecordFormat::Table && !self.count;
        match shows_names || flags.into_iter().any(|text| parse_guid(text).is_err()) {
            true => self.names.read(),
            false => Ok(Names::default()),
        }
    }

    fn viewer(&self, names: &Names) -> anyhow::Result<Viewer> {
        let Some(tenant) = &self.tenant else {
            return Ok(Viewer::Operator);
        };
        let id = names.tenant("--tenant", tenant)?;
        let side = match self.side {
            Some(SideWord::Home) => SignInSide::Home,
            Some(SideWord::Resource) => SignInSide::Resource,
            // Audit records have no side.
            None if self.audit => SignInSide::Resource,
            None => {
                bail!("expected --side home or --side resource, the tenant's side of the sign-ins")
            }
        };
        Ok(Viewer::Tenant { id, side })
    }

    fn filter(&self, names: &Names) -> anyhow::Result<RecordFilter> {
        let user = match &self.user {
            None => None,
            Some(UserWord::Pseudonym(pseudonym)) => Some(UserFilter::of_pseudonym(pseudonym)),
            Some(UserWord::Id(id)) => Some(UserFilter::of(*id, &self.pseudonyms()?)),
        };
        let app = self.app.as_deref().map(|app| names::app("--app", app));
        let now = Clock::System.now().wall;
        let (from, to) = (
            self.from.map(|time| time.resolve(now)),
            self.to.map(|time| time.resolve(now)),
        );
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            bail!("found --from {from} and --to {to}, expected --from before --to");
        }
        Ok(RecordFilter {
            kind: Some(self.kind()),
            user,
            app: app.transpose()?,
            outcome: self.result.map(|word| match word {
                ResultWord::Success => RecordOutcome::Success,
                ResultWord::Failure => RecordOutcome::Failure,
            }),
            id: self.id,
            partner: self.partner(names)?,
            reasons: self
                .reason
                .iter()
                .map(|reason| reason.to_ascii_uppercase())
                .collect(),
            from,
            to,
        })
    }

    /// The partner is on the other side of a sign-in; for the operator, on either side.
    fn partner(&self, names: &Names) -> anyhow::Result<Option<PartnerFilter>> {
        let Some(partner) = &self.partner else {
            return Ok(None);
        };
        Ok(Some(PartnerFilter {
            tenant: names.tenant("--partner", partner)?,
            end: self.side.map(|side| match side {
                SideWord::Home => SignInSide::Resource,
                SideWord::Resource => SignInSide::Home,
            }),
        }))
    }

    fn pseudonyms(&self) -> anyhow::Result<Pseudonyms> {
        let Some(file) = &self.pseudonym_key else {
            return Ok(Pseudonyms::OFF);
        };
        Pseudonyms::from_file(file).with_context(|| format!("--pseudonym-key {}", file.display()))
    }
}
