//! Journals for tests, and readers of their files.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crosstrust::clock::{Clock, ManualClock};
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::Disk;
use crosstrust::log::journal::verify::{VerifyOptions, VerifyReport, verify};
use crosstrust::log::journal::{
    EventKind, Journal, JournalEntry, JournalError, JournalOptions, JournalRecord, RecordKind,
    RecordSource, Records, Recovery, WaitBounds,
};
use crosstrust::time::Timestamp;
use serde_json::Value;

/// A signing key that is created once for the test run.
pub fn signer() -> Signer {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        Signer::load_or_create(&folder.path().join("signing.key")).unwrap();
        folder
    });
    let key: PathBuf = folder.path().join("signing.key");
    Signer::load_or_create(&key).unwrap()
}

/// Options without retention, without a reserve and without batching.
pub fn options(segment_bytes: u64) -> JournalOptions {
    JournalOptions {
        signer: signer(),
        queue: 8192,
        wait: WaitBounds::within(Duration::from_millis(100)),
        linger: Duration::ZERO,
        segment_bytes,
        retention_bytes: u64::MAX,
        retention: Duration::from_secs(3650 * 24 * 60 * 60),
        reserve_bytes: 0,
        is_exported: false,
    }
}

pub const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub fn clock() -> Clock {
    Clock::Manual(ManualClock::at(NOON))
}

pub fn open(
    disk: &Arc<dyn Disk>,
    options: JournalOptions,
) -> Result<(Journal, Recovery), JournalError> {
    Journal::open(options, Arc::clone(disk), clock())
}

pub fn entry(id: &str, padding: usize) -> JournalEntry {
    JournalEntry {
        kind: EventKind::SignIn,
        time: NOON,
        body: format!(r#"{{"id":"{id}","pad":"{}"}}"#, "x".repeat(padding)).into_bytes(),
        is_awaited: false,
        source: RecordSource::PROCESS,
        when_durable: None,
    }
}

/// Writes records with these ids and waits until each is on disk.
pub fn write(journal: &Journal, ids: impl IntoIterator<Item = String>) {
    for id in ids {
        journal.append(entry(&id, 20)).unwrap().wait().unwrap();
    }
}

pub fn records(disk: &Arc<dyn Disk>) -> Vec<JournalRecord> {
    let records = Records::between(Arc::clone(disk), None, None).unwrap();
    records.map(Result::unwrap).collect()
}

/// The ids of sign-in and audit records, in their order.
pub fn ids(records: &[JournalRecord]) -> Vec<String> {
    let events = records
        .iter()
        .filter(|record| matches!(record.kind, RecordKind::SignIn | RecordKind::Audit));
    events
        .map(|record| json(record)["id"].as_str().unwrap().to_owned())
        .collect()
}

pub fn gaps(records: &[JournalRecord]) -> Vec<Value> {
    let gaps = records
        .iter()
        .filter(|record| record.kind == RecordKind::Gap);
    gaps.map(json).collect()
}

pub fn json(record: &JournalRecord) -> Value {
    serde_json::from_slice(&record.body).unwrap()
}

pub fn verify_log(disk: &Arc<dyn Disk>) -> VerifyReport {
    verify(disk, &VerifyOptions::default()).unwrap()
}

/// The faults as `verify` prints them.
pub fn faults(disk: &Arc<dyn Disk>) -> Vec<String> {
    verify_log(disk)
        .faults
        .iter()
        .map(ToString::to_string)
        .collect()
}
