//! Whether a policy's grant is satisfied, and what would cure it where not (semantics §5,
//! "Whether a grant is satisfied" and "Challenge or block").

use crosstrust::decision::{Cure, Reason, Where};
use crosstrust::id::{CustomControlId, TermsOfUseId};
use crosstrust::request::{Request, UserClass};
use crosstrust::vocabulary::AuthenticationMethod as Method;
use serde_json::Value;

use super::documents::{is_word, member, text, texts};
use super::settings::{self, Trust};
use super::{TenantDocuments, World, strengths};

/// What a grant comes to.
#[derive(Debug, Clone)]
pub enum Grant {
    Block,
    Satisfied,
    Missing(Missing),
}

/// An unsatisfied grant: what its denial names, and everything that would cure it.
#[derive(Debug, Clone)]
pub struct Missing {
    pub place: u8,
    pub reason: Reason,
    pub cures: Option<Vec<Cure>>,
}

/// A control that is not satisfied.
struct Lack {
    place: u8,
    reason: Reason,
    cure: Option<Cure>,
}

/// The place of the sign-in frequency in the documented order: after every control.
pub const FREQUENCY_PLACE: u8 = 8;

pub fn evaluate(
    world: &World,
    tenant: &TenantDocuments,
    policy: &Value,
    request: &Request,
) -> Grant {
    let Some(grant) = member(policy, "grantControls") else {
        return Grant::Satisfied;
    };
    let words = texts(grant, "builtInControls");
    if words.iter().any(|word| is_word(word, "block")) {
        return Grant::Block;
    }
    let user = User::of(world, request);
    let mut controls: Vec<Option<Lack>> = Vec::new();
    // In the documented order, so that the first that is missing is the one to name.
    for wanted in CONTROLS {
        if words.iter().any(|word| is_word(word, wanted)) {
            controls.push(user.built_in(wanted));
        }
        if *wanted == "mfa"
            && let Some(named) = member(grant, "authenticationStrength")
        {
            controls.push(user.strength(tenant, named));
        }
    }
    for word in &words {
        assert!(CONTROLS.iter().any(|known| is_word(word, known)), "{word}");
    }
    let terms = texts(grant, "termsOfUse");
    if !terms.is_empty() {
        controls.push(user.terms_of_use(&terms));
    }
    let custom = texts(grant, "customAuthenticationFactors");
    if !custom.is_empty() {
        controls.push(user.custom_controls(&custom));
    }
    match text(grant, "operator") {
        Some(operator) if is_word(operator, "OR") => any_of(controls),
        Some(operator) => {
            assert!(is_word(operator, "AND"), "{operator}");
            all_of(controls)
        }
        None => all_of(controls),
    }
}

const CONTROLS: &[&str] = &[
    "mfa",
    "compliantDevice",
    "domainJoinedDevice",
    "approvedApplication",
    "compliantApplication",
    "passwordChange",
    "riskRemediation",
];

fn all_of(controls: Vec<Option<Lack>>) -> Grant {
    let lacks: Vec<Lack> = controls.into_iter().flatten().collect();
    let cures = lacks.iter().map(|lack| lack.cure).collect();
    match lacks.first() {
        None => Grant::Satisfied,
        Some(first) => Grant::Missing(Missing {
            place: first.place,
            reason: first.reason,
            cures,
        }),
    }
}

/// One is enough; where there is none, the first that the user could still cure is named.
fn any_of(controls: Vec<Option<Lack>>) -> Grant {
    if controls.is_empty() || controls.iter().any(|control| control.is_none()) {
        return Grant::Satisfied;
    }
    let lacks: Vec<Lack> = controls.into_iter().flatten().collect();
    let named = lacks
        .iter()
        .find(|lack| lack.cure.is_some())
        .unwrap_or(&lacks[0]);
    Grant::Missing(Missing {
        place: named.place,
        reason: named.reason,
        cures: named.cure.map(|cure| vec![cure]),
    })
}

struct User<'r> {
    request: &'r Request,
    class: UserClass,
    /// Of the resource tenant in the home tenant; an internal user's claims need none.
    trust: Trust,
}

impl<'r> User<'r> {
    fn of(world: &World, request: &'r Request) -> Self {
        let class = request.user_class();
        User {
            request,
            class,
            trust: match class {
                UserClass::Internal => Trust {
                    mfa: true,
                    compliant_device: true,
                    hybrid_joined_device: true,
                },
                UserClass::DirectConnect | UserClass::Collaboration => {
                    settings::trust(world, request)
                }
            },
        }
    }

