//! `conditions`: each condition, its values, and which forms count as not set.

use crosstrust::graph::Code;
use crosstrust::graph::document::{
    ClientAppTypes, Conditions, ExternalTenants, LocationEntry, UsersCondition,
};
use crosstrust::vocabulary::{
    AuthenticationFlow, ClientAppType, DeviceState, FilterMode, InsiderRiskLevel, Platform,
    RiskLevel, UserAction, UserType, WordSet,
};

use super::{
    FABRIKAM, SOMEONE, SOMETHING, assert_errors, assert_warnings, conditional_access, message,
    policy_when, valid_policy,
};

fn conditions(text: &str) -> Conditions {
    valid_policy(&policy_when(text)).conditions
}

/// The same policy with these users on line 3.
fn with_users(users: &str) -> String {
    policy_when(r#""platforms": null"#).replace(r#"{"includeUsers": ["All"]}"#, users)
}

fn users(text: &str) -> UsersCondition {
    valid_policy(&with_users(text))
        .conditions
        .users
        .expect("given")
}

/// The same policy with these applications on line 4.
fn with_applications(applications: &str) -> String {
    policy_when(r#""platforms": null"#).replace(r#"{"includeApplications": ["All"]}"#, applications)
}

fn set<W: crosstrust::vocabulary::Word>(words: &[W]) -> WordSet<W> {
    words.iter().copied().collect()
}

#[test]
fn users_groups_roles_and_reserved_words_are_read() {
    let users = users(&format!(
        r#"{{"includeUsers": ["GuestsOrExternalUsers", "{SOMEONE}"], "includeGroups": ["{SOMETHING}"], "includeRoles": [],
         "excludeUsers": ["all", "none"], "excludeGroups": null, "excludeRoles": ["{SOMETHING}"]}}"#
    ));
    assert!(users.include.guests_or_external_users && !users.include.all);
    assert_eq!(users.include.users.len(), 1);
    assert_eq!(users.include.groups.len(), 1);
    assert!(users.exclude.all && users.exclude.none);
    assert_eq!(users.exclude.roles.len(), 1);
}

