//! Members with an effect on decisions about external users (semantics §2, "Members that decide"). If an unknown member
//! contains one of them, the document is refused.

use std::borrow::Cow;

use super::node::Node;

/// The members of default and partner settings with an effect on decisions.
pub(super) const SETTINGS: [&str; 7] = [
    "b2bCollaborationInbound",
    "b2bCollaborationOutbound",
    "b2bDirectConnectInbound",
    "b2bDirectConnectOutbound",
    "inboundTrust",
    "tenantRestrictions",
    "automaticUserConsentSettings",
];

/// The members of those settings, and members of the other documents.
const OTHER_MEMBERS: [&str; 10] = [
    "accessType",
    "targets",
    "targetType",
    USERS_AND_GROUPS,
    "applications",
    "inboundAllowed",
    "outboundAllowed",
    "blockServiceProviderOutboundAccess",
    "allowedCloudEndpoints",
    "cloudEndpoint",
];

/// The members of `inboundTrust` that are read.
const SWITCHES: [&str; 3] = [
    "isMfaAccepted",
    "isCompliantDeviceAccepted",
    "isHybridAzureADJoinedDeviceAccepted",
];

/// Whether this release uses a member with this name for decisions, in any document.
pub fn is_known_deciding_member(name: &str) -> bool {
    let known = SETTINGS.iter().chain(&OTHER_MEMBERS).chain(&SWITCHES);
    is_one_of(name, known)
}

/// Whether a member with this name has an effect on decisions: a known one, `is…Accepted` or `is…Allowed`.
pub(super) fn is_deciding_member(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_switch = || {
        let rest = lower.strip_prefix("is");
        rest.is_some_and(|rest| rest.ends_with("accepted") || rest.ends_with("allowed"))
    };
    is_known_deciding_member(name) || is_switch()
}

/// Whether a member with this name is a setting or one of its rules. Members without effect on decisions contain none
/// of these, but may contain an `accessType`.
pub(super) fn is_setting_member(name: &str) -> bool {
    is_one_of(name, SETTINGS.iter().chain(&[USERS_AND_GROUPS]))
}

/// The rule for users of a setting.
pub(super) const USERS_AND_GROUPS: &str = "usersAndGroups";

fn is_one_of<'n>(name: &str, mut names: impl Iterator<Item = &'n &'n str>) -> bool {
    names.any(|known| known.eq_ignore_ascii_case(name))
}

/// The first member at any depth with a matching name and a value other than null. Strings that contain JSON are
/// searched too. The JSON parser limits the depth.
pub(super) fn member_within<'d>(
    node: Node<'d>,
    matches: &dyn Fn(&str) -> bool,
) -> Option<Cow<'d, str>> {
    if let Some(mut elements) = node.as_array() {
        return elements.find_map(|element| member_within(element, matches));
    }
    if let Some(text) = node.as_text() {
        return member_within_text(text, matches).map(Cow::Owned);
    }
    node.own_members().find_map(|(name, value)| {
        if matches(name) && !value.is_null() {
            return Some(Cow::Borrowed(name));
        }
        member_within(value, matches)
    })
}

/// Like [`member_within`], for a string that contains JSON. Terminates because a nested string is shorter.
fn member_within_text(text: &str, matches: &dyn Fn(&str) -> bool) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    member_within_value(&value, matches)
}

fn member_within_value(
    value: &serde_json::Value,
    matches: &dyn Fn(&str) -> bool,
) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) => member_within_text(text, matches),
        Value::Array(elements) => elements
            .iter()
            .find_map(|element| member_within_value(element, matches)),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            if matches(name) && !value.is_null() {
                return Some(name.clone());
            }
            member_within_value(value, matches)
        }),
    }
}

/// Reports an object that sets none of these members and is not `{}`: it is not the document that its name states
/// (semantics §2, "Recognised documents"). A member is set if it is present and not null.
pub(super) fn check_recognised(node: Node<'_>, names: &[&str]) {
    let is_set = |name: &&str| node.peek(name).is_some_and(|value| !value.is_null());
    if names.iter().any(is_set) || node.own_members().next().is_none() {
        return;
    }
    let nulls: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| node.peek(name).is_some())
        .collect();
    let found = match nulls.is_empty() {
        true => format!("{}, which sets nothing", super::content::describe(node)),
        false => format!(
            "an object that sets nothing: {} in it is null",
            nulls.join(", ")
        ),
    };
    let message = format!(
        "found {found}; expected at least one of {} to be set, or {{}}, which means that nothing is set",
        names.join(", ")
    );
    node.error(super::finding::Code::UnknownDocument, message);
}
