//! A check that every metric and label in dashboards and rules exists: in queries, legends, variables and annotations.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{Labels as LabelList, MatchOp};
use promql_parser::parser::token::{T_BOTTOMK, T_LOR, T_TOPK};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse,
};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::dashboard::opened;

/// The labels of the series of a metric or of the result of a query.
type Labels = BTreeSet<String>;

/// The labels that Prometheus adds to every series of a target.
const TARGET: [&str; 2] = ["job", "instance"];

/// The sample names that a query can select, with their labels.
#[derive(Clone, Debug)]
pub struct Names {
    samples: BTreeMap<String, Labels>,
    /// The histograms that may be stored with native buckets.
    native: BTreeSet<String>,
}

impl Names {
    /// Returns the names that a service promises in its `metrics.lock`, and those that Prometheus itself adds.
    #[must_use]
    pub fn of_lock(lock: &str) -> Self {
        let mut names = BTreeMap::from([
            ("up".to_owned(), labels(TARGET)),
            ("ALERTS".to_owned(), labels(["alertname", "alertstate", "severity"].into_iter().chain(TARGET))),
        ]);
        let mut native = BTreeSet::new();
        let (mut constant, mut current, mut of_kind) = (Labels::new(), Vec::<String>::new(), samples(""));
        for line in lock.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match (line.starts_with(' '), words.as_slice()) {
                (_, [] | ["#", ..]) | (false, ["version", _]) | (true, ["unit" | "buckets" | "values", ..]) => {}
                (false, ["constant", names @ ..]) => constant = labels(names.iter().copied()),
                (true, ["native"]) => {
                    for count in current.iter().filter(|name| name.ends_with("_count")) {
                        let name = count.trim_end_matches("_count").to_owned();
                        names.insert(name.clone(), names[count].clone());
                        native.insert(name);
                    }
                }
                (true, ["labels", own @ ..]) => {
                    for name in &current {
                        names.entry(String::clone(name)).or_default().extend(labels(own.iter().copied()));
                    }
                }
                (is_part, [word, all @ ..]) if !is_part && all.len() == 1 || *word == "replaces" => {
                    if !is_part {
                        (current, of_kind) = (Vec::new(), samples(word));
                    }
                    for (name, (suffix, own)) in all.iter().flat_map(|name| of_kind.iter().map(move |of| (name, of))) {
                        let own = labels(TARGET.iter().chain(*own).copied());
                        names.insert(format!("{name}{suffix}"), &own | &constant);
                        current.push(format!("{name}{suffix}"));
                    }
                }
                _ => panic!("not a line of a lock file: {line}"),
            }
        }
        Self { samples: names, native }
    }

    /// Adds a label of the target to every name. For example, the Kubernetes operator adds `namespace`.
    #[must_use]
    pub fn with_target(mut self, label: &str) -> Self {
        for own in self.samples.values_mut() {
            own.insert(label.to_owned());
        }
        self
    }

    /// Returns the problems of the rules in a rule file of Prometheus or in Kubernetes objects. Adds the recorded
    /// names, with their labels.
    pub fn rules(&mut self, text: &str) -> Vec<String> {
        let documents = YamlLoader::load_from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
        let groups = documents.iter().flat_map(|document| [&document["groups"], &document["spec"]["groups"]]);
        let groups = groups.filter_map(Yaml::as_vec).flatten();
        let rules: Vec<_> = groups.filter_map(|group| group["rules"].as_vec()).flatten().collect();
        let mut problems = Vec::new();
        for rule in &rules {
            if let Some(name) = rule["record"].as_str() {
                match self.query(string(&rule["expr"])) {
                    Ok(kept) => {
                        let kept = &kept | &labels(entries(&rule["labels"]).map(|(label, _)| label));
                        let recorded = self.samples.get(name).map_or(kept.clone(), |before| before & &kept);
                        self.samples.insert(name.to_owned(), recorded);
                    }
                    Err(problem) => problems.push(format!("rule `{name}`: {problem}")),
                }
            }
        }
        for rule in rules {
            let Some(name) = rule["alert"].as_str() else { continue };
            let texts = entries(&rule["annotations"]).chain(entries(&rule["labels"])).map(|(_, text)| text);
            match self.query(string(&rule["expr"])) {
                Ok(has) => problems.extend(
                    texts
                        .flat_map(braces)
                        .flat_map(template_labels)
                        .filter(|label| !has.contains(*label))
                        .map(|label| format!("alert `{name}`: its query gives no label `{label}`")),
                ),
                Err(problem) => problems.push(format!("alert `{name}`: {problem}")),
            }
        }
        problems
    }

    /// Returns the problems of a dashboard: of its panels, variables and annotations.
    #[must_use]
    pub fn dashboard(&self, text: &str) -> Vec<String> {
        let dashboard: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
        let dashboard = opened(&dashboard);
        let variables: Vec<_> = list(&dashboard["templating"]["list"]).collect();
        let known = |name: &str| name.starts_with("__") || variables.iter().any(|variable| variable["name"] == name);
        let mut problems = Vec::new();
        let mut check = |place: String, query: &Value, legends: &[&Value]| {
            let query = query.as_str().unwrap_or_default();
            let unknown = unknown_variable(query, known).map(|name| format!("{query}: found no variable `{name}`"));
            problems.extend(unknown.map(|problem| format!("{place}: {problem}")));
            match self.query(query) {
                Ok(has) => problems.extend(
                    legends
                        .iter()
                        .filter_map(|legend| legend.as_str())
                        .flat_map(braces)
                        .filter(|label| !has.contains(*label))
                        .map(|label| format!("{place}: {query} gives no label `{label}`")),
                ),
                Err(problem) => problems.push(format!("{place}: {problem}")),
            }
        };
        for annotation in list(&dashboard["annotations"]["list"]) {
            let texts = ["titleFormat", "textFormat"].map(|key| &annotation[key]);
            check(format!("annotation {}", annotation["name"]), &annotation["expr"], &texts);
        }
        for panel in list(&dashboard["panels"]) {
            for target in list(&panel["targets"]) {
                check(format!("panel {}", panel["title"]), &target["expr"], &[&target["legendFormat"]]);
            }
        }
        for variable in variables.iter().filter(|variable| variable["type"] == "query") {
            let place = format!("variable {}", variable["name"]);
            let query = variable["query"].as_str().unwrap_or_default();
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            match inner.and_then(|inner| inner.rsplit_once(", ")) {
                Some((selector, label)) => {
                    check(place, &selector.into(), &[&format!("{{{{{label}}}}}").into()]);
                }
                None => check(place, &Value::Null, &[]),
            }
        }
        problems
    }

    /// Returns the labels of a query's result.
    ///
    /// # Errors
    /// Returns an error if the query is invalid, or selects a metric or label that does not exist.
    pub fn query(&self, query: &str) -> Result<Labels, String> {
        let windows = ["$__rate_interval", "$__interval", "$__range"];
        let filled = windows.iter().fold(query.to_owned(), |query, window| query.replace(window, "5m"));
        let labels = parse(&filled).and_then(|parsed| self.labels(&parsed));
        labels.map_err(|problem| format!("{query}: {problem}"))
    }

    fn labels(&self, expr: &Expr) -> Result<Labels, String> {
        match expr {
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Ok(Labels::new()),
            Expr::Paren(paren) => self.labels(&paren.expr),
            Expr::Unary(unary) => self.labels(&unary.expr),
            Expr::Subquery(subquery) => self.labels(&subquery.expr),
            Expr::VectorSelector(selector) => self.selected(selector),
            Expr::MatrixSelector(matrix) => self.selected(&matrix.vs),
            Expr::Aggregate(aggregate) => self.aggregated(aggregate),
            Expr::Call(call) => self.called(call),
            Expr::Binary(binary) => self.joined(binary),
        }
    }

    fn selected(&self, selector: &VectorSelector) -> Result<Labels, String> {
        let matchers = &selector.matchers;
        let pattern = matchers.matchers.iter().find_map(|matcher| match &matcher.op {
            MatchOp::Re(pattern) if matcher.name == "__name__" => Some(pattern),
            _ => None,
        });
        let (name, labels) = match (selector.name.as_deref(), pattern) {
            (Some(name), _) => {
                (name, self.samples.get(name).cloned().ok_or_else(|| format!("found no metric `{name}`"))?)
            }
            (None, Some(pattern)) => {
                let found =
                    self.samples.iter().filter(|(name, _)| pattern.is_match(name)).map(|(_, labels)| labels.clone());
                let common = found.reduce(|all, labels| &all & &labels);
                let mut labels = common.ok_or_else(|| format!("found no metric `{pattern}`"))?;
                labels.insert("__name__".to_owned());
                (pattern.as_str(), labels)
            }
            (None, None) => return Err("a selector has no name".to_owned()),
        };
        // Names that begin with two `_` are reserved for labels that no series has.
        let all = matchers.matchers.iter().chain(matchers.or_matchers.iter().flatten());
        for matcher in all.filter(|matcher| !matcher.name.starts_with("__")) {
            has(&labels, &matcher.name).map_err(|problem| format!("`{name}`: {problem}"))?;
        }
        Ok(labels)
    }

    fn aggregated(&self, aggregate: &AggregateExpr) -> Result<Labels, String> {
        let labels = self.labels(&aggregate.expr)?;
        let given = aggregate.modifier.as_ref().map(|modifier| listed(modifier.labels()));
        given.iter().flatten().try_for_each(|label| has(&labels, label))?;
        // These operators select series and keep all labels.
        if [T_TOPK, T_BOTTOMK].contains(&aggregate.op.id()) {
            return Ok(labels);
        }
        Ok(match (&aggregate.modifier, given) {
            (Some(LabelModifier::Exclude(_)), Some(given)) => &labels - &given,
            (_, given) => given.unwrap_or_default(),
        })
    }

    fn called(&self, call: &Call) -> Result<Labels, String> {
        let arguments = &call.args.args;
        let labels: Vec<_> = arguments.iter().map(|argument| self.labels(argument)).collect::<Result<_, _>>()?;
        let texts: Vec<_> = arguments.iter().map(|argument| text(argument)).collect();
        let mut all: Labels = labels.into_iter().flatten().collect();
        match (call.func.name, texts.as_slice()) {
            ("label_replace", [_, Some(new), _, Some(source), _]) => {
                // The text of no label is empty.
                if !source.is_empty() {
                    has(&all, source)?;
                }
                all.insert((*new).to_owned());
            }
            ("label_join", [_, Some(new), _, sources @ ..]) => {
                sources.iter().flatten().try_for_each(|source| has(&all, source))?;
                all.insert((*new).to_owned());
            }
            ("histogram_quantile", _) => {
                let query = arguments[1].to_string();
                // By its name, or recorded as `level:name:operation`.
                let is_native = |name: &String| ["{", ":"].iter().any(|end| query.contains(&format!("{name}{end}")));
                if !self.native.iter().any(is_native) {
                    has(&all, "le")?;
                }
                all.remove("le");
            }
            ("absent" | "absent_over_time", _) => {
                all = arguments.iter().flat_map(|argument| labels_of_absent(argument)).collect();
            }
            ("vector" | "scalar", _) => all.clear(),
            _ => {}
        }
        Ok(all)
    }

    fn joined(&self, binary: &BinaryExpr) -> Result<Labels, String> {
        let (left, right) = (self.labels(&binary.lhs)?, self.labels(&binary.rhs)?);
        let is_vector = |side: &Expr| side.value_type() == ValueType::Vector;
        match (is_vector(&binary.lhs), is_vector(&binary.rhs)) {
            (true, true) => {}
            (_, false) => return Ok(left),
            (false, true) => return Ok(right),
        }
        if binary.op.id() == T_LOR {
            return Ok(&left & &right);
        }
        let modifier = binary.modifier.as_ref();
        let by = match modifier.and_then(|modifier| modifier.matching.as_ref()) {
            Some(LabelModifier::Include(on)) => {
                let on = listed(on);
                on.iter().try_for_each(|label| has(&left, label).and(has(&right, label)))?;
                on
            }
            ignoring => {
                let ignored = ignoring.map(|ignoring| listed(ignoring.labels())).unwrap_or_default();
                ignored.iter().try_for_each(|label| has(&(&left | &right), label))?;
                let (left, right) = (&left - &ignored, &right - &ignored);
                if left != right {
                    return Err(format!("`{}` finds no pair: one side has {left:?}, the other {right:?}", binary.op));
                }
                left
            }
        };
        let (many, one, taken) = match modifier.map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToOne(taken)) => (left, right, listed(taken)),
            Some(VectorMatchCardinality::OneToMany(taken)) => (right, left, listed(taken)),
            _ if binary.op.is_set_operator() => return Ok(left),
            _ => return Ok(by),
        };
        taken.iter().try_for_each(|label| has(&one, label))?;
        Ok(&many | &taken)
    }
}

