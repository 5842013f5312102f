//! Foreign collectors that panic, block or say nonsense, and scrapes that come together.
//!
//! Each test has one thread for everything async: a scrape that kept it waiting would keep the test waiting that is to
//! let it go on.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use http::StatusCode;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, MetricFamily, MetricType};
use prometheus::{Counter, IntGauge};
use tower_service::Service as _;

use super::scrapes::{ask, body, endpoint, get, text, value};
use super::*;
use crate::http::Endpoint;
use crate::schema::Descriptor;

/// A collector that is a closure.
struct Closure<F> {
    description: Desc,
    collect: F,
}

impl<F: Fn() -> Vec<MetricFamily> + Send + Sync> Collector for Closure<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.collect)()
    }
}

fn register(registry: &Registry, name: &str, collect: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static) {
    let description = Desc::new(name.to_owned(), "Theirs.".to_owned(), Vec::new(), HashMap::new()).expect("valid");
    registry.register(Box::new(Closure { description, collect })).expect("not there yet");
}

fn families(name: &str) -> Vec<MetricFamily> {
    let gauge = IntGauge::new(name, "Theirs.").expect("valid");
    gauge.set(1);
    gauge.collect()
}

/// A collector that says how often it was asked.
pub(super) struct Called(Arc<AtomicUsize>);

impl Called {
    pub(super) fn register(registry: &Registry, name: &'static str) -> Self {
        let times = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&times);
        register(registry, name, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            families(name)
        });
        Self(times)
    }

    pub(super) fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a collector waits for, until it is opened; at the latest when the test is over.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

struct OpenOnDrop(Gate);

impl Gate {
    fn pass(&self) {
        let (open, changed) = &*self.0;
        let _open = changed.wait_while(open.lock().expect("no panic"), |open| !*open).expect("no panic");
    }

    fn open(&self) {
        *self.0.0.lock().expect("no panic") = true;
        self.0.1.notify_all();
    }
}

impl Drop for OpenOnDrop {
    fn drop(&mut self) {
        self.0.open();
    }
}

fn blocked(registry: &Registry, name: &'static str) -> (Gate, OpenOnDrop, Called) {
    let (gate, times) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let (waiting, counted) = (gate.clone(), Arc::clone(&times));
    register(registry, name, move || {
        counted.fetch_add(1, Ordering::Relaxed);
        waiting.pass();
        families(name)
    });
    (gate.clone(), OpenOnDrop(gate), Called(times))
}

/// Waits until so many scrapes are under way.
async fn in_flight(registry: &Registry, scrapes: u64) {
    eventually("the scrapes are under way", || registry.scrapes().in_flight().get() == scrapes).await;
}

#[tokio::test]
async fn a_hundred_concurrent_scrapes_make_one_gather() {
    let (page, registry) = endpoint(Endpoint::new().limit(100).deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let scrapes: Vec<_> = (0..100)
        .map(|i| {
            // Whether in gzip or not, all of it or a part: it is one page.
            let (uri, coding) = [("/", "gzip"), ("/", "identity"), ("/?name[]=slow", "identity")][i % 3];
            let request = Request::get(uri).header("accept-encoding", coding).body(()).expect("a request");
            tokio::spawn(page.clone().call(request))
        })
        .collect();
    assert_eq!(ask(&page, Request::get("/")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    gate.open();
    let mut pages = BTreeSet::new();
    for scrape in scrapes {
        let response = scrape.await.expect("no panic").expect("the endpoint does not fail");
        assert_eq!(response.status(), StatusCode::OK);
        pages.insert(body(response).await);
    }
    assert_eq!(gathered.times(), 1);
    assert_eq!(pages.len(), if cfg!(feature = "gzip") { 3 } else { 2 }, "one encoding each");
    // Who comes after that has a page of its own.
    assert!(get(&page, "/").await.contains("metrics_runtime_scrapes_total{code=\"200\"} 100\n"));
    assert_eq!(gathered.times(), 2);
}

/// What was counted before a scrape is on its page, whatever other scrapes it shares that with.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_is_from_before_it_was_asked_for() {
    let (page, registry) = endpoint(Endpoint::new());
    let done = registry.counter(Descriptor::counter("done_total", "Done.").labels(["by"])).expect("valid");
    let called = Called::register(&registry, "theirs");
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let (page, done) = (page.clone(), done.clone());
            tokio::spawn(async move {
                for times in 1..=50 {
                    done.get_or_create(&[&worker.to_string()]).expect("one label").inc();
                    let text = get(&page, "/").await;
                    let line = format!("done_total{{by=\"{worker}\"}} {times}\n");
                    assert!(text.contains(&line), "{line} is missing:\n{text}");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no panic");
    }
    assert!(called.times() <= 8 * 50);
}

#[tokio::test]
async fn a_scraper_that_leaves_takes_the_page_from_nobody() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let scrape = |page: &crate::http::EndpointService| {
        let page = page.clone();
        tokio::spawn(async move { get(&page, "/").await })
    };
    let first = scrape(&page);
    eventually("it is gathered", || gathered.times() == 1).await;
    let second = scrape(&page);
    in_flight(&registry, 2).await;
    first.abort();
    in_flight(&registry, 1).await;
    gate.open();
    assert!(second.await.expect("no panic").contains("slow 1\n"));
    assert_eq!(gathered.times(), 1);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"499\"}"), 1.0);
}

#[tokio::test]
async fn a_collector_that_blocks_costs_its_own_families_and_is_not_asked_again() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(2)));
    let before = Called::register(&registry, "before");
    let (gate, _open, gathered) = blocked(&registry, "stuck");
    let after = Called::register(&registry, "after");
    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(Counter::new("included_total", "Theirs.").expect("valid"))).expect("not there yet");
    registry.include(theirs);
    for scrape in 1..=3 {
        let text = get(&page, "/").await;
        for there in ["before 1\n", "after 1\n", "included_total 0\n"] {
            assert!(text.contains(there), "{there} is missing in scrape {scrape}:\n{text}");
        }
        assert!(!text.contains("stuck"), "{text}");
        assert!(text.contains(&format!("errors_total{{cause=\"timeout\"}} {scrape}\n")), "{text}");
    }
    assert_eq!((before.times(), gathered.times(), after.times()), (3, 1, 3));
    gate.open();
    eventually("it has answered", || registry.collectors_are_idle()).await;
    assert!(get(&page, "/").await.contains("stuck 1\n"));
    assert_eq!(gathered.times(), 2);
}

