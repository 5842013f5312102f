//! The panels of each row.

mod breakers;
mod fleet;
mod functions;
mod grpc;
mod http;
mod many;
mod process;
mod upstreams;

use std::collections::{BTreeMap, BTreeSet};

use metrics_runtime::description::MetricKind;

use super::View;
use super::panel::{Draw, LARGEST, Panel, legend, rate_unit, unit};
use crate::fleet::combining;
use crate::histograms::Histogram;
use crate::metric::{Metric, Role};
use crate::promql::{Expr, aggregate, call};
use crate::roles::{METHOD_OF_GRPC, ROUTE_LABELS, UPSTREAM};
use crate::scope::{QUANTILES, Scope};
use breakers::{breakers, open_breakers};
pub(super) use fleet::fleet;
use functions::functions;
use grpc::grpc;
use http::http;
use process::process;
use upstreams::upstreams;

const NONE: &[&str] = &[];

/// The largest number of metrics of one kind that have a panel each in one row.
const MAX_PANELS: usize = 24;

/// A row of panels.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) title: String,
    pub(super) panels: Vec<Panel>,
    /// `true` if the row is only for a closer look.
    pub(super) closed: bool,
    /// The variables of the queries of this row.
    pub(super) variables: Vec<(String, Fixed)>,
}

/// The values of a variable that is not shown.
#[derive(Clone, Debug)]
pub(super) enum Fixed {
    Constant(String),
    /// The values that panels are repeated for.
    Each(Vec<String>),
}

impl Row {
    fn new(title: impl Into<String>, panels: Vec<Panel>) -> Self {
        Self { title: title.into(), panels, closed: false, variables: Vec::new() }
    }

    fn closed(self) -> Self {
        Self { closed: true, ..self }
    }
}

/// Returns the rows of a role.
pub(super) fn of(view: &View<'_>, role: Role, title: &str) -> Vec<Row> {
    let panels = match role {
        Role::Http => http(view),
        Role::Grpc | Role::GrpcClient => grpc(view, role),
        Role::Function => return functions(view, title),
        Role::Upstream => upstreams(view),
        Role::Breaker => breakers(view),
        Role::Process => process(view),
        Role::Business | Role::Own => generic(view, role, &[]),
    };
    within(view, title, panels)
}

/// Returns the rows of a role for the page of a process.
pub(super) fn of_process(view: &View<'_>, role: Role, title: &str) -> Vec<Row> {
    match role {
        Role::Function => many::process_rows(view, title),
        Role::Http => {
            let table = http::routes(view);
            let mut rows = of(view, role, title);
            if let Some(row) = rows.first_mut() {
                row.panels.splice(0..0, table);
            }
            rows
        }
        _ => of(view, role, title),
    }
}

/// Returns one row, or closed ones by the beginnings of the metrics' names if one has too many panels.
fn within(view: &View<'_>, title: &str, panels: Vec<Panel>) -> Vec<Row> {
    if panels.len() <= MAX_PANELS {
        return vec![Row::new(title, panels)];
    }
    let prefix = |panel: &Panel| view.base(&panel.metric).split('_').next().unwrap_or_default().to_owned();
    let rows = grouped(panels, prefix).into_iter();
    rows.map(|(prefix, panels)| Row::new(format!("{title}: {prefix}"), panels).closed()).collect()
}

/// Groups items by their key. Items whose key no other item has are in the last group, `others`.
fn grouped<T>(items: Vec<T>, key: impl Fn(&T) -> String) -> Vec<(String, Vec<T>)> {
    let mut groups: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for item in items {
        groups.entry(key(&item)).or_default().push(item);
    }
    let (groups, single): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(_, items)| items.len() > 1);
    let others: Vec<_> = single.into_iter().flat_map(|(_, items)| items).collect();
    let others = (!others.is_empty()).then(|| ("others".to_owned(), others));
    groups.into_iter().chain(others).collect()
}

/// Adds the quantiles of a histogram, or the 95th percentile of each series if there are labels.
fn quantiles(panel: Panel, scope: &Scope, histogram: &Histogram, by: &[&str]) -> Panel {
    if !by.is_empty() {
        return panel.query(scope.quantile(0.95, histogram, by), format!("p95 {}", legend(by, "")));
    }
    let query = |panel: Panel, (quantile, name)| panel.query(scope.quantile(quantile, histogram, NONE), name);
    QUANTILES.into_iter().fold(panel, query)
}

/// Returns the time since the latest of these timestamps. A timestamp of zero is not set yet.
fn time_since(scope: &Scope, moment: &str, by: &[&str]) -> Expr {
    call("time", []).binary("-", aggregate("max", by, scope.now(moment).compared(">", 0.0)))
}

