//! Documents → snapshot: defaults, inheritance, checks, interning.
//!
//! Takes what `graph` has typed and makes the one immutable form that `evaluate` reads (semantics §2,
//! §5, §7). Anything that could change a decision and does not hold together is an error here, so that
//! no reader of a snapshot ever has to guess; a run tells every finding, not only the first. Reads no
//! file, no clock, and decides nothing.

mod catalog;
mod channels;
mod digest;
mod draft;
mod filter;
mod findings;
mod groups;
mod homes;
mod locations;
mod policies;
mod reads;
mod relations;
mod settings;
mod strengths;
mod synced;

use crate::graph::document::TenantDocuments;
use crate::graph::{Finding, Reading, Severity};
use crate::id::TenantId;
use crate::policy_settings::PolicySettings;
use crate::snapshot::{AppDirectory, Relation, Snapshot, SnapshotId, StatedApp, Table, Tenant};
use crate::time::Timestamp;
use crate::vocabulary::{Cloud, WordSet};
use draft::Draft;
use findings::{Findings, report_repeats};

/// A snapshot and what is worth a look in its sources.
#[derive(Debug)]
pub struct Compiled {
    /// The snapshot, ready to decide.
    pub snapshot: Snapshot,
    /// Findings that change no decision, by file and line.
    pub warnings: Vec<Finding>,
}

/// Everything that is wrong with what was read and compiled, and what may be served.
#[derive(Debug)]
pub struct Checked {
    /// All findings, by file and line.
    pub findings: Vec<Finding>,
    /// One of all tenants with an organization, and one of each without. None where a finding is an error.
    pub snapshots: Vec<Snapshot>,
}

/// Compiles what was read, also where something of it was refused, so that one run reports everything.
pub fn check(reading: Reading, settings: &PolicySettings, now: Timestamp) -> Checked {
    let mut findings = reading.findings;
    // Tenants of one folder are served together; what has no name is an export by itself.
    let (named, nameless): (Vec<_>, Vec<_>) = reading
        .tenants
        .into_iter()
        .partition(|tenant| tenant.organization.is_some());
    let mut groups: Vec<&[TenantDocuments]> = nameless.iter().map(std::slice::from_ref).collect();
    if !named.is_empty() {
        groups.insert(0, &named);
    }
    let mut snapshots = Vec::new();
    for tenants in groups {
        match compile(tenants, settings, now) {
            Ok(compiled) => {
                snapshots.push(compiled.snapshot);
                findings.extend(compiled.warnings);
            }
            Err(errors) => findings.extend(errors),
        }
    }
    findings.sort();
    findings.dedup();
    if findings.iter().any(is_error) {
        snapshots.clear();
    }
    Checked {
        findings,
        snapshots,
    }
}

fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// Compiles all tenants' documents into one snapshot.
///
/// A tenant without `organization` gets the id 0: good enough to be checked, never to be served. `now` is
/// read by findings about dates only: the snapshot is the same at any time.
///
/// # Errors
/// Every finding, by file and line, where at least one of them is an error or something of a tenant was
/// refused when it was read.
pub fn compile(
    tenants: &[TenantDocuments],
    settings: &PolicySettings,
    now: Timestamp,
) -> Result<Compiled, Vec<Finding>> {
    let mut findings = Findings::default();
    check_tenants(tenants, &mut findings);
    synced::report(tenants, id_of, &mut findings);

    let mut ordered: Vec<&TenantDocuments> = tenants.iter().collect();
    ordered.sort_by_key(|tenant| id_of(tenant));

    let mut draft = Draft::new(&ordered, applications(settings), findings, now);
    let service_default = relations::service_default(&mut draft);
    let mut compiled = Vec::with_capacity(ordered.len());
    for tenant in ordered {
        match compile_tenant(&mut draft, tenant, &service_default) {
            Some(tenant) => compiled.push(tenant),
            None => draft.findings.too_many("applications"),
        }
    }
    let is_whole = !tenants.iter().any(|tenant| tenant.refused.any);
    assemble(draft, compiled, service_default, is_whole)
}

