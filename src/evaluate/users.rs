//! The `users` condition of a Conditional Access policy (semantics §5).
//!
//! Ids of users, groups and roles are those of the resource tenant's directory.

use super::Evaluation;
use super::cross_tenant;
use super::matching::Match;
use crate::id::UserId;
use crate::request::UserClass;
use crate::snapshot::bundles::TEAMS_AND_SHAREPOINT;
use crate::snapshot::{Tenant, UsersClause};
use crate::time::Timestamp;
use crate::vocabulary::{UserType, WordSet};

/// The include or the exclude list of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListSide {
    Include,
    Exclude,
}

/// The external user types that a user has or may have.
pub(super) struct PossibleTypes {
    pub(super) types: WordSet<UserType>,
    /// The end of the assumed agreement that one of them depends on.
    pub(super) until: Option<Timestamp>,
}

/// Every guest or external user type that this user has or may have. Types overlap: a policy includes the user
/// if it names one of them, and excludes the user only if it names all of them. So a type that is only possible
/// never excludes.
pub(super) fn possible_types(
    evaluation: &Evaluation<'_>,
    resource: &Tenant,
    now: Timestamp,
) -> PossibleTypes {
    let request = evaluation.request;
    let none = WordSet::EMPTY;
    let mut until = None;
    let types = match evaluation.class {
        UserClass::Internal => request
            .external_user_type
            .map_or(none, |named| none.with(named)),
        UserClass::DirectConnect => {
            let as_guest = match request.resource_user {
                Some(_) => collaboration_types(request.external_user_type),
                None => none,
            };
            as_guest.with(UserType::DirectConnectUser)
        }
        UserClass::Collaboration => {
            let types = collaboration_types(request.external_user_type);
            let home = request.home.tenant();
            let home = home.filter(|_| TEAMS_AND_SHAREPOINT.contains(request.app));
            let eligibility = home.map(|home| {
                cross_tenant::direct_connect_eligibility(evaluation, home, resource, now)
            });
            match eligibility {
                Some(eligibility) if eligibility.answer != Match::No => {
                    until = eligibility.until;
                    types.with(UserType::DirectConnectUser)
                }
                Some(_) | None => types,
            }
        }
    };
    PossibleTypes { types, until }
}

/// A collaboration user without a type in the request may be a guest or a member.
pub(super) fn collaboration_types(named: Option<UserType>) -> WordSet<UserType> {
    match named {
        None | Some(UserType::DirectConnectUser) => WordSet::EMPTY
            .with(UserType::CollaborationGuest)
            .with(UserType::CollaborationMember),
        Some(named) => WordSet::EMPTY.with(named),
    }
}

/// Whether the list contains this user.
pub(super) fn list_matches(
    clause: &UsersClause,
    side: ListSide,
    types: WordSet<UserType>,
    evaluation: &Evaluation<'_>,
) -> Match {
    if clause.all {
        return Match::Yes;
    }
    Match::any([
        by_type(clause, side, types, evaluation),
        by_id(clause, evaluation),
        by_group(clause, side, evaluation),
        by_role(clause, side, evaluation),
    ])
}

fn by_type(
    clause: &UsersClause,
    side: ListSide,
    types: WordSet<UserType>,
    evaluation: &Evaluation<'_>,
) -> Match {
    // An account without a home tenant belongs to no tenant that a policy lists.
    let home = evaluation.request.home.tenant();
    let with_home_tenant = clause.guests.iter().filter(|guests| match &guests.tenants {
        Some(tenants) => home.is_some_and(|home| tenants.binary_search(&home).is_ok()),
        None => true,
    });
    Match::from_bool(
        !types.is_empty() && {
            let mut with_home_tenant = with_home_tenant;
            with_home_tenant.any(|guests| match side {
                ListSide::Include => guests.types.intersects(types),
                ListSide::Exclude => guests.types.contains_all(types),
            })
        },
    )
}

pub(super) fn by_id(clause: &UsersClause, evaluation: &Evaluation<'_>) -> Match {
    if clause.users.is_empty() {
        return Match::No;
    }
    let request = evaluation.request;
    let lists = |user: UserId| Match::from_bool(clause.users.binary_search(&user).is_ok());
    match evaluation.class {
        UserClass::Internal => request.user.map_or(Match::Unknown, lists),
        UserClass::Collaboration => request.resource_user.map_or(Match::Unknown, lists),
        // Without a guest object the user is not in this directory; the home tenant's id does not count.
        UserClass::DirectConnect => request.resource_user.map_or(Match::No, lists),
    }
}

/// Whether memberships in the resource tenant count for this list. A direct connect user has no groups or
/// roles there; one with a guest object has them on the include side.
fn has_memberships(side: ListSide, evaluation: &Evaluation<'_>) -> bool {
    match evaluation.class {
        UserClass::Internal | UserClass::Collaboration => true,
        UserClass::DirectConnect => {
            side == ListSide::Include && evaluation.request.resource_user.is_some()
        }
    }
}

pub(super) fn by_group(clause: &UsersClause, side: ListSide, evaluation: &Evaluation<'_>) -> Match {
    if clause.groups.is_empty() || !has_memberships(side, evaluation) {
        return Match::No;
    }
    let groups = match evaluation.class {
        UserClass::Internal => &evaluation.groups,
        UserClass::Collaboration | UserClass::DirectConnect => &evaluation.resource_groups,
    };
    listed_or_unknown(
        clause.groups.names_any(groups),
        evaluation.request.claims.groups_incomplete,
    )
}

pub(super) fn by_role(clause: &UsersClause, side: ListSide, evaluation: &Evaluation<'_>) -> Match {
    if clause.roles.is_empty() || !has_memberships(side, evaluation) {
        return Match::No;
    }
    let request = evaluation.request;
    let named = request
        .roles
        .iter()
        .any(|role| clause.roles.binary_search(role).is_ok());
    listed_or_unknown(named, request.claims.roles_incomplete)
}

/// With an incomplete list, an entry that is not listed is unknown.
fn listed_or_unknown(listed: bool, incomplete: bool) -> Match {
    match (listed, incomplete) {
        (true, _) => Match::Yes,
        (false, true) => Match::Unknown,
        (false, false) => Match::No,
    }
}
