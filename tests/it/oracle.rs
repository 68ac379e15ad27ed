//! The product against the oracle: two evaluators that share no code must agree on every answer.
//!
//! `CROSSTRUST_CASES=1000000 cargo test oracle` sets the number of generated cases.

use std::collections::BTreeMap;

use crosstrust::decision::{Reason, Verdict};
use crosstrust::id::TenantId;
use crosstrust::request::{AccessType, Request};
use crosstrust::revocation::{Revocation, Revocations};
use crosstrust::snapshot::Snapshot;
use crosstrust::time::Timestamp;

use serde_json::{Value, json};

use crate::reference::{self, Expected, TenantDocuments, World, is_synchronization};
use crate::support::random::Rng;
use crate::support::universe::NOW;
use crate::support::{exhaustive, generate, mutate, product, toggles};

const CASES: usize = 100_000;
const CASES_A_WORLD: usize = 50;

fn cases() -> usize {
    let configured = std::env::var("CROSSTRUST_CASES").ok();
    configured.map_or(CASES, |text| {
        text.parse().expect("CROSSTRUST_CASES is a number")
    })
}

/// A generated world with the product's own tables, and its revocations.
fn world(seed: u64, rng: &mut Rng) -> (World, Vec<Revocation>) {
    let mut world = generate::world(seed);
    world.bundles = product::bundles();
    // Independent of other random draws for the seed.
    world.applications = generate::applications(&mut Rng::new(seed ^ 0xa99));
    let mut synchronizations = Rng::new(seed ^ 0x57c);
    for tenant in &mut world.tenants {
        generate::synchronizations(&mut synchronizations, tenant);
    }
    let revocations = generate::revocations(&world, rng);
    (world, revocations)
}

/// One compiled world with requests and the oracle's answers.
struct Case<'a> {
    world: &'a World,
    snapshot: &'a Snapshot,
    revocations: &'a [Revocation],
    request: &'a Request,
    now: Timestamp,
    expected: &'a Expected,
}

