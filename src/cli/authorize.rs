//! `crosstrust authorize`: one decision, from a policies folder or from a running server.

mod flags;
pub(super) mod names;
mod print;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use self::flags::Flags;
use super::output::{self, Output};
use super::server::ServerArguments;
use super::time_argument::parse_span;
use super::{policies, runtime};
use crate::clock::Clock;
use crate::engine::{Engine, EngineOptions};
use crate::policy_settings::PolicySettings;
use crate::reload::{Rejection, ReloadOptions, ReloadOutcome, load_once};
use crate::rpc::RequestLimits;
use crate::rpc::client::{self, ClientError, ServerTarget};
use crate::time::Timestamp;

/// Request one decision from a policies folder or a running server
///
/// The request is an AuthorizeRequest in JSON, as for grpcurl (`-` reads standard input), or flags, or both; a flag
/// overrides the file. Times are RFC 3339, or relative: "in 1h", "5m ago". If the request has no token and no
/// expires_at, expires_at is in an hour.
///
/// Every field of AuthorizeRequest, Claims and Context has a flag of the same name, with - for _. Lists are repeated or
/// comma-separated. A tenant of the --policies may be given by display name or verified domain, a Microsoft application
/// by name. Users and groups are given by id only.
///
/// Exit code: 0 = ALLOW; 1 = DENY; 2 = no decision.
#[derive(Args)]
pub(super) struct AuthorizeArguments {
    /// The request as JSON; - = standard input
    #[arg(value_name = "REQUEST.json")]
    request: Option<PathBuf>,
    /// Decide by this policies folder, without a server
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    policies: Option<PathBuf>,
    /// Configuration file of `serve`; its settings of policies apply with --policies
    #[arg(long, value_name = "FILE", requires = "policies")]
    config: Option<PathBuf>,
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
    #[command(flatten)]
    server: ServerArguments,
    /// Show every stage and every condition of every policy, with effective values and their origin; a denial lists
    /// missing facts first
    #[arg(long)]
    explain: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    format: AnswerFormat,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AnswerFormat {
    Text,
    Json,
}

pub(super) fn run(arguments: &AuthorizeArguments) -> anyhow::Result<ExitCode> {
    let mut request = request_object(arguments)?;
    let engine = match &arguments.policies {
        Some(folder) => {
            let settings =
                policies::settings_of_file(arguments.config.as_deref(), &arguments.undecisive)?;
            Some(load_engine(folder, settings)?)
        }
        None => None,
    };
    let active = engine.as_ref().and_then(Engine::active);
    names::resolve(&mut request, active.as_ref().map(|active| &active.snapshot))?;
    let mut request = Value::Object(request);
    resolve_relative_times(&mut request, Clock::System.now().wall);
    let answer = match &engine {
        Some(engine) => authorize_locally(engine, &request, arguments.explain)?,
        None => runtime::block_on(authorize_remotely(
            arguments.server.read()?,
            &request,
            arguments.explain,
        ))?,
    };
    let mut out = Output::new();
    if arguments.format == AnswerFormat::Json {
        out.line(serde_json::to_string_pretty(&answer)?);
    } else {
        print::print(&mut out, &request, &answer);
    }
    out.finish()?;
    let response = answer.get("response").unwrap_or(&answer);
    let allowed = print::text(response, "decision") == "DECISION_ALLOW";
    Ok(if allowed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn authorize_remotely(
    server: ServerTarget,
    request: &Value,
    explain: bool,
) -> anyhow::Result<Value> {
    let request = client::parse_request(&request.to_string()).map_err(anyhow::Error::msg)?;
    Ok(if explain {
        client::explanation_to_json(&client::explain(server, request).await?)
    } else {
        client::to_json(&client::authorize(server, request).await?)
    })
}

fn authorize_locally(engine: &Engine, request: &Value, explain: bool) -> anyhow::Result<Value> {
    let limits = RequestLimits::default();
    let request = client::parse_request(&request.to_string()).map_err(anyhow::Error::msg)?;
    let answer = if explain {
        client::explain_in_process(engine, &limits, request)
            .map(|explanation| client::explanation_to_json(&explanation))
    } else {
        client::authorize_in_process(engine, &limits, request)
            .map(|response| client::to_json(&response))
    };
    answer.map_err(|violations| ClientError::Malformed(violations).into())
}

/// Replaces relative times such as "in 1h" and "5m ago" in every string by instants.
fn resolve_relative_times(value: &mut Value, now: Timestamp) {
    match value {
        Value::String(text) => {
            if let Some(instant) = parse_relative_time(text, now) {
                *text = instant.to_string();
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| resolve_relative_times(value, now)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|value| resolve_relative_times(value, now)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn parse_relative_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (span, is_ahead) = match (text.strip_prefix("in "), text.strip_suffix(" ago")) {
        (Some(span), _) => (span, true),
        (None, Some(span)) => (span, false),
        (None, None) => return None,
    };
    let span = parse_span(span)?;
    Some(if is_ahead {
        now.plus(span)
    } else {
        now.minus(span)
    })
}

/// An engine with this folder's policies, compiled once. Prints the findings if they are rejected.
fn load_engine(folder: &Path, settings: PolicySettings) -> anyhow::Result<Engine> {
    load(folder, settings).or_else(|rejection| {
        for finding in rejection.findings.iter() {
            output::error_line(finding);
        }
        bail!("{}", rejection.message)
    })
}

/// As [`load_engine`], but returns the rejection instead of printing its findings.
pub(in crate::cli) fn load(folder: &Path, settings: PolicySettings) -> Result<Engine, Rejection> {
    let engine = Engine::new(EngineOptions {
        cache: None,
        clock: Clock::System,
    });
    let options = ReloadOptions {
        settings,
        ..ReloadOptions::of(folder)
    };
    match load_once(&engine, options) {
        ReloadOutcome::Activated(_) | ReloadOutcome::Unchanged { .. } => Ok(engine),
        ReloadOutcome::Rejected(rejection) => Err(rejection),
    }
}

/// The JSON object of the file, with the flags applied.
fn request_object(arguments: &AuthorizeArguments) -> anyhow::Result<Map<String, Value>> {
    let mut request = match &arguments.request {
        None => Map::new(),
        Some(path) => {
            let shown = path.display();
            let text = if path.as_os_str() == "-" {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map(|_| text)
            } else {
                std::fs::read_to_string(path)
            };
            let text = text.with_context(|| format!("cannot read {shown}"))?;
            serde_json::from_str(&text).with_context(|| format!("{shown} is not a JSON object"))?
        }
    };
    arguments.flags.apply(&mut request);
    // A token replaces claims.
    if !request.contains_key("token") {
        let claims = request.entry("claims").or_insert_with(|| json!({}));
        if let Value::Object(claims) = claims {
            // The proto name and the protobuf JSON name of the field.
            if !claims.contains_key("expires_at") && !claims.contains_key("expiresAt") {
                claims.insert("expires_at".to_owned(), json!("in 1h"));
            }
        }
    }
    Ok(request)
}
