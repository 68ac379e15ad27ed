//! `conditionalAccessUsers` (learn.microsoft.com/graph/api/resources/conditionalaccessusers,
//! …/conditionalaccessguestsorexternalusers, …/conditionalaccessexternaltenants).

use super::super::document::{ExternalTenants, GuestsOrExternalUsers, UsersCondition, UsersList};
use super::super::finding::Code;
use super::super::members::Members;
use super::super::node::Node;
use super::super::values::{parse_id, parse_ids, parse_word_set, report_unknown_word};
use super::{WordOrId, parse_word_or_id};
use crate::id::UserId;

/// Parses the condition on users.
pub(super) fn parse_users(node: Node<'_>) -> Option<UsersCondition> {
    let mut members = node.object()?;
    let include = UserListNames {
        users: "includeUsers",
        groups: "includeGroups",
        roles: "includeRoles",
        guests: "includeGuestsOrExternalUsers",
    };
    let exclude = UserListNames {
        users: "excludeUsers",
        groups: "excludeGroups",
        roles: "excludeRoles",
        guests: "excludeGuestsOrExternalUsers",
    };
    let condition = UsersCondition {
        place: node.place(),
        include: include.read(&mut members),
        exclude: exclude.read(&mut members),
    };
    members.close();
    Some(condition)
}

/// The names of the include or exclude lists.
struct UserListNames {
    users: &'static str,
    groups: &'static str,
    roles: &'static str,
    guests: &'static str,
}

impl UserListNames {
    fn read(&self, members: &mut Members<'_>) -> UsersList {
        let mut list = UsersList::default();
        for node in members.list(self.users) {
            match parse_word_or_id::<UserId>(node, &WORDS, "the id of a user") {
                Some(WordOrId::Word("All")) => list.all = true,
                Some(WordOrId::Word("None")) => list.none = true,
                Some(WordOrId::Word("AllAgentIdUsers")) => list.agent_users = true,
                Some(WordOrId::Word(_)) => list.guests_or_external_users = true,
                Some(WordOrId::Id(id)) => list.users.push(id),
                None => {}
            }
        }
        list.groups = parse_ids(members, self.groups, "a group");
        list.roles = parse_ids(members, self.roles, "a directory role's template");
        list.guests = members.take_set(self.guests).and_then(guests);
        list
    }
}

const WORDS: [&str; 4] = ["All", "None", "GuestsOrExternalUsers", "AllAgentIdUsers"];

fn guests(node: Node<'_>) -> Option<GuestsOrExternalUsers> {
    let mut members = node.object()?;
    let types = members.take_set("guestOrExternalUserTypes");
    if types.is_none() {
        let message = "found no `guestOrExternalUserTypes`, expected at least one";
        node.error(Code::MissingMember, message);
    }
    let tenants = members.take_set("externalTenants");
    let tenants = tenants.map_or(Some(ExternalTenants::Unspecified), external_tenants);
    members.close();
    Some(GuestsOrExternalUsers {
        types: parse_word_set(types?, Some("none")),
        tenants: tenants?,
    })
}

/// Determined by `membershipKind` and `@odata.type`. If both are present they must agree.
fn external_tenants(node: Node<'_>) -> Option<ExternalTenants> {
    let mut members = node.object()?;
    let by_type = match members.odata_type() {
        Some("conditionalAccessAllExternalTenants") => Some(true),
        Some("conditionalAccessEnumeratedExternalTenants") => Some(false),
        Some(_) | None => None,
    };
    let kind = members.take_set("membershipKind");
    let by_kind = kind.and_then(is_all);
    let are_all = match (by_kind, by_type) {
        (Some(by_kind), Some(by_type)) if by_kind != by_type => {
            let message = "found `membershipKind` and `@odata.type` that contradict each other, expected them to agree";
            node.error(Code::NotUnderstood, message);
            None
        }
        (Some(are_all), _) | (None, Some(are_all)) => Some(are_all),
        (None, None) => {
            if kind.is_none() {
                let message = "found no `membershipKind`, expected all or enumerated";
                node.error(Code::MissingMember, message);
            }
            None
        }
    };
    let listed = members.take("members");
    members.close();
    match are_all? {
        true => all_tenants(listed),
        false => enumerated(node, listed),
    }
}

fn is_all(node: Node<'_>) -> Option<bool> {
    match node.text()? {
        text if text.eq_ignore_ascii_case("all") => Some(true),
        text if text.eq_ignore_ascii_case("enumerated") => Some(false),
        text => {
            report_unknown_word(node, text, "expected all or enumerated");
            None
        }
    }
}

fn all_tenants(listed: Option<Node<'_>>) -> Option<ExternalTenants> {
    if let Some(listed) = listed.filter(|listed| !listed.is_blank()) {
        let message = "found `members` with `membershipKind` all, expected no members, or `membershipKind` enumerated";
        listed.error(Code::NotUnderstood, message);
    }
    Some(ExternalTenants::All)
}

fn enumerated(node: Node<'_>, listed: Option<Node<'_>>) -> Option<ExternalTenants> {
    let Some(listed) = listed else {
        let message = "found no `members`, expected the ids of tenants";
        node.error(Code::MissingMember, message);
        return None;
    };
    let tenants = listed.array().filter_map(|node| parse_id(node, "a tenant"));
    let tenants: Vec<_> = tenants.collect();
    if tenants.is_empty() {
        let message = "found no tenant in `members`: the condition matches no user";
        listed.warning(Code::NoEffect, message);
    }
    Some(ExternalTenants::These(tenants))
}
