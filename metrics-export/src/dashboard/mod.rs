//! The dashboard: a row for each role of metrics, with queries over the chosen job and instances.

mod page;
mod panel;
mod rows;

use std::collections::BTreeSet;

use metrics_runtime::description::MetricKind;

use crate::document::{Node, list, map};
use crate::fleet::{self as recorded, Fleet};
use crate::hash::hash;
use crate::histograms::{Histograms, Measure};
use crate::metric::{Metric, Role};
use crate::model::Model;
use crate::promql::{Compare, Expr, aggregate, matcher};
use crate::roles::Http;
use crate::scope::{FORMS, Scope, chosen};
use crate::scrape::Scrape;
use panel::{datasource, place};
use rows::{Fixed, Row};

pub(crate) use page::{query, rows as process_rows, states};

/// The schema version of Grafana 12. Older versions read it, newer ones migrate it.
const SCHEMA: i64 = 42;

/// The maximum length of an identifier: `uid` in
/// <https://grafana.com/docs/grafana/latest/developers/http_api/dashboard/#identifier-id-vs-unique-identifier-uid>.
const MAX_UID_LEN: usize = 40;

/// The largest number of panels that are open at first. Grafana loads the panels of closed rows when they are opened.
const MAX_OPEN: usize = 40;

/// The program and the targets that a dashboard shows.
struct View<'a> {
    model: &'a Model,
    /// The job, or the name of the service.
    service: &'a str,
    scope: Scope,
}

impl View<'_> {
    /// Returns the name of a metric without the namespace.
    fn base<'m>(&self, name: &'m str) -> &'m str {
        name.strip_prefix(&self.model.prefix).unwrap_or(name)
    }

    /// Returns `true` if queries are over the recorded series of a fleet.
    const fn is_fleet(&self) -> bool {
        self.scope.of_fleet().is_some()
    }

    /// Returns the label of what is shown side by side: instances, or the clusters of a fleet.
    fn unit(&self) -> &str {
        self.scope.of_fleet().map_or("instance", |fleet| &fleet.cluster)
    }

    /// Returns the labels of the series that are queried of a metric.
    fn labels<'m>(&self, metric: &'m Metric) -> Vec<&'m str> {
        if self.is_fleet() { recorded::labels(metric) } else { metric.label_names() }
    }
}

/// Returns all rows that have a panel. As soon as one does not fit, it and all later ones are closed.
fn rows(view: &View<'_>) -> Vec<Row> {
    let mut rows = vec![rows::overview(view)];
    rows.extend(view.scope.of_fleet().map(|fleet| rows::fleet(view, fleet)));
    rows.extend(Role::ALL.into_iter().flat_map(|(role, title)| rows::of(view, role, title)));
    rows.retain(|row| !row.panels.is_empty());
    // Rows for a closer look are below all others.
    rows.sort_by_key(|row| row.closed);
    let mut open = 0;
    for row in rows.iter_mut().filter(|row| !row.closed) {
        open += row.panels.len();
        row.closed = open > MAX_OPEN;
    }
    rows
}

/// Returns the dashboard of a job, or of all jobs of the service: of instances, or of a fleet.
pub(crate) fn node(model: &Model, job: Option<&str>, scrape: &Scrape, fleet: Option<&Fleet>) -> Node {
    let scope = match fleet {
        Some(fleet) => Scope::fleet(fleet, scrape),
        None => Scope::dashboard(model.owner.as_ref(), scrape),
    };
    let service = job.unwrap_or(&model.service);
    let view = View { model, service, scope: scope.renamed(&model.renames) };
    let rows = rows(&view);
    let (kind, command, step) = match fleet {
        Some(_) => ("fleet", "metrics dashboard --fleet", recorded::INTERVAL.to_owned()),
        None => ("metrics", "metrics dashboard", scrape.interval()),
    };
    let annotations: Vec<_> = fleet.is_none().then(|| restarts(&view, scrape)).into_iter().collect();
    let node = map([
        ("uid", uid(service, kind).into()),
        ("title", format!("{service} {kind}").into()),
        ("description", format!("Written by the command `{command}` from what the binary declares.").into()),
        ("tags", list(["metrics-runtime", model.service.as_str()])),
        ("schemaVersion", SCHEMA.into()),
        ("version", 1.into()),
        ("editable", false.into()),
        ("graphTooltip", 1.into()),
        ("timezone", "browser".into()),
        ("refresh", if fleet.is_some() { recorded::INTERVAL } else { "30s" }.into()),
        ("time", map([("from", "now-1h".into()), ("to", "now".into())])),
        ("annotations", map([("list", list(annotations))])),
        ("templating", map([("list", variables(&view, job, scrape, &rows))])),
        ("panels", panels(&rows, &step)),
    ]);
    if fleet.is_some() { node.with("links", list([link(service)])) } else { node }
}

