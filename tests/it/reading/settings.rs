//! `default.json` and `partners.json`.

use crosstrust::graph::document::{ApplicationTarget, UserTarget};
use crosstrust::graph::{Code, ParsedPolicies};
use crosstrust::vocabulary::Access;

use super::{FABRIKAM, SOMEONE, SOMETHING, assert_errors, contoso, message, valid_tenant};

const ALL_USERS: &str =
    r#"{"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]}"#;
const ALL_APPS: &str = r#"{"accessType": "allowed", "targets": [{"target": "AllApplications", "targetType": "application"}]}"#;

/// A partner whose inbound collaboration has these two rules, on lines 3 and 4.
fn partner(users: &str, applications: &str) -> ParsedPolicies {
    contoso(
        "partners",
        format!(
            "{{\"tenantId\": \"{FABRIKAM}\",\n\"b2bCollaborationInbound\": {{\n\"usersAndGroups\": {users},\n\"applications\": {applications}}}}}"
        ),
    )
}

#[test]
fn a_partner_of_graph_is_read() {
    let tenant = valid_tenant(contoso(
        "partners",
        format!(
            r##"[{{"tenantId": "{FABRIKAM}", "isServiceProvider": true, "isInMultiTenantOrganization": false,
            "inboundTrust": {{"isMfaAccepted": true, "isCompliantDeviceAccepted": null, "isCompliantNetworkAccepted": true}},
            "automaticUserConsentSettings": {{"inboundAllowed": true, "outboundAllowed": null}},
            "b2bDirectConnectOutbound": null, "blockServiceProviderOutboundAccess": false,
            "m365CollaborationInbound": {{"users": {{"accessType": "allowed"}}}},
            "identitySynchronization": {{"tenantId": "{FABRIKAM}", "userSyncInbound": {{"isSyncAllowed": true}}}},
            "tenantRestrictions": {{"devices": null, "usersAndGroups": {ALL_USERS}, "applications": {ALL_APPS}}},
            "b2bDirectConnectInbound": {{
              "usersAndGroups": {{"accessType": "Allowed", "targets": [
                {{"target": "{SOMEONE}", "targetType": "group"}}, {{"target": "{SOMETHING}", "targetType": "user"}}]}},
              "applications": {{"accessType": "blocked", "targets": [
                {{"target": "Office365", "targetType": "application"}},
                {{"target": "allMicrosoftApps", "targetType": "application"}},
                {{"target": "{SOMETHING}", "targetType": "application"}}]}}}}}}]"##
        ),
    ));
    let partner = &tenant.partners[0];
    assert!(partner.is_service_provider && !partner.is_in_multi_tenant_organization);
    let configuration = &partner.configuration;
    assert!(configuration.direct_connect_outbound.is_none());
    assert!(configuration.tenant_restrictions.is_some());
    let consent = configuration.automatic_user_consent.expect("given");
    assert_eq!((consent.inbound, consent.outbound), (Some(true), None));
    let trust = configuration.inbound_trust.as_ref().expect("given");
    assert_eq!((trust.mfa, trust.compliant_device), (Some(true), None));

    let inbound = configuration
        .direct_connect_inbound
        .as_ref()
        .expect("given");
    let users = inbound.users.as_ref().expect("given");
    assert_eq!(users.access, Access::Allowed);
    let targets: Vec<UserTarget> = users.targets.iter().map(|target| target.value).collect();
    assert_eq!(
        targets,
        [
            UserTarget::Group(SOMEONE.parse().expect("a GUID")),
            UserTarget::User(SOMETHING.parse().expect("a GUID"))
        ]
    );
    assert_eq!(users.targets[1].place.line, 10);
    assert_eq!(
        users.targets[1].place.path,
        "$[0].b2bDirectConnectInbound.usersAndGroups.targets[1]"
    );
    let applications = inbound.applications.as_ref().expect("given");
    assert_eq!(applications.access, Access::Blocked);
    let targets: Vec<ApplicationTarget> = applications
        .targets
        .iter()
        .map(|target| target.value)
        .collect();
    assert_eq!(
        targets,
        [
            ApplicationTarget::Office365,
            ApplicationTarget::AllMicrosoftApps,
            ApplicationTarget::Application(SOMETHING.parse().expect("a GUID"))
        ]
    );
}