/// Returns the panels of the whole service.
pub(super) fn overview(view: &View<'_>) -> Row {
    let (model, all) = (view.model, &view.scope);
    let up = all.gauge("sum", "up", NONE);
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
            panels.push(quantiles(panel, all, &duration.histogram(), NONE));
        }
        if let Some(gauge) = &http.in_flight {
            let expr = all.gauge("sum", gauge, NONE);
            panels.push(
                Panel::new("In flight", Draw::Stat, "short").about("Requests under way.").query(expr, "requests"),
            );
        }
    }
    if let Some(grpc) = model.grpc_server() {
        let [failed, completed] = [grpc.failed(), grpc.completed()].map(|of| all.with(of).rate(&grpc.calls, NONE));
        let total = all.rate(&grpc.calls, NONE);
        panels.push(Panel::new("gRPC calls", Draw::Stat, "reqps").about("Calls a second.").query(total, "calls"));
        panels.push(
            Panel::new("gRPC failures", Draw::Stat, "percentunit")
                .about("The share of calls that ended with a code that is the fault of the service.")
                .limits(0.01, 0.05)
                .query(failed.ratio(&completed), "failures"),
        );
    }
    panels.extend(many::failing(view));
    panels.extend(open_breakers(view));
    if panels.iter().map(|panel| panel.width).sum::<i64>() > 24 {
        // All numbers are in one line.
        for panel in &mut panels {
            panel.width = panel.width * 3 / 4;
        }
    }
    let infos = model.metrics.iter().filter(|metric| metric.kind == MetricKind::Info);
    panels.extend(infos.map(|metric| info(view, metric)));
    Row::new("Overview", panels)
}

/// Returns the labels of an info metric as a table, or the number of instances of a fleet by them.
fn info(view: &View<'_>, metric: &Metric) -> Panel {
    let (scope, labels) = (&view.scope, metric.label_names());
    if view.is_fleet() {
        let panel = Panel::new(title(metric), Draw::Stacked, "short").help(metric).note("The number of instances.");
        return panel.sized(24, 6).query_by(scope.gauge("sum", &metric.name, &labels), &labels, "instances");
    }
    let labels = [vec!["instance"], labels].concat();
    let expr = aggregate("max", &labels, scope.now(&metric.name));
    Panel::new(title(metric), Draw::Table, "short").help(metric).query(expr, "")
}

/// Returns a panel for every metric of the role that has none yet, chosen by the kind of the metric.
///
/// A metric whose type is not known yet has none: its samples may have other names.
pub(super) fn generic(view: &View<'_>, role: Role, shown: &[String]) -> Vec<Panel> {
    let scope = &view.scope;
    let elsewhere = process::slow_polls(view.model).filter(|_| role == Role::Function);
    let shown: BTreeSet<_> = shown.iter().chain(elsewhere.map(|metric| &metric.name)).collect();
    let rest = view
        .model
        .of_role(role)
        .filter(|metric| !shown.contains(&metric.name) && metric.kind != MetricKind::Info && !metric.is_undetermined());
    let panels = rest.map(|metric| {
        let all = view.labels(metric);
        // Routes, upstreams, and the label values of breakers and processes, are always few.
        match role {
            Role::Business | Role::Function => value(scope, metric, &all, &metric.bounded()),
            // The label `metric` has a value for each metric.
            Role::Own => value(scope, metric, &all, &few(metric)),
            Role::Http => {
                let route: Vec<_> = metric.first_of(ROUTE_LABELS).into_iter().collect();
                value(scope, metric, &route, &route)
            }
            Role::Grpc | Role::GrpcClient => {
                let method: Vec<_> = all.iter().copied().filter(|label| METHOD_OF_GRPC.contains(label)).collect();
                value(scope, metric, &method, &method)
            }
            Role::Upstream => {
                let upstream: Vec<_> = metric.first_of(&[UPSTREAM]).into_iter().collect();
                value(scope, metric, &upstream, &upstream)
            }
            Role::Process => {
                let by = [vec![view.unit()], all].concat();
                value(scope, metric, &by, &by)
            }
            Role::Breaker => value(scope, metric, &all, &all),
        }
    });
    panels.collect()
}

/// Returns the labels whose values fit into one panel.
fn few(metric: &Metric) -> Vec<&str> {
    let fits = |values: &Vec<String>| values.len() <= LARGEST as usize;
    metric
        .labels
        .iter()
        .filter(|label| label.values.as_ref().is_some_and(fits))
        .map(|label| label.name.as_str())
        .collect()
}

