//! The selectors of one document: the job, the instances and the window that all queries share.

use crate::names::is_common;
use crate::promql::{Compare, Expr, Matcher, aggregate, call, matcher};

/// The quantiles of panels and recording rules, with their names.
pub(crate) const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

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
    fn shares(&self, metric: &str) -> bool {
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
}

impl Scope {
    /// Creates the scope of a dashboard: the chosen job and instances, and the window that Grafana computes. If users
    /// select all jobs, the owner limits the queries to this service.
    pub(crate) fn dashboard(owner: Option<&Owner>) -> Self {
        let matchers = ["job", "instance"].map(|name| matcher(name, Compare::Matches, &format!("${name}"))).to_vec();
        let owner = owner.map(|owner| (owner.clone(), matchers.clone()));
        Self { matchers, window: "$__rate_interval".to_owned(), owner }
    }

    /// Creates the scope of rules for one job.
    pub(crate) fn job(job: &str, window: &str) -> Self {
        Self { matchers: vec![matcher("job", Compare::Is, job)], window: window.to_owned(), owner: None }
    }

    /// Adds matchers.
    pub(crate) fn with(&self, more: impl IntoIterator<Item = Matcher>) -> Self {
        let mut scope = self.clone();
        scope.matchers.extend(more);
        scope
    }

    /// Returns the current values of a metric.
    pub(crate) fn now(&self, metric: &str) -> Expr {
        self.owned(metric, self.series(metric, None))
    }

    /// Returns `function(metric[window])`.
    pub(crate) fn windowed(&self, function: &'static str, metric: &str) -> Expr {
        self.owned(metric, call(function, [self.series(metric, Some(self.window.clone()))]))
    }

    fn series(&self, metric: &str, window: Option<String>) -> Expr {
        Expr::Series { metric: metric.to_owned(), matchers: self.matchers.clone(), window }
    }

    /// Limits a metric that other services may also have to the instances of the owner.
    fn owned(&self, metric: &str, expr: Expr) -> Expr {
        match &self.owner {
            Some((owner, matchers)) if owner.shares(metric) => {
                let window = owner.counter.then(|| self.window.clone());
                let series = Expr::Series { metric: owner.series.clone(), matchers: matchers.clone(), window };
                // Grafana's linter rejects a counter without a rate.
                let series = if owner.counter { call("rate", [series]) } else { series };
                expr.modified("and", "on (job, instance)", series)
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

    /// Returns a quantile over the summed buckets of all instances. It has no sample while nothing is observed: the
    /// quantile of buckets without a rate is a NaN.
    pub(crate) fn quantile<L: AsRef<str>>(&self, quantile: f64, histogram: &str, by: &[L]) -> Expr {
        let observed = self.rate(&format!("{histogram}_count"), by).compared(">", 0.0);
        let by: Vec<_> = by.iter().map(AsRef::as_ref).chain(["le"]).collect();
        let buckets = self.rate(&format!("{histogram}_bucket"), &by);
        call("histogram_quantile", [Expr::Number(quantile), buckets]).binary("and", observed)
    }

    /// Returns the mean of the observations.
    pub(crate) fn mean<L: AsRef<str>>(&self, histogram: &str, by: &[L]) -> Expr {
        let [sum, count] = ["sum", "count"].map(|suffix| self.rate(&format!("{histogram}_{suffix}"), by));
        sum.binary("/", count.compared(">", 0.0))
    }
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
            let scope = Scope::dashboard(Some(&owner)).with([matcher("cause", Compare::Is, "panic")]);
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
            Scope::dashboard(None).quantile(0.95, "wait_seconds", &["route"]).to_string(),
            "histogram_quantile(0.95, sum by (route, le) \
             (rate(wait_seconds_bucket{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]))) and \
             (sum by (route) (rate(wait_seconds_count{job=~\"$job\", instance=~\"$instance\"}[$__rate_interval])) > 0)"
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
