//! A linter for metric and label names, with the rules of `promtool check metrics`.
//!
//! The rules are Prometheus' naming conventions (<https://prometheus.io/docs/practices/naming/>) as promlint checks
//! them (`prometheus/testutil/promlint` in `prometheus/client_golang`, the same from 1.20 to 1.24.1). A `promtool` has
//! the rules of the `client_golang` that it was built with. Prometheus 2.42 has 1.14, which differs in three rules:
//!
//! - It rejects the name of any type in any metric name (`g_counter`, `c_gauge_total`, `h_summary`). Since 1.20 only
//!   the metric's own type is rejected, and a metric without a type may contain all of them.
//! - Of several units in one name it checks an arbitrary one. Since 1.16 it checks the first.
//! - It does not detect duplicate series, which the page of a registry never has.
//!
//! Two rules are not in promlint: labels must not have the names of target labels, and `mebi` is a prefix (promlint has
//! `mibi`).

use std::fmt;

use metrics_runtime::description::MetricKind;

use crate::metric::Metric;
use crate::model::Model;

/// One violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The metric, or [`EVERY_METRIC`].
    pub(crate) metric: String,
    /// The name of the rule.
    pub(crate) rule: &'static str,
    pub(crate) problem: String,
    pub(crate) place: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.metric, self.problem, self.rule)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " (at {place})"))
    }
}

/// The metric of findings about constant labels.
pub(crate) const EVERY_METRIC: &str = "every metric";

/// The names of all rules.
pub(crate) const RULES: [&str; 11] = [
    HELP,
    COUNTER_NAME,
    SNAKE_CASE,
    COLON,
    BASE_UNIT,
    SHORT_UNIT,
    KIND_IN_NAME,
    SUFFIX,
    KIND_LABEL,
    LABEL_CASE,
    TARGET_LABEL,
];
const HELP: &str = "help";
const COUNTER_NAME: &str = "counter-name";
const SNAKE_CASE: &str = "snake-case";
const COLON: &str = "colon";
const BASE_UNIT: &str = "base-unit";
const SHORT_UNIT: &str = "short-unit";
const KIND_IN_NAME: &str = "kind-in-name";
const SUFFIX: &str = "suffix";
const KIND_LABEL: &str = "kind-label";
const LABEL_CASE: &str = "label-case";
const TARGET_LABEL: &str = "target-label";

/// The units with their base units. A base unit is listed with itself.
const UNITS: &[(&str, &str)] = &[
    ("amperes", "amperes"),
    ("bytes", "bytes"),
    ("celsius", "celsius"),
    ("grams", "grams"),
    ("joules", "joules"),
    ("kelvin", "kelvin"),
    ("meters", "meters"),
    ("metres", "metres"),
    ("seconds", "seconds"),
    ("volts", "volts"),
    ("minutes", "seconds"),
    ("hours", "seconds"),
    ("days", "seconds"),
    ("weeks", "seconds"),
    ("kelvins", "kelvin"),
    ("fahrenheit", "celsius"),
    ("rankine", "celsius"),
    ("inches", "meters"),
    ("yards", "meters"),
    ("miles", "meters"),
    ("bits", "bytes"),
    ("calories", "joules"),
    ("pounds", "grams"),
    ("ounces", "grams"),
];

/// The prefixes of units. promlint has `mibi` for `mebi`; both are accepted here.
const PREFIXES: &[&str] = &[
    "", "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mebi", "mibi",
    "giga", "gibi", "tera", "tebi", "peta", "pebi",
];

/// The abbreviations of units, with the units to use instead.
const SHORT_UNITS: &[(&str, &str)] = &[
    ("s", "seconds"),
    ("ms", "seconds"),
    ("us", "seconds"),
    ("ns", "seconds"),
    ("sec", "seconds"),
    ("b", "bytes"),
    ("kb", "bytes"),
    ("mb", "bytes"),
    ("gb", "bytes"),
    ("tb", "bytes"),
    ("pb", "bytes"),
    ("m", "seconds or meters"),
    ("h", "seconds"),
    ("d", "seconds"),
];

/// The target labels that rules and dashboards use, each with its origin. The operator sets more labels (`endpoint`,
/// `service`, `pod`, `container`), which metrics may have too.
const TARGET_LABELS: &[(&str, &str)] =
    &[("job", "Prometheus' own"), ("instance", "Prometheus' own"), ("namespace", "the Prometheus operator's")];

