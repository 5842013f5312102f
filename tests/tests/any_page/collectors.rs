//! Collectors of the `prometheus` crate: its own metrics, and any family that a collector could give.

use std::collections::HashMap;

use metrics_runtime::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, MetricFamily, MetricType};
use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tests::collector::Fixed;

use crate::words::{bound, count, label, labels, name, number, text};

/// A collector, and the way in which the program adds it.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    kind: Kind,
    /// The prefix and the labels of the registry that is included; without them, the collector is registered.
    included: Option<(String, Vec<(String, String)>)>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Gives these families, well formed or not.
    Families(Vec<Family>),
    /// A metric of the `prometheus` crate.
    Metric(Metric),
}

#[derive(Clone, Debug)]
struct Family {
    kind: MetricType,
    name: String,
    help: String,
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    labels: Vec<(String, String)>,
    value: f64,
    /// Bounds of buckets with their counts, or quantiles with values.
    parts: Vec<(f64, u64, f64)>,
    count: u64,
    timestamp: i64,
}

#[derive(Clone, Debug)]
struct Metric {
    kind: u8,
    namespace: String,
    name: String,
    help: String,
    constant: Vec<(String, String)>,
    labels: Vec<String>,
    operations: Vec<(String, f64)>,
}

fn series() -> impl Strategy<Value = Series> {
    let timestamp = prop_oneof![6 => Just(0), 1 => any::<i64>(), 1 => Just(1_700_000_000_123)];
    let parts = vec((bound(), count(), number()), 0..4);
    (labels(), number(), parts, count(), timestamp, any::<bool>()).prop_map(
        |(labels, value, mut parts, count, timestamp, is_sorted)| {
            if is_sorted {
                parts.sort_by(|a, b| a.0.total_cmp(&b.0));
                parts.dedup_by_key(|part| part.0.to_bits());
                let mut counts: Vec<_> = parts.iter().map(|part| part.1).collect();
                counts.sort_unstable();
                parts.iter_mut().zip(counts).for_each(|(part, count)| part.1 = count);
            }
            Series { labels, value, parts, count, timestamp }
        },
    )
}

fn family() -> impl Strategy<Value = Family> {
    let kind = select(vec![
        MetricType::COUNTER,
        MetricType::GAUGE,
        MetricType::HISTOGRAM,
        MetricType::SUMMARY,
        MetricType::UNTYPED,
    ]);
    (kind, name(), text(), vec(series(), 0..3)).prop_map(|(kind, name, help, series)| Family {
        kind,
        name,
        help,
        series,
    })
}

fn metric() -> impl Strategy<Value = Metric> {
    let namespace = prop_oneof![2 => Just(String::new()), 1 => name()];
    (0..3_u8, namespace, name(), text(), labels(), vec(label(), 0..3), vec((text(), number()), 0..4)).prop_map(
        |(kind, namespace, name, help, constant, labels, operations)| Metric {
            kind,
            namespace,
            name,
            help,
            constant,
            labels,
            operations,
        },
    )
}

pub(crate) fn foreign() -> impl Strategy<Value = Foreign> {
    let kind = prop_oneof![3 => vec(family(), 1..3).prop_map(Kind::Families), 1 => metric().prop_map(Kind::Metric)];
    let included = prop_oneof![3 => Just(None), 1 => (name(), labels()).prop_map(Some)];
    (kind, included).prop_map(|(kind, included)| Foreign { kind, included })
}

impl Foreign {
    /// Adds the collector, unless the `prometheus` crate refuses it.
    pub(crate) fn add(&self, registry: &Registry) {
        let Some(collector) = self.collector() else { return };
        let Some((prefix, labels)) = &self.included else {
            let _ = registry.register(collector);
            return;
        };
        let prefix = Some(prefix.clone()).filter(|prefix| !prefix.is_empty());
        let labels: HashMap<_, _> = labels.iter().cloned().collect();
        let included = prometheus::Registry::new_custom(prefix, Some(labels)).expect("a prefix is not empty");
        if included.register(collector).is_ok() {
            registry.include(included);
        }
    }

