//! A journal with records that tests write, and its exporters.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crosstrust::clock::Clock;
use crosstrust::log::export::{ExportOptions, Exporter};
use crosstrust::log::journal::checkpoint::Signer;
use crosstrust::log::journal::disk::SystemDisk;
use crosstrust::log::journal::{
    EventKind, Journal, JournalEntry, JournalOptions, JournalRecord, RecordKind, RecordSource,
    Records, WaitBounds,
};
use crosstrust::otlp::{Collector, Signal};

pub struct TestJournal {
    pub journal: Arc<Journal>,
    folder: PathBuf,
}

impl TestJournal {
    pub fn open(folder: &Path) -> TestJournal {
        TestJournal::with(folder, 64 << 20, 4 << 30)
    }

    /// Small files, few of which are retained.
    pub fn open_small(folder: &Path) -> TestJournal {
        TestJournal::with(folder, 16 << 10, 64 << 10)
    }

    fn with(folder: &Path, segment_bytes: u64, retention_bytes: u64) -> TestJournal {
        std::fs::create_dir_all(folder).unwrap();
        let options = JournalOptions {
            signer: Signer::load_or_create(&folder.join("signing.key")).unwrap(),
            queue: 8192,
            wait: WaitBounds::within(Duration::from_millis(100)),
            linger: Duration::ZERO,
            segment_bytes,
            retention_bytes,
            retention: Duration::from_secs(90 * 86_400),
            reserve_bytes: 4096,
            is_exported: true,
        };
        let disk = Arc::new(SystemDisk::lock(folder).unwrap());
        let (journal, _) = Journal::open(options, disk, Clock::System).unwrap();
        TestJournal {
            journal: Arc::new(journal),
            folder: folder.to_owned(),
        }
    }

    /// Writes `count` sign-ins; they are on disk when this returns.
    pub fn sign_ins(&self, numbers: Range<u32>) {
        let tickets: Vec<_> = numbers.map(|number| self.sign_in(number)).collect();
        for ticket in tickets {
            ticket.wait().unwrap();
        }
    }

    fn sign_in(&self, number: u32) -> crosstrust::log::journal::Ticket {
        let body =
            format!(r#"{{"id":"{number}","homeTenantId":"home","resourceTenantId":"resource"}}"#);
        let entry = JournalEntry {
            kind: EventKind::SignIn,
            time: Clock::System.now().wall,
            body: body.into_bytes(),
            is_awaited: true,
            source: RecordSource::PROCESS,
            when_durable: None,
        };
        self.journal.append(entry).unwrap()
    }

    pub fn close(&self) {
        self.journal.close();
    }

    fn records(&self) -> Vec<JournalRecord> {
        let disk = Arc::new(SystemDisk::read_only(&self.folder));
        let records = Records::between(disk, None, None).unwrap();
        records.map(Result::unwrap).collect()
    }

    /// The sequence numbers of all records except the first of each file.
    pub fn exported_seqs(&self) -> Vec<u64> {
        let records = self.records().into_iter();
        let sent = records.filter(|record| record.kind != RecordKind::Segment);
        sent.map(|record| record.seq).collect()
    }

    pub fn id(&self) -> String {
        let first = self.records().remove(0);
        let body: serde_json::Value = serde_json::from_slice(&first.body).unwrap();
        body["log"].as_str().unwrap().to_owned()
    }

    pub fn segments(&self) -> usize {
        let files = std::fs::read_dir(&self.folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("segment-")).count()
    }
}

impl Drop for TestJournal {
    fn drop(&mut self) {
        self.close();
    }
}

/// The collector settings for this endpoint and these variables.
pub fn collector_settings(endpoint: &str, variables: &[(&str, &str)]) -> Collector {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Collector::with_endpoint(Signal::Logs, "log.export", endpoint, &lookup).unwrap()
}

pub fn exporter(log: &TestJournal, url: &str) -> Exporter {
    let headers = ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-team=a");
    exporter_with(log, collector_settings(url, &[headers]))
}

/// Short timeouts keep the tests short.
pub fn exporter_with(log: &TestJournal, collector: Collector) -> Exporter {
    let service = ("service.name".to_owned(), "a test".to_owned());
    let options = ExportOptions {
        linger: Duration::from_millis(5),
        first_retry: Duration::from_millis(5),
        max_retry: Duration::from_millis(50),
        ..ExportOptions::to(collector, vec![service])
    };
    Exporter::start(&log.journal, options, Clock::System).unwrap()
}
