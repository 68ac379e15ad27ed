//! `crosstrust log verify`: is the log whole and as it was written?

use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::RecordsArguments;
use crate::cli::output::Output;
use crate::log::journal::disk::{Disk, SystemDisk};
use crate::log::journal::verify::{Known, Report, verify};
use crate::log::journal::{Hash, Head};
use crate::log::json;

/// Check whether the records are complete and as they were written
///
/// Reads every record: the chain of hashes, the signatures, what is missing.
///
/// It may be asked while the log is written. Whoever can write the folder can cut off the end and put an older
/// head.json beside it, and whoever has the signing key can make a new log: give the key and a checkpoint that you kept
/// elsewhere, as this command prints them, to notice that.
///
/// Exit code: 0 = whole and as it was written; 1 = not; 2 = it cannot be looked at.
#[derive(Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    records: RecordsArguments,
    /// The public key that signs checkpoints; else the one in the first record is believed
    #[arg(long, value_name = "BASE64")]
    key: Option<String>,
    /// A checkpoint that was kept elsewhere; may be repeated
    #[arg(long, value_name = "RECORD:HASH")]
    checkpoint: Vec<Checkpoint>,
}

#[derive(Clone)]
struct Checkpoint(Head);

impl FromStr for Checkpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected the number of a record, a colon and 64 hexadecimal digits";
        let (seq, hash) = text.split_once(':').ok_or(expected)?;
        Ok(Checkpoint(Head {
            seq: seq.parse().map_err(|_| expected)?,
            hash: Hash::read(hash.as_bytes()).ok_or(expected)?,
        }))
    }
}

pub(super) fn run(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.records.log_directory;
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::beside(folder));
    let known = Known {
        key: arguments.key.clone(),
        heads: arguments.checkpoint.iter().map(|one| one.0).collect(),
    };
    let look =
        || verify(&disk, &known).with_context(|| format!("cannot read {}", folder.display()));
    let mut report = look()?;
    if !report.faults.is_empty() {
        // Of a log that is written, files may go while they are read.
        report = look()?;
    }
    Ok(tell(&report)?)
}

fn tell(report: &Report) -> std::io::Result<ExitCode> {
    let mut out = Output::new();
    for fault in &report.faults {
        out.line(json::visible(&fault.to_string()));
    }
    for note in &report.notes {
        out.line(format_args!("note: {}", json::visible(note)));
    }
    let Some((first, last)) = report.range else {
        out.line("there are no records");
        out.finish()?;
        return Ok(ExitCode::FAILURE);
    };
    out.line(format_args!(
        "{} records, {first} to {last}, signed up to {}, log {}, key {}",
        report.records,
        report.signed,
        report.log.as_deref().unwrap_or("unknown"),
        json::visible(report.key.as_deref().unwrap_or("unknown")),
    ));
    match &report.head {
        Some(head) => out.line(format_args!(
            "head.json signs record {}{}; keep this elsewhere: --checkpoint {}:{}",
            head.seq,
            match report.checkpoint.saturating_sub(head.seq) {
                0 => ", the last that is signed".to_owned(),
                _ => format!(", and checkpoints sign up to {}", report.checkpoint),
            },
            head.seq,
            head.hash,
        )),
        None => out.line("head.json signs no record of this log"),
    }
    let code = if report.faults.is_empty() {
        out.line("whole and as they were written");
        ExitCode::SUCCESS
    } else {
        let faults = report.faults.len();
        out.line(format_args!("NOT as they were written: {faults} faults"));
        ExitCode::FAILURE
    };
    out.finish()?;
    Ok(code)
}
