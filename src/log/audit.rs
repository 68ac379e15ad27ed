//! Audit records in the shape of Graph's `directoryAudit` (learn.microsoft.com/graph/api/resources/directoryaudit).
//!
//! Activity names are those of learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities where
//! that page has one, and of ours in the same manner where it has none. What was changed is told with old and new
//! values, as JSON text. Never a token, never a key.

mod activity;
mod targets;
mod users;

use super::json::{self, Object};
use super::pseudonym::Pseudonyms;
use crate::changes::Change;
use crate::graph::Finding;
use crate::id::{AppId, DecisionId, TenantId, UserId};
use crate::snapshot::SnapshotId;
use crate::time::Timestamp;

/// What happened.
#[derive(Debug, Clone, Copy)]
pub enum Audit<'a> {
    /// The process began to serve.
    Started {
        /// Of crosstrust.
        version: &'a str,
        /// The policies folder.
        policies: &'a str,
        /// Where it listens.
        addresses: &'a [String],
        /// The snapshot in force at the start.
        snapshot: Option<SnapshotId>,
    },
    /// The process ended in order.
    Stopped {
        /// Why.
        cause: &'a str,
    },
    /// A snapshot was put in force.
    SnapshotActivated {
        /// The snapshot.
        id: SnapshotId,
        /// The how-manieth activation it is.
        version: u64,
        /// Where it was read from.
        source: &'a str,
        /// The one before.
        previous: Option<SnapshotId>,
        /// How many objects differ; each has a record of its own …
        changes: usize,
        /// … but this many.
        untold: usize,
    },
    /// The folder's content was refused.
    SnapshotRejected {
        /// Why, in a sentence.
        message: &'a str,
        /// All that was found.
        findings: &'a [Finding],
        /// The snapshot that stays in force.
        in_force: Option<SnapshotId>,
    },
    /// An object of the policies is new, different or gone.
    Changed {
        /// How.
        change: &'a Change,
        /// The snapshot that it came with.
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
        /// What was answered: `ALLOWED`, or the reason's name.
        outcome: &'a str,
    },
    /// An operator had the policies folder read.
    Reloaded {
        /// Documents were allowed to be gone.
        allow_removals: bool,
        /// What became of it: `activated`, `unchanged` or `rejected`.
        outcome: &'a str,
    },
    /// An issuer's keys are others.
    KeysChanged {
        /// The issuer.
        issuer: &'a str,
        /// Where they are from: a file's path or a URL.
        source: &'a str,
        /// Ids of keys that are new.
        added: &'a [String],
        /// Ids of keys that are gone.
        removed: &'a [String],
    },
    /// An issuer's keys no longer count: it has been out of reach for too long.
    KeysWithdrawn {
        /// The issuer.
        issuer: &'a str,
        /// Where they were from.
        source: &'a str,
        /// Why.
        cause: &'a str,
    },
}

/// Who did it.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    /// crosstrust itself.
    Itself,
    /// Whoever writes the policies folder: it does not say who that is.
    PoliciesFolder,
    /// A caller of the API: at which listener.
    Caller(&'a str),
}

/// A record's own part.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its id.
    pub id: DecisionId,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub actor: Actor<'a>,
}

