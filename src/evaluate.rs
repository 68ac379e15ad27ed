//! The decision: semantics §3 to §6, over one snapshot and one request.
//!
//! Pure and total: no clock, no I/O, no panic. A request is allowed only when every stage passes.
//! A plain decision allocates nothing. [`Evaluation::explain`] runs every function of the same stage table.

mod applications;
mod assumed;
mod channel;
mod conditional_access;
mod conditions;
mod controls;
mod cross_tenant;
mod explain;
mod filter;
mod grant;
mod matching;
mod restriction;
mod setting;
mod strength;
mod token;
mod users;

use std::time::Duration;

use smallvec::SmallVec;

pub use explain::{
    ConditionFinding, ConditionOutcome, Detail, Explanation, MissingFact, PolicyFinding,
    RequestFact, StageFinding,
};

use crate::decision::{
    AppliedPolicy, Challenge, Decision, Denial, DenialSubject, PolicyIndex, Reason, Stage, Verdict,
};
use crate::request::{Request, UserClass};
use crate::revocation::Revocations;
use crate::snapshot::{GroupIndexes, Snapshot, Tenant};
use crate::time::Timestamp;
use crate::vocabulary::AssumedBasis;

/// Decides one request.
pub fn decide(
    snapshot: &Snapshot,
    revocations: &Revocations,
    request: &Request,
    now: Timestamp,
) -> Decision {
    Evaluation::new(snapshot, request).decide(revocations, now)
}

/// A request prepared for one snapshot: groups interned, tenants looked up.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The snapshot to evaluate against.
    pub snapshot: &'a Snapshot,
    /// The request as received.
    pub request: &'a Request,
    /// The request's groups that at least one rule names.
    pub groups: GroupIndexes,
    /// The guest object's groups that at least one rule names.
    pub resource_groups: GroupIndexes,
    class: UserClass,
    home: Option<&'a Tenant>,
    resource: Option<&'a Tenant>,
}

/// What the stages collect besides their result.
struct Notes {
    valid_until: Timestamp,
    cacheable: bool,
    applied: SmallVec<[AppliedPolicy; 4]>,
    obligations: SmallVec<[PolicyIndex; 2]>,
    assumed_outbound: Option<AssumedBasis>,
}

/// Why a stage does not pass.
struct StageFailure {
    reason: Reason,
    challenge: Option<Challenge>,
    subject: Option<Box<DenialSubject>>,
}

impl StageFailure {
    fn into_denial(self, stage: Stage) -> Denial {
        let StageFailure {
            reason,
            challenge,
            subject,
        } = self;
        Denial {
            stage: Some(stage),
            reason,
            challenge,
            subject,
        }
    }
}

type StageCheck =
    fn(&Evaluation<'_>, &Revocations, Timestamp, &mut Notes) -> Result<(), StageFailure>;

/// The stages in the order of semantics §4. The resource tenant is looked up after the tenant restriction;
/// an unknown one is reported as part of the inbound stage.
const STAGES: [(Stage, StageCheck); 7] = [
    (Stage::Token, token::check),
    (Stage::TenantRestriction, restriction::check),
    (Stage::Inbound, cross_tenant::check_resource_known),
    (Stage::Outbound, cross_tenant::check_outbound),
    (Stage::Inbound, cross_tenant::check_inbound),
    (Stage::ConditionalAccess, conditional_access::check),
    (Stage::SharedChannel, channel::check),
];

/// Our own bound (semantics §9): a change outside the policies and the token, for example of the sign-in risk,
/// takes effect within an hour.
const MAX_VALIDITY: Duration = Duration::from_secs(60 * 60);

impl<'a> Evaluation<'a> {
    /// Prepares the request. The cache key and the decision share this work.
    pub fn new(snapshot: &'a Snapshot, request: &'a Request) -> Self {
        Evaluation {
            snapshot,
            request,
            groups: snapshot.groups.positions(&request.groups),
            resource_groups: snapshot.groups.positions(&request.resource_groups),
            class: request.user_class(),
            home: request.home.tenant().and_then(|home| snapshot.tenant(home)),
            resource: snapshot.tenant(request.resource),
        }
    }

    /// Runs the stages until one does not pass.
    pub fn decide(&self, revocations: &Revocations, now: Timestamp) -> Decision {
        let mut notes = self.notes(now);
        for (stage, check) in STAGES {
            if let Err(failure) = check(self, revocations, now, &mut notes) {
                return notes.deny(stage, failure, now);
            }
        }
        notes.allow(now)
    }

    fn notes(&self, now: Timestamp) -> Notes {
        let mut notes = Notes {
            valid_until: self.request.claims.expires_at,
            cacheable: true,
            applied: SmallVec::new(),
            obligations: SmallVec::new(),
            assumed_outbound: None,
        };
        notes.limit_expiry(now.plus(MAX_VALIDITY));
        if let Some(end) = self.snapshot.expires_at {
            notes.limit_expiry(end);
        }
        notes
    }
}

impl Notes {
    fn limit_expiry(&mut self, instant: Timestamp) {
        self.valid_until = self.valid_until.min(instant);
    }

    fn allow(self, now: Timestamp) -> Decision {
        let decision = Decision::allow(self.valid_until);
        self.complete(decision, now)
    }

    fn deny(mut self, stage: Stage, failure: StageFailure, now: Timestamp) -> Decision {
        let denial = failure.into_denial(stage);
        // An undetermined answer is not cached: the next request may carry the groups.
        self.cacheable &= denial.reason != Reason::GroupsUnknown;
        let decision = Decision::deny(denial, self.valid_until);
        self.complete(decision, now)
    }

    /// Sets the expiry (semantics §4, "How long an answer is good"): at the earliest `now`.
    fn complete(self, mut decision: Decision, now: Timestamp) -> Decision {
        decision.cacheable = self.cacheable && self.valid_until > now;
        decision.expires_at = self.valid_until.max(now);
        decision.applied = self.applied;
        decision.assumed_outbound = self.assumed_outbound;
        if decision.verdict == Verdict::Allow {
            decision.obligations = self.obligations;
        }
        decision
    }
}

/// A failure without a challenge: no new sign-in can help.
fn fail<T>(reason: Reason) -> Result<T, StageFailure> {
    Err(StageFailure {
        reason,
        challenge: None,
        subject: None,
    })
}

/// Like [`fail`], with the subject that the message names.
fn fail_with_subject<T>(reason: Reason, subject: DenialSubject) -> Result<T, StageFailure> {
    Err(StageFailure {
        reason,
        challenge: None,
        subject: Some(Box::new(subject)),
    })
}
