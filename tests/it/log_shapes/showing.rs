//! `crosstrust log show` on a log directory.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use crosstrust::clock::Clock;
use crosstrust::log::audit::{Actor, AuditEvent, AuditHeader};
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::SystemDisk;
use crosstrust::log::journal::{
    EventKind, GapReason, Journal, JournalEntry, JournalOptions, RecordSource, WaitBounds,
};
use crosstrust::log::pseudonym::Pseudonyms;
use serde_json::Value;

use super::*;

/// Three sign-ins of Felix (the second denied), one of an own user of Contoso, a change, and a gap at the end.
pub fn write_log(folder: &Path, pseudonyms: &Pseudonyms) {
    let disk = SystemDisk::lock(folder).unwrap();
    let options = JournalOptions {
        signer: Signer::load_or_create(&folder.join("signing.key")).unwrap(),
        queue: 100,
        wait: WaitBounds::within(Duration::from_millis(100)),
        linger: Duration::ZERO,
        segment_bytes: 1 << 20,
        retention_bytes: 1 << 30,
        retention: Duration::from_secs(1 << 20),
        reserve_bytes: 0,
        is_exported: false,
    };
    let (journal, _) = Journal::open(options, Arc::new(disk), Clock::System).unwrap();
    let append = |kind, hour: i64, body| {
        let entry = JournalEntry {
            kind,
            time: Timestamp::from_seconds(1_800_000_000 + hour * 3600),
            body,
            is_awaited: true,
            source: RecordSource::PROCESS,
            when_durable: None,
        };
        journal.append(entry).unwrap().wait().unwrap();
    };
    let engine = engine();
    for (hour, (home, mfa)) in (0..).zip([
        (FABRIKAM, true),
        (FABRIKAM, false),
        (CONTOSO, true),
        (FABRIKAM, true),
    ]) {
        let mut attempt = request();
        attempt.home = home.into();
        attempt.claims.mfa = mfa;
        attempt.request_id = HOSTILE.to_owned();
        append(
            EventKind::SignIn,
            hour,
            body_of(&attempt, &engine.authorize(&attempt), pseudonyms),
        );
    }
    let change = crosstrust::changes::Change {
        tenant: CONTOSO,
        object: crosstrust::changes::ChangedObject::Partner,
        id: FABRIKAM.to_string(),
        display_name: Some(HOSTILE.to_owned()),
        operation: crosstrust::changes::Operation::Deleted,
        properties: Vec::new(),
    };
    let record = AuditHeader {
        id: some_id(),
        time: NOW,
        actor: Actor::PoliciesFolder,
    };
    let audit = AuditEvent::Changed {
        change: &change,
        snapshot: None,
    };
    append(EventKind::Audit, 4, audit.body(&record, pseudonyms));
    journal.count_lost(EventKind::SignIn, GapReason::QueueFull);
    let stopped = AuditEvent::Stopped { cause: "SIGTERM" };
    append(EventKind::Audit, 5, stopped.body(&record, pseudonyms));
    journal.close();
}

pub fn show(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["log", "show", "--log-directory"])
        .arg(folder)
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

pub fn lines(folder: &Path, arguments: &str) -> Vec<Value> {
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.extend(["--format", "json"]);
    let output = show(folder, &arguments);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_organisation_sees_its_own_records_and_every_flag_filters_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_log(folder, &Pseudonyms::OFF);
    let home = format!("--tenant {FABRIKAM} --side home");
    let resource = format!("--tenant {CONTOSO} --side resource");
    let count = |arguments: &str| lines(folder, arguments).len();
    assert_eq!(count(&home), 3);
    assert_eq!(count(&resource), 4);
    assert_eq!(count(&format!("--tenant {CONTOSO} --side home")), 1);
    assert_eq!(count("--operator"), 4);
    assert_eq!(count(&format!("{home} --user {FELIX}")), 3);
    assert_eq!(count(&format!("{home} --user {GUEST}")), 0);
    assert_eq!(count(&format!("{home} --app {PAYROLL}")), 3);
    assert_eq!(count(&format!("{home} --app {CLIENT}")), 0);
    assert_eq!(count(&format!("{home} --result failure")), 1);
    assert_eq!(count(&format!("{home} --result success")), 2);
    assert_eq!(count(&format!("{home} --from 2027-01-15T09:00:00Z")), 2);
    assert_eq!(count(&format!("{home} --to 2027-01-15T09:00:00Z")), 1);
    assert_eq!(count(&format!("{home} --from 2027-01-16")), 0);
    let last = lines(folder, &format!("{home} --last 1"));
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["crosstrust"]["reason"], "ALLOWED");
    assert_eq!(count(&format!("--tenant {CONTOSO} --audit")), 1);
    assert_eq!(count(&format!("--tenant {FABRIKAM} --audit")), 0);
    assert_eq!(count("--operator --audit"), 2);
    for event in lines(folder, &home) {
        assert!(event.get("appliedConditionalAccessPolicies").is_none());
        assert!(event.get("appId").is_some());
    }
}

