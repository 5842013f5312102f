//! Families of collectors of the `prometheus` crate, on the page.

use std::collections::BTreeSet;

use prometheus::proto;

#[allow(unused_imports, reason = "the form of the model decides if the trait is used")]
use super::Read as _;
use super::untyped_value;
use crate::registry::own_metrics;
use crate::schema::{Number, label, name};
use crate::visit::{FamilyRef, HistogramRef, MetricKind, Millis, SeriesRef, SummaryRef, Value, Visitor};

/// A family of a collector. No other family of the page has its sample names.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) family: proto::MetricFamily,
    is_ambiguous: bool,
}

/// Returns the families that a page can have, and the names of those that are left out because one of their sample names
/// is in `names` or is reserved for the toolkit.
pub(crate) fn select(families: Vec<proto::MetricFamily>, mut names: BTreeSet<String>) -> (Vec<Collected>, Vec<String>) {
    let all: BTreeSet<String> = families.iter().map(|family| family.name().to_owned()).collect();
    let (mut selected, mut left_out) = (Vec::new(), Vec::new());
    for family in families {
        let own_names = sample_names(&family);
        if family.name().starts_with(own_metrics::PREFIX) || own_names.iter().any(|name| names.contains(name)) {
            left_out.push(family.name().to_owned());
            continue;
        }
        // OpenMetrics names the family of a counter without `_total`, and reserves `_created` in place of it.
        let stem = name::stem(family.name());
        let is_counter = kind(&family) == MetricKind::Counter && stem != family.name();
        let is_taken = |name: &str| all.contains(name) || names.contains(name);
        let is_ambiguous = is_counter && (is_taken(stem) || is_taken(&format!("{stem}_created")));
        names.extend(own_names);
        selected.push(Collected { family, is_ambiguous });
    }
    (selected, left_out)
}

/// Returns the sample names that a collected family may write. OpenMetrics reserves `_created`.
pub(crate) fn sample_names(family: &proto::MetricFamily) -> Vec<String> {
    let name = family.name();
    let suffixes: &[&str] = match family.get_field_type() {
        proto::MetricType::HISTOGRAM => &["", "_bucket", "_sum", "_count", "_created"],
        proto::MetricType::SUMMARY => &["", "_sum", "_count", "_created"],
        _ => &[""],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

/// Returns the kind of a collected family.
pub(crate) fn kind(family: &proto::MetricFamily) -> MetricKind {
    match family.get_field_type() {
        proto::MetricType::COUNTER => MetricKind::Counter,
        proto::MetricType::GAUGE => MetricKind::Gauge,
        proto::MetricType::HISTOGRAM => MetricKind::Histogram,
        proto::MetricType::SUMMARY => MetricKind::Summary,
        proto::MetricType::UNTYPED => MetricKind::Unknown,
    }
}

/// Returns the timestamp of a metric in milliseconds since 1970. Both forms of the model have 0 if there is none.
fn timestamp(metric: &proto::Metric) -> Option<Millis> {
    Millis::try_from(metric.timestamp_ms()).ok().filter(|timestamp| *timestamp != 0)
}

/// Returns `true` if a series of the family has a timestamp.
#[cfg(feature = "push")]
pub(crate) fn has_timestamps(family: &proto::MetricFamily) -> bool {
    family.get_metric().iter().any(|metric| timestamp(metric).is_some())
}

impl Collected {
    pub(crate) fn kind(&self) -> MetricKind {
        kind(&self.family)
    }

    /// Visits the family and all of its series.
    pub(crate) fn visit<V: Visitor + ?Sized>(&self, visitor: &mut V) {
        let family = &self.family;
        let head = FamilyRef {
            name: family.name(),
            kind: self.kind(),
            help: family.help(),
            unit: None,
            places: &[],
            constant: "",
            is_ambiguous: self.is_ambiguous,
        };
        visitor.family(&head);
        for metric in family.get_metric() {
            let mut labels = String::new();
            for pair in metric.get_label() {
                label::push_pair(&mut labels, pair.name(), pair.value());
            }
            let series = SeriesRef { timestamp: timestamp(metric), ..SeriesRef::new("", &labels) };
            match head.kind {
                MetricKind::Counter => {
                    let value = metric.get_counter().get_value();
                    visitor.series(&head, &series, Value::Counter(value.into()));
                }
                MetricKind::Histogram => visit_histogram(metric.get_histogram(), &head, &series, visitor),
                MetricKind::Summary => {
                    let summary = metric.get_summary();
                    let quantiles = summary.get_quantile().iter();
                    let quantiles: Vec<_> = quantiles.map(|read| (read.quantile(), read.value())).collect();
                    let (count, sum) = (summary.sample_count(), summary.sample_sum());
                    let summary = SummaryRef { quantiles: &quantiles, count, sum };
                    visitor.series(&head, &series, Value::Summary(summary));
                }
                MetricKind::Unknown => {
                    if let Some(value) = untyped_value(metric) {
                        visitor.series(&head, &series, Value::Unknown(value.into()));
                    }
                }
                MetricKind::Gauge | MetricKind::Info => {
                    let value = Number::Float(metric.get_gauge().get_value());
                    visitor.series(&head, &series, Value::Gauge(value));
                }
            }
        }
    }
}

fn visit_histogram<V: Visitor + ?Sized>(
    histogram: &proto::Histogram,
    head: &FamilyRef<'_>,
    series: &SeriesRef<'_>,
    visitor: &mut V,
) {
    let finite = histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    let (bounds, mut cumulative): (Vec<_>, Vec<_>) =
        finite.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).unzip();
    // The total is a separate number and can be smaller than the last cumulative count, which a page must not show.
    let last = cumulative.last().copied().unwrap_or(0);
    cumulative.push(histogram.get_sample_count().max(last));
    let (bounds, cumulative, sum) = (&bounds, &cumulative, histogram.get_sample_sum());
    visitor.series(head, series, Value::Histogram(HistogramRef { bounds, cumulative, sum, native: None }));
}
