//! The dashboard: a row for each role of metrics, with queries over the chosen job and instances.

mod panel;
mod rows;

use std::collections::BTreeSet;

use crate::document::{Node, list, map};
use crate::hash::hash;
use crate::metric::Role;
use crate::model::Model;
use crate::promql::{Expr, aggregate};
use crate::scope::Scope;
use panel::{Panel, datasource, place};

/// The schema version of Grafana 12. Older versions read it, newer ones migrate it.
const SCHEMA: i64 = 42;

/// The maximum length of an identifier: `uid` in
/// <https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/#identifier-id-vs-unique-identifier-uid>.
const MAX_UID_LEN: usize = 40;

/// Returns all rows that have a panel.
fn rows(model: &Model) -> Vec<(&'static str, Vec<Panel>)> {
    let mut rows = vec![("Overview", rows::overview(model))];
    rows.extend(Role::ALL.map(|(role, title)| {
        let panels = match role {
            Role::Http => rows::http(model),
            Role::Function => rows::functions(model),
            Role::Breaker => rows::breakers(model),
            Role::Process => rows::process(model),
            Role::Business | Role::Own => rows::generic(model, role, &[]),
        };
        (title, panels)
    }));
    rows.retain(|(_, panels)| !panels.is_empty());
    rows
}

/// Returns the dashboard.
pub(crate) fn node(model: &Model) -> Node {
    let service = &model.service;
    map([
        ("uid", uid(service).into()),
        ("title", format!("{service} metrics").into()),
        ("description", "Written by the command `metrics dashboard` from what the binary declares.".into()),
        ("tags", list(["metrics-runtime", service.as_str()])),
        ("schemaVersion", SCHEMA.into()),
        ("version", 1.into()),
        ("editable", false.into()),
        ("graphTooltip", 1.into()),
        ("timezone", "browser".into()),
        ("refresh", "30s".into()),
        ("time", map([("from", "now-1h".into()), ("to", "now".into())])),
        ("annotations", map([("list", list([restarts(model)]))])),
        ("templating", map([("list", variables(model))])),
        ("panels", panels(&rows(model))),
    ])
}

/// Gives panels their ids and positions: from left to right, with a new line if the next panel does not fit.
fn panels(rows: &[(&str, Vec<Panel>)]) -> Node {
    let mut out = Vec::new();
    let mut ids = BTreeSet::new();
    let mut y = 0;
    for (title, panels) in rows {
        out.push(map([
            ("id", id(&mut ids, title).into()),
            ("type", "row".into()),
            ("title", (*title).into()),
            ("collapsed", false.into()),
            ("gridPos", place(0, y, 24, 1)),
            ("panels", Node::List(Vec::new())),
        ]));
        y += 1;
        let (mut x, mut height) = (0, 0);
        for panel in panels {
            if x + panel.width > 24 {
                y += height;
                (x, height) = (0, 0);
            }
            out.push(panel.node(id(&mut ids, &format!("{title}\n{}", panel.identity())), x, y));
            x += panel.width;
            height = height.max(panel.height);
        }
        y += height;
    }
    out.into()
}

/// Returns an id that does not depend on other panels, because links and alerts refer to it.
fn id(taken: &mut BTreeSet<i64>, identity: &str) -> i64 {
    let mut id = i64::from(u32::try_from(hash(identity) >> 33).unwrap_or_default()).max(1);
    while !taken.insert(id) {
        id += 1;
    }
    id
}

fn uid(service: &str) -> String {
    let uid = format!("{}-metrics", service.replace([':', '_'], "-"));
    if uid.len() <= MAX_UID_LEN {
        return uid;
    }
    let hash = format!("{:016x}", hash(service));
    // Metric names are ASCII, so every byte is a character boundary.
    format!("{}-{hash}", uid.get(..MAX_UID_LEN - hash.len() - 1).unwrap_or_default())
}

/// Returns the scope of the chosen job and instances.
fn chosen(model: &Model) -> Scope {
    Scope::dashboard(model.owner.as_ref())
}

/// Returns the annotation that marks the start of a process.
fn restarts(model: &Model) -> Node {
    let scope = chosen(model);
    let start = model.metrics.iter().find(|metric| metric.base == "process_start_time_seconds");
    let expr = match (start, &model.http) {
        (Some(start), _) => scope.windowed("changes", &start.name),
        // A counter of scrapes resets when the process restarts, and Prometheus scrapes all the time.
        (None, _) if model.find("metrics_runtime_scrapes_total").is_some() => {
            scope.windowed("resets", "metrics_runtime_scrapes_total")
        }
        (None, Some(http)) => scope.windowed("resets", &http.requests),
        (None, None) => scope.windowed("changes", "up"),
    };
    let expr = aggregate("max", &["job", "instance"], expr).binary(">", Expr::Number(0.0));
    map([
        ("name", "Restarts".into()),
        ("datasource", datasource()),
        ("enable", true.into()),
        ("iconColor", "blue".into()),
        ("expr", expr.to_string().into()),
        ("titleFormat", "Restart".into()),
        ("textFormat", "{{job}} {{instance}}".into()),
        ("tagKeys", "job,instance".into()),
    ])
}

fn variables(model: &Model) -> Node {
    let source = map([
        ("type", "datasource".into()),
        ("name", "datasource".into()),
        ("label", "Data source".into()),
        ("query", "prometheus".into()),
        ("refresh", 1.into()),
        ("hide", 0.into()),
        ("includeAll", false.into()),
        ("multi", false.into()),
        ("options", Node::List(Vec::new())),
        ("regex", "".into()),
    ]);
    let known = model.find("metrics_runtime_rejected_values_total").map(|metric| metric.name.as_str());
    let root = model.owner.as_ref().map(|owner| owner.series.as_str()).or(known).unwrap_or("up");
    let mut variables = vec![
        source,
        variable("job", "Job", &format!("label_values({root}, job)")),
        variable("instance", "Instance", &format!("label_values({root}{{job=~\"$job\"}}, instance)")),
    ];
    if let Some(http) = &model.http {
        let requests = Scope::dashboard(None).now(&http.requests);
        variables.push(variable("route", "Route", &format!("label_values({requests}, {})", http.route)));
    }
    variables.into()
}

/// Returns a variable with the result of a query, for one, several or all values. Grafana runs the query again when the
/// time range changes.
fn variable(name: &str, label: &str, query: &str) -> Node {
    let all = map([("selected", true.into()), ("text", list(["All"])), ("value", list(["$__all"]))]);
    map([
        ("type", "query".into()),
        ("name", name.into()),
        ("label", label.into()),
        ("datasource", datasource()),
        ("query", query.into()),
        ("refresh", 2.into()),
        ("sort", 1.into()),
        ("hide", 0.into()),
        ("includeAll", true.into()),
        ("multi", true.into()),
        ("allValue", ".+".into()),
        ("current", all),
        ("options", Node::List(Vec::new())),
        ("regex", "".into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_for_a_uid_is_hashed() {
        assert_eq!(uid("my_shop"), "my-shop-metrics");
        let long = uid(&"shop_".repeat(20));
        assert_eq!(long.len(), MAX_UID_LEN);
        assert_ne!(long, uid(&"shop_".repeat(21)));
    }
}
