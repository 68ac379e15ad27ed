//! What a decision costs: `cargo bench --bench decide`. Compare only numbers of one run.
//!
//! Names hold case and size: a user with 200 groups against a rule with 10,000 targets must cost as much
//! as against ten (an index, not a scan), and a million pairs of tenants as much as a few.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crosstrust::compile::compile;
use crosstrust::evaluate::decide;
use crosstrust::graph::{self, SourceFile};
use crosstrust::id::{AppId, GroupId, TenantId, UserId};
use crosstrust::request::Request;
use crosstrust::revocation::Revocations;
use crosstrust::snapshot::Snapshot;
use crosstrust::time::Timestamp;
use serde_json::{Value, json};

const HOME: TenantId = TenantId(1);
const RESOURCE: TenantId = TenantId(2);
const APP: AppId = AppId(3);
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn file(path: &str, document: &Value) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        bytes: document.to_string().into_bytes().into(),
    }
}

fn setting(users: Vec<Value>) -> Value {
    json!({
        "usersAndGroups": { "accessType": "allowed", "targets": users },
        "applications": {
            "accessType": "allowed",
            "targets": [{ "target": "AllApplications", "targetType": "application" }],
        },
    })
}

fn everybody() -> Value {
    setting(vec![json!({ "target": "AllUsers", "targetType": "user" })])
}

fn group(number: u128) -> GroupId {
    GroupId(0x60_0000_0000_0000_0000_0000 + number * 0x1_0001)
}

/// Everybody needs MFA, for the application that is asked about or for another one.
fn policy(number: u128, applies: bool) -> Value {
    let app = if applies { APP } else { AppId(5000 + number) };
    json!({
        "id": TenantId(9000 + number).to_string(),
        "displayName": format!("Policy {number}"),
        "state": "enabled",
        "conditions": {
            "users": { "includeUsers": ["All"] },
            "applications": { "includeApplications": [app.to_string()] },
        },
        "grantControls": { "operator": "OR", "builtInControls": ["mfa"] },
    })
}

/// Two tenants that trust each other; inbound is open to `targets` groups; besides them `partners` others
/// and `policies` Conditional Access policies.
fn snapshot(targets: u128, partners: u128, policies: u128) -> Snapshot {
    let groups = (0..targets)
        .map(|n| json!({ "target": group(n).to_string(), "targetType": "group" }))
        .collect();
    let inbound = if targets == 0 {
        everybody()
    } else {
        setting(groups)
    };
    let mut partner_list =
        vec![json!({ "tenantId": HOME.to_string(), "b2bDirectConnectInbound": inbound })];
    partner_list
        .extend((0..partners).map(|n| json!({ "tenantId": TenantId(1000 + n).to_string() })));
    let policies: Vec<Value> = (0..policies).map(|n| policy(n, n % 20 == 0)).collect();
    let trust = json!({ "isMfaAccepted": true });
    let files = vec![
        file("home/organization.json", &json!({ "id": HOME.to_string() })),
        file(
            "home/partners.json",
            &json!([{ "tenantId": RESOURCE.to_string(), "b2bDirectConnectOutbound": everybody() }]),
        ),
        file(
            "resource/organization.json",
            &json!({ "id": RESOURCE.to_string() }),
        ),
        file(
            "resource/default.json",
            &json!({ "isServiceDefault": false, "inboundTrust": trust }),
        ),
        file("resource/partners.json", &json!(partner_list)),
        file("resource/conditional-access.json", &json!(policies)),
    ];
    let reading = graph::read_policies_folder(files);
    compile(&reading.tenants).unwrap().snapshot
}

/// A user with this many groups, of which the last is one that the rule names.
fn request(groups: u128) -> Request {
    let mut request = Request::new(
        HOME,
        RESOURCE,
        UserId(7),
        APP,
        Timestamp::from_seconds(1_800_003_600),
    );
    request.groups = (1..groups)
        .map(|n| GroupId(n << 70))
        .chain([group(3)])
        .collect();
    request.claims.mfa = true;
    request
}

