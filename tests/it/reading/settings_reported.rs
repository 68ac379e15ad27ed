//! Members of a default or a partner that decide nothing and are reported (semantics §2, §9).

use crosstrust::graph::{Code, ParsedPolicies, Severity};

use super::{FABRIKAM, assert_errors, contoso, findings_of, format_findings, message};

#[track_caller]
fn assert_infos(parsed: &ParsedPolicies, expected: &[Code]) {
    assert_eq!(
        findings_of(parsed, Severity::Warning),
        [],
        "{}",
        format_findings(&parsed.findings)
    );
    assert_errors(parsed, &[]);
    let found: Vec<Code> = findings_of(parsed, Severity::Info)
        .into_iter()
        .map(|(code, ..)| code)
        .collect();
    assert_eq!(found, expected, "{}", format_findings(&parsed.findings));
}

const BLOCKED: &str =
    r#"{"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]}"#;

#[test]
fn a_member_that_decides_nothing_is_reported_unless_it_has_its_default_value() {
    let allowed = BLOCKED.replace("blocked", "allowed");
    for (member, unchanged, changed) in [
        (
            "identitySynchronization",
            String::from(r#"{"userSyncInbound": {"isSyncAllowed": false}}"#),
            String::from(r#"{"userSyncInbound": {"isSyncAllowed": true}}"#),
        ),
        (
            "invitationRedemptionIdentityProviderConfiguration",
            String::from(
                r#"{"primaryIdentityProviderPrecedenceOrder": ["externalFederation", "azureActiveDirectory", "socialIdentityProviders"], "fallbackIdentityProvider": "defaultConfiguredIdp"}"#,
            ),
            String::from(
                r#"{"primaryIdentityProviderPrecedenceOrder": ["azureActiveDirectory", "externalFederation", "socialIdentityProviders"], "fallbackIdentityProvider": "defaultConfiguredIdp"}"#,
            ),
        ),
        (
            "crossCloudMeetingConfiguration",
            String::from(r#"{"inboundAllowed": false}"#),
            String::from(r#"{"inboundAllowed": true}"#),
        ),
        (
            "protectedContentSharing",
            String::from(r#"{"outboundAllowed": null}"#),
            String::from(r#"{"outboundAllowed": true}"#),
        ),
        (
            "m365CollaborationInbound",
            format!(r#"{{"users": {BLOCKED}}}"#),
            format!(r#"{{"users": {allowed}}}"#),
        ),
        (
            "m365CollaborationOutbound",
            format!(r#"{{"usersAndGroups": {BLOCKED}}}"#),
            format!(
                r#"{{"usersAndGroups": {}}}"#,
                BLOCKED.replace("AllUsers", FABRIKAM)
            ),
        ),
        (
            "m365Capabilities",
            String::from(r#"[{"inboundAccess": {"isAllowed": false}}]"#),
            String::from(r#"[{"inboundAccess": {"isAllowed": true}}]"#),
        ),
        (
            "appServiceConnectInbound",
            format!(
                r#"{{"applications": {}}}"#,
                BLOCKED.replace("AllUsers", "AllApplications")
            ),
            format!(r#"{{"applications": {allowed}}}"#),
        ),
        (
            "serviceProviderConstraints",
            String::from("{}"),
            String::from(r#"[{"roleDefinitionId": "x"}]"#),
        ),
    ] {
        let partner = |value: &str| {
            contoso(
                "partners",
                format!(
                    r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{}}, "{member}": {value}}}"#
                ),
            )
        };
        assert_infos(&partner("null"), &[]);
        assert_infos(&partner(&unchanged), &[]);
        let parsed = partner(&changed);
        assert_infos(&parsed, &[Code::DecidesNothing]);
        assert!(message(&parsed).contains(&format!("`{member}`")));
    }
}

#[test]
fn switches_that_decide_nothing_are_reported_if_true() {
    for text in [
        r#""automaticUserConsentSettings": {"inboundAllowed": true, "outboundAllowed": false}"#,
        r#""inboundTrust": {"isCompliantNetworkAccepted": true}"#,
        r#""inboundTrust": {}, "isInMultiTenantOrganization": true"#,
    ] {
        let of = |text: &str| {
            contoso(
                "partners",
                format!(r#"{{"tenantId": "{FABRIKAM}", {text}}}"#),
            )
        };
        assert_infos(&of(text), &[Code::DecidesNothing]);
        assert_infos(&of(&text.replace("true", "false")), &[]);
    }
}

#[test]
fn an_entry_that_microsoft_may_have_created_is_reported() {
    for text in [
        String::new(),
        String::from(r#", "b2bCollaborationInbound": null, "displayName": "F""#),
        String::from(r#", "isServiceProvider": true"#),
        String::from(r#", "isServiceProvider": true, "inboundTrust": {}"#),
    ] {
        let parsed = contoso("partners", format!(r#"{{"tenantId": "{FABRIKAM}"{text}}}"#));
        assert_infos(&parsed, &[Code::PartnerSetsNothing]);
        assert!(message(&parsed).contains("GDAP"));
    }
    let parsed = contoso(
        "partners",
        format!(r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{}}}}"#),
    );
    assert_infos(&parsed, &[]);
}

#[test]
fn a_domain_based_partner_has_a_separate_error_code() {
    for text in [
        r##"{"@odata.type": "#microsoft.graph.crossTenantAccessPolicyConfigurationDomainBasedPartner", "id": "x"}"##,
        r#"{"domainName": "fabrikam.example", "inboundTrust": {"isMfaAccepted": true}}"#,
        r#"{"domains": ["fabrikam.example"]}"#,
    ] {
        let parsed = contoso("partners", text);
        assert_errors(&parsed, &[(Code::DomainBasedPartner, 1, "$")]);
    }
    // With a tenant id it is a partner with an unknown member.
    let text = format!(r#"{{"tenantId": "{FABRIKAM}", "domainName": "x", "inboundTrust": {{}}}}"#);
    assert_errors(&contoso("partners", text), &[]);
}

#[test]
fn a_deleted_object_is_refused_with_advice_for_its_restoration() {
    let text =
        format!(r#"{{"tenantId": "{FABRIKAM}", "deletedDateTime": "2026-01-01T00:00:00Z"}}"#);
    let parsed = contoso("partners", text);
    assert_errors(&parsed, &[(Code::Deleted, 1, "$.deletedDateTime")]);
    assert!(format_findings(&parsed.findings).contains("it keeps its id"));
    let text =
        format!(r#"{{"tenantId": "{FABRIKAM}", "deletedDateTime": null, "inboundTrust": {{}}}}"#);
    assert_infos(&contoso("partners", text), &[]);
}
