//! The labels of series.

use std::borrow::Cow;

use metrics_runtime::visit::SeriesRef;

/// The label of the name of a metric.
const NAME: &str = "__name__";

/// Labels that every series gets.
#[derive(Clone, Debug, Default)]
pub(super) struct External(Vec<(String, String)>);

impl External {
    /// Sets a label. A second value for the same name replaces the first.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// Returns the names and values of all labels of a series of samples, sorted by name, without empty ones. Those of the
    /// series win over external ones, as in Prometheus. `own` is the label of a bucket or of a quantile.
    pub(super) fn of<'a>(
        &'a self,
        sample: &'a str,
        series: &SeriesRef<'a>,
        own: Option<(&'a str, &'a str)>,
    ) -> Vec<(&'a str, Cow<'a, str>)> {
        let own = own.map(|(name, value)| (name, value.into()));
        let mut labels: Vec<_> = [(NAME, sample.into())].into_iter().chain(own).chain(series.labels()).collect();
        // An empty label is the same as none.
        labels.retain(|(_, value)| !value.is_empty());
        for (name, value) in &self.0 {
            if !value.is_empty() && labels.iter().all(|(other, _)| other != name) {
                labels.push((name, value.into()));
            }
        }
        labels.sort_unstable_by_key(|(name, _)| *name);
        labels
    }
}