#[test]
fn no_format_prints_control_characters_and_gaps_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    for format in ["table", "json", "csv"] {
        for arguments in [&["--operator"][..], &["--operator", "--audit"]] {
            let output = show(folder.path(), &[arguments, &["--format", format]].concat());
            assert!(output.status.success(), "{output:?}");
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(
                !text.replace('\n', "").contains(is_terminal_control),
                "{format}: {text:?}"
            );
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(
                stderr.contains("records are missing before") && stderr.contains("queueFull"),
                "{stderr}"
            );
        }
    }
    let tenant = FABRIKAM.to_string();
    let output = show(folder.path(), &["--tenant", &tenant, "--side", "home"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.contains("records are missing before") && !stderr.contains("queueFull"),
        "{stderr}"
    );
}

#[test]
fn users_are_found_by_id_with_the_key_of_their_pseudonyms() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("pseudonym.key");
    std::fs::write(&key, [5; 32]).unwrap();
    let keyed = Pseudonyms::from_file(&key).unwrap();
    let log = folder.path().join("log");
    std::fs::create_dir(&log).unwrap();
    write_log(&log, &keyed);
    let count = |arguments: String| lines(&log, &arguments).len();
    assert_eq!(count(format!("--operator --user {FELIX}")), 0);
    assert_eq!(count(format!("--operator --user {}", keyed.user(FELIX))), 4);
    let key = key.display();
    assert_eq!(
        count(format!("--operator --user {FELIX} --pseudonym-key {key}")),
        4
    );
}

#[test]
fn a_view_must_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let tenant = CONTOSO.to_string();
    for arguments in [
        &[][..],
        &["--tenant", &tenant],
        &["--side", "home"],
        &["--operator", "--tenant", &tenant],
        &["--tenant", "contosso", "--side", "home"],
        &["--operator", "--from", "yesterday"],
        &["--operator", "--last", "0"],
    ] {
        let output = show(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
    let nowhere = show(&folder.path().join("nowhere"), &["--operator"]);
    assert_eq!(nowhere.status.code(), Some(2));
}

#[test]
fn a_closed_pipe_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    for subcommand in ["show", "verify"] {
        let run = |closed: bool| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
            command
                .args(["log", subcommand, "--log-directory"])
                .arg(folder.path())
                .args((subcommand == "show").then_some("--operator"))
                .env_remove("CROSSTRUST_LOG_PSEUDONYM_KEY");
            if closed {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                command.stdout(writer);
            }
            command.output().unwrap()
        };
        let (open, closed) = (run(false), run(true));
        assert!(!open.stdout.is_empty());
        assert_eq!(closed.status.code(), open.status.code(), "{closed:?}");
        assert_eq!(closed.stderr, open.stderr, "{closed:?}");
    }
}

#[test]
fn a_table_names_the_tenants_of_a_policies_folder_and_fits_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let policies = tempfile::tempdir().unwrap();
    let tenant = policies.path().join("fabrikam");
    std::fs::create_dir(&tenant).unwrap();
    let organization = format!(r#"{{"id": "{FABRIKAM}", "displayName": "Fabrikam Inc"}}"#);
    std::fs::write(tenant.join("organization.json"), organization).unwrap();
    let contoso = CONTOSO.to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
        .args(["log", "show", "--log-directory"])
        .arg(folder.path())
        .args(["--tenant", &contoso, "--side", "resource", "--policies"])
        .arg(policies.path())
        .env("COLUMNS", "170")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("Fabrikam Inc"), "{table}");
    assert!(
        table.lines().all(|line| line.chars().count() <= 170),
        "{table}"
    );
}

/// The segment of a log that has one.
fn segment(folder: &Path) -> std::path::PathBuf {
    segments(folder).pop().unwrap()
}

/// In their order.
fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let is_segment = |path: &std::path::PathBuf| path.to_string_lossy().contains("/segment-");
    let mut segments: Vec<_> = files.filter(is_segment).collect();
    segments.sort();
    segments
}

