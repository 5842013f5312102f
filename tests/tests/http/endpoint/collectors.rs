//! Foreign collectors that panic, block or return invalid families, and concurrent scrapes.
//!
//! Most tests run on a single-threaded runtime: a scrape that blocked its worker would block the test too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use metrics_runtime::Descriptor;
use prometheus::Counter;
use prometheus::proto::{self, MetricFamily, MetricType};
use tower::Service as _;

use super::collector::{CallCount, families, register};
use super::*;
use crate::{eventually, poll_once};

/// The deadline of an endpoint with a collector that misses it. All others keep it on a busy machine too.
const MISSED: Duration = Duration::from_secs(5);

/// A gate that blocks a collector until it is opened. [`OpenOnDrop`] opens it at the end of the test.
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

fn blocked(registry: &Registry, name: &'static str) -> (Gate, OpenOnDrop, CallCount) {
    let (gate, times) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
    let (waiting, count) = (gate.clone(), Arc::clone(&times));
    register(registry, name, move || {
        count.fetch_add(1, Ordering::Relaxed);
        waiting.pass();
        families(name)
    });
    (gate.clone(), OpenOnDrop(gate), CallCount(times))
}

/// Creates another endpoint of the registry, which waits for a running collector that has missed the deadline of the
/// first endpoint.
fn patient(registry: &Registry) -> EndpointService {
    let endpoint = Endpoint::new().deadline(Duration::from_secs(600));
    Metrics::builder().registry(registry).endpoint(endpoint).build().expect("valid settings").endpoint()
}

#[tokio::test]
async fn a_hundred_concurrent_scrapes_share_one_gather() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let scrapes: Vec<_> = (0..100)
        .map(|i| {
            // With and without gzip, complete or filtered: all share one page.
            let (uri, coding) = [("/", "gzip"), ("/", "identity"), ("/?name[]=slow", "identity")][i % 3];
            let request = Request::get(uri).header("accept-encoding", coding).body(()).expect("a request");
            let mut scrape = Box::pin(page.clone().call(request));
            assert!(poll_once(scrape.as_mut()).is_pending());
            scrape
        })
        .collect();
    gate.open();
    let mut pages = BTreeSet::new();
    for scrape in scrapes {
        let response = scrape.await.expect("the endpoint does not fail");
        assert_eq!(response.status(), StatusCode::OK);
        pages.insert(body(response).await);
    }
    assert_eq!(gathered.get(), 1);
    assert_eq!(pages.len(), 3, "one body per encoding and filter");
    // A later scrape gets a new page.
    assert!(get(&page, "/").await.contains("metrics_runtime_scrapes_total{code=\"200\"} 100\n"));
    assert_eq!(gathered.get(), 2);
}

/// A scrape returns what was recorded before it, even if it shares its page with other scrapes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_scrape_returns_values_older_than_its_request() {
    let (page, registry) = endpoint(Endpoint::new());
    let done = registry.counter(Descriptor::counter("done_total", "Done.").labels(["by"])).expect("valid");
    let calls = CallCount::register(&registry, "foreign");
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
    assert!(calls.get() <= 8 * 50);
}

#[tokio::test]
async fn a_scraper_that_disconnects_does_not_cancel_the_shared_page() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let scrape = || Box::pin(page.clone().call(Request::get("/").body(()).expect("a request")));
    let mut first = scrape();
    assert!(poll_once(first.as_mut()).is_pending());
    eventually("it is gathered", || gathered.get() == 1).await;
    let mut second = scrape();
    assert!(poll_once(second.as_mut()).is_pending());
    drop(first);
    gate.open();
    let text = text(second.await.expect("the endpoint does not fail")).await;
    assert!(text.contains("slow 1\n") && text.contains("metrics_runtime_scrapes_in_flight 1\n"), "{text}");
    assert_eq!(gathered.get(), 1);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"499\"}"), 1.0);
}

