//! `/metrics`, in the form that the scraper asks for. The encoders are prometheus-client's.

mod figures;
mod sheet;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::Sources;
use sheet::Sheet;

/// The two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Prometheus's own, 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Form {
    /// OpenMetrics for whoever names it and does not like the other better; Prometheus's form else, also for
    /// browsers and curl.
    pub(super) fn accepted<'a>(headers: impl Iterator<Item = &'a str>) -> Form {
        let (mut open, mut other) = (0, 0);
        for range in headers.flat_map(|header| header.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let quality = parts
                .filter_map(|part| part.strip_prefix("q="))
                .find_map(thousandths);
            let quality = quality.unwrap_or(1000);
            match name.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => open = open.max(quality),
                "text/plain" => other = other.max(quality),
                _ => {}
            }
        }
        if open > 0 && open >= other {
            Form::OpenMetrics
        } else {
            Form::Prometheus
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Form::Prometheus => prometheus_text::CONTENT_TYPE,
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// RFC 9110 §12.4.2: from 0 to 1, with at most three digits.
fn thousandths(text: &str) -> Option<u32> {
    let quality: f64 = text.trim().parse().ok()?;
    let known = (0.0..=1.0).contains(&quality);
    known.then(|| {
        (0..=1000)
            .rev()
            .find(|whole| f64::from(*whole) <= quality * 1000.0)
    })?
}

/// Writes everything that is known at the moment.
#[derive(Debug)]
pub(super) struct Exposition(Registry);

#[derive(Debug)]
struct Everything(Sources);

impl Exposition {
    pub(super) fn of(sources: Sources) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Everything(sources)));
        Exposition(registry)
    }

    pub(super) fn written(&self, form: Form) -> Result<String, fmt::Error> {
        let mut out = String::with_capacity(USUAL_BYTES);
        match form {
            Form::Prometheus => prometheus_text::encode(&mut out, &self.0)?,
            Form::OpenMetrics => text::encode(&mut out, &self.0)?,
        }
        Ok(out)
    }
}

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        figures::write(&self.0, &mut Sheet::new(encoder))
    }
}

const USUAL_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_asked_for() {
        let asked = |header: &str| Form::accepted([header].into_iter());
        // Prometheus 2.42 and 3.
        let old = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(asked(old), Form::OpenMetrics);
        assert_eq!(asked("text/plain;version=0.0.4"), Form::Prometheus);
        assert_eq!(asked("*/*"), Form::Prometheus);
        assert_eq!(asked("text/html, */*;q=0.8"), Form::Prometheus);
        assert_eq!(
            asked("text/plain;q=0.9, application/openmetrics-text; q=0.2"),
            Form::Prometheus
        );
        assert_eq!(asked("application/openmetrics-text;q=0"), Form::Prometheus);
        assert_eq!(
            asked("Application/OpenMetrics-Text; q=x"),
            Form::OpenMetrics
        );
        assert_eq!(Form::accepted([].into_iter()), Form::Prometheus);
    }
}
