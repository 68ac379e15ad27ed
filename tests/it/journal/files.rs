//! Files of the journal: rotation, retention, the reserve, and starts with missing files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crosstrust::clock::{Clock, ManualClock};
use crosstrust::log::journal::disk::{Disk, DiskFile};
use crosstrust::log::journal::{
    AppendError, EventKind, GapReason, Journal, JournalOptions, Position,
};

use super::fault_disk::FaultDisk;
use super::world::{NOON, entry, faults, gaps, ids, open, options, records, verify_log, write};
use crate::support::random::Rng;

fn disk() -> (FaultDisk, Arc<dyn Disk>) {
    let disk = FaultDisk::new(Rng::new(7));
    (disk.clone(), Arc::new(disk))
}

fn segments(disk: &FaultDisk) -> Vec<String> {
    let files = disk.files().into_keys();
    files.filter(|name| name.starts_with("segment")).collect()
}

fn numbered(from: usize, to: usize) -> impl Iterator<Item = String> {
    (from..to).map(|number| format!("{number:03}"))
}

/// Polls until the writer thread has reached this state.
#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_full_file_is_followed_by_another() {
    let (files, disk) = disk();
    let (journal, _) = open(&disk, options(2000)).unwrap();
    write(&journal, numbered(0, 50));
    journal.close();
    assert!(segments(&files).len() >= 5);
    assert_eq!(faults(&disk), Vec::<String>::new());
    assert_eq!(ids(&records(&disk)), numbered(0, 50).collect::<Vec<_>>());
}

#[test]
fn files_over_the_retention_size_are_removed_with_a_gap_record() {
    let (files, disk) = disk();
    let options = JournalOptions {
        retention_bytes: 6000,
        ..options(2000)
    };
    let (journal, _) = open(&disk, options).unwrap();
    write(&journal, numbered(0, 100));
    journal.close();
    let bytes: usize = files.files().values().map(Vec::len).sum();
    assert!(bytes < 6000 + 2 * 2500, "{bytes}");
    assert_eq!(faults(&disk), Vec::<String>::new());
    let remaining = ids(&records(&disk));
    assert_eq!(
        remaining,
        numbered(100 - remaining.len(), 100).collect::<Vec<_>>()
    );
    assert!(
        gaps(&records(&disk))
            .iter()
            .any(|gap| gap["reason"] == "retention")
    );
}

#[test]
fn files_over_the_retention_age_are_removed_without_a_fault() {
    let (files, disk) = disk();
    let clock = ManualClock::at(NOON);
    let options = JournalOptions {
        retention: Duration::from_secs(3600),
        ..options(2000)
    };
    let (journal, _) = Journal::open(
        options,
        Arc::clone(&disk),
        Clock::Manual(Arc::clone(&clock)),
    )
    .unwrap();
    write(&journal, numbered(0, 50));
    assert!(segments(&files).contains(&String::from("segment-0000000001.jsonl")));
    clock.advance(Duration::from_secs(3601));
    write(&journal, numbered(50, 70));
    journal.close();
    assert_eq!(faults(&disk), Vec::<String>::new());
    let remaining = ids(&records(&disk));
    assert!(remaining.len() < 40, "{remaining:?}");
    assert_eq!(
        remaining,
        numbered(70 - remaining.len(), 70).collect::<Vec<_>>()
    );
}

