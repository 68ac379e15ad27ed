//! Authentication strengths: is one of the combinations contained in the methods that count?
//! (semantics §5; which methods count for whom:
//! learn.microsoft.com/entra/identity/conditional-access/concept-authentication-strength-external-users)

use super::conditional_access::Subject;
use super::controls::{Missing, Status};
use crate::decision::{Cure, Reason, Where};
use crate::id::StrengthId;
use crate::request::{Claims, UserClass};
use crate::snapshot::{Combination, Demand, Strength};
use crate::vocabulary::{AuthenticationMethod, WordSet};

/// The methods that count for one kind of user.
pub(super) struct Evidence {
    pub(super) done: WordSet<AuthenticationMethod>,
    /// The methods that can count at all; `None` = every method.
    column: Option<&'static [AuthenticationMethod]>,
    bare_mfa: bool,
    pub(super) place: Where,
}

impl Evidence {
    /// Whether the combination is made of methods that can count.
    pub(super) fn can_count(&self, combination: &Combination) -> bool {
        !combination.methods.is_empty()
            && self.column.is_none_or(|column| {
                combination
                    .methods
                    .iter()
                    .all(|method| column.contains(&method))
            })
    }
}

const HOME_COLUMN: &[AuthenticationMethod] = &[
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

const RESOURCE_COLUMN: &[AuthenticationMethod] = &[
    AuthenticationMethod::Password,
    AuthenticationMethod::Sms,
    AuthenticationMethod::Voice,
    AuthenticationMethod::MicrosoftAuthenticatorPush,
    AuthenticationMethod::SoftwareOath,
];

/// Whether the strength is reached.
pub(super) fn status(strength: &Strength, subject: &Subject<'_>) -> Status {
    let Some(evidence) = evidence(subject) else {
        // Direct connect without trust: no sign-in at home would count.
        return Status::missing(Reason::MfaNotTrusted);
    };
    let claims = &subject.question.request.claims;
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
    // A bare "MFA was done" tells no method: it satisfies the built-in MFA strength only.
    if reached || (strength.id == StrengthId::BUILT_IN_MFA && evidence.bare_mfa) {
        return Status::Satisfied;
    }
    let reachable = strength.combinations.iter().any(|one| can_count(&one));
    Status::Missing(Missing {
        reason: Reason::AuthenticationStrengthRequired,
        cure: reachable.then_some(Cure::Strength(strength.id, evidence.place)),
    })
}

pub(super) fn evidence(subject: &Subject<'_>) -> Option<Evidence> {
    let claims = &subject.question.request.claims;
    let home = claims.authentication_methods;
    let resource = claims.resource_authentication_methods;
    match (subject.question.class, subject.trust.mfa) {
        // One tenant is both: wherever a method was done, it was done there.
        (UserClass::Internal, _) => Some(Evidence {
            done: home.union(resource),
            column: None,
            bare_mfa: claims.mfa,
            place: Where::Home,
        }),
        (UserClass::DirectConnect | UserClass::Collaboration, true) => Some(Evidence {
            done: home,
            column: Some(HOME_COLUMN),
            bare_mfa: claims.mfa,
            place: Where::Home,
        }),
        (UserClass::DirectConnect, false) => None,
        (UserClass::Collaboration, false) => Some(Evidence {
            done: resource,
            column: Some(RESOURCE_COLUMN),
            bare_mfa: claims.resource_mfa,
            place: Where::Resource,
        }),
    }
}

/// Whether the passkey or certificate is one that the strength asks for; one that the request does not
/// tell is not.
fn meets(demand: &Demand, claims: &Claims) -> bool {
    match demand {
        Demand::Fido2(models) => claims
            .authenticator_aaguid
            .is_some_and(|model| models.binary_search(&model).is_ok()),
        Demand::Certificate {
            issuer_skis,
            policy_oids,
        } => {
            let listed = |wanted: &[String], shown: &[String]| {
                wanted.is_empty() || shown.iter().any(|one| wanted.binary_search(one).is_ok())
            };
            listed(issuer_skis, &claims.certificate_issuer_skis)
                && listed(policy_oids, &claims.certificate_policy_oids)
        }
    }
}
