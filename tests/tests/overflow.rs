//! Overflow: beyond the limit of series, operations go to one `_overflow` series and are counted, and totals stay
//! exact.
//!
//! The limit applies to the global registry, so these tests have their own process.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

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
#[track_in_flight(name = "in_flight", labels(tenant = tenant))]
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
    assert_eq!(total("in_flight"), 0.0);
    for name in ["calls_total", "length_count", "in_flight"] {
        assert_eq!(page.series(name).len(), LIMIT + 1, "{name}");
    }
    let per_tenant = (THREADS * CALLS) as f64;
    let beyond = all - per_tenant * LIMIT as f64;
    assert_eq!(page.value("calls_total", [("tenant", OVERFLOW), ("status", OVERFLOW)]), beyond);
    assert_eq!(page.value("length_count", [("tenant", OVERFLOW)]), beyond);
    for metric in ["calls_total", "length", "in_flight"] {
        assert_eq!(overflowed(metric), beyond, "{metric}");
    }
    // The series of a tenant has all calls of this tenant.
    for series in page.series("calls_total") {
        assert!([per_tenant, beyond].contains(&series.value), "{series:?}");
    }
}

#[test]
fn labels_of_the_result_overflow_too() {
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
fn panics_and_cancellations_beyond_the_limit_are_counted() {
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

    /// Bounded labels: the limit does not apply.
    pub(super) fn bounded_total(kind: Kind, other: Kind) -> Counter;
    /// One bounded and one unbounded label.
    pub(super) fn unbounded_total(kind: Kind, tenant: &str) -> Counter;
}

#[test]
fn series_of_bounded_labels_do_not_count_towards_the_limit() {
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
fn calls_with_bounded_labels_do_not_count_towards_the_limit() {
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
fn a_value_named_overflow_does_not_create_a_second_series() {
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
    // The parser of the page would reject a second series with the same labels.
    let named_so = page().series("named_so_total").len();
    assert!((LIMIT..=LIMIT + 1).contains(&named_so), "{named_so} series");
}

/// A subscriber may count the warning about a metric at its limit with this same metric.
#[test]
fn a_subscriber_that_records_log_events_does_not_deadlock() {
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
