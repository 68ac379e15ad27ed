//! `crosstrust log`: reads sign-in and audit records, beside the process that writes them.

mod follow;
mod names;
mod show;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

/// Which records.
#[derive(Args)]
pub(super) struct LogArguments {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Subcommand)]
enum LogCommand {
    /// Show who came in and why, and what was changed, as one organisation sees it
    Show(Box<show::ShowArguments>),
    /// Tell whether the records are whole and as they were written
    Verify(verify::VerifyArguments),
}

/// Where the records are.
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
