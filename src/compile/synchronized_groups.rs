//! Reports group ids that are used as groups of two tenants (semantics §9, "Synchronised groups").

use std::collections::{HashMap, HashSet};

use super::findings::{Findings, origin_of};
use super::policies::is_evaluated;
use crate::graph::document::{B2bSetting, Configuration, TenantDocuments, UserTarget};
use crate::graph::{Code, SourceLocation};
use crate::id::{GroupId, TenantId};

/// For each group that a setting targets: the tenant that owns it there, and the place.
type GroupOwners<'d> = HashMap<GroupId, (TenantId, &'d SourceLocation)>;

/// Reports a group of a Conditional Access policy that a setting targets as a group of another tenant.
/// `id_of` returns a tenant's id.
pub(super) fn report(
    tenants: &[TenantDocuments],
    id_of: fn(&TenantDocuments) -> TenantId,
    findings: &mut Findings,
) {
    let mut owners: GroupOwners<'_> = HashMap::new();
    for tenant in tenants {
        let own = id_of(tenant);
        for partner in &tenant.partners {
            add(
                &partner.configuration,
                own,
                Some(partner.tenant),
                &mut owners,
            );
        }
        if let Some(default) = &tenant.default {
            add(default, own, None, &mut owners);
        }
    }
    for tenant in tenants {
        report_policies(tenant, id_of(tenant), &owners, findings);
    }
}

/// Inbound settings and tenant restrictions target groups of the partner, outbound settings those of the
/// tenant itself.
fn add<'d>(
    configuration: &'d Configuration,
    own: TenantId,
    partner: Option<TenantId>,
    owners: &mut GroupOwners<'d>,
) {
    let outbound = [
        &configuration.direct_connect_outbound,
        &configuration.collaboration_outbound,
    ];
    let inbound = [
        &configuration.direct_connect_inbound,
        &configuration.collaboration_inbound,
        &configuration.tenant_restrictions,
    ];
    let outbound = outbound.into_iter().map(|setting| (setting, Some(own)));
    let inbound = inbound.into_iter().map(|setting| (setting, partner));
    for (setting, owner) in outbound.chain(inbound) {
        let Some((setting, owner)) = setting.as_ref().zip(owner) else {
            continue;
        };
        for (group, place) in groups_of(setting) {
            owners.entry(group).or_insert((owner, place));
        }
    }
}

fn groups_of(setting: &B2bSetting) -> impl Iterator<Item = (GroupId, &SourceLocation)> {
    let targets = setting.users.iter().flat_map(|rule| &rule.targets);
    targets.filter_map(|target| match target.value {
        UserTarget::Group(group) => Some((group, &target.place)),
        UserTarget::AllUsers | UserTarget::User(_) => None,
    })
}

fn report_policies(
    tenant: &TenantDocuments,
    own: TenantId,
    owners: &GroupOwners<'_>,
    findings: &mut Findings,
) {
    let mut reported = HashSet::new();
    for policy in tenant.policies.iter().filter(|policy| is_evaluated(policy)) {
        let Some(users) = &policy.conditions.users else {
            continue;
        };
        for group in users.include.groups.iter().chain(&users.exclude.groups) {
            let other = owners.get(group).filter(|(owner, _)| *owner != own);
            if let Some((owner, place)) = other
                && reported.insert(*group)
            {
                let message = format!(
                    "found group {group}, which {} targets as a group of tenant {owner}: Conditional Access \
                     compares groups of the resource tenant, where a synchronised group has a different id",
                    origin_of(place)
                );
                findings.info(&users.place, Code::GroupOfTwoTenants, message);
            }
        }
    }
}
