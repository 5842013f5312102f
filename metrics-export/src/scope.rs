//! The selectors of one document: the job, the instances and the window that all queries share.

use crate::names::is_common;
use crate::promql::{Compare, Expr, Matcher, aggregate, call, label_replace, largest_without, matcher};
use crate::scrape::Scrape;

/// The quantiles of panels and recording rules, with their names.
pub(crate) const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// The step of the subqueries of rules, which is at most the interval of most scrapes.
const STEP: &str = "15s";

/// The label that tells functions apart.
pub(crate) const FUNCTION: &str = "function";

/// The metrics of many functions, selected by their names.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// A regular expression for all names. In a dashboard it may contain a variable.
    pub(crate) pattern: String,
    /// The label [`FUNCTION`] by name: a regular expression and the value.
    pub(crate) labels: Vec<(String, String)>,
    /// `true` if other services may have one of the metrics.
    pub(crate) shared: bool,
}

/// A series that only the instances of one service have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Owner {
    /// The name of the series. Each instance has it from the start.
    pub(crate) series: String,
    /// `true` if the series is a counter.
    pub(crate) counter: bool,
    /// The prefix of the service's own metrics; empty without a namespace.
    pub(crate) prefix: String,
}

impl Owner {
    /// Returns `true` if other services may also have a metric of this name.
    ///
    /// The metrics of a variable are those of this service.
    pub(crate) fn shares(&self, metric: &str) -> bool {
        if metric.starts_with('$') {
            return false;
        }
        if self.prefix.is_empty() { is_common(metric) } else { !metric.starts_with(&self.prefix) }
    }
}

/// The matchers and the window that the queries of one document share.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    matchers: Vec<Matcher>,
    window: String,
    /// The owner and its matchers, for a dashboard, in which users may select all jobs.
    owner: Option<(Owner, Vec<Matcher>)>,
    /// The labels that only tell copies of one series apart.
    replicas: Vec<String>,
    /// The time between two samples.
    step: String,
}

impl Scope {
    /// Creates the scope of a dashboard: the chosen job and instances, and the window that Grafana computes. If users
    /// select all jobs, the owner limits the queries to this service.
    pub(crate) fn dashboard(owner: Option<&Owner>, scrape: &Scrape) -> Self {
        let matchers: Vec<_> =
            chosen(scrape).map(|name| matcher(name, Compare::Matches, &format!("${name}"))).collect();
        let owner = owner.map(|owner| (owner.clone(), matchers.clone()));
        let (replicas, step) = (scrape.replicas.clone(), scrape.interval());
        Self { matchers, window: "$__rate_interval".to_owned(), owner, replicas, step }
    }

    /// Creates the scope of rules for one job.
    pub(crate) fn job(job: &str, window: &str) -> Self {
        let matchers = vec![matcher("job", Compare::Is, job)];
        Self { matchers, window: window.to_owned(), owner: None, replicas: Vec::new(), step: STEP.to_owned() }
    }

    /// Leaves these labels out of all queries: series that differ in them alone are one.
    pub(crate) fn without(mut self, replicas: &[String]) -> Self {
        self.replicas = replicas.to_vec();
        self
    }

