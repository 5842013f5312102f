//! What `promtool check metrics` would say of the page, said of the catalog; and how many series a metric can have.
//!
//! The rules are those of Prometheus' naming conventions (<https://prometheus.io/docs/practices/naming/>) as promlint
//! checks them, where the types of this crate leave anything to check.

use std::fmt::{self, Write as _};

use super::model::{Kind, Metric, Model};
use crate::family::DEFAULT_SERIES_LIMIT;

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) metric: String,
    pub(crate) problem: String,
    pub(crate) place: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.metric, self.problem)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " (at {place})"))
    }
}

/// Units that have a base unit, with it.
const OTHER_UNITS: &[(&str, &str)] = &[
    ("nanoseconds", "seconds"),
    ("microseconds", "seconds"),
    ("milliseconds", "seconds"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("kilobytes", "bytes"),
    ("megabytes", "bytes"),
    ("gigabytes", "bytes"),
    ("kibibytes", "bytes"),
    ("mebibytes", "bytes"),
    ("gibibytes", "bytes"),
    ("bits", "bytes"),
    ("percent", "ratio"),
    ("fahrenheit", "celsius"),
    ("kelvin", "celsius"),
    ("kilograms", "grams"),
    ("kilometers", "meters"),
];

/// Abbreviations of units, with the word.
const SHORT_UNITS: &[(&str, &str)] = &[
    ("s", "seconds"),
    ("sec", "seconds"),
    ("secs", "seconds"),
    ("ms", "seconds"),
    ("us", "seconds"),
    ("ns", "seconds"),
    ("b", "bytes"),
    ("kb", "bytes"),
    ("mb", "bytes"),
    ("gb", "bytes"),
    ("pct", "ratio"),
];

/// Everything that is not as Prometheus wants it, by metric.
pub(crate) fn findings(model: &Model) -> Vec<Finding> {
    let mut found = Vec::new();
    for metric in &model.metrics {
        for problem in problems(metric) {
            let place = metric.places.first().cloned();
            found.push(Finding { metric: metric.name.clone(), problem, place });
        }
    }
    found
}

fn problems(metric: &Metric) -> Vec<String> {
    let mut problems = Vec::new();
    let mut add = |problem: String| problems.push(problem);
    let stem = metric.base.trim_end_matches("_total");
    let words: Vec<_> = stem.split('_').collect();
    if metric.help.trim().is_empty() {
        add("no help text".to_owned());
    }
    if metric.kind == Kind::Counter && !metric.name.ends_with("_total") {
        add("a counter's name ends in `_total`".to_owned());
    }
    if metric.kind != Kind::Counter && metric.kind != Kind::Unknown && metric.name.ends_with("_total") {
        add("only a counter's name ends in `_total`".to_owned());
    }
    if metric.name.chars().any(|c| c.is_ascii_uppercase()) {
        add("names are snake_case".to_owned());
    }
    if metric.name.contains(':') {
        add("colons are for recording rules".to_owned());
    }
    let kinds = ["counter", "gauge", "histogram", "summary"];
    if let Some(kind) = words.iter().skip(1).chain([&words[0]]).find(|word| kinds.contains(word)) {
        add(format!("the kind `{kind}` is no part of the name"));
    }
    if let Some((unit, base)) = OTHER_UNITS.iter().find(|(unit, _)| words.contains(unit)) {
        add(format!("the unit {unit} is no base unit: use {base}"));
    }
    let last = words.last().copied().unwrap_or_default();
    if let Some((unit, base)) = SHORT_UNITS.iter().find(|(unit, _)| words.len() > 1 && *unit == last) {
        add(format!("the unit `{unit}` is an abbreviation: use {base}"));
    }
    if matches!(metric.kind, Kind::Counter | Kind::Gauge)
        && let Some(suffix) = ["_bucket", "_count", "_sum"].iter().find(|suffix| metric.name.ends_with(**suffix))
    {
        add(format!("`{suffix}` is for histograms"));
    }
    for label in &metric.labels {
        if label.name.chars().any(|c| c.is_ascii_uppercase()) {
            add(format!("label `{}` is not snake_case", label.name));
        }
        if ["le", "quantile"].contains(&label.name.as_str()) {
            add(format!("label `{}` is for histograms and summaries", label.name));
        }
        if ["job", "instance"].contains(&label.name.as_str()) {
            add(format!("label `{}` is Prometheus' own: it would come as `exported_{0}`", label.name));
        }
    }
    problems
}

/// How many series of a metric one instance can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorstCase {
    /// As many as its labels have combinations of known values.
    Exactly(usize),
    /// Values come at run time, up to the limit of the family and one series for the rest.
    Limited(usize),
    /// A foreign collector's own business.
    Unknown,
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(series) => write!(f, "{series}"),
            Self::Limited(series) => write!(f, "up to {series}"),
            Self::Unknown => f.write_str("not known"),
        }
    }
}

