//! The removal of series: what leaves the page, what comes back, and that no operation of a handle is lost.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::task::{Context, Waker};

use futures::FutureExt as _;
use metrics_runtime::{Counter, Descriptor, Family, Gauge, LabelValue, Registry, metrics, track};
use support::page_of;
use tests::page::Page;

/// The page of the global registry. One at a time: what was recorded after a removal is added by one page, and another one
/// that is written meanwhile does not have it yet.
#[track_caller]
fn page() -> Page {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    support::page()
}

fn counters(registry: &Registry) -> Family<Counter> {
    registry
        .counter(Descriptor::counter("jobs_total", "Jobs.").labels(["tenant", "queue"]))
        .expect("a valid definition")
}

fn gauges(registry: &Registry) -> Family<Gauge> {
    registry.gauge(Descriptor::gauge("depth", "Depth.").labels(["queue"])).expect("a valid definition")
}

fn tenants(page: &Page) -> Vec<String> {
    page.series("jobs_total").into_iter().map(|sample| sample.labels["tenant"].clone()).collect()
}

#[test]
fn a_removed_series_is_not_on_the_page_and_starts_again_from_zero() {
    let registry = Registry::new();
    let jobs = counters(&registry);
    for tenant in ["a", "b", "c"] {
        jobs.get_or_create(&[tenant, "mails"]).unwrap().inc_by(7);
    }
    assert!(jobs.remove(&["b", "mails"]));
    assert!(!jobs.remove(&["b", "mails"]) && !jobs.remove(&["b"]) && !jobs.remove(&["b", "pages"]));
    assert_eq!(tenants(&page_of(&registry)), ["a", "c"]);
    jobs.get_or_create(&["b", "mails"]).unwrap().inc();
    assert_eq!(page_of(&registry).value("jobs_total", [("tenant", "b"), ("queue", "mails")]), 1.0);
}

#[test]
fn series_are_removed_by_some_of_their_values_or_all_at_once() {
    let registry = Registry::new();
    let jobs = counters(&registry);
    for tenant in ["a", "b\"\\\n", "c"] {
        for queue in ["mails", "pages"] {
            jobs.get_or_create(&[tenant, queue]).unwrap().inc();
        }
    }
    jobs.retain(|values| values[0] != "b\"\\\n");
    assert_eq!(tenants(&page_of(&registry)), ["a", "a", "c", "c"]);
    // The function that decides may use the family.
    jobs.retain(|values| jobs.get_or_create(values).unwrap().get() == 1.0 && values[1] == "pages");
    assert_eq!(tenants(&page_of(&registry)), ["a", "c"]);
    jobs.clear();
    assert!(tenants(&page_of(&registry)).is_empty());
}

#[test]
fn a_series_with_a_long_value_is_removed_by_that_value() {
    let registry = Registry::new();
    let jobs = counters(&registry);
    let long = "x".repeat(5_000);
    for remove in
        [&|| registry.remove_series("tenant", &long), &|| assert!(jobs.remove(&[&long, "mails"]))] as [&dyn Fn(); 2]
    {
        jobs.get_or_create(&[&long, "mails"]).unwrap().inc();
        assert_eq!(tenants(&page_of(&registry)).len(), 1);
        remove();
        assert!(tenants(&page_of(&registry)).is_empty());
    }
    drop(jobs.owned(&[&long, "mails"]).unwrap());
    assert!(tenants(&page_of(&registry)).is_empty());
}

#[test]
fn an_owned_series_goes_with_its_last_owner() {
    let registry = Registry::new();
    let depth = gauges(&registry);
    let (first, second) = (depth.owned(&["mails"]).unwrap(), depth.owned(&["mails"]).unwrap());
    assert!(depth.owned(&[]).is_err());
    first.set(3.0);
    drop(first);
    assert_eq!(page_of(&registry).value("depth", [("queue", "mails")]), 3.0);
    second.inc();
    assert_eq!(page_of(&registry).value("depth", [("queue", "mails")]), 4.0);
    drop(second);
    assert!(page_of(&registry).series("depth").is_empty());
    let third = depth.owned(&["mails"]).unwrap();
    assert_eq!(third.get(), 0.0);
}

