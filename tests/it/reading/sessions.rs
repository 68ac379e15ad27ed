//! `sessionControls`.

use std::time::Duration;

use crosstrust::graph::Code;
use crosstrust::graph::document::SessionControls;
use crosstrust::vocabulary::SignInFrequency;

use super::{assert_errors, assert_warnings, conditional_access, policy_when, valid_policy};

/// A valid policy with these session controls on line 8.
fn policy(session: &str) -> String {
    let text = policy_when(r#""platforms": null"#);
    let (open, _) = text.rsplit_once('}').expect("an object");
    format!("{open},\n\"sessionControls\": {session}}}")
}

fn session(text: &str) -> SessionControls {
    valid_policy(&policy(text)).session
}

fn obligations(session: &SessionControls) -> Vec<(&str, &str)> {
    session
        .obligations
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

#[test]
fn enabled_controls_are_obligations_and_disabled_ones_are_not() {
    let session = session(
        r#"{"signInFrequency": {"isEnabled": true, "value": 4, "type": "hours", "frequencyInterval": "timeBased", "authenticationType": "primaryAndSecondaryAuthentication"},
        "persistentBrowser": {"isEnabled": true, "mode": "never"}, "applicationEnforcedRestrictions": {"isEnabled": true},
        "cloudAppSecurity": {"isEnabled": false, "cloudAppSecurityType": "blockDownloads"}, "secureSignInSession": null,
        "disableResilienceDefaults": true, "continuousAccessEvaluation": {"mode": "strictLocation"},
        "globalSecureAccessFilteringProfile": {"isEnabled": true, "profileId": "p1"}, "networkAccessSecurity": {"isEnabled": false, "policyId": null}}"#,
    );
    assert_eq!(
        obligations(&session),
        [
            ("signInFrequency", "4 hours"),
            ("applicationEnforcedRestrictions", "true"),
            ("persistentBrowser", "never"),
            ("globalSecureAccessFilteringProfile", "p1"),
            ("disableResilienceDefaults", "true"),
            ("continuousAccessEvaluation", "strictLocation"),
        ]
    );
    let hours = Duration::from_secs(4 * 3600);
    assert_eq!(
        session.sign_in_frequency,
        Some(SignInFrequency::Every(hours))
    );
}

#[test]
fn every_time_needs_neither_value_nor_type() {
    let session = session(
        r#"{"signInFrequency": {"isEnabled": true, "value": null, "type": null, "frequencyInterval": "everyTime"}}"#,
    );
    assert_eq!(session.sign_in_frequency, Some(SignInFrequency::EveryTime));
    assert_eq!(obligations(&session), [("signInFrequency", "everyTime")]);
}

#[test]
fn a_frequency_without_interval_is_time_based() {
    let session =
        session(r#"{"signInFrequency": {"isEnabled": true, "value": 365, "type": "days"}}"#);
    let year = Duration::from_secs(365 * 24 * 3600);
    assert_eq!(
        session.sign_in_frequency,
        Some(SignInFrequency::Every(year))
    );
}

#[test]
fn a_disabled_or_all_null_frequency_is_none() {
    for text in [
        r#"{"signInFrequency": {"isEnabled": false, "value": 4, "type": "hours"}}"#,
        r#"{"SignInFrequency": {"IsEnabled": null, "Value": null, "Type": null}}"#,
        r#"{"signInFrequency": null}"#,
    ] {
        assert!(session(text).sign_in_frequency.is_none());
    }
}

#[test]
fn a_frequency_in_an_unknown_form_is_refused() {
    let at = "$.sessionControls.signInFrequency";
    for (frequency, code, path) in [
        (r#"{"value": 4, "type": "hours"}"#, Code::MissingMember, ""),
        (
            r#"{"isEnabled": true, "type": "hours"}"#,
            Code::MissingMember,
            "",
        ),
        (
            r#"{"isEnabled": true, "value": 4}"#,
            Code::MissingMember,
            "",
        ),
        (
            r#"{"isEnabled": true, "value": 0, "type": "hours"}"#,
            Code::OutOfRange,
            ".value",
        ),
        (
            r#"{"isEnabled": true, "value": -1, "type": "hours"}"#,
            Code::OutOfRange,
            ".value",
        ),
        (
            r#"{"isEnabled": true, "value": 1.5, "type": "hours"}"#,
            Code::OutOfRange,
            ".value",
        ),
        (
            r#"{"isEnabled": true, "value": 366, "type": "days"}"#,
            Code::OutOfRange,
            ".value",
        ),
        (
            r#"{"isEnabled": true, "value": 99999999999, "type": "days"}"#,
            Code::OutOfRange,
            ".value",
        ),
        (
            r#"{"isEnabled": true, "value": "4", "type": "hours"}"#,
            Code::WrongType,
            ".value",
        ),
        (
            r#"{"isEnabled": true, "value": 4, "type": "weeks"}"#,
            Code::UnknownWord,
            ".type",
        ),
        (
            r#"{"isEnabled": true, "frequencyInterval": "often"}"#,
            Code::UnknownWord,
            ".frequencyInterval",
        ),
    ] {
        let text = policy(&format!(r#"{{"signInFrequency": {frequency}}}"#));
        let path = format!("{at}{path}");
        assert_errors(&conditional_access(&text), &[(code, 8, &path)]);
    }
}

#[test]
fn an_unknown_session_control_is_a_warning_and_a_misspelt_frequency_an_error() {
    let text = policy(r#"{"watermark": {"isEnabled": true}}"#);
    let path = "$.sessionControls.watermark";
    assert_warnings(
        &conditional_access(&text),
        &[(Code::UnknownMember, 8, path)],
    );
    let text = policy(r#"{"signinFrequncy": {"isEnabled": true}}"#);
    let path = "$.sessionControls.signinFrequncy";
    assert_errors(
        &conditional_access(&text),
        &[(Code::UnknownMember, 8, path)],
    );
}
