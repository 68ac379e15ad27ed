//! Disk faults and crashes at any point: records reported as durable are on disk, once and in order, the chain is
//! intact, and a gap record covers each missing number.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crosstrust::log::journal::disk::Disk;
use crosstrust::log::journal::{EventKind, GapReason, Journal, JournalRecord, RecordKind, Ticket};

use super::fault_disk::{End, FaultDisk};
use super::world::{entry, faults, gaps, ids, json, open, options, records};
use crate::support::random::Rng;

/// One disk over several processes, and the records that they reported as durable.
struct CrashTest {
    seed: u64,
    random: Rng,
    disk: FaultDisk,
    /// The ids reported as durable, in the order of each thread.
    durable: HashMap<String, Vec<String>>,
}

impl CrashTest {
    fn new(seed: u64) -> Self {
        let mut random = Rng::new(seed);
        let disk = FaultDisk::new(Rng::new(random.next()));
        CrashTest {
            seed,
            random,
            disk,
            durable: HashMap::new(),
        }
    }

    fn journal_disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn fail(&self, what: &str) -> ! {
        panic!("seed {}: {what}\n{}", self.seed, self.disk.operations());
    }

    /// Runs a process from its start to its end.
    fn run_process(&mut self, cycle: usize) {
        let rate = self.random.one(&[0, 0, 5, 30, 150]);
        self.disk.set_faults(rate);
        let ends_early = self.random.chance(60);
        let end_after = 1 + self.random.below(if self.random.clone().chance(30) {
            25
        } else {
            90
        });
        self.disk.end_after(ends_early.then_some(end_after as u64));
        if self.random.chance(15) {
            let used: usize = self.disk.files().values().map(Vec::len).sum();
            let free = self.random.below(20_000);
            self.disk.set_capacity(Some((used + free) as u64));
        }
        let Some(journal) = self.start() else {
            return self.restart();
        };
        let written = self.append_from_threads(&journal, cycle);
        if !ends_early && self.random.chance(70) {
            self.close(&journal, cycle);
        } else {
            self.disk.end();
        }
        drop(journal);
        for (order, id, outcome) in written {
            if outcome.becomes_durable() {
                self.durable.entry(order).or_default().push(id);
            }
        }
        self.restart();
    }

    /// Retries until the journal is open or the process has ended.
    fn start(&mut self) -> Option<Journal> {
        for attempt in 0.. {
            if self.disk.is_off() {
                return None;
            }
            if attempt == 20 {
                self.disk.set_faults(0);
                self.disk.set_capacity(None);
            }
            let mut options = options(self.random.one(&[1000, 8000, 1 << 20]));
            options.reserve_bytes = self.random.one(&[0, 3000]);
            match open(&self.journal_disk(), options) {
                Ok((journal, _)) => return Some(journal),
                Err(error) if attempt > 20 && !self.disk.is_off() => self.fail(&error.to_string()),
                Err(_) => {}
            }
        }
        None
    }