#[test]
fn a_changed_record_is_marked_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_log(folder, &Pseudonyms::OFF);
    let text = std::fs::read_to_string(segment(folder)).unwrap();
    // The denied sign-in.
    let line = text
        .lines()
        .find(|line| line.contains("CA_MFA_REQUIRED") || line.contains("\"errorCode\":5"));
    let line = line.unwrap();
    let seq = serde_json::from_str::<Value>(line).unwrap()["seq"].clone();
    let changed = line
        .replace("call-1", "call-2")
        .replace(&FELIX.to_string(), &GUEST.to_string());
    assert_ne!(line, changed);
    for format in ["table", "json", "csv"] {
        let output = show(folder, &["--operator", "--format", format]);
        assert_eq!(output.status.code(), Some(0));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(
            !stdout.contains("TAMPERED")
                && !stdout.contains("\"tampered\"")
                && !stdout.contains(",true\n"),
            "{stdout}"
        );
    }
    std::fs::write(segment(folder), text.replace(line, &changed)).unwrap();
    for format in ["table", "json", "csv"] {
        let output = show(folder, &["--operator", "--format", format]);
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            stderr.contains("`crosstrust log verify` lists them"),
            "{stderr}"
        );
        let stdout = String::from_utf8(output.stdout).unwrap();
        let marked: Vec<&str> = match format {
            "table" => stdout
                .lines()
                .filter(|line| line.contains(" TAMPERED "))
                .collect(),
            "json" => stdout
                .lines()
                .filter(|line| line.contains("\"tampered\":true"))
                .collect(),
            _ => stdout
                .lines()
                .filter(|line| line.ends_with(",true"))
                .collect(),
        };
        assert_eq!(marked.len(), 1, "{stdout}");
        assert!(marked[0].contains(&GUEST.to_string()), "{stdout}");
        if format == "json" {
            let record: Value = serde_json::from_str(marked[0]).unwrap();
            assert_eq!(record["crosstrust"]["seq"], seq);
        }
    }
}

/// Writes `count` sign-ins, two per file, under this retention.
fn write_many_files(folder: &Path, count: usize, retention_bytes: u64) {
    let disk = SystemDisk::lock(folder).unwrap();
    let options = JournalOptions {
        signer: Signer::load_or_create(&folder.join("signing.key")).unwrap(),
        queue: 100,
        wait: WaitBounds::within(Duration::from_millis(100)),
        linger: Duration::ZERO,
        segment_bytes: 1000,
        retention_bytes,
        retention: Duration::from_secs(1 << 20),
        reserve_bytes: 0,
        is_exported: false,
    };
    let (journal, _) = Journal::open(options, Arc::new(disk), Clock::System).unwrap();
    for number in 0..count {
        let entry = JournalEntry {
            kind: EventKind::SignIn,
            time: Clock::System.now().wall,
            body: format!(r#"{{"id":"{number}","pad":"{}"}}"#, "x".repeat(300)).into_bytes(),
            is_awaited: true,
            source: RecordSource::PROCESS,
            when_durable: None,
        };
        journal.append(entry).unwrap().wait().unwrap();
    }
    journal.close();
}

#[test]
fn removal_by_retention_is_noted_once() {
    let folder = tempfile::tempdir().unwrap();
    write_many_files(folder.path(), 100, 10_000);
    let tenant = CONTOSO.to_string();
    for viewer in [
        &["--operator"][..],
        &["--tenant", &tenant, "--side", "home"],
    ] {
        let output = show(folder.path(), viewer);
        assert!(output.status.success(), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            stderr.starts_with("note: retention has removed the records before "),
            "{stderr}"
        );
    }
}

#[test]
fn verify_prints_the_signed_head_and_accepts_it_as_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &Pseudonyms::OFF);
    let verify = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["log", "verify", "--log-directory"])
            .arg(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), stdout)
    };
    let (code, stdout) = verify(&[]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("head.json signs record "), "{stdout}");
    let (_, checkpoint) = stdout.split_once("--checkpoint ").unwrap();
    let checkpoint = checkpoint.split_whitespace().next().unwrap();
    assert_eq!(verify(&["--checkpoint", checkpoint]).0, Some(0));
    std::fs::remove_file(folder.path().join("head.json")).unwrap();
    let (code, stdout) = verify(&[]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("head.json: is missing"), "{stdout}");
}

#[test]
fn a_truncated_file_is_detected_even_if_other_files_follow() {
    let folder = tempfile::tempdir().unwrap();
    write_many_files(folder.path(), 20, 1 << 30);
    let code = || show(folder.path(), &["--operator"]).status.code();
    assert_eq!(code(), Some(0));
    let first = segments(folder.path()).remove(0);
    let text = std::fs::read_to_string(&first).unwrap();
    let (remaining, _) = text.trim_end().rsplit_once('\n').unwrap();
    std::fs::write(&first, format!("{remaining}\n")).unwrap();
    assert_eq!(code(), Some(1));
}
