//! Rates, error ratios and quantiles, by route and by function, under the names that
//! <https://prometheus.io/docs/practices/rules/> asks for: `level:metric:operations`.

use super::super::model::{Function, Http, Metric, Model, STATUS};
use super::super::promql::{Compare, Expr, Matcher, Scope, matcher};
use super::Rule;

const WINDOW: &str = "5m";

/// What counts as failed: cancelled calls were given up by their callers, and are told apart.
pub(super) const FAILED: &str = "error|panic";

pub(super) fn rules(model: &Model, job: &str) -> Vec<Rule> {
    let scope = Scope::job(job, WINDOW);
    let mut rules = Vec::new();
    if let Some(http) = &model.http {
        let by = ["job", http.route.as_str()];
        ratio(&mut rules, &http.requests, &by, &requests(&scope, http), failed_requests(http), &scope);
        if let Some(duration) = &http.duration {
            quantiles(&mut rules, duration, &by, &scope);
        }
    }
    for function in &model.functions {
        let by = levels(function);
        let total = scope.rate(&function.calls.name, &by);
        ratio(&mut rules, &function.calls.name, &by, &total, failed_calls(), &scope);
        if let Some(duration) = &function.duration {
            let by: Vec<_> = by.iter().copied().filter(|label| *label == "job" || duration.has(label)).collect();
            quantiles(&mut rules, duration, &by, &scope);
        }
    }
    rules
}

/// The job, and what calls are told apart by.
pub(super) fn levels(function: &Function) -> Vec<&str> {
    [vec!["job"], function.by()].concat()
}

/// A server that failed; a client that left early (499) or asked for the wrong thing is none.
pub(super) fn failed_requests(http: &Http) -> Matcher {
    matcher(&http.status, Compare::Matches, "5..|5xx")
}

pub(super) fn failed_calls() -> Matcher {
    matcher(STATUS, Compare::Matches, FAILED)
}

fn requests(scope: &Scope, http: &Http) -> Expr {
    scope.rate(&http.requests, &["job", &http.route])
}

fn ratio(rules: &mut Vec<Rule>, metric: &str, by: &[&str], total: &Expr, failed: Matcher, scope: &Scope) {
    let failed = scope.with([failed]).rate(metric, by);
    rules.push(Rule::record(name(metric, by, "rate5m"), total.clone()));
    rules.push(Rule::record(name(metric, by, "error_ratio_rate5m"), failed.ratio(total)));
}

fn quantiles(rules: &mut Vec<Rule>, histogram: &Metric, by: &[&str], scope: &Scope) {
    for (quantile, word) in [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")] {
        let expr = scope.quantile(quantile, &histogram.name, by);
        rules.push(Rule::record(name(&histogram.name, by, &format!("{word}_rate5m")), expr));
    }
}

fn name(metric: &str, by: &[&str], operation: &str) -> String {
    let metric = metric.trim_end_matches("_total").replace(':', "_");
    format!("{}:{metric}:{operation}", by.join("_"))
}
