//! Panels of function calls by outcome.

use super::{Row, generic, many, quantiles, title};
use crate::dashboard::View;
use crate::dashboard::panel::{Draw, Panel};
use crate::metric::Role;
use crate::promql::{Compare, matcher};
use crate::roles::{Function, STATUS};
use crate::scope::{FUNCTION, Scope};

/// The largest number of functions that have panels of their own in an open row.
pub(super) const FEW: usize = 4;

/// Returns the rows of all functions.
pub(super) fn functions(view: &View<'_>, title: &str) -> Vec<Row> {
    let functions = &view.model.functions;
    if functions.iter().map(number).sum::<usize>() > FEW {
        return many::rows(view, title);
    }
    let mut panels = Vec::new();
    let mut shown = Vec::new();
    for function in functions {
        shown.push(function.calls.name.clone());
        shown.extend(function.duration.iter().map(|duration| duration.name.clone()));
        panels.extend(calls(view, &view.scope, function));
    }
    panels.extend(generic(view, Role::Function, &shown));
    vec![Row { variables: many::variables(view), ..Row::new(title, panels) }]
}

/// Returns the number of functions that record these metrics with different labels.
pub(super) fn number(function: &Function) -> usize {
    let label = function.calls.labels.iter().find(|label| label.name == FUNCTION);
    label.and_then(|label| label.values.as_ref()).map_or(1, Vec::len)
}

/// Returns the panels of one function.
pub(super) fn calls(view: &View<'_>, scope: &Scope, function: &Function) -> Vec<Panel> {
    let Function { calls, duration, .. } = function;
    let name = title(calls);
    let by = function.by();
    let with_status = [by.clone(), vec![STATUS]].concat();
    let total = scope.rate(&calls.name, &by);
    let errors = scope.with([matcher(STATUS, Compare::Is, "error")]).rate(&calls.name, &by).ratio(&total);
    let abandoned = scope.with([matcher(STATUS, Compare::Matches, "panic|cancelled")]).rate(&calls.name, &with_status);
    let abandoned = abandoned.modified("/", "ignoring (status) group_left ()", total.clone().compared(">", 0.0));
    // Only the rate is grouped by run-time labels. A ratio or a quantile of few calls is not meaningful, and would be
    // among the largest. Nor is it grouped by labels of the result in ratios: all calls with an error's cause are errors.
    let all: Vec<_> = view.labels(calls).into_iter().filter(|label| *label != STATUS).collect();
    let rate = scope.rate(&calls.name, &all);
    let mut panels = vec![
        Panel::new(name.clone(), Draw::Stacked, "cps").help(calls).query_by_any(
            rate,
            &all,
            &function.bounded(),
            "calls",
        ),
        Panel::new(format!("{name}: errors"), Draw::Lines, "percentunit")
            .about("The share of calls that ended in an error; no value while there are no calls.")
            .query_by(errors, &by, "errors"),
        Panel::new(format!("{name}: panicked, cancelled"), Draw::Lines, "percentunit")
            .about("The share of calls that panicked, and the share of calls that were cancelled.")
            .query_by(abandoned, &with_status, "calls"),
    ];
    if let Some(duration) = duration {
        let by = function.timed_by(duration);
        let panel = Panel::new(title(duration), Draw::Lines, "s").help(duration);
        panels.push(quantiles(panel, scope, &duration.histogram(), &by));
        // Four panels fill a line.
        for panel in &mut panels {
            panel.width = 6;
        }
    }
    panels
}
