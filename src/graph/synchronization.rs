//! Cross-tenant synchronisation (learn.microsoft.com/graph/api/resources/crosstenantidentitysyncpolicypartner):
//! who may be copied into the tenant. It decides nothing, and is no partner entry.

use super::node::Node;
use super::undecisive;
use super::values::id;
use crate::id::TenantId;

/// One policy, checked and not kept.
pub(super) fn synchronization(node: Node<'_>) -> Option<()> {
    let mut members = node.object()?;
    let tenant = members.take_set("tenantId");
    if let Some(tenant) = tenant {
        id::<TenantId>(tenant, "the partner's tenant");
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

/// The members that only such a policy has.
pub(super) const MEMBERS: &[&str] = &[
    "userSyncInbound",
    "userSyncOutbound",
    "groupSyncInbound",
    "groupSyncOutbound",
];
