//! Prometheus' recording and alerting rules
//! (<https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/>).
//!
//! Rules select one job, and their names begin with the service, so that one Prometheus can have the rules of many
//! services. Alerts on a ratio of calls also require a few failures, so that one failure of three requests does not
//! fire them.
//!
//! An alert on a ratio of calls is about now: its window is shorter than the time for which it has to hold, so it does
//! not fire long after a problem, and ends soon after it. An alert on single events, such as restarts, fires at once,
//! and ends when they are older than its window. All queries mean the same on Prometheus and on VictoriaMetrics;
//! `events` says how.

mod alerts;
mod breakers;
mod burn;
mod calls;
mod events;
mod fleet;
mod grpc;
mod recording;
mod rehearsal;
mod renames;
mod scenario;
mod settings;

use std::time::Duration;

use crate::document::{Key, Node, list, map};
use crate::fleet::{self as recorded, Fleet};
use crate::histograms::Histograms;
use crate::metric::Metric;
use crate::model::Model;
use crate::promql::{Expr, Matcher};
use crate::scope::{Renames, STEP, Scope};
use crate::scrape::Scrape;

use scenario::Scenario;
use settings::Tuning;

pub(crate) use burn::{Budget, budgets};
pub(crate) use rehearsal::yaml as rehearsal;
pub use settings::{AlertError, AlertSetting, AlertSettings};

/// The approximate number of failures that an alert on a ratio requires.
const MIN_FAILURES: f64 = 5.0;

/// The targets that rules select.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    job: &'a str,
    /// The label that separates deployments of the service, beside the job.
    deployment: Option<&'a str>,
    /// The labels that only tell copies of one series apart.
    replicas: &'a [String],
    /// The stored form of histograms that have native buckets.
    histograms: Histograms,
    /// The earlier names of samples.
    renames: Option<&'a Renames>,
    /// The recorded series of a fleet, which are queried in place of those of instances.
    fleet: Option<&'a Fleet>,
}

impl<'a> Target<'a> {
    /// All targets of a job are one service.
    pub(crate) const fn job(job: &'a str) -> Self {
        let histograms = Histograms::Classic;
        Self { job, deployment: None, replicas: &[], histograms, renames: None, fleet: None }
    }

    /// The targets in each namespace of a Kubernetes cluster are a separate service. The Prometheus operator adds the
    /// label to every target.
    pub(crate) const fn in_namespaces(job: &'a str) -> Self {
        Self { deployment: Some("namespace"), ..Self::job(job) }
    }

    /// Sets the settings of Prometheus that queries depend on.
    pub(crate) fn scraped(self, scrape: &'a Scrape) -> Self {
        Self { replicas: &scrape.replicas, histograms: scrape.histograms(), ..self }
    }

    /// The targets in each cluster of a fleet are a separate service, of which the rules query what they record.
    pub(crate) fn recorded(self, fleet: Option<&'a Fleet>) -> Self {
        let cluster = fleet.map(|fleet| fleet.cluster.as_str());
        Self { fleet, deployment: cluster.or(self.deployment), ..self }
    }

    /// The series of each instance.
    const fn of_instances(self) -> Self {
        Self { fleet: None, ..self }
    }

    fn over(self, window: &str) -> Scope {
        let scope = Scope::job(self.job, window).without(self.replicas).with_histograms(self.histograms);
        let scope = scope.recorded(self.fleet);
        match self.renames {
            Some(renames) => scope.renamed(renames),
            None => scope,
        }
    }

    /// Returns the current values of a metric.
    fn now(self, metric: &str) -> Expr {
        self.over("").now(metric)
    }

    /// Returns the current values of a recorded series, of which there are no copies.
    fn series(self, series: &str, matchers: impl IntoIterator<Item = Matcher>) -> Expr {
        Scope::job(self.job, "").with(matchers).now(series)
    }

    /// Returns the labels of the deployment, and `more`.
    fn by<'l>(self, more: impl IntoIterator<Item = &'l str>) -> Vec<&'l str>
    where
        'a: 'l,
    {
        self.deployment.into_iter().chain(["job"]).chain(more).collect()
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// The name of the recorded series or of the alert.
    pub(crate) name: String,
    pub(crate) expr: Expr,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) alert: Option<Alert>,
}

