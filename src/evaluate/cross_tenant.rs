//! Stages 3 and 4: cross-tenant access settings, outbound of the home tenant and inbound of the resource
//! tenant (semantics §3, §4).
//!
//! Both have to allow the access. Neither applies to an internal user.

use super::matching::Match;
use super::setting::{self, SettingRefusal};
use super::{Evaluation, Notes, StageFailure, assumed, fail, fail_with_subject};
use crate::decision::{DenialSubject, Reason};
use crate::id::TenantId;
use crate::request::{AccessType, Home, IdentityProvider, UserClass};
use crate::revocation::Revocations;
use crate::snapshot::{AccessSetting, Relation, Tenant, TrustedClaims};
use crate::time::Timestamp;
use crate::vocabulary::{Cloud, UserType};

/// Why the outbound or the inbound side denies the access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SideRefusal {
    Cloud,
    /// The home tenant's partner entry blocks outbound access of service providers.
    ServiceProvider,
    Setting(SettingRefusal),
}

pub(super) fn check_resource_known(
    evaluation: &Evaluation<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), StageFailure> {
    match evaluation.resource {
        Some(_) => Ok(()),
        None => fail(Reason::ResourceTenantUnknown),
    }
}

pub(super) fn check_outbound(
    evaluation: &Evaluation<'_>,
    _: &Revocations,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), StageFailure> {
    let Some((home, resource)) = tenants_to_check(evaluation)? else {
        return Ok(());
    };
    match apply_outbound(evaluation, resource, evaluation.request.access) {
        Err(SideRefusal::Setting(_)) if evaluation.home.is_none() => {
            apply_assumed_outbound(evaluation, home, resource, now, notes)
        }
        Err(SideRefusal::Cloud)
            if evaluation.home.is_none()
                && evaluation.request.access == AccessType::Collaboration =>
        {
            fail_with_subject(
                Reason::CloudNotAllowed,
                DenialSubject::CloudOfHomeNotLoaded { tenant: home },
            )
        }
        side => to_failure(side, Reason::OutboundUser, Reason::OutboundApplication),
    }
}

pub(super) fn check_inbound(
    evaluation: &Evaluation<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), StageFailure> {
    if let (Home::Provider(provider), Some(resource)) =
        (&evaluation.request.home, evaluation.resource)
    {
        return check_identity_provider(provider, resource);
    }
    let Some((home, resource)) = tenants_to_check(evaluation)? else {
        return Ok(());
    };
    let side = apply_inbound(evaluation, home, resource, evaluation.request.access);
    to_failure(side, Reason::InboundUser, Reason::InboundApplication)
}

/// The home and the resource tenant whose settings apply; `None` for an internal user and for an account
/// without a home tenant.
fn tenants_to_check<'a>(
    evaluation: &Evaluation<'a>,
) -> Result<Option<(TenantId, &'a Tenant)>, StageFailure> {
    let Some(resource) = evaluation.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    let home = evaluation.request.home.tenant();
    Ok(home
        .filter(|_| evaluation.class != UserClass::Internal)
        .map(|home| (home, resource)))
}

/// Maps the result of one side to its reasons for a denied user and a denied application.
fn to_failure(
    side: Result<(), SideRefusal>,
    user: Reason,
    application: Reason,
) -> Result<(), StageFailure> {
    match side {
        Ok(()) => Ok(()),
        Err(SideRefusal::Cloud) => fail(Reason::CloudNotAllowed),
        Err(SideRefusal::ServiceProvider) => {
            fail_with_subject(user, DenialSubject::ServiceProviderBlocked)
        }
        Err(SideRefusal::Setting(SettingRefusal::User)) => fail(user),
        Err(SideRefusal::Setting(SettingRefusal::Application)) => fail(application),
        Err(SideRefusal::Setting(SettingRefusal::GroupsUnknown)) => fail(Reason::GroupsUnknown),
    }
}

/// The home tenant's policies are not loaded, and the service defaults block the access: an entry in
/// `assumed-outbound.json` may allow it.
fn apply_assumed_outbound(
    evaluation: &Evaluation<'_>,
    home: TenantId,
    resource: &Tenant,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), StageFailure> {
    match assumed::applicable_entry(evaluation, home, resource, now) {
        Ok(entry) => {
            notes.limit_expiry(entry.review_by.end());
            notes.assumed_outbound = Some(entry.basis);
            Ok(())
        }
        Err(entry) => fail_with_subject(
            Reason::OutboundUser,
            DenialSubject::HomeNotLoaded {
                tenant: home,
                entry,
            },
        ),
    }
}

/// Stage 4 of an account without a home tenant: the resource tenant has to list its identity provider.
fn check_identity_provider(
    provider: &IdentityProvider,
    resource: &Tenant,
) -> Result<(), StageFailure> {
    match resource.identity_providers.listed(provider) {
        Some(_) => Ok(()),
        None => fail_with_subject(
            Reason::InboundUser,
            DenialSubject::ProviderNotListed(provider.to_string()),
        ),
    }
}

/// Whether both sides' settings allow the user direct connect, independent of the request's access type. If so,
/// a collaboration user counts as a direct connect user too (semantics §5).
pub(super) struct DirectConnectEligibility {
    pub(super) answer: Match,
    /// The end of the assumed agreement that the answer depends on.
    pub(super) until: Option<Timestamp>,
}

