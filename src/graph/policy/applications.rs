//! `conditionalAccessApplications` (learn.microsoft.com/graph/api/resources/conditionalaccessapplications).

use super::super::document::{ApplicationsCondition, ApplicationsList};
use super::super::finding::Code;
use super::super::members::Members;
use super::super::node::Node;
use super::super::values::{parse_word, report_unknown_word};
use super::{WordOrId, parse_filter, parse_word_or_id};
use crate::id::AppId;

/// Parses the condition on applications, user actions and authentication contexts.
pub(super) fn parse_applications(node: Node<'_>) -> Option<ApplicationsCondition> {
    let mut members = node.object()?;
    let condition = ApplicationsCondition {
        place: node.place(),
        include: list(&mut members, "includeApplications"),
        exclude: list(&mut members, "excludeApplications"),
        user_actions: members
            .list("includeUserActions")
            .filter_map(parse_word)
            .collect(),
        authentication_contexts: members
            .list("includeAuthenticationContextClassReferences")
            .filter_map(authentication_context)
            .collect(),
        filter: members.take_set("applicationFilter").and_then(parse_filter),
    };
    for name in ["globalSecureAccess", "networkAccess"] {
        if let Some(traffic) = members.take_set(name) {
            // A further entry of the include list that no request can match.
            let message = format!(
                "found `{name}`, which is not read: no request is for traffic of Global Secure Access"
            );
            traffic.warning(Code::NoEffect, message);
        }
    }
    members.close();
    Some(condition)
}

fn list(members: &mut Members<'_>, name: &'static str) -> ApplicationsList {
    let mut list = ApplicationsList::default();
    for node in members.list(name) {
        match parse_word_or_id::<AppId>(node, &WORDS, "an application's id") {
            Some(WordOrId::Word("All")) => list.all = true,
            Some(WordOrId::Word("None")) => list.none = true,
            Some(WordOrId::Word("Office365")) => list.office365 = true,
            Some(WordOrId::Word("AllAgentIdResources")) => list.agent_resources = true,
            Some(WordOrId::Word(_)) => list.admin_portals = true,
            Some(WordOrId::Id(id)) => list.applications.push(id),
            None => {}
        }
    }
    list
}

const WORDS: [&str; 5] = [
    "All",
    "None",
    "Office365",
    "MicrosoftAdminPortals",
    "AllAgentIdResources",
];

/// Parses `c1` to `c99` (learn.microsoft.com/graph/api/resources/authenticationcontextclassreference). A display name
/// is an error, because it would never match.
fn authentication_context(node: Node<'_>) -> Option<String> {
    let text = node.text()?;
    let digits = text.strip_prefix(['c', 'C']).unwrap_or_default();
    let is_id = (1..=2).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_id {
        report_unknown_word(
            node,
            text,
            "expected the id of an authentication context such as c1",
        );
        return None;
    }
    Some(text.to_ascii_lowercase())
}
