//! The command `budget`: the series that a fleet of instances has, what each label costs, and relabel rules that drop
//! series.
//!
//! A file for each concern: `worst` and `real` count, `page` and `prometheus` read what exists, `drops` and `relabel`
//! are about what is dropped, `usages` finds what it breaks, `growth` compares contracts, `report` writes the table.

mod drops;
mod growth;
mod options;
mod page;
mod prometheus;
mod real;
mod relabel;
mod report;
#[cfg(test)]
mod tests;
mod usages;
mod worst;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

pub(crate) use options::{Options, VALUES};
pub(crate) use worst::Values;

use self::drops::{Dropped, Drops};
use self::real::{Counted, Real, of_page};
use self::report::Cost;
use self::worst::{Worst, worst};
use crate::contract::Contract;
use crate::error::debug_as_display;
use crate::export::Export;
use crate::fetch::{self, Credentials};
use crate::histograms::Histograms;
use crate::metric::Metric;
use crate::model::Model;
use crate::prometheus::Prometheus;
use crate::scrape::Scrape;
use crate::table::grouped;

/// The time between two scrapes.
const INTERVAL: Duration = Duration::from_secs(15);

/// The size of a sample on disk, in thousandths of a byte: the larger of Prometheus' "1-2 bytes per sample"
/// (<https://prometheus.io/docs/prometheus/latest/storage/#operational-aspects>).
const SAMPLE_SIZE: u64 = 2_000;

/// The error of the command `budget`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// The page, or the answer of a Prometheus, cannot be read.
    #[error("`{place}`: {problem}")]
    #[non_exhaustive]
    Unread {
        /// The file or the address.
        place: String,
        /// The problem.
        problem: String,
    },
    /// An option names a label or series that do not exist, or series that must not be dropped.
    #[error("{problem}")]
    #[non_exhaustive]
    Option {
        /// The option and the problem.
        problem: String,
    },
    /// There are more series than the budget allows.
    #[error("{report}")]
    #[non_exhaustive]
    Above {
        /// The numbers, and the metrics with the most series.
        report: String,
    },
    /// No bound of the series is known, so they cannot be compared with the budget.
    #[error(
        "nothing bounds the worst case, so it cannot be compared with the budget of {}; give the number of values of \
         `{}` with --values LABEL=N, or what exists with --page or --prometheus",
        grouped(*budget as u128),
        labels.join("`, `")
    )]
    #[non_exhaustive]
    Unbounded {
        /// The budget.
        budget: usize,
        /// The labels whose number of values is not known.
        labels: Vec<String>,
    },
}

debug_as_display!(BudgetError);

/// The series of one metric.
#[derive(Clone, Debug)]
struct Counts<'a> {
    name: &'a str,
    /// The metric, or `None` if only the page has it.
    metric: Option<&'a Metric>,
    worst: Worst,
    /// The worst case of those that nothing drops.
    left: Worst,
    /// All instances that were counted.
    real: Option<Counted>,
}

/// The size of a page in bytes.
#[derive(Clone, Copy, Debug)]
struct PageSize {
    plain: usize,
    gzip: Option<usize>,
}

/// The settings of a report.
pub(crate) struct Request<'a> {
    pub(crate) export: &'a Export,
    pub(crate) job: &'a str,
    pub(crate) scrape: &'a Scrape,
    pub(crate) options: &'a Options,
    /// The credentials for the page or the Prometheus.
    pub(crate) credentials: &'a Credentials,
    /// An earlier contract, with the name of its file.
    pub(crate) since: Option<(String, Contract)>,
}

/// Returns the problem if no metric has one of the labels whose number of values is given.
pub(crate) fn check_values(model: &Model, values: &Values) -> Result<(), String> {
    let labels = model.metrics.iter().flat_map(|metric| &metric.labels);
    let open: BTreeSet<_> = labels.filter(|label| label.values.is_none()).map(|label| label.name.as_str()).collect();
    let Some(label) = values.keys().find(|label| !open.contains(label.as_str())) else { return Ok(()) };
    let open = open.into_iter().collect::<Vec<_>>().join("`, `");
    Err(format!(
        "{VALUES} `{label}`: no metric has such a label with values that are only known at run time; expected one of `{open}`"
    ))
}

/// Returns the worst-case number of series on the page of one instance, or the labels whose numbers of values have to be
/// given to know it.
pub(crate) fn worst_of_page(model: &Model, values: &Values, form: Histograms) -> Result<usize, Vec<String>> {
    let all = |metric| worst(metric, &Dropped::default(), values, form);
    let total = model.metrics.iter().map(all).fold(Worst::default(), Worst::plus);
    let open = || unbounded(model.metrics.iter().filter(|metric| all(metric).is_least), values);
    if total.is_least { Err(open()) } else { Ok(total.series) }
}

