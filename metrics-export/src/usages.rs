//! The places in dashboards and rules that use a metric.

use std::collections::{BTreeMap, BTreeSet};

use metrics_runtime::description::MetricKind;
use serde_json::Value;

use crate::contract::{Contract, Entry};
use crate::fleet::INSTANCES;
use crate::metric::Role;
use crate::names::{is_overdue, objective_name, recorded_name};
use crate::prometheus::LoadedRule;
use crate::roles::{METHOD_OF_GRPC, ROUTE_LABELS, role};

/// A file with a dashboard or rules, or the rules of a server.
#[derive(Clone, Debug)]
pub(crate) struct QueryFile {
    /// The path of the file, or the address of the server.
    file: String,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    Rules(Vec<LoadedRule>),
}

/// A place that queries a metric: its number in the file, and its kind and name.
type Place = (usize, String);

impl QueryFile {
    /// Creates a file from its text.
    pub(crate) fn text(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), content: Content::Text(text.into()) }
    }

    /// Creates a file from the rules of a server.
    pub(crate) fn rules(url: impl Into<String>, rules: Vec<LoadedRule>) -> Self {
        Self { file: url.into(), content: Content::Rules(rules) }
    }

    /// Returns every place that queries the metric: the panel, variable or annotation of a dashboard, the rule of a
    /// file of rules, or the line.
    pub(crate) fn usages(&self, metric: &MetricPattern<'_>) -> Vec<String> {
        let mut usages: Vec<_> = self.places(metric).into_iter().map(|(_, place)| self.named(&place)).collect();
        usages.dedup();
        usages
    }

    /// Returns every place that queries one of these metrics, with the indices of those that it queries.
    pub(crate) fn usages_of_any(&self, metrics: &[MetricPattern<'_>]) -> Vec<(String, BTreeSet<usize>)> {
        let mut found: BTreeMap<Place, BTreeSet<usize>> = BTreeMap::new();
        for (i, metric) in metrics.iter().enumerate() {
            for place in self.places(metric) {
                found.entry(place).or_default().insert(i);
            }
        }
        found.into_iter().map(|((_, place), queried)| (self.named(&place), queried)).collect()
    }

    fn named(&self, place: &str) -> String {
        format!("{}: {place}", self.file)
    }

    /// Returns `true` if there is nothing to search.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.content {
            Content::Text(text) => text.trim().is_empty(),
            Content::Rules(rules) => rules.is_empty(),
        }
    }

    /// Returns `true` if a rule records a metric.
    pub(crate) fn records(&self, name: &str) -> bool {
        match &self.content {
            Content::Rules(rules) => rules.iter().any(|rule| !rule.is_alert && rule.name == name),
            Content::Text(text) => {
                let record =
                    |line: &str| Some(unquoted(line.trim_start_matches([' ', '-']).strip_prefix("record:")?) == name);
                text.lines().any(|line| record(line).unwrap_or(false))
            }
        }
    }

    fn places(&self, metric: &MetricPattern<'_>) -> Vec<Place> {
        let text = match &self.content {
            Content::Text(text) => text,
            Content::Rules(rules) => {
                let found = rules.iter().enumerate().filter(|(_, rule)| metric.is_in(&rule.query));
                let place =
                    |rule: &LoadedRule| format!("{} `{}`", if rule.is_alert { "alert" } else { "record" }, rule.name);
                return found.map(|(at, rule)| (at, place(rule))).collect();
            }
        };
        let json = serde_json::from_str::<Value>(text).ok();
        match json.as_ref().and_then(dashboard) {
            Some(dashboard) => in_dashboard(dashboard, metric),
            None => Lines::places(text, metric),
        }
    }
}

/// A scanner for the lines of a file that is not a dashboard.
///
/// It parses only the part of YAML that is needed to find the rule of a line: lines that are indented deeper than a
/// dash belong to its item, whose keys can be in any order.
#[derive(Default)]
struct Lines {
    /// The items that contain the current line, outermost first.
    items: Vec<Item>,
    /// The column of a key whose value is text. Deeper lines have no structure.
    text: Option<usize>,
    /// The number of the line, and the place with the number of the first line of its rule.
    found: Vec<(usize, Place)>,
}

