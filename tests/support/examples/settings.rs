//! Settings (semantics §2 defaults and inheritance, §3): every row of the table, both sides.

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [defaults(), inheritance(), inbound_rows(), outbound_rows()]
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

fn defaults() -> Vec<Example> {
    let bare = || world([tenant(CONTOSO), tenant(FABRIKAM)]);
    let no_inbound = || world([tenant(CONTOSO), open_fabrikam()]);
    vec![
        denies(
            "default: outbound direct connect is blocked",
            &bare(),
            direct(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
        denies(
            "default: inbound direct connect is blocked",
            &no_inbound(),
            direct(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        allows("default: collaboration is open both ways", &bare(), guest()),
        denies(
            "default: a home tenant outside the snapshot has no direct connect",
            &world([open_contoso()]),
            direct(),
            Stage::Outbound,
            Reason::OutboundUser,
        ),
        allows(
            "default: and open collaboration",
            &world([open_contoso()]),
            guest(),
        ),
        allows(
            "default: an internal user needs no setting",
            &world([tenant(CONTOSO)]),
            internal(),
        ),
    ]
}

fn inheritance() -> Vec<Example> {
    let inherits = |default: Value, own: Value| {
        let contoso = tenant(CONTOSO)
            .default_settings(and_nothing_else(default))
            .partner(FABRIKAM, own);
        world([contoso, open_fabrikam()])
    };
    let by_default = || json!({"b2bDirectConnectInbound": open()});
    vec![
        allows(
            "inherit: a null setting of a partner is the default's",
            &inherits(by_default(), json!({"b2bDirectConnectInbound": null})),
            direct(),
        ),
        allows(
            "inherit: so is a missing one",
            &inherits(by_default(), json!({})),
            direct(),
        ),
        denies(
            "inherit: a given one replaces the default completely",
            &inherits(
                by_default(),
                json!({"b2bDirectConnectInbound": setting("allowed", &[user(BOB)], "allowed", &[all_apps()])}),
            ),
            direct(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        denies(
            "inherit: a null member of the default is the service's",
            &inherits(json!({"b2bDirectConnectInbound": null}), json!({})),
            direct(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
        denies(
            "inherit: a default can close collaboration",
            &inherits(json!({"b2bCollaborationInbound": closed()}), json!({})),
            guest(),
            Stage::Inbound,
            Reason::InboundUser,
        ),
    ]
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

fn inbound_rows() -> Vec<Example> {
    let (stage, by_user, by_app) = (
        Stage::Inbound,
        Reason::InboundUser,
        Reason::InboundApplication,
    );
    let rows = |users, applications| inbound(row(users, applications));
    let (member, other) = ([MARKETING], [SALES]);
    vec![
        allows(
            "in allowed/allowed: member, application",
            &rows("allowed", "allowed"),
            request(&member, PAYROLL),
        ),
        denies(
            "in allowed/allowed: member, other application",
            &rows("allowed", "allowed"),
            request(&member, EXCHANGE),
            stage,
            by_app,
        ),
        denies(
            "in allowed/allowed: other user, application",
            &rows("allowed", "allowed"),
            request(&other, PAYROLL),
            stage,
            by_user,
        ),
        denies(
            "in allowed/allowed: neither",
            &rows("allowed", "allowed"),
            request(&other, EXCHANGE),
            stage,
            by_user,
        ),
        denies(
            "in allowed/blocked: member, application",
            &rows("allowed", "blocked"),
            request(&member, PAYROLL),
            stage,
            by_app,
        ),
        allows(
            "in allowed/blocked: member, other application",
            &rows("allowed", "blocked"),
            request(&member, EXCHANGE),
        ),
        denies(
            "in allowed/blocked: other user, application",
            &rows("allowed", "blocked"),
            request(&other, PAYROLL),
            stage,
            by_user,
        ),
        denies(
            "in allowed/blocked: neither",
            &rows("allowed", "blocked"),
            request(&other, EXCHANGE),
            stage,
            by_user,
        ),
        denies(
            "in blocked/allowed: member, application",
            &rows("blocked", "allowed"),
            request(&member, PAYROLL),
            stage,
            by_user,
        ),
        denies(
            "in blocked/allowed: member, other application",
            &rows("blocked", "allowed"),
            request(&member, EXCHANGE),
            stage,
            by_user,
        ),
        allows(
            "in blocked/allowed: other user, application",
            &rows("blocked", "allowed"),
            request(&other, PAYROLL),
        ),
        denies(
            "in blocked/allowed: neither",
            &rows("blocked", "allowed"),
            request(&other, EXCHANGE),
            stage,
            by_app,
        ),
        denies(
            "in blocked/blocked: member, application",
            &rows("blocked", "blocked"),
            request(&member, PAYROLL),
            stage,
            by_user,
        ),
        allows(
            "in blocked/blocked: member, other application",
            &rows("blocked", "blocked"),
            request(&member, EXCHANGE),
        ),
        allows(
            "in blocked/blocked: other user, application",
            &rows("blocked", "blocked"),
            request(&other, PAYROLL),
        ),
        allows(
            "in blocked/blocked: neither",
            &rows("blocked", "blocked"),
            request(&other, EXCHANGE),
        ),
    ]
}

fn outbound_rows() -> Vec<Example> {
    let (stage, by_user, by_app) = (
        Stage::Outbound,
        Reason::OutboundUser,
        Reason::OutboundApplication,
    );
    let rows = |users, applications| outbound(row(users, applications));
    let (member, other) = ([MARKETING], [SALES]);
    vec![
        allows(
            "out allowed/allowed: both",
            &rows("allowed", "allowed"),
            request(&member, PAYROLL),
        ),
        denies(
            "out allowed/allowed: not the application",
            &rows("allowed", "allowed"),
            request(&member, EXCHANGE),
            stage,
            by_app,
        ),
        denies(
            "out allowed/allowed: not the user",
            &rows("allowed", "allowed"),
            request(&other, EXCHANGE),
            stage,
            by_user,
        ),
        allows(
            "out allowed/blocked: the user and another application",
            &rows("allowed", "blocked"),
            request(&member, EXCHANGE),
        ),
        denies(
            "out allowed/blocked: the application",
            &rows("allowed", "blocked"),
            request(&member, PAYROLL),
            stage,
            by_app,
        ),
        denies(
            "out allowed/blocked: not the user",
            &rows("allowed", "blocked"),
            request(&other, PAYROLL),
            stage,
            by_user,
        ),
        allows(
            "out blocked/allowed: another user",
            &rows("blocked", "allowed"),
            request(&other, PAYROLL),
        ),
        denies(
            "out blocked/allowed: the user",
            &rows("blocked", "allowed"),
            request(&member, PAYROLL),
            stage,
            by_user,
        ),
        denies(
            "out blocked/allowed: not the application",
            &rows("blocked", "allowed"),
            request(&other, EXCHANGE),
            stage,
            by_app,
        ),
        denies(
            "out blocked/blocked: both",
            &rows("blocked", "blocked"),
            request(&member, PAYROLL),
            stage,
            by_user,
        ),
        allows(
            "out blocked/blocked: one of them",
            &rows("blocked", "blocked"),
            request(&member, EXCHANGE),
        ),
        allows(
            "out blocked/blocked: the other",
            &rows("blocked", "blocked"),
            request(&other, PAYROLL),
        ),
    ]
}