fn for_each_case(seed: u64, count: usize, mut check: impl FnMut(&Case<'_>, &mut Rng)) {
    let mut rng = Rng::new(seed);
    let (world, revocations) = world(seed, &mut rng);
    let snapshot = product::snapshot(&world);
    for _ in 0..count {
        let (request, now) = generate::request(&world, &mut rng);
        let expected = reference::decide(&world, &revocations, &request, now);
        let case = Case {
            world: &world,
            snapshot: &snapshot,
            revocations: &revocations,
            request: &request,
            now,
            expected: &expected,
        };
        check(&case, &mut rng);
    }
}

fn assert_agrees(case: &Case<'_>) {
    let revocations: Revocations = case.revocations.iter().cloned().collect();
    let found = product::decide(case.snapshot, &revocations, case.request, case.now);
    assert!(
        found == *case.expected,
        "the evaluators differ\n  product {found:#?}\n  oracle {:#?}\n  request {:#?}\n  documents {}",
        case.expected,
        case.request,
        documents(case.world),
    );
}

fn documents(world: &World) -> String {
    let tenants = world
        .tenants
        .iter()
        .map(|tenant| format!("{:#?}", tenant.documents));
    tenants.collect::<Vec<_>>().join("\n")
}

fn reason(expected: &Expected) -> Option<Reason> {
    match &expected.verdict {
        Verdict::Allow => None,
        Verdict::Deny(denial) => Some(denial.reason),
    }
}

#[test]
fn both_evaluators_agree_on_every_generated_case_and_every_reason_occurs_often() {
    let mut counts: BTreeMap<Option<Reason>, usize> = BTreeMap::new();
    let cases = cases();
    for seed in 0..cases.div_ceil(CASES_A_WORLD) as u64 {
        for_each_case(seed, CASES_A_WORLD, |case, _| {
            assert_agrees(case);
            *counts.entry(reason(case.expected)).or_default() += 1;
        });
    }
    println!("{counts:#?}");
    if cases < CASES {
        return;
    }
    for reason in Reason::ALL
        .iter()
        .filter(|reason| !Reason::WITHOUT_EVALUATION.contains(reason))
    {
        let count = counts.get(&Some(*reason)).copied().unwrap_or(0);
        assert!(count >= 200, "{reason:?} occurs {count} times");
    }
    assert!(counts.get(&None).copied().unwrap_or(0) >= 200);
}

#[test]
fn every_condition_and_every_control_flips_some_decision_of_the_product() {
    let mut undecided: Vec<toggles::Toggle> = toggles::ALL.to_vec();
    for seed in 0..3_000 {
        let mut rng = Rng::new(seed);
        let (world, _) = world(seed, &mut rng);
        let snapshot = product::snapshot(&world);
        let requests: Vec<_> = (0..50)
            .map(|_| generate::request(&world, &mut rng))
            .collect();
        undecided.retain(|toggle| !flips_some(*toggle, &world, &snapshot, &requests));
        if undecided.is_empty() {
            return;
        }
    }
    panic!("these never change a decision: {undecided:?}");
}

/// A change to a tenant's documents that must change some decision.
type Change = (&'static str, fn(&mut TenantDocuments));

const CHANGES: &[Change] = &[
    ("identity-providers", |tenant| {
        tenant.documents.remove("identity-providers");
    }),
    ("federation-configurations", |tenant| {
        tenant.documents.remove("federation-configurations");
    }),
    ("assumed-outbound", |tenant| {
        tenant.documents.remove("assumed-outbound");
    }),
    ("basis", |tenant| {
        set_all(tenant, "assumed-outbound", "basis", json!("agreement"));
    }),
    ("accessTypes", |tenant| {
        set_all(
            tenant,
            "assumed-outbound",
            "accessTypes",
            json!(["directConnect"]),
        );
    }),
    ("reviewBy", |tenant| {
        set_all(tenant, "assumed-outbound", "reviewBy", json!("2099-12-31"));
    }),
    ("blockServiceProviderOutboundAccess", |tenant| {
        set_all(
            tenant,
            "partners",
            "blockServiceProviderOutboundAccess",
            json!(false),
        );
    }),
    // A synchronisation policy without a partner entry becomes a partner entry that sets nothing.
    ("userSyncInbound", |tenant| {
        let partners = mutate::objects_mut(tenant, "partners");
        let id = |object: &Value| object["tenantId"].as_str()?.parse::<TenantId>().ok();
        let entries: Vec<_> = partners
            .iter()
            .filter(|object| !is_synchronization(object))
            .map(id)
            .collect();
        for object in partners {
            if is_synchronization(object) && !entries.contains(&id(object)) {
                *object = json!({"tenantId": object["tenantId"]});
            }
        }
    }),
];

fn set_all(tenant: &mut TenantDocuments, document: &'static str, member: &str, value: Value) {
    for object in mutate::objects_mut(tenant, document) {
        if is_synchronization(object) {
            continue;
        }
        object[member] = value.clone();
    }
}

#[test]
fn every_document_about_homes_flips_some_decision_of_the_product() {
    let mut undecided: Vec<Change> = CHANGES.to_vec();
    for seed in 0..3_000 {
        let mut rng = Rng::new(seed);
        let (world, _) = world(seed, &mut rng);
        let snapshot = product::snapshot(&world);
        let requests: Vec<_> = (0..50)
            .map(|_| generate::request(&world, &mut rng))
            .collect();
        undecided.retain(|(_, change)| {
            let mut other = world.clone();
            other.tenants.iter_mut().for_each(change);
            !differs_on_some(&snapshot, &product::snapshot(&other), &requests)
        });
        if undecided.is_empty() {
            return;
        }
    }
    let names: Vec<&str> = undecided.iter().map(|(name, _)| *name).collect();
    panic!("these never change a decision: {names:?}");
}

fn differs_on_some(one: &Snapshot, other: &Snapshot, requests: &[(Request, Timestamp)]) -> bool {
    let none = Revocations::default();
    // The other members of a message are not part of the decision.
    let decided =
        |snapshot: &Snapshot, (request, now): &(Request, Timestamp)| match product::decide(
            snapshot, &none, request, *now,
        )
        .verdict
        {
            Verdict::Allow => None,
            Verdict::Deny(denial) => Some((denial.stage, denial.reason, denial.challenge)),
        };
    requests
        .iter()
        .any(|request| decided(one, request) != decided(other, request))
}

fn flips_some(
    toggle: toggles::Toggle,
    world: &World,
    snapshot: &Snapshot,
    requests: &[(Request, Timestamp)],
) -> bool {
    let mut other = world.clone();
    toggle.take_out(&mut other) && differs_on_some(snapshot, &product::snapshot(&other), requests)
}

#[test]
fn both_evaluators_agree_on_all_of_the_small_universe() {
    let mut cases = 0;
    for (mut world, requests) in exhaustive::small_universe() {
        world.bundles = product::bundles();
        let snapshot = product::snapshot(&world);
        for request in &requests {
            let expected = reference::decide(&world, &[], request, NOW);
            assert_agrees(&Case {
                world: &world,
                snapshot: &snapshot,
                revocations: &[],
                request,
                now: NOW,
                expected: &expected,
            });
            cases += 1;
        }
    }
    assert!(cases >= 100_000, "{cases}");
}

#[test]
fn order_and_repeats_of_groups_change_no_decision() {
    for seed in 0..500 {
        for_each_case(seed, 30, |case, rng| {
            let shuffled = mutate::shuffle_and_repeat_groups(case.request, rng);
            let revocations: Revocations = case.revocations.iter().cloned().collect();
            let found = product::decide(case.snapshot, &revocations, &shuffled, case.now);
            assert_eq!(found, *case.expected);
        });
    }
}

/// Narrower direct connect settings apply only to direct connect requests: they can exclude a collaboration
/// user from a policy for direct connect users (semantics §5, "User types overlap").
#[test]
fn a_restriction_never_turns_a_denial_into_an_allow() {
    for seed in 0..500 {
        let mut rng = Rng::new(seed ^ 0xb10c);
        let (world, _) = world(seed, &mut rng);
        let restricted = product::snapshot(&mutate::add_blocking_policy(&world, &mut rng));
        let narrowed = product::snapshot(&mutate::restrict_direct_connect(&world, &mut rng));
        let none = Revocations::default();
        for_each_case(seed, 30, |case, _| {
            let allows = |snapshot| {
                product::decide(snapshot, &none, case.request, case.now).verdict == Verdict::Allow
            };
            let before = allows(case.snapshot);
            assert!(before || !allows(&restricted));
            if case.request.access == AccessType::DirectConnect {
                assert!(before || !allows(&narrowed));
            }
        });
    }
}

#[test]
fn a_report_only_policy_never_changes_a_decision() {
    for seed in 0..500 {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let (world, _) = world(seed, &mut rng);
        let reporting = product::snapshot(&mutate::add_report_only(&world, &mut rng));
        for_each_case(seed, 30, |case, _| {
            let revocations: Revocations = case.revocations.iter().cloned().collect();
            let found = product::decide(&reporting, &revocations, case.request, case.now);
            let expected = case.expected;
            assert_eq!(
                (&found.verdict, found.expires_at, found.cacheable),
                (&expected.verdict, expected.expires_at, expected.cacheable)
            );
        });
    }
}

#[test]
fn the_same_policies_have_the_same_id_and_explain_agrees_with_the_decision() {
    for seed in 0..200 {
        for_each_case(seed, 20, |case, _| {
            let mut files = product::files(case.world);
            files.reverse();
            let settings = product::settings(case.world);
            let snapshot = product::snapshot_with(files, &settings);
            assert_eq!(snapshot.id(), case.snapshot.id());
            let revocations: Revocations = case.revocations.iter().cloned().collect();
            let evaluation = crosstrust::evaluate::Evaluation::new(case.snapshot, case.request);
            let explanation = evaluation.explain(&revocations, case.now);
            let first = explanation
                .stages
                .iter()
                .find_map(|stage| stage.outcome.err());
            let decided = explanation.decision.denial().map(|denial| denial.reason);
            // Every stage that needs the resource tenant reports an unknown one.
            assert_eq!(first, decided);
            let applied: Vec<_> = explanation
                .policies
                .iter()
                .filter(|policy| {
                    case.expected.applied.iter().any(|(id, result)| {
                        case.snapshot.policy(policy.policy).unwrap().id() == *id
                            && policy.result == *result
                    })
                })
                .collect();
            assert_eq!(applied.len(), case.expected.applied.len());
        });
    }
}
