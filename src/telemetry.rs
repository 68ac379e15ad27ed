//! Logs: fields, never tokens, to standard error. A call logs nothing at the default level.

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging for this process; later calls change nothing.
pub fn start(format: LogFormat) {
    // Dependencies speak up only when something is wrong.
    let filter = EnvFilter::new("warn,crosstrust=info");
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let started = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Only where a test started logging before: that one stays.
    drop(started);
}
