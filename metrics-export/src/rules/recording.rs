//! Recording rules: rates, error ratios and quantiles by route and by function, with the naming scheme
//! `level:metric:operations` (<https://prometheus.io/docs/practices/rules/>).

use super::{Rule, Target};
use crate::metric::Metric;
use crate::model::Model;
use crate::names::recorded_name;
use crate::promql::Matcher;
use crate::roles::failed_calls;
use crate::scope::{QUANTILES, Scope};

const WINDOW: &str = "5m";

pub(super) fn rules(model: &Model, target: Target<'_>) -> Vec<Rule> {
    let scope = target.over(WINDOW);
    let mut rules = Vec::new();
    if let Some(http) = &model.http {
        let by = target.by([http.route.as_str()]);
        ratio(&mut rules, &http.requests, &by, http.failed(), &scope);
        if let Some(duration) = &http.duration {
            quantiles(&mut rules, duration, &by, &scope);
        }
    }
    for function in &model.functions {
        ratio(&mut rules, &function.calls.name, &target.by(function.by()), failed_calls(), &scope);
        if let Some(duration) = &function.duration {
            quantiles(&mut rules, duration, &target.by(function.timed_by(duration)), &scope);
        }
    }
    rules
}

fn ratio(rules: &mut Vec<Rule>, metric: &str, by: &[&str], failed: Matcher, scope: &Scope) {
    let total = scope.rate(metric, by);
    let ratio = scope.with([failed]).rate(metric, by).ratio(&total);
    rules.push(Rule::record(name(metric, by, "rate5m"), total));
    rules.push(Rule::record(name(metric, by, "error_ratio_rate5m"), ratio));
}

fn quantiles(rules: &mut Vec<Rule>, histogram: &Metric, by: &[&str], scope: &Scope) {
    for (quantile, word) in QUANTILES {
        let expr = scope.quantile(quantile, &histogram.name, by);
        rules.push(Rule::record(name(&histogram.name, by, &format!("{word}_rate5m")), expr));
    }
}

fn name(metric: &str, by: &[&str], operation: &str) -> String {
    format!("{}:{}:{operation}", by.join("_"), recorded_name(metric))
}
