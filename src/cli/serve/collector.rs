//! OpenTelemetry's variables and `log.export` → where traces and records go besides.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::log::Log;
use crate::log::export::{ExportOptions, Exporter};
use crate::otlp::{self, Collector, Signal};
use crate::telemetry::Traces;

use anyhow::Context as _;

/// Which traces are wanted.
pub(super) fn traces() -> Traces {
    Traces::of_variables(&config::variable)
}

/// Where records are exported to: as configured, or else as the variables say, unless they switch that off.
pub(super) fn records(config: &Config) -> anyhow::Result<Option<Collector>> {
    if let Some(endpoint) = config.optional("log.export") {
        let named = Collector::at(Signal::Logs, "log.export", &endpoint, &config::variable)?;
        return Ok(Some(named));
    }
    let is_disabled =
        config::variable("OTEL_SDK_DISABLED").is_some_and(|text| otlp::is_true(&text));
    let is_none = config::variable("OTEL_LOGS_EXPORTER").is_some_and(|text| text.trim() == "none");
    if is_disabled || is_none {
        return Ok(None);
    }
    Ok(Collector::of_variables(Signal::Logs, &config::variable)?)
}

/// Exports what the log has on disk, where a collector is named.
pub(super) fn export(config: &Config, log: &Log) -> anyhow::Result<Option<Exporter>> {
    let Some(collector) = records(config)? else {
        return Ok(None);
    };
    let endpoint = collector.endpoint.clone();
    let Some(journal) = log.journal() else {
        tracing::warn!(
            endpoint,
            "log.mode is off: there are no records to be exported"
        );
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

/// At the end, how long the last spans and records may take.
pub(super) const LAST: Duration = Duration::from_secs(3);
