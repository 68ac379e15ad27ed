//! Tenant-wide settings of Conditional Access
//! (learn.microsoft.com/graph/api/resources/conditionalaccesssettings, beta, as of 2026-11).
//!
//! All of them exclude requests from policies, so a missing setting only restricts access (semantics §5).

use super::document::ConditionalAccessSettings;
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::values::parse_word;
use crate::vocabulary::{PolicyState, UserAction, WordSet};

/// The settings of one tenant.
pub(super) fn parse_settings(node: Node<'_>) -> Option<ConditionalAccessSettings> {
    let mut members = node.object()?;
    let exclusions = inner(&mut members, "exclusions");
    members.ignore(&["id", "modifiedDateTime", "deletedDateTime"]);
    members.close_outer();
    let mut excluded_actions = WordSet::EMPTY;
    if let Some(mut exclusions) = exclusions {
        if let Some(mut all_resources) = inner(&mut exclusions, "allResourcesExclusions") {
            excluded_actions = all_resources
                .list("userActionExclusions")
                .filter_map(excluded_action)
                .collect();
            all_resources.close_outer();
        }
        exclusions.close_outer();
    }
    Some(ConditionalAccessSettings {
        place: node.place(),
        excluded_actions,
    })
}

fn inner<'d>(members: &mut Members<'d>, name: &'static str) -> Option<Members<'d>> {
    members.take_set(name).and_then(Node::object)
}

/// `userActionExclusion`: the action, if the exclusion is enabled and the action is known.
fn excluded_action(node: Node<'_>) -> Option<UserAction> {
    let mut members = node.object()?;
    let action = members.take_set("userAction");
    let state = members
        .take_set("state")
        .and_then(parse_word::<PolicyState>);
    members.close_outer();
    let Some(action) = action else {
        let message = "found no `userAction`, expected the user action that is excluded";
        node.error(Code::MissingMember, message);
        return None;
    };
    match action.text()?.parse() {
        Ok(known) => (state == Some(PolicyState::Enabled)).then_some(known),
        Err(error) => {
            let message = format!(
                "found {}, {error}: it matches no request",
                action.describe()
            );
            action.warning(Code::UnknownWord, message);
            None
        }
    }
}
