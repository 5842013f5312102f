//! The contract: everything about metrics that dashboards and rules depend on.
//!
//! It is a readable text file, which `check` compares with the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use metrics_runtime::description::{LabelDescription, MetricKind, Origin};

use crate::document::number;
use crate::metric::Metric;
use crate::model::Model;

const VERSION: &str = "version 1";

const KINDS: [MetricKind; 6] = [
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::Info,
    MetricKind::Summary,
    MetricKind::Unknown,
];

/// The names, kinds, units, labels, label values and buckets of all metrics.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Contract {
    /// The names of the constant labels.
    constant: BTreeSet<String>,
    pub(crate) metrics: BTreeMap<String, Entry>,
}

/// The contract of one metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) kind: MetricKind,
    /// The earlier names, under which rules record it.
    pub(crate) replaces: BTreeSet<String>,
    unit: Option<String>,
    pub(crate) labels: BTreeSet<String>,
    /// The values of labels of which the program knows all.
    pub(crate) values: BTreeMap<String, BTreeSet<String>>,
    pub(crate) buckets: Vec<f64>,
    /// `true` for a histogram with native buckets.
    pub(crate) native: bool,
}

/// The error of a lock file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(crate) struct ContractError {
    line: usize,
    problem: String,
}

/// The difference between a lock file and a program.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Difference {
    /// The changes that break dashboards and rules: the metric and the change.
    pub(crate) breaks: Vec<(String, String)>,
    /// The new metrics and label values.
    pub(crate) additions: Vec<String>,
}

impl Contract {
    /// Creates the contract of a program.
    pub(crate) fn of(model: &Model) -> Self {
        let metrics = model.metrics.iter().map(|metric| {
            let entry = Entry {
                kind: metric.kind,
                replaces: metric.replaces.iter().cloned().collect(),
                unit: metric.unit.clone(),
                labels: metric.labels.iter().map(|label| label.name.clone()).collect(),
                values: values(metric),
                buckets: metric.buckets.clone(),
                native: metric.native,
            };
            (metric.name.clone(), entry)
        });
        Self { constant: model.constant.iter().cloned().collect(), metrics: metrics.collect() }
    }

    /// Parses a lock file.
    pub(crate) fn parse(text: &str) -> Result<Self, ContractError> {
        // Some editors begin a file with a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        let mut contract = Self::default();
        let mut current: Option<&mut Entry> = None;
        let mut versioned = false;
        for (i, line) in text.lines().enumerate() {
            let error = |problem: String| ContractError { line: i + 1, problem };
            let mut words = line.split_whitespace();
            let Some(word) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            if !versioned {
                if line.trim() != VERSION {
                    return Err(error(format!("found `{}`, expected `{VERSION}`", line.trim())));
                }
                versioned = true;
                continue;
            }
            if let ("values", true, Some(entry)) = (word, line.starts_with(' '), current.as_deref_mut()) {
                let mut words =
                    split(line).map_err(|word| error(format!("`{word}` does not end with a quote")))?.into_iter();
                let label = words.nth(1).ok_or_else(|| error("expected a label and its values".to_owned()))?;
                if !entry.labels.contains(&label) {
                    return Err(error(format!("`{label}` is not one of the labels above")));
                }
                if entry.values.insert(label.clone(), words.collect()).is_some() {
                    return Err(error(format!("the values of `{label}` are listed twice")));
                }
                continue;
            }
            let words: Vec<_> = words.map(str::to_owned).collect();
            match (word, line.starts_with(' '), current.as_deref_mut()) {
                ("constant", false, _) => contract.constant.extend(words),
                (kind, false, _) => {
                    let known = KINDS.into_iter().find(|known| known.as_str() == kind);
                    let kind = known.ok_or_else(|| error(format!("`{kind}` is not a metric kind")))?;
                    let [name] = words.as_slice() else {
                        return Err(error("expected a kind and one name".to_owned()));
                    };
                    if contract.metrics.contains_key(name) {
                        return Err(error(format!("`{name}` is listed twice")));
                    }
                    let (labels, values) = (BTreeSet::new(), BTreeMap::new());
                    let (replaces, buckets) = (BTreeSet::new(), Vec::new());
                    let entry = Entry { kind, replaces, unit: None, labels, values, buckets, native: false };
                    current = Some(contract.metrics.entry(name.clone()).or_insert(entry));
                }
                ("replaces", true, Some(entry)) => entry.replaces.extend(words),
                ("unit", true, Some(entry)) => entry.unit = words.into_iter().next(),
                ("labels", true, Some(entry)) => entry.labels.extend(words),
                ("buckets", true, Some(entry)) => {
                    for word in words {
                        let bound = word.parse().map_err(|_| error(format!("`{word}` is not a bucket bound")))?;
                        entry.buckets.push(bound);
                    }
                }
                ("native", true, Some(entry)) => entry.native = true,
                (word, true, _) => {
                    let expected = "`replaces`, `unit`, `labels`, `values`, `buckets` or `native` of a metric";
                    return Err(error(format!("found `{word}`, expected {expected}")));
                }
            }
        }
        if !versioned {
            let line = text.lines().count().max(1);
            return Err(ContractError { line, problem: format!("expected `{VERSION}`") });
        }
        Ok(contract)
    }

