//! Whether a policy's grant is satisfied, and which step-ups satisfy it if not (semantics §5,
//! "Whether a grant is satisfied" and "Challenge or block").

use crosstrust::decision::{Reason, SignInTenant, StepUp};
use crosstrust::id::{CustomControlId, TermsOfUseId};
use crosstrust::request::{Request, UserClass};
use crosstrust::vocabulary::AuthenticationMethod as Method;
use serde_json::Value;

use super::documents::{is_word, member, text, texts};
use super::settings::{self, Trust};
use super::{TenantDocuments, World, strengths};

/// The result of a grant.
#[derive(Debug, Clone)]
pub enum Grant {
    Block,
    Satisfied,
    Missing(Missing),
}

/// An unsatisfied grant: the reason of its denial, and every step-up that satisfies it.
#[derive(Debug, Clone)]
pub struct Missing {
    pub place: u8,
    pub reason: Reason,
    pub step_ups: Option<Vec<StepUp>>,
}

/// An unsatisfied control.
struct MissingControl {
    place: u8,
    reason: Reason,
    step_up: Option<StepUp>,
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
    let mut controls: Vec<Option<MissingControl>> = Vec::new();
    // In the documented order, so that the first missing control is the reason.
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

fn all_of(controls: Vec<Option<MissingControl>>) -> Grant {
    let missing: Vec<MissingControl> = controls.into_iter().flatten().collect();
    let step_ups = missing.iter().map(|control| control.step_up).collect();
    match missing.first() {
        None => Grant::Satisfied,
        Some(first) => Grant::Missing(Missing {
            place: first.place,
            reason: first.reason,
            step_ups,
        }),
    }
}

/// One is enough. If none is satisfied, the reason is the first that a step-up can satisfy.
fn any_of(controls: Vec<Option<MissingControl>>) -> Grant {
    if controls.is_empty() || controls.iter().any(|control| control.is_none()) {
        return Grant::Satisfied;
    }
    let missing: Vec<MissingControl> = controls.into_iter().flatten().collect();
    let named = missing
        .iter()
        .find(|control| control.step_up.is_some())
        .unwrap_or(&missing[0]);
    Grant::Missing(Missing {
        place: named.place,
        reason: named.reason,
        step_ups: named.step_up.map(|step_up| vec![step_up]),
    })
}

struct User<'r> {
    request: &'r Request,
    class: UserClass,
    /// The resource tenant's trust in the home tenant; an internal user's claims need none.
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

    fn built_in(&self, control: &str) -> Option<MissingControl> {
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
                StepUp::CompliantDevice,
            ),
            "domainJoinedDevice" => device(
                2,
                claims.hybrid_joined_device,
                self.trust.hybrid_joined_device,
                Reason::HybridJoinedDeviceRequired,
                Reason::HybridJoinedDeviceNotTrusted,
                StepUp::HybridJoinedDevice,
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

    fn mfa(&self) -> Option<MissingControl> {
        let claims = &self.request.claims;
        let (done, step_up) = match (self.class, self.trust.mfa) {
            (UserClass::DirectConnect, false) => return Some(mfa_not_trusted()),
            (UserClass::Internal | UserClass::DirectConnect, _) => {
                (claims.mfa, StepUp::Mfa(SignInTenant::Home))
            }
            (UserClass::Collaboration, true) => (
                claims.mfa || claims.resource_mfa,
                StepUp::Mfa(SignInTenant::Home),
            ),
            (UserClass::Collaboration, false) => {
                (claims.resource_mfa, StepUp::Mfa(SignInTenant::Resource))
            }
        };
        (!done).then_some(MissingControl {
            place: 0,
            reason: Reason::MfaRequired,
            step_up: Some(step_up),
        })
    }

    fn strength(&self, tenant: &TenantDocuments, named: &Value) -> Option<MissingControl> {
        let claims = &self.request.claims;
        let (id, strength) = strengths::find(tenant, named);
        let at_home = claims.authentication_methods;
        let at_resource = claims.resource_authentication_methods;
        let (bare, done, column, step_up_place) = match (self.class, self.trust.mfa) {
            (UserClass::DirectConnect, false) => return Some(mfa_not_trusted()),
            (UserClass::Internal, _) => (
                claims.mfa,
                at_home.union(at_resource),
                Method::ALL,
                SignInTenant::Home,
            ),
            (UserClass::DirectConnect | UserClass::Collaboration, true) => (
                claims.mfa,
                at_home,
                strengths::HOME_COLUMN,
                SignInTenant::Home,
            ),
            (UserClass::Collaboration, false) => (
                claims.resource_mfa,
                at_resource,
                strengths::RESOURCE_COLUMN,
                SignInTenant::Resource,
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
        (!satisfied).then_some(MissingControl {
            place: 0,
            reason: Reason::AuthenticationStrengthRequired,
            step_up: reachable.then_some(StepUp::Strength(id, step_up_place)),
        })
    }

    fn terms_of_use(&self, terms: &[&str]) -> Option<MissingControl> {
        let accepted = &self.request.claims.accepted_terms_of_use;
        let all_accepted = terms.iter().all(|id| {
            let id: TermsOfUseId = id.parse().expect("a terms of use id");
            accepted.contains(&id)
        });
        match self.class {
            UserClass::DirectConnect => Some(not_supported(6)),
            UserClass::Internal | UserClass::Collaboration => {
                (!all_accepted).then_some(MissingControl {
                    place: 6,
                    reason: Reason::TermsOfUseRequired,
                    step_up: None,
                })
            }
        }
    }

    fn custom_controls(&self, ids: &[&str]) -> Option<MissingControl> {
        let accepted = &self.request.claims.accepted_custom_controls;
        let all_accepted = ids.iter().all(|id| {
            let id: CustomControlId = id.parse().expect("a custom control id");
            accepted.contains(&id)
        });
        (self.class != UserClass::Internal || !all_accepted).then(|| not_supported(7))
    }

    fn internal_only(
        &self,
        place: u8,
        fact: Option<bool>,
        reason: Reason,
    ) -> Option<MissingControl> {
        if self.class != UserClass::Internal {
            return Some(not_supported(place));
        }
        (fact != Some(true)).then_some(MissingControl {
            place,
            reason,
            step_up: None,
        })
    }
}

fn device(
    place: u8,
    claimed: bool,
    trusted: bool,
    required: Reason,
    not_trusted: Reason,
    step_up: StepUp,
) -> Option<MissingControl> {
    match (trusted, claimed) {
        (true, true) => None,
        (true, false) => Some(MissingControl {
            place,
            reason: required,
            step_up: Some(step_up),
        }),
        (false, _) => Some(MissingControl {
            place,
            reason: not_trusted,
            step_up: None,
        }),
    }
}

fn mfa_not_trusted() -> MissingControl {
    MissingControl {
        place: 0,
        reason: Reason::MfaNotTrusted,
        step_up: None,
    }
}

fn not_supported(place: u8) -> MissingControl {
    MissingControl {
        place,
        reason: Reason::ControlNotSupported,
        step_up: None,
    }
}
