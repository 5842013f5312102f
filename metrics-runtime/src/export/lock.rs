//! The contract: what dashboards and rules of others rely on, as a file that people read and `check` compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde_json::Value;

use super::model::{Kind, Label, Model, Role};
use super::node::number;
use super::parts::{ROUTE_LABELS, promised_name, recorded_name, role};

const VERSION: &str = "version 1";

/// What a binary promises of its metrics: names, kinds, units, labels and buckets.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Contract {
    /// Labels on every sample of the toolkit.
    constant: BTreeSet<String>,
    metrics: BTreeMap<String, Promise>,
}

#[derive(Clone, Debug, PartialEq)]
struct Promise {
    kind: Kind,
    unit: Option<String>,
    labels: BTreeSet<String>,
    buckets: Vec<f64>,
}

/// A lock file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct Broken {
    line: usize,
    problem: String,
}

/// The difference between a lock file and a binary.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Difference {
    /// What dashboards and rules may rely on and is no more: the metric, and what became of it.
    pub(crate) breaks: Vec<(String, String)>,
    /// What is new.
    pub(crate) additions: Vec<String>,
}

impl Contract {
    pub(crate) fn of(model: &Model) -> Self {
        let metrics = model.metrics.iter().map(|metric| {
            let promise = Promise {
                kind: metric.kind,
                unit: metric.unit.clone(),
                labels: metric.labels.iter().map(|label| label.name.clone()).collect(),
                buckets: metric.buckets.clone(),
            };
            (metric.name.clone(), promise)
        });
        Self { constant: model.constant.iter().cloned().collect(), metrics: metrics.collect() }
    }

    /// Reads a lock file.
    pub(crate) fn read(text: &str) -> Result<Self, Broken> {
        let mut contract = Self::default();
        let mut current: Option<&mut Promise> = None;
        let mut versioned = false;
        for (i, line) in text.lines().enumerate() {
            let broken = |problem: String| Broken { line: i + 1, problem };
            let mut words = line.split_whitespace();
            let Some(word) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            if !versioned {
                if line.trim() != VERSION {
                    return Err(broken(format!("the file says `{}`; `{VERSION}` is what can be read", line.trim())));
                }
                versioned = true;
                continue;
            }
            let words: Vec<_> = words.map(str::to_owned).collect();
            match (word, line.starts_with(' '), current.as_deref_mut()) {
                ("constant", false, _) => contract.constant.extend(words),
                (kind, false, _) => {
                    let kind = match Kind::read(kind) {
                        Kind::Unknown if kind != "unknown" => {
                            return Err(broken(format!("`{kind}` is no kind of metric")));
                        }
                        kind => kind,
                    };
                    let [name] = words.as_slice() else {
                        return Err(broken("a kind and one name are expected".to_owned()));
                    };
                    if contract.metrics.contains_key(name) {
                        return Err(broken(format!("`{name}` is there twice")));
                    }
                    let promise = Promise { kind, unit: None, labels: BTreeSet::new(), buckets: Vec::new() };
                    current = Some(contract.metrics.entry(name.clone()).or_insert(promise));
                }
                ("unit", true, Some(promise)) => promise.unit = words.into_iter().next(),
                ("labels", true, Some(promise)) => promise.labels.extend(words),
                ("buckets", true, Some(promise)) => {
                    for word in words {
                        let bound = word.parse().map_err(|_| broken(format!("`{word}` is no bucket")))?;
                        promise.buckets.push(bound);
                    }
                }
                (word, true, _) => {
                    return Err(broken(format!("`{word}` says nothing of a metric; `unit`, `labels`, `buckets` do")));
                }
            }
        }
        if !versioned {
            return Err(Broken { line: text.lines().count().max(1), problem: format!("there is no `{VERSION}`") });
        }
        Ok(contract)
    }