    /// Returns `true` if a metric has the name, or had it before.
    fn has(&self, name: &str) -> bool {
        self.metrics.contains_key(name) || self.metrics.values().any(|entry| entry.replaces.contains(name))
    }

    /// Compares this contract with the one of the program, `now`.
    pub(crate) fn difference(&self, now: &Self) -> Difference {
        let mut difference = Difference::default();
        let mut additions = Vec::new();
        let new: Vec<_> = now.metrics.iter().filter(|(name, _)| !self.metrics.contains_key(*name)).collect();
        for (name, old) in &self.metrics {
            let mut breaks = |change: String| difference.breaks.push((name.clone(), change));
            // Rules record a renamed metric under its earlier names.
            let renamed = now.metrics.iter().find(|(_, entry)| entry.replaces.contains(name));
            let Some(entry) = now.metrics.get(name).or(renamed.map(|(_, entry)| entry)) else {
                // The new name is a guess: that of the only new metric with the same contract.
                let same: Vec<_> = new.iter().filter(|(_, entry)| *entry == old).collect();
                breaks(match same.as_slice() {
                    [(name, _)] => format!("removed; was it renamed to `{name}`? `replaces` keeps the name"),
                    _ => "removed".to_owned(),
                });
                continue;
            };
            // A collector may not tell the kind before it has a series.
            let is_known = entry.kind != MetricKind::Unknown && old.kind != MetricKind::Unknown;
            if is_known && entry.kind != old.kind {
                breaks(format!("is a {} and was a {}", entry.kind.as_str(), old.kind.as_str()));
            }
            // An earlier name may lack the unit that the new one ends in.
            let has_new_unit = renamed.is_some() && old.unit.is_none();
            if entry.unit != old.unit && !has_new_unit {
                let word = |unit: &Option<String>| unit.as_deref().unwrap_or("none").to_owned();
                breaks(format!("its unit is {} and was {}", word(&entry.unit), word(&old.unit)));
            }
            for label in old.labels.difference(&entry.labels) {
                breaks(format!("label `{label}` removed"));
            }
            for label in entry.labels.difference(&old.labels) {
                breaks(format!("label `{label}` added: queries that do not sum return more series"));
            }
            for (label, values) in &old.values {
                let Some(now) = entry.values.get(label) else { continue };
                let (gone, new): (Vec<_>, Vec<_>) =
                    (values.difference(now).collect(), now.difference(values).collect());
                for value in &gone {
                    breaks(match (gone.as_slice(), new.as_slice()) {
                        ([_], [new]) => format!("label `{label}` has no value `{value}` any more; is it `{new}` now?"),
                        _ => format!("label `{label}` has no value `{value}` any more"),
                    });
                }
                additions.extend(new.iter().map(|value| format!("value `{value}` of the label `{label}` of {name}")));
            }
            // Nor does it tell the buckets.
            let differ = entry.buckets != old.buckets && is_known;
            let is_histogram = entry.kind == MetricKind::Histogram && old.kind == MetricKind::Histogram;
            let is_untold = |entry: &Entry| entry.buckets.is_empty() && !entry.native;
            if differ && !(is_histogram && (is_untold(entry) || is_untold(old))) {
                breaks(format!("its buckets are {} and were {}", bounds(&entry.buckets), bounds(&old.buckets)));
            }
            match (old.native, entry.native) {
                (true, false) => breaks("it has no native buckets any more".to_owned()),
                (false, true) => breaks(
                    "it has native buckets: a Prometheus that stores them drops `_bucket`, `_sum` and `_count`"
                        .to_owned(),
                ),
                _ => {}
            }
        }
        let earlier =
            self.metrics.iter().flat_map(|(name, old)| old.replaces.iter().map(move |earlier| (earlier, name)));
        for (earlier, name) in earlier.filter(|(earlier, _)| !now.has(earlier)) {
            let change = format!("removed: `{name}` no longer replaces it, so no rule records it");
            difference.breaks.push((earlier.clone(), change));
        }
        for label in self.constant.symmetric_difference(&now.constant) {
            let change = if now.constant.contains(label) { "added" } else { "removed" };
            difference.breaks.push(("every metric".to_owned(), format!("constant label `{label}` {change}")));
        }
        let metrics = new.into_iter().map(|(name, new)| {
            let earlier =
                if new.replaces.is_empty() { String::new() } else { format!(", before {}", join(&new.replaces)) };
            format!("{} {name}{earlier}", new.kind.as_str())
        });
        difference.additions = metrics.chain(additions).collect();
        difference
    }
}

