//! The protobuf format of Prometheus: messages `MetricFamily`, each after its length.
//!
//! Source: [`io.prometheus.client`](https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto).
//! The numbers of fields below are those of the messages there. Names are those of the text format 0.0.4, and an info is
//! a gauge. Native histograms are in no other format.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Extent, Layout, Message, PageWriter};
use crate::exemplars::StoredExemplar;
use crate::visit::{FamilyRef, HistogramRef, MetricKind, Number, SeriesRef, SummaryRef, Value, Visitor};

/// A page of messages while it is written. As in Go's client, it has no families without series.
#[derive(Debug)]
pub(crate) struct ProtobufPage {
    out: Vec<u8>,
    layout: Layout,
    /// The start of the current family, and `true` if it has series.
    family: Option<(usize, bool)>,
}

impl ProtobufPage {
    /// Creates an empty page, with memory for families of these sizes.
    pub(crate) fn new(families: impl Iterator<Item = Extent>) -> Self {
        Self { out: Vec::with_capacity(families.map(len).sum()), layout: Layout::default(), family: None }
    }

    fn end_family(&mut self) {
        match self.family.take() {
            Some((start, true)) => Message::new(&mut self.out).end(start),
            Some((start, false)) => {
                self.out.truncate(start);
                self.layout.drop_last();
            }
            None => {}
        }
    }
}

impl Visitor for ProtobufPage {
    fn family(&mut self, family: &FamilyRef<'_>) {
        self.end_family();
        self.family = Some((self.out.len(), false));
        self.layout.start(family.name, self.out.len());
        let mut message = Message::new(&mut self.out);
        message.start();
        message.string(1, family.name);
        message.string(2, family.help);
        message.uint(
            3,
            match family.kind {
                MetricKind::Counter => 0,
                MetricKind::Gauge | MetricKind::Info => 1,
                MetricKind::Summary => 2,
                MetricKind::Unknown => 3,
                MetricKind::Histogram => 4,
            },
        );
        if let Some(unit) = family.unit {
            message.string(5, unit);
        }
    }

    fn series(&mut self, _: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        if let Some((_, has_series)) = &mut self.family {
            *has_series = true;
        }
        self.layout.samples += match value {
            Value::Histogram(histogram) => histogram.cumulative.len() as u64 + 2,
            Value::Summary(summary) => summary.quantiles.len() as u64 + 2,
            _ => 1,
        };
        Message::new(&mut self.out).message(4, |metric| {
            let mut labels: Vec<_> = series.labels().collect();
            // Consumers may expect the order of Go's client.
            labels.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in labels {
                metric.label(1, name, &value);
            }
            match value {
                Value::Gauge(value) => metric.message(2, |gauge| gauge.number(1, value)),
                Value::Info => metric.message(2, |gauge| gauge.double(1, 1.0)),
                Value::Counter(value) => metric.message(3, |counter| {
                    counter.number(1, value);
                    if let Some(Some(exemplar)) = series.exemplars.first() {
                        counter.message(2, |message| message.exemplar(exemplar));
                    }
                    counter.created(3, series);
                }),
                Value::Summary(summary) => metric.message(4, |message| message.summary(series, summary)),
                Value::Unknown(value) => metric.message(5, |untyped| untyped.number(1, value)),
                Value::Histogram(histogram) => metric.message(7, |message| message.histogram(series, histogram)),
            }
            if let Some(timestamp) = series.timestamp {
                metric.uint(6, timestamp);
            }
        });
    }
}

impl PageWriter for ProtobufPage {
    fn finish(mut self) -> (Vec<u8>, Layout) {
        self.end_family();
        self.layout.finish(self.out.len());
        (self.out, self.layout)
    }
}

/// Returns an upper estimate of the bytes of a family.
fn len(family: Extent) -> usize {
    /// The bytes of a family beside its name and help, of a series beside its labels, and of a bucket.
    const HEADER: usize = 512;
    const SERIES: usize = 64;
    const BUCKET: usize = 24;
    HEADER + family.labels + family.series * (family.constant + SERIES + family.buckets * BUCKET)
}