    /// Adds matchers.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Matcher>) -> Self {
        let mut scope = self.clone();
        scope.matchers.extend(more);
        scope
    }

    /// Returns the current values of a metric.
    pub(crate) fn now(&self, metric: &str) -> Expr {
        self.owned(self.is_shared(metric), self.once(self.series(metric, None)))
    }

    /// Returns `function(metric[window])`.
    pub(crate) fn windowed(&self, function: &'static str, metric: &str) -> Expr {
        let windowed = call(function, [self.series(metric, Some(self.window.clone()))]);
        self.owned(self.is_shared(metric), self.once(windowed))
    }

    /// Returns how often a gauge that only grows, such as a time, has grown within the window.
    ///
    /// `changes` counts the first sample of a series on VictoriaMetrics, and not on Prometheus; `resets` does so on
    /// neither.
    pub(crate) fn grown(&self, metric: &str) -> Expr {
        let negative = Expr::Number(0.0).binary("-", self.series(metric, None)).every(&self.window, &self.step);
        self.owned(self.is_shared(metric), self.once(call("resets", [negative])))
    }

    /// Returns the current values of all metrics with these names.
    pub(crate) fn each(&self, names: &Names) -> Expr {
        self.owned(names.shared, self.once(self.labelled(names)))
    }

    /// Returns the rates of all counters with these names.
    ///
    /// `rate` drops the name, so the label is set before, on the values within a subquery.
    pub(crate) fn each_rate(&self, names: &Names) -> Expr {
        let values = self.labelled(names).every(&self.window, &self.step);
        self.owned(names.shared, self.once(call("rate", [values])))
    }

    fn labelled(&self, names: &Names) -> Expr {
        let selected = matcher("__name__", Compare::Matches, &names.pattern);
        let matchers = [selected].into_iter().chain(self.matchers.iter().cloned()).collect();
        let series = Expr::Series { metric: String::new(), matchers, window: None };
        names
            .labels
            .iter()
            .fold(series, |series, (regex, value)| label_replace(series, [FUNCTION, value, "__name__", regex]))
    }

    /// Merges the copies of each series.
    fn once(&self, expr: Expr) -> Expr {
        if self.replicas.is_empty() { expr } else { largest_without(&self.replicas, expr) }
    }

    /// Returns `true` if other services may also have this metric, and users may select them.
    fn is_shared(&self, metric: &str) -> bool {
        self.owner.as_ref().is_some_and(|(owner, _)| owner.shares(metric))
    }

    fn series(&self, metric: &str, window: Option<String>) -> Expr {
        Expr::Series { metric: metric.to_owned(), matchers: self.matchers.clone(), window }
    }

    /// Limits a metric that other services may also have to the instances of the owner.
    fn owned(&self, shared: bool, expr: Expr) -> Expr {
        match &self.owner {
            Some((owner, matchers)) if shared => {
                let window = owner.counter.then(|| self.window.clone());
                let series = Expr::Series { metric: owner.series.clone(), matchers: matchers.clone(), window };
                // Grafana's linter rejects a counter without a rate.
                let series = if owner.counter { call("rate", [series]) } else { series };
                let on: Vec<_> = matchers.iter().map(|matcher| matcher.label.as_str()).collect();
                expr.modified("and", &format!("on ({})", on.join(", ")), series)
            }
            _ => expr,
        }
    }

    /// Returns `sum by (by) (rate(metric[window]))`, for counters only.
    pub(crate) fn rate<L: AsRef<str>>(&self, metric: &str, by: &[L]) -> Expr {
        aggregate("sum", by, self.windowed("rate", metric))
    }

    /// Returns the increase of a counter within the window.
    pub(crate) fn increase<L: AsRef<str>>(&self, metric: &str, by: &[L]) -> Expr {
        aggregate("sum", by, self.windowed("increase", metric))
    }

    /// Returns a quantile over the summed buckets of all instances.
    pub(crate) fn quantile<L: AsRef<str>>(&self, quantile: f64, histogram: &str, by: &[L]) -> Expr {
        let by: Vec<_> = by.iter().map(AsRef::as_ref).chain(["le"]).collect();
        quantile_of(quantile, self.rate(&format!("{histogram}_bucket"), &by))
    }

    /// Returns the mean of the observations.
    pub(crate) fn mean<L: AsRef<str>>(&self, histogram: &str, by: &[L]) -> Expr {
        let [sum, count] = ["sum", "count"].map(|suffix| self.rate(&format!("{histogram}_{suffix}"), by));
        sum.binary("/", count.compared(">", 0.0))
    }
}

/// Returns a quantile of buckets with the label `le`. It has no sample while nothing is observed: the quantile of buckets
/// without a rate is a NaN, which no comparison holds for. `_count` would tell the same, but histograms with bounds below
/// zero have none on an OpenMetrics page.
pub(crate) fn quantile_of(quantile: f64, buckets: Expr) -> Expr {
    call("histogram_quantile", [Expr::Number(quantile), buckets]).compared(">=", f64::NEG_INFINITY)
}

