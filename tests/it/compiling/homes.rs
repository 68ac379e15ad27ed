//! Identity providers, assumed outbound settings, and partners whose policies are not loaded: findings, and
//! changes that give another snapshot.

use crosstrust::compile::compile;
use crosstrust::graph::{Code, Finding, Severity, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;
use crosstrust::snapshot::SnapshotId;
use crosstrust::time::Timestamp;
use serde_json::{Value, json};

use super::documents::{CONTOSO, FABRIKAM, WOODGROVE};
use crate::reference::World;
use crate::support::{build, product};

/// Contoso with these members of its entry for Fabrikam.
fn entry(members: Value) -> World {
    build::world([build::tenant(CONTOSO).assumed_outbound(FABRIKAM, members)])
}

fn agreement() -> Value {
    json!({"basis": "agreement", "reviewBy": "2026-12-31"})
}

/// The findings at this instant, as (severity, code), and whether it compiles.
fn found(world: &World, now: &str) -> Result<Vec<Finding>, Vec<Finding>> {
    let reading = read_policies_folder(product::files(world), &PolicySettings::NONE);
    assert!(!reading.has_errors(), "{:?}", reading.findings);
    let now: Timestamp = now.parse().unwrap();
    compile(&reading.tenants, &PolicySettings::NONE, now).map(|compiled| compiled.warnings)
}

fn kinds(findings: &[Finding]) -> Vec<(Severity, Code)> {
    let kinds = findings.iter().map(|one| (one.severity, one.code));
    kinds.collect()
}

#[test]
fn an_overdue_review_is_a_warning_and_an_upcoming_one_is_informational() {
    let world = entry(agreement());
    for (now, expected) in [
        ("2026-11-01", None),
        ("2026-11-30T23:59:59Z", None),
        ("2026-12-01", Some(Severity::Info)),
        ("2026-12-31T23:59:59Z", Some(Severity::Info)),
        ("2027-01-01", Some(Severity::Warning)),
        ("2099-01-01", Some(Severity::Warning)),
    ] {
        let found = kinds(&found(&world, now).unwrap());
        let expected: Vec<_> = expected
            .into_iter()
            .map(|severity| (severity, Code::ReviewDue))
            .collect();
        assert_eq!(found, expected, "{now}");
    }
}

#[test]
fn a_home_tenant_listed_twice_or_not_assumable_does_not_compile() {
    let now = "2026-11-01";
    let twice = build::world([build::tenant(CONTOSO)
        .assumed_outbound(FABRIKAM, agreement())
        .assumed_outbound(FABRIKAM, agreement())]);
    let errors = kinds(&found(&twice, now).unwrap_err());
    assert_eq!(errors, [(Severity::Error, Code::Duplicate)]);
    let own = build::world([build::tenant(CONTOSO).assumed_outbound(CONTOSO, agreement())]);
    let errors = kinds(&found(&own, now).unwrap_err());
    assert_eq!(errors, [(Severity::Error, Code::OwnPartner)]);
    let accounts = build::tenant(CONTOSO)
        .assumed_outbound(crosstrust::request::MICROSOFT_ACCOUNTS, agreement());
    let errors = kinds(&found(&build::world([accounts]), now).unwrap_err());
    assert_eq!(errors, [(Severity::Error, Code::TargetNotAllowed)]);
}

#[test]
fn an_entry_without_effect_is_a_warning() {
    let now = "2026-11-01";
    let loaded = build::world([
        build::tenant(CONTOSO).assumed_outbound(FABRIKAM, agreement()),
        build::tenant(FABRIKAM),
    ]);
    let no_effect = [(Severity::Warning, Code::NoEffect)];
    assert_eq!(kinds(&found(&loaded, now).unwrap()), no_effect);
    let mut none = agreement();
    none["accessTypes"] = json!([]);
    assert_eq!(kinds(&found(&entry(none), now).unwrap()), no_effect);
}

#[test]
fn partners_without_a_folder_are_reported_unless_settings_are_assumed_for_them() {
    let world = build::world([
        build::tenant(CONTOSO)
            .partner(FABRIKAM, json!({}))
            .partner(WOODGROVE, json!({}))
            .partner(crate::support::universe::NORTHWIND, json!({}))
            .assumed_outbound(crate::support::universe::NORTHWIND, agreement()),
        build::tenant(FABRIKAM),
    ]);
    let found = found(&world, "2026-11-01").unwrap();
    assert_eq!(kinds(&found), [(Severity::Info, Code::PartnerNotLoaded)]);
    let message = &found[0].message;
    assert!(message.contains(&WOODGROVE.to_string()), "{message}");
    assert!(!message.contains(&FABRIKAM.to_string()), "{message}");
    assert_eq!(&*found[0].place.file, "tenant-0/partners.json");
    // The assumed settings must cover direct connect and be current.
    for (member, value) in [
        ("accessTypes", json!(["collaboration"])),
        ("reviewBy", json!("2026-10-31")),
    ] {
        let mut entry = agreement();
        entry[member] = value;
        let contoso = build::tenant(CONTOSO).partner(FABRIKAM, json!({}));
        let world = build::world([contoso.assumed_outbound(FABRIKAM, entry)]);
        let found = self::found(&world, "2026-11-01").unwrap();
        assert!(kinds(&found).contains(&(Severity::Info, Code::PartnerNotLoaded)));
    }
}

#[test]
fn every_member_of_an_entry_or_a_provider_changes_the_snapshot() {
    let with = |member: &str, value: Value| {
        let mut entry = agreement();
        entry[member] = value;
        entry
    };
    let contoso = || build::tenant(CONTOSO);
    let worlds = [
        build::world([contoso()]),
        entry(agreement()),
        entry(with("basis", json!("tokenIssued"))),
        entry(with("reviewBy", json!("2027-01-01"))),
        entry(with("reviewBy", json!("1970-01-01"))),
        entry(with("reviewBy", json!("2261-12-31"))),
        entry(with("comment", json!("contract 7"))),
        entry(with("accessTypes", json!(["collaboration"]))),
        entry(with("accessTypes", json!([]))),
        build::world([contoso().assumed_outbound(WOODGROVE, agreement())]),
        build::world([contoso().identity_provider(json!({"identityProviderType": "Google"}))]),
        build::world([contoso().identity_provider(json!({"identityProviderType": "Apple"}))]),
        build::world([contoso().federation(json!({"issuerUri": "https://idp.example"}))]),
        build::world([contoso().federation(json!({"issuerUri": "https://idp.example/"}))]),
        build::world([contoso().partner(FABRIKAM, json!({}))]),
        build::world([contoso().partner(
            FABRIKAM,
            json!({"blockServiceProviderOutboundAccess": true}),
        )]),
    ];
    let ids: Vec<SnapshotId> = worlds
        .iter()
        .map(|world| product::snapshot(world).id())
        .collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[..at].contains(id), "world {at}");
    }
    let same = product::snapshot(&entry(with("accessTypes", json!(["DirectConnect"]))));
    assert_eq!(same.id(), ids[1]);
}
