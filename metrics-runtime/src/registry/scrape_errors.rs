//! The families and collectors that are missing on pages, counted by cause.

use std::array;
use std::sync::Arc;

use super::gathered::Cause;
use super::own_metrics::family;
use crate::family::{AnyFamily, Family};
use crate::metric::{Counter, First};
use crate::schema::Descriptor;

/// All causes, in the order of their series.
const CAUSES: [&str; 4] = ["duplicate", "invalid", "panic", "timeout"];

/// The counter `metrics_runtime_scrape_errors_total`. The first error of each cause is logged.
pub(super) struct ScrapeErrors {
    family: Family<Counter>,
    first: [First; CAUSES.len()],
}

impl ScrapeErrors {
    pub(super) fn new() -> Self {
        let descriptor = Descriptor::counter(
            "metrics_runtime_scrape_errors_total",
            "Collectors and metrics that were left out of a page: collectors that panicked, did not answer in time or \
             gave invalid data, and metrics whose name was taken.",
        );
        Self { family: family(descriptor.labels(["cause"]), &CAUSES), first: array::from_fn(|_| First::new()) }
    }

    pub(super) fn family(&self) -> Arc<dyn AnyFamily> {
        Arc::new(self.family.clone())
    }

    pub(super) fn count(&self, cause: Cause, what: impl FnOnce() -> String) {
        self.family.series(&[cause.as_str()]).inc();
        let first = CAUSES.iter().position(|known| *known == cause.as_str()).map(|i| &self.first[i]);
        if first.is_some_and(First::is_now) {
            tracing::warn!("{}; further ones are only counted, in metrics_runtime_scrape_errors_total", what());
        }
    }

    pub(super) fn count_duplicate(&self, metric: &str) {
        self.count(Cause::Duplicate, || format!("`{metric}` is left out: another metric on the page has its name"));
    }
}
