//! Sources are isolated: a collector or a breaker source that panics, blocks or renders the registry again loses only its
//! own families.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use metrics_runtime::circuit_breaker::{BreakerSource, CircuitBreaker, Settings, Shown, Snapshot, State, show_in};
use metrics_runtime::{Descriptor, Metrics, Registry};
use prometheus::IntGauge;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use support::{bomb, page_of, quiet_panic, scrape};
use tests::page::Page;

/// A collector that calls a closure before it gives the gauge of its name.
struct Before<F> {
    description: Desc,
    gauge: IntGauge,
    run: F,
}

impl<F: Fn() + Send + Sync> Collector for Before<F> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.description]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.run)();
        self.gauge.collect()
    }
}

fn register(registry: &Registry, name: &str, run: impl Fn() + Send + Sync + 'static) {
    let description = Desc::new(name.to_owned(), "Foreign.".to_owned(), Vec::new(), HashMap::new()).unwrap();
    let gauge = IntGauge::new(name, "Foreign.").unwrap();
    registry.register(Box::new(Before { description, gauge, run })).unwrap();
}

/// A breaker that calls a closure before it gives its state.
struct Breaker<F>(F);

impl<F: Fn() + Send + Sync> BreakerSource for Breaker<F> {
    fn snapshot(&self) -> Snapshot {
        (self.0)();
        Snapshot::new(State::Open)
    }
}

fn shown(registry: &Registry, service: &str, run: impl Fn() + Send + Sync + 'static) -> Shown {
    show_in(registry, service, Breaker(run)).unwrap()
}

fn errors(page: &Page, cause: &str) -> f64 {
    page.value("metrics_runtime_scrape_errors_total", [("cause", cause)])
}

fn state(page: &Page, service: &str) -> Option<f64> {
    page.sample("circuit_breaker_state", [("service", service)])
}

/// A gate that blocks whoever passes, until it is dropped.
#[derive(Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn blocks(&self) -> impl Fn() + Send + Sync + use<> {
        let gate = Arc::clone(&self.0);
        move || drop(gate.1.wait_while(gate.0.lock().unwrap(), |open| !*open).unwrap())
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[tokio::test]
async fn a_source_that_renders_its_registry_is_left_out_and_counted() {
    let registry = Registry::new();
    let renders = || {
        let registry = registry.clone();
        move || drop(registry.render())
    };
    register(&registry, "first", renders());
    register(&registry, "second", renders());
    register(&registry, "other", || {});
    let _fuse = shown(&registry, "fuse", renders());
    let _good = shown(&registry, "good", || {});
    for page in [page_of(&registry), scrape(&registry, Duration::from_secs(600)).await] {
        assert_eq!((page.sample("first", []), page.sample("second", []), state(&page, "fuse")), (None, None, None));
        assert_eq!((page.sample("other", []), state(&page, "good")), (Some(0.0), Some(1.0)));
    }
    assert_eq!(errors(&page_of(&registry), "recursion"), 9.0);
}

#[test]
fn a_source_that_describes_its_registry_is_left_out_and_counted() {
    let metrics = Metrics::builder().registry(&Registry::new()).build().unwrap();
    let registry = metrics.registry().clone();
    register(&registry, "describes", move || drop(metrics.describe()));
    let page = page_of(&registry);
    assert_eq!((page.sample("describes", []), errors(&page, "recursion")), (None, 1.0));
}

#[test]
fn a_source_can_render_another_registry() {
    let (registry, other) = (Registry::new(), Registry::new());
    other.gauge(Descriptor::gauge("depth", "Depth.")).unwrap().get_or_create(&[]).unwrap().set(1.0);
    register(&other, "there", || {});
    let renders = other.clone();
    register(&registry, "bridge", move || assert!(renders.render().contains("\nthere 0\n")));
    assert_eq!(page_of(&registry).sample("bridge", []), Some(0.0));
    // And each of two registries the other one.
    let renders = registry.clone();
    register(&other, "back", move || drop(renders.render()));
    let page = page_of(&registry);
    assert_eq!((page.sample("bridge", []), errors(&page, "recursion")), (None, 1.0));
}

#[test]
fn a_breaker_that_renders_through_a_registry_of_the_prometheus_crate_is_left_out() {
    let metrics = Metrics::builder().registry(&Registry::new()).build().unwrap();
    let there = prometheus::Registry::new();
    there.register(Box::new(metrics.collector())).unwrap();
    let gathers = there.clone();
    let _fuse = shown(metrics.registry(), "fuse", move || drop(gathers.gather()));
    let _good = shown(metrics.registry(), "good", || {});
    let families = there.gather();
    let states = families.iter().find(|family| family.name() == "circuit_breaker_state").unwrap();
    assert_eq!(states.get_metric().len(), 1);
    assert_eq!(errors(&page_of(metrics.registry()), "recursion"), 2.0);
}

#[tokio::test]
async fn a_breaker_source_that_panics_loses_only_its_own_series() {
    let registry = Registry::new();
    let own = CircuitBreaker::register_in(&registry, "own", Settings::consecutive(3)).unwrap();
    let _panics = shown(&registry, "panics", || quiet_panic());
    let _bomb = shown(&registry, "bomb", || bomb());
    let _good = shown(&registry, "good", || {});
    register(&registry, "bombs", || bomb());
    for page in [page_of(&registry), scrape(&registry, Duration::from_secs(600)).await] {
        assert_eq!((state(&page, "own"), state(&page, "good")), (Some(0.0), Some(1.0)));
        assert_eq!((state(&page, "panics"), state(&page, "bomb")), (None, None));
    }
    assert_eq!(errors(&page_of(&registry), "panic"), 9.0);
    drop(own);
}

#[tokio::test]
async fn a_breaker_source_that_blocks_loses_only_its_own_series() {
    let (registry, gate) = (Registry::new(), Gate::default());
    let own = CircuitBreaker::register_in(&registry, "own", Settings::consecutive(3)).unwrap();
    let blocked = shown(&registry, "blocked", gate.blocks());
    let _good = shown(&registry, "good", || {});
    // Long enough for the others on a busy machine.
    let page = scrape(&registry, Duration::from_secs(5)).await;
    assert_eq!((state(&page, "own"), state(&page, "good"), state(&page, "blocked")), (Some(0.0), Some(1.0), None));
    assert_eq!((errors(&page, "timeout"), errors(&page, "panic")), (1.0, 0.0));
    drop(gate);
    let page = scrape(&registry, Duration::from_secs(600)).await;
    assert_eq!(state(&page, "blocked"), Some(1.0));
    drop((blocked, own));
    let page = scrape(&registry, Duration::from_secs(600)).await;
    assert_eq!((state(&page, "blocked"), errors(&page, "timeout")), (None, 1.0));
}

#[test]
fn a_listener_with_a_payload_that_panics_when_dropped_is_told_of_every_transition() {
    let breaker = CircuitBreaker::new("vault", Settings::consecutive(1)).unwrap();
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    breaker.on_transition(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        bomb()
    });
    breaker.force_open();
    breaker.disable();
    breaker.force_open();
    assert_eq!(told.load(Ordering::Relaxed), 3);
}
