//! Power losses at random moments: every allow that a client had seen is on record, and the real binary starts on what
//! is left.
//!
//! The binary's file operations are traced, and images of its folder are made from the trace: what was synced, and any
//! part of the rest. No disk loses power here: what a sync promises is taken from POSIX, not from a drive.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crosstrust::rpc::proto::Decision;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::figure::{row, size};
use crate::kill::missing;
use crate::support::file_trace::{
    Event, Loss, Operation, TracedDisk, build_tracer, length, read, traced,
};
use crate::support::random::Rng;
use crate::support::sidecar::{Sidecar, ask, is_refusal, opens_sharepoint, records};

/// The id of an allow, and how long the trace was when a client had seen it.
type Seen = HashMap<String, u64>;

struct PowerLosses {
    base: tempfile::TempDir,
    tracer: PathBuf,
    runtime: Runtime,
    random: Rng,
    users: Arc<AtomicU64>,
}

/// What a process did to a folder.
struct Life {
    before: TracedDisk,
    events: Vec<Event>,
    seen: Seen,
}

impl PowerLosses {
    fn new(seed: u64) -> Self {
        let base = tempfile::tempdir().unwrap();
        PowerLosses {
            tracer: build_tracer(base.path()),
            base,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            random: Rng::new(seed),
            users: Arc::new(AtomicU64::new(0)),
        }
    }

