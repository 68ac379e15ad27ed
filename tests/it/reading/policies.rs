//! Conditional Access policies: names, states, templates, and what a disabled policy may contain.

use crosstrust::graph::Code;
use crosstrust::vocabulary::{Operator, PolicyState};

use super::{
    SOMETHING, assert_errors, assert_warnings, conditional_access, message, policy, policy_when,
    valid_policy,
};

#[test]
fn a_policy_of_graph_is_read() {
    let policy = valid_policy(&format!(
        r##"{{"id": "{SOMETHING}", "templateId": null, "displayName": "Guests: MFA", "createdDateTime": "2026-01-01T00:00:00Z",
        "modifiedDateTime": null, "state": "enabledForReportingButNotEnforced", "partialEnablementStrategy": null,
        "conditions": {{"users": {{"includeUsers": ["None"]}}, "applications": {{"includeApplications": ["all"]}},
          "clientAppTypes": ["all"], "times": null, "clients": null, "clientApplications": null}},
        "grantControls": {{"operator": "AND", "builtInControls": ["mfa"], "authenticationStrength@odata.context": "x",
          "authenticationStrength": null, "termsOfUse": [], "customAuthenticationFactors": []}},
        "sessionControls": null}}"##
    ));
    assert_eq!(
        policy.id.map(|id| id.to_string()).as_deref(),
        Some(SOMETHING)
    );
    assert_eq!(policy.display_name, "Guests: MFA");
    assert_eq!(policy.state, PolicyState::ReportOnly);
    let grant = policy.grant.expect("given");
    assert_eq!(grant.operator, Operator::And);
    assert!(policy.session.obligations.is_empty());
}

