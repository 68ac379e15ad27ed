//! `grantControls` of a policy (semantics §5, "Whether a grant is satisfied").

use super::PolicyCompiler;
use crate::compile::settings::sorted;
use crate::graph::Code;
use crate::graph::document::GrantControls;
use crate::snapshot::{Control, Grant};
use crate::vocabulary::{BuiltInControl, Operator};

/// Whether the policy has any grant control.
pub(super) fn has_control(grant: &GrantControls) -> bool {
    let GrantControls {
        place: _,
        operator: _,
        built_in,
        strength,
        terms_of_use,
        custom,
    } = grant;
    !built_in.is_empty() || strength.is_some() || !terms_of_use.is_empty() || !custom.is_empty()
}

impl PolicyCompiler<'_, '_> {
    /// Reports a strength that does not exist (semantics §5), in disabled policies too.
    pub(super) fn check_strength(&mut self, grant: Option<&GrantControls>) {
        let Some(reference) = grant.and_then(|grant| grant.strength.as_ref()) else {
            return;
        };
        if !self.strengths.exists(reference) && !self.refused.may_hold_strength(reference.id) {
            let message = format!(
                "found {}, expected the id of an authentication strength of this tenant or a built-in one",
                reference.id
            );
            let findings = &mut self.builder.findings;
            findings.report(
                self.severity,
                &reference.place,
                Code::UnknownStrength,
                message,
            );
        }
    }

    /// The grant; without `grantControls` it is always satisfied.
    pub(super) fn grant(&mut self, document: Option<&GrantControls>) -> Grant {
        let Some(document) = document else {
            return Grant {
                blocks: false,
                operator: Operator::And,
                controls: Box::default(),
            };
        };
        let mut controls: Vec<Control> = document
            .built_in
            .iter()
            .copied()
            .filter_map(built_in)
            .collect();
        if let Some(reference) = &document.strength {
            let position = self.strengths.position(self.builder, reference);
            controls.extend(position.map(Control::Strength));
        }
        // A list of terms of use is one control that requires all of them.
        if !document.terms_of_use.is_empty() {
            controls.push(Control::TermsOfUse(sorted(document.terms_of_use.clone())));
        }
        if !document.custom.is_empty() {
            controls.push(Control::Custom(sorted(document.custom.clone())));
        }
        Grant {
            blocks: document.built_in.contains(&BuiltInControl::Block),
            operator: document.operator,
            // The variants of `Control` are in the documented order.
            controls: sorted(controls),
        }
    }
}

/// The control; `None` for `block`, which is [`Grant::blocks`].
fn built_in(control: BuiltInControl) -> Option<Control> {
    Some(match control {
        BuiltInControl::Block => return None,
        BuiltInControl::Mfa => Control::Mfa,
        BuiltInControl::CompliantDevice => Control::CompliantDevice,
        BuiltInControl::DomainJoinedDevice => Control::DomainJoinedDevice,
        BuiltInControl::ApprovedApplication => Control::ApprovedApplication,
        BuiltInControl::CompliantApplication => Control::CompliantApplication,
        BuiltInControl::PasswordChange => Control::PasswordChange,
        BuiltInControl::RiskRemediation => Control::RiskRemediation,
    })
}
