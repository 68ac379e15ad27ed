//! The command line: one file per subcommand.
//!
//! Reads arguments, calls the other modules, prints. Errors become text for a terminal only here.

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
mod time_argument;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::printable::printable;

/// May a user of one organisation reach an application of another?
///
/// crosstrust answers this question for your gateways. It evaluates your Microsoft Entra cross-tenant
/// access settings and Conditional Access policies, in the JSON that Microsoft Graph exports. Without
/// flags, `crosstrust serve` serves the folder `policies` on 127.0.0.1:50051.
#[derive(Parser)]
#[command(name = "crosstrust", version, max_term_width = 100, after_long_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

/// Each command is described at its arguments: a comment on a variant here would replace that description.
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

const EXIT_CODES: &str = "Exit code: 0 = success; 1 = a negative result, as documented for each command; 2 = the \
command failed. Failing to write the output is 2, but a closed pipe (`| head`) only ends the output and does not \
change the exit code.";

/// Exit code of a command that failed.
const FAILED: u8 = 2;

/// The default of `--server`: the address that `serve` listens on without flags.
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// The definition of the command line, to generate completions and manual pages.
fn definition() -> clap::Command {
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
        // Names of files and values may contain terminal control characters.
        let text = format!("crosstrust: {}", message(&error));
        text.lines()
            .for_each(|line| output::error_line(printable(line)));
        ExitCode::from(FAILED)
    })
}

fn command() -> Result<Option<Command>, clap::Error> {
    match CommandLine::try_parse()?.command {
        Some(command) => Ok(Some(command)),
        // Parsed, so that environment variables apply.
        None => Ok(CommandLine::try_parse_from(["crosstrust", "serve"])?.command),
    }
}

/// An error and its causes, without repeating a cause that the text already contains.
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