#[test]
fn a_policy_is_named_by_its_display_name_or_else_by_its_id() {
    let text = policy_when(r#""platforms": null"#);
    let policy = valid_policy(&text);
    assert_eq!((policy.id, policy.display_name.as_str()), (None, "P"));
    let named = text.replace(r#""displayName": "P""#, &format!(r#""id": "{SOMETHING}""#));
    assert_eq!(valid_policy(&named).display_name, SOMETHING);
}

#[test]
fn a_policy_with_neither_id_nor_name_is_refused() {
    let text = policy_when(r#""platforms": null"#).replace(r#""displayName": "P","#, "");
    assert_errors(&conditional_access(&text), &[(Code::MissingMember, 1, "$")]);
}

#[test]
fn a_policy_without_state_is_a_template() {
    let text = policy_when(r#""platforms": null"#).replace(r#", "state": "enabled""#, "");
    let parsed = conditional_access(&text);
    assert_errors(&parsed, &[(Code::Template, 1, "$")]);
    assert!(parsed.tenants[0].policies.is_empty());
}

#[test]
fn an_unknown_state_is_refused() {
    let text = policy(
        "on",
        r#""platforms": null"#,
        r#""builtInControls": ["mfa"]"#,
    );
    let parsed = conditional_access(&text);
    assert_errors(&parsed, &[(Code::UnknownWord, 1, "$.state")]);
}

#[test]
fn a_template_of_graph_with_details_is_refused() {
    let text = "{\"id\": \"1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11\", \"name\": \"Require MFA\", \"scenarios\": \"zeroTrust\",\n \"details\": {\"conditions\": {\"clientAppTypes\": [\"all\"]}, \"grantControls\": null}}";
    let parsed = conditional_access(text);
    assert_errors(&parsed, &[(Code::Template, 2, "$.details")]);
}

#[test]
fn the_flat_form_of_a_tool_is_refused_with_a_clear_message() {
    let text = r#"{"displayName": "P", "state": "enabled", "present": true, "includeUsers": ["All"],
        "includeApplications": ["All"], "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}}"#;
    let parsed = conditional_access(text);
    assert_errors(&parsed, &[(Code::MissingMember, 1, "$")]);
    assert!(parsed.findings[0].message.contains("tool's own form"));
}

#[test]
fn a_condition_outside_conditions_is_refused() {
    let text = policy_when(r#""platforms": null"#).replace(
        r#""displayName""#,
        "\"excludeGroups\": [\"x\"],\n\"displayName\"",
    );
    let parsed = conditional_access(&text);
    assert_errors(&parsed, &[(Code::UnknownMember, 1, "$.excludeGroups")]);
}

#[test]
fn a_policy_without_conditions_is_refused() {
    let text = r#"{"displayName": "P", "state": "enabled", "grantControls": {"builtInControls": ["block"]}}"#;
    assert_errors(&conditional_access(text), &[(Code::MissingMember, 1, "$")]);
}

#[test]
fn misspelt_grant_controls_are_refused() {
    let text = policy_when(r#""platforms": null"#).replace("grantControls", "grantControl");
    let parsed = conditional_access(&text);
    assert_errors(&parsed, &[(Code::UnknownMember, 7, "$.grantControl")]);
}

#[test]
fn an_unknown_condition_control_or_value_is_an_error_in_an_enabled_or_report_only_policy() {
    for state in ["enabled", "enabledForReportingButNotEnforced"] {
        let text = policy(
            state,
            r#""moonPhase": "full", "signInRiskLevels": ["extreme"]"#,
            r#""builtInControls": ["mfa", "dance"], "lock": true"#,
        );
        assert_errors(
            &conditional_access(&text),
            &[
                (Code::UnknownMember, 5, "$.conditions.moonPhase"),
                (Code::UnknownWord, 5, "$.conditions.signInRiskLevels[0]"),
                (Code::UnknownWord, 7, "$.grantControls.builtInControls[1]"),
                (Code::UnknownMember, 7, "$.grantControls.lock"),
            ],
        );
    }
}

#[test]
fn an_unknown_condition_control_or_value_is_a_warning_in_a_disabled_policy() {
    let text = policy(
        "disabled",
        r#""moonPhase": "full", "signInRiskLevels": ["extreme"]"#,
        r#""builtInControls": ["mfa", "dance"], "lock": true"#,
    );
    let parsed = conditional_access(&text);
    assert_warnings(
        &parsed,
        &[
            (Code::UnknownMember, 5, "$.conditions.moonPhase"),
            (Code::UnknownWord, 5, "$.conditions.signInRiskLevels[0]"),
            (Code::UnknownWord, 7, "$.grantControls.builtInControls[1]"),
            (Code::UnknownMember, 7, "$.grantControls.lock"),
        ],
    );
    assert_eq!(parsed.tenants[0].policies.len(), 1);
}

#[test]
fn ids_placeholders_and_repeats_are_errors_even_in_a_disabled_policy() {
    let text = policy(
        "disabled",
        "\"locations\": {\"includeLocations\": [\"Berlin\"]},\n\"signInRiskLevels\": [\"String\"], \"userRiskLevels\": [\"<level>\"], \"platforms\": null, \"platforms\": null",
        r#""builtInControls": ["mfa"]"#,
    );
    assert_errors(
        &conditional_access(&text),
        &[
            (
                Code::NotAnId,
                5,
                "$.conditions.locations.includeLocations[0]",
            ),
            (Code::Skeleton, 6, "$.conditions.signInRiskLevels[0]"),
            (Code::UnknownWord, 6, "$.conditions.userRiskLevels[0]"),
            (Code::DuplicateMember, 6, "$.conditions.platforms"),
        ],
    );
}

#[test]
fn unknown_future_value_is_refused_with_the_header_that_reveals_it() {
    let text = policy(
        "enabled",
        r#""platforms": null"#,
        r#""builtInControls": ["unknownFutureValue"]"#,
    );
    let parsed = conditional_access(&text);
    let path = "$.grantControls.builtInControls[0]";
    assert_errors(&parsed, &[(Code::UnknownWord, 7, path)]);
    assert!(message(&parsed).contains("Prefer: include-unknown-enum-members"));
}

#[test]
fn a_policy_for_workload_identities_or_agents_is_read_without_a_finding() {
    for conditions in [
        r#""clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]}"#,
        r#""servicePrincipalRiskLevels": ["high"]"#,
        r#""agentIdRiskLevels": "high""#,
        r#""agents": {"includeAgentUsers": ["All"]}"#,
        r#""agentContext": {"includeAgentContexts": ["x"]}"#,
    ] {
        let text = policy_when(conditions)
            .replace(
                r#"["All"]}},
  "applications""#,
                r#"["None"]}},
  "applications""#,
            )
            .replace(r#""includeUsers": ["All"]"#, r#""includeUsers": ["None"]"#)
            .replace(
                r#""includeApplications": ["All"]"#,
                r#""includeApplications": ["AllAgentIdResources"]"#,
            );
        let parsed = conditional_access(&text);
        assert_warnings(&parsed, &[]);
        assert!(parsed.tenants[0].policies[0].conditions.for_workloads);
    }
}

#[test]
fn microsofts_published_policies_for_agents_are_read_without_a_finding() {
    let agents = policy_when(r#""agentIdRiskLevels": "high""#).replace(
        r#""includeUsers": ["All"]"#,
        r#""includeUsers": ["AllAgentIdUsers"]"#,
    );
    assert!(valid_policy(&agents).conditions.for_workloads);
    let accounts = policy_when(r#""platforms": null"#).replace(
        r#""includeUsers": ["All"]"#,
        r#""includeUsers": ["AllAgentIdUsers"]"#,
    );
    assert!(!valid_policy(&accounts).conditions.for_workloads);
    let resources = policy_when(r#""platforms": null"#).replace(
        r#""includeApplications": ["All"]"#,
        r#""includeApplications": ["AllAgentIdResources"]"#,
    );
    assert!(!valid_policy(&resources).conditions.for_workloads);
}

#[test]
fn empty_workload_conditions_count_as_not_set() {
    let policy = valid_policy(&policy_when(
        r#""servicePrincipalRiskLevels": [], "clientApplications": {"includeServicePrincipals": [], "servicePrincipalFilter": null}"#,
    ));
    assert!(!policy.conditions.for_workloads);
}

#[test]
fn users_beside_a_workload_condition_are_a_warning() {
    let parsed = conditional_access(&policy_when(r#""servicePrincipalRiskLevels": ["high"]"#));
    assert_warnings(&parsed, &[(Code::NoEffect, 2, "$.conditions")]);
}
