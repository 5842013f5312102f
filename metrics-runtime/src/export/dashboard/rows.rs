//! What stands in each row, from what the service has.

use super::super::model::{Function, Http, Kind, Metric, Model, Role, STATUS};
use super::super::parts::ROUTE_LABELS;
use super::super::promql::{Compare, Expr, Scope, aggregate, call, matcher};
use super::panel::{Draw, Panel, legend, rate_unit, unit};

const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// The scope of the HTTP rows: the routes that were chosen.
fn routes(http: &Http) -> Scope {
    Scope::dashboard().with([matcher(&http.route, Compare::Matches, "$route")])
}

fn failed(http: &Http, scope: &Scope) -> Scope {
    scope.with([matcher(&http.status, Compare::Matches, "5..|5xx")])
}

const NONE: &[&str] = &[];

fn quantiles(mut panel: Panel, scope: &Scope, histogram: &str) -> Panel {
    for (quantile, name) in QUANTILES {
        panel = panel.query(scope.quantile(quantile, histogram, NONE), name);
    }
    panel
}

pub(super) fn overview(model: &Model) -> Vec<Panel> {
    let all = Scope::dashboard();
    let up = aggregate("sum", NONE, all.now("up"));
    let mut panels =
        vec![Panel::new("Instances", Draw::Stat, "short").about("Instances that answer Prometheus.").query(up, "up")];
    if let Some(http) = &model.http {
        let total = all.rate(&http.requests, NONE);
        let ratio = failed(http, &all).rate(&http.requests, NONE).ratio(&total);
        panels.push(Panel::new("Requests", Draw::Stat, "reqps").about("Requests a second.").query(total, "requests"));
        panels.push(
            Panel::new("Errors", Draw::Stat, "percentunit")
                .about("The share of requests answered with 5xx.")
                .limits(0.01, 0.05)
                .query(ratio, "errors"),
        );
        if let Some(duration) = &http.duration {
            let panel = Panel::new("Duration", Draw::Stat, "s").about("To the end of the response.").sized(8, 4);
            panels.push(quantiles(panel, &all, &duration.name));
        }
        if let Some(gauge) = &http.in_flight {
            let expr = aggregate("sum", NONE, all.now(gauge));
            panels.push(
                Panel::new("In flight", Draw::Stat, "short").about("Requests under way.").query(expr, "requests"),
            );
        }
    }
    panels.extend(model.metrics.iter().filter(|metric| metric.kind == Kind::Info).map(info));
    panels
}

/// The facts of an info metric as a table.
fn info(metric: &Metric) -> Panel {
    let labels = [vec!["instance"], metric.label_names()].concat();
    let expr = aggregate("max", &labels, Scope::dashboard().now(&metric.name));
    Panel::new(title(metric), Draw::Table, "short").help(metric).query(expr, "")
}

pub(super) fn http(model: &Model) -> Vec<Panel> {
    let Some(http) = &model.http else { return generic(model, Role::Http, &[]) };
    let scope = routes(http);
    let by = [http.route.as_str()];
    let rate = scope.rate(&http.requests, &by);
    let by_status = scope.rate(&http.requests, &[&http.status]);
    let class = ["class", "${1}xx", &http.status, "(.).*"].map(|text| Expr::Text(text.to_owned()));
    let classes = aggregate("sum", &["class"], call("label_replace", [by_status].into_iter().chain(class)));
    let errors = failed(http, &scope).rate(&http.requests, &by).ratio(&rate);
    let mut panels = vec![
        Panel::new("Requests by route", Draw::Stacked, "reqps").about("Requests a second.").query_by(rate, &by, "all"),
        Panel::new("Requests by status class", Draw::Stacked, "reqps")
            .about("Requests a second. 499, a client that left early, is among 4xx.")
            .query_by(classes, &["class"], "all"),
        Panel::new("Errors by route", Draw::Lines, "percentunit")
            .about("The share of requests answered with 5xx; nothing where there were no requests.")
            .query_by(errors, &by, "all"),
    ];
    let mut shown = vec![http.requests.trim_end_matches("_count").to_owned()];
    if let Some(duration) = &http.duration {
        shown.push(duration.name.clone());
        let panel = Panel::new("Duration", Draw::Lines, "s").help(duration);
        panels.push(quantiles(panel, &scope, &duration.name));
        panels.push(Panel::new("Duration by route (p95)", Draw::Lines, "s").help(duration).query_by(
            scope.quantile(0.95, &duration.name, &by),
            &by,
            "p95",
        ));
        panels.push(
            Panel::new("Duration (heatmap)", Draw::Heatmap, "s")
                .help(duration)
                .query(scope.increase(&format!("{}_bucket", duration.name), &["le"]), "{{le}}"),
        );
    }
    shown.extend(http.in_flight.clone());
    if let Some(gauge) = model.metrics.iter().find(|metric| Some(&metric.name) == http.in_flight.as_ref()) {
        panels.push(value(gauge, NONE));
    }
    panels.extend(generic(model, Role::Http, &shown));
    panels
}

pub(super) fn functions(model: &Model) -> Vec<Panel> {
    let mut panels = Vec::new();
    let mut shown = Vec::new();
    for function in &model.functions {
        shown.push(function.calls.name.clone());
        shown.extend(function.duration.iter().map(|duration| duration.name.clone()));
        panels.extend(calls(function));
    }
    panels.extend(generic(model, Role::Function, &shown));
    panels
}

