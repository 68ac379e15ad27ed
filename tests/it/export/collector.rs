//! Export to a real OpenTelemetry Collector (`.ci/collector` builds one), which is killed and restarted.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::journal::{TestJournal, exporter};
use super::wait_until;

/// A collector that writes received records to a file. Killed on drop.
struct Collector {
    process: Child,
}

impl Collector {
    fn start(binary: &str, folder: &Path, port: u16) -> Collector {
        let configuration = folder.join("collector.yaml");
        // One file per process: after a torn line of the previous process, a complete line could not be parsed.
        let file = folder.join(format!("collected-{}.jsonl", written(folder).len()));
        // With rotation the exporter writes unbuffered, so that acknowledged records survive a kill.
        let text = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: '127.0.0.1:{port}'}}}}}}}}
exporters: {{file: {{path: '{}', rotation: {{max_megabytes: 1000}}}}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [file]}}}}
",
            file.display()
        );
        std::fs::write(&configuration, text).unwrap();
        let process = Command::new(binary)
            .arg("--config")
            .arg(format!("file:{}", configuration.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Collector { process }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The files that the collectors have written.
fn written(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect()
}

/// Sequence numbers of the written records, and the total number including repeats. A torn last line does not
/// count.
fn collected(folder: &Path) -> (BTreeSet<u64>, usize) {
    let texts = written(folder).into_iter().map(std::fs::read_to_string);
    let texts: Vec<String> = texts.map(Result::unwrap).collect();
    let (mut seqs, mut count) = (BTreeSet::new(), 0);
    // File by file: the torn end of one file does not continue in the next.
    for line in texts.iter().flat_map(|text| text.lines()) {
        let Ok(call) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let records = call.pointer("/resourceLogs/0/scopeLogs/0/logRecords");
        for record in records.and_then(Value::as_array).into_iter().flatten() {
            let attributes = record["attributes"].as_array().unwrap();
            let seq = attributes
                .iter()
                .find(|pair| pair["key"] == "crosstrust.seq")
                .unwrap();
            seqs.insert(seq["value"]["intValue"].as_str().unwrap().parse().unwrap());
            assert!(
                record["body"]["stringValue"]
                    .as_str()
                    .unwrap()
                    .starts_with('{')
            );
            assert!(
                record["eventName"]
                    .as_str()
                    .unwrap()
                    .starts_with("crosstrust.")
            );
            count += 1;
        }
    }
    (seqs, count)
}

#[test]
#[ignore = "needs a real collector, which takes minutes to build: .ci/collector"]
fn a_collector_that_is_killed_and_restarted_receives_every_record() {
    let binary = std::env::var("COLLECTOR").expect("COLLECTOR names the collector's binary");
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("records");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let url = format!("http://127.0.0.1:{port}");
    let mut next = 0;
    let mut all = BTreeSet::new();
    // The product restarts too: each round has its own journal and exporter.
    for round in 0..4 {
        let log = TestJournal::open(&records);
        let exporter = exporter(&log, &url);
        for _ in 0..5 {
            let collector = Collector::start(&binary, folder.path(), port);
            let sent = exporter.status().sent;
            for _ in 0..20 {
                log.sign_ins(next..next + 50);
                next += 50;
            }
            wait_until("the collector takes records", || {
                exporter.status().sent > sent
            });
            log.sign_ins(next..next + 200);
            next += 200;
            // Kill it in the middle of an export.
            drop(collector);
            log.sign_ins(next..next + 100);
            next += 100;
        }
        let last = Collector::start(&binary, folder.path(), port);
        log.close();
        if round % 2 == 0 {
            wait_until("all is exported", || exporter.status().lag == 0);
        }
        exporter.stop(Duration::from_secs(1));
        all.extend(log.exported_seqs());
        drop(last);
    }
    let log = TestJournal::open(&records);
    let collector = Collector::start(&binary, folder.path(), port);
    let exporter = exporter(&log, &url);
    log.close();
    wait_until("all is exported", || exporter.status().lag == 0);
    exporter.stop(Duration::from_secs(10));
    all.extend(log.exported_seqs());
    drop(collector);
    let (seqs, count) = collected(folder.path());
    let missing: Vec<_> = all.difference(&seqs).collect();
    assert!(
        missing.is_empty(),
        "{} are missing: {missing:?}",
        missing.len()
    );
    println!(
        "{} records, {} duplicates, 20 kills",
        all.len(),
        count - seqs.len()
    );
}
