//! No part of a policy is ignored silently: a document with an unread member that could change a decision is rejected.

use crosstrust::graph::{Code, Severity, SourceFile, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

const BLOCK: &str = r#""conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}}"#;

fn policy(rest: &str) -> String {
    format!(
        r#"{{"id": "00000000-0000-0000-0000-0000000000c1", "displayName": "P", "state": "enabled", {rest}}}"#
    )
}

/// The codes of the errors that a tenant with this document has.
fn errors(document: &str, text: &str) -> Vec<Code> {
    let file = |name: &str, text: &str| SourceFile {
        path: format!("contoso/{name}.json"),
        bytes: text.as_bytes().to_vec().into(),
    };
    let organization = r#"{"id": "00000000-0000-0000-0000-000000000001"}"#;
    let reading = read_policies_folder(
        vec![file("organization", organization), file(document, text)],
        &PolicySettings::NONE,
    );
    let errors = reading
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.code).collect()
}

#[test]
fn bound_references_and_unknown_annotations_are_unknown_members() {
    for grant in [
        r#"{"operator": "AND", "builtInControls": ["mfa"], "authenticationStrength@odata.bind": "https://x/1"}"#,
        r#"{"operator": "AND", "builtInControls@odata.x": ["block"]}"#,
        r#"{"operator": "AND", "builtInControls": ["mfa"], "block@": true}"#,
    ] {
        let text = policy(&format!(r#"{BLOCK}, "grantControls": {grant}"#));
        assert_eq!(
            errors("conditional-access", &text),
            [Code::UnknownMember],
            "{grant}"
        );
    }
    let known = r#"{"operator": "AND", "builtInControls": ["mfa"], "authenticationStrength@odata.context": "x", "authenticationStrength": null}"#;
    let text = policy(&format!(r#"{BLOCK}, "grantControls": {known}"#));
    assert_eq!(errors("conditional-access", &text), []);
}

#[test]
fn a_setting_of_two_null_rules_hides_no_other_member() {
    let setting = |rest: &str| {
        format!(
            r#"[{{"tenantId": "00000000-0000-0000-0000-000000000002", "b2bCollaborationInbound": {{
                "usersAndGroups": {{"accessType": null, "targets": null}},
                "applications": {{"accessType": null, "targets": null}}{rest}}}}}]"#
        )
    };
    assert_eq!(errors("partners", &setting("")), []);
    assert_eq!(
        errors("partners", &setting(r#", "blockEverybody": true"#)),
        [Code::UnknownMember]
    );
}

#[test]
fn an_authentication_context_that_no_request_can_name_is_rejected() {
    for (context, is_good) in [
        ("c1", true),
        ("C99", true),
        ("c0", false),
        ("c01", false),
        ("c100", false),
    ] {
        let text = policy(&format!(
            r#""conditions": {{"users": {{"includeUsers": ["All"]}},
               "applications": {{"includeAuthenticationContextClassReferences": ["{context}"]}}}},
               "grantControls": {{"operator": "OR", "builtInControls": ["block"]}}"#
        ));
        assert_eq!(
            errors("conditional-access", &text).is_empty(),
            is_good,
            "{context}"
        );
    }
}

#[test]
fn a_policy_around_or_beside_a_page_is_not_ignored() {
    let around = policy(&format!(
        r#"{BLOCK}, "grantControls": {{"operator": "OR", "builtInControls": ["block"]}}, "value": []"#
    ));
    assert!(!errors("conditional-access", &around).is_empty());
    let beside = r#"{"value": [], "policies": [{"state": "enabled"}]}"#;
    assert_eq!(errors("conditional-access", beside), [Code::UnknownMember]);
}

#[test]
fn a_location_must_be_of_one_known_kind() {
    let location =
        |rest: &str| format!(r#"[{{"id": "00000000-0000-0000-0000-0000000000d1", {rest}}}]"#);
    let both =
        location(r#""ipRanges": [{"cidrAddress": "10.0.0.0/8"}], "countriesAndRegions": ["DE"]"#);
    assert!(errors("named-locations", &both).contains(&Code::UnknownMember));
    let unknown = location(
        r##""@odata.type": "#microsoft.graph.planetNamedLocation", "ipRanges": [{"cidrAddress": "10.0.0.0/8"}]"##,
    );
    assert!(errors("named-locations", &unknown).contains(&Code::UnknownWord));
}
