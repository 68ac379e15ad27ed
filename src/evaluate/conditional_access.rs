//! Stage 5: Conditional Access of the resource tenant (semantics §5).
//!
//! Every applicable policy has to be satisfied separately. A block takes precedence over everything else.

use smallvec::SmallVec;

use super::grant::{self, Frequency, GrantOutcome, Unsatisfied};
use super::users::PossibleTypes;
use super::{Evaluation, Notes, StageFailure, conditions, cross_tenant, fail, users};
use crate::decision::{AppliedPolicy, Challenge, PolicyIndex, PolicyResult, Reason, StepUp};
use crate::request::{Context, UserClass};
use crate::revocation::Revocations;
use crate::snapshot::{Policy, Tenant, TrustedClaims};
use crate::time::Timestamp;
use crate::vocabulary::{SignInFrequency, UserType, WordSet};

/// What the resource tenant's policies are evaluated against: the request, trust and user types.
pub(super) struct PolicyInput<'a> {
    pub(super) evaluation: &'a Evaluation<'a>,
    pub(super) resource: &'a Tenant,
    /// Which claims of the home tenant count.
    pub(super) trust: &'a TrustedClaims,
    /// Every external user type that this user has or may have.
    pub(super) types: WordSet<UserType>,
    /// The end of the assumed agreement that one of the types depends on.
    until: Option<Timestamp>,
    pub(super) now: Timestamp,
}

impl<'a> PolicyInput<'a> {
    pub(super) fn new(
        evaluation: &'a Evaluation<'a>,
        resource: &'a Tenant,
        now: Timestamp,
    ) -> Self {
        let PossibleTypes { types, until } = users::possible_types(evaluation, resource, now);
        PolicyInput {
            evaluation,
            resource,
            trust: cross_tenant::trust(evaluation, resource),
            types,
            until,
            now,
        }
    }

    pub(super) fn context(&self) -> &'a Context {
        &self.evaluation.request.context
    }

    /// The policies that can apply, ordered by id.
    fn candidates(&self) -> impl Iterator<Item = (PolicyIndex, &'a Policy)> {
        let request = self.evaluation.request;
        let snapshot = self.evaluation.snapshot;
        let context = self.context();
        let with_actions =
            context.user_action.is_some() || context.authentication_context.is_some();
        self.resource
            .catalog
            .of(self.evaluation.class)
            .for_app(request.app, with_actions, &snapshot.applications)
            .filter_map(|index| Some((index, snapshot.policy(index)?)))
    }
}

pub(super) fn check(
    evaluation: &Evaluation<'_>,
    _: &Revocations,
    now: Timestamp,
    notes: &mut Notes,
) -> Result<(), StageFailure> {
    let Some(resource) = evaluation.resource else {
        return fail(Reason::ResourceTenantUnknown);
    };
    let input = PolicyInput::new(evaluation, resource, now);
    if let Some(end) = input.until {
        notes.limit_expiry(end);
    }
    let mut combined = CombinedOutcome::default();
    for (index, policy) in input.candidates() {
        if !conditions::all_match(policy, &input) {
            continue;
        }
        let frequency = grant::frequency(policy, &input, now);
        let outcome = grant::outcome(policy, &input, &frequency);
        notes.applied.push(AppliedPolicy {
            policy: index,
            result: result(policy, &outcome),
        });
        if policy.report_only {
            continue;
        }
        apply_session_controls(index, policy, &input, frequency, notes);
        combined.add(outcome);
    }
    combined.into_result()
}

/// Applies a policy's session controls to expiry, cacheability and obligations.
fn apply_session_controls(
    index: PolicyIndex,
    policy: &Policy,
    input: &PolicyInput<'_>,
    frequency: Frequency,
    notes: &mut Notes,
) {
    if input.evaluation.class == UserClass::DirectConnect {
        return;
    }
    if frequency != Frequency::Unset {
        let auth_time = input.evaluation.request.claims.auth_time;
        let due = policy
            .sign_in_frequency
            .and_then(|set| grant::due(set, auth_time));
        if let Some(due) = due {
            notes.limit_expiry(due);
        }
        notes.cacheable &= policy.sign_in_frequency != Some(SignInFrequency::EveryTime);
    }
    if !policy.obligations.is_empty() {
        notes.obligations.push(index);
    }
}

pub(super) fn result(policy: &Policy, outcome: &GrantOutcome) -> PolicyResult {
    match (policy.report_only, outcome) {
        (false, GrantOutcome::Satisfied) => PolicyResult::Success,
        (false, GrantOutcome::Blocked | GrantOutcome::Unsatisfied(_)) => PolicyResult::Failure,
        (true, GrantOutcome::Satisfied) => PolicyResult::ReportOnlySuccess,
        (
            true,
            GrantOutcome::Unsatisfied(Unsatisfied {
                step_ups: Some(_), ..
            }),
        ) => PolicyResult::ReportOnlyInterrupted,
        (true, GrantOutcome::Blocked | GrantOutcome::Unsatisfied(_)) => {
            PolicyResult::ReportOnlyFailure
        }
    }
}

/// The combined outcome of all enforced policies.
#[derive(Default)]
struct CombinedOutcome {
    blocked: bool,
    /// The first in the documented order; among equals that of the lower policy id.
    first: Option<(u8, Reason)>,
    step_ups: SmallVec<[StepUp; 2]>,
    cannot_step_up: bool,
}

impl CombinedOutcome {
    fn add(&mut self, outcome: GrantOutcome) {
        match outcome {
            GrantOutcome::Satisfied => {}
            GrantOutcome::Blocked => self.blocked = true,
            GrantOutcome::Unsatisfied(one) => {
                if self.first.is_none_or(|(order, _)| one.order < order) {
                    self.first = Some((one.order, one.reason));
                }
                match one.step_ups {
                    Some(step_ups) => self.step_ups.extend(step_ups),
                    None => self.cannot_step_up = true,
                }
            }
        }
    }

    /// Carries a challenge only if one new sign-in can satisfy every failing policy: otherwise the client would
    /// loop.
    fn into_result(mut self) -> Result<(), StageFailure> {
        if self.blocked {
            return fail(Reason::CaBlocked);
        }
        let Some((_, reason)) = self.first else {
            return Ok(());
        };
        self.step_ups.sort_unstable();
        self.step_ups.dedup();
        let can_step_up = !self.cannot_step_up && !self.step_ups.is_empty();
        Err(StageFailure {
            reason,
            challenge: can_step_up.then_some(Challenge {
                step_ups: self.step_ups,
            }),
            subject: None,
        })
    }
}