#[tokio::test]
async fn a_blocked_collector_loses_its_own_families_only_and_is_not_called_again() {
    let (page, registry) = endpoint(Endpoint::new().deadline(MISSED));
    let before = CallCount::register(&registry, "before");
    let (gate, _open, gathered) = blocked(&registry, "stuck");
    let after = CallCount::register(&registry, "after");
    let included = prometheus::Registry::new();
    included
        .register(Box::new(Counter::new("included_total", "Foreign.").expect("valid")))
        .expect("not registered yet");
    registry.include(included);
    for scrape in 1..=3 {
        let text = get(&page, "/").await;
        for line in ["before 1\n", "after 1\n", "included_total 0\n"] {
            assert!(text.contains(line), "{line} is missing in scrape {scrape}:\n{text}");
        }
        assert!(!text.contains("stuck"), "{text}");
        assert!(text.contains(&format!("errors_total{{cause=\"timeout\"}} {scrape}\n")), "{text}");
    }
    assert_eq!((before.get(), gathered.get(), after.get()), (3, 1, 3));
    gate.open();
    assert!(get(&patient(&registry), "/").await.contains("stuck 1\n"));
    // The collector has returned, so the next scrape calls it again.
    let calls = gathered.get();
    assert!(get(&page, "/").await.contains("stuck 1\n"));
    assert_eq!(gathered.get(), calls + 1);
}

#[tokio::test]
async fn the_timeout_of_the_scraper_is_kept() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(86_400)));
    let (_gate, _open, gathered) = blocked(&registry, "stuck");
    let response = send(&page, Request::get("/").header("x-prometheus-scrape-timeout-seconds", "0.2")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let text = text(response).await;
    assert!(!text.contains("stuck") && text.contains("metrics_runtime_scrapes_in_flight 1\n"), "{text}");
    eventually("it is gathered", || gathered.get() == 1).await;
}

/// The errors raise an alert, so a scraper cannot cause them with a timeout that no collector can keep.
#[tokio::test]
async fn a_timeout_that_only_the_scraper_sets_is_not_an_error_of_the_service() {
    let (page, registry) = endpoint(Endpoint::new().deadline(2 * MISSED));
    let (_gate, _open, gathered) = blocked(&registry, "stuck");
    for timeout in ["0.001", "0.000000001", "0.2", "1e-8", "0.01"] {
        let response = send(&page, Request::get("/").header("x-prometheus-scrape-timeout-seconds", timeout)).await;
        assert_eq!(response.status(), StatusCode::OK);
        let text = text(response).await;
        assert!(!text.contains("stuck"), "{text}");
        assert!(text.contains("cause=\"timeout\"} 0\n"), "{text}");
        assert!(text.contains("metrics_runtime_scrape_series 0\n"), "a page without some collectors does not set it");
    }
    // The deadline of the endpoint is counted, from the start of the call.
    let text = get(&page, "/").await;
    assert!(!text.contains("stuck") && text.contains("cause=\"timeout\"} 1\n"), "{text}");
    assert_eq!(gathered.get(), 1);
}

/// Requests that end before their page is written leave nothing behind, whatever timeouts they name.
#[tokio::test]
async fn clients_that_disconnect_at_once_do_not_start_threads_or_calls() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "metrics-scrape").count()
    };
    let before = threads();
    for i in 1..=2_000 {
        let request = Request::get(if i % 3 == 0 { "/?name[]=slow" } else { "/" })
            .header("x-prometheus-scrape-timeout-seconds", (600.0 + f64::from(i) / 1e3).to_string())
            .header("accept-encoding", if i % 2 == 0 { "gzip" } else { "identity" });
        let mut scrape = Box::pin(page.clone().call(request.body(()).expect("a request")));
        assert!(poll_once(scrape.as_mut()).is_pending());
    }
    // Other tests of this process have threads of this name too.
    assert!(threads() <= before + 200, "{} threads", threads());
    let mut last = Box::pin(page.clone().call(Request::get("/").body(()).expect("a request")));
    assert!(poll_once(last.as_mut()).is_pending());
    eventually("it is gathered", || gathered.get() == 1).await;
    gate.open();
    assert!(text(last.await.expect("the endpoint does not fail")).await.contains("slow 1\n"));
    // The first call was for a client that has disconnected. The last page joined it, or started its own.
    assert!(gathered.get() <= 2);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"499\"}"), 2_000.0);
}

