//! OpenTelemetry's environment variables and `log.export` → export of traces and records.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::log::Log;
use crate::log::export::{ExportOptions, Exporter};
use crate::otlp::{self, Collector, Signal};
use crate::telemetry::Traces;

use anyhow::Context as _;

pub(super) fn traces() -> Traces {
    Traces::from_variables(&config::variable)
}

/// The collector of records: as configured, else from the environment variables unless they disable it.
pub(super) fn records(config: &Config) -> anyhow::Result<Option<Collector>> {
    if let Some(endpoint) = config.optional("log.export") {
        let collector =
            Collector::with_endpoint(Signal::Logs, "log.export", &endpoint, &config::variable)?;
        return Ok(Some(collector));
    }
    let is_disabled =
        config::variable("OTEL_SDK_DISABLED").is_some_and(|text| otlp::is_true(&text));
    let is_none = config::variable("OTEL_LOGS_EXPORTER").is_some_and(|text| text.trim() == "none");
    if is_disabled || is_none {
        return Ok(None);
    }
    Ok(Collector::from_variables(Signal::Logs, &config::variable)?)
}

/// Starts exporting the log's records from disk, if a collector is configured.
pub(super) fn export(config: &Config, log: &Log) -> anyhow::Result<Option<Exporter>> {
    let Some(collector) = records(config)? else {
        return Ok(None);
    };
    let endpoint = collector.endpoint.clone();
    let Some(journal) = log.journal() else {
        tracing::warn!(endpoint, "log.mode is off: there are no records to export");
        return Ok(None);
    };
    let options = ExportOptions::to(collector, otlp::resource(&config::variable));
    let exporter = Exporter::start(&Arc::clone(journal), options, Clock::System);
    let exporter = exporter.context("cannot start the export of records")?;
    tracing::info!(
        endpoint,
        from = exporter.status().exported_seq + 1,
        "records are exported"
    );
    Ok(Some(exporter))
}

/// The time limit for exporting the last spans and records at shutdown.
pub(super) const LAST: Duration = Duration::from_secs(3);
