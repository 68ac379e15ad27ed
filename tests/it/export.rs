//! Export of records to a collector: complete and in order, across outages and restarts of either side.

mod collector;
mod journal;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crosstrust::log::journal::Records;
use crosstrust::log::journal::disk::SystemDisk;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost_types::Duration as Span;
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::support::otlp::{Received, Receiver, accept_all, text};
use crate::support::sidecar::{self, Sidecar, ask, is_refusal, opens_sharepoint};
use journal::{TestJournal, collector_settings, exporter, exporter_with};

fn seqs(records: &[LogRecord]) -> Vec<u64> {
    let seq = |record: &LogRecord| text(&record.attributes, "crosstrust.seq").unwrap().parse();
    records.iter().map(|record| seq(record).unwrap()).collect()
}

/// The distinct sequence numbers that the collector received.
fn distinct(received: &Received) -> BTreeSet<u64> {
    seqs(&received.records()).into_iter().collect()
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Every record of the log except the first record of each file.
fn expected(log: &TestJournal) -> BTreeSet<u64> {
    log.exported_seqs().into_iter().collect()
}

#[test]
fn every_record_is_exported_once_in_order_and_with_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let (received, log) = (Received::default(), TestJournal::open(folder.path()));
    let receiver = Receiver::start(&received);
    log.sign_ins(0..700);
    let exporter = exporter(&log, &receiver.url());
    log.sign_ins(700..1500);
    log.close();
    exporter.stop(Duration::from_secs(10));

    let records = received.records();
    let numbers = seqs(&records);
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert_eq!(distinct(&received), expected(&log));
    assert!(received.calls().iter().all(|records| *records <= 512));
    let status = exporter.status();
    assert_eq!(
        (status.lag, status.failures, status.refused, status.missing),
        (0, 0, 0, 0)
    );
    assert_eq!(usize::try_from(status.sent).unwrap(), records.len());

    let first = records
        .iter()
        .find(|record| record.event_name == "crosstrust.sign_in")
        .unwrap();
    let uid = text(&first.attributes, "log.record.uid").unwrap();
    assert_eq!(
        uid,
        format!("{}/{}", log.id(), seqs(std::slice::from_ref(first))[0])
    );
    assert_eq!(
        text(&first.attributes, "crosstrust.home_tenant").as_deref(),
        Some("home")
    );
    assert_eq!(received.resource("service.name").as_deref(), Some("a test"));
    assert_eq!(received.header("x-team").as_deref(), Some("a"));
}

#[test]
fn an_outage_of_the_collector_loses_nothing_and_export_resumes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let (received, log) = (Received::default(), TestJournal::open(folder.path()));
    let receiver = Receiver::start(&received);
    let address = receiver.address;
    let exporter = exporter(&log, &receiver.url());
    log.sign_ins(0..10);
    wait_until("the first records arrive", || {
        received.records().len() >= 10
    });
    drop(receiver);
    log.sign_ins(10..2000);
    wait_until("the outage is noticed", || {
        exporter.status().failing_since.is_some()
    });
    let status = exporter.status();
    assert!(status.lag > 0 && status.last_error.is_some(), "{status:?}");
    let _again = Receiver::at(address, &received, None, Box::new(accept_all));
    log.close();
    wait_until("all is exported", || exporter.status().lag == 0);
    let status = exporter.status();
    assert_eq!(status.failing_since, None);
    exporter.stop(Duration::from_secs(1));
    assert_eq!(distinct(&received), expected(&log));
}

#[test]
fn a_restart_resumes_at_the_cursor_and_resends_few_records() {
    let folder = tempfile::tempdir().unwrap();
    let received = Received::default();
    let receiver = Receiver::start(&received);
    let mut all = BTreeSet::new();
    for round in 0..5_u32 {
        let log = TestJournal::open(folder.path());
        let exporter = exporter(&log, &receiver.url());
        log.sign_ins(round * 300..(round + 1) * 300);
        log.close();
        exporter.stop(Duration::from_secs(10));
        all.extend(expected(&log));
    }
    assert_eq!(distinct(&received), all);
    // After a clean shutdown nothing is sent twice.
    assert_eq!(received.records().len(), all.len());
}

#[test]
fn a_crash_before_the_cursor_is_written_resends_records_under_the_same_ids() {
    let folder = tempfile::tempdir().unwrap();
    let received = Received::default();
    let receiver = Receiver::start(&received);
    let log = TestJournal::open(folder.path());
    let exporter = exporter(&log, &receiver.url());
    log.sign_ins(0..100);
    wait_until("all is exported", || exporter.status().lag == 0);
    let cursor = std::fs::read(folder.path().join("export.cursor")).unwrap();
    log.sign_ins(100..300);
    log.close();
    exporter.stop(Duration::from_secs(10));
    // As if the later cursor had never been written.
    std::fs::write(folder.path().join("export.cursor"), cursor).unwrap();
    drop(log);
    let log = TestJournal::open(folder.path());
    let exporter = journal::exporter(&log, &receiver.url());
    wait_until("all is exported", || exporter.status().lag == 0);
    log.close();
    exporter.stop(Duration::from_secs(10));

    assert_eq!(distinct(&received), expected(&log));
    let records = received.records();
    assert!(records.len() > distinct(&received).len());
    let uids = records
        .iter()
        .map(|record| text(&record.attributes, "log.record.uid").unwrap());
    assert_eq!(
        uids.collect::<BTreeSet<_>>().len(),
        distinct(&received).len()
    );
}

