//! Power losses at random moments: every allow that a client received is recorded, and the real binary starts on what
//! is left.
//!
//! The test traces the binary's file operations and builds images of its folder from the trace: the synced data, and any
//! part of the rest. No disk loses power: the guarantees of a sync are those of POSIX, not of a drive.

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

/// The ids of allows, with the length of the trace when a client had received each.
type ReceivedAllows = HashMap<String, u64>;

struct PowerLossTest {
    base: tempfile::TempDir,
    tracer: PathBuf,
    runtime: Runtime,
    random: Rng,
    users: Arc<AtomicU64>,
}

/// One traced run of the server on a folder.
struct TracedRun {
    before: TracedDisk,
    events: Vec<Event>,
    received: ReceivedAllows,
}

impl PowerLossTest {
    fn new(seed: u64) -> Self {
        let base = tempfile::tempdir().unwrap();
        PowerLossTest {
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

    /// Runs a traced server on this folder until clients have received this many allows.
    fn run_traced(&self, folder: &Path, allows: u64) -> TracedRun {
        let trace = self.base.path().join("trace");
        let before = TracedDisk::of(folder);
        fs::write(&trace, "").unwrap();
        let mut command = traced(&self.tracer, folder, &trace);
        command.arg(env!("CARGO_BIN_EXE_crosstrust"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "off"]);
        // The smallest segments, so that many are started.
        command.args(["--log-mode", "strict", "--log-segment-bytes", "65536"]);
        command.args(["--log-reserve-bytes", "4096", "--policies"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"));
        command.arg("--log-directory").arg(records(folder));
        let sidecar = Sidecar::spawn(command, folder);
        let clients = request_allows(&sidecar, &trace, allows, &self.users);
        let received = self.runtime.block_on(clients);
        sidecar.end();
        let run = TracedRun {
            before,
            events: read(&trace),
            received,
        };
        run.assert_trace_is_complete(folder);
        run
    }

    /// A moment of this run: any, near a change of a name, or just after a client received an allow.
    fn moment(&mut self, run: &TracedRun) -> usize {
        let random = &mut self.random;
        match random.below(3) {
            0 => random.below(run.events.len() + 1),
            1 => {
                let named = run.events.iter().enumerate();
                let named = named.filter(|(_, event)| event.operation.changes_names());
                let named: Vec<usize> = named.map(|(at, _)| at).collect();
                (random.one(&named) + random.below(4)).min(run.events.len())
            }
            _ => {
                let mut marks: Vec<u64> = run.received.values().copied().collect();
                marks.sort_unstable();
                let mark = random.one(&marks);
                run.events.partition_point(|event| event.end <= mark)
            }
        }
    }

    /// Starts the real binary on an image, stops it after one more allow, and returns the id of that allow.
    fn restart(&self, folder: &Path) -> String {
        let sidecar = Sidecar::start(folder, &["--log-mode", "strict"]);
        let trace = self.base.path().join("trace");
        let received = self
            .runtime
            .block_on(request_allows(&sidecar, &trace, 1, &self.users));
        sidecar.end();
        received.into_keys().next().unwrap()
    }

    fn image(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }
}

impl TracedRun {
    /// Asserts that the trace leads to the files in the folder: no operation on files is untraced.
    fn assert_trace_is_complete(&self, folder: &Path) {
        let mut disk = self.before.clone();
        self.events
            .iter()
            .for_each(|event| disk.apply(&event.operation));
        let mut traced = disk.current();
        let mut found = TracedDisk::of(folder).current();
        for files in [&mut traced, &mut found] {
            // The test writes the output itself; the reserve is allocated and has no content.
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

    /// The allows that clients certainly received before this moment.
    fn received_before(&self, moment: usize) -> HashSet<String> {
        let Some(last) = self.events[..moment].last() else {
            return HashSet::new();
        };
        let received = self.received.iter().filter(|(_, mark)| **mark <= last.end);
        received.map(|(id, _)| id.clone()).collect()
    }
}

/// Four clients call until together they have received this many allows.
async fn request_allows(
    sidecar: &Sidecar,
    trace: &Path,
    allows: u64,
    users: &Arc<AtomicU64>,
) -> ReceivedAllows {
    let left = Arc::new(AtomicU64::new(allows));
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let mut client = sidecar.client().await;
        let (trace, left, users) = (trace.to_owned(), Arc::clone(&left), Arc::clone(users));
        clients.spawn(async move {
            let mut received = ReceivedAllows::new();
            while left.load(Ordering::Relaxed) > 0 {
                let user = users.fetch_add(1, Ordering::Relaxed);
                let mfa = !user.is_multiple_of(5);
                match ask(&mut client, opens_sharepoint(user, mfa)).await {
                    Ok(answer) if answer.decision() == Decision::Allow => {
                        received.insert(answer.decision_id, length(&trace));
                        let less = |left: u64| Some(left.saturating_sub(1));
                        let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
                    }
                    Ok(_) => {}
                    Err(status) => assert!(is_refusal(&status), "{status}"),
                }
            }
            received
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

/// Each run starts on an image of the previous one. Returns how many images were started, and how many allows were
/// checked in them.
fn lose_power(runs: usize, images: usize, allows: u64, seed: u64) -> (usize, usize) {
    let mut test = PowerLossTest::new(seed);
    let mut folder = test.image("first");
    fs::create_dir(&folder).unwrap();
    let mut durable = HashSet::new();
    let mut checked = 0;
    for run_number in 0..runs {
        let run = test.run_traced(&folder, allows);
        let durable_before = durable.clone();
        for number in 0..images {
            let moment = test.moment(&run);
            let loss = test.random.one(&[Loss::Everything, Loss::Anything]);
            folder = test.image(&format!("{run_number}-{number}"));
            let disk = run.until(moment);
            disk.write_image(loss, &mut test.random, &folder);
            durable = durable_before.clone();
            durable.extend(run.received_before(moment));
            durable.insert(test.restart(&folder));
            checked += durable.len();
            assert_eq!(
                missing(&folder, &durable),
                Vec::<String>::new(),
                "image {run_number}-{number}, seed {seed}, {loss:?} after {:?}",
                run.events[..moment].last().map(|event| &event.operation)
            );
        }
    }
    (runs * images, checked)
}

#[test]
fn every_allow_that_a_client_received_before_a_power_loss_is_recorded() {
    let _alone = crate::figure::alone();
    let (runs, images, allows) = size((2, 5, 120), (10, 15, 300));
    let (images, checked) = lose_power(runs, images, allows, 1);
    row(
        "1-power",
        "simulated power loss while four clients call (`log.mode = strict`): images of the log folder from a trace of the binary's file operations, without all or a random part of the unsynced data (content torn or zeroed, names lost); the binary starts on each, then `log verify` and a search for each allow that a client received",
        &format!("{images} images, {checked} allows checked"),
        "no allow without a record; every image starts and its chain verifies",
    );
}

/// Proves that the images reveal a missing sync.
#[test]
fn without_syncs_a_power_loss_loses_allows() {
    let _alone = crate::figure::alone();
    let test = PowerLossTest::new(2);
    let folder = test.image("first");
    fs::create_dir(&folder).unwrap();
    // An earlier run creates the folder and the first files.
    test.run_traced(&folder, 1);
    let mut run = test.run_traced(&folder, 20);
    let synced = |event: &Event| matches!(event.operation, Operation::Synced { .. });
    run.events.retain(|event| !synced(event));
    let moment = run.events.len();
    let image = test.image("image");
    run.until(moment)
        .write_image(Loss::Everything, &mut Rng::new(2), &image);
    let received = run.received_before(moment);
    assert!(received.len() >= 20);
    assert_eq!(missing(&image, &received).len(), received.len());
}