/// Returns the labels that users of a dashboard choose targets by.
pub(crate) fn chosen(scrape: &Scrape) -> impl Iterator<Item = &str> {
    scrape.deployments.iter().map(String::as_str).chain(["job", "instance"])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_ratio_is_zero_before_the_first_failure_and_absent_without_calls() {
        let scope = Scope::job("shop", "5m");
        let all = scope.rate("requests_total", &["route"]);
        let failed = scope.with([matcher("status", Compare::Matches, "5..")]).rate("requests_total", &["route"]);
        assert_eq!(
            failed.ratio(&all).to_string(),
            "(sum by (route) (rate(requests_total{job=\"shop\", status=~\"5..\"}[5m])) or \
             (0 * sum by (route) (rate(requests_total{job=\"shop\"}[5m])))) / \
             (sum by (route) (rate(requests_total{job=\"shop\"}[5m])) > 0)"
        );
    }

    #[test]
    fn metrics_that_other_services_have_too_are_limited_to_the_owner() {
        let owner = |prefix: &str| Owner { series: "shop_open".to_owned(), counter: false, prefix: prefix.to_owned() };
        let rate = |owner: Owner, metric: &str| {
            let scope =
                Scope::dashboard(Some(&owner), &Scrape::default()).with([matcher("cause", Compare::Is, "panic")]);
            scope.rate(metric, &["instance"]).to_string().replace("{job=~\"$job\", instance=~\"$instance\"", "{..")
        };
        let shared = |metric: &str| {
            format!(
                "sum by (instance) (rate({metric}{{.., cause=\"panic\"}}[$__rate_interval]) \
                 and on (job, instance) shop_open{{..}})"
            )
        };
        let own = |metric: &str| format!("sum by (instance) (rate({metric}{{.., cause=\"panic\"}}[$__rate_interval]))");
        assert_eq!(rate(owner("shop_"), "metrics_runtime_a_total"), shared("metrics_runtime_a_total"));
        assert_eq!(rate(owner("shop_"), "shop_a_total"), own("shop_a_total"));
        assert_eq!(rate(owner(""), "up"), shared("up"));
        assert_eq!(rate(owner(""), "a_total"), own("a_total"));
    }

    #[test]
    fn quantiles_come_from_summed_buckets_and_are_absent_without_observations() {
        assert_eq!(
            Scope::dashboard(None, &Scrape::default()).quantile(0.95, "wait_seconds", &["route"]).to_string(),
            "histogram_quantile(0.95, sum by (route, le) \
             (rate(wait_seconds_bucket{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]))) >= -Inf"
        );
    }

    #[test]
    fn copies_of_a_series_count_once() {
        let scrape = Scrape { replicas: vec!["replica".to_owned()], ..Scrape::default() };
        let scope = Scope::job("shop", "5m").without(&scrape.replicas);
        assert_eq!(
            scope.rate("a_total", &["route"]).to_string(),
            "sum by (route) (max without (replica) (rate(a_total{job=\"shop\"}[5m])))"
        );
        assert_eq!(scope.now("up").to_string(), "max without (replica) (up{job=\"shop\"})");
        let owner = Owner { series: "shop_open".to_owned(), counter: false, prefix: "shop_".to_owned() };
        let up = Scope::dashboard(Some(&owner), &scrape).now("up").to_string();
        assert!(
            up.starts_with("max without (replica) (up{") && up.contains("}) and on (job, instance) shop_open{"),
            "{up}"
        );
    }

    #[test]
    fn deployments_can_be_chosen() {
        let scrape = Scrape { deployments: vec!["cluster".to_owned()], ..Scrape::default() };
        let owner = Owner { series: "shop_open".to_owned(), counter: false, prefix: "shop_".to_owned() };
        let target = "{cluster=~\"$cluster\", job=~\"$job\", instance=~\"$instance\"}";
        assert_eq!(
            Scope::dashboard(Some(&owner), &scrape).now("up").to_string(),
            format!("up{target} and on (cluster, job, instance) shop_open{target}")
        );
    }

    proptest! {
        #[test]
        fn any_text_is_one_string_in_the_query(value in any::<String>()) {
            let query = Scope::job(&value, "5m").now("up").to_string();
            let parsed = promql_parser::parser::parse(&query);
            prop_assert!(parsed.is_ok(), "{query}: {parsed:?}");
            let Ok(promql_parser::parser::Expr::VectorSelector(selector)) = parsed else { panic!("{query}") };
            prop_assert_eq!(&selector.matchers.matchers[0].value, &value);
        }
    }
}
