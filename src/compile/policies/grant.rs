//! `grantControls` of a policy (semantics §5, "Whether a grant is satisfied").

use super::Reader;
use crate::compile::settings::sorted;
use crate::graph::Code;
use crate::graph::document::GrantControls;
use crate::snapshot::{Control, Grant};
use crate::vocabulary::{BuiltInControl, Operator};

/// Whether there is any control.
pub(super) fn asks_for_something(grant: &GrantControls) -> bool {
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

impl Reader<'_, '_> {
    /// semantics §5: a strength that does not exist. Also of a policy that does not decide.
    pub(super) fn check_strength(&mut self, grant: Option<&GrantControls>) {
        let Some(reference) = grant.and_then(|grant| grant.strength.as_ref()) else {
            return;
        };
        if !self.strengths.exists(reference) && !self.refused.may_hold_strength(reference.id) {
            let message = format!(
                "found {}, expected the id of an authentication strength of this tenant or a built-in one",
                reference.id
            );
            let findings = &mut self.draft.findings;
            findings.report(
                self.severity,
                &reference.place,
                Code::UnknownStrength,
                message,
            );
        }
    }

    /// What has to be satisfied; no grant is satisfied by everyone.
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
            let position = self.strengths.position(self.draft, reference);
            controls.extend(position.map(Control::Strength));
        }
        // A list of terms is one control that needs them all.
        if !document.terms_of_use.is_empty() {
            controls.push(Control::TermsOfUse(sorted(document.terms_of_use.clone())));
        }
        if !document.custom.is_empty() {
            controls.push(Control::Custom(sorted(document.custom.clone())));
        }
        Grant {
            blocks: document.built_in.contains(&BuiltInControl::Block),
            operator: document.operator,
            // `Control` is declared in the documented order of asking.
            controls: sorted(controls),
        }
    }
}

/// The control; `block` is none of them, it is [`Grant::blocks`].
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
