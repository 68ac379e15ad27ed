//! `[log]` → the journal, and the audit records of reloads.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::collector;
use crate::admin::LogMetricsSource;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::log::audit::{Actor, AuditEvent};
use crate::log::export::Exporter;
use crate::log::journal::checkpoint::Signer;
use crate::log::journal::disk::SystemDisk;
use crate::log::journal::{CountsByReason, Journal, JournalOptions, Recovery, WaitBounds};
use crate::log::pseudonym::Pseudonyms;
use crate::log::{Log, Mode};
use crate::metrics::LogMetrics;
use crate::reload::{ReloadObserver, ReloadOutcome};

/// Opens the log to append to it.
pub(super) fn open(config: &Config) -> anyhow::Result<Log> {
    let Some(mode) = mode(config)? else {
        tracing::warn!("log.mode is off: no sign-in and audit records are written");
        return Ok(Log::default());
    };
    let directory = directory(config);
    let signing_key = config.path("log.signing_key");
    let pseudonyms = pseudonyms(config)?;
    let context = || {
        let folder = directory.display();
        format!("cannot write records in {folder} (`--log-directory` names another folder)")
    };
    let disk = SystemDisk::lock(&directory).with_context(context)?;
    let signing_key = signing_key.unwrap_or_else(|| directory.join("signing.key"));
    let signer = Signer::load_or_create(&signing_key)
        .with_context(|| format!("cannot sign with {}", signing_key.display()))?;
    let key = signer.public_key();
    let options = options(config, mode, signer)?;
    let opened = Journal::open(options, Arc::new(disk), Clock::System);
    let (journal, recovery) = opened.with_context(context)?;
    log_recovery(&recovery, &directory.display().to_string(), &key);
    Ok(Log::new(Arc::new(journal), mode, pseudonyms, Clock::System))
}

/// Reports errors in the configuration, without using the directory.
pub(super) fn check(config: &Config) -> anyhow::Result<()> {
    mode(config)?;
    pseudonyms(config)?;
    wait(config)?;
    limits(config)?;
    Ok(())
}

fn mode(config: &Config) -> Result<Option<Mode>, ConfigError> {
    let words = [
        ("strict", Some(Mode::Strict)),
        ("async", Some(Mode::Async)),
        ("off", None),
    ];
    config.one_of("log.mode", &words)
}

/// The directory of the records: as configured, else in the service manager's state directory.
fn directory(config: &Config) -> PathBuf {
    let state = || config.state_directory().join("log");
    config.path("log.directory").unwrap_or_else(state)
}

fn pseudonyms(config: &Config) -> anyhow::Result<Pseudonyms> {
    let Some(key) = config.path("log.pseudonym_key") else {
        return Ok(Pseudonyms::OFF);
    };
    let read = Pseudonyms::from_file(&key);
    read.with_context(|| format!("log.pseudonym_key: {}", key.display()))
}

/// How long a caller waits for its record: as configured, else derived from the disk's speed. Envoy discards an answer
/// after its timeout (200 ms by default), so a wait above the derived maximum also needs a larger limits.handler_ms.
fn wait(config: &Config) -> Result<WaitBounds, ConfigError> {
    let budget = config.milliseconds("limits.handler_ms")?;
    if config.text("log.wait").is_empty() {
        return Ok(WaitBounds::within(budget));
    }
    let wait = config.milliseconds("log.wait")?;
    let most = WaitBounds::MAX.max(budget.saturating_sub(WaitBounds::CALL_OVERHEAD));
    if wait.is_zero() || wait > most {
        let expected = format!(
            "expected 1 to {} milliseconds: {}, or limits.handler_ms less {}",
            most.as_millis(),
            WaitBounds::MAX.as_millis(),
            WaitBounds::CALL_OVERHEAD.as_millis()
        );
        return Err(config.refuse("log.wait", &expected));
    }
    Ok(WaitBounds::fixed(wait))
}

/// Limits of the configuration, in the units of the journal.
struct JournalLimits {
    queue: usize,
    segment_bytes: u64,
    retention_bytes: u64,
    retention: Duration,
    reserve_bytes: u64,
}

fn limits(config: &Config) -> Result<JournalLimits, ConfigError> {
    let days: u32 = config.number("log.retention_days")?;
    Ok(JournalLimits {
        queue: config.number("log.queue")?,
        segment_bytes: config.number("log.segment_bytes")?,
        retention_bytes: config.number("log.retention_bytes")?,
        retention: Duration::from_secs(u64::from(days) * SECONDS_A_DAY),
        reserve_bytes: config.number("log.reserve_bytes")?,
    })
}

