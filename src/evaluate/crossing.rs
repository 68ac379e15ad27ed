//! Stages 3 and 4: may the user leave the home tenant, and enter the resource tenant? (semantics §3, §4)
//!
//! Both sides have to agree. An internal user crosses nothing.

use super::matching::Match;
use super::setting::{self, Refusal};
use super::{Failure, Notes, Question, assumed, fail, fail_about};
use crate::decision::{DenialSubject, Reason};
use crate::id::TenantId;
use crate::request::{AccessType, Home, IdentityProvider, UserClass};
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
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), Failure> {
    let Some((home, resource)) = crossed(question)? else {
        return Ok(());
    };
    match leaves(question, resource, question.request.access) {
        Err(Barrier::Setting(_)) if question.home.is_none() => {
            assumed_outbound(question, home, resource, now, notes)
        }
        Err(Barrier::Cloud)
            if question.home.is_none() && question.request.access == AccessType::Collaboration =>
        {
            fail_about(
                Reason::CloudNotAllowed,
                DenialSubject::CloudOfHomeNotLoaded { tenant: home },
            )
        }
        side => refuse(side, Reason::OutboundUser, Reason::OutboundApplication),
    }
}

pub(super) fn inbound(
    question: &Question<'_>,
    _: &Revocations,
    _: Timestamp,
    _: &mut Notes,
) -> Result<(), Failure> {
    if let (Home::Provider(provider), Some(resource)) = (&question.request.home, question.resource)
    {
        return signs_in_with(provider, resource);
    }
    let Some((home, resource)) = crossed(question)? else {
        return Ok(());
    };
    let side = enters(question, home, resource, question.request.access);
    refuse(side, Reason::InboundUser, Reason::InboundApplication)
}

/// The home and the resource tenant whose settings are asked; none for an internal user, and for an
/// account without a home tenant.
fn crossed<'a>(question: &Question<'a>) -> Result<Option<(TenantId, &'a Tenant)>, Failure> {
    let Some(resource) = question.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    let home = question.request.home.tenant();
    Ok(home
        .filter(|_| question.class != UserClass::Internal)
        .map(|home| (home, resource)))
}

/// One side's verdict, with its reasons for a refused user and a refused application.
fn refuse(side: Result<(), Barrier>, user: Reason, application: Reason) -> Result<(), Failure> {
    match side {
        Ok(()) => Ok(()),
        Err(Barrier::Cloud) => fail(Reason::CloudNotAllowed),
        Err(Barrier::ServiceProvider) => fail_about(user, DenialSubject::ServiceProviderBlocked),
        Err(Barrier::Setting(Refusal::User)) => fail(user),
        Err(Barrier::Setting(Refusal::Application)) => fail(application),
        Err(Barrier::Setting(Refusal::GroupsUnknown)) => fail(Reason::GroupsUnknown),
    }
}

/// The home tenant's policies are not loaded, and the service's defaults do not let the user out.
fn assumed_outbound(
    question: &Question<'_>,
    home: TenantId,
    resource: &Tenant,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), Failure> {
    match assumed::lets_out(question, home, resource, now) {
        Ok(entry) => {
            notes.not_after(entry.review_by.end());
            notes.assumed_outbound = Some(entry.basis);
            Ok(())
        }
        Err(entry) => fail_about(
            Reason::OutboundUser,
            DenialSubject::HomeNotLoaded {
                tenant: home,
                entry,
            },
        ),
    }
}

/// Stage 4 of an account without a home tenant: its identity provider has to be listed.
fn signs_in_with(provider: &IdentityProvider, resource: &Tenant) -> Result<(), Failure> {
    match resource.identity_providers.listed(provider) {
        Some(_) => Ok(()),
        None => fail_about(
            Reason::InboundUser,
            DenialSubject::ProviderNotListed(provider.to_string()),
        ),
    }
}

/// Whether the user could come by direct connect, whatever the access type of the request: what makes a
/// collaboration user count as a direct connect user too (semantics §5).
pub(super) struct Eligibility {
    pub(super) answer: Match,
    /// The end of the agreement that the answer depends on.
    pub(super) until: Option<Timestamp>,
}

/// Asks the direct connect settings of both sides.
pub(super) fn eligible_for_direct_connect(
    question: &Question<'_>,
    home: TenantId,
    resource: &Tenant,
    now: Timestamp,
) -> Eligibility {
    let access = AccessType::DirectConnect;
    let inbound = passes_or_unknown(enters(question, home, resource, access));
    match leaves(question, resource, access) {
        Err(Barrier::Setting(_)) if question.home.is_none() => {
            let agreement = assumed::direct_connect_agreement(question, home, resource, now);
            let counts = agreement.filter(|_| inbound != Match::No);
            Eligibility {
                answer: Match::all([Match::known(agreement.is_some()), inbound]),
                until: counts.map(|entry| entry.review_by.end()),
            }
        }
        side => Eligibility {
            answer: Match::all([passes_or_unknown(side), inbound]),
            until: None,
        },
    }
}

fn passes_or_unknown(side: Result<(), Barrier>) -> Match {
    match side {
        Ok(()) => Match::Yes,
        Err(Barrier::Setting(Refusal::GroupsUnknown)) => Match::Unknown,
        Err(
            Barrier::Cloud
            | Barrier::ServiceProvider
            | Barrier::Setting(Refusal::User | Refusal::Application),
        ) => Match::No,
    }
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

fn leaves(question: &Question<'_>, resource: &Tenant, access: AccessType) -> Result<(), Barrier> {
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
