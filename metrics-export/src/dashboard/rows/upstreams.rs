//! Panels of upstreams: requests, failures and durations of each, beside the state of its circuit breaker.

use super::{generic, quantiles};
use crate::dashboard::View;
use crate::dashboard::panel::{Draw, Panel};
use crate::metric::Role;
use crate::names::BREAKER_STATE;
use crate::promql::{aggregate, label_replace};
use crate::roles::{CAUSE, UPSTREAM, Upstreams};

const BY: [&str; 1] = [UPSTREAM];

pub(super) fn upstreams(view: &View<'_>) -> Vec<Panel> {
    let (model, scope) = (view.model, &view.scope);
    let Some(found) = &model.upstreams else { return generic(view, Role::Upstream, &[]) };
    let Upstreams { requests, errors, duration, in_flight } = found;
    let rate = scope.rate(&requests.name, &BY);
    let failed =
        found.failed().into_iter().map(|(counter, matcher)| scope.with([matcher]).rate(counter, &BY).or_zero(&rate));
    let completed = scope.with([Upstreams::completed()]).rate(&requests.name, &BY);
    let failed = failed.reduce(|sum, failed| sum.binary("+", failed));
    let mut shown = vec![requests.name.clone()];
    let mut panels =
        vec![Panel::new("Requests by upstream", Draw::Stacked, "reqps").help(requests).query_by(rate, &BY, "all")];
    if let Some(failed) = failed {
        let share = failed.binary("/", completed.compared(">", 0.0));
        panels.push(
            Panel::new("Failures by upstream", Draw::Lines, "percentunit")
                .about("The share of requests answered with 5xx, or without the end of a response. Requests that the caller gave up are not counted.")
                .query_by(share, &BY, "all"),
        );
    }
    if let Some(duration) = duration {
        shown.push(duration.name.clone());
        let panel = Panel::new("Duration by upstream (p95)", Draw::Lines, "s").help(duration);
        panels.push(quantiles(panel, scope, &duration.histogram(), &BY));
    }
    if let Some(errors) = errors {
        shown.push(errors.name.clone());
        let by = [UPSTREAM, CAUSE];
        let panel = Panel::new("Errors by upstream and cause", Draw::Lines, "reqps").help(errors);
        panels.push(panel.query_by(scope.rate(&errors.name, &by), &by, "all"));
    }
    if let Some(in_flight) = in_flight {
        shown.push(in_flight.name.clone());
        let expr = scope.gauge("sum", &in_flight.name, &BY);
        panels
            .push(Panel::new("In flight by upstream", Draw::Lines, "short").help(in_flight).query_by(expr, &BY, "all"));
    }
    let state = model.find(BREAKER_STATE).filter(|state| state.has("service") && !view.is_fleet());
    if let Some(state) = state {
        let by = [UPSTREAM, "instance"];
        let named = label_replace(scope.now(&state.name), [UPSTREAM, "$1", "service", "(.*)"]);
        let called = aggregate("group", &BY, scope.now(&requests.name));
        let expr = aggregate("max", &by, named).modified("and", "on (upstream)", called);
        let panel = Panel::new("Breakers of upstreams", Draw::States, "short");
        panels.push(
            panel
                .about("The states of the circuit breakers with the name of an upstream.")
                .query_by(expr, &by, "state"),
        );
    }
    panels.extend(generic(view, Role::Upstream, &shown));
    panels
}
