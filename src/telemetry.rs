//! Logs and traces of this process: fields, never tokens. A call logs nothing at the default level.
//!
//! Log lines go to standard error. Spans go to an OpenTelemetry collector where one is configured (`traces`); where
//! none is, nothing is built for them and a call pays one comparison. What administrators read is not here: that
//! is `log`.

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

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// What was started, until it is stopped.
#[derive(Debug)]
#[must_use = "spans that are not sent yet are lost unless it is stopped"]
pub struct Telemetry {
    traces: Option<traces::Running>,
}

/// Starts logging for this process, and exporting traces where they are wanted; later calls change nothing.
pub fn start(format: LogFormat, traces: Traces) -> Telemetry {
    let (wanted, complaints) = (traces.collector, traces.complaints);
    let (running, problem) = match wanted.map(|collector| traces::start(&collector, &traces.wish)) {
        None => (None, None),
        Some(Ok(running)) => (Some(running), None),
        Some(Err(problem)) => (None, Some(problem)),
    };
    let lines = tracing_subscriber::registry().with(lines(format));
    let started = match &running {
        // Without a layer for spans nothing is enabled beyond `info`: a call then pays one comparison.
        None => lines.try_init(),
        Some(running) => lines.with(running.layer()).try_init(),
    };
    // Only where a test started logging before: that one stays.
    drop(started);
    for complaint in complaints {
        tracing::warn!(
            complaint,
            "a variable of OpenTelemetry is not as it should be"
        );
    }
    if let Some(problem) = problem {
        tracing::error!(error = %problem, "no traces are exported");
    }
    if let Some(running) = &running {
        tracing::info!(endpoint = running.endpoint(), "traces are exported");
    }
    Telemetry { traces: running }
}

impl Telemetry {
    /// Sends the spans that are left, and waits for that no longer than this.
    pub fn stop(self, bound: Duration) {
        if let Some(running) = self.traces {
            running.stop(bound);
        }
    }
}

/// Log lines on standard error.
fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    // Dependencies speak up only when something is wrong.
    let filter = EnvFilter::new("warn,crosstrust=info").and(DependencyLimit(WarningLimit::new(
        DEPENDENCY_LINES,
        DEPENDENCY_INTERVAL,
    )));
    // A line that cannot be written is lost. By default its error is printed there too, and printing panics.
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    }
}

/// Bounds the lines of dependencies: h2 warns of every connection that it closes for a flood, and what a client can
/// cause must not fill a disk that records are written to.
struct DependencyLimit(WarningLimit);

/// Not by `event_enabled`: tracing-subscriber 0.3.23 keeps its answer for the events that follow.
impl<S> Filter<S> for DependencyLimit {
    fn enabled(&self, line: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_own(line) || self.0.admit().is_some()
    }

    fn callsite_enabled(&self, line: &'static Metadata<'static>) -> Interest {
        match is_own(line) {
            true => Interest::always(),
            false => Interest::sometimes(),
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }
}

fn is_own(line: &Metadata<'_>) -> bool {
    line.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

/// As many lines of dependencies at once …
const DEPENDENCY_LINES: u32 = 10;
/// … and one more for each such time.
const DEPENDENCY_INTERVAL: Duration = Duration::from_secs(10);