/// An item of a list.
struct Item {
    /// The number of its first line.
    first: usize,
    dash: usize,
    /// The column of its keys.
    column: usize,
    /// The key that the current line belongs to.
    key: String,
    /// The kind and name of the rule, once the item has named it.
    rule: Option<String>,
    /// The lines that contain the metric, each with `true` if the line is a query when the item is a rule.
    lines: Vec<(usize, bool)>,
}

impl Item {
    fn new(first: usize, dash: usize, column: usize) -> Self {
        Self { first, dash, column, key: String::new(), rule: None, lines: Vec::new() }
    }
}

impl Lines {
    fn places(text: &str, metric: &MetricPattern<'_>) -> Vec<Place> {
        let mut lines = Self::default();
        for (i, line) in text.lines().enumerate() {
            let content = line.trim_start();
            let comment = content.starts_with('#');
            // The template lines of a chart are not part of the YAML structure.
            if !content.is_empty() && !comment && !content.starts_with("{{") {
                lines.structure(i + 1, line.len() - content.len(), content);
            }
            if metric.is_in(content) {
                lines.found(i + 1, !comment && lines.is_query(content, metric));
            }
        }
        lines.leave(0);
        lines.found.sort_by_key(|(line, _)| *line);
        lines.found.into_iter().map(|(_, place)| place).collect()
    }

    /// Finds the item and the key that the line belongs to.
    fn structure(&mut self, number: usize, mut column: usize, mut content: &str) {
        if self.text.is_some_and(|key| column > key) {
            return;
        }
        self.text = None;
        self.leave(column);
        while let Some(rest) = content.strip_prefix("- ") {
            let (dash, rest) = (column, rest.trim_start());
            column += content.len() - rest.len();
            content = rest;
            self.items.push(Item::new(number, dash, column));
        }
        if content == "-" {
            // The first key sets the column of the others.
            self.items.push(Item::new(number, column, usize::MAX));
        }
        let Some((key, value)) = content.split_once(':') else { return };
        if let Some(item) = self.items.last_mut().filter(|item| item.column == usize::MAX) {
            item.column = column;
        }
        let (key, value) = (unquoted(key), value.split(" #").next().unwrap_or_default().trim());
        let item = self.items.last_mut().filter(|item| column <= item.column);
        let of_rule = item.is_some();
        if let Some(item) = item {
            key.clone_into(&mut item.key);
            if ["alert", "record"].contains(&key) {
                item.rule = Some(format!("{key} `{}`", unquoted(value)));
            }
        }
        // If the key is a file name, as in a ConfigMap, the text is a file with rules. After an anchor or a tag, the
        // value begins on the next line.
        let file = key.contains('.') && value.starts_with(['|', '>']);
        let below = value.is_empty() || value.starts_with(['&', '!', '#']);
        if !file && (!below || of_rule && key == "expr") {
            self.text = Some(column);
        }
    }

    /// Ends the items that do not contain a line at this column.
    fn leave(&mut self, column: usize) {
        while let Some(item) = self.items.pop_if(|item| item.dash >= column) {
            for (line, query) in item.lines {
                match &item.rule {
                    Some(rule) if query => self.found.push((line, (item.first, rule.clone()))),
                    Some(_) => {}
                    None => self.found.push((line, (line, format!("line {line}")))),
                }
            }
        }
    }

    fn found(&mut self, line: usize, query: bool) {
        match self.items.last_mut() {
            Some(item) => item.lines.push((line, query)),
            None => self.found.push((line, (line, format!("line {line}")))),
        }
    }

    /// Returns `true` if a line of a rule queries the metric, instead of mentioning it in a text.
    fn is_query(&self, content: &str, metric: &MetricPattern<'_>) -> bool {
        let is_expr = self.items.last().is_some_and(|item| item.key == "expr");
        // The templates of labels and annotations may contain queries.
        let queries = |action: &str| action.contains("query") && metric.is_in(action);
        is_expr || content.split("{{").skip(1).any(|action| queries(action.split("}}").next().unwrap_or_default()))
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['\'', '"'])
}