/// Evaluates the direct connect settings of both sides.
pub(super) fn direct_connect_eligibility(
    evaluation: &Evaluation<'_>,
    home: TenantId,
    resource: &Tenant,
    now: Timestamp,
) -> DirectConnectEligibility {
    let access = AccessType::DirectConnect;
    let inbound = to_match(apply_inbound(evaluation, home, resource, access));
    match apply_outbound(evaluation, resource, access) {
        Err(SideRefusal::Setting(_)) if evaluation.home.is_none() => {
            let agreement = assumed::direct_connect_agreement(evaluation, home, resource, now);
            let counts = agreement.filter(|_| inbound != Match::No);
            DirectConnectEligibility {
                answer: Match::all([Match::from_bool(agreement.is_some()), inbound]),
                until: counts.map(|entry| entry.review_by.end()),
            }
        }
        side => DirectConnectEligibility {
            answer: Match::all([to_match(side), inbound]),
            until: None,
        },
    }
}

fn to_match(side: Result<(), SideRefusal>) -> Match {
    match side {
        Ok(()) => Match::Yes,
        Err(SideRefusal::Setting(SettingRefusal::GroupsUnknown)) => Match::Unknown,
        Err(
            SideRefusal::Cloud
            | SideRefusal::ServiceProvider
            | SideRefusal::Setting(SettingRefusal::User | SettingRefusal::Application),
        ) => Match::No,
    }
}

/// The home tenant's relation to the resource tenant, and its outbound setting for this access type.
pub(super) fn outbound_relation<'a>(
    evaluation: &Evaluation<'a>,
    access: AccessType,
) -> (&'a Relation, Option<&'a AccessSetting>) {
    let snapshot = evaluation.snapshot;
    let relation =
        snapshot.relation_or_service_default(evaluation.home, evaluation.request.resource);
    (relation, snapshot.setting(relation.outbound(access)))
}

/// The resource tenant's relation to the home tenant, and its inbound setting for this access type.
pub(super) fn inbound_relation<'a>(
    evaluation: &Evaluation<'a>,
    home: TenantId,
    resource: &'a Tenant,
    access: AccessType,
) -> (&'a Relation, Option<&'a AccessSetting>) {
    let snapshot = evaluation.snapshot;
    let relation = snapshot.relation(resource, home);
    (relation, snapshot.setting(relation.inbound(access)))
}

/// Which claims of the home tenant the resource tenant accepts; none for an account without a home tenant.
pub(super) fn trust<'a>(evaluation: &Evaluation<'a>, resource: &'a Tenant) -> &'a TrustedClaims {
    let snapshot = evaluation.snapshot;
    match &evaluation.request.home {
        Home::Tenant(home) => &snapshot.relation(resource, *home).trust,
        // INVARIANT(service-default): the service default trusts no claim.
        Home::Provider(_) => &snapshot.service_default.trust,
    }
}

fn apply_outbound(
    evaluation: &Evaluation<'_>,
    resource: &Tenant,
    access: AccessType,
) -> Result<(), SideRefusal> {
    let (relation, setting) = outbound_relation(evaluation, access);
    let allowed = evaluation.home.map_or(&[][..], |home| &home.allowed_clouds);
    let clouds = (home_cloud(evaluation, resource), resource.cloud);
    check_clouds(clouds, access, allowed.contains(&resource.cloud), relation)?;
    let is_service_provider =
        evaluation.request.external_user_type == Some(UserType::ServiceProvider);
    if relation.blocks_service_providers && is_service_provider {
        return Err(SideRefusal::ServiceProvider);
    }
    apply_setting(setting, evaluation)
}

fn apply_inbound(
    evaluation: &Evaluation<'_>,
    home: TenantId,
    resource: &Tenant,
    access: AccessType,
) -> Result<(), SideRefusal> {
    let (relation, setting) = inbound_relation(evaluation, home, resource, access);
    let home_cloud = home_cloud(evaluation, resource);
    let allowed = resource.allowed_clouds.contains(&home_cloud);
    check_clouds((home_cloud, resource.cloud), access, allowed, relation)?;
    apply_setting(setting, evaluation)
}

/// A missing setting denies. Compiled snapshots have every setting.
fn apply_setting(
    setting: Option<&AccessSetting>,
    evaluation: &Evaluation<'_>,
) -> Result<(), SideRefusal> {
    let setting = setting.ok_or(SideRefusal::Setting(SettingRefusal::User))?;
    setting::apply(setting, evaluation).map_err(SideRefusal::Setting)
}

/// semantics §3, Clouds: across clouds direct connect never passes; collaboration passes only if this side
/// names the other side's cloud and has a partner entry for the other tenant.
fn check_clouds(
    (home, resource): (Cloud, Cloud),
    access: AccessType,
    names_cloud: bool,
    relation: &Relation,
) -> Result<(), SideRefusal> {
    if home == resource {
        return Ok(());
    }
    match access {
        AccessType::Collaboration if names_cloud && relation.is_partner => Ok(()),
        AccessType::Collaboration | AccessType::DirectConnect => Err(SideRefusal::Cloud),
    }
}

/// The home tenant's cloud. For a tenant that is not in the snapshot: the request's `home_cloud`, else the
/// resource tenant's cloud.
pub(super) fn home_cloud(evaluation: &Evaluation<'_>, resource: &Tenant) -> Cloud {
    match evaluation.home {
        Some(home) => home.cloud,
        None => evaluation.request.home_cloud.unwrap_or(resource.cloud),
    }
}