    /// What of this contract `now` does not keep, and what it adds.
    pub(crate) fn difference(&self, now: &Self) -> Difference {
        let mut difference = Difference::default();
        let new: Vec<_> = now.metrics.iter().filter(|(name, _)| !self.metrics.contains_key(*name)).collect();
        for (name, old) in &self.metrics {
            let mut broken = |what: String| difference.breaks.push((name.clone(), what));
            let Some(promise) = now.metrics.get(name) else {
                // The new name is only a guess: the one new metric that is the same but for its name.
                let same: Vec<_> = new.iter().filter(|(_, promise)| *promise == old).collect();
                broken(match same.as_slice() {
                    [(name, _)] => format!("removed; was it renamed to `{name}`?"),
                    _ => "removed".to_owned(),
                });
                continue;
            };
            if promise.kind != old.kind {
                broken(format!("is a {} and was a {}", promise.kind.as_str(), old.kind.as_str()));
            }
            if promise.unit != old.unit {
                let word = |unit: &Option<String>| unit.as_deref().unwrap_or("none").to_owned();
                broken(format!("its unit is {} and was {}", word(&promise.unit), word(&old.unit)));
            }
            for label in old.labels.difference(&promise.labels) {
                broken(format!("label `{label}` removed"));
            }
            for label in promise.labels.difference(&old.labels) {
                broken(format!("label `{label}` added: what is not summed becomes more series"));
            }
            if promise.buckets != old.buckets {
                broken(format!("its buckets are {} and were {}", bounds(&promise.buckets), bounds(&old.buckets)));
            }
        }
        for label in self.constant.symmetric_difference(&now.constant) {
            let what = if now.constant.contains(label) { "added" } else { "removed" };
            difference.breaks.push(("every metric".to_owned(), format!("constant label `{label}` {what}")));
        }
        difference.additions = new.into_iter().map(|(name, new)| format!("{} {name}", new.kind.as_str())).collect();
        difference
    }
}

fn bounds(buckets: &[f64]) -> String {
    if buckets.is_empty() {
        return "none".to_owned();
    }
    buckets.iter().copied().map(number).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("# What dashboards and rules may rely on. Written by the command `metrics lock`, compared by\n")?;
        writeln!(f, "# `metrics check`: what is removed or changed here breaks them.\n{VERSION}")?;
        if !self.constant.is_empty() {
            writeln!(f, "constant {}", join(&self.constant))?;
        }
        for (name, promise) in &self.metrics {
            writeln!(f, "\n{} {name}", promise.kind.as_str())?;
            if let Some(unit) = &promise.unit {
                writeln!(f, "  unit {unit}")?;
            }
            if !promise.labels.is_empty() {
                writeln!(f, "  labels {}", join(&promise.labels))?;
            }
            if !promise.buckets.is_empty() {
                writeln!(f, "  buckets {}", bounds(&promise.buckets))?;
            }
        }
        Ok(())
    }
}

fn join(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Difference {
    /// What was added, a line each.
    pub(crate) fn added(&self) -> String {
        let mut text = String::new();
        for addition in &self.additions {
            let _ = writeln!(text, "new: {addition}");
        }
        text
    }
}

/// A dashboard or a file of rules, to say what of it breaks.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Reader {
    /// Every place that asks for the metric: the panel, variable or annotation of a dashboard, the rule of a file of
    /// rules, or the line.
    pub(crate) fn uses(&self, metric: &Sought<'_>) -> Vec<String> {
        let json = serde_json::from_str::<Value>(&self.text).ok();
        let mut uses = match json.as_ref().and_then(dashboard) {
            Some(dashboard) => in_dashboard(dashboard, metric),
            None => Lines::uses(&self.text, metric),
        };
        uses.dedup();
        uses.iter().map(|place| format!("{}: {place}", self.file)).collect()
    }
}

/// The lines of a file that is no dashboard. Of YAML it understands what it takes to say which rule a line belongs to:
/// what is deeper than a dash is of its item, whose keys come in any order.
#[derive(Default)]
struct Lines {
    /// The items that the current line is inside of, outermost first.
    items: Vec<Item>,
    /// The column of a key whose value is text: whatever is deeper is no structure.
    text: Option<usize>,
    /// Number of the line, and the rule or the line that asks for the metric.
    found: Vec<(usize, String)>,
}

/// An item of a list.
struct Item {
    dash: usize,
    /// Where its keys begin.
    column: usize,
    /// The key that the current line belongs to.
    key: String,
    /// What it is, where it is a rule and has said so.
    rule: Option<String>,
    /// The lines that ask for the metric, each with whether it would where this is a rule.
    uses: Vec<(usize, bool)>,
}

impl Item {
    fn new(dash: usize, column: usize) -> Self {
        Self { dash, column, key: String::new(), rule: None, uses: Vec::new() }
    }
}

