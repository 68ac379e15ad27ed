//! `conditions`: each condition, its words, and what is "not set".

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
    policy_when, sound_policy,
};

fn conditions(text: &str) -> Conditions {
    sound_policy(&policy_when(text)).conditions
}

/// The same policy with these users on line 3.
fn with_users(users: &str) -> String {
    policy_when(r#""platforms": null"#).replace(r#"{"includeUsers": ["All"]}"#, users)
}

fn users(text: &str) -> UsersCondition {
    sound_policy(&with_users(text))
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
fn the_accounts_of_agents_are_a_word_of_their_own() {
    let users =
        users(r#"{"includeUsers": ["allAgentIdUsers"], "excludeUsers": ["AllAgentIdUsers"]}"#);
    assert!(users.include.agent_users && users.exclude.agent_users);
    assert!(!users.include.all && users.include.users.is_empty());
}

#[test]
fn user_actions_are_read_with_and_without_their_prefix() {
    for (word, wanted) in [
        ("urn:user:accountrecovery", UserAction::AccountRecovery),
        ("AccountRecovery", UserAction::AccountRecovery),
        ("registerdevice", UserAction::RegisterDevice),
        (
            "URN:USER:RegisterSecurityInfo",
            UserAction::RegisterSecurityInfo,
        ),
    ] {
        let text = with_applications(&format!(r#"{{"includeUserActions": ["{word}"]}}"#));
        let applications = sound_policy(&text).conditions.applications.expect("given");
        assert_eq!(applications.user_actions, set(&[wanted]), "{word}");
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
fn guest_types_are_one_comma_separated_text_or_an_array() {
    for types in [
        r#""b2bCollaborationGuest, serviceProvider""#,
        r#"["B2BCollaborationGuest", "serviceProvider"]"#,
    ] {
        let users = users(&format!(
            r##"{{"includeGuestsOrExternalUsers": {{"guestOrExternalUserTypes": {types},
             "externalTenants": {{"@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants", "membershipKind": "all"}}}}}}"##
        ));
        let guests = users.include.guests.expect("given");
        let wanted = set(&[UserType::CollaborationGuest, UserType::ServiceProvider]);
        assert_eq!(guests.types, wanted);
        assert_eq!(guests.tenants, ExternalTenants::All);
    }
}

#[test]
fn external_tenants_are_told_by_kind_or_by_type() {
    let these = ExternalTenants::These(vec![FABRIKAM.parse().expect("a GUID")]);
    for (tenants, wanted) in [
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
        assert_eq!(users.exclude.guests.expect("given").tenants, wanted);
    }
}

#[test]
fn external_tenants_that_are_not_understood_are_refused() {
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
fn names_where_ids_belong_are_refused_and_known_ones_are_told_their_id() {
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
        let reading = conditional_access(&text);
        let path = format!("$.conditions.users.{list}[0]");
        assert_errors(&reading, &[(Code::NotAnId, 3, &path)]);
        assert!(message(&reading).contains(hint), "{}", message(&reading));
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
fn a_text_where_a_list_belongs_is_refused() {
    let text = with_users(r#"{"includeUsers": "All"}"#);
    let path = "$.conditions.users.includeUsers";
    assert_errors(&conditional_access(&text), &[(Code::WrongType, 3, path)]);
}

#[test]
fn null_users_are_none_and_empty_lists_are_kept() {
    let policy = sound_policy(&with_users("null"));
    assert!(policy.conditions.users.is_none());
    assert!(users(r#"{"includeUsers": []}"#).include.users.is_empty());
}

#[test]
fn applications_actions_contexts_and_filter_are_read() {
    let policy = sound_policy(&with_applications(&format!(
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
fn the_resources_of_agents_are_a_word_of_their_own() {
    let text = with_applications(
        r#"{"includeApplications": ["AllAgentIdResources"], "excludeApplications": ["allagentidresources"]}"#,
    );
    let applications = sound_policy(&text).conditions.applications.expect("given");
    assert!(applications.include.agent_resources && applications.exclude.agent_resources);
    assert!(!applications.include.all && applications.include.applications.is_empty());
}

#[test]
fn what_is_no_application_action_or_context_is_refused() {
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
fn traffic_of_global_secure_access_is_told_and_left_out() {
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
fn platforms_are_read_and_two_empty_lists_are_not_set() {
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
fn locations_are_read_and_an_empty_array_in_their_place_is_not_set() {
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
    let wanted = (Code::WrongType, 5, "$.conditions.locations");
    assert_errors(&conditional_access(&text), &[wanted]);
}

#[test]
fn risks_and_flows_are_read_from_arrays_and_from_texts() {
    let read = conditions(
        r#""signInRiskLevels": ["high", "none"], "userRiskLevels": ["Medium"], "insiderRiskLevels": "minor,elevated",
        "authenticationFlows": {"transferMethods": "deviceCodeFlow,authenticationTransfer"}"#,
    );
    assert_eq!(read.sign_in_risk, set(&[RiskLevel::High, RiskLevel::None]));
    assert_eq!(read.user_risk, set(&[RiskLevel::Medium]));
    let wanted = set(&[InsiderRiskLevel::Minor, InsiderRiskLevel::Elevated]);
    assert_eq!(read.insider_risk, wanted);
    let wanted = set(&[
        AuthenticationFlow::DeviceCodeFlow,
        AuthenticationFlow::AuthenticationTransfer,
    ]);
    assert_eq!(read.authentication_flows, wanted);
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
fn a_transfer_method_none_is_not_set() {
    for text in [
        r#""authenticationFlows": {"transferMethods": "none"}"#,
        r#""authenticationFlows": {"transferMethods": ""}"#,
        r#""authenticationFlows": null"#,
    ] {
        assert!(conditions(text).authentication_flows.is_empty());
    }
}

#[test]
fn an_empty_risk_level_is_not_set_and_told() {
    let reading = conditional_access(&policy_when(r#""userRiskLevels": [""]"#));
    assert_warnings(
        &reading,
        &[(Code::UnknownWord, 5, "$.conditions.userRiskLevels[0]")],
    );
    assert!(
        reading.tenants[0].policies[0]
            .conditions
            .user_risk
            .is_empty()
    );
}

#[test]
fn an_insider_risk_none_is_not_a_word_of_policies() {
    let reading = conditional_access(&policy_when(r#""insiderRiskLevels": "none""#));
    assert_errors(
        &reading,
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
        let reading = conditional_access(&policy_when(text));
        let path = format!("$.conditions.{path}");
        assert_errors(&reading, &[(Code::UnknownWord, 5, &path)]);
    }
}
