//! Audit records in the shape of Graph's `directoryAudit` (learn.microsoft.com/graph/api/resources/directoryaudit).
//!
//! Activity names are those of learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities; an
//! activity that is not on that page has a name in the same style. Changes carry old and new values as JSON text.
//! Records contain no token and no key.

mod activity;
mod targets;
mod users;

use super::json::{self, JsonObject};
use super::pseudonym::Pseudonyms;
use crate::changes::Change;
use crate::graph::Finding;
use crate::id::{AppId, DecisionId, TenantId, UserId};
use crate::snapshot::SnapshotId;
use crate::time::Timestamp;

/// An audited activity.
#[derive(Debug, Clone, Copy)]
pub enum AuditEvent<'a> {
    /// The process started to serve.
    Started {
        /// The version of crosstrust.
        version: &'a str,
        /// The policies folder.
        policies: &'a str,
        /// The listeners' addresses.
        addresses: &'a [String],
        /// The snapshot in force at the start.
        snapshot: Option<SnapshotId>,
    },
    /// The process shut down in order.
    Stopped {
        /// The cause, such as `signal`.
        cause: &'a str,
    },
    /// A snapshot was activated.
    SnapshotActivated {
        /// The snapshot.
        id: SnapshotId,
        /// Activation count, starting at 1.
        version: u64,
        /// Where it was read from.
        source: &'a str,
        /// The snapshot that was active before.
        previous: Option<SnapshotId>,
        /// The number of objects that differ. Each has a separate record, except the omitted ones.
        changes: usize,
        /// The number of objects that differ and have no record.
        omitted: usize,
    },
    /// The folder's content was refused.
    SnapshotRejected {
        /// The reason, in a sentence.
        message: &'a str,
        /// All findings.
        findings: &'a [Finding],
        /// The snapshot that stays active.
        in_force: Option<SnapshotId>,
    },
    /// An object of the policies was added, changed or removed.
    Changed {
        /// The difference.
        change: &'a Change,
        /// The snapshot that contains the change.
        snapshot: Option<SnapshotId>,
    },
    /// An operator asked for an explanation.
    Explained {
        /// The user's home tenant.
        home: Option<TenantId>,
        /// The application's tenant.
        resource: Option<TenantId>,
        /// The user in the home tenant.
        user: Option<UserId>,
        /// The application.
        app: Option<AppId>,
        /// The answer: `ALLOWED`, or the name of the reason.
        outcome: &'a str,
    },
    /// An operator called Reload.
    Reloaded {
        /// Whether removed documents were accepted.
        allow_removals: bool,
        /// The result: `activated`, `unchanged` or `rejected`.
        outcome: &'a str,
    },
    /// An issuer's keys changed.
    KeysChanged {
        /// The issuer.
        issuer: &'a str,
        /// Where they were read from: a file's path or a URL.
        source: &'a str,
        /// Ids of added keys.
        added: &'a [String],
        /// Ids of removed keys.
        removed: &'a [String],
    },
    /// An issuer's keys are no longer accepted: the issuer has been unreachable for too long.
    KeysWithdrawn {
        /// The issuer.
        issuer: &'a str,
        /// Where they were read from.
        source: &'a str,
        /// The last error.
        cause: &'a str,
    },
}

/// The initiator of an activity.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    /// crosstrust.
    Crosstrust,
    /// A change in the policies folder. The folder does not identify the writer.
    PoliciesFolder,
    /// A caller of the API, identified by its listener.
    Caller(&'a str),
}

/// The members that every audit record has.
#[derive(Debug, Clone, Copy)]
pub struct AuditHeader<'a> {
    /// The record's id.
    pub id: DecisionId,
    /// The time of the activity.
    pub time: Timestamp,
    /// The initiator.
    pub actor: Actor<'a>,
}

