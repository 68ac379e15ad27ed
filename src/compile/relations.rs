//! Inheritance (semantics §2): the service's defaults → the tenant's default → a partner. Each member is
//! inherited as one value; the booleans of `inboundTrust` are inherited one by one. Null is never false.

use super::builder::{SnapshotBuilder, push};
use super::findings::{origin_of, report_duplicates};
use super::settings::{self, AllowedTargets};
use crate::graph::Code;
use crate::graph::document::{Configuration, InboundTrust, TenantDocuments};
use crate::id::TenantId;
use crate::snapshot::{Relation, TrustedClaims};
use crate::vocabulary::Access;

/// The origin of a value that no document sets.
pub(super) const SERVICE_DEFAULT: &str = "the service's own default";

/// The service's defaults (semantics §2, table): direct connect and tenant restrictions blocked,
/// collaboration allowed, nothing trusted.
pub(super) fn service_default(builder: &mut SnapshotBuilder) -> Relation {
    let blocked = settings::service_default(builder, Access::Blocked);
    let allowed = settings::service_default(builder, Access::Allowed);
    Relation {
        direct_connect_inbound: blocked,
        direct_connect_outbound: blocked,
        collaboration_inbound: allowed,
        collaboration_outbound: allowed,
        tenant_restrictions: blocked,
        trust: TrustedClaims {
            mfa: false,
            compliant_device: false,
            hybrid_joined_device: false,
            origin: SERVICE_DEFAULT.into(),
        },
        is_partner: false,
        blocks_service_providers: false,
        origin: SERVICE_DEFAULT.into(),
    }
}

/// A tenant's default; members that it does not set have the service's defaults.
pub(super) fn default_of(
    builder: &mut SnapshotBuilder,
    default: Option<&Configuration>,
    service: &Relation,
) -> Relation {
    match default {
        // semantics §2: inbound settings and tenant restrictions of a default allow AllUsers only.
        Some(configuration) => inherit(
            builder,
            configuration,
            service,
            AllowedTargets::AllUsersOnly,
        ),
        None => service.clone(),
    }
}

/// The tenant's partner entries, in the order of their ids.
pub(super) fn partners(
    builder: &mut SnapshotBuilder,
    tenant: TenantId,
    documents: &TenantDocuments,
    default: &Relation,
) {
    let places = documents
        .partners
        .iter()
        .map(|partner| (partner.tenant, &partner.configuration.place));
    report_duplicates(&mut builder.findings, "partner", places);

    let mut partners: Vec<_> = documents.partners.iter().collect();
    partners.sort_by_key(|partner| partner.tenant);
    for partner in partners {
        // semantics §2. A folder without an organization has no id to compare.
        if partner.tenant == tenant && documents.organization.is_some() {
            let message = "found the tenant itself, expected another tenant";
            let place = &partner.configuration.place;
            builder.findings.error(place, Code::OwnPartner, message);
        }
        let relation = Relation {
            is_partner: true,
            blocks_service_providers: partner.blocks_service_providers,
            ..inherit(
                builder,
                &partner.configuration,
                default,
                AllowedTargets::Any,
            )
        };
        builder.pairs.push((tenant, partner.tenant));
        push(
            &mut builder.relations,
            relation,
            &mut builder.findings,
            "partners",
        );
    }
}

/// One step of inheritance. `allowed` applies to inbound settings and tenant restrictions; outbound settings
/// may have any targets.
fn inherit(
    builder: &mut SnapshotBuilder,
    configured: &Configuration,
    inherited: &Relation,
    allowed: AllowedTargets,
) -> Relation {
    let mut member = |setting: &Option<_>, inherited, allowed| match setting {
        Some(setting) => settings::compile(builder, setting, allowed),
        None => inherited,
    };
    let from = inherited;
    Relation {
        direct_connect_inbound: member(
            &configured.direct_connect_inbound,
            from.direct_connect_inbound,
            allowed,
        ),
        direct_connect_outbound: member(
            &configured.direct_connect_outbound,
            from.direct_connect_outbound,
            AllowedTargets::Any,
        ),
        collaboration_inbound: member(
            &configured.collaboration_inbound,
            from.collaboration_inbound,
            allowed,
        ),
        collaboration_outbound: member(
            &configured.collaboration_outbound,
            from.collaboration_outbound,
            AllowedTargets::Any,
        ),
        tenant_restrictions: member(
            &configured.tenant_restrictions,
            from.tenant_restrictions,
            allowed,
        ),
        trust: trust(configured.inbound_trust.as_ref(), &inherited.trust),
        is_partner: false,
        blocks_service_providers: false,
        origin: origin_of(&configured.place).into(),
    }
}

/// If the object is present, each boolean that it does not set is inherited (chosen).
fn trust(configured: Option<&InboundTrust>, inherited: &TrustedClaims) -> TrustedClaims {
    let Some(configured) = configured else {
        return inherited.clone();
    };
    let InboundTrust {
        place,
        mfa,
        compliant_device,
        hybrid_joined_device,
    } = configured;
    let complete = mfa.is_some() && compliant_device.is_some() && hybrid_joined_device.is_some();
    let origin = match complete {
        true => origin_of(place),
        false => format!("{}, else {}", origin_of(place), inherited.origin),
    };
    TrustedClaims {
        mfa: mfa.unwrap_or(inherited.mfa),
        compliant_device: compliant_device.unwrap_or(inherited.compliant_device),
        hybrid_joined_device: hybrid_joined_device.unwrap_or(inherited.hybrid_joined_device),
        origin: origin.into(),
    }
}

#[cfg(test)]
mod tests;
