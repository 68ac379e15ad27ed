//! Grant controls, their operator, their order, and their step-ups (semantics §5).

use crosstrust::decision::{Reason, SignInTenant, Stage, StepUp};
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, challenges, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

const STAGE: Stage = Stage::ConditionalAccess;
const MFA_AT_HOME: &[StepUp] = &[StepUp::Mfa(SignInTenant::Home)];

pub fn all() -> Vec<Example> {
    [mfa(), devices(), accepted(), internal_only()]
        .into_iter()
        .flatten()
        .collect()
}

fn under(policy: Value, accepts: Value) -> World {
    world([trusting_contoso(accepts).policy(1, policy), open_fabrikam()])
}

fn trusted(policy: Value) -> World {
    under(policy, trust(true, true, true))
}

fn untrusted(policy: Value) -> World {
    under(policy, trust(false, false, false))
}

fn mfa_at_home(mut request: Request) -> Request {
    request.claims.mfa = true;
    request
}

fn mfa_at_resource(mut request: Request) -> Request {
    request.claims.resource_mfa = true;
    request
}

fn mfa() -> Vec<Example> {
    let policy = || require(&["mfa"]);
    let reason = Reason::MfaRequired;
    let at_resource = &[StepUp::Mfa(SignInTenant::Resource)];
    vec![
        allows(
            "mfa: internal, done",
            &untrusted(policy()),
            mfa_at_home(internal()),
        ),
        challenges(
            "mfa: internal, not done",
            &untrusted(policy()),
            internal(),
            STAGE,
            reason,
            MFA_AT_HOME,
        ),
        challenges(
            "mfa: direct connect, done in the resource tenant",
            &trusted(policy()),
            mfa_at_resource(direct()),
            STAGE,
            reason,
            MFA_AT_HOME,
        ),
        allows(
            "mfa: guest with trust, done at home",
            &trusted(policy()),
            mfa_at_home(guest()),
        ),
        allows(
            "mfa: guest with trust, done in the resource tenant",
            &trusted(policy()),
            mfa_at_resource(guest()),
        ),
        challenges(
            "mfa: guest with trust, not done",
            &trusted(policy()),
            guest(),
            STAGE,
            reason,
            MFA_AT_HOME,
        ),
        challenges(
            "mfa: guest without trust, done at home",
            &untrusted(policy()),
            mfa_at_home(guest()),
            STAGE,
            reason,
            at_resource,
        ),
        allows(
            "mfa: guest without trust, done in the resource tenant",
            &untrusted(policy()),
            mfa_at_resource(guest()),
        ),
        denies(
            "block: wins over a grant that is satisfied",
            &trusted(require_one(&["mfa", "block"])),
            mfa_at_home(direct()),
            STAGE,
            Reason::CaBlocked,
        ),
    ]
}

fn devices() -> Vec<Example> {
    let compliant = || require(&["compliantDevice"]);
    let joined = || require(&["domainJoinedDevice"]);
    let on_both = |mut request: Request| {
        request.claims.compliant_device = true;
        request.claims.hybrid_joined_device = true;
        request
    };
    vec![
        allows(
            "compliant device: internal, the claim alone",
            &untrusted(compliant()),
            on_both(internal()),
        ),
        challenges(
            "compliant device: internal, no claim",
            &untrusted(compliant()),
            internal(),
            STAGE,
            Reason::CompliantDeviceRequired,
            &[StepUp::CompliantDevice],
        ),
        allows(
            "compliant device: guest with trust",
            &trusted(compliant()),
            on_both(guest()),
        ),
        denies(
            "compliant device: guest without trust",
            &untrusted(compliant()),
            on_both(guest()),
            STAGE,
            Reason::CompliantDeviceNotTrusted,
        ),
        denies(
            "compliant device: without trust or claim",
            &untrusted(compliant()),
            direct(),
            STAGE,
            Reason::CompliantDeviceNotTrusted,
        ),
        denies(
            "compliant device: another trust is none",
            &under(compliant(), trust(true, false, true)),
            on_both(direct()),
            STAGE,
            Reason::CompliantDeviceNotTrusted,
        ),
        allows(
            "hybrid joined device: with trust",
            &trusted(joined()),
            on_both(direct()),
        ),
        challenges(
            "hybrid joined device: no claim",
            &trusted(joined()),
            direct(),
            STAGE,
            Reason::HybridJoinedDeviceRequired,
            &[StepUp::HybridJoinedDevice],
        ),
        denies(
            "hybrid joined device: without trust",
            &under(joined(), trust(true, true, false)),
            on_both(direct()),
            STAGE,
            Reason::HybridJoinedDeviceNotTrusted,
        ),
        challenges(
            "hybrid joined device: internal, no claim",
            &untrusted(joined()),
            internal(),
            STAGE,
            Reason::HybridJoinedDeviceRequired,
            &[StepUp::HybridJoinedDevice],
        ),
    ]
}