#[tokio::test]
async fn the_time_that_a_scraper_has_is_kept() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(86_400)));
    let (_gate, _open, gathered) = blocked(&registry, "stuck");
    let response = ask(&page, Request::get("/").header("x-prometheus-scrape-timeout-seconds", "0.2")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let text = text(response).await;
    assert!(!text.contains("stuck") && text.contains("cause=\"timeout\"} 1\n"), "{text}");
    assert_eq!(gathered.times(), 1);
}

#[tokio::test]
async fn one_that_has_little_time_takes_nothing_from_one_that_has_more() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let next = Called::register(&registry, "next");
    let patient = {
        let page = page.clone();
        tokio::spawn(async move { get(&page, "/").await })
    };
    eventually("it is gathered", || gathered.times() == 1).await;
    let hasty = ask(&page, Request::get("/").header("x-prometheus-scrape-timeout-seconds", "0.001")).await;
    assert!(!text(hasty).await.contains("slow 1\n"));
    gate.open();
    let whole = patient.await.expect("no panic");
    assert!(whole.contains("slow 1\n") && whole.contains("next 1\n"), "{whole}");
    assert_eq!(gathered.times(), 1);
    assert!(next.times() >= 1);
}

#[tokio::test]
async fn what_no_page_can_have_is_left_out() {
    let (page, registry) = endpoint(Endpoint::new());
    let ours = Descriptor::gauge("ours", "Ours.");
    registry.gauge(ours).expect("valid").get_or_create(&[]).expect("no labels").set(1.0);
    Called::register(&registry, "theirs");
    register(&registry, "panics", || panic!("a canary"));
    register(&registry, "named", || vec![changed("named", |family| family.set_name("no name\n# EOF".to_owned()))]);
    register(&registry, "labelled", || vec![labelled(&[("a b", "c")])]);
    register(&registry, "twice_labelled", || vec![labelled(&[("a", "b"), ("a", "c")])]);
    register(&registry, "twice", || [families("twice"), families("twice")].concat());
    register(&registry, "typed", || {
        vec![families("typed").remove(0), changed("typed", |family| family.set_field_type(MetricType::COUNTER))]
    });
    register(&registry, "taken", || families("ours"));
    let text = get(&page, "/").await;
    for there in ["ours 1\n", "theirs 1\n", "typed 1\n"] {
        assert!(text.contains(there), "{there} is missing:\n{text}");
    }
    assert!(!text.contains("canary") && !text.contains("no name") && !text.contains("# EOF"), "{text}");
    for (cause, errors) in [("panic", 1), ("invalid", 5), ("duplicate", 1), ("timeout", 0)] {
        let line = format!("metrics_runtime_scrape_errors_total{{cause=\"{cause}\"}} {errors}\n");
        assert!(text.contains(&line), "{line} is missing:\n{text}");
    }
}

#[tokio::test]
async fn where_a_page_has_to_be_whole_one_that_is_not_is_an_error() {
    let (page, registry) = endpoint(Endpoint::new().strict(true).deadline(Duration::from_secs(2)));
    Called::register(&registry, "theirs");
    assert!(get(&page, "/").await.contains("theirs 1\n"));
    let (gate, _open, _) = blocked(&registry, "stuck");
    let response = ask(&page, Request::get("/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(response).await.contains("metrics_runtime_scrape_errors_total"));
    gate.open();
    eventually("it has answered", || registry.collectors_are_idle()).await;
    assert!(get(&page, "/").await.contains("stuck 1\n"));
    register(&registry, "panics", || panic!("a canary"));
    let response = ask(&page, Request::get("/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text(response).await.contains("canary"));
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"500\"}"), 2.0);
}

fn changed(name: &str, change: impl FnOnce(&mut MetricFamily)) -> MetricFamily {
    let mut family = families(name).remove(0);
    change(&mut family);
    family
}

fn labelled(labels: &[(&str, &str)]) -> MetricFamily {
    changed(&format!("labelled_{}", labels.len()), |family| {
        let pairs = labels.iter().map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let pairs = pairs.collect();
        family.mut_metric()[0].set_label(pairs);
    })
}
