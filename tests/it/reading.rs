//! Graph JSON: which shapes are read, which are refused, and where a finding points.

mod anything;
mod channels;
mod conditional_access_settings;
mod conditions;
mod folders;
mod grants;
mod homes;
mod large;
mod locations;
mod policies;
mod recognised;
mod sessions;
mod settings;
mod settings_reported;
mod shapes;
mod strengths;
mod synchronization;
mod tenants;
mod text;

use crosstrust::graph::document::{ConditionalAccessPolicy, TenantDocuments};
use crosstrust::graph::{
    Code, Finding, ParsedPolicies, Severity, SourceFile, read_policies_folder,
};
use crosstrust::policy_settings::PolicySettings;

const CONTOSO: &str = "1f3c9a52-07d4-4c1e-9b6b-2f0f5d0c7a11";
const FABRIKAM: &str = "2a7b6c5d-1111-4222-8333-444455556666";
const SOMEONE: &str = "3b8c7d6e-2222-4333-8444-555566667777";
const SOMETHING: &str = "4c9d8e7f-3333-4444-8555-666677778888";

fn file(path: &str, bytes: impl AsRef<[u8]>) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        bytes: bytes.as_ref().to_vec().into(),
    }
}

fn files<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Vec<SourceFile> {
    files
        .into_iter()
        .map(|(path, text)| file(path, text))
        .collect()
}

/// Reads a folder of Contoso with its `organization.json` and this file.
fn contoso(name: &str, bytes: impl AsRef<[u8]>) -> ParsedPolicies {
    read_policies_folder(
        vec![
            file(
                "contoso/organization.json",
                format!(r#"{{"id": "{CONTOSO}", "displayName": "Contoso"}}"#),
            ),
            file(&format!("contoso/{name}.json"), bytes),
        ],
        &PolicySettings::NONE,
    )
}

/// The code, the line and the JSON path of a finding.
type ExpectedFinding<'t> = (Code, u32, &'t str);

fn findings_of(parsed: &ParsedPolicies, severity: Severity) -> Vec<ExpectedFinding<'_>> {
    parsed
        .findings
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(|finding| {
            let place = &finding.place;
            (finding.code, place.line, place.path.as_str())
        })
        .collect()
}

/// Asserts that the errors are exactly these, in the order of their lines.
#[track_caller]
fn assert_errors(parsed: &ParsedPolicies, expected: &[ExpectedFinding<'_>]) {
    assert_eq!(
        findings_of(parsed, Severity::Error),
        expected,
        "{}",
        format_findings(&parsed.findings)
    );
}

#[track_caller]
fn assert_warnings(parsed: &ParsedPolicies, expected: &[ExpectedFinding<'_>]) {
    assert_errors(parsed, &[]);
    assert_eq!(
        findings_of(parsed, Severity::Warning),
        expected,
        "{}",
        format_findings(&parsed.findings)
    );
}

/// The only tenant, after asserting that there is no error and no warning.
#[track_caller]
fn valid_tenant(parsed: ParsedPolicies) -> TenantDocuments {
    assert_warnings(&parsed, &[]);
    only_tenant(parsed)
}

#[track_caller]
fn only_tenant(mut parsed: ParsedPolicies) -> TenantDocuments {
    assert_eq!(parsed.tenants.len(), 1);
    parsed.tenants.remove(0)
}

fn format_findings(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
}

/// The message of the only finding.
#[track_caller]
fn message(parsed: &ParsedPolicies) -> &str {
    match parsed.findings.as_slice() {
        [finding] => &finding.message,
        findings => panic!("expected one finding:\n{}", format_findings(findings)),
    }
}

/// A valid policy with these additional conditions on line 5.
fn policy_when(conditions: &str) -> String {
    policy("enabled", conditions, r#""builtInControls": ["mfa"]"#)
}

/// A valid policy with this grant on line 7.
fn policy_granting(grant: &str) -> String {
    policy("enabled", r#""platforms": null"#, grant)
}

fn policy(state: &str, conditions: &str, grant: &str) -> String {
    format!(
        r#"{{"displayName": "P", "state": "{state}",
 "conditions": {{
  "users": {{"includeUsers": ["All"]}},
  "applications": {{"includeApplications": ["All"]}},
  {conditions}
 }},
 "grantControls": {{"operator": "OR", {grant}}}}}"#
    )
}

fn conditional_access(policy: &str) -> ParsedPolicies {
    contoso("conditional-access", policy)
}

#[track_caller]
fn valid_policy(policy: &str) -> ConditionalAccessPolicy {
    let mut tenant = valid_tenant(conditional_access(policy));
    assert_eq!(tenant.policies.len(), 1);
    tenant.policies.remove(0)
}
