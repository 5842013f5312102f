//! What `promtool check metrics` would say of the page, said of the catalog.
//!
//! The rules are those of Prometheus' naming conventions (<https://prometheus.io/docs/practices/naming/>) as promlint
//! checks them (`prometheus/testutil/promlint` in `prometheus/client_golang`, the same from 1.20 to 1.24.1). A
//! `promtool` is as strict as the `client_golang` inside of it: that of Prometheus 2.42 has 1.14, which differs in
//! three things.
//!
//! - It forbids the word for any type in any name (`g_counter`, `c_gauge_total`, `h_summary`); since 1.20, a name may
//!   have every word but that of the metric's own type, and what has no type may have all of them.
//! - Of several units in one name it judges any; since 1.16 it is the first.
//! - It does not know that a series can be there twice, which no page of a registry has.
//!
//! Two rules are beside promlint's: that labels are not those of targets, and `mebi` (promlint has `mibi`).

use std::fmt;

use super::model::{Kind, Metric, Model};

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

/// Units, each with its base unit; base units with themselves.
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

/// What can stand before a unit. promlint has `mibi` for `mebi`; both are found here.
const PREFIXES: &[&str] = &[
    "", "pico", "nano", "micro", "milli", "centi", "deci", "deca", "hecto", "kilo", "kibi", "mega", "mebi", "mibi",
    "giga", "gibi", "tera", "tebi", "peta", "pebi",
];

/// Abbreviations of units, with what to write.
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

/// Labels that targets have and documents go by, with who sets them. The operator sets others as well (`endpoint`,
/// `service`, `pod`, `container`), which the documents leave to metrics.
const TARGET_LABELS: &[(&str, &str)] =
    &[("job", "Prometheus' own"), ("instance", "Prometheus' own"), ("namespace", "the Prometheus operator's")];

/// The first unit in the name, with its base unit.
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

/// Everything that is not as Prometheus wants it, by metric.
pub(crate) fn findings(model: &Model) -> Vec<Finding> {
    let mut found = Vec::new();
    for problem in model.constant.iter().flat_map(|label| label_problems(label)) {
        found.push(Finding { metric: "every metric".to_owned(), problem, place: None });
    }
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
    let (name, kind) = (metric.name.as_str(), metric.kind);
    if metric.help.trim().is_empty() {
        add("no help text".to_owned());
    }
    if kind == Kind::Counter && !name.ends_with("_total") {
        add("a counter's name ends in `_total`".to_owned());
    }
    if is_camel_case(name) {
        add("names are snake_case".to_owned());
    }
    if name.contains(':') {
        add("colons are for recording rules".to_owned());
    }
    if let Some((unit, base)) = unit(name).filter(|(unit, base)| unit != base) {
        add(format!("the unit {unit} is no base unit: use {base}"));
    }
    let lower = name.to_lowercase();
    let later = || lower.split('_').skip(1);
    for (unit, base) in SHORT_UNITS.iter().filter(|(unit, _)| later().any(|word| word == *unit)) {
        add(format!("the unit `{unit}` is an abbreviation: use {base}"));
    }
    // What has no type on the page may be anything.
    if kind != Kind::Unknown {
        // In the text format, an info is a gauge.
        let word = if kind == Kind::Info { Kind::Gauge } else { kind }.as_str();
        if later().any(|part| part == word) {
            add(format!("the kind `{word}` is no part of the name"));
        }
        let counted = [Kind::Histogram, Kind::Summary];
        for (suffix, kinds, what) in [
            ("_total", &[Kind::Counter][..], "counters"),
            ("_bucket", &counted[..1], "histograms"),
            ("_count", &counted, "histograms and summaries"),
            ("_sum", &counted, "histograms and summaries"),
        ] {
            if name.ends_with(suffix) && !kinds.contains(&kind) {
                add(format!("`{suffix}` is for {what}"));
            }
        }
        for (label, only, what) in [("le", Kind::Histogram, "histograms"), ("quantile", Kind::Summary, "summaries")] {
            if metric.has(label) && kind != only {
                add(format!("label `{label}` is for {what}"));
            }
        }
    }
    problems.extend(metric.labels.iter().flat_map(|label| label_problems(&label.name)));
    problems
}

fn label_problems(label: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if is_camel_case(label) {
        problems.push(format!("label `{label}` is not snake_case"));
    }
    // In a cluster, `namespace` is what the rules tell staging and production apart by.
    if let Some((_, whose)) = TARGET_LABELS.iter().find(|(name, _)| *name == label) {
        problems.push(format!(
            "label `{label}` is {whose}: it would come as `exported_{label}` or, where labels are honored, take the place \
             of the target's, which rules and dashboards go by"
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Descriptor;
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
        let lint_name = |name: &'static str| lint(Descriptor::gauge(name, "D."));
        for (name, unit, base) in [
            ("disk_terabytes", "terabytes", "bytes"),
            ("mem_tebibytes", "tebibytes", "bytes"),
            ("mem_mebibytes", "mebibytes", "bytes"),
            ("age_weeks", "weeks", "seconds"),
            ("road_miles", "miles", "meters"),
            ("centimeters_of_jobs", "centimeters", "meters"),
        ] {
            assert_eq!(lint_name(name), [format!("the unit {unit} is no base unit: use {base}")]);
        }
        for (name, unit, base) in
            [("disk_TB", "tb", "bytes"), ("age_d", "d", "seconds"), ("wait_ms_max", "ms", "seconds")]
        {
            assert_eq!(lint_name(name), [format!("the unit `{unit}` is an abbreviation: use {base}")]);
        }
        // The words of other types are no complaint since client_golang 1.20; to promtool 2.42 they are.
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

    fn of_target(label: &str, whose: &str) -> String {
        format!(
            "label `{label}` is {whose}: it would come as `exported_{label}` or, where labels are honored, take the place \
             of the target's, which rules and dashboards go by"
        )
    }

    #[test]
    fn labels_on_everything_are_linted_once() {
        let builder = Metrics::builder().registry(&Registry::new()).constant_label("regionName", "eu");
        let builder = builder.constant_label("job", "shop").constant_label("namespace", "staging");
        let model = Model::new(&builder.build().unwrap());
        let found: Vec<_> = findings(&model).iter().map(ToString::to_string).collect();
        let expected = [
            "label `regionName` is not snake_case".to_owned(),
            of_target("job", "Prometheus' own"),
            of_target("namespace", "the Prometheus operator's"),
        ];
        assert_eq!(found, expected.map(|problem| format!("every metric: {problem}")));
    }

    #[test]
    fn labels_of_targets_are_none_of_metrics() {
        let lint_label = |label: &'static str| lint(Descriptor::gauge("depth", "D.").labels([label]));
        assert_eq!(lint_label("instance"), [of_target("instance", "Prometheus' own")]);
        assert_eq!(lint_label("namespace"), [of_target("namespace", "the Prometheus operator's")]);
        for label in ["endpoint", "service", "pod", "exported_job", "job_kind"] {
            assert_eq!(lint_label(label), [""; 0], "{label}");
        }
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
}
