//! Logging and tracing of this process: structured fields, no tokens. A call logs nothing at the default level.
//!
//! Log lines go to standard error. Spans go to an OpenTelemetry collector if one is configured (`traces`); otherwise no
//! span is created, and a call costs one comparison. Sign-in and audit records are in the module `log`.

mod traces;

use std::time::Duration;

use tracing::Metadata;
use tracing::subscriber::Interest;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::rate::WarningLimit;

pub use traces::{CALL_SPANS, Traces};

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Plain text.
    Text,
    /// One JSON object per line.
    Json,
}

/// The running telemetry.
#[derive(Debug)]
#[must_use = "call `stop` to send the remaining spans"]
pub struct Telemetry {
    traces: Option<traces::TracePipeline>,
}

/// Starts logging and, if configured, the export of traces. Later calls have no effect.
pub fn start(format: LogFormat, traces: Traces) -> Telemetry {
    let (collector, warnings) = (traces.collector, traces.warnings);
    let started = collector.map(|collector| traces::start(&collector, &traces.options));
    let (pipeline, problem) = match started {
        None => (None, None),
        Some(Ok(pipeline)) => (Some(pipeline), None),
        Some(Err(problem)) => (None, Some(problem)),
    };
    let lines = tracing_subscriber::registry().with(lines(format));
    let installed = match &pipeline {
        // Without a layer for spans, no level beyond `info` is enabled, and a call costs one comparison.
        None => lines.try_init(),
        Some(pipeline) => lines.with(pipeline.layer()).try_init(),
    };
    // Fails only if a test has installed a subscriber before, which then stays.
    drop(installed);
    for problem in warnings {
        tracing::warn!(
            problem,
            "an OpenTelemetry variable has an unsupported value"
        );
    }
    if let Some(problem) = problem {
        tracing::error!(error = %problem, "cannot export traces");
    }
    if let Some(pipeline) = &pipeline {
        tracing::info!(endpoint = pipeline.endpoint(), "traces are exported");
    }
    Telemetry { traces: pipeline }
}

impl Telemetry {
    /// Sends the remaining spans, for at most `bound`.
    pub fn stop(self, bound: Duration) {
        if let Some(pipeline) = self.traces {
            pipeline.stop(bound);
        }
    }
}

/// Log lines on standard error.
fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Dependencies log warnings and errors only.
    let filter = EnvFilter::new("warn,crosstrust=info").and(DependencyLimit(WarningLimit::new(
        DEPENDENCY_LINES,
        DEPENDENCY_INTERVAL,
    )));
    // A line that cannot be written is lost. By default its error is printed to standard error too, and that panics.
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    }
}

/// Rate-limits the log lines of dependencies: h2 logs a warning for each connection that it closes because of a flood,
/// and clients must not be able to fill a disk that may also hold the records.
struct DependencyLimit(WarningLimit);

/// `event_enabled` is not used: tracing-subscriber 0.3.23 caches its result for later events.
impl<S> Filter<S> for DependencyLimit {
    fn enabled(&self, line: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_from_crosstrust(line) || self.0.admit().is_some()
    }

    fn callsite_enabled(&self, line: &'static Metadata<'static>) -> Interest {
        match is_from_crosstrust(line) {
            true => Interest::always(),
            false => Interest::sometimes(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

fn is_from_crosstrust(line: &Metadata<'_>) -> bool {
    line.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

/// The burst of log lines of dependencies.
const DEPENDENCY_LINES: u32 = 10;
/// The time after which one more line is admitted.
const DEPENDENCY_INTERVAL: Duration = Duration::from_secs(10);
