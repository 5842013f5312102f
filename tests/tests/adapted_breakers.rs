//! Circuit breakers of other crates: their metrics after typical use.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::time::Duration;

use metrics_runtime::Registry;
use metrics_runtime::circuit_breaker::failsafe::Hooks;
use metrics_runtime::circuit_breaker::{show_in, tower_resilience::Events};
use support::page_of;
use tests::page::Page;
use tests::wait;

const SERVICE: (&str, &str) = ("service", "adapted");

#[track_caller]
fn state(page: &Page) -> f64 {
    page.value("circuit_breaker_state", [SERVICE])
}

#[track_caller]
fn transitions(page: &Page, from: &str, to: &str) -> f64 {
    page.value("circuit_breaker_transitions_total", [SERVICE, ("from", from), ("to", to)])
}

#[track_caller]
fn calls(page: &Page, result: &str) -> Option<f64> {
    page.sample("circuit_breaker_calls_total", [SERVICE, ("result", result)])
}

#[test]
fn a_failsafe_breaker_is_on_the_page() {
    use failsafe::{CircuitBreaker as _, Config, backoff, failure_policy};

    let registry = Registry::new();
    let hooks = Hooks::new();
    let policy = failure_policy::consecutive_failures(2, backoff::constant(Duration::from_millis(50)));
    let breaker = Config::new().failure_policy(policy).instrument(hooks.clone()).build();
    let shown = show_in(&registry, "adapted", hooks).unwrap();
    assert_eq!(state(&page_of(&registry)), 0.0);

    let fail = || breaker.call(|| Err::<(), _>("down")).unwrap_err();
    let _ = (fail(), fail(), fail());
    let page = page_of(&registry);
    assert_eq!((state(&page), transitions(&page, "closed", "open")), (1.0, 1.0));
    assert_eq!((calls(&page, "rejected"), calls(&page, "failure")), (Some(1.0), None));
    assert!(page.series("circuit_breaker_failures_total").is_empty(), "failsafe does not report single failures");

    // The state is the one of the last hook. Only a call discovers that the wait is over.
    wait::until("the breaker to admit a call", || breaker.call(|| Ok::<_, &str>(())).ok());
    let page = page_of(&registry);
    assert_eq!((state(&page), transitions(&page, "half_open", "closed")), (0.0, 1.0));
    drop(shown);
    assert!(page_of(&registry).series("circuit_breaker_state").is_empty());
}

#[tokio::test]
async fn a_tower_resilience_breaker_is_on_the_page() {
    use tower::{Layer as _, Service as _, service_fn};
    use tower_resilience_circuitbreaker::CircuitBreakerLayer;

    let registry = Registry::new();
    let events = Events::new();
    let builder =
        CircuitBreakerLayer::builder().consecutive_failures(2).wait_duration_in_open(Duration::from_secs(3600));
    let (layer, handle) = events.of(builder).build_with_handle().unwrap();
    let shown = show_in(&registry, "adapted", events.source(handle.clone())).unwrap();
    let page = page_of(&registry);
    assert_eq!((state(&page), calls(&page, "success")), (0.0, Some(0.0)));
    assert!(page.series("circuit_breaker_failure_ratio").is_empty(), "there is no ratio without calls");

    let mut service = layer.layer(service_fn(|fail: bool| async move { if fail { Err("down") } else { Ok(()) } }));
    service.call(false).await.unwrap();
    let page = page_of(&registry);
    assert_eq!(page.value("circuit_breaker_failure_ratio", [SERVICE]), 0.0);
    for _ in 0..3 {
        service.call(true).await.unwrap_err();
    }
    let page = page_of(&registry);
    assert_eq!((state(&page), transitions(&page, "closed", "open")), (1.0, 1.0));
    assert_eq!(["success", "failure", "rejected"].map(|result| calls(&page, result)), [1.0, 2.0, 1.0].map(Some));
    assert_eq!(page.value("circuit_breaker_failures_total", [SERVICE]), 2.0);
    assert_eq!(calls(&page, "cancelled"), None);

    handle.force_closed().await;
    let page = page_of(&registry);
    assert_eq!((state(&page), transitions(&page, "open", "closed")), (0.0, 1.0));
    drop(shown);
    assert!(page_of(&registry).series("circuit_breaker_state").is_empty());
}
