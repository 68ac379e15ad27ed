//! A snapshot under construction: the lists that all tenants share.

use std::collections::BTreeSet;

use super::findings::Findings;
use super::groups::GroupInterner;
use crate::graph::document::TenantDocuments;
use crate::id::TenantId;
use crate::snapshot::{AccessSetting, AppDirectory, Location, Policy, Relation, Strength};
use crate::time::Timestamp;

/// The parts of `compile` append to these lists; the snapshot refers to positions in them.
#[derive(Debug)]
pub(super) struct SnapshotBuilder {
    pub(super) findings: Findings,
    /// The tenants that are compiled together.
    pub(super) loaded: BTreeSet<TenantId>,
    /// For findings about dates.
    pub(super) now: Timestamp,
    pub(super) applications: AppDirectory,
    pub(super) groups: GroupInterner,
    pub(super) settings: Vec<AccessSetting>,
    /// (tenant, partner) of the relation at the same position.
    pub(super) pairs: Vec<(TenantId, TenantId)>,
    pub(super) relations: Vec<Relation>,
    pub(super) policies: Vec<Policy>,
    pub(super) strengths: Vec<Strength>,
    pub(super) locations: Vec<Location>,
}

impl SnapshotBuilder {
    /// A builder with the configured applications and all groups. Groups are collected first because their
    /// positions follow the order of their ids.
    pub(super) fn new(
        tenants: &[&TenantDocuments],
        applications: AppDirectory,
        findings: Findings,
        now: Timestamp,
    ) -> Self {
        let organizations = tenants
            .iter()
            .filter_map(|tenant| tenant.organization.as_ref());
        SnapshotBuilder {
            findings,
            loaded: organizations.map(|organization| organization.id).collect(),
            now,
            applications,
            groups: GroupInterner::from_documents(tenants),
            settings: Vec::new(),
            pairs: Vec::new(),
            relations: Vec::new(),
            policies: Vec::new(),
            strengths: Vec::new(),
            locations: Vec::new(),
        }
    }

    /// The position of the next policy; [`push`] reports a list that is too long.
    pub(super) fn next_policy(&self) -> u32 {
        u32::try_from(self.policies.len()).unwrap_or(u32::MAX)
    }
}

/// Appends the value and returns its position. A list that exceeds 32-bit positions is an error finding.
pub(super) fn push<T>(list: &mut Vec<T>, value: T, findings: &mut Findings, what: &str) -> u32 {
    let position = u32::try_from(list.len()).unwrap_or_else(|_| {
        findings.too_many(what);
        u32::MAX
    });
    list.push(value);
    position
}
