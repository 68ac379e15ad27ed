//! The sample policies and the requests that `policies/README.md` lists: each is sent to the core, the oracle,
//! the cached engine (twice) and a running server, and all must give the written answer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crosstrust::cache::CacheBytes;
use crosstrust::clock::Clock;
use crosstrust::decision::Verdict;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::reload::{ReloadOptions, ReloadOutcome, Reloader, load_once};
use crosstrust::revocation::Revocations;
use crosstrust::rpc::{RequestLimits, client};
use crosstrust::time::Timestamp;
use serde_json::Value;

use crate::reference::{self, TenantDocuments, World};
use crate::support::{product, server};

const KINDS: [&str; 8] = [
    "organization",
    "cross-tenant-access",
    "default",
    "partners",
    "conditional-access",
    "named-locations",
    "authentication-strengths",
    "shared-channels",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn engine() -> Engine {
    Engine::new(EngineOptions {
        cache: Some(CacheBytes::default()),
        clock: Clock::System,
    })
}

fn json_of(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// The objects of a document: a page, an array, or a single object.
fn objects(document: Value) -> Vec<Value> {
    match document {
        Value::Array(list) => list,
        Value::Object(mut object) if object.contains_key("value") => {
            objects(object.remove("value").unwrap())
        }
        other => vec![other],
    }
}

/// The folder as input of the oracle.
fn world(policies: &Path) -> World {
    let mut tenants = Vec::new();
    for tenant in entries(policies).into_iter().filter(|path| path.is_dir()) {
        let mut documents: BTreeMap<&'static str, Value> = BTreeMap::new();
        for kind in KINDS {
            let file = tenant.join(format!("{kind}.json"));
            let folder = tenant.join(kind);
            let mut all = Vec::new();
            if file.exists() {
                all.extend(objects(json_of(&file)));
            }
            if folder.is_dir() {
                all.extend(
                    entries(&folder)
                        .iter()
                        .flat_map(|path| objects(json_of(path))),
                );
            }
            let single = ["organization", "cross-tenant-access", "default"].contains(&kind);
            match (single, all.is_empty()) {
                (_, true) => None,
                (true, false) => documents.insert(kind, all.remove(0)),
                (false, false) => documents.insert(kind, Value::Array(all)),
            };
        }
        tenants.push(TenantDocuments { documents });
    }
    World {
        tenants,
        bundles: product::bundles(),
        applications: Vec::new(),
    }
}

/// Replaces "in 1h" and "10m ago" by instants.
fn with_times(value: &Value, now: Timestamp) -> Value {
    match value {
        Value::String(text) => {
            let span = text.strip_prefix("in ").or(text.strip_suffix(" ago"));
            let unit = span.and_then(|span| span.chars().last());
            let seconds = match unit {
                Some('s') => 1,
                Some('m') => 60,
                Some('h') => 3600,
                Some('d') => 86_400,
                _ => return value.clone(),
            };
            let span = span.unwrap();
            let Ok(number) = span[..span.len() - 1].parse::<u64>() else {
                return value.clone();
            };
            let span = Duration::from_secs(number * seconds);
            let instant = if text.starts_with("in ") {
                now.plus(span)
            } else {
                now.minus(span)
            };
            Value::String(instant.to_string())
        }
        Value::Array(list) => list.iter().map(|value| with_times(value, now)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (name.clone(), with_times(value, now)))
                .collect(),
        ),
        _ => value.clone(),
    }
}

fn request(case: &Value, now: Timestamp) -> client::AuthorizeRequest {
    client::parse_request(&with_times(&case["request"], now).to_string())
        .unwrap_or_else(|error| panic!("{}: {error}", case["name"]))
}

/// Compares an answer of the server with the written one.
fn assert_answers(name: &Value, expect: &Value, response: &client::AuthorizeResponse) {
    let found = client::to_json(response);
    let text = |member: &str, prefix: &str| {
        let text = found[member].as_str().unwrap_or("");
        text.strip_prefix(prefix).unwrap_or(text).to_owned()
    };
    assert_eq!(
        text("decision", "DECISION_"),
        expect["decision"],
        "{name}: {found:#}"
    );
    if expect["decision"] == "DENY" {
        assert_eq!(
            text("stage", "STAGE_"),
            expect["stage"],
            "{name}: {found:#}"
        );
        assert_eq!(
            text("reason", "REASON_"),
            expect["reason"],
            "{name}: {found:#}"
        );
        assert_eq!(
            text("errorCode", ""),
            expect["error_code"],
            "{name}: {found:#}"
        );
        let can_step_up = found.get("challenge").is_some();
        assert_eq!(
            can_step_up,
            expect["step_up"].as_bool().unwrap(),
            "{name}: {found:#}"
        );
    }
    if let Some(applied) = expect["applied_policies"].as_array() {
        let listed: Vec<(String, String)> = found["appliedPolicies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|policy| {
                (
                    policy["id"].to_string(),
                    policy["result"].as_str().unwrap().to_lowercase(),
                )
            })
            .collect();
        let written: Vec<(String, String)> = applied
            .iter()
            .map(|policy| {
                let result = policy["result"].as_str().unwrap();
                (policy["id"].to_string(), format!("policy_result_{result}"))
            })
            .collect();
        assert_eq!(listed, written, "{name}");
    }
}

