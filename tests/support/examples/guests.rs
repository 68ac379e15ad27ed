//! The types of external users, which overlap (semantics §5). The policy of these examples blocks,
//! so that a denial means that it applies.

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use crosstrust::vocabulary::UserType;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [guest_types(), tenants(), overlap()]
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

fn clause(types: &str) -> Value {
    json!({"guestOrExternalUserTypes": types, "externalTenants": {"membershipKind": "all"}})
}

fn included(types: &str) -> Value {
    json!({"includeGuestsOrExternalUsers": clause(types)})
}

fn excluded(types: &str) -> Value {
    json!({"includeUsers": ["All"], "excludeGuestsOrExternalUsers": clause(types)})
}

fn of_type(kind: UserType) -> Request {
    with(guest(), |request| request.external_user_type = Some(kind))
}

fn guest_types() -> Vec<Example> {
    let internal_guest = || {
        with(internal(), |request| {
            request.external_user_type = Some(UserType::InternalGuest)
        })
    };
    let unnamed = || with(guest(), |request| request.external_user_type = None);
    vec![
        applies(
            "types: internalGuest",
            included("internalGuest"),
            internal_guest(),
        ),
        does_not(
            "types: an internal user without a stated type",
            included("internalGuest"),
            internal(),
        ),
        applies(
            "types: b2bCollaborationGuest",
            included("b2bCollaborationGuest"),
            guest(),
        ),
        applies(
            "types: b2bCollaborationMember",
            included("b2bCollaborationMember"),
            of_type(UserType::CollaborationMember),
        ),
        does_not(
            "types: a guest is not a member",
            included("b2bCollaborationMember"),
            guest(),
        ),
        applies(
            "types: b2bDirectConnectUser",
            included("b2bDirectConnectUser"),
            direct(),
        ),
        does_not(
            "types: a direct connect user is not a guest",
            included("b2bCollaborationGuest,b2bCollaborationMember"),
            direct(),
        ),
        applies(
            "types: otherExternalUser",
            included("otherExternalUser"),
            of_type(UserType::OtherExternalUser),
        ),
        applies(
            "types: serviceProvider",
            included("serviceProvider"),
            of_type(UserType::ServiceProvider),
        ),
        applies(
            "types: one of a list",
            included("internalGuest,b2bCollaborationGuest"),
            guest(),
        ),
        does_not("types: none matches no user", included("none"), guest()),
        applies(
            "types: an unnamed one may be a guest",
            included("b2bCollaborationGuest"),
            unnamed(),
        ),
        applies(
            "types: an unnamed one may be a member",
            included("b2bCollaborationMember"),
            unnamed(),
        ),
        does_not(
            "types: an unnamed one is not a service provider",
            included("serviceProvider"),
            unnamed(),
        ),
        applies(
            "types: an unnamed one is not excluded as guest alone",
            excluded("b2bCollaborationGuest"),
            unnamed(),
        ),
        does_not(
            "types: but as guest and member",
            excluded("b2bCollaborationGuest,b2bCollaborationMember"),
            unnamed(),
        ),
        does_not(
            "types: a named one is excluded",
            excluded("b2bCollaborationGuest"),
            guest(),
        ),
        applies(
            "types: an internal user is not excluded as a guest",
            excluded("internalGuest"),
            internal(),
        ),
    ]
}

fn tenants() -> Vec<Example> {
    let clause = |tenants: Value| json!({"guestOrExternalUserTypes": "b2bCollaborationGuest", "externalTenants": tenants});
    let only = |id: crosstrust::id::TenantId| {
        clause(json!({"membershipKind": "enumerated", "members": [id.to_string()]}))
    };
    let include = |clause: Value| json!({"includeGuestsOrExternalUsers": clause});
    let exclude =
        |clause: Value| json!({"includeUsers": ["All"], "excludeGuestsOrExternalUsers": clause});
    vec![
        applies(
            "tenants: the home tenant is enumerated",
            include(only(FABRIKAM)),
            guest(),
        ),
        does_not("tenants: it is not", include(only(WOODGROVE)), guest()),
        applies(
            "tenants: null includes all",
            include(clause(Value::Null)),
            guest(),
        ),
        applies(
            "tenants: null excludes none",
            exclude(clause(Value::Null)),
            guest(),
        ),
        does_not(
            "tenants: the home tenant is excluded",
            exclude(only(FABRIKAM)),
            guest(),
        ),
        applies(
            "tenants: another is excluded",
            exclude(only(WOODGROVE)),
            guest(),
        ),
        does_not(
            "tenants: all are excluded",
            exclude(clause(json!({"membershipKind": "all"}))),
            guest(),
        ),
    ]
}

