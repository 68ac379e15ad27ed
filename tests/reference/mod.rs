//! The reference evaluator: semantics.md implemented a second time, as simply as possible, directly on the JSON.
//!
//! It shares only the types of `id`, `time`, `vocabulary`, `request`, `decision` and `revocation` with the product, and none
//! of its reading, compiling or deciding, so that a difference shows an error in one of the two. It is slow on purpose:
//! every call scans every document again. It requires valid documents (semantics §2) in Graph's own spelling, and panics
//! otherwise.

mod channel;
mod conditional_access;
mod conditions;
mod documents;
mod filter;
mod grants;
mod homes;
mod locations;
mod restriction;
mod settings;
mod strengths;
mod token;
mod user_types;

pub use token::KnownTokens;

use std::collections::BTreeMap;
use std::time::Duration;

use crosstrust::decision::{
    Challenge, Denial, DenialSubject, PolicyResult, Reason, Stage, Verdict,
};
use crosstrust::id::{AppId, PolicyId};
use crosstrust::request::{Request, UserClass};
use crosstrust::revocation::Revocation;
use crosstrust::time::Timestamp;
use crosstrust::vocabulary::AssumedBasis;
use serde_json::Value;

pub use documents::is_synchronization;

/// All tenants' documents, and the product's tables.
#[derive(Debug, Clone)]
pub struct World {
    pub tenants: Vec<TenantDocuments>,
    pub bundles: Bundles,
    pub applications: Vec<StatedApplication>,
}

/// The operator's statements about an application.
#[derive(Debug, Clone)]
pub struct StatedApplication {
    pub app: AppId,
    /// Its bundles; `None` = not stated.
    pub bundles: Option<Vec<&'static str>>,
    pub agent: Option<bool>,
}

/// One tenant's documents; a missing key is a missing file. Keys: `organization`,
/// `cross-tenant-access`, `default`, `partners`, `conditional-access`,
/// `conditional-access-settings`, `named-locations`, `authentication-strengths`, `shared-channels`,
/// `identity-providers`, `federation-configurations`, `assumed-outbound`.
#[derive(Debug, Clone, Default)]
pub struct TenantDocuments {
    pub documents: BTreeMap<&'static str, Value>,
}

/// The applications of the reserved words.
#[derive(Debug, Clone)]
pub struct Bundles {
    pub office365: Vec<AppId>,
    pub all_microsoft: Vec<AppId>,
    pub admin_portals: Vec<AppId>,
    /// Other Microsoft applications.
    pub first_party: Vec<AppId>,
    pub teams_and_sharepoint: Vec<AppId>,
}

/// The expected decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub verdict: Verdict,
    pub expires_at: Timestamp,
    pub cacheable: bool,
    pub applied: Vec<(PolicyId, PolicyResult)>,
    pub obligations: Vec<PolicyId>,
    pub assumed_outbound: Option<AssumedBasis>,
}

/// A three-valued fact: true, false, or missing from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    Yes,
    No,
    Unknown,
}

/// Why a stage did not pass.
struct Failure {
    stage: Stage,
    reason: Reason,
    challenge: Option<Challenge>,
    subject: Option<Box<DenialSubject>>,
}

/// Runs the stages of semantics §4; the first that fails decides.
pub fn decide(
    world: &World,
    revocations: &[Revocation],
    request: &Request,
    now: Timestamp,
) -> Expected {
    let outbound = token::check(revocations, request, now)
        .and_then(|()| restriction::check(world, request))
        .and_then(|()| known_resource(world, request))
        .and_then(|()| settings::check_outbound(world, request, now));
    let assumed = match outbound {
        Ok(assumed) => assumed,
        Err(failure) => return answer(Err(failure), None, request, now),
    };
    let mut expected = match settings::check_inbound(world, request) {
        Err(failure) => answer(Err(failure), None, request, now),
        Ok(()) => {
            let policies = conditional_access::evaluate(world, request, now);
            let passed = match policies.failure() {
                Some(failure) => Err(failure),
                None => channel::check(world, request),
            };
            let expected = answer(passed, Some(&policies), request, now);
            match settings::direct_connect_agreement(world, request, now) {
                Some(until) => limit_expiry(expected, until, now),
                None => expected,
            }
        }
    };
    if let Some(assumed) = assumed {
        expected = limit_expiry(expected, assumed.until, now);
        expected.assumed_outbound = Some(assumed.basis);
    }
    expected
}

