//! The world for Cerbos, and Cerbos's program.
//!
//! A scope for each pair of tenants, as Cerbos recommends for tenants: its policy holds that pair's settings and the
//! Conditional Access policies that apply to it, so that trust and tenant are settled when it is written and no
//! question looks at another pair's.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use crosstrust::request::Request;
use prost::Message;
use prost_types::{ListValue, Value as Attribute, value::Kind};
use serde_json::{Value, json};

use crate::cerbos_wire::{
    CHECK_RESOURCES, CheckResourcesRequest, CheckResourcesResponse, EFFECT_ALLOW, Principal,
    Resource, ResourceEntry,
};
use crate::facts::{Control, Crossing, Facts, Policy, Rule, Setting, Trust};
use crate::server::{Server, free_address};
use crate::service::{Encoding, Service};
use crate::tools::Tool;
use crate::world::World;

const ACTION: &str = "reach";
const KIND: &str = "application";
const ROLE: &str = "user";

pub fn start(cerbos: &Tool, facts: &Facts, world: &World) -> Result<Service> {
    let folder = tempfile::tempdir()?;
    let policies = folder.path().join("policies");
    write_policies(&policies, facts)?;
    let address = free_address()?;
    let configuration = json!({
        "server": {
            "grpcListenAddr": address.to_string(),
            "httpListenAddr": free_address()?.to_string(),
            "logRequestPayloads": false,
            "metricsEnabled": false,
        },
        "storage": {
            "driver": "disk",
            "disk": { "directory": policies, "watchForChanges": false },
        },
        "audit": { "enabled": false },
        "telemetry": { "disabled": true },
    });
    let file = folder.path().join("cerbos.yaml");
    fs::write(&file, configuration.to_string())?;
    let arguments = [
        "server".to_owned(),
        format!("--config={}", file.display()),
        "--log-level=error".to_owned(),
    ];
    let log = folder.path().join("log");
    Ok(Service {
        name: "Cerbos".into(),
        version: cerbos.version.clone(),
        server: Server::start(&cerbos.program, arguments, address, &log)?,
        path: CHECK_RESOURCES,
        encoding: Encoding::Grpc,
        questions: world.requests.iter().map(question).collect(),
        allows,
        folder,
    })
}

/// As Cerbos reads them from a folder.
pub fn write_policies(folder: &Path, facts: &Facts) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, policy) in policies(facts) {
        fs::write(folder.join(name), policy.to_string())?;
    }
    Ok(())
}

fn scope(home: &str, resource: &str) -> String {
    format!("{resource}.{home}")
}

/// A file a scope. The scopes above have to exist: they allow nothing.
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

/// The two rules of a setting decide together (semantics.md §3); the cheaper one is asked first.
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

fn question(request: &Request) -> Bytes {
    let text = |text: String| Attribute {
        kind: Some(Kind::StringValue(text)),
    };
    let fact = |is_so: bool| Attribute {
        kind: Some(Kind::BoolValue(is_so)),
    };
    let groups = request.groups.iter().map(|group| text(group.to_string()));
    let groups = Kind::ListValue(ListValue {
        values: groups.collect(),
    });
    let attributes = [
        ("groups", Attribute { kind: Some(groups) }),
        ("mfa", fact(request.claims.mfa)),
        ("compliantDevice", fact(request.claims.compliant_device)),
        (
            "domainJoinedDevice",
            fact(request.claims.hybrid_joined_device),
        ),
        (
            "expires_at",
            text(
                prost_types::Timestamp {
                    seconds: request.claims.expires_at.as_parts().0,
                    nanos: 0,
                }
                .to_string(),
            ),
        ),
    ];
    let principal = Principal {
        id: request
            .user
            .map(|user| user.to_string())
            .unwrap_or_default(),
        roles: vec![ROLE.into()],
        attr: HashMap::from(attributes.map(|(name, value)| (name.to_owned(), value))),
    };
    let resource = Resource {
        kind: KIND.into(),
        id: request.app.to_string(),
        attr: HashMap::new(),
        scope: scope(&request.home.to_string(), &request.resource.to_string()),
    };
    let question = CheckResourcesRequest {
        request_id: String::new(),
        principal: Some(principal),
        resources: vec![ResourceEntry {
            actions: vec![ACTION.into()],
            resource: Some(resource),
        }],
    };
    question.encode_to_vec().into()
}

fn allows(message: &[u8]) -> Result<bool> {
    let answer = CheckResourcesResponse::decode(message)?;
    let result = answer.results.first().context("no result")?;
    let effect = result.actions.get(ACTION).context("no effect")?;
    Ok(*effect == EFFECT_ALLOW)
}
