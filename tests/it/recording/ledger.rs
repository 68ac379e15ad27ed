//! A log in its own folder, behind a valve, and its records.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crosstrust::clock::Clock;
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::SystemDisk;
use crosstrust::log::journal::verify::{VerifyOptions, verify};
use crosstrust::log::journal::{Journal, JournalOptions, RecordKind, Records, WaitBounds};
use crosstrust::log::pseudonym::Pseudonyms;
use crosstrust::log::{Log, Mode};
use serde_json::Value;
use tempfile::TempDir;

use super::valve::{Valve, ValveDisk};

pub struct Ledger {
    pub log: Log,
    pub valve: Arc<Valve>,
    journal: Arc<Journal>,
    _folder: TempDir,
}

impl Ledger {
    pub fn new(mode: Mode) -> Ledger {
        Ledger::with(mode, |_| {})
    }

    pub fn with(mode: Mode, change: impl FnOnce(&mut JournalOptions)) -> Ledger {
        let folder = tempfile::tempdir().unwrap();
        let valve = Valve::open();
        let disk = ValveDisk {
            disk: SystemDisk::lock(folder.path()).unwrap(),
            valve: Arc::clone(&valve),
        };
        let mut options = options(folder.path());
        change(&mut options);
        let opened = Journal::open(options, Arc::new(disk), Clock::System);
        let journal = Arc::new(opened.unwrap().0);
        let log = Log::new(Arc::clone(&journal), mode, Pseudonyms::OFF, Clock::System);
        Ledger {
            log,
            valve,
            journal,
            _folder: folder,
        }
    }

    /// Closes the log, asserts that it is intact, and returns the bodies of all records of this kind.
    pub fn close(self, kind: RecordKind) -> Vec<Value> {
        self.journal.close();
        let disk = self.journal.disk();
        let report = verify(&disk, &VerifyOptions::default()).unwrap();
        assert_eq!(report.faults, []);
        let records = Records::between(disk, None, None).unwrap();
        let records = records.map(Result::unwrap);
        records
            .filter(|record| record.kind == kind)
            .map(|record| serde_json::from_slice(&record.body).unwrap())
            .collect()
    }
}

fn options(folder: &Path) -> JournalOptions {
    JournalOptions {
        signer: Signer::load_or_create(&folder.join("signing.key")).unwrap(),
        queue: 100,
        // Long enough for a machine that also runs other tests.
        wait: WaitBounds::fixed(Duration::from_secs(1)),
        linger: Duration::ZERO,
        segment_bytes: 1 << 20,
        retention_bytes: 1 << 30,
        retention: Duration::from_secs(3600),
        reserve_bytes: 0,
        is_exported: false,
    }
}