/// Returns the dashboard in a file, which may be wrapped by Grafana's HTTP API.
fn dashboard(file: &Value) -> Option<&Value> {
    let wrapped = file.get("dashboard").unwrap_or(file);
    (wrapped.get("panels").is_some() || wrapped.get("rows").is_some()).then_some(wrapped)
}

fn in_dashboard(dashboard: &Value, metric: &MetricPattern<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut all = Vec::new();
    panels(dashboard, &mut all);
    for (section, name) in [("templating", "variable"), ("annotations", "annotation")] {
        let list = dashboard.get(section).and_then(|section| section.get("list")).and_then(Value::as_array);
        all.extend(list.into_iter().flatten().map(|item| (item, name, "name")));
    }
    for (at, (item, kind, name)) in all.into_iter().enumerate() {
        if queries(item, metric) {
            places.push((at, format!("{kind} `{}`", text(item, name))));
        }
    }
    places
}

/// Adds every panel, including those in rows, with its kind and the key of its name.
fn panels<'a>(value: &'a Value, all: &mut Vec<(&'a Value, &'static str, &'static str)>) {
    let nested = NESTED.iter().filter_map(|key| value.get(key)?.as_array());
    for panel in nested.flatten() {
        all.push((panel, "panel", "title"));
        panels(panel, all);
    }
}

/// The keys of nested panels. Before Grafana 5, rows were not panels.
const NESTED: [&str; 2] = ["panels", "rows"];

/// Returns `true` if a query in this value contains the metric. The position of queries differs between kinds of panels
/// and versions of Grafana, but their keys are the same.
fn queries(value: &Value, metric: &MetricPattern<'_>) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| match value {
            Value::String(text) => ["expr", "query", "definition"].contains(&key.as_str()) && metric.is_in(text),
            value => !NESTED.contains(&key.as_str()) && queries(value, metric),
        }),
        Value::Array(values) => values.iter().any(|value| queries(value, metric)),
        _ => false,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("untitled")
}

/// The names that queries may use for a metric of a contract.
#[derive(Clone, Debug)]
pub(crate) struct MetricPattern<'a> {
    name: &'a str,
    /// The middle part of the names of recording rules, `level:metric:operations`.
    recorded: Option<String>,
    /// `true` for a gauge, of which no rates are recorded. It may have the name of a counter without `_total`.
    is_gauge: bool,
    /// The objectives of this metric.
    objectives: Option<ObjectivePattern>,
    /// The objectives of all metrics, to decide which metric an objective belongs to.
    all: &'a [ObjectivePattern],
}

/// The ids of the objectives of one metric, as recording rules have them in the label `slo`: the start and the end.
///
/// Between the two are fixed label values or a route, which the contract does not contain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ObjectivePattern {
    start: String,
    end: &'static str,
}

impl ObjectivePattern {
    /// Returns the patterns of all metrics of a contract, whose names begin with the name of the service.
    pub(crate) fn all(contract: &Contract, service: &str) -> Vec<Self> {
        contract.metrics.iter().filter_map(|(name, entry)| Self::new(name, entry, service)).collect()
    }

    /// Ids of functions begin with the name of the metric without namespace, ids of routes with `http`, those of gRPC methods
    /// with `grpc`.
    fn new(name: &str, entry: &Entry, service: &str) -> Option<Self> {
        let end = match entry.kind {
            MetricKind::Counter if is_overdue(name) => "_latency",
            MetricKind::Counter => "_success",
            MetricKind::Histogram => "_latency",
            _ => return None,
        };
        let base = name.strip_prefix(service).and_then(|name| name.strip_prefix('_')).unwrap_or(name);
        let labels: Vec<_> = entry.labels.iter().map(String::as_str).collect();
        let has = |any: &[&str]| any.iter().any(|label| labels.contains(label));
        let start = match role(base, &labels) {
            Role::Http if has(ROUTE_LABELS) => "http".to_owned(),
            // Calls are counted where they have a code.
            Role::Grpc if has(METHOD_OF_GRPC) && (entry.kind == MetricKind::Histogram || has(&["grpc_code"])) => {
                "grpc".to_owned()
            }
            _ => objective_name(entry.kind, base),
        };
        Some(Self { start, end })
    }

