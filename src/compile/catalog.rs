//! Which policies can apply to which class of user and which application.
//!
//! A policy too many costs a look; one too few would switch a protection off. So every doubt here says
//! "can apply", and `evaluate` asks the policy itself.

use std::collections::BTreeMap;

use super::draft::Draft;
use crate::decision::PolicyIndex;
use crate::id::AppId;
use crate::request::UserClass;
use crate::snapshot::{
    AppDirectory, AppSet, AppsCondition, Candidates, Catalog, Policy, Table, UsersClause,
};
use crate::vocabulary::{FilterMode, UserType, WordSet};

/// The catalogue of one tenant, whose policies stand at these positions, in the order of their ids.
/// None where there are more applications than can be counted.
pub(super) fn build(draft: &Draft, positions: &[PolicyIndex]) -> Option<Catalog> {
    let of_class = |class| {
        let policies = positions.iter().filter_map(|index| {
            let policy = draft.policies.get(usize::try_from(index.0).ok()?)?;
            can_include(&policy.include_users, class).then_some((*index, policy))
        });
        candidates(policies.collect(), &draft.applications)
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
    // A direct connect user with a guest object is in its groups and roles, and a collaboration user too.
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

/// More entries than this in one list of lists and every policy is a candidate for every application:
/// a tenant has some 200 policies, so only a made-up export gets here, and memory stays bounded.
const MOST_ENTRIES: usize = 1 << 20;

/// The candidates among these policies; none where there are too many applications to count.
fn candidates(
    policies: Vec<(PolicyIndex, &Policy)>,
    applications: &AppDirectory,
) -> Option<Candidates> {
    let mut others = Vec::new();
    let mut by_bundle = Vec::new();
    let mut by_action = Vec::new();
    let mut named: BTreeMap<AppId, Named> = BTreeMap::new();
    for (index, policy) in &policies {
        let apps = &policy.apps;
        // Of an application of which nothing is stated, `AllAgentIdResources` is unknown.
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
    if entries > MOST_ENTRIES {
        return every_policy(&policies);
    }
    let by_app = named.values().map(|app| app.candidates(&others)).collect();
    Some(Candidates {
        named: Table::build(named.into_keys().collect())?,
        by_app,
        other_apps: others.into_boxed_slice(),
        by_action: by_action.into_boxed_slice(),
        by_bundle: by_bundle.into_boxed_slice(),
    })
}

/// An application that some policy names: by which it is included and by which excluded. The lists are
/// sorted, and may repeat an application that is named twice.
#[derive(Debug, Default)]
struct Named {
    included: Vec<PolicyIndex>,
    excluded: Vec<PolicyIndex>,
}

impl Named {
    /// What includes it, by name or because it includes every application, and does not exclude it: an
    /// excluded application is excluded whatever action the request names (semantics §5).
    fn candidates(&self, others: &[PolicyIndex]) -> Box<[PolicyIndex]> {
        let mut all: Vec<PolicyIndex> = others.iter().chain(&self.included).copied().collect();
        // Two sorted runs, which a stable sort merges.
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

/// The applications that a set names, by themselves or as known members of a bundle; with repeats.
fn apps_of(set: &AppSet, applications: &AppDirectory) -> impl Iterator<Item = AppId> {
    let members = set
        .bundles
        .iter()
        .flat_map(|bundle| applications.members(bundle));
    members.chain(set.ids.iter().copied())
}

fn every_policy(policies: &[(PolicyIndex, &Policy)]) -> Option<Candidates> {
    Some(Candidates {
        named: Table::build(Vec::new())?,
        by_app: Vec::new(),
        other_apps: policies.iter().map(|(index, _)| *index).collect(),
        by_action: Box::default(),
        by_bundle: Box::default(),
    })
}

#[cfg(test)]
mod tests;
