//! `crosstrust health`: one gRPC health check of a running server, for probes.

use std::process::ExitCode;

use clap::Args;

use super::server::ServerArguments;
use super::{output, runtime};
use crate::rpc::client;

/// Check the health of a running server (gRPC health, for probes)
///
/// Exit code: 0 = SERVING; 1 = NOT_SERVING, or the server cannot be reached; 2 = wrong arguments, or the result cannot
/// be written.
#[derive(Args)]
pub(super) struct HealthArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// A service such as crosstrust.v1.AuthorizationService [default: the whole server]
    #[arg(long, default_value = "", value_name = "NAME")]
    service: String,
}

pub(super) fn run(arguments: &HealthArguments) -> anyhow::Result<ExitCode> {
    let check = async { Ok(client::health(arguments.server.read()?, &arguments.service).await?) };
    match runtime::block_on(check) {
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