    /// One or two threads append; some wait for each record.
    fn append_from_threads(&mut self, journal: &Journal, cycle: usize) -> Vec<Written> {
        let threads = 1 + self.random.below(2);
        let randoms: Vec<Rng> = (0..threads).map(|_| Rng::new(self.random.next())).collect();
        let written = thread::scope(|scope| {
            let threads: Vec<_> = randoms
                .into_iter()
                .enumerate()
                .map(|(number, random)| {
                    let thread = format!("{cycle}.{number}");
                    scope.spawn(move || append(journal, &thread, random))
                })
                .collect();
            let written = threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap());
            written.collect()
        });
        // The process ends while records are in flight, or later.
        if self.random.chance(40) {
            let operations = 1 + self.random.below(4) as u64;
            self.disk.end_after(Some(operations));
        }
        written
    }

    /// Ends the faults: the journal recovers without help, and gap records count all lost records.
    fn close(&mut self, journal: &Journal, cycle: usize) {
        self.disk.set_faults(0);
        self.disk.set_capacity(None);
        self.disk.end_after(None);
        if self.disk.is_off() {
            return;
        }
        let since = Instant::now();
        if self.random.chance(90) {
            // The writer retries immediately when there is something to write.
            let unbounded = journal
                .append_unbounded(entry(&format!("{cycle}.s-0"), 5))
                .wait();
            if unbounded.is_err() {
                self.fail("an unbounded record was not written after the faults");
            }
        }
        while journal.status().failing_since.is_some() {
            if since.elapsed() > Duration::from_secs(20) {
                self.fail("the journal is still failing");
            }
            thread::sleep(Duration::from_millis(5));
        }
        let last = journal.append(entry(&format!("{cycle}.e-0"), 5));
        let last = last.map(|last| last.wait().is_ok());
        if last != Ok(true) {
            self.fail("nothing is written after the faults");
        }
        journal.close();
        // Gaps for other reasons name the range of missing numbers.
        let lost = journal.status().lost;
        let counted = [
            GapReason::QueueFull,
            GapReason::DiskError,
            GapReason::Limited,
        ];
        let lost: u64 = counted.into_iter().map(|reason| lost.of(reason)).sum();
        let written = journal.status().records as usize;
        let all = records(&self.journal_disk());
        let of_process = &all[all.len() - written.min(all.len())..];
        let reported: u64 = gaps(of_process)
            .iter()
            .map(|gap| gap["signIns"].as_u64().unwrap_or(0) + gap["audits"].as_u64().unwrap_or(0))
            .sum();
        if reported != lost {
            self.fail(&format!(
                "{lost} records were lost, and gaps report {reported}: {:?}",
                gaps(of_process)
            ));
        }
    }

    fn restart(&mut self) {
        self.disk.end();
        let end = self
            .random
            .one(&[End::Killed, End::PowerLost, End::PowerLost]);
        self.disk.start_after(end);
        self.disk.set_faults(0);
        self.disk.set_capacity(None);
        self.check("after the restart");
    }

    fn check(&self, when: &str) {
        let disk = self.journal_disk();
        let found = records(&disk);
        let fail = |what: String| self.fail(&format!("{when}: {what}"));
        let faults = if found.is_empty() {
            Vec::new()
        } else {
            faults(&disk)
        };
        if !faults.is_empty() {
            fail(format!("{faults:#?}"));
        }
        if let Some(missing) = unreported_gap(&found) {
            fail(format!(
                "record {missing} is missing without a gap, or duplicated"
            ));
        }
        let found = ids(&found);
        let places: HashMap<&String, usize> =
            found.iter().enumerate().map(|(at, id)| (id, at)).collect();
        if places.len() != found.len() {
            fail(String::from("a record is duplicated"));
        }
        for durable in self.durable.values() {
            let at: Vec<Option<&usize>> = durable.iter().map(|id| places.get(id)).collect();
            if at.iter().any(Option::is_none) || !at.is_sorted() {
                fail(format!("{durable:?} were durable, and are at {at:?}"));
            }
        }
    }
}

/// A number that has neither a record nor a gap, or that is duplicated.
fn unreported_gap(records: &[JournalRecord]) -> Option<u64> {
    let mut in_gaps = HashSet::new();
    for record in records.iter().filter(|one| one.kind == RecordKind::Gap) {
        let gap = json(record);
        if let (Some(from), Some(to)) = (gap["from"].as_u64(), gap["to"].as_u64()) {
            in_gaps.extend(from..=to);
        }
    }
    let mut next = 1;
    for record in records {
        while next < record.seq {
            if !in_gaps.contains(&next) {
                return Some(next);
            }
            next += 1;
        }
        if record.seq != next {
            return Some(record.seq);
        }
        next += 1;
    }
    None
}

/// The sequence within which the record keeps its order, its id, and its outcome.
type Written = (String, String, AppendOutcome);

enum AppendOutcome {
    Known(bool),
    Pending(Ticket),
}

impl AppendOutcome {
    fn becomes_durable(self) -> bool {
        match self {
            AppendOutcome::Known(durable) => durable,
            AppendOutcome::Pending(ticket) => ticket.wait().is_ok(),
        }
    }
}

fn append(journal: &Journal, thread: &str, mut random: Rng) -> Vec<Written> {
    let mut written = Vec::new();
    for number in 0..random.below(25) {
        let id = format!("{thread}-{number}");
        let padding = random.one(&[0, 10, 200, 1500]);
        if random.chance(10) {
            // While the disk fails, later records overtake it, so it has no order.
            let ticket = journal.append_unbounded(entry(&id, padding));
            written.push((id.clone(), id, AppendOutcome::Pending(ticket)));
            continue;
        }
        let order = thread.to_owned();
        match journal.append(entry(&id, padding)) {
            Ok(ticket) if random.chance(30) => {
                written.push((order, id, AppendOutcome::Known(ticket.wait().is_ok())));
            }
            Ok(ticket) => written.push((order, id, AppendOutcome::Pending(ticket))),
            Err(refused) => journal.count_lost(EventKind::SignIn, refused.into()),
        }
    }
    written
}

fn run_seed(seed: u64) {
    let mut test = CrashTest::new(seed);
    for cycle in 0..2 + test.random.below(3) {
        test.run_process(cycle);
    }
    let Some(journal) = test.start() else {
        test.fail("the journal does not open");
    };
    drop(journal);
    test.check("at the end");
}

#[test]
fn durable_records_survive_every_disk_fault_and_crash() {
    let first = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seeds = first.map_or(1..=SEEDS, |seed| seed..=seed);
    let next = AtomicU64::new(*seeds.start());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    run_seed(seed);
                }
            });
        }
    });
}

const SEEDS: u64 = 2000;
