//! The lint of metric names, compared with the real promlint.
//!
//! The lint follows the rules of `client_golang` 1.20 to 1.24.1. promtool 2.42, the version in distributions, has the
//! rules of 1.14. The compared names avoid the three known differences:
//!
//! - The old rules reject every metric type in a name (`g_counter`, `c_gauge_total`, `h_summary`), the new rules only
//!   the type of the metric itself. A separate test covers these names.
//! - If a name has two units, the old rules check one of them at random, the new rules the first.
//! - Both write `mibi` instead of `mebi` and so miss mebibytes. This lint finds both spellings.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

use std::collections::BTreeSet;

use metrics_export::Export;
use metrics_runtime::{Metrics, Registry};
use prometheus::core::Collector;
use prometheus::{Counter, Gauge, Histogram, HistogramOpts};
use tests::promtool::Promtool;
use tests::tools;

const UNITS: &str = "amperes bytes celsius grams joules kelvin meters metres seconds volts minutes hours days weeks \
                     kelvins fahrenheit rankine inches yards miles bits calories pounds ounces percent ratio second byte \
                     tons hertz years feet watts newtons";
const PREFIXES: &str = "pico nano micro milli centi deci deca hecto kilo kibi mega mibi giga gibi tera tebi peta pebi exa \
                        exbi yotta femto";
const OTHERS: &str = "s ms us ns sec secs b kb mb gb tb pb eb kib m h d w min km cm kg g pct v total bucket count sum info \
                      jobs le max created queueDepth Queue MS Days seconds2";

/// Names of units and similar words: every word at every position, and every pair of words of which one is not a unit.
fn names(kind: &str) -> BTreeSet<String> {
    let units: Vec<_> = UNITS.split(' ').map(str::to_owned).collect();
    let others: Vec<_> = OTHERS.split(' ').chain([kind]).map(str::to_owned).collect();
    let prefixed = PREFIXES.split(' ').flat_map(|prefix| units.iter().map(move |unit| format!("{prefix}{unit}")));
    let words: Vec<_> = prefixed.chain(units.iter().chain(&others).cloned()).collect();
    let short: Vec<_> = units.iter().chain(&others).collect();
    let pairs =
        others.iter().flat_map(|a| short.iter().flat_map(move |b| [format!("x_{a}_{b}"), format!("x_{b}_{a}")]));
    let alone =
        words.iter().flat_map(|word| [word.clone(), format!("x_{word}"), format!("{word}_x"), format!("x_{word}_y")]);
    pairs.chain(alone).collect()
}

/// Returns the names on one page that this toolkit rejects, and those that promtool rejects.
fn rejected(
    promtool: &Promtool,
    metrics: impl Iterator<Item = Box<dyn Collector>>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let included = prometheus::Registry::new();
    for metric in metrics {
        included.register(metric).unwrap();
    }
    let registry = Registry::new();
    registry.include(included);
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    let promlint = promtool.check_metrics(&metrics.render()).err().unwrap_or_default();
    let promlint = promlint.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let ours = Export::new(&metrics).lint();
    (ours.iter().filter_map(|line| line.split(": ").next()).map(str::to_owned).collect(), promlint)
}

/// Asserts that both reject the same names.
fn assert_same(promtool: &Promtool, metrics: impl Iterator<Item = Box<dyn Collector>>) {
    let (ours, promlint) = rejected(promtool, metrics);
    let only_ours: Vec<_> = ours.difference(&promlint).collect();
    let only_promlint: Vec<_> = promlint.difference(&ours).collect();
    assert!(only_ours.is_empty() && only_promlint.is_empty(), "ours: {only_ours:?}, promtool's: {only_promlint:?}");
    assert!(ours.len() > 1000, "{} names", ours.len());
}

#[test]
fn names_of_gauges_are_rejected_as_by_promlint() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let gauge = |name: String| Box::new(Gauge::new(name, "A gauge.").unwrap()) as Box<dyn Collector>;
    assert_same(&promtool, names("gauge").into_iter().map(gauge));
}

#[test]
fn names_of_counters_are_rejected_as_by_promlint() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let counter = |name: String| Box::new(Counter::new(name, "A counter.").unwrap()) as Box<dyn Collector>;
    let plain = ["jobs", "x_jobs", "queue_total_jobs"].map(str::to_owned);
    let names = names("counter").into_iter().map(|name| format!("{name}_total"));
    assert_same(&promtool, names.chain(plain).map(counter));
}

#[test]
fn names_of_histograms_are_rejected_as_by_promlint() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let histogram = |name: String| {
        let options = HistogramOpts::new(name, "A histogram.").buckets(vec![1.0]);
        Box::new(Histogram::with_opts(options).unwrap()) as Box<dyn Collector>
    };
    assert_same(&promtool, names("histogram").into_iter().map(histogram));
}

#[test]
fn only_old_versions_of_promtool_reject_other_types_in_names() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let others = || -> Vec<Box<dyn Collector>> {
        let options = HistogramOpts::new("h_summary", "A histogram.").buckets(vec![1.0]);
        vec![
            Box::new(Gauge::new("g_counter", "A gauge.").unwrap()),
            Box::new(Counter::new("c_gauge_total", "A counter.").unwrap()),
            Box::new(Histogram::with_opts(options).unwrap()),
        ]
    };
    let (ours, promlint) = rejected(&promtool, others().into_iter());
    assert!(ours.is_empty(), "{ours:?}");
    let all = ["c_gauge_total", "g_counter", "h_summary"].map(str::to_owned);
    assert!(
        promlint.is_empty() || promlint == BTreeSet::from(all),
        "expected no name or all three, found {promlint:?}"
    );
}