/// The worst case of one metric. A histogram has a series for each bucket, `+Inf`, its sum and its count.
pub(crate) fn worst_case(metric: &Metric) -> WorstCase {
    let each = if metric.kind == Kind::Histogram { metric.buckets.len() + 3 } else { 1 };
    if metric.labels.is_empty() {
        return WorstCase::Exactly(each);
    }
    if !metric.family {
        return WorstCase::Unknown;
    }
    let known = metric.labels.iter().map(|label| label.values.as_ref().map(Vec::len));
    let known = known.reduce(|a, b| a?.checked_mul(b?)).flatten();
    match known {
        Some(tuples) => WorstCase::Exactly(tuples.saturating_mul(each)),
        None => WorstCase::Limited((DEFAULT_SERIES_LIMIT + 1).saturating_mul(each)),
    }
}

/// The series of every metric, the most first.
pub(crate) fn series(model: &Model) -> String {
    let mut rows: Vec<_> = model.metrics.iter().map(|metric| (worst_case(metric), metric.name.as_str())).collect();
    let weight = |case: WorstCase| match case {
        WorstCase::Exactly(series) | WorstCase::Limited(series) => series,
        WorstCase::Unknown => 0,
    };
    rows.sort_by_key(|(case, name)| (std::cmp::Reverse(weight(*case)), *name));
    rows.iter().fold(String::new(), |mut out, (case, name)| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}: {case} series");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::Descriptor;
    use crate::{Metrics, Registry};

    fn model(register: impl FnOnce(&Registry)) -> Model {
        let registry = Registry::new();
        register(&registry);
        Model::new(&Metrics::builder().registry(&registry).build().unwrap())
    }

    fn lint(descriptor: Descriptor) -> Vec<String> {
        let name = descriptor.name.to_string();
        let model = model(|registry| {
            let registered = match descriptor.kind {
                crate::Kind::Counter => registry.counter(descriptor).map(drop),
                crate::Kind::Histogram => registry.histogram(descriptor).map(drop),
                _ => registry.gauge(descriptor).map(drop),
            };
            registered.unwrap();
        });
        findings(&model).into_iter().filter(|found| found.metric == name).map(|found| found.problem).collect()
    }

    #[test]
    fn what_promlint_finds_is_found() {
        assert_eq!(lint(Descriptor::gauge("depth", "")), ["no help text"]);
        assert_eq!(lint(Descriptor::gauge("queueDepth", "D.")), ["names are snake_case"]);
        assert_eq!(lint(Descriptor::gauge("queue_gauge", "D.")), ["the kind `gauge` is no part of the name"]);
        assert_eq!(
            lint(Descriptor::gauge("wait_milliseconds", "D.")),
            ["the unit milliseconds is no base unit: use seconds"]
        );
        assert_eq!(lint(Descriptor::gauge("wait_ms", "D.")), ["the unit `ms` is an abbreviation: use seconds"]);
        assert_eq!(lint(Descriptor::gauge("shop:depth", "D.")), ["colons are for recording rules"]);
        assert_eq!(
            lint(Descriptor::gauge("depth", "D.").labels(["queueName"])),
            ["label `queueName` is not snake_case"]
        );
        assert_eq!(lint(Descriptor::gauge("depth", "D.")), [""; 0]);
    }

    #[test]
    fn foreign_collectors_are_linted_too() {
        let model = model(|registry| {
            let theirs = prometheus::IntCounter::new("theirs", "Theirs.").unwrap();
            registry.register(Box::new(theirs)).unwrap();
        });
        let found: Vec<_> = findings(&model).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["theirs: a counter's name ends in `_total`"]);
    }

    #[test]
    fn the_worst_case_counts_buckets_and_known_values() {
        let model = model(|registry| {
            registry.histogram(Descriptor::histogram("wait_seconds", "W.", &[1.0, 2.0][..])).unwrap();
            registry.gauge(Descriptor::gauge("depth", "D.").labels(["queue"])).unwrap();
        });
        let case = |base: &str| worst_case(model.find(base).unwrap());
        assert_eq!(case("wait_seconds"), WorstCase::Exactly(5));
        assert_eq!(case("depth"), WorstCase::Limited(2001));
        assert!(series(&model).contains("depth: up to 2001 series\n"));
    }
}
