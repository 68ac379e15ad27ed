//! Cross-tenant synchronisation (learn.microsoft.com/graph/api/resources/crosstenantidentitysyncpolicypartner):
//! which users may be synchronised into the tenant. No effect on decisions, and not a partner entry.

use super::node::Node;
use super::undecisive;
use super::values::parse_id;
use crate::id::TenantId;

/// Checks a policy. Its content is not used.
pub(super) fn check_synchronization(node: Node<'_>) -> Option<()> {
    let mut members = node.object()?;
    let tenant = members.take_set("tenantId");
    if let Some(tenant) = tenant {
        parse_id::<TenantId>(tenant, "the partner's tenant");
    }
    members.name("displayName");
    for name in MEMBERS {
        undecisive::take_one(&mut members, name);
    }
    members.ignore(&[
        "id",
        "deletedDateTime",
        "createdDateTime",
        "lastModifiedDateTime",
    ]);
    members.close_configuration();
    Some(())
}

/// The members that only synchronisation policies have.
pub(super) const MEMBERS: &[&str] = &[
    "userSyncInbound",
    "userSyncOutbound",
    "groupSyncInbound",
    "groupSyncOutbound",
];
