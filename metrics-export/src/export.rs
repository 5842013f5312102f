//! The documents of one service.

use metrics_runtime::Metrics;

use crate::contract::Contract;
use crate::kubernetes::{self, JobError};
use crate::model::Model;
use crate::rules::{self, Target};
use crate::{dashboard, docs, lint, series};

/// The documents of one service.
///
/// ```
/// use metrics_export::Export;
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
    pub(crate) model: Model,
    job: String,
}

impl Export {
    /// Creates the documents of everything that is registered now.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        let model = Model::new(metrics);
        let job = model.service.clone();
        Self { model, job }
    }

    /// Sets the value that Prometheus gives the label `job` of this service. The default is the namespace.
    ///
    /// All rules select this job. The dashboard has a variable for it instead.
    #[must_use]
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.job = job.into();
        self
    }

    /// Returns a dashboard for Grafana, in the classic JSON model.
    #[must_use]
    pub fn dashboard(&self) -> String {
        dashboard::node(&self.model).json()
    }

    /// Returns a file of recording and alerting rules for Prometheus, in YAML.
    ///
    /// The rules treat all targets of a job as one service: staging and production need separate jobs and separate
    /// files. If targets have labels that metrics also have (`endpoint`, `service`), scrape them with
    /// `honor_labels: true`.
    #[must_use]
    pub fn rules(&self) -> String {
        rules::node(&rules::groups(&self.model, Target::job(&self.job))).yaml()
    }

    /// Returns a `PrometheusRule` and a `ServiceMonitor` for the Prometheus operator, in YAML.
    ///
    /// The rules are those of [`rules`](Self::rules), evaluated separately for each namespace. The job is the value of
    /// the label `app.kubernetes.io/name`. Token, user, TLS,
    /// port and path are taken from the configuration of the metrics.
    ///
    /// The alert `TargetAbsent` fires for a namespace that had targets within the last hour, while other namespaces
    /// still have some. It does not fire for a namespace in which the service never ran.
    ///
    /// # Errors
    /// Returns an error if the job is not a valid Kubernetes label value.
    pub fn kubernetes(&self) -> Result<String, JobError> {
        kubernetes::yaml(&self.model, &self.job)
    }

    /// Returns the reference: a Markdown table of every metric.
    #[must_use]
    pub fn docs(&self) -> String {
        docs::markdown(&self.model)
    }

    /// Returns the contract for `metrics.lock`: names, kinds, units, labels and buckets.
    #[must_use]
    pub fn lock(&self) -> String {
        Contract::of(&self.model).to_string()
    }

    /// Returns the violations of Prometheus' naming conventions, one line each.
    #[must_use]
    pub fn lint(&self) -> Vec<String> {
        lint::findings(&self.model).iter().map(ToString::to_string).collect()
    }

    /// Returns the worst-case number of series of each metric on one instance, one line each, the largest first.
    #[must_use]
    pub fn series(&self) -> String {
        series::listing(&self.model.metrics)
    }
}
