//! The commands of README's section "Protect a service behind Envoy", as printed there.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crosstrust::config::{DEFAULT_ADDRESS, KEYS};
use rustix::process::{Pid, Signal, kill_process};

use crate::substitute::shipped;
use crate::tool;
use crate::waiting::until;

/// A running `try.py serve`, which ends on drop with the processes that it started.
struct TryServer(Child);

impl Drop for TryServer {
    fn drop(&mut self) {
        if let Some(process) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process(process, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

#[test]
fn the_two_commands_of_the_readme_print_what_it_shows() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    for command in [
        "python3 deploy/envoy/try.py serve",
        "python3 deploy/envoy/try.py ask",
    ] {
        assert!(readme.contains(command), "{command}");
    }
    let folder = tempfile::tempdir().unwrap();
    // The ports of the README's first server and of the application are in use, by this test or already before.
    let _taken = ["127.0.0.1:50051", "127.0.0.1:9090", "127.0.0.1:8081"].map(TcpListener::bind);
    let run = |subcommand: &str| try_py(folder.path(), subcommand);
    let log = folder.path().join("log");
    let log_file = std::fs::File::create(&log).unwrap();
    let mut server = TryServer(
        run("serve")
            .stdin(Stdio::null())
            .stdout(log_file.try_clone().unwrap())
            .stderr(log_file)
            .spawn()
            .unwrap(),
    );
    until("ready", || {
        let output = std::fs::read_to_string(&log).unwrap();
        assert!(server.0.try_wait().unwrap().is_none(), "{output}");
        output.contains("ready on ").then_some(())
    });
    let result = run("ask").output().unwrap();
    let output = String::from_utf8_lossy(&result.stdout);
    assert!(
        result.status.success(),
        "{output}{}",
        String::from_utf8_lossy(&result.stderr)
    );
    for line in readme.lines().filter(|line| {
        ["200  ", "401  ", "403  "]
            .iter()
            .any(|code| line.starts_with(code))
    }) {
        assert!(output.contains(line), "{line}\n{output}");
    }
    assert_eq!(
        output.lines().filter(|line| !line.starts_with(' ')).count(),
        5,
        "{output}"
    );
}

/// `serve` without a configuration and the Envoy example can run at the same time.
#[test]
fn the_envoy_example_shares_no_port_or_log_with_a_default_server() {
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
    // The default log directory is not shown.
    assert!(shown.contains("state/bearer"), "{shown}");
}

fn try_py(folder: &Path, subcommand: &str) -> Command {
    let envoy = std::fs::canonicalize(tool::envoy()).unwrap_or_else(|_| tool::envoy().to_owned());
    let mut command = Command::new("python3");
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["deploy/envoy/try.py", subcommand])
        .args(["--crosstrust", env!("CARGO_BIN_EXE_crosstrust")])
        .arg("--folder")
        .arg(folder)
        // A variable of the tests: crosstrust rejects unknown CROSSTRUST_ variables.
        .env_remove("CROSSTRUST_CASES")
        .env("ENVOY", envoy);
    command
}

#[test]
fn try_reports_a_process_that_ends_early_with_the_end_of_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = try_py(folder.path(), "serve")
        .args(["--crosstrust-port", &port])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{error}");
    let log = folder.path().join("crosstrust.log");
    let expected = format!(
        "try: crosstrust has ended with code 2; the end of {}:",
        log.display()
    );
    assert!(error.contains(&expected), "{error}");
    assert!(error.contains("the address is in use by"), "{error}");
}
