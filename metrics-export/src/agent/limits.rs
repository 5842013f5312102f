//! The bounds of a scrape, beyond which an agent drops all of it.
//!
//! They are there to stop an explosion, and must never stop a program that is as it was described.

use std::time::Duration;

use metrics_runtime::description::MetricKind;

use crate::budget::{Values, worst_of_page};
use crate::histograms::Histograms;
use crate::metric::Metric;
use crate::model::Model;
use crate::scrape::Scrape;

/// The room for metrics of later versions: the bounds are this many times the worst case.
const HEADROOM: usize = 2;

/// The name, and the labels that agents add to every sample before they count them: `job`, `instance`, and in Kubernetes
/// `namespace`, `pod`, `container` and `endpoint`.
const LABELS_OF_TARGETS: usize = 7;

/// The longest interval between scrapes with which a rate of five minutes survives a scrape that fails.
const LONGEST: Duration = Duration::from_secs(2 * 60);

/// Returns a comment, if the rules of a fleet would not see enough scrapes.
pub(super) fn interval_comment(scrape: &Scrape) -> &'static str {
    if scrape.interval.is_none_or(|interval| interval <= LONGEST) {
        return "";
    }
    "# The rules of a fleet have rates of five minutes, which need a scrape at least every 2m: see --scrape-interval.\n"
}

/// The bounds of a scrape.
pub(super) struct Limits {
    /// The number of samples, or the labels that leave it without a bound.
    pub(super) samples: Result<usize, Vec<String>>,
    /// The number of labels of a sample.
    pub(super) labels: usize,
}

/// Returns the bounds for a page whose histograms are scraped in this form.
pub(super) fn limits(model: &Model, values: &Values, form: Histograms) -> Limits {
    let samples = worst_of_page(model, values, form).map(|series| series.saturating_mul(HEADROOM));
    let most = model.metrics.iter().map(labels).max().unwrap_or_default() + model.constant.len();
    Limits { samples, labels: (most + LABELS_OF_TARGETS) * HEADROOM }
}

/// Returns the number of labels of a sample of this metric.
fn labels(metric: &Metric) -> usize {
    metric.labels.len() + usize::from(matches!(metric.kind, MetricKind::Histogram | MetricKind::Summary))
}

impl Limits {
    /// Returns a number of an option, or the largest one that agents can read.
    pub(super) fn number(limit: usize) -> i64 {
        i64::try_from(limit).unwrap_or(i64::MAX)
    }

    /// Returns a comment, if the samples have no bound.
    pub(super) fn comment(&self) -> String {
        let Err(labels) = &self.samples else { return String::new() };
        match labels.join("`, `").as_str() {
            "" => "# There is no limit of samples: nothing bounds the series of collectors of other libraries.\n"
                .to_owned(),
            labels => format!(
                "# There is no limit of samples: nothing bounds the values of `{labels}`.\n\
                 # Say how many there are with --values LABEL=N.\n"
            ),
        }
    }
}