#[test]
fn a_partner_with_only_a_tenant_id_sets_nothing() {
    let tenant = valid_tenant(contoso(
        "partners",
        format!(r#"[{{"tenantId": "{FABRIKAM}"}}]"#),
    ));
    let configuration = &tenant.partners[0].configuration;
    assert!(configuration.collaboration_inbound.is_none());
    assert!(configuration.inbound_trust.is_none());
}

#[test]
fn null_and_missing_differ_from_false() {
    let text = r#"{"isServiceDefault": false, "inboundTrust": {"isMfaAccepted": false, "isCompliantDeviceAccepted": null}}"#;
    let tenant = valid_tenant(contoso("default", text));
    let trust = tenant
        .default
        .and_then(|default| default.inbound_trust)
        .expect("given");
    assert_eq!(trust.mfa, Some(false));
    assert_eq!(trust.compliant_device, None);
    assert_eq!(trust.hybrid_joined_device, None);
}

#[test]
fn only_partner_entries_block_service_providers() {
    let entry = |value: &str| {
        let text = format!(
            r#"[{{"tenantId": "{FABRIKAM}", "blockServiceProviderOutboundAccess": {value}}}]"#
        );
        valid_tenant(contoso("partners", text)).partners[0].blocks_service_providers
    };
    assert!(entry("true") && !entry("false") && !entry("null"));
    let default = |value: &str| {
        let text = format!(
            "{{\"inboundTrust\": null, \"automaticUserConsentSettings\": {{}},\n\
             \"blockServiceProviderOutboundAccess\": {value}}}"
        );
        contoso("default", text)
    };
    assert_errors(&default("false"), &[]);
    let path = "$.blockServiceProviderOutboundAccess";
    assert_errors(&default("true"), &[(Code::UnknownMember, 2, path)]);
    assert_errors(&default("\"true\""), &[(Code::WrongType, 2, path)]);
}

#[test]
fn a_setting_records_which_of_its_rules_are_missing() {
    let text = format!(
        r#"{{"b2bCollaborationInbound": {{"usersAndGroups": {ALL_USERS}}}, "b2bCollaborationOutbound": {{}}}}"#
    );
    let default = valid_tenant(contoso("default", text))
        .default
        .expect("read");
    let inbound = default.collaboration_inbound.expect("given");
    assert!(inbound.users.is_some() && inbound.applications.is_none());
    let outbound = default.collaboration_outbound.expect("given");
    assert!(outbound.users.is_none() && outbound.applications.is_none());
}

#[test]
fn the_form_in_which_the_powershell_sdk_writes_null_is_null() {
    let text = r#"{"IsServiceDefault": false, "B2BCollaborationInbound": {
        "UsersAndGroups": {"AccessType": null, "Targets": null}, "Applications": {"AccessType": null, "Targets": null}}}"#;
    let default = valid_tenant(contoso("default", text))
        .default
        .expect("read");
    assert!(default.collaboration_inbound.is_none());
}

