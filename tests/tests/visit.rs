//! Visitors of users: what they see while the program runs.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use metrics_runtime::circuit_breaker::{CircuitBreaker, Settings};
use metrics_runtime::http::Endpoint;
use metrics_runtime::visit::{FamilyRef, MetricKind, SeriesRef, Value, Visitor};
use metrics_runtime::{Descriptor, Metrics, Observer, Registry};

/// Collects counters, and the counts of histograms, by name and labels.
#[derive(Default)]
struct Counts(BTreeMap<String, f64>);

impl Visitor for Counts {
    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        let count = match value {
            Value::Counter(number) => number.as_f64(),
            Value::Histogram(histogram) => {
                assert!(histogram.cumulative.is_sorted(), "{histogram:?}");
                assert_eq!(histogram.buckets().last(), Some((f64::INFINITY, histogram.count())));
                histogram.count() as f64
            }
            _ => return,
        };
        let mut key = format!("{}{{", family.name);
        series.push_text(&mut key);
        assert_eq!(self.0.insert(key.clone(), count), None, "{key} is visited twice");
    }
}

fn counts(registry: &Registry) -> BTreeMap<String, f64> {
    let mut counts = Counts::default();
    registry.visit(&mut counts);
    counts.0
}

#[test]
fn a_walk_is_consistent_while_series_come_and_go() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["kind"])).unwrap();
    let sizes = registry.histogram(Descriptor::histogram("sizes", "Sizes.", &[1.0, 2.0][..]).labels(["kind"])).unwrap();
    for i in 0..50 {
        jobs.get_or_create(&[&format!("kept{i}")]).unwrap().inc();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for thread in 0..3 {
            let (jobs, sizes, done) = (&jobs, &sizes, &done);
            scope.spawn(move || {
                for round in 0..2_000 {
                    let kind = format!("{thread}-{}", round % 20);
                    jobs.get_or_create(&[&kind]).unwrap().inc();
                    sizes.get_or_create(&[&kind]).unwrap().observe(f64::from(round % 3));
                    jobs.get_or_create(&["kept0"]).unwrap().inc();
                    jobs.remove(&[&kind]);
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        let mut before = 0.0;
        while !done.load(Ordering::Relaxed) {
            let counts = counts(&registry);
            let kept = counts.keys().filter(|key| key.contains("kept")).count();
            assert_eq!(kept, 50, "a series that stays is visited once");
            let now = counts["jobs_total{kind=\"kept0\""];
            assert!(now >= before, "{now} after {before}");
            before = now;
        }
    });
    let sizes: f64 = counts(&registry).iter().filter(|(key, _)| key.starts_with("sizes{")).map(|(_, n)| n).sum();
    assert_eq!(sizes, 6_000.0);
    assert_eq!(counts(&registry)["jobs_total{kind=\"kept0\""], 6_001.0);
}

/// Collects the families.
#[derive(Default)]
struct Families(Vec<(String, MetricKind, Option<String>, usize)>);

impl Visitor for Families {
    fn family(&mut self, family: &FamilyRef<'_>) {
        self.0.push((family.name.to_owned(), family.kind, family.unit.map(str::to_owned), family.places.len()));
    }

    fn series(&mut self, family: &FamilyRef<'_>, _: &SeriesRef<'_>, _: Value<'_>) {
        assert_eq!(self.0.last().map(|(name, ..)| name.as_str()), Some(family.name), "after its family");
    }
}

#[test]
fn families_are_visited_with_their_definitions_also_without_series() {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("sent_bytes_total", "Sent.").unit("bytes").labels(["to"])).unwrap();
    registry.register(Box::new(prometheus::Gauge::new("collected", "Collected.").unwrap())).unwrap();
    let _breaker = CircuitBreaker::register_in(&registry, "mails", Settings::consecutive(1)).unwrap();
    let metrics = Metrics::builder().registry(&registry).namespace("shop").info("build", [("v", "1")]).build().unwrap();
    let mut families = Families::default();
    metrics.visit(&mut families);
    let sent = ("shop_sent_bytes_total".to_owned(), MetricKind::Counter, Some("bytes".to_owned()), 1);
    assert!(families.0.contains(&sent), "{:?}", families.0);
    assert!(families.0.contains(&("shop_build_info".to_owned(), MetricKind::Info, None, 1)));
    assert!(families.0.contains(&("collected".to_owned(), MetricKind::Gauge, None, 0)));
    let names: BTreeSet<_> = families.0.iter().map(|(name, ..)| name.as_str()).collect();
    assert!(names.contains("shop_circuit_breaker_state"), "{names:?}");
    assert_eq!(names.len(), families.0.len(), "each family once");
    assert_eq!(families.0.last().unwrap().0.split('_').next(), Some("metrics"), "the toolkit's own come last");
}

/// Breaks in the middle of a walk.
struct Broken;

impl Visitor for Broken {
    fn series(&mut self, family: &FamilyRef<'_>, _: &SeriesRef<'_>, _: Value<'_>) {
        assert_ne!(family.name, "jobs_total", "broken");
    }
}

#[test]
fn a_visitor_that_panics_breaks_nothing_else() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["kind"])).unwrap();
    for round in 1..=3 {
        for kind in 0..10 {
            jobs.get_or_create(&[&format!("{round}-{kind}")]).unwrap().inc();
        }
        let walk = std::panic::AssertUnwindSafe(|| registry.visit(&mut Broken));
        assert!(std::panic::catch_unwind(walk).is_err());
        let jobs = counts(&registry).keys().filter(|key| key.starts_with("jobs_total{")).count();
        assert_eq!(jobs, round * 10, "also those that the broken visitor has not reached");
    }
}

