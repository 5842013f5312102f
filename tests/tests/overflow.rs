//! Beyond the limit of series, totals stay exact: what finds no room goes to one series, and that is counted.
//!
//! The limit is one for the process, so these tests have a process of their own.
#![cfg(not(feature = "off"))]
#![allow(clippy::float_cmp, reason = "a page is compared as it is written")]

mod support;

use std::sync::Once;

use metrics_runtime::{LabelValue, Registry, metrics, track, track_counter, track_histogram, track_in_flight};
use support::{OnEvent, page, quiet_panic, sample};

const LIMIT: usize = 10;
const OVERFLOW: &str = "_overflow";

fn limited() {
    static LIMITED: Once = Once::new();
    LIMITED.call_once(|| Registry::global().set_series_limit(LIMIT));
}

/// The sum of all series of a name.
fn total(name: &str) -> f64 {
    page().series(name).into_iter().map(|sample| sample.value).sum()
}

fn overflowed(metric: &str) -> f64 {
    sample("metrics_runtime_label_overflow_total", [("metric", metric)])
}

#[track_counter(name = "calls_total", labels(tenant = tenant))]
#[track_histogram(name = "length", value = |length| *length, labels(tenant = tenant))]
#[track_in_flight(name = "underway", labels(tenant = tenant))]
fn call(tenant: &str) -> usize {
    tenant.len()
}

#[test]
fn totals_of_attributes_are_exact_on_many_threads() {
    const THREADS: usize = 8;
    const TENANTS: usize = 40;
    const CALLS: usize = 5;
    limited();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..CALLS {
                    for tenant in 0..TENANTS {
                        call(&tenant.to_string());
                    }
                }
            });
        }
    });
    let all = (THREADS * TENANTS * CALLS) as f64;
    let page = page();
    assert_eq!(total("calls_total"), all);
    assert_eq!(total("length_count"), all);
    let lengths: usize = (0..TENANTS).map(|tenant| tenant.to_string().len()).sum();
    assert_eq!(total("length_sum"), (THREADS * CALLS * lengths) as f64);
    assert_eq!(total("underway"), 0.0);
    for name in ["calls_total", "length_count", "underway"] {
        assert_eq!(page.series(name).len(), LIMIT + 1, "{name}");
    }
    let per_tenant = (THREADS * CALLS) as f64;
    let beyond = all - per_tenant * LIMIT as f64;
    assert_eq!(page.value("calls_total", [("tenant", OVERFLOW), ("status", OVERFLOW)]), beyond);
    assert_eq!(page.value("length_count", [("tenant", OVERFLOW)]), beyond);
    for metric in ["calls_total", "length", "underway"] {
        assert_eq!(overflowed(metric), beyond, "{metric}");
    }
    // Every tenant that has a series has all of its calls in it.
    for series in page.series("calls_total") {
        assert!([per_tenant, beyond].contains(&series.value), "{series:?}");
    }
}

#[test]
fn labels_of_the_result_overflow_as_well() {
    #[track(name = "returned", in_flight, labels(size = |size: &usize| *size))]
    fn returned(size: usize) -> usize {
        size
    }
    limited();
    (0..100).for_each(|size| assert_eq!(returned(size), size));
    assert_eq!(total("returned_total"), 100.0);
    assert_eq!(sample("returned_total", [("size", OVERFLOW), ("status", OVERFLOW)]), 90.0);
    assert_eq!(sample("returned_duration_seconds_count", [("size", OVERFLOW)]), 90.0);
    assert_eq!(sample("returned_in_flight", []), 0.0);
    assert_eq!(overflowed("returned_total"), 90.0);
}

#[test]
fn panics_and_cancellations_of_what_found_no_room_count_too() {
    #[track(name = "ended", in_flight, labels(tenant = tenant))]
    async fn ended(tenant: usize, wait: bool) {
        if wait { std::future::pending().await } else { quiet_panic() }
    }
    limited();
    for tenant in 0..50 {
        support::abandon(ended(tenant, true));
        support::ready(support::panics_async(ended(tenant, false)));
    }
    assert_eq!(total("ended_total"), 100.0);
    assert_eq!(total("ended_duration_seconds_count"), 50.0);
    assert_eq!(total("ended_in_flight"), 0.0);
}