impl Lines {
    fn uses(text: &str, metric: &Sought<'_>) -> Vec<String> {
        let mut lines = Self::default();
        for (i, line) in text.lines().enumerate() {
            let content = line.trim_start();
            let comment = content.starts_with('#');
            // Whatever templates put between the lines of a chart belongs to where it stands.
            if !content.is_empty() && !comment && !content.starts_with("{{") {
                lines.structure(line.len() - content.len(), content);
            }
            if metric.is_in(content) {
                lines.found(i + 1, !comment && lines.asks(content, metric));
            }
        }
        lines.leave(0);
        lines.found.sort_by_key(|(line, _)| *line);
        lines.found.into_iter().map(|(_, place)| place).collect()
    }

    /// Which item and which key the line is of.
    fn structure(&mut self, mut column: usize, mut content: &str) {
        if self.text.is_some_and(|key| column > key) {
            return;
        }
        self.text = None;
        self.leave(column);
        while let Some(rest) = content.strip_prefix("- ") {
            let (dash, rest) = (column, rest.trim_start());
            column += content.len() - rest.len();
            content = rest;
            self.items.push(Item::new(dash, column));
        }
        if content == "-" {
            // Its first key says where they begin.
            self.items.push(Item::new(column, usize::MAX));
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
        // Where the key is the name of a file, as in a ConfigMap, the text is one of these files. What begins like an
        // anchor or a tag says something of the value, which begins below.
        let file = key.contains('.') && value.starts_with(['|', '>']);
        let below = value.is_empty() || value.starts_with(['&', '!', '#']);
        if !file && (!below || of_rule && key == "expr") {
            self.text = Some(column);
        }
    }

    /// Ends the items that a line which begins at this column is not inside of.
    fn leave(&mut self, column: usize) {
        while let Some(item) = self.items.pop_if(|item| item.dash >= column) {
            for (line, asks) in item.uses {
                match &item.rule {
                    Some(rule) if asks => self.found.push((line, rule.clone())),
                    Some(_) => {}
                    None => self.found.push((line, format!("line {line}"))),
                }
            }
        }
    }

    fn found(&mut self, line: usize, asks: bool) {
        match self.items.last_mut() {
            Some(item) => item.uses.push((line, asks)),
            None => self.found.push((line, format!("line {line}"))),
        }
    }

    /// Whether a line of a rule asks for the metric, rather than telling people of it.
    fn asks(&self, content: &str, metric: &Sought<'_>) -> bool {
        let is_query = self.items.last().is_some_and(|item| item.key == "expr");
        // The templates of labels and annotations can ask as well.
        let queried = |action: &str| action.contains("query") && metric.is_in(action);
        is_query || content.split("{{").skip(1).any(|action| queried(action.split("}}").next().unwrap_or_default()))
    }
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['\'', '"'])
}

/// The dashboard of a file: all of it, or what Grafana's API for dashboards wraps.
fn dashboard(file: &Value) -> Option<&Value> {
    let wrapped = file.get("dashboard").unwrap_or(file);
    (wrapped.get("panels").is_some() || wrapped.get("rows").is_some()).then_some(wrapped)
}

fn in_dashboard(dashboard: &Value, metric: &Sought<'_>) -> Vec<String> {
    let mut uses = Vec::new();
    panels(dashboard, metric, &mut uses);
    for (list, what) in [("templating", "variable"), ("annotations", "annotation")] {
        let list = dashboard.get(list).and_then(|part| part.get("list")).and_then(Value::as_array);
        let asking = list.into_iter().flatten().filter(|part| asks(part, metric));
        uses.extend(asking.map(|part| format!("{what} `{}`", text(part, "name"))));
    }
    uses
}

/// Every panel that asks for the metric, those inside of rows as well.
fn panels(value: &Value, metric: &Sought<'_>, uses: &mut Vec<String>) {
    let nested = NESTED.iter().filter_map(|key| value.get(key)?.as_array());
    for panel in nested.flatten() {
        if asks(panel, metric) {
            uses.push(format!("panel `{}`", text(panel, "title")));
        }
        panels(panel, metric, uses);
    }
}

/// What holds panels. Dashboards from before Grafana 5 have rows that are no panels themselves.
const NESTED: [&str; 2] = ["panels", "rows"];