#[test]
fn an_owner_does_not_remove_the_series_that_followed_its_own() {
    let registry = Registry::new();
    let depth = gauges(&registry);
    let owner = depth.owned(&["mails"]).unwrap();
    assert!(depth.remove(&["mails"]));
    depth.get_or_create(&["mails"]).unwrap().set(5.0);
    drop(owner);
    assert_eq!(page_of(&registry).value("depth", [("queue", "mails")]), 5.0);
}

#[test]
fn what_a_handle_records_after_the_removal_is_on_the_next_page() {
    let registry = Registry::new();
    let jobs = counters(&registry);
    let sizes = registry.histogram(Descriptor::histogram("size", "Size.", vec![1.0, 2.0]).labels(["queue"])).unwrap();
    let (job, size) = (jobs.get_or_create(&["a", "q"]).unwrap(), sizes.get_or_create(&["q"]).unwrap());
    job.inc_by(100);
    size.observe(0.5);
    jobs.clear();
    sizes.clear();
    assert!(page_of(&registry).series("jobs_total").is_empty() && page_of(&registry).series("size_count").is_empty());
    job.inc_by(3);
    job.add(0.5);
    size.observe(1.5);
    size.observe(9.0);
    // The new series gets what both handles record, in any order.
    jobs.get_or_create(&["a", "q"]).unwrap().inc_by(1_000);
    for _ in 0..2 {
        let page = page_of(&registry);
        assert_eq!(page.value("jobs_total", [("tenant", "a"), ("queue", "q")]), 1_003.5);
        let le = |le| page.value("size_bucket", [("queue", "q"), ("le", le)]);
        assert_eq!((le("1"), le("2"), le("+Inf")), (0.0, 1.0, 2.0));
        assert_eq!((page.value("size_sum", [("queue", "q")]), page.value("size_count", [("queue", "q")])), (10.5, 2.0));
    }
    job.inc();
    drop((job, size));
    assert_eq!(page_of(&registry).value("jobs_total", [("tenant", "a"), ("queue", "q")]), 1_004.5);
}

#[test]
fn a_handle_of_a_removed_gauge_has_no_effect() {
    let registry = Registry::new();
    let depth = gauges(&registry);
    let calls = registry.in_flight(Descriptor::gauge("calls", "Calls.").labels(["queue"])).unwrap();
    let (old, call) = (depth.get_or_create(&["q"]).unwrap(), calls.get_or_create(&["q"]).unwrap());
    call.enter();
    depth.clear();
    calls.clear();
    old.set(7.0);
    let again = calls.get_or_create(&["q"]).unwrap();
    again.enter();
    call.exit();
    let page = page_of(&registry);
    assert!(page.series("depth").is_empty());
    assert_eq!(page.value("calls", [("queue", "q")]), 1.0);
}

#[test]
fn a_removed_series_makes_room_for_another_one() {
    let registry = Registry::new();
    let depth = gauges(&registry);
    depth.set_series_limit(2);
    for round in 0..100 {
        let queues = [round, round + 1_000].map(|queue| queue.to_string());
        for queue in &queues {
            depth.get_or_create(&[queue]).unwrap().set(1.0);
        }
        depth.get_or_create(&["no room"]).unwrap().set(9.0);
        assert_eq!(page_of(&registry).series("depth").len(), 2);
        assert!(queues.iter().all(|queue| depth.remove(&[queue])));
    }
    assert_eq!(page_of(&registry).value("metrics_runtime_label_overflow_total", [("metric", "depth")]), 100.0);
}

