//! The series that a user chooses to drop.

use std::collections::BTreeMap;

use metrics_runtime::description::{LabelDescription, MetricKind};

use super::page::Series;
use crate::document::number;
use crate::error::nearest;
use crate::histograms::{Histograms, bound};
use crate::metric::{Metric, WorstCase};
use crate::model::Model;
use crate::promql::{Compare, Matcher, matcher};
use crate::series::{View, label_sets, series_of_label_set};

/// The series of one metric that are dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dropped {
    /// `true` if no series is left.
    pub(super) all: bool,
    /// `true` if no classic bucket is left.
    pub(super) buckets: bool,
    /// The bounds of classic buckets.
    pub(super) bounds: Vec<f64>,
    /// Values of labels.
    pub(super) values: Vec<(String, String)>,
}

/// The dropped series of each metric.
pub(super) type Drops = BTreeMap<String, Dropped>;

/// Reads what is to be dropped.
///
/// # Errors
/// Returns the problem of the first text that names nothing that can be dropped.
pub(super) fn parse(texts: &[String], model: &Model) -> Result<Drops, String> {
    let mut drops = Drops::new();
    for text in texts {
        add(&mut drops, text, model).map_err(|problem| format!("--drop `{text}`: {problem}"))?;
    }
    Ok(drops)
}

fn add(drops: &mut Drops, text: &str, model: &Model) -> Result<(), String> {
    let (name, selector) = match text.split_once('{') {
        Some((name, rest)) => {
            let inside = rest.strip_suffix('}').ok_or("expected `}` at the end")?;
            (name.trim(), Some(inside.trim()))
        }
        None => (text.trim(), None),
    };
    let (metric, suffix) = find(name, model)?;
    let dropped = drops.entry(metric.name.clone()).or_default();
    let Some(selector) = selector else {
        match suffix {
            "" => dropped.all = true,
            "_bucket" => dropped.buckets = true,
            _ => {
                return Err(format!(
                    "it would leave a part of the histogram; expected `{0}`, or `{0}_bucket` for all of its buckets",
                    metric.name
                ));
            }
        }
        return Ok(());
    };
    let end = selector.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(selector.len());
    let (label, rest) = selector.split_at(end);
    let is_bound = label == "le" && metric.kind == MetricKind::Histogram;
    if is_bound && rest.is_empty() {
        return Err(format!(
            "expected a bucket, as in `{0}{{le=\"0.1\"}}`, or `{0}_bucket` for all of them",
            metric.name
        ));
    }
    if !is_bound && !metric.has(label) {
        return Err(match metric.label_names().join("`, `").as_str() {
            "" => format!("`{}` has no labels", metric.name),
            labels => format!("it has no label `{label}`; the labels of `{}` are `{labels}`", metric.name),
        });
    }
    if rest.is_empty() {
        return Err(format!(
            "a relabel rule that removes a label saves no series: those that only differ in `{label}` become one, \
             of which Prometheus keeps the first sample of each scrape and loses the others, so sums are wrong; \
             remove the label from the program, or drop values: `{}{{{label}=\"..\"}}`",
            metric.name
        ));
    }
    if !(suffix.is_empty() || is_bound && suffix == "_bucket") {
        let whole = &metric.name;
        return Err(format!(
            "it would leave a part of the histogram; expected `{whole}{{..}}`, which drops all of its samples"
        ));
    }
    let value = rest.trim_start().strip_prefix('=').map(str::trim).and_then(|value| match value.chars().next()? {
        '"' => serde_json::from_str(value).ok(),
        '~' => None,
        _ => Some(value.to_owned()),
    });
    let value = value.ok_or_else(|| format!("expected one label and its value, as in `{name}{{{label}=\"..\"}}`"))?;
    if !is_bound {
        let is_label = |other: &&LabelDescription| other.name == label;
        let values = metric.labels.iter().find(is_label).and_then(|label| label.values.as_ref());
        if let Some(values) = values.filter(|values| !values.contains(&value)) {
            return Err(format!("`{label}` never is `{value}`; expected one of `{}`", values.join("`, `")));
        }
        push(&mut dropped.values, (label.to_owned(), value));
        return Ok(());
    }
    let bounds: Vec<_> = metric.buckets.iter().copied().map(number).collect();
    let bound = metric.buckets.iter().copied().find(|bound| value.parse() == Ok(*bound));
    match bound {
        Some(bound) => push(&mut dropped.bounds, bound),
        None if value == "+Inf" => {
            return Err(format!(
                "quantiles need the bucket `+Inf`; drop others, or all of them with `{}_bucket`",
                metric.name
            ));
        }
        None => return Err(format!("it has no bucket `{value}`; its bounds are {}", bounds.join(" "))),
    }
    Ok(())
}