/// Returns a panel of one metric: the rate of a counter, the value of a gauge, the quantiles of a histogram, the mean
/// of a summary.
///
/// Histograms and summaries are grouped by labels with few values only. A query by other labels would read all buckets
/// of every value, and its largest quantiles would be those of a handful of observations.
fn value(scope: &Scope, metric: &Metric, by: &[&str], few: &[&str]) -> Panel {
    let name = &metric.name;
    let shown = unit(metric.unit.as_deref());
    match metric.kind {
        MetricKind::Counter => {
            let panel = Panel::new(title(metric), Draw::Stacked, rate_unit(metric.unit.as_deref()));
            panel.help(metric).query_by_any(scope.rate(name, by), by, few, "rate")
        }
        MetricKind::Histogram => {
            quantiles(Panel::new(title(metric), Draw::Lines, shown).help(metric), scope, &metric.histogram(), few)
        }
        MetricKind::Summary => {
            let panel = Panel::new(format!("{} (mean)", title(metric)), Draw::Lines, shown).help(metric);
            panel.query_by(scope.mean(name, few), few, "mean")
        }
        // A gauge, an info, or a metric without a type.
        _ => {
            // Timestamps are shown as the time since.
            let (title, expr) = if metric.is_timestamp() {
                (format!("{}: time since", title(metric)), time_since(scope, name, by))
            } else {
                (title(metric), scope.gauge(combining(metric), name, by))
            };
            let panel = Panel::new(title, Draw::Lines, shown).signed();
            combined(panel.help(metric), scope, metric).query_by_any(expr, by, few, "value")
        }
    }
}

/// Says how a fleet combines the values of instances.
fn combined(panel: Panel, scope: &Scope, metric: &Metric) -> Panel {
    match scope.of_fleet().and_then(|fleet| fleet.operator(&metric.name)) {
        Some("max") if metric.is_timestamp() => panel.note("Of the instance where it is the latest."),
        Some("max") => panel.note("The largest of all instances."),
        Some("min") => panel.note("The smallest of all instances."),
        Some("sum") => panel.note("The sum of all instances."),
        _ => panel,
    }
}

/// Returns the title of a panel: `Tokens generated` for `tokens_generated_total`. Seconds are on the axis; bytes stay,
/// because names such as `depth_bytes` are ambiguous without them.
fn title(metric: &Metric) -> String {
    let stem = metric.base.trim_end_matches("_total").trim_end_matches("_info");
    let stem = stem.strip_suffix("_seconds").unwrap_or(stem);
    let words = stem.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        // The name may be only a suffix.
        None => metric.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use super::*;
    use crate::model::Model;

    #[test]
    fn a_gauge_of_a_fleet_says_how_instances_are_combined() {
        let registry = Registry::new();
        let gauges = ["queue_bytes", "oldest_job_seconds", "quota_remaining", "last_run_timestamp_seconds"];
        for name in gauges {
            registry.gauge(Descriptor::gauge(name, "A gauge.")).unwrap();
        }
        let export = crate::Export::new(&Metrics::builder().registry(&registry).build().unwrap());
        let notes = [
            "The sum of all instances.",
            "The largest of all instances.",
            "The smallest of all instances.",
            "Of the instance where it is the latest.",
        ];
        let (single, fleet) = (export.dashboard(), export.fleet().dashboard());
        for (name, note) in gauges.into_iter().zip(notes) {
            let description =
                |text: &str| text.lines().find(|line| line.contains(&format!("`{name}`"))).unwrap().to_owned();
            let (single, fleet) = (description(&single), description(&fleet));
            assert!(fleet.ends_with(&format!("{note}\",")) && !single.contains(note), "{fleet}");
        }
    }

    #[test]
    fn titles_are_readable_and_never_empty() {
        let registry = Registry::new();
        registry.counter(Descriptor::counter("tokens_generated_total", "Tokens.")).unwrap();
        registry.gauge(Descriptor::gauge("_seconds", "A name that is allowed.")).unwrap();
        registry.gauge(Descriptor::gauge("queue_wait_seconds", "Wait.").unit("seconds")).unwrap();
        let model = Model::new(&Metrics::builder().registry(&registry).build().unwrap());
        let title = |base: &str| title(model.find(base).unwrap());
        assert_eq!(title("tokens_generated_total"), "Tokens generated");
        assert_eq!(title("queue_wait_seconds"), "Queue wait");
        assert_eq!(title("_seconds"), "_seconds");
    }
}
