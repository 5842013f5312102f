//! The families and collectors that are missing on pages, counted by cause.

use std::array;
use std::sync::Arc;

use super::gathered::Cause;
use super::own_metrics::family;
use crate::family::{AnyFamily, Family};
use crate::metric::{Counter, First};
use crate::schema::Descriptor;

/// The counter `metrics_runtime_scrape_errors_total`. The first error of each cause is logged.
pub(super) struct ScrapeErrors {
    family: Family<Counter>,
    first: [First; Cause::ALL.len()],
    second_sources: First,
}

impl ScrapeErrors {
    pub(super) fn new() -> Self {
        let descriptor = Descriptor::counter(
            "metrics_runtime_scrape_errors_total",
            "Collectors, breaker sources and metrics that were left out of a page: sources that panicked, did not answer in \
             time, rendered the page again or gave invalid data, metrics whose name was taken, and unreadable values.",
        );
        Self {
            family: family(descriptor.labels(["cause"]), &Cause::ALL.map(Cause::as_str)),
            first: array::from_fn(|_| First::new()),
            second_sources: First::new(),
        }
    }

    pub(super) fn family(&self) -> Arc<dyn AnyFamily> {
        Arc::new(self.family.clone())
    }

    pub(super) fn count(&self, cause: Cause, what: impl FnOnce() -> String) {
        self.family.known_series(&[cause.as_str()]).inc();
        let first = Cause::ALL.iter().position(|known| *known == cause).map(|i| &self.first[i]);
        if first.is_some_and(First::is_now) {
            tracing::warn!("{}; further ones are only counted, in metrics_runtime_scrape_errors_total", what());
        }
    }

    /// Logs, once, the families that a collector has beside the toolkit.
    pub(super) fn warn_of_second_sources(&self, metrics: &[String]) {
        if !metrics.is_empty() && self.second_sources.is_now() {
            tracing::warn!(
                "{} of a collector are left out, because the toolkit has them as well; remove one of the two sources",
                metrics.join(", ")
            );
        }
    }

    pub(super) fn count_duplicate(&self, metric: &str) {
        self.count(Cause::Duplicate, || format!("`{metric}` is left out: another metric on the page has its name"));
    }
}