#[test]
fn a_cursor_that_is_invalid_or_of_another_log_exports_everything() {
    for cursor in [
        r#"{"log":"00000000-0000-0000-0000-000000000001","segment":1,"offset":9,"seq":4}"#,
        "nonsense",
        "",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let received = Received::default();
        let receiver = Receiver::start(&received);
        std::fs::write(folder.path().join("export.cursor"), cursor).unwrap();
        let log = TestJournal::open(folder.path());
        log.sign_ins(0..20);
        let exporter = exporter(&log, &receiver.url());
        log.close();
        exporter.stop(Duration::from_secs(10));
        assert_eq!(distinct(&received), expected(&log), "{cursor}");
    }
}

#[test]
fn every_kind_of_error_is_retried_and_retry_after_is_honoured() {
    let folder = tempfile::tempdir().unwrap();
    let (received, log) = (Received::default(), TestJournal::open(folder.path()));
    let codes = [
        Code::Unavailable,
        Code::PermissionDenied,
        Code::Unauthenticated,
        Code::Unimplemented,
        Code::Internal,
        Code::ResourceExhausted,
    ];
    let calls = AtomicUsize::new(0);
    let answer = move |records: &[LogRecord]| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        match codes.get(call) {
            Some(Code::ResourceExhausted) => {
                let pause = Span {
                    seconds: 1,
                    nanos: 0,
                };
                let pause = Duration::try_from(pause).unwrap();
                let details = ErrorDetails::with_retry_info(Some(pause));
                Err(Status::with_error_details(
                    Code::ResourceExhausted,
                    "wait",
                    details,
                ))
            }
            Some(code) => Err(Status::new(*code, "no\u{1b}[31m")),
            None => accept_all(records),
        }
    };
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::at(nowhere, &received, None, Box::new(answer));
    let begun = Instant::now();
    let exporter = exporter(&log, &receiver.url());
    log.sign_ins(0..50);
    wait_until("all is exported", || exporter.status().sent >= 50);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(exporter.status().failures, 6);
    log.close();
    exporter.stop(Duration::from_secs(10));
    assert_eq!(distinct(&received), expected(&log));
}

#[test]
fn a_record_that_the_collector_rejects_is_isolated_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (received, log) = (Received::default(), TestJournal::open(folder.path()));
    let answer = |records: &[LogRecord]| match seqs(records).contains(&17) {
        true => Err(Status::invalid_argument("a bad record")),
        false => accept_all(records),
    };
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::at(nowhere, &received, None, Box::new(answer));
    log.sign_ins(0..100);
    let exporter = exporter(&log, &receiver.url());
    log.close();
    wait_until("all other records are exported", || {
        exporter.status().lag == 0
    });
    exporter.stop(Duration::from_secs(10));
    let mut all = expected(&log);
    assert!(all.remove(&17));
    assert_eq!(distinct(&received), all);
    assert_eq!(exporter.status().refused, 1);
}

#[test]
fn rejected_records_of_a_partial_success_are_counted_and_not_resent() {
    let folder = tempfile::tempdir().unwrap();
    let (received, log) = (Received::default(), TestJournal::open(folder.path()));
    let answer = |_: &[LogRecord]| {
        Ok(ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records: 1,
                error_message: "too old".to_owned(),
            }),
        })
    };
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::at(nowhere, &received, None, Box::new(answer));
    log.sign_ins(0..10);
    log.close();
    let exporter = exporter(&log, &receiver.url());
    wait_until("all is exported", || exporter.status().lag == 0);
    exporter.stop(Duration::from_secs(10));
    let calls = u64::try_from(received.calls().len()).unwrap();
    assert_eq!(exporter.status().refused, calls);
    assert_eq!(received.records().len(), expected(&log).len());
}

#[test]
fn shutdown_waits_for_a_silent_collector_at_most_its_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let log = TestJournal::open(folder.path());
    // Accepts connections and never responds.
    let silent_collector = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = exporter(
        &log,
        &format!("http://{}", silent_collector.local_addr().unwrap()),
    );
    log.sign_ins(0..10);
    log.close();
    let _connection = silent_collector.accept().unwrap();
    // A request is in flight and nothing is acknowledged.
    let cursor = std::fs::read_to_string(folder.path().join("export.cursor"));
    let cursor = cursor.unwrap_or_else(|_| "\"seq\":0".to_owned());
    assert!(cursor.contains("\"seq\":0"), "{cursor}");
    let begun = Instant::now();
    exporter.stop(Duration::from_millis(300));
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(exporter.status().lag > 0);
}