#[test]
fn an_info_is_set() {
    let registry = Registry::new();
    let leader = registry.info(Descriptor::info("leader_info", "The leader.").labels(["node"])).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for term in 0..2_000 {
                leader.set(&[&term.to_string()]).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut last = -1.0;
        while !done.load(Ordering::Acquire) {
            let page = page_of(&registry);
            let nodes: Vec<f64> =
                page.series("leader_info").iter().map(|sample| sample.labels["node"].parse().unwrap()).collect();
            assert!(nodes.len() == 1 || nodes.is_empty() && last == -1.0, "{nodes:?}");
            if let [node] = *nodes {
                assert!(node >= last);
                last = node;
            }
        }
    });
    assert_eq!(page_of(&registry).value("leader_info", [("node", "1999")]), 1.0);
    assert!(leader.set(&[]).is_err());
}

#[test]
fn a_builder_sets_its_infos() {
    let registry = Registry::new();
    for version in ["1", "2"] {
        let builder = metrics_runtime::Metrics::builder().registry(&registry).info("app", [("version", version)]);
        let page = Page::parse_text(&builder.build().unwrap().render()).unwrap();
        assert_eq!(page.series("app_info").len(), 1);
        assert_eq!(page.value("app_info", [("version", version)]), 1.0);
    }
}

/// Returns the descriptor that an attribute or a function of a `#[metrics]` module declares.
fn declared(name: &str) -> Descriptor {
    let catalog = metrics_runtime::catalog();
    let found = catalog.iter().find(|found| found.descriptor.name == name);
    found.map(|found| found.descriptor.clone()).expect("a declared metric")
}

fn declared_counters(name: &str) -> Family<Counter> {
    Registry::global().counter(declared(name)).expect("the same definition")
}

#[derive(LabelValue)]
enum Queue {
    Mails,
}

#[track(name = "calls", labels(tenant = tenant))]
fn call(tenant: &str) -> usize {
    tenant.len()
}

#[metrics]
mod business {
    use super::Queue;
    pub(super) fn orders_total(tenant: &str) -> Counter;
    pub(super) fn sent_total(queue: Queue) -> Counter;
    pub(super) fn waiting(tenant: &str) -> Gauge;
}

#[test]
fn a_series_of_a_function_is_removed_and_starts_again_from_zero() {
    let (calls, orders) = (declared_counters("calls_total"), declared_counters("orders_total"));
    // Functions share their series with the handles of a family.
    calls.get_or_create(&["early", "success"]).unwrap().inc_by(10);
    orders.get_or_create(&["early"]).unwrap().inc_by(10);
    for tenant in ["early", "acme"] {
        call(tenant);
        business::orders_total(tenant).inc();
    }
    let value = |tenant| {
        let page = page();
        let calls = page.sample("calls_total", [("tenant", tenant), ("status", "success")]);
        (calls, page.sample("orders_total", [("tenant", tenant)]))
    };
    assert_eq!((value("early"), value("acme")), ((Some(11.0), Some(11.0)), (Some(1.0), Some(1.0))));
    assert!(calls.remove(&["acme", "success"]) && orders.remove(&["acme"]));
    assert!(!calls.remove(&["acme", "success"]) && !orders.remove(&["acme"]));
    assert_eq!(value("acme"), (None, None));
    call("acme");
    business::orders_total("acme").inc();
    assert_eq!((value("early"), value("acme")), ((Some(11.0), Some(11.0)), (Some(1.0), Some(1.0))));
}

#[test]
fn a_series_that_the_program_bounds_is_hidden_until_it_is_recorded_again() {
    let sent = declared_counters("sent_total");
    let value = || page().sample("sent_total", [("queue", "mails")]);
    business::sent_total(Queue::Mails).inc_by(2);
    assert!(sent.remove(&["mails"]) && !sent.remove(&["mails"]));
    assert_eq!(value(), None);
    business::sent_total(Queue::Mails).inc();
    assert_eq!(value(), Some(3.0));
    sent.clear();
    assert_eq!(value(), None);
}