fn calls(function: &Function) -> Vec<Panel> {
    let scope = Scope::dashboard();
    let Function { calls, duration } = function;
    let name = title(calls);
    let by = function.by();
    let with_status = [by.clone(), vec![STATUS]].concat();
    let total = scope.rate(&calls.name, &by);
    let errors = scope.with([matcher(STATUS, Compare::Is, "error")]).rate(&calls.name, &by).ratio(&total);
    let apart = scope.with([matcher(STATUS, Compare::Matches, "panic|cancelled")]).rate(&calls.name, &with_status);
    let apart = apart.modified("/", "ignoring (status) group_left ()", total.clone().compared(">", 0.0));
    let mut panels = vec![
        Panel::new(name.clone(), Draw::Stacked, "cps").help(calls).query_by(total, &by, "calls"),
        Panel::new(format!("{name}: errors"), Draw::Lines, "percentunit")
            .about("The share of calls that ended in an error; nothing where there were no calls.")
            .query_by(errors, &by, "errors"),
        Panel::new(format!("{name}: panicked, cancelled"), Draw::Lines, "percentunit")
            .about("The share of calls that panicked, and of those whose caller gave up.")
            .query_by(apart, &with_status, "calls"),
    ];
    if let Some(duration) = duration {
        let by: Vec<_> = by.into_iter().filter(|label| duration.has(label)).collect();
        let panel = Panel::new(title(duration), Draw::Lines, "s").help(duration);
        panels.push(if by.is_empty() {
            quantiles(panel, &scope, &duration.name)
        } else {
            let expr = scope.quantile(0.95, &duration.name, &by);
            panel.query(expr, format!("p95 {}", legend(&by, "")))
        });
        // Four in a line.
        for panel in &mut panels {
            panel.width = 6;
        }
    }
    panels
}

pub(super) fn breakers(model: &Model) -> Vec<Panel> {
    let mut panels = Vec::new();
    let mut shown = Vec::new();
    if let Some(state) = model.find("circuit_breaker_state") {
        let by = ["service", "instance"];
        let expr = aggregate("max", &by, Scope::dashboard().now(&state.name));
        panels.push(Panel::new("State", Draw::States, "short").help(state).query_by(expr, &by, "state"));
        shown.push(state.name.clone());
    }
    let rejections = model.find("circuit_breaker_calls_total").filter(|metric| metric.has("result"));
    if let Some(calls) = rejections {
        let scope = Scope::dashboard().with([matcher("result", Compare::Is, "rejected")]);
        let expr = scope.rate(&calls.name, &["service"]);
        panels.push(Panel::new("Rejections", Draw::Lines, "cps").help(calls).query_by(expr, &["service"], "rejected"));
    }
    panels.extend(generic(model, Role::Breaker, &shown));
    panels
}

/// Every metric of the role that has no panel yet, as its kind asks for.
pub(super) fn generic(model: &Model, role: Role, shown: &[String]) -> Vec<Panel> {
    let rest = model.of_role(role).filter(|metric| !shown.contains(&metric.name) && metric.kind != Kind::Info);
    let panels = rest.map(|metric| {
        // Of our own families, those labels whose values the program bounds. The toolkit's, a breaker's and a process's
        // labels are few by their nature.
        let by = match role {
            Role::Http => metric.first_of(ROUTE_LABELS).into_iter().collect(),
            Role::Business | Role::Function => metric.bounded(),
            Role::Process => [vec!["instance"], metric.label_names()].concat(),
            Role::Breaker | Role::Own => metric.label_names(),
        };
        value(metric, &by)
    });
    panels.collect()
}

/// One metric by its kind: counter its rate, gauge its value, histogram its quantiles, summary its mean.
fn value(metric: &Metric, by: &[&str]) -> Panel {
    let scope = Scope::dashboard();
    let name = &metric.name;
    let shown = unit(metric.unit.as_deref());
    match metric.kind {
        Kind::Counter => {
            let panel = Panel::new(title(metric), Draw::Stacked, rate_unit(metric.unit.as_deref()));
            panel.help(metric).query_by(scope.rate(name, by), by, "rate")
        }
        Kind::Histogram => {
            let panel = Panel::new(title(metric), Draw::Lines, shown).help(metric);
            if by.is_empty() {
                quantiles(panel, &scope, name)
            } else {
                panel.query(scope.quantile(0.95, name, by), format!("p95 {}", legend(by, "")))
            }
        }
        Kind::Summary => {
            let panel = Panel::new(format!("{} (mean)", title(metric)), Draw::Lines, shown).help(metric);
            panel.query_by(scope.mean(name, by), by, "mean")
        }
        Kind::Gauge | Kind::Info | Kind::Unknown => {
            // A moment is only of interest by how long it is past, a share or a temperature does not add up.
            let moment = metric.base.ends_with("_timestamp_seconds") || metric.base.ends_with("start_time_seconds");
            let adds_up = !moment && matches!(metric.unit.as_deref(), None | Some("bytes"));
            let all = aggregate(if adds_up { "sum" } else { "max" }, by, scope.now(name));
            let expr = if moment { call("time", []).binary("-", all) } else { all };
            let title = if moment { format!("{}: time since", title(metric)) } else { title(metric) };
            Panel::new(title, Draw::Lines, shown).help(metric).query_by(expr, by, "value")
        }
    }
}

/// `tokens_generated_total` as `Tokens generated`. The unit is on the axis.
fn title(metric: &Metric) -> String {
    let stem = metric.base.trim_end_matches("_total").trim_end_matches("_info");
    let stem = match metric.unit.as_deref() {
        Some("ratio") | None => stem,
        Some(unit) => stem.strip_suffix(unit).unwrap_or(stem),
    };
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