fn compile_tenant(
    draft: &mut Draft,
    documents: &TenantDocuments,
    service_default: &Relation,
) -> Option<Tenant> {
    let id = id_of(documents);
    let default = relations::default_of(draft, documents.default.as_ref(), service_default);
    relations::partners(draft, id, documents, &default);
    homes::report_unloaded_partners(draft, documents);
    let locations = locations::compile(draft, &documents.locations);
    let first_policy = draft.next_policy();
    let (trusted_locations, policies) = policies::compile(draft, id, documents, locations);
    let mut allowed_clouds = documents.allowed_clouds.clone();
    allowed_clouds.sort_unstable();
    allowed_clouds.dedup();
    let organization = documents.organization.as_ref();
    Some(Tenant {
        id,
        display_name: organization
            .and_then(|organization| organization.display_name.clone())
            .unwrap_or_else(|| id.to_string()),
        verified_domains: organization
            .map(|organization| organization.verified_domains.clone())
            .unwrap_or_default(),
        // semantics §3, Clouds: `microsoftonline.com` when missing.
        cloud: organization
            .and_then(|organization| organization.cloud)
            .unwrap_or(Cloud::Commercial),
        allowed_clouds,
        default,
        policies: first_policy..draft.next_policy(),
        catalog: catalog::build(draft, &policies)?,
        excluded_actions: documents
            .conditional_access_settings
            .as_ref()
            .map_or(WordSet::EMPTY, |settings| settings.excluded_actions),
        trusted_locations,
        channels: channels::compile(draft, &documents.channels),
        identity_providers: homes::identity_providers(documents),
        assumed_outbound: homes::assumed_outbound(draft, id, documents),
    })
}

/// The last step: tables, digest, and the verdict over the findings.
fn assemble(
    mut draft: Draft,
    tenants: Vec<Tenant>,
    service_default: Relation,
    is_whole: bool,
) -> Result<Compiled, Vec<Finding>> {
    let tenant_table = Table::build(tenants.iter().map(|tenant| tenant.id).collect());
    let pair_table = Table::build(std::mem::take(&mut draft.pairs));
    let (Some(tenant_table), Some(pair_table), Some(groups)) =
        (tenant_table, pair_table, draft.groups.into_table())
    else {
        draft.findings.too_many("tenants, partners or groups");
        return Err(draft.findings.into_sorted());
    };
    let findings = draft.findings.into_sorted();
    if !is_whole || findings.iter().any(is_error) {
        return Err(findings);
    }
    let reads = reads::of(&tenants, &draft.policies, &draft.locations);
    let mut snapshot = Snapshot {
        id: SnapshotId([0; 32]),
        tenants,
        tenant_table,
        pair_table,
        relations: draft.relations,
        settings: draft.settings,
        groups,
        policies: draft.policies,
        strengths: draft.strengths,
        locations: draft.locations,
        reads,
        applications: draft.applications,
        expires_at: None,
        service_default,
    };
    snapshot.id = digest::of(&snapshot);
    Ok(Compiled {
        snapshot,
        warnings: findings,
    })
}

/// What the operator states of applications, by id.
fn applications(settings: &PolicySettings) -> AppDirectory {
    let stated = settings.applications.iter().map(|(app, facts)| StatedApp {
        app: *app,
        bundles: facts.bundles,
        agent: facts.agent,
    });
    AppDirectory {
        stated: stated.collect(),
    }
}

/// semantics §2: the same tenant in two folders.
fn check_tenants(tenants: &[TenantDocuments], findings: &mut Findings) {
    let organizations = tenants
        .iter()
        .filter_map(|tenant| tenant.organization.as_ref());
    report_repeats(
        findings,
        "tenant",
        organizations.map(|organization| (organization.id, &organization.place)),
    );
}

/// The tenant's id; 0 where there is no organization (a folder that is only checked).
fn id_of(tenant: &TenantDocuments) -> TenantId {
    tenant
        .organization
        .as_ref()
        .map_or(TenantId(0), |organization| organization.id)
}
