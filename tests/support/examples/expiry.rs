//! How long an answer is valid (semantics §4), sign-in frequencies and session controls.

use crosstrust::decision::{PolicyResult, Reason, SignInTenant, Stage, StepUp};
use crosstrust::request::Request;
use serde_json::{Value, json};

use super::{Example, allows, challenges, denies};
use crate::support::build::*;
use crate::support::universe::*;

pub fn all() -> Vec<Example> {
    [instants(), frequencies(), obligations()]
        .into_iter()
        .flatten()
        .collect()
}

fn every(value: u64, unit: &str) -> Value {
    json!({"signInFrequency": {"isEnabled": true, "value": value, "type": unit, "frequencyInterval": "timeBased"}})
}

fn with_session(controls: Value) -> Value {
    having(require_one(&[]), "sessionControls", controls)
}

/// A request whose user signed in this many seconds ago.
fn signed_in(mut request: Request, seconds: u64) -> Request {
    request.claims.auth_time = Some(ago(seconds));
    request
}

fn instants() -> Vec<Example> {
    let plain = contoso_with(&[]);
    let expiring = |seconds| {
        with(direct(), |request| {
            request.claims.expires_at = in_seconds(seconds)
        })
    };
    vec![
        allows("expiry: an hour", &plain, expiring(7200))
            .until(in_seconds(3600))
            .cacheable(true),
        allows(
            "expiry: the token's, if it is earlier",
            &plain,
            expiring(600),
        )
        .until(in_seconds(600)),
        denies(
            "expiry: a denial is valid equally long",
            &contoso_with(&[block()]),
            direct(),
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        )
        .until(in_seconds(3600))
        .cacheable(true),
    ]
}