impl AuditEvent<'_> {
    /// The body of the journal record.
    pub fn body(&self, header: &AuditHeader<'_>, pseudonyms: &Pseudonyms) -> Vec<u8> {
        json::body(|object| {
            let activity = activity::of(self);
            object.shown("id", header.id);
            object.shown("activityDateTime", header.time);
            object.text("activityDisplayName", activity.name);
            object.text("category", activity.category);
            object.shown("correlationId", header.id);
            object.text("operationType", activity.operation);
            object.text("loggedByService", "crosstrust");
            object.text(
                "result",
                if self.has_failed() {
                    "failure"
                } else {
                    "success"
                },
            );
            object.maybe_text("resultReason", self.result_reason());
            object.object("initiatedBy", |object| header.actor.write(object));
            object.object("crosstrust", |object| self.crosstrust_members(object));
            object.objects(
                "additionalDetails",
                self.details(),
                |object, (key, value)| {
                    object.text("key", key);
                    object.text("value", &value);
                },
            );
            targets::write(object, self, pseudonyms);
        })
    }

    /// The organisation that may see the record; `None` if only the operator may.
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            AuditEvent::Changed { change, .. } => Some(change.tenant),
            AuditEvent::Started { .. }
            | AuditEvent::Stopped { .. }
            | AuditEvent::SnapshotActivated { .. }
            | AuditEvent::SnapshotRejected { .. }
            | AuditEvent::Explained { .. }
            | AuditEvent::Reloaded { .. }
            | AuditEvent::KeysChanged { .. }
            | AuditEvent::KeysWithdrawn { .. } => None,
        }
    }

    fn has_failed(&self) -> bool {
        match self {
            AuditEvent::SnapshotRejected { .. } | AuditEvent::KeysWithdrawn { .. } => true,
            AuditEvent::Reloaded { outcome, .. } => *outcome == "rejected",
            AuditEvent::Started { .. }
            | AuditEvent::Stopped { .. }
            | AuditEvent::SnapshotActivated { .. }
            | AuditEvent::Changed { .. }
            | AuditEvent::Explained { .. }
            | AuditEvent::KeysChanged { .. } => false,
        }
    }

    fn result_reason(&self) -> Option<&str> {
        match self {
            AuditEvent::SnapshotRejected { message, .. } => Some(message),
            AuditEvent::Stopped { cause } | AuditEvent::KeysWithdrawn { cause, .. } => Some(cause),
            AuditEvent::Explained { outcome, .. } | AuditEvent::Reloaded { outcome, .. } => {
                Some(outcome)
            }
            AuditEvent::Started { .. }
            | AuditEvent::SnapshotActivated { .. }
            | AuditEvent::Changed { .. }
            | AuditEvent::KeysChanged { .. } => None,
        }
    }

    fn crosstrust_members(&self, object: &mut JsonObject<'_>) {
        object.maybe_shown("tenantId", self.tenant());
        if let AuditEvent::SnapshotRejected { findings, .. } = self {
            let shown = findings.iter().take(MAX_FINDINGS);
            object.texts("findings", shown.map(ToString::to_string));
            if findings.len() > MAX_FINDINGS {
                object.is_cut();
            }
        }
    }

    /// Graph's `additionalDetails`: pairs of name and text.
    fn details(&self) -> Vec<(&'static str, String)> {
        let snapshot = |name, id: &Option<SnapshotId>| id.map(|id| (name, id.to_string()));
        match self {
            AuditEvent::Started {
                version,
                policies,
                addresses,
                snapshot: id,
            } => {
                let mut details = vec![
                    ("version", String::from(*version)),
                    ("policies", String::from(*policies)),
                ];
                details.extend(addresses.iter().map(|address| ("address", address.clone())));
                details.extend(snapshot("snapshotId", id));
                details
            }
            AuditEvent::SnapshotActivated {
                version,
                source,
                previous,
                changes,
                omitted,
                ..
            } => {
                let mut details = vec![
                    ("version", version.to_string()),
                    ("source", String::from(*source)),
                    ("changes", changes.to_string()),
                    ("untoldChanges", omitted.to_string()),
                ];
                details.extend(snapshot("previousSnapshotId", previous));
                details
            }
            AuditEvent::SnapshotRejected {
                findings, in_force, ..
            } => {
                let mut details = vec![("findings", findings.len().to_string())];
                details.extend(snapshot("snapshotIdInForce", in_force));
                details
            }
            AuditEvent::Changed {
                change,
                snapshot: id,
            } => {
                let mut details = membership(change);
                details.extend(snapshot("snapshotId", id));
                details
            }
            AuditEvent::Explained { home, resource, .. } => {
                let tenants = [("homeTenantId", home), ("resourceTenantId", resource)];
                let tenants = tenants.into_iter();
                tenants
                    .filter_map(|(name, id)| Some((name, id.as_ref()?.to_string())))
                    .collect()
            }
            AuditEvent::Reloaded { allow_removals, .. } => {
                vec![("allowRemovals", allow_removals.to_string())]
            }
            AuditEvent::KeysChanged { source, .. } | AuditEvent::KeysWithdrawn { source, .. } => {
                vec![("source", String::from(*source))]
            }
            AuditEvent::Stopped { .. } => Vec::new(),
        }
    }
}

/// The home tenant of a member or team of a channel.
fn membership(change: &Change) -> Vec<(&'static str, String)> {
    let Some((_, home)) = change.object.within() else {
        return Vec::new();
    };
    let membership = match home == change.tenant {
        true => "in-tenant",
        false => "cross-tenant",
    };
    vec![
        ("membership", String::from(membership)),
        ("homeTenantId", home.to_string()),
    ]
}

impl Actor<'_> {
    /// Graph's `auditActivityInitiator`: a user or an application.
    fn write(self, object: &mut JsonObject<'_>) {
        match self {
            Actor::Crosstrust => app(object, "crosstrust"),
            Actor::PoliciesFolder => app(object, "policies folder"),
            Actor::Caller(name) => app(object, name),
        }
        object.null("user");
    }
}

fn app(object: &mut JsonObject<'_>, name: &str) {
    object.object("app", |object| {
        object.null("appId");
        object.text("displayName", name);
    });
}

/// All findings are in the server's status and in the output of `crosstrust check`.
const MAX_FINDINGS: usize = 50;
