//! Overflow: beyond the limit of series, operations go to `_overflow` series and are counted, and totals stay exact.
//! Series whose values the program bounds are never displaced.
//!
//! The limit applies to the global registry, so these tests have their own process.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::sync::Once;

use metrics_runtime::{
    Descriptor, LabelValue, MAX_LABEL_VALUE_BYTES, Metrics, Registry, RegistryError, metrics, track, track_counter,
    track_histogram, track_in_flight,
};
use support::{OnEvent, page, quiet_panic, sample};
use tests::log::subscribe;

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
    assert_eq!(page.value("calls_total", [("tenant", OVERFLOW), ("status", "success")]), beyond);
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
    assert_eq!(sample("returned_total", [("size", OVERFLOW), ("status", "success")]), 90.0);
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
    for status in ["panic", "cancelled"] {
        assert_eq!(sample("ended_total", [("tenant", OVERFLOW), ("status", status)]), 45.0, "{status}");
    }
}

#[test]
fn errors_beyond_the_limit_are_still_errors() {
    #[track(name = "failing", labels(kind: Kind = kind, tenant = tenant, code = |result: &Result<u8, u8>| match result { Ok(code) | Err(code) => *code }))]
    fn failing(kind: Kind, tenant: usize) -> Result<u8, u8> {
        if matches!(kind, Kind::A) { Err(u8::try_from(tenant).unwrap()) } else { Ok(1) }
    }
    limited();
    for tenant in 0..60 {
        let _ = failing(Kind::A, tenant);
        let _ = failing(Kind::B, tenant);
    }
    let page = page();
    let of = |kind: &str, status: &str| {
        let series = page.series("failing_total");
        let of = series.iter().filter(|sample| sample.labels["kind"] == kind && sample.labels["status"] == status);
        of.map(|sample| sample.value).sum::<f64>()
    };
    assert_eq!((of("a", "error"), of("a", "success")), (60.0, 0.0));
    assert_eq!((of("b", "success"), of("b", "error")), (60.0, 0.0));
    // The tenant and the code are run-time values, so both are in one overflow series.
    let beyond = [("kind", "a"), ("tenant", OVERFLOW), ("code", OVERFLOW), ("status", "error")];
    assert!(page.value("failing_total", beyond) >= 50.0);
    assert_eq!(total("failing_duration_seconds_count"), 120.0);
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
    assert_eq!(sample("unbounded_total", [("kind", "a"), ("tenant", OVERFLOW)]), 32.0);
    assert_eq!(overflowed("unbounded_total"), 16.0);
}

/// Room for three.
const ROOM: usize = 3;

#[metrics(limit = super::ROOM)]
mod own_limit {
    pub(super) fn rooms_total(room: usize) -> Counter;
    pub(super) fn last_room(room: usize) -> Gauge;
}

#[test]
fn an_attribute_has_its_own_limit() {
    #[track(name = "roomy", in_flight, labels(tenant = tenant), limit = 2 * LIMIT)]
    fn roomy(tenant: usize) -> usize {
        tenant
    }
    limited();
    for tenant in 0..25 {
        roomy(tenant);
        own_limit::rooms_total(tenant).inc();
    }
    assert_eq!((page().series("roomy_total").len(), page().series("rooms_total").len()), (2 * LIMIT + 1, ROOM + 1));
    assert_eq!(sample("roomy_total", [("tenant", OVERFLOW), ("status", "success")]), 5.0);
    assert_eq!(sample("rooms_total", [("room", OVERFLOW)]), 22.0);
}

#[test]
fn a_gauge_without_room_is_not_on_the_page_and_is_counted() {
    limited();
    for room in 0..8 {
        own_limit::last_room(room).set(room as f64);
    }
    let values: Vec<_> = page().series("last_room").into_iter().map(|sample| sample.value).collect();
    assert_eq!(values, [0.0, 1.0, 2.0]);
    assert_eq!(overflowed("last_room"), 5.0);
}

#[test]
fn the_counter_of_overflows_counts_look_ups() {
    let registry = Registry::new();
    let family =
        registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["tenant"]).series_limit(1)).unwrap();
    let inc = |tenant: &str, times| {
        let series = family.get_or_create(&[tenant]).unwrap();
        (0..times).for_each(|_| series.inc());
    };
    inc("a", 5);
    inc("b", 10);
    inc("c", 1);
    let page = support::page_of(&registry);
    assert_eq!(page.value("jobs_total", [("tenant", OVERFLOW)]), 11.0);
    assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", "jobs_total")]), 2.0);
}

#[test]
fn limits_are_set_for_a_registry_and_for_a_family() {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).series_limit(2).build().unwrap();
    let wide = || Descriptor::counter("wide_total", "W.").labels(["a"]);
    let families = [
        registry.counter(Descriptor::counter("narrow_total", "N.").labels(["a"])).unwrap(),
        registry.counter(wide().series_limit(4)).unwrap(),
        registry.counter(Descriptor::counter("later_total", "L.").labels(["a"])).unwrap(),
    ];
    families[2].set_series_limit(3);
    for n in 0..9 {
        for family in &families {
            family.get_or_create(&[&n.to_string()]).unwrap().inc();
        }
    }
    let page = support::page_of(&registry);
    let series = |name| page.series(name).len();
    assert_eq!((series("narrow_total"), series("wide_total"), series("later_total")), (3, 5, 4));
    assert!(registry.counter(wide()).is_ok(), "no limit agrees with any");
    let conflict = registry.counter(wide().series_limit(5));
    assert!(matches!(conflict, Err(RegistryError::Conflict { what: "limit of series", .. })));
    for nonsense in [0, 2_000_000] {
        let invalid = registry.counter(Descriptor::counter("x_total", "X.").series_limit(nonsense));
        assert!(matches!(invalid, Err(RegistryError::Invalid { .. })), "{nonsense}");
    }
    let limits = metrics.describe().metrics.into_iter().map(|metric| (metric.base_name, metric.series_limit));
    let limits: Vec<_> = limits.filter(|(_, limit)| limit.is_some()).collect();
    assert_eq!(limits, [("later_total".to_owned(), Some(3)), ("wide_total".to_owned(), Some(4))]);
}

#[test]
fn calls_with_values_of_a_megabyte_cost_a_kilobyte() {
    #[track_counter(name = "long_total", labels(tenant = tenant))]
    fn long(tenant: &str) -> usize {
        tenant.len()
    }
    limited();
    let values = ["a", "b"].map(|last| format!("{}{last}", "é\"".repeat(1 << 19)));
    for value in [&values[0], &values[1], &values[0]] {
        long(value);
    }
    let page = page();
    let succeeded = page.series("long_total").into_iter().filter(|sample| sample.labels["status"] == "success");
    let counts: Vec<_> = succeeded
        .map(|sample| {
            assert!(sample.labels["tenant"].len() <= MAX_LABEL_VALUE_BYTES);
            sample.value
        })
        .collect();
    assert_eq!(counts, [2.0, 1.0]);
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
    let _subscribed = subscribe(counts_events);
    for target in 0..=LIMIT {
        logged(&target.to_string());
    }
    measured("one", f64::NAN);
    assert!(total("logged_total") > (LIMIT + 1) as f64);
}
