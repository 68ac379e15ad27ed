//! The view of one organisation's administrators on the records.
//!
//! A sign-in belongs to two organisations. The home tenant's administrators see their users' sign-ins and the client
//! application, but not the resource tenant's Conditional Access. The resource tenant's administrators see the incoming
//! sign-ins and the results of their policies, but not the client application. If both tenants are the same, all members
//! are visible. Hidden members are removed before filters apply. The module works on bodies from any source.

mod counts;
mod filter;
mod print;

use serde_json::{Map, Value};

pub use counts::RecordCounts;
pub use filter::{PartnerFilter, RecordFilter, RecordOutcome, UserFilter, reasons};
pub use print::{Printer, RecordFormat, TableLayout};

pub use super::journal::EventKind;
use crate::id::TenantId;
use crate::time::Timestamp;

/// A record from any source.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'a> {
    /// The sequence number.
    pub seq: u64,
    /// The time of the event.
    pub time: Timestamp,
    /// The record's kind.
    pub kind: EventKind,
    /// The body: a JSON object.
    pub body: &'a [u8],
}

/// The viewer of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// An organisation's administrators.
    Tenant {
        /// The organisation's tenant.
        id: TenantId,
        /// The organisation's side in sign-ins. Ignored for audit records.
        side: SignInSide,
    },
    /// The operator of crosstrust, who sees all members of all records.
    Operator,
}

/// The two ends of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInSide {
    /// The user's organisation.
    Home,
    /// The application's organisation.
    Resource,
}

/// The visible part of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct VisibleRecord {
    /// The sequence number.
    pub seq: u64,
    /// The time of the event.
    pub time: Timestamp,
    /// The record's kind.
    pub kind: EventKind,
    /// The visible members of its body.
    pub body: Map<String, Value>,
    /// The record does not match the hash of the previous one: one of the two was changed.
    pub is_tampered: bool,
}

/// A record whose body is not a JSON object.
#[derive(Debug, thiserror::Error)]
#[error("record {seq} cannot be read: {cause}")]
pub struct UnreadableRecord {
    /// The sequence number.
    pub seq: u64,
    /// The parser's error.
    pub cause: serde_json::Error,
}

/// The part of a record that the viewer may see; `None` if the record belongs to another viewer or does not match the
/// filter.
pub fn visible_record(
    record: &RecordRef<'_>,
    viewer: Viewer,
    filter: &RecordFilter,
) -> Result<Option<VisibleRecord>, UnreadableRecord> {
    if !filter.covers(record.kind, record.time) {
        return Ok(None);
    }
    let seq = record.seq;
    let body: Map<String, Value> =
        serde_json::from_slice(record.body).map_err(|cause| UnreadableRecord { seq, cause })?;
    let visible = match (viewer, record.kind) {
        (Viewer::Operator, EventKind::SignIn | EventKind::Audit) => Some(body),
        (Viewer::Tenant { id, side }, EventKind::SignIn) => sign_in(body, id, side),
        (Viewer::Tenant { id, .. }, EventKind::Audit) => audit(body, id),
    };
    let matching = visible
        .filter(|body| filter.matches(record.kind, body))
        .map(|body| VisibleRecord {
            seq,
            time: record.time,
            kind: record.kind,
            body,
            is_tampered: false,
        });
    Ok(matching)
}

fn sign_in(
    mut body: Map<String, Value>,
    viewer: TenantId,
    side: SignInSide,
) -> Option<Map<String, Value>> {
    let tenant = |name| tenant_in(body.get(name));
    let (home, resource) = (tenant("homeTenantId"), tenant("resourceTenantId"));
    let theirs = match side {
        SignInSide::Home => home,
        SignInSide::Resource => resource,
    };
    if theirs != Some(viewer) {
        return None;
    }
    if home == resource {
        return Some(body);
    }
    let (hidden, hidden_of_crosstrust) = match side {
        SignInSide::Home => (HIDDEN_FROM_HOME, CROSSTRUST_HIDDEN_FROM_HOME),
        SignInSide::Resource => (HIDDEN_FROM_RESOURCE, CROSSTRUST_HIDDEN_FROM_RESOURCE),
    };
    for name in hidden {
        body.remove(*name);
    }
    if let Some(Value::Object(crosstrust)) = body.get_mut("crosstrust") {
        for name in hidden_of_crosstrust {
            crosstrust.remove(*name);
        }
    }
    Some(body)
}

fn audit(body: Map<String, Value>, viewer: TenantId) -> Option<Map<String, Value>> {
    let crosstrust = body.get("crosstrust")?;
    (tenant_in(crosstrust.get("tenantId")) == Some(viewer)).then_some(body)
}

fn tenant_in(value: Option<&Value>) -> Option<TenantId> {
    value?.as_str()?.parse().ok()
}

/// The resource tenant's Conditional Access and its risk level.
const HIDDEN_FROM_HOME: &[&str] = &[
    "appliedConditionalAccessPolicies",
    "conditionalAccessStatus",
    "authenticationRequirement",
    "riskLevelDuringSignIn",
];

/// The guest object belongs to the resource tenant; the restricting tenant is a third organisation.
const CROSSTRUST_HIDDEN_FROM_HOME: &[&str] = &["resourceUserId", "restrictingTenantId"];

/// The client application.
const HIDDEN_FROM_RESOURCE: &[&str] = &["appId", "clientAppUsed"];

const CROSSTRUST_HIDDEN_FROM_RESOURCE: &[&str] = &["restrictingTenantId"];
