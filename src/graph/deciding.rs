//! Members that decide about external users (semantics §2, "Members that decide"): where one of them stands
//! under a member that is not known, the document was not understood.

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
    "usersAndGroups",
    "applications",
    "inboundAllowed",
    "outboundAllowed",
    "blockServiceProviderOutboundAccess",
    "allowedCloudEndpoints",
    "cloudEndpoint",
];

/// Whether a member of this name decides, in one of the documents: a name of the list, `is…Accepted` or
/// `is…Allowed`.
pub fn is_deciding_member(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let listed = SETTINGS.iter().chain(&FURTHER);
    let is_switch = || {
        let rest = lower.strip_prefix("is");
        rest.is_some_and(|rest| rest.ends_with("accepted") || rest.ends_with("allowed"))
    };
    listed
        .into_iter()
        .any(|known| known.eq_ignore_ascii_case(name))
        || is_switch()
}

/// The first member within the value, at any depth, that decides and is not null. The depth is bounded by
/// the parser's.
pub(super) fn deciding_member_within<'d>(node: Node<'d>) -> Option<&'d str> {
    if let Some(mut elements) = node.as_array() {
        return elements.find_map(deciding_member_within);
    }
    node.own_members().find_map(|(name, value)| {
        if is_deciding_member(name) && !value.is_null() {
            return Some(name);
        }
        deciding_member_within(value)
    })
}

/// Reports an object that sets none of these members and is not `{}`: it is not what its name says
/// (semantics §2, "Recognised documents"). A member counts as set when it is there and not null.
pub(super) fn check_recognised(node: Node<'_>, names: &[&str]) {
    let is_set = |name: &&str| node.peek(name).is_some_and(|value| !value.is_null());
    if names.iter().any(is_set) || node.own_members().next().is_none() {
        return;
    }
    let message = format!(
        "found {}, which sets none of {}, expected at least one of them; {{}} says that nothing is set",
        super::content::describe(node),
        names.join(", ")
    );
    node.error(super::finding::Code::UnknownDocument, message);
}
