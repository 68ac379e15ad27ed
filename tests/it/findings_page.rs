//! docs/findings.md is complete, generated from the table in the code, and its examples are correct.

use std::path::Path;

use crosstrust::graph::Code;
use crosstrust::graph::explanation::{Example, page};

use crate::commands::run;

const ORGANIZATION: &str =
    r#"{"id": "1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f", "displayName": "Contoso"}"#;

#[test]
fn the_page_matches_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/findings.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    let is_current = found == page();
    assert!(
        is_current,
        "docs/findings.md is out of date: UPDATE_DOCS=1 cargo test --test it findings_page"
    );
    for code in Code::ALL {
        let heading = format!("\n## {}\n", code.id());
        assert_eq!(found.matches(&heading).count(), 1, "{}", code.id());
    }
}

#[test]
fn check_reports_each_example_with_its_id_and_an_allowed_severity() {
    let mut without = Vec::new();
    for code in Code::ALL {
        let folder = tempfile::tempdir().unwrap();
        let tenant = folder.path().join("contoso");
        let explanation = code.explanation();
        let (files, root) = match explanation.example {
            Example::Tenant(files) | Example::NoOrganization(files) => (files, tenant.as_path()),
            Example::Loose(files) => (files, folder.path()),
            Example::Words(_) => {
                without.push(code.id());
                continue;
            }
        };
        std::fs::create_dir_all(root).unwrap();
        if matches!(explanation.example, Example::Tenant(_)) {
            std::fs::write(root.join("organization.json"), ORGANIZATION).unwrap();
        }
        for (name, content) in files {
            std::fs::write(root.join(name), content).unwrap();
        }
        let output = run(&["check", folder.path().to_str().unwrap()]);
        let stdout = String::from_utf8(output.stdout).unwrap();
        let severities = explanation.severities.iter();
        let expected: Vec<String> = severities
            .map(|severity| format!(": {}[{}] ", severity.word(), code.id()))
            .collect();
        let is_found = stdout
            .lines()
            .any(|line| expected.iter().any(|one| line.contains(one)));
        assert!(is_found, "{expected:?}\n{stdout}");
    }
    assert_eq!(without, ["CT001", "CT031", "CT032"]);
}
