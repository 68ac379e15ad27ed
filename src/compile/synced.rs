//! Groups that stand as a group of one tenant and as one of another (semantics §9, "Synchronised groups").

use std::collections::{HashMap, HashSet};

use super::findings::{Findings, origin_of};
use super::policies::decides;
use crate::graph::document::{Configuration, Setting, TenantDocuments, UserTarget};
use crate::graph::{Code, Place};
use crate::id::{GroupId, TenantId};

/// Where a setting names a group, and whose group it is there.
type Named<'d> = HashMap<GroupId, (TenantId, &'d Place)>;

/// Reports a group of a Conditional Access policy that a setting names as a group of another tenant. `id_of`
/// gives a tenant's id.
pub(super) fn report(
    tenants: &[TenantDocuments],
    id_of: fn(&TenantDocuments) -> TenantId,
    findings: &mut Findings,
) {
    let mut homes: Named<'_> = HashMap::new();
    for tenant in tenants {
        let own = id_of(tenant);
        for partner in &tenant.partners {
            add(
                &partner.configuration,
                own,
                Some(partner.tenant),
                &mut homes,
            );
        }
        if let Some(default) = &tenant.default {
            add(default, own, None, &mut homes);
        }
    }
    for tenant in tenants {
        report_policies(tenant, id_of(tenant), &homes, findings);
    }
}

/// Inbound settings and restrictions name groups of the partner, outbound settings the tenant's own.
fn add<'d>(
    configuration: &'d Configuration,
    own: TenantId,
    partner: Option<TenantId>,
    homes: &mut Named<'d>,
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
    for (setting, home) in outbound.chain(inbound) {
        let Some((setting, home)) = setting.as_ref().zip(home) else {
            continue;
        };
        for (group, place) in groups_of(setting) {
            homes.entry(group).or_insert((home, place));
        }
    }
}

fn groups_of(setting: &Setting) -> impl Iterator<Item = (GroupId, &Place)> {
    let targets = setting.users.iter().flat_map(|rule| &rule.targets);
    targets.filter_map(|target| match target.value {
        UserTarget::Group(group) => Some((group, &target.place)),
        UserTarget::AllUsers | UserTarget::User(_) => None,
    })
}

fn report_policies(
    tenant: &TenantDocuments,
    own: TenantId,
    homes: &Named<'_>,
    findings: &mut Findings,
) {
    let mut reported = HashSet::new();
    for policy in tenant.policies.iter().filter(|policy| decides(policy)) {
        let Some(users) = &policy.conditions.users else {
            continue;
        };
        for group in users.include.groups.iter().chain(&users.exclude.groups) {
            let elsewhere = homes.get(group).filter(|(home, _)| *home != own);
            if let Some((home, place)) = elsewhere
                && reported.insert(*group)
            {
                let message = format!(
                    "found group {group}, which {} names as a group of tenant {home}: Conditional Access \
                     compares groups of the resource tenant, and a synchronised group has another id there",
                    origin_of(place)
                );
                findings.info(&users.place, Code::GroupOfTwoTenants, message);
            }
        }
    }
}
