//! README's page "Protect a service behind Envoy", as it is written there.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crosstrust::config::{DEFAULT_ADDRESS, KEYS};
use rustix::process::{Pid, Signal, kill_process};

use crate::substitute::shipped;
use crate::tool;
use crate::waiting::until;

/// Ends with what it has started.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(process) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process(process, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

#[test]
fn the_two_commands_of_the_readme_do_what_it_says() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for command in [
        "python3 deploy/envoy/try.py serve",
        "python3 deploy/envoy/try.py ask",
    ] {
        assert!(readme.contains(command), "{command}");
    }
    let folder = tempfile::tempdir().unwrap();
    // The first server of the README still runs, or something else is on its ports and the application's: they are
    // taken by this test, or were before.
    let _taken = ["127.0.0.1:50051", "127.0.0.1:9090", "127.0.0.1:8081"].map(TcpListener::bind);
    let run = |what: &str| try_py(folder.path(), what);
    let log = folder.path().join("log");
    let output = std::fs::File::create(&log).unwrap();
    let mut served = Served(
        run("serve")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap(),
    );
    until("ready", || {
        let told = std::fs::read_to_string(&log).unwrap();
        assert!(served.0.try_wait().unwrap().is_none(), "{told}");
        told.contains("ready on ").then_some(())
    });
    let asked = run("ask").output().unwrap();
    let told = String::from_utf8_lossy(&asked.stdout);
    assert!(
        asked.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    for line in readme.lines().filter(|line| {
        ["200  ", "401  ", "403  "]
            .iter()
            .any(|code| line.starts_with(code))
    }) {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert_eq!(
        told.lines().filter(|line| !line.starts_with(' ')).count(),
        5,
        "{told}"
    );
}

/// `serve` without a configuration and the pair run side by side.
#[test]
fn the_pair_that_the_page_starts_shares_nothing_with_a_server_without_a_configuration() {
    let page = shipped("deploy/envoy/README.md");
    let command = "serve --config deploy/envoy/bearer.toml --log-directory state/bearer";
    assert!(page.contains(command), "{command}");
    let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(command.split(' '))
        .arg("--print-config")
        .env_clear()
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && shown.contains("listener.address"),
        "{shown}"
    );
    let admin = KEYS.iter().find(|key| key.name == "admin").unwrap();
    for taken in [DEFAULT_ADDRESS, admin.default] {
        assert!(!shown.contains(taken), "{taken}: {shown}");
    }
    // The log's default is shown as none.
    assert!(shown.contains("state/bearer"), "{shown}");
}

fn try_py(folder: &Path, what: &str) -> Command {
    let envoy = std::fs::canonicalize(tool::envoy()).unwrap_or_else(|_| tool::envoy().to_owned());
    let mut command = Command::new("python3");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["deploy/envoy/try.py", what])
        .args(["--crosstrust", env!("CARGO_BIN_EXE_crosstrust")])
        .arg("--folder")
        .arg(folder)
        // A variable of our own tests: crosstrust refuses one that names no key.
        .env_remove("CROSSTRUST_CASES")
        .env("ENVOY", envoy);
    command
}

#[test]
fn what_ends_early_is_named_with_the_end_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = try_py(folder.path(), "serve")
        .args(["--crosstrust-port", &port])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{told}");
    let log = folder.path().join("crosstrust.log");
    let expected = format!(
        "try: crosstrust has ended with code 2; the end of {}:",
        log.display()
    );
    assert!(told.contains(&expected), "{told}");
    assert!(told.contains("the address is in use by"), "{told}");
}
