//! `assumed-outbound.json`: what the resource tenant assumes about the outbound settings of a home tenant whose
//! policies are not loaded (semantics §3, "A home tenant whose policies are not loaded").

use super::Evaluation;
use crate::decision::UnusedEntryReason;
use crate::id::TenantId;
use crate::request::AccessType;
use crate::snapshot::{AssumedOutboundSettings, Tenant};
use crate::time::Timestamp;
use crate::vocabulary::AssumedBasis;

/// The entry that allows the outbound access. `Err(None)`: no entry for this home tenant.
pub(super) fn applicable_entry<'a>(
    evaluation: &Evaluation<'_>,
    home: TenantId,
    resource: &'a Tenant,
    now: Timestamp,
) -> Result<&'a AssumedOutboundSettings, Option<UnusedEntryReason>> {
    let request = evaluation.request;
    let entry = current_entry(resource, home, request.access, now)?;
    let applies = match entry.basis {
        AssumedBasis::Agreement => true,
        AssumedBasis::TokenIssued => request.issuing_tenant == Some(home),
    };
    applies
        .then_some(entry)
        .ok_or(Some(UnusedEntryReason::NotTokenIssued))
}

/// The agreement that makes a collaboration user eligible for direct connect too.
pub(super) fn direct_connect_agreement<'a>(
    evaluation: &Evaluation<'_>,
    home: TenantId,
    resource: &'a Tenant,
    now: Timestamp,
) -> Option<&'a AssumedOutboundSettings> {
    if evaluation.home.is_some() {
        return None;
    }
    let entry = current_entry(resource, home, AccessType::DirectConnect, now).ok()?;
    (entry.basis == AssumedBasis::Agreement).then_some(entry)
}

/// The entry for this home tenant, if it lists the access type and its `reviewBy` is not past.
fn current_entry(
    resource: &Tenant,
    home: TenantId,
    access: AccessType,
    now: Timestamp,
) -> Result<&AssumedOutboundSettings, Option<UnusedEntryReason>> {
    let entry = resource.assumed_outbound_of(home).ok_or(None)?;
    if entry.review_by.end() <= now {
        return Err(Some(UnusedEntryReason::ReviewPast));
    }
    if !entry.access_types.contains(&access) {
        return Err(Some(UnusedEntryReason::OtherAccessType));
    }
    Ok(entry)
}
