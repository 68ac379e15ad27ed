//! A snapshot in the making: the lists that all tenants share.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::groups::Groups;
use crate::graph::document::TenantDocuments;
use crate::id::TenantId;
use crate::snapshot::{AppDirectory, Location, Policy, Relation, Setting, Strength};
use crate::time::Timestamp;

/// What the parts of `compile` write to. Positions in these lists are what the snapshot holds.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) findings: Findings,
    /// The tenants that are compiled together.
    pub(super) loaded: BTreeSet<TenantId>,
    /// For findings about dates.
    pub(super) now: Timestamp,
    pub(super) applications: AppDirectory,
    pub(super) groups: Groups,
    pub(super) settings: Vec<Setting>,
    /// (tenant, partner) of the relation at the same position.
    pub(super) pairs: Vec<(TenantId, TenantId)>,
    pub(super) relations: Vec<Relation>,
    pub(super) policies: Vec<Policy>,
    pub(super) strengths: Vec<Strength>,
    pub(super) locations: Vec<Location>,
}

impl Draft {
    /// Nothing but what is stated of applications, and the groups, which have to be known first: positions
    /// follow the order of their ids.
    pub(super) fn new(
        tenants: &[&TenantDocuments],
        applications: AppDirectory,
        findings: Findings,
        now: Timestamp,
    ) -> Self {
        let organizations = tenants
            .iter()
            .filter_map(|tenant| tenant.organization.as_ref());
        Draft {
            findings,
            loaded: organizations.map(|organization| organization.id).collect(),
            now,
            applications,
            groups: Groups::named_by(tenants),
            settings: Vec::new(),
            pairs: Vec::new(),
            relations: Vec::new(),
            policies: Vec::new(),
            strengths: Vec::new(),
            locations: Vec::new(),
        }
    }

    /// Where the next policy will stand; [`push`] reports a list that is too long.
    pub(super) fn next_policy(&self) -> u32 {
        u32::try_from(self.policies.len()).unwrap_or(u32::MAX)
    }
}

/// Appends, and gives the position. Beyond 32 bits a finding stops the compilation.
pub(super) fn push<T>(list: &mut Vec<T>, value: T, findings: &mut Findings, what: &str) -> u32 {
    let position = u32::try_from(list.len()).unwrap_or_else(|_| {
        findings.too_many(what);
        u32::MAX
    });
    list.push(value);
    position
}
