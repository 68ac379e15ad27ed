//! Exports as they are found: kinds told by contents, tenants without a name.

use crosstrust::graph::{Code, DocumentKind, ParsedPolicies, PolicyFiles, read_anything};
use crosstrust::policy_settings::PolicySettings;

use super::{
    CONTOSO, FABRIKAM, SOMETHING, assert_errors, assert_warnings, files, listed, message,
    only_tenant, policy_when, sound,
};

fn alone(name: &str, text: &str) -> ParsedPolicies {
    read_anything(files([(name, text)]), &PolicySettings::NONE)
}

#[test]
fn what_a_file_holds_is_told_by_its_contents() {
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
        let reading = alone("export.json", text);
        assert_errors(&reading, &[]);
        assert_eq!(reading.documents[0].kind, Some(kind));
    }
}

#[test]
fn contents_win_over_a_name_and_a_name_tells_where_contents_do_not() {
    let policy = policy_when(r#""platforms": null"#);
    let reading = alone("my/own/partners.json", &policy);
    assert_eq!(
        reading.documents[0].kind,
        Some(DocumentKind::ConditionalAccess)
    );
    let reading = alone(
        "my/own/Default.json",
        r#"{"inboundTrust": {"isMfaAccepted": true}}"#,
    );
    assert_errors(&reading, &[]);
    assert!(only_tenant(reading).default.is_some());
}

#[test]
fn settings_that_do_not_say_whose_they_are_are_refused() {
    let reading = alone("patch.json", r#"{"inboundTrust": {"isMfaAccepted": true}}"#);
    assert_errors(&reading, &[(Code::UnknownDocument, 1, "$")]);
    assert!(message(&reading).contains("tenantId"));
}

#[test]
fn other_json_is_refused_with_a_clear_word() {
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
        let reading = alone("some.json", text);
        assert_eq!(reading.findings[0].code, Code::UnknownDocument);
        assert!(message(&reading).contains(hint), "{}", message(&reading));
        assert!(reading.documents[0].unread && reading.tenants.is_empty());
    }
}

#[test]
fn skeletons_of_policies_and_locations_are_refused_as_what_they_are() {
    let policy = r#"{"conditions": {"@odata.type": "microsoft.graph.conditionalAccessConditionSet"}, "displayName": "String", "id": "String (identifier)", "state": "String"}"#;
    let location = r#"{"id": "String (identifier)", "ipRanges": [{"@odata.type": "microsoft.graph.ipRange"}], "isTrusted": "Boolean"}"#;
    for text in [policy, location] {
        let reading = alone("representation.json", text);
        assert!(
            reading
                .findings
                .iter()
                .any(|finding| finding.code == Code::Skeleton)
        );
        assert_eq!(reading.documents[0].refused, 1);
    }
}

#[test]
fn an_empty_document_that_says_no_kind_is_a_warning() {
    assert_warnings(&alone("x.json", "[]"), &[(Code::UnknownDocument, 1, "$")]);
}

#[test]
fn a_tenants_own_folder_is_read_with_its_organization() {
    let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
    let policy = policy_when(r#""platforms": null"#);
    let tenant = sound(read_anything(
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
fn a_name_that_would_not_be_served_is_read_and_told() {
    let organization = format!(r#"{{"id": "{CONTOSO}"}}"#);
    let policy = policy_when(r#""platforms": null"#);
    let reading = read_anything(
        files([
            ("organization.json", &*organization),
            ("policies/a.json", &*policy),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&reading, &[(Code::UnknownDocument, 0, "$")]);
    assert_eq!(only_tenant(reading).policies.len(), 1);
}

#[test]
fn a_layout_without_organization_is_an_error_as_where_it_is_served() {
    let reading = read_anything(
        files([
            ("contoso/default.json", "{}"),
            ("contoso/partners.json", "[]"),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&reading, &[(Code::NoTenant, 0, "$")]);
    assert_eq!(&*reading.findings[0].place.file, "contoso");
    let settings = r#"{"inboundTrust": {}}"#;
    let reading = read_anything(files([("default.json", settings)]), &PolicySettings::NONE);
    assert_errors(&reading, &[(Code::NoTenant, 0, "$")]);
    assert!(only_tenant(reading).organization.is_none());
}

#[test]
fn files_of_an_export_make_one_tenant_whatever_its_folders_are_called() {
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
        let reading = read_anything(
            files([(policies, &*policy), (locations, &*location)]),
            &PolicySettings::NONE,
        );
        let tenant = only_tenant(reading);
        assert_eq!((tenant.policies.len(), tenant.locations.len()), (1, 1));
    }
}

#[test]
fn unrelated_exports_in_one_tree_are_tenants_of_their_own_that_share_what_they_refer_to() {
    let policy = policy_when(&format!(
        r#""locations": {{"includeLocations": ["{SOMETHING}"]}}"#
    ));
    let location = format!(r#"{{"id": "{SOMETHING}", "countriesAndRegions": ["DE"]}}"#);
    let reading = read_anything(
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
    assert_errors(&reading, &[]);
    assert_eq!(reading.tenants.len(), 2);
    for tenant in &reading.tenants {
        assert!(tenant.default.is_some());
        assert_eq!((tenant.policies.len(), tenant.locations.len()), (1, 1));
    }
}

#[test]
fn loose_exports_are_reported_as_what_is_not_served() {
    let policy = policy_when(r#""platforms": null"#);
    let reading = read_anything(
        files([("x/a.json", &*policy), ("x/b.json", &*policy)]),
        &PolicySettings::NONE,
    );
    let found = [(Code::NotServed, 0, "$"), (Code::NotServed, 0, "$")];
    assert_warnings(&reading, &found);
    assert!(listed(&reading.findings).contains(r#"policy "P" (it has no id)"#));
    let one_file = PolicyFiles {
        is_folder: false,
        ..PolicyFiles::from(files([("x/a.json", &*policy)]))
    };
    sound(read_anything(one_file, &PolicySettings::NONE));
}

#[test]
fn what_stands_twice_is_two_exports_in_loose_files_and_a_repeat_in_a_tenants_folder() {
    let policy = policy_when(r#""platforms": null"#);
    let reading = read_anything(
        files([("x/a.json", &*policy), ("x/b.json", &*policy)]),
        &PolicySettings::NONE,
    );
    assert_errors(&reading, &[]);
    let policies: Vec<usize> = reading
        .tenants
        .iter()
        .map(|tenant| tenant.policies.len())
        .collect();
    assert_eq!(policies, [1, 1]);
    let reading = read_anything(
        files([
            ("conditional-access/a.json", &*policy),
            ("conditional-access/b.json", &*policy),
        ]),
        &PolicySettings::NONE,
    );
    assert_errors(&reading, &[(Code::NoTenant, 0, "$")]);
    assert_eq!(only_tenant(reading).policies.len(), 2);
}
