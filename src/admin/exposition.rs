//! `/metrics` in the format of the `Accept` header, encoded by prometheus-client.

mod collect;
mod encoder;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::Sources;
use encoder::MetricsEncoder;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpositionFormat {
    /// Prometheus text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl ExpositionFormat {
    /// OpenMetrics if an `Accept` header names it and does not prefer text/plain; else the Prometheus format, also for
    /// browsers and curl.
    pub(super) fn negotiate<'a>(headers: impl Iterator<Item = &'a str>) -> ExpositionFormat {
        let (mut open, mut plain) = (0, 0);
        for range in headers.flat_map(|header| header.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let quality = parts
                .filter_map(|part| part.strip_prefix("q="))
                .find_map(parse_quality);
            let quality = quality.unwrap_or(1000);
            match name.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => open = open.max(quality),
                "text/plain" => plain = plain.max(quality),
                _ => {}
            }
        }
        if open > 0 && open >= plain {
            ExpositionFormat::OpenMetrics
        } else {
            ExpositionFormat::Prometheus
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            ExpositionFormat::Prometheus => prometheus_text::CONTENT_TYPE,
            ExpositionFormat::OpenMetrics => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }
}

/// A quality value in thousandths (RFC 9110 §12.4.2: from 0 to 1, with at most three digits).
fn parse_quality(text: &str) -> Option<u32> {
    let quality: f64 = text.trim().parse().ok()?;
    let is_valid = (0.0..=1.0).contains(&quality);
    is_valid.then(|| {
        (0..=1000)
            .rev()
            .find(|whole| f64::from(*whole) <= quality * 1000.0)
    })?
}

/// Encodes the current values of all metrics.
#[derive(Debug)]
pub(super) struct Exposition(Registry);

#[derive(Debug)]
struct SourcesCollector(Sources);

impl Exposition {
    pub(super) fn new(sources: Sources) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(SourcesCollector(sources)));
        Exposition(registry)
    }

    pub(super) fn encode(&self, format: ExpositionFormat) -> Result<String, fmt::Error> {
        let mut out = String::with_capacity(INITIAL_BYTES);
        match format {
            ExpositionFormat::Prometheus => prometheus_text::encode(&mut out, &self.0)?,
            ExpositionFormat::OpenMetrics => text::encode(&mut out, &self.0)?,
        }
        Ok(out)
    }
}

impl Collector for SourcesCollector {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        collect::collect(&self.0, &mut MetricsEncoder::new(encoder))
    }
}

/// The usual size of a scrape.
const INITIAL_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_from_the_accept_header() {
        let negotiate = |header: &str| ExpositionFormat::negotiate([header].into_iter());
        // Prometheus 2.42 and 3.
        let old = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(negotiate(old), ExpositionFormat::OpenMetrics);
        assert_eq!(
            negotiate("text/plain;version=0.0.4"),
            ExpositionFormat::Prometheus
        );
        assert_eq!(negotiate("*/*"), ExpositionFormat::Prometheus);
        assert_eq!(
            negotiate("text/html, */*;q=0.8"),
            ExpositionFormat::Prometheus
        );
        assert_eq!(
            negotiate("text/plain;q=0.9, application/openmetrics-text; q=0.2"),
            ExpositionFormat::Prometheus
        );
        assert_eq!(
            negotiate("application/openmetrics-text;q=0"),
            ExpositionFormat::Prometheus
        );
        assert_eq!(
            negotiate("Application/OpenMetrics-Text; q=x"),
            ExpositionFormat::OpenMetrics
        );
        assert_eq!(
            ExpositionFormat::negotiate([].into_iter()),
            ExpositionFormat::Prometheus
        );
    }
}
