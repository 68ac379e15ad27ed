//! Exports in any layout: the kind of a file follows from its contents; tenants need no name.

use crosstrust::graph::{Code, DocumentKind, ParsedPolicies, PolicyFiles, read_anything};
use crosstrust::policy_settings::PolicySettings;

use super::{
    CONTOSO, FABRIKAM, SOMETHING, assert_errors, assert_warnings, files, format_findings, message,
    only_tenant, policy_when, valid_tenant,
};

fn read_single_file(name: &str, text: &str) -> ParsedPolicies {
    read_anything(files([(name, text)]), &PolicySettings::NONE)
}

#[test]
fn the_kind_of_a_file_follows_from_its_contents() {
    let policy = policy_when(r#""platforms": null"#);
    let organization = format!(r#"{{"id": "{CONTOSO}", "verifiedDomains": [{{"name": "x"}}]}}"#);
    let partner = format!(r#"[{{"tenantId": "{FABRIKAM}"}}]"#);
    let location = format!(r#"{{"id": "{SOMETHING}", "countriesAndRegions": ["DE"]}}"#);
    let strength = format!(r#"{{"id": "{SOMETHING}", "allowedCombinations": ["fido2"]}}"#);
    for (text, kind) in [
        (organization.as_str(), DocumentKind::Organization),
        (
            r#"{"allowedCloudEndpoints": ["microsoftonline.us"]}"#,
            DocumentKind::CrossTenantAccess,
        ),
        (
            r#"{"isServiceDefault": true, "inboundTrust": {}}"#,
            DocumentKind::Default,
        ),
        (&partner, DocumentKind::Partners),
        (&policy, DocumentKind::ConditionalAccess),
        (&location, DocumentKind::NamedLocations),
        (&strength, DocumentKind::AuthenticationStrengths),
        (
            r#"{"exclusions": {"allResourcesExclusions": {}}}"#,
            DocumentKind::ConditionalAccessSettings,
        ),
        (
            r#"{"id": "19:a", "membershipType": "shared"}"#,
            DocumentKind::SharedChannels,
        ),
        (
            r#"{"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#identity/conditionalAccess/namedLocations", "value": []}"#,
            DocumentKind::NamedLocations,
        ),
    ] {
        let parsed = read_single_file("export.json", text);
        assert_errors(&parsed, &[]);
        assert_eq!(parsed.documents[0].kind, Some(kind));
    }
}

#[test]
fn contents_win_over_the_file_name_which_decides_if_contents_do_not() {
    let policy = policy_when(r#""platforms": null"#);
    let parsed = read_single_file("my/own/partners.json", &policy);
    assert_eq!(
        parsed.documents[0].kind,
        Some(DocumentKind::ConditionalAccess)
    );
    let parsed = read_single_file(
        "my/own/Default.json",
        r#"{"inboundTrust": {"isMfaAccepted": true}}"#,
    );
    assert_errors(&parsed, &[]);
    assert!(only_tenant(parsed).default.is_some());
}

#[test]
fn settings_without_a_tenant_are_refused() {
    let parsed = read_single_file("patch.json", r#"{"inboundTrust": {"isMfaAccepted": true}}"#);
    assert_errors(&parsed, &[(Code::UnknownDocument, 1, "$")]);
    assert!(message(&parsed).contains("tenantId"));
}

#[test]
fn other_json_is_refused_with_a_clear_message() {
    for (text, hint) in [
        (
            r#"{"$schema": "https://x", "contentVersion": "1", "resources": [{"a": 1}]}"#,
            "an ARM template",
        ),
        (
            r#"{"definition": {"triggers": {"a": 1}}, "kind": "Stateful"}"#,
            "\"definition\", \"kind\"",
        ),
        (
            r#"{"name": "Laptops", "platforms": "macOS", "technologies": "mdm", "settings": [1]}"#,
            "\"technologies\"",
        ),
        (r#"[["a"]]"#, "an array"),
        ("7", "7"),
    ] {
        let parsed = read_single_file("some.json", text);
        assert_eq!(parsed.findings[0].code, Code::UnknownDocument);
        assert!(message(&parsed).contains(hint), "{}", message(&parsed));
        assert!(parsed.documents[0].unread && parsed.tenants.is_empty());
    }
}

#[test]
fn skeletons_of_policies_and_locations_are_refused_as_skeletons() {
    let policy = r#"{"conditions": {"@odata.type": "microsoft.graph.conditionalAccessConditionSet"}, "displayName": "String", "id": "String (identifier)", "state": "String"}"#;
    let location = r#"{"id": "String (identifier)", "ipRanges": [{"@odata.type": "microsoft.graph.ipRange"}], "isTrusted": "Boolean"}"#;
    for text in [policy, location] {
        let parsed = read_single_file("representation.json", text);
        assert!(
            parsed
                .findings
                .iter()
                .any(|finding| finding.code == Code::Skeleton)
        );
        assert_eq!(parsed.documents[0].refused, 1);
    }
}

#[test]
fn an_empty_document_of_unknown_kind_is_a_warning() {
    assert_warnings(
        &read_single_file("x.json", "[]"),
        &[(Code::UnknownDocument, 1, "$")],
    );
}

#[test]
fn a_tenants_own_folder_is_read_with_its_organization() {
    let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
    let policy = policy_when(r#""platforms": null"#);
    let tenant = valid_tenant(read_anything(
        files([
            ("organization.json", &*organization),
            ("conditional-access/a.json", &*policy),
            ("default.json", "{}"),
        ]),
        &PolicySettings::NONE,
    ));
    assert!(tenant.organization.is_some());
    assert_eq!(tenant.policies.len(), 1);
}

#[test]
fn a_file_name_that_serving_refuses_is_read_and_reported() {
    let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
    let policy = policy_when(r#""platforms": null"#);
    let parsed = read_anything(
        files([
            ("organization.json", &*organization),
            ("policies/a.json", &*policy),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::UnknownDocument, 0, "$")]);
    assert_eq!(only_tenant(parsed).policies.len(), 1);
}

#[test]
fn a_layout_without_organization_is_an_error_as_in_serving() {
    let parsed = read_anything(
        files([
            ("contoso/default.json", "{}"),
            ("contoso/partners.json", "[]"),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::NoTenant, 0, "$")]);
    assert_eq!(&*parsed.findings[0].place.file, "contoso");
    let settings = r#"{"inboundTrust": {}}"#;
    let parsed = read_anything(files([("default.json", settings)]), &PolicySettings::NONE);
    assert_errors(&parsed, &[(Code::NoTenant, 0, "$")]);
    assert!(only_tenant(parsed).organization.is_none());
}

#[test]
fn folder_names_do_not_matter_for_the_one_tenant_of_an_export() {
    let policy = policy_when(&format!(
        r#""locations": {{"includeLocations": ["{SOMETHING}"]}}"#
    ));
    let location = format!(r#"{{"id": "{SOMETHING}", "countriesAndRegions": ["DE"]}}"#);
    for (policies, locations) in [
        ("Policies/a.json", "NamedLocations/b.json"),
        (
            "policies/conditional-access/a.json",
            "named-locations/b.json",
        ),
        ("x/conditional-access/a.json", "y/named-locations/b.json"),
        ("conditional-access.json", "export/named-locations/b.json"),
        ("conditional-access/a.json", "b/c.json"),
    ] {
        let parsed = read_anything(
            files([(policies, &*policy), (locations, &*location)]),
            &PolicySettings::NONE,
        );
        let tenant = only_tenant(parsed);
        assert_eq!((tenant.policies.len(), tenant.locations.len()), (1, 1));
    }
}

#[test]
fn unrelated_exports_in_one_tree_are_separate_tenants_that_share_referenced_objects() {
    let policy = policy_when(&format!(
        r#""locations": {{"includeLocations": ["{SOMETHING}"]}}"#
    ));
    let location = format!(r#"{{"id": "{SOMETHING}", "countriesAndRegions": ["DE"]}}"#);
    let parsed = read_anything(
        files([
            ("set-a/a.json", &*policy),
            (
                "set-a/settings.json",
                r#"{"isServiceDefault": true, "inboundTrust": {}}"#,
            ),
            ("set-b/a.json", &*policy),
            (
                "set-b/settings.json",
                r#"{"isServiceDefault": true, "inboundTrust": {}}"#,
            ),
            ("locations/b.json", &*location),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[]);
    assert_eq!(parsed.tenants.len(), 2);
    for tenant in &parsed.tenants {
        assert!(tenant.default.is_some());
        assert_eq!((tenant.policies.len(), tenant.locations.len()), (1, 1));
    }
}

#[test]
fn loose_exports_are_reported_as_not_served() {
    let policy = policy_when(r#""platforms": null"#);
    let parsed = read_anything(
        files([("x/a.json", &*policy), ("x/b.json", &*policy)]),
        &PolicySettings::NONE,
    );
    let found = [(Code::NotServed, 0, "$"), (Code::NotServed, 0, "$")];
    assert_warnings(&parsed, &found);
    assert!(format_findings(&parsed.findings).contains(r#"policy "P" (it has no id)"#));
    let one_file = PolicyFiles {
        is_folder: false,
        ..PolicyFiles::from(files([("x/a.json", &*policy)]))
    };
    valid_tenant(read_anything(one_file, &PolicySettings::NONE));
}

#[test]
fn equal_policies_are_two_exports_in_loose_files_and_a_repeat_in_a_tenants_folder() {
    let policy = policy_when(r#""platforms": null"#);
    let parsed = read_anything(
        files([("x/a.json", &*policy), ("x/b.json", &*policy)]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[]);
    let policies: Vec<usize> = parsed
        .tenants
        .iter()
        .map(|tenant| tenant.policies.len())
        .collect();
    assert_eq!(policies, [1, 1]);
    let parsed = read_anything(
        files([
            ("conditional-access/a.json", &*policy),
            ("conditional-access/b.json", &*policy),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::NoTenant, 0, "$")]);
    assert_eq!(only_tenant(parsed).policies.len(), 2);
}
