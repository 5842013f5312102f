//! The settings of Prometheus that queries depend on: the interval of scrapes, labels of targets, and the stored form of
//! histograms.

use std::time::Duration;

use crate::error::debug_as_display;
use crate::histograms::Histograms;
use crate::time::duration;

/// The labels that every target has, and those that Prometheus or the dashboard use themselves.
const TAKEN: [&str; 6] = ["job", "instance", "le", "quantile", "route", "datasource"];

/// The label that tells clusters apart.
const CLUSTER: &str = "cluster";

/// The time between two scrapes of a `ServiceMonitor`.
const INTERVAL: Duration = Duration::from_secs(30);

/// The timeout of a scrape, unless the interval is shorter.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The error of a text that is not the name of a label of targets.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{label}` cannot be such a label; expected letters, digits and `_`, not a digit first, not two `_` first, and none of \
     `job`, `instance`, `le`, `quantile`, `route` and `datasource`"
)]
#[non_exhaustive]
pub struct LabelError {
    /// The text.
    pub label: String,
}

debug_as_display!(LabelError);

/// The settings of Prometheus that queries depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scrape {
    /// The time between two scrapes, if it is not the default.
    pub(crate) interval: Option<Duration>,
    /// The labels that tell copies of one series apart, because several agents scrape the same instances.
    pub(crate) replicas: Vec<String>,
    /// The labels of targets that tell deployments apart, beside `job`.
    pub(crate) deployments: Vec<String>,
    /// The stored form of histograms that have native buckets.
    pub(crate) histograms: Option<Histograms>,
    /// `true` if documents are about a fleet, whose rules record series of clusters.
    pub(crate) fleet: bool,
    /// The label of clusters, if it is not the default.
    pub(crate) cluster: Option<String>,
}

/// The label of the agents of a fleet.
const REPLICA: &str = "replica";

impl Scrape {
    /// Returns the label of the clusters of a fleet.
    pub(crate) fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or(CLUSTER)
    }

    /// Adds the label of agents, which tells copies apart, if documents are about a fleet and no label was given.
    pub(crate) fn with_agents(mut self) -> Self {
        if self.fleet && self.replicas.is_empty() {
            self.replicas.push(REPLICA.to_owned());
        }
        self
    }

    pub(crate) fn histograms(&self) -> Histograms {
        self.histograms.unwrap_or_default()
    }

    /// Returns the interval as Prometheus writes durations.
    pub(crate) fn interval(&self) -> String {
        duration(self.interval.unwrap_or(INTERVAL))
    }

    /// Returns the timeout of a scrape, which may not exceed the interval.
    pub(crate) fn timeout(&self) -> String {
        duration(self.interval.unwrap_or(INTERVAL).min(TIMEOUT))
    }
}

/// Checks the name of a label of targets (<https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>).
pub(crate) fn label(label: String) -> Result<String, LabelError> {
    let is_word = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let begins = label.bytes().next().is_some_and(|byte| !byte.is_ascii_digit()) && !label.starts_with("__");
    if is_word && begins && !TAKEN.contains(&label.as_str()) { Ok(label) } else { Err(LabelError { label }) }
}

/// Adds a label of targets, unless it is already there.
///
/// # Errors
/// Returns an error if it is not one.
pub(crate) fn add(labels: &mut Vec<String>, new: String) -> Result<(), LabelError> {
    let new = label(new)?;
    if !labels.contains(&new) {
        labels.push(new);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_targets_are_label_names() {
        assert!(["replica", "_a", "prometheus_replica"].into_iter().all(|name| label(name.to_owned()).is_ok()));
        for name in ["", "job", "le", "a-b", "1a", "__replica__", "größe"] {
            let error = label(name.to_owned()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{name}` cannot be such a label; expected letters")), "{error}");
        }
    }
}
