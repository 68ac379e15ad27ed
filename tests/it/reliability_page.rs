//! `.ci/full reliability` rewrites the table of docs/reliability.md only after a run that passed and wrote rows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

struct Checkout(tempfile::TempDir);

impl Checkout {
    /// The script and the page in a separate folder, with a stub in place of cargo.
    fn with_cargo(program: &Path) -> Checkout {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for file in [".ci/full", PAGE] {
            let target = folder.path().join(file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, fs::read(root.join(file)).unwrap()).unwrap();
        }
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink(program, folder.path().join("bin/cargo")).unwrap();
        Checkout(folder)
    }

    fn run(&self) -> Output {
        let folder = self.0.path();
        let path = std::env::var("PATH").unwrap();
        Command::new("bash")
            .args([".ci/full", "reliability"])
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", folder.join("bin").display()))
            .output()
            .unwrap()
    }

    fn page(&self) -> String {
        fs::read_to_string(self.0.path().join(PAGE)).unwrap()
    }
}

const PAGE: &str = "docs/reliability.md";

#[test]
fn a_run_that_fails_or_writes_no_row_fails_and_leaves_the_page_as_it_is() {
    for (program, expected) in [("/bin/false", ""), ("/bin/true", "wrote no row")] {
        let checkout = Checkout::with_cargo(Path::new(program));
        let before = checkout.page();
        let output = checkout.run();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{program}");
        assert!(error.contains(expected), "{program}: {error}");
        assert_eq!(checkout.page(), before, "{program}");
    }
}

#[test]
fn a_page_without_its_markers_is_rejected_before_anything_is_run() {
    let checkout = Checkout::with_cargo(Path::new("/bin/false"));
    fs::write(checkout.0.path().join(PAGE), "# A page\n").unwrap();
    let output = checkout.run();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("<!-- table -->"), "{error}");
    assert_eq!(checkout.page(), "# A page\n");
}

#[test]
fn a_run_that_passes_replaces_the_table_and_preserves_the_text() {
    let checkout = Checkout::with_cargo(Path::new("../fake-cargo"));
    // Another process writes it: if this one forks while the file is open, running it fails (ETXTBSY).
    let fake = r#"printf '#!/bin/sh\n[ -z "$CROSSTRUST_RELIABILITY_ROWS" ] || echo "| a | b | c |" >"$CROSSTRUST_RELIABILITY_ROWS/1-a"\n' >fake-cargo; chmod +x fake-cargo"#;
    let made = Command::new("bash")
        .args(["-c", fake])
        .current_dir(checkout.0.path())
        .status();
    assert!(made.unwrap().success());
    let text = |page: &str| {
        let (before, table) = page.split_once("<!-- table -->\n").unwrap();
        let (table, after) = table.split_once("<!-- end of table -->\n").unwrap();
        (before.to_owned(), table.to_owned(), after.to_owned())
    };
    let before = text(&checkout.page());
    for _ in 0..2 {
        let output = checkout.run();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let after = text(&checkout.page());
        assert_eq!((&after.0, &after.2), (&before.0, &before.2));
        let rows: Vec<&str> = after
            .1
            .lines()
            .filter(|line| line.starts_with('|'))
            .collect();
        assert_eq!(
            rows,
            [
                "| tried | how often | result |",
                "|---|---|---|",
                "| a | b | c |"
            ]
        );
    }
}
