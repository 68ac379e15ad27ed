//! `check` and `serve` report the same findings for a policies folder, and `check` reports what `serve` would reject.

use std::path::Path;
use std::sync::Arc;

use crosstrust::clock::Clock;
use crosstrust::engine::{Engine, EngineOptions};
use crosstrust::reload::{ReloadOptions, ReloadOutcome, Reloader};

use super::{CONTOSO, FABRIKAM, SOMETHING, check_in, folder, organization, policy};

/// The findings of `serve`, one per line, and whether it rejects the folder.
fn serve(root: &Path) -> (Vec<String>, bool) {
    let engine = Arc::new(Engine::new(EngineOptions {
        cache: None,
        clock: Clock::System,
    }));
    let started = Reloader::start(engine, ReloadOptions::of(root)).unwrap();
    let findings = started.handle.status().findings;
    started.handle.stop();
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    lines.sort();
    (lines, matches!(started.first, ReloadOutcome::Rejected(_)))
}

fn sorted(run: &super::Run) -> Vec<String> {
    let mut lines: Vec<String> = run.out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Files to add to a policies folder, each with a different fault.
fn faulty_files() -> Vec<(&'static str, String)> {
    let dangling = format!(r#", "locations": {{"includeLocations": ["{SOMETHING}"]}}"#);
    let location = |rest: &str| format!(r#"[{{"id": "{SOMETHING}", "ipRanges": [{rest}]}}]"#);
    vec![
        (
            "contoso/default.json",
            String::from(r#"{"isServiceDefault": false}"#),
        ),
        ("contoso/default.json", String::from("{,}")),
        ("contoso/default.yaml", String::from("x")),
        (
            "contoso/partners.json",
            format!(r#"[{{"tenantId": "{CONTOSO}"}}]"#),
        ),
        (
            "contoso/partners/sync.json",
            format!(r#"{{"tenantId": "{FABRIKAM}", "userSyncInbound": null}}"#),
        ),
        ("contoso/conditional-access/a.json", policy("P", "")),
        ("contoso/conditional-access/b.json", policy("P", "")),
        ("contoso/conditional-access/c.json", policy("Q", &dangling)),
        (
            "contoso/named-locations.json",
            location(r#"{"cidrAddress": "10.0.0.1/8"}"#),
        ),
        (
            "contoso/named-locations.json",
            location(r#"{"cidrAddress": "10.0.0.0/8", "note": "x"}"#),
        ),
        ("contoso/named-locations.json", String::from("not JSON")),
        ("contoso/condtional-access.json", policy("P", "")),
        ("contoso/notes.txt", String::from("x")),
        ("fabrikam/partners.json", String::from("[]")),
        ("fabrikam/organization.json", organization(FABRIKAM)),
        ("fabrikam/organization.json", organization(CONTOSO)),
        ("fabrikam/organization.json", String::from("{}")),
        ("fabrikam/organization.json", String::from("[")),
        ("stray.json", String::from("{}")),
        ("README.md", String::from("x")),
        (".crosstrustignore", String::from("*.md\n[\n")),
    ]
}

#[test]
fn check_and_serve_agree_on_every_pair_of_faulty_files() {
    let faulty_files = faulty_files();
    let contoso = organization(CONTOSO);
    for first in 0..faulty_files.len() {
        for second in first + 1..faulty_files.len() {
            // A third of all pairs; each faulty file is in several.
            if (first + second) % 3 != 0 {
                continue;
            }
            let mut files = vec![("contoso/organization.json", contoso.as_str())];
            for (path, text) in [&faulty_files[first], &faulty_files[second]] {
                files.push((path, text));
            }
            let root = folder(&files);
            let (served, is_refused) = serve(root.path());
            let run = check_in(root.path(), &["."]);
            assert_eq!(sorted(&run), served, "{files:?}");
            assert_eq!(run.code, Some(i32::from(is_refused)), "{files:?}: {run:?}");
        }
    }
}

#[test]
fn check_reports_whatever_serve_rejects() {
    let contoso = organization(CONTOSO);
    let (p, q) = (policy("P", ""), policy("Q", ""));
    let folders: &[&[(&str, &str)]] = &[
        &[("contoso/conditional-access.json", &p)],
        &[
            ("contoso/default.json", "{}"),
            ("fabrikam/partners.json", "[]"),
        ],
        &[("conditional-access/a.json", &p)],
        &[
            ("conditional-access/a.json", &p),
            ("conditional-access/b.json", &p),
        ],
        &[("a.json", &p), ("b.json", &q)],
        &[("a.json", &p), ("b.json", &p)],
        &[
            ("x/y/organization.json", &contoso),
            ("x/y/default.json", "{}"),
        ],
        &[
            ("named-locations/a.json", "[]"),
            ("policies/conditional-access/b.json", &p),
        ],
        &[
            ("organization.json", &contoso),
            ("contoso/organization.json", &contoso),
        ],
    ];
    for files in folders {
        let root = folder(files);
        let (_, is_refused) = serve(root.path());
        assert!(is_refused, "{files:?}");
        let run = check_in(root.path(), &["--deny-warnings", "."]);
        assert_eq!(run.code, Some(1), "{files:?}: {run:?}");
    }
}

#[test]
fn a_tenant_folder_is_rejected_if_its_policies_folder_is() {
    let contoso = organization(CONTOSO);
    let mut cases = faulty_files();
    cases.extend([
        ("contoso/partners.json", policy("P", "")),
        ("contoso/organization.json", String::from("{}")),
        ("contoso/organization.json", policy("P", "")),
        ("contoso/organization.json", String::from("[")),
        ("contoso/organization.yaml", String::from("x")),
    ]);
    for (path, text) in cases {
        if !path.starts_with("contoso/") {
            continue;
        }
        let root = folder(&[("contoso/organization.json", &contoso), (path, &text)]);
        let (served, is_refused) = serve(root.path());
        let run = check_in(root.path(), &["contoso"]);
        assert_eq!(
            run.code,
            Some(i32::from(is_refused)),
            "{path}: {text}: {run:?}, {served:?}"
        );
    }
}

#[test]
fn findings_identify_policies_without_id_by_name() {
    let both = format!(
        "[{}, {}]",
        policy("Guests need MFA", ""),
        policy("Guests need MFA", "")
    );
    let root = folder(&[
        ("contoso/organization.json", &organization(CONTOSO)),
        ("contoso/conditional-access.json", &both),
        ("export.json", &both),
    ]);
    for path in ["contoso", "export.json"] {
        let run = check_in(root.path(), &[path]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(
            run.out
                .contains(r#"found policy "Guests need MFA" (it has no id) twice"#),
            "{run:?}"
        );
    }
}

#[test]
fn one_run_reports_every_fault_and_no_follow_on_errors() {
    let named = |location: &str| {
        policy(
            "P",
            &format!(r#", "locations": {{"includeLocations": ["{location}"]}}"#),
        )
    };
    let typo = format!(r#"{{"id": "{SOMETHING}", "ipRanges": [{{"cidrAddress": "10.0.0.1/8"}}]}}"#);
    for (location, partners, locations, expected) in [
        // A dangling reference beside a typo.
        (
            SOMETHING,
            "[{]",
            "[]",
            &["error[CT025]", "error[CT002]"][..],
        ),
        (FABRIKAM, "[]", &*typo, &["error[CT025]", "error[CT015]"]),
        // The location exists but was rejected: the reference does not dangle.
        (SOMETHING, "[]", &*typo, &["error[CT015]"]),
        (SOMETHING, "[]", "[", &["error[CT002]"]),
        (
            SOMETHING,
            "[]",
            r#"{"error": {"code": "x", "message": "y"}}"#,
            &["error[CT010]"],
        ),
        (
            SOMETHING,
            "[]",
            r#"[{"id": "no id", "ipRanges": []}]"#,
            &["error[CT007]"],
        ),
    ] {
        let root = folder(&[
            ("contoso/organization.json", &organization(CONTOSO)),
            ("contoso/conditional-access.json", &named(location)),
            ("contoso/partners.json", partners),
            ("contoso/named-locations.json", locations),
        ]);
        for path in [".", "contoso"] {
            let run = check_in(root.path(), &[path]);
            let found = run.findings();
            assert_eq!(found.len(), expected.len(), "{run:?}");
            for expected in expected {
                assert!(
                    found.iter().any(|line| line.contains(expected)),
                    "{expected}: {run:?}"
                );
            }
        }
        assert!(serve(root.path()).1);
    }
}
