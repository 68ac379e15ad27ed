//! Stage 6: shared channels (semantics §4).

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

fn with_channel(members: Value, teams: Value) -> World {
    let channel = json!({
        "id": CHANNELS[0], "displayName": "Launch", "membershipType": "shared",
        "members": members, "sharedWithTeams": teams,
    });
    world([open_contoso().channel(channel), open_fabrikam()])
}

fn person(user: impl ToString, tenant: impl ToString) -> Value {
    json!({"userId": user.to_string(), "tenantId": tenant.to_string()})
}

fn team(tenant: impl ToString, allowed: Value) -> Value {
    json!({"id": MARKETING.to_string(), "tenantId": tenant.to_string(), "allowedMembers": allowed})
}

fn entering(mut request: Request, channel: &str) -> Request {
    request.channel = channel_id(channel);
    request
}

fn of_marketing(mut request: Request) -> Request {
    request.groups = vec![MARKETING];
    request
}

pub fn all() -> Vec<Example> {
    let (stage, not_member) = (Stage::SharedChannel, Reason::ChannelNotMember);
    let direct_to = |channel| entering(direct(), channel);
    let launch = CHANNELS[0];
    let alice = || with_channel(json!([person(ALICE, FABRIKAM)]), json!([]));
    let by_team = |allowed| with_channel(json!([]), json!([team(FABRIKAM, allowed)]));
    let unsure = with(direct_to(launch), |request| {
        request.claims.groups_incomplete = true
    });
    let of_other_team = |tenant, allowed| with_channel(json!([]), json!([team(tenant, allowed)]));
    let by_guest_object = with(direct_to(launch), |request| {
        request.resource_user = Some(BOB);
        request.resource_groups = vec![MARKETING];
    });
    let alices =
        json!({"id": launch, "membershipType": "shared", "members": [person(ALICE, FABRIKAM)]});
    let elsewhere = world([open_contoso(), open_fabrikam().channel(alices)]);
    let plain_export = json!({
        "id": launch, "membershipType": "unknownFutureValue", "members": [person(ALICE, FABRIKAM)],
    });
    vec![
        allows(
            "channel: none asked for",
            &with_channel(json!([]), json!([])),
            direct(),
        ),
        allows("channel: a member by name", &alice(), direct_to(launch)),
        denies(
            "channel: another user",
            &alice(),
            with(direct_to(launch), |request| request.user = Some(BOB)),
            stage,
            not_member,
        ),
        denies(
            "channel: the member's id in another tenant",
            &with_channel(json!([person(ALICE, WOODGROVE)]), json!([])),
            direct_to(launch),
            stage,
            not_member,
        ),
        denies(
            "channel: it does not exist",
            &alice(),
            direct_to(UNKNOWN_CHANNEL),
            stage,
            Reason::ChannelUnknown,
        ),
        denies(
            "channel: ids compare with case",
            &alice(),
            direct_to(CHANNELS[1]),
            stage,
            Reason::ChannelUnknown,
        ),
        denies(
            "channel: a guest cannot use one",
            &alice(),
            entering(guest(), launch),
            stage,
            not_member,
        ),
        denies(
            "channel: unknown comes before guest",
            &alice(),
            entering(guest(), UNKNOWN_CHANNEL),
            stage,
            Reason::ChannelUnknown,
        ),
        allows(
            "channel: an internal member",
            &with_channel(json!([person(ALICE, CONTOSO)]), json!([])),
            entering(internal(), launch),
        ),
        denies(
            "channel: an internal user who is not a member",
            &alice(),
            entering(internal(), launch),
            stage,
            not_member,
        ),
        allows(
            "channel: a team that lists the user",
            &by_team(json!([person(ALICE, FABRIKAM)])),
            direct_to(launch),
        ),
        denies(
            "channel: a list without the user overrides the groups",
            &by_team(json!([person(BOB, FABRIKAM)])),
            of_marketing(direct_to(launch)),
            stage,
            not_member,
        ),
        denies(
            "channel: an empty list contains no user",
            &by_team(json!([])),
            of_marketing(direct_to(launch)),
            stage,
            not_member,
        ),
        allows(
            "channel: no list, and the team is one of the groups",
            &by_team(Value::Null),
            of_marketing(direct_to(launch)),
        ),
        denies(
            "channel: no list, and the team is not one of the groups",
            &by_team(Value::Null),
            direct_to(launch),
            stage,
            not_member,
        ),
        denies(
            "channel: no list, and the groups are not all known",
            &by_team(Value::Null),
            unsure,
            stage,
            not_member,
        ),
        denies(
            "channel: a team of another tenant",
            &of_other_team(WOODGROVE, json!([person(ALICE, FABRIKAM)])),
            direct_to(launch),
            stage,
            not_member,
        ),
        denies(
            "channel: a team of another tenant by groups",
            &of_other_team(CONTOSO, Value::Null),
            of_marketing(direct_to(launch)),
            stage,
            not_member,
        ),
        denies(
            "channel: the guest object's groups do not count",
            &by_team(Value::Null),
            by_guest_object,
            stage,
            not_member,
        ),
        allows(
            "channel: a plain export's membershipType",
            &world([open_contoso().channel(plain_export), open_fabrikam()]),
            direct_to(launch),
        ),
        denies(
            "channel: a channel of the home tenant is not one of the resource tenant",
            &elsewhere,
            direct_to(launch),
            stage,
            Reason::ChannelUnknown,
        ),
    ]
}
