//! Stage 6: membership in the shared channel (semantics §4, Stage 6).

use crosstrust::decision::{Reason, Stage};
use crosstrust::request::{Request, UserClass};
use serde_json::Value;

use super::documents::{list, member, text};
use super::{Failure, World};

pub fn check(world: &World, request: &Request) -> Result<(), Failure> {
    let Some(wanted) = &request.channel else {
        return Ok(());
    };
    let channel = world.tenant(request.resource).and_then(|tenant| {
        tenant
            .objects("shared-channels")
            .into_iter()
            .find(|channel| text(channel, "id") == Some(wanted.0.as_str()))
    });
    let Some(channel) = channel else {
        return Err(Failure::of(Stage::SharedChannel, Reason::ChannelUnknown));
    };
    let by_team = list(channel, "sharedWithTeams")
        .into_iter()
        .any(|team| includes_user(team, request));
    let is_member = lists_user(channel, "members", request) || by_team;
    if is_member && request.user_class() != UserClass::Collaboration {
        Ok(())
    } else {
        Err(Failure::of(Stage::SharedChannel, Reason::ChannelNotMember))
    }
}

/// Whether the team makes the user a member: a team of the home tenant that lists the user or, without a list, is one of
/// the user's groups.
fn includes_user(team: &Value, request: &Request) -> bool {
    let tenant = text(team, "tenantId").expect("a team has a tenant");
    if tenant.parse().ok() != request.home.tenant() {
        return false;
    }
    if member(team, "allowedMembers").is_some() {
        return lists_user(team, "allowedMembers", request);
    }
    let group = text(team, "id").expect("a team has an id").parse();
    request.groups.iter().any(|own| group == Ok(*own))
}

fn lists_user(object: &Value, name: &str, request: &Request) -> bool {
    list(object, name).into_iter().any(|entry| {
        let user = text(entry, "userId").expect("a member has a user id");
        let tenant = text(entry, "tenantId").expect("a member has a tenant");
        request.user.is_some()
            && request.user == user.parse().ok()
            && tenant.parse().ok() == request.home.tenant()
    })
}
