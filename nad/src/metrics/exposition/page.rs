//! Writes metrics one by one.

use std::fmt;

use prometheus_client::{
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric, MetricEncoder, NoLabelSet,
    },
    metrics::{MetricType, exemplar::Exemplar, histogram::Histogram},
};

/// A counter has no example here.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, u64>> = None;

/// A page that grows.
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// What only grows; the encoder adds `_total` to its name.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: impl EncodeCounterValue) -> fmt::Result {
        self.describe(name, help, MetricType::Counter)?.encode_counter(&value, NO_EXEMPLAR)
    }

    /// The same for each value of a label; nothing at all where there are none.
    pub(super) fn counters<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> fmt::Result {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return Ok(());
        }
        let mut encoder = self.describe(name, help, MetricType::Counter)?;
        values.try_for_each(|(of, value)| {
            encoder.encode_family(&[(label, of)])?.encode_counter(&value, NO_EXEMPLAR)
        })
    }

    /// What grows and shrinks.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.describe(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    /// The same for each value of a label.
    pub(super) fn gauges<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.describe(name, help, MetricType::Gauge)?;
        values
            .into_iter()
            .try_for_each(|(of, value)| encoder.encode_family(&[(label, of)])?.encode_gauge(&value))
    }

    /// What never changes; the encoder adds `_info` to its name.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) -> fmt::Result {
        self.describe(name, help, MetricType::Info)?.encode_info(&labels)
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        histogram.encode(self.describe(name, help, MetricType::Histogram)?)
    }

    fn describe<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}
