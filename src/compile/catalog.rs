//! Builds the catalogue: which policies can apply to which class of user and which application.
//!
//! One candidate too many costs an evaluation; one too few would disable a protection. In doubt a policy is
//! a candidate, and `evaluate` tests it.

use std::collections::BTreeMap;

use super::builder::SnapshotBuilder;
use crate::decision::PolicyIndex;
use crate::id::AppId;
use crate::request::UserClass;
use crate::snapshot::{
    AppDirectory, AppSet, AppsCondition, Candidates, Catalog, Policy, PositionTable, UsersClause,
};
use crate::vocabulary::{FilterMode, UserType, WordSet};

/// The catalogue of one tenant. `positions` are those of its policies, in the order of their ids. `None` if
/// there are too many applications for 32-bit positions.
pub(super) fn build(builder: &SnapshotBuilder, positions: &[PolicyIndex]) -> Option<Catalog> {
    let of_class = |class| {
        let policies = positions.iter().filter_map(|index| {
            let policy = builder.policies.get(usize::try_from(index.0).ok()?)?;
            can_include(&policy.include_users, class).then_some((*index, policy))
        });
        candidates(policies.collect(), &builder.applications)
    };
    Some(Catalog {
        internal: of_class(UserClass::Internal)?,
        direct_connect: of_class(UserClass::DirectConnect)?,
        collaboration: of_class(UserClass::Collaboration)?,
    })
}

/// Whether some user of this class could match the include lists.
fn can_include(clause: &UsersClause, class: UserClass) -> bool {
    let UsersClause {
        all,
        users,
        groups,
        roles,
        guests,
    } = clause;
    let internal: WordSet<UserType> = [UserType::InternalGuest].into_iter().collect();
    // Direct connect users with a guest object and collaboration users have groups and roles too.
    *all || !users.is_empty()
        || !groups.is_empty()
        || !roles.is_empty()
        || guests.iter().any(|guests| match class {
            UserClass::Internal => guests.types.contains(UserType::InternalGuest),
            UserClass::DirectConnect | UserClass::Collaboration => {
                !internal.contains_all(guests.types)
            }
        })
}

/// Bounds the memory of one catalogue: with more entries, every policy is a candidate for every application.
/// A tenant has about 200 policies, so only a contrived export gets here.
const MAX_ENTRIES: usize = 1 << 20;

/// The candidates among these policies; `None` if there are too many applications for 32-bit positions.
fn candidates(
    policies: Vec<(PolicyIndex, &Policy)>,
    applications: &AppDirectory,
) -> Option<Candidates> {
    let mut others = Vec::new();
    let mut by_bundle = Vec::new();
    let mut by_action = Vec::new();
    let mut named: BTreeMap<AppId, AppPolicies> = BTreeMap::new();
    for (index, policy) in &policies {
        let apps = &policy.apps;
        // Without configured facts it is unknown whether `AllAgentIdResources` includes an application.
        let can_be_any =
            apps.include.all || apps.include.agent_resources || includes_by_filter(apps);
        if can_be_any && !apps.exclude.all {
            others.push(*index);
        }
        if !can_be_any
            && (!apps.user_actions.is_empty() || !apps.authentication_contexts.is_empty())
        {
            by_action.push(*index);
        }
        if !can_be_any && !apps.include.bundles.is_empty() {
            by_bundle.push(*index);
        }
        for app in apps_of(&apps.include, applications) {
            named.entry(app).or_default().included.push(*index);
        }
        for app in apps_of(&apps.exclude, applications) {
            named.entry(app).or_default().excluded.push(*index);
        }
    }
    let entries: usize = named
        .values()
        .map(|app| others.len() + app.included.len())
        .sum();
    if entries > MAX_ENTRIES {
        return every_policy(&policies);
    }
    let by_app = named.values().map(|app| app.candidates(&others)).collect();
    Some(Candidates {
        named: PositionTable::build(named.into_keys().collect())?,
        by_app,
        other_apps: others.into_boxed_slice(),
        by_action: by_action.into_boxed_slice(),
        by_bundle: by_bundle.into_boxed_slice(),
    })
}

/// The policies that include and that exclude one application. The lists are sorted; a policy that names
/// the application twice is in them twice.
#[derive(Debug, Default)]
struct AppPolicies {
    included: Vec<PolicyIndex>,
    excluded: Vec<PolicyIndex>,
}

impl AppPolicies {
    /// The policies that include the application, by name or with all others, and do not exclude it. An
    /// excluded application is excluded for every user action too (semantics §5).
    fn candidates(&self, others: &[PolicyIndex]) -> Box<[PolicyIndex]> {
        let mut all: Vec<PolicyIndex> = others.iter().chain(&self.included).copied().collect();
        // A stable sort merges two sorted runs in linear time.
        all.sort();
        all.dedup();
        all.retain(|index| self.excluded.binary_search(index).is_err());
        all.into_boxed_slice()
    }
}

fn includes_by_filter(apps: &AppsCondition) -> bool {
    let filter = apps.filter.as_ref();
    filter.is_some_and(|filter| filter.mode == FilterMode::Include)
}

/// The applications of a set: its ids and the known members of its bundles, with duplicates.
fn apps_of(set: &AppSet, applications: &AppDirectory) -> impl Iterator<Item = AppId> {
    let members = set
        .bundles
        .iter()
        .flat_map(|bundle| applications.members(bundle));
    members.chain(set.ids.iter().copied())
}

fn every_policy(policies: &[(PolicyIndex, &Policy)]) -> Option<Candidates> {
    Some(Candidates {
        named: PositionTable::build(Vec::new())?,
        by_app: Vec::new(),
        other_apps: policies.iter().map(|(index, _)| *index).collect(),
        by_action: Box::default(),
        by_bundle: Box::default(),
    })
}

#[cfg(test)]
mod tests;
