//! `crosstrust authorize`: one decision, from a policies folder or from a running server.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::server::ServerArguments;
use super::{policies, runtime, table};
use crate::clock::Clock;
use crate::engine::{Engine, EngineOptions};
use crate::policy_settings::PolicySettings;
use crate::reload::{Outcome, ReloadOptions, load_once_with};
use crate::rpc::Limits;
use crate::rpc::client::{self, ClientError, Server};
use crate::time::Timestamp;

/// Asks for one decision.
///
/// The question is a JSON file as grpcurl takes it (`-` reads it from standard input), or flags, or both:
/// a flag takes the place of what the file says. Times are RFC 3339, or relative: "in 1h", "5m ago". A
/// question that says nothing of the token's end is asked as if it ended in an hour.
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
    server: ServerArguments,
    /// Tell every stage and policy, with effective values and where they come from
    #[arg(long)]
    explain: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    fields: Fields,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The fields that one asks about by hand; all others go into the JSON.
#[derive(Args)]
#[command(next_help_heading = "The question")]
struct Fields {
    /// Home tenant
    #[arg(long, value_name = "ID")]
    home: Option<String>,
    /// Resource tenant
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// The user's id in the home tenant
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// A group of the user in the home tenant; may be repeated
    #[arg(long = "group", value_name = "ID")]
    groups: Vec<String>,
    /// The application
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// A guest: B2B collaboration in place of direct connect, by the guest object's id
    #[arg(long, value_name = "ID")]
    guest: Option<String>,
    /// The shared channel that is reached
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// The token says that MFA was done at home
    #[arg(long)]
    mfa: bool,
    /// The token says that the device is compliant
    #[arg(long)]
    compliant_device: bool,
    /// The token says that the device is hybrid joined
    #[arg(long)]
    hybrid_joined_device: bool,
}

pub(super) fn run(arguments: &AuthorizeArguments) -> anyhow::Result<ExitCode> {
    let mut question = question(arguments)?;
    tell_times(&mut question, Clock::System.now().wall);
    let answer = match &arguments.policies {
        Some(folder) => {
            let settings = policies::settings_of_file(arguments.config.as_deref())?;
            ask_folder(folder, settings, &question, arguments.explain)?
        }
        None => runtime::block_on(ask_server(
            arguments.server.read()?,
            &question,
            arguments.explain,
        ))?,
    };
    if arguments.format == Format::Json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        print(&answer);
    }
    let response = answer.get("response").unwrap_or(&answer);
    let allowed = text(response, "decision") == "DECISION_ALLOW";
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

fn ask_folder(
    folder: &Path,
    settings: PolicySettings,
    question: &Value,
    explain: bool,
) -> anyhow::Result<Value> {
    let engine = engine_of(folder, settings)?;
    let limits = Limits::default();
    let request = client::parse_request(&question.to_string()).map_err(anyhow::Error::msg)?;
    let answer = if explain {
        client::explain_here(&engine, &limits, request)
            .map(|told| client::explanation_to_json(&told))
    } else {
        client::authorize_here(&engine, &limits, request).map(|told| client::to_json(&told))
    };
    answer.map_err(|violations| ClientError::Malformed(violations).into())
}

