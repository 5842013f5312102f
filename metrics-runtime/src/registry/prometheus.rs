//! Conversion to and from the data model of the `prometheus` crate.
//!
//! The model has two forms: plain structs, and generated ones if a crate in the dependency tree enables the feature
//! `protobuf`. This module uses only methods that both forms have, and bridges the two accessors that differ.

use std::collections::{BTreeSet, HashMap};

use prometheus::core::{Collector, Desc};
use prometheus::proto;

use super::own_metrics;
use crate::encode::{Format, Header, Page, Type};
use crate::family::{AnyFamily, Family, Metric, Sample};
use crate::schema::{Buckets, Descriptor, Kind, Naming, label, name};

/// Reads counters and gauges in both forms of the model: the plain one has `get_value()`, the generated one `value()`.
/// An inherent method hides the method of this trait, so each form calls its own.
#[allow(dead_code, reason = "the form of the model decides which of the two is called")]
pub(super) trait Read {
    fn value(&self) -> f64 {
        0.0
    }
    fn get_value(&self) -> f64;
}

impl Read for proto::Counter {
    fn get_value(&self) -> f64 {
        self.value()
    }
}

impl Read for proto::Gauge {
    fn get_value(&self) -> f64 {
        self.value()
    }
}

/// Reads untyped values in both forms of the model: the generated one has no method for them.
#[allow(dead_code, reason = "the form of the model decides which of the two is called")]
trait ReadUntyped {
    fn get_untyped(&self) -> NoUntyped {
        NoUntyped
    }
}

impl ReadUntyped for proto::Metric {}

struct NoUntyped;

impl NoUntyped {
    #[allow(dead_code, clippy::unused_self, reason = "the form of the model decides if it is called")]
    fn get_value(&self) -> Option<f64> {
        None
    }
}

/// Returns the value of a metric without a type, or `None` if the model has none that can be read. Some collectors
/// set a counter instead.
pub(super) fn untyped_value(metric: &proto::Metric) -> Option<f64> {
    #[allow(deprecated, clippy::useless_conversion, reason = "the form of the model decides which type it has")]
    let value: Option<f64> = metric.get_untyped().get_value().into();
    let counter = metric.get_counter().get_value();
    // 0 is the value of what is not set.
    if counter == 0.0 { value } else { value.filter(|value| *value != 0.0).or(Some(counter)) }
}

/// Returns the timestamp of a metric in milliseconds since 1970. Both forms of the model have 0 if there is none.
fn timestamp(metric: &proto::Metric) -> Option<u64> {
    u64::try_from(metric.timestamp_ms()).ok().filter(|timestamp| *timestamp != 0)
}

/// Returns `true` if a series of the family has a timestamp.
#[cfg(feature = "push")]
pub(super) fn has_timestamps(family: &proto::MetricFamily) -> bool {
    family.get_metric().iter().any(|metric| timestamp(metric).is_some())
}

/// A family can be registered with any [`prometheus::Registry`]. It has no namespace there.
impl<M: Metric> Collector for Family<M> {
    fn desc(&self) -> Vec<&Desc> {
        vec![self.desc_or_init(|| describe(self.descriptor(), &Naming::default()))]
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        vec![to_proto(self, &Naming::default())]
    }
}

/// Returns the description of a family that gets no namespace.
pub(crate) fn describe(descriptor: &Descriptor, naming: &Naming) -> Desc {
    let name = descriptor.name.to_string();
    // The `prometheus` crate rejects an empty help text, which both exposition formats allow.
    let help = if descriptor.help.is_empty() { &descriptor.name } else { &descriptor.help }.to_string();
    let labels = descriptor.labels.iter().map(ToString::to_string).collect();
    let constant = naming.constant_beside(&descriptor.labels);
    let constant: HashMap<_, _> = constant.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // `Descriptor::check` is stricter than `Desc::new`. If the two ever disagree, recording still works, with an empty
    // description.
    Desc::new(name, help, labels, constant).unwrap_or_else(|_| Desc {
        fq_name: String::new(),
        help: String::new(),
        const_label_pairs: Vec::new(),
        variable_labels: Vec::new(),
        id: 0,
        dim_hash: 0,
    })
}

