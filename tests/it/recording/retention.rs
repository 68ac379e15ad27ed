//! Retention in the real binary, which compares its clock with the existing records.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::clock::{Clock, ManualClock};
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::SystemDisk;
use crosstrust::log::journal::{
    EventKind, Journal, JournalEntry, JournalOptions, RecordSource, WaitBounds,
};

use crate::observed::page;
use crate::support::sidecar::{Sidecar, log, records};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Records of a process that ran from `from` until `to` days before now, with several files for each day.
fn write_log(folder: &Path, from: u32, to: u32) {
    let folder = records(folder);
    let disk = SystemDisk::lock(&folder).unwrap();
    let options = JournalOptions {
        signer: Signer::load_or_create(&folder.join("signing.key")).unwrap(),
        queue: 100,
        wait: WaitBounds::within(Duration::from_millis(100)),
        linger: Duration::ZERO,
        segment_bytes: 2000,
        retention_bytes: u64::MAX,
        retention: DAY * 3650,
        reserve_bytes: 0,
        is_exported: false,
    };
    let clock = ManualClock::at(Clock::System.now().wall.minus(DAY * from));
    let time = Clock::Manual(Arc::clone(&clock));
    let (journal, _) = Journal::open(options, Arc::new(disk), time).unwrap();
    for day in 0..2 {
        for number in 0..30 {
            let body = format!(r#"{{"id":"{day}-{number:02}"}}"#).into_bytes();
            let entry = JournalEntry {
                kind: EventKind::SignIn,
                time: clock.now().wall,
                body,
                is_awaited: false,
                source: RecordSource::PROCESS,
                when_durable: None,
            };
            journal.append(entry).unwrap().wait().unwrap();
        }
        clock.advance(DAY * (from - to));
    }
    journal.close();
}

fn start(folder: &Path) -> Sidecar {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstrust"));
    command
        .arg("serve")
        .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(["--log-retention-days", "90", "--policies"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))
        .arg("--log-directory")
        .arg(records(folder));
    Sidecar::spawn(command, folder)
}

fn shown(folder: &Path) -> usize {
    let shown = log(folder, &["show", "--operator", "--format", "json"]);
    String::from_utf8(shown.stdout).unwrap().lines().count()
}

#[test]
fn a_start_with_the_clock_far_ahead_of_the_records_removes_none_and_warns() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 100, 100);
    let sidecar = start(folder.path());
    assert_eq!(shown(folder.path()), 60);
    let output = sidecar.output();
    assert!(
        output.contains("WARN") && output.contains("removing records by age is postponed"),
        "{output}"
    );
    let metrics = page(sidecar.admin(), "/metrics", "*/*").body;
    assert!(
        metrics.contains("crosstrust_log_retention_postponed 1"),
        "{metrics}"
    );
    assert!(metrics.contains(r#"crosstrust_log_records_lost_total{reason="retention"} 0"#));
}

#[test]
fn each_removed_file_is_logged_counted_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 100, 99);
    let before = std::fs::read_dir(records(folder.path())).unwrap().count();
    // The process last ran 98 days before now; its last record is of the day before.
    let retention_state: serde_json::Value = serde_json::from_slice(
        &std::fs::read(records(folder.path()).join("retention.json")).unwrap(),
    )
    .unwrap();
    assert!(retention_state["believed"].is_string(), "{retention_state}");
    let believed = Clock::System.now().wall.minus(DAY).to_string();
    let believed = serde_json::json!({ "believed": believed }).to_string();
    std::fs::write(records(folder.path()).join("retention.json"), believed).unwrap();
    let sidecar = start(folder.path());
    let output = sidecar.output();
    let removals = output
        .matches("retention has removed a file of records")
        .count();
    assert!(removals > 3, "{before} files: {output}");
    assert!(output.contains("by=\"age\""), "{output}");
    let metrics = page(sidecar.admin(), "/metrics", "*/*").body;
    assert!(metrics.contains("crosstrust_log_retention_postponed 0"));
    assert!(
        metrics.contains(r#"crosstrust_log_gaps_total{reason="retention"} 1"#),
        "{metrics}"
    );
    assert!(!metrics.contains(r#"crosstrust_log_records_lost_total{reason="retention"} 0"#));
    assert!(shown(folder.path()) < 60);
    assert!(log(folder.path(), &["verify"]).status.success());
}
