//! What an audit record calls what happened: activity, category and type of operation.
//!
//! learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities; what that page does not have is
//! said so.

use super::Audit;
use crate::changes::{Change, Object, Operation};

/// The names of an activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    /// `activityDisplayName`
    pub(super) name: &'static str,
    /// `category`
    pub(super) category: &'static str,
    /// `operationType`
    pub(super) operation: &'static str,
}

/// The names of what happened.
pub(super) fn of(audit: &Audit<'_>) -> Activity {
    // None of these is Microsoft's but those of what was changed.
    let (name, operation) = match audit {
        Audit::Changed { change, .. } => return changed(change),
        Audit::Started { .. } => ("Start crosstrust", "Add"),
        Audit::Stopped { .. } => ("Stop crosstrust", "Delete"),
        Audit::SnapshotActivated { .. } => ("Activate policy snapshot", "Update"),
        Audit::SnapshotRejected { .. } => ("Reject policy snapshot", "Update"),
        Audit::Explained { .. } => ("Explain decision", "Read"),
        Audit::Reloaded { .. } => ("Reload policies", "Update"),
        Audit::KeysChanged { .. } => ("Update keys of issuer", "Update"),
        Audit::KeysWithdrawn { .. } => ("Withdraw keys of issuer", "Update"),
    };
    let category = "PolicyDecisionPoint";
    Activity {
        name,
        category,
        operation,
    }
}

fn changed(change: &Change) -> Activity {
    let kind = Kind::of(change.operation);
    let (category, [add, update, delete]) = names(&change.object);
    let name = match (&change.object, change.operation) {
        (Object::ChannelMember { .. }, Operation::Promoted) => {
            "Promote member of shared channel to owner"
        }
        (Object::ChannelMember { .. }, Operation::Demoted) => {
            "Demote owner of shared channel to member"
        }
        (_, _) => match kind {
            Kind::Add => add,
            Kind::Update => update,
            Kind::Delete => delete,
        },
    };
    Activity {
        name,
        category,
        operation: kind.word(),
    }
}

/// Graph's types of operation.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Add,
    Update,
    Delete,
}

impl Kind {
    fn of(operation: Operation) -> Self {
        match operation {
            Operation::Created | Operation::Added => Kind::Add,
            Operation::Updated | Operation::Promoted | Operation::Demoted => Kind::Update,
            Operation::Deleted | Operation::Removed => Kind::Delete,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Kind::Add => "Add",
            Kind::Update => "Update",
            Kind::Delete => "Delete",
        }
    }
}

/// The category, and the names of adding, updating and deleting.
fn names(object: &Object) -> (&'static str, [&'static str; 3]) {
    match object {
        // Ours.
        Object::Organization => (
            "DirectoryManagement",
            [
                "Add organization",
                "Update organization",
                "Delete organization",
            ],
        ),
        // Ours: the clouds.
        Object::CrossTenantAccessPolicy => (
            CROSS_TENANT,
            [
                "Update the cross-tenant access policy",
                "Update the cross-tenant access policy",
                "Reset the cross-tenant access policy",
            ],
        ),
        // There is always one.
        Object::DefaultSetting => (
            CROSS_TENANT,
            [
                "Update the company default cross-tenant access setting",
                "Update the company default cross-tenant access setting",
                "Reset the cross-tenant access default setting",
            ],
        ),
        Object::Partner => (
            CROSS_TENANT,
            [
                "Add a partner to cross-tenant access setting",
                "Update a partner cross-tenant access setting",
                "Delete partner specific cross-tenant access setting",
            ],
        ),
        Object::IdentitySync => (
            CROSS_TENANT,
            [
                "Create a partner cross-tenant identity sync setting",
                "Update a partner cross-tenant identity sync setting",
                "Delete a partner cross-tenant identity sync setting",
            ],
        ),
        Object::ConditionalAccessPolicy => (
            "Policy",
            [
                "Add Conditional Access policy",
                "Update Conditional Access policy",
                "Delete Conditional Access policy",
            ],
        ),
        // Ours. They are always there.
        Object::ConditionalAccessSettings => (
            "Policy",
            [
                "Update Conditional Access settings",
                "Update Conditional Access settings",
                "Reset Conditional Access settings",
            ],
        ),
        Object::NamedLocation => (
            "Policy",
            [
                "Add named location",
                "Update named location",
                "Delete named location",
            ],
        ),
        Object::AuthenticationStrength => (
            "ApplicationManagement",
            [
                "Authentication Strength Policy Create",
                "Authentication Strength Policy Update",
                "Authentication Strength Policy Delete",
            ],
        ),
        // Ours.
        Object::IdentityProvider => (
            "DirectoryManagement",
            [
                "Add identity provider",
                "Update identity provider",
                "Delete identity provider",
            ],
        ),
        // Ours.
        Object::Federation => (
            "DirectoryManagement",
            [
                "Add federation with external domain",
                "Update federation with external domain",
                "Delete federation with external domain",
            ],
        ),
        // Ours, like the document.
        Object::AssumedOutbound => (
            CROSS_TENANT,
            [
                "Add assumed outbound access of a partner",
                "Update assumed outbound access of a partner",
                "Delete assumed outbound access of a partner",
            ],
        ),
        // Ours, all three: Teams has its own audit log.
        Object::Channel => (
            CHANNELS,
            [
                "Add shared channel",
                "Update shared channel",
                "Delete shared channel",
            ],
        ),
        Object::ChannelMember { .. } => (
            CHANNELS,
            [
                "Add member to shared channel",
                "Update member of shared channel",
                "Remove member from shared channel",
            ],
        ),
        Object::ChannelTeam { .. } => (
            CHANNELS,
            [
                "Add team to shared channel",
                "Update team of shared channel",
                "Remove team from shared channel",
            ],
        ),
    }
}

const CROSS_TENANT: &str = "CrossTenantAccessSettings";

const CHANNELS: &str = "SharedChannelManagement";
