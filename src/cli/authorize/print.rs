//! Prints an answer or an explanation as text.

use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::table;
use crate::columns;
use crate::log::json::visible;

/// A member's text; empty if it is missing or not a text.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// An enum value without its prefix.
fn word<'a>(object: &'a Value, name: &str, prefix: &str) -> &'a str {
    let full = text(object, name);
    full.strip_prefix(prefix).unwrap_or(full)
}

pub(super) fn print(out: &mut Output, request: &Value, answer: &Value) {
    match answer.get("response") {
        None => print_response(out, answer, Vec::new(), Vec::new()),
        Some(response) => {
            print_response(out, response, missing(answer), about(request, answer));
            print_explanation(out, answer);
        }
    }
}

/// A name and its value.
type FactRow = (&'static str, String);

/// The missing facts, printed first: if they are provided, the decision may change.
fn missing(answer: &Value) -> Vec<FactRow> {
    let facts = list(answer, "missingFacts").iter();
    facts
        .map(|fact| {
            let policies: Vec<&str> = list(fact, "policyIds")
                .iter()
                .filter_map(Value::as_str)
                .map(|id| policy_name(answer, id))
                .collect();
            let depends = match policies.is_empty() {
                true => String::new(),
                false => format!(" (needed by: {})", policies.join("; ")),
            };
            ("missing", format!("{}{depends}", text(fact, "message")))
        })
        .collect()
}

fn policy_name<'a>(answer: &'a Value, id: &'a str) -> &'a str {
    let mut policies = list(answer, "policies").iter();
    let named = policies.find(|policy| text(policy, "id") == id);
    named.map_or(id, |policy| text(policy, "displayName"))
}

/// The identity provider, tenants and applications of the request with their names, and the assumed facts.
fn about(request: &Value, answer: &Value) -> Vec<FactRow> {
    let fields = [
        ("home", "home_tenant"),
        ("provider", "identity_provider"),
        ("resource", "resource_tenant"),
        ("restricting", "restricting_tenant"),
        ("app", "app"),
        ("client app", "client_app"),
    ];
    let mut facts: Vec<FactRow> = Vec::new();
    for (what, field) in fields {
        let spellings = [field.to_owned(), super::flags::camel_case(field)];
        let id = spellings
            .iter()
            .map(|name| text(request, name))
            .find(|id| !id.is_empty());
        let Some(id) = id else { continue };
        let same = |one: &&Value| {
            let bare = id.trim_matches(['{', '}']);
            text(one, "id").eq_ignore_ascii_case(bare)
        };
        let named = list(answer, "names").iter().find(same);
        facts.push((
            what,
            named.map_or_else(
                || id.to_owned(),
                |named| format!("{} ({})", text(named, "name"), text(named, "id")),
            ),
        ));
    }
    let assumed = list(answer, "assumedFacts").iter();
    facts.extend(assumed.map(|fact| {
        let value = format!("{} = {}", text(fact, "name"), text(fact, "value"));
        ("assumed", value)
    }));
    facts
}

fn print_response(out: &mut Output, response: &Value, missing: Vec<FactRow>, about: Vec<FactRow>) {
    let decision = word(response, "decision", "DECISION_");
    let reason = word(response, "reason", "REASON_");
    let code = match text(response, "errorCode") {
        "" => String::new(),
        code => format!(" ({code})"),
    };
    if decision == "ALLOW" {
        out.line("ALLOW");
    } else {
        out.line(format_args!("{decision} {reason}{code}"));
    }
    let snapshot = response.get("snapshot").unwrap_or(&Value::Null);
    let mut facts = missing;
    facts.extend([
        ("message", text(response, "message").to_owned()),
        ("stage", word(response, "stage", "STAGE_").to_owned()),
        ("valid until", text(response, "expiresAt").to_owned()),
        ("snapshot", text(snapshot, "id").to_owned()),
        ("decision id", text(response, "decisionId").to_owned()),
    ]);
    facts.extend(about);
    if response.get("cached") == Some(&json!(true)) {
        facts.push(("cached", "yes".to_owned()));
    }
    for policy in list(response, "appliedPolicies") {
        let result = word(policy, "result", "POLICY_RESULT_");
        let value = format!("{} ({result})", text(policy, "displayName"));
        facts.push(("policy", value));
    }
    for step_up in list(response.get("challenge").unwrap_or(&Value::Null), "stepUps") {
        let kind = word(step_up, "kind", "STEP_UP_KIND_");
        let tenant = word(step_up, "signInTenant", "SIGN_IN_TENANT_");
        let value = format!("{kind} at {tenant}");
        facts.push(("step-up", value));
    }
    for obligation in list(response, "obligations") {
        let value = format!(
            "{} = {}",
            text(obligation, "name"),
            text(obligation, "value")
        );
        facts.push(("obligation", value));
    }
    facts.retain(|(_, value)| !value.is_empty());
    print_facts(out, &facts);
}

/// Prints two indented columns.
fn print_facts(out: &mut Output, facts: &[FactRow]) {
    const NAME: usize = 13;
    let longest = facts
        .iter()
        .map(|(_, value)| visible(value).chars().count());
    let mut widths = [NAME, longest.max().unwrap_or(0)];
    columns::fit(&mut widths, table::terminal_width());
    for (name, value) in facts {
        let cells = [format!("  {name}"), visible(value).into_owned()];
        out.line(columns::row(&cells, &widths));
    }
}

fn print_explanation(out: &mut Output, answer: &Value) {
    let mut rows = Vec::new();
    for stage in list(answer, "stages") {
        let name = word(stage, "stage", "STAGE_").to_owned();
        let passed = stage.get("passed") == Some(&json!(true));
        let outcome = if passed {
            "passes"
        } else {
            word(stage, "reason", "REASON_")
        };
        let why = text(stage, "message").to_owned();
        rows.push([name, outcome.to_owned(), why, String::new()]);
        for detail in list(stage, "details") {
            let value = format!("{}: {}", text(detail, "name"), text(detail, "value"));
            let origin = text(detail, "origin").to_owned();
            rows.push([String::new(), String::new(), value, origin]);
        }
    }
    out.line("");
    table::print(
        out,
        ["stage", "outcome", "reason and evaluated facts", "origin"],
        &rows,
    );
    let policies: Vec<[String; 4]> = list(answer, "policies")
        .iter()
        .flat_map(policy_rows)
        .collect();
    if !policies.is_empty() {
        out.line("");
        table::print(
            out,
            ["Conditional Access policy", "result", "detail", "origin"],
            &policies,
        );
    }
}

/// A row for the policy and one for each of its conditions.
fn policy_rows(policy: &Value) -> Vec<[String; 4]> {
    let mut rows = vec![[
        format!("{} ({})", text(policy, "displayName"), text(policy, "id")),
        word(policy, "result", "POLICY_RESULT_").to_owned(),
        text(policy, "detail").to_owned(),
        text(policy, "origin").to_owned(),
    ]];
    rows.extend(list(policy, "conditions").iter().map(|condition| {
        let outcome = match word(condition, "outcome", "CONDITION_OUTCOME_") {
            "MATCHED" => "matched",
            "NOT_MATCHED" => "not matched",
            "NOT_PROVIDED_TREATED_AS_MATCHING" => "not provided, treated as matching",
            other => other,
        };
        let value = format!(
            "{}; request: {}",
            text(condition, "policyValue"),
            text(condition, "requestValue")
        );
        let name = format!("  {}", text(condition, "name"));
        [name, outcome.to_owned(), value, String::new()]
    }));
    rows
}
