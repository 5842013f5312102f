//! The contract: what dashboards and rules of others rely on, as a file that people read and `check` compares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::model::{Kind, Model};
use super::node::number;

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
                    return Err(broken(format!("`{}` where the file says `{VERSION}`", line.trim())));
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
    /// Every place that names the metric: the panel of a dashboard, the rule of a file of rules, or the line.
    pub(crate) fn uses(&self, metric: &str) -> Vec<String> {
        let mut heading = String::new();
        let mut uses = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            let line = line.trim().trim_start_matches("- ");
            for key in ["alert:", "record:"] {
                if let Some(name) = line.strip_prefix(key) {
                    heading = format!("{} `{}`", key.trim_end_matches(':'), name.trim().trim_matches(['\'', '"']));
                }
            }
            if names(line, metric) {
                let place = if heading.is_empty() { format!("line {}", i + 1) } else { heading.clone() };
                uses.push(format!("{}: {place}", self.file));
            }
        }
        if let Ok(dashboard) = serde_json::from_str::<serde_json::Value>(&self.text) {
            uses.clear();
            panels(&dashboard, metric, &mut |title| uses.push(format!("{}: panel `{title}`", self.file)));
        }
        uses.dedup();
        uses
    }
}

/// Calls `each` with the title of every panel whose queries name the metric.
fn panels(value: &serde_json::Value, metric: &str, each: &mut dyn FnMut(&str)) {
    let nested = value.get("panels").and_then(serde_json::Value::as_array);
    for panel in nested.into_iter().flatten() {
        let queries = panel.get("targets").and_then(serde_json::Value::as_array).into_iter().flatten();
        let mut queries = queries.filter_map(|target| target.get("expr").and_then(serde_json::Value::as_str));
        if queries.any(|query| names(query, metric)) {
            each(panel.get("title").and_then(serde_json::Value::as_str).unwrap_or("untitled"));
        }
        panels(panel, metric, each);
    }
}

/// Whether the text has the name as a whole word, or as that of a histogram's samples.
fn names(text: &str, metric: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.match_indices(metric).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let rest = &text[at + metric.len()..];
        let ends = |rest: &str| !rest.starts_with(is_part);
        !before.is_some_and(is_part)
            && (ends(rest) || ["_bucket", "_sum", "_count"].iter().any(|end| rest.strip_prefix(end).is_some_and(ends)))
    })
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
            ("version 2\n", "line 1: `version 2` where the file says `version 1`"),
            ("version 1\ncouter a_total\n", "line 2: `couter` is no kind of metric"),
            ("version 1\ncounter\n", "line 2: a kind and one name are expected"),
            ("version 1\ncounter a_total\ncounter a_total\n", "line 3: `a_total` is there twice"),
            ("version 1\n  unit seconds\n", "line 2: `unit` says nothing of a metric; `unit`, `labels`, `buckets` do"),
            ("version 1\nhistogram a\n  buckets 1 two\n", "line 3: `two` is no bucket"),
        ] {
            assert_eq!(Contract::read(text).map_err(|error| error.to_string()), Err(problem.to_owned()));
        }
    }

    #[test]
    fn what_breaks_is_found_in_dashboards_and_rules() {
        let reader = |file: &str, text: &str| Reader { file: file.to_owned(), text: text.to_owned() };
        let dashboard = r#"{"panels": [{"title": "Jobs", "targets": [{"expr": "rate(wait_seconds_bucket[5m])"}]},
            {"title": "Others", "targets": [{"expr": "my_wait_seconds + wait_seconds_max"}]}]}"#;
        assert_eq!(reader("d.json", dashboard).uses("wait_seconds"), ["d.json: panel `Jobs`"]);
        let rules = "groups:\n- rules:\n  - alert: Slow\n    expr: wait_seconds_sum > 1\n";
        assert_eq!(reader("r.yaml", rules).uses("wait_seconds"), ["r.yaml: alert `Slow`"]);
        assert_eq!(reader("notes.md", "see wait_seconds\n").uses("wait_seconds"), ["notes.md: line 1"]);
    }
}