    fn built_in(&self, control: &str) -> Option<Lack> {
        let claims = &self.request.claims;
        let context = &self.request.context;
        match control {
            "mfa" => self.mfa(),
            "compliantDevice" => device(
                1,
                claims.compliant_device,
                self.trust.compliant_device,
                Reason::CompliantDeviceRequired,
                Reason::CompliantDeviceNotTrusted,
                Cure::CompliantDevice,
            ),
            "domainJoinedDevice" => device(
                2,
                claims.hybrid_joined_device,
                self.trust.hybrid_joined_device,
                Reason::HybridJoinedDeviceRequired,
                Reason::HybridJoinedDeviceNotTrusted,
                Cure::HybridJoinedDevice,
            ),
            "approvedApplication" => {
                self.internal_only(3, context.approved_application, Reason::ApprovedAppRequired)
            }
            "compliantApplication" => {
                self.internal_only(4, context.app_protection, Reason::AppProtectionRequired)
            }
            "passwordChange" => {
                self.internal_only(5, context.password_changed, Reason::PasswordChangeRequired)
            }
            "riskRemediation" => {
                self.internal_only(5, context.risk_remediated, Reason::PasswordChangeRequired)
            }
            other => panic!("unknown control {other}"),
        }
    }

    fn mfa(&self) -> Option<Lack> {
        let claims = &self.request.claims;
        let (done, cure) = match (self.class, self.trust.mfa) {
            (UserClass::DirectConnect, false) => return Some(mfa_not_trusted()),
            (UserClass::Internal | UserClass::DirectConnect, _) => {
                (claims.mfa, Cure::Mfa(Where::Home))
            }
            (UserClass::Collaboration, true) => {
                (claims.mfa || claims.resource_mfa, Cure::Mfa(Where::Home))
            }
            (UserClass::Collaboration, false) => (claims.resource_mfa, Cure::Mfa(Where::Resource)),
        };
        (!done).then_some(Lack {
            place: 0,
            reason: Reason::MfaRequired,
            cure: Some(cure),
        })
    }

    fn strength(&self, tenant: &TenantDocuments, named: &Value) -> Option<Lack> {
        let claims = &self.request.claims;
        let (id, strength) = strengths::find(tenant, named);
        let at_home = claims.authentication_methods;
        let at_resource = claims.resource_authentication_methods;
        let (bare, done, column, place_of_cure) = match (self.class, self.trust.mfa) {
            (UserClass::DirectConnect, false) => return Some(mfa_not_trusted()),
            (UserClass::Internal, _) => (
                claims.mfa,
                at_home.union(at_resource),
                Method::ALL,
                Where::Home,
            ),
            (UserClass::DirectConnect | UserClass::Collaboration, true) => {
                (claims.mfa, at_home, strengths::HOME_COLUMN, Where::Home)
            }
            (UserClass::Collaboration, false) => (
                claims.resource_mfa,
                at_resource,
                strengths::RESOURCE_COLUMN,
                Where::Resource,
            ),
        };
        let done: Vec<Method> = done
            .iter()
            .filter(|method| column.contains(method))
            .collect();
        let satisfied = (bare && id == strengths::MULTIFACTOR)
            || strengths::is_reached(&strength, &done, self.request);
        let reachable = strengths::combinations(&strength)
            .into_iter()
            .any(|combination| combination.iter().all(|method| column.contains(method)));
        (!satisfied).then_some(Lack {
            place: 0,
            reason: Reason::AuthenticationStrengthRequired,
            cure: reachable.then_some(Cure::Strength(id, place_of_cure)),
        })
    }

    fn terms_of_use(&self, terms: &[&str]) -> Option<Lack> {
        let accepted = &self.request.claims.accepted_terms_of_use;
        let all_accepted = terms.iter().all(|id| {
            let id: TermsOfUseId = id.parse().expect("a terms of use id");
            accepted.contains(&id)
        });
        match self.class {
            UserClass::DirectConnect => Some(not_supported(6)),
            UserClass::Internal | UserClass::Collaboration => (!all_accepted).then_some(Lack {
                place: 6,
                reason: Reason::TermsOfUseRequired,
                cure: None,
            }),
        }
    }

    fn custom_controls(&self, ids: &[&str]) -> Option<Lack> {
        let accepted = &self.request.claims.accepted_custom_controls;
        let all_accepted = ids.iter().all(|id| {
            let id: CustomControlId = id.parse().expect("a custom control id");
            accepted.contains(&id)
        });
        (self.class != UserClass::Internal || !all_accepted).then(|| not_supported(7))
    }

    fn internal_only(&self, place: u8, fact: Option<bool>, reason: Reason) -> Option<Lack> {
        if self.class != UserClass::Internal {
            return Some(not_supported(place));
        }
        (fact != Some(true)).then_some(Lack {
            place,
            reason,
            cure: None,
        })
    }
}

fn device(
    place: u8,
    claimed: bool,
    trusted: bool,
    required: Reason,
    not_trusted: Reason,
    cure: Cure,
) -> Option<Lack> {
    match (trusted, claimed) {
        (true, true) => None,
        (true, false) => Some(Lack {
            place,
            reason: required,
            cure: Some(cure),
        }),
        (false, _) => Some(Lack {
            place,
            reason: not_trusted,
            cure: None,
        }),
    }
}

fn mfa_not_trusted() -> Lack {
    Lack {
        place: 0,
        reason: Reason::MfaNotTrusted,
        cure: None,
    }
}

fn not_supported(place: u8) -> Lack {
    Lack {
        place,
        reason: Reason::ControlNotSupported,
        cure: None,
    }
}
