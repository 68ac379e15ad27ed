//! The command line: one file per subcommand.
//!
//! Reads arguments, calls the other rooms, prints. The only room where errors become text for a terminal.

mod authorize;
mod check;
mod health;
mod log;
mod output;
mod policies;
mod runtime;
mod serve;
mod server;
mod table;
mod when;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::printable::printable;

/// May a user of one organisation reach an application of another?
///
/// crosstrust answers that question for your gateways, from the cross-tenant access settings and
/// Conditional Access policies that you already write for Microsoft Entra, in the JSON that Microsoft
/// Graph exports. With no flags, `crosstrust serve` serves the folder `policies` on 127.0.0.1:50051.
#[derive(Parser)]
#[command(name = "crosstrust", version, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    #[command(about = serve::ABOUT, long_about = serve::LONG_ABOUT)]
    Serve(serve::ServeArguments),
    /// Read policies and tell everything that is wrong with them
    Check(check::CheckArguments),
    /// Ask for one decision, of a policies folder or of a running server
    Authorize(Box<authorize::AuthorizeArguments>),
    /// Ask a running server whether it can answer (for probes)
    Health(health::HealthArguments),
    /// Read sign-in and audit records
    Log(log::LogArguments),
}

/// Exit code of a command that could not do what it was asked to.
const FAILED: u8 = 2;

/// The server that is asked where none is named: the one that `serve` starts with no flags.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// Runs the command of this process's arguments. `crosstrust` alone is `crosstrust serve`.
pub fn run() -> ExitCode {
    let command = CommandLine::parse().command.or_else(|| {
        // Parsed like any other, so that the environment is heard.
        CommandLine::parse_from(["crosstrust", "serve"]).command
    });
    let Some(command) = command else {
        return ExitCode::from(FAILED);
    };
    let outcome = match command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Authorize(arguments) => authorize::run(&arguments),
        Command::Health(arguments) => health::run(&arguments),
        Command::Log(arguments) => log::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        // Names of files and values may hold characters that act on a terminal.
        let told = format!("crosstrust: {error:#}");
        told.lines()
            .for_each(|line| output::error_line(printable(line)));
        ExitCode::from(FAILED)
    })
}
