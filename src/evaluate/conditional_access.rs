//! Stage 5: Conditional Access of the resource tenant (semantics §5).
//!
//! Every applicable policy has to be satisfied, each for itself; one that blocks wins over all.

use smallvec::SmallVec;

use super::grant::{self, Frequency, Outcome, Unsatisfied};
use super::users::Types;
use super::{Failure, Notes, Question, conditions, crossing, fail, users};
use crate::decision::{AppliedPolicy, Challenge, Cure, PolicyIndex, PolicyResult, Reason};
use crate::request::{Context, UserClass};
use crate::revocation::Revocations;
use crate::snapshot::{Policy, Tenant, Trust};
use crate::time::Timestamp;
use crate::vocabulary::{SignInFrequency, UserType, WordSet};

/// The request as the resource tenant's policies see it.
pub(super) struct Subject<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) resource: &'a Tenant,
    /// Which claims made at home count.
    pub(super) trust: &'a Trust,
    /// Every type of external user that this one has or may have.
    pub(super) types: WordSet<UserType>,
    /// The end of the agreement that one of the types depends on.
    until: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl<'a> Subject<'a> {
    pub(super) fn new(question: &'a Question<'a>, resource: &'a Tenant, now: Timestamp) -> Self {
        let Types { types, until } = users::possible_types(question, resource, now);
        Subject {
            question,
            resource,
            trust: crossing::trust(question, resource),
            types,
            until,
            now,
        }
    }

    pub(super) fn context(&self) -> &'a Context {
        &self.question.request.context
    }

    /// The policies that can apply, in the order of their ids.
    fn candidates(&self) -> impl Iterator<Item = (PolicyIndex, &'a Policy)> {
        let request = self.question.request;
        let snapshot = self.question.snapshot;
        let context = self.context();
        let with_actions =
            context.user_action.is_some() || context.authentication_context.is_some();
        self.resource
            .catalog
            .of(self.question.class)
            .for_app(request.app, with_actions, &snapshot.applications)
            .filter_map(|index| Some((index, snapshot.policy(index)?)))
    }
}

pub(super) fn check(
    question: &Question<'_>,
    _: &Revocations,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), Failure> {
    let Some(resource) = question.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    let subject = Subject::new(question, resource, now);
    if let Some(end) = subject.until {
        notes.not_after(end);
    }
    let mut verdict = Combined::default();
    for (index, policy) in subject.candidates() {
        if !conditions::all_match(policy, &subject) {
            continue;
        }
        let frequency = grant::frequency(policy, &subject, now);
        let outcome = grant::outcome(policy, &subject, &frequency);
        notes.applied.push(AppliedPolicy {
            policy: index,
            result: result(policy, &outcome),
        });
        if policy.report_only {
            continue;
        }
        note_session(index, policy, &subject, frequency, notes);
        verdict.add(outcome);
    }
    verdict.into_result()
}

/// What an applied policy's session controls mean for the answer.
fn note_session(
    index: PolicyIndex,
    policy: &Policy,
    subject: &Subject<'_>,
    frequency: Frequency,
    notes: &mut Notes,
) {
    if subject.question.class == UserClass::DirectConnect {
        return;
    }
    if frequency != Frequency::Unset {
        let auth_time = subject.question.request.claims.auth_time;
        let due = policy
            .sign_in_frequency
            .and_then(|set| grant::due(set, auth_time));
        if let Some(due) = due {
            notes.not_after(due);
        }
        notes.cacheable &= policy.sign_in_frequency != Some(SignInFrequency::EveryTime);
    }
    if !policy.obligations.is_empty() {
        notes.obligations.push(index);
    }
}

pub(super) fn result(policy: &Policy, outcome: &Outcome) -> PolicyResult {
    match (policy.report_only, outcome) {
        (false, Outcome::Satisfied) => PolicyResult::Success,
        (false, Outcome::Blocked | Outcome::Unsatisfied(_)) => PolicyResult::Failure,
        (true, Outcome::Satisfied) => PolicyResult::ReportOnlySuccess,
        (true, Outcome::Unsatisfied(Unsatisfied { cures: Some(_), .. })) => {
            PolicyResult::ReportOnlyInterrupted
        }
        (true, Outcome::Blocked | Outcome::Unsatisfied(_)) => PolicyResult::ReportOnlyFailure,
    }
}

/// The outcomes of all enforced policies, taken together.
#[derive(Default)]
struct Combined {
    blocked: bool,
    /// The earliest in the documented order; of equal ones that of the lower policy id.
    first: Option<(u8, Reason)>,
    cures: SmallVec<[Cure; 2]>,
    incurable: bool,
}

impl Combined {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Satisfied => {}
            Outcome::Blocked => self.blocked = true,
            Outcome::Unsatisfied(one) => {
                if self.first.is_none_or(|(place, _)| one.place < place) {
                    self.first = Some((one.place, one.reason));
                }
                match one.cures {
                    Some(cures) => self.cures.extend(cures),
                    None => self.incurable = true,
                }
            }
        }
    }

    /// Curable only if one new sign-in can satisfy every policy that fails, so that no client is sent
    /// round in circles.
    fn into_result(mut self) -> Result<(), Failure> {
        if self.blocked {
            return fail(Reason::CaBlocked);
        }
        let Some((_, reason)) = self.first else {
            return Ok(());
        };
        self.cures.sort_unstable();
        self.cures.dedup();
        let curable = !self.incurable && !self.cures.is_empty();
        Err(Failure {
            reason,
            challenge: curable.then_some(Challenge { cures: self.cures }),
            subject: None,
        })
    }
}
