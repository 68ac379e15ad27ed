//! Names of activities, categories and operation types in audit records.
//!
//! Source: learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities. Names that are not on that
//! page have a comment that says so.

use super::AuditEvent;
use crate::changes::{Change, ChangedObject, Operation};

/// The names of an activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct AuditActivity {
    /// `activityDisplayName`
    pub(super) name: &'static str,
    /// `category`
    pub(super) category: &'static str,
    /// `operationType`
    pub(super) operation: &'static str,
}

/// The names for an audited activity.
pub(super) fn of(audit: &AuditEvent<'_>) -> AuditActivity {
    // Only the names of changes are on Microsoft's page.
    let (name, operation) = match audit {
        AuditEvent::Changed { change, .. } => return changed(change),
        AuditEvent::Started { .. } => ("Start crosstrust", "Add"),
        AuditEvent::Stopped { .. } => ("Stop crosstrust", "Delete"),
        AuditEvent::SnapshotActivated { .. } => ("Activate policy snapshot", "Update"),
        AuditEvent::SnapshotRejected { .. } => ("Reject policy snapshot", "Update"),
        AuditEvent::Explained { .. } => ("Explain decision", "Read"),
        AuditEvent::Reloaded { .. } => ("Reload policies", "Update"),
        AuditEvent::KeysChanged { .. } => ("Update keys of issuer", "Update"),
        AuditEvent::KeysWithdrawn { .. } => ("Withdraw keys of issuer", "Update"),
    };
    let category = "PolicyDecisionPoint";
    AuditActivity {
        name,
        category,
        operation,
    }
}

fn changed(change: &Change) -> AuditActivity {
    let operation = OperationType::of(change.operation);
    let (category, [add, update, delete]) = names(&change.object);
    let name = match (&change.object, change.operation) {
        (ChangedObject::ChannelMember { .. }, Operation::Promoted) => {
            "Promote member of shared channel to owner"
        }
        (ChangedObject::ChannelMember { .. }, Operation::Demoted) => {
            "Demote owner of shared channel to member"
        }
        (_, _) => match operation {
            OperationType::Add => add,
            OperationType::Update => update,
            OperationType::Delete => delete,
        },
    };
    AuditActivity {
        name,
        category,
        operation: operation.word(),
    }
}

/// Graph's operation types.
#[derive(Debug, Clone, Copy)]
enum OperationType {
    Add,
    Update,
    Delete,
}

impl OperationType {
    fn of(operation: Operation) -> Self {
        match operation {
            Operation::Created | Operation::Added => OperationType::Add,
            Operation::Updated | Operation::Promoted | Operation::Demoted => OperationType::Update,
            Operation::Deleted | Operation::Removed => OperationType::Delete,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            OperationType::Add => "Add",
            OperationType::Update => "Update",
            OperationType::Delete => "Delete",
        }
    }
}

/// The category, and the activity names for add, update and delete.
fn names(object: &ChangedObject) -> (&'static str, [&'static str; 3]) {
    match object {
        // Not on Microsoft's page.
        ChangedObject::Organization => (
            "DirectoryManagement",
            [
                "Add organization",
                "Update organization",
                "Delete organization",
            ],
        ),
        // Not on Microsoft's page. Changes are those of the clouds.
        ChangedObject::CrossTenantAccessPolicy => (
            CROSS_TENANT,
            [
                "Update the cross-tenant access policy",
                "Update the cross-tenant access policy",
                "Reset the cross-tenant access policy",
            ],
        ),
        // There is always one, so it is never added.
        ChangedObject::DefaultSetting => (
            CROSS_TENANT,
            [
                "Update the company default cross-tenant access setting",
                "Update the company default cross-tenant access setting",
                "Reset the cross-tenant access default setting",
            ],
        ),
        ChangedObject::Partner => (
            CROSS_TENANT,
            [
                "Add a partner to cross-tenant access setting",
                "Update a partner cross-tenant access setting",
                "Delete partner specific cross-tenant access setting",
            ],
        ),
        ChangedObject::IdentitySync => (
            CROSS_TENANT,
            [
                "Create a partner cross-tenant identity sync setting",
                "Update a partner cross-tenant identity sync setting",
                "Delete a partner cross-tenant identity sync setting",
            ],
        ),
        ChangedObject::ConditionalAccessPolicy => (
            "Policy",
            [
                "Add Conditional Access policy",
                "Update Conditional Access policy",
                "Delete Conditional Access policy",
            ],
        ),
        // Not on Microsoft's page. These settings always exist, so they are never added.
        ChangedObject::ConditionalAccessSettings => (
            "Policy",
            [
                "Update Conditional Access settings",
                "Update Conditional Access settings",
                "Reset Conditional Access settings",
            ],
        ),
        ChangedObject::NamedLocation => (
            "Policy",
            [
                "Add named location",
                "Update named location",
                "Delete named location",
            ],
        ),
        ChangedObject::AuthenticationStrength => (
            "ApplicationManagement",
            [
                "Authentication Strength Policy Create",
                "Authentication Strength Policy Update",
                "Authentication Strength Policy Delete",
            ],
        ),
        // Not on Microsoft's page.
        ChangedObject::IdentityProvider => (
            "DirectoryManagement",
            [
                "Add identity provider",
                "Update identity provider",
                "Delete identity provider",
            ],
        ),
        // Not on Microsoft's page.
        ChangedObject::Federation => (
            "DirectoryManagement",
            [
                "Add federation with external domain",
                "Update federation with external domain",
                "Delete federation with external domain",
            ],
        ),
        // Not on Microsoft's page: the document is specific to crosstrust.
        ChangedObject::AssumedOutbound => (
            CROSS_TENANT,
            [
                "Add assumed outbound access of a partner",
                "Update assumed outbound access of a partner",
                "Delete assumed outbound access of a partner",
            ],
        ),
        // These three are not on Microsoft's page: Teams has a separate audit log.
        ChangedObject::Channel => (
            CHANNELS,
            [
                "Add shared channel",
                "Update shared channel",
                "Delete shared channel",
            ],
        ),
        ChangedObject::ChannelMember { .. } => (
            CHANNELS,
            [
                "Add member to shared channel",
                "Update member of shared channel",
                "Remove member from shared channel",
            ],
        ),
        ChangedObject::ChannelTeam { .. } => (
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