#[test]
fn a_partner_without_tenant_is_refused() {
    let parsed = contoso("partners", r#"[{"inboundTrust": null}]"#);
    assert_errors(&parsed, &[(Code::MissingMember, 1, "$[0]")]);
}

#[test]
fn default_settings_that_name_a_tenant_are_refused() {
    let text = format!(
        "{{\"isServiceDefault\": false, \"inboundTrust\": {{}},\n \"tenantId\": \"{FABRIKAM}\"}}"
    );
    let parsed = contoso("default", text);
    assert_errors(&parsed, &[(Code::UnknownMember, 2, "$.tenantId")]);
}

#[test]
fn two_defaults_in_one_tenant_are_refused() {
    let text = "[{\"inboundTrust\": {}},\n{\"inboundTrust\": {}}]";
    let parsed = contoso("default", text);
    assert_errors(&parsed, &[(Code::Duplicate, 2, "$[1]")]);
}

#[test]
fn a_placeholder_or_a_name_in_place_of_an_id_is_refused() {
    for found in ["{group-id}", "<group>", "Marketing", "all", ""] {
        let users = format!(
            r#"{{"accessType": "allowed", "targets": [{{"target": "{found}", "targetType": "group"}}]}}"#
        );
        let parsed = partner(&users, ALL_APPS);
        let path = "$.b2bCollaborationInbound.usersAndGroups.targets[0].target";
        assert_errors(&parsed, &[(Code::NotAnId, 3, path)]);
        assert!(message(&parsed).contains(found));
    }
}

#[test]
fn all_users_is_a_user_target_and_not_a_group() {
    let users =
        r#"{"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "group"}]}"#;
    let path = "$.b2bCollaborationInbound.usersAndGroups.targets[0].target";
    assert_errors(&partner(users, ALL_APPS), &[(Code::NotAnId, 3, path)]);
}

#[test]
fn a_target_of_the_other_rule_is_refused() {
    let path = "$.b2bCollaborationInbound.usersAndGroups.targets[0].targetType";
    assert_errors(
        &partner(ALL_APPS, ALL_APPS),
        &[(Code::TargetNotAllowed, 3, path)],
    );
    let path = "$.b2bCollaborationInbound.applications.targets[0].targetType";
    assert_errors(
        &partner(ALL_USERS, ALL_USERS),
        &[(Code::TargetNotAllowed, 4, path)],
    );
}

#[test]
fn a_reserved_word_of_conditional_access_is_refused_as_a_target() {
    let applications = r#"{"accessType": "allowed", "targets": [{"target": "MicrosoftAdminPortals", "targetType": "application"}]}"#;
    let path = "$.b2bCollaborationInbound.applications.targets[0].target";
    assert_errors(
        &partner(ALL_USERS, applications),
        &[(Code::TargetNotAllowed, 4, path)],
    );
}

#[test]
fn an_unknown_access_type_is_refused() {
    let users = ALL_USERS.replace("allowed", "permit");
    let parsed = partner(&users, ALL_APPS);
    let path = "$.b2bCollaborationInbound.usersAndGroups.accessType";
    assert_errors(&parsed, &[(Code::UnknownWord, 3, path)]);
    assert!(message(&parsed).contains("allowed, blocked"));
}

#[test]
fn a_rule_or_target_that_lacks_a_member_is_refused() {
    let rule = "$.b2bCollaborationInbound.usersAndGroups";
    for (users, path) in [
        (r#"{"targets": []}"#, rule.to_owned()),
        (
            r#"{"accessType": "allowed", "targets": [{"target": "AllUsers"}]}"#,
            format!("{rule}.targets[0]"),
        ),
        (
            r#"{"accessType": "allowed", "targets": [{"targetType": "user"}]}"#,
            format!("{rule}.targets[0]"),
        ),
    ] {
        let parsed = partner(users, ALL_APPS);
        assert_errors(&parsed, &[(Code::MissingMember, 3, &path)]);
    }
}

#[test]
fn an_unknown_member_within_a_setting_or_trust_is_refused() {
    let users = ALL_USERS.replace("\"targets\"", "\"unless\": \"x\", \"targets\"");
    let path = "$.b2bCollaborationInbound.usersAndGroups.unless";
    assert_errors(
        &partner(&users, ALL_APPS),
        &[(Code::UnknownMember, 3, path)],
    );
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n\"inboundTrust\": {{\"isPasskeyAccepted\": true}}}}"
    );
    assert_errors(
        &contoso("partners", text),
        &[(Code::UnknownMember, 2, "$.inboundTrust.isPasskeyAccepted")],
    );
}

#[test]
fn the_place_of_a_tenant_restrictions_device_filter_is_recorded() {
    let text = format!(
        "{{\"tenantRestrictions\": {{\n\"devices\": {{\"mode\": \"allowed\", \"rule\": \"x\"}},\n\"usersAndGroups\": {ALL_USERS}, \"applications\": {ALL_APPS}}}}}"
    );
    let default = valid_tenant(contoso("default", text))
        .default
        .expect("read");
    let place = default
        .tenant_restrictions
        .and_then(|setting| setting.names_devices);
    assert_eq!(place.map(|place| place.line), Some(2));
}

#[test]
fn a_template_for_partners_of_a_multitenant_organisation_is_refused() {
    let text =
        format!("{{\"tenantId\": \"{FABRIKAM}\",\n\"templateApplicationLevel\": \"newPartners\"}}");
    let parsed = contoso("partners", text);
    assert_errors(
        &parsed,
        &[(Code::Template, 2, "$.templateApplicationLevel")],
    );
}

#[test]
fn a_trust_switch_given_as_a_string_is_refused() {
    let text = format!(
        "{{\"tenantId\": \"{FABRIKAM}\",\n\"inboundTrust\": {{\"isMfaAccepted\": \"true\"}}}}"
    );
    let parsed = contoso("partners", text);
    assert_errors(
        &parsed,
        &[(Code::WrongType, 2, "$.inboundTrust.isMfaAccepted")],
    );
}
