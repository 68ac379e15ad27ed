//! `crosstrust log verify`: checks the integrity of the log.

use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::RecordsArguments;
use crate::cli::output::Output;
use crate::log::journal::disk::{Disk, SystemDisk};
use crate::log::journal::verify::{VerifyOptions, VerifyReport, verify};
use crate::log::journal::{Head, RecordHash};
use crate::log::json;

/// Check that no record was changed, removed, added or moved
///
/// Reads every record and verifies the hash chain, the signatures and the gaps.
///
/// It can run while the log is written. A writer of the folder can truncate the log and replace head.json by an older
/// one, and an owner of the signing key can create a new log. To detect that, pass the key and a checkpoint that you
/// stored elsewhere, as this command prints them.
///
/// Exit code: 0 = OK; 1 = faults, or no records; 2 = the log cannot be read.
#[derive(Args)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    records: RecordsArguments,
    /// The public key of the checkpoints; by default, the key in the first record is trusted
    #[arg(long, value_name = "BASE64")]
    key: Option<String>,
    /// A checkpoint that was stored elsewhere; may be repeated
    #[arg(long, value_name = "RECORD:HASH")]
    checkpoint: Vec<CheckpointArgument>,
}

#[derive(Clone)]
struct CheckpointArgument(Head);

impl FromStr for CheckpointArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected the number of a record, a colon and 64 hexadecimal digits";
        let (seq, hash) = text.split_once(':').ok_or(expected)?;
        Ok(CheckpointArgument(Head {
            seq: seq.parse().map_err(|_| expected)?,
            hash: RecordHash::parse(hash.as_bytes()).ok_or(expected)?,
        }))
    }
}

pub(super) fn run(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.records.log_directory;
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk::read_only(folder));
    let options = VerifyOptions {
        key: arguments.key.clone(),
        heads: arguments.checkpoint.iter().map(|one| one.0).collect(),
    };
    let read =
        || verify(&disk, &options).with_context(|| format!("cannot read {}", folder.display()));
    let mut report = read()?;
    if !report.faults.is_empty() {
        // While the log is written, retention may remove files during the read.
        report = read()?;
    }
    Ok(print(&report)?)
}

fn print(report: &VerifyReport) -> std::io::Result<ExitCode> {
    let mut out = Output::new();
    for fault in &report.faults {
        out.line(json::visible(&fault.to_string()));
    }
    for note in &report.notes {
        out.line(format_args!("note: {}", json::visible(note)));
    }
    let Some((first, last)) = report.range else {
        out.line("FAILED: found no records");
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
            "head.json signs record {}{}; store elsewhere: --checkpoint {}:{}",
            head.seq,
            match report.checkpoint.saturating_sub(head.seq) {
                0 => ", the last signed record".to_owned(),
                _ => format!(", and checkpoints sign up to {}", report.checkpoint),
            },
            head.seq,
            head.hash,
        )),
        None => out.line("head.json signs no record of this log"),
    }
    let code = if report.faults.is_empty() {
        out.line("OK");
        ExitCode::SUCCESS
    } else {
        let faults = report.faults.len();
        out.line(format_args!("FAILED: {faults} faults"));
        ExitCode::FAILURE
    };
    out.finish()?;
    Ok(code)
}
