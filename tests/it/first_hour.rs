//! The first hour with an installed binary: no policies yet, samples, addresses in use, signals.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crosstrust::config::{Config, ConfigOverrides, KEYS};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::sidecar::Sidecar;

fn crosstrust(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    crosstrust(folder, arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const QUIET: [&str; 5] = ["serve", "--listen", "127.0.0.1:0", "--admin", "off"];

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn serve_without_policies_says_how_to_get_some_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &QUIET);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    for expected in [
        "`policies` does not exist",
        "crosstrust init",
        "--policies",
        "--allow-empty",
    ] {
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Denies until the samples appear atomically, as with a mount, and then serves them.
fn assert_waits_for(folder: &Path, sidecar: &Sidecar, policies: &Path) {
    let log = sidecar.output();
    assert!(log.contains("no snapshot is active"), "{log}");
    assert!(!log.contains("the active snapshot stays in force"), "{log}");
    assert!(log.contains("serving without policies"), "{log}");
    let samples = folder.join("samples");
    assert!(
        run(folder, &["init", samples.to_str().unwrap()])
            .status
            .success()
    );
    fs::rename(samples.join("policies"), policies).unwrap();
    wait_until("active", || sidecar.output().contains("policies activated"));
}

#[test]
fn with_allow_empty_it_serves_and_loads_policies_that_appear_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crosstrust(folder.path(), &QUIET);
    command.arg("--allow-empty");
    let sidecar = Sidecar::spawn(command, folder.path());
    assert_waits_for(folder.path(), &sidecar, &folder.path().join("policies"));
    sidecar.end();
}

#[test]
fn a_missing_configured_folder_is_waited_for() {
    for how in ["flag", "variable", "file"] {
        let folder = tempfile::tempdir().unwrap();
        let policies = folder.path().join("mounted-late");
        let text = policies.to_str().unwrap();
        let file = folder.path().join("c.toml");
        // The helper clears the environment: `env` sets the variable.
        let mut command = Command::new("/usr/bin/env");
        if how == "variable" {
            command.arg(format!("CROSSTRUST_POLICIES={text}"));
        }
        command.arg(env!("CARGO_BIN_EXE_crosstrust")).args(QUIET);
        match how {
            "flag" => command.args(["--policies", text]),
            "variable" => &mut command,
            _ => {
                fs::write(&file, format!("policies = {text:?}\n")).unwrap();
                command.arg("--config").arg(&file)
            }
        };
        let sidecar = Sidecar::spawn(command, folder.path());
        assert_waits_for(folder.path(), &sidecar, &policies);
        sidecar.end();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[test]
fn init_writes_the_sample_policies_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["init", "new"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("cd new\n  crosstrust serve --config crosstrust.toml"),
        "{stdout}"
    );
    let new = folder.path().join("new");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let relative = |root: &Path| -> Vec<PathBuf> {
        let paths = files(root).into_iter();
        paths
            .map(|path| path.strip_prefix(root).unwrap().to_owned())
            .collect()
    };
    let written = relative(&new.join("policies"));
    assert_eq!(written, relative(&samples));
    for path in &written {
        let text = fs::read(new.join("policies").join(path)).unwrap();
        assert_eq!(text, fs::read(samples.join(path)).unwrap(), "{path:?}");
    }
    let checked = run(&new, &["check", "--deny-warnings", "policies"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    let shown = run(
        &new,
        &["serve", "--config", "crosstrust.toml", "--print-config"],
    );
    assert!(shown.status.success(), "{}", stderr(&shown));

    fs::write(new.join("crosstrust.toml"), "# mine\n").unwrap();
    let again = run(folder.path(), &["init", "new"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(
        stderr(&again).contains("new/policies exists and is not overwritten"),
        "{}",
        stderr(&again)
    );
    fs::remove_dir_all(new.join("policies")).unwrap();
    let again = run(folder.path(), &["init", "new"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(!new.join("policies").exists());
    assert_eq!(
        fs::read_to_string(new.join("crosstrust.toml")).unwrap(),
        "# mine\n"
    );
    // Only the user's file remains; failed attempts leave nothing.
    assert_eq!(files(&new).len(), 1);
}

#[test]
fn the_next_commands_that_init_prints_work() {
    let folder = tempfile::tempdir().unwrap();
    let stdout = String::from_utf8(run(folder.path(), &["init"]).stdout).unwrap();
    let stdout = stdout.replace("\\\n", " ");
    let command = stdout
        .lines()
        .find(|line| line.contains("crosstrust authorize"))
        .unwrap();
    let mut words: Vec<String> = Vec::new();
    for (at, part) in command.trim().split('"').enumerate() {
        match at % 2 {
            1 => words.push(part.to_owned()),
            _ => words.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let output = run(folder.path(), &words);
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(stdout.starts_with("ALLOW\n"), "{stdout}{}", stderr(&output));
}

#[test]
fn the_commented_configuration_has_every_key_and_its_default() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["init"]).status.success());
    let text = fs::read_to_string(folder.path().join("crosstrust.toml")).unwrap();
    let (scalars, _) = text.split_once("#[[issuer]]").unwrap();
    let setting = |line: &str| {
        let line = line.strip_prefix('#')?;
        (line.contains(" = ") && !line.starts_with(' ')).then(|| line.to_owned())
    };
    let settings: Vec<String> = scalars.lines().filter_map(setting).collect();
    assert_eq!(settings.len(), KEYS.len());
    let all: Vec<String> = scalars
        .lines()
        .map(|line| setting(line).unwrap_or_else(|| line.to_owned()))
        // A placeholder if there is no default.
        .filter(|line| {
            ![
                "DIR",
                "FILE",
                "URL",
                "ACRS",
                "TEXT",
                "NAMES",
                "IDS",
                "ORIGINS",
                "MILLISECONDS",
            ]
            .iter()
            .any(|one| line.contains(&format!("\"{one}\"")))
        })
        .collect();
    let file = Some((PathBuf::from("c.toml"), all.join("\n")));
    let config = Config::read(file, ConfigOverrides::default()).unwrap();
    for key in KEYS {
        assert_eq!(config.text(key.name), key.default, "{}", key.name);
        assert_eq!(
            config.is_default(key.name),
            key.default.is_empty(),
            "{}",
            key.name
        );
    }
    let tables: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let line = line.strip_prefix('#')?;
            (!line.starts_with(' ')).then_some(line)
        })
        .skip_while(|line| *line != "[[issuer]]")
        .collect();
    let file = Some((PathBuf::from("c.toml"), tables.join("\n")));
    assert!(
        Config::read(file, ConfigOverrides::default()).is_ok(),
        "{tables:?}"
    );
}

/// Asserts an error that is reported once, with exit code 2, before the log directory is created.
fn assert_fails_before_log_is_created(folder: &Path, arguments: &[&str], expected: &[&str]) {
    let records = folder.join("records");
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut command = crosstrust(folder, &["serve"]);
    command
        .arg("--policies")
        .arg(policies)
        .arg("--log-directory")
        .arg(&records);
    let output = command.args(arguments).output().unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    let errors: Vec<&str> = error
        .lines()
        .filter(|line| line.starts_with("crosstrust: "))
        .collect();
    assert_eq!(errors.len(), 1, "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for expected in expected {
        assert_eq!(
            errors[0].matches(expected).count(),
            1,
            "{expected}: {error}"
        );
    }
    assert!(!records.exists(), "{error}");
}

#[test]
fn an_address_in_use_is_reported_with_key_and_process_before_the_log_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let process = format!("(process {})", std::process::id());
    let listener = format!("listener {address} (listener.address, flag)");
    assert_fails_before_log_is_created(
        folder.path(),
        &["--listen", &address, "--admin", "off"],
        &[
            &listener,
            "the address is in use by",
            &process,
            "`--listen`",
        ],
    );
    let file = folder.path().join("c.toml");
    fs::write(&file, format!("\n[[listener]]\naddress = {address:?}\n")).unwrap();
    let line = format!("{}:2)", file.display());
    assert_fails_before_log_is_created(
        folder.path(),
        &["--config", file.to_str().unwrap(), "--admin", "off"],
        &[&line, "the address is in use by", &process],
    );
    let admin = format!("flag: admin = `{address}`");
    assert_fails_before_log_is_created(
        folder.path(),
        &["--listen", "127.0.0.1:0", "--admin", &address],
        &[&admin, "the address is in use by", &process, "`--admin`"],
    );
    let socket = folder.path().join("socket");
    let _held = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let socket = format!("unix:{}", socket.display());
    assert_fails_before_log_is_created(
        folder.path(),
        &["--listen", &socket, "--admin", "off"],
        &["the address is in use by", &process],
    );
}

#[test]
fn errors_in_listeners_and_keys_are_found_before_the_log_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = "[[issuer]]\npreset = \"entra-v2\"\nissuer = \"https://login.example/v2.0\"\n\
                  audiences = [\"a\"]\ntenant = \"1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f\"\n";
    for (text, expected) in [
        (
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = { certificate = \"none.pem\", key = \"none.key\" }\n"
                .to_owned(),
            "none.key",
        ),
        (
            "[[listener]]\naddress = \"0.0.0.0:0\"\n".to_owned(),
            "is reachable from other machines",
        ),
        (
            format!("{issuer}keys_url = \"http://login.example/keys\"\n"),
            "http://login.example",
        ),
        (
            format!("[keys]\nca = \"none.pem\"\n{issuer}keys_url = \"https://login.example/keys\"\n"),
            "none.pem",
        ),
        (
            format!("[keys]\norigins = [\"login.example\"]\n{issuer}keys_url = \"https://login.example/keys\"\n"),
            "keys.origins",
        ),
    ] {
        let file = folder.path().join("c.toml");
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        assert_fails_before_log_is_created(folder.path(), &["--config", file, "--admin", "off"], &[expected]);
    }
}

#[test]
fn two_listeners_with_one_address_are_rejected_before_the_log_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let own = format!("127.0.0.1:{port}");
    let any = format!("0.0.0.0:{port}");
    let any_v6 = format!("[::]:{port}");
    let mapped = format!("[::ffff:127.0.0.1]:{port}");
    for (first, second) in [
        (&own, &own),
        (&own, &any),
        (&any, &own),
        (&any, &any_v6),
        (&any_v6, &own),
        (&own, &mapped),
    ] {
        let listener = |at: &str| format!("[[listener]]\naddress = {at:?}\nplaintext = true\n");
        let file = folder.path().join("c.toml");
        fs::write(&file, listener(first) + &listener(second)).unwrap();
        let expected = format!("{}:4): clashes with the listener {first}", file.display());
        let file = file.to_str().unwrap();
        assert_fails_before_log_is_created(
            folder.path(),
            &["--config", file, "--admin", "off"],
            &[&expected],
        );
    }
    let expected = format!("flag: admin = `{own}`: clashes with the listener {own}");
    assert_fails_before_log_is_created(
        folder.path(),
        &["--listen", &own, "--admin", &own],
        &[&expected],
    );
}

#[test]
fn sighup_logs_that_nothing_has_changed_and_other_user_signals_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    fs::write(&keys, r#"{"keys": []}"#).unwrap();
    let issuer = format!(
        "[[issuer]]\npreset = \"entra-v2\"\nissuer = \"https://login.example/v2.0\"\naudiences = [\"a\"]\n\
         tenant = \"1000d6f0-85c0-40e9-8a9e-c5d3a2419c0f\"\nkeys = {keys:?}\n"
    );
    let file = folder.path().join("c.toml");
    fs::write(&file, issuer).unwrap();
    let sidecar = Sidecar::start(folder.path(), &["--config", file.to_str().unwrap()]);
    let count = |text: &str| sidecar.output().matches(text).count();
    let policies = "SIGHUP: read the policies, nothing changed";
    let key_sets = "SIGHUP: read the key sets, nothing changed";
    for round in 1..=2 {
        for signal in [Signal::USR1, Signal::USR2, Signal::HUP] {
            kill_process(Pid::from_raw(sidecar.id().cast_signed()).unwrap(), signal).unwrap();
        }
        wait_until("the reload is logged", || {
            count(policies) == round && count(key_sets) == round
        });
    }
    sidecar.end();
}
