//! `grantControls`.

use crosstrust::graph::Code;
use crosstrust::vocabulary::{AuthenticationMethod, BuiltInControl, Operator};

use super::{
    SOMETHING, assert_errors, assert_warnings, conditional_access, policy_granting, policy_when,
    valid_policy,
};

const STRENGTH: &str = "00000000-0000-0000-0000-000000000004";

#[test]
fn controls_terms_and_custom_factors_are_read() {
    let grant = valid_policy(&policy_granting(&format!(
        r#""builtInControls": ["MFA", "compliantDevice"], "termsOfUse": ["{SOMETHING}"], "customAuthenticationFactors": ["{SOMETHING}"]"#
    )))
    .grant
    .expect("given");
    assert_eq!(grant.operator, Operator::Or);
    assert_eq!(
        grant.built_in,
        [BuiltInControl::Mfa, BuiltInControl::CompliantDevice]
    );
    assert_eq!((grant.terms_of_use.len(), grant.custom.len()), (1, 1));
}

#[test]
fn null_and_empty_grant_controls_are_no_grant() {
    let text = policy_when(r#""platforms": null"#);
    let (start, _) = text.split_once(r#""grantControls""#).expect("written");
    for grant in ["null", "{}", r#"{"builtInControls": [], "operator": null}"#] {
        let policy = valid_policy(&format!(r#"{start}"grantControls": {grant}}}"#));
        assert!(policy.grant.is_none());
    }
}

#[test]
fn an_empty_operator_means_and_and_is_reported() {
    let text = policy_granting(r#""builtInControls": ["mfa"]"#).replace(r#""OR""#, r#""""#);
    let parsed = conditional_access(&text);
    assert_warnings(
        &parsed,
        &[(Code::UnknownWord, 7, "$.grantControls.operator")],
    );
    let grant = parsed.tenants[0].policies[0].grant.as_ref().expect("given");
    assert_eq!(grant.operator, Operator::And);
}

#[test]
fn a_strength_by_id_is_a_reference_and_one_with_combinations_a_copy() {
    let grant = valid_policy(&policy_granting(&format!(
        r#""authenticationStrength": {{"id": "{STRENGTH}", "displayName": "Phishing-resistant MFA"}}"#
    )))
    .grant
    .expect("given");
    let strength = grant.strength.expect("given");
    assert_eq!(strength.id.to_string(), STRENGTH);
    assert!(strength.copy.is_none());

    let grant = valid_policy(&policy_granting(&format!(
        r#""authenticationStrength": {{"id": "{STRENGTH}", "policyType": "builtIn", "requirementsSatisfied": "mfa",
          "createdDateTime": "2021-12-01T00:00:00Z", "description": "x", "combinationConfigurations@odata.context": "x",
          "allowedCombinations": ["sms, password"], "combinationConfigurations": []}}"#
    )))
    .grant
    .expect("given");
    let copy = grant
        .strength
        .and_then(|strength| strength.copy)
        .expect("given");
    assert!(copy.combinations[0].contains(AuthenticationMethod::Password));
}

#[test]
fn an_empty_strength_means_none_and_is_reported() {
    let text = policy_granting(r#""builtInControls": ["mfa"], "authenticationStrength": """#);
    let parsed = conditional_access(&text);
    let path = "$.grantControls.authenticationStrength";
    assert_warnings(&parsed, &[(Code::UnknownWord, 7, path)]);
    let grant = parsed.tenants[0].policies[0].grant.as_ref().expect("given");
    assert!(grant.strength.is_none());
}

#[test]
fn an_unknown_control_strength_or_term_is_refused() {
    let at = "$.grantControls";
    for (grant, code, path) in [
        (
            r#""builtInControls": ["MfaAndChangePassword"]"#,
            Code::UnknownWord,
            "builtInControls[0]",
        ),
        (
            r#""builtInControls": [""]"#,
            Code::UnknownWord,
            "builtInControls[0]",
        ),
        (r#""termsOfUse": ["ToU"]"#, Code::NotAnId, "termsOfUse[0]"),
        (
            r#""customAuthenticationFactors": ["RequireDuo"]"#,
            Code::NotAnId,
            "customAuthenticationFactors[0]",
        ),
        (
            r#""authenticationStrength": {"id": "phishing"}"#,
            Code::NotAnId,
            "authenticationStrength.id",
        ),
        (
            r#""authenticationStrength": {"displayName": "x"}"#,
            Code::MissingMember,
            "authenticationStrength",
        ),
        (
            r#""authenticationStrength": "phishing""#,
            Code::WrongType,
            "authenticationStrength",
        ),
    ] {
        let parsed = conditional_access(&policy_granting(grant));
        assert_errors(&parsed, &[(code, 7, &format!("{at}.{path}"))]);
    }
}

#[test]
fn an_unknown_operator_is_refused() {
    let text = policy_granting(r#""builtInControls": ["mfa"]"#).replace(r#""OR""#, r#""XOR""#);
    let expected = (Code::UnknownWord, 7, "$.grantControls.operator");
    assert_errors(&conditional_access(&text), &[expected]);
}
