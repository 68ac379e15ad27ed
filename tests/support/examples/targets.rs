//! The targets of a setting, and facts that are missing from the request (semantics §3).

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [targets(), unknown_groups(), unknown_user()]
        .into_iter()
        .flatten()
        .collect()
}

/// Contoso with this inbound setting for Fabrikam, of both access types.
fn inbound(setting: Value) -> World {
    let contoso = tenant(CONTOSO).partner(
        FABRIKAM,
        json!({
            "b2bDirectConnectInbound": setting, "b2bCollaborationInbound": setting,
        }),
    );
    world([contoso, open_fabrikam()])
}

fn outbound(setting: Value) -> World {
    let fabrikam = tenant(FABRIKAM).partner(
        CONTOSO,
        json!({
            "b2bDirectConnectOutbound": setting, "b2bCollaborationOutbound": setting,
        }),
    );
    world([open_contoso(), fabrikam])
}

fn request(own_groups: &[crosstrust::id::GroupId], reached: crosstrust::id::AppId) -> Request {
    with(direct(), |request| {
        request.groups = own_groups.to_vec();
        request.app = reached;
    })
}

/// The table of semantics §3 over {Marketing} and {payroll}.
fn row(users: &str, applications: &str) -> Value {
    setting(users, &[group(MARKETING)], applications, &[app(PAYROLL)])
}

fn targets() -> Vec<Example> {
    let (stage, by_user, by_app) = (
        Stage::Inbound,
        Reason::InboundUser,
        Reason::InboundApplication,
    );
    let one_user = || inbound(setting("allowed", &[user(ALICE)], "allowed", &[all_apps()]));
    let bundle = |name: &str| inbound(setting("allowed", &[all_users()], "allowed", &[app(name)]));
    let blocked_bundle =
        |name: &str| inbound(setting("allowed", &[all_users()], "blocked", &[app(name)]));
    let group_and_bundle = || {
        inbound(setting(
            "blocked",
            &[group(MARKETING)],
            "blocked",
            &[app("Office365")],
        ))
    };
    let group_loses_all = || {
        inbound(setting(
            "blocked",
            &[group(MARKETING)],
            "blocked",
            &[all_apps()],
        ))
    };
    let reaching = |reached| with(direct(), |request| request.app = reached);
    let through = |client| with(direct(), |request| request.client_app = Some(client));
    vec![
        allows("target: the user by id", &one_user(), direct()),
        denies(
            "target: not another user",
            &one_user(),
            with(direct(), |request| request.user = Some(CAROL)),
            stage,
            by_user,
        ),
        denies(
            "target: a guest is looked up by the home id, not the guest object's",
            &inbound(setting("allowed", &[user(BOB)], "allowed", &[all_apps()])),
            guest(),
            stage,
            by_user,
        ),
        denies(
            "target: a guest's groups are the home tenant's",
            &inbound(setting(
                "allowed",
                &[group(MARKETING)],
                "allowed",
                &[all_apps()],
            )),
            with(guest(), |request| request.resource_groups = vec![MARKETING]),
            stage,
            by_user,
        ),
        allows(
            "target: Office365 holds SharePoint",
            &bundle("Office365"),
            reaching(SHAREPOINT),
        ),
        denies(
            "target: Office365 may hold the portal or not, so allowing it does not pass",
            &bundle("Office365"),
            reaching(PORTAL),
            stage,
            by_app,
        ),
        denies(
            "target: blocking Office365 blocks what may be in it",
            &blocked_bundle("Office365"),
            reaching(GRAPH),
            stage,
            by_app,
        ),
        denies(
            "target: blocking AllMicrosoftApps blocks what may be in it",
            &blocked_bundle("AllMicrosoftApps"),
            reaching(PURVIEW),
            stage,
            by_app,
        ),
        denies(
            "target: a client application that may be in a blocked bundle",
            &blocked_bundle("Office365"),
            through(GRAPH),
            stage,
            by_app,
        ),
        allows(
            "target: blocking Office365 does not block an application of no list",
            &blocked_bundle("Office365"),
            reaching(PAYROLL),
        ),
        denies(
            "target: blocked together with a group, what may be in the bundle is the application",
            &group_and_bundle(),
            request(&[MARKETING], GRAPH),
            stage,
            by_app,
        ),
        allows(
            "target: blocked together with a group, others pass with any content of the bundle",
            &group_and_bundle(),
            request(&[SALES], GRAPH),
        ),
        denies(
            "target: a user who is not allowed is the reason, with any content of the bundle",
            &inbound(setting(
                "allowed",
                &[group(MARKETING)],
                "allowed",
                &[app("Office365")],
            )),
            request(&[SALES], GRAPH),
            stage,
            by_user,
        ),
        denies(
            "target: unknown groups and an unknown bundle are the application",
            &inbound(setting(
                "allowed",
                &[group(MARKETING)],
                "allowed",
                &[app("Office365")],
            )),
            with(request(&[SALES], GRAPH), |request| {
                request.claims.groups_incomplete = true;
            }),
            stage,
            by_app,
        ),
        allows(
            "target: AllMicrosoftApps holds the portal",
            &bundle("AllMicrosoftApps"),
            reaching(PORTAL),
        ),
        denies(
            "target: AllMicrosoftApps does not hold one's own",
            &bundle("AllMicrosoftApps"),
            reaching(PAYROLL),
            stage,
            by_app,
        ),
        allows(
            "target: the client application counts",
            &bundle("Office365"),
            through(EXCHANGE),
        ),
        denies(
            "target: the client application counts against, too",
            &inbound(setting(
                "allowed",
                &[all_users()],
                "blocked",
                &[app(EXCHANGE)],
            )),
            through(EXCHANGE),
            stage,
            by_app,
        ),
        denies(
            "target: a group that loses everything",
            &group_loses_all(),
            request(&[MARKETING], EXCHANGE),
            stage,
            by_user,
        ),
        allows(
            "target: leaves the others everything",
            &group_loses_all(),
            request(&[SALES], EXCHANGE),
        ),
        allows(
            "target: reserved words are read without case",
            &bundle("OFFICE365"),
            reaching(SHAREPOINT),
        ),
    ]
}

