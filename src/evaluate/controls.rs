//! Grant controls: whether one is satisfied and, if not, whether a new sign-in can satisfy it (semantics §5).

use super::conditional_access::PolicyInput;
use super::strength;
use crate::decision::{Reason, SignInTenant, StepUp};
use crate::request::UserClass;
use crate::snapshot::Control;

/// Whether a control is satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlStatus {
    Satisfied,
    Missing(MissingControl),
}

/// A control that is not satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MissingControl {
    pub(super) reason: Reason,
    /// The step-up that satisfies it, if there is one.
    pub(super) step_up: Option<StepUp>,
}

impl ControlStatus {
    /// Not satisfied, and no new sign-in helps.
    pub(super) fn missing(reason: Reason) -> Self {
        ControlStatus::Missing(MissingControl {
            reason,
            step_up: None,
        })
    }

    fn satisfied_or(satisfied: bool, reason: Reason, step_up: Option<StepUp>) -> Self {
        if satisfied {
            ControlStatus::Satisfied
        } else {
            ControlStatus::Missing(MissingControl { reason, step_up })
        }
    }
}

/// Position of a control in the documented order of prompts. MFA and authentication strength share a position, and so
/// do password change and risk remediation. The sign-in frequency comes after all of them.
pub(super) fn order(control: &Control) -> u8 {
    match control {
        Control::Mfa | Control::Strength(_) => 0,
        Control::CompliantDevice => 1,
        Control::DomainJoinedDevice => 2,
        Control::ApprovedApplication => 3,
        Control::CompliantApplication => 4,
        Control::PasswordChange | Control::RiskRemediation => 5,
        Control::TermsOfUse(_) => 6,
        Control::Custom(_) => 7,
    }
}

/// Whether the control is satisfied.
pub(super) fn status(control: &Control, input: &PolicyInput<'_>) -> ControlStatus {
    let claims = &input.evaluation.request.claims;
    let context = input.context();
    match control {
        Control::Mfa => mfa(input),
        Control::Strength(position) => match input.evaluation.snapshot.strength(*position) {
            Some(strength) => strength::status(strength, input),
            None => ControlStatus::missing(Reason::AuthenticationStrengthRequired),
        },
        Control::CompliantDevice => device(
            input,
            (claims.compliant_device, input.trust.compliant_device),
            (
                Reason::CompliantDeviceRequired,
                Reason::CompliantDeviceNotTrusted,
            ),
            StepUp::CompliantDevice,
        ),
        Control::DomainJoinedDevice => device(
            input,
            (
                claims.hybrid_joined_device,
                input.trust.hybrid_joined_device,
            ),
            (
                Reason::HybridJoinedDeviceRequired,
                Reason::HybridJoinedDeviceNotTrusted,
            ),
            StepUp::HybridJoinedDevice,
        ),
        Control::ApprovedApplication => internal_only(
            input,
            context.approved_application,
            Reason::ApprovedAppRequired,
        ),
        Control::CompliantApplication => {
            internal_only(input, context.app_protection, Reason::AppProtectionRequired)
        }
        Control::PasswordChange => internal_only(
            input,
            context.password_changed,
            Reason::PasswordChangeRequired,
        ),
        Control::RiskRemediation => internal_only(
            input,
            context.risk_remediated,
            Reason::PasswordChangeRequired,
        ),
        Control::TermsOfUse(terms) => match input.evaluation.class {
            UserClass::DirectConnect => ControlStatus::missing(Reason::ControlNotSupported),
            UserClass::Internal | UserClass::Collaboration => {
                let accepted = &claims.accepted_terms_of_use;
                let all = terms.iter().all(|id| accepted.contains(id));
                ControlStatus::satisfied_or(all, Reason::TermsOfUseRequired, None)
            }
        },
        Control::Custom(controls) => {
            let accepted = &claims.accepted_custom_controls;
            let all = controls.iter().all(|id| accepted.contains(id));
            // Microsoft documents no error code for a missing custom control, so it has no separate reason.
            internal_only(input, Some(all), Reason::ControlNotSupported)
        }
    }
}

fn mfa(input: &PolicyInput<'_>) -> ControlStatus {
    let claims = &input.evaluation.request.claims;
    let required = |satisfied, at| {
        ControlStatus::satisfied_or(satisfied, Reason::MfaRequired, Some(StepUp::Mfa(at)))
    };
    match (input.evaluation.class, input.trust.mfa) {
        (UserClass::Internal, _) => required(claims.mfa, SignInTenant::Home),
        (UserClass::DirectConnect, true) => required(claims.mfa, SignInTenant::Home),
        // No sign-in in either tenant counts: a challenge would loop.
        (UserClass::DirectConnect, false) => ControlStatus::missing(Reason::MfaNotTrusted),
        (UserClass::Collaboration, true) => {
            required(claims.mfa || claims.resource_mfa, SignInTenant::Home)
        }
        (UserClass::Collaboration, false) => required(claims.resource_mfa, SignInTenant::Resource),
    }
}

fn device(
    input: &PolicyInput<'_>,
    (claimed, trusted): (bool, bool),
    (required, not_trusted): (Reason, Reason),
    step_up: StepUp,
) -> ControlStatus {
    match (input.evaluation.class, trusted) {
        (UserClass::Internal, _) | (UserClass::DirectConnect | UserClass::Collaboration, true) => {
            ControlStatus::satisfied_or(claimed, required, Some(step_up))
        }
        (UserClass::DirectConnect | UserClass::Collaboration, false) => {
            ControlStatus::missing(not_trusted)
        }
    }
}

/// A control that external users can never satisfy; internal users satisfy it by a fact of the request.
fn internal_only(input: &PolicyInput<'_>, fact: Option<bool>, reason: Reason) -> ControlStatus {
    match input.evaluation.class {
        UserClass::Internal => ControlStatus::satisfied_or(fact == Some(true), reason, None),
        UserClass::DirectConnect | UserClass::Collaboration => {
            ControlStatus::missing(Reason::ControlNotSupported)
        }
    }
}
