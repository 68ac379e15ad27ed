//! Retention by age with a wrong wall clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crosstrust::clock::{Clock, ManualClock};
use crosstrust::log::journal::disk::Disk;
use crosstrust::log::journal::{Journal, JournalOptions};
use crosstrust::time::Timestamp;

use super::fault_disk::FaultDisk;
use super::world::{NOON, entry, faults, gaps, ids, options, records};
use crate::support::random::Rng;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn disk() -> Arc<dyn Disk> {
    Arc::new(FaultDisk::new(Rng::new(7)))
}

fn ninety_days() -> JournalOptions {
    JournalOptions {
        retention: DAY * 90,
        ..options(2000)
    }
}

/// A process that starts at this wall time, on a machine that has just been booted.
struct Process {
    journal: Journal,
    clock: Arc<ManualClock>,
}

impl Process {
    fn start(disk: &Arc<dyn Disk>, wall: Timestamp, options: JournalOptions) -> Process {
        let clock = ManualClock::at(wall);
        let time = Clock::Manual(Arc::clone(&clock));
        let (journal, _) = Journal::open(options, Arc::clone(disk), time).unwrap();
        Process { journal, clock }
    }

    /// Writes 40 records with the current time, which fill several files.
    fn write(&self, name: &str) -> Vec<String> {
        let ids: Vec<String> = (0..40)
            .map(|number| format!("{name}-{number:02}"))
            .collect();
        for id in &ids {
            let mut entry = entry(id, 20);
            entry.time = self.clock.now().wall;
            self.journal.append(entry).unwrap().wait().unwrap();
        }
        ids
    }

    #[track_caller]
    fn wait_until_postponed(&self, expected: bool) {
        let since = Instant::now();
        while self.journal.status().is_age_postponed != expected {
            assert!(since.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn count_of(disk: &Arc<dyn Disk>, name: &str) -> usize {
    let records = ids(&records(disk));
    records.iter().filter(|id| id.starts_with(name)).count()
}

#[test]
fn a_start_with_the_clock_91_days_ahead_removes_nothing_and_so_does_the_next() {
    let disk = disk();
    let first = Process::start(&disk, NOON, ninety_days());
    first.write("first");
    first.journal.close();
    for start in 0..3 {
        let ahead = Process::start(&disk, NOON.plus(DAY * 91), ninety_days());
        assert!(ahead.journal.status().is_age_postponed);
        ahead.write(&format!("ahead-{start}"));
        ahead.journal.close();
        assert_eq!(count_of(&disk, "first"), 40);
    }
    let right = Process::start(&disk, NOON.plus(DAY), ninety_days());
    assert!(!right.journal.status().is_age_postponed);
    right.write("right");
    right.journal.close();
    assert_eq!(count_of(&disk, "first"), 40);
    assert_eq!(gaps(&records(&disk)), Vec::<serde_json::Value>::new());
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn a_clock_set_ahead_in_a_running_process_removes_nothing_until_the_postponement_ends() {
    let disk = disk();
    let process = Process::start(&disk, NOON, ninety_days());
    process.write("first");
    process.clock.set_wall(NOON.plus(DAY * 91));
    process.wait_until_postponed(true);
    process.write("ahead");
    assert_eq!(count_of(&disk, "first"), 40);
    // Removal is postponed for seven days, so that an operator can correct the clock.
    process.clock.advance(DAY * 6);
    process.write("later");
    assert_eq!(count_of(&disk, "first"), 40);
    process.clock.advance(DAY + DAY / 2);
    process.wait_until_postponed(false);
    process.write("accepted");
    process.journal.close();
    assert!(count_of(&disk, "first") < 20);
    assert_eq!(count_of(&disk, "accepted"), 40);
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn a_file_with_records_in_the_future_does_not_disable_retention_by_age() {
    let disk = disk();
    let first = Process::start(&disk, NOON, ninety_days());
    first.write("first");
    first.journal.close();
    let ahead = Process::start(&disk, NOON.plus(DAY * 2000), ninety_days());
    ahead.write("ahead");
    ahead.journal.close();
    let right = Process::start(&disk, NOON.plus(DAY), ninety_days());
    right.write("right");
    right.clock.advance(DAY * 91);
    right.write("now");
    right.journal.close();
    assert_eq!((count_of(&disk, "first"), count_of(&disk, "ahead")), (0, 0));
    assert_eq!(count_of(&disk, "now"), 40);
    assert_eq!(faults(&disk), Vec::<String>::new());
}

#[test]
fn a_file_written_before_the_clock_was_set_does_not_make_other_files_old() {
    let disk = disk();
    let first = Process::start(&disk, NOON, ninety_days());
    first.write("first");
    first.journal.close();
    let unset = Process::start(&disk, Timestamp::from_seconds(60), ninety_days());
    unset.write("unset");
    unset.clock.set_wall(NOON.plus(DAY));
    unset.wait_until_postponed(false);
    unset.write("set");
    unset.journal.close();
    let again = Process::start(&disk, NOON.plus(DAY), ninety_days());
    again.write("again");
    again.journal.close();
    for name in ["first", "unset", "set", "again"] {
        assert_eq!(count_of(&disk, name), 40, "{name}");
    }
}

#[test]
fn retention_by_size_continues_while_retention_by_age_is_postponed() {
    let disk = disk();
    let small = || JournalOptions {
        retention_bytes: 6000,
        ..ninety_days()
    };
    let first = Process::start(&disk, NOON, small());
    first.write("first");
    first.journal.close();
    let ahead = Process::start(&disk, NOON.plus(DAY * 91), small());
    for part in 0..5 {
        ahead.write(&format!("ahead-{part}"));
    }
    ahead.journal.close();
    assert!(ahead.journal.status().is_age_postponed);
    let sizes = disk.list().unwrap().into_iter().map(|(_, bytes)| bytes);
    assert!(sizes.sum::<u64>() < 6000 + 2 * 2500);
    assert_eq!(count_of(&disk, "first"), 0);
}
