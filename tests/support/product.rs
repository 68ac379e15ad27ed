//! Runs the product on the oracle's input: worlds become files, files become a snapshot, and a decision becomes an
//! [`Expected`].

use crosstrust::compile::compile;
use crosstrust::decision::Decision;
use crosstrust::evaluate;
use crosstrust::graph::{self, Severity, SourceFile};
use crosstrust::policy_settings::{ApplicationFacts, PolicySettings};
use crosstrust::request::Request;
use crosstrust::revocation::Revocations;
use crosstrust::snapshot::{Snapshot, bundles};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::Bundle;

use crate::reference::{Bundles, Expected, World};

/// The world's documents as the files of a policies folder, one folder per tenant.
pub fn files(world: &World) -> Vec<SourceFile> {
    let tenants = world.tenants.iter().enumerate();
    tenants
        .flat_map(|(number, tenant)| {
            tenant
                .documents
                .iter()
                .map(move |(name, document)| SourceFile {
                    path: format!("tenant-{number}/{name}.json"),
                    bytes: document.to_string().into_bytes().into(),
                })
        })
        .collect()
}

/// The statements of the world's operator as settings.
pub fn settings(world: &World) -> PolicySettings {
    let facts = world.applications.iter().map(|stated| {
        let bundle = |word: &&str| word.parse::<Bundle>().expect("a bundle");
        let facts = ApplicationFacts {
            bundles: stated
                .bundles
                .as_ref()
                .map(|bundles| bundles.iter().map(bundle).collect()),
            agent: stated.agent,
        };
        (stated.app, facts)
    });
    PolicySettings {
        applications: facts.collect(),
        ..PolicySettings::NONE
    }
}

/// The snapshot of these files, which must have no errors.
pub fn snapshot_with(files: Vec<SourceFile>, settings: &PolicySettings) -> Snapshot {
    let reading = graph::read_policies_folder(files, settings);
    let errors = reading
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    match compile(&reading.tenants, settings, Timestamp::MIN) {
        Ok(compiled) => compiled.snapshot,
        Err(findings) => {
            let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        }
    }
}

/// The same without statements of the operator.
pub fn snapshot_of(files: Vec<SourceFile>) -> Snapshot {
    snapshot_with(files, &PolicySettings::NONE)
}

/// The snapshot of a world.
pub fn snapshot(world: &World) -> Snapshot {
    snapshot_with(files(world), &settings(world))
}

/// The product's tables of applications.
pub fn bundles() -> Bundles {
    Bundles {
        office365: bundles::OFFICE_365.apps().to_vec(),
        all_microsoft: bundles::ALL_MICROSOFT_APPS.apps().to_vec(),
        admin_portals: bundles::MICROSOFT_ADMIN_PORTALS.apps().to_vec(),
        first_party: bundles::FIRST_PARTY.apps().to_vec(),
        teams_and_sharepoint: bundles::TEAMS_AND_SHAREPOINT.apps().to_vec(),
    }
}

/// The product's decision in the oracle's types.
pub fn decide(
    snapshot: &Snapshot,
    revocations: &Revocations,
    request: &Request,
    now: Timestamp,
) -> Expected {
    to_expected(
        snapshot,
        evaluate::decide(snapshot, revocations, request, now),
    )
}

/// Converts a decision of this snapshot to the oracle's types.
pub fn to_expected(snapshot: &Snapshot, decision: Decision) -> Expected {
    let id = |index| {
        snapshot
            .policy(index)
            .expect("a policy of the snapshot")
            .id()
    };
    Expected {
        verdict: decision.verdict,
        expires_at: decision.expires_at,
        cacheable: decision.cacheable,
        applied: decision
            .applied
            .iter()
            .map(|applied| (id(applied.policy), applied.result))
            .collect(),
        obligations: decision
            .obligations
            .iter()
            .map(|index| id(*index))
            .collect(),
        assumed_outbound: decision.assumed_outbound,
    }
}
