//! Homes that have no policies here: identity providers, assumed outbound settings, and partners whose
//! folder is missing (semantics §3).

use std::time::Duration;

use super::draft::Draft;
use super::findings::{origin_of, report_repeats};
use super::settings::sorted;
use crate::graph::document::{AssumedOutbound as Entry, TenantDocuments};
use crate::graph::{Code, Place};
use crate::id::TenantId;
use crate::request::{AccessType, MICROSOFT_ACCOUNTS};
use crate::snapshot::{AssumedOutbound, IdentityProviders, Origin};

/// The listed identity providers, in order.
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

fn origin_at(place: &Place) -> Origin {
    origin_of(place).into()
}

fn first_of_each<K: Ord>(mut list: Vec<(K, Origin)>) -> Box<[(K, Origin)]> {
    list.sort_by(|(left, _), (right, _)| left.cmp(right));
    list.dedup_by(|(later, _), (first, _)| later == first);
    list.into_boxed_slice()
}

/// The entries of `assumed-outbound.json`, in the order of their tenants.
pub(super) fn assumed_outbound(
    draft: &mut Draft,
    tenant: TenantId,
    documents: &TenantDocuments,
) -> Box<[AssumedOutbound]> {
    let entries = &documents.assumed_outbound;
    let places = entries.iter().map(|entry| (entry.tenant, &entry.place));
    report_repeats(&mut draft.findings, "home tenant", places);
    let mut compiled: Vec<AssumedOutbound> = entries
        .iter()
        .map(|entry| {
            check(draft, tenant, documents, entry);
            AssumedOutbound {
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

fn check(draft: &mut Draft, tenant: TenantId, documents: &TenantDocuments, entry: &Entry) {
    let (place, now) = (&entry.place, draft.now);
    let end = entry.review_by.end();
    let findings = &mut draft.findings;
    if entry.tenant == tenant && documents.organization.is_some() {
        let message = "found the tenant itself, expected the home tenant of other users";
        findings.error(place, Code::OwnPartner, message);
        return;
    }
    if entry.tenant == MICROSOFT_ACCOUNTS {
        let message = "found the tenant of Microsoft accounts, which are no home tenant's: expected them in \
                       identity-providers.json";
        findings.error(place, Code::TargetNotAllowed, message);
    }
    if draft.loaded.contains(&entry.tenant) {
        let message = format!(
            "found an entry for {}, whose policies are loaded: they count, and the entry does nothing",
            entry.tenant
        );
        findings.warning(place, Code::NoEffect, message);
    }
    if entry.access_types.is_empty() {
        let message = "found no access type: the entry does nothing";
        findings.warning(place, Code::NoEffect, message);
    }
    if end <= now {
        let message = format!(
            "found `reviewBy` {}, which is past: the entry for {} does not count any more; review the \
             agreement and move the day, or remove the entry",
            entry.review_by, entry.tenant
        );
        findings.warning(place, Code::ReviewDue, message);
    } else if end <= now.plus(REVIEW_SOON).plus(DAY) {
        let message = format!(
            "found `reviewBy` {}: after that day the entry for {} does not count any more",
            entry.review_by, entry.tenant
        );
        findings.info(place, Code::ReviewDue, message);
    }
}

/// Partners of which no policies are loaded: their users cannot come by direct connect.
pub(super) fn report_unloaded_partners(draft: &mut Draft, documents: &TenantDocuments) {
    // A folder without a tenant is only checked, and alone.
    let (Some(_), Some(first)) = (&documents.organization, documents.partners.first()) else {
        return;
    };
    let assumed = |tenant: TenantId| {
        let mut entries = documents.assumed_outbound.iter();
        entries.any(|entry| {
            entry.tenant == tenant
                && entry.access_types.contains(&AccessType::DirectConnect)
                && entry.review_by.end() > draft.now
        })
    };
    let partners = documents.partners.iter().map(|partner| partner.tenant);
    let unloaded = partners.filter(|partner| !draft.loaded.contains(partner) && !assumed(*partner));
    let unloaded = sorted(unloaded.collect());
    if unloaded.is_empty() {
        return;
    }
    let mut listed: Vec<String> = unloaded
        .iter()
        .take(MOST_LISTED)
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
    let place = Place::of_file(first.configuration.place.file.clone());
    draft.findings.info(&place, Code::PartnerNotLoaded, message);
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before the beginning of its `reviewBy` an entry is reported.
const REVIEW_SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Partners that one finding lists: more fill a screen, and their number says enough.
const MOST_LISTED: usize = 100;
