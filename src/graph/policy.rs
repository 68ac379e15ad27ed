//! Conditional Access policies (learn.microsoft.com/graph/api/resources/conditionalaccesspolicy).
//!
//! In a policy without effect on users (disabled, or for workload identities), unknown content is a warning. Invalid
//! ids, placeholders and duplicates are always errors (semantics §7).

mod applications;
mod conditions;
mod grant;
mod session;
mod users;

use super::document::{ConditionalAccessPolicy, FilterCondition};
use super::finding::{Code, Severity};
use super::members::Members;
use super::node::Node;
use super::values::{parse_id, parse_word};
use crate::vocabulary::PolicyState;

pub(super) use conditions::FLAT_MEMBERS;

/// Parses a policy.
pub(super) fn parse_policy(node: Node<'_>) -> Option<ConditionalAccessPolicy> {
    let mut members = node.object()?;
    if let Some(details) = members.take_set("details") {
        let message = "found a policy template (its policy is in `details`), expected a policy";
        details.error(Code::Template, message);
        return None;
    }
    let policy_id = members
        .take_set("id")
        .and_then(|node| parse_id(node, "the policy"));
    let display_name = members.name("displayName");
    check_name(&members, display_name.is_some());
    let state = read_state(&mut members);
    if state == Some(PolicyState::Disabled) || conditions::is_for_workloads(node) {
        members.set_unknown_severity(Severity::Warning);
    }
    let conditions = read_conditions(&mut members).and_then(conditions::parse_conditions);
    let grant = members.take_set("grantControls");
    let grant = grant.and_then(grant::parse_grant_controls);
    let session = members.take_set("sessionControls");
    let session = session.and_then(session::parse_session_controls);
    check_flat(&members);
    members.ignore(FLAT_MEMBERS);
    members.ignore(MEMBERS_WITHOUT_EFFECT);
    members.close_outer();
    Some(ConditionalAccessPolicy {
        place: node.place(),
        id: policy_id,
        display_name: display_name.or(policy_id.map(|id| id.to_string()))?,
        state: state?,
        conditions: conditions?,
        grant,
        session: session.unwrap_or_default(),
    })
}

/// semantics §2: the id of a policy without `id` is derived from its name, so one of them is required.
fn check_name(members: &Members<'_>, is_named: bool) {
    if !is_named && !members.has("id") {
        let message = "found neither `id` nor `displayName`, expected at least one of them";
        members.node().error(Code::MissingMember, message);
    }
}

fn read_state(members: &mut Members<'_>) -> Option<PolicyState> {
    match members.take_set("state") {
        Some(state) => parse_word(state),
        None => {
            let message = "found no `state`, expected enabled, disabled or \
                           enabledForReportingButNotEnforced; this is a template or the body of a PATCH, \
                           not a policy";
            members.node().error(Code::Template, message);
            None
        }
    }
}

fn read_conditions<'d>(members: &mut Members<'d>) -> Option<Node<'d>> {
    let conditions = members.take_set("conditions");
    if conditions.is_none() {
        let is_flat = FLAT_MEMBERS.iter().any(|name| members.has(name));
        let message = match is_flat {
            true => {
                "found the conditions at the top level of the policy (a tool's own format), expected Graph's \
                 format with `conditions`"
            }
            false => "found no `conditions`, which is required",
        };
        members.node().error(Code::MissingMember, message);
    }
    conditions
}

/// Reports conditions outside `conditions`, which would not be evaluated.
fn check_flat(members: &Members<'_>) {
    if !members.has("conditions") {
        return;
    }
    for name in FLAT_MEMBERS.iter().filter(|name| members.has(name)) {
        let message =
            format!("found `{name}` at the top level of the policy, expected it in `conditions`");
        if let Some(node) = members.node().peek(name) {
            node.report_unknown(Code::UnknownMember, message);
        }
    }
}

/// Parses `conditionalAccessFilter`. Both members are required.
fn parse_filter(node: Node<'_>) -> Option<FilterCondition> {
    let mut members = node.object()?;
    let mode = members.require("mode").and_then(parse_word);
    let rule = members.require("rule");
    members.close();
    let rule = rule?;
    let text = rule.text()?;
    if text.trim().is_empty() {
        return rule.wrong_type("a filter rule");
    }
    Some(FilterCondition {
        place: rule.place(),
        mode: mode?,
        rule: text.to_owned(),
    })
}

/// An entry of a list: a reserved word or an id.
enum WordOrId<T> {
    Word(&'static str),
    Id(T),
}

/// Parses an entry: one of the words in any case, or an id.
fn parse_word_or_id<T: std::str::FromStr>(
    node: Node<'_>,
    words: &[&'static str],
    what: &str,
) -> Option<WordOrId<T>> {
    let text = node.text()?;
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        return Some(WordOrId::Word(word));
    }
    match text.parse() {
        Ok(id) => Some(WordOrId::Id(id)),
        Err(_) => {
            let expected = format!("{what} (a GUID) or one of {}", words.join(", "));
            super::values::report_not_an_id(node, &expected);
            None
        }
    }
}

const MEMBERS_WITHOUT_EFFECT: &[&str] = &[
    "deletedDateTime",
    "templateId",
    "createdDateTime",
    "modifiedDateTime",
    "description",
    "partialEnablementStrategy",
];
