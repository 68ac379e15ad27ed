//! Exports spans to an OpenTelemetry collector: the variables, the pipeline and its shutdown.
//!
//! The SDK reads `OTEL_TRACES_SAMPLER` and the batch sizes. It does not support `OTEL_SDK_DISABLED`,
//! `OTEL_TRACES_EXPORTER` and `OTEL_PROPAGATORS`, so this module does. The SDK sends from separate threads and drops spans
//! instead of delaying calls. Only the spans of calls are exported, and no log lines.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter as Export};
use tokio::runtime::{Builder, Runtime};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::otlp::{self, Collector, Lookup, OtlpError, Signal};

/// The target of exported spans. Their level is `debug`.
pub const CALL_SPANS: &str = "crosstrust::call";

/// The configuration of trace export.
#[derive(Debug, Default)]
pub struct Traces {
    pub(super) collector: Option<Collector>,
    pub(super) options: SpanOptions,
    /// Invalid variables, as messages. They do not stop the server.
    pub(super) warnings: Vec<String>,
}

/// The settings of spans.
#[derive(Debug, Default)]
pub(super) struct SpanOptions {
    /// Spans continue the caller's trace (W3C Trace Context).
    propagates: bool,
    resource: Vec<(String, String)>,
}

impl Traces {
    /// No export, regardless of the variables.
    pub fn off() -> Self {
        Self::default()
    }

    /// The configuration in the variables (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).
    /// Without an endpoint no traces are exported; there is no default endpoint.
    pub fn from_variables(lookup: Lookup<'_>) -> Self {
        let value = |name| lookup(name).filter(|value: &String| !value.is_empty());
        if value("OTEL_SDK_DISABLED").is_some_and(|text| otlp::is_true(&text)) {
            return Self::off();
        }
        let mut warnings = Vec::new();
        match value("OTEL_TRACES_EXPORTER").as_deref().map(str::trim) {
            None | Some("otlp") => {}
            Some("none") => return Self::off(),
            Some(other) => {
                warnings.push(format!(
                    "OTEL_TRACES_EXPORTER: found `{other}`, expected otlp or none"
                ));
                return Traces {
                    warnings,
                    ..Self::off()
                };
            }
        }
        let collector = match Collector::from_variables(Signal::Traces, lookup) {
            Ok(collector) => collector,
            Err(error) => {
                warnings.push(format!("{error}: traces are not exported"));
                None
            }
        };
        if let Some(other) = value("OTEL_TRACES_SAMPLER")
            && !SAMPLERS.contains(&other.as_str())
        {
            let known = SAMPLERS.join(", ");
            warnings.push(format!(
                "OTEL_TRACES_SAMPLER: found `{other}`, expected one of {known}"
            ));
        }
        let (propagates, warning) = propagators(value("OTEL_PROPAGATORS").as_deref());
        warnings.extend(warning);
        Traces {
            options: SpanOptions {
                propagates,
                resource: collector
                    .as_ref()
                    .map(|_| otlp::resource(lookup))
                    .unwrap_or_default(),
            },
            collector,
            warnings,
        }
    }
}