#[test]
fn a_gauge_that_is_not_a_number_can_be_removed() {
    let waiting = Registry::global().gauge(declared("waiting")).unwrap();
    business::waiting("nan").set(f64::NAN);
    assert!(waiting.remove(&["nan"]) && !waiting.remove(&["nan"]));
    assert_eq!(page().sample("waiting", [("tenant", "nan")]), None);
}

/// Polls a future once.
fn is_done<F: Future + Unpin>(future: &mut F) -> bool {
    future.poll_unpin(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_call_in_flight_into_a_removed_series_is_not_lost() {
    #[track(name = "flight", labels(tenant = tenant), in_flight)]
    async fn flight(tenant: &str, failed: bool) -> Result<(), ()> {
        tokio::task::yield_now().await;
        if failed { Err(()) } else { Ok(()) }
    }
    let registry = Registry::global();
    let seen = |tenant: &str| {
        let page = page();
        let calls = |status| page.sample("flight_total", [("tenant", tenant), ("status", status)]);
        let duration = page.sample("flight_duration_seconds_count", [("tenant", tenant)]);
        (calls("success"), calls("error"), duration, page.sample("flight_in_flight", [("tenant", tenant)]))
    };
    let call = |failed| Box::pin(flight("a", failed));
    let (mut earlier, mut first, mut second) = (call(false), call(false), call(true));
    assert!(!is_done(&mut earlier) && is_done(&mut earlier));
    assert!(!is_done(&mut first) && !is_done(&mut second));
    assert_eq!(seen("a"), (Some(1.0), None, Some(1.0), Some(2.0)));
    declared_counters("flight_total").clear();
    registry.histogram(declared("flight_duration_seconds")).unwrap().clear();
    registry.in_flight(declared("flight_in_flight")).unwrap().clear();
    assert_eq!(seen("a"), (None, None, None, None));
    assert!(is_done(&mut first) && is_done(&mut second));
    assert_eq!(seen("a"), (Some(1.0), Some(1.0), Some(2.0), None));
    let mut third = call(false);
    assert!(!is_done(&mut third));
    assert_eq!(seen("a"), (Some(1.0), Some(1.0), Some(2.0), Some(1.0)));
    assert!(is_done(&mut third));
    assert_eq!(seen("a"), (Some(2.0), Some(1.0), Some(3.0), Some(0.0)));
}

#[test]
fn a_call_into_a_removed_series_without_room_keeps_its_status() {
    #[track(name = "late", labels(late_tenant = tenant), limit = 1)]
    async fn late(tenant: &str) -> Result<(), ()> {
        tokio::task::yield_now().await;
        Ok(())
    }
    let [mut first, mut second, mut other] = ["a", "a", "b"].map(|tenant| Box::pin(late(tenant)));
    assert!(!is_done(&mut first) && is_done(&mut first) && !is_done(&mut second));
    Registry::global().remove_series("late_tenant", "a");
    assert!(!is_done(&mut other) && is_done(&mut other) && is_done(&mut second));
    let page = page();
    let value = |tenant| page.value("late_total", [("late_tenant", tenant), ("status", "success")]);
    assert_eq!((value("b"), value("_overflow")), (1.0, 1.0));
    assert_eq!(page.series("late_total").len(), 2);
}

#[test]
fn calls_are_exact_while_their_series_are_removed() {
    #[track(name = "contended", labels(tenant = tenant, size = |n: &usize| n.to_string()))]
    fn contended(tenant: &str) -> usize {
        tenant.len()
    }
    const CALLS: usize = 2_000;
    contended("a");
    let calls = declared_counters("contended_total");
    for _ in 0..10 {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let threads = [(); 3].map(|()| scope.spawn(|| (0..CALLS).for_each(|_| _ = contended("a"))));
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    calls.clear();
                }
            });
            for thread in threads {
                thread.join().unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        calls.clear();
        drop(page());
        let before =
            page().sample("contended_total", [("tenant", "a"), ("size", "1"), ("status", "success")]).unwrap_or(0.0);
        assert!(before <= (3 * CALLS) as f64);
        (0..100).for_each(|_| _ = contended("a"));
        assert_eq!(
            page().value("contended_total", [("tenant", "a"), ("size", "1"), ("status", "success")]),
            before + 100.0
        );
    }
}

