//! Panels of HTTP requests: rate, errors and duration.

use super::{NONE, generic, quantiles, value};
use crate::dashboard::View;
use crate::dashboard::panel::{Column, Draw, Panel};
use crate::metric::Role;
use crate::promql::{Compare, aggregate, label_replace, matcher};

/// The colors of the classes of statuses.
const CLASSES: [(&str, &str); 4] = [("2xx", "green"), ("3xx", "blue"), ("4xx", "yellow"), ("5xx", "red")];

/// Returns the table of all routes.
pub(super) fn routes(view: &View<'_>) -> Option<Panel> {
    let http = view.model.http.as_ref()?;
    let by = [http.route.as_str()];
    let all = view.scope.rate(&http.requests, &by);
    let class = |class: &str| {
        let matched = matcher(&http.status, Compare::Matches, class);
        view.scope.with([matched]).rate(&http.requests, &by).or_zero(&all)
    };
    let failed = view.scope.with([http.failed()]).rate(&http.requests, &by).ratio(&all);
    let p95 = http.duration.as_ref().map(|duration| view.scope.quantile(0.95, &duration.histogram(), &by));
    let rate = |title| Column { title, unit: "reqps", limits: None };
    let columns = [
        (Some(class("[123].*")), rate("1xx to 3xx")),
        (Some(class("4.*")), rate("4xx")),
        (Some(class("5.*")), rate("5xx")),
        (Some(failed), Column { title: "Errors", unit: "percentunit", limits: Some((0.01, 0.05)) }),
        (p95, Column { title: "p95", unit: "s", limits: None }),
    ];
    let table = Panel::new("All routes", Draw::Table, "short");
    let table = table.about("Requests a second by class of the status, the share of those that failed, and the 95th percentile of the duration.");
    Some(columns.into_iter().fold(table, |table, (expr, column)| match expr {
        Some(expr) => table.column(expr, column),
        None => table,
    }))
}

pub(super) fn http(view: &View<'_>) -> Vec<Panel> {
    let (model, all) = (view.model, &view.scope);
    let Some(http) = &model.http else { return generic(view, Role::Http, &[]) };
    let scope = all.with([matcher(&http.route, Compare::Matches, "$route")]);
    let by = [http.route.as_str()];
    let rate = scope.rate(&http.requests, &by);
    let by_status = scope.rate(&http.requests, &[&http.status]);
    let classes = label_replace(by_status, ["class", "${1}xx", &http.status, "(.).*"]);
    let classes = aggregate("sum", &["class"], classes);
    let errors = scope.with([http.failed()]).rate(&http.requests, &by).ratio(&rate);
    let mut panels = vec![
        Panel::new("Requests by route", Draw::Stacked, "reqps").about("Requests a second.").query_by(
            rate.clone(),
            &by,
            "all",
        ),
        Panel::new("Requests by status class", Draw::Stacked, "reqps")
            .about("Requests a second. 499, a client that disconnected before the response, is among 4xx.")
            .colored(&CLASSES)
            .query_by(classes, &["class"], "all"),
        Panel::new("Errors by route", Draw::Lines, "percentunit")
            .about("The share of requests answered with 5xx; no value while there are no requests.")
            .query_by(errors, &by, "all"),
    ];
    let mut shown = vec![http.requests.metric().to_owned()];
    if let Some(duration) = &http.duration {
        shown.push(duration.name.clone());
        let panel = Panel::new("Duration", Draw::Lines, "s").help(duration);
        panels.push(quantiles(panel, &scope, &duration.histogram(), NONE));
        panels.push(Panel::new("Duration by route (p95)", Draw::Lines, "s").help(duration).query_by(
            scope.quantile(0.95, &duration.histogram(), &by),
            &by,
            "p95",
        ));
        let histogram = duration.histogram();
        let heatmap = Panel::new("Duration (heatmap)", Draw::Heatmap, "s").help(duration);
        let heatmap = heatmap.note("Requests a second in each bucket.");
        panels.push(scope.forms(scope.form(&histogram)).iter().fold(heatmap, |panel, scope| {
            panel.query(scope.buckets(&histogram, NONE), if scope.is_native(&histogram) { "" } else { "{{le}}" })
        }));
    }
    if let Some(aborted) = &http.aborted {
        shown.push(aborted.clone());
        let panel = Panel::new("Aborted responses by route", Draw::Lines, "reqps").about(
            "Responses a second that did not reach their end: the client disconnected, an outer layer gave up, or the \
             body failed.",
        );
        panels.push(panel.query_by(scope.rate(aborted, &by).or_zero(&rate), &by, "all"));
    }
    shown.extend(http.in_flight.clone());
    if let Some(gauge) = model.metrics.iter().find(|metric| Some(&metric.name) == http.in_flight.as_ref()) {
        panels.push(value(all, gauge, NONE, NONE));
    }
    panels.extend(generic(view, Role::Http, &shown));
    panels
}
