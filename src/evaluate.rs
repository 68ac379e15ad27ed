//! The decision: semantics §3 to §6, over one snapshot and one request.
//!
//! Pure and total: no clock, no I/O, no panic, and no way out that allows but the end of the stages.
//! A plain decision allocates nothing. [`Question::explain`] walks the same table of the same functions
//! to its end.

mod applications;
mod assumed;
mod channel;
mod conditional_access;
mod conditions;
mod controls;
mod crossing;
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
    ConditionFinding, ConditionOutcome, Detail, Explanation, Fact, MissingFact, PolicyFinding,
    StageFinding,
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
    Question::new(snapshot, request).decide(revocations, now)
}

/// A request made ready for one snapshot: groups interned, tenants looked up.
#[derive(Debug)]
pub struct Question<'a> {
    /// The snapshot that is asked.
    pub snapshot: &'a Snapshot,
    /// The request as it came.
    pub request: &'a Request,
    /// Those of the request's groups that some rule names.
    pub groups: GroupIndexes,
    /// Those of the guest object's groups that some rule names.
    pub resource_groups: GroupIndexes,
    class: UserClass,
    home: Option<&'a Tenant>,
    resource: Option<&'a Tenant>,
}

/// What the stages note besides passing or not.
struct Notes {
    good_until: Timestamp,
    cacheable: bool,
    applied: SmallVec<[AppliedPolicy; 4]>,
    obligations: SmallVec<[PolicyIndex; 2]>,
    assumed_outbound: Option<AssumedBasis>,
}

/// Why a stage does not pass.
struct Failure {
    reason: Reason,
    challenge: Option<Challenge>,
    subject: Option<Box<DenialSubject>>,
}

impl Failure {
    fn into_denial(self, stage: Stage) -> Denial {
        let Failure {
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

type Check = fn(&Question<'_>, &Revocations, Timestamp, &mut Notes) -> Result<(), Failure>;

/// semantics §4, in its order. That the resource tenant is known is asked after the tenant restriction
/// and reported as part of the inbound stage.
const STAGES: [(Stage, Check); 7] = [
    (Stage::Token, token::check),
    (Stage::TenantRestriction, restriction::check),
    (Stage::Inbound, crossing::resource_is_known),
    (Stage::Outbound, crossing::outbound),
    (Stage::Inbound, crossing::inbound),
    (Stage::ConditionalAccess, conditional_access::check),
    (Stage::SharedChannel, channel::check),
];

/// Our own bound (semantics §9): a change outside the policies and the token, such as a fact of the sign-in,
/// counts after an hour at the latest.
const LONGEST_ANSWER: Duration = Duration::from_secs(60 * 60);

impl<'a> Question<'a> {
    /// Makes the request ready: the only work that is done once for cache and decision.
    pub fn new(snapshot: &'a Snapshot, request: &'a Request) -> Self {
        Question {
            snapshot,
            request,
            groups: snapshot.groups.known(&request.groups),
            resource_groups: snapshot.groups.known(&request.resource_groups),
            class: request.user_class(),
            home: request.home.tenant().and_then(|home| snapshot.tenant(home)),
            resource: snapshot.tenant(request.resource),
        }
    }

    /// Walks the stages until one does not pass.
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
            good_until: self.request.claims.expires_at,
            cacheable: true,
            applied: SmallVec::new(),
            obligations: SmallVec::new(),
            assumed_outbound: None,
        };
        notes.not_after(now.plus(LONGEST_ANSWER));
        if let Some(end) = self.snapshot.expires_at {
            notes.not_after(end);
        }
        notes
    }
}

impl Notes {
    fn not_after(&mut self, instant: Timestamp) {
        self.good_until = self.good_until.min(instant);
    }

    fn allow(self, now: Timestamp) -> Decision {
        let decision = Decision::allow(self.good_until);
        self.complete(decision, now)
    }

    fn deny(mut self, stage: Stage, failure: Failure, now: Timestamp) -> Decision {
        let denial = failure.into_denial(stage);
        // An undetermined answer is not kept: the next request may bring the groups.
        self.cacheable &= denial.reason != Reason::GroupsUnknown;
        let decision = Decision::deny(denial, self.good_until);
        self.complete(decision, now)
    }

    /// semantics §4, "How long an answer is good": where the instant is not ahead, it is now.
    fn complete(self, mut decision: Decision, now: Timestamp) -> Decision {
        decision.cacheable = self.cacheable && self.good_until > now;
        decision.expires_at = self.good_until.max(now);
        decision.applied = self.applied;
        decision.assumed_outbound = self.assumed_outbound;
        if decision.verdict == Verdict::Allow {
            decision.obligations = self.obligations;
        }
        decision
    }
}

/// A failure that no new sign-in would cure.
fn fail<T>(reason: Reason) -> Result<T, Failure> {
    Err(Failure {
        reason,
        challenge: None,
        subject: None,
    })
}

/// The same, with what its message names.
fn fail_about<T>(reason: Reason, subject: DenialSubject) -> Result<T, Failure> {
    Err(Failure {
        reason,
        challenge: None,
        subject: Some(Box::new(subject)),
    })
}
