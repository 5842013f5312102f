//! The documents of one service.

use std::time::Duration;

use metrics_runtime::Metrics;
use metrics_runtime::description::Description;

use crate::contract::Contract;
use crate::fleet::Fleet;
use crate::histograms::Histograms;
use crate::kubernetes::{self, JobError};
use crate::model::Model;
use crate::rules::{self, AlertError, AlertSettings, Group, Target};
use crate::scrape::{self, LabelError, Scrape};
use crate::{dashboard, docs, lint, page, series};

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
    job: Option<String>,
    scrape: Scrape,
    alerts: AlertSettings,
}

impl Export {
    /// Creates the documents of everything that is registered now.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        Self { model: Model::new(metrics), job: None, scrape: Scrape::default(), alerts: AlertSettings::new() }
    }

    /// Sets the value that Prometheus gives the label `job` of this service. The default is the namespace.
    ///
    /// All rules select this job. The dashboard has a variable for it instead, with this job selected at first. The names
    /// of Kubernetes objects, and the title and the uid of the dashboard, are different for every job.
    #[must_use]
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.job = Some(job.into());
        self
    }

    /// Sets the time between two scrapes. The default is 30 seconds, which the `ServiceMonitor` has too.
    ///
    /// It is the least step of the dashboard's queries: with a shorter one, Grafana computes rates over windows with
    /// fewer than two samples, which are empty.
    #[must_use]
    pub fn scrape_interval(mut self, interval: Duration) -> Self {
        self.scrape.interval = Some(interval);
        self
    }

    /// Adds a label that only tells copies of one series apart, because several agents scrape the same instances:
    /// `replica`, `prometheus_replica`. All queries of dashboard and rules count the copies once.
    ///
    /// # Errors
    /// Returns an error if this is not the name of a label, or one that dashboards and rules need.
    pub fn replica_label(mut self, label: impl Into<String>) -> Result<Self, LabelError> {
        scrape::add(&mut self.scrape.replicas, label.into())?;
        Ok(self)
    }

    /// Adds a label of targets that users of the dashboard choose deployments by, with a variable: `cluster`,
    /// `namespace`.
    ///
    /// # Errors
    /// Returns an error if this is not the name of a label, or one that the dashboard has already.
    pub fn target_label(mut self, label: impl Into<String>) -> Result<Self, LabelError> {
        scrape::add(&mut self.scrape.deployments, label.into())?;
        Ok(self)
    }

    /// Writes the rules and the dashboard of a fleet: many instances in several clusters, each scraped by two or more agents
    /// that write to a central store.
    ///
    /// The rules record, for each metric, one series of all instances of a cluster, and one of all clusters. Dashboard and
    /// alerts read these. Agents add the label `cluster`, see [`cluster_label`](Self::cluster_label), and the label
    /// `replica`, unless [`replica_label`](Self::replica_label) was given. No metric of the program may have these labels,
    /// except infos: the command `rules --fleet` says which one has.
    ///
    /// ```
    /// use metrics_export::Export;
    /// use metrics_runtime::{Descriptor, Metrics, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.counter(Descriptor::counter("jobs_total", "Jobs."))?;
    /// let export = Export::new(&Metrics::builder().registry(&registry).build()?).fleet();
    /// let jobs = "sum by (cluster, job) (max without (replica) (rate(jobs_total{job=\"service\"}[5m])))";
    /// assert!(export.rules().contains(jobs));
    /// assert!(export.dashboard().contains("cluster_job:jobs:rate5m"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn fleet(mut self) -> Self {
        self.scrape.fleet = true;
        self
    }

    /// Sets the label that tells the clusters of a [`fleet`](Self::fleet) apart. The default is `cluster`.
    ///
    /// # Errors
    /// Returns an error if this is not the name of a label, or one that dashboards and rules need.
    pub fn cluster_label(mut self, label: impl Into<String>) -> Result<Self, LabelError> {
        self.scrape.cluster = Some(scrape::label(label.into())?);
        Ok(self)
    }

    /// Sets the buckets that dashboard and rules query, of histograms that have classic and native ones. The default is
    /// the classic ones.
    ///
    /// ```
    /// use metrics_export::{Export, Histograms};
    /// use metrics_runtime::{Descriptor, Metrics, Registry};
    ///
    /// let registry = Registry::new();
    /// let wait = Descriptor::histogram("wait_seconds", "Time in the queue.", vec![0.1, 1.0]).unit("seconds").native();
    /// registry.histogram(wait)?;
    /// let export = Export::new(&Metrics::builder().registry(&registry).build()?);
    /// assert!(export.dashboard().contains("(rate(wait_seconds_bucket{"));
    /// assert!(export.histograms(Histograms::Native).dashboard().contains("(rate(wait_seconds{"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn histograms(mut self, form: Histograms) -> Self {
        self.scrape.histograms = Some(form);
        self
    }

    /// Sets the job, if there is one, and all settings of scrapes.
    pub(crate) fn scraped(self, job: Option<String>, scrape: Scrape) -> Self {
        Self { job, scrape, ..self }
    }

    fn job_or_service(&self) -> &str {
        self.job.as_deref().unwrap_or(&self.model.service)
    }

    /// Returns the groups of rules, and calls `use_them` with what they select.
    fn with_rules<T>(&self, use_them: impl FnOnce(Target<'_>, &[Group]) -> T) -> T {
        let (scrape, fleet) = (self.scrape.clone().with_agents(), self.recorded());
        let target = Target::job(self.job_or_service()).scraped(&scrape).recorded(fleet.as_ref());
        use_them(target, &rules::groups(&self.model, target, &self.alerts))
    }

    /// Returns the names of what the rules of a fleet record.
    fn recorded(&self) -> Option<Fleet> {
        self.scrape.fleet.then(|| Fleet::new(self.scrape.cluster(), &self.model.metrics))
    }

    /// Sets which alerts are left out, and the thresholds, windows, durations and severities of the others. Adds to the
    /// settings of earlier calls.
    ///
    /// # Errors
    /// Returns an error if no alert has a name of the settings, if the alert has no threshold or window to set, or if a
    /// value is not valid.
    pub fn alerts(mut self, settings: AlertSettings) -> Result<Self, AlertError> {
        rules::check(&self.model, &settings)?;
        self.alerts = self.alerts.and(settings);
        Ok(self)
    }

    /// Returns a dashboard for Grafana, in the classic JSON model.
    #[must_use]
    pub fn dashboard(&self) -> String {
        let scrape = self.scrape.clone().with_agents();
        dashboard::node(&self.model, self.job.as_deref(), &scrape, self.recorded().as_ref()).json()
    }

    /// Returns what a page in the process itself shows of the described metrics, in JSON: the panels of the dashboard, with their
    /// queries as trees, the objectives, and all metrics. The crate `metrics-live` serves such a page.
    ///
    /// The queries select no job, and their windows are `$window`, or `$opened` for the time since the page was opened. A
    /// histogram with native buckets only is queried by classic ones.
    ///
    /// ```
    /// use metrics_export::Export;
    /// use metrics_runtime::{Descriptor, Metrics, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.counter(Descriptor::counter("jobs_total", "Jobs."))?;
    /// let page = Export::page(Metrics::builder().registry(&registry).build()?.describe());
    /// assert!(page.contains(r#"["aggregate","sum",[],null,["call","rate",["series","jobs_total",[],"$window"]]]"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn page(description: Description) -> String {
        page::json(description)
    }

    /// Returns a file of recording and alerting rules for Prometheus, in YAML.
    ///
    /// The rules treat all targets of a job as one service: staging and production need separate jobs and separate
    /// files. If targets have labels that metrics also have (`endpoint`, `service`), scrape them with
    /// `honor_labels: true`.
    #[must_use]
    pub fn rules(&self) -> String {
        self.with_rules(|_, groups| rules::node(groups).yaml())
    }

    /// Returns unit tests of [`rules`](Self::rules) for `promtool test rules`, in YAML. `file` is the path of the file
    /// with the rules, relative to that of the tests.
    ///
    /// Each test is a scenario, such as a deploy or a burst of errors. Each alert has to fire in its scenarios, to end
    /// after them, and to be silent in all others. An alert that is set to fire only after more than six hours is not
    /// tested, and neither is one that reads native histograms alone.
    #[must_use]
    pub fn rule_tests(&self, file: &str) -> String {
        self.with_rules(|target, groups| rules::rehearsal(&self.model, target, groups, file))
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
        kubernetes::yaml(&self.model, self.job_or_service(), &self.scrape, &self.alerts)
    }

    /// Returns the reference: a Markdown table of every metric.
    #[must_use]
    pub fn docs(&self) -> String {
        docs::markdown(&self.model)
    }

    /// Returns the contract for `metrics.lock`: names, kinds, units, labels with their known values, and buckets of all
    /// metrics, classic and native. Those of the toolkit are in it because an upgrade that changes them breaks dashboards too.
    #[must_use]
    pub fn lock(&self) -> String {
        Contract::of(&self.model).to_string()
    }

    /// Returns the violations of Prometheus' naming conventions, one line each: the metric, the problem, the name of the
    /// rule in brackets, and the place.
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
