//! What stands in each row, from what the service has.

mod breakers;
mod functions;
mod http;
mod process;

use super::super::model::{Kind, Metric, Model, Role};
use super::super::parts::ROUTE_LABELS;
use super::super::promql::{Expr, QUANTILES, Scope, aggregate, call};
use super::chosen;
use super::panel::{Draw, LARGEST, Panel, legend, rate_unit, unit};
pub(super) use breakers::breakers;
pub(super) use functions::functions;
pub(super) use http::http;
pub(super) use process::process;

const NONE: &[&str] = &[];

/// The quantiles of a histogram; where labels tell its series apart, the p95 of each.
fn quantiles(panel: Panel, scope: &Scope, histogram: &str, by: &[&str]) -> Panel {
    if !by.is_empty() {
        return panel.query(scope.quantile(0.95, histogram, by), format!("p95 {}", legend(by, "")));
    }
    let query = |panel: Panel, (quantile, name)| panel.query(scope.quantile(quantile, histogram, NONE), name);
    QUANTILES.into_iter().fold(panel, query)
}

/// How long the latest of these moments is past. Zero stands for one that has not come.
fn time_since(scope: &Scope, moment: &str, by: &[&str]) -> Expr {
    call("time", []).binary("-", aggregate("max", by, scope.now(moment).compared(">", 0.0)))
}

pub(super) fn overview(model: &Model) -> Vec<Panel> {
    let all = chosen(model);
    let up = aggregate("sum", NONE, all.now("up"));
    let mut panels =
        vec![Panel::new("Instances", Draw::Stat, "short").about("Instances that answer Prometheus.").query(up, "up")];
    if let Some(http) = &model.http {
        let total = all.rate(&http.requests, NONE);
        let ratio = all.with([http.failed()]).rate(&http.requests, NONE).ratio(&total);
        panels.push(Panel::new("Requests", Draw::Stat, "reqps").about("Requests a second.").query(total, "requests"));
        panels.push(
            Panel::new("Errors", Draw::Stat, "percentunit")
                .about("The share of requests answered with 5xx.")
                .limits(0.01, 0.05)
                .query(ratio, "errors"),
        );
        if let Some(duration) = &http.duration {
            let panel = Panel::new("Duration", Draw::Stat, "s").about("To the end of the response.").sized(8, 4);
            panels.push(quantiles(panel, &all, &duration.name, NONE));
        }
        if let Some(gauge) = &http.in_flight {
            let expr = aggregate("sum", NONE, all.now(gauge));
            panels.push(
                Panel::new("In flight", Draw::Stat, "short").about("Requests under way.").query(expr, "requests"),
            );
        }
    }
    panels.extend(model.metrics.iter().filter(|metric| metric.kind == Kind::Info).map(|metric| info(&all, metric)));
    panels
}

/// The facts of an info metric as a table.
fn info(scope: &Scope, metric: &Metric) -> Panel {
    let labels = [vec!["instance"], metric.label_names()].concat();
    let expr = aggregate("max", &labels, scope.now(&metric.name));
    Panel::new(title(metric), Draw::Table, "short").help(metric).query(expr, "")
}

/// Every metric of the role that has no panel yet, as its kind asks for.
pub(super) fn generic(model: &Model, role: Role, shown: &[String]) -> Vec<Panel> {
    let scope = chosen(model);
    let rest = model.of_role(role).filter(|metric| !shown.contains(&metric.name) && metric.kind != Kind::Info);
    let panels = rest.map(|metric| {
        let all = metric.label_names();
        // Routes, and the values of a breaker's and a process's labels, are few by their nature.
        match role {
            Role::Business | Role::Function => value(&scope, metric, &all, &metric.bounded()),
            // One of the labels has as many values as there are metrics.
            Role::Own => value(&scope, metric, &all, &few(metric)),
            Role::Http => {
                let route: Vec<_> = metric.first_of(ROUTE_LABELS).into_iter().collect();
                value(&scope, metric, &route, &route)
            }
            Role::Process => {
                let by = [vec!["instance"], all].concat();
                value(&scope, metric, &by, &by)
            }
            Role::Breaker => value(&scope, metric, &all, &all),
        }
    });
    panels.collect()
}

/// The labels that have no more values than fit into a panel.
fn few(metric: &Metric) -> Vec<&str> {
    let fits = |values: &Vec<String>| values.len() <= LARGEST as usize;
    metric
        .labels
        .iter()
        .filter(|label| label.values.as_ref().is_some_and(fits))
        .map(|label| label.name.as_str())
        .collect()
}

/// One metric by its kind: counter its rate, gauge its value, histogram its quantiles, summary its mean. The last two only
/// by labels that have few values: every value of another would cost the query all its buckets, and the largest quantile
/// is that of a handful of observations.
fn value(scope: &Scope, metric: &Metric, by: &[&str], few: &[&str]) -> Panel {
    let name = &metric.name;
    let shown = unit(metric.unit.as_deref());
    match metric.kind {
        Kind::Counter => {
            let panel = Panel::new(title(metric), Draw::Stacked, rate_unit(metric.unit.as_deref()));
            panel.help(metric).query_by_any(scope.rate(name, by), by, few, "rate")
        }
        Kind::Histogram => quantiles(Panel::new(title(metric), Draw::Lines, shown).help(metric), scope, name, few),
        Kind::Summary => {
            let panel = Panel::new(format!("{} (mean)", title(metric)), Draw::Lines, shown).help(metric);
            panel.query_by(scope.mean(name, few), few, "mean")
        }
        Kind::Gauge | Kind::Info | Kind::Unknown => {
            // A moment is only of interest by how long it is past, a share or a temperature does not add up.
            let moment = metric.base.ends_with("_timestamp_seconds") || metric.base.ends_with("start_time_seconds");
            let adds_up = matches!(metric.unit.as_deref(), None | Some("bytes"));
            let (title, expr) = if moment {
                (format!("{}: time since", title(metric)), time_since(scope, name, by))
            } else {
                (title(metric), aggregate(if adds_up { "sum" } else { "max" }, by, scope.now(name)))
            };
            let panel = Panel::new(title, Draw::Lines, shown).signed();
            panel.help(metric).query_by_any(expr, by, few, "value")
        }
    }
}

/// `tokens_generated_total` as `Tokens generated`. Seconds are on the axis; a name without its bytes says too little.
fn title(metric: &Metric) -> String {
    let stem = metric.base.trim_end_matches("_total").trim_end_matches("_info");
    let stem = stem.strip_suffix("_seconds").unwrap_or(stem);
    let words = stem.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        // A name may be nothing but its suffix.
        None => metric.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Descriptor, Metrics, Registry};

    #[test]
    fn titles_are_words_and_never_empty() {
        let registry = Registry::new();
        registry.counter(Descriptor::counter("tokens_generated_total", "Tokens.")).unwrap();
        registry.counter(Descriptor::counter("_total", "A name that is allowed.")).unwrap();
        registry.gauge(Descriptor::gauge("queue_wait_seconds", "Wait.").unit("seconds")).unwrap();
        let model = Model::new(&Metrics::builder().registry(&registry).build().unwrap());
        let title = |base: &str| title(model.find(base).unwrap());
        assert_eq!(title("tokens_generated_total"), "Tokens generated");
        assert_eq!(title("queue_wait_seconds"), "Queue wait");
        assert_eq!(title("_total"), "_total");
    }
}
