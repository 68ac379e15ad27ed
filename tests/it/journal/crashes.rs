//! Whatever the disk does and whenever the process ends: what was said to be on disk is there, once and in order, the
//! chain holds, and every missing number is told.

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

/// One disk and everything that was ever said about it.
struct Story {
    seed: u64,
    random: Rng,
    disk: FaultDisk,
    /// Said to be on disk, in the order of each thread.
    durable: HashMap<String, Vec<String>>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = Rng::new(seed);
        let disk = FaultDisk::new(Rng::new(random.next()));
        Story {
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

    /// A process from its start to its end.
    fn live(&mut self, cycle: usize) {
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
            let room = self.random.below(20_000);
            self.disk.set_capacity(Some((used + room) as u64));
        }
        let Some(journal) = self.start() else {
            return self.restart();
        };
        let written = self.use_it(&journal, cycle);
        if !ends_early && self.random.chance(70) {
            self.close(&journal, cycle);
        } else {
            self.disk.end();
        }
        drop(journal);
        for (order, id, said) in written {
            if said.came_through() {
                self.durable.entry(order).or_default().push(id);
            }
        }
        self.restart();
    }

    /// Tries until the journal is open or the process has ended.
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

    /// Some threads append, and wait or do not.
    fn use_it(&mut self, journal: &Journal, cycle: usize) -> Vec<Written> {
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
        // It ends while some are on their way, or later.
        if self.random.chance(40) {
            let soon = 1 + self.random.below(4) as u64;
            self.disk.end_after(Some(soon));
        }
        written
    }

    /// The faults end: by itself it writes again, and tells all that was lost.
    fn close(&mut self, journal: &Journal, cycle: usize) {
        self.disk.set_faults(0);
        self.disk.set_capacity(None);
        self.disk.end_after(None);
        if self.disk.is_off() {
            return;
        }
        let since = Instant::now();
        if self.random.chance(90) {
            // The writer looks at once when there is something to write.
            let surely = journal
                .append_unbounded(entry(&format!("{cycle}.s-0"), 5))
                .wait();
            if surely.is_err() {
                self.fail("a sure record was not written after the faults");
            }
        }
        while journal.status().failing_since.is_some() {
            if since.elapsed() > Duration::from_secs(20) {
                self.fail("it goes on failing");
            }
            thread::sleep(Duration::from_millis(5));
        }
        let last = journal.append(entry(&format!("{cycle}.e-0"), 5));
        let last = last.map(|last| last.wait().is_ok());
        if last != Ok(true) {
            self.fail("nothing is written after the faults");
        }
        journal.close();
        // The others are named by their numbers.
        let lost = journal.status().lost;
        let counted = [
            GapReason::QueueFull,
            GapReason::DiskError,
            GapReason::Limited,
        ];
        let lost: u64 = counted.into_iter().map(|reason| lost.of(reason)).sum();
        let written = journal.status().records as usize;
        let all = records(&self.journal_disk());
        let mine = &all[all.len() - written.min(all.len())..];
        let told: u64 = gaps(mine)
            .iter()
            .map(|gap| gap["signIns"].as_u64().unwrap_or(0) + gap["audits"].as_u64().unwrap_or(0))
            .sum();
        if told != lost {
            self.fail(&format!(
                "{lost} were lost, and {told} are told: {:?}",
                gaps(mine)
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
        self.check("as it was left");
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
        if let Some(missing) = untold_hole(&found) {
            fail(format!("record {missing} is missing, or there twice"));
        }
        let found = ids(&found);
        let places: HashMap<&String, usize> =
            found.iter().enumerate().map(|(at, id)| (id, at)).collect();
        if places.len() != found.len() {
            fail(String::from("a record is there twice"));
        }
        for durable in self.durable.values() {
            let at: Vec<Option<&usize>> = durable.iter().map(|id| places.get(id)).collect();
            if at.iter().any(Option::is_none) || !at.is_sorted() {
                fail(format!("{durable:?} were on disk, and are at {at:?}"));
            }
        }
    }
}

/// A number that is neither on record nor told to be missing, or that is there twice.
fn untold_hole(records: &[JournalRecord]) -> Option<u64> {
    let mut told = HashSet::new();
    for record in records.iter().filter(|one| one.kind == RecordKind::Gap) {
        let gap = json(record);
        if let (Some(from), Some(to)) = (gap["from"].as_u64(), gap["to"].as_u64()) {
            told.extend(from..=to);
        }
    }
    let mut next = 1;
    for record in records {
        while next < record.seq {
            if !told.contains(&next) {
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

/// Among which records it has its order, its id, and what was said of it.
type Written = (String, String, Said);

enum Said {
    Now(bool),
    Later(Ticket),
}

impl Said {
    fn came_through(self) -> bool {
        match self {
            Said::Now(is_durable) => is_durable,
            Said::Later(ticket) => ticket.wait().is_ok(),
        }
    }
}

fn append(journal: &Journal, thread: &str, mut random: Rng) -> Vec<Written> {
    let mut written = Vec::new();
    for number in 0..random.below(25) {
        let id = format!("{thread}-{number}");
        let padding = random.one(&[0, 10, 200, 1500]);
        if random.chance(10) {
            // Where the disk fails, it is overtaken.
            let ticket = journal.append_unbounded(entry(&id, padding));
            written.push((id.clone(), id, Said::Later(ticket)));
            continue;
        }
        let order = thread.to_owned();
        match journal.append(entry(&id, padding)) {
            Ok(ticket) if random.chance(30) => {
                written.push((order, id, Said::Now(ticket.wait().is_ok())));
            }
            Ok(ticket) => written.push((order, id, Said::Later(ticket))),
            Err(refused) => journal.count_lost(EventKind::SignIn, refused.into()),
        }
    }
    written
}

fn tell(seed: u64) {
    let mut story = Story::new(seed);
    for cycle in 0..2 + story.random.below(3) {
        story.live(cycle);
    }
    let Some(journal) = story.start() else {
        story.fail("it does not start");
    };
    drop(journal);
    story.check("at the end");
}

#[test]
fn what_was_said_to_be_on_disk_survives_every_fault_and_end() {
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
                    tell(seed);
                }
            });
        }
    });
}

const SEEDS: u64 = 2000;
