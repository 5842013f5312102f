//! Recording rules: rates, error ratios and quantiles by route, gRPC method and function, with the naming scheme
//! `level:metric:operations` (<https://prometheus.io/docs/practices/rules/>).

use super::events::Events;
use super::{Rule, Target};
use crate::histograms::Measure;
use crate::metric::Metric;
use crate::model::Model;
use crate::names::recorded_name;
use crate::promql::{Compare, Expr, Matcher, matcher};
use crate::roles::{STATUS, failed_calls};
use crate::scope::{QUANTILES, Scope};

const WINDOW: &str = "5m";

/// The seconds of the window.
const SECONDS: f64 = 300.0;

pub(super) fn rules(model: &Model, target: Target<'_>) -> Vec<Rule> {
    let scope = target.over(WINDOW);
    let mut rules = Vec::new();
    if let Some(http) = &model.http {
        let by = target.by([http.route.as_str()]);
        let completed = matcher(&http.status, Compare::IsNot, "499");
        ratio(&mut rules, &http.requests, &by, [vec![http.failed()], vec![completed]], target);
        if let Some(duration) = &http.duration {
            quantiles(&mut rules, duration, &by, &scope);
        }
    }
    for grpc in &model.grpc {
        let by = target.by(grpc.by.iter().copied());
        ratio(&mut rules, &grpc.calls, &by, [grpc.failed().into(), grpc.completed().into()], target);
        if let Some(duration) = &grpc.duration {
            quantiles(&mut rules, duration, &by, &scope);
        }
    }
    for function in &model.functions {
        let completed = matcher(STATUS, Compare::IsNot, "cancelled");
        let calls = Measure::from(&function.calls.name);
        let of = [vec![failed_calls()], vec![completed]];
        ratio(&mut rules, &calls, &target.by(function.by()), of, target);
        if let Some(duration) = &function.duration {
            quantiles(&mut rules, duration, &target.by(function.timed_by(duration)), &scope);
        }
    }
    rules
}

/// Records the rate of all calls, and the ratio of those that failed among those that completed.
fn ratio(rules: &mut Vec<Rule>, calls: &Measure, by: &[&str], of: [Vec<Matcher>; 2], target: Target<'_>) {
    let count = |matchers: Vec<Matcher>| Events::of(calls, matchers).within(target, WINDOW, by);
    let [failed, completed] = of.map(&count);
    let rate = count(Vec::new()).binary("/", Expr::Number(SECONDS));
    rules.push(Rule::record(recorded(&calls.series(), by, "rate5m"), rate));
    rules.push(Rule::record(recorded(&calls.series(), by, "error_ratio_rate5m"), failed.ratio(&completed)));
}

fn quantiles(rules: &mut Vec<Rule>, histogram: &Metric, by: &[&str], scope: &Scope) {
    for (quantile, word) in QUANTILES {
        let expr = scope.quantile(quantile, &histogram.histogram(), by);
        rules.push(Rule::record(recorded(&histogram.name, by, &format!("{word}_rate5m")), expr));
    }
}

/// Returns the name of a recorded series.
pub(super) fn recorded(metric: &str, by: &[&str], operation: &str) -> String {
    format!("{}:{}:{operation}", by.join("_"), recorded_name(metric))
}
