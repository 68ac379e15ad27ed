//! docs/configuration.md documents every configuration key.
//!
//! The keys come from the product: the table of scalar keys, and the error for an unknown key.

use std::path::Path;

use crosstrust::config::{ConfigKey, KEYS};

use super::{ISSUER, ROUTE, print, read};

fn page() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("docs/configuration.md")).unwrap()
}

/// The part of the page under the first `##` heading that contains `marker`.
fn section<'p>(page: &'p str, marker: &str) -> &'p str {
    let mut sections = page.split("\n## ").skip(1);
    let found = sections.find(|section| section.lines().next().unwrap().contains(marker));
    found.unwrap_or_else(|| panic!("docs/configuration.md has no heading with {marker}"))
}

/// The row of the reference table that describes `key`: its name, the form or unit of its value as in `--help`,
/// its default, and the sentence of `--help`.
fn reference_row(key: &ConfigKey) -> String {
    let (meaning, default) = match key.help.split_once(" [default: ") {
        Some((meaning, default)) => (meaning, default.trim_end_matches(']').to_owned()),
        None if key.default.is_empty() => (key.help, "none".to_owned()),
        None => (key.help, format!("`{}`", key.default)),
    };
    let unit = key.value_name.to_lowercase().replace('|', " or ");
    let unit = if key.is_list {
        format!("list of {unit}")
    } else {
        unit
    };
    format!("| `{}` | {unit} | {default} | {meaning} |", key.name)
}

#[test]
fn the_page_has_every_scalar_key_with_unit_default_and_help() {
    let page = page();
    let section = section(&page, "Every scalar key");
    let rows: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<String> = KEYS.iter().map(reference_row).collect();
    let missing: Vec<String> = KEYS
        .iter()
        .zip(&expected)
        .filter(|(_, row)| !rows.contains(&row.as_str()))
        .map(|(key, row)| format!("`{}`; expected this row:\n{row}", key.name))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/configuration.md, \"Every scalar key\", lacks:
{}",
        missing.join("\n")
    );
    let unknown = rows
        .iter()
        .find(|row| !expected.iter().any(|one| one == *row));
    assert_eq!(
        unknown, None,
        "this row describes no key of src/config/keys.rs"
    );
    assert_eq!(
        rows, expected,
        "the rows are in the order of src/config/keys.rs"
    );
}

/// The keys listed in the error for an unknown key.
fn known_keys(text: &str) -> Vec<String> {
    let error = read(text).expect_err(text);
    let (_, known) = error.split_once("; known keys: ").expect(&error);
    known.split(", ").map(str::to_owned).collect()
}

/// Whether a row's first cell names the key, and no cell of the row is empty.
fn is_row_of(line: &str, key: &str) -> bool {
    let Some(line) = line
        .strip_prefix('|')
        .and_then(|line| line.strip_suffix('|'))
    else {
        return false;
    };
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    cells.len() == 3
        && cells.iter().all(|cell| !cell.is_empty())
        && cells[0].contains(&format!("`{key}`"))
}

#[test]
fn the_page_has_a_row_for_every_key_of_the_tables() {
    let page = page();
    let listener = "[[listener]]\naddress = \"unix:x\"\n";
    let claims = format!("{ISSUER}[issuer.claims]\nmfa = {{ claim = \"x\", nonesuch = 1 }}\n");
    let tables = [
        ("[[issuer]]", "", format!("{ISSUER}nonesuch = 1\n")),
        ("[[issuer]]", "", claims),
        (
            "[[application]]",
            "",
            "[[application]]\nnonesuch = 1\n".to_owned(),
        ),
        ("[[route]]", "", format!("{ROUTE}nonesuch = 1\n")),
        ("[[listener]]", "", format!("{listener}nonesuch = 1\n")),
        (
            "[[listener]]",
            "tls.",
            format!("{listener}tls = {{ nonesuch = 1 }}\n"),
        ),
        (
            "[[listener]]",
            "jwt_authn.",
            format!("{listener}jwt_authn = {{ nonesuch = 1 }}\n"),
        ),
    ];
    let mut missing = Vec::new();
    for (heading, prefix, text) in tables {
        let section = section(&page, heading);
        for key in known_keys(&text) {
            let key = format!("{prefix}{key}");
            // A nested table has a row for each of its keys.
            let is_table = ["tls", "jwt_authn"].contains(&key.as_str());
            if !is_table && !section.lines().any(|line| is_row_of(line, &key)) {
                missing.push(format!("`{key}` under {heading}"));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "docs/configuration.md has no row | `key` | meaning | default | for {}",
        missing.join(", ")
    );
    let tables = known_keys("[nonesuch]\nx = 1\n");
    for key in tables
        .iter()
        .filter(|key| !KEYS.iter().any(|one| one.name == **key))
    {
        let is_named = [format!("`{key}`"), format!("`[[{key}]]`")]
            .iter()
            .any(|one| page.contains(one));
        assert!(is_named, "docs/configuration.md does not name `{key}`");
    }
}

#[test]
fn the_page_has_every_claim_field_and_every_fact_that_may_be_assumed() {
    let page = page();
    let folder = tempfile::tempdir().unwrap();
    for (heading, text) in [
        (
            "[[issuer]]",
            format!("{ISSUER}[issuer.claims]\nnonesuch = \"x\"\n"),
        ),
        (
            "[[route]]",
            format!("{ROUTE}[route.assume]\nnonesuch = \"x\"\n"),
        ),
    ] {
        let (is_good, error) = print(folder.path(), &text);
        assert!(!is_good, "{text}");
        let (_, names) = error
            .trim_end()
            .rsplit_once("expected one of ")
            .expect(&error);
        let section = section(&page, heading);
        for name in names.split(", ") {
            assert!(section.contains(&format!("`{name}`")), "{heading}: {name}");
        }
    }
}
