//! The worst-case number of series of a metric on one instance.

use std::collections::BTreeMap;

use super::drops::Dropped;
use crate::histograms::Histograms;
use crate::metric::{Metric, WorstCase};
use crate::series::{View, label_sets};

/// The numbers of values that a user expects of labels whose values are only known at run time.
pub(crate) type Values = BTreeMap<String, usize>;

/// A number of series, or the least that is possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Worst {
    pub(super) series: usize,
    /// `true` if nothing bounds it.
    pub(super) is_least: bool,
}

impl Worst {
    pub(super) fn plus(self, other: Self) -> Self {
        Self { series: self.series.saturating_add(other.series), is_least: self.is_least || other.is_least }
    }

    fn times(self, series: usize) -> Self {
        Self { series: self.series.saturating_mul(series), ..self }
    }
}

/// Returns the worst case of a metric, as it is stored in this form.
pub(super) fn worst(metric: &Metric, dropped: &Dropped, values: &Values, form: Histograms) -> Worst {
    let (case, view) = dropped.label_sets(metric);
    number(metric, &case, &view, values).times(dropped.series_of_label_set(metric, form))
}

/// Returns the worst-case number of series that a label costs, or `None` if nothing bounds it.
pub(super) fn cost(metric: &Metric, label: &str, values: &Values, form: Histograms) -> Option<usize> {
    let (nothing, all, view) = (Dropped::default(), View::default(), View::without(label));
    let with = number(metric, &label_sets(metric, &all), &all, values);
    if label == "le" {
        // Without the label there are no buckets.
        let kept = Dropped { buckets: true, ..Dropped::default() }.series_of_label_set(metric, form);
        let saved = nothing.series_of_label_set(metric, form).saturating_sub(kept);
        return (!with.is_least).then(|| with.times(saved).series);
    }
    let without = number(metric, &label_sets(metric, &view), &view, values);
    let saved = with.series.saturating_sub(without.series).saturating_mul(nothing.series_of_label_set(metric, form));
    (!with.is_least).then_some(saved)
}

/// Returns the number of label sets.
fn number(metric: &Metric, case: &WorstCase, view: &View<'_>, values: &Values) -> Worst {
    let of = |label: &str| {
        let known = metric.labels.iter().find(|other| other.name == label).and_then(|label| label.values.as_ref());
        let all = known.map(Vec::len).or(values.get(label).copied())?;
        Some(all.saturating_sub(view.values_dropped(label)))
    };
    let product = |labels: Vec<&str>| {
        labels.into_iter().try_fold(1_usize, |product, label| Some(product.saturating_mul(of(label)?)))
    };
    let combinations = || product(view.labels(metric).map(|label| label.name.as_str()).collect());
    let series = match case {
        WorstCase::Exactly(sets) => Some(*sets),
        WorstCase::Limited(sets) => Some(combinations().map_or(*sets, |expected| expected.min(*sets))),
        WorstCase::Each(sets, labels) => {
            product(labels.iter().map(String::as_str).collect()).map(|each| each.saturating_mul(*sets))
        }
        WorstCase::Unknown => combinations(),
    };
    // At least those that exist, and one of each combination.
    let least = || match case {
        WorstCase::Each(sets, _) => (*sets).max(metric.label_sets.current),
        _ => metric.label_sets.current.max(1),
    };
    Worst { series: series.unwrap_or_else(least), is_least: series.is_none() }
}
