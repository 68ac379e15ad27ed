//! One family after the other, from the table of families: a name that is not in it cannot be written.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use crate::metrics::{BOUNDS, Family, Histogram, Kind};

/// Where families are written to.
pub(super) struct Sheet<'a>(DescriptorEncoder<'a>);

/// The values of a family's labels, in its order.
pub(super) type Values = Vec<String>;

/// A number; Prometheus knows but one kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(u64),
    Fraction(f64),
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        Number::Whole(whole)
    }
}

impl From<usize> for Number {
    fn from(whole: usize) -> Self {
        Number::Whole(u64::try_from(whole).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Number {
    fn from(fraction: f64) -> Self {
        Number::Fraction(fraction)
    }
}

impl From<bool> for Number {
    fn from(holds: bool) -> Self {
        Number::Whole(u64::from(holds))
    }
}

impl<'a> Sheet<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Sheet(encoder)
    }

    /// A family of a single series, or of none.
    pub(super) fn one(&mut self, family: &Family, value: impl Into<Option<Number>>) -> fmt::Result {
        self.many(family, value.into().map(|value| (Vec::new(), value)))
    }

    /// A family of counters or gauges.
    pub(super) fn many(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = (Values, Number)>,
    ) -> fmt::Result {
        let kind = match family.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let mut encoder = self
            .0
            .encode_descriptor(family.name, family.help, None, kind)?;
        for (values, number) in series {
            let labels = labels(family, values);
            let mut series = encoder.encode_family(&labels)?;
            let none = None::<&Exemplar<NoLabelSet, f64>>;
            match (family.kind, number) {
                (Kind::Counter, Number::Whole(count)) => {
                    series.encode_counter(&count, none)?;
                }
                (Kind::Counter, Number::Fraction(sum)) => {
                    series.encode_counter(&sum, none)?;
                }
                (Kind::Gauge | Kind::Histogram, Number::Whole(value)) => {
                    series.encode_gauge(&value)?;
                }
                (Kind::Gauge | Kind::Histogram, Number::Fraction(value)) => {
                    series.encode_gauge(&value)?;
                }
            }
        }
        Ok(())
    }

    /// A family of histograms.
    pub(super) fn histograms(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = (Values, Histogram)>,
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

fn labels(family: &Family, values: Values) -> Vec<(&'static str, String)> {
    debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
    family.labels.iter().copied().zip(values).collect()
}