/// The properties of an alert.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alert {
    tuning: Tuning,
    text: Text,
    /// The scenarios in which it fires.
    fires: Vec<Scenario>,
    /// The scenarios in which it may fire, depending on an objective.
    may_fire: Vec<Scenario>,
    /// The time from the start of a problem until the condition is true, if all calls have it.
    delay: Duration,
    /// The time from the end of a problem until the condition is false.
    ends: Duration,
    /// `true` if it reads native histograms only.
    is_native: bool,
}

/// The annotations of an alert, which are templates of Prometheus.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    summary: String,
    description: String,
    /// The meaning, what to look at, and where the metric is declared.
    runbook: String,
}

/// A group of rules, which Prometheus evaluates together, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// The time between two evaluations, if it is not that of the server.
    interval: Option<&'static str>,
    pub(crate) rules: Vec<Rule>,
}

impl Rule {
    fn record(name: String, expr: Expr) -> Self {
        Self { name, expr, labels: Vec::new(), alert: None }
    }

    fn labelled(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    fn node(&self) -> Node {
        let mut labels: Vec<_> =
            self.labels.iter().map(|(name, value)| (Key::from(name.clone()), value.as_str().into())).collect();
        let Some(alert) = &self.alert else {
            let record = map([("record", self.name.as_str().into()), ("expr", self.expr.to_string().into())]);
            return if labels.is_empty() { record } else { record.with("labels", Node::Map(labels)) };
        };
        let mut node = map([("alert", self.name.as_str().into()), ("expr", self.expr.to_string().into())]);
        let holds = alert.tuning.holds();
        if !holds.is_empty() {
            node = node.with("for", holds);
        }
        labels.insert(0, ("severity".into(), alert.tuning.severity.as_str().into()));
        let Text { summary, description, runbook } = &alert.text;
        let annotations = [("summary", summary), ("description", description), ("runbook", runbook)];
        let annotations = map(annotations.map(|(name, text)| (name, text.as_str().into())));
        node.with("labels", Node::Map(labels)).with("annotations", annotations)
    }
}

impl Text {
    /// Creates the texts. The runbook says where the metric is declared.
    fn new(summary: impl Into<String>, description: impl Into<String>, runbook: &str, metric: Option<&Metric>) -> Self {
        let places = metric.map(|metric| metric.places.as_slice()).unwrap_or_default();
        let declared = match (metric, places) {
            (Some(metric), [_, ..]) => {
                let more = if places.len() > 3 { format!(" and {} more", places.len() - 3) } else { String::new() };
                let places = places.iter().take(3).map(|place| template_text(place)).collect::<Vec<_>>().join(", ");
                format!(" `{}` is declared at {places}{more}.", metric.name)
            }
            _ => String::new(),
        };
        Self { summary: summary.into(), description: description.into(), runbook: format!("{runbook}{declared}") }
    }

