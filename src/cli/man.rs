//! `crosstrust man`: manual pages, generated from the definition of the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::output;

/// Write manual pages: crosstrust.1, and one for each command such as crosstrust-log-show.1
///
///   crosstrust man /usr/local/share/man/man1
///
/// Exit code: 0 = written; 2 = a page could not be written.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ManArguments {
    /// The folder to write to; created if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(super) fn run(arguments: &ManArguments) -> anyhow::Result<ExitCode> {
    let directory = &arguments.directory;
    let context = || format!("cannot write manual pages in {}", directory.display());
    std::fs::create_dir_all(directory).with_context(context)?;
    clap_mangen::generate_to(super::definition(), directory).with_context(context)?;
    output::line(format_args!(
        "wrote manual pages in {}",
        directory.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
