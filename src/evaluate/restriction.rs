//! Stage 2: the tenant restrictions of the tenant whose network or device is used, for a foreign account
//! and a foreign application (semantics §6).

use super::{Evaluation, Notes, StageFailure, cross_tenant, fail, setting};
use crate::decision::Reason;
use crate::id::TenantId;
use crate::revocation::Revocations;
use crate::snapshot::{AccessSetting, Tenant};
use crate::time::Timestamp;
use crate::vocabulary::Cloud;

pub(super) fn check(
    evaluation: &Evaluation<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), StageFailure> {
    let request = evaluation.request;
    let Some(restricting) = request.restricting_tenant else {
        return Ok(());
    };
    // Outbound settings govern its own accounts, inbound settings its own applications.
    if request.home == restricting || request.resource == restricting {
        return Ok(());
    }
    let Some(restricting) = evaluation.snapshot.tenant(restricting) else {
        return fail(Reason::TenantRestricted);
    };
    // An account without a home tenant: restrictions cannot name it (our choice).
    let Some(home) = request.home.tenant() else {
        return fail(Reason::TenantRestricted);
    };
    let passes = governed_tenants(evaluation, home, restricting)
        .map(|tenant| restrictions(evaluation, restricting, tenant))
        .all(|setting| setting.is_some_and(|setting| setting::apply(setting, evaluation).is_ok()));
    if passes {
        Ok(())
    } else {
        fail(Reason::TenantRestricted)
    }
}

/// The tenants whose restrictions have to pass: the home tenant and, if different, the resource tenant.
/// Restrictions are not enforced across clouds: a tenant of another cloud is left out.
pub(super) fn governed_tenants(
    evaluation: &Evaluation<'_>,
    home: TenantId,
    restricting: &Tenant,
) -> impl Iterator<Item = TenantId> {
    let request = evaluation.request;
    let is_internal = request.home == request.resource;
    let home = (home_cloud(evaluation, restricting) == restricting.cloud).then_some(home);
    let resource_cloud = match evaluation.resource {
        Some(resource) => resource.cloud,
        // Unknown: the restriction applies.
        None => restricting.cloud,
    };
    let resource =
        (!is_internal && resource_cloud == restricting.cloud).then_some(request.resource);
    home.into_iter().chain(resource)
}

/// The restricting tenant's setting for accounts and applications of `tenant`.
pub(super) fn restrictions<'a>(
    evaluation: &Evaluation<'a>,
    restricting: &'a Tenant,
    tenant: TenantId,
) -> Option<&'a AccessSetting> {
    let relation = evaluation.snapshot.relation(restricting, tenant);
    evaluation.snapshot.setting(relation.tenant_restrictions)
}

fn home_cloud(evaluation: &Evaluation<'_>, restricting: &Tenant) -> Cloud {
    match evaluation.resource {
        Some(resource) => cross_tenant::home_cloud(evaluation, resource),
        None => cross_tenant::home_cloud(evaluation, restricting),
    }
}
