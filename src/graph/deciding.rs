//! Members that decide about external users (semantics §2, "Members that decide"): where one of them stands
//! under a member that is not known, the document was not understood.

use std::borrow::Cow;

use super::node::Node;

/// The members of default and partner settings that decide.
pub(super) const SETTINGS: [&str; 7] = [
    "b2bCollaborationInbound",
    "b2bCollaborationOutbound",
    "b2bDirectConnectInbound",
    "b2bDirectConnectOutbound",
    "inboundTrust",
    "tenantRestrictions",
    "automaticUserConsentSettings",
];

/// Members below those, and those of the other documents.
const FURTHER: [&str; 10] = [
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

/// The switches of `inboundTrust` that are read.
const SWITCHES: [&str; 3] = [
    "isMfaAccepted",
    "isCompliantDeviceAccepted",
    "isHybridAzureADJoinedDeviceAccepted",
];

/// Whether this release reads a member of this name for decisions, in one of the documents.
pub fn is_known_deciding_member(name: &str) -> bool {
    let known = SETTINGS.iter().chain(&FURTHER).chain(&SWITCHES);
    is_one_of(name, known)
}

/// Whether a member of this name decides: one that is read, `is…Accepted` or `is…Allowed`.
pub(super) fn is_deciding_member(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_switch = || {
        let rest = lower.strip_prefix("is");
        rest.is_some_and(|rest| rest.ends_with("accepted") || rest.ends_with("allowed"))
    };
    is_known_deciding_member(name) || is_switch()
}

/// Whether a member of this name is a setting or one of its rules. Members that decide nothing have none of
/// them, though they may have an `accessType`.
pub(super) fn is_setting_member(name: &str) -> bool {
    is_one_of(name, SETTINGS.iter().chain(&[USERS_AND_GROUPS]))
}

/// A rule of a setting.
pub(super) const USERS_AND_GROUPS: &str = "usersAndGroups";

fn is_one_of<'n>(name: &str, mut names: impl Iterator<Item = &'n &'n str>) -> bool {
    names.any(|known| known.eq_ignore_ascii_case(name))
}

/// The first member within the value, at any depth, that has such a name and is not null. A text that is
/// JSON counts as what it says. The depth is bounded by the parsers'.
pub(super) fn member_within<'d>(
    node: Node<'d>,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Option<Cow<'d, str>> {
    if let Some(mut elements) = node.as_array() {
        return elements.find_map(|element| member_within(element, is_wanted));
    }
    if let Some(text) = node.as_text() {
        return member_within_text(text, is_wanted).map(Cow::Owned);
    }
    node.own_members().find_map(|(name, value)| {
        if is_wanted(name) && !value.is_null() {
            return Some(Cow::Borrowed(name));
        }
        member_within(value, is_wanted)
    })
}

/// The same of a text that is JSON. A text within it is shorter by its quotes.
fn member_within_text(text: &str, is_wanted: &dyn Fn(&str) -> bool) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    member_within_value(&value, is_wanted)
}

fn member_within_value(
    value: &serde_json::Value,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) => member_within_text(text, is_wanted),
        Value::Array(elements) => elements
            .iter()
            .find_map(|element| member_within_value(element, is_wanted)),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            if is_wanted(name) && !value.is_null() {
                return Some(name.clone());
            }
            member_within_value(value, is_wanted)
        }),
    }
}

/// Reports an object that sets none of these members and is not `{}`: it is not what its name says
/// (semantics §2, "Recognised documents"). A member counts as set when it is there and not null.
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
            "an object that sets nothing: {} in it is null, and null sets nothing",
            nulls.join(", ")
        ),
    };
    let message = format!(
        "found {found}; expected at least one of {} to be set, or {{}}, which says that nothing is set",
        names.join(", ")
    );
    node.error(super::finding::Code::UnknownDocument, message);
}