fn cases() -> Vec<Value> {
    let files = entries(&root().join("tests/cases/sample"));
    files
        .iter()
        .flat_map(|file| objects(json_of(file)))
        .collect()
}

#[test]
fn every_sample_request_gets_its_written_answer_from_every_implementation() {
    let policies = root().join("policies");
    let world = world(&policies);
    let engine = Arc::new(engine());
    assert!(matches!(
        load_once(&engine, ReloadOptions::of(&policies)),
        ReloadOutcome::Activated(_)
    ));
    let active = engine.active().unwrap();
    let running = server::start(Arc::clone(&engine), None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limits = RequestLimits::default();
    let cases = cases();
    assert!(cases.len() >= 80);
    for case in &cases {
        let name = &case["name"];
        let now = Clock::System.now().wall;
        let message = request(case, now);
        let request = client::to_request(message.clone(), &limits).unwrap();

        let by_oracle = reference::decide(&world, &[], &request, now);
        let by_core = product::decide(&active.snapshot, &Revocations::default(), &request, now);
        assert_eq!(by_core, by_oracle, "{name}");
        assert_eq!(
            by_core.verdict == Verdict::Allow,
            case["expect"]["decision"] == "ALLOW",
            "{name}"
        );

        for _ in 0..2 {
            let answer = client::authorize_in_process(&engine, &limits, message.clone()).unwrap();
            assert_answers(name, &case["expect"], &answer);
        }
        let answer = runtime
            .block_on(client::authorize(&running.url, message))
            .unwrap();
        assert_answers(name, &case["expect"], &answer);
    }
}

#[test]
fn one_changed_member_changes_the_answer_of_a_running_server() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for flip in json_of(&root().join("tests/cases/sample-flips.json"))
        .as_array()
        .unwrap()
    {
        let folder = tempfile::tempdir().unwrap();
        copy(&root().join("policies"), folder.path());
        let engine = Arc::new(engine());
        let started =
            Reloader::start(Arc::clone(&engine), ReloadOptions::of(folder.path())).unwrap();
        let running = server::start(engine, Some(started.handle.clone()));
        let ask = || {
            let message = request(flip, Clock::System.now().wall);
            runtime
                .block_on(client::authorize(&running.url, message))
                .unwrap()
        };
        assert_answers(&flip["name"], &flip["before"], &ask());

        let file = folder.path().join(flip["change"]["file"].as_str().unwrap());
        let mut document = json_of(&file);
        let pointer = flip["change"]["pointer"].as_str().unwrap();
        *document.pointer_mut(pointer).expect("the member exists") =
            flip["change"]["value"].clone();
        let mut events = started.handle.events();
        fs::write(&file, document.to_string()).unwrap();
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), events.recv()).await })
            .unwrap()
            .unwrap();
        assert_answers(&flip["name"], &flip["after"], &ask());
    }
}

#[test]
fn moved_lines_change_no_id_and_explain_reports_the_new_lines() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("policies"), folder.path());
    let engine = Arc::new(engine());
    let started = Reloader::start(Arc::clone(&engine), ReloadOptions::of(folder.path())).unwrap();
    let message = request(&cases()[0], Clock::System.now().wall);
    let inbound_origin = || {
        let explanation =
            client::explain_in_process(&engine, &RequestLimits::default(), message.clone())
                .unwrap();
        let explanation = client::explanation_to_json(&explanation);
        let stage = &explanation["stages"][3];
        assert_eq!(stage["stage"], "STAGE_INBOUND");
        stage["details"][0]["origin"].as_str().unwrap().to_owned()
    };
    let before = (engine.active().unwrap(), inbound_origin());
    let file = folder.path().join("contoso/partners/fabrikam.json");
    let moved = format!("\n\n\n{}", fs::read_to_string(&file).unwrap());
    fs::write(&file, moved).unwrap();
    let outcome = started.handle.reload_blocking(false);
    assert!(
        matches!(outcome, ReloadOutcome::Unchanged { .. }),
        "{outcome:?}"
    );
    let after = (engine.active().unwrap(), inbound_origin());
    assert_eq!(before.0.snapshot.id(), after.0.snapshot.id());
    assert_eq!(
        (before.0.version, before.0.activated_at),
        (after.0.version, after.0.activated_at)
    );
    assert_ne!(before.1, after.1);
}

fn copy(from: &Path, to: &Path) {
    for path in entries(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