/// The samples of a metric of this kind: name suffixes, each with the labels that only these samples have.
fn samples(kind: &str) -> &'static [(&'static str, &'static [&'static str])] {
    match kind {
        "histogram" => &[("_bucket", &["le"]), ("_sum", &[]), ("_count", &[])],
        "summary" => &[("", &["quantile"]), ("_sum", &[]), ("_count", &[])],
        _ => &[("", &[])],
    }
}

fn labels<'l>(names: impl IntoIterator<Item = &'l str>) -> Labels {
    names.into_iter().map(str::to_owned).collect()
}

fn listed(list: &LabelList) -> Labels {
    list.labels.iter().cloned().collect()
}

fn has(labels: &Labels, label: &str) -> Result<(), String> {
    if labels.contains(label) { Ok(()) } else { Err(format!("found no label `{label}` among {labels:?}")) }
}

fn text(expr: &Expr) -> Option<&str> {
    if let Expr::StringLiteral(text) = expr { Some(&text.val) } else { None }
}

/// The labels of the result of `absent`: those that the selector matches by equality.
fn labels_of_absent(expr: &Expr) -> Labels {
    let selector = match expr {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(matrix) => &matrix.vs,
        _ => return Labels::new(),
    };
    let equal = selector.matchers.matchers.iter().filter(|matcher| matches!(matcher.op, MatchOp::Equal));
    equal.map(|matcher| matcher.name.clone()).collect()
}

