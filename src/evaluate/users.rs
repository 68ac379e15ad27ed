//! The `users` condition: does a policy mean this user? (semantics §5)
//!
//! Ids of users, groups and roles are those of the resource tenant's directory.

use super::Question;
use super::crossing;
use super::matching::Match;
use crate::id::UserId;
use crate::request::UserClass;
use crate::snapshot::bundles::TEAMS_AND_SHAREPOINT;
use crate::snapshot::{Tenant, UsersClause};
use crate::time::Timestamp;
use crate::vocabulary::{UserType, WordSet};

/// Which list of a condition is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Include,
    Exclude,
}

/// The types of a user.
pub(super) struct Types {
    pub(super) types: WordSet<UserType>,
    /// The end of the agreement that one of them depends on.
    pub(super) until: Option<Timestamp>,
}

/// Every type of guest or external user that this user has or, for all that is known, may have. Types
/// overlap: one of them is enough to be included, and to be excluded all of them have to be named, so a
/// type that is only possible never helps to be excluded.
pub(super) fn possible_types(question: &Question<'_>, resource: &Tenant, now: Timestamp) -> Types {
    let request = question.request;
    let none = WordSet::EMPTY;
    let mut until = None;
    let types = match question.class {
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
            let eligibility = home
                .map(|home| crossing::eligible_for_direct_connect(question, home, resource, now));
            match eligibility {
                Some(eligibility) if eligibility.answer != Match::No => {
                    until = eligibility.until;
                    types.with(UserType::DirectConnectUser)
                }
                Some(_) | None => types,
            }
        }
    };
    Types { types, until }
}

/// A collaboration user whose type the request does not name is a guest or a member.
pub(super) fn collaboration_types(named: Option<UserType>) -> WordSet<UserType> {
    match named {
        None | Some(UserType::DirectConnectUser) => WordSet::EMPTY
            .with(UserType::CollaborationGuest)
            .with(UserType::CollaborationMember),
        Some(named) => WordSet::EMPTY.with(named),
    }
}

/// Whether the list means this user.
pub(super) fn named(
    clause: &UsersClause,
    side: Side,
    types: WordSet<UserType>,
    question: &Question<'_>,
) -> Match {
    if clause.all {
        return Match::Yes;
    }
    Match::any([
        by_type(clause, side, types, question),
        by_id(clause, question),
        by_group(clause, side, question),
        by_role(clause, side, question),
    ])
}

fn by_type(
    clause: &UsersClause,
    side: Side,
    types: WordSet<UserType>,
    question: &Question<'_>,
) -> Match {
    // An account without a home tenant is in none of the tenants that a policy lists.
    let home = question.request.home.tenant();
    let of_its_tenants = clause.guests.iter().filter(|guests| match &guests.tenants {
        Some(tenants) => home.is_some_and(|home| tenants.binary_search(&home).is_ok()),
        None => true,
    });
    Match::known(
        !types.is_empty() && {
            let mut of_its_tenants = of_its_tenants;
            of_its_tenants.any(|guests| match side {
                Side::Include => guests.types.intersects(types),
                Side::Exclude => guests.types.contains_all(types),
            })
        },
    )
}

pub(super) fn by_id(clause: &UsersClause, question: &Question<'_>) -> Match {
    if clause.users.is_empty() {
        return Match::No;
    }
    let request = question.request;
    let lists = |user: UserId| Match::known(clause.users.binary_search(&user).is_ok());
    match question.class {
        UserClass::Internal => request.user.map_or(Match::Unknown, lists),
        UserClass::Collaboration => request.resource_user.map_or(Match::Unknown, lists),
        // No guest object: not in this directory, whatever the home id is.
        UserClass::DirectConnect => request.resource_user.map_or(Match::No, lists),
    }
}

/// Whether the user has memberships in the resource tenant that count for this list: a direct connect
/// user is in no group and no role there; one with a guest object is, on the include side.
fn has_memberships(side: Side, question: &Question<'_>) -> bool {
    match question.class {
        UserClass::Internal | UserClass::Collaboration => true,
        UserClass::DirectConnect => {
            side == Side::Include && question.request.resource_user.is_some()
        }
    }
}

pub(super) fn by_group(clause: &UsersClause, side: Side, question: &Question<'_>) -> Match {
    if clause.groups.is_empty() || !has_memberships(side, question) {
        return Match::No;
    }
    let groups = match question.class {
        UserClass::Internal => &question.groups,
        UserClass::Collaboration | UserClass::DirectConnect => &question.resource_groups,
    };
    listed_or_unknown(
        clause.groups.names_any(groups),
        question.request.claims.groups_incomplete,
    )
}

pub(super) fn by_role(clause: &UsersClause, side: Side, question: &Question<'_>) -> Match {
    if clause.roles.is_empty() || !has_memberships(side, question) {
        return Match::No;
    }
    let request = question.request;
    let named = request
        .roles
        .iter()
        .any(|role| clause.roles.binary_search(role).is_ok());
    listed_or_unknown(named, request.claims.roles_incomplete)
}

/// With an incomplete list, what is not listed is a missing input.
fn listed_or_unknown(listed: bool, incomplete: bool) -> Match {
    match (listed, incomplete) {
        (true, _) => Match::Yes,
        (false, true) => Match::Unknown,
        (false, false) => Match::No,
    }
}