/// Whether `tracecontext` is among the propagators, and a warning about an unsupported one.
fn propagators(listed: Option<&str>) -> (bool, Option<String>) {
    let listed = listed.unwrap_or("tracecontext,baggage");
    let names: Vec<_> = listed.split(',').map(str::trim).collect();
    // Baggage is accepted and ignored: no decision depends on it.
    let is_known = |name: &&str| ["tracecontext", "baggage", "none", ""].contains(name);
    let unknown = names.iter().find(|name| !is_known(name));
    let warning = unknown.map(|name| {
        format!("OTEL_PROPAGATORS: found `{name}`, expected tracecontext, baggage or none")
    });
    (names.contains(&"tracecontext"), warning)
}

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
pub(super) enum TracesError {
    #[error(transparent)]
    Collector(#[from] OtlpError),
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// The running export pipeline.
#[derive(Debug)]
pub(super) struct TracePipeline {
    provider: SdkTracerProvider,
    /// Drives the connection. The SDK's thread passes batches to it.
    runtime: Runtime,
    endpoint: String,
}

pub(super) fn start(
    collector: &Collector,
    options: &SpanOptions,
) -> Result<TracePipeline, TracesError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("traces")
        .enable_all()
        .build()?;
    let within = runtime.enter();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_channel(collector.channel()?)
        // The exporter itself adds the headers from the variables.
        .with_timeout(collector.timeout)
        .build()?;
    let attributes = options.resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(LoggingExporter::new(exporter))
        .with_resource(
            Resource::builder_empty()
                .with_attributes(attributes)
                .build(),
        )
        .build();
    drop(within);
    if options.propagates {
        global::set_text_map_propagator(TraceContextPropagator::new());
    }
    Ok(TracePipeline {
        provider,
        runtime,
        endpoint: collector.endpoint.clone(),
    })
}

impl TracePipeline {
    /// The layer that exports the spans of calls, without events logged within them.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let tracer = self.provider.tracer("crosstrust");
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            // The parent of a Check is known only after its message was read, so its span must not start before.
            .with_context_activation(false)
            .with_filter(Targets::new().with_target(CALL_SPANS, LevelFilter::DEBUG))
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn stop(self, bound: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(bound) {
            tracing::warn!(%error, "cannot export the last spans");
        }
        self.runtime.shutdown_background();
    }
}

/// Logs when the export starts to fail and when it works again. The SDK would log nothing, or a line for every batch.
struct LoggingExporter {
    exporter: SpanExporter,
    is_failing: AtomicBool,
}

impl LoggingExporter {
    fn new(exporter: SpanExporter) -> Self {
        LoggingExporter {
            exporter,
            is_failing: AtomicBool::new(false),
        }
    }

    fn log_change(&self, spans: usize, result: &OTelSdkResult) {
        let was_failing = self.is_failing.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Ok(()) if was_failing => tracing::info!("traces are exported again"),
            Err(error) if !was_failing => {
                tracing::warn!(%error, spans, "traces are not exported; their spans are lost");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

impl fmt::Debug for LoggingExporter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LoggingExporter")
    }
}

impl Export for LoggingExporter {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let spans = batch.len();
        async move {
            let result = self.exporter.export(batch).await;
            self.log_change(spans, &result);
            result
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The samplers of the SDK. For any other value, the SDK uses the first one without a warning.
const SAMPLERS: [&str; 6] = [
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
    "always_on",
    "always_off",
    "traceidratio",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(variables: &[(&str, &str)]) -> Traces {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Traces::from_variables(&lookup)
    }

    const AT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");

    #[test]
    fn traces_need_an_endpoint_and_can_be_switched_off() {
        assert!(traces(&[]).collector.is_none());
        assert!(traces(&[AT]).collector.is_some());
        for off in [
            ("OTEL_SDK_DISABLED", "TRUE"),
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ] {
            assert!(traces(&[AT, off]).collector.is_none(), "{off:?}");
        }
        assert!(
            traces(&[AT, ("OTEL_SDK_DISABLED", "no")])
                .collector
                .is_some()
        );
    }

    #[test]
    fn traces_are_continued_unless_the_propagators_lack_tracecontext() {
        for (listed, propagates, warnings) in [
            ("tracecontext", true, 0),
            ("baggage, tracecontext", true, 0),
            ("none", false, 0),
            ("b3", false, 1),
            ("b3,tracecontext", true, 1),
        ] {
            let found = traces(&[AT, ("OTEL_PROPAGATORS", listed)]);
            assert_eq!(found.options.propagates, propagates, "{listed}");
            assert_eq!(found.warnings.len(), warnings, "{listed}");
        }
        assert!(traces(&[AT]).options.propagates);
    }

    #[test]
    fn an_unsupported_value_is_a_warning() {
        for (name, value) in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ] {
            let warnings = traces(&[AT, (name, value)]).warnings;
            let is_named = warnings.iter().all(|warning| warning.starts_with(name));
            assert!(is_named && warnings.len() == 1, "{warnings:?}");
        }
    }
}
