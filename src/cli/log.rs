//! `crosstrust log`: reads sign-in and audit records, also while a process writes them.

mod follow;
mod names;
mod show;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Read sign-in and audit records
///
/// Exit code: 0 = all records were read and are intact; 1 = some were not; 2 = none could be read.
#[derive(Args)]
pub(super) struct LogArguments {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand)]
enum LogCommand {
    Show(Box<show::ShowArguments>),
    Verify(verify::VerifyArguments),
}

#[derive(Args)]
struct RecordsArguments {
    /// Folder of the records
    #[arg(
        long,
        value_name = "DIR",
        env = "CROSSTRUST_LOG_DIRECTORY",
        default_value = "state/log"
    )]
    log_directory: PathBuf,
}

pub(super) fn run(arguments: &LogArguments) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        LogCommand::Show(arguments) => show::run(arguments),
        LogCommand::Verify(arguments) => verify::run(arguments),
    }
}