/// Returns the first unit in the name, with its base unit.
fn unit(name: &str) -> Option<(&str, &str)> {
    let base = |word: &str| UNITS.iter().find(|(unit, _)| *unit == word).map(|(_, base)| *base);
    name.split('_').find_map(|word| {
        let base = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix).and_then(base))?;
        Some((word, base))
    })
}

fn is_camel_case(name: &str) -> bool {
    name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// Returns all violations, by metric.
pub(crate) fn findings(model: &Model) -> Vec<Finding> {
    let mut found = Vec::new();
    for (rule, problem) in model.constant.iter().flat_map(|label| label_problems(label)) {
        found.push(Finding { metric: EVERY_METRIC.to_owned(), rule, problem, place: None });
    }
    for metric in &model.metrics {
        for (rule, problem) in problems(metric) {
            let place = metric.places.first().cloned();
            found.push(Finding { metric: metric.name.clone(), rule, problem, place });
        }
    }
    found
}

/// Returns the rules that a metric violates, each with the problem.
fn problems(metric: &Metric) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    let mut add = |rule, problem: String| problems.push((rule, problem));
    let (name, kind) = (metric.name.as_str(), metric.kind);
    if metric.help.trim().is_empty() {
        add(HELP, "no help text".to_owned());
    }
    if kind == MetricKind::Counter && !name.ends_with("_total") {
        add(COUNTER_NAME, "a counter's name ends in `_total`".to_owned());
    }
    if is_camel_case(name) {
        add(SNAKE_CASE, "names are snake_case".to_owned());
    }
    if name.contains(':') {
        add(COLON, "colons are for recording rules".to_owned());
    }
    if let Some((unit, base)) = unit(name).filter(|(unit, base)| unit != base) {
        add(BASE_UNIT, format!("the unit {unit} is not a base unit: use {base}"));
    }
    let lower = name.to_lowercase();
    let later = || lower.split('_').skip(1);
    for (unit, base) in SHORT_UNITS.iter().filter(|(unit, _)| later().any(|word| word == *unit)) {
        add(SHORT_UNIT, format!("the unit `{unit}` is an abbreviation: use {base}"));
    }
    // A metric without a type may have any name.
    if kind != MetricKind::Unknown {
        // An info is a gauge in the text format.
        let kind_word = if kind == MetricKind::Info { MetricKind::Gauge } else { kind }.as_str();
        if later().any(|word| word == kind_word) {
            add(KIND_IN_NAME, format!("the kind `{kind_word}` does not belong in the name"));
        }
        let counted = [MetricKind::Histogram, MetricKind::Summary];
        for (suffix, kinds, users) in [
            ("_total", &[MetricKind::Counter][..], "counters"),
            ("_bucket", &counted[..1], "histograms"),
            ("_count", &counted, "histograms and summaries"),
            ("_sum", &counted, "histograms and summaries"),
        ] {
            if name.ends_with(suffix) && !kinds.contains(&kind) {
                add(SUFFIX, format!("`{suffix}` is for {users}"));
            }
        }
        for (label, only, users) in
            [("le", MetricKind::Histogram, "histograms"), ("quantile", MetricKind::Summary, "summaries")]
        {
            if metric.has(label) && kind != only {
                add(KIND_LABEL, format!("label `{label}` is for {users}"));
            }
        }
    }
    problems.extend(metric.labels.iter().flat_map(|label| label_problems(&label.name)));
    problems
}