    /// A traced process on this folder, until clients have seen so many allows.
    fn live(&self, folder: &Path, allows: u64) -> Life {
        let trace = self.base.path().join("trace");
        let before = TracedDisk::of(folder);
        fs::write(&trace, "").unwrap();
        let mut command = traced(&self.tracer, folder, &trace);
        command.arg(env!("CARGO_BIN_EXE_crosstrust"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "off"]);
        // The smallest files, so that many are begun.
        command.args(["--log-mode", "strict", "--log-segment-bytes", "65536"]);
        command.args(["--log-reserve-bytes", "4096", "--policies"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        command.arg("--log-directory").arg(records(folder));
        let sidecar = Sidecar::spawn(command, folder);
        let asking = ask_for_allows(&sidecar, &trace, allows, &self.users);
        let seen = self.runtime.block_on(asking);
        sidecar.end();
        let life = Life {
            before,
            events: read(&trace),
            seen,
        };
        life.is_traced_completely(folder);
        life
    }

    /// A moment of this life: anywhere, beside a change of a name, or just when a client has seen an allow.
    fn moment(&mut self, life: &Life) -> usize {
        let random = &mut self.random;
        match random.below(3) {
            0 => random.below(life.events.len() + 1),
            1 => {
                let named = life.events.iter().enumerate();
                let named = named.filter(|(_, event)| event.operation.is_about_names());
                let named: Vec<usize> = named.map(|(at, _)| at).collect();
                (random.one(&named) + random.below(4)).min(life.events.len())
            }
            _ => {
                let mut marks: Vec<u64> = life.seen.values().copied().collect();
                marks.sort_unstable();
                let mark = random.one(&marks);
                life.events.partition_point(|event| event.end <= mark)
            }
        }
    }

    /// The real binary starts on an image, allows once more, and ends.
    fn restart(&self, folder: &Path) -> String {
        let sidecar = Sidecar::start(folder, &["--log-mode", "strict"]);
        let trace = self.base.path().join("trace");
        let seen = self
            .runtime
            .block_on(ask_for_allows(&sidecar, &trace, 1, &self.users));
        sidecar.end();
        seen.into_keys().next().unwrap()
    }

    fn image(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }
}

impl Life {
    /// The trace leads to what is there; otherwise something is done to files by ways that are not traced.
    fn is_traced_completely(&self, folder: &Path) {
        let mut disk = self.before.clone();
        self.events
            .iter()
            .for_each(|event| disk.apply(&event.operation));
        let mut traced = disk.seen();
        let mut found = TracedDisk::of(folder).seen();
        for files in [&mut traced, &mut found] {
            // The terminal is the test's own; the reserve is allocated and has no content.
            files.remove(&folder.join("output"));
            files.remove(&records(folder).join("reserve"));
        }
        assert!(
            traced.keys().eq(found.keys()),
            "{:?} {:?}",
            traced.keys(),
            found.keys()
        );
        for (path, content) in traced {
            assert!(content == found[&path], "{} differs", path.display());
        }
    }

    fn until(&self, moment: usize) -> TracedDisk {
        let mut disk = self.before.clone();
        let events = self.events[..moment].iter();
        events.for_each(|event| disk.apply(&event.operation));
        disk
    }

    /// The allows that were seen before this moment for certain.
    fn seen_before(&self, moment: usize) -> HashSet<String> {
        let Some(last) = self.events[..moment].last() else {
            return HashSet::new();
        };
        let seen = self.seen.iter().filter(|(_, mark)| **mark <= last.end);
        seen.map(|(id, _)| id.clone()).collect()
    }
}

/// Four clients, until together they have seen so many allows.
async fn ask_for_allows(
    sidecar: &Sidecar,
    trace: &Path,
    allows: u64,
    users: &Arc<AtomicU64>,
) -> Seen {
    let left = Arc::new(AtomicU64::new(allows));
    let mut asking = JoinSet::new();
    for _ in 0..4 {
        let mut client = sidecar.client().await;
        let (trace, left, users) = (trace.to_owned(), Arc::clone(&left), Arc::clone(users));
        asking.spawn(async move {
            let mut seen = Seen::new();
            while left.load(Ordering::Relaxed) > 0 {
                let user = users.fetch_add(1, Ordering::Relaxed);
                let mfa = !user.is_multiple_of(5);
                match ask(&mut client, opens_sharepoint(user, mfa)).await {
                    Ok(answer) if answer.decision() == Decision::Allow => {
                        seen.insert(answer.decision_id, length(&trace));
                        let less = |left: u64| Some(left.saturating_sub(1));
                        let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
                    }
                    Ok(_) => {}
                    Err(status) => assert!(is_refusal(&status), "{status}"),
                }
            }
            seen
        });
    }
    asking.join_all().await.into_iter().flatten().collect()
}

/// Each life begins on an image of the one before. Returns how many images were started, and how many allows were
/// looked for in them.
fn lose_power(lives: usize, images: usize, allows: u64, seed: u64) -> (usize, usize) {
    let mut losses = PowerLosses::new(seed);
    let mut folder = losses.image("first");
    fs::create_dir(&folder).unwrap();
    let mut durable = HashSet::new();
    let mut looked_for = 0;
    for life_number in 0..lives {
        let life = losses.live(&folder, allows);
        let durable_before = durable.clone();
        for number in 0..images {
            let moment = losses.moment(&life);
            let loss = losses.random.one(&[Loss::Everything, Loss::Anything]);
            folder = losses.image(&format!("{life_number}-{number}"));
            let disk = life.until(moment);
            disk.write_image(loss, &mut losses.random, &folder);
            durable = durable_before.clone();
            durable.extend(life.seen_before(moment));
            durable.insert(losses.restart(&folder));
            looked_for += durable.len();
            assert_eq!(
                missing(&folder, &durable),
                Vec::<String>::new(),
                "image {life_number}-{number}, seed {seed}, {loss:?} after {:?}",
                life.events[..moment].last().map(|event| &event.operation)
            );
        }
    }
    (lives * images, looked_for)
}

#[test]
fn every_allow_that_a_client_saw_before_a_power_loss_is_on_record() {
    let _alone = crate::figure::alone();
    let (lives, images, allows) = size((2, 5, 120), (10, 15, 300));
    let (images, looked_for) = lose_power(lives, images, allows, 1);
    row(
        "1-power",
        "power loss while four clients ask (`log.mode = strict`): images of the log folder from a trace of the binary's file operations, with all or a random part of what was not synced lost (simulated; content torn or zeroed, names lost); the binary starts on each, then `log verify` and a look for each allow that a client saw",
        &format!("{images} images, {looked_for} allows looked for"),
        "no allow without a record; every image starts and its chain verifies",
    );
}

/// The same images would be found out if the binary did not sync.
#[test]
fn a_power_loss_takes_the_allows_of_a_process_that_does_not_sync() {
    let _alone = crate::figure::alone();
    let losses = PowerLosses::new(2);
    let folder = losses.image("first");
    fs::create_dir(&folder).unwrap();
    // A life before, so that the folder and the first files are there.
    losses.live(&folder, 1);
    let mut life = losses.live(&folder, 20);
    let synced = |event: &Event| matches!(event.operation, Operation::Synced { .. });
    life.events.retain(|event| !synced(event));
    let moment = life.events.len();
    let image = losses.image("image");
    life.until(moment)
        .write_image(Loss::Everything, &mut Rng::new(2), &image);
    let seen = life.seen_before(moment);
    assert!(seen.len() >= 20);
    assert_eq!(missing(&image, &seen).len(), seen.len());
}
