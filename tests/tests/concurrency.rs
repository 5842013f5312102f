//! Millions of operations on threads that also create series, while other threads scrape: totals are exact, every page
//! is valid, and no counter decreases.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "the numbers must be exact")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

mod support;

use std::collections::BTreeMap;
use std::iter::zip;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_runtime::presets::{Instrument, Preset};
use metrics_runtime::{Descriptor, Registry, track};
use support::page_of;
use tests::page::{Kind, Page, Sample};

const THREADS: usize = 8;
const OPERATIONS: usize = 300_000;
/// The number of label values that exist from the start. Every second operation uses one of them.
const OLD: usize = 8;
/// The number of label values that occur one by one while the threads run, in all threads at about the same time.
const NEW: usize = 10_000;

/// The number of different operations. Each one changes the counter, the gauge and the histogram of a label value.
const ACTS: usize = 4;
// Sums of these values are exact as `f64`, in any order.
const INCREMENTS: [f64; ACTS] = [1.0, 1.0, 7.0, 0.5];
const CHANGES: [f64; ACTS] = [1.0, -1.0, 2.5, -4.0];
const OBSERVED: [f64; ACTS] = [0.25, 0.5, 3.0, 40.0];
const BOUNDS: [f64; 3] = [0.5, 1.0, 8.0];

/// The number of operations of each kind, by label value.
type Tally = Vec<[u64; ACTS]>;

fn values() -> Vec<String> {
    (0..OLD + NEW).map(|value| format!("value {value}")).collect()
}

/// Runs `act` with label values and kinds of operations on each of the threads, while two more threads scrape.
fn run(registry: &Registry, act: impl Fn(usize, usize) + Sync) -> Tally {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scrapers = [(); 2].map(|()| scope.spawn(|| scrape(registry, &done)));
        let act = &act;
        let workers: Vec<_> = (1..=THREADS).map(|seed| scope.spawn(move || work(seed, act))).collect();
        let mut all = vec![[0; ACTS]; OLD + NEW];
        for worker in workers {
            for (all, its) in zip(&mut all, worker.join().unwrap()) {
                zip(all, its).for_each(|(all, its)| *all += its);
            }
        }
        done.store(true, Ordering::Release);
        for scraper in scrapers {
            scraper.join().unwrap();
        }
        all
    })
}

fn work(seed: usize, act: impl Fn(usize, usize)) -> Tally {
    let mut tally = vec![[0; ACTS]; OLD + NEW];
    let mut random = seed;
    for operation in 0..OPERATIONS {
        // Marsaglia's xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (what, any) = (random % ACTS, random / ACTS);
        let newest = operation * NEW / OPERATIONS;
        let value = match operation % (OPERATIONS / NEW) {
            step if step % 2 == 0 => any % OLD,
            1 => OLD + newest,
            _ => OLD + any % (newest + 1),
        };
        act(value, what);
        tally[value][what] += 1;
    }
    tally
}

fn scrape(registry: &Registry, done: &AtomicBool) {
    let mut earlier = page_of(registry);
    loop {
        // Read before the page, so that the last page has all operations.
        let is_last = done.load(Ordering::Acquire);
        let later = page_of(registry);
        assert_monotonic(&earlier, &later);
        if is_last {
            break;
        }
        earlier = later;
    }
}

/// Asserts that the later page has all series of the earlier one in the same order, and that no counter and no bucket
/// has decreased.
#[track_caller]
fn assert_monotonic(earlier: &Page, later: &Page) {
    for family in earlier.families() {
        let samples = &later.family(&family.name).expect(&family.name).samples;
        let mut later = samples.iter();
        for before in &family.samples {
            let same = |after: &&Sample| after.name == before.name && after.labels == before.labels;
            let after = later.find(same).unwrap_or_else(|| panic!("{before:?} has disappeared"));
            assert!(family.kind == Kind::Gauge || after.value >= before.value, "{before:?} decreased to {after:?}");
        }
    }
}

/// Asserts that each series of a name has the sum of the operations on its label value, and that the overflow series
/// has the sum of all others. Returns the number of operations in the overflow series.
#[track_caller]
fn assert_exact(page: &Page, name: &str, only: impl Fn(&Sample) -> bool, tally: &Tally, amounts: [f64; ACTS]) -> u64 {
    let series = page.series(name);
    let series = series.into_iter().filter(|sample| only(sample));
    let mut found: BTreeMap<&str, f64> = series.map(|sample| (sample.labels["value"].as_str(), sample.value)).collect();
    let overflow = found.remove("_overflow");
    let (mut beyond, mut acts_beyond) = (0.0, 0);
    for (value, acts) in zip(values(), tally) {
        let sum: f64 = zip(acts, amounts).map(|(acts, amount)| *acts as f64 * amount).sum();
        match found.remove(value.as_str()) {
            Some(found) => assert_eq!(found, sum, "{name} of {value}"),
            None => {
                beyond += sum;
                acts_beyond += acts.iter().sum::<u64>();
            }
        }
    }
    assert_eq!(found, BTreeMap::new());
    // A gauge has no overflow series.
    let expected = if name == GAUGE { 0.0 } else { beyond };
    assert_eq!(overflow.unwrap_or_default(), expected, "{name} beyond the limit");
    acts_beyond
}

/// The gauge of [`assert_families_are_exact`].
const GAUGE: &str = "level";

fn all(_: &Sample) -> bool {
    true
}

