//! A warning in the log if the linker has lost entries of the catalog.
//!
//! The warning is logged once in a process, so this file has one test. It declares its call sites by hand, without the
//! macro that lists them, as if the linker had removed them.

mod support;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use metrics_runtime::__private::{
    Callsite, Counter, DeclaredBreaker, DeclaredMetric, Kind, MetricSite, Settings, Site, Source, preset,
};
use metrics_runtime::{Registry, catalog, track_counter};
use support::OnEvent;
use tests::log::subscribe;

static LOST: Callsite = Callsite::new(Site::new(&preset::TRACK, file!(), line!(), "incomplete", "lost"));

static OTHER: Callsite = Callsite::new(Site::new(&preset::TRACK, file!(), line!(), "incomplete", "other"));

static METRIC: DeclaredMetric<Counter> = DeclaredMetric::new(MetricSite {
    name: "lost_total",
    legacy_name: false,
    replaces: &[],
    help: "A lost counter.",
    kind: Kind::Counter,
    unit: None,
    buckets: &[],
    native: false,
    limit: None,
    labels: &[],
    source: Source::new(file!(), line!(), "incomplete", "lost_total"),
});

static BREAKER: DeclaredBreaker =
    DeclaredBreaker::new("lost", Settings::consecutive(5), Source::new(file!(), line!(), "incomplete", "breaker"));

#[track_counter(name = "listed_total")]
fn listed() {}

#[test]
fn an_entry_that_the_linker_has_lost_is_logged_once_and_still_recorded() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let events = log.clone();
    let subscriber = OnEvent(move |event: &tracing::Event<'_>| {
        let mut text = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            let _ = write!(text, "{field}={value:?} ");
        });
        events.lock().expect("no panic").push((*event.metadata().level(), text));
        // A subscriber may itself call functions that are not listed.
        drop(OTHER.enter());
    });
    let logged = || log.lock().expect("no panic").clone();
    let _subscribed = subscribe(subscriber);

    listed();
    assert!(catalog().iter().any(|declaration| declaration.source.function == "listed"));
    assert_eq!(logged(), [], "the catalog is complete as far as it is known");

    drop(LOST.enter());
    let [(level, event)] = &logged()[..] else { panic!("one event is expected: {:?}", logged()) };
    assert_eq!(*level, tracing::Level::WARN);
    assert!(event.contains("entries of the catalog"), "{event}");
    assert!(event.contains("tests/incomplete_catalog.rs:") && event.contains("(incomplete::lost)"), "{event}");

    drop(LOST.enter());
    METRIC.series(&[]).inc();
    BREAKER.get();
    assert_eq!(logged().len(), 1, "{:?}", logged());

    let page = Registry::global().render();
    assert!(page.contains("function_calls_total{function=\"lost\",module=\"incomplete\""), "{page}");
    assert!(page.contains("lost_total 1\n"), "{page}");
    assert!(page.contains("circuit_breaker_state{service=\"lost\""), "{page}");
}
