//! Compiles typed documents into a snapshot: checks, inheritance, interning.
//!
//! Takes the documents that `graph` has parsed and builds the immutable form that `evaluate` reads
//! (semantics §2, §5, §7). An inconsistency that could change a decision is an error here, so `evaluate`
//! never guesses. One run reports every finding, not only the first. Reads no file and no clock, and makes
//! no decision.

mod builder;
mod catalog;
mod channels;
mod digest;
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
mod synchronized_groups;

use crate::graph::document::TenantDocuments;
use crate::graph::{Finding, ParsedPolicies, Severity};
use crate::id::TenantId;
use crate::policy_settings::PolicySettings;
use crate::snapshot::{
    AppDirectory, ConfiguredApp, PositionTable, Relation, Snapshot, SnapshotId, Tenant,
};
use crate::time::Timestamp;
use crate::vocabulary::{Cloud, WordSet};
use builder::SnapshotBuilder;
use findings::{Findings, report_duplicates};

/// A snapshot and the warnings about its sources.
#[derive(Debug)]
pub struct Compiled {
    /// The snapshot, ready to evaluate.
    pub snapshot: Snapshot,
    /// Findings that change no decision, sorted by file and line.
    pub warnings: Vec<Finding>,
}

/// All findings of reading and compiling, and the snapshots that may be served.
#[derive(Debug)]
pub struct CompileOutcome {
    /// All findings, sorted by file and line.
    pub findings: Vec<Finding>,
    /// One snapshot of all tenants with an organization, and one for each tenant without. Empty if any
    /// finding is an error.
    pub snapshots: Vec<Snapshot>,
}

/// Compiles what was read, even if parts of it were refused, so that one run reports everything.
pub fn check(reading: ParsedPolicies, settings: &PolicySettings, now: Timestamp) -> CompileOutcome {
    let mut findings = reading.findings;
    // Tenants with an organization are served together; each of the others is checked as a separate export.
    let (with_organization, without): (Vec<_>, Vec<_>) = reading
        .tenants
        .into_iter()
        .partition(|tenant| tenant.organization.is_some());
    let mut groups: Vec<&[TenantDocuments]> = without.iter().map(std::slice::from_ref).collect();
    if !with_organization.is_empty() {
        groups.insert(0, &with_organization);
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
    CompileOutcome {
        findings,
        snapshots,
    }
}

fn is_error(finding: &Finding) -> bool {
    finding.severity == Severity::Error
}

/// Compiles all tenants' documents into one snapshot.
///
/// A tenant without `organization` gets the id 0, which may be checked but not served. Only findings about
/// dates use `now`; the snapshot does not depend on it.
///
/// # Errors
/// All findings, sorted by file and line, if one of them is an error or part of a tenant was refused when
/// it was read.
pub fn compile(
    tenants: &[TenantDocuments],
    settings: &PolicySettings,
    now: Timestamp,
) -> Result<Compiled, Vec<Finding>> {
    let mut findings = Findings::default();
    check_tenants(tenants, &mut findings);
    synchronized_groups::report(tenants, id_of, &mut findings);

    let mut ordered: Vec<&TenantDocuments> = tenants.iter().collect();
    ordered.sort_by_key(|tenant| id_of(tenant));

    let mut builder = SnapshotBuilder::new(&ordered, applications(settings), findings, now);
    let service_default = relations::service_default(&mut builder);
    let mut compiled = Vec::with_capacity(ordered.len());
    for tenant in ordered {
        match compile_tenant(&mut builder, tenant, &service_default) {
            Some(tenant) => compiled.push(tenant),
            None => builder.findings.too_many("applications"),
        }
    }
    let is_complete = !tenants.iter().any(|tenant| tenant.refused.any);
    assemble(builder, compiled, service_default, is_complete)
}

fn compile_tenant(
    builder: &mut SnapshotBuilder,
    documents: &TenantDocuments,
    service_default: &Relation,
) -> Option<Tenant> {
    let id = id_of(documents);
    let default = relations::default_of(builder, documents.default.as_ref(), service_default);
    relations::partners(builder, id, documents, &default);
    homes::report_unloaded_partners(builder, documents);
    let locations = locations::compile(builder, &documents.locations);
    let first_policy = builder.next_policy();
    let (trusted_locations, policies) = policies::compile(builder, id, documents, locations);
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
        // semantics §3, Clouds: `microsoftonline.com` if missing.
        cloud: organization
            .and_then(|organization| organization.cloud)
            .unwrap_or(Cloud::Commercial),
        allowed_clouds,
        default,
        policies: first_policy..builder.next_policy(),
        catalog: catalog::build(builder, &policies)?,
        excluded_actions: documents
            .conditional_access_settings
            .as_ref()
            .map_or(WordSet::EMPTY, |settings| settings.excluded_actions),
        trusted_locations,
        channels: channels::compile(builder, &documents.channels),
        identity_providers: homes::identity_providers(documents),
        assumed_outbound: homes::assumed_outbound(builder, id, documents),
    })
}

/// Builds the tables and the digest, or returns the findings if one of them is an error.
fn assemble(
    mut builder: SnapshotBuilder,
    tenants: Vec<Tenant>,
    service_default: Relation,
    is_complete: bool,
) -> Result<Compiled, Vec<Finding>> {
    let tenant_table = PositionTable::build(tenants.iter().map(|tenant| tenant.id).collect());
    let pair_table = PositionTable::build(std::mem::take(&mut builder.pairs));
    let (Some(tenant_table), Some(pair_table), Some(groups)) =
        (tenant_table, pair_table, builder.groups.into_table())
    else {
        builder.findings.too_many("tenants, partners or groups");
        return Err(builder.findings.into_sorted());
    };
    let findings = builder.findings.into_sorted();
    if !is_complete || findings.iter().any(is_error) {
        return Err(findings);
    }
    let reads = reads::of(&tenants, &builder.policies, &builder.locations);
    let mut snapshot = Snapshot {
        id: SnapshotId([0; 32]),
        tenants,
        tenant_table,
        pair_table,
        relations: builder.relations,
        settings: builder.settings,
        groups,
        policies: builder.policies,
        strengths: builder.strengths,
        locations: builder.locations,
        reads,
        applications: builder.applications,
        expires_at: None,
        service_default,
    };
    snapshot.id = digest::of(&snapshot);
    Ok(Compiled {
        snapshot,
        warnings: findings,
    })
}

/// The application facts of the configuration, by id.
fn applications(settings: &PolicySettings) -> AppDirectory {
    let configured = settings
        .applications
        .iter()
        .map(|(app, facts)| ConfiguredApp {
            app: *app,
            bundles: facts.bundles,
            agent: facts.agent,
        });
    AppDirectory {
        configured: configured.collect(),
    }
}

/// Reports a tenant that two folders hold (semantics §2).
fn check_tenants(tenants: &[TenantDocuments], findings: &mut Findings) {
    let organizations = tenants
        .iter()
        .filter_map(|tenant| tenant.organization.as_ref());
    report_duplicates(
        findings,
        "tenant",
        organizations.map(|organization| (organization.id, &organization.place)),
    );
}

/// The tenant's id; 0 without an organization (a folder that is only checked).
fn id_of(tenant: &TenantDocuments) -> TenantId {
    tenant
        .organization
        .as_ref()
        .map_or(TenantId(0), |organization| organization.id)
}
