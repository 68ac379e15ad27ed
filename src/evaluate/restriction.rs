//! Stage 2: does the tenant whose network or device is used let this foreign account reach this foreign
//! application? (semantics §6)

use super::{Failure, Notes, Question, crossing, fail, setting};
use crate::decision::Reason;
use crate::id::TenantId;
use crate::revocation::Revocations;
use crate::snapshot::{Setting, Tenant};
use crate::time::Timestamp;
use crate::vocabulary::Cloud;

pub(super) fn check(
    question: &Question<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), Failure> {
    let request = question.request;
    let Some(restricting) = request.restricting_tenant else {
        return Ok(());
    };
    // Own accounts: outbound settings govern. Own applications: inbound settings govern.
    if request.home == restricting || request.resource == restricting {
        return Ok(());
    }
    let Some(restricting) = question.snapshot.tenant(restricting) else {
        return fail(Reason::TenantRestricted);
    };
    // A foreign account that no tenant's restrictions can name (chosen).
    let Some(home) = request.home.tenant() else {
        return fail(Reason::TenantRestricted);
    };
    let passes = governed_tenants(question, home, restricting)
        .map(|tenant| restrictions(question, restricting, tenant))
        .all(|setting| setting.is_some_and(|setting| setting::apply(setting, question).is_ok()));
    if passes {
        Ok(())
    } else {
        fail(Reason::TenantRestricted)
    }
}

/// The tenants whose restrictions have to pass: the user's and, where it is another, the resource tenant.
/// Restrictions are not enforced across clouds: each is left out where it is in another cloud.
pub(super) fn governed_tenants(
    question: &Question<'_>,
    home: TenantId,
    restricting: &Tenant,
) -> impl Iterator<Item = TenantId> {
    let request = question.request;
    let is_internal = request.home == request.resource;
    let home = (home_cloud(question, restricting) == restricting.cloud).then_some(home);
    let resource_cloud = match question.resource {
        Some(resource) => resource.cloud,
        // Not known: the restriction is taken to apply.
        None => restricting.cloud,
    };
    let resource =
        (!is_internal && resource_cloud == restricting.cloud).then_some(request.resource);
    home.into_iter().chain(resource)
}

/// What the restricting tenant says about accounts or applications of `tenant`.
pub(super) fn restrictions<'a>(
    question: &Question<'a>,
    restricting: &'a Tenant,
    tenant: TenantId,
) -> Option<&'a Setting> {
    let relation = question.snapshot.relation(restricting, tenant);
    question.snapshot.setting(relation.tenant_restrictions)
}

fn home_cloud(question: &Question<'_>, restricting: &Tenant) -> Cloud {
    match question.resource {
        Some(resource) => crossing::home_cloud(question, resource),
        None => crossing::home_cloud(question, restricting),
    }
}
