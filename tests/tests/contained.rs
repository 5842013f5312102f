//! Recording never changes what a function does: a panic in an argument of an attribute, or in a trait that it calls, does
//! not reach the caller.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]
#![allow(clippy::unused_async, reason = "the functions are minimal")]

mod support;

use metrics_runtime::circuit_breaker::CircuitOpen;
use metrics_runtime::{
    Classify, CompressionRatio, Label, LabelValue, Outcome, circuit_breaker, metrics, track, track_compression,
    track_counter, track_histogram,
};
use support::{quiet_panic, ready, sample};

#[test]
fn a_value_that_panics_counts_as_a_rejected_value() {
    struct Broken;
    impl CompressionRatio for Broken {
        fn compression_ratio(&self) -> f64 {
            quiet_panic()
        }
    }
    #[track_histogram(name = "first_items", buckets = [1, 2], value = |list| list[0])]
    fn items(list: Vec<u8>) -> Vec<u8> {
        list
    }
    #[track_counter(name = "first_total", value = |list| list[0])]
    async fn items_later(list: Vec<u8>) -> Vec<u8> {
        list
    }
    #[track_compression]
    fn compress() -> Result<Broken, ()> {
        Ok(Broken)
    }
    assert!(items(vec![]).is_empty());
    assert_eq!(items(vec![2]), [2]);
    assert!(ready(items_later(vec![])).is_empty());
    assert_eq!(ready(items_later(vec![3])), [3]);
    assert!(compress().is_ok());
    assert_eq!(sample("first_items_sum", []), 2.0);
    assert_eq!(sample("first_total", []), 3.0);
    assert_eq!(sample("metrics_runtime_rejected_values_total", []), 3.0);
}

#[test]
fn a_condition_that_panics_counts_the_call_as_an_error() {
    #[track(name = "conditions", ok_if = |n| 10 / *n > 0)]
    fn ok_if(n: u8) -> u8 {
        n
    }
    #[track(name = "negations", error_if = |n| 10 / *n > 0)]
    async fn error_if(n: u8) -> u8 {
        n
    }
    assert_eq!((ok_if(0), ok_if(1)), (0, 1));
    assert_eq!((ready(error_if(0)), ready(error_if(20))), (0, 20));
    for name in ["conditions_total", "negations_total"] {
        assert_eq!(sample(name, [("status", "error")]), 1.0);
        assert_eq!(sample(name, [("status", "success")]), 1.0);
    }
}

#[test]
fn a_classification_that_panics_counts_the_call_as_an_error() {
    #[derive(Debug, PartialEq)]
    struct Broken;
    impl Classify for Broken {
        fn classify(&self) -> Outcome {
            quiet_panic()
        }
    }
    #[track(name = "classified")]
    fn value() -> Broken {
        Broken
    }
    #[track(name = "classified_results")]
    async fn result() -> Result<u8, Broken> {
        Err(Broken)
    }
    assert_eq!(value(), Broken);
    assert_eq!(ready(result()), Err(Broken));
    assert_eq!(sample("classified_total", [("status", "error")]), 1.0);
    assert_eq!(sample("classified_results_total", [("status", "error")]), 1.0);
}

#[test]
fn a_label_that_panics_is_invalid_and_the_body_runs() {
    #[track(name = "expressions", labels(first: u8 = list[0]))]
    fn expression(list: &[u8]) -> usize {
        list.len()
    }
    #[track(name = "implementations", labels(broken: BrokenLabel = broken, kind = "a"))]
    async fn implementation(broken: BrokenLabel) -> BrokenLabel {
        broken
    }
    #[track(name = "results", labels(first = |list| list[0]))]
    fn result(list: Vec<u8>) -> Vec<u8> {
        list
    }
    assert_eq!((expression(&[]), expression(&[7])), (0, 1));
    ready(implementation(BrokenLabel));
    assert_eq!((result(vec![]), result(vec![7])), (vec![], vec![7]));
    assert_eq!(sample("expressions_total", [("first", "_invalid"), ("status", "success")]), 1.0);
    assert_eq!(sample("expressions_total", [("first", "7"), ("status", "success")]), 1.0);
    let labels = [("broken", "_invalid"), ("kind", "a"), ("status", "success")];
    assert_eq!(sample("implementations_total", labels), 1.0);
    assert_eq!(sample("results_total", [("first", "_invalid"), ("status", "success")]), 1.0);
    assert_eq!(sample("results_total", [("first", "7"), ("status", "success")]), 1.0);
}

struct BrokenLabel;

impl LabelValue for BrokenLabel {
    fn label(&self) -> Label<'_> {
        quiet_panic()
    }
}

#[metrics(prefix = "contained_")]
mod business {
    use super::BrokenLabel;

    /// Jobs.
    pub(super) fn jobs_total(broken: BrokenLabel) -> Counter;
}

#[test]
fn a_label_of_a_declared_metric_that_panics_is_invalid() {
    business::jobs_total(BrokenLabel).inc();
    assert_eq!(sample("contained_jobs_total", [("broken", "_invalid")]), 1.0);
}

#[test]
fn a_classification_of_a_breaker_that_panics_is_a_failure() {
    #[circuit_breaker(service = "contained", failures = 2, failure_if = |_| -> bool { quiet_panic() })]
    async fn judged() -> Result<u8, Failed> {
        Err(Failed)
    }
    #[circuit_breaker(service = "contained", failures = 2, classify = |_| -> bool { quiet_panic() })]
    async fn classified() -> Result<u8, Failed> {
        Ok(1)
    }
    assert_eq!(ready(judged()), Err(Failed));
    assert_eq!(ready(classified()), Ok(1));
    assert_eq!(sample("circuit_breaker_failures_total", [("service", "contained")]), 2.0);
    assert_eq!(sample("circuit_breaker_state", [("service", "contained")]), 1.0);
}

#[derive(Debug, PartialEq)]
struct Failed;

impl From<CircuitOpen> for Failed {
    fn from(_: CircuitOpen) -> Self {
        Self
    }
}
