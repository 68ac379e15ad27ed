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
use super::when::span;
use super::{policies, runtime};
use crate::clock::Clock;
use crate::engine::{Engine, EngineOptions};
use crate::policy_settings::PolicySettings;
use crate::reload::{Outcome, Rejection, ReloadOptions, load_once};
use crate::rpc::Limits;
use crate::rpc::client::{self, ClientError, Server};
use crate::time::Timestamp;

/// Ask for one decision, of a policies folder or of a running server
///
/// The question is a JSON file as grpcurl takes it (`-` reads it from standard input), or flags, or both:
/// a flag takes the place of what the file says. Times are RFC 3339, or relative: "in 1h", "5m ago". A
/// question that says nothing of the token's end is asked as if it ended in an hour.
///
/// Every field of the question, of Claims and of Context has a flag by its name, with - in place of _; lists are
/// repeated or separated by commas. Tenants and applications may be named: a tenant of the --policies by its display
/// name or a verified domain, one of Microsoft's own applications by its name. Users and groups have ids only.
///
/// Exit code: 0 = ALLOW; 1 = DENY; 2 = no answer.
#[derive(Args)]
pub(super) struct AuthorizeArguments {
    /// The question as JSON; - = standard input
    #[arg(value_name = "REQUEST.json")]
    request: Option<PathBuf>,
    /// Ask this policies folder, with no server at all
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    policies: Option<PathBuf>,
    /// Configuration file of `serve`; what it says about policies counts with --policies
    #[arg(long, value_name = "FILE", requires = "policies")]
    config: Option<PathBuf>,
    #[command(flatten)]
    undecisive: policies::UndecisiveMembers,
    #[command(flatten)]
    server: ServerArguments,
    /// Show every stage and every condition of every policy, with effective values and where they come from; a denial
    /// begins with the facts that were not provided
    #[arg(long)]
    explain: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn run(arguments: &AuthorizeArguments) -> anyhow::Result<ExitCode> {
    let mut question = question(arguments)?;
    let engine = match &arguments.policies {
        Some(folder) => {
            let settings =
                policies::settings_of_file(arguments.config.as_deref(), &arguments.undecisive)?;
            Some(engine_of(folder, settings)?)
        }
        None => None,
    };
    let active = engine.as_ref().and_then(Engine::active);
    names::resolve(
        &mut question,
        active.as_ref().map(|active| &active.snapshot),
    )?;
    let mut question = Value::Object(question);
    resolve_relative_times(&mut question, Clock::System.now().wall);
    let answer = match &engine {
        Some(engine) => ask_engine(engine, &question, arguments.explain)?,
        None => runtime::block_on(ask_server(
            arguments.server.read()?,
            &question,
            arguments.explain,
        ))?,
    };
    let mut out = Output::new();
    if arguments.format == Format::Json {
        out.line(serde_json::to_string_pretty(&answer)?);
    } else {
        print::print(&mut out, &question, &answer);
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

async fn ask_server(server: Server, question: &Value, explain: bool) -> anyhow::Result<Value> {
    let request = client::parse_request(&question.to_string()).map_err(anyhow::Error::msg)?;
    Ok(if explain {
        client::explanation_to_json(&client::explain(server, request).await?)
    } else {
        client::to_json(&client::authorize(server, request).await?)
    })
}

fn ask_engine(engine: &Engine, question: &Value, explain: bool) -> anyhow::Result<Value> {
    let limits = Limits::default();
    let request = client::parse_request(&question.to_string()).map_err(anyhow::Error::msg)?;
    let answer = if explain {
        client::explain_here(engine, &limits, request)
            .map(|explanation| client::explanation_to_json(&explanation))
    } else {
        client::authorize_here(engine, &limits, request).map(|response| client::to_json(&response))
    };
    answer.map_err(|violations| ClientError::Malformed(violations).into())
}

/// Puts instants in the place of relative times such as "in 1h" and "5m ago", wherever they stand.
fn resolve_relative_times(value: &mut Value, now: Timestamp) {
    match value {
        Value::String(text) => {
            if let Some(instant) = relative(text, now) {
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

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (span, is_ahead) = match (text.strip_prefix("in "), text.strip_suffix(" ago")) {
        (Some(span), _) => (span, true),
        (None, Some(span)) => (span, false),
        (None, None) => return None,
    };
    let span = self::span(span)?;
    Some(if is_ahead {
        now.plus(span)
    } else {
        now.minus(span)
    })
}

/// An engine with this folder's policies, compiled once. Prints the findings where they are rejected.
fn engine_of(folder: &Path, settings: PolicySettings) -> anyhow::Result<Engine> {
    load(folder, settings).or_else(|rejection| {
        for finding in rejection.findings.iter() {
            output::error_line(finding);
        }
        bail!("{}", rejection.message)
    })
}

/// The same, with the rejection for the caller to print.
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
        Outcome::Activated(_) | Outcome::Unchanged { .. } => Ok(engine),
        Outcome::Rejected(rejection) => Err(rejection),
    }
}

/// The JSON of the file, with the flags put in.
fn question(arguments: &AuthorizeArguments) -> anyhow::Result<Map<String, Value>> {
    let mut question = match &arguments.request {
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
            serde_json::from_str(&text).with_context(|| format!("{shown} is no JSON object"))?
        }
    };
    arguments.flags.put_into(&mut question);
    // What a token says stands in the place of claims.
    if !question.contains_key("token") {
        let claims = question.entry("claims").or_insert_with(|| json!({}));
        if let Value::Object(claims) = claims {
            // The contract's name, and protobuf's JSON name for it.
            if !claims.contains_key("expires_at") && !claims.contains_key("expiresAt") {
                claims.insert("expires_at".to_owned(), json!("in 1h"));
            }
        }
    }
    Ok(question)
}
