//! `authentication-strengths.json`.

use crosstrust::graph::Code;
use crosstrust::graph::document::CombinationDemand;
use crosstrust::vocabulary::{AuthenticationMethod, WordSet};

use super::{SOMETHING, assert_errors, contoso, valid_tenant};

/// A strength with these combinations and configurations, on lines 2 and 3.
fn strength(combinations: &str, configurations: &str) -> String {
    format!(
        "{{\"id\": \"{SOMETHING}\", \"displayName\": \"S\", \"policyType\": \"custom\",\n\"allowedCombinations\": {combinations},\n\"combinationConfigurations\": {configurations}}}"
    )
}

#[test]
fn combinations_are_sets_without_an_order() {
    let text = strength(r#"["fido2", "password,sms", "sms, Password"]"#, "[]");
    let tenant = valid_tenant(contoso("authentication-strengths", text));
    let combinations = &tenant.strengths[0].combinations;
    let both: WordSet<_> = [AuthenticationMethod::Sms, AuthenticationMethod::Password]
        .into_iter()
        .collect();
    assert_eq!(combinations[1], both);
    assert_eq!(combinations[2], both);
}

#[test]
fn configurations_of_both_kinds_are_read() {
    let text = strength(
        r#"["fido2", "x509CertificateMultiFactor"]"#,
        &format!(
            r##"[{{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "id": "{SOMETHING}", "appliesToCombinations": ["fido2"], "allowedAAGUIDs": ["{SOMETHING}"]}},
             {{"appliesToCombinations": ["x509CertificateMultiFactor"], "allowedIssuerSkis": ["AB12"], "allowedIssuers": ["x"], "allowedPolicyOIDs": []}}]"##
        ),
    );
    let tenant = valid_tenant(contoso("authentication-strengths", text));
    let configurations = &tenant.strengths[0].configurations;
    assert!(
        matches!(&configurations[0].demand, CombinationDemand::Fido2(models) if models.len() == 1)
    );
    assert_eq!(
        configurations[1].demand,
        CombinationDemand::Certificate {
            issuer_skis: vec![String::from("ab12")],
            policy_oids: Vec::new(),
        }
    );
}

#[test]
fn an_unknown_combination_is_refused() {
    for found in ["telepathy", "password,,sms", "password,telepathy", ""] {
        let text = strength(&format!(r#"["{found}"]"#), "[]");
        let parsed = contoso("authentication-strengths", text);
        assert_errors(
            &parsed,
            &[(Code::UnknownWord, 2, "$.allowedCombinations[0]")],
        );
    }
}

#[test]
fn a_configuration_in_an_unknown_form_is_refused() {
    let at = "$.combinationConfigurations[0]";
    for (configuration, code, path) in [
        (
            r#"{"appliesToCombinations": ["fido2"], "minimumPinLength": 8}"#,
            Code::NotUnderstood,
            at.to_owned(),
        ),
        (
            r#"{"allowedAAGUIDs": ["4c9d8e7f-3333-4444-8555-666677778888"]}"#,
            Code::MissingMember,
            at.to_owned(),
        ),
        (
            r#"{"appliesToCombinations": ["fido2"], "allowedAAGUIDs": ["YubiKey"]}"#,
            Code::NotAnId,
            format!("{at}.allowedAAGUIDs[0]"),
        ),
        (
            r##"{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "appliesToCombinations": ["fido2"], "allowedAAGUIDs": []}"##,
            Code::MissingMember,
            at.to_owned(),
        ),
        (
            r##"{"@odata.type": "#microsoft.graph.x509CertificateCombinationConfiguration", "appliesToCombinations": ["x509CertificateMultiFactor"]}"##,
            Code::MissingMember,
            at.to_owned(),
        ),
    ] {
        let text = strength("[]", &format!("[{configuration}]"));
        let parsed = contoso("authentication-strengths", text);
        let first = parsed.findings.first().expect("refused");
        let found = (first.code, first.place.line, first.place.path.as_str());
        assert_eq!(found, (code, 3, path.as_str()), "{configuration}");
        assert!(parsed.tenants[0].strengths.is_empty());
    }
}

#[test]
fn a_strength_without_id_or_combinations_is_refused() {
    for text in [
        r#"{"displayName": "S", "allowedCombinations": ["fido2"]}"#,
        r#"{"id": "4c9d8e7f-3333-4444-8555-666677778888", "displayName": "S"}"#,
    ] {
        let parsed = contoso("authentication-strengths", text);
        assert_errors(&parsed, &[(Code::MissingMember, 1, "$")]);
    }
}