#[test]
fn a_walk_with_a_deadline_is_one_of_another_thread_and_leaves_out_a_source_that_hangs() {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap().get_or_create(&[]).unwrap().inc();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let hangs = move |_: &mut Observer<'_>| assert!(waits.lock().unwrap().recv().is_err());
    let _hanging = registry.observe(Descriptor::counter("hanging_total", "Never answers."), hangs).unwrap();
    let metrics = Metrics::builder().registry(&registry).namespace("shop").build().unwrap();
    let (sender, walked) = mpsc::channel();
    let then = |sender: mpsc::Sender<_>| {
        move |counts: Counts| sender.send((counts.0, thread::current().id())).expect("the test waits")
    };
    let deadline = Duration::from_millis(50);
    metrics.visit_within(deadline, Counts::default(), then(sender.clone())).unwrap();
    let (counts, thread) = walked.recv().unwrap();
    assert_eq!(counts["shop_jobs_total{"], 1.0);
    assert!(!counts.contains_key("shop_hanging_total{") && thread != thread::current().id());
    registry.visit_within(deadline, Counts::default(), then(sender)).unwrap();
    assert_eq!(walked.recv().unwrap().0["jobs_total{"], 1.0);
    drop(go_on);
}

/// Notes what a walk lacks.
#[derive(Default)]
struct Lacking {
    awaited: Vec<String>,
    left_out: Vec<String>,
    timeouts: f64,
}

impl Visitor for Lacking {
    fn awaits(&mut self, source: &str) {
        self.awaited.push(source.to_owned());
    }

    fn leaves_out(&mut self, problem: &str) {
        self.left_out.push(problem.to_owned());
    }

    fn series(&mut self, family: &FamilyRef<'_>, series: &SeriesRef<'_>, value: Value<'_>) {
        let is_timeout = series.labels().any(|(_, value)| value == "timeout");
        if let (Value::Counter(number), true) = (value, is_timeout && family.name.ends_with("scrape_errors_total")) {
            self.timeouts = number.as_f64();
        }
    }
}

#[test]
fn a_walk_names_the_sources_that_it_lacks_and_counts_those_that_a_page_would_not_wait_for() {
    let registry = Registry::new();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let hangs = move |_: &mut Observer<'_>| assert!(waits.lock().unwrap().recv().is_err());
    let _hanging = registry.observe(Descriptor::counter("hanging_total", "Never answers."), hangs).unwrap();
    let walk = |deadline| {
        let endpoint = Endpoint::new().deadline(deadline);
        let metrics = Metrics::builder().registry(&registry).endpoint(endpoint).build().unwrap();
        let (sender, walked) = mpsc::channel();
        let then = move |lacking: Lacking| sender.send(lacking).unwrap();
        metrics.visit_within(Duration::from_millis(20), Lacking::default(), then).unwrap();
        let description = metrics.describe_within(Duration::from_millis(20));
        assert!(description.metrics.iter().any(|metric| metric.name == "hanging_total"));
        walked.recv().unwrap()
    };
    let source = "the function of `hanging_total`";
    let early = walk(Duration::from_secs(3600));
    assert_eq!((early.awaited, early.left_out, early.timeouts), (vec![source.to_owned()], vec![], 0.0));
    let late = walk(Duration::from_millis(20));
    let problem = format!("{source} did not answer in time");
    assert_eq!((late.awaited, late.left_out, late.timeouts), (vec![], vec![problem], 1.0));
    drop(go_on);
}

#[test]
fn two_visitors_share_one_walk() {
    let registry = Registry::new();
    registry.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap().get_or_create(&[]).unwrap().inc();
    let mut both = (Counts::default(), Families::default());
    registry.visit(&mut both);
    assert_eq!(both.0.0["jobs_total{"], 1.0);
    assert!(both.1.0.iter().any(|(name, ..)| name == "jobs_total"));
}
