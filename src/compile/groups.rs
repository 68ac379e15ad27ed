//! Interning of group ids, which are collected from all documents before anything is compiled.

use super::findings::Findings;
use super::policies::is_evaluated;
use crate::graph::document::{B2bSetting, Configuration, TenantDocuments, UserTarget};
use crate::id::{GroupId, TeamId};
use crate::snapshot::{GroupSet, GroupTable};

/// Every group that a rule names; `None` if there are too many for 32-bit positions.
#[derive(Debug)]
pub(super) struct GroupInterner(Option<GroupTable>);

impl GroupInterner {
    /// The groups of all settings, of all evaluated policies, and the teams of shared channels.
    pub(super) fn from_documents(tenants: &[&TenantDocuments]) -> Self {
        let mut ids = Vec::new();
        for tenant in tenants {
            collect(tenant, &mut ids);
        }
        ids.sort_unstable();
        ids.dedup();
        GroupInterner(GroupTable::build(ids))
    }

    /// The set of these groups.
    ///
    /// INVARIANT(groups-interned): [`collect`] covers every list that is compiled. A group that it missed is
    /// an error, so that the group is not dropped from a rule.
    pub(super) fn set(
        &self,
        ids: impl Iterator<Item = GroupId>,
        findings: &mut Findings,
    ) -> GroupSet {
        GroupSet::of(ids.map(|id| self.position(id, findings)).collect())
    }

    /// The position of a team's group.
    pub(super) fn of_team(&self, team: TeamId, findings: &mut Findings) -> u32 {
        self.position(group_of(team), findings)
    }

    pub(super) fn into_table(self) -> Option<GroupTable> {
        self.0
    }

    fn position(&self, id: GroupId, findings: &mut Findings) -> u32 {
        let position = self.0.as_ref().and_then(|table| table.position(id));
        position.unwrap_or_else(|| {
            findings.missing_position(&format!("group {id}"));
            u32::MAX
        })
    }
}

/// semantics §4, stage 6: a team's id is the id of its group.
fn group_of(team: TeamId) -> GroupId {
    GroupId(team.0)
}

fn collect(tenant: &TenantDocuments, ids: &mut Vec<GroupId>) {
    let partners = tenant.partners.iter().map(|partner| &partner.configuration);
    for configuration in tenant.default.iter().chain(partners) {
        for setting in settings_of(configuration) {
            collect_setting(setting, ids);
        }
    }
    for policy in tenant.policies.iter().filter(|policy| is_evaluated(policy)) {
        if let Some(users) = &policy.conditions.users {
            ids.extend(&users.include.groups);
            ids.extend(&users.exclude.groups);
        }
    }
    for channel in &tenant.channels {
        ids.extend(channel.teams.iter().map(|team| group_of(team.id)));
    }
}

fn settings_of(configuration: &Configuration) -> impl Iterator<Item = &B2bSetting> {
    [
        &configuration.direct_connect_inbound,
        &configuration.direct_connect_outbound,
        &configuration.collaboration_inbound,
        &configuration.collaboration_outbound,
        &configuration.tenant_restrictions,
    ]
    .into_iter()
    .flatten()
}

fn collect_setting(setting: &B2bSetting, ids: &mut Vec<GroupId>) {
    let targets = setting.users.iter().flat_map(|rule| &rule.targets);
    ids.extend(targets.filter_map(|target| match target.value {
        UserTarget::Group(group) => Some(group),
        UserTarget::AllUsers | UserTarget::User(_) => None,
    }));
}
