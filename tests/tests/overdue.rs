//! Calls that are cancelled after the latency that their function promises.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]
#![cfg(not(metrics_off))]

mod support;

use std::future::pending;
use std::time::{Duration, Instant};

use metrics_runtime::presets::{Instrument, Preset};
use metrics_runtime::{LabelValue, Metrics, catalog, track, track_histogram, track_ryot, track_storage};
use support::{abandon, calls, page, panics_async, quiet_panic, ready, sample};

/// The promise of functions that break it.
const SHORT: Duration = Duration::from_millis(1);

/// Takes longer than [`SHORT`].
fn dawdle() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3) {}
}

#[track_caller]
fn durations(name: &str) -> f64 {
    sample(&format!("{name}_count"), [])
}

#[track(name = "hangs", buckets = [0.001, 1], objective(latency(SHORT, 99.0)))]
async fn hangs() {
    dawdle();
    pending::<()>().await;
}

#[track(name = "patient", buckets = [1, 3600], objective(latency("1h", 99.0)))]
async fn patient() {
    dawdle();
    pending::<()>().await;
}

#[test]
fn a_call_that_is_cancelled_after_its_promised_latency_is_overdue() {
    assert_eq!(sample("hangs_overdue_total", []), 0.0, "it starts at zero");
    abandon(hangs());
    assert_eq!(sample("hangs_overdue_total", []), 1.0);
    assert_eq!(sample("hangs_total", [("status", "cancelled")]), 1.0);
    assert_eq!(durations("hangs_duration_seconds"), 0.0, "it has no duration");
}

#[test]
fn a_call_that_is_cancelled_earlier_says_nothing() {
    abandon(patient());
    drop(patient());
    assert_eq!(sample("patient_overdue_total", []), 0.0);
    assert_eq!(sample("patient_total", [("status", "cancelled")]), 1.0);
}

#[tokio::test]
async fn a_timeout_around_a_call_that_hangs_breaks_its_promise() {
    #[track(name = "behind_timeout", buckets = [0.001, 1], objective(success = 99.0, latency(SHORT, 99.0)))]
    async fn behind_timeout() {
        pending::<()>().await;
    }
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_millis(5), behind_timeout()).await.is_err());
    }
    assert_eq!(sample("behind_timeout_overdue_total", []), 3.0);
}

#[track(name = "ends", buckets = [0.001, 1], objective(latency(SHORT, 99.0)))]
async fn ends(panic: bool) -> Result<(), ()> {
    dawdle();
    if panic { quiet_panic() } else { Err(()) }
}

#[tokio::test]
async fn a_call_that_ends_late_has_a_duration_and_is_not_overdue() {
    ends(false).await.unwrap_err();
    panics_async(ends(true)).await;
    assert_eq!(sample("ends_overdue_total", []), 0.0);
    assert_eq!(durations("ends_duration_seconds"), 2.0);
    assert_eq!(sample("ends_duration_seconds_bucket", [("le", "0.001")]), 0.0);
}

#[track(objective(latency("5ms", 99.0)))]
fn sync() {}

#[track(objective(latency("5ms", 99.0)))]
async fn unnamed() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(20) {}
    pending::<()>().await;
}

#[track]
async fn promises_nothing() {
    dawdle();
    pending::<()>().await;
}

#[track(objective(success = 99.0))]
async fn promises_only_success() {
    dawdle();
    pending::<()>().await;
}

#[test]
fn functions_without_a_name_share_one_counter_and_those_without_a_promise_have_no_series() {
    sync();
    abandon(unnamed());
    abandon(promises_nothing());
    abandon(promises_only_success());
    let overdue = |function| sample("function_call_overdue_total", [("function", function), ("module", "overdue")]);
    assert_eq!((overdue("sync"), overdue("unnamed")), (0.0, 1.0));
    assert_eq!(calls("overdue", "promises_nothing"), [0.0, 0.0, 0.0, 1.0]);
    let page = page();
    let functions: Vec<_> =
        page.series("function_call_overdue_total").iter().map(|sample| sample.labels["function"].clone()).collect();
    assert_eq!(functions.len(), 2, "{functions:?}");
}

