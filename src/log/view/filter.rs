//! What is looked for among the records that may be seen.

use serde_json::{Map, Value};

use super::{Kind, Side, tenant_in};
use crate::decision::Reason;
use crate::id::{AppId, DecisionId, TenantId, UserId};
use crate::log::pseudonym::Pseudonyms;
use crate::time::Timestamp;

/// What is looked for; what is not set finds everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only these records.
    pub kind: Option<Kind>,
    /// Whose sign-ins, or what was done to whom.
    pub user: Option<Person>,
    /// The application that was reached.
    pub app: Option<AppId>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The id of the event: of a sign-in, the decision's.
    pub id: Option<DecisionId>,
    /// The other organisation.
    pub partner: Option<Partner>,
    /// Sign-ins with one of these [`reasons`]; any where there are none.
    pub reasons: Vec<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Every reason that a sign-in event may have.
pub fn reasons() -> Vec<&'static str> {
    let denials = Reason::ALL.iter().map(|reason| reason.name());
    let mut reasons: Vec<&str> = std::iter::once(ALLOWED).chain(denials).collect();
    // Two controls have one reason on the wire.
    reasons.dedup();
    reasons
}

/// A user, as records may name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person(Vec<String>);

/// The other organisation of a sign-in, or the one that an audited setting is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partner {
    /// Its tenant.
    pub tenant: TenantId,
    /// The end of a sign-in that it has to be; `None`: either.
    pub end: Option<Side>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed, or done.
    Success,
    /// Denied, or not done.
    Failure,
}

impl Person {
    /// A user by id: plain, and as the deployment's key writes it.
    pub fn of(id: UserId, pseudonyms: &Pseudonyms) -> Self {
        Person(vec![id.to_string(), pseudonyms.user(id)])
    }

    /// A user by the pseudonym that a record shows.
    pub fn called(pseudonym: &str) -> Self {
        Person(vec![pseudonym.to_owned()])
    }

    fn is(&self, value: Option<&Value>) -> bool {
        let named = value.and_then(Value::as_str);
        named.is_some_and(|named| self.0.iter().any(|name| name == named))
    }
}

impl Filter {
    /// Whether a record of this kind and time can be among what is looked for.
    pub(super) fn covers(&self, kind: Kind, time: Timestamp) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && self.from.is_none_or(|from| time >= from)
            && self.to.is_none_or(|to| time < to)
    }

    /// Whether what may be seen of a record is what is looked for.
    pub(super) fn finds(&self, kind: Kind, body: &Map<String, Value>) -> bool {
        let is_theirs = |user: &Person| match kind {
            Kind::SignIn => user.is(body.get("userId")) || user.is(ours(body, "resourceUserId")),
            Kind::Audit => targets(body, "User").any(|target| user.is(target.get("id"))),
        };
        let is_app = |value: Option<&Value>, app: AppId| {
            let named = value.and_then(Value::as_str);
            named.is_some_and(|named| named.parse() == Ok(app))
        };
        let is_of = |app: AppId| match kind {
            Kind::SignIn => is_app(body.get("resourceId"), app),
            Kind::Audit => targets(body, "Application").any(|target| is_app(target.get("id"), app)),
        };
        self.user.as_ref().is_none_or(is_theirs)
            && self.app.is_none_or(is_of)
            && self
                .outcome
                .is_none_or(|outcome| outcome_of(kind, body) == outcome)
            && self.id.is_none_or(|id| is_id(body, id))
            && self.partner.is_none_or(|partner| partner.is_in(kind, body))
            && (self.reasons.is_empty() || self.has_reason(body))
    }
}

impl Filter {
    fn has_reason(&self, body: &Map<String, Value>) -> bool {
        let reason = ours(body, "reason").and_then(Value::as_str);
        reason.is_some_and(|reason| self.reasons.iter().any(|wanted| wanted == reason))
    }
}

impl Partner {
    fn is_in(&self, kind: Kind, body: &Map<String, Value>) -> bool {
        let is = |value| tenant_in(value) == Some(self.tenant);
        let is_at = |end| match end {
            Side::Home => is(body.get("homeTenantId")),
            Side::Resource => is(body.get("resourceTenantId")),
        };
        match (kind, self.end) {
            (Kind::SignIn, Some(end)) => is_at(end),
            (Kind::SignIn, None) => is_at(Side::Home) || is_at(Side::Resource),
            (Kind::Audit, _) => targets(body, "Policy").any(|target| is(target.get("id"))),
        }
    }
}

fn is_id(body: &Map<String, Value>, id: DecisionId) -> bool {
    let found = body.get("id").and_then(Value::as_str);
    found.is_some_and(|found| found.parse() == Ok(id))
}

/// Only what says that it was a success is one.
pub(super) fn outcome_of(kind: Kind, body: &Map<String, Value>) -> Outcome {
    let is_success = match kind {
        Kind::SignIn => {
            let status = body.get("status");
            status.and_then(|status| status.get("errorCode")) == Some(&Value::from(0))
        }
        Kind::Audit => body.get("result") == Some(&Value::from("success")),
    };
    match is_success {
        true => Outcome::Success,
        false => Outcome::Failure,
    }
}

fn ours<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    body.get("crosstrust")?.get(name)
}

fn targets<'b>(body: &'b Map<String, Value>, kind: &'b str) -> impl Iterator<Item = &'b Value> {
    let targets = body.get("targetResources").and_then(Value::as_array);
    let targets = targets.into_iter().flatten();
    targets.filter(move |target| target.get("type").and_then(Value::as_str) == Some(kind))
}

/// The reason of an event that allows.
const ALLOWED: &str = "ALLOWED";
