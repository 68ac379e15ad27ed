//! Stages 3 and 4: may the user leave the home tenant, and enter the resource tenant? (semantics §3, §4)
//!
//! Both sides have to agree. An internal user crosses nothing.

use super::matching::Match;
use super::setting::{self, Refusal};
use super::{Failure, Notes, Question, fail};
use crate::decision::Reason;
use crate::id::TenantId;
use crate::request::{AccessType, Home, UserClass};
use crate::revocation::Revocations;
use crate::snapshot::{Relation, Setting, Tenant, Trust};
use crate::time::Timestamp;
use crate::vocabulary::{Cloud, UserType};

/// Why a side does not let the user pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Barrier {
    Cloud,
    /// The home tenant's partner entry keeps service providers from the resource tenant.
    ServiceProvider,
    Setting(Refusal),
}

pub(super) fn resource_is_known(
    question: &Question<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), Failure> {
    match question.resource {
        Some(_) => Ok(()),
        None => fail(Reason::ResourceTenantUnknown),
    }
}

pub(super) fn outbound(
    question: &Question<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), Failure> {
    match &question.request.home {
        Home::Tenant(home) => cross(
            question,
            *home,
            leaves,
            (Reason::OutboundUser, Reason::OutboundApplication),
        ),
        // No tenant's outbound settings speak of the account.
        Home::Provider(_) => Ok(()),
    }
}

pub(super) fn inbound(
    question: &Question<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), Failure> {
    match &question.request.home {
        Home::Tenant(home) => cross(
            question,
            *home,
            enters,
            (Reason::InboundUser, Reason::InboundApplication),
        ),
        Home::Provider(_) => fail(Reason::InboundUser),
    }
}

type Side = fn(&Question<'_>, TenantId, &Tenant, AccessType) -> Result<(), Barrier>;

/// One side's verdict, with its reasons for a refused user and a refused application.
fn cross(
    question: &Question<'_>,
    home: TenantId,
    side: Side,
    (user, application): (Reason, Reason),
) -> Result<(), Failure> {
    let Some(resource) = question.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    if question.class == UserClass::Internal {
        return Ok(());
    }
    match side(question, home, resource, question.request.access) {
        Ok(()) => Ok(()),
        Err(Barrier::Cloud) => fail(Reason::CloudNotAllowed),
        Err(Barrier::ServiceProvider | Barrier::Setting(Refusal::User)) => fail(user),
        Err(Barrier::Setting(Refusal::Application)) => fail(application),
        Err(Barrier::Setting(Refusal::GroupsUnknown)) => fail(Reason::GroupsUnknown),
    }
}

/// Whether the direct connect settings of both sides pass, whatever the access type of the request:
/// what makes a collaboration user count as a direct connect user too (semantics §5).
pub(super) fn eligible_for_direct_connect(
    question: &Question<'_>,
    home: TenantId,
    resource: &Tenant,
) -> Match {
    let access = AccessType::DirectConnect;
    let sides = [
        leaves(question, home, resource, access),
        enters(question, home, resource, access),
    ];
    Match::all(sides.into_iter().map(|side| match side {
        Ok(()) => Match::Yes,
        Err(Barrier::Setting(Refusal::GroupsUnknown)) => Match::Unknown,
        Err(
            Barrier::Cloud
            | Barrier::ServiceProvider
            | Barrier::Setting(Refusal::User | Refusal::Application),
        ) => Match::No,
    }))
}

/// What the home tenant says about the resource tenant, and the setting for this access type.
pub(super) fn outbound_relation<'a>(
    question: &Question<'a>,
    access: AccessType,
) -> (&'a Relation, Option<&'a Setting>) {
    let snapshot = question.snapshot;
    let relation = snapshot.relation_or_service_default(question.home, question.request.resource);
    (relation, snapshot.setting(relation.outbound(access)))
}

/// What the resource tenant says about the home tenant, and the setting for this access type.
pub(super) fn inbound_relation<'a>(
    question: &Question<'a>,
    home: TenantId,
    resource: &'a Tenant,
    access: AccessType,
) -> (&'a Relation, Option<&'a Setting>) {
    let snapshot = question.snapshot;
    let relation = snapshot.relation(resource, home);
    (relation, snapshot.setting(relation.inbound(access)))
}

/// Which claims made at home the resource tenant accepts; none of an account without a home tenant.
pub(super) fn trust<'a>(question: &Question<'a>, resource: &'a Tenant) -> &'a Trust {
    let snapshot = question.snapshot;
    match &question.request.home {
        Home::Tenant(home) => &snapshot.relation(resource, *home).trust,
        // INVARIANT(service-default): it trusts nothing.
        Home::Provider(_) => &snapshot.service_default.trust,
    }
}

fn leaves(
    question: &Question<'_>,
    _: TenantId,
    resource: &Tenant,
    access: AccessType,
) -> Result<(), Barrier> {
    let (relation, setting) = outbound_relation(question, access);
    let allowed = question.home.map_or(&[][..], |home| &home.allowed_clouds);
    let clouds = (home_cloud(question, resource), resource.cloud);
    cloud_is_open(clouds, access, allowed.contains(&resource.cloud), relation)?;
    let is_service_provider =
        question.request.external_user_type == Some(UserType::ServiceProvider);
    if relation.blocks_service_providers && is_service_provider {
        return Err(Barrier::ServiceProvider);
    }
    passes(setting, question)
}

fn enters(
    question: &Question<'_>,
    home: TenantId,
    resource: &Tenant,
    access: AccessType,
) -> Result<(), Barrier> {
    let (relation, setting) = inbound_relation(question, home, resource, access);
    let home_cloud = home_cloud(question, resource);
    let allowed = resource.allowed_clouds.contains(&home_cloud);
    cloud_is_open((home_cloud, resource.cloud), access, allowed, relation)?;
    passes(setting, question)
}

/// A setting that is not there (no snapshot of ours has such a hole) targets nobody and lets nobody pass.
fn passes(setting: Option<&Setting>, question: &Question<'_>) -> Result<(), Barrier> {
    let setting = setting.ok_or(Barrier::Setting(Refusal::User))?;
    setting::apply(setting, question).map_err(Barrier::Setting)
}

/// semantics §3, Clouds: across clouds direct connect never passes, and collaboration only if this side
/// names the other's cloud and has a partner entry for the other tenant.
fn cloud_is_open(
    (home, resource): (Cloud, Cloud),
    access: AccessType,
    names_cloud: bool,
    relation: &Relation,
) -> Result<(), Barrier> {
    if home == resource {
        return Ok(());
    }
    match access {
        AccessType::Collaboration if names_cloud && relation.is_partner => Ok(()),
        AccessType::Collaboration | AccessType::DirectConnect => Err(Barrier::Cloud),
    }
}

/// The home tenant's own cloud; of a tenant that is not in the snapshot what the request says, else the
/// resource tenant's.
pub(super) fn home_cloud(question: &Question<'_>, resource: &Tenant) -> Cloud {
    match question.home {
        Some(home) => home.cloud,
        None => question.request.home_cloud.unwrap_or(resource.cloud),
    }
}
