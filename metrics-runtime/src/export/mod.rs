//! Dashboard, rules, Kubernetes objects, reference, contract and lint: what people write by hand and let rot, from what
//! the binary itself declares (feature `export`).
//!
//! [`Export`] has each document as text. [`Command`] is the same for a service's command line:
//!
//! ```no_run
//! use metrics_runtime::Metrics;
//! use metrics_runtime::export::Command;
//!
//! let metrics = Metrics::builder().namespace("shop").install()?;
//! let mut args = std::env::args_os().skip(1).peekable();
//! if args.next_if(|first| first == "metrics").is_some() {
//!     Command::parse(args)?.run(&metrics, &mut std::io::stdout().lock())?;
//!     return Ok(());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Documents have what is registered at that moment: install the metrics, and register what is registered at run time
//! (circuit breakers, foreign collectors), before asking. The same catalog gives the same bytes.

#[cfg(feature = "clap")]
mod clap;
mod command;
mod dashboard;
mod docs;
mod kubernetes;
mod lint;
mod lock;
mod model;
mod node;
mod page;
mod parts;
mod promql;
mod rules;
#[cfg(test)]
mod tests;

pub use command::{Command, CommandError, USAGE};

use model::Model;

use crate::config::Metrics;

/// The documents of one service.
///
/// ```
/// use metrics_runtime::export::Export;
/// use metrics_runtime::{Descriptor, Metrics, Registry};
///
/// let registry = Registry::new();
/// registry.gauge(Descriptor::gauge("queue_depth", "Jobs that wait."))?;
/// let metrics = Metrics::builder().namespace("shop").registry(&registry).build()?;
///
/// let export = Export::new(&metrics);
/// assert!(export.lock().contains("gauge shop_queue_depth\n"));
/// assert!(export.dashboard().contains("Jobs that wait."));
/// assert!(export.rules().contains("ShopTargetDown"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Export {
    model: Model,
    job: String,
}

impl Export {
    /// The documents of everything that is registered now.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let model = Model::new(metrics);
        let job = model.service.clone();
        Self { model, job }
    }

    /// The value that the label `job` has where Prometheus scrapes the service: the rules are about this job. The
    /// namespace unless said otherwise. The dashboard lets its reader choose.
    #[must_use]
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.job = job.into();
        self
    }

    /// A dashboard for Grafana, in the classic JSON model.
    #[must_use]
    pub fn dashboard(&self) -> String {
        dashboard::node(&self.model).json()
    }

    /// A file of recording and alerting rules for Prometheus, in YAML.
    #[must_use]
    pub fn rules(&self) -> String {
        rules::node(&rules::groups(&self.model, &self.job)).yaml()
    }

    /// A `PrometheusRule` with the same rules and a `ServiceMonitor`, for the Prometheus operator, in YAML.
    #[must_use]
    pub fn kubernetes(&self) -> String {
        kubernetes::yaml(&self.model, &self.job)
    }

    /// The reference: a Markdown table of every metric.
    #[must_use]
    pub fn docs(&self) -> String {
        docs::markdown(&self.model)
    }

    /// The contract: names, kinds, units, labels and buckets, for `metrics.lock`.
    #[must_use]
    pub fn lock(&self) -> String {
        lock::Contract::of(&self.model).to_string()
    }

    /// What Prometheus' naming conventions have against the metrics, a line each; empty where it is nothing.
    #[must_use]
    pub fn lint(&self) -> Vec<String> {
        lint::findings(&self.model).iter().map(ToString::to_string).collect()
    }

    /// How many series each metric can have on one instance, a line each, the most first.
    #[must_use]
    pub fn series(&self) -> String {
        lint::series(&self.model)
    }
}
