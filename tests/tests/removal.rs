//! The removal of series: what leaves the page, what comes back, and that no operation of a handle is lost.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_runtime::{Counter, Descriptor, Family, Gauge, Registry, metrics, track, track_in_flight};
use support::{page, page_of};
use tests::page::Page;

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

#[track(name = "calls", labels(tenant = tenant))]
fn call(tenant: &str) -> usize {
    tenant.len()
}

#[metrics]
mod business {
    pub(super) fn orders_total(tenant: &str) -> Counter;
    pub(super) fn sales_total(tenant: &str) -> Counter;
}

/// Functions hold their series for as long as the program runs.
#[test]
fn a_series_of_a_function_is_hidden_until_it_is_recorded_again() {
    let registry = Registry::global();
    let catalog = metrics_runtime::catalog();
    let of = |name: &str| catalog.iter().find(|found| found.descriptor.name == name).unwrap().descriptor.clone();
    let (calls, orders) = (registry.counter(of("calls_total")).unwrap(), registry.counter(of("orders_total")).unwrap());
    // Two series that can be removed become those of the functions, with what they have recorded.
    calls.get_or_create(&["early", "success"]).unwrap().inc_by(10);
    let early = orders.get_or_create(&["early"]).unwrap();
    early.inc_by(10);
    for tenant in ["early", "acme"] {
        call(tenant);
        business::orders_total(tenant).inc();
    }
    early.inc_by(100);
    let value = |page: &Page, tenant| {
        let calls = page.sample("calls_total", [("tenant", tenant), ("status", "success")]);
        (calls, page.sample("orders_total", [("tenant", tenant)]))
    };
    let before = page();
    assert_eq!(value(&before, "early"), (Some(11.0), Some(111.0)));
    assert_eq!(value(&before, "acme"), (Some(1.0), Some(1.0)));
    assert!(calls.remove(&["acme", "success"]) && orders.remove(&["acme"]));
    assert!(!calls.remove(&["acme", "success"]), "it is not on the page");
    assert_eq!(value(&page(), "acme"), (None, None));
    call("acme");
    business::orders_total("acme").inc();
    assert_eq!(value(&page(), "acme"), (Some(2.0), Some(2.0)));
    orders.clear();
    assert!(page().series("orders_total").is_empty());
}

#[test]
fn nothing_is_lost_when_a_function_starts_to_hold_a_series() {
    const OPERATIONS: u64 = 20_000;
    let registry = Registry::global();
    let catalog = metrics_runtime::catalog();
    let of = |name: &str| catalog.iter().find(|found| found.descriptor.name == name).unwrap().descriptor.clone();
    let sales = registry.counter(of("sales_total")).unwrap();
    for round in 0..20 {
        let tenant = round.to_string();
        let handle = sales.get_or_create(&[&tenant]).unwrap();
        let started = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                started.wait();
                (0..OPERATIONS).for_each(|_| handle.inc());
            });
            started.wait();
            business::sales_total(&tenant).inc();
            let page = page();
            assert!(page.value("sales_total", [("tenant", tenant.as_str())]) >= 1.0);
        });
        drop(handle);
        assert_eq!(page().value("sales_total", [("tenant", tenant.as_str())]), (OPERATIONS + 1) as f64);
    }
}

#[metrics(prefix = "held_")]
mod held {
    /// Depth of a queue.
    pub(super) fn depth(queue: &str) -> Gauge;
}

fn held_depth() -> Family<Gauge> {
    held::depth("a").add(0.0);
    Registry::global().gauge(Descriptor::gauge("held_depth", "Depth of a queue.").labels(["queue"])).expect("the same")
}

fn depth_of(queue: &str) -> Option<f64> {
    let page = page();
    let found = page.series("held_depth").into_iter().find(|sample| sample.labels["queue"] == queue);
    found.map(|sample| sample.value)
}

#[test]
fn a_handle_of_a_gauge_stays_valid_when_a_function_starts_to_hold_the_series() {
    let depth = held_depth();
    let (handle, owned) = (depth.get_or_create(&["b"]).unwrap(), depth.owned(&["c"]).unwrap());
    handle.set(1.0);
    owned.set(2.0);
    held::depth("b").add(1.0);
    held::depth("c").add(1.0);
    handle.add(5.0);
    owned.add(5.0);
    assert_eq!((depth_of("b"), depth_of("c")), (Some(7.0), Some(8.0)));
    drop(owned);
    assert_eq!((depth_of("b"), depth_of("c")), (Some(7.0), None));
}

#[test]
fn a_call_in_flight_stays_counted_when_a_function_starts_to_hold_the_series() {
    #[track_in_flight(name = "held_now", help = "Now.", labels(queue = queue))]
    fn now(queue: &str) -> f64 {
        page().value("held_now", [("queue", queue)])
    }
    let gauge = Descriptor::gauge("held_now", "Now.").labels(["queue"]);
    now("other");
    let calls = Registry::global().in_flight(gauge).expect("the same");
    let handle = calls.get_or_create(&["a"]).unwrap();
    handle.enter();
    handle.enter();
    assert_eq!(now("a"), 3.0);
    handle.exit();
    assert_eq!(page().value("held_now", [("queue", "a")]), 1.0);
}

#[test]
fn a_series_that_functions_hold_is_hidden_when_its_last_owner_is_dropped() {
    let depth = held_depth();
    held::depth("d").set(3.0);
    let (first, second) = (depth.owned(&["d"]).unwrap(), depth.owned(&["d"]).unwrap());
    drop(first);
    assert_eq!(depth_of("d"), Some(3.0));
    drop(second);
    assert_eq!(depth_of("d"), None);
    let third = depth.owned(&["d"]).unwrap();
    third.set(3.0);
    assert_eq!(depth_of("d"), Some(3.0));
}

#[test]
fn a_gauge_that_is_not_a_number_can_be_removed() {
    let depth = held_depth();
    held::depth("e").set(f64::NAN);
    assert!(depth.remove(&["e"]) && !depth.remove(&["e"]));
    assert_eq!(depth_of("e"), None);
}

#[test]
fn every_page_has_every_series_while_functions_start_to_hold_them() {
    let depth = held_depth();
    let queues: Vec<String> = (0..200).map(|queue| format!("race{queue}")).collect();
    for queue in &queues {
        depth.get_or_create(&[queue]).unwrap().set(1.0);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for queue in &queues {
                held::depth(queue).add(0.0);
                std::thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let page = page();
            let found = page.series("held_depth").into_iter();
            let found = found.filter(|sample| sample.labels["queue"].starts_with("race") && sample.value == 1.0);
            assert_eq!(found.count(), queues.len());
        }
    });
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

/// A million label values come and go.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_flat_while_a_million_series_come_and_go() {
    const SERIES: usize = 2_000;
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("a file of Linux");
        let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
        pages * 4
    }
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
    // Other tests of this process run meanwhile. Each of the million would take more than a hundred bytes.
    let grown = resident().saturating_sub(early);
    assert!(grown < 32 * 1024, "{grown} KiB");
}