fn label_problems(label: &str) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    if is_camel_case(label) {
        problems.push((LABEL_CASE, format!("label `{label}` is not snake_case")));
    }
    // The rules for Kubernetes are evaluated for each `namespace`.
    if let Some((_, owner)) = TARGET_LABELS.iter().find(|(name, _)| *name == label) {
        let problem = format!(
            "label `{label}` is {owner}: Prometheus renames it to `exported_{label}` or, with `honor_labels`, replaces the \
             label of the target, which rules and dashboards use"
        );
        problems.push((TARGET_LABEL, problem));
    }
    problems
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Descriptor, Kind, Metrics, Registry};

    use super::*;

    fn model(register: impl FnOnce(&Registry)) -> Model {
        let registry = Registry::new();
        register(&registry);
        Model::new(&Metrics::builder().registry(&registry).build().unwrap())
    }

    fn lint(descriptor: Descriptor) -> Vec<String> {
        let name = descriptor.name.to_string();
        let model = model(|registry| {
            let registered = match descriptor.kind {
                Kind::Counter => registry.counter(descriptor).map(drop),
                Kind::Histogram => registry.histogram(descriptor).map(drop),
                _ => registry.gauge(descriptor).map(drop),
            };
            registered.unwrap();
        });
        findings(&model).into_iter().filter(|found| found.metric == name).map(|found| found.problem).collect()
    }

    #[test]
    fn the_linter_finds_what_promlint_finds() {
        assert_eq!(lint(Descriptor::gauge("depth", "")), ["no help text"]);
        assert_eq!(lint(Descriptor::gauge("queueDepth", "D.")), ["names are snake_case"]);
        assert_eq!(lint(Descriptor::gauge("queue_gauge", "D.")), ["the kind `gauge` does not belong in the name"]);
        assert_eq!(
            lint(Descriptor::gauge("wait_milliseconds", "D.")),
            ["the unit milliseconds is not a base unit: use seconds"]
        );
        assert_eq!(lint(Descriptor::gauge("wait_ms", "D.")), ["the unit `ms` is an abbreviation: use seconds"]);
        assert_eq!(lint(Descriptor::gauge("shop:depth", "D.")), ["colons are for recording rules"]);
        assert_eq!(
            lint(Descriptor::gauge("depth", "D.").labels(["queueName"])),
            ["label `queueName` is not snake_case"]
        );
        let lint_name = |name: &'static str| lint(Descriptor::gauge(name, "D."));
        for (name, unit, base) in [
            ("disk_terabytes", "terabytes", "bytes"),
            ("mem_tebibytes", "tebibytes", "bytes"),
            ("mem_mebibytes", "mebibytes", "bytes"),
            ("age_weeks", "weeks", "seconds"),
            ("road_miles", "miles", "meters"),
            ("centimeters_of_jobs", "centimeters", "meters"),
        ] {
            assert_eq!(lint_name(name), [format!("the unit {unit} is not a base unit: use {base}")]);
        }
        for (name, unit, base) in
            [("disk_TB", "tb", "bytes"), ("age_d", "d", "seconds"), ("wait_ms_max", "ms", "seconds")]
        {
            assert_eq!(lint_name(name), [format!("the unit `{unit}` is an abbreviation: use {base}")]);
        }
        // The names of other types are accepted since client_golang 1.20, and rejected by promtool 2.42.
        for name in ["g_counter", "g_summary", "g_histogram"] {
            assert_eq!(lint_name(name), [""; 0], "{name}");
        }
        assert_eq!(lint(Descriptor::counter("c_gauge_total", "C.")), [""; 0]);
        assert_eq!(lint(Descriptor::histogram("h_summary", "H.", &[1.0][..])), [""; 0]);
        for name in ["light_kelvin", "road_metres", "seconds_of_days", "d_depth", "gauge_depth", "load_ratio"] {
            assert_eq!(lint_name(name), [""; 0], "{name}");
        }
        assert_eq!(lint(Descriptor::gauge("depth", "D.")), [""; 0]);
    }

    fn target_label(label: &str, owner: &str) -> String {
        format!(
            "label `{label}` is {owner}: Prometheus renames it to `exported_{label}` or, with `honor_labels`, replaces the \
             label of the target, which rules and dashboards use"
        )
    }

    #[test]
    fn constant_labels_are_linted_once() {
        let builder = Metrics::builder().registry(&Registry::new()).constant_label("regionName", "eu");
        let builder = builder.constant_label("job", "shop").constant_label("namespace", "staging");
        let model = Model::new(&builder.build().unwrap());
        let found: Vec<_> = findings(&model).iter().map(ToString::to_string).collect();
        let expected = [
            "label `regionName` is not snake_case [label-case]".to_owned(),
            target_label("job", "Prometheus' own") + " [target-label]",
            target_label("namespace", "the Prometheus operator's") + " [target-label]",
        ];
        assert_eq!(found, expected.map(|problem| format!("every metric: {problem}")));
    }

    #[test]
    fn metrics_must_not_have_target_labels() {
        let lint_label = |label: &'static str| lint(Descriptor::gauge("depth", "D.").labels([label]));
        assert_eq!(lint_label("instance"), [target_label("instance", "Prometheus' own")]);
        assert_eq!(lint_label("namespace"), [target_label("namespace", "the Prometheus operator's")]);
        for label in ["endpoint", "service", "pod", "exported_job", "job_kind"] {
            assert_eq!(lint_label(label), [""; 0], "{label}");
        }
    }

    #[test]
    fn collectors_are_linted_too() {
        let model = model(|registry| {
            let jobs = prometheus::IntCounter::new("jobs", "Jobs.").unwrap();
            registry.register(Box::new(jobs)).unwrap();
        });
        let found: Vec<_> = findings(&model).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["jobs: a counter's name ends in `_total` [counter-name]"]);
    }
}
