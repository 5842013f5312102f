//! The series that exist: those of a page, or of a job in a Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use metrics_runtime::description::MetricKind;

use super::drops::{Dropped, Drops, stored};
use super::page::{PageError, Series, parse};
use crate::histograms::Histograms;
use crate::metric::Metric;
use crate::model::Model;

/// The series that Prometheus stores about each target, whatever is on its page: `up`, `scrape_duration_seconds`,
/// `scrape_samples_scraped`, `scrape_samples_post_metric_relabeling` and `scrape_series_added`.
pub(super) const OF_TARGET: usize = 5;

/// The series of all instances.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Real {
    /// The instances that were counted.
    pub(super) instances: usize,
    pub(super) metrics: BTreeMap<String, Counted>,
    /// The series about targets.
    pub(super) of_targets: usize,
}

/// The series of one metric.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) series: usize,
    /// The series that nothing drops.
    pub(super) left: usize,
    /// The series that each label costs.
    pub(super) costs: BTreeMap<String, usize>,
}

/// Returns the metrics that have several samples.
pub(super) fn with_samples(model: &Model) -> BTreeSet<&str> {
    let has = |metric: &&Metric| matches!(metric.kind, MetricKind::Histogram | MetricKind::Summary);
    model.metrics.iter().filter(has).map(|metric| metric.name.as_str()).collect()
}

/// Counts the series of a page, as Prometheus stores them in this form.
pub(super) fn of_page(page: &str, model: &Model, drops: &Drops, form: Histograms) -> Result<Real, PageError> {
    let nothing = Dropped::default();
    let metrics = parse(page, &with_samples(model))?.into_iter().map(|(name, series)| {
        let metric = model.metrics.iter().find(|metric| metric.name == name);
        let counted = count(&name, metric, &series, drops.get(&name).unwrap_or(&nothing), form);
        (name, counted)
    });
    Ok(Real { instances: 1, metrics: metrics.collect(), of_targets: OF_TARGET })
}

fn count(name: &str, metric: Option<&Metric>, all: &BTreeSet<Series>, dropped: &Dropped, form: Histograms) -> Counted {
    let (classic, native) = metric.map_or((true, false), |metric| stored(metric.buckets.len(), metric.native, form));
    let count = |all: &mut dyn Iterator<Item = &Series>, without: &str| {
        let all: Vec<_> = all.collect();
        let mut found = if classic { distinct(&all, without, false) } else { 0 };
        if native && !dropped.all {
            found += distinct(&all, without, true);
        }
        found
    };
    let series = count(&mut all.iter(), "");
    let labels: BTreeSet<_> = all.iter().flat_map(|series| series.labels.keys()).collect();
    let costs = labels.into_iter().map(|label| {
        let cost = match label.as_str() {
            // Without the label there are no buckets.
            "le" | "quantile" if classic => all.iter().filter(|series| series.labels.contains_key(label)).count(),
            label => series - count(&mut all.iter(), label),
        };
        (label.clone(), cost)
    });
    let left = count(&mut all.iter().filter(|series| dropped.keeps(name, series)), "");
    Counted { series, left, costs: costs.collect() }
}

/// Counts the series that differ without a label; for native histograms, also without the names and bounds of classic
/// ones.
fn distinct(all: &[&Series], without: &str, native: bool) -> usize {
    let labels = |series: &Series| {
        let labels = series.labels.iter().filter(|(label, _)| *label != without && !(native && *label == "le"));
        labels.map(|(label, value)| (label.clone(), value.clone())).collect::<Vec<_>>()
    };
    let all: BTreeSet<_> = all.iter().map(|series| ((!native).then_some(&series.name), labels(series))).collect();
    all.len()
}
