//! What went wrong while pages were written.

use super::collectors::Cause;
use crate::metric::{First, Striped};

/// What went wrong while pages were written, by cause.
#[derive(Default)]
pub(super) struct ScrapeErrors {
    pub(super) panic: Counted,
    pub(super) duplicate: Counted,
    pub(super) invalid: Counted,
    pub(super) timeout: Counted,
}

pub(super) struct Counted {
    pub(super) count: Striped,
    warned: First,
}

impl Default for Counted {
    fn default() -> Self {
        Self { count: Striped::new(), warned: First::new() }
    }
}

impl ScrapeErrors {
    pub(super) fn of(&self, cause: Cause) -> &Counted {
        match cause {
            Cause::Panic => &self.panic,
            Cause::Timeout => &self.timeout,
            Cause::Invalid => &self.invalid,
        }
    }

    pub(super) fn left_out(&self, metric: &str) {
        self.duplicate.record(|| format!("`{metric}` is left out: the page has that name already"));
    }
}

impl Counted {
    pub(super) fn record(&self, what: impl FnOnce() -> String) {
        self.count.add(1);
        if self.warned.is_now() {
            tracing::warn!("{}; further ones are only counted, in metrics_runtime_scrape_errors_total", what());
        }
    }
}
