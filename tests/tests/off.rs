//! A build with `--cfg metrics_off`: functions run as without attributes, and nothing is recorded.
//!
//! Arguments are checked as in every build, by the same expansion.
#![cfg(metrics_off)]
#![allow(clippy::unused_async, clippy::unused_self, clippy::unnecessary_wraps, reason = "the bodies are minimal")]

use metrics_runtime::{
    Counter, LabelValue, Metrics, Registry, catalog, metrics, track, track_compression, track_counter, track_histogram,
    track_in_flight, track_ryot, track_storage,
};
use tests::page::Page;

#[derive(Clone, Copy, LabelValue)]
enum Tenant {
    Acme,
}

/// Only used in an attribute. It must not be unused.
fn label_of(result: &Result<u32, String>) -> Tenant {
    match result {
        Ok(_) | Err(_) => Tenant::Acme,
    }
}

#[track]
fn plain(x: u32) -> u32 {
    x + 1
}

#[track(name = "labelled", labels(tenant = tenant, from_result = |result| label_of(result)), ok_if = |r| r.is_ok())]
async fn labelled(tenant: Tenant) -> Result<u32, String> {
    Ok(3)
}

#[track_ryot(model = model, tokens = |text| text.len())]
async fn ryot(model: &str) -> Result<String, u8> {
    Ok(String::from("a b"))
}

#[track_compression(ratio = |ratio| *ratio)]
fn compression() -> Option<f64> {
    Some(2.0)
}

#[track_storage("store", timed)]
fn storage(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().copied()
}

#[track_histogram(name = "size_bytes", unit = "bytes", buckets = [1, 2], value = |bytes| bytes.len())]
fn sized() -> Vec<u8> {
    vec![0; 2]
}

#[track_counter(name = "jobs_total")]
#[track_in_flight(name = "jobs_in_flight")]
fn job() {}

struct Service;

#[track]
impl Service {
    fn method(&self) -> &Self {
        self
    }

    #[track(skip)]
    fn skipped(&self) -> u8 {
        4
    }
}

#[metrics]
mod business {
    use super::Counter;

    /// Sold items.
    pub(super) fn sold_total(kind: &str) -> Counter;
}

#[tokio::test]
async fn functions_run_and_nothing_is_recorded_or_declared() {
    assert_eq!(plain(1), 2);
    assert_eq!(labelled(Tenant::Acme).await, Ok(3));
    assert_eq!(ryot("tiny").await.as_deref(), Ok("a b"));
    assert_eq!(compression(), Some(2.0));
    assert_eq!(storage(&[1, 2]).sum::<u8>(), 3);
    assert_eq!(sized().len(), 2);
    job();
    assert_eq!(Service.method().skipped(), 4);
    let declared: Vec<_> = catalog().into_iter().map(|declaration| declaration.descriptor.name).collect();
    assert_eq!(declared, ["sold_total"]);
}

#[test]
fn the_program_can_see_that_metrics_are_off() {
    assert!(!Metrics::builder().enabled(true).registry(&Registry::new()).build().expect("valid settings").is_enabled());
}

#[test]
fn business_metrics_record_nothing() {
    business::sold_total("book").inc();
    let page = Page::parse_text(&Registry::global().render()).expect("a page");
    assert!(page.series("sold_total").is_empty());
}
