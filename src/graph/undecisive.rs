//! Members of default and partner settings that decide nothing about external users (semantics §2, "Members
//! that decide nothing", with a reason each). One that is set to something other than its default is reported.

use super::deciding::{USERS_AND_GROUPS, is_setting_member, member_within};
use super::finding::Code;
use super::members::Members;
use super::node::Node;
use super::values::quoted;

/// The default of a member.
#[derive(Debug, Clone, Copy)]
enum Unchanged {
    /// It describes the object; never reported.
    Description,
    /// No switch in it is true.
    Off,
    /// Its rules block everybody and everything.
    Blocked,
    /// Null or empty.
    Nothing,
    /// The order in which invitations are redeemed, as Entra sets it.
    RedemptionOrder,
}

const MEMBERS: &[(&str, Unchanged)] = &[
    ("deletedDateTime", Unchanged::Description),
    ("id", Unchanged::Description),
    ("displayName", Unchanged::Description),
    ("description", Unchanged::Description),
    ("createdDateTime", Unchanged::Description),
    ("modifiedDateTime", Unchanged::Description),
    ("lastModifiedDateTime", Unchanged::Description),
    ("identitySynchronization", Unchanged::Off),
    (
        "invitationRedemptionIdentityProviderConfiguration",
        Unchanged::RedemptionOrder,
    ),
    ("crossCloudMeetingConfiguration", Unchanged::Off),
    ("protectedContentSharing", Unchanged::Off),
    ("m365CollaborationInbound", Unchanged::Blocked),
    ("m365CollaborationOutbound", Unchanged::Blocked),
    ("m365Capabilities", Unchanged::Off),
    ("appServiceConnectInbound", Unchanged::Blocked),
    ("serviceProviderConstraints", Unchanged::Nothing),
];

/// Takes the members that decide nothing, and reports those that are not as Entra sets them.
pub(super) fn take(members: &mut Members<'_>) {
    for (name, unchanged) in MEMBERS {
        take_one(members, name);
        let found = members.node().peek(name).filter(|node| !node.is_nothing());
        if let Some(node) = found.filter(|node| !unchanged.holds(*node)) {
            report(node, name);
        }
    }
}

/// Takes one member that decides nothing. Settings in it are an error: they stand where nothing reads them.
pub(super) fn take_one(members: &mut Members<'_>, name: &str) {
    members.ignore(&[name]);
    let Some(node) = members.node().peek(name) else {
        return;
    };
    // The one such member that has users and groups of its own.
    let has_users = name == "m365CollaborationOutbound";
    let is_setting = |inner: &str| {
        is_setting_member(inner) && !(has_users && inner.eq_ignore_ascii_case(USERS_AND_GROUPS))
    };
    let Some(held) = member_within(node, &is_setting) else {
        return;
    };
    let message = format!(
        "found {} within `{name}`, which is not read; expected it in the entry itself",
        quoted(&held)
    );
    node.error(Code::UnknownMember, message);
}

/// The same for switches, whose default is false.
pub(super) fn take_switches(members: &mut Members<'_>, names: &[&str]) {
    members.ignore(names);
    for name in names {
        if let Some(node) = members.node().peek(name).filter(|node| node.is_true()) {
            report(node, name);
        }
    }
}

/// Reports a member that decides nothing and is set.
pub(super) fn report(node: Node<'_>, name: &str) {
    let message = format!(
        "found `{name}` set to something other than its default: it decides nothing here (docs/semantics.md, \
         \"Members that decide nothing\")"
    );
    node.info(Code::DecidesNothing, message);
}

impl Unchanged {
    fn holds(self, node: Node<'_>) -> bool {
        match self {
            Unchanged::Description => true,
            Unchanged::Off => !any_value(node, &|_, value| value.is_true()),
            Unchanged::Blocked => !any_value(node, &|name, value| {
                let is = |wanted: &[&str]| {
                    let text = value.as_text().unwrap_or_default();
                    wanted.iter().any(|word| word.eq_ignore_ascii_case(text))
                };
                match name {
                    name if name.eq_ignore_ascii_case("accessType") => !is(&["blocked"]),
                    name if name.eq_ignore_ascii_case("target") => {
                        !is(&["AllUsers", "AllApplications"])
                    }
                    _ => false,
                }
            }),
            Unchanged::Nothing => false,
            Unchanged::RedemptionOrder => is_redeemed_as_usual(node),
        }
    }
}

/// Whether a member within, at any depth, is such a value.
fn any_value(node: Node<'_>, is_wanted: &dyn Fn(&str, Node<'_>) -> bool) -> bool {
    if let Some(mut elements) = node.as_array() {
        return elements.any(|element| any_value(element, is_wanted));
    }
    node.own_members().any(|(name, value)| {
        (!value.is_null() && is_wanted(name, value)) || any_value(value, is_wanted)
    })
}

/// learn.microsoft.com/graph/api/resources/defaultinvitationredemptionidentityproviderconfiguration
fn is_redeemed_as_usual(node: Node<'_>) -> bool {
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
