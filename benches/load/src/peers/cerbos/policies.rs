//! The policies for Cerbos.
//!
//! A scope for each pair of tenants, as Cerbos recommends for tenants: its policy holds that pair's settings and the
//! Conditional Access policies that apply to it, so that trust and tenant are resolved when the policy is written
//! and no request evaluates another pair's.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::{ACTION, KIND, ROLE};
use crate::peers::facts::{Control, Crossing, Facts, Policy, Rule, Setting, Trust};

/// The files that Cerbos reads from a folder.
pub fn write_policies(folder: &Path, facts: &Facts) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, policy) in policies(facts) {
        fs::write(folder.join(name), policy.to_string())?;
    }
    Ok(())
}

pub fn scope(home: &str, resource: &str) -> String {
    format!("{resource}.{home}")
}

/// One file per scope. The parent scopes must exist; they allow nothing.
fn policies(facts: &Facts) -> Vec<(String, Value)> {
    let nothing = json!([{
        "actions": [ACTION],
        "effect": "EFFECT_DENY",
        "roles": ["*"],
    }]);
    let mut files = vec![
        ("root.json".to_owned(), policy("", nothing.clone())),
        ("resource.json".to_owned(), policy(&facts.resource, nothing)),
    ];
    for (home, crossing) in &facts.crossings {
        let scope = scope(home, &facts.resource);
        let rules = rules(facts, home, crossing);
        files.push((format!("{home}.json"), policy(&scope, json!(rules))));
    }
    files
}

fn policy(scope: &str, rules: Value) -> Value {
    json!({
        "apiVersion": "api.cerbos.dev/v1",
        "resourcePolicy": {
            "resource": KIND,
            "version": "default",
            "scope": scope,
            "rules": rules,
        },
    })
}

fn rules(facts: &Facts, home: &str, crossing: &Crossing) -> Vec<Value> {
    let allow = [
        json!({ "expr": "timestamp(P.attr.expires_at) > now()" }),
        json!({ "expr": passes(&crossing.outbound) }),
        json!({ "expr": passes(&crossing.inbound) }),
    ];
    let mut rules = vec![json!({
        "name": "settings",
        "actions": [ACTION],
        "effect": "EFFECT_ALLOW",
        "roles": [ROLE],
        "condition": { "match": { "all": { "of": allow } } },
    })];
    for policy in facts
        .policies
        .iter()
        .filter(|policy| policy.applies_to_home(home))
    {
        rules.push(json!({
            "name": format!("ca-{}", policy.id),
            "actions": [ACTION],
            "effect": "EFFECT_DENY",
            "roles": [ROLE],
            "condition": { "match": { "expr": hinders(policy, crossing.trust) } },
        }));
    }
    rules
}

/// The two rules of a setting decide together (semantics.md §3); the cheaper one is evaluated first.
fn passes(setting: &Setting) -> String {
    let users = users_targeted(&setting.users);
    let apps = apps_targeted(&setting.applications);
    match (setting.users.allowed, setting.applications.allowed) {
        (true, true) => format!("{apps} && {users}"),
        (true, false) => format!("!{apps} && {users}"),
        (false, true) => format!("{apps} && !{users}"),
        (false, false) => format!("!({apps} && {users})"),
    }
}

fn apps_targeted(rule: &Rule) -> String {
    match rule.all {
        true => "true".to_owned(),
        false => format!("(R.id in {})", list(&rule.ids)),
    }
}

fn users_targeted(rule: &Rule) -> String {
    if rule.all {
        return "true".to_owned();
    }
    let mut either = Vec::new();
    if !rule.ids.is_empty() {
        either.push(format!("P.id in {}", list(&rule.ids)));
    }
    if !rule.groups.is_empty() {
        either.push(format!(
            "hasIntersection(P.attr.groups, {})",
            list(&rule.groups)
        ));
    }
    format!("({})", either.join(" || "))
}

fn hinders(policy: &Policy, trust: Trust) -> String {
    let mut all = Vec::new();
    if let Some(include) = &policy.include_applications {
        let left = include
            .difference(&policy.exclude_applications)
            .cloned()
            .collect();
        all.push(format!("R.id in {}", list(&left)));
    } else if !policy.exclude_applications.is_empty() {
        all.push(format!("!(R.id in {})", list(&policy.exclude_applications)));
    }
    let met: Vec<&str> = policy
        .controls
        .iter()
        .map(|control| met(*control, trust))
        .collect();
    let satisfied = met.join(if policy.every { " && " } else { " || " });
    all.push(format!("!({satisfied})"));
    all.join(" && ")
}

fn met(control: Control, trust: Trust) -> &'static str {
    match control {
        Control::Mfa if trust.mfa => "P.attr.mfa",
        Control::CompliantDevice if trust.compliant_device => "P.attr.compliantDevice",
        Control::HybridJoinedDevice if trust.hybrid_joined_device => "P.attr.domainJoinedDevice",
        Control::Block | Control::Mfa | Control::CompliantDevice | Control::HybridJoinedDevice => {
            "false"
        }
    }
}

fn list(ids: &BTreeSet<String>) -> String {
    json!(ids).to_string()
}