fn overlap() -> Vec<Example> {
    let on_sharepoint = |mut request: Request| {
        request.app = SHAREPOINT;
        request
    };
    let with_object = || with(direct(), |request| request.resource_user = Some(BOB));
    let member_object = || {
        with(with_object(), |request| {
            request.external_user_type = Some(UserType::CollaborationMember)
        })
    };
    let policy = |users: Value| when(block(), "users", users);
    // Neither side has direct connect settings: collaboration only.
    let ineligible = |users| world([tenant(CONTOSO).policy(1, policy(users)), tenant(FABRIKAM)]);
    // Direct connect is open to one group at home, and the token does not list all groups.
    let unsure = |users| {
        world([
        open_contoso().policy(1, policy(users)),
        tenant(FABRIKAM).partner(CONTOSO, json!({
            "b2bDirectConnectOutbound": setting("allowed", &[group(MARKETING)], "allowed", &[all_apps()]),
        })),
    ])
    };
    let incomplete = || {
        with(on_sharepoint(guest()), |request| {
            request.claims.groups_incomplete = true
        })
    };
    let (stage, reason) = (Stage::ConditionalAccess, Reason::CaBlocked);
    vec![
        applies(
            "overlap: a guest on SharePoint who could come by direct connect",
            included("b2bDirectConnectUser"),
            on_sharepoint(guest()),
        ),
        does_not(
            "overlap: not on another application",
            included("b2bDirectConnectUser"),
            guest(),
        ),
        allows(
            "overlap: not one who could not come by direct connect",
            &ineligible(included("b2bDirectConnectUser")),
            on_sharepoint(guest()),
        ),
        applies(
            "overlap: to be excluded all of the types must be named",
            excluded("b2bCollaborationGuest"),
            on_sharepoint(guest()),
        ),
        does_not(
            "overlap: as they are here",
            excluded("b2bCollaborationGuest,b2bDirectConnectUser"),
            on_sharepoint(guest()),
        ),
        allows(
            "overlap: one who could not has one type",
            &ineligible(excluded("b2bCollaborationGuest")),
            on_sharepoint(guest()),
        ),
        denies(
            "overlap: unknown groups count for include",
            &unsure(included("b2bDirectConnectUser")),
            incomplete(),
            stage,
            reason,
        ),
        denies(
            "overlap: and not for exclude",
            &unsure(excluded("b2bCollaborationGuest")),
            incomplete(),
            stage,
            reason,
        ),
        allows(
            "overlap: known groups settle it",
            &unsure(included("b2bDirectConnectUser")),
            on_sharepoint(guest()),
        ),
        applies(
            "overlap: a direct connect user with a guest object is a guest too",
            included("b2bCollaborationGuest"),
            with_object(),
        ),
        applies(
            "overlap: or a member, if the type is not stated",
            included("b2bCollaborationMember"),
            with_object(),
        ),
        does_not(
            "overlap: but not if the type is stated",
            included("b2bCollaborationGuest"),
            member_object(),
        ),
        applies(
            "overlap: and is not excluded as direct connect user alone",
            excluded("b2bDirectConnectUser"),
            with_object(),
        ),
        applies(
            "overlap: nor with one of two possible types",
            excluded("b2bDirectConnectUser,b2bCollaborationGuest"),
            with_object(),
        ),
        does_not(
            "overlap: but with all",
            excluded("b2bDirectConnectUser,b2bCollaborationGuest,b2bCollaborationMember"),
            with_object(),
        ),
        does_not(
            "overlap: or with the stated type",
            excluded("b2bDirectConnectUser,b2bCollaborationMember"),
            member_object(),
        ),
        does_not(
            "overlap: a direct connect user without a guest object has one type",
            excluded("b2bDirectConnectUser"),
            direct(),
        ),
    ]
}