    fn matches(&self, slo: &str) -> bool {
        let rest = slo.strip_prefix(&self.start).and_then(|rest| rest.strip_suffix(self.end));
        rest.is_some_and(|between| between.is_empty() || between.starts_with('_'))
    }
}

impl<'a> MetricPattern<'a> {
    /// Creates the pattern of a metric, or of any other name in a difference. `all` are the objectives of all metrics.
    pub(crate) fn new(contract: &Contract, name: &'a str, service: &str, all: &'a [ObjectivePattern]) -> Self {
        let entry = contract.metrics.get(name);
        let kind = entry.map(|entry| entry.kind);
        let is_recorded =
            matches!(kind, Some(MetricKind::Counter | MetricKind::Histogram | MetricKind::Gauge | MetricKind::Info));
        Self {
            name,
            recorded: is_recorded.then(|| recorded_name(name)),
            is_gauge: matches!(kind, Some(MetricKind::Gauge | MetricKind::Info)),
            objectives: entry.and_then(|entry| ObjectivePattern::new(name, entry, service)),
            all,
        }
    }

    /// Returns `true` if a text contains, as a whole word, the metric, a sample of the histogram, a rule that records
    /// the metric, or an objective of it.
    fn is_in(&self, text: &str) -> bool {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).any(|word| {
            let levels: Vec<_> = word.split(':').collect();
            match levels.as_slice() {
                ["slo", "bad_events" | "events", _] => self.has_objective_in(text),
                [_, metric, operation] if is_sample(metric, self.recorded.as_deref()) => {
                    !self.is_gauge || is_of_gauge(operation)
                }
                // The value of a counter.
                [_, metric, "sum"] => *metric == self.name,
                _ => is_sample(word, Some(self.name)),
            }
        })
    }

    /// Returns `true` if a matcher of `slo` in the text selects an objective of this metric. If an id matches several
    /// metrics, it belongs to the one with the longest name.
    fn has_objective_in(&self, text: &str) -> bool {
        // In JSON and YAML the quotes may be escaped.
        let values = text.split("slo").skip(1).filter_map(|rest| {
            let value = rest.trim_start().strip_prefix('=')?.trim_start_matches(['~', ' ', '\\']);
            let quote = value.chars().next().filter(|quote| "\"'`".contains(*quote))?;
            value[1..].split(['\\', quote]).next()
        });
        values.flat_map(|value| value.split('|')).any(|slo| {
            let longest =
                self.all.iter().filter(|pattern| pattern.matches(slo)).map(|pattern| pattern.start.len()).max();
            self.objectives.as_ref().is_some_and(|pattern| pattern.matches(slo) && Some(pattern.start.len()) >= longest)
        })
    }
}

/// Returns `true` if the word is the metric, or a sample of the histogram of this name.
fn is_sample(word: &str, metric: Option<&str>) -> bool {
    let rest = metric.and_then(|metric| word.strip_prefix(metric));
    rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
}

