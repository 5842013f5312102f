//! No page that Prometheus refuses: whatever a program sets and its collectors give, both formats of the page are valid.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod support;

use std::collections::HashMap;

use metrics_runtime::{Descriptor, Format, Metrics, Registry};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, MetricFamily, MetricType};
use proptest::collection::vec;
use proptest::prelude::*;
use tests::page::Page;

/// A metric of the program.
#[derive(Clone, Debug)]
struct Own {
    kind: u8,
    name: String,
    help: String,
    unit: Option<String>,
    labels: Vec<String>,
    limit: Option<usize>,
    /// The label values and the value of each operation.
    operations: Vec<(String, f64)>,
}

/// A family of a collector, well formed or not.
#[derive(Clone, Debug)]
struct Foreign {
    kind: MetricType,
    name: String,
    help: String,
    series: Vec<Series>,
    /// It is in an included registry, and not a collector of its own.
    included: bool,
}

#[derive(Clone, Debug)]
struct Series {
    labels: Vec<(String, String)>,
    value: f64,
    /// Bounds of buckets with their counts, or quantiles.
    parts: Vec<(f64, u64)>,
    count: u64,
    timestamp: i64,
}

/// Few names, so that they conflict, with each other and with those of suffixes.
fn name() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b",
        "a_total",
        "a_count",
        "a_sum",
        "a_bucket",
        "a_info",
        "b_seconds",
        "b_seconds_total",
        "x_a",
        "x_a_total",
        "process_threads",
        "metrics_runtime_scrapes_total",
        "build_info",
        "_total",
        "_info",
        "",
        "A:b",
        "é",
        "a b",
        "1a",
        "http_requests_total",
    ]);
    prop_oneof![9 => word.prop_map(str::to_owned), 1 => "[a-z_:]{1,6}", 1 => any::<String>()]
}

fn label() -> impl Strategy<Value = String> {
    let word =
        prop::sample::select(vec!["a", "b", "le", "quantile", "__name__", "job", "cause", "metric", "", "é", "a-b"]);
    prop_oneof![9 => word.prop_map(str::to_owned), 1 => any::<String>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-c]{0,2}", 1 => any::<String>(), 1 => "[\"\\\\\n\r\t #{},=]{0,6}"]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![4 => (-2..5_i32).prop_map(f64::from), 1 => any::<f64>(), 1 => Just(f64::INFINITY), 1 => Just(f64::NAN)]
}

fn own() -> impl Strategy<Value = Own> {
    let unit = prop::option::of(prop_oneof![3 => Just("seconds".to_owned()), 1 => text()]);
    let operations = vec((text(), number()), 0..4);
    (0..4_u8, name(), text(), unit, vec(label(), 0..3), prop::option::of(0..2_usize), operations).prop_map(
        |(kind, name, help, unit, labels, limit, operations)| Own { kind, name, help, unit, labels, limit, operations },
    )
}

fn series() -> impl Strategy<Value = Series> {
    let part = (prop_oneof![5 => (0..5_u32).prop_map(|n| f64::from(n) / 4.0), 1 => number()], 0..4_u64);
    let timestamp = prop_oneof![3 => Just(0), 1 => any::<i64>(), 1 => Just(1_700_000_000_123)];
    (vec((label(), text()), 0..3), number(), vec(part, 0..4), 0..6_u64, timestamp, any::<bool>()).prop_map(
        |(labels, value, mut parts, count, timestamp, sorted)| {
            if sorted {
                parts.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                parts.dedup_by_key(|part| part.0.to_bits());
            }
            Series { labels, value, parts, count, timestamp }
        },
    )
}

fn foreign() -> impl Strategy<Value = Foreign> {
    let kind = prop::sample::select(vec![
        MetricType::COUNTER,
        MetricType::GAUGE,
        MetricType::HISTOGRAM,
        MetricType::SUMMARY,
        MetricType::UNTYPED,
    ]);
    (kind, name(), text(), vec(series(), 0..3), any::<bool>())
        .prop_map(|(kind, name, help, series, included)| Foreign { kind, name, help, series, included })
}

