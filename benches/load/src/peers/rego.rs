//! The policies for Rego: data, and the request as input. For OPA's server and for regorus.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;
use crosstrust::request::Request;
use serde_json::{Map, Value, json};

use super::facts::{Control, Crossing, Facts, Policy, Setting};

pub const POLICY: &str = include_str!("policies/crosstenant.rego");
pub const PLAIN: &str = include_str!("policies/plain.rego");
pub const ENVOY: &str = include_str!("policies/envoy.rego");

/// Objects keyed by id, so that each request is a look-up.
pub fn data(facts: &Facts) -> Value {
    let crossings: Map<String, Value> = facts
        .crossings
        .iter()
        .map(|(home, crossing)| (home.clone(), self::crossing(crossing)))
        .collect();
    let policies: Map<String, Value> = facts
        .policies
        .iter()
        .map(|policy| (policy.id.clone(), self::policy(policy, facts)))
        .collect();
    json!({
        "crossings": { facts.resource.clone(): crossings },
        "policies": policies,
        "policies_of_app": { facts.resource.clone(): policies_of_app(facts) },
    })
}

/// The policies and the data, as OPA loads them; `question` is one of the two files above.
pub fn write_bundle(folder: &Path, facts: &Facts, question: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("crosstenant.rego"), POLICY)?;
    fs::write(folder.join("question.rego"), question)?;
    Ok(fs::write(
        folder.join("data.json"),
        data(facts).to_string(),
    )?)
}

/// The question for plain.rego.
pub fn input(request: &Request) -> Value {
    json!({
        "home": request.home.to_string(),
        "resource": request.resource.to_string(),
        "user": request.user.map(|user| user.to_string()),
        "groups": request.groups.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "app": request.app.to_string(),
        "claims": claims(request),
        "expires_at": request.claims.expires_at.as_parts().0,
    })
}

pub fn claims(request: &Request) -> Value {
    json!({
        "mfa": request.claims.mfa,
        "compliantDevice": request.claims.compliant_device,
        "domainJoinedDevice": request.claims.hybrid_joined_device,
    })
}

pub fn word(control: Control) -> &'static str {
    match control {
        Control::Block => "block",
        Control::Mfa => "mfa",
        Control::CompliantDevice => "compliantDevice",
        Control::HybridJoinedDevice => "domainJoinedDevice",
    }
}

fn crossing(crossing: &Crossing) -> Value {
    json!({
        "outbound": setting(&crossing.outbound),
        "inbound": setting(&crossing.inbound),
        "trust": {
            "mfa": crossing.trust.mfa,
            "compliantDevice": crossing.trust.compliant_device,
            "domainJoinedDevice": crossing.trust.hybrid_joined_device,
        },
    })
}

fn setting(setting: &Setting) -> Value {
    let word = |allowed| if allowed { "allowed" } else { "blocked" };
    let users = word(setting.users.allowed);
    let applications = word(setting.applications.allowed);
    json!({
        "access": format!("{users}/{applications}"),
        "all_users": setting.users.all,
        "users": object(&setting.users.ids),
        "groups": object(&setting.users.groups),
        "all_apps": setting.applications.all,
        "apps": object(&setting.applications.ids),
    })
}

fn object(ids: &BTreeSet<String>) -> Map<String, Value> {
    ids.iter().map(|id| (id.clone(), json!(true))).collect()
}

fn policy(policy: &Policy, facts: &Facts) -> Value {
    let homes = facts.crossings.keys();
    let homes: BTreeSet<String> = homes
        .filter(|home| policy.applies_to_home(home))
        .cloned()
        .collect();
    json!({
        "homes": object(&homes),
        "operator": if policy.every { "AND" } else { "OR" },
        "controls": policy.controls.iter().map(|control| word(*control)).collect::<Vec<_>>(),
    })
}

/// The policies that apply to each application that a policy or a setting names, computed once, so that a request
/// evaluates only these. No request names another application.
fn policies_of_app(facts: &Facts) -> BTreeMap<String, Vec<String>> {
    let named = facts.crossings.values().flat_map(|crossing| {
        let outbound = crossing.outbound.applications.ids.iter();
        outbound.chain(&crossing.inbound.applications.ids)
    });
    let included = facts.policies.iter().flat_map(|policy| {
        let include = policy.include_applications.iter().flatten();
        include.chain(&policy.exclude_applications)
    });
    let apps: BTreeSet<&String> = named.chain(included).collect();
    let of_app = |app: &String| -> Vec<String> {
        let mut ids = Vec::new();
        for policy in &facts.policies {
            if policy.applies_to_application(app) {
                ids.push(policy.id.clone());
            }
        }
        ids
    };
    apps.into_iter()
        .map(|app| (app.clone(), of_app(app)))
        .collect()
}