fn decisions(criterion: &mut Criterion) {
    let none = Revocations::default();
    let mut bench = |name: &str, size: String, snapshot: &Snapshot, request: &Request| {
        assert!(decide(snapshot, &none, request, NOW).is_allow());
        criterion.bench_with_input(BenchmarkId::new(name, size), request, |bencher, request| {
            bencher.iter(|| black_box(decide(snapshot, &none, black_box(request), NOW)));
        });
    };
    for targets in [10, 10_000] {
        let snapshot = snapshot(targets, 0, 0);
        for groups in [5, 50, 200] {
            bench(
                "inbound_groups",
                format!("{groups}_groups_{targets}_targets"),
                &snapshot,
                &request(groups),
            );
        }
    }
    for partners in [10, 100_000] {
        bench(
            "partners",
            partners.to_string(),
            &snapshot(0, partners, 0),
            &request(5),
        );
    }
    for policies in [0, 20, 200] {
        bench(
            "conditional_access",
            format!("{policies}_policies"),
            &snapshot(0, 0, policies),
            &request(5),
        );
    }
}

/// A million partners, of whom a thousand users come in turn, each with 50 groups; twenty policies, four of which
/// apply. Allocates nothing.
fn among_a_million_partners(criterion: &mut Criterion) {
    const PARTNERS: u128 = 1_000_000;
    let snapshot = large(PARTNERS);
    let none = Revocations::default();
    let requests: Vec<Request> = homes().map(user_of_partner).collect();
    for request in &requests {
        let mut decision = None;
        let counted = allocation_counter::measure(|| {
            decision = Some(decide(&snapshot, &none, request, NOW));
        });
        let decision = decision.unwrap();
        assert!(decision.is_allow(), "{decision:?}");
        assert_eq!((decision.applied.len(), counted.count_total), (4, 0));
    }
    let mut users = requests.iter().cycle();
    criterion.bench_function("large/50_groups_20_policies_1M_partners", |bencher| {
        bencher.iter(|| black_box(decide(&snapshot, &none, users.next().unwrap(), NOW)));
    });
}

/// A tenant that lets in everybody with MFA, from so many partners.
fn large(partners: u128) -> Snapshot {
    let partners: Vec<Value> = (0..partners)
        .map(|n| json!({ "tenantId": partner(n).to_string() }))
        .collect();
    let policies: Vec<Value> = (0..20).map(|n| policy(n, n < 4)).collect();
    let default = json!({
        "isServiceDefault": false,
        "inboundTrust": { "isMfaAccepted": true },
        "b2bDirectConnectInbound": everybody(),
    });
    let mut files = vec![
        file(
            "resource/organization.json",
            &json!({ "id": RESOURCE.to_string() }),
        ),
        file("resource/default.json", &default),
        file("resource/partners.json", &json!(partners)),
        file("resource/conditional-access.json", &json!(policies)),
    ];
    let outbound = json!({ "isServiceDefault": false, "b2bDirectConnectOutbound": everybody() });
    for number in homes() {
        let id = json!({ "id": partner(number).to_string() });
        files.push(file(&format!("home-{number}/organization.json"), &id));
        files.push(file(&format!("home-{number}/default.json"), &outbound));
    }
    let reading = graph::read_policies_folder(files);
    compile(&reading.tenants).unwrap().snapshot
}

/// The partners whose users come, and who are there themselves.
fn homes() -> impl Iterator<Item = u128> {
    (0..1000).map(|n| n * 997)
}

fn partner(number: u128) -> TenantId {
    // Spread over the whole range, as the ids of tenants are.
    TenantId((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn user_of_partner(number: u128) -> Request {
    let mut request = request(50);
    request.home = partner(number);
    request.user = Some(UserId(number << 64 | 7));
    for (n, group) in (1..).zip(&mut request.groups) {
        *group = GroupId(number << 80 | n << 40 | 1);
    }
    request
}

criterion_group!(benches, decisions, among_a_million_partners);
criterion_main!(benches);
