//! Written records → OTLP logs, at least once.
