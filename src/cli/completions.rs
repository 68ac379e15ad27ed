//! `crosstrust completions`: a shell completion script, generated from the definition of the command line.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use super::output::Output;

/// Print a completion script for a shell
///
///   crosstrust completions bash > /etc/bash_completion.d/crosstrust
///   crosstrust completions zsh > "${fpath[1]}/_crosstrust"
///   crosstrust completions fish > ~/.config/fish/completions/crosstrust.fish
///
/// Exit code: 0 = printed; 2 = the script could not be written.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    let mut command = super::definition();
    clap_complete::generate(arguments.shell, &mut command, "crosstrust", &mut script);
    let mut out = Output::new();
    out.line(String::from_utf8_lossy(&script).trim_end());
    out.finish()?;
    Ok(ExitCode::SUCCESS)
}
