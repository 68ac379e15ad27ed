//! Spans → an OpenTelemetry collector: which variables are heard, the pipeline, and its end.
//!
//! The SDK reads `OTEL_TRACES_SAMPLER` and the sizes of its batches by itself; that it does not know
//! `OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER` and `OTEL_PROPAGATORS` is made good here. It sends from threads of
//! its own and drops spans rather than hold up a call. Only spans of calls get to it, and no log line.

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

/// The target of the spans that are exported, at the level `debug`.
pub const CALL_SPANS: &str = "crosstrust::call";

/// Which traces are wanted, and where they go.
#[derive(Debug, Default)]
pub struct Traces {
    pub(super) collector: Option<Collector>,
    pub(super) wish: Wish,
    /// What is wrong with the variables and does not keep anything from working.
    pub(super) complaints: Vec<String>,
}

/// How spans begin, and what they are told of this process.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// Spans continue the caller's trace.
    joins: bool,
    resource: Vec<(String, String)>,
}

impl Traces {
    /// None, whatever the variables say.
    pub fn off() -> Self {
        Self::default()
    }

    /// What the standard variables say (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).
    /// No endpoint, no traces: nothing is sent to a collector that nobody named.
    pub fn of_variables(lookup: Lookup<'_>) -> Self {
        let value = |name| lookup(name).filter(|value: &String| !value.is_empty());
        if value("OTEL_SDK_DISABLED").is_some_and(|text| otlp::is_true(&text)) {
            return Self::off();
        }
        let mut complaints = Vec::new();
        match value("OTEL_TRACES_EXPORTER").as_deref().map(str::trim) {
            None | Some("otlp") => {}
            Some("none") => return Self::off(),
            Some(other) => {
                complaints.push(format!(
                    "OTEL_TRACES_EXPORTER: found `{other}`, expected otlp or none"
                ));
                return Traces {
                    complaints,
                    ..Self::off()
                };
            }
        }
        let collector = match Collector::of_variables(Signal::Traces, lookup) {
            Ok(collector) => collector,
            Err(error) => {
                complaints.push(format!("{error}: no traces are exported"));
                None
            }
        };
        if let Some(other) = value("OTEL_TRACES_SAMPLER")
            && !SAMPLERS.contains(&other.as_str())
        {
            let known = SAMPLERS.join(", ");
            complaints.push(format!(
                "OTEL_TRACES_SAMPLER: found `{other}`, expected one of {known}"
            ));
        }
        let (joins, complaint) = propagators(value("OTEL_PROPAGATORS").as_deref());
        complaints.extend(complaint);
        Traces {
            wish: Wish {
                joins,
                resource: collector
                    .as_ref()
                    .map(|_| otlp::resource(lookup))
                    .unwrap_or_default(),
            },
            collector,
            complaints,
        }
    }
}

/// Whether W3C trace context is among the propagators, and what else is.
fn propagators(listed: Option<&str>) -> (bool, Option<String>) {
    let listed = listed.unwrap_or("tracecontext,baggage");
    let names: Vec<_> = listed.split(',').map(str::trim).collect();
    // No decision depends on baggage, so there is nothing to do for it.
    let is_known = |name: &&str| ["tracecontext", "baggage", "none", ""].contains(name);
    let unknown = names.iter().find(|name| !is_known(name));
    let complaint = unknown.map(|name| {
        format!("OTEL_PROPAGATORS: found `{name}`, expected tracecontext, baggage or none")
    });
    (names.contains(&"tracecontext"), complaint)
}

/// Why there are no traces.
#[derive(Debug, thiserror::Error)]
pub(super) enum TracesError {
    #[error(transparent)]
    Collector(#[from] OtlpError),
    #[error(transparent)]
    Exporter(#[from] ExporterBuildError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// The pipeline, from the layer to the collector.
#[derive(Debug)]
pub(super) struct Running {
    provider: SdkTracerProvider,
    /// Drives the connection; the SDK's own thread hands batches to it.
    runtime: Runtime,
    endpoint: String,
}

pub(super) fn start(collector: &Collector, wish: &Wish) -> Result<Running, TracesError> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("traces")
        .enable_all()
        .build()?;
    let within = runtime.enter();
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_channel(collector.channel()?)
        // Headers of the variables are added by the exporter itself.
        .with_timeout(collector.timeout)
        .build()?;
    let attributes = wish.resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(Told::new(exporter))
        .with_resource(
            Resource::builder_empty()
                .with_attributes(attributes)
                .build(),
        )
        .build();
    drop(within);
    if wish.joins {
        global::set_text_map_propagator(TraceContextPropagator::new());
    }
    Ok(Running {
        provider,
        runtime,
        endpoint: collector.endpoint.clone(),
    })
}

impl Running {
    /// Spans of calls and nothing else, least of all what is logged within one.
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
            // A Check finds its parent only when its message has been read: until then its span may not begin.
            .with_context_activation(false)
            .with_filter(Targets::new().with_target(CALL_SPANS, LevelFilter::DEBUG))
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn stop(self, bound: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(bound) {
            tracing::warn!(%error, "the last spans were not exported");
        }
        self.runtime.shutdown_background();
    }
}

/// Tells when exporting begins to fail and when it works again: the SDK would say nothing, or something for every
/// batch.
struct Told {
    exporter: SpanExporter,
    is_failing: AtomicBool,
}

impl Told {
    fn new(exporter: SpanExporter) -> Self {
        Told {
            exporter,
            is_failing: AtomicBool::new(false),
        }
    }

    fn tell(&self, spans: usize, result: &OTelSdkResult) {
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

impl fmt::Debug for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Told")
    }
}

impl Export for Told {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let spans = batch.len();
        async move {
            let result = self.exporter.export(batch).await;
            self.tell(spans, &result);
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

/// Those that the SDK has; for any other it takes the first, silently.
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
        Traces::of_variables(&lookup)
    }

    const AT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");

    #[test]
    fn traces_are_off_unless_an_endpoint_is_named_and_nothing_switches_them_off() {
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
    fn traces_are_joined_unless_the_propagators_leave_that_out() {
        for (listed, joins, complaints) in [
            ("tracecontext", true, 0),
            ("baggage, tracecontext", true, 0),
            ("none", false, 0),
            ("b3", false, 1),
            ("b3,tracecontext", true, 1),
        ] {
            let found = traces(&[AT, ("OTEL_PROPAGATORS", listed)]);
            assert_eq!(found.wish.joins, joins, "{listed}");
            assert_eq!(found.complaints.len(), complaints, "{listed}");
        }
        assert!(traces(&[AT]).wish.joins);
    }

    #[test]
    fn a_variable_that_means_nothing_is_told() {
        for (name, value) in [
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ] {
            let complaints = traces(&[AT, (name, value)]).complaints;
            let told = complaints
                .iter()
                .all(|complaint| complaint.starts_with(name));
            assert!(told && complaints.len() == 1, "{complaints:?}");
        }
    }
}