/// semantics §3: an answer that relies on an assumption expires with it at the latest.
fn limit_expiry(expected: Expected, until: Timestamp, now: Timestamp) -> Expected {
    assert!(until > now);
    Expected {
        expires_at: expected.expires_at.min(until),
        ..expected
    }
}

/// semantics §4: decided after stage 2 and before stage 3, reported as stage inbound.
fn known_resource(world: &World, request: &Request) -> Result<(), Failure> {
    match world.tenant(request.resource) {
        Some(_) => Ok(()),
        None => Err(Failure::of(Stage::Inbound, Reason::ResourceTenantUnknown)),
    }
}

/// semantics §4, "How long an answer is good": the decision and its expiry.
fn answer(
    passed: Result<(), Failure>,
    policies: Option<&conditional_access::Policies>,
    request: &Request,
    now: Timestamp,
) -> Expected {
    let mut instants = vec![
        request.claims.expires_at,
        now.plus(Duration::from_secs(3600)),
    ];
    let mut cacheable = true;
    if let Some(policies) = policies {
        instants.extend(policies.frequencies_end());
        cacheable = !policies.every_time();
    }
    if let Err(failure) = &passed {
        if failure.reason == Reason::TokenNotYetValid {
            let issued_at = request.claims.issued_at.expect("the reason requires it");
            instants.push(issued_at.minus(Duration::from_secs(300)));
        }
        if failure.reason == Reason::GroupsUnknown {
            cacheable = false;
        }
    }
    let earliest = instants.into_iter().min().expect("there are two");
    let ahead = earliest > now;
    let obliged = passed.is_ok() && request.user_class() != UserClass::DirectConnect;
    Expected {
        verdict: match passed {
            Ok(()) => Verdict::Allow,
            Err(failure) => Verdict::Deny(Denial {
                stage: Some(failure.stage),
                reason: failure.reason,
                challenge: failure.challenge,
                subject: failure.subject,
            }),
        },
        expires_at: if ahead { earliest } else { now },
        cacheable: cacheable && ahead,
        applied: policies.map(|all| all.applied()).unwrap_or_default(),
        obligations: match policies {
            Some(policies) if obliged => policies.obligations(),
            _ => Vec::new(),
        },
        assumed_outbound: None,
    }
}

impl Failure {
    fn of(stage: Stage, reason: Reason) -> Failure {
        Failure {
            stage,
            reason,
            challenge: None,
            subject: None,
        }
    }

    fn about(stage: Stage, reason: Reason, subject: DenialSubject) -> Failure {
        Failure {
            subject: Some(Box::new(subject)),
            ..Failure::of(stage, reason)
        }
    }
}

impl Fact {
    pub fn from_bool(holds: bool) -> Fact {
        if holds { Fact::Yes } else { Fact::No }
    }

    pub fn and(self, other: Fact) -> Fact {
        match (self, other) {
            (Fact::No, _) | (_, Fact::No) => Fact::No,
            (Fact::Yes, Fact::Yes) => Fact::Yes,
            _ => Fact::Unknown,
        }
    }

    pub fn or(self, other: Fact) -> Fact {
        match (self, other) {
            (Fact::Yes, _) | (_, Fact::Yes) => Fact::Yes,
            (Fact::No, Fact::No) => Fact::No,
            _ => Fact::Unknown,
        }
    }

    pub fn negate(self) -> Fact {
        match self {
            Fact::Yes => Fact::No,
            Fact::No => Fact::Yes,
            Fact::Unknown => Fact::Unknown,
        }
    }

    /// Whether a fact of the list holds; false for an empty list.
    pub fn any(facts: impl IntoIterator<Item = Fact>) -> Fact {
        facts.into_iter().fold(Fact::No, Fact::or)
    }
}
