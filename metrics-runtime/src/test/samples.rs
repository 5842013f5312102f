//! The samples of a scope.

use std::collections::BTreeMap;

use super::report::{renamed_metric, unknown_metric};
use crate::config::describe::{MetricDescription, describe_named};
use crate::instrument::catalog::{declare_named, declared_by_name};
use crate::registry::Registry;
use crate::schema::Naming;
use crate::scope::ScopeId;
use crate::visit::{FamilyRef, SeriesRef, Value, Visitor};

/// One metric with its series.
#[derive(Debug)]
pub struct Metric {
    pub(super) description: MetricDescription,
    pub(super) series: Vec<Sample>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: Vec<(String, String)>,
    pub(super) reading: Reading,
}

/// The value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    Number(f64),
    /// The count and the sum of a histogram or a summary.
    Observations(f64, f64),
}

impl Reading {
    fn minus(self, earlier: Self) -> Self {
        match (self, earlier) {
            (Self::Number(now), Self::Number(before)) => Self::Number(now - before),
            (Self::Observations(count, sum), Self::Observations(count_before, sum_before)) => {
                Self::Observations(count - count_before, sum - sum_before)
            }
            (now, _) => now,
        }
    }
}

/// All samples of a [`Scope`](super::Scope) at one moment, or the difference between two moments.
///
/// It is read like a scope, by [`assert_metric!`](crate::assert_metric) or by its methods.
#[derive(Clone, Debug)]
pub struct Samples {
    scope: ScopeId,
    by_name: BTreeMap<String, Vec<Sample>>,
}

impl Samples {
    pub(super) fn of(scope: ScopeId) -> Self {
        let mut reader = Reader { only: None, by_name: BTreeMap::new() };
        scope.run(|| Registry::global().visit(&mut reader));
        Self { scope, by_name: reader.by_name }
    }

    /// Returns what has changed since an earlier moment: the difference of each value. A series that did not exist then
    /// started at zero.
    ///
    /// ```
    /// use metrics_runtime::test::Scope;
    /// use metrics_runtime::{assert_metric, track_counter};
    ///
    /// #[track_counter(name = "visits_total")]
    /// fn visit() {}
    ///
    /// let metrics = Scope::new();
    /// metrics.enter(visit);
    /// let before = metrics.samples();
    /// metrics.enter(visit);
    /// assert_metric!(metrics, visits_total == 2);
    /// assert_metric!(metrics.samples().since(&before), visits_total == 1);
    /// ```
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        for (name, series) in &mut self.by_name {
            let before = earlier.by_name.get(name).map_or(&[][..], Vec::as_slice);
            for sample in series {
                if let Some(before) = before.iter().find(|before| before.labels == sample.labels) {
                    sample.reading = sample.reading.minus(before.reading);
                }
            }
        }
        self
    }

    pub(super) fn metric(&self, name: &str) -> Result<Metric, String> {
        let series = self.by_name.get(name).cloned().unwrap_or_default();
        Ok(Metric { series, ..self.scope.run(|| current(name))? })
    }
}

/// Reads a metric in the scope of this thread. Returns the text of an error if there is no such metric.
pub(super) fn current(name: &str) -> Result<Metric, String> {
    let registry = declare_named(name);
    let naming = Naming::default();
    let walk = registry.walk(&naming, registry.gather());
    let declarations = declared_by_name().get(name).into_iter().flatten();
    let declarations = declarations.map(|(declaration, _)| declaration.clone()).collect();
    let description = describe_named(registry, &walk, name, declarations).map_err(|mut others| {
        let declared = declared_by_name().values().flatten().map(|(declaration, _)| &declaration.descriptor);
        let mut all = walk.snapshot.families.iter().map(|family| family.descriptor()).chain(declared);
        if let Some(renamed) = all.find(|descriptor| descriptor.replaces.iter().any(|earlier| earlier == name)) {
            return renamed_metric(name, &renamed.name);
        }
        others.extend(declared_by_name().keys().cloned());
        unknown_metric(name, &others)
    })?;
    let mut reader = Reader { only: Some(name), by_name: BTreeMap::new() };
    walk.visit(&mut reader);
    Ok(Metric { description, series: reader.by_name.remove(name).unwrap_or_default() })
}

/// Reads the series of one metric, or of all.
struct Reader<'n> {
    only: Option<&'n str>,
    by_name: BTreeMap<String, Vec<Sample>>,
}

impl Visitor for Reader<'_> {
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        if self.only.is_some_and(|only| only != family.name) {
            return;
        }
        let reading = match value {
            Value::Counter(number) | Value::Gauge(number) | Value::Unknown(number) => Reading::Number(number.as_f64()),
            Value::Info => Reading::Number(1.0),
            Value::Histogram(histogram) => Reading::Observations(histogram.count() as f64, histogram.sum),
            Value::Summary(summary) => Reading::Observations(summary.count as f64, summary.sum),
        };
        let labels = series.labels().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
        self.by_name.entry(family.name.to_owned()).or_default().push(Sample { labels, reading });
    }

    fn takes_exemplars(&self) -> bool {
        false
    }

    fn takes_native_buckets(&self) -> bool {
        false
    }
}