impl Own {
    /// Registers and uses the metric, unless its definition is refused.
    fn register(&self, registry: &Registry) {
        let define = |descriptor: Descriptor| {
            let descriptor = descriptor.labels(self.labels.clone());
            let descriptor = match &self.unit {
                Some(unit) => descriptor.unit(unit.clone()),
                None => descriptor,
            };
            match self.limit {
                Some(limit) => descriptor.series_limit(limit),
                None => descriptor,
            }
        };
        let (name, help) = (self.name.clone(), self.help.clone());
        let values = |value: &str| vec![value.to_owned(); self.labels.len()];
        macro_rules! each {
            ($family:expr, |$series:ident, $value:ident| $record:expr) => {
                if let Ok(family) = $family {
                    for (text, $value) in &self.operations {
                        let values = values(text);
                        let values: Vec<_> = values.iter().map(String::as_str).collect();
                        let $series = family.get_or_create(&values).unwrap();
                        $record;
                    }
                }
            };
        }
        match self.kind {
            0 => each!(registry.counter(define(Descriptor::counter(name, help))), |series, value| series.add(*value)),
            1 => each!(registry.gauge(define(Descriptor::gauge(name, help))), |series, value| series.set(*value)),
            2 => {
                let bounds: Vec<_> = self.operations.iter().map(|(_, value)| *value).collect();
                let histogram = registry.histogram(define(Descriptor::histogram(name, help, bounds)));
                each!(histogram, |series, value| series.observe(*value));
            }
            _ => each!(registry.info(define(Descriptor::info(name, help))), |series, _value| {
                let _ = series;
            }),
        }
    }
}

impl Foreign {
    fn family(&self) -> MetricFamily {
        let mut family = MetricFamily::default();
        family.set_name(self.name.clone());
        family.set_help(self.help.clone());
        family.set_field_type(self.kind);
        family.set_metric(self.series.iter().map(|series| series.metric(self.kind)).collect());
        family
    }
}

impl Series {
    fn metric(&self, kind: MetricType) -> proto::Metric {
        let mut metric = proto::Metric::default();
        let labels = self.labels.iter().map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            // Valid, but refused by the parser of these tests: it is never meant.
            let is_misplaced = match name.as_str() {
                "le" => kind != MetricType::HISTOGRAM,
                "quantile" => kind != MetricType::SUMMARY,
                _ => false,
            };
            pair.set_name(if is_misplaced { "c".to_owned() } else { name.clone() });
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
                let buckets = self.parts.iter().map(|(bound, count)| {
                    let mut bucket = proto::Bucket::default();
                    bucket.set_upper_bound(*bound);
                    bucket.set_cumulative_count(*count);
                    bucket
                });
                histogram.set_bucket(buckets.collect());
                histogram.set_sample_count(self.count);
                // Only negative bounds can have a negative sum.
                histogram.set_sample_sum(if self.value > 0.0 { self.value } else { 0.0 });
                metric.set_histogram(histogram);
            }
            MetricType::SUMMARY => {
                let mut summary = proto::Summary::default();
                let quantiles = self.parts.iter().map(|(quantile, _)| {
                    let mut of = proto::Quantile::default();
                    of.set_quantile(*quantile);
                    of.set_value(self.value);
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

/// A collector that gives one family.
struct Fixed {
    description: Desc,
    family: MetricFamily,
}

impl Collector for Fixed {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        vec![self.family.clone()]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn every_page_is_valid(
        namespace in prop_oneof![3 => Just(String::new()), 3 => Just("x".to_owned()), 1 => name()],
        constant in vec((label(), text()), 0..3),
        infos in vec((name(), vec((label(), text()), 0..3)), 0..2),
        process in any::<bool>(),
        own in vec(own(), 0..4),
        foreign in vec(foreign(), 0..4),
    ) {
        let registry = Registry::new();
        for own in &own {
            own.register(&registry);
        }
        for (i, foreign) in foreign.iter().enumerate() {
            let description = Desc::new(format!("described_{i}"), "Any.".to_owned(), vec![], HashMap::new()).unwrap();
            let collector = Box::new(Fixed { description, family: foreign.family() });
            if foreign.included {
                let included = prometheus::Registry::new();
                included.register(collector).unwrap();
                registry.include(included);
            } else {
                registry.register(collector).unwrap();
            }
        }
        let mut pages = vec![(Format::Text, registry.render())];
        let mut builder = Metrics::builder().registry(&registry).namespace(namespace);
        for (name, value) in constant {
            builder = builder.constant_label(name, value);
        }
        for (name, facts) in infos {
            // Prometheus takes `a_info_info`, the parser of these tests does not.
            builder = builder.info(name.trim_end_matches("_info"), facts);
        }
        if process {
            builder = builder.process();
        }
        // Settings that are refused say so, and the page is written without them.
        if let Ok(metrics) = builder.build().or_else(|_| Metrics::builder().registry(&registry).build()) {
            pages.extend([Format::Text, Format::OpenMetrics].map(|format| (format, metrics.render_as(format))));
        }
        for (format, text) in pages {
            let page = if format == Format::Text { Page::parse_text(&text) } else { Page::parse_openmetrics(&text) };
            prop_assert!(page.is_ok(), "{}\n{text}", page.unwrap_err());
        }
    }
}