#[tokio::test]
async fn a_scraper_with_a_short_timeout_takes_nothing_from_one_with_a_long_timeout() {
    let (page, registry) = endpoint(Endpoint::new().deadline(Duration::from_secs(600)));
    let (gate, _open, gathered) = blocked(&registry, "slow");
    let next = CallCount::register(&registry, "next");
    let long = {
        let page = page.clone();
        tokio::spawn(async move { get(&page, "/").await })
    };
    eventually("it is gathered", || gathered.get() == 1).await;
    let short = send(&page, Request::get("/").header("x-prometheus-scrape-timeout-seconds", "0.001")).await;
    assert!(!text(short).await.contains("slow 1\n"));
    gate.open();
    let complete = long.await.expect("no panic");
    assert!(complete.contains("slow 1\n") && complete.contains("next 1\n"), "{complete}");
    assert_eq!(gathered.get(), 1);
    assert!(next.get() >= 1);
}

#[tokio::test]
async fn invalid_families_are_left_out() {
    let (page, registry) = endpoint(Endpoint::new());
    let own = Descriptor::gauge("own", "Own.");
    registry.gauge(own).expect("valid").get_or_create(&[]).expect("no labels").set(1.0);
    CallCount::register(&registry, "foreign");
    register(&registry, "panics", || panic!("a canary"));
    register(&registry, "named", || vec![changed("named", |family| family.set_name("no name\n# EOF".to_owned()))]);
    register(&registry, "labelled", || vec![labelled(&[("a b", "c")])]);
    register(&registry, "twice_labelled", || vec![labelled(&[("a", "b"), ("a", "c")])]);
    register(&registry, "twice", || [families("twice"), families("twice")].concat());
    register(&registry, "typed", || {
        vec![families("typed").remove(0), changed("typed", |family| family.set_field_type(MetricType::COUNTER))]
    });
    register(&registry, "taken", || families("own"));
    let text = get(&page, "/").await;
    for line in ["own 1\n", "foreign 1\n", "typed 1\n"] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
    assert!(!text.contains("canary") && !text.contains("no name") && !text.contains("# EOF"), "{text}");
    for (cause, errors) in [("panic", 1), ("invalid", 5), ("duplicate", 1), ("timeout", 0)] {
        let line = format!("metrics_runtime_scrape_errors_total{{cause=\"{cause}\"}} {errors}\n");
        assert!(text.contains(&line), "{line} is missing:\n{text}");
    }
}

#[tokio::test]
async fn an_incomplete_page_is_an_error_if_strict() {
    let (page, registry) = endpoint(Endpoint::new().strict(true).deadline(MISSED));
    CallCount::register(&registry, "foreign");
    assert!(get(&page, "/").await.contains("foreign 1\n"));
    let (gate, _open, _) = blocked(&registry, "stuck");
    let response = send(&page, Request::get("/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(response).await.contains("metrics_runtime_scrape_errors_total"));
    gate.open();
    assert!(get(&patient(&registry), "/").await.contains("stuck 1\n"));
    assert!(get(&page, "/").await.contains("stuck 1\n"));
    register(&registry, "panics", || panic!("a canary"));
    let response = send(&page, Request::get("/")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!text(response).await.contains("canary"));
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"500\"}"), 2.0);
}

/// A name that selects nothing may be that of a family of the failed collector.
#[tokio::test]
async fn a_strict_page_of_selected_families_does_not_depend_on_others() {
    let (page, registry) = endpoint(Endpoint::new().strict(true));
    CallCount::register(&registry, "foreign");
    let own = Descriptor::gauge("own", "Own.");
    registry.gauge(own).expect("valid").get_or_create(&[]).expect("no labels").set(1.0);
    register(&registry, "broken", || panic!("a canary"));
    for (uri, code) in [
        ("/?name[]=own", StatusCode::OK),
        ("/?name[]=own&name[]=foreign", StatusCode::OK),
        ("/?name[]=broken", StatusCode::INTERNAL_SERVER_ERROR),
        ("/?name[]=own&name[]=broken", StatusCode::INTERNAL_SERVER_ERROR),
        ("/?name[]=none", StatusCode::INTERNAL_SERVER_ERROR),
        ("/", StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        assert_eq!(send(&page, Request::get(uri)).await.status(), code, "{uri}");
    }
    let text = get(&page, "/?name[]=own&name[]=foreign").await;
    assert!(text.contains("\nown 1\n") && text.contains("\nforeign 1\n") && text.lines().count() == 6, "{text}");
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
