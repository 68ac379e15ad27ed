//! Encodes metric families. A [`Family`] comes from the table of families, so no other name can be written.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use crate::metrics::{BOUNDS, Family, Histogram, MetricKind};

pub(super) struct MetricsEncoder<'a>(DescriptorEncoder<'a>);

/// The values of a family's labels, in the order of its label names.
pub(super) type LabelValues = Vec<String>;

#[derive(Debug, Clone, Copy)]
pub(super) enum MetricValue {
    Integer(u64),
    Float(f64),
}

impl From<u64> for MetricValue {
    fn from(integer: u64) -> Self {
        MetricValue::Integer(integer)
    }
}

impl From<usize> for MetricValue {
    fn from(integer: usize) -> Self {
        MetricValue::Integer(u64::try_from(integer).unwrap_or(u64::MAX))
    }
}

impl From<f64> for MetricValue {
    fn from(float: f64) -> Self {
        MetricValue::Float(float)
    }
}

impl From<bool> for MetricValue {
    fn from(holds: bool) -> Self {
        MetricValue::Integer(u64::from(holds))
    }
}

impl<'a> MetricsEncoder<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        MetricsEncoder(encoder)
    }

    /// Encodes a family without labels, of one series or none.
    pub(super) fn one(
        &mut self,
        family: &Family,
        value: impl Into<Option<MetricValue>>,
    ) -> fmt::Result {
        self.many(family, value.into().map(|value| (Vec::new(), value)))
    }

    /// Encodes a family of counters or gauges.
    pub(super) fn many(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = (LabelValues, MetricValue)>,
    ) -> fmt::Result {
        let kind = match family.kind {
            MetricKind::Counter => MetricType::Counter,
            MetricKind::Gauge => MetricType::Gauge,
            MetricKind::Histogram => MetricType::Histogram,
        };
        let mut encoder = self
            .0
            .encode_descriptor(family.name, family.help, None, kind)?;
        for (values, value) in series {
            let labels = labels(family, values);
            let mut series = encoder.encode_family(&labels)?;
            let exemplar = None::<&Exemplar<NoLabelSet, f64>>;
            match (family.kind, value) {
                (MetricKind::Counter, MetricValue::Integer(count)) => {
                    series.encode_counter(&count, exemplar)?;
                }
                (MetricKind::Counter, MetricValue::Float(sum)) => {
                    series.encode_counter(&sum, exemplar)?;
                }
                (MetricKind::Gauge | MetricKind::Histogram, MetricValue::Integer(value)) => {
                    series.encode_gauge(&value)?;
                }
                (MetricKind::Gauge | MetricKind::Histogram, MetricValue::Float(value)) => {
                    series.encode_gauge(&value)?;
                }
            }
        }
        Ok(())
    }

    /// Encodes a family of histograms.
    pub(super) fn histograms(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = (LabelValues, Histogram)>,
    ) -> fmt::Result {
        let (name, help) = (family.name, family.help);
        let mut encoder = self
            .0
            .encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (values, histogram) in series {
            let bounds = BOUNDS.iter().map(|(_, seconds)| *seconds);
            let bounds = bounds.chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(histogram.buckets).collect();
            let labels = labels(family, values);
            let mut series = encoder.encode_family(&labels)?;
            let count = histogram.count();
            series.encode_histogram::<NoLabelSet>(histogram.seconds, count, &buckets, None)?;
        }
        Ok(())
    }
}

fn labels(family: &Family, values: LabelValues) -> Vec<(&'static str, String)> {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    family.labels.iter().copied().zip(values).collect()
}
