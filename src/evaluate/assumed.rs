//! What the resource tenant assumes about the outbound settings of a home tenant whose policies are not
//! loaded (semantics §3, "A home tenant whose policies are not loaded").

use super::Question;
use crate::decision::UnusedEntry;
use crate::id::TenantId;
use crate::request::AccessType;
use crate::snapshot::{AssumedOutbound, Tenant};
use crate::time::Timestamp;
use crate::vocabulary::AssumedBasis;

/// The entry that lets the user out. `Err(None)`: there is none for this home tenant.
pub(super) fn lets_out<'a>(
    question: &Question<'_>,
    home: TenantId,
    resource: &'a Tenant,
    now: Timestamp,
) -> Result<&'a AssumedOutbound, Option<UnusedEntry>> {
    let request = question.request;
    let entry = counting(resource, home, request.access, now)?;
    let holds = match entry.basis {
        AssumedBasis::Agreement => true,
        AssumedBasis::TokenIssued => request.issuing_tenant == Some(home),
    };
    holds
        .then_some(entry)
        .ok_or(Some(UnusedEntry::NotTokenIssued))
}

/// The agreement that makes a collaboration user one who could come by direct connect as well.
pub(super) fn direct_connect_agreement<'a>(
    question: &Question<'_>,
    home: TenantId,
    resource: &'a Tenant,
    now: Timestamp,
) -> Option<&'a AssumedOutbound> {
    if question.home.is_some() {
        return None;
    }
    let entry = counting(resource, home, AccessType::DirectConnect, now).ok()?;
    (entry.basis == AssumedBasis::Agreement).then_some(entry)
}

/// The entry for this home tenant, if it holds the access type and is not past.
fn counting(
    resource: &Tenant,
    home: TenantId,
    access: AccessType,
    now: Timestamp,
) -> Result<&AssumedOutbound, Option<UnusedEntry>> {
    let entry = resource.assumed_outbound_of(home).ok_or(None)?;
    if entry.review_by.end() <= now {
        return Err(Some(UnusedEntry::ReviewPast));
    }
    if !entry.access_types.contains(&access) {
        return Err(Some(UnusedEntry::OtherAccessType));
    }
    Ok(entry)
}