fn push<T: PartialEq>(all: &mut Vec<T>, new: T) {
    if !all.contains(&new) {
        all.push(new);
    }
}

/// Finds the metric, and the end of the name of a sample of a histogram.
fn find<'m, 'n>(name: &'n str, model: &'m Model) -> Result<(&'m Metric, &'n str), String> {
    let by_name = |name: &str| model.metrics.iter().find(|metric| metric.name == name);
    if let Some(metric) = by_name(name) {
        return Ok((metric, ""));
    }
    for suffix in ["_bucket", "_sum", "_count"] {
        let metric = name.strip_suffix(suffix).and_then(by_name);
        if let Some(metric) = metric.filter(|metric| metric.kind == MetricKind::Histogram) {
            return Ok((metric, suffix));
        }
    }
    let names = model.metrics.iter().map(|metric| metric.name.as_str());
    Err(format!("the program has no metric `{name}`{}", nearest(name, names)))
}

impl Dropped {
    fn view(&self) -> View<'_> {
        View {
            dropped: self.values.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect(),
            ..View::default()
        }
    }

    /// Returns the label sets that are left in the worst case, with the view that counts their values.
    pub(super) fn label_sets(&self, metric: &Metric) -> (WorstCase, View<'_>) {
        let view = self.view();
        (if self.all { WorstCase::Exactly(0) } else { label_sets(metric, &view) }, view)
    }

    /// Returns the number of series of one label set, as they are stored in this form. A native histogram is one.
    pub(super) fn series_of_label_set(&self, metric: &Metric, form: Histograms) -> usize {
        let kept = metric.buckets.len() + 1 - self.bounds.len();
        let stored = stored(metric.buckets.len(), metric.native, form);
        series_of_label_set(metric.kind, if self.buckets { 0 } else { kept }, stored)
    }

    /// Returns `true` if a series of a page is left.
    pub(super) fn keeps(&self, metric: &str, series: &Series) -> bool {
        let is_bucket = series.name.strip_suffix("_bucket") == Some(metric);
        let bound = series.labels.get("le").and_then(|le| le.parse::<f64>().ok());
        let is_dropped = is_bucket && (self.buckets || bound.is_some_and(|bound| self.bounds.contains(&bound)));
        let has_value = self.values.iter().any(|(label, value)| series.labels.get(label) == Some(value));
        !(self.all || is_dropped || has_value)
    }

    /// Returns matchers for the series that are left, if not all are dropped.
    pub(super) fn matchers(&self, metric: &str) -> Vec<Matcher> {
        let values = self.values.iter().map(|(label, value)| matcher(label, Compare::IsNot, value));
        let bounds = self.bounds.iter().map(|seconds| {
            let spelled = bound(*seconds);
            let compare = if spelled.compare == Compare::Is { Compare::IsNot } else { Compare::MatchesNot };
            Matcher { compare, ..spelled }
        });
        let buckets = self.buckets.then(|| matcher("__name__", Compare::IsNot, &format!("{metric}_bucket")));
        values.chain(bounds).chain(buckets).collect()
    }
}

/// Returns the stored forms of a histogram: classic, native. `buckets` is the number of its classic bounds.
///
/// Without the setting for native histograms, Prometheus scrapes the text format, in which every histogram has classic
/// buckets.
pub(super) fn stored(buckets: usize, native: bool, form: Histograms) -> (bool, bool) {
    match form {
        Histograms::Native if native => (false, true),
        Histograms::Both if native => (buckets > 0, true),
        _ => (true, false),
    }
}

/// The configuration that drops series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relabel {
    Prometheus,
    Vmagent,
}

impl Relabel {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "prometheus" => Some(Self::Prometheus),
            "vmagent" => Some(Self::Vmagent),
            _ => None,
        }
    }
}
