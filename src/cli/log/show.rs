//! `crosstrust log show`: who came in and why, and what was changed, as one organisation sees it.

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
use crate::cli::when::When;
use crate::cli::{output, table};
use crate::clock::Clock;
use crate::id::{DecisionId, UserId, parse_guid};
use crate::log::journal::disk::{Disk, SystemDisk};
use crate::log::journal::{Follower, Gap, Lost, Position, Record, RecordKind, Records};
use crate::log::json;
use crate::log::pseudonym::Pseudonyms;
use crate::log::view::{
    self, Counts, Filter, Format, Kind, Layout, Outcome, Partner, Person, Printer, Seen, Side,
    Viewer,
};
use crate::time::Timestamp;

/// Show who came in and why, or with --audit what was changed, as one organisation sees it
///
/// A sign-in concerns two organisations. With `--side home` it is shown as the user's organisation sees it: with the
/// client, without Conditional Access; with `--side resource` as the application's: with Conditional Access, without
/// the client. An organisation's audit records are those of its own policies and channels. `--operator` shows
/// everything, whoever it concerns.
///
/// It may be asked while the log is written. Gaps in the log are reported on standard error. A record that does not
/// follow from the one before it is marked TAMPERED: one of the two was changed.
/// Exit code: 0 = shown; 1 = some record could not be read or was changed; 2 = nothing could be.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    records: RecordsArguments,
    /// Whose view: the organisation's tenant, by id, or by display name or verified domain in the policies
    #[arg(long, value_name = "TENANT", required_unless_present = "operator")]
    tenant: Option<String>,
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
    /// Only those of this application: an id, or the name of one of Microsoft's own
    #[arg(long, value_name = "APP")]
    app: Option<String>,
    /// Only sign-ins whose other organisation is this tenant; with --audit, only changes of settings about it
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
    /// Only the event with this id: an answer's decision id
    #[arg(long, value_name = "ID")]
    id: Option<DecisionId>,
    /// Only those that ended so
    #[arg(long, value_enum)]
    result: Option<ResultWord>,
    /// Not before this instant (RFC 3339) or day, or this long ago: 90s, 30m, 12h, 7d, 2w
    #[arg(long, value_name = "TIME")]
    from: Option<When>,
    /// Before this instant or day, or this long ago
    #[arg(long, value_name = "TIME")]
    to: Option<When>,
    /// Only the last ones, this many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    last: Option<u32>,
    /// How many there are of each result and reason (with --audit: result and activity) instead of the records
    #[arg(long)]
    count: bool,
    /// Go on with records as they are written, until SIGINT (Ctrl-C) or SIGTERM
    #[arg(long, conflicts_with_all = ["count", "to"])]
    follow: bool,
    /// How they are written: a table, a JSON object a line, or CSV
    #[arg(long, value_enum, default_value_t = FormatWord::Table)]
    format: FormatWord,
    /// The key of the pseudonyms, to find a user by id
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
    let mut look = Look {
        viewer: arguments.viewer(&names)?,
        filter: arguments.filter(&names)?,
        problems: 0,
        tampered: 0,
        retention: None,
        first: None,
    };
    match show(arguments, &mut look, &names) {
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
fn show(arguments: &ShowArguments, look: &mut Look, names: &Names) -> anyhow::Result<()> {
    let folder = &arguments.records.log_directory;
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::beside(folder));
    let mut records = Records::between(Arc::clone(&disk), None, None)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .checked();
    let last = arguments.last.and_then(|last| usize::try_from(last).ok());
    let (format, kind) = (arguments.format(), arguments.kind());
    let mut out = BufWriter::new(output::standard());
    if arguments.count {
        let mut counts = Counts::new(kind);
        each(look, &mut records, last, |seen| {
            counts.add(seen);
            Ok(())
        })?;
        counts.print(&mut out, format)?;
        return Ok(());
    }
    let layout = Layout {
        width: table::terminal_width(),
        names: names.by_id(),
    };
    let mut printer = Printer::new(out, format, kind, layout)?;
    let end = each(look, &mut records, last, |seen| printer.print(seen))?;
    if arguments.follow {
        printer.flush()?;
        let mut follower = Follower::new(disk, end).checked_as(records);
        follow(look, &mut printer, &mut follower)?;
        look.tell_tampering(follower.unreadable());
    }
    printer.finish()?;
    Ok(())
}

/// Hands over what is looked for, or the last ones of it. Returns the position behind the last record.
fn each(
    look: &mut Look,
    records: &mut Records,
    last: Option<usize>,
    mut found: impl FnMut(&Seen) -> io::Result<()>,
) -> anyhow::Result<Position> {
    let mut end = Position::default();
    let mut kept: VecDeque<Seen> = VecDeque::new();
    for record in records.by_ref() {
        let record = record.context("cannot read further")?;
        end = record.position;
        let Some(seen) = look.at(&record) else {
            continue;
        };
        match last {
            None => found(&seen)?,
            Some(most) => {
                if kept.len() == most {
                    kept.pop_front();
                }
                kept.push_back(seen);
            }
        }
    }
    kept.iter().try_for_each(found)?;
    look.tell_retention();
    look.tell_tampering(records.unreadable());
    Ok(end)
}

