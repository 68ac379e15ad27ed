//! `organization.json` and `cross-tenant-access.json`.

use crosstrust::graph::{Code, read_policies_folder};
use crosstrust::policy_settings::PolicySettings;
use crosstrust::vocabulary::Cloud;

use super::{
    CONTOSO, FABRIKAM, assert_errors, assert_warnings, contoso, files, message, valid_tenant,
};

#[test]
fn an_organization_sets_id_name_and_cloud() {
    let text = format!(
        r##"{{"value": [{{"id": "{{{CONTOSO}}}", "displayName": "Contoso", "cloudEndpoint": "MicrosoftOnline.us",
            "verifiedDomains": [{{"name": "contoso.com"}}], "privacyProfile": {{"contactEmail": "a@b"}}, "state": "WA"}}]}}"##
    );
    let tenant = valid_tenant(read_policies_folder(
        files([("contoso/organization.json", &*text)]),
        &PolicySettings::NONE,
    ));
    let organization = tenant.organization.expect("read");
    assert_eq!(organization.id.to_string(), CONTOSO);
    assert_eq!(organization.display_name.as_deref(), Some("Contoso"));
    assert_eq!(organization.cloud, Some(Cloud::UsGovernment));
}

#[test]
fn an_organization_without_id_is_refused() {
    let parsed = read_policies_folder(
        files([("contoso/organization.json", r#"{"displayName": "C"}"#)]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::MissingMember, 1, "$")]);
}

#[test]
fn an_empty_organization_file_is_refused() {
    let parsed = read_policies_folder(
        files([("contoso/organization.json", "[]")]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::NoTenant, 0, "$")]);
}

#[test]
fn two_organizations_in_one_folder_are_refused() {
    let text = format!("[{{\"id\": \"{CONTOSO}\"}},\n{{\"id\": \"{FABRIKAM}\"}}]");
    let parsed = read_policies_folder(
        files([("contoso/organization.json", &*text)]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::Duplicate, 2, "$[1]")]);
}

#[test]
fn an_unknown_cloud_is_refused() {
    let text = format!("{{\"id\": \"{CONTOSO}\",\n \"cloudEndpoint\": \"contoso.com\"}}");
    let parsed = read_policies_folder(
        files([("contoso/organization.json", &*text)]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::UnknownWord, 2, "$.cloudEndpoint")]);
    assert!(message(&parsed).contains("partner.microsoftonline.cn"));
}

#[test]
fn a_misspelt_cloud_endpoint_is_an_error() {
    let text = format!("{{\"id\": \"{CONTOSO}\",\n \"cloudEndpoints\": \"microsoftonline.us\"}}");
    let parsed = read_policies_folder(
        files([("contoso/organization.json", &*text)]),
        &PolicySettings::NONE,
    );
    assert_errors(&parsed, &[(Code::UnknownMember, 2, "$.cloudEndpoints")]);
}

#[test]
fn allowed_cloud_endpoints_are_read() {
    let text = r#"{"value": {"id": "x", "displayName": "CrossTenantAccessPolicy", "definition": [],
        "allowedCloudEndpoints": ["microsoftonline.us", "partner.microsoftonline.cn"]}}"#;
    let tenant = valid_tenant(contoso("cross-tenant-access", text));
    assert_eq!(tenant.allowed_clouds, [Cloud::UsGovernment, Cloud::China]);
}

#[test]
fn settings_expanded_in_the_cross_tenant_access_policy_are_an_error() {
    let text = format!(
        "{{\"allowedCloudEndpoints\": [],\n \"default\": {{\"isServiceDefault\": true}},\n \"partners\": [{{\"tenantId\": \"{FABRIKAM}\"}}]}}"
    );
    assert_errors(
        &contoso("cross-tenant-access", text),
        &[
            (Code::UnknownMember, 2, "$.default"),
            (Code::UnknownMember, 3, "$.partners"),
        ],
    );
}

#[test]
fn an_unknown_member_of_an_organization_is_a_warning() {
    let text = format!("{{\"id\": \"{CONTOSO}\",\n \"colour\": \"red\"}}");
    let parsed = read_policies_folder(
        files([("contoso/organization.json", &*text)]),
        &PolicySettings::NONE,
    );
    assert_warnings(&parsed, &[(Code::UnknownMember, 2, "$.colour")]);
}
