//! `conditional-access-settings.json`.

use crosstrust::graph::{Code, ParsedPolicies};
use crosstrust::vocabulary::{UserAction, WordSet};

use super::{assert_errors, assert_warnings, contoso, only_tenant, valid_tenant};

fn parsed(entries: &str) -> ParsedPolicies {
    let text = format!(
        r#"{{"@odata.context": "https://graph.microsoft.com/beta/$metadata#identity/conditionalAccess/settings/$entity",
"id": "settings", "modifiedDateTime": null, "exclusions": {{"allResourcesExclusions": {{"userActionExclusions":
{entries}}}}}}}"#
    );
    contoso("conditional-access-settings", text)
}

fn excluded(parsed: ParsedPolicies) -> WordSet<UserAction> {
    let tenant = only_tenant(parsed);
    let settings = tenant.conditional_access_settings.expect("settings");
    settings.excluded_actions
}

const AT: &str = "$.exclusions.allResourcesExclusions.userActionExclusions";

#[test]
fn enabled_exclusions_are_read() {
    let entries = r##"[{"@odata.type": "#microsoft.graph.userActionExclusion", "userAction": "accountrecovery", "state": "enabled"},
        {"userAction": "urn:user:registerdevice", "state": "disabled"},
        {"userAction": "registersecurityinfo", "state": "enabledForReportingButNotEnforced"},
        {"userAction": "urn:user:registersecurityinfo"}]"##;
    let parsed = parsed(entries);
    assert_warnings(&parsed, &[]);
    let expected = [UserAction::AccountRecovery].into_iter().collect();
    assert_eq!(excluded(parsed), expected);
}

#[test]
fn settings_without_exclusions_are_valid() {
    for text in [
        r#"{"id": "x"}"#,
        r#"{"exclusions": null}"#,
        r#"{"exclusions": {"allResourcesExclusions": null}}"#,
        r#"{"exclusions": {"allResourcesExclusions": {"userActionExclusions": []}}}"#,
    ] {
        let tenant = valid_tenant(contoso("conditional-access-settings", text));
        let settings = tenant.conditional_access_settings.expect("settings");
        assert!(settings.excluded_actions.is_empty());
    }
}

#[test]
fn an_exclusion_without_an_action_or_with_an_unknown_state_is_refused() {
    let first = format!("{AT}[0]");
    for (entry, code, path) in [
        (
            r#"{"state": "enabled"}"#,
            Code::MissingMember,
            first.clone(),
        ),
        (
            r#"{"userAction": null, "state": "disabled"}"#,
            Code::MissingMember,
            first.clone(),
        ),
        (
            r#"{"userAction": "accountrecovery", "state": "on"}"#,
            Code::UnknownWord,
            format!("{first}.state"),
        ),
    ] {
        assert_errors(&parsed(&format!("[{entry}]")), &[(code, 3, &path)]);
    }
}

#[test]
fn an_unknown_action_is_a_warning_and_excludes_nothing() {
    let parsed = parsed(r#"[{"userAction": "urn:user:dance", "state": "enabled"}]"#);
    let path = format!("{AT}[0].userAction");
    assert_warnings(&parsed, &[(Code::UnknownWord, 3, &path)]);
    assert!(excluded(parsed).is_empty());
}

#[test]
fn a_second_settings_object_of_a_tenant_is_refused() {
    let text = "[{\"exclusions\": null},\n{\"exclusions\": null}]";
    let parsed = contoso("conditional-access-settings", text);
    assert_errors(&parsed, &[(Code::Duplicate, 2, "$[1]")]);
}