    /// Returns the texts of an alert on this share of the instances of a cluster.
    fn of_instances(self, cluster: &str, share: f64) -> Self {
        let one = self.summary.replace("{{ $labels.instance }}", "an instance");
        let summary = format!("{one} ({{{{ $value }}}} in the {cluster} {{{{ $labels.{cluster} }}}})");
        let description = format!(
            "The number is that of the instances of {{{{ $labels.job }}}}: more than {} of them.",
            percent(share)
        );
        Self { summary, description, ..self }
    }
}

/// Returns all groups of a service that have a rule.
pub(crate) fn groups(model: &Model, target: Target<'_>, settings: &AlertSettings) -> Vec<Group> {
    let target = Target { renames: Some(&model.renames), ..target };
    let objectives = burn::objectives(model);
    let (of_instances, alerts) = alerts::rules(model, target, settings);
    let first = match target.fleet {
        Some(fleet) => fleet::recording(model, target, fleet, of_instances),
        None => vec![
            ("renames".to_owned(), renames::rules(&model.renames, target)),
            ("recording".to_owned(), recording::rules(model, target)),
        ],
    };
    let then = [
        ("alerts", alerts),
        ("objectives.recording", burn::recording(&objectives, target)),
        ("objectives.alerts", burn::alerts(model, &objectives, target, settings)),
    ];
    let all = first.into_iter().chain(then.map(|(name, rules)| (name.to_owned(), rules)));
    let groups = all.filter(|(_, rules)| !rules.is_empty()).map(|(name, rules)| Group {
        name: format!("{}.{name}", model.service),
        interval: match target.fleet {
            // The sum of recorded rates depends on it.
            Some(_) => Some(recorded::INTERVAL),
            None => (name == "renames").then_some(STEP),
        },
        rules,
    });
    groups.collect()
}

/// Checks that settings are about alerts of this service.
pub(crate) fn check(model: &Model, settings: &AlertSettings) -> Result<(), AlertError> {
    let service = camel(&model.service);
    // The same settings are for the rules of one service and for those of a fleet.
    let fleet = Fleet::new("cluster", &model.metrics);
    let targets = [None, Some(&fleet)].map(|fleet| Target::job("").recorded(fleet));
    let groups = targets.into_iter().flat_map(|target| groups(model, target, &AlertSettings::new()));
    let alerts = groups.flat_map(|group| group.rules).filter_map(|rule| Some((rule.name, rule.alert?)));
    let alerts: Vec<_> = alerts.map(|(name, alert)| (name[service.len()..].to_owned(), alert.tuning)).collect();
    settings.check(&service, &alerts)
}

/// Returns the `groups` of a rules file or a `PrometheusRule`.
pub(crate) fn node(groups: &[Group]) -> Node {
    let groups = groups.iter().map(|group| {
        let rules: Vec<_> = group.rules.iter().map(Rule::node).collect();
        let node = map([("name", group.name.as_str().into())]);
        let node = if let Some(interval) = group.interval { node.with("interval", interval) } else { node };
        node.with("rules", rules)
    });
    map([("groups", list(groups))])
}

/// Returns a note about rejected calls if the service has a circuit breaker. A breaker around the function that is
/// recorded rejects calls before they begin, so only its own metrics count them.
fn rejection_note(model: &Model) -> &'static str {
    if model.find("circuit_breaker_calls_total").is_some() {
        " Calls that a circuit breaker around the function rejected are not among them."
    } else {
        ""
    }
}

/// Escapes text for a template: actions are printed as text.
fn template_text(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}").replace(['\n', '\r'], " ")
}

/// Returns `{{ $labels.name }}` for each label, for the text of an alert.
fn label_list(labels: &[&str]) -> String {
    let labels: Vec<_> = labels.iter().map(|label| format!("{label} {{{{ $labels.{label} }}}}")).collect();
    if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) }
}

/// Formats a ratio as a percentage, without the digits that are an error of `f64`.
fn percent(ratio: f64) -> String {
    format!("{}%", (ratio * 1e10).round() / 1e8)
}