#[test]
fn a_file_that_is_not_exported_is_not_removed() {
    let (files, disk) = disk();
    let options = JournalOptions {
        retention_bytes: 3000,
        is_exported: true,
        ..options(2000)
    };
    let (journal, _) = open(&disk, options).unwrap();
    write(&journal, numbered(0, 50));
    assert_eq!(ids(&records(&disk)).len(), 50);
    journal.set_exported(Position {
        segment: 3,
        offset: 10,
        seq: 0,
    });
    write(&journal, numbered(50, 70));
    journal.close();
    assert_eq!(segments(&files)[0], "segment-0000000003.jsonl");
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn a_full_disk_uses_the_reserve_which_is_restored_when_space_is_available() {
    let (files, disk) = disk();
    let options = JournalOptions {
        reserve_bytes: 10_000,
        ..options(1 << 20)
    };
    let (journal, _) = open(&disk, options).unwrap();
    write(&journal, numbered(0, 3));
    assert!(files.files().contains_key("reserve"));
    files.set_capacity(Some(0));
    let refused = journal.append(entry("lost", 10)).unwrap().wait();
    assert!(refused.is_err());
    wait_until("the reserve is released", || {
        !files.files().contains_key("reserve")
    });
    wait_until("the journal is failing", || {
        journal.status().failing_since.is_some()
    });
    assert_eq!(
        journal.append(entry("refused", 10)).map(drop),
        Err(AppendError::Failing)
    );
    let unbounded = journal.append_unbounded(entry("unbounded", 10));

    let since = Instant::now();
    files.set_capacity(None);
    wait_until("the journal has recovered", || {
        journal.status().failing_since.is_none()
    });
    // The writer retries five times a second, and the machine may be busy.
    assert!(
        since.elapsed() < Duration::from_secs(3),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(unbounded.wait(), Ok(()));
    assert!(files.files().contains_key("reserve"));
    write(&journal, numbered(3, 5));
    journal.close();
    assert_eq!(faults(&disk), Vec::<String>::new());
    assert_eq!(
        ids(&records(&disk)),
        ["000", "001", "002", "unbounded", "003", "004"]
    );
    let reported = gaps(&records(&disk));
    assert!(
        reported
            .iter()
            .any(|gap| gap["reason"] == "diskError" && gap["signIns"] == 1),
        "{reported:?}"
    );
}

#[test]
fn a_journal_opened_without_space_for_the_reserve_accepts_records_when_there_is_space() {
    for capacity in [3000, 9000, 10_400] {
        let (files, disk) = disk();
        files.set_capacity(Some(capacity));
        let options = JournalOptions {
            reserve_bytes: 10_000,
            ..options(1 << 20)
        };
        let (journal, _) = open(&disk, options).unwrap();
        assert!(journal.status().failing_since.is_some());
        assert_eq!(
            journal.append(entry("refused", 10)).map(drop),
            Err(AppendError::Failing)
        );
        files.set_capacity(None);
        wait_until("the journal has recovered", || {
            journal.status().failing_since.is_none()
        });
        write(&journal, numbered(0, 1));
        journal.close();
        assert_eq!(faults(&disk), Vec::<String>::new());
        assert_eq!(ids(&records(&disk)), ["000"]);
    }
}

#[test]
fn the_space_of_the_reserve_is_used_only_for_the_gap_record_of_a_full_disk() {
    let (files, disk) = disk();
    let options = JournalOptions {
        reserve_bytes: 10_000,
        ..options(1 << 20)
    };
    let (journal, _) = open(&disk, options).unwrap();
    write(&journal, numbered(0, 3));
    let used: usize = files.files().values().map(Vec::len).sum();
    files.set_capacity(Some(used as u64 + 10_000 + 100));
    assert!(journal.append(entry("lost", 300)).unwrap().wait().is_err());
    wait_until("a gap records the full disk", || {
        let gaps = gaps(&records(&disk));
        gaps.iter()
            .any(|gap| gap["reason"] == "diskError" && gap["signIns"] == 1)
    });
    assert!(!files.files().contains_key("reserve"));
    let written = journal.status().records;
    let unbounded = journal.append_unbounded(entry("unbounded", 10));
    // The writer checks five times a second: some kilobytes are free, but less than the reserve.
    for _ in 0..20 {
        let refused = journal.append(entry("refused", 10)).map(drop);
        assert_eq!(refused, Err(AppendError::Failing));
        std::thread::sleep(Duration::from_millis(25));
    }
    assert_eq!(journal.status().records, written);
    files.set_capacity(None);
    assert_eq!(unbounded.wait(), Ok(()));
    journal.close();
    assert_eq!(ids(&records(&disk)), ["000", "001", "002", "unbounded"]);
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn a_process_that_ends_on_a_full_disk_records_the_number_of_lost_records() {
    let (files, disk) = disk();
    let options = JournalOptions {
        reserve_bytes: 10_000,
        ..options(1 << 20)
    };
    let (journal, _) = open(&disk, options).unwrap();
    let used: usize = files.files().values().map(Vec::len).sum();
    files.set_capacity(Some(used as u64 + 10_000 + 100));
    let mut awaited = entry("awaited", 300);
    awaited.is_awaited = true;
    assert!(journal.append(awaited).unwrap().wait().is_err());
    wait_until("the journal is failing", || {
        !files.files().contains_key("reserve")
    });
    journal.count_lost(EventKind::SignIn, GapReason::DiskError);
    let _pending = journal.append_unbounded(entry("unbounded", 10));
    journal.close();
    let reported = gaps(&records(&disk));
    let missing: u64 = reported
        .iter()
        .filter_map(|gap| gap["signIns"].as_u64())
        .sum();
    assert_eq!(missing, 2, "{reported:?}");
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn many_starts_continue_one_log() {
    let (_, disk) = disk();
    for start in 0..40 {
        let (journal, recovery) = open(&disk, options(1 << 20)).unwrap();
        assert_eq!(recovery.is_new, start == 0);
        assert_eq!((recovery.torn_bytes, recovery.missing), (0, None));
        write(&journal, numbered(start, start + 1));
    }
    assert_eq!(faults(&disk), Vec::<String>::new());
    assert_eq!(gaps(&records(&disk)), Vec::<serde_json::Value>::new());
    assert_eq!(ids(&records(&disk)), numbered(0, 40).collect::<Vec<_>>());
}

#[test]
fn a_log_with_only_its_head_left_continues_after_the_signed_record() {
    let (files, disk) = disk();
    let (journal, _) = open(&disk, options(1 << 20)).unwrap();
    write(&journal, numbered(0, 5));
    journal.close();
    let signed = journal.status().last_checkpoint;
    let log = verify_log(&disk).log;
    for segment in segments(&files) {
        disk.remove(&segment).unwrap();
    }
    let (journal, recovery) = open(&disk, options(1 << 20)).unwrap();
    assert!(!recovery.is_new);
    assert_eq!(recovery.missing, Some((1, signed)));
    write(&journal, numbered(5, 6));
    journal.close();
    assert_eq!(records(&disk)[0].seq, signed + 1);
    let report = verify_log(&disk);
    assert_eq!(report.log, log);
    let seqs: Vec<_> = report.faults.iter().map(|fault| fault.seq).collect();
    assert_eq!(seqs, [Some(signed + 2)], "{:#?}", report.faults);
}

#[test]
fn damage_in_the_last_file_is_reported_by_a_gap_and_by_verify() {
    let (files, disk) = disk();
    let (journal, _) = open(&disk, options(1 << 20)).unwrap();
    write(&journal, numbered(0, 9));
    journal.close();
    let mut damaged = files.files();
    let name = segments(&files)[0].clone();
    let bytes = damaged.get_mut(&name).unwrap();
    let at = bytes.windows(5).position(|at| at == br#""004""#).unwrap();
    bytes[at + 1] = b'9';
    let disk: Arc<dyn Disk> = Arc::new(FaultDisk::of(&damaged));
    let before = verify_log(&disk).faults;
    assert_eq!(before.len(), 1, "{before:#?}");

    let (journal, recovery) = open(&disk, options(1 << 20)).unwrap();
    let (from, _) = recovery.missing.unwrap();
    assert_eq!(before[0].seq, Some(from));
    write(&journal, numbered(9, 10));
    journal.close();
    let gaps = gaps(&records(&disk));
    assert_eq!(
        (&gaps[0]["reason"], &gaps[0]["from"]),
        (&"damaged".into(), &from.into())
    );
    let after = faults(&disk);
    assert_eq!(after.len(), 1, "{after:#?}");
    let seqs: Vec<u64> = records(&disk).iter().map(|record| record.seq).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
}

#[test]
fn a_log_whose_head_was_removed_has_a_permanent_fault() {
    let (_, disk) = disk();
    drop(open(&disk, options(1 << 20)).unwrap());
    disk.remove("head.json").unwrap();
    assert_eq!(faults(&disk).len(), 1);
    drop(open(&disk, options(1 << 20)).unwrap());
    assert_eq!(faults(&disk).len(), 1);
}

/// A disk whose syncs block while the mutex is locked.
#[derive(Debug)]
struct BlockingDisk(FaultDisk, Arc<std::sync::Mutex<()>>);

#[derive(Debug)]
struct BlockingFile(Box<dyn DiskFile>, Arc<std::sync::Mutex<()>>);

impl DiskFile for BlockingFile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.append(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        drop(self.1.lock().unwrap());
        self.0.sync()
    }

    fn check_in_place(&self) -> std::io::Result<()> {
        self.0.check_in_place()
    }
}

impl Disk for BlockingDisk {
    fn list(&self) -> std::io::Result<Vec<(String, u64)>> {
        self.0.list()
    }

    fn read(&self, name: &str, from: u64, most: usize) -> std::io::Result<Vec<u8>> {
        self.0.read(name, from, most)
    }

    fn create(&self, name: &str) -> std::io::Result<Box<dyn DiskFile>> {
        let file = self.0.create(name)?;
        Ok(Box::new(BlockingFile(file, Arc::clone(&self.1))))
    }

    fn write_again(&self, name: &str, from: u64) -> std::io::Result<()> {
        self.0.write_again(name, from)
    }

    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }

    fn sync_directory(&self) -> std::io::Result<()> {
        self.0.sync_directory()
    }

    fn reserve(&self, name: &str, bytes: u64) -> std::io::Result<()> {
        self.0.reserve(name, bytes)
    }

    fn check_in_place(&self) -> std::io::Result<()> {
        self.0.check_in_place()
    }

    fn reopen(&self) -> std::io::Result<()> {
        self.0.reopen()
    }
}

#[test]
fn a_disk_that_hangs_does_not_block_appends() {
    let gate = Arc::new(std::sync::Mutex::new(()));
    let disk: Arc<dyn Disk> =
        Arc::new(BlockingDisk(FaultDisk::new(Rng::new(3)), Arc::clone(&gate)));
    let options = JournalOptions {
        queue: 10,
        ..options(1 << 20)
    };
    let (journal, _) = open(&disk, options).unwrap();
    let guard = gate.lock().unwrap();
    let mut tickets = Vec::new();
    // The batch in flight, and ten queued records.
    let refused = loop {
        match journal.append(entry("waits", 1)) {
            Ok(ticket) => tickets.push(ticket),
            Err(refused) => break refused,
        }
        assert!(tickets.len() < 1000);
    };
    assert_eq!(refused, AppendError::Full);
    drop(guard);
    for ticket in tickets {
        assert_eq!(ticket.wait(), Ok(()));
    }
}