#[test]
fn unexported_files_are_retained_beyond_the_file_limit() {
    let folder = tempfile::tempdir().unwrap();
    let received = Received::default();
    let receiver = Receiver::start(&received);
    let (address, url) = (receiver.address, receiver.url());
    drop(receiver);
    let log = TestJournal::open_small(folder.path());
    let exporter = exporter(&log, &url);
    for part in 0..60 {
        log.sign_ins(part * 50..(part + 1) * 50);
    }
    assert!(log.segments() > 10, "{}", log.segments());
    let all = expected(&log);
    let _again = Receiver::at(address, &received, None, Box::new(accept_all));
    wait_until("all is exported", || exporter.status().lag == 0);
    // The next records cause old files to be removed.
    for part in 60..80 {
        log.sign_ins(part * 50..(part + 1) * 50);
    }
    wait_until("old files are removed", || log.segments() < 10);
    log.close();
    exporter.stop(Duration::from_secs(10));
    assert!(distinct(&received).is_superset(&all));
    assert_eq!(exporter.status().missing, 0);
}

#[test]
fn a_tls_collector_is_verified_by_the_ca_that_a_variable_names_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (received, log) = (Received::default(), TestJournal::open(folder.path()));
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, certificate.pem()).unwrap();
    let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tls = TlsAcceptor::from(Arc::new(config));
    let nowhere = "127.0.0.1:0".parse().unwrap();
    let receiver = Receiver::at(nowhere, &received, Some(tls), Box::new(accept_all));
    let endpoint = format!("https://localhost:{}", receiver.address.port());
    log.sign_ins(0..10);

    let stranger = folder.path().join("stranger.pem");
    let other = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let other = other.self_signed(&KeyPair::generate().unwrap()).unwrap();
    std::fs::write(&stranger, other.pem()).unwrap();
    let believed = |file: &std::path::Path| {
        collector_settings(
            &endpoint,
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap())],
        )
    };
    let refused = exporter_with(&log, believed(&stranger));
    wait_until("the unknown certificate is rejected", || {
        refused.status().failures > 0
    });
    refused.stop(Duration::ZERO);
    assert!(received.records().is_empty());

    let exporter = exporter_with(&log, believed(&authority));
    log.close();
    exporter.stop(Duration::from_secs(10));
    assert_eq!(distinct(&received), expected(&log));
}

/// The bodies of the received sign-in events, as JSON.
fn sign_ins(received: &Received) -> Vec<serde_json::Value> {
    let records = received.records().into_iter();
    let events = records.filter(|record| record.event_name == "crosstrust.sign_in");
    let body = |record: LogRecord| match record.body.unwrap().value.unwrap() {
        Value::StringValue(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    };
    events.map(body).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_binary_exports_its_records_although_it_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let received = Received::default();
    let receiver = Receiver::start(&received);
    let url = receiver.url();
    let mut decisions = BTreeSet::new();
    for round in 0..3 {
        let sidecar = Sidecar::start(folder.path(), &["--log-export", &url]);
        let mut client = sidecar.client().await;
        for user in 0..100 {
            let request = opens_sharepoint(round * 100 + user, true);
            match ask(&mut client, request).await {
                Ok(answer) => {
                    decisions.insert(answer.decision_id);
                }
                // The disk of a busy machine may be slow.
                Err(status) => assert!(is_refusal(&status), "{status}"),
            }
        }
        sidecar.kill();
    }
    let sidecar = Sidecar::start(folder.path(), &["--log-export", &url]);
    let exported = || -> BTreeSet<String> {
        let events = sign_ins(&received).into_iter();
        let ids = events.map(|event| event["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    wait_until("every answer has been exported", || {
        exported().is_superset(&decisions)
    });
    assert!(
        sidecar.output().contains("records are exported"),
        "{}",
        sidecar.output()
    );
    // Records written at shutdown are exported as well.
    sidecar.end();
    let last = seqs(&received.records()).into_iter().max().unwrap();
    let records = Records::between(
        Arc::new(SystemDisk::read_only(&sidecar::records(folder.path()))),
        None,
        None,
    );
    let written = records.unwrap().map(|record| record.unwrap().seq).max();
    assert_eq!(Some(last), written);
}

#[test]
fn an_unusable_collector_configuration_is_an_error_at_start() {
    for (endpoint, expected) in [
        (
            "ftp://collector",
            "log.export: found `ftp://collector`, expected http://",
        ),
        ("collector:4317 x", "log.export: found `collector:4317 x`"),
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_crosstrust"))
            .args(["serve", "--print-config", "--log-export", endpoint])
            .env_clear()
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}