impl Message<'_> {
    fn number(&mut self, field: u32, value: Number) {
        self.double(field, value.as_f64());
    }

    fn time(&mut self, field: u32, time: SystemTime) {
        // A time before 1970 is one of a wrong clock.
        let Ok(since) = time.duration_since(UNIX_EPOCH) else { return };
        self.message(field, |timestamp| {
            timestamp.uint(1, since.as_secs());
            timestamp.uint(2, since.subsec_nanos().into());
        });
    }

    fn created(&mut self, field: u32, series: &SeriesRef<'_>) {
        if let Some(created) = series.created() {
            self.time(field, created);
        }
    }

    fn exemplar(&mut self, StoredExemplar { exemplar, value, time }: &StoredExemplar) {
        for (name, value) in exemplar.labels() {
            self.label(1, &name, &value);
        }
        self.double(2, *value);
        self.time(3, *time);
    }

    fn summary(&mut self, series: &SeriesRef<'_>, summary: SummaryRef<'_>) {
        self.uint(1, summary.count);
        self.double(2, summary.sum);
        for (quantile, value) in summary.quantiles {
            self.message(3, |message| {
                message.double(1, *quantile);
                message.double(2, *value);
            });
        }
        self.created(4, series);
    }

    fn histogram(&mut self, series: &SeriesRef<'_>, histogram: HistogramRef<'_>) {
        self.uint(1, histogram.count());
        self.double(2, histogram.sum);
        for (i, (bound, count)) in histogram.buckets().enumerate() {
            let exemplar = series.exemplars.get(i).and_then(Option::as_ref);
            // A histogram without classic buckets has `+Inf` only for its exemplar.
            if histogram.bounds.is_empty() && histogram.native.is_some() && exemplar.is_none() {
                continue;
            }
            self.message(3, |bucket| {
                bucket.uint(1, count);
                bucket.double(2, bound);
                if let Some(exemplar) = exemplar {
                    bucket.message(3, |message| message.exemplar(exemplar));
                }
            });
        }
        if let Some(native) = histogram.native {
            self.native(5, native);
            if native.negative.is_empty() && native.positive.is_empty() {
                // An empty span tells a native histogram without observations from a classic one.
                self.span(12, 0, 0);
            }
        }
        self.created(15, series);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::schema::NativeBuckets;

    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    struct Span {
        #[prost(sint32, required, tag = "1")]
        offset: i32,
        #[prost(uint32, required, tag = "2")]
        length: u32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Histogram {
        #[prost(uint64, required, tag = "1")]
        count: u64,
        #[prost(double, required, tag = "2")]
        sum: f64,
        #[prost(bytes = "vec", repeated, tag = "3")]
        buckets: Vec<Vec<u8>>,
        #[prost(sint32, optional, tag = "5")]
        schema: Option<i32>,
        #[prost(double, optional, tag = "6")]
        zero_threshold: Option<f64>,
        #[prost(uint64, optional, tag = "7")]
        zero_count: Option<u64>,
        #[prost(message, repeated, tag = "9")]
        negative_spans: Vec<Span>,
        #[prost(sint64, repeated, tag = "10")]
        negative_deltas: Vec<i64>,
        #[prost(message, repeated, tag = "12")]
        positive_spans: Vec<Span>,
        #[prost(sint64, repeated, tag = "13")]
        positive_deltas: Vec<i64>,
    }

    fn encoded(bounds: &[f64], cumulative: &[u64], native: Option<&NativeBuckets>) -> Histogram {
        let mut out = Vec::new();
        let histogram = HistogramRef { bounds, cumulative, sum: 1.5, native };
        Message::new(&mut out).histogram(&SeriesRef::new("", ""), histogram);
        Histogram::decode(&*out).unwrap()
    }

    /// Reads buckets as Prometheus does.
    fn buckets(spans: &[Span], deltas: &[i64]) -> Vec<(i32, u64)> {
        let (mut index, mut count, mut deltas) = (0, 0_i64, deltas.iter());
        let mut buckets = Vec::new();
        for span in spans {
            index += span.offset;
            for _ in 0..span.length {
                count = count.wrapping_add(*deltas.next().expect("a delta for each bucket"));
                buckets.push((index, count.cast_unsigned()));
                index += 1;
            }
        }
        assert_eq!(deltas.next(), None);
        buckets.retain(|(_, count)| *count > 0);
        buckets
    }

    #[test]
    fn native_buckets_are_spans_and_deltas() {
        let positive = vec![(-3, 2), (-2, 5), (1, 1), (5, 4)];
        let native =
            NativeBuckets { schema: 3, zero_threshold: 1e-9, zero_count: 7, positive, negative: vec![(40, 9)] };
        let read = encoded(&[0.5], &[3, 28], Some(&native));
        assert_eq!((read.count, read.sum, read.buckets.len()), (28, 1.5, 2));
        assert_eq!((read.schema, read.zero_threshold, read.zero_count), (Some(3), Some(1e-9), Some(7)));
        // Two empty buckets take less than a span, three do not.
        let span = |offset, length| Span { offset, length };
        assert_eq!(read.positive_spans, [span(-3, 5), span(3, 1)]);
        assert_eq!(read.positive_deltas, [2, 3, -5, 0, 1, 3]);
        assert_eq!((&*read.negative_spans, &*read.negative_deltas), (&[span(40, 1)][..], &[9][..]));
    }

    #[test]
    fn a_native_histogram_without_observations_is_not_a_classic_one() {
        let empty = NativeBuckets { schema: 3, zero_threshold: 1e-9, ..NativeBuckets::default() };
        let read = encoded(&[], &[0], Some(&empty));
        assert_eq!(read.positive_spans, [Span { offset: 0, length: 0 }]);
        assert!(read.buckets.is_empty() && read.positive_deltas.is_empty());
        assert_eq!(encoded(&[], &[0], None).buckets.len(), 1, "a classic one has `+Inf`");
        assert_eq!(encoded(&[], &[0], None).schema, None);
    }

    fn any_buckets() -> impl Strategy<Value = Vec<(i32, u64)>> {
        let count = prop_oneof![4 => 1..100_u64, 1 => 1..=u64::MAX];
        prop::collection::btree_map(prop_oneof![-40..40, -300_000..300_000], count, 0..40)
            .prop_map(|buckets| buckets.into_iter().collect())
    }

    proptest! {
        #[test]
        fn all_native_buckets_are_read_back(positive in any_buckets(), negative in any_buckets()) {
            let native = NativeBuckets { positive, negative, ..NativeBuckets::default() };
            let read = encoded(&[], &[1], Some(&native));
            prop_assert_eq!(buckets(&read.positive_spans, &read.positive_deltas), native.positive);
            prop_assert_eq!(buckets(&read.negative_spans, &read.negative_deltas), native.negative);
        }
    }
}