/// The texts in double braces.
fn braces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, inside) = rest.split_once("{{")?;
        let (inside, after) = inside.split_once("}}")?;
        rest = after;
        Some(inside.trim())
    })
}

/// The labels in an action of a template.
fn template_labels(action: &str) -> impl Iterator<Item = &str> {
    let after = ["$labels.", ".Labels."].into_iter().flat_map(|before| action.split(before).skip(1));
    after.map(|rest| &rest[..identifier(rest)])
}

/// The length of the identifier at the beginning.
fn identifier(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The first unknown variable that is a whole string of the query.
fn unknown_variable(query: &str, known: impl Fn(&str) -> bool) -> Option<&str> {
    let names = query.split("\"$").skip(1).map(|rest| &rest[..identifier(rest)]);
    // The groups of regular expressions have numbers.
    names.filter(|name| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).find(|name| !known(name))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(map: &Yaml) -> impl Iterator<Item = (&str, &str)> {
    map.as_hash().into_iter().flatten().map(|(key, value)| (string(key), string(value)))
}

fn string(value: &Yaml) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "# comment\nversion 1\nconstant region\n\ncounter calls_total\n  labels model status\n\n\
                        gauge depth\n  unit bytes\n\nhistogram wait_seconds\n  labels model\n  buckets 0.1 1\n";

    fn names() -> Names {
        Names::of_lock(LOCK)
    }

    fn labels_of(query: &str) -> Vec<String> {
        names().query(query).unwrap_or_else(|problem| panic!("{problem}")).into_iter().collect()
    }

    #[test]
    fn a_query_gives_the_labels_that_it_keeps() {
        assert_eq!(labels_of("depth"), ["instance", "job", "region"]);
        assert_eq!(labels_of("sum by (model) (rate(calls_total{status=\"error\"}[5m]))"), ["model"]);
        assert_eq!(labels_of("topk by (model) (10, sum by (model, status) (calls_total))"), ["model", "status"]);
        assert_eq!(labels_of("sum without (status, region) (calls_total)"), ["instance", "job", "model"]);
        assert_eq!(labels_of("histogram_quantile(0.9, sum by (model, le) (rate(wait_seconds_bucket[5m])))"), ["model"]);
        assert_eq!(labels_of("absent(up{job=\"a\"})"), ["job"]);
        assert_eq!(labels_of("time() - max by (job) (depth)"), ["job"]);
        assert_eq!(
            labels_of("label_replace(sum by (status) (calls_total), \"class\", \"$1\", \"status\", \"(.).*\")").len(),
            2
        );
        let ratio =
            "sum by (model, status) (calls_total) / ignoring (status) group_left () sum by (model) (calls_total)";
        assert_eq!(labels_of(ratio), ["model", "status"]);
        assert_eq!(labels_of("depth * on (job) group_left (model) sum by (job, model) (calls_total)").len(), 4);
        assert_eq!(labels_of("calls_total unless on (job) depth").len(), 5);
        let named =
            "label_replace({__name__=~\"calls_(total|sum)\"}, \"function\", \"$1\", \"__name__\", \"(.+)_total\")";
        assert_eq!(labels_of(&format!("sum by (function) (rate({named}[5m:30s]))")), ["function"]);
    }

    #[test]
    fn an_unknown_name_is_a_problem_at_every_position() {
        for wrong in [
            "call_total",
            "wait_seconds",
            "wait_seconds_buckets",
            "calls_total{stauts=\"error\"}",
            "sum by (modle) (calls_total)",
            "sum by (model) (sum by (status) (calls_total))",
            "topk by (modle) (10, calls_total)",
            "sum without (modle) (calls_total)",
            "calls_total / on (modle) calls_total",
            "sum by (model) (calls_total) / sum by (status) (calls_total)",
            "calls_total and depth",
            "sum by (model) (calls_total) / ignoring (stauts) sum by (model) (calls_total)",
            "depth * on (job) group_left (modle) sum by (job, model) (calls_total)",
            "label_replace(depth, \"a\", \"$1\", \"modle\", \"(.*)\")",
            "histogram_quantile(0.9, sum by (model) (rate(wait_seconds_bucket[5m])))",
            "max_over_time(call_total[5m:1m])",
            "rate(calls_total[5m]",
            "{__name__=~\"call_.*\"}",
        ] {
            assert!(names().query(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rules_and_their_templates_are_checked() {
        let rules = |from: &str, to: &str| {
            let good = "groups:\n- rules:\n  - record: job:calls:rate\n    expr: sum by (job) (rate(calls_total[5m]))\n    \
                        labels: {slo: x}\n  - alert: Slow\n    expr: job:calls:rate{slo=\"x\"} > 1\n    \
                        annotations: {summary: 'at {{ $labels.job }}, {{ \"{{\" }} $labels.other }}'}\n";
            assert!(good.contains(from));
            let text = good.replace(from, to);
            let nested = format!("spec:\n  {}", text.replace('\n', "\n  "));
            let problems = names().rules(&text);
            assert_eq!(names().rules(&nested), problems);
            problems
        };
        assert_eq!(rules("", ""), [""; 0]);
        assert_eq!(rules("$labels.job", "$labels.instance"), ["alert `Slow`: its query gives no label `instance`"]);
        assert_eq!(rules("{slo=", "{sol=").len(), 1);
        assert_eq!(rules("job:calls:rate{", "job:call:rate{").len(), 1);
        assert_eq!(rules("rate(calls_total", "rate(call_total").len(), 2);
    }

    #[test]
    fn every_part_of_a_dashboard_is_checked() {
        let dashboard = |from: &str, to: &str| {
            let good = r#"{
                "annotations": {"list": [{"name": "a", "expr": "changes(depth[$__rate_interval]) > 0"}]},
                "templating": {"list": [
                    {"name": "job", "type": "query", "query": "label_values(depth{region=\"x\"}, job)"}
                ]},
                "panels": [{"title": "row", "type": "row", "gridPos": {"y": 0, "h": 1}, "panels": [
                    {"title": "p", "gridPos": {"y": 1, "h": 8}, "targets": [
                        {"expr": "sum by (model) (calls_total{job=~\"$job\"})", "legendFormat": "of {{model}}"}
                    ]}
                ]}]
            }"#;
            assert!(good.contains(from));
            names().dashboard(&good.replace(from, to))
        };
        assert_eq!(dashboard("", ""), [""; 0]);
        for (from, to) in [
            ("changes(depth", "changes(dept"),
            ("(depth{", "(dept{"),
            ("{region", "{regoin"),
            (", job)", ", jbo)"),
            ("label_values", "label_value"),
            ("calls_total", "call_total"),
            ("{{model}}", "{{modle}}"),
            ("{{model}}", "{{status}}"),
            ("\\\"$job", "\\\"$jbo"),
        ] {
            assert_eq!(dashboard(from, to).len(), 1, "{from}");
        }
    }
}
