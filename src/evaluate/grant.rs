//! Grant controls and sign-in frequency of one policy (semantics §5, "Whether a grant is satisfied" and
//! "Challenge or block").

use std::time::Duration;

use smallvec::SmallVec;

use super::conditional_access::PolicyInput;
use super::controls::{self, ControlStatus, MissingControl};
use crate::decision::{Reason, StepUp};
use crate::request::UserClass;
use crate::snapshot::{Grant, Policy};
use crate::time::Timestamp;
use crate::vocabulary::{Operator, SignInFrequency};

/// The result of an applicable policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GrantOutcome {
    Satisfied,
    Blocked,
    Unsatisfied(Unsatisfied),
}

/// An unsatisfied grant or sign-in frequency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsatisfied {
    /// Position of the reason in the documented order.
    pub(super) order: u8,
    pub(super) reason: Reason,
    /// What one new sign-in has to provide to satisfy the policy; `None` = no sign-in can.
    pub(super) step_ups: Option<SmallVec<[StepUp; 2]>>,
}

/// Sign-in frequency "every time": the tolerance of Entra
/// (learn.microsoft.com/entra/identity/conditional-access/concept-session-lifetime).
const EVERY_TIME: Duration = Duration::from_secs(5 * 60);

/// The last in the documented order, after custom controls.
const FREQUENCY_ORDER: u8 = 8;

/// Evaluates the policy. `frequency` is the result of [`frequency`].
pub(super) fn outcome(
    policy: &Policy,
    input: &PolicyInput<'_>,
    frequency: &Frequency,
) -> GrantOutcome {
    if policy.grant.blocks {
        return GrantOutcome::Blocked;
    }
    let exceeded = *frequency == Frequency::Exceeded;
    match (unsatisfied(&policy.grant, input), exceeded) {
        (None, false) => GrantOutcome::Satisfied,
        (Some(missing), false) => GrantOutcome::Unsatisfied(missing),
        (None, true) => GrantOutcome::Unsatisfied(Unsatisfied {
            order: FREQUENCY_ORDER,
            reason: Reason::SignInFrequencyExceeded,
            step_ups: Some(SmallVec::from_slice(&[StepUp::Reauthenticate])),
        }),
        (Some(mut missing), true) => {
            if let Some(step_ups) = &mut missing.step_ups {
                step_ups.push(StepUp::Reauthenticate);
            }
            GrantOutcome::Unsatisfied(missing)
        }
    }
}

pub(super) fn unsatisfied(grant: &Grant, input: &PolicyInput<'_>) -> Option<Unsatisfied> {
    let mut missing: SmallVec<[(u8, MissingControl); 4]> = SmallVec::new();
    for control in &grant.controls {
        match (controls::status(control, input), grant.operator) {
            (ControlStatus::Satisfied, Operator::Or) => return None,
            (ControlStatus::Satisfied, Operator::And) => {}
            (ControlStatus::Missing(one), _) => missing.push((controls::order(control), one)),
        }
    }
    let first = missing.first()?;
    let (order, reported, step_ups) = match grant.operator {
        Operator::And => {
            let step_ups = missing.iter().map(|(_, one)| one.step_up).collect();
            (first.0, first.1, step_ups)
        }
        Operator::Or => {
            let can_step_up = missing.iter().find(|(_, one)| one.step_up.is_some());
            let (order, reported) = *can_step_up.unwrap_or(first);
            (
                order,
                reported,
                reported
                    .step_up
                    .map(|step_up| SmallVec::from_slice(&[step_up])),
            )
        }
    };
    Some(Unsatisfied {
        order,
        reason: reported.reason,
        step_ups,
    })
}

/// The state of a policy's sign-in frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    /// Not set, or not supported for this kind of user.
    Unset,
    /// Not exceeded until this instant.
    Until(Timestamp),
    /// Exceeded, or the last authentication is unknown.
    Exceeded,
}

/// The sign-in frequency counts from the last authentication, and is exceeded at the exact instant. Direct connect
/// supports no session controls, and a report-only policy has no frequency (semantics §4).
pub(super) fn frequency(policy: &Policy, input: &PolicyInput<'_>, now: Timestamp) -> Frequency {
    let Some(set) = policy.sign_in_frequency else {
        return Frequency::Unset;
    };
    if policy.report_only || input.evaluation.class == UserClass::DirectConnect {
        return Frequency::Unset;
    }
    match due(set, input.evaluation.request.claims.auth_time) {
        Some(due) if due > now => Frequency::Until(due),
        Some(_) | None => Frequency::Exceeded,
    }
}

/// When the user has to sign in again; `None` if the last authentication is unknown.
pub(super) fn due(set: SignInFrequency, auth_time: Option<Timestamp>) -> Option<Timestamp> {
    let span = match set {
        SignInFrequency::Every(span) => span,
        SignInFrequency::EveryTime => EVERY_TIME,
    };
    auth_time.map(|auth_time| auth_time.plus(span))
}
