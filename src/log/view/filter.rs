//! The filter of `log show`, applied to the visible records.

use serde_json::{Map, Value};

use super::{EventKind, SignInSide, tenant_in};
use crate::decision::Reason;
use crate::id::{AppId, DecisionId, TenantId, UserId};
use crate::log::pseudonym::Pseudonyms;
use crate::time::Timestamp;

/// The conditions on records. Unset conditions match all records.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    /// The kind of records.
    pub kind: Option<EventKind>,
    /// The user of a sign-in, or a target of an audit record.
    pub user: Option<UserFilter>,
    /// The resource application.
    pub app: Option<AppId>,
    /// The result.
    pub outcome: Option<RecordOutcome>,
    /// The event's id; for a sign-in, the decision id.
    pub id: Option<DecisionId>,
    /// The other organisation.
    pub partner: Option<PartnerFilter>,
    /// One of these [`reasons`] of sign-ins; any reason if empty.
    pub reasons: Vec<String>,
    /// The earliest time, inclusive.
    pub from: Option<Timestamp>,
    /// The latest time, exclusive.
    pub to: Option<Timestamp>,
}

/// Every reason that a sign-in event may have.
pub fn reasons() -> Vec<&'static str> {
    let denials = Reason::ALL.iter().map(|reason| reason.name());
    let mut reasons: Vec<&str> = std::iter::once(ALLOWED).chain(denials).collect();
    // Two controls share one reason on the wire.
    reasons.dedup();
    reasons
}

/// The ids of a user in records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFilter(Vec<String>);

/// The other organisation of a sign-in, or the organisation of an audited setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnerFilter {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its side in a sign-in; `None` for either side.
    pub end: Option<SignInSide>,
}

/// The result of a sign-in or activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordOutcome {
    /// Allowed, or successful.
    Success,
    /// Denied, or failed.
    Failure,
}

impl UserFilter {
    /// A user by id: the plain id, and its pseudonym.
    pub fn of(id: UserId, pseudonyms: &Pseudonyms) -> Self {
        UserFilter(vec![id.to_string(), pseudonyms.user(id)])
    }

    /// A user by pseudonym.
    pub fn of_pseudonym(pseudonym: &str) -> Self {
        UserFilter(vec![pseudonym.to_owned()])
    }

    fn is(&self, value: Option<&Value>) -> bool {
        let named = value.and_then(Value::as_str);
        named.is_some_and(|named| self.0.iter().any(|name| name == named))
    }
}

impl RecordFilter {
    /// Whether a record of this kind and time can match.
    pub(super) fn covers(&self, kind: EventKind, time: Timestamp) -> bool {
        self.kind.is_none_or(|expected| expected == kind)
            && self.from.is_none_or(|from| time >= from)
            && self.to.is_none_or(|to| time < to)
    }

    /// Whether the visible members of a record match.
    pub(super) fn matches(&self, kind: EventKind, body: &Map<String, Value>) -> bool {
        let is_of_user = |user: &UserFilter| match kind {
            EventKind::SignIn => {
                user.is(body.get("userId")) || user.is(crosstrust_member(body, "resourceUserId"))
            }
            EventKind::Audit => targets(body, "User").any(|target| user.is(target.get("id"))),
        };
        let is_app = |value: Option<&Value>, app: AppId| {
            let named = value.and_then(Value::as_str);
            named.is_some_and(|named| named.parse() == Ok(app))
        };
        let is_of_app = |app: AppId| match kind {
            EventKind::SignIn => is_app(body.get("resourceId"), app),
            EventKind::Audit => {
                targets(body, "Application").any(|target| is_app(target.get("id"), app))
            }
        };
        self.user.as_ref().is_none_or(is_of_user)
            && self.app.is_none_or(is_of_app)
            && self
                .outcome
                .is_none_or(|outcome| outcome_of(kind, body) == outcome)
            && self.id.is_none_or(|id| is_id(body, id))
            && self.partner.is_none_or(|partner| partner.is_in(kind, body))
            && (self.reasons.is_empty() || self.has_reason(body))
    }
}

impl RecordFilter {
    fn has_reason(&self, body: &Map<String, Value>) -> bool {
        let reason = crosstrust_member(body, "reason").and_then(Value::as_str);
        reason.is_some_and(|reason| self.reasons.iter().any(|expected| expected == reason))
    }
}

impl PartnerFilter {
    fn is_in(&self, kind: EventKind, body: &Map<String, Value>) -> bool {
        let is = |value| tenant_in(value) == Some(self.tenant);
        let is_at = |end| match end {
            SignInSide::Home => is(body.get("homeTenantId")),
            SignInSide::Resource => is(body.get("resourceTenantId")),
        };
        match (kind, self.end) {
            (EventKind::SignIn, Some(end)) => is_at(end),
            (EventKind::SignIn, None) => is_at(SignInSide::Home) || is_at(SignInSide::Resource),
            (EventKind::Audit, _) => targets(body, "Policy").any(|target| is(target.get("id"))),
        }
    }
}

fn is_id(body: &Map<String, Value>, id: DecisionId) -> bool {
    let found = body.get("id").and_then(Value::as_str);
    found.is_some_and(|found| found.parse() == Ok(id))
}

/// The result of a record. A record that does not state success is a failure.
pub(super) fn outcome_of(kind: EventKind, body: &Map<String, Value>) -> RecordOutcome {
    let is_success = match kind {
        EventKind::SignIn => {
            let status = body.get("status");
            status.and_then(|status| status.get("errorCode")) == Some(&Value::from(0))
        }
        EventKind::Audit => body.get("result") == Some(&Value::from("success")),
    };
    match is_success {
        true => RecordOutcome::Success,
        false => RecordOutcome::Failure,
    }
}

fn crosstrust_member<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    body.get("crosstrust")?.get(name)
}

fn targets<'b>(body: &'b Map<String, Value>, kind: &'b str) -> impl Iterator<Item = &'b Value> {
    let targets = body.get("targetResources").and_then(Value::as_array);
    let targets = targets.into_iter().flatten();
    targets.filter(move |target| target.get("type").and_then(Value::as_str) == Some(kind))
}

/// The reason of an allow.
const ALLOWED: &str = "ALLOWED";
