//! A reader that closes the pipe (`crosstrust … | head`) ends the output and changes no exit code.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    // It steers these tests and is no variable of the program.
    command.args(arguments).env_remove("CROSSTRUST_CASES");
    command
}

/// The write end of a pipe that no process reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_closed_pipe_changes_no_exit_code_and_reports_nothing() {
    let folder = policies();
    let folder = folder.to_str().unwrap();
    let broken = tempfile::tempdir().unwrap();
    std::fs::write(broken.path().join("partners.json"), "[").unwrap();
    let broken = broken.path().to_str().unwrap();
    let fatima = "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0";
    let vault = "1a04e689-3fbd-4e88-ab52-f0c1885dbd53";
    let sharepoint = "Office 365 SharePoint Online";
    let ask = |app, more: &[&'static str]| {
        let question = [
            "authorize",
            "--policies",
            folder,
            "--home",
            "Fabrikam",
            "--resource",
            "Contoso",
            "--user",
            fatima,
            "--app",
            app,
            "--mfa",
        ];
        [&question[..], more].concat()
    };
    let cases = [
        (ask(sharepoint, &[]), 0),
        (ask(sharepoint, &["--explain"]), 0),
        (ask(sharepoint, &["--explain", "--format", "json"]), 0),
        (ask(vault, &["--explain"]), 1),
        (vec!["authorize", "--policies", broken], 2),
        (vec!["check", folder], 0),
        (vec!["check", folder, "--format", "json"], 0),
        (vec!["check", broken], 1),
        (vec!["serve", "--print-config"], 0),
        (vec!["health", "--server", "unix:/nowhere"], 1),
        (vec!["log", "verify", "--log-directory", "/nowhere"], 2),
    ];
    for (arguments, code) in cases {
        let output = command(&arguments).stdout(closed()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("panicked"), "{told}");
        assert!(!told.contains("Broken pipe"), "{told}");
        // `2>&1 | head`: standard error is closed too.
        let both = command(&arguments)
            .stdout(closed())
            .stderr(closed())
            .status();
        assert_eq!(both.unwrap().code(), Some(code), "{arguments:?}");
    }
}