/// Returns the labels whose number of values would bound the worst case of these metrics.
fn unbounded<'a>(metrics: impl Iterator<Item = &'a Metric>, values: &Values) -> Vec<String> {
    let labels = metrics.flat_map(|metric| &metric.labels);
    let open = labels.filter(|label| label.values.is_none() && !values.contains_key(&label.name));
    open.map(|label| label.name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the report, or the relabel rules, and the error if the budget is exceeded.
pub(crate) fn run(request: &Request<'_>) -> Result<(String, Option<BudgetError>), BudgetError> {
    let Request { job, options, .. } = request;
    let model = request.model();
    let drops = drops::parse(&options.drops, model).map_err(|problem| BudgetError::Option { problem })?;
    check_values(model, &options.values).map_err(|problem| BudgetError::Option { problem })?;
    let (real, page) = request.real(&drops)?;
    let counts = request.counts(&drops, real.as_ref());
    let report = report::Report { request, drops: &drops, real: real.as_ref(), page, counts };
    let text = match options.relabel {
        Some(target) => relabel::yaml(&drops, model, job, target, &report.losses()),
        None => report.text(),
    };
    Ok((text, report.above()))
}

impl Request<'_> {
    fn model(&self) -> &Model {
        &self.export.model
    }

    fn instances(&self) -> usize {
        self.options.instances.unwrap_or(1)
    }

    fn cost(&self) -> Cost {
        let interval = self.scrape.interval.unwrap_or(INTERVAL);
        Cost { interval, sample_size: self.options.sample_size.unwrap_or(SAMPLE_SIZE) }
    }

    /// Reads what exists.
    fn real(&self, drops: &Drops) -> Result<(Option<Real>, Option<PageSize>), BudgetError> {
        let (model, options) = (self.model(), self.options);
        if let Some(url) = &options.prometheus {
            let server = Prometheus { url, credentials: self.credentials };
            let real = prometheus::of_job(server, self.job, model, drops);
            let unread = |problem| BudgetError::Unread { place: fetch::without_user(url), problem };
            return Ok((Some(real.map_err(unread)?), None));
        }
        let Some(path) = &options.page else { return Ok((None, None)) };
        let unread = |problem| BudgetError::Unread { place: fetch::without_user(&path.display().to_string()), problem };
        let (page, size) = read(path, self.credentials).map_err(unread)?;
        let real = of_page(&page, model, drops, self.scrape.histograms()).map_err(|error| unread(error.to_string()))?;
        Ok((Some(real), Some(size)))
    }

    /// Counts the series of each metric, the largest number first.
    fn counts<'a>(&'a self, drops: &Drops, real: Option<&'a Real>) -> Vec<Counts<'a>> {
        let (values, form) = (&self.options.values, self.scrape.histograms());
        let nothing = Dropped::default();
        let instances = real.map_or(1, |real| real.instances);
        let described = self.model().metrics.iter().map(|metric| {
            let real = real.map(|real| real.metrics.get(&metric.name).cloned().unwrap_or_default());
            let dropped = drops.get(&metric.name).unwrap_or(&nothing);
            let [mut all, mut left] = [&nothing, dropped].map(|dropped| worst(metric, dropped, values, form));
            // Without a bound, at least what exists is possible.
            if let Some(real) = real.as_ref().filter(|_| all.is_least) {
                all.series = all.series.max(real.series.div_ceil(instances));
                left.series = left.series.max(real.left.div_ceil(instances));
            }
            Counts { name: &metric.name, metric: Some(metric), worst: all, left, real }
        });
        let is_other = |name: &str| !self.model().metrics.iter().any(|metric| metric.name == name);
        let others = real.iter().flat_map(|real| &real.metrics).filter(|(name, _)| is_other(name));
        let others = others.map(|(name, real)| {
            let worst = Worst { series: real.series.div_ceil(instances), is_least: true };
            Counts { name, metric: None, worst, left: worst, real: Some(real.clone()) }
        });
        let mut counts: Vec<_> = described.chain(others).collect();
        counts.sort_by_key(|counts| {
            let weight = counts.real.as_ref().map_or(counts.worst.series, |real| real.series);
            (Reverse(weight), counts.name)
        });
        counts
    }
}

/// Reads a page from a file or an address. Returns the text and its size.
fn read(path: &Path, credentials: &Credentials) -> Result<(String, PageSize), String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| "the page is not UTF-8".to_owned());
    let Some(url) = path.to_str().filter(|path| fetch::is_url(path)) else {
        let page = text(fs::read(path).map_err(|error| error.to_string())?)?;
        let size = PageSize { plain: page.len(), gzip: None };
        return Ok((page, size));
    };
    let accept = ("accept", "text/plain;version=0.0.4");
    let page = text(fetch::get(url, credentials, &[accept])?.body)?;
    // Only the size is of interest.
    let compressed = fetch::get(url, credentials, &[accept, ("accept-encoding", "gzip")])?;
    let gzip = compressed.header("content-encoding").filter(|coding| *coding == "gzip").map(|_| compressed.body.len());
    let size = PageSize { plain: page.len(), gzip };
    Ok((page, size))
}
