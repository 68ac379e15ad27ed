//! `conditionalAccessApplications` (learn.microsoft.com/graph/api/resources/conditionalaccessapplications).

use super::super::document::{ApplicationsCondition, ApplicationsList};
use super::super::finding::Code;
use super::super::members::Members;
use super::super::node::Node;
use super::super::values::{unknown_word, word};
use super::{Entry, filter, word_or_id};
use crate::id::AppId;

/// Which applications, actions and authentication contexts.
pub(super) fn applications(node: Node<'_>) -> Option<ApplicationsCondition> {
    let mut members = node.object()?;
    let condition = ApplicationsCondition {
        place: node.place(),
        include: list(&mut members, "includeApplications"),
        exclude: list(&mut members, "excludeApplications"),
        user_actions: members
            .list("includeUserActions")
            .filter_map(word)
            .collect(),
        authentication_contexts: members
            .list("includeAuthenticationContextClassReferences")
            .filter_map(authentication_context)
            .collect(),
        filter: members.take_set("applicationFilter").and_then(filter),
    };
    for name in ["globalSecureAccess", "networkAccess"] {
        if let Some(traffic) = members.take_set(name) {
            // One more entry of the include list, which no request here can be.
            let message = format!(
                "found `{name}`: traffic of Global Secure Access is never asked about here and is not read"
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
        match word_or_id::<AppId>(node, &WORDS, "an application's id") {
            Some(Entry::Word("All")) => list.all = true,
            Some(Entry::Word("None")) => list.none = true,
            Some(Entry::Word("Office365")) => list.office365 = true,
            Some(Entry::Word("AllAgentIdResources")) => list.agent_resources = true,
            Some(Entry::Word(_)) => list.admin_portals = true,
            Some(Entry::Id(id)) => list.applications.push(id),
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

/// `c1` to `c99` (learn.microsoft.com/graph/api/resources/authenticationcontextclassreference). A name
/// would never match and protect nothing.
fn authentication_context(node: Node<'_>) -> Option<String> {
    let text = node.text()?;
    let digits = text.strip_prefix(['c', 'C']).unwrap_or_default();
    let is_id = (1..=2).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_id {
        unknown_word(
            node,
            text,
            "expected the id of an authentication context such as c1",
        );
        return None;
    }
    Some(text.to_ascii_lowercase())
}