/// Returns `true` for the operations of rules that record a gauge. A counter may have its name with `_total`.
fn is_of_gauge(operation: &str) -> bool {
    operation.ends_with(INSTANCES) || ["min", "max", "sum", "restarts"].iter().any(|start| operation.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version 1\n\ncounter jobs_total\n  labels kind state\n\nhistogram wait_seconds\n\
                        \x20 unit seconds\n  buckets 0.1 0.5 1\n";

    /// Returns the places in a file that use a metric of the contract.
    fn usages(file: &str, text: &str, metric: &str) -> Vec<String> {
        let contract = Contract::parse(&format!(
            "{LOCK}gauge shop_depth\ncounter shop_old_total\ncounter shop_old_ryot_total\nhistogram shop_http_wait\n  labels method route\n\
             counter grpc_server_handled_total\n  labels grpc_code grpc_method\ncounter grpc_server_started_total\n  labels grpc_method\n"
        ));
        let contract = contract.unwrap();
        let objectives = ObjectivePattern::all(&contract, "shop");
        let file = QueryFile::text(file, text);
        file.usages(&MetricPattern::new(&contract, metric, "shop", &objectives))
    }

    #[test]
    fn usages_are_found_in_dashboards_and_rules() {
        let dashboard = r#"{"panels": [{"title": "Jobs", "targets": [{"expr": "rate(wait_seconds_bucket[5m])"}]},
            {"title": "Others", "targets": [{"expr": "my_wait_seconds + wait_seconds_max"}]}]}"#;
        assert_eq!(usages("d.json", dashboard, "wait_seconds"), ["d.json: panel `Jobs`"]);
        for file in
            [r#"{"rows": [{"panels": [PANEL]}]}"#, r#"{"dashboard": {"panels": [{"panels": [PANEL]}]}, "meta": {}}"#]
        {
            let file = file.replace("PANEL", r#"{"title": "Jobs", "targets": [{"expr": "sum(wait_seconds_sum)"}]}"#);
            assert_eq!(usages("d.json", &file, "wait_seconds"), ["d.json: panel `Jobs`"], "{file}");
        }
        let around = r#"{"panels": [{"title": "About wait_seconds", "description": "wait_seconds"}],
            "templating": {"list": [{"name": "job", "query": "label_values(wait_seconds_count, job)"},
                {"name": "instance", "query": {"query": "label_values(wait_seconds_count, instance)", "refId": "A"}},
                {"name": "route", "query": "label_values(requests_total, route)"}]},
            "annotations": {"list": [{"name": "Slow", "expr": "wait_seconds_sum > 1"},
                {"name": "Slower", "target": {"expr": "wait_seconds_sum > 2"}}, {"name": "Others", "expr": "up == 0"}]}}"#;
        let expected = ["variable `job`", "variable `instance`", "annotation `Slow`", "annotation `Slower`"];
        assert_eq!(usages("d.json", around, "wait_seconds"), expected.map(|place| format!("d.json: {place}")));
        let native = r#"{"panels": [{"title": "Rate", "targets": [{"expr": "histogram_count(rate(wait_seconds[5m]))"}]},
            {"title": "Others", "targets": [{"expr": "histogram_count(my_wait_seconds)"}]}]}"#;
        assert_eq!(usages("d.json", native, "wait_seconds"), ["d.json: panel `Rate`"]);
        let other = "{\n\"queries\": [\"wait_seconds_sum\"]}";
        assert_eq!(usages("o.json", other, "wait_seconds"), ["o.json: line 2"]);
        let rules = "groups:\n- rules:\n  - alert: Slow\n    expr: wait_seconds_sum > 1\n";
        assert_eq!(usages("r.yaml", rules, "wait_seconds"), ["r.yaml: alert `Slow`"]);
        assert_eq!(usages("notes.md", "see wait_seconds\n", "wait_seconds"), ["notes.md: line 1"]);
    }

    #[test]
    fn a_rule_is_found_wherever_its_name_is() {
        let rules = "groups:
- name: first
  rules:
  - alert: First
    expr: up == 0
  - expr: rate(shop_old_total[5m]) > 1
    for: 5m
    'alert': \"Second\"  # hint
  # shop_old_total was here
  - labels: {a: b}
    expr: |
      sum(up)
      - sum(shop_old_total)
    record: third
  -   record: fourth
      expr:
        up
        - shop_old_total
  - alert: Talks
    annotations:
      summary: shop_old_total
      description: |
        - shop_old_total
        expr: shop_old_total
    expr: up
    # shop_old_total
  - alert: Asks
    expr: up
    annotations: {summary: '{{ with query \"shop_old_total\" }}{{ . }}{{ end }} {{ \"shop_old_total\" }}'}
- name: second
  rules: &anchor
    - alert: Deeper
      {{- if .Values.strict }}
      expr: shop_old_total > 2
      {{- end }}
    -
      expr: shop_old_total > 3
      annotations:
        alert: no
      alert: Last
other: shop_old_total
";
        let expected = [
            "alert `Second`",
            "record `third`",
            "record `fourth`",
            "alert `Asks`",
            "alert `Deeper`",
            "alert `Last`",
            "line 41",
        ];
        assert_eq!(usages("r.yaml", rules, "shop_old_total"), expected.map(|place| format!("r.yaml: {place}")));
        let indented = rules.replace('\n', "\n    ");
        let map = format!("kind: ConfigMap\ndata:\n  rules.yaml: |\n    {indented}");
        assert_eq!(
            usages("m.yaml", &map, "shop_old_total")[..6],
            expected.map(|place| format!("m.yaml: {place}"))[..6]
        );
        let tests = "tests:\n- input_series:\n  - series: shop_old_total\n    values: 1 2\n";
        assert_eq!(usages("t.yaml", tests, "shop_old_total"), ["t.yaml: line 3"]);
    }

    #[test]
    fn queries_for_recorded_series_are_usages_of_the_metric() {
        let line = ["q: line 1"];
        for query in [
            "job_endpoint:shop_old:rate5m > 1",
            "namespace_job:shop_old:error_ratio_rate5m{job=\"a\"}",
            "instance:shop_old:sum",
            "slo:bad_events:ratio_rate1h{slo=\"old_success\"}",
            "slo:bad_events:ratio_rate1h{job=\"a\", slo=~\"other_success|old_literal_success\"}",
            "slo:bad_events:ratio_rate1h{slo=\\\"old_success\\\"}",
        ] {
            assert_eq!(usages("q", query, "shop_old_total"), line, "{query}");
        }
        for query in [
            "job:my_shop_old:rate5m",
            "job:shop_old_ryot:rate5m",
            "shop_old:rate5m",
            "job:shop_old_total_x:rate5m",
            "a:job:shop_old:rate5m",
            "slo:bad_events:ratio_rate1h{slo=\"old_latency\"}",
            "slo:bad_events:ratio_rate1h{slo=\"old_ryot_success\"}",
            "slo:bad_events:ratio_rate1h",
            "burn{slo=\"old_success\"}",
        ] {
            assert_eq!(usages("q", query, "shop_old_total"), [""; 0], "{query}");
        }
        for query in ["job:wait_seconds:p95_rate5m", "job:wait_seconds_count:rate5m"] {
            assert_eq!(usages("q", query, "wait_seconds"), line, "{query}");
        }
        for operation in ["min5m", "sum", "max", "min", "instances", "affected_instances", "restarts5m"] {
            assert_eq!(usages("q", &format!("cluster_job:shop_depth:{operation}"), "shop_depth"), line);
        }
        assert_eq!(usages("q", "job:grpc_server_handled_total:sum", "grpc_server_handled_total"), line);
        assert_eq!(usages("q", "job:shop_depth:rate5m", "shop_depth"), [""; 0], "that of a counter `shop_depth_total`");
        let route = "slo:bad_events:ratio_rate1h{slo=\"http_buy_id_latency\"}";
        assert_eq!(usages("q", route, "shop_http_wait"), line);
        let method = "slo:bad_events:ratio_rate1h{slo=\"grpc_shop_orders_place_success\"}";
        assert_eq!(usages("q", method, "grpc_server_handled_total"), line);
        assert_eq!(usages("q", method, "grpc_server_started_total"), [""; 0], "it has no code");
        let waiting = "job_grpc_service_grpc_method:grpc_server_started:in_flight_min5m";
        assert_eq!(usages("q", waiting, "grpc_server_started_total"), line);
        let dashboard = r#"{"panels": [{"title": "Jobs", "targets": [{"expr": "job:wait_seconds:p50_rate5m"}]}]}"#;
        assert_eq!(usages("d.json", dashboard, "wait_seconds"), ["d.json: panel `Jobs`"]);
    }
}