/// As [`assert_exact`], for the buckets, the sum and the count of a histogram.
#[track_caller]
fn assert_exact_histogram(page: &Page, name: &str, tally: &Tally, observed: [Option<f64>; ACTS]) -> u64 {
    let below = |bound: f64| observed.map(|value| if value.is_some_and(|value| value <= bound) { 1.0 } else { 0.0 });
    for bound in BOUNDS.into_iter().chain([f64::INFINITY]) {
        let le = |sample: &Sample| sample.labels["le"].parse() == Ok(bound);
        assert_exact(page, &format!("{name}_bucket"), le, tally, below(bound));
    }
    assert_exact(page, &format!("{name}_sum"), all, tally, observed.map(Option::unwrap_or_default));
    assert_exact(page, &format!("{name}_count"), all, tally, below(f64::INFINITY))
}

/// Runs the operations on families with a limit of `limit` series.
fn assert_families_are_exact(limit: usize) {
    let registry = Registry::new();
    registry.set_series_limit(limit);
    let counter = registry.counter(Descriptor::counter("things_total", "Things.").labels(["value"])).unwrap();
    let gauge = registry.gauge(Descriptor::gauge(GAUGE, "Level.").labels(["value"])).unwrap();
    let sizes = Descriptor::histogram("sizes", "Sizes.", &BOUNDS).labels(["value"]);
    let histogram = registry.histogram(sizes).unwrap();
    let values = values();
    let series = |value: usize| {
        let value = [values[value].as_str()];
        (
            counter.get_or_create(&value).unwrap(),
            gauge.get_or_create(&value).unwrap(),
            histogram.get_or_create(&value).unwrap(),
        )
    };
    let old: Vec<_> = (0..OLD).map(series).collect();

    let tally = run(&registry, |value, act| {
        let new;
        let (counter, gauge, histogram) = match old.get(value) {
            Some(old) => old,
            None => {
                new = series(value);
                &new
            }
        };
        match act {
            0 | 1 => counter.inc(),
            2 => counter.inc_by(7),
            _ => counter.add(INCREMENTS[act]),
        }
        match act {
            0 => gauge.inc(),
            1 => gauge.dec(),
            _ => gauge.add(CHANGES[act]),
        }
        match act {
            0 | 1 => histogram.observe(OBSERVED[act]),
            _ => histogram.observe_duration(Duration::from_secs_f64(OBSERVED[act])),
        }
    });

    let page = page_of(&registry);
    let series_count = limit.min(OLD + NEW);
    for (metric, beyond) in [
        ("things_total", assert_exact(&page, "things_total", all, &tally, INCREMENTS)),
        (GAUGE, assert_exact(&page, GAUGE, all, &tally, CHANGES)),
        ("sizes", assert_exact_histogram(&page, "sizes", &tally, OBSERVED.map(Some))),
    ] {
        let overflowed = page.value("metrics_runtime_label_overflow_total", [("metric", metric)]);
        assert_eq!(overflowed, beyond as f64, "{metric}");
        let count = page.series(metric).len().max(page.series(&format!("{metric}_count")).len());
        assert_eq!(count, series_count + usize::from(series_count < OLD + NEW && metric != GAUGE), "{metric}");
    }
    let counts = page.series("sizes_count");
    assert_eq!(counts.iter().map(|sample| sample.value).sum::<f64>(), (THREADS * OPERATIONS) as f64);
}

#[test]
fn families_are_exact_while_series_are_created() {
    assert_families_are_exact(OLD + NEW);
}

#[test]
fn families_are_exact_beyond_their_limit() {
    assert_families_are_exact(100);
}

const ROW: Preset = Preset::new()
    .calls(Instrument::counter("calls_total", "Calls."))
    .duration(Instrument::histogram("call_seconds", "Their duration.", &[1.0]))
    .value(Instrument::histogram("answers", "Their answers.", &BOUNDS))
    .in_flight(Instrument::gauge("calls_in_flight", "Calls in flight."));

#[track(preset = ROW, labels(value = value), value = |answer| *answer, error_if = |answer| *answer == OBSERVED[3])]
fn call(value: &str, act: usize) -> f64 {
    assert!(!value.is_empty());
    OBSERVED[act]
}

#[test]
fn an_attribute_with_run_time_labels_is_exact_while_series_are_created() {
    let registry = Registry::global();
    // Two series for each label value: one for each status.
    registry.set_series_limit(2 * (OLD + NEW));
    let values = values();
    let tally = run(registry, |value, act| {
        call(&values[value], act);
    });

    let page = page_of(registry);
    let status = |status: &'static str| move |sample: &Sample| sample.labels["status"] == status;
    assert_exact(&page, "calls_total", status("success"), &tally, [1.0, 1.0, 1.0, 0.0]);
    assert_exact(&page, "calls_total", status("error"), &tally, [0.0, 0.0, 0.0, 1.0]);
    assert_exact(&page, "call_seconds_count", all, &tally, [1.0; ACTS]);
    assert_exact(&page, "calls_in_flight", all, &tally, [0.0; ACTS]);
    let [first, second, third, _] = OBSERVED.map(Some);
    assert_exact_histogram(&page, "answers", &tally, [first, second, third, None]);
    for metric in ["calls_total", "call_seconds", "answers", "calls_in_flight"] {
        assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", metric)]), 0.0, "{metric}");
    }
}
