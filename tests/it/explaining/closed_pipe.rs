//! A closed pipe (`crosstrust … | head`) ends the output and does not change the exit code; a full disk is an error.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::commands;
use crate::support::sidecar::{Sidecar, records};

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    // This variable controls the tests; the program does not read it.
    command.args(arguments).env_remove("CROSSTRUST_CASES");
    command
}

/// A file on which every write fails as on a full disk (full(4)).
fn full() -> Stdio {
    let file = std::fs::File::options().write(true).open("/dev/full");
    file.unwrap().into()
}

/// The write end of a pipe that no process reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_closed_pipe_changes_no_exit_code_and_reports_no_error() {
    let folder = policies();
    let folder = folder.to_str().unwrap();
    let broken = tempfile::tempdir().unwrap();
    std::fs::write(broken.path().join("partners.json"), "[").unwrap();
    let broken = broken.path().to_str().unwrap();
    let fatima = "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0";
    let vault = "1a04e689-3fbd-4e88-ab52-f0c1885dbd53";
    let sharepoint = "Office 365 SharePoint Online";
    let ask = |app, more: &[&'static str]| {
        let authorize = [
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
        [&authorize[..], more].concat()
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
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert!(!stderr.contains("Broken pipe"), "{stderr}");
        // `2>&1 | head`: standard error is closed too.
        let both = command(&arguments)
            .stdout(closed())
            .stderr(closed())
            .status();
        assert_eq!(both.unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_command_panics_on_closed_output_or_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let policies = policies();
    let policies = policies.to_str().unwrap();
    let sidecar = Sidecar::start(folder.path(), &[]);
    let records = records(folder.path());
    let records = records.to_str().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (fresh, pages) = (path("fresh"), path("pages"));
    let ask = |more: &[&'static str]| {
        let authorize = ["authorize", "--policies", policies, "--home", "Fabrikam"];
        [
            &authorize[..],
            &["--resource", "Contoso", "--user"],
            &[FATIMA],
            &["--app", SHAREPOINT, "--mfa"],
            more,
        ]
        .concat()
    };
    let mut cases: Vec<(Vec<&str>, i32)> = vec![
        (vec!["--version"], 0),
        (vec!["--help"], 0),
        (vec!["-h"], 0),
        (vec!["help", "serve"], 0),
        (vec!["serve", "--print-config"], 0),
        (vec!["check", policies], 0),
        (vec!["check", policies, "--format", "json"], 0),
        (ask(&[]), 0),
        (ask(&["--explain"]), 0),
        (ask(&["--format", "json"]), 0),
        (vec!["health", "--server", &sidecar.url], 0),
        (
            vec![
                "log",
                "show",
                "--operator",
                "--audit",
                "--log-directory",
                records,
            ],
            0,
        ),
        (
            vec![
                "log",
                "show",
                "--operator",
                "--audit",
                "--format",
                "json",
                "--log-directory",
                records,
            ],
            0,
        ),
        (
            vec![
                "log",
                "show",
                "--operator",
                "--format",
                "csv",
                "--log-directory",
                records,
            ],
            0,
        ),
        (vec!["log", "verify", "--log-directory", records], 0),
        (vec!["init", &fresh], 0),
        (vec!["completions", "bash"], 0),
        (vec!["man", &pages], 0),
    ];
    let commands = commands::all();
    let help: Vec<Vec<&str>> = commands
        .iter()
        .map(|command| {
            command
                .iter()
                .map(String::as_str)
                .chain(["--help"])
                .collect()
        })
        .collect();
    for words in &help {
        let command = &words[..words.len() - 1];
        let is_tried = cases.iter().any(|(case, _)| case.starts_with(command));
        assert!(is_tried, "{command:?} is not tested");
    }
    cases.extend(help.iter().map(|words| (words.clone(), 0)));
    for (arguments, code) in cases {
        let closed = command(&arguments).stdout(closed()).output().unwrap();
        assert_eq!(closed.status.code(), Some(code), "{arguments:?} {closed:?}");
        let _ = std::fs::remove_dir_all(&fresh);
        let full_disk = command(&arguments).stdout(full()).output().unwrap();
        assert_eq!(
            full_disk.status.code(),
            Some(2),
            "{arguments:?} {full_disk:?}"
        );
        let stderr = String::from_utf8(full_disk.stderr).unwrap();
        let expected = "crosstrust: cannot write to standard output: No space left on device";
        assert_eq!(
            stderr.matches(expected).count(),
            1,
            "{arguments:?} {stderr}"
        );
        for stderr in [stderr, String::from_utf8(closed.stderr).unwrap()] {
            assert!(
                !stderr.contains("panicked") && !stderr.contains("Broken pipe"),
                "{stderr}"
            );
        }
        let _ = std::fs::remove_dir_all(&fresh);
        // Standard error fails too: only the exit code remains.
        let both = command(&arguments)
            .stdout(full())
            .stderr(full())
            .status()
            .unwrap();
        assert_eq!(both.code(), Some(2), "{arguments:?}");
        let _ = std::fs::remove_dir_all(&fresh);
    }
    sidecar.end();
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_cannot_write_log_lines_serves() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("socket").display());
    let policies = policies();
    let arguments = ["serve", "--listen", &socket, "--admin", "off", "--policies"];
    let mut server = command(&arguments)
        .arg(&policies)
        .arg("--log-directory")
        .arg(folder.path().join("records"))
        .stdout(full())
        .stderr(full())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !command(&["health", "--server", &socket])
        .output()
        .unwrap()
        .status
        .success()
    {
        assert!(std::time::Instant::now() < deadline);
        assert!(
            server.try_wait().unwrap().is_none(),
            "the process has exited"
        );
    }
    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

const FATIMA: &str = "2101ca1f-53eb-4c73-aac7-6f02ee5f1af0";
const SHAREPOINT: &str = "Office 365 SharePoint Online";