fn options(config: &Config, mode: Mode, signer: Signer) -> anyhow::Result<JournalOptions> {
    let limits = limits(config)?;
    Ok(JournalOptions {
        signer,
        queue: limits.queue,
        wait: wait(config)?,
        linger: match mode {
            Mode::Strict => Duration::ZERO,
            Mode::Async => LOSS_WINDOW,
        },
        segment_bytes: limits.segment_bytes,
        retention_bytes: limits.retention_bytes,
        retention: limits.retention,
        reserve_bytes: limits.reserve_bytes,
        is_exported: collector::records(config)?.is_some(),
    })
}

fn log_recovery(recovery: &Recovery, directory: &str, key: &str) {
    let Recovery {
        is_new,
        last_seq,
        torn_bytes,
        unsigned,
        missing,
    } = recovery;
    tracing::info!(
        directory,
        is_new,
        last_seq,
        torn_bytes,
        key,
        "records are written"
    );
    if *unsigned > 0 {
        tracing::warn!(
            unsigned,
            "the previous process ended without signing its last records"
        );
    }
    if let Some((from, to)) = missing {
        tracing::error!(from, to, "records are missing that were on disk");
    }
}

/// Writes an audit record for each reload and for each changed object.
pub(super) fn reload_observer(log: &Log, engine: &Arc<Engine>) -> ReloadObserver {
    let (log, engine) = (log.clone(), Arc::clone(engine));
    let previous = std::sync::Mutex::new(None);
    ReloadObserver::new(move |outcome, changes| {
        let by = Actor::PoliciesFolder;
        let active = engine.active();
        let snapshot = active.as_ref().map(|active| active.snapshot.id());
        let to_audit = |previous| match outcome {
            ReloadOutcome::Activated(activation) => Some(AuditEvent::SnapshotActivated {
                id: activation.id,
                version: activation.version,
                source: active.as_ref().map_or("", |active| &active.source),
                previous,
                changes: changes.list.len() + changes.omitted,
                omitted: changes.omitted,
            }),
            ReloadOutcome::Rejected(rejection) => Some(AuditEvent::SnapshotRejected {
                message: &rejection.message,
                findings: &rejection.findings,
                in_force: snapshot,
            }),
            ReloadOutcome::Unchanged { .. } => None,
        };
        let mut previous = previous
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(audit) = to_audit(*previous) {
            log.record(&audit, by);
        }
        *previous = snapshot;
        for (index, change) in changes.list.iter().enumerate() {
            log.record(&AuditEvent::Changed { change, snapshot }, by);
            if index % CHANGES_PER_BATCH == CHANGES_PER_BATCH - 1 {
                log.backpressure();
            }
        }
    })
}

/// The log's metrics for the admin address; `None` if the log is off.
pub(super) fn metrics_source(
    log: &Log,
    exporter: Option<&Arc<Exporter>>,
    config: &Config,
) -> Result<Option<LogMetricsSource>, ConfigError> {
    let queue_limit = config.number("log.queue")?;
    let (journal, exporter) = (log.journal().cloned(), exporter.cloned());
    Ok(journal.map(|journal| {
        LogMetricsSource(Arc::new(move || {
            let status = journal.status();
            let commits = journal.commit_stats();
            let to_u64 = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            LogMetrics {
                queue: to_u64(status.queued),
                queue_limit,
                records: status.records,
                commits: status.commits,
                failures: status.failures,
                bytes: status.bytes,
                gaps: by_reason(&status.gaps),
                lost: by_reason(&status.lost),
                is_age_postponed: status.is_age_postponed,
                segments: to_u64(status.segments),
                last_seq: status.last_seq,
                last_checkpoint: status.last_checkpoint,
                commit: commits.commit,
                wait: commits.wait,
                wait_timeouts: commits.timeouts,
                is_slow: commits.is_slow,
                export_lag: exporter.as_ref().map(|exporter| exporter.status().lag),
                failing_since: status.failing_since,
                last_error: status.last_error,
            }
        }))
    }))
}

fn by_reason(counts: &CountsByReason) -> Vec<(&'static str, u64)> {
    let counts = counts.iter();
    counts
        .map(|(reason, count)| (reason.as_str(), count))
        .collect()
}

/// In `async` mode a crash loses at most the records of this time (or 512 records, if that is less) and those of the
/// sync in progress.
const LOSS_WINDOW: Duration = Duration::from_millis(10);
/// Changes that are recorded before waiting for the writer.
const CHANGES_PER_BATCH: usize = 256;
const SECONDS_A_DAY: u64 = 24 * 60 * 60;
