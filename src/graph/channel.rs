//! Shared channels (learn.microsoft.com/graph/api/resources/channel, …/sharedwithchannelteaminfo,
//! …/aaduserconversationmember; semantics §4, stage 6).

use super::document::{SharedChannel, SharedWithTeam};
use super::members::Members;
use super::node::Node;
use super::values::{is_type_name, parse_id, report_unknown_word};
use crate::id::{TenantId, UserId};
use crate::request::ChannelId;

/// Parses a channel, with its members and the teams that it is shared with.
pub(super) fn parse_shared_channel(node: Node<'_>) -> Option<SharedChannel> {
    let mut members = node.object()?;
    let channel = members.require("id").and_then(channel_id);
    let display_name = members.name("displayName");
    check_membership_type(&mut members);
    let users = members.list("members").filter_map(member).collect();
    let teams = members.list("sharedWithTeams").filter_map(team).collect();
    members.ignore(CHANNEL_MEMBERS);
    members.close_outer();
    Some(SharedChannel {
        place: node.place(),
        id: channel?,
        display_name,
        members: users,
        teams,
    })
}

/// Opaque and case-sensitive (semantics §1).
fn channel_id(node: Node<'_>) -> Option<ChannelId> {
    let text = node.text()?;
    if text.is_empty() || is_type_name(text) {
        return node.wrong_type("a channel's id such as 19:…@thread.tacv2");
    }
    Some(ChannelId(text.to_owned()))
}

/// semantics §4, stage 6: exports without `Prefer: include-unknown-enum-members` hide the value `shared`.
fn check_membership_type(members: &mut Members<'_>) {
    let Some(node) = members.require("membershipType") else {
        return;
    };
    let Some(text) = node.text() else {
        return;
    };
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if !is("shared") && !is("unknownFutureValue") {
        report_unknown_word(
            node,
            text,
            "expected shared: other channels are not shared with anyone",
        );
    }
}

/// Parses a user and its tenant.
fn member(node: Node<'_>) -> Option<(UserId, TenantId)> {
    let mut members = node.object()?;
    let user = members
        .require("userId")
        .and_then(|node| parse_id(node, "a user"));
    let tenant = members.require("tenantId");
    let tenant = tenant.and_then(|node| parse_id(node, "the user's tenant"));
    members.ignore(MEMBER_MEMBERS);
    members.close_outer();
    user.zip(tenant)
}

fn team(node: Node<'_>) -> Option<SharedWithTeam> {
    let mut members = node.object()?;
    let team = members
        .require("id")
        .and_then(|node| parse_id(node, "a team"));
    let tenant = members.require("tenantId");
    let tenant: Option<TenantId> = tenant.and_then(|node| parse_id(node, "the team's tenant"));
    let allowed = members.take("allowedMembers");
    let allowed: Option<Vec<_>> = allowed.map(|list| list.array().filter_map(member).collect());
    members.ignore(TEAM_MEMBERS);
    members.close_outer();
    let tenant = tenant?;
    // A channel that is shared with a team is not accessible to the team's guests.
    let own_user = |(user, home): (UserId, TenantId)| (home == tenant).then_some(user);
    Some(SharedWithTeam {
        id: team?,
        tenant,
        allowed_members: allowed.map(|users| users.into_iter().filter_map(own_user).collect()),
    })
}

const CHANNEL_MEMBERS: &[&str] = &[
    "deletedDateTime",
    "tenantId",
    "createdDateTime",
    "description",
    "email",
    "webUrl",
    "summary",
    "isArchived",
    "isFavoriteByDefault",
    "moderationSettings",
    "migrationMode",
    "layoutType",
    "originalCreatedDateTime",
    "filesFolder",
    "filesFolderWebUrl",
    // Direct members and members through teams; stage 6 uses `members` and `sharedWithTeams` instead.
    "allMembers",
    "messages",
    "tabs",
    "enabledApps",
];

const MEMBER_MEMBERS: &[&str] = &[
    "id",
    "roles",
    "displayName",
    "email",
    "visibleHistoryStartDateTime",
    "user",
];

const TEAM_MEMBERS: &[&str] = &["displayName", "isHostTeam", "team"];