    fn collector(&self) -> Option<Box<dyn Collector>> {
        match &self.kind {
            Kind::Families(families) => {
                let id = format!("described_{:p}", &raw const *families);
                let description = Desc::new(id, "Any.".to_owned(), vec![], HashMap::new()).expect("valid");
                let families = families.iter().map(Family::proto).collect();
                Some(Box::new(Fixed { description, families }))
            }
            Kind::Metric(metric) => metric.collector(),
        }
    }
}

impl Metric {
    fn collector(&self) -> Option<Box<dyn Collector>> {
        let labels: Vec<_> = self.labels.iter().map(String::as_str).collect();
        let constant: HashMap<_, _> = self.constant.iter().cloned().collect();
        let opts = Opts::new(&self.name, &self.help).namespace(&self.namespace).const_labels(constant);
        // Each label has the same value.
        let each = |record: &dyn Fn(&[&str], f64)| {
            for (text, value) in &self.operations {
                record(&vec![text.as_str(); labels.len()], *value);
            }
        };
        match self.kind {
            0 => {
                let counters = CounterVec::new(opts, &labels).ok()?;
                // The crate panics at other amounts, with debug assertions.
                each(&|values, value| counters.with_label_values(values).inc_by(value.max(0.0)));
                Some(Box::new(counters))
            }
            1 => {
                let gauges = GaugeVec::new(opts, &labels).ok()?;
                each(&|values, value| gauges.with_label_values(values).set(value));
                Some(Box::new(gauges))
            }
            // The crate panics at the first observation of such a histogram.
            _ if labels.contains(&"le") || self.constant.iter().any(|(label, _)| label == "le") => None,
            _ => {
                let histograms = HistogramVec::new(HistogramOpts::from(opts), &labels).ok()?;
                each(&|values, value| histograms.with_label_values(values).observe(value));
                Some(Box::new(histograms))
            }
        }
    }
}

impl Family {
    fn proto(&self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.clone());
        family.set_help(self.help.clone());
        family.set_field_type(self.kind);
        family.set_metric(self.series.iter().map(|series| series.proto(self.kind)).collect());
        family
    }
}

impl Series {
    fn proto(&self, kind: MetricType) -> proto::Metric {
        let mut metric = proto::Metric::default();
        let labels = self.labels.iter().map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name(name.clone());
            pair.set_value(value.clone());
            pair
        });
        metric.set_label(labels.collect());
        metric.set_timestamp_ms(self.timestamp);
        match kind {
            MetricType::GAUGE => {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(self.value);
                metric.set_gauge(gauge);
            }
            MetricType::HISTOGRAM => {
                let mut histogram = proto::Histogram::default();
                let buckets = self.parts.iter().map(|(bound, count, _)| {
                    let mut bucket = proto::Bucket::default();
                    bucket.set_upper_bound(*bound);
                    bucket.set_cumulative_count(*count);
                    bucket
                });
                histogram.set_bucket(buckets.collect());
                histogram.set_sample_count(self.count);
                histogram.set_sample_sum(self.value);
                metric.set_histogram(histogram);
            }
            MetricType::SUMMARY => {
                let mut summary = proto::Summary::default();
                let quantiles = self.parts.iter().map(|(quantile, _, value)| {
                    let mut of = proto::Quantile::default();
                    of.set_quantile(*quantile);
                    of.set_value(*value);
                    of
                });
                summary.set_quantile(quantiles.collect());
                summary.set_sample_count(self.count);
                summary.set_sample_sum(self.value);
                metric.set_summary(summary);
            }
            MetricType::COUNTER | MetricType::UNTYPED => {
                let mut counter = proto::Counter::default();
                counter.set_value(self.value);
                metric.set_counter(counter);
            }
        }
        metric
    }
}
