//! Members of default and partner settings without effect on external users (semantics §2, "Members that decide
//! nothing", with reasons). One that is not at its default is reported.

use super::deciding::{USERS_AND_GROUPS, is_setting_member, member_within};
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::values::quoted;

/// The default of a member.
#[derive(Debug, Clone, Copy)]
enum DefaultValue {
    /// Describes the object; never reported.
    Description,
    /// No boolean in it is true.
    Off,
    /// Its rules block all users and applications.
    Blocked,
    /// Null or empty.
    Nothing,
    /// Entra's default order of identity providers for redeeming invitations.
    RedemptionOrder,
}

const MEMBERS: &[(&str, DefaultValue)] = &[
    ("deletedDateTime", DefaultValue::Description),
    ("id", DefaultValue::Description),
    ("displayName", DefaultValue::Description),
    ("description", DefaultValue::Description),
    ("createdDateTime", DefaultValue::Description),
    ("modifiedDateTime", DefaultValue::Description),
    ("lastModifiedDateTime", DefaultValue::Description),
    ("identitySynchronization", DefaultValue::Off),
    (
        "invitationRedemptionIdentityProviderConfiguration",
        DefaultValue::RedemptionOrder,
    ),
    ("crossCloudMeetingConfiguration", DefaultValue::Off),
    ("protectedContentSharing", DefaultValue::Off),
    ("m365CollaborationInbound", DefaultValue::Blocked),
    ("m365CollaborationOutbound", DefaultValue::Blocked),
    ("m365Capabilities", DefaultValue::Off),
    ("appServiceConnectInbound", DefaultValue::Blocked),
    ("serviceProviderConstraints", DefaultValue::Nothing),
];

/// Takes the members without effect, and reports those that are not at their defaults.
pub(super) fn take(members: &mut Members<'_>) {
    for (name, default) in MEMBERS {
        take_one(members, name);
        let found = members.node().peek(name).filter(|node| !node.is_blank());
        if let Some(node) = found.filter(|node| !default.matches(*node)) {
            report(node, name);
        }
    }
}

/// Takes a member without effect. Settings in it are errors, because they would not be read.
pub(super) fn take_one(members: &mut Members<'_>, name: &str) {
    members.ignore(&[name]);
    let Some(node) = members.node().peek(name) else {
        return;
    };
    // The only such member that has its own `usersAndGroups`.
    let has_users = name == "m365CollaborationOutbound";
    let is_setting = |inner: &str| {
        is_setting_member(inner) && !(has_users && inner.eq_ignore_ascii_case(USERS_AND_GROUPS))
    };
    let Some(nested) = member_within(node, &is_setting) else {
        return;
    };
    let message = format!(
        "found {} in `{name}`, where it is not read; expected it at the top level of the entry",
        quoted(&nested)
    );
    node.error(Code::UnknownMember, message);
}

/// Takes booleans without effect, whose default is false.
pub(super) fn take_switches(members: &mut Members<'_>, names: &[&str]) {
    members.ignore(names);
    for name in names {
        if let Some(node) = members.node().peek(name).filter(|node| node.is_true()) {
            report(node, name);
        }
    }
}

/// Reports a member without effect that is not at its default.
pub(super) fn report(node: Node<'_>, name: &str) {
    let message = format!(
        "found `{name}`, which is not at its default and has no effect on decisions (docs/semantics.md, \"Members \
         that decide nothing\")"
    );
    node.info(Code::DecidesNothing, message);
}

impl DefaultValue {
    fn matches(self, node: Node<'_>) -> bool {
        match self {
            DefaultValue::Description => true,
            DefaultValue::Off => !any_value(node, &|_, value| value.is_true()),
            DefaultValue::Blocked => !any_value(node, &|name, value| {
                let is = |words: &[&str]| {
                    let text = value.as_text().unwrap_or_default();
                    words.iter().any(|word| word.eq_ignore_ascii_case(text))
                };
                match name {
                    name if name.eq_ignore_ascii_case("accessType") => !is(&["blocked"]),
                    name if name.eq_ignore_ascii_case("target") => {
                        !is(&["AllUsers", "AllApplications"])
                    }
                    _ => false,
                }
            }),
            DefaultValue::Nothing => false,
            DefaultValue::RedemptionOrder => is_default_redemption_order(node),
        }
    }
}

/// Whether any member at any depth matches.
fn any_value(node: Node<'_>, matches: &dyn Fn(&str, Node<'_>) -> bool) -> bool {
    if let Some(mut elements) = node.as_array() {
        return elements.any(|element| any_value(element, matches));
    }
    node.own_members().any(|(name, value)| {
        (!value.is_null() && matches(name, value)) || any_value(value, matches)
    })
}

/// learn.microsoft.com/graph/api/resources/defaultinvitationredemptionidentityproviderconfiguration
fn is_default_redemption_order(node: Node<'_>) -> bool {
    const ORDER: [&str; 3] = [
        "externalFederation",
        "azureActiveDirectory",
        "socialIdentityProviders",
    ];
    let order = node.peek("primaryIdentityProviderPrecedenceOrder");
    let is_order = match order.and_then(Node::as_array) {
        Some(words) => words
            .map(|word| word.as_text().unwrap_or_default())
            .eq(ORDER),
        None => true,
    };
    let fallback = node
        .peek("fallbackIdentityProvider")
        .and_then(Node::as_text);
    is_order && fallback.is_none_or(|word| word.eq_ignore_ascii_case("defaultConfiguredIdp"))
}