/// Returns the values of labels of which the program knows all.
///
/// The toolkit's label `metric` is left out: its values are the metrics themselves.
fn values(metric: &Metric) -> BTreeMap<String, BTreeSet<String>> {
    let is_listed = |label: &&LabelDescription| metric.origin != Origin::Toolkit || label.name != "metric";
    let labels = metric.labels.iter().filter(is_listed);
    let known = labels.filter_map(|label| Some((label.name.clone(), label.values.as_ref()?.iter().cloned().collect())));
    known.collect()
}

/// Returns a value as one word: in quotes, with the escapes of JSON, if it is not one by itself.
fn quoted(value: &str) -> String {
    let is_word = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
    // A string is always valid JSON.
    if is_word { value.to_owned() } else { serde_json::to_string(value).unwrap_or_default() }
}

/// Splits a line into words, some of which are quoted.
///
/// # Errors
/// Returns the rest of the line if it is a quoted word without an end.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = if rest.starts_with('"') {
            let mut strings = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            words.push(strings.next().and_then(Result::ok).ok_or(rest)?);
            strings.byte_offset()
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            end
        };
        rest = rest[end..].trim_start();
    }
    Ok(words)
}

fn bounds(buckets: &[f64]) -> String {
    if buckets.is_empty() {
        return "none".to_owned();
    }
    buckets.iter().copied().map(number).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# The metrics that dashboards and rules use. Written by the command `metrics lock`, compared by\n",
        )?;
        f.write_str(
            "# `metrics check`: removing or changing an entry breaks them. Those of the toolkit, with the values of\n",
        )?;
        writeln!(f, "# their labels, are here because an upgrade that changes them breaks dashboards too.\n{VERSION}")?;
        if !self.constant.is_empty() {
            writeln!(f, "constant {}", join(&self.constant))?;
        }
        for (name, entry) in &self.metrics {
            writeln!(f, "\n{} {name}", entry.kind.as_str())?;
            if !entry.replaces.is_empty() {
                writeln!(f, "  replaces {}", join(&entry.replaces))?;
            }
            if let Some(unit) = &entry.unit {
                writeln!(f, "  unit {unit}")?;
            }
            if !entry.labels.is_empty() {
                writeln!(f, "  labels {}", join(&entry.labels))?;
            }
            for (label, values) in &entry.values {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                writeln!(f, "  values {label} {}", values.join(" "))?;
            }
            if !entry.buckets.is_empty() {
                writeln!(f, "  buckets {}", bounds(&entry.buckets))?;
            }
            if entry.native {
                writeln!(f, "  native")?;
            }
        }
        Ok(())
    }
}

