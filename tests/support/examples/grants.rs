//! Grants of several controls and of several policies (semantics §5): operators, order, step-ups.

use crosstrust::decision::{PolicyResult, Reason, SignInTenant, Stage, StepUp};
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, challenges, denies};
use crate::reference::World;
use crate::support::build::*;
use crate::support::universe::*;

const STAGE: Stage = Stage::ConditionalAccess;
const MFA_AT_HOME: &[StepUp] = &[StepUp::Mfa(SignInTenant::Home)];

pub fn all() -> Vec<Example> {
    [operators(), several(), reported()]
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

fn operators() -> Vec<Example> {
    let none_named = || grant(json!({"builtInControls": ["mfa", "compliantDevice"]}));
    let all_of = || require(&["compliantDevice", "mfa"]);
    let mixed = || require_one(&["approvedApplication", "mfa"]);
    let unsupported = || require(&["approvedApplication", "mfa"]);
    vec![
        challenges(
            "AND: the first in the documented order is named, all have a step-up",
            &trusted(all_of()),
            direct(),
            STAGE,
            Reason::MfaRequired,
            &[StepUp::Mfa(SignInTenant::Home), StepUp::CompliantDevice],
        ),
        challenges(
            "AND: what is satisfied is not",
            &trusted(all_of()),
            mfa_at_home(direct()),
            STAGE,
            Reason::CompliantDeviceRequired,
            &[StepUp::CompliantDevice],
        ),
        challenges(
            "no operator is AND",
            &trusted(none_named()),
            mfa_at_home(direct()),
            STAGE,
            Reason::CompliantDeviceRequired,
            &[StepUp::CompliantDevice],
        ),
        denies(
            "AND: with one without a step-up there is none",
            &under(all_of(), trust(true, false, true)),
            direct(),
            STAGE,
            Reason::MfaRequired,
        ),
        denies(
            "AND: with an unsupported control never",
            &trusted(unsupported()),
            mfa_at_home(direct()),
            STAGE,
            Reason::ControlNotSupported,
        ),
        allows(
            "OR: one suffices, though another is unsupported",
            &trusted(mixed()),
            mfa_at_home(direct()),
        ),
        challenges(
            "OR: names the one with a step-up",
            &trusted(mixed()),
            direct(),
            STAGE,
            Reason::MfaRequired,
            MFA_AT_HOME,
        ),
        challenges(
            "OR: the first that can, in the documented order",
            &trusted(require_one(&["domainJoinedDevice", "compliantDevice"])),
            direct(),
            STAGE,
            Reason::CompliantDeviceRequired,
            &[StepUp::CompliantDevice],
        ),
        denies(
            "OR: else the first",
            &untrusted(mixed()),
            mfa_at_home(direct()),
            STAGE,
            Reason::MfaNotTrusted,
        ),
        allows(
            "no control is satisfied",
            &trusted(require_one(&[])),
            direct(),
        )
        .applied(&[(policy_id(1), PolicyResult::Success)]),
        allows(
            "no grant controls are satisfied",
            &trusted(grant(Value::Null)),
            direct(),
        ),
    ]
}

fn several() -> Vec<Example> {
    let two = |first: Value, second: Value, accepts: Value| {
        world([
            trusting_contoso(accepts).policy(1, first).policy(2, second),
            open_fabrikam(),
        ])
    };
    let full = || trust(true, true, true);
    let device_then_mfa = two(require(&["compliantDevice"]), require(&["mfa"]), full());
    let terms = || {
        grant(
            json!({"operator": "AND", "builtInControls": [], "termsOfUse": [TERMS[0].to_string()]}),
        )
    };
    let at_place_zero = two(
        grant(
            json!({"operator": "AND", "authenticationStrength": {"id": BUILT_IN_PHISHING_RESISTANT.to_string()}}),
        ),
        require(&["mfa"]),
        full(),
    );
    let swapped = world([trusting_contoso(full()).policy(2, require(&["mfa"])).policy(1, grant(json!({
        "operator": "AND", "authenticationStrength": {"id": BUILT_IN_PHISHING_RESISTANT.to_string()},
    }))), open_fabrikam()]);
    let strongest = StepUp::Strength(BUILT_IN_PHISHING_RESISTANT, SignInTenant::Home);
    let unsupported_then_device = two(
        require(&["approvedApplication"]),
        require(&["compliantDevice"]),
        full(),
    );
    vec![
        challenges(
            "several: the earliest control over all policies",
            &device_then_mfa,
            direct(),
            STAGE,
            Reason::MfaRequired,
            &[StepUp::Mfa(SignInTenant::Home), StepUp::CompliantDevice],
        )
        .applied(&[
            (policy_id(1), PolicyResult::Failure),
            (policy_id(2), PolicyResult::Failure),
        ]),
        challenges(
            "several: all must be satisfied",
            &device_then_mfa,
            mfa_at_home(direct()),
            STAGE,
            Reason::CompliantDeviceRequired,
            &[StepUp::CompliantDevice],
        )
        .applied(&[
            (policy_id(1), PolicyResult::Failure),
            (policy_id(2), PolicyResult::Success),
        ]),
        denies(
            "several: a step-up only if every policy has one",
            &two(require(&["mfa"]), terms(), full()),
            guest(),
            STAGE,
            Reason::MfaRequired,
        ),
        denies(
            "several: an unsupported control stands at its own place",
            &unsupported_then_device,
            direct(),
            STAGE,
            Reason::CompliantDeviceRequired,
        ),
        challenges(
            "several: of one place the first by policy id",
            &at_place_zero,
            direct(),
            STAGE,
            Reason::AuthenticationStrengthRequired,
            &[StepUp::Mfa(SignInTenant::Home), strongest],
        ),
        challenges(
            "several: by id, not by the order of the file",
            &swapped,
            direct(),
            STAGE,
            Reason::AuthenticationStrengthRequired,
            &[StepUp::Mfa(SignInTenant::Home), strongest],
        ),
        denies(
            "several: a block wins and has no step-up",
            &two(require(&["mfa"]), block(), full()),
            direct(),
            STAGE,
            Reason::CaBlocked,
        ),
        challenges(
            "several: the same step-up is required once",
            &two(require(&["mfa"]), require(&["mfa"]), full()),
            direct(),
            STAGE,
            Reason::MfaRequired,
            MFA_AT_HOME,
        ),
        challenges(
            "several: an OR requires only what it names",
            &two(
                require_one(&["mfa", "compliantDevice"]),
                require(&["domainJoinedDevice"]),
                full(),
            ),
            direct(),
            STAGE,
            Reason::MfaRequired,
            &[StepUp::Mfa(SignInTenant::Home), StepUp::HybridJoinedDevice],
        ),
    ]
}

fn reported() -> Vec<Example> {
    let reporting = |policy: Value| trusted(report_only(policy));
    let result = |result| [(policy_id(1), result)];
    vec![
        allows(
            "report-only: satisfied",
            &reporting(require(&["mfa"])),
            mfa_at_home(direct()),
        )
        .applied(&result(PolicyResult::ReportOnlySuccess)),
        allows(
            "report-only: would have challenged",
            &reporting(require(&["mfa"])),
            direct(),
        )
        .applied(&result(PolicyResult::ReportOnlyInterrupted)),
        allows(
            "report-only: would have denied",
            &reporting(require(&["approvedApplication"])),
            direct(),
        )
        .applied(&result(PolicyResult::ReportOnlyFailure)),
    ]
}
