//! Inheritance (semantics §2): the service's defaults → the tenant's default → a partner, member by
//! member as a whole, the booleans of trust one by one. Null is never false.

use super::draft::{Draft, push};
use super::findings::{origin_of, report_repeats};
use super::settings::{self, Reach};
use crate::graph::Code;
use crate::graph::document::{Configuration, InboundTrust, TenantDocuments};
use crate::id::TenantId;
use crate::snapshot::{Relation, Trust};
use crate::vocabulary::Access;

/// The origin of what no document says.
pub(super) const SERVICE_DEFAULT: &str = "the service's own default";

/// What the service does where no document says anything (semantics §2, table): direct connect and
/// tenant restrictions blocked, collaboration allowed, nothing trusted.
pub(super) fn service_default(draft: &mut Draft) -> Relation {
    let blocked = settings::service_default(draft, Access::Blocked);
    let allowed = settings::service_default(draft, Access::Allowed);
    Relation {
        direct_connect_inbound: blocked,
        direct_connect_outbound: blocked,
        collaboration_inbound: allowed,
        collaboration_outbound: allowed,
        tenant_restrictions: blocked,
        trust: Trust {
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

/// A tenant's default: what it says, else what the service does.
pub(super) fn default_of(
    draft: &mut Draft,
    default: Option<&Configuration>,
    service: &Relation,
) -> Relation {
    match default {
        // semantics §2: inbound and tenant restrictions of a default know AllUsers only.
        Some(configuration) => inherit(draft, configuration, service, Reach::AllUsersOnly),
        None => service.clone(),
    }
}

/// The tenant's partner entries, in the order of their ids.
pub(super) fn partners(
    draft: &mut Draft,
    tenant: TenantId,
    documents: &TenantDocuments,
    default: &Relation,
) {
    let places = documents
        .partners
        .iter()
        .map(|partner| (partner.tenant, &partner.configuration.place));
    report_repeats(&mut draft.findings, "partner", places);

    let mut partners: Vec<_> = documents.partners.iter().collect();
    partners.sort_by_key(|partner| partner.tenant);
    for partner in partners {
        // semantics §2; a folder without a tenant cannot be its own partner.
        if partner.tenant == tenant && documents.organization.is_some() {
            let message = "found the tenant itself, expected another tenant";
            let place = &partner.configuration.place;
            draft.findings.error(place, Code::OwnPartner, message);
        }
        let relation = Relation {
            is_partner: true,
            blocks_service_providers: partner.blocks_service_providers,
            ..inherit(draft, &partner.configuration, default, Reach::Anyone)
        };
        draft.pairs.push((tenant, partner.tenant));
        push(
            &mut draft.relations,
            relation,
            &mut draft.findings,
            "partners",
        );
    }
}

/// One step of inheritance. `reach` is for inbound and restrictions; outbound may always name anyone.
fn inherit(
    draft: &mut Draft,
    said: &Configuration,
    inherited: &Relation,
    reach: Reach,
) -> Relation {
    let mut member = |setting: &Option<_>, inherited, reach| match setting {
        Some(setting) => settings::compile(draft, setting, reach),
        None => inherited,
    };
    let from = inherited;
    Relation {
        direct_connect_inbound: member(
            &said.direct_connect_inbound,
            from.direct_connect_inbound,
            reach,
        ),
        direct_connect_outbound: member(
            &said.direct_connect_outbound,
            from.direct_connect_outbound,
            Reach::Anyone,
        ),
        collaboration_inbound: member(
            &said.collaboration_inbound,
            from.collaboration_inbound,
            reach,
        ),
        collaboration_outbound: member(
            &said.collaboration_outbound,
            from.collaboration_outbound,
            Reach::Anyone,
        ),
        tenant_restrictions: member(&said.tenant_restrictions, from.tenant_restrictions, reach),
        trust: trust(said.inbound_trust.as_ref(), &inherited.trust),
        is_partner: false,
        blocks_service_providers: false,
        origin: origin_of(&said.place).into(),
    }
}

/// Where the object is given, each boolean that it does not say takes the inherited value (chosen).
fn trust(said: Option<&InboundTrust>, inherited: &Trust) -> Trust {
    let Some(said) = said else {
        return inherited.clone();
    };
    let InboundTrust {
        place,
        mfa,
        compliant_device,
        hybrid_joined_device,
    } = said;
    let complete = mfa.is_some() && compliant_device.is_some() && hybrid_joined_device.is_some();
    let origin = match complete {
        true => origin_of(place),
        false => format!("{}, else {}", origin_of(place), inherited.origin),
    };
    Trust {
        mfa: mfa.unwrap_or(inherited.mfa),
        compliant_device: compliant_device.unwrap_or(inherited.compliant_device),
        hybrid_joined_device: hybrid_joined_device.unwrap_or(inherited.hybrid_joined_device),
        origin: origin.into(),
    }
}

#[cfg(test)]
mod tests;