/// Whether a query of this part of a dashboard names the metric. Where queries are differs between kinds of parts and
/// versions of Grafana; what they are called does not.
fn asks(part: &Value, metric: &Sought<'_>) -> bool {
    match part {
        Value::Object(fields) => fields.iter().any(|(key, value)| match value {
            Value::String(text) => ["expr", "query", "definition"].contains(&key.as_str()) && metric.is_in(text),
            value => !NESTED.contains(&key.as_str()) && asks(value, metric),
        }),
        Value::Array(values) => values.iter().any(|value| asks(value, metric)),
        _ => false,
    }
}

fn text<'a>(part: &'a Value, key: &str) -> &'a str {
    part.get(key).and_then(Value::as_str).unwrap_or("untitled")
}

/// A metric of a contract, under every name that queries have for it.
#[derive(Clone, Debug)]
pub(crate) struct Sought<'a> {
    name: &'a str,
    /// What stands for it in the names of recording rules, `level:metric:operations`.
    recorded: Option<String>,
    /// The promises that are about it.
    promises: Option<Promises>,
    /// Those about every metric, to tell whose a promise is.
    all: &'a [Promises],
}

/// The promises of one metric, as the label `slo` of what rules record of them has it: its first and its last words,
/// between which are literal labels or a route. The contract says nothing of those.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Promises {
    start: String,
    end: &'static str,
}

impl Promises {
    fn has(&self, slo: &str) -> bool {
        let rest = slo.strip_prefix(&self.start).and_then(|rest| rest.strip_suffix(self.end));
        rest.is_some_and(|between| between.is_empty() || between.starts_with('_'))
    }
}

impl Contract {
    /// The promises that there may be, where the names of metrics begin with this service.
    pub(crate) fn promises(&self, service: &str) -> Vec<Promises> {
        self.metrics.iter().filter_map(|(name, promise)| promise.promises(name, service)).collect()
    }

    /// What to search readers for where this metric, or whatever else the difference names, is no longer what it was.
    pub(crate) fn sought<'a>(&self, name: &'a str, service: &str, all: &'a [Promises]) -> Sought<'a> {
        let metric = self.metrics.get(name);
        // Rules record rates and quantiles. The name of a gauge may be that of a counter without its end.
        let recorded = metric.filter(|metric| matches!(metric.kind, Kind::Counter | Kind::Histogram));
        Sought {
            name,
            recorded: recorded.map(|_| recorded_name(name)),
            promises: metric.and_then(|metric| metric.promises(name, service)),
            all,
        }
    }
}

impl Promise {
    /// The promises that rules may record of this metric: those of functions begin with its name without namespace, those
    /// of routes with `http`.
    fn promises(&self, name: &str, service: &str) -> Option<Promises> {
        let end = match self.kind {
            Kind::Counter => "_success",
            Kind::Histogram => "_latency",
            _ => return None,
        };
        let base = name.strip_prefix(service).and_then(|name| name.strip_prefix('_')).unwrap_or(name);
        let labels: Vec<_> = self.labels.iter().map(|name| Label { name: name.clone(), values: None }).collect();
        let routed = role(base, &labels) == Role::Http && ROUTE_LABELS.iter().any(|label| self.labels.contains(*label));
        let start = if routed { "http".to_owned() } else { promised_name(self.kind, base) };
        Some(Promises { start, end })
    }
}

impl Sought<'_> {
    /// Whether a text has the metric as a whole word: its name, that of a histogram's samples, that of a rule which
    /// records it, or a promise about it.
    fn is_in(&self, text: &str) -> bool {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).any(|word| {
            let parts: Vec<_> = word.split(':').collect();
            match parts.as_slice() {
                ["slo", "bad_events", _] => self.is_promised_in(text),
                [_, metric, _] if is_sample(metric, self.recorded.as_deref()) => true,
                _ => is_sample(word, Some(self.name)),
            }
        })
    }

    /// Whether a matcher of `slo` in the text names a promise about this metric. Of two metrics that may be meant, it is
    /// the one whose name says more.
    fn is_promised_in(&self, text: &str) -> bool {
        // In what is JSON or YAML as well, quotes are escaped.
        let values = text.split("slo").skip(1).filter_map(|rest| {
            let value = rest.trim_start().strip_prefix('=')?.trim_start_matches(['~', ' ', '\\']);
            let quote = value.chars().next().filter(|quote| "\"'`".contains(*quote))?;
            value[1..].split(['\\', quote]).next()
        });
        values.flat_map(|value| value.split('|')).any(|slo| {
            let most = self.all.iter().filter(|promises| promises.has(slo)).map(|promises| promises.start.len()).max();
            self.promises.as_ref().is_some_and(|own| own.has(slo) && Some(own.start.len()) >= most)
        })
    }
}