#[derive(Clone, Copy, LabelValue)]
enum Kind {
    A,
    B,
    C,
    D,
    E,
    F,
}

#[metrics]
mod business {
    use super::Kind;

    /// Bounded by the program: the limit is not for these.
    pub(super) fn bounded_total(kind: Kind, other: Kind) -> Counter;
    /// Bounded in part.
    pub(super) fn unbounded_total(kind: Kind, tenant: &str) -> Counter;
}

#[test]
fn series_that_the_program_bounds_do_not_count() {
    limited();
    assert_eq!(page().series("bounded_total").len(), 36);
    business::bounded_total(Kind::A, Kind::F).inc();
    assert_eq!(sample("bounded_total", [("kind", "a"), ("other", "f")]), 1.0);
    assert_eq!(overflowed("bounded_total"), 0.0);
    for kind in [Kind::A, Kind::B, Kind::C, Kind::D, Kind::E, Kind::F] {
        business::unbounded_total(kind, "x").inc();
    }
    for tenant in 0..20 {
        business::unbounded_total(Kind::A, &tenant.to_string()).inc_by(2);
    }
    assert_eq!(total("unbounded_total"), 46.0);
    assert_eq!(sample("unbounded_total", [("kind", OVERFLOW), ("tenant", OVERFLOW)]), 32.0);
    assert_eq!(overflowed("unbounded_total"), 16.0);
}

#[test]
fn calls_whose_labels_the_program_bounds_do_not_count_either() {
    #[track_counter(name = "bounded_calls_total", labels(kind: Kind = kinds.0, other: Kind = kinds.1))]
    fn bounded(kinds: (Kind, Kind)) -> usize {
        size_of_val(&kinds)
    }
    limited();
    let kinds = [Kind::A, Kind::B, Kind::C, Kind::D, Kind::E, Kind::F];
    for kind in kinds {
        for other in kinds {
            bounded((kind, other));
        }
    }
    let page = page();
    assert_eq!(page.series("bounded_calls_total").len(), 36 * 4);
    let succeeded = |kind, other| [("kind", kind), ("other", other), ("status", "success")];
    for kind in ["a", "b", "c", "d", "e", "f"] {
        for other in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(page.value("bounded_calls_total", succeeded(kind, other)), 1.0, "{kind} {other}");
        }
    }
    assert_eq!(overflowed("bounded_calls_total"), 0.0);
}

#[test]
fn a_value_that_reads_overflow_is_no_way_to_a_second_such_series() {
    #[track_counter(name = "named_so_total", labels(status = tenant))]
    fn named_so(tenant: &str) -> usize {
        tenant.len()
    }
    limited();
    named_so(OVERFLOW);
    for tenant in 0..20 {
        named_so(&tenant.to_string());
    }
    named_so(OVERFLOW);
    assert_eq!(total("named_so_total"), 22.0);
    // A second series of that name would be refused by the parser of the page.
    let named_so = page().series("named_so_total").len();
    assert!((LIMIT..=LIMIT + 1).contains(&named_so), "{named_so} series");
}

/// The warning about a metric that has reached its limit may itself be counted by that metric.
#[test]
fn a_subscriber_that_records_what_is_logged_is_no_deadlock() {
    #[track_counter(name = "logged_total", labels(target = target))]
    fn logged(target: &str) -> usize {
        target.len()
    }
    #[track_histogram(name = "measured", value = |value| *value, labels(target = target))]
    fn measured(target: &str, value: f64) -> f64 {
        assert!(!target.is_empty());
        value
    }

    limited();
    let counts_events = OnEvent(|event: &tracing::Event<'_>| {
        logged(event.metadata().target());
        measured("another", f64::NAN);
    });
    tracing::subscriber::with_default(counts_events, || {
        for target in 0..=LIMIT {
            logged(&target.to_string());
        }
        measured("one", f64::NAN);
    });
    assert!(total("logged_total") > (LIMIT + 1) as f64);
}
