//! The checks of families that collectors of the `prometheus` crate give: no page may have one that scrapers cannot read,
//! or would misread.

use std::collections::BTreeSet;

use prometheus::proto::{Histogram, Metric, MetricFamily, MetricType, Quantile, Summary};

#[allow(unused_imports, reason = "the form of the model decides if the trait is used")]
use super::prometheus::Read as _;
use super::prometheus::untyped_value;
use crate::schema::name;

/// Returns the problem of a collected family that scrapers could not read or would misread, or `None` if it has none.
pub(super) fn problem(family: &MetricFamily) -> Option<&'static str> {
    let own = match family.get_field_type() {
        MetricType::HISTOGRAM => "le",
        MetricType::SUMMARY => "quantile",
        _ => "",
    };
    if !name::is_word(family.name(), true) {
        return Some("the name is not a valid metric name");
    }
    if matches!(family.get_field_type(), MetricType::COUNTER) && name::stem(family.name()).is_empty() {
        return Some("the name of the counter has nothing before `_total`");
    }
    let mut series = BTreeSet::new();
    for metric in family.get_metric() {
        // Prometheus refuses a page of the text format with a negative number there.
        if metric.timestamp_ms() < 0 {
            return Some("a timestamp is before 1970");
        }
        let mut labels: Vec<_> = metric.get_label().iter().map(|pair| (pair.name(), pair.value())).collect();
        let is_valid = |label: &str| name::is_word(label, false) && label != own && !label.starts_with("__");
        if !labels.iter().all(|(label, _)| is_valid(label)) {
            return Some("a label name is not valid, or is reserved");
        }
        labels.sort_unstable();
        if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Some("a series has the same label twice");
        }
        // To Prometheus, a label without a value is no label.
        labels.retain(|(_, value)| !value.is_empty());
        if !series.insert(labels) {
            return Some("the same series occurs twice");
        }
        let problem = match family.get_field_type() {
            MetricType::COUNTER => counter_problem(metric),
            MetricType::HISTOGRAM => histogram_problem(metric.get_histogram()),
            MetricType::SUMMARY => summary_problem(metric.get_summary()),
            MetricType::GAUGE => None,
            MetricType::UNTYPED if untyped_value(metric).is_some() => None,
            MetricType::UNTYPED => Some("an untyped value cannot be read with the feature `protobuf` of `prometheus`"),
        };
        if problem.is_some() {
            return problem;
        }
    }
    None
}

fn counter_problem(metric: &Metric) -> Option<&'static str> {
    let value = metric.get_counter().get_value();
    // NaN is neither.
    if value >= 0.0 { None } else { Some("a counter is negative or not a number") }
}

fn histogram_problem(histogram: &Histogram) -> Option<&'static str> {
    let buckets = histogram.get_bucket();
    if buckets.iter().any(|bucket| bucket.upper_bound().is_nan()) {
        return Some("a bound of a histogram is not a number");
    }
    if buckets.windows(2).any(|pair| pair[0].upper_bound() >= pair[1].upper_bound()) {
        return Some("the bounds of a histogram are not in ascending order, or one occurs twice");
    }
    if buckets.windows(2).any(|pair| pair[0].cumulative_count() > pair[1].cumulative_count()) {
        return Some("the cumulative buckets of a histogram fall");
    }
    None
}

fn summary_problem(summary: &Summary) -> Option<&'static str> {
    let mut quantiles: Vec<_> = summary.get_quantile().iter().map(Quantile::quantile).collect();
    if quantiles.iter().any(|quantile| !(0.0..=1.0).contains(quantile)) {
        return Some("a quantile of a summary is not between 0 and 1");
    }
    quantiles.sort_by(f64::total_cmp);
    #[expect(clippy::float_cmp, reason = "equal quantiles are the same label")]
    if quantiles.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some("a summary has the same quantile twice");
    }
    None
}
