//! Records as the administrators of one organisation see them.
//!
//! A sign-in concerns two organisations. The home tenant's administrators see who of theirs went where, with which
//! client, and nothing of the resource tenant's Conditional Access; those of the resource tenant see who came in and
//! what their own policies did, and nothing of the client application. Where both are one, they see all of it. What
//! is hidden is gone before anything is searched for in it. Looks at bodies, wherever they are kept.

mod counts;
mod filter;
mod print;

use serde_json::{Map, Value};

pub use counts::Counts;
pub use filter::{Filter, Outcome, Partner, Person, reasons};
pub use print::{Format, Layout, Printer};

pub use super::journal::Kind;
use crate::id::TenantId;
use crate::time::Timestamp;

/// A record, wherever it was read.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Its place in the log.
    pub seq: u64,
    /// When it was made.
    pub time: Timestamp,
    /// What it tells.
    pub kind: Kind,
    /// The JSON object.
    pub body: &'a [u8],
}

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// An organisation's administrators.
    Tenant {
        /// Theirs.
        id: TenantId,
        /// The sign-ins that they look for; audit records have one side.
        side: Side,
    },
    /// Whoever runs crosstrust: everything, as it was written.
    Operator,
}

/// The two ends of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The user's organisation.
    Home,
    /// The application's organisation.
    Resource,
}

/// A record as somebody sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its place in the log.
    pub seq: u64,
    /// When it was made.
    pub time: Timestamp,
    /// What it tells.
    pub kind: Kind,
    /// What may be seen of its body.
    pub body: Map<String, Value>,
    /// It does not follow from the record before it: one of the two was changed.
    pub is_tampered: bool,
}

/// A body that is not the JSON object that it should be.
#[derive(Debug, thiserror::Error)]
#[error("record {seq} cannot be read: {cause}")]
pub struct Unreadable {
    /// Its place in the log.
    pub seq: u64,
    /// Why.
    pub cause: serde_json::Error,
}

/// What this viewer sees of the record; none where it is not theirs, or not looked for.
pub fn seen(
    record: &Record<'_>,
    viewer: Viewer,
    filter: &Filter,
) -> Result<Option<Seen>, Unreadable> {
    if !filter.covers(record.kind, record.time) {
        return Ok(None);
    }
    let seq = record.seq;
    let body: Map<String, Value> =
        serde_json::from_slice(record.body).map_err(|cause| Unreadable { seq, cause })?;
    let visible = match (viewer, record.kind) {
        (Viewer::Operator, Kind::SignIn | Kind::Audit) => Some(body),
        (Viewer::Tenant { id, side }, Kind::SignIn) => sign_in(body, id, side),
        (Viewer::Tenant { id, .. }, Kind::Audit) => audit(body, id),
    };
    let seen = visible
        .filter(|body| filter.finds(record.kind, body))
        .map(|body| Seen {
            seq,
            time: record.time,
            kind: record.kind,
            body,
            is_tampered: false,
        });
    Ok(seen)
}

fn sign_in(
    mut body: Map<String, Value>,
    viewer: TenantId,
    side: Side,
) -> Option<Map<String, Value>> {
    let tenant = |name| tenant_in(body.get(name));
    let (home, resource) = (tenant("homeTenantId"), tenant("resourceTenantId"));
    let theirs = match side {
        Side::Home => home,
        Side::Resource => resource,
    };
    if theirs != Some(viewer) {
        return None;
    }
    if home == resource {
        return Some(body);
    }
    let (hidden, hidden_of_ours) = match side {
        Side::Home => (HIDDEN_FROM_HOME, OURS_HIDDEN_FROM_HOME),
        Side::Resource => (HIDDEN_FROM_RESOURCE, OURS_HIDDEN_FROM_RESOURCE),
    };
    for name in hidden {
        body.remove(*name);
    }
    if let Some(Value::Object(ours)) = body.get_mut("crosstrust") {
        for name in hidden_of_ours {
            ours.remove(*name);
        }
    }
    Some(body)
}

fn audit(body: Map<String, Value>, viewer: TenantId) -> Option<Map<String, Value>> {
    let ours = body.get("crosstrust")?;
    (tenant_in(ours.get("tenantId")) == Some(viewer)).then_some(body)
}

fn tenant_in(value: Option<&Value>) -> Option<TenantId> {
    value?.as_str()?.parse().ok()
}

/// The resource tenant's Conditional Access, and how it rates the sign-in.
const HIDDEN_FROM_HOME: &[&str] = &[
    "appliedConditionalAccessPolicies",
    "conditionalAccessStatus",
    "authenticationRequirement",
    "riskLevelDuringSignIn",
];

/// The guest object is the resource tenant's; the restricting tenant is a third.
const OURS_HIDDEN_FROM_HOME: &[&str] = &["resourceUserId", "restrictingTenantId"];

/// The client application.
const HIDDEN_FROM_RESOURCE: &[&str] = &["appId", "clientAppUsed"];

const OURS_HIDDEN_FROM_RESOURCE: &[&str] = &["restrictingTenantId"];