/// Returns a link to the dashboard of instances, with the same clusters, jobs and times.
fn link(service: &str) -> Node {
    map([
        ("type", "link".into()),
        ("title", "By instance".into()),
        ("tooltip", "The dashboard of `metrics dashboard`, for the same clusters and jobs".into()),
        ("icon", "dashboard".into()),
        ("url", format!("/d/{}", uid(service, "metrics")).into()),
        ("includeVars", true.into()),
        ("keepTime", true.into()),
        ("targetBlank", false.into()),
        ("asDropdown", false.into()),
        ("tags", Node::List(Vec::new())),
    ])
}

/// Gives panels their ids and positions: from left to right, with a new line if the next panel does not fit.
fn panels(rows: &[Row], step: &str) -> Node {
    let mut out = Vec::new();
    let mut ids = BTreeSet::new();
    let mut y = 0;
    for Row { title, panels, closed, .. } in rows {
        let row = map([
            ("id", id(&mut ids, title).into()),
            ("type", "row".into()),
            ("title", title.as_str().into()),
            ("collapsed", (*closed).into()),
            ("gridPos", place(0, y, 24, 1)),
        ]);
        y += 1;
        let mut placed = Vec::new();
        let (mut x, mut below, mut height) = (0, y, 0);
        for panel in panels {
            // The copies of a repeated panel fill whole lines.
            if x > 0 && panel.repeat.is_some() || x + panel.width > 24 {
                below += height;
                (x, height) = (0, 0);
            }
            placed.push(panel.node(id(&mut ids, &format!("{title}\n{}", panel.identity())), x, below, step));
            x = if panel.repeat.is_some() { 24 } else { x + panel.width };
            height = height.max(panel.height);
        }
        if *closed {
            out.push(row.with("panels", placed));
        } else {
            out.push(row.with("panels", Node::List(Vec::new())));
            out.extend(placed);
            y = below + height;
        }
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

/// Returns an identifier that no other job has: a job with other characters than those of identifiers, or one that is too
/// long, gets a hash.
fn uid(job: &str, kind: &str) -> String {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain: String = job.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
    let uid = format!("{plain}-{kind}");
    if plain == job && uid.len() <= MAX_UID_LEN {
        return uid;
    }
    let hash = format!("{:016x}", hash(&if kind == "metrics" { job.to_owned() } else { format!("{kind} {job}") }));
    // Only ASCII is left, so every byte is a character boundary.
    format!("{}-{hash}", plain.get(..plain.len().min(MAX_UID_LEN - hash.len() - 1)).unwrap_or_default())
}

/// Returns the annotation that marks the start of a process.
fn restarts(view: &View<'_>, scrape: &Scrape) -> Node {
    let (model, scope) = (view.model, &view.scope);
    let start = model.metrics.iter().find(|metric| metric.base == "process_start_time_seconds");
    let expr = match (start, &model.http) {
        (Some(start), _) => scope.grown(&start.name),
        // A counter of scrapes resets when the process restarts, and Prometheus scrapes all the time.
        (None, _) if model.find("metrics_runtime_scrapes_total").is_some() => {
            scope.windowed("resets", "metrics_runtime_scrapes_total")
        }
        (None, Some(Http { requests: Measure::Value(requests), .. })) => scope.windowed("resets", requests),
        (None, _) => scope.windowed("resets", "up"),
    };
    let expr = aggregate("max", &["job", "instance"], expr).binary(">", Expr::Number(0.0));
    map([
        ("name", "Restarts".into()),
        ("datasource", datasource()),
        ("enable", true.into()),
        ("iconColor", "blue".into()),
        ("expr", expr.to_string().into()),
        // Grafana computes the window of rates from the step.
        ("step", scrape.interval().into()),
        ("titleFormat", "Restart".into()),
        ("textFormat", "{{job}} {{instance}}".into()),
        ("tagKeys", "job,instance".into()),
    ])
}

fn variables(view: &View<'_>, job: Option<&str>, scrape: &Scrape, rows: &[Row]) -> Node {
    let model = view.model;
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
    let root = model.owner.as_ref().map(|owner| owner.series.clone());
    // A label of the service itself does not tell the clusters of its agents.
    let has_cluster = |series: &Measure| {
        let found = model.metrics.iter().find(|metric| metric.name == series.metric());
        view.scope.of_fleet().is_some_and(|fleet| found.is_some_and(|metric| metric.has(&fleet.cluster)))
    };
    let root = root.filter(|series| !has_cluster(series));
    let root = root.unwrap_or_else(|| Measure::from(known.unwrap_or("up")));
    let mut variables = vec![source];
    let mut matchers = Vec::new();
    let chosen: Vec<_> = match view.scope.of_fleet() {
        Some(fleet) => vec![fleet.cluster.as_str(), "job"],
        None => chosen(scrape).collect(),
    };
    for label in chosen {
        let series = view.scope.selector(&root, &matchers);
        let selected = job.filter(|_| label == "job");
        let query = format!("label_values({series}, {label})");
        // Metrics of several services are recorded for each of them: all jobs are those of this one.
        let all = (label != "job" || !view.is_fleet()).then(|| all_values(label));
        variables.push(variable(label, &title(label), &query, selected, all));
        matchers.push(matcher(label, Compare::Matches, &format!("${label}")));
    }
    if let Some(http) = &model.http {
        let requests = view.scope.selector(&http.requests, &matchers);
        variables.push(variable(
            "route",
            "Route",
            &format!("label_values({requests}, {})", http.route),
            None,
            Some(ANY),
        ));
    }
    if let Some(grpc) = model.grpc_server() {
        let calls = view.scope.selector(&grpc.calls, &matchers);
        let label = grpc.by[0];
        let title = if label == "rpc_method" { "gRPC method" } else { "gRPC service" };
        variables.push(variable(label, title, &format!("label_values({calls}, {label})"), None, Some(ANY)));
    }
    let histograms = model.metrics.iter().filter(|metric| metric.kind == MetricKind::Histogram);
    if histograms.into_iter().any(|metric| view.scope.form(&metric.histogram()) == Histograms::Both) {
        variables.push(forms());
    }
    variables.extend(rows.iter().flat_map(|row| &row.variables).map(|(name, values)| fixed(name, values)));
    variables.into()
}

/// Returns the label of a variable: `Namespace` for `namespace`.
fn title(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>().replace('_', " ")
}

/// A regular expression for all values that are not empty.
const ANY: &str = ".+";

/// Returns a regular expression for all values of a label of targets. Series without a label of deployments are among all.
fn all_values(label: &str) -> &'static str {
    if ["job", "instance"].contains(&label) { ANY } else { ".*" }
}

/// Returns a variable with the result of a query, for one, several or all values. Grafana runs the query again when the
/// time range changes.
fn variable(name: &str, label: &str, query: &str, selected: Option<&str>, all: Option<&str>) -> Node {
    let (text, value) = selected.map_or(("All", "$__all"), |selected| (selected, selected));
    let current = map([("selected", true.into()), ("text", list([text])), ("value", list([value]))]);
    let node = map([
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
    ]);
    let node = if let Some(all) = all { node.with("allValue", all) } else { node };
    node.with("current", current).with("options", Node::List(Vec::new())).with("regex", "")
}

/// Returns an option of a variable.
fn option(text: &str, value: &str, selected: bool) -> Node {
    map([("selected", selected.into()), ("text", text.into()), ("value", value.into())])
}

/// Returns the variable that chooses between classic and native histograms.
fn forms() -> Node {
    let [classic, native] = [("classic", ".*"), ("native", ".+")];
    map([
        ("type", "custom".into()),
        ("name", FORMS.into()),
        ("label", title(FORMS).into()),
        ("query", [classic, native].map(|(text, value)| format!("{text} : {value}")).join(",").into()),
        ("hide", 0.into()),
        ("includeAll", false.into()),
        ("multi", false.into()),
        ("current", option(classic.0, classic.1, true)),
        ("options", list([option(classic.0, classic.1, true), option(native.0, native.1, false)])),
    ])
}

/// Returns a variable that is not shown.
fn fixed(name: &str, values: &Fixed) -> Node {
    let common = map([("name", name.into()), ("hide", 2.into()), ("skipUrlSync", true.into())]);
    let values = match values {
        Fixed::Constant(value) => {
            let common = common.with("type", "constant").with("query", value.as_str());
            return common.with("current", option(value, value, true)).with("options", Node::List(Vec::new()));
        }
        Fixed::Each(values) => values,
    };
    let all = map([("selected", true.into()), ("text", list(["All"])), ("value", list(["$__all"]))]);
    let options =
        [option("All", "$__all", true)].into_iter().chain(values.iter().map(|value| option(value, value, false)));
    common
        .with("type", "custom")
        .with("query", values.join(","))
        .with("includeAll", true)
        .with("multi", true)
        .with("current", all)
        .with("options", list(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_has_a_uid_of_its_own() {
        assert_eq!(uid("my_shop", "fleet"), "my_shop-fleet");
        let uid = |job: &str| uid(job, "metrics");
        assert_eq!((uid("my_shop").as_str(), uid("a-b").as_str()), ("my_shop-metrics", "a-b-metrics"));
        let others: BTreeSet<_> = ["a:b", "a/b", "Käse", "a b", ""].map(uid).into_iter().collect();
        assert!(others.len() == 5 && others.iter().all(|uid| uid.len() <= MAX_UID_LEN && uid.is_ascii()), "{others:?}");
        let long = uid(&"shop_".repeat(20));
        assert_eq!(long.len(), MAX_UID_LEN);
        assert_ne!(long, uid(&"shop_".repeat(21)));
    }
}
