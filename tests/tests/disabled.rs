//! Metrics that are switched off at install: functions run only their body, and labels are not evaluated.
//!
//! The switch applies to the whole process, so this test has its own process.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use metrics_runtime::Outcome::{Cancelled, Success};
use metrics_runtime::{InstallError, Metrics, metrics, track, track_counter, track_histogram};
use support::{Payload, assert_in_flight, assert_recorded, page, panics, quiet_panic, ready};

static READ: AtomicUsize = AtomicUsize::new(0);

fn read() -> usize {
    READ.fetch_add(1, Ordering::Relaxed)
}

#[track(name = "plain", in_flight)]
fn plain(text: String) -> Result<usize, String> {
    if text.is_empty() { Err(text) } else { Ok(text.len()) }
}

#[track(name = "waiting", in_flight)]
async fn waiting(done: bool) -> u8 {
    if !done {
        pending::<()>().await;
    }
    1
}

#[track(name = "promised", buckets = [0.001, 1], objective(latency("1ms", 99.0)))]
async fn promised() {
    std::thread::sleep(std::time::Duration::from_millis(2));
    pending::<()>().await;
}

#[track_counter(name = "labelled_total", labels(entry = read(), returned = |_: &u8| read()), ok_if = |_| read() < 100)]
async fn labelled() -> u8 {
    1
}

#[track_histogram(name = "values", labels(entry = read()), value = |_| read())]
fn boxed() -> BoxFuture<'static, u8> {
    Box::pin(async { 2 })
}

#[track]
fn never() -> ! {
    quiet_panic()
}

#[metrics]
mod business {
    /// Sold items.
    pub(super) fn sold_total() -> Counter;
    /// Sold items by kind.
    pub(super) fn kinds_total(kind: &str) -> Counter;
    /// Queued items.
    pub(super) fn queued(urgent: bool) -> Gauge;
}

fn sell() {
    business::sold_total().inc();
    business::kinds_total("book").inc();
    business::queued(true).set(7.0);
}

#[test]
fn calls_in_flight_are_recorded_and_later_ones_are_not() {
    assert_eq!(plain("a".into()), Ok(1));
    let mut in_flight = Box::pin(waiting(false));
    assert!(ready(async { futures::poll!(&mut in_flight) }).is_pending());
    assert_in_flight("waiting", 1, &[]);

    sell();
    let metrics = Metrics::builder().namespace("app").enabled(false).install().unwrap();
    assert!(!metrics.is_enabled());

    assert_eq!(plain("ab".into()), Ok(2));
    assert_eq!(plain(String::new()), Err(String::new()));
    assert_eq!(ready(waiting(true)), 1);
    support::abandon(waiting(false));
    assert_eq!(ready(labelled()), 1);
    assert_eq!(ready(boxed()), 2);
    assert_eq!(panics(|| never()), Payload(7));
    support::abandon(promised());
    assert_eq!(page().value("promised_overdue_total", []), 0.0);
    sell();
    sell();
    assert_eq!(page().value("sold_total", []), 1.0);
    assert_eq!(page().value("kinds_total", [("kind", "book")]), 1.0);
    assert_eq!(page().value("queued", [("urgent", "true")]), 7.0);
    assert_recorded("plain", &[Success]);
    assert_in_flight("waiting", 1, &[]);
    assert_eq!(READ.load(Ordering::Relaxed), 0);
    assert_eq!(page().series("labelled_total").len() + page().series("values_count").len(), 0);

    // This call began while metrics were on.
    drop(in_flight);
    assert_recorded("waiting", &[Cancelled]);

    let again = Metrics::builder().install();
    assert!(matches!(again, Err(InstallError::AlreadyInstalled)));
    assert_eq!(plain("a".into()), Ok(1));
    assert_recorded("plain", &[Success]);
}
