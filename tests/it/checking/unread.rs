//! Files that are not read because their names do not end in `.json` (semantics §2).

use std::fs;

use super::{CONTOSO, check_in, folder, organization, policy};

#[test]
fn a_misnamed_document_is_an_error() {
    let organization = organization(CONTOSO);
    let policy = policy("P", "");
    for name in [
        "conditional-access.json.bak",
        "conditional-access.yaml",
        "conditional-access.jsonc",
        "conditional-access",
        "Conditional-Access.JSON5",
        "default.json~",
        "partners.csv",
        "conditional-access~",
        "conditional_access.yaml",
        "conditionalAccess.yaml",
        "Conditional Access.yaml",
        "conditional-access/policy.yaml",
    ] {
        for (root, path) in [("contoso/", "policies"), ("", "policies/contoso")] {
            let root = folder(&[
                ("policies/contoso/organization.json", &organization),
                (&format!("policies/contoso/{name}"), &policy),
                // Only warnings can be ignored.
                (
                    &format!(
                        "policies/{}.crosstrustignore",
                        if root.is_empty() { "contoso/" } else { "" }
                    ),
                    "*\n",
                ),
            ]);
            let run = check_in(root.path(), &[path]);
            assert_eq!(run.code, Some(1), "{name}: {run:?}");
            let expected = format!("policies/contoso/{name}: error[CT050] $: ");
            assert!(run.out.starts_with(&expected), "{name}: {run:?}");
            assert_eq!(run.findings().len(), 1, "{run:?}");
        }
    }
}

#[test]
fn a_file_beside_its_document_or_elsewhere_is_a_warning() {
    let root = folder(&[
        ("policies/contoso/organization.json", &organization(CONTOSO)),
        (
            "policies/contoso/conditional-access/a.json",
            &policy("P", ""),
        ),
        ("policies/contoso/conditional-access.json.bak", "{}"),
        ("policies/contoso/conditional-access/notes.txt", "x"),
        ("policies/contoso/logo.png", "x"),
        ("policies/README.md", "x"),
        ("policies/.hidden", "x"),
        ("policies/.git/config", "x"),
    ]);
    let run = check_in(root.path(), &["policies"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let expected = [
        "policies/README.md: warning[CT050]",
        "policies/contoso/conditional-access.json.bak: warning[CT050]",
        "policies/contoso/conditional-access/notes.txt: warning[CT050]",
        "policies/contoso/logo.png: warning[CT050]",
    ];
    assert_eq!(run.findings().len(), expected.len(), "{run:?}");
    for (line, expected) in run.findings().iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert!(run.err.contains("4 files not read"), "{}", run.err);
    assert_eq!(
        check_in(root.path(), &["--deny-warnings", "policies"]).code,
        Some(1)
    );
}

#[test]
fn the_ignore_file_suppresses_warnings_about_the_files_it_lists() {
    let root = folder(&[
        ("policies/contoso/organization.json", &organization(CONTOSO)),
        ("policies/contoso/default.json", "{}"),
        ("policies/contoso/default.json.bak", "x"),
        ("policies/contoso/docs/a/b.md", "x"),
        ("policies/contoso/logo.png", "x"),
        ("policies/README.md", "x"),
    ]);
    let ignore = |text: &str| {
        fs::write(root.path().join("policies/.crosstrustignore"), text).unwrap();
        let run = check_in(root.path(), &["policies"]);
        run.findings()
            .iter()
            .map(|line| {
                line.split(':')
                    .next()
                    .unwrap()
                    .trim_start_matches("policies/")
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert!(ignore("# all of it\n\nREADME.md\n*.bak\ndocs/\n/contoso/*.png\n").is_empty());
    assert_eq!(
        ignore("contoso/*\n"),
        ["README.md", "contoso/docs/a/b.md"],
        "`*` stays within one name"
    );
    assert_eq!(
        ignore("/default.json.bak\ncontoso/docs/\n"),
        ["README.md", "contoso/default.json.bak", "contoso/logo.png"]
    );
    // An invalid line ignores nothing and is reported.
    assert_eq!(
        ignore("[\nREADME.md\n*.bak\n*.png\n**/*.md\n"),
        [".crosstrustignore"]
    );
    // A policy cannot be ignored.
    fs::write(root.path().join("policies/contoso/default.json"), "[").unwrap();
    assert_eq!(ignore("*\ndocs/\n"), ["contoso/default.json"]);
}

#[test]
fn a_config_map_volume_has_no_unread_files() {
    let root = folder(&[
        (
            "policies/contoso/..2026/organization.json",
            &organization(CONTOSO),
        ),
        ("policies/contoso/..2026/default.json", "{}"),
    ]);
    let contoso = root.path().join("policies/contoso");
    std::os::unix::fs::symlink("..2026", contoso.join("..data")).unwrap();
    for name in ["organization.json", "default.json"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), contoso.join(name)).unwrap();
    }
    let run = check_in(root.path(), &["--deny-warnings", "policies"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{run:?}");
}

#[test]
fn a_documents_folder_without_json_files_is_an_error_beside_the_documents_file() {
    let root = folder(&[
        ("policies/contoso/organization.json", &organization(CONTOSO)),
        ("policies/contoso/conditional-access.json", "[]"),
        ("policies/contoso/conditional-access/a.yaml", "x"),
    ]);
    for path in ["policies", "policies/contoso"] {
        let run = check_in(root.path(), &[path]);
        assert_eq!(run.code, Some(1), "{run:?}");
        let expected = "policies/contoso/conditional-access/a.yaml: error[CT050] $: ";
        assert!(run.out.starts_with(expected), "{run:?}");
    }
}

#[test]
fn check_accepts_an_organization_document_in_a_folder() {
    let root = folder(&[
        (
            "policies/contoso/organization/organization.json",
            &organization(CONTOSO),
        ),
        ("policies/contoso/default.json", "{}"),
    ]);
    for path in ["policies", "policies/contoso"] {
        let run = check_in(root.path(), &["--deny-warnings", path]);
        assert_eq!((run.code, run.out.as_str()), (Some(0), ""), "{run:?}");
    }
}

#[test]
fn the_path_that_makes_a_tree_unreadable_is_named() {
    let root = folder(&[("policies/contoso/organization.json", &organization(CONTOSO))]);
    let link = root.path().join("policies/contoso/default.json");
    std::os::unix::fs::symlink("nowhere", link).unwrap();
    let run = check_in(root.path(), &["policies"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.err.contains("policies/contoso/default.json"), "{run:?}");
}