/// What is looked for, and for whom.
pub(super) struct Look {
    viewer: Viewer,
    filter: Filter,
    problems: usize,
    /// Records, checkpoints among them, that do not follow from the one before.
    tampered: u64,
    /// What the last gap record of retention says; it covers those before it.
    retention: Option<Gap>,
    /// When the first record that is kept was written.
    first: Option<String>,
}

impl Look {
    pub(super) fn at(&mut self, record: &Record) -> Option<Seen> {
        self.tampered += u64::from(record.is_broken);
        self.first.get_or_insert_with(|| record.time.clone());
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
        let is_broken = record.is_broken;
        let record = view::Record {
            seq: record.seq,
            time,
            kind,
            body: &record.body,
        };
        match view::seen(&record, self.viewer, &self.filter) {
            Ok(seen) => seen.map(|seen| Seen {
                is_tampered: is_broken,
                ..seen
            }),
            Err(unreadable) => {
                self.problem(&unreadable.to_string());
                None
            }
        }
    }

    /// Somebody who looks for something has to know where it may be missing. How many records of others are is the
    /// operator's to see.
    fn tell_gap(&mut self, record: &Record) {
        let gap = serde_json::from_slice::<Gap>(&record.body).ok();
        if let Some(gap) = gap.filter(|gap| gap.reason == Lost::Retention) {
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

    /// Once, for each file that goes has a gap record of its own.
    fn tell_retention(&self) {
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

    fn tell_tampering(&mut self, unreadable: u64) {
        let broken = std::mem::take(&mut self.tampered);
        if broken > 0 {
            self.problem(&format!(
                "{broken} records are not as they were written, or the one before each is not; `crosstrust log verify` names them"
            ));
        }
        if unreadable > 0 {
            self.problem(&format!(
                "{unreadable} lines are no records and are not shown; `crosstrust log verify` names them"
            ));
        }
    }

    fn problem(&mut self, what: &str) {
        self.problems += 1;
        output::error_line(format_args!("crosstrust: {}", json::visible(what)));
    }
}

impl ShowArguments {
    fn format(&self) -> Format {
        match self.format {
            FormatWord::Table => Format::Table,
            FormatWord::Json => Format::Json,
            FormatWord::Csv => Format::Csv,
        }
    }

    fn kind(&self) -> Kind {
        match self.audit {
            true => Kind::Audit,
            false => Kind::SignIn,
        }
    }

    /// The policies, where something is named or a table shows names.
    fn names(&self) -> anyhow::Result<Names> {
        let flags = [&self.tenant, &self.partner].into_iter().flatten();
        let shows_names = self.format() == Format::Table && !self.count;
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
            Some(SideWord::Home) => Side::Home,
            Some(SideWord::Resource) => Side::Resource,
            // Audit records have none.
            None if self.audit => Side::Resource,
            None => bail!("--side home or --side resource: which end of sign-ins is it?"),
        };
        Ok(Viewer::Tenant { id, side })
    }

    fn filter(&self, names: &Names) -> anyhow::Result<Filter> {
        let user = match &self.user {
            None => None,
            Some(UserWord::Pseudonym(pseudonym)) => Some(Person::called(pseudonym)),
            Some(UserWord::Id(id)) => Some(Person::of(*id, &self.pseudonyms()?)),
        };
        let app = self.app.as_deref().map(|app| names::app("--app", app));
        let now = Clock::System.now().wall;
        let (from, to) = (
            self.from.map(|when| when.resolve(now)),
            self.to.map(|when| when.resolve(now)),
        );
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            bail!("--from is {from} and --to is {to}: expected --from before --to");
        }
        Ok(Filter {
            kind: Some(self.kind()),
            user,
            app: app.transpose()?,
            outcome: self.result.map(|word| match word {
                ResultWord::Success => Outcome::Success,
                ResultWord::Failure => Outcome::Failure,
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

    /// The partner is at the other end of a sign-in; for the operator, at either.
    fn partner(&self, names: &Names) -> anyhow::Result<Option<Partner>> {
        let Some(partner) = &self.partner else {
            return Ok(None);
        };
        Ok(Some(Partner {
            tenant: names.tenant("--partner", partner)?,
            end: self.side.map(|side| match side {
                SideWord::Home => Side::Resource,
                SideWord::Resource => Side::Home,
            }),
        }))
    }

    fn pseudonyms(&self) -> anyhow::Result<Pseudonyms> {
        let Some(file) = &self.pseudonym_key else {
            return Ok(Pseudonyms::OFF);
        };
        Pseudonyms::from_file(file).with_context(|| format!("the key {}", file.display()))
    }
}
