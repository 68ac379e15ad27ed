//! Output of `check`: uniform paths, a correct summary, and no control characters.

use std::fs;

use super::{CONTOSO, FABRIKAM, SOMETHING, check_in, folder, organization, policy};

#[test]
fn paths_are_printed_in_one_form_for_any_form_of_the_root() {
    let twice = format!(r#"[{{"tenantId": "{FABRIKAM}"}}, {{"tenantId": "{FABRIKAM}"}}]"#);
    let root = folder(&[
        ("x/contoso/organization.json", &organization(CONTOSO)),
        ("x/contoso/partners.json", &twice),
        ("x/fabrikam/default.json", "{}"),
    ]);
    let expected = check_in(root.path(), &["x"]).out;
    assert!(
        expected.contains("x/contoso/partners.json:1:"),
        "{expected}"
    );
    assert!(
        expected.contains("the first is at x/contoso/partners.json:1"),
        "{expected}"
    );
    assert!(expected.contains("x/fabrikam: error[CT030]"), "{expected}");
    for path in ["x/", "./x", "./x/", "x//", "x/."] {
        assert_eq!(check_in(root.path(), &[path]).out, expected, "{path}");
    }
    let here = expected.replace("x/", "");
    for path in [".", "./"] {
        assert_eq!(
            check_in(&root.path().join("x"), &[path]).out,
            here,
            "{path}"
        );
    }
    let file = check_in(root.path(), &["./x//contoso/partners.json"]).out;
    assert!(file.starts_with("x/contoso/partners.json:1:"), "{file}");
}

#[test]
fn the_summary_counts_rejected_documents_separately() {
    let root = folder(&[
        ("contoso/organization.json", &organization(CONTOSO)),
        (
            "contoso/partners.json",
            &format!(
                r#"[{{"tenantId": "{FABRIKAM}", "inboundTrust": {{}}}}, {{"tenantId": "x"}}]"#
            ),
        ),
        ("contoso/default.json", "["),
        ("contoso/notes.txt", "x"),
    ]);
    let run = check_in(root.path(), &["."]);
    assert_eq!(
        run.err.trim_end(),
        "3 files (0 default, 1 organization, 1 partners), 1 files refused, 1 objects refused, \
         1 files not read: 2 errors, 1 warnings, 1 informational"
    );
    let json = check_in(root.path(), &["--format", "json", "."]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    for (name, count) in [
        ("files", 3),
        ("refusedFiles", 1),
        ("refusedObjects", 1),
        ("unreadFiles", 1),
        ("errors", 2),
        ("warnings", 1),
        ("informational", 1),
    ] {
        assert_eq!(json[name], count, "{name}");
    }
    let infos = json["findings"].as_array().unwrap().iter();
    assert_eq!(
        infos
            .filter(|finding| finding["severity"] == "info")
            .count(),
        1
    );
    assert_eq!(json["snapshots"].as_array().unwrap().len(), 0);
}

#[test]
fn an_informational_finding_does_not_fail_the_check() {
    let root = folder(&[
        ("contoso/organization.json", &organization(CONTOSO)),
        (
            "contoso/partners.json",
            &format!(r#"{{"tenantId": "{FABRIKAM}"}}"#),
        ),
    ]);
    let run = check_in(root.path(), &["--deny-warnings", "."]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("info[CT054]"), "{run:?}");
}

#[test]
fn control_characters_in_file_names_are_escaped() {
    let root = folder(&[
        ("contoso/organization.json", &organization(CONTOSO)),
        ("contoso/a\u{1b}[31m\nerror[CT999]\u{9b}\u{202e}.json", "{}"),
        ("contoso/b\u{7}.txt", "x"),
    ]);
    let run = check_in(root.path(), &["."]);
    assert_eq!(run.findings().len(), 2, "{run:?}");
    let is_raw = |text: &str| {
        text.chars()
            .any(|c| (c.is_control() && c != '\n') || c == '\u{202e}')
    };
    assert!(!is_raw(&run.out) && !is_raw(&run.err), "{run:?}");
    assert!(run.out.contains("a\\u{001b}[31m\\u{000a}error"), "{run:?}");
    let json = check_in(root.path(), &["--format", "json", "."]).out;
    assert!(
        !json.chars().any(|c| c.is_control() && c != '\n'),
        "{json:?}"
    );
    let missing = check_in(root.path(), &["no\u{1b}where"]);
    assert_eq!(missing.code, Some(2));
    assert!(!is_raw(&missing.err), "{missing:?}");
    fs::remove_dir_all(root.path().join("contoso")).unwrap();
}

#[test]
fn an_unknown_value_is_reported_with_the_accepted_values() {
    for (condition, expected) in [
        (r#""clientAppTypes": ["x"]"#, "expected one of all, browser"),
        (
            r#""platforms": {"includePlatforms": ["x"]}"#,
            "expected one of all, android",
        ),
        (
            r#""authenticationFlows": {"transferMethods": "x"}"#,
            "expected one of none, deviceCodeFlow",
        ),
    ] {
        let root = folder(&[("p.json", &policy("P", &format!(", {condition}")))]);
        let run = check_in(root.path(), &["p.json"]);
        assert!(run.out.contains(expected), "{run:?}");
    }
}

#[test]
fn an_unknown_member_of_an_address_range_is_a_warning() {
    let text = format!(
        r#"{{"id": "{SOMETHING}", "ipRanges": [{{"cidrAddress": "10.0.0.0/8", "note": "x"}}]}}"#
    );
    let root = folder(&[("l.json", &text)]);
    let run = check_in(root.path(), &["l.json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.out.contains("warning[CT004] $.ipRanges[0].note"),
        "{run:?}"
    );
}

#[test]
fn a_group_of_two_tenants_is_reported() {
    let inbound = format!(
        r#"{{"tenantId": "{FABRIKAM}", "b2bDirectConnectInbound": {{
 "usersAndGroups": {{"accessType": "allowed", "targets": [{{"target": "{SOMETHING}", "targetType": "group"}}]}},
 "applications": {{"accessType": "allowed", "targets": [{{"target": "AllApplications", "targetType": "application"}}]}}}}}}"#
    );
    let group = policy("P", "").replace(
        r#""includeUsers": ["All"]"#,
        &format!(r#""includeGroups": ["{SOMETHING}"]"#),
    );
    let check = |partners: &str| {
        let root = folder(&[
            ("contoso/organization.json", &organization(CONTOSO)),
            ("contoso/partners.json", partners),
            ("contoso/conditional-access.json", &group),
        ]);
        check_in(root.path(), &["--deny-warnings", "."])
    };
    let run = check(&inbound);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("info[CT053]"), "{run:?}");
    // Outbound settings and Conditional Access both name the tenant's own groups.
    let run = check(&inbound.replace("Inbound", "Outbound"));
    assert!(!run.out.contains("CT053"), "{run:?}");
}
