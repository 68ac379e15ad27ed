//! One policy's demands: grant controls and sign-in frequency (semantics §5, "Whether a grant is
//! satisfied" and "Challenge or block").

use std::time::Duration;

use smallvec::SmallVec;

use super::conditional_access::Subject;
use super::controls::{self, Missing, Status};
use crate::decision::{Cure, Reason};
use crate::request::UserClass;
use crate::snapshot::{Grant, Policy};
use crate::time::Timestamp;
use crate::vocabulary::{Operator, SignInFrequency};

/// What an applying policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Satisfied,
    Blocked,
    Unsatisfied(Unsatisfied),
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsatisfied {
    /// Place of the reason in the documented order.
    pub(super) place: u8,
    pub(super) reason: Reason,
    /// What one new sign-in has to bring to satisfy the policy; `None` = it could not.
    pub(super) cures: Option<SmallVec<[Cure; 2]>>,
}

/// Every time: what Entra tolerates
/// (learn.microsoft.com/entra/identity/conditional-access/concept-session-lifetime).
const EVERY_TIME: Duration = Duration::from_secs(5 * 60);

/// After custom controls, the last in the documented order.
const FREQUENCY_PLACE: u8 = 8;

/// What the policy says of the request. `frequency` is what [`frequency`] tells.
pub(super) fn outcome(policy: &Policy, subject: &Subject<'_>, frequency: &Frequency) -> Outcome {
    if policy.grant.blocks {
        return Outcome::Blocked;
    }
    let exceeded = *frequency == Frequency::Exceeded;
    match (unsatisfied(&policy.grant, subject), exceeded) {
        (None, false) => Outcome::Satisfied,
        (Some(missing), false) => Outcome::Unsatisfied(missing),
        (None, true) => Outcome::Unsatisfied(Unsatisfied {
            place: FREQUENCY_PLACE,
            reason: Reason::SignInFrequencyExceeded,
            cures: Some(SmallVec::from_slice(&[Cure::Reauthenticate])),
        }),
        (Some(mut missing), true) => {
            if let Some(cures) = &mut missing.cures {
                cures.push(Cure::Reauthenticate);
            }
            Outcome::Unsatisfied(missing)
        }
    }
}

pub(super) fn unsatisfied(grant: &Grant, subject: &Subject<'_>) -> Option<Unsatisfied> {
    let mut missing: SmallVec<[(u8, Missing); 4]> = SmallVec::new();
    for control in &grant.controls {
        match (controls::status(control, subject), grant.operator) {
            (Status::Satisfied, Operator::Or) => return None,
            (Status::Satisfied, Operator::And) => {}
            (Status::Missing(one), _) => missing.push((controls::place(control), one)),
        }
    }
    let first = missing.first()?;
    let (place, told, cures) = match grant.operator {
        Operator::And => {
            let cures = missing.iter().map(|(_, one)| one.cure).collect();
            (first.0, first.1, cures)
        }
        Operator::Or => {
            let curable = missing.iter().find(|(_, one)| one.cure.is_some());
            let (place, told) = *curable.unwrap_or(first);
            (
                place,
                told,
                told.cure.map(|cure| SmallVec::from_slice(&[cure])),
            )
        }
    };
    Some(Unsatisfied {
        place,
        reason: told.reason,
        cures,
    })
}

/// What a policy's sign-in frequency says of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    /// None is set, or this kind of user has none.
    Unset,
    /// It has not passed; it will at this instant.
    Until(Timestamp),
    /// It has passed, or there is no telling.
    Exceeded,
}

/// The sign-in frequency counts from the last authentication; at the very instant it has passed. Direct
/// connect supports no session controls, and a report-only policy has no frequency (semantics §4).
pub(super) fn frequency(policy: &Policy, subject: &Subject<'_>, now: Timestamp) -> Frequency {
    let Some(set) = policy.sign_in_frequency else {
        return Frequency::Unset;
    };
    if policy.report_only || subject.question.class == UserClass::DirectConnect {
        return Frequency::Unset;
    }
    match due(set, subject.question.request.claims.auth_time) {
        Some(due) if due > now => Frequency::Until(due),
        Some(_) | None => Frequency::Exceeded,
    }
}

/// When the user has to sign in anew, where it is known when the user did.
pub(super) fn due(set: SignInFrequency, auth_time: Option<Timestamp>) -> Option<Timestamp> {
    let span = match set {
        SignInFrequency::Every(span) => span,
        SignInFrequency::EveryTime => EVERY_TIME,
    };
    auth_time.map(|auth_time| auth_time.plus(span))
}
