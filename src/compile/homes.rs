//! Homes without loaded policies: identity providers, assumed outbound settings, and partners whose folder
//! is missing (semantics §3).

use std::time::Duration;

use super::builder::SnapshotBuilder;
use super::findings::{origin_of, report_duplicates};
use super::settings::sorted;
use crate::graph::document::{AssumedOutboundEntry as Entry, TenantDocuments};
use crate::graph::{Code, SourceLocation};
use crate::id::TenantId;
use crate::request::{AccessType, MICROSOFT_ACCOUNTS};
use crate::snapshot::{AssumedOutboundSettings, IdentityProviders, PolicyOrigin};

/// The listed identity providers, sorted.
pub(super) fn identity_providers(documents: &TenantDocuments) -> IdentityProviders {
    let named = documents.providers.iter();
    let named = named.filter_map(|provider| Some((provider.name?, origin_at(&provider.place))));
    let issuers = documents.federations.iter().map(|federation| {
        let issuer = &federation.issuer;
        (issuer.value.clone(), origin_at(&issuer.place))
    });
    IdentityProviders {
        named: first_of_each(named.collect()),
        issuers: first_of_each(issuers.collect()),
    }
}

fn origin_at(place: &SourceLocation) -> PolicyOrigin {
    origin_of(place).into()
}

fn first_of_each<K: Ord>(mut list: Vec<(K, PolicyOrigin)>) -> Box<[(K, PolicyOrigin)]> {
    list.sort_by(|(left, _), (right, _)| left.cmp(right));
    list.dedup_by(|(later, _), (first, _)| later == first);
    list.into_boxed_slice()
}

/// The entries of `assumed-outbound.json`, in the order of their tenants.
pub(super) fn assumed_outbound(
    builder: &mut SnapshotBuilder,
    tenant: TenantId,
    documents: &TenantDocuments,
) -> Box<[AssumedOutboundSettings]> {
    let entries = &documents.assumed_outbound;
    let places = entries.iter().map(|entry| (entry.tenant, &entry.place));
    report_duplicates(&mut builder.findings, "home tenant", places);
    let mut compiled: Vec<AssumedOutboundSettings> = entries
        .iter()
        .map(|entry| {
            check(builder, tenant, documents, entry);
            AssumedOutboundSettings {
                tenant: entry.tenant,
                basis: entry.basis,
                access_types: sorted(entry.access_types.clone()),
                comment: entry.comment.clone(),
                review_by: entry.review_by,
                origin: origin_at(&entry.place),
            }
        })
        .collect();
    compiled.sort_by_key(|entry| entry.tenant);
    compiled.into_boxed_slice()
}

fn check(
    builder: &mut SnapshotBuilder,
    tenant: TenantId,
    documents: &TenantDocuments,
    entry: &Entry,
) {
    let (place, now) = (&entry.place, builder.now);
    let end = entry.review_by.end();
    let findings = &mut builder.findings;
    if entry.tenant == tenant && documents.organization.is_some() {
        let message = "found the tenant itself, expected the home tenant of other users";
        findings.error(place, Code::OwnPartner, message);
        return;
    }
    if entry.tenant == MICROSOFT_ACCOUNTS {
        let message = "found the tenant of Microsoft accounts, which have no home tenant: list them in \
                       identity-providers.json";
        findings.error(place, Code::TargetNotAllowed, message);
    }
    if builder.loaded.contains(&entry.tenant) {
        let message = format!(
            "found an entry for {}, whose policies are loaded: they apply, and the entry has no effect",
            entry.tenant
        );
        findings.warning(place, Code::NoEffect, message);
    }
    if entry.access_types.is_empty() {
        let message = "found no access type: the entry has no effect";
        findings.warning(place, Code::NoEffect, message);
    }
    if end <= now {
        let message = format!(
            "found `reviewBy` {}, which is past: the entry for {} has expired; review the agreement and set a \
             later day, or remove the entry",
            entry.review_by, entry.tenant
        );
        findings.warning(place, Code::ReviewDue, message);
    } else if end <= now.plus(REVIEW_NOTICE).plus(DAY) {
        let message = format!(
            "found `reviewBy` {}: the entry for {} expires after that day",
            entry.review_by, entry.tenant
        );
        findings.info(place, Code::ReviewDue, message);
    }
}

/// Reports partners whose policies are not loaded: direct connect from them is denied.
pub(super) fn report_unloaded_partners(builder: &mut SnapshotBuilder, documents: &TenantDocuments) {
    // A folder without an organization is checked alone, so every partner would be reported.
    let (Some(_), Some(first)) = (&documents.organization, documents.partners.first()) else {
        return;
    };
    let assumed = |tenant: TenantId| {
        let mut entries = documents.assumed_outbound.iter();
        entries.any(|entry| {
            entry.tenant == tenant
                && entry.access_types.contains(&AccessType::DirectConnect)
                && entry.review_by.end() > builder.now
        })
    };
    let partners = documents.partners.iter().map(|partner| partner.tenant);
    let unloaded =
        partners.filter(|partner| !builder.loaded.contains(partner) && !assumed(*partner));
    let unloaded = sorted(unloaded.collect());
    if unloaded.is_empty() {
        return;
    }
    let mut listed: Vec<String> = unloaded
        .iter()
        .take(MAX_LISTED)
        .map(ToString::to_string)
        .collect();
    let more = unloaded.len().saturating_sub(listed.len());
    if more > 0 {
        listed.push(format!("{more} more"));
    }
    let message = format!(
        "found {} partners whose policies are not loaded, so direct connect from them is denied: add \
         the folder of each, or an entry in assumed-outbound.json: {}",
        unloaded.len(),
        listed.join(", ")
    );
    let place = SourceLocation::of_file(first.configuration.place.file.clone());
    builder
        .findings
        .info(&place, Code::PartnerNotLoaded, message);
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before the start of its `reviewBy` day an entry is reported.
const REVIEW_NOTICE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Partners that one finding lists; further ones are only counted, to keep the message readable.
const MAX_LISTED: usize = 100;
