//! What `export` has against the names of metrics, beside what the real promlint has.
//!
//! The rules that are followed here are those of `client_golang` 1.20 to 1.24.1. promtool 2.42, which is what
//! distributions have, has those of 1.14. The names that are compared have none of the three known differences:
//!
//! - The old one has something against the word for any type in a name (`g_counter`, `c_gauge_total`, `h_summary`), the
//!   new one against the metric's own only. Of these names a test says who has what against which.
//! - Of two units in one name, the old one judges either, at random; the new one the first.
//! - Neither knows mebibytes: `mibi` stands where `mebi` should. Both spellings are found here.
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

use std::collections::BTreeSet;

use metrics_runtime::export::Export;
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

/// Names made of units and of what looks like one: every word at every place, and every two of which one is no unit.
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

/// What either has something against on one page: this toolkit, and promtool.
fn complaints(
    promtool: &Promtool,
    metrics: impl Iterator<Item = Box<dyn Collector>>,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let theirs = prometheus::Registry::new();
    for metric in metrics {
        theirs.register(metric).unwrap();
    }
    let registry = Registry::new();
    registry.include(theirs);
    let metrics = Metrics::builder().registry(&registry).build().unwrap();
    let theirs = promtool.check_metrics(&metrics.render()).err().unwrap_or_default();
    let theirs = theirs.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let ours = Export::new(&metrics).lint();
    (ours.iter().filter_map(|line| line.split(": ").next()).map(str::to_owned).collect(), theirs)
}

/// Compares what either has something against.
fn assert_same(promtool: &Promtool, metrics: impl Iterator<Item = Box<dyn Collector>>) {
    let (ours, theirs) = complaints(promtool, metrics);
    let ours_alone: Vec<_> = ours.difference(&theirs).collect();
    let theirs_alone: Vec<_> = theirs.difference(&ours).collect();
    assert!(ours_alone.is_empty() && theirs_alone.is_empty(), "ours: {ours_alone:?}, promtool's: {theirs_alone:?}");
    assert!(ours.len() > 1000, "{} names", ours.len());
}

#[test]
fn names_of_gauges_are_judged_as_promlint_judges_them() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let gauge = |name: String| Box::new(Gauge::new(name, "A gauge.").unwrap()) as Box<dyn Collector>;
    assert_same(&promtool, names("gauge").into_iter().map(gauge));
}

#[test]
fn names_of_counters_are_judged_as_promlint_judges_them() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let counter = |name: String| Box::new(Counter::new(name, "A counter.").unwrap()) as Box<dyn Collector>;
    let plain = ["jobs", "x_jobs", "queue_total_jobs"].map(str::to_owned);
    let names = names("counter").into_iter().map(|name| format!("{name}_total"));
    assert_same(&promtool, names.chain(plain).map(counter));
}

#[test]
fn names_of_histograms_are_judged_as_promlint_judges_them() {
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
fn the_word_for_another_type_is_what_old_promtools_alone_complain_of() {
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
    let (ours, theirs) = complaints(&promtool, others().into_iter());
    assert!(ours.is_empty(), "{ours:?}");
    let all = ["c_gauge_total", "g_counter", "h_summary"].map(str::to_owned);
    assert!(
        theirs.is_empty() || theirs == BTreeSet::from(all),
        "neither the rules before 1.20 nor those since: {theirs:?}"
    );
}