fn join(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

impl Difference {
    /// Returns the new metrics, one line each.
    pub(crate) fn added(&self) -> String {
        let mut text = String::new();
        for addition in &self.additions {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "new: {addition}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "# comment\nversion 1\nconstant region\n\ncounter jobs_total\n  labels kind state\n  values state done \"in work\" new\n\n\
                        histogram wait_seconds\n  unit seconds\n  buckets 0.1 0.5 1\n";

    fn parse(text: &str) -> Contract {
        Contract::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn breaks(from: &str, to: &str) -> Vec<String> {
        let difference = parse(LOCK).difference(&parse(&LOCK.replace(from, to)));
        difference.breaks.into_iter().map(|(metric, change)| format!("{metric}: {change}")).collect()
    }

    #[test]
    fn a_contract_reads_back_as_it_was_written() {
        let contract = parse(LOCK);
        assert_eq!(parse(&contract.to_string()), contract);
        assert_eq!(contract.difference(&contract), Difference::default());
    }

    #[test]
    fn every_part_of_the_contract_is_compared() {
        assert_eq!(
            breaks("counter jobs_total", "counter tasks_total"),
            ["jobs_total: removed; was it renamed to `tasks_total`? `replaces` keeps the name"]
        );
        assert_eq!(breaks("counter jobs_total", "gauge jobs_total"), ["jobs_total: is a gauge and was a counter"]);
        let state = " state\n  values state done \"in work\" new\n";
        assert_eq!(breaks(state, "\n"), ["jobs_total: label `state` removed"]);
        assert_eq!(
            breaks("kind state", "kind state zone"),
            ["jobs_total: label `zone` added: queries that do not sum return more series"]
        );
        assert_eq!(breaks("0.1 0.5 1", "0.1 1"), ["wait_seconds: its buckets are 0.1 1 and were 0.1 0.5 1"]);
        assert_eq!(breaks("  unit seconds\n", ""), ["wait_seconds: its unit is none and was seconds"]);
        assert_eq!(
            breaks("constant region", "constant zone"),
            ["every metric: constant label `region` removed", "every metric: constant label `zone` added"]
        );
        assert_eq!(
            breaks("done \"in work\"", "finished \"in work\""),
            ["jobs_total: label `state` has no value `done` any more; is it `finished` now?"]
        );
        assert_eq!(
            breaks("done \"in work\" ", ""),
            [
                "jobs_total: label `state` has no value `done` any more",
                "jobs_total: label `state` has no value `in work` any more"
            ]
        );
        let added = parse(LOCK).difference(&parse(&LOCK.replace("done", "done \"\" lost")));
        let new =
            "new: value `` of the label `state` of jobs_total\nnew: value `lost` of the label `state` of jobs_total\n";
        assert_eq!((added.breaks.len(), added.added().as_str()), (0, new));
        // Lock files may be older than the values, and values may become any text.
        assert_eq!(breaks("  values state done \"in work\" new\n", ""), [""; 0]);
        let added = parse(LOCK).difference(&parse(&format!("{LOCK}gauge depth\n")));
        assert_eq!((added.breaks.len(), added.added().as_str()), (0, "new: gauge depth\n"));
    }

    #[test]
    fn a_histogram_that_becomes_native_breaks_queries_of_classic_buckets_and_the_other_way_round() {
        let with = |buckets: &str| parse(&LOCK.replace("  buckets 0.1 0.5 1\n", buckets));
        let [classic, beside, only] =
            ["  buckets 0.1 0.5 1\n", "  buckets 0.1 0.5 1\n  native\n", "  native\n"].map(with);
        let breaks = |from: &Contract, to: &Contract| {
            from.difference(to).breaks.into_iter().map(|(_, change)| change).collect::<Vec<_>>()
        };
        let added = "it has native buckets: a Prometheus that stores them drops `_bucket`, `_sum` and `_count`";
        let removed = "it has no native buckets any more";
        assert_eq!(breaks(&classic, &beside), [added]);
        assert_eq!(breaks(&beside, &classic), [removed]);
        assert_eq!(breaks(&beside, &only), ["its buckets are none and were 0.1 0.5 1"]);
        assert_eq!(breaks(&only, &beside), ["its buckets are 0.1 0.5 1 and were none"]);
        assert_eq!(breaks(&classic, &only), ["its buckets are none and were 0.1 0.5 1", added]);
        assert_eq!(parse(&only.to_string()), only);
    }

    #[test]
    fn a_rename_that_is_declared_breaks_nothing() {
        let renamed = LOCK
            .replace("counter jobs_total\n", "counter tasks_total\n  replaces jobs_total\n")
            .replace("histogram wait_seconds\n", "histogram queue_seconds\n  replaces delay_seconds wait_seconds\n");
        let difference = parse(LOCK).difference(&parse(&renamed));
        assert_eq!(difference.breaks, []);
        let new = "new: histogram queue_seconds, before delay_seconds wait_seconds\nnew: counter tasks_total, before jobs_total\n";
        assert_eq!(difference.added(), new);
        assert_eq!(parse(&parse(&renamed).to_string()), parse(&renamed));
        // A second rename keeps the first name, or breaks it.
        let again = renamed.replace("tasks_total\n  replaces", "work_total\n  replaces tasks_total");
        assert_eq!(parse(&renamed).difference(&parse(&again)).breaks, []);
        let lost = again.replace("tasks_total jobs_total", "tasks_total");
        let text = "removed: `tasks_total` no longer replaces it, so no rule records it";
        let lost = parse(&renamed).difference(&parse(&lost)).breaks;
        assert_eq!(lost, [("jobs_total".to_owned(), text.to_owned())]);
        // It changes nothing else.
        let other = renamed.replace("labels kind state", "labels kind state zone");
        assert_eq!(parse(LOCK).difference(&parse(&other)).breaks.len(), 1);
        let unit = renamed.replace("unit seconds", "unit minutes");
        assert_eq!(parse(LOCK).difference(&parse(&unit)).breaks.len(), 1);
    }

    #[test]
    fn what_a_collector_does_not_tell_yet_is_not_judged() {
        assert_eq!(breaks("histogram wait", "unknown wait"), [""; 0]);
        assert_eq!(breaks("counter jobs", "unknown jobs"), [""; 0]);
        assert_eq!(breaks("  buckets 0.1 0.5 1\n", ""), [""; 0]);
        assert_eq!(breaks("labels kind state\n  values state done \"in work\" new", "").len(), 2, "labels are known");
    }

    #[test]
    fn a_file_may_begin_with_a_byte_order_mark_and_have_any_line_ends() {
        let windows = format!("\u{feff}{}", LOCK.replace('\n', "\r\n"));
        assert_eq!(parse(&windows), parse(LOCK));
    }

    #[test]
    fn any_value_is_one_word() {
        for value in ["", " ", "a b", "\"", "a\"b", "ä", "#", "\u{a0}", "\n", "{*path}", "\\"] {
            let line = format!("  values a x {} y", quoted(value));
            assert_eq!(split(&line).unwrap(), ["values", "a", "x", value, "y"], "{line}");
        }
    }

    #[test]
    fn an_invalid_file_is_reported_with_the_line() {
        for (text, problem) in [
            ("", "line 1: expected `version 1`"),
            ("version 0\n", "line 1: found `version 0`, expected `version 1`"),
            ("version 1\ncouter a_total\n", "line 2: `couter` is not a metric kind"),
            ("version 1\ncounter\n", "line 2: expected a kind and one name"),
            ("version 1\ncounter a_total\ncounter a_total\n", "line 3: `a_total` is listed twice"),
            (
                "version 1\n  unit seconds\n",
                "line 2: found `unit`, expected `replaces`, `unit`, `labels`, `values`, `buckets` or `native` of a metric",
            ),
            ("version 1\ngauge a\n  values b \"c", "line 3: `\"c` does not end with a quote"),
            ("version 1\ngauge a\n  labels b\n  values c d\n", "line 4: `c` is not one of the labels above"),
            (
                "version 1\ngauge a\n  labels b\n  values b c\n  values b d\n",
                "line 5: the values of `b` are listed twice",
            ),
            ("version 1\ngauge a\n  values", "line 3: expected a label and its values"),
            ("version 1\nhistogram a\n  buckets 1 two\n", "line 3: `two` is not a bucket bound"),
        ] {
            assert_eq!(Contract::parse(text).map_err(|error| error.to_string()), Err(problem.to_owned()));
        }
    }
}
