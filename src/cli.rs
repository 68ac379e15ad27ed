//! The command line: one file per subcommand.
//!
//! Reads arguments, calls the other rooms, prints. The only room where errors become text for a terminal.

mod authorize;
mod check;
mod completions;
mod health;
mod init;
mod log;
mod man;
mod output;
mod policies;
mod runtime;
mod serve;
mod server;
mod table;
mod when;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::printable::printable;

/// May a user of one organisation reach an application of another?
///
/// crosstrust answers that question for your gateways, from the cross-tenant access settings and
/// Conditional Access policies that you already write for Microsoft Entra, in the JSON that Microsoft
/// Graph exports. With no flags, `crosstrust serve` serves the folder `policies` on 127.0.0.1:50051.
#[derive(Parser)]
#[command(name = "crosstrust", version, max_term_width = 100, after_long_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The description of each is that of its arguments: a comment here would take the place of the long one.
#[derive(Subcommand)]
enum Command {
    #[command(about = serve::ABOUT, long_about = serve::LONG_ABOUT)]
    Serve(serve::ServeArguments),
    Check(check::CheckArguments),
    Authorize(Box<authorize::AuthorizeArguments>),
    Health(health::HealthArguments),
    Log(log::LogArguments),
    Init(init::InitArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

const EXIT_CODES: &str = "Exit code: 0 = done; 1 = the answer is no, as each command says; 2 = the command could not \
do what it was asked to. Output that cannot be written is 2, but a reader that closes the pipe (`| head`) ends the \
output and changes no exit code.";

/// Exit code of a command that could not do what it was asked to.
const FAILED: u8 = 2;

/// The server that is asked where none is named: the one that `serve` starts with no flags.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// The whole command line, for what is generated from it.
fn described() -> clap::Command {
    CommandLine::command()
}

/// Runs the command of this process's arguments. `crosstrust` alone is `crosstrust serve`.
pub fn run() -> ExitCode {
    let command = match command() {
        Ok(command) => command,
        Err(message) => return output::clap_message(&message),
    };
    let outcome = match command {
        None => return ExitCode::from(FAILED),
        Some(Command::Serve(arguments)) => serve::run(arguments),
        Some(Command::Check(arguments)) => check::run(&arguments),
        Some(Command::Authorize(arguments)) => authorize::run(&arguments),
        Some(Command::Health(arguments)) => health::run(&arguments),
        Some(Command::Log(arguments)) => log::run(&arguments),
        Some(Command::Init(arguments)) => init::run(&arguments),
        Some(Command::Completions(arguments)) => completions::run(&arguments),
        Some(Command::Man(arguments)) => man::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        // Names of files and values may hold characters that act on a terminal.
        let told = format!("crosstrust: {}", message(&error));
        told.lines()
            .for_each(|line| output::error_line(printable(line)));
        ExitCode::from(FAILED)
    })
}

fn command() -> Result<Option<Command>, clap::Error> {
    match CommandLine::try_parse()?.command {
        Some(command) => Ok(Some(command)),
        // Parsed like any other, so that the environment counts.
        None => Ok(CommandLine::try_parse_from(["crosstrust", "serve"])?.command),
    }
}

/// An error and its causes, each once: many errors name their cause already.
fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
