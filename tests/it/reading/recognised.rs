//! Documents that do not match their file name, and unknown members that contain settings (semantics §2).

use crosstrust::graph::{Code, ParsedPolicies, Severity, read_anything, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;

use super::{
    CONTOSO, FABRIKAM, SOMETHING, assert_errors, assert_warnings, contoso, files, findings_of,
    format_findings, message, only_tenant, valid_tenant,
};

const BLOCKED: &str = r#"{"usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]}, "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]}}"#;

#[track_caller]
fn assert_not_recognised(name: &str, text: &str) {
    let parsed = contoso(name, text);
    let errors = findings_of(&parsed, Severity::Error);
    assert!(
        errors
            .iter()
            .any(|(code, ..)| *code == Code::UnknownDocument),
        "{text}:\n{}",
        format_findings(&parsed.findings)
    );
}

#[test]
fn a_default_or_a_cross_tenant_access_policy_that_sets_nothing_known_is_an_error() {
    for name in ["default", "cross-tenant-access"] {
        for text in [
            format!(r#"{{"Content": {{"b2bCollaborationInbound": {BLOCKED}}}}}"#),
            format!(r#"{{"responses": [{{"body": {{"b2bCollaborationInbound": {BLOCKED}}}}}]}}"#),
            format!(r#"{{"data": {{"b2bCollaborationInbound": {BLOCKED}}}}}"#),
            String::from(r#"{"message": "Not found"}"#),
            String::from(r#"{"code": "Unauthorized", "message": "no"}"#),
            String::from(r#"{"statusCode": 404}"#),
            String::from(r#"{"id": "x", "displayName": "Default"}"#),
            String::from(r#"{"value": [{"displayName": "Default"}]}"#),
            String::from(r#"{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#x"}"#),
            String::from(r#"{"b2bCollaborationInbound": null, "allowedCloudEndpoints": null}"#),
            String::from(r#"{"m365CollaborationInbound": {"users": {"accessType": "blocked"}}}"#),
        ] {
            assert_not_recognised(name, &text);
        }
    }
    for text in [
        r#"{"isServiceDefault": false}"#,
        r#"{"isServiceDefault": true}"#,
    ] {
        assert_not_recognised("default", text);
    }
}

#[test]
fn an_empty_object_or_list_sets_nothing_and_an_empty_member_counts_as_set() {
    for (name, text) in [
        ("default", "{}"),
        ("default", "[]"),
        ("default", "[{}]"),
        ("default", r#"{"inboundTrust": {}}"#),
        (
            "default",
            r#"{"automaticUserConsentSettings": {"inboundAllowed": false}}"#,
        ),
        ("cross-tenant-access", "{}"),
        ("cross-tenant-access", "[]"),
        ("cross-tenant-access", r#"{"allowedCloudEndpoints": []}"#),
        (
            "cross-tenant-access",
            r#"{"AdditionalProperties": {"allowedCloudEndpoints": []}}"#,
        ),
    ] {
        valid_tenant(contoso(name, text));
    }
}

#[test]
fn check_refuses_a_default_that_sets_nothing() {
    let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
    let parsed = read_anything(
        files([
            ("organization.json", &*organization),
            ("default.json", r#"{"isServiceDefault": false}"#),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::UnknownDocument, 1, "$")]);
    assert!(message(&parsed).contains("b2bCollaborationInbound"));
}

#[test]
fn an_unknown_member_that_contains_a_deciding_member_is_an_error_that_names_both() {
    for (name, text, unknown, contained) in [
        (
            "partners",
            format!(
                r#"{{"tenantId": "{FABRIKAM}", "settings": {{"b2bCollaborationInbound": {BLOCKED}}}}}"#
            ),
            "settings",
            "b2bCollaborationInbound",
        ),
        (
            "partners",
            format!(
                r#"{{"tenantId": "{FABRIKAM}", "AdditionalProperties": {{"b2bFutureInbound": {BLOCKED}}}}}"#
            ),
            "b2bFutureInbound",
            "usersAndGroups",
        ),
        (
            "partners",
            format!(
                r#"{{"tenantId": "{FABRIKAM}", "trust": [[{{"x": {{"isMfaAccepted": true}}}}]]}}"#
            ),
            "trust",
            "isMfaAccepted",
        ),
        (
            "partners",
            format!(
                r#"{{"tenantId": "{FABRIKAM}", "capability": {{"inboundAccess": {{"isAllowed": true}}}}}}"#
            ),
            "capability",
            "isAllowed",
        ),
        (
            "default",
            String::from(r#"{"inboundTrust": {}, "x": {"TARGETS": [], "y": 1}}"#),
            "x",
            "TARGETS",
        ),
        (
            "cross-tenant-access",
            String::from(
                r#"{"allowedCloudEndpoints": [], "x": {"allowedCloudEndpoints": ["microsoftonline.us"]}}"#,
            ),
            "x",
            "allowedCloudEndpoints",
        ),
        (
            "organization",
            format!(r#"{{"id": "{CONTOSO}", "body": {{"cloudEndpoint": "microsoftonline.us"}}}}"#),
            "body",
            "cloudEndpoint",
        ),
    ] {
        let folder = match name {
            "organization" => files([("contoso/organization.json", &*text)]),
            _ => {
                let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
                let path = format!("contoso/{name}.json");
                files([
                    ("contoso/organization.json", &*organization),
                    (&*path, &*text),
                ])
            }
        };
        let parsed = read_policies_folder(folder, &PolicySettings::NONE);
        let errors: Vec<_> = parsed
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert_eq!(
            errors.len(),
            1,
            "{text}:\n{}",
            format_findings(&parsed.findings)
        );
        assert_eq!(errors[0].code, Code::UnknownMember);
        for word in [unknown, contained] {
            assert!(
                errors[0].message.contains(&format!("\"{word}\"")),
                "{}",
                errors[0]
            );
        }
    }
}

#[test]
fn an_unknown_member_without_a_deciding_member_stays_a_warning() {
    for value in [r#""text""#, "17", r#"{"a": [{"b": 1}]}"#, r#"[1, 2]"#] {
        let parsed = contoso(
            "partners",
            format!(r#"{{"tenantId": "{FABRIKAM}", "newInGraph": {value}}}"#),
        );
        assert_warnings(&parsed, &[(Code::UnknownMember, 1, "$.newInGraph")]);
    }
    let nothing = r#""newInGraph": {"usersAndGroups": {"accessType": null, "targets": null}}"#;
    valid_tenant(contoso(
        "partners",
        format!(r#"{{"tenantId": "{FABRIKAM}", {nothing}}}"#),
    ));
}

fn with_undecisive(text: &str) -> ParsedPolicies {
    let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
    read_policies_folder(
        files([
            ("contoso/organization.json", &*organization),
            ("contoso/partners.json", text),
        ]),
        &PolicySettings {
            undecisive_members: vec![
                String::from("B2BFutureInbound"),
                String::from("isPasskeyAccepted"),
            ],
            ..PolicySettings::NONE
        },
    )
}

#[test]
fn an_undecisive_member_is_accepted_by_name_and_reported() {
    let text = format!(
        r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{}}, "b2bFutureInbound": {BLOCKED}}}"#
    );
    let parsed = with_undecisive(&text);
    assert_warnings(&parsed, &[(Code::UnknownMember, 1, "$.b2bFutureInbound")]);
    assert!(message(&parsed).contains("policies.undecisive_members"));
    assert_eq!(only_tenant(parsed).partners.len(), 1);
    // Another unknown member of the same entry is still refused.
    let text = text.replace(r#""b2bFut"#, r#""x": {"targets": [1]}, "b2bFut"#);
    assert_eq!(
        findings_of(&with_undecisive(&text), Severity::Error),
        [(Code::UnknownMember, 1, "$.x")]
    );
}

#[test]
fn a_deciding_member_in_a_place_that_is_not_read_is_an_error() {
    let setting = format!(r#""b2bCollaborationInbound": {BLOCKED}"#);
    let text = format!("{{{setting}}}").replace('"', "\\\"");
    for (member, path, named) in [
        // At the wrong level.
        (
            String::from(r#""isMfaAccepted": false"#),
            "$.isMfaAccepted",
            "isMfaAccepted",
        ),
        (
            String::from(r#""accessType": "blocked""#),
            "$.accessType",
            "accessType",
        ),
        (
            format!(r#""automaticUserConsentSettings": {{{setting}}}"#),
            "$.automaticUserConsentSettings.b2bCollaborationInbound",
            "b2bCollaborationInbound",
        ),
        // In a known member that decides nothing.
        (
            format!(r#""identitySynchronization": {{{setting}}}"#),
            "$.identitySynchronization",
            "b2bCollaborationInbound",
        ),
        (
            format!(r#""crossCloudMeetingConfiguration": {{"x": [{{{setting}}}]}}"#),
            "$.crossCloudMeetingConfiguration",
            "b2bCollaborationInbound",
        ),
        (
            format!(r#""displayName": {{{setting}}}"#),
            "$.displayName",
            "b2bCollaborationInbound",
        ),
        (
            format!(r#""m365CollaborationInbound": {BLOCKED}"#),
            "$.m365CollaborationInbound",
            "usersAndGroups",
        ),
        (
            format!(r#""userSyncInbound": {{{setting}}}"#),
            "$.userSyncInbound",
            "b2bCollaborationInbound",
        ),
        // In a synchronisation object.
        (
            String::from(r#""userSyncInbound": null, "blockServiceProviderOutboundAccess": true"#),
            "$.blockServiceProviderOutboundAccess",
            "blockServiceProviderOutboundAccess",
        ),
        // As a string.
        (
            format!(r#""settings": "{text}""#),
            "$.settings",
            "b2bCollaborationInbound",
        ),
        (
            format!(r#""settings": [" {text}"]"#),
            "$.settings",
            "b2bCollaborationInbound",
        ),
    ] {
        let parsed = contoso(
            "partners",
            format!(r#"[{{"tenantId": "{SOMETHING}"}}, {{"tenantId": "{FABRIKAM}", {member}}}]"#),
        );
        let errors: Vec<_> = parsed
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert_eq!(
            errors.len(),
            1,
            "{member}:\n{}",
            format_findings(&parsed.findings)
        );
        assert_eq!(errors[0].code, Code::UnknownMember, "{member}");
        let place = errors[0].place.path.replace("$[1]", "$");
        assert_eq!(place, path, "{member}");
        assert!(
            errors[0].message.contains(&format!("\"{named}\"")),
            "{}",
            errors[0]
        );
    }
    let users = format!(
        r#"{{"tenantId": "{FABRIKAM}", "inboundTrust": {{}}, "m365CollaborationOutbound": {BLOCKED}}}"#
    );
    valid_tenant(contoso("partners", users));
}

#[test]
fn an_undecisive_switch_is_accepted_within_inbound_trust_and_beside_it() {
    for (member, path) in [
        (
            r#""inboundTrust": {"isPasskeyAccepted": true}"#,
            "$.inboundTrust.isPasskeyAccepted",
        ),
        (
            r#""inboundTrust": {}, "isPasskeyAccepted": true"#,
            "$.isPasskeyAccepted",
        ),
    ] {
        let text = format!(r#"{{"tenantId": "{FABRIKAM}", {member}}}"#);
        let refused = contoso("partners", &text);
        assert_errors(&refused, &[(Code::UnknownMember, 1, path)]);
        assert!(message(&refused).contains("policies.undecisive_members"));
        assert_warnings(&with_undecisive(&text), &[(Code::UnknownMember, 1, path)]);
    }
}

#[test]
fn a_default_whose_members_are_all_null_is_refused_with_that_reason() {
    let parsed = contoso("default", r#"{"b2bCollaborationInbound": null}"#);
    assert_errors(&parsed, &[(Code::UnknownDocument, 1, "$")]);
    let message = message(&parsed);
    assert!(
        message.contains("b2bCollaborationInbound in it is null"),
        "{message}"
    );
}

#[test]
fn an_empty_page_of_another_kind_is_refused() {
    let page = |context: &str, value: &str| {
        format!(
            r#"{{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#{context}", "value": {value}}}"#
        )
    };
    let partners = page("policies/crossTenantAccessPolicy/partners", "[]");
    for (name, text) in [
        ("default", partners.clone()),
        ("cross-tenant-access", partners.clone()),
        ("conditional-access", partners.clone()),
        ("conditional-access/a", partners.clone()),
        ("partners", page("users", "[]")),
        ("partners/a", page("users", "[]")),
        (
            "partners",
            page(
                "policies/crossTenantAccessPolicy/partners('x')/identitySynchronization",
                "[]",
            ),
        ),
        ("identity-synchronization", page("users", "[]")),
        // A single object has no page.
        ("default", String::from(r#"{"value": []}"#)),
        ("default", String::from(r#"{"value": {}}"#)),
        ("cross-tenant-access", String::from(r#"{"value": []}"#)),
        ("cross-tenant-access", String::from(r#"{"value": {}}"#)),
    ] {
        assert_not_recognised(name, &text);
    }
    for (name, text) in [
        ("partners", partners),
        (
            "conditional-access",
            page("identity/conditionalAccess/policies", "[]"),
        ),
        ("named-locations", String::from(r#"{"value": []}"#)),
        (
            "identity-synchronization",
            page(
                "policies/crossTenantAccessPolicy/partners('x')/identitySynchronization",
                "[]",
            ),
        ),
    ] {
        valid_tenant(contoso(name, text));
    }
}
