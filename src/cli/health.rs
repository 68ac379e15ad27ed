//! `crosstrust health`: one question to a running server, for probes.

use std::process::ExitCode;

use clap::Args;

use super::server::ServerArguments;
use super::{output, runtime};
use crate::rpc::client;

/// Ask a running server whether it can answer (gRPC health, for probes)
///
/// Exit code: 0 = it serves; 1 = it does not, or it cannot be reached; 2 = the arguments are wrong, or the answer cannot
/// be written.
#[derive(Args)]
pub(super) struct HealthArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// A service such as crosstrust.v1.AuthorizationService; the server as a whole where none is named
    #[arg(long, default_value = "", value_name = "NAME")]
    service: String,
}

pub(super) fn run(arguments: &HealthArguments) -> anyhow::Result<ExitCode> {
    let asked = async { Ok(client::health(arguments.server.read()?, &arguments.service).await?) };
    match runtime::block_on(asked) {
        Ok(true) => {
            output::line("SERVING")?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(false) => {
            output::line("NOT_SERVING")?;
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            output::error_line(format_args!("crosstrust: {}", super::message(&error)));
            Ok(ExitCode::FAILURE)
        }
    }
}
