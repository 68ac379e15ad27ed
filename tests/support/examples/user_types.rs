//! The `users` condition and the types of users, which overlap (semantics §5). The policy of these
//! examples blocks, so that being denied means that it applies.

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use crosstrust::vocabulary::UserType;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [named(), groups_and_roles()]
        .into_iter()
        .flatten()
        .collect()
}

fn blocking(users: Value) -> World {
    contoso_with(&[when(block(), "users", users)])
}

fn applies(name: &'static str, users: Value, request: Request) -> Example {
    denies(
        name,
        &blocking(users),
        request,
        Stage::ConditionalAccess,
        Reason::CaBlocked,
    )
}

fn does_not(name: &'static str, users: Value, request: Request) -> Example {
    allows(name, &blocking(users), request)
}

fn named() -> Vec<Example> {
    let one = |id: crosstrust::id::UserId| json!({"includeUsers": [id.to_string()]});
    let all_but = |word: String| json!({"includeUsers": ["All"], "excludeUsers": [word]});
    let guests = || json!({"includeUsers": ["GuestsOrExternalUsers"]});
    let unnamed_guest = || with(guest(), |request| request.resource_user = None);
    let with_object = || with(direct(), |request| request.resource_user = Some(BOB));
    let internal_guest = || {
        with(internal(), |request| {
            request.external_user_type = Some(UserType::InternalGuest)
        })
    };
    vec![
        applies(
            "users: All covers internal users",
            json!({"includeUsers": ["All"]}),
            internal(),
        ),
        applies(
            "users: All covers guests",
            json!({"includeUsers": ["All"]}),
            guest(),
        ),
        applies(
            "users: All covers direct connect users",
            json!({"includeUsers": ["All"]}),
            direct(),
        ),
        does_not(
            "users: None matches no user",
            json!({"includeUsers": ["None"]}),
            internal(),
        ),
        does_not(
            "users: empty lists match no user",
            json!({"includeUsers": []}),
            internal(),
        ),
        applies("users: an internal user by id", one(ALICE), internal()),
        does_not("users: another internal user", one(BOB), internal()),
        applies("users: a guest by the guest object's id", one(BOB), guest()),
        does_not("users: not by the home id", one(ALICE), guest()),
        applies(
            "users: a guest whose object is not named may be anyone",
            one(CAROL),
            unnamed_guest(),
        ),
        applies(
            "users: and is excluded by no id",
            all_but(BOB.to_string()),
            unnamed_guest(),
        ),
        does_not(
            "users: a direct connect user's home id never matches",
            one(ALICE),
            direct(),
        ),
        applies(
            "users: but the guest object's does",
            one(BOB),
            with_object(),
        ),
        does_not(
            "users: an id is excluded",
            all_but(BOB.to_string()),
            guest(),
        ),
        does_not(
            "users: exclude wins over include",
            json!({"includeUsers": [BOB.to_string()], "excludeUsers": [BOB.to_string()]}),
            guest(),
        ),
        applies(
            "users: guests and external users, a guest",
            guests(),
            guest(),
        ),
        applies(
            "users: guests and external users, direct connect",
            guests(),
            direct(),
        ),
        applies(
            "users: guests and external users, an internal guest",
            guests(),
            internal_guest(),
        ),
        does_not(
            "users: guests and external users, an internal member",
            guests(),
            internal(),
        ),
        does_not(
            "users: guests and external users excluded",
            all_but("GuestsOrExternalUsers".to_owned()),
            direct(),
        ),
        applies(
            "users: guests and external users excluded, an internal member",
            all_but("GuestsOrExternalUsers".to_owned()),
            internal(),
        ),
    ]
}

fn groups_and_roles() -> Vec<Example> {
    let include = || json!({"includeGroups": [MARKETING.to_string()]});
    let exclude = || json!({"includeUsers": ["All"], "excludeGroups": [MARKETING.to_string()]});
    let include_role = || json!({"includeRoles": [ROLES[0].to_string()]});
    let exclude_role = || json!({"includeUsers": ["All"], "excludeRoles": [ROLES[0].to_string()]});
    let home = |mut request: Request| {
        request.groups = vec![MARKETING];
        request
    };
    let resource = |mut request: Request| {
        request.resource_groups = vec![MARKETING];
        request
    };
    let object = |mut request: Request| {
        request.resource_user = Some(BOB);
        request
    };
    let role = |mut request: Request| {
        request.roles = vec![ROLES[0]];
        request
    };
    let unsure = |mut request: Request| {
        request.claims.groups_incomplete = true;
        request.claims.roles_incomplete = true;
        request
    };
    vec![
        applies(
            "groups: an internal user's own",
            include(),
            home(internal()),
        ),
        does_not(
            "groups: an internal user has no other",
            include(),
            resource(internal()),
        ),
        applies(
            "groups: a guest's are the resource tenant's",
            include(),
            resource(guest()),
        ),
        does_not(
            "groups: a guest's home groups are none of them",
            include(),
            home(guest()),
        ),
        does_not(
            "groups: a direct connect user is in none",
            include(),
            resource(direct()),
        ),
        applies(
            "groups: a direct connect user with a guest object is in them",
            include(),
            resource(object(direct())),
        ),
        does_not("groups: a guest is excluded", exclude(), resource(guest())),
        applies(
            "groups: a direct connect user is never excluded by group",
            exclude(),
            resource(object(direct())),
        ),
        applies(
            "groups: one that may be missing includes",
            include(),
            unsure(guest()),
        ),
        applies(
            "groups: one that may be missing does not exclude",
            exclude(),
            unsure(guest()),
        ),
        does_not(
            "groups: a direct connect user misses none",
            include(),
            unsure(direct()),
        ),
        applies(
            "groups: a direct connect user with a guest object may",
            include(),
            unsure(object(direct())),
        ),
        does_not(
            "groups: one that is listed excludes though others are missing",
            exclude(),
            unsure(resource(guest())),
        ),
        applies("roles: a guest's", include_role(), role(guest())),
        does_not(
            "roles: a direct connect user has none",
            include_role(),
            role(direct()),
        ),
        applies(
            "roles: a direct connect user with a guest object has",
            include_role(),
            role(object(direct())),
        ),
        does_not("roles: excluded", exclude_role(), role(internal())),
        applies(
            "roles: a direct connect user is never excluded by role",
            exclude_role(),
            role(object(direct())),
        ),
        applies(
            "roles: one that may be missing includes",
            include_role(),
            unsure(internal()),
        ),
        applies(
            "roles: one that may be missing does not exclude",
            exclude_role(),
            unsure(internal()),
        ),
        applies(
            "users: the include lists are one list",
            json!({"includeUsers": [CAROL.to_string()], "includeGroups": [MARKETING.to_string()]}),
            resource(guest()),
        ),
    ]
}
