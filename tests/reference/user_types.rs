//! The `users` condition: the users to which a Conditional Access policy applies (semantics §5).

use crosstrust::request::{Request, UserClass};
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::UserType;
use serde_json::Value;

use super::documents::{comma_separated, is_word, list, member, text, texts};
use super::{Fact, World, settings};

/// All include lists are one list, all exclude lists another.
pub fn matches(world: &World, users: &Value, request: &Request, now: Timestamp) -> bool {
    let included = Fact::any(
        texts(users, "includeUsers")
            .into_iter()
            .map(|word| named_user(world, word, Side::Include, request, now))
            .chain(listed_groups(
                users,
                "includeGroups",
                Side::Include,
                request,
            ))
            .chain(listed_roles(users, "includeRoles", Side::Include, request))
            .chain(guest_clause(world, users, Side::Include, request, now)),
    );
    let excluded = Fact::any(
        texts(users, "excludeUsers")
            .into_iter()
            .map(|word| named_user(world, word, Side::Exclude, request, now))
            .chain(listed_groups(
                users,
                "excludeGroups",
                Side::Exclude,
                request,
            ))
            .chain(listed_roles(users, "excludeRoles", Side::Exclude, request))
            .chain(guest_clause(world, users, Side::Exclude, request, now)),
    );
    included != Fact::No && excluded != Fact::Yes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Include,
    Exclude,
}

fn named_user(world: &World, word: &str, side: Side, request: &Request, now: Timestamp) -> Fact {
    if is_word(word, "All") {
        return Fact::Yes;
    }
    // No user is an account of an agent.
    if is_word(word, "None") || is_word(word, "AllAgentIdUsers") {
        return Fact::No;
    }
    if is_word(word, "GuestsOrExternalUsers") {
        return Fact::from_bool(has_type(world, UserType::ALL, side, request, now));
    }
    let id = word.parse().expect("a user id");
    let own = match request.user_class() {
        UserClass::Internal => request.user,
        UserClass::DirectConnect | UserClass::Collaboration => request.resource_user,
    };
    match own {
        Some(own) => Fact::from_bool(own == id),
        // No guest object, or none in the request.
        None if request.user_class() == UserClass::DirectConnect => Fact::No,
        None => Fact::Unknown,
    }
}

fn listed_groups(users: &Value, name: &str, side: Side, request: &Request) -> Vec<Fact> {
    let own = match request.user_class() {
        UserClass::Internal => &request.groups,
        UserClass::DirectConnect | UserClass::Collaboration => &request.resource_groups,
    };
    texts(users, name)
        .into_iter()
        .map(|group| {
            let id = group.parse().expect("a group id");
            directory_fact(
                own.contains(&id),
                request.claims.groups_incomplete,
                side,
                request,
            )
        })
        .collect()
}

fn listed_roles(users: &Value, name: &str, side: Side, request: &Request) -> Vec<Fact> {
    texts(users, name)
        .into_iter()
        .map(|role| {
            let id = role.parse().expect("a role id");
            let listed = request.roles.contains(&id);
            directory_fact(listed, request.claims.roles_incomplete, side, request)
        })
        .collect()
}

/// Membership in the resource tenant's directory. A direct connect user has none, but one with a guest object counts as a
/// member on the include side.
fn directory_fact(listed: bool, incomplete: bool, side: Side, request: &Request) -> Fact {
    if request.user_class() == UserClass::DirectConnect
        && (request.resource_user.is_none() || side == Side::Exclude)
    {
        return Fact::No;
    }
    match listed {
        true => Fact::Yes,
        false if incomplete => Fact::Unknown,
        false => Fact::No,
    }
}

fn guest_clause(
    world: &World,
    users: &Value,
    side: Side,
    request: &Request,
    now: Timestamp,
) -> Option<Fact> {
    let name = match side {
        Side::Include => "includeGuestsOrExternalUsers",
        Side::Exclude => "excludeGuestsOrExternalUsers",
    };
    let clause = member(users, name)?;
    let named: Vec<UserType> = comma_separated(clause, "guestOrExternalUserTypes")
        .into_iter()
        .filter(|word| !is_word(word, "none"))
        .map(|word| word.parse().expect("a user type"))
        .collect();
    let tenant_matches = match member(clause, "externalTenants") {
        None => side == Side::Include,
        Some(tenants) => match text(tenants, "membershipKind") {
            Some(kind) if is_word(kind, "all") => true,
            Some(kind) if is_word(kind, "enumerated") => list(tenants, "members")
                .into_iter()
                .filter_map(|id| id.as_str())
                .any(|id| {
                    request
                        .home
                        .tenant()
                        .is_some_and(|home| id.parse() == Ok(home))
                }),
            other => panic!("unknown membership kind {other:?}"),
        },
    };
    Some(Fact::from_bool(
        tenant_matches && has_type(world, &named, side, request, now),
    ))
}

/// For inclusion one matching type is enough; for exclusion all types must be named.
fn has_type(
    world: &World,
    named: &[UserType],
    side: Side,
    request: &Request,
    now: Timestamp,
) -> bool {
    let own = possible_types(world, request, now);
    match side {
        Side::Include => own.iter().any(|kind| named.contains(kind)),
        Side::Exclude => !own.is_empty() && own.iter().all(|kind| named.contains(kind)),
    }
}

/// The types that the user has or may have.
fn possible_types(world: &World, request: &Request, now: Timestamp) -> Vec<UserType> {
    let guest_or_member = [UserType::CollaborationGuest, UserType::CollaborationMember];
    let mut own = Vec::new();
    match request.user_class() {
        UserClass::Internal => own.extend(request.external_user_type),
        UserClass::DirectConnect => {
            own.push(UserType::DirectConnectUser);
            if request.resource_user.is_some() {
                match request.external_user_type {
                    None | Some(UserType::DirectConnectUser) => own.extend(guest_or_member),
                    Some(named) => own.push(named),
                }
            }
        }
        UserClass::Collaboration => {
            match request.external_user_type {
                None => own.extend(guest_or_member),
                Some(named) => own.push(named),
            }
            if request.home.tenant().is_some()
                && world.bundles.teams_and_sharepoint.contains(&request.app)
                && settings::direct_connect_eligible(world, request, now) != Fact::No
            {
                own.push(UserType::DirectConnectUser);
            }
        }
    }
    own
}