fn accepted() -> Vec<Example> {
    let terms = || {
        grant(
            json!({"operator": "AND", "builtInControls": [], "termsOfUse": [TERMS[0].to_string(), TERMS[1].to_string()]}),
        )
    };
    let either = || {
        grant(
            json!({"operator": "OR", "builtInControls": ["mfa"], "termsOfUse": [TERMS[0].to_string(), TERMS[1].to_string()]}),
        )
    };
    let custom = || {
        grant(
            json!({"operator": "AND", "builtInControls": [], "customAuthenticationFactors": [CUSTOM_CONTROLS[0].to_string()]}),
        )
    };
    let accepting = |mut request: Request, count: usize| {
        request.claims.accepted_terms_of_use = TERMS[..count].to_vec();
        request
    };
    let satisfying = |mut request: Request, n: usize| {
        request.claims.accepted_custom_controls = vec![CUSTOM_CONTROLS[n]];
        request
    };
    vec![
        allows(
            "terms: a guest accepted all",
            &trusted(terms()),
            accepting(guest(), 2),
        ),
        denies(
            "terms: a guest accepted some",
            &trusted(terms()),
            accepting(guest(), 1),
            STAGE,
            Reason::TermsOfUseRequired,
        ),
        allows(
            "terms: an internal user accepted all",
            &trusted(terms()),
            accepting(internal(), 2),
        ),
        denies(
            "terms: an internal user accepted none",
            &trusted(terms()),
            internal(),
            STAGE,
            Reason::TermsOfUseRequired,
        ),
        denies(
            "terms: direct connect does not support them",
            &trusted(terms()),
            accepting(direct(), 2),
            STAGE,
            Reason::ControlNotSupported,
        ),
        challenges(
            "terms: of an OR all or none",
            &trusted(either()),
            accepting(guest(), 1),
            STAGE,
            Reason::MfaRequired,
            MFA_AT_HOME,
        ),
        allows(
            "custom control: an internal user",
            &trusted(custom()),
            satisfying(internal(), 0),
        ),
        denies(
            "custom control: another",
            &trusted(custom()),
            satisfying(internal(), 1),
            STAGE,
            Reason::ControlNotSupported,
        ),
        denies(
            "custom control: never for a guest",
            &trusted(custom()),
            satisfying(guest(), 0),
            STAGE,
            Reason::ControlNotSupported,
        ),
    ]
}

fn internal_only() -> Vec<Example> {
    let mut examples = Vec::new();
    type Set = fn(&mut Request, Option<bool>);
    let rows: [(&str, Reason, Set, [&'static str; 4]); 4] = [
        (
            "approvedApplication",
            Reason::ApprovedAppRequired,
            |r, fact| r.context.approved_application = fact,
            [
                "approved app: yes",
                "approved app: no",
                "approved app: unknown",
                "approved app: a guest",
            ],
        ),
        (
            "compliantApplication",
            Reason::AppProtectionRequired,
            |r, fact| r.context.app_protection = fact,
            [
                "app protection: yes",
                "app protection: no",
                "app protection: unknown",
                "app protection: a guest",
            ],
        ),
        (
            "passwordChange",
            Reason::PasswordChangeRequired,
            |r, fact| r.context.password_changed = fact,
            [
                "password change: yes",
                "password change: no",
                "password change: unknown",
                "password change: a guest",
            ],
        ),
        (
            "riskRemediation",
            Reason::PasswordChangeRequired,
            |r, fact| r.context.risk_remediated = fact,
            [
                "risk remediation: yes",
                "risk remediation: no",
                "risk remediation: unknown",
                "risk remediation: a guest",
            ],
        ),
    ];
    for (control, reason, set, names) in rows {
        let world = trusted(require(&[control]));
        let ask = |request, fact| with(request, |request| set(request, fact));
        examples.push(allows(names[0], &world, ask(internal(), Some(true))));
        examples.push(denies(
            names[1],
            &world,
            ask(internal(), Some(false)),
            STAGE,
            reason,
        ));
        examples.push(denies(names[2], &world, internal(), STAGE, reason));
        examples.push(denies(
            names[3],
            &world,
            ask(guest(), Some(true)),
            STAGE,
            Reason::ControlNotSupported,
        ));
    }
    examples
}