fn frequencies() -> Vec<Example> {
    let stage = Stage::ConditionalAccess;
    let reason = Reason::SignInFrequencyExceeded;
    let again = &[StepUp::Reauthenticate];
    let hourly = contoso_with(&[with_session(every(1, "hours"))]);
    let daily = contoso_with(&[with_session(every(1, "days"))]);
    let always = contoso_with(&[with_session(
        json!({"signInFrequency": {"isEnabled": true, "frequencyInterval": "everyTime"}}),
    )]);
    let off = contoso_with(&[with_session(
        json!({"signInFrequency": {"isEnabled": false, "value": 1, "type": "hours"}}),
    )]);
    let reported = contoso_with(&[report_only(with_session(every(1, "hours")))]);
    let two = contoso_with(&[
        with_session(every(4, "hours")),
        with_session(every(1, "hours")),
    ]);
    let with_mfa = contoso_with(&[having(
        require(&["mfa"]),
        "sessionControls",
        every(1, "hours"),
    )]);
    let with_terms = contoso_with(&[having(
        grant(
            json!({"operator": "AND", "builtInControls": [], "termsOfUse": [TERMS[0].to_string()]}),
        ),
        "sessionControls",
        every(1, "hours"),
    )]);
    let unsaid = |mut request: Request| {
        request.claims.auth_time = None;
        request
    };
    let satisfied = (policy_id(1), PolicyResult::Success);
    vec![
        allows(
            "frequency: counts from the sign-in",
            &hourly,
            signed_in(guest(), 600),
        )
        .until(in_seconds(3000))
        .applied(&[satisfied]),
        allows(
            "frequency: binds internal users too",
            &hourly,
            signed_in(internal(), 600),
        )
        .until(in_seconds(3000)),
        allows(
            "frequency: a second is left",
            &hourly,
            signed_in(guest(), 3599),
        )
        .until(in_seconds(1))
        .cacheable(true),
        challenges(
            "frequency: at the very instant it has passed",
            &hourly,
            signed_in(guest(), 3600),
            stage,
            reason,
            again,
        )
        .until(NOW)
        .cacheable(false)
        .applied(&[(policy_id(1), PolicyResult::Failure)]),
        challenges(
            "frequency: of an unknown sign-in has passed",
            &hourly,
            unsaid(guest()),
            stage,
            reason,
            again,
        )
        .until(in_seconds(3600))
        .cacheable(true),
        challenges(
            "frequency: every time, of an unknown sign-in, sets no instant and is not cached",
            &always,
            unsaid(guest()),
            stage,
            reason,
            again,
        )
        .until(in_seconds(3600))
        .cacheable(false),
        challenges(
            "frequency: beside one that passes later, an unknown sign-in sets no instant",
            &two,
            unsaid(with(guest(), |request| {
                request.claims.expires_at = in_seconds(600);
            })),
            stage,
            reason,
            again,
        )
        .until(in_seconds(600)),
        allows(
            "frequency: none for direct connect",
            &hourly,
            signed_in(direct(), 9999),
        )
        .until(in_seconds(3600)),
        allows("frequency: in days", &daily, signed_in(guest(), 86_000)).until(in_seconds(400)),
        allows(
            "frequency: every time is five minutes and not cached",
            &always,
            signed_in(guest(), 100),
        )
        .until(in_seconds(200))
        .cacheable(false),
        challenges(
            "frequency: every time, after five minutes",
            &always,
            signed_in(guest(), 300),
            stage,
            reason,
            again,
        )
        .until(NOW)
        .cacheable(false),
        allows("frequency: switched off", &off, signed_in(guest(), 9999))
            .until(in_seconds(3600))
            .obliged(&[]),
        allows(
            "frequency: report-only has none",
            &reported,
            signed_in(guest(), 9999),
        )
        .until(in_seconds(3600))
        .applied(&[(policy_id(1), PolicyResult::ReportOnlySuccess)]),
        allows(
            "frequency: of two the earlier",
            &two,
            signed_in(guest(), 600),
        )
        .until(in_seconds(3000)),
        challenges(
            "frequency: a missing control comes first and one sign-in resolves both",
            &with_mfa,
            signed_in(guest(), 3600),
            stage,
            Reason::MfaRequired,
            &[StepUp::Mfa(SignInTenant::Home), StepUp::Reauthenticate],
        ),
        challenges(
            "frequency: alone if the control is satisfied",
            &with_mfa,
            with(signed_in(guest(), 3600), |request| {
                request.claims.mfa = true
            }),
            stage,
            reason,
            again,
        ),
        denies(
            "frequency: no step-up if terms are missing",
            &with_terms,
            signed_in(guest(), 3600),
            stage,
            Reason::TermsOfUseRequired,
        ),
    ]
}

fn obligations() -> Vec<Example> {
    let browser = || json!({"persistentBrowser": {"isEnabled": true, "mode": "never"}});
    let kept = contoso_with(&[
        with_session(browser()),
        require(&["mfa"]),
        with_session(json!({"persistentBrowser": null})),
    ]);
    let blocked = contoso_with(&[with_session(browser()), block()]);
    let reported = contoso_with(&[report_only(with_session(browser()))]);
    let mfa = |mut request: Request| {
        request.claims.mfa = true;
        request
    };
    vec![
        allows("obligation: of a guest", &kept, mfa(guest())).obliged(&[policy_id(1)]),
        allows("obligation: of an internal user", &kept, mfa(internal())).obliged(&[policy_id(1)]),
        allows(
            "obligation: direct connect supports none",
            &kept,
            mfa(direct()),
        )
        .obliged(&[]),
        denies(
            "obligation: none with a denial",
            &blocked,
            guest(),
            Stage::ConditionalAccess,
            Reason::CaBlocked,
        )
        .obliged(&[]),
        allows(
            "obligation: none of a policy that is only reported",
            &reported,
            guest(),
        )
        .obliged(&[]),
        allows(
            "obligation: the frequency is one",
            &contoso_with(&[with_session(every(4, "hours"))]),
            guest(),
        )
        .obliged(&[policy_id(1)]),
    ]
}
