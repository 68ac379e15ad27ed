//! `[log]` → the journal and what is recorded in it from here: start and stop, policies, operators.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::collector;
use crate::admin::LogSource;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::log::audit::{Actor, Audit};
use crate::log::export::Exporter;
use crate::log::journal::checkpoint::Signer;
use crate::log::journal::disk::SystemDisk;
use crate::log::journal::{CountsByReason, Journal, JournalOptions, Recovery, WaitBounds};
use crate::log::pseudonym::Pseudonyms;
use crate::log::{Log, Mode};
use crate::metrics::LogFigures;
use crate::reload::{Outcome, Witness};

/// Opens the log, behind what is there.
pub(super) fn open(config: &Config) -> anyhow::Result<Log> {
    let Some(mode) = mode(config)? else {
        tracing::warn!("log.mode is off: nobody will be able to tell who came in, and why");
        return Ok(Log::default());
    };
    let directory = directory(config);
    let signing_key = config.path("log.signing_key");
    let pseudonyms = pseudonyms(config)?;
    let cannot = || {
        let folder = directory.display();
        format!("cannot write records in {folder} (`--log-directory` names another folder)")
    };
    let disk = SystemDisk::lock(&directory).with_context(cannot)?;
    let signing_key = signing_key.unwrap_or_else(|| directory.join("signing.key"));
    let signer = Signer::load_or_make(&signing_key)
        .with_context(|| format!("cannot sign with {}", signing_key.display()))?;
    let key = signer.public_key();
    let options = options(config, mode, signer)?;
    let opened = Journal::open(options, Arc::new(disk), Clock::System);
    let (journal, recovery) = opened.with_context(cannot)?;
    tell(&recovery, &directory.display().to_string(), &key);
    Ok(Log::to(Arc::new(journal), mode, pseudonyms, Clock::System))
}

/// What opening would refuse before it looks at the disk.
pub(super) fn check(config: &Config) -> anyhow::Result<()> {
    mode(config)?;
    pseudonyms(config)?;
    wait(config)?;
    numbers(config)?;
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

/// Where the records are: as configured, or else where the service manager says that state belongs.
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

/// How long a caller waits for its record: as configured, or as the disk needs it. An answer that comes after Envoy's
/// timeout (200 ms by default) says nothing, so a wait above the derived ones needs a budget that says as much.
fn wait(config: &Config) -> Result<WaitBounds, ConfigError> {
    let budget = config.milliseconds("limits.handler_ms")?;
    if config.text("log.wait").is_empty() {
        return Ok(WaitBounds::within(budget));
    }
    let wait = config.milliseconds("log.wait")?;
    let most = WaitBounds::MOST.max(budget.saturating_sub(WaitBounds::BESIDES));
    if wait.is_zero() || wait > most {
        let expected = format!(
            "expected 1 to {} milliseconds: {}, or limits.handler_ms less {}",
            most.as_millis(),
            WaitBounds::MOST.as_millis(),
            WaitBounds::BESIDES.as_millis()
        );
        return Err(config.refuse("log.wait", &expected));
    }
    Ok(WaitBounds::fixed(wait))
}

/// Numbers of the configuration, in the units of the journal.
struct Numbers {
    queue: usize,
    segment_bytes: u64,
    retention_bytes: u64,
    retention: Duration,
    reserve_bytes: u64,
}

fn numbers(config: &Config) -> Result<Numbers, ConfigError> {
    let days: u32 = config.number("log.retention_days")?;
    Ok(Numbers {
        queue: config.number("log.queue")?,
        segment_bytes: config.number("log.segment_bytes")?,
        retention_bytes: config.number("log.retention_bytes")?,
        retention: Duration::from_secs(u64::from(days) * SECONDS_A_DAY),
        reserve_bytes: config.number("log.reserve_bytes")?,
    })
}

fn options(config: &Config, mode: Mode, signer: Signer) -> anyhow::Result<JournalOptions> {
    let numbers = numbers(config)?;
    Ok(JournalOptions {
        signer,
        queue: numbers.queue,
        wait: wait(config)?,
        linger: match mode {
            Mode::Strict => Duration::ZERO,
            Mode::Async => LOSS_WINDOW,
        },
        segment_bytes: numbers.segment_bytes,
        retention_bytes: numbers.retention_bytes,
        retention: numbers.retention,
        reserve_bytes: numbers.reserve_bytes,
        is_exported: collector::records(config)?.is_some(),
    })
}

fn tell(recovery: &Recovery, directory: &str, key: &str) {
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
            "the last process did not come to sign its last records"
        );
    }
    if let Some((from, to)) = missing {
        tracing::error!(from, to, "records that were on disk are missing");
    }
}

/// Records what becomes of the policies.
pub(super) fn witness(log: &Log, engine: &Arc<Engine>) -> Witness {
    let (log, engine) = (log.clone(), Arc::clone(engine));
    let previous = std::sync::Mutex::new(None);
    Witness::new(move |outcome, changes| {
        let by = Actor::PoliciesFolder;
        let active = engine.active();
        let snapshot = active.as_ref().map(|active| active.snapshot.id());
        let told = |previous| match outcome {
            Outcome::Activated(activation) => Some(Audit::SnapshotActivated {
                id: activation.id,
                version: activation.version,
                source: active.as_ref().map_or("", |active| &active.source),
                previous,
                changes: changes.list.len() + changes.untold,
                untold: changes.untold,
            }),
            Outcome::Rejected(rejection) => Some(Audit::SnapshotRejected {
                message: &rejection.message,
                findings: &rejection.findings,
                in_force: snapshot,
            }),
            Outcome::Unchanged { .. } => None,
        };
        let mut previous = previous
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(audit) = told(*previous) {
            log.happened(&audit, by);
        }
        *previous = snapshot;
        for (index, change) in changes.list.iter().enumerate() {
            log.happened(&Audit::Changed { change, snapshot }, by);
            if index % AT_A_TIME == AT_A_TIME - 1 {
                log.give_way();
            }
        }
    })
}

/// What the admin address tells of it, where there is one.
pub(super) fn figures(
    log: &Log,
    exporter: Option<&Arc<Exporter>>,
    config: &Config,
) -> Result<Option<LogSource>, ConfigError> {
    let queue_limit = config.number("log.queue")?;
    let (journal, exporter) = (log.journal().cloned(), exporter.cloned());
    Ok(journal.map(|journal| {
        LogSource(Arc::new(move || {
            let status = journal.status();
            let pace = journal.pace();
            let many = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            LogFigures {
                queue: many(status.queued),
                queue_limit,
                records: status.records,
                commits: status.commits,
                failures: status.failures,
                bytes: status.bytes,
                gaps: by_reason(&status.gaps),
                lost: by_reason(&status.lost),
                is_age_postponed: status.is_age_postponed,
                segments: many(status.segments),
                last_seq: status.last_seq,
                last_checkpoint: status.last_checkpoint,
                commit: pace.commit,
                wait: pace.wait,
                wait_timeouts: pace.timeouts,
                is_slow: pace.is_slow,
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

/// In `async` mode a crash loses no more than this (or 512 records, whichever is less) and the sync that is under way.
const LOSS_WINDOW: Duration = Duration::from_millis(10);
/// Changes that are told before the writer is let catch up.
const AT_A_TIME: usize = 256;
const SECONDS_A_DAY: u64 = 24 * 60 * 60;