/// Whether it is the metric, or samples of a histogram of this name.
fn is_sample(word: &str, metric: Option<&str>) -> bool {
    let rest = metric.and_then(|metric| word.strip_prefix(metric));
    rest.is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "# comment\nversion 1\nconstant region\n\ncounter jobs_total\n  labels kind state\n\n\
                        histogram wait_seconds\n  unit seconds\n  buckets 0.1 0.5 1\n";

    fn read(text: &str) -> Contract {
        Contract::read(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn breaks(from: &str, to: &str) -> Vec<String> {
        let difference = read(LOCK).difference(&read(&LOCK.replace(from, to)));
        difference.breaks.into_iter().map(|(metric, what)| format!("{metric}: {what}")).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let contract = read(LOCK);
        assert_eq!(read(&contract.to_string()), contract);
        assert_eq!(contract.difference(&contract), Difference::default());
    }

    #[test]
    fn everything_that_dashboards_rely_on_is_compared() {
        assert_eq!(
            breaks("counter jobs_total", "counter tasks_total"),
            ["jobs_total: removed; was it renamed to `tasks_total`?"]
        );
        assert_eq!(breaks("counter jobs_total", "gauge jobs_total"), ["jobs_total: is a gauge and was a counter"]);
        assert_eq!(breaks("kind state", "kind"), ["jobs_total: label `state` removed"]);
        assert_eq!(
            breaks("kind state", "kind state zone"),
            ["jobs_total: label `zone` added: what is not summed becomes more series"]
        );
        assert_eq!(breaks("0.1 0.5 1", "0.1 1"), ["wait_seconds: its buckets are 0.1 1 and were 0.1 0.5 1"]);
        assert_eq!(breaks("  unit seconds\n", ""), ["wait_seconds: its unit is none and was seconds"]);
        assert_eq!(
            breaks("constant region", "constant zone"),
            ["every metric: constant label `region` removed", "every metric: constant label `zone` added"]
        );
        let added = read(LOCK).difference(&read(&format!("{LOCK}gauge depth\n")));
        assert_eq!((added.breaks.len(), added.added().as_str()), (0, "new: gauge depth\n"));
    }

    #[test]
    fn a_broken_file_names_its_line() {
        for (text, problem) in [
            ("", "line 1: there is no `version 1`"),
            ("version 0\n", "line 1: the file says `version 0`; `version 1` is what can be read"),
            ("version 1\ncouter a_total\n", "line 2: `couter` is no kind of metric"),
            ("version 1\ncounter\n", "line 2: a kind and one name are expected"),
            ("version 1\ncounter a_total\ncounter a_total\n", "line 3: `a_total` is there twice"),
            ("version 1\n  unit seconds\n", "line 2: `unit` says nothing of a metric; `unit`, `labels`, `buckets` do"),
            ("version 1\nhistogram a\n  buckets 1 two\n", "line 3: `two` is no bucket"),
        ] {
            assert_eq!(Contract::read(text).map_err(|error| error.to_string()), Err(problem.to_owned()));
        }
    }

    /// Where a file asks for a metric of the contract.
    fn uses(file: &str, text: &str, metric: &str) -> Vec<String> {
        let contract = read(&format!(
            "{LOCK}counter shop_old_total\ncounter shop_old_ryot_total\nhistogram shop_http_wait\n  labels method route\n"
        ));
        let promises = contract.promises("shop");
        let reader = Reader { file: file.to_owned(), text: text.to_owned() };
        reader.uses(&contract.sought(metric, "shop", &promises))
    }

    #[test]
    fn what_breaks_is_found_in_dashboards_and_rules() {
        let dashboard = r#"{"panels": [{"title": "Jobs", "targets": [{"expr": "rate(wait_seconds_bucket[5m])"}]},
            {"title": "Others", "targets": [{"expr": "my_wait_seconds + wait_seconds_max"}]}]}"#;
        assert_eq!(uses("d.json", dashboard, "wait_seconds"), ["d.json: panel `Jobs`"]);
        for file in
            [r#"{"rows": [{"panels": [PANEL]}]}"#, r#"{"dashboard": {"panels": [{"panels": [PANEL]}]}, "meta": {}}"#]
        {
            let file = file.replace("PANEL", r#"{"title": "Jobs", "targets": [{"expr": "sum(wait_seconds_sum)"}]}"#);
            assert_eq!(uses("d.json", &file, "wait_seconds"), ["d.json: panel `Jobs`"], "{file}");
        }
        let around = r#"{"panels": [{"title": "About wait_seconds", "description": "wait_seconds"}],
            "templating": {"list": [{"name": "job", "query": "label_values(wait_seconds_count, job)"},
                {"name": "instance", "query": {"query": "label_values(wait_seconds_count, instance)", "refId": "A"}},
                {"name": "route", "query": "label_values(requests_total, route)"}]},
            "annotations": {"list": [{"name": "Slow", "expr": "wait_seconds_sum > 1"},
                {"name": "Slower", "target": {"expr": "wait_seconds_sum > 2"}}, {"name": "Others", "expr": "up == 0"}]}}"#;
        let expected = ["variable `job`", "variable `instance`", "annotation `Slow`", "annotation `Slower`"];
        assert_eq!(uses("d.json", around, "wait_seconds"), expected.map(|place| format!("d.json: {place}")));
        let other = "{\n\"queries\": [\"wait_seconds_sum\"]}";
        assert_eq!(uses("o.json", other, "wait_seconds"), ["o.json: line 2"]);
        let rules = "groups:\n- rules:\n  - alert: Slow\n    expr: wait_seconds_sum > 1\n";
        assert_eq!(uses("r.yaml", rules, "wait_seconds"), ["r.yaml: alert `Slow`"]);
        assert_eq!(uses("notes.md", "see wait_seconds\n", "wait_seconds"), ["notes.md: line 1"]);
    }

    #[test]
    fn a_rule_is_found_wherever_it_says_its_name() {
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
        assert_eq!(uses("r.yaml", rules, "shop_old_total"), expected.map(|place| format!("r.yaml: {place}")));
        let indented = rules.replace('\n', "\n    ");
        let map = format!("kind: ConfigMap\ndata:\n  rules.yaml: |\n    {indented}");
        assert_eq!(uses("m.yaml", &map, "shop_old_total")[..6], expected.map(|place| format!("m.yaml: {place}"))[..6]);
        let tests = "tests:\n- input_series:\n  - series: shop_old_total\n    values: 1 2\n";
        assert_eq!(uses("t.yaml", tests, "shop_old_total"), ["t.yaml: line 3"]);
    }

    #[test]
    fn who_asks_for_what_is_recorded_of_a_metric_asks_for_the_metric() {
        let line = ["q: line 1"];
        for query in [
            "job_endpoint:shop_old:rate5m > 1",
            "namespace_job:shop_old:error_ratio_rate5m{job=\"a\"}",
            "instance:shop_old:sum",
            "slo:bad_events:ratio_rate1h{slo=\"old_success\"}",
            "slo:bad_events:ratio_rate1h{job=\"a\", slo=~\"other_success|old_literal_success\"}",
            "slo:bad_events:ratio_rate1h{slo=\\\"old_success\\\"}",
        ] {
            assert_eq!(uses("q", query, "shop_old_total"), line, "{query}");
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
            assert_eq!(uses("q", query, "shop_old_total"), [""; 0], "{query}");
        }
        for query in ["job:wait_seconds:p95_rate5m", "job:wait_seconds_count:rate5m"] {
            assert_eq!(uses("q", query, "wait_seconds"), line, "{query}");
        }
        let route = "slo:bad_events:ratio_rate1h{slo=\"http_buy_id_latency\"}";
        assert_eq!(uses("q", route, "shop_http_wait"), line);
        let dashboard = r#"{"panels": [{"title": "Jobs", "targets": [{"expr": "job:wait_seconds:p50_rate5m"}]}]}"#;
        assert_eq!(uses("d.json", dashboard, "wait_seconds"), ["d.json: panel `Jobs`"]);
    }
}