impl Audit<'_> {
    /// It as the body of a record.
    pub fn body(&self, record: &Record<'_>, pseudonyms: &Pseudonyms) -> Vec<u8> {
        json::body(|object| {
            let activity = activity::of(self);
            object.shown("id", record.id);
            object.shown("activityDateTime", record.time);
            object.text("activityDisplayName", activity.name);
            object.text("category", activity.category);
            object.shown("correlationId", record.id);
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
            object.object("initiatedBy", |object| record.actor.write(object));
            object.object("crosstrust", |object| self.ours(object));
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

    /// Whose record it is: an organisation sees its own. None = the operator's.
    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Audit::Changed { change, .. } => Some(change.tenant),
            Audit::Started { .. }
            | Audit::Stopped { .. }
            | Audit::SnapshotActivated { .. }
            | Audit::SnapshotRejected { .. }
            | Audit::Explained { .. }
            | Audit::Reloaded { .. }
            | Audit::KeysChanged { .. }
            | Audit::KeysWithdrawn { .. } => None,
        }
    }

    fn has_failed(&self) -> bool {
        match self {
            Audit::SnapshotRejected { .. } | Audit::KeysWithdrawn { .. } => true,
            Audit::Reloaded { outcome, .. } => *outcome == "rejected",
            Audit::Started { .. }
            | Audit::Stopped { .. }
            | Audit::SnapshotActivated { .. }
            | Audit::Changed { .. }
            | Audit::Explained { .. }
            | Audit::KeysChanged { .. } => false,
        }
    }

    fn result_reason(&self) -> Option<&str> {
        match self {
            Audit::SnapshotRejected { message, .. } => Some(message),
            Audit::Stopped { cause } | Audit::KeysWithdrawn { cause, .. } => Some(cause),
            Audit::Explained { outcome, .. } | Audit::Reloaded { outcome, .. } => Some(outcome),
            Audit::Started { .. }
            | Audit::SnapshotActivated { .. }
            | Audit::Changed { .. }
            | Audit::KeysChanged { .. } => None,
        }
    }

    fn ours(&self, object: &mut Object<'_>) {
        object.maybe_shown("tenantId", self.tenant());
        if let Audit::SnapshotRejected { findings, .. } = self {
            let told = findings.iter().take(FINDINGS_TOLD);
            object.texts("findings", told.map(ToString::to_string));
            if findings.len() > FINDINGS_TOLD {
                object.is_cut();
            }
        }
    }

    /// Graph's `additionalDetails`: text by name.
    fn details(&self) -> Vec<(&'static str, String)> {
        let snapshot = |name, id: &Option<SnapshotId>| id.map(|id| (name, id.to_string()));
        match self {
            Audit::Started {
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
            Audit::SnapshotActivated {
                version,
                source,
                previous,
                changes,
                untold,
                ..
            } => {
                let mut details = vec![
                    ("version", version.to_string()),
                    ("source", String::from(*source)),
                    ("changes", changes.to_string()),
                    ("untoldChanges", untold.to_string()),
                ];
                details.extend(snapshot("previousSnapshotId", previous));
                details
            }
            Audit::SnapshotRejected {
                findings, in_force, ..
            } => {
                let mut details = vec![("findings", findings.len().to_string())];
                details.extend(snapshot("snapshotIdInForce", in_force));
                details
            }
            Audit::Changed {
                change,
                snapshot: id,
            } => {
                let mut details = membership(change);
                details.extend(snapshot("snapshotId", id));
                details
            }
            Audit::Explained { home, resource, .. } => {
                let tenants = [("homeTenantId", home), ("resourceTenantId", resource)];
                let tenants = tenants.into_iter();
                tenants
                    .filter_map(|(name, id)| Some((name, id.as_ref()?.to_string())))
                    .collect()
            }
            Audit::Reloaded { allow_removals, .. } => {
                vec![("allowRemovals", allow_removals.to_string())]
            }
            Audit::KeysChanged { source, .. } | Audit::KeysWithdrawn { source, .. } => {
                vec![("source", String::from(*source))]
            }
            Audit::Stopped { .. } => Vec::new(),
        }
    }
}

/// Where a member or team of a channel is from.
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
    fn write(self, object: &mut Object<'_>) {
        match self {
            Actor::Itself => app(object, "crosstrust"),
            Actor::PoliciesFolder => app(object, "policies folder"),
            Actor::Caller(name) => app(object, name),
        }
        object.null("user");
    }
}

fn app(object: &mut Object<'_>, name: &str) {
    object.object("app", |object| {
        object.null("appId");
        object.text("displayName", name);
    });
}

/// The rest is in the server's status, and `crosstrust check` tells all of them.
const FINDINGS_TOLD: usize = 50;
