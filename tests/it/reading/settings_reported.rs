//! What of a default or a partner is read, decides nothing, and is reported all the same (semantics §2, §9).

use crosstrust::graph::{Code, ParsedPolicies, Severity};

use super::{FABRIKAM, assert_errors, contoso, listed, message, told};

#[track_caller]
fn assert_infos(reading: &ParsedPolicies, wanted: &[Code]) {
    assert_eq!(
        told(reading, Severity::Warning),
        [],
        "{}",
        listed(&reading.findings)
    );
    assert_errors(reading, &[]);
    let found: Vec<Code> = told(reading, Severity::Info)
        .into_iter()
        .map(|(code, ..)| code)
        .collect();
    assert_eq!(found, wanted, "{}", listed(&reading.findings));
}

const BLOCKED: &str =
    r#"{"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]}"#;

#[test]
fn a_member_that_decides_nothing_is_reported_where_it_is_not_at_its_default() {
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
        let reading = partner(&changed);
        assert_infos(&reading, &[Code::DecidesNothing]);
        assert!(message(&reading).contains(&format!("`{member}`")));
    }
}

#[test]
fn switches_that_decide_nothing_are_reported_where_they_are_true() {
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
fn an_entry_that_nobody_in_the_tenant_may_have_written_is_reported() {
    for text in [
        String::new(),
        String::from(r#", "b2bCollaborationInbound": null, "displayName": "F""#),
        String::from(r#", "isServiceProvider": true"#),
        String::from(r#", "isServiceProvider": true, "inboundTrust": {}"#),
    ] {
        let reading = contoso("partners", format!(r#"{{"tenantId": "{FABRIKAM}"{text}}}"#));
        assert_infos(&reading, &[Code::PartnerSetsNothing]);
        assert!(message(&reading).contains("GDAP"));
    }
    let reading = contoso(
        "partners",
        format!(r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{}}}}"#),
    );
    assert_infos(&reading, &[]);
}

#[test]
fn a_domain_based_partner_is_an_error_of_its_own() {
    for text in [
        r##"{"@odata.type": "#microsoft.graph.crossTenantAccessPolicyConfigurationDomainBasedPartner", "id": "x"}"##,
        r#"{"domainName": "fabrikam.example", "inboundTrust": {"isMfaAccepted": true}}"#,
        r#"{"domains": ["fabrikam.example"]}"#,
    ] {
        let reading = contoso("partners", text);
        assert_errors(&reading, &[(Code::DomainBasedPartner, 1, "$")]);
    }
    // With a tenant it is a partner with a member that is not known.
    let text = format!(r#"{{"tenantId": "{FABRIKAM}", "domainName": "x", "inboundTrust": {{}}}}"#);
    assert_errors(&contoso("partners", text), &[]);
}

#[test]
fn a_deleted_object_is_refused_with_what_to_do_when_it_is_restored() {
    let text =
        format!(r#"{{"tenantId": "{FABRIKAM}", "deletedDateTime": "2026-01-01T00:00:00Z"}}"#);
    let reading = contoso("partners", text);
    assert_errors(&reading, &[(Code::Deleted, 1, "$.deletedDateTime")]);
    assert!(listed(&reading.findings).contains("it keeps its id"));
    let text =
        format!(r#"{{"tenantId": "{FABRIKAM}", "deletedDateTime": null, "inboundTrust": {{}}}}"#);
    assert_infos(&contoso("partners", text), &[]);
}