#[test]
fn tenants_of_functions_come_and_go_without_an_overflow() {
    #[track(name = "churn", labels(churning = tenant), limit = 100)]
    fn churn(tenant: &str) -> usize {
        tenant.len()
    }
    #[metrics(prefix = "churn_", limit = 100)]
    mod churns {
        pub(super) fn waiting(churning: &str) -> Gauge;
    }
    const TENANTS: usize = 20_000;
    const AT_ONCE: usize = 100;
    let mut early = 0;
    for i in 0..TENANTS {
        if i >= AT_ONCE {
            Registry::global().remove_series("churning", &(i - AT_ONCE).to_string());
        }
        let tenant = i.to_string();
        churn(&tenant);
        churns::waiting(&tenant).set(1.0);
        if i == TENANTS / 10 {
            drop(page());
            early = resident();
        }
    }
    let page = page();
    for metric in ["churn_total", "churn_duration_seconds", "churn_waiting"] {
        let samples = if metric.ends_with("seconds") { format!("{metric}_count") } else { metric.to_owned() };
        assert_eq!(page.series(&samples).len(), AT_ONCE, "{metric}");
        assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", metric)]), 0.0, "{metric}");
    }
    assert_flat(early);
}

#[test]
fn tenants_of_functions_with_labels_of_the_result_come_and_go_without_an_overflow() {
    #[track(name = "sized", labels(sized_for = tenant, size = |n: &usize| n.to_string()), limit = 100)]
    fn sized(tenant: &str) -> usize {
        tenant.len()
    }
    const TENANTS: usize = 1_000;
    const AT_ONCE: usize = 50;
    for i in 0..TENANTS {
        if i >= AT_ONCE {
            Registry::global().remove_series("sized_for", &(i - AT_ONCE).to_string());
        }
        sized(&i.to_string());
    }
    let page = page();
    for (metric, samples) in
        [("sized_total", "sized_total"), ("sized_duration_seconds", "sized_duration_seconds_count")]
    {
        assert_eq!(page.series(samples).len(), AT_ONCE, "{metric}");
        assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", metric)]), 0.0, "{metric}");
    }
}

#[test]
fn a_function_gets_the_room_that_another_function_of_the_metric_had() {
    mod early {
        #[metrics_runtime::track(name = "room", help = "Calls.", labels(roomer = tenant), limit = 100, in_flight)]
        pub(super) async fn call(tenant: &str) {
            let _ = tenant;
            tokio::task::yield_now().await;
        }
    }
    mod late {
        #[metrics_runtime::track(name = "room", help = "Calls.", labels(roomer = tenant), limit = 100, in_flight)]
        pub(super) async fn call(tenant: &str) {
            let _ = tenant;
            tokio::task::yield_now().await;
        }
    }
    let seen = |metric: &str, tenant: &str| {
        let page = page();
        let samples = page.series(metric).into_iter().filter(|sample| sample.labels["roomer"] == tenant);
        samples.map(|sample| sample.value).sum::<f64>()
    };
    for i in 0..100 {
        let tenant = i.to_string();
        let mut call = Box::pin(early::call(&tenant));
        assert!(!is_done(&mut call) && is_done(&mut call));
    }
    let names: Vec<_> = (100..200).map(|i| i.to_string()).collect();
    let mut calls: Vec<_> = names.iter().map(|name| Box::pin(late::call(name))).collect();
    assert!(!calls.iter_mut().any(is_done));
    assert_eq!((seen("room_in_flight", "_overflow"), seen("room_in_flight", "100")), (100.0, 0.0));
    (0..100).for_each(|i| Registry::global().remove_series("roomer", &i.to_string()));
    // A call that is not the first one of its tenant, and one of a new tenant.
    let mut again = Box::pin(late::call("100"));
    let mut new = Box::pin(late::call("200"));
    assert!(!is_done(&mut again) && !is_done(&mut new));
    assert_eq!(seen("room_in_flight", "_overflow"), 100.0);
    assert_eq!((seen("room_in_flight", "100"), seen("room_in_flight", "200")), (1.0, 1.0));
    assert!(is_done(&mut again) && is_done(&mut new) && calls.iter_mut().all(is_done));
    for tenant in ["_overflow", "100", "200"] {
        assert_eq!(seen("room_in_flight", tenant), 0.0, "{tenant}");
    }
    assert_eq!(seen("room_total", "200"), 1.0);
}

