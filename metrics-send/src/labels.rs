//! The labels and the selection of series.

use std::borrow::Cow;

use metrics_runtime::visit::SeriesRef;

/// The label of the name of a metric.
const NAME: &str = "__name__";

/// Labels that every series gets, and metrics that are not sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    external: Vec<(String, String)>,
    dropped: Vec<Pattern>,
}

#[derive(Clone, Debug)]
enum Pattern {
    Name(String),
    Prefix(String),
}

impl Selection {
    /// Sets an external label. A second value for the same name replaces the first.
    pub(crate) fn set_external(&mut self, name: &str, value: &str) {
        self.external.retain(|(other, _)| other != name);
        self.external.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn has_external(&self, name: &str) -> bool {
        self.external.iter().any(|(other, _)| other == name)
    }

    /// Drops a metric, or with `*` at the end of the pattern all metrics with this prefix.
    pub(crate) fn drop(&mut self, pattern: &str) {
        self.dropped.push(match pattern.strip_suffix('*') {
            Some(prefix) => Pattern::Prefix(prefix.to_owned()),
            None => Pattern::Name(pattern.to_owned()),
        });
    }

    /// Returns `true` if a rule drops the samples of this name, or their family.
    pub(crate) fn drops(&self, family: &str, sample: &str) -> bool {
        self.dropped.iter().any(|pattern| match pattern {
            Pattern::Name(name) => name == sample || name == family,
            Pattern::Prefix(prefix) => sample.starts_with(prefix.as_str()),
        })
    }

    /// Returns the names and values of all labels of a series of samples, sorted by name, without empty ones. Those of the
    /// series win over external ones, as in Prometheus. `own` is the label of a bucket or of a quantile.
    pub(crate) fn labels<'a>(
        &'a self,
        sample: &'a str,
        series: &SeriesRef<'a>,
        own: Option<(&'a str, &'a str)>,
    ) -> Vec<(&'a str, Cow<'a, str>)> {
        let own = own.map(|(name, value)| (name, value.into()));
        let mut labels: Vec<_> = [(NAME, sample.into())].into_iter().chain(own).chain(series.labels()).collect();
        // An empty label is the same as none.
        labels.retain(|(_, value)| !value.is_empty());
        for (name, value) in &self.external {
            if !value.is_empty() && labels.iter().all(|(other, _)| other != name) {
                labels.push((name, value.into()));
            }
        }
        labels.sort_unstable_by_key(|(name, _)| *name);
        labels
    }
}
