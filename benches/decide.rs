//! Decisions: `cargo bench --bench decide`. Compare only numbers of one run.
//!
//! Names contain case and size. A user with 200 groups must cost the same against a rule with 10,000 targets as against
//! ten (an index, not a scan), and a million pairs of tenants the same as a few.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench may fail loudly")]

#[path = "support/policies.rs"]
mod policies;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use crosstrust::compile::compile;
use crosstrust::evaluate::decide;
use crosstrust::graph::{self, SourceFile};
use crosstrust::id::{GroupId, TenantId, UserId};
use crosstrust::policy_settings::PolicySettings;
use crosstrust::request::Request;
use crosstrust::revocation::Revocations;
use crosstrust::snapshot::Snapshot;
use crosstrust::time::Timestamp;
use policies::{APP, HOME, RESOURCE, allow_all, file, folder, group, policy};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn snapshot(targets: u128, partners: u128, policies: u128) -> Snapshot {
    compiled(folder(targets, partners, policies))
}

fn compiled(files: Vec<SourceFile>) -> Snapshot {
    let reading = graph::read_policies_folder(files, &PolicySettings::NONE);
    compile(&reading.tenants, &PolicySettings::NONE, Timestamp::MIN)
        .unwrap()
        .snapshot
}

/// The user with this number and this many groups, the last of which is a target of the rule.
fn request(user: u128, groups: u128) -> Request {
    let mut request = Request::new(
        HOME,
        RESOURCE,
        UserId(user << 64 | 7),
        APP,
        Timestamp::from_seconds(1_800_003_600),
    );
    request.groups = (1..groups)
        .map(|n| GroupId(user << 80 | n << 40 | 1))
        .chain([group(3)])
        .collect();
    request.claims.mfa = true;
    request
}

fn decisions(criterion: &mut Criterion) {
    let none = Revocations::default();
    let mut bench = |name: &str, size: String, snapshot: &Snapshot, groups: u128| {
        // A thousand users in turn, so that no single user stays in the CPU caches.
        let requests: Vec<Request> = (0..1000).map(|user| request(user, groups)).collect();
        for request in &requests {
            assert!(decide(snapshot, &none, request, NOW).is_allow());
        }
        let mut users = requests.iter().cycle();
        criterion.bench_function(&format!("{name}/{size}"), |bencher| {
            bencher.iter(|| black_box(decide(snapshot, &none, users.next().unwrap(), NOW)));
        });
    };
    for targets in [10, 10_000] {
        let snapshot = snapshot(targets, 0, 0);
        for groups in [5, 50, 200] {
            bench(
                "inbound_groups",
                format!("{groups}_groups_{targets}_targets"),
                &snapshot,
                groups,
            );
        }
    }
    for partners in [10, 100_000] {
        bench(
            "partners",
            partners.to_string(),
            &snapshot(0, partners, 0),
            5,
        );
    }
    for policies in [0, 20, 200] {
        bench(
            "conditional_access",
            format!("{policies}_policies"),
            &snapshot(0, 0, policies),
            5,
        );
    }
}

/// A million partners; a thousand users of different partners in turn, each with 50 groups; twenty policies, four of
/// which apply. Allocates nothing.
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

/// A tenant that allows all users with MFA from this many partners.
fn large(partners: u128) -> Snapshot {
    let partners: Vec<Value> = (0..partners)
        .map(|n| json!({ "tenantId": partner(n).to_string() }))
        .collect();
    let policies: Vec<Value> = (0..20).map(|n| policy(n, n < 4)).collect();
    let default = json!({
        "isServiceDefault": false,
        "inboundTrust": { "isMfaAccepted": true },
        "b2bDirectConnectInbound": allow_all(),
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
    let outbound = json!({ "isServiceDefault": false, "b2bDirectConnectOutbound": allow_all() });
    for number in homes() {
        let id = json!({ "id": partner(number).to_string() });
        files.push(file(&format!("home-{number}/organization.json"), &id));
        files.push(file(&format!("home-{number}/default.json"), &outbound));
    }
    compiled(files)
}

/// The partners whose users send requests, and that have policies in the snapshot.
fn homes() -> impl Iterator<Item = u128> {
    (0..1000).map(|n| n * 997)
}

fn partner(number: u128) -> TenantId {
    // Spread over the complete range, like the ids of tenants.
    TenantId((number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn user_of_partner(number: u128) -> Request {
    let mut request = request(number, 50);
    request.home = partner(number).into();
    request
}

criterion_group!(benches, decisions, among_a_million_partners);
criterion_main!(benches);
