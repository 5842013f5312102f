//! Panels of circuit breakers: state, calls and transitions.

use super::{NONE, combined, generic, time_since};
use crate::dashboard::View;
use crate::dashboard::panel::{Draw, Panel};
use crate::fleet::INSTANCES;
use crate::metric::{Metric, Role};
use crate::names::BREAKER_STATE as STATE;
use crate::promql::{Compare, Expr, aggregate, call, matcher};

const BY: [&str; 1] = ["service"];

/// Returns a number for the overview: the breakers that reject calls.
pub(super) fn open_breakers(view: &View<'_>) -> Option<Panel> {
    let state = view.model.find(STATE).filter(|state| BY.iter().all(|label| state.has(label)))?;
    let open = |name| view.scope.with([matcher("state", Compare::Matches, name)]).of_clusters(&state.name, INSTANCES);
    let open = match open("open|forced open") {
        Some(instances) => aggregate("sum", NONE, instances),
        None => {
            let closed = view.scope.now(&state.name);
            let open = closed.clone().compared("==", 1.0).binary("or", closed.compared("==", 4.0));
            aggregate("count", NONE, open)
        }
    };
    let open = open.binary("or", call("vector", [Expr::Number(0.0)]));
    let panel = Panel::new("Open breakers", Draw::Stat, "short").limits(1.0, 1.0);
    Some(panel.about("Circuit breakers of instances that are open or forced open.").query(open, "breakers"))
}

pub(super) fn breakers(view: &View<'_>) -> Vec<Panel> {
    let (model, scope) = (view.model, &view.scope);
    let mut panels = Vec::new();
    let mut shown = Vec::new();
    let mut find = |base: &str, needs: &[&str]| {
        let has = |metric: &&Metric| BY.iter().chain(needs).all(|label| metric.has(label));
        let found = model.find(base).filter(has);
        shown.extend(found.map(|metric| metric.name.clone()));
        found
    };
    if let Some(state) = find(STATE, &[]) {
        let panel = match scope.of_clusters(&state.name, INSTANCES) {
            Some(instances) => {
                let by = ["service", "state"];
                let panel = Panel::new("Instances by state", Draw::Stacked, "short").help(state);
                panel.sized(24, 8).query_by(aggregate("sum", &by, instances), &by, "instances")
            }
            None => {
                let by = ["service", "instance"];
                let expr = aggregate("max", &by, scope.now(&state.name));
                Panel::new("State", Draw::States, "short").help(state).query_by(expr, &by, "state")
            }
        };
        panels.push(panel);
    }
    if let Some(calls) = find("circuit_breaker_calls_total", &["result"]) {
        let by = ["service", "result"];
        let rejected = scope.with([matcher("result", Compare::Is, "rejected")]).rate(&calls.name, &BY);
        panels.push(Panel::new("Rejections", Draw::Lines, "cps").help(calls).query_by(rejected, &BY, "rejected"));
        let expr = scope.rate(&calls.name, &by);
        panels.push(Panel::new("Calls by result", Draw::Stacked, "cps").help(calls).query_by(expr, &by, "calls"));
    }
    if let Some(failures) = find("circuit_breaker_failures_total", &[]) {
        let expr = scope.rate(&failures.name, &BY);
        panels.push(Panel::new("Failures", Draw::Lines, "cps").help(failures).query_by(expr, &BY, "failures"));
    }
    if let Some(ratio) = find("circuit_breaker_failure_ratio", &[]) {
        // The instance that is nearest to opening.
        let largest = |metric: &Metric| scope.gauge("max", &metric.name, &BY);
        let panel = Panel::new("Failure ratio and its threshold", Draw::Lines, "percentunit").help(ratio);
        // Breakers that count consecutive failures have no ratio.
        let panel = combined(panel, scope, ratio).empty("no circuit breaker opens at a ratio");
        let mut panel = panel.query_by(largest(ratio), &BY, "ratio");
        for (base, legend) in [
            ("circuit_breaker_failure_ratio_threshold", "{{service}} threshold"),
            ("circuit_breaker_slow_ratio", "{{service}} slow"),
            ("circuit_breaker_slow_ratio_threshold", "{{service}} slow threshold"),
        ] {
            if let Some(metric) = find(base, &[]) {
                panel = panel.query(largest(metric), legend);
            }
        }
        panels.push(panel);
    }
    if let Some(transitions) = find("circuit_breaker_transitions_total", &["to"]) {
        let expr = scope.increase(&transitions.name, &["service", "to"]);
        let panel = Panel::new("Changes of state", Draw::Lines, "short").help(transitions);
        let mut panel = panel.note("Within the window of each point.").query(expr, "{{service}} to {{to}}");
        if let Some(dropped) = find("circuit_breaker_transitions_dropped_total", &[]) {
            panel = panel.query(scope.increase(&dropped.name, &BY), "{{service}} not delivered");
        }
        panels.push(panel);
    }
    if let Some(last) = find("circuit_breaker_last_transition_timestamp_seconds", &[]) {
        let panel = Panel::new("Time since the last change", Draw::Lines, "s").help(last);
        panels.push(combined(panel, scope, last).query_by(time_since(scope, &last.name, &BY), &BY, "time"));
    }
    if let Some(probes) = find("circuit_breaker_probes_in_flight", &[]) {
        let expr = scope.gauge("sum", &probes.name, &BY);
        let panel = Panel::new("Probes in flight", Draw::Lines, "short").help(probes);
        panels.push(combined(panel, scope, probes).query_by(expr, &BY, "probes"));
    }
    panels.extend(generic(view, Role::Breaker, &shown));
    panels
}