/// Converts `neurectomy_ryot` to `NeurectomyRyot`.
fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split(['_', ':', '-']) {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs.
    #[metrics_runtime::track(name = "jobs", in_flight, labels(urgent = urgent, tenant = tenant))]
    async fn job(urgent: bool, tenant: &str) {}

    #[test]
    fn calls_that_stall_are_grouped_by_the_labels_that_the_program_bounds() {
        let _ = job;
        let metrics = metrics_runtime::Metrics::builder().namespace("shop").build().unwrap();
        let rules = crate::Export::new(&metrics).rules();
        let expected = "- record: 'job_urgent:shop_jobs_in_flight:min5m'\n        expr: 'sum by (job, urgent) \
                        (min_over_time(shop_jobs_in_flight{job=\"shop\"}[5m]))'";
        assert!(rules.contains(expected), "{rules}");
        let (_, alert) = rules.split_once("- alert: ShopJobsStalled\n").expect("an alert");
        let alert = alert.split("- alert: ").next().unwrap();
        assert!(alert.contains("severity: ticket") && alert.contains("(job {{ $labels.job }}, urgent"), "{alert}");
        // Without the gauge, nothing says that calls stall.
        let empty = metrics_runtime::Metrics::builder().registry(&metrics_runtime::Registry::new()).build().unwrap();
        assert!(!crate::Export::new(&empty).rules().contains("Stalled"));
    }

    #[test]
    fn a_window_that_is_shorter_than_the_rates_of_a_fleet_is_longer_there() {
        let metrics = metrics_runtime::Metrics::builder().namespace("shop").build().unwrap();
        let settings: AlertSettings = "[\"*Stalled\"]\nwindow = \"2m\"\nfor = \"4m\"".parse().unwrap();
        let stalled = |export: crate::Export| {
            let rules = export.alerts(settings.clone()).unwrap().rules();
            rules.split("- alert: ShopJobsStalled\n").nth(1).unwrap().split("- alert: ").next().unwrap().to_owned()
        };
        let single = stalled(crate::Export::new(&metrics));
        assert!(single.contains("increase2m") && single.contains("for: '4m'"), "{single}");
        // The time for which it has to hold is longer by as much.
        let fleet = stalled(crate::Export::new(&metrics).fleet());
        assert!(fleet.contains("increase5m") && fleet.contains("for: '7m'") && !fleet.contains("2m"), "{fleet}");
    }

    #[test]
    fn a_blocked_runtime_is_found_by_the_sum_of_its_delays_in_each_form_of_histograms() {
        use metrics_runtime::{Descriptor, Registry};
        let registry = Registry::new();
        let delay = Descriptor::histogram("tokio_canary_delay_seconds", "Delay.", &[0.1][..]).native();
        registry.histogram(delay.unit("seconds").labels(["runtime", "probe"])).unwrap();
        let metrics = metrics_runtime::Metrics::builder().registry(&registry).build().unwrap();
        let export = || crate::Export::new(&metrics).job("shop");
        let rules = |form| {
            let rules = export().histograms(form).rules();
            let (_, alert) = rules.split_once("RuntimeBlocked\n").expect("an alert");
            alert.lines().find_map(|line| line.trim().strip_prefix("expr: ")).unwrap().trim_matches('\'').to_owned()
        };
        let sum = "sum by (job, instance, runtime) (";
        let classic = "rate(tokio_canary_delay_seconds_sum{job=\"shop\"}[3m])";
        let native = "histogram_sum(rate(tokio_canary_delay_seconds{job=\"shop\"}[3m]))";
        assert_eq!(rules(Histograms::Classic), format!("{sum}{classic}) > 0.1"));
        assert_eq!(rules(Histograms::Native), format!("{sum}{native}) > 0.1"));
        assert_eq!(rules(Histograms::Both), format!("{sum}{classic} or {native}) > 0.1"));
        let native = export().histograms(Histograms::Native).rule_tests("rules.yaml");
        assert!(native.contains("RuntimeBlocked\n") && !native.contains("alertname=\"RuntimeBlocked\""), "{native}");
        assert!(!export().rules().contains("WorkerStuck"), "nothing says that");
    }

    #[test]
    fn help_texts_are_not_templates() {
        assert_eq!(template_text("a {{ $labels.x }}\nb"), "a {{ \"{{\" }} $labels.x }} b");
        assert_eq!(camel("neurectomy_ryot_requests"), "NeurectomyRyotRequests");
        assert_eq!(label_list(&["job", "route"]), " (job {{ $labels.job }}, route {{ $labels.route }})");
    }

    #[test]
    fn percentages_have_no_digits_of_rounding() {
        assert_eq!([0.05, 0.07, 0.333, 1.0].map(percent), ["5%", "7%", "33.3%", "100%"]);
    }

    #[test]
    fn a_runbook_names_panels_that_exist() {
        let metrics = metrics_runtime::Metrics::builder().namespace("shop").build().unwrap();
        let model = Model::new(&metrics);
        let dashboard = crate::dashboard::node(&model, None, &Scrape::default(), None).json();
        let groups = groups(&model, Target::job("shop"), &AlertSettings::new());
        let alerts = groups.iter().flat_map(|group| &group.rules).filter_map(|rule| Some((rule, rule.alert.as_ref()?)));
        for (rule, alert) in alerts {
            let runbook = &alert.text.runbook;
            let named = runbook.split("panel `").chain(runbook.split("row `")).skip(1);
            for name in
                named.filter_map(|rest| rest.split('`').next()).filter(|name| runbook.contains(&format!("`{name}`")))
            {
                assert!(dashboard.contains(&format!("\"title\": \"{name}\"")), "{}: no panel `{name}`", rule.name);
            }
        }
    }
}