/// Returns a family in the model of the `prometheus` crate. An info becomes a gauge.
pub(crate) fn to_proto(family: &dyn AnyFamily, naming: &Naming) -> proto::MetricFamily {
    let descriptor = family.descriptor();
    let mut metrics = Vec::new();
    family.visit(&mut |labels, sample| {
        let mut metric = proto::Metric::default();
        let own = labels.values(&descriptor.labels);
        let own = descriptor.labels.iter().map(AsRef::as_ref).zip(own.iter().map(AsRef::as_ref));
        let constant = naming.constant_beside(&descriptor.labels);
        let mut pairs: Vec<_> = constant.chain(own).map(|(name, value)| pair(name, value)).collect();
        // The data model requires label pairs in the order of their names.
        pairs.sort_by(|a, b| a.name().cmp(b.name()));
        metric.set_label(pairs);
        match sample {
            Sample::Counter(number) => {
                let mut counter = proto::Counter::default();
                counter.set_value(number.as_f64());
                metric.set_counter(counter);
            }
            Sample::Gauge(value) => metric.set_gauge(gauge(value)),
            Sample::Info => metric.set_gauge(gauge(1.0)),
            Sample::Histogram(read) => {
                let mut histogram = proto::Histogram::default();
                let buckets = family.bounds().iter().zip(&read.cumulative).map(|(bound, count)| {
                    let mut bucket = proto::Bucket::default();
                    bucket.set_upper_bound(*bound);
                    bucket.set_cumulative_count(*count);
                    bucket
                });
                histogram.set_bucket(buckets.collect());
                histogram.set_sample_sum(read.sum);
                histogram.set_sample_count(read.cumulative.last().copied().unwrap_or(0));
                metric.set_histogram(histogram);
            }
        }
        metrics.push(metric);
    });
    let mut out = proto::MetricFamily::default();
    out.set_name(format!("{}{}", family.prefix(naming), descriptor.name));
    out.set_help(descriptor.help.to_string());
    out.set_field_type(match descriptor.kind {
        Kind::Counter => proto::MetricType::COUNTER,
        Kind::Gauge | Kind::Info => proto::MetricType::GAUGE,
        Kind::Histogram => proto::MetricType::HISTOGRAM,
    });
    out.set_metric(metrics);
    out
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn gauge(value: f64) -> proto::Gauge {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    gauge
}

/// Returns the sample names that a collected family may write. OpenMetrics reserves `_created`.
pub(super) fn sample_names(family: &proto::MetricFamily) -> Vec<String> {
    let name = family.name();
    let suffixes: &[&str] = match family.get_field_type() {
        proto::MetricType::HISTOGRAM => &["", "_bucket", "_sum", "_count", "_created"],
        proto::MetricType::SUMMARY => &["", "_sum", "_count", "_created"],
        _ => &[""],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

/// Writes the collected families onto the page, and returns the names of those that are left out because one of their
/// sample names is in `names` or is reserved for the toolkit.
pub(super) fn write_all<'f>(
    page: &mut Page,
    families: &'f [proto::MetricFamily],
    mut names: BTreeSet<String>,
) -> Vec<&'f str> {
    let collected: BTreeSet<&str> = families.iter().map(proto::MetricFamily::name).collect();
    let mut left_out = Vec::new();
    for family in families {
        let own_names = sample_names(family);
        if family.name().starts_with(own_metrics::PREFIX) || own_names.iter().any(|name| names.contains(name)) {
            left_out.push(family.name());
            continue;
        }
        // OpenMetrics names the family of a counter without `_total`, and reserves `_created` in place of it. If another
        // family has such a name, the counter keeps its own name and loses its type.
        let stem = name::stem(family.name());
        let is_counter = kind(family) == Type::Counter && stem != family.name();
        let is_taken = |name: &str| collected.contains(name) || names.contains(name);
        let is_untyped = is_counter && (is_taken(stem) || is_taken(&format!("{stem}_created")));
        write(family, page, page.format() == Format::OpenMetrics && is_untyped);
        names.extend(own_names);
    }
    left_out
}

/// Returns the kind of a collected family.
pub(super) fn kind(family: &proto::MetricFamily) -> Type {
    match family.get_field_type() {
        proto::MetricType::COUNTER => Type::Counter,
        proto::MetricType::GAUGE => Type::Gauge,
        proto::MetricType::HISTOGRAM => Type::Histogram,
        proto::MetricType::SUMMARY => Type::Summary,
        proto::MetricType::UNTYPED => Type::Unknown,
    }
}

/// Writes a collected family, without its type if `untyped` is `true`.
fn write(family: &proto::MetricFamily, page: &mut Page, untyped: bool) {
    let kind = if untyped { Type::Unknown } else { kind(family) };
    page.family(Header { name: family.name(), kind, help: family.help(), unit: None, constant: "" });
    for metric in family.get_metric() {
        let mut labels = String::new();
        for pair in metric.get_label() {
            label::push_pair(&mut labels, pair.name(), pair.value());
        }
        page.timestamp(timestamp(metric));
        match family.get_field_type() {
            proto::MetricType::GAUGE => page.sample(&labels, metric.get_gauge().get_value().into()),
            proto::MetricType::HISTOGRAM => {
                let histogram = metric.get_histogram();
                let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
                let (bounds, mut cumulative): (Vec<_>, Vec<_>) =
                    finite.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).unzip();
                // The total is a separate number and can be smaller than the last cumulative count, which a page must
                // not show.
                let last = cumulative.last().copied().unwrap_or(0);
                cumulative.push(histogram.get_sample_count().max(last));
                page.bounds(&bounds);
                page.histogram(&labels, |read| *read = Buckets { cumulative, sum: histogram.get_sample_sum() });
            }
            proto::MetricType::SUMMARY => {
                let summary = metric.get_summary();
                let quantiles: Vec<_> =
                    summary.get_quantile().iter().map(|quantile| (quantile.quantile(), quantile.value())).collect();
                page.summary(&labels, &quantiles, summary.sample_count(), summary.sample_sum());
            }
            proto::MetricType::COUNTER => page.sample(&labels, metric.get_counter().get_value().into()),
            proto::MetricType::UNTYPED => {
                if let Some(value) = untyped_value(metric) {
                    page.sample(&labels, value.into());
                }
            }
        }
    }
}
