//! Authentication strengths: one of the combinations has to be contained in the methods that count (semantics §5).
//! Which methods count for which users:
//! learn.microsoft.com/entra/identity/conditional-access/concept-authentication-strength-external-users

use super::conditional_access::PolicyInput;
use super::controls::{ControlStatus, MissingControl};
use crate::decision::{Reason, SignInTenant, StepUp};
use crate::id::StrengthId;
use crate::request::{Claims, UserClass};
use crate::snapshot::{Combination, Demand, Strength};
use crate::vocabulary::{AuthenticationMethod, WordSet};

/// The authentication evidence that counts for one kind of user.
pub(super) struct Evidence {
    pub(super) done: WordSet<AuthenticationMethod>,
    /// The methods that can count; `None` = all.
    countable: Option<&'static [AuthenticationMethod]>,
    bare_mfa: bool,
    pub(super) place: SignInTenant,
}

impl Evidence {
    /// Whether every method of the combination can count.
    pub(super) fn can_count(&self, combination: &Combination) -> bool {
        !combination.methods.is_empty()
            && self.countable.is_none_or(|countable| {
                combination
                    .methods
                    .iter()
                    .all(|method| countable.contains(&method))
            })
    }
}

/// The methods of the home tenant that count, if the resource tenant trusts MFA.
const HOME_METHODS: &[AuthenticationMethod] = &[
    AuthenticationMethod::Password,
    AuthenticationMethod::Sms,
    AuthenticationMethod::Voice,
    AuthenticationMethod::MicrosoftAuthenticatorPush,
    AuthenticationMethod::DeviceBasedPush,
    AuthenticationMethod::SoftwareOath,
    AuthenticationMethod::HardwareOath,
    AuthenticationMethod::Fido2,
    AuthenticationMethod::WindowsHelloForBusiness,
    AuthenticationMethod::X509CertificateSingleFactor,
    AuthenticationMethod::X509CertificateMultiFactor,
];

/// The methods that a guest can complete in the resource tenant.
const RESOURCE_METHODS: &[AuthenticationMethod] = &[
    AuthenticationMethod::Password,
    AuthenticationMethod::Sms,
    AuthenticationMethod::Voice,
    AuthenticationMethod::MicrosoftAuthenticatorPush,
    AuthenticationMethod::SoftwareOath,
];

/// Whether the strength is satisfied.
pub(super) fn status(strength: &Strength, input: &PolicyInput<'_>) -> ControlStatus {
    let Some(evidence) = evidence(input) else {
        // Direct connect without MFA trust: no sign-in in the home tenant counts.
        return ControlStatus::missing(Reason::MfaNotTrusted);
    };
    let claims = &input.evaluation.request.claims;
    let can_count = |combination: &&Combination| evidence.can_count(combination);
    let reached = strength
        .combinations
        .iter()
        .filter(can_count)
        .any(|combination| {
            evidence.done.contains_all(combination.methods)
                && combination
                    .demands
                    .iter()
                    .all(|demand| meets(demand, claims))
        });
    // The plain MFA claim names no method: it satisfies only the built-in MFA strength.
    if reached || (strength.id == StrengthId::BUILT_IN_MFA && evidence.bare_mfa) {
        return ControlStatus::Satisfied;
    }
    let reachable = strength.combinations.iter().any(|one| can_count(&one));
    ControlStatus::Missing(MissingControl {
        reason: Reason::AuthenticationStrengthRequired,
        step_up: reachable.then_some(StepUp::Strength(strength.id, evidence.place)),
    })
}

pub(super) fn evidence(input: &PolicyInput<'_>) -> Option<Evidence> {
    let claims = &input.evaluation.request.claims;
    let home = claims.authentication_methods;
    let resource = claims.resource_authentication_methods;
    match (input.evaluation.class, input.trust.mfa) {
        // Home and resource tenant are the same, so both lists count.
        (UserClass::Internal, _) => Some(Evidence {
            done: home.union(resource),
            countable: None,
            bare_mfa: claims.mfa,
            place: SignInTenant::Home,
        }),
        (UserClass::DirectConnect | UserClass::Collaboration, true) => Some(Evidence {
            done: home,
            countable: Some(HOME_METHODS),
            bare_mfa: claims.mfa,
            place: SignInTenant::Home,
        }),
        (UserClass::DirectConnect, false) => None,
        (UserClass::Collaboration, false) => Some(Evidence {
            done: resource,
            countable: Some(RESOURCE_METHODS),
            bare_mfa: claims.resource_mfa,
            place: SignInTenant::Resource,
        }),
    }
}

/// Whether the passkey or certificate is one that the strength allows. One that the request does not carry is not.
fn meets(demand: &Demand, claims: &Claims) -> bool {
    match demand {
        Demand::Fido2(models) => claims
            .authenticator_aaguid
            .is_some_and(|model| models.binary_search(&model).is_ok()),
        Demand::Certificate {
            issuer_skis,
            policy_oids,
        } => {
            let listed = |allowed: &[String], presented: &[String]| {
                allowed.is_empty()
                    || presented
                        .iter()
                        .any(|one| allowed.binary_search(one).is_ok())
            };
            listed(issuer_skis, &claims.certificate_issuer_skis)
                && listed(policy_oids, &claims.certificate_policy_oids)
        }
    }
}