fn unknown_groups() -> Vec<Example> {
    let stage = Stage::Inbound;
    let unsure = |reached| {
        with(direct(), |request| {
            request.groups = vec![SALES];
            request.claims.groups_incomplete = true;
            request.app = reached;
        })
    };
    let by_group = |users, applications| inbound(row(users, applications));
    vec![
        denies(
            "unknown groups: allowed group",
            &by_group("allowed", "allowed"),
            unsure(PAYROLL),
            stage,
            Reason::GroupsUnknown,
        )
        .cacheable(false),
        denies(
            "unknown groups: no group allows this application",
            &by_group("allowed", "allowed"),
            unsure(EXCHANGE),
            stage,
            Reason::InboundApplication,
        )
        .cacheable(true),
        denies(
            "unknown groups: allowed group, blocked application",
            &by_group("allowed", "blocked"),
            unsure(PAYROLL),
            stage,
            Reason::InboundApplication,
        ),
        denies(
            "unknown groups: allowed group, other application",
            &by_group("allowed", "blocked"),
            unsure(EXCHANGE),
            stage,
            Reason::GroupsUnknown,
        ),
        denies(
            "unknown groups: blocked group",
            &by_group("blocked", "allowed"),
            unsure(PAYROLL),
            stage,
            Reason::GroupsUnknown,
        ),
        denies(
            "unknown groups: blocked group, other application",
            &by_group("blocked", "allowed"),
            unsure(EXCHANGE),
            stage,
            Reason::InboundApplication,
        ),
        denies(
            "unknown groups: both blocked, the application",
            &by_group("blocked", "blocked"),
            unsure(PAYROLL),
            stage,
            Reason::GroupsUnknown,
        ),
        allows(
            "unknown groups: both blocked, another application",
            &by_group("blocked", "blocked"),
            unsure(EXCHANGE),
        ),
        denies(
            "unknown groups: at home",
            &outbound(row("allowed", "allowed")),
            unsure(PAYROLL),
            Stage::Outbound,
            Reason::GroupsUnknown,
        ),
        allows(
            "unknown groups: one that is listed is known",
            &by_group("allowed", "allowed"),
            with(unsure(PAYROLL), |request| request.groups.push(MARKETING)),
        ),
        allows(
            "unknown groups: a user who is named needs no group",
            &inbound(setting(
                "allowed",
                &[group(MARKETING), user(ALICE)],
                "allowed",
                &[all_apps()],
            )),
            unsure(PAYROLL),
        ),
        denies(
            "unknown groups: do not matter if only users are named",
            &inbound(setting("allowed", &[user(BOB)], "allowed", &[all_apps()])),
            unsure(PAYROLL),
            stage,
            Reason::InboundUser,
        ),
        allows(
            "unknown groups: do not matter if all users are",
            &inbound(open()),
            unsure(PAYROLL),
        ),
    ]
}

fn unknown_user() -> Vec<Example> {
    let stage = Stage::Inbound;
    let nameless = || with(guest(), |request| request.user = None);
    vec![
        denies(
            "unknown user: a user is named",
            &inbound(setting("allowed", &[user(ALICE)], "allowed", &[all_apps()])),
            nameless(),
            stage,
            Reason::GroupsUnknown,
        ),
        denies(
            "unknown user: a group is named",
            &inbound(row("allowed", "allowed")),
            nameless(),
            stage,
            Reason::GroupsUnknown,
        ),
        allows(
            "unknown user: a listed group counts",
            &inbound(row("allowed", "allowed")),
            with(nameless(), |request| request.groups = vec![MARKETING]),
        ),
        allows(
            "unknown user: all users are allowed",
            &inbound(open()),
            nameless(),
        ),
        denies(
            "unknown user: all users are blocked",
            &inbound(closed()),
            nameless(),
            stage,
            Reason::InboundUser,
        ),
    ]
}
