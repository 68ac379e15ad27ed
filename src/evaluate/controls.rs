//! One grant control: is it satisfied, and if not, could a new sign-in cure it? (semantics §5)

use super::conditional_access::Subject;
use super::strength;
use crate::decision::{Cure, Reason, Where};
use crate::request::UserClass;
use crate::snapshot::Control;

/// What became of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Satisfied,
    Missing(Missing),
}

/// A control that is not satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) reason: Reason,
    /// What would cure it, if anything would.
    pub(super) cure: Option<Cure>,
}

impl Status {
    /// Not satisfied, and no sign-in would help.
    pub(super) fn missing(reason: Reason) -> Self {
        Status::Missing(Missing { reason, cure: None })
    }

    fn satisfied_or(satisfied: bool, reason: Reason, cure: Option<Cure>) -> Self {
        if satisfied {
            Status::Satisfied
        } else {
            Status::Missing(Missing { reason, cure })
        }
    }
}

/// Where a control stands in the documented order of asking; MFA and strength share a place, and so do
/// password change and risk remediation. The sign-in frequency comes after all of them.
pub(super) fn place(control: &Control) -> u8 {
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
pub(super) fn status(control: &Control, subject: &Subject<'_>) -> Status {
    let claims = &subject.question.request.claims;
    let context = subject.context();
    match control {
        Control::Mfa => mfa(subject),
        Control::Strength(position) => match subject.question.snapshot.strength(*position) {
            Some(strength) => strength::status(strength, subject),
            None => Status::missing(Reason::AuthenticationStrengthRequired),
        },
        Control::CompliantDevice => device(
            subject,
            (claims.compliant_device, subject.trust.compliant_device),
            (
                Reason::CompliantDeviceRequired,
                Reason::CompliantDeviceNotTrusted,
            ),
            Cure::CompliantDevice,
        ),
        Control::DomainJoinedDevice => device(
            subject,
            (
                claims.hybrid_joined_device,
                subject.trust.hybrid_joined_device,
            ),
            (
                Reason::HybridJoinedDeviceRequired,
                Reason::HybridJoinedDeviceNotTrusted,
            ),
            Cure::HybridJoinedDevice,
        ),
        Control::ApprovedApplication => internal_fact(
            subject,
            context.approved_application,
            Reason::ApprovedAppRequired,
        ),
        Control::CompliantApplication => internal_fact(
            subject,
            context.app_protection,
            Reason::AppProtectionRequired,
        ),
        Control::PasswordChange => internal_fact(
            subject,
            context.password_changed,
            Reason::PasswordChangeRequired,
        ),
        Control::RiskRemediation => internal_fact(
            subject,
            context.risk_remediated,
            Reason::PasswordChangeRequired,
        ),
        Control::TermsOfUse(terms) => match subject.question.class {
            UserClass::DirectConnect => Status::missing(Reason::ControlNotSupported),
            UserClass::Internal | UserClass::Collaboration => {
                let accepted = &claims.accepted_terms_of_use;
                let all = terms.iter().all(|id| accepted.contains(id));
                Status::satisfied_or(all, Reason::TermsOfUseRequired, None)
            }
        },
        Control::Custom(controls) => {
            let accepted = &claims.accepted_custom_controls;
            let all = controls.iter().all(|id| accepted.contains(id));
            // No reason of its own: the documentation knows no code and no name for a missing custom control.
            internal_fact(subject, Some(all), Reason::ControlNotSupported)
        }
    }
}

fn mfa(subject: &Subject<'_>) -> Status {
    let claims = &subject.question.request.claims;
    let required = |satisfied, place| {
        Status::satisfied_or(satisfied, Reason::MfaRequired, Some(Cure::Mfa(place)))
    };
    match (subject.question.class, subject.trust.mfa) {
        (UserClass::Internal, _) => required(claims.mfa, Where::Home),
        (UserClass::DirectConnect, true) => required(claims.mfa, Where::Home),
        // It would loop: no sign-in anywhere counts.
        (UserClass::DirectConnect, false) => Status::missing(Reason::MfaNotTrusted),
        (UserClass::Collaboration, true) => {
            required(claims.mfa || claims.resource_mfa, Where::Home)
        }
        (UserClass::Collaboration, false) => required(claims.resource_mfa, Where::Resource),
    }
}

fn device(
    subject: &Subject<'_>,
    (claimed, trusted): (bool, bool),
    (required, not_trusted): (Reason, Reason),
    cure: Cure,
) -> Status {
    match (subject.question.class, trusted) {
        (UserClass::Internal, _) | (UserClass::DirectConnect | UserClass::Collaboration, true) => {
            Status::satisfied_or(claimed, required, Some(cure))
        }
        (UserClass::DirectConnect | UserClass::Collaboration, false) => {
            Status::missing(not_trusted)
        }
    }
}

/// A control that external users can never satisfy, and internal ones by a fact that is known.
fn internal_fact(subject: &Subject<'_>, fact: Option<bool>, reason: Reason) -> Status {
    match subject.question.class {
        UserClass::Internal => Status::satisfied_or(fact == Some(true), reason, None),
        UserClass::DirectConnect | UserClass::Collaboration => {
            Status::missing(Reason::ControlNotSupported)
        }
    }
}