/// Puts instants in the place of relative times such as "in 1h" and "5m ago", wherever they stand.
fn tell_times(value: &mut Value, now: Timestamp) {
    match value {
        Value::String(text) => {
            if let Some(instant) = relative(text, now) {
                *text = instant.to_string();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| tell_times(value, now)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|value| tell_times(value, now)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (span, is_ahead) = match (text.strip_prefix("in "), text.strip_suffix(" ago")) {
        (Some(span), _) => (span, true),
        (None, Some(span)) => (span, false),
        (None, None) => return None,
    };
    let split = span.len().checked_sub(1)?;
    let (number, unit) = span.split_at_checked(split)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let span = Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?);
    Some(if is_ahead {
        now.plus(span)
    } else {
        now.minus(span)
    })
}

/// An engine with this folder's policies, compiled once.
fn engine_of(folder: &Path, settings: PolicySettings) -> anyhow::Result<Engine> {
    let engine = Engine::new(EngineOptions {
        cache: None,
        clock: Clock::System,
    });
    let options = ReloadOptions {
        settings,
        ..ReloadOptions::of(folder)
    };
    match load_once_with(&engine, options) {
        Outcome::Activated(_) | Outcome::Unchanged { .. } => Ok(engine),
        Outcome::Rejected(rejection) => {
            for finding in rejection.findings.iter() {
                eprintln!("{finding}");
            }
            bail!("{}", rejection.message)
        }
    }
}

/// The JSON of the file, with the flags put in.
fn question(arguments: &AuthorizeArguments) -> anyhow::Result<Value> {
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
    arguments.fields.put_into(&mut question);
    Ok(Value::Object(question))
}

impl Fields {
    fn put_into(&self, question: &mut Map<String, Value>) {
        let texts = [
            ("home_tenant", &self.home),
            ("resource_tenant", &self.resource),
            ("user", &self.user),
            ("app", &self.app),
            ("resource_user", &self.guest),
            ("channel", &self.channel),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                question.insert(name.to_owned(), json!(value));
            }
        }
        if !self.groups.is_empty() {
            question.insert("groups".to_owned(), json!(self.groups));
        }
        if self.guest.is_some() {
            question.insert("access_type".to_owned(), json!("ACCESS_TYPE_COLLABORATION"));
        }
        let claims = [
            ("mfa", self.mfa),
            ("compliant_device", self.compliant_device),
            ("hybrid_joined_device", self.hybrid_joined_device),
        ];
        let claimed = claims.into_iter().filter(|(_, claimed)| *claimed);
        let object = question.entry("claims").or_insert_with(|| json!({}));
        if let Value::Object(object) = object {
            object.extend(claimed.map(|(name, _)| (name.to_owned(), json!(true))));
            // The contract's name, and protobuf's JSON name for it.
            if !object.contains_key("expires_at") && !object.contains_key("expiresAt") {
                object.insert("expires_at".to_owned(), json!("in 1h"));
            }
        }
    }
}

/// A member's text; empty where there is none.
fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The word without its enum's prefix.
fn word<'a>(object: &'a Value, name: &str, prefix: &str) -> &'a str {
    let full = text(object, name);
    full.strip_prefix(prefix).unwrap_or(full)
}

fn print(answer: &Value) {
    match answer.get("response") {
        None => print_response(answer),
        Some(response) => {
            print_response(response);
            print_explanation(answer);
        }
    }
}

fn print_response(response: &Value) {
    let decision = word(response, "decision", "DECISION_");
    let reason = word(response, "reason", "REASON_");
    let code = match text(response, "errorCode") {
        "" => String::new(),
        code => format!(" ({code})"),
    };
    if decision == "ALLOW" {
        println!("ALLOW");
    } else {
        println!("{decision} {reason}{code}");
    }
    let facts = [
        ("message", text(response, "message")),
        ("stage", word(response, "stage", "STAGE_")),
        ("good until", text(response, "expiresAt")),
        (
            "snapshot",
            response
                .get("snapshot")
                .map_or("", |snapshot| text(snapshot, "id")),
        ),
        ("decision id", text(response, "decisionId")),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        println!("  {name:<12} {value}");
    }
    if response.get("cached") == Some(&json!(true)) {
        println!("  {:<12} yes", "cached");
    }
    for policy in list(response, "appliedPolicies") {
        let result = word(policy, "result", "POLICY_RESULT_");
        println!(
            "  {:<12} {} ({result})",
            "policy",
            text(policy, "displayName")
        );
    }
    for cure in list(response.get("challenge").unwrap_or(&Value::Null), "cures") {
        let kind = word(cure, "kind", "CURE_KIND_");
        println!(
            "  {:<12} {kind} at {}",
            "cured by",
            word(cure, "where", "WHERE_")
        );
    }
    for obligation in list(response, "obligations") {
        println!(
            "  {:<12} {} = {}",
            "obligation",
            text(obligation, "name"),
            text(obligation, "value")
        );
    }
}

fn print_explanation(answer: &Value) {
    let mut rows = Vec::new();
    for stage in list(answer, "stages") {
        let name = word(stage, "stage", "STAGE_").to_owned();
        let passed = stage.get("passed") == Some(&json!(true));
        let outcome = if passed {
            "passes"
        } else {
            word(stage, "reason", "REASON_")
        };
        rows.push([name, outcome.to_owned(), String::new(), String::new()]);
        for detail in list(stage, "details") {
            let told = format!("{}: {}", text(detail, "what"), text(detail, "value"));
            let origin = text(detail, "origin").to_owned();
            rows.push([String::new(), String::new(), told, origin]);
        }
    }
    println!();
    table::print(["stage", "outcome", "what it looked at", "from"], &rows);
    let policies: Vec<[String; 4]> = list(answer, "policies")
        .iter()
        .map(|policy| {
            [
                text(policy, "displayName").to_owned(),
                word(policy, "result", "POLICY_RESULT_").to_owned(),
                text(policy, "detail").to_owned(),
                text(policy, "origin").to_owned(),
            ]
        })
        .collect();
    if !policies.is_empty() {
        println!();
        table::print(
            ["Conditional Access policy", "result", "detail", "from"],
            &policies,
        );
    }
}
