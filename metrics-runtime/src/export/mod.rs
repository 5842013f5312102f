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
mod series;

pub use command::{Command, CommandError, USAGE};
pub use kubernetes::JobError;

use model::Model;
use rules::Target;

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
    ///
    /// All of a job is one service to them: staging and production need two jobs, and a file each. Where targets have
    /// labels that metrics have themselves (`endpoint`, `service`), they are scraped with `honor_labels: true`.
    #[must_use]
    pub fn rules(&self) -> String {
        rules::node(&rules::groups(&self.model, Target::job(&self.job))).yaml()
    }

    /// A `PrometheusRule` with the same rules, for each namespace apart, and a `ServiceMonitor`, for the Prometheus
    /// operator, in YAML. The job is the value of the label `app.kubernetes.io/name`; token, port and path are asked for
    /// as these metrics are configured.
    ///
    /// That a service has no targets in one namespace, while it has some in another, is known from those it had: the
    /// alert `TargetAbsent` is about a namespace for an hour, and says nothing of one where the service never was.
    ///
    /// # Errors
    /// The job is no value that a label of Kubernetes can have.
    pub fn kubernetes(&self) -> Result<String, JobError> {
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
        series::listing(&self.model)
    }
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same in every build, which the hash of the standard library
/// does not promise.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