#[derive(LabelValue, Clone, Copy)]
enum Plan {
    Free,
    Paid,
}

#[track(
    name = "labelled", buckets = [0.001, 1], labels(plan = plan, kind = "a", answer: Plan = |r| *r),
    objective(latency(SHORT, 99.0))
)]
async fn labelled(plan: Plan) -> Plan {
    dawdle();
    pending::<()>().await;
    plan
}

#[track(name = "open", buckets = [0.001, 1], labels(tenant = tenant), limit = 1, objective(latency(SHORT, 99.0)))]
async fn open(tenant: &str) {
    dawdle();
    pending::<()>().await;
}

#[test]
fn the_labels_are_those_of_the_histogram() {
    let overdue = |plan| sample("labelled_overdue_total", [("plan", plan), ("kind", "a"), ("answer", "cancelled")]);
    assert_eq!((overdue("free"), overdue("paid")), (0.0, 0.0), "known labels start at zero");
    for plan in [Plan::Free, Plan::Paid, Plan::Paid] {
        abandon(labelled(plan));
    }
    assert_eq!((overdue("free"), overdue("paid")), (1.0, 2.0));

    for tenant in ["acme", "umbrella", "initech"] {
        abandon(open(tenant));
    }
    assert_eq!(sample("open_overdue_total", [("tenant", "acme")]), 1.0);
    assert_eq!(sample("open_overdue_total", [("tenant", "_overflow")]), 2.0, "the limit is that of the histogram");
}

const MAIL: Preset = Preset::new()
    .calls(Instrument::counter("mails_total", "Mails by status."))
    .duration(Instrument::histogram("mail_sending_seconds", "Time to send a mail.", &[0.001, 1.0]).labels(&[]));

#[track(preset = MAIL, labels(kind = "welcome"), objective(latency(SHORT, 99.0)))]
async fn mail() {
    dawdle();
    pending::<()>().await;
}

#[track_histogram(name = "queue_seconds", buckets = [0.001, 1], objective(latency(SHORT, 99.0)))]
async fn queue() {
    dawdle();
    pending::<()>().await;
}

#[track_ryot(objective(latency("100ms", 99.0)))]
async fn generate() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(150) {}
    pending::<()>().await;
}

#[track_storage("store", timed, objective(latency("5ms", 99.0)))]
async fn store() {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(20) {}
    pending::<()>().await;
}

#[test]
fn every_attribute_that_observes_durations_counts_overdue_calls() {
    abandon(mail());
    assert_eq!(sample("mail_sending_overdue_total", []), 1.0);
    abandon(queue());
    assert_eq!(sample("queue_overdue_total", []), 1.0);
    abandon(generate());
    assert_eq!(sample("ryot_request_overdue_total", []), 1.0);
    abandon(store());
    assert_eq!(sample("sigmavault_operation_overdue_total", [("operation", "store")]), 1.0);
}

#[track(name = "by_value", returns = future, buckets = [0.001, 1], objective(latency(SHORT, 99.0)))]
fn boxed() -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async {
        dawdle();
        pending::<()>().await;
    })
}

#[test]
fn a_returned_future_can_be_overdue() {
    drop(boxed());
    assert_eq!(sample("by_value_overdue_total", []), 0.0);
    abandon(boxed());
    assert_eq!(sample("by_value_overdue_total", []), 1.0);
}

#[test]
fn the_catalog_and_the_description_have_the_counter() {
    let catalog = catalog();
    let declared = catalog.iter().find(|declared| declared.descriptor.name == "labelled_overdue_total").unwrap();
    assert_eq!(declared.source.function, "labelled");
    assert_eq!(declared.values, [vec!["free", "paid"], vec!["a"], vec!["cancelled"]]);
    assert_eq!(declared.objective, None, "the objective is that of the histogram");
    let description = Metrics::builder().build().unwrap().describe();
    let described = description.metrics.iter().find(|metric| metric.base_name == "hangs_overdue_total").unwrap();
    assert_eq!(
        described.help,
        "Calls that were cancelled after their promised latency; they are not in hangs_duration_seconds."
    );
    assert!(ready(async { true }));
}
