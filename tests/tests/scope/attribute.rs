//! The forms of `#[metrics_runtime::test]`.

use std::num::ParseIntError;
use std::time::Duration;

use metrics_runtime::assert_metric;
use metrics_runtime::test::Scope;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::{Instant, sleep};

use crate::order;

#[metrics_runtime::test]
fn a_test_needs_no_scope() {
    order("a", true).unwrap();
}

#[metrics_runtime::test]
async fn an_async_test_needs_no_scope() {
    order("a", true).unwrap();
}

#[metrics_runtime::test]
fn a_test_may_return_a_result(metrics: Scope) -> Result<(), ParseIntError> {
    order("a", true).unwrap();
    assert_metric!(metrics, order_total { shop = "a" } == "1".parse::<u32>()?);
    Ok(())
}

#[metrics_runtime::test]
async fn an_async_test_may_return_a_result(_: Scope) -> Result<(), ParseIntError> {
    "1".parse::<u32>().map(drop)
}

#[metrics_runtime::test]
#[should_panic(expected = "sold out")]
fn a_test_should_panic(_: Scope) {
    order("a", false).unwrap();
}

#[metrics_runtime::test]
#[should_panic(expected = "sold out")]
async fn an_async_test_should_panic() {
    order("a", false).unwrap();
}

#[metrics_runtime::test]
#[ignore = "it fails"]
fn an_ignored_test_does_not_run(_: Scope) {
    panic!("it runs");
}

#[metrics_runtime::test]
#[cfg(any())]
fn a_test_that_is_configured_out_is_not_compiled(_: NoSuchType) {}

#[metrics_runtime::test]
async fn the_default_is_one_thread(_: Scope) {
    assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread);
}

#[metrics_runtime::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_test_chooses_its_threads(_: Scope) {
    assert_eq!(Handle::current().runtime_flavor(), RuntimeFlavor::MultiThread);
    assert_eq!(Handle::current().metrics().num_workers(), 3);
}

#[metrics_runtime::test(flavor = "current_thread", start_paused = true)]
async fn a_paused_clock_does_not_wait(_: Scope) {
    let started = (Instant::now(), std::time::Instant::now());
    sleep(Duration::from_secs(86_400)).await;
    assert!(started.0.elapsed() >= Duration::from_secs(86_400));
    assert!(started.1.elapsed() < Duration::from_secs(3_600));
}

mod imported {
    use metrics_runtime::test;

    #[test]
    async fn the_attribute_may_be_imported() {}
}