#[test]
fn all_agent_id_users_is_a_separate_reserved_word() {
    let users =
        users(r#"{"includeUsers": ["allAgentIdUsers"], "excludeUsers": ["AllAgentIdUsers"]}"#);
    assert!(users.include.agent_users && users.exclude.agent_users);
    assert!(!users.include.all && users.include.users.is_empty());
}

#[test]
fn user_actions_are_read_with_and_without_their_prefix() {
    for (word, expected) in [
        ("urn:user:accountrecovery", UserAction::AccountRecovery),
        ("AccountRecovery", UserAction::AccountRecovery),
        ("registerdevice", UserAction::RegisterDevice),
        (
            "URN:USER:RegisterSecurityInfo",
            UserAction::RegisterSecurityInfo,
        ),
    ] {
        let text = with_applications(&format!(r#"{{"includeUserActions": ["{word}"]}}"#));
        let applications = valid_policy(&text).conditions.applications.expect("given");
        assert_eq!(applications.user_actions, set(&[expected]), "{word}");
    }
    for word in [
        "urn:user:",
        "user:registerdevice",
        "urn:user:urn:user:registerdevice",
    ] {
        let text = with_applications(&format!(r#"{{"includeUserActions": ["{word}"]}}"#));
        let path = "$.conditions.applications.includeUserActions[0]";
        assert_errors(&conditional_access(&text), &[(Code::UnknownWord, 4, path)]);
    }
}

#[test]
fn guest_types_are_one_comma_separated_string_or_an_array() {
    for types in [
        r#""b2bCollaborationGuest, serviceProvider""#,
        r#"["B2BCollaborationGuest", "serviceProvider"]"#,
    ] {
        let users = users(&format!(
            r##"{{"includeGuestsOrExternalUsers": {{"guestOrExternalUserTypes": {types},
             "externalTenants": {{"@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "all"}}}}}}"##
        ));
        let guests = users.include.guests.expect("given");
        let expected = set(&[UserType::CollaborationGuest, UserType::ServiceProvider]);
        assert_eq!(guests.types, expected);
        assert_eq!(guests.tenants, ExternalTenants::All);
    }
}

#[test]
fn external_tenants_are_distinguished_by_kind_or_by_type() {
    let these = ExternalTenants::These(vec![FABRIKAM.parse().expect("a GUID")]);
    for (tenants, expected) in [
        (String::from("null"), ExternalTenants::Unspecified),
        (
            String::from(r#"{"membershipKind": "All"}"#),
            ExternalTenants::All,
        ),
        (
            format!(r#"{{"membershipKind": "enumerated", "members": ["{FABRIKAM}"]}}"#),
            these.clone(),
        ),
        (
            format!(
                r##"{{"@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants", "members": ["{FABRIKAM}"]}}"##
            ),
            these.clone(),
        ),
        (
            format!(
                r##"{{"MembershipKind": "enumerated", "AdditionalProperties": {{"members": ["{FABRIKAM}"]}}}}"##
            ),
            these,
        ),
    ] {
        let users = users(&format!(
            r#"{{"excludeGuestsOrExternalUsers": {{"guestOrExternalUserTypes": "internalGuest", "externalTenants": {tenants}}}}}"#
        ));
        assert_eq!(users.exclude.guests.expect("given").tenants, expected);
    }
}

#[test]
fn external_tenants_in_an_unknown_form_are_refused() {
    let at = "$.conditions.users.includeGuestsOrExternalUsers.externalTenants";
    for (tenants, code, path) in [
        (
            r#"{"membershipKind": "some"}"#,
            Code::UnknownWord,
            format!("{at}.membershipKind"),
        ),
        (r#"{"members": ["x"]}"#, Code::MissingMember, at.to_owned()),
        (
            r#"{"membershipKind": "enumerated"}"#,
            Code::MissingMember,
            at.to_owned(),
        ),
        (
            r#"{"membershipKind": "all", "members": ["x"]}"#,
            Code::NotUnderstood,
            format!("{at}.members"),
        ),
        (
            r#"{"membershipKind": "enumerated", "members": ["fabrikam.com"]}"#,
            Code::NotAnId,
            format!("{at}.members[0]"),
        ),
        (
            r##"{"@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "enumerated", "members": ["x"]}"##,
            Code::NotUnderstood,
            at.to_owned(),
        ),
    ] {
        let text = with_users(&format!(
            r#"{{"includeGuestsOrExternalUsers": {{"guestOrExternalUserTypes": "internalGuest", "externalTenants": {tenants}}}}}"#
        ));
        assert_errors(&conditional_access(&text), &[(code, 3, &path)]);
    }
}

#[test]
fn guest_types_that_are_missing_or_unknown_are_refused() {
    let at = "$.conditions.users.includeGuestsOrExternalUsers";
    for (guests, code, path) in [
        (
            r#"{"externalTenants": {"membershipKind": "all"}}"#,
            Code::MissingMember,
            at.to_owned(),
        ),
        (
            r#"{"guestOrExternalUserTypes": "internalGuest,martian"}"#,
            Code::UnknownWord,
            format!("{at}.guestOrExternalUserTypes"),
        ),
    ] {
        let text = with_users(&format!(r#"{{"includeGuestsOrExternalUsers": {guests}}}"#));
        assert_errors(&conditional_access(&text), &[(code, 3, &path)]);
    }
}

#[test]
fn a_name_in_place_of_an_id_is_refused_with_the_id_if_it_is_known() {
    for (list, found, hint) in [
        ("includeUsers", "adele@contoso.com", "the id of a user"),
        ("includeUsers", "", "the id of a user"),
        ("includeGroups", "All", "the id of a group"),
        ("includeGroups", "<group>", "the placeholder"),
        (
            "includeRoles",
            "Company Administrator",
            "62e90394-69f5-4237-9190-012177145e10",
        ),
        (
            "excludeUsers",
            "Current administrator will be excluded",
            "the id of a user",
        ),
    ] {
        let text = with_users(&format!(r#"{{"{list}": ["{found}"]}}"#));
        let parsed = conditional_access(&text);
        let path = format!("$.conditions.users.{list}[0]");
        assert_errors(&parsed, &[(Code::NotAnId, 3, &path)]);
        assert!(message(&parsed).contains(hint), "{}", message(&parsed));
    }
}

#[test]
fn an_unknown_member_of_users_or_applications_is_refused() {
    let text = with_users(r#"{"includeUsers": ["All"], "excludeDepartments": ["HR"]}"#);
    let path = "$.conditions.users.excludeDepartments";
    assert_errors(
        &conditional_access(&text),
        &[(Code::UnknownMember, 3, path)],
    );
    let text = with_applications(r#"{"includeApplications": ["All"], "excludeApps": ["x"]}"#);
    let path = "$.conditions.applications.excludeApps";
    assert_errors(
        &conditional_access(&text),
        &[(Code::UnknownMember, 4, path)],
    );
}

#[test]
fn a_string_in_place_of_a_list_is_refused() {
    let text = with_users(r#"{"includeUsers": "All"}"#);
    let path = "$.conditions.users.includeUsers";
    assert_errors(&conditional_access(&text), &[(Code::WrongType, 3, path)]);
}

#[test]
fn null_users_are_none_and_an_empty_list_stays_an_empty_list() {
    let policy = valid_policy(&with_users("null"));
    assert!(policy.conditions.users.is_none());
    assert!(users(r#"{"includeUsers": []}"#).include.users.is_empty());
}

#[test]
fn applications_actions_contexts_and_filter_are_read() {
    let policy = valid_policy(&with_applications(&format!(
        r#"{{"includeApplications": ["Office365", "microsoftAdminPortals", "{SOMETHING}"], "excludeApplications": ["None"],
         "includeUserActions": ["urn:user:registerSecurityInfo"], "includeAuthenticationContextClassReferences": ["C1", "c25"],
         "applicationFilter": {{"mode": "exclude", "rule": "CustomSecurityAttribute.A_B -eq \"x\""}}}}"#
    )));
    let applications = policy.conditions.applications.expect("given");
    assert!(applications.include.office365 && applications.include.admin_portals);
    assert_eq!(applications.include.applications.len(), 1);
    assert!(applications.exclude.none);
    assert_eq!(
        applications.user_actions,
        set(&[UserAction::RegisterSecurityInfo])
    );
    assert_eq!(applications.authentication_contexts, ["c1", "c25"]);
    let filter = applications.filter.expect("given");
    assert_eq!(filter.mode, FilterMode::Exclude);
    assert_eq!(filter.rule, "CustomSecurityAttribute.A_B -eq \"x\"");
    assert_eq!(filter.place.line, 6);
}

#[test]
fn all_agent_id_resources_is_a_separate_reserved_word() {
    let text = with_applications(
        r#"{"includeApplications": ["AllAgentIdResources"], "excludeApplications": ["allagentidresources"]}"#,
    );
    let applications = valid_policy(&text).conditions.applications.expect("given");
    assert!(applications.include.agent_resources && applications.exclude.agent_resources);
    assert!(!applications.include.all && applications.include.applications.is_empty());
}

#[test]
fn an_unknown_application_action_or_context_is_refused() {
    for (list, found, code) in [
        ("includeApplications", "Office 365", Code::NotAnId),
        ("includeApplications", "AllAgentIdUsers", Code::NotAnId),
        ("includeUserActions", "urn:user:dance", Code::UnknownWord),
        (
            "includeAuthenticationContextClassReferences",
            "Require MFA",
            Code::UnknownWord,
        ),
    ] {
        let text = with_applications(&format!(r#"{{"{list}": ["{found}"]}}"#));
        let path = format!("$.conditions.applications.{list}[0]");
        assert_errors(&conditional_access(&text), &[(code, 4, &path)]);
    }
}

#[test]
fn a_filter_without_mode_or_rule_is_refused() {
    let at = "$.conditions.applications.applicationFilter";
    for (filter, code, path) in [
        (r#"{"rule": "x"}"#, Code::MissingMember, at.to_owned()),
        (r#"{"mode": "include"}"#, Code::MissingMember, at.to_owned()),
        (
            r#"{"mode": "include", "rule": " "}"#,
            Code::WrongType,
            format!("{at}.rule"),
        ),
        (
            r#"{"mode": "only", "rule": "x"}"#,
            Code::UnknownWord,
            format!("{at}.mode"),
        ),
    ] {
        let text = with_applications(&format!(r#"{{"applicationFilter": {filter}}}"#));
        assert_errors(&conditional_access(&text), &[(code, 4, &path)]);
    }
}

#[test]
fn traffic_of_global_secure_access_is_reported_and_ignored() {
    let text = with_applications(
        r#"{"includeApplications": [], "globalSecureAccess": {"includeTrafficProfiles": "m365"}}"#,
    );
    let path = "$.conditions.applications.globalSecureAccess";
    assert_warnings(&conditional_access(&text), &[(Code::NoEffect, 4, path)]);
}

#[test]
fn client_app_types_are_all_when_empty_missing_or_all_beside_others() {
    for text in [
        r#""clientAppTypes": []"#,
        r#""clientAppTypes": null"#,
        r#""clientAppTypes": ["All", "browser"]"#,
    ] {
        assert_eq!(conditions(text).client_app_types, ClientAppTypes::All);
    }
    let these = set(&[ClientAppType::Browser, ClientAppType::Other]);
    assert_eq!(
        conditions(r#""clientAppTypes": ["browser", "other"]"#).client_app_types,
        ClientAppTypes::These(these)
    );
}

#[test]
fn platforms_are_read_and_two_empty_lists_count_as_not_set() {
    let platforms = conditions(
        r#""platforms": {"includePlatforms": ["all"], "excludePlatforms": ["ios", "macOS"]}"#,
    )
    .platforms
    .expect("given");
    assert_eq!(platforms.include, [None]);
    assert_eq!(
        platforms.exclude,
        [Some(Platform::Ios), Some(Platform::MacOs)]
    );
    let empty = r#""platforms": {"includePlatforms": [], "excludePlatforms": []}"#;
    assert!(conditions(empty).platforms.is_none());
}

#[test]
fn locations_are_read_and_an_empty_array_in_their_place_counts_as_not_set() {
    let text = format!(
        r#""locations": {{"includeLocations": ["All"], "excludeLocations": ["allTrusted", "{SOMETHING}"]}}"#
    );
    let locations = conditions(&text).locations.expect("given");
    assert_eq!(locations.include[0].value, LocationEntry::All);
    assert_eq!(locations.exclude[0].value, LocationEntry::AllTrusted);
    let location = LocationEntry::Location(SOMETHING.parse().expect("a GUID"));
    assert_eq!(locations.exclude[1].value, location);
    assert_eq!(
        locations.exclude[1].place.path,
        "$.conditions.locations.excludeLocations[1]"
    );
    assert!(conditions(r#""locations": []"#).locations.is_none());
    let text = policy_when(r#""locations": ["All"]"#);
    let expected = (Code::WrongType, 5, "$.conditions.locations");
    assert_errors(&conditional_access(&text), &[expected]);
}

#[test]
fn risks_and_flows_are_read_from_arrays_and_from_strings() {
    let read = conditions(
        r#""signInRiskLevels": ["high", "none"], "userRiskLevels": ["Medium"], "insiderRiskLevels": "minor,elevated",
        "authenticationFlows": {"transferMethods": "deviceCodeFlow,authenticationTransfer"}"#,
    );
    assert_eq!(read.sign_in_risk, set(&[RiskLevel::High, RiskLevel::None]));
    assert_eq!(read.user_risk, set(&[RiskLevel::Medium]));
    let expected = set(&[InsiderRiskLevel::Minor, InsiderRiskLevel::Elevated]);
    assert_eq!(read.insider_risk, expected);
    let expected = set(&[
        AuthenticationFlow::DeviceCodeFlow,
        AuthenticationFlow::AuthenticationTransfer,
    ]);
    assert_eq!(read.authentication_flows, expected);
    let arrays = conditions(
        r#""insiderRiskLevels": ["minor", "elevated"], "authenticationFlows": {"transferMethods": ["deviceCodeFlow"]}"#,
    );
    assert_eq!(arrays.insider_risk, read.insider_risk);
    assert_eq!(
        arrays.authentication_flows,
        set(&[AuthenticationFlow::DeviceCodeFlow])
    );
}

#[test]
fn transfer_method_none_counts_as_not_set() {
    for text in [
        r#""authenticationFlows": {"transferMethods": "none"}"#,
        r#""authenticationFlows": {"transferMethods": ""}"#,
        r#""authenticationFlows": null"#,
    ] {
        assert!(conditions(text).authentication_flows.is_empty());
    }
}

#[test]
fn an_empty_risk_level_counts_as_not_set_and_is_reported() {
    let parsed = conditional_access(&policy_when(r#""userRiskLevels": [""]"#));
    assert_warnings(
        &parsed,
        &[(Code::UnknownWord, 5, "$.conditions.userRiskLevels[0]")],
    );
    assert!(
        parsed.tenants[0].policies[0]
            .conditions
            .user_risk
            .is_empty()
    );
}

#[test]
fn insider_risk_none_is_refused_in_a_policy() {
    let parsed = conditional_access(&policy_when(r#""insiderRiskLevels": "none""#));
    assert_errors(
        &parsed,
        &[(Code::UnknownWord, 5, "$.conditions.insiderRiskLevels")],
    );
}

#[test]
fn a_device_filter_and_deprecated_states_are_read() {
    let read = conditions(
        r#""devices": {"includeDevices": ["All"], "excludeDeviceStates": ["Compliant"],
          "deviceFilter": {"mode": "include", "rule": "device.isCompliant -eq True"}},
          "deviceStates": {"excludeStates": ["domainJoined"]}"#,
    );
    assert_eq!(read.device_filter.expect("given").mode, FilterMode::Include);
    let states = read.device_states.expect("given");
    assert_eq!(states.include, [DeviceState::All]);
    assert_eq!(
        states.exclude,
        [DeviceState::Compliant, DeviceState::DomainJoined]
    );
    let empty = r#""devices": {"deviceFilter": {"mode": null, "rule": null}, "includeDevices": []}, "deviceStates": {"includeStates": []}"#;
    let read = conditions(empty);
    assert!(read.device_filter.is_none() && read.device_states.is_none());
}

#[test]
fn unknown_words_of_any_condition_are_refused() {
    for (text, path) in [
        (r#""clientAppTypes": ["fax"]"#, "clientAppTypes[0]"),
        (
            r#""platforms": {"includePlatforms": ["beos"]}"#,
            "platforms.includePlatforms[0]",
        ),
        (r#""insiderRiskLevels": "minor,huge""#, "insiderRiskLevels"),
        (
            r#""authenticationFlows": {"transferMethods": "pigeon"}"#,
            "authenticationFlows.transferMethods",
        ),
        (
            r#""devices": {"includeDevices": ["Blue"]}"#,
            "devices.includeDevices[0]",
        ),
    ] {
        let parsed = conditional_access(&policy_when(text));
        let path = format!("$.conditions.{path}");
        assert_errors(&parsed, &[(Code::UnknownWord, 5, &path)]);
    }
}