#[test]
fn pages_and_handles_agree_while_series_come_and_go() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 30;
    const OPERATIONS: u64 = 500;
    let registry = Registry::new();
    let jobs = counters(&registry);
    let sizes = registry.histogram(Descriptor::histogram("size", "Size.", vec![1.0]).labels(["queue"])).unwrap();
    let barrier = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let (job, size) = (jobs.get_or_create(&["a", "q"]).unwrap(), sizes.get_or_create(&["q"]).unwrap());
                    barrier.wait();
                    // Removed here.
                    barrier.wait();
                    for _ in 0..OPERATIONS {
                        job.inc();
                        size.observe(0.5);
                    }
                    drop((job, size));
                    barrier.wait();
                    // Compared here.
                    barrier.wait();
                }
            });
        }
        for _ in 0..ROUNDS {
            barrier.wait();
            jobs.clear();
            sizes.clear();
            barrier.wait();
            let mut last = 0.0;
            for _ in 0..5 {
                // The parser checks that the buckets of a histogram agree.
                let page = page_of(&registry);
                let now = page.sample("jobs_total", [("tenant", "a"), ("queue", "q")]).unwrap_or(0.0);
                assert!(now >= last, "{now} >= {last}");
                last = now;
            }
            barrier.wait();
            let page = page_of(&registry);
            let all = (THREADS as u64 * OPERATIONS) as f64;
            assert_eq!(page.value("jobs_total", [("tenant", "a"), ("queue", "q")]), all);
            assert_eq!(page.value("size_count", [("queue", "q")]), all);
            assert_eq!(page.value("size_sum", [("queue", "q")]), all / 2.0);
            barrier.wait();
        }
    });
}

/// Returns the resident memory of the process in KiB, or zero if it is not known.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4
}

/// Fails if the process has grown by more than other tests of it can need. Each of the series that have gone would take
/// more than a hundred bytes.
fn assert_flat(early: usize) {
    let grown = resident().saturating_sub(early);
    assert!(grown < 32 * 1024, "{grown} KiB");
}

#[test]
fn memory_is_flat_while_a_million_series_come_and_go() {
    const SERIES: usize = 2_000;
    let registry = Registry::new();
    let jobs = counters(&registry);
    let mut early = 0;
    for i in 0..1_000_000_usize {
        if i >= SERIES {
            assert!(jobs.remove(&[&(i - SERIES).to_string(), "q"]));
        }
        jobs.get_or_create(&[&i.to_string(), "q"]).unwrap().inc();
        if i == 50_000 {
            drop(registry.render());
            early = resident();
        }
    }
    assert_eq!(page_of(&registry).series("jobs_total").len(), SERIES);
    assert_eq!(page_of(&registry).value("metrics_runtime_label_overflow_total", [("metric", "jobs_total")]), 0.0);
    assert_flat(early);
}
