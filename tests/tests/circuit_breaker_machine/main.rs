//! The state machine of circuit breakers, by scenarios and against a model; settings, listeners, counts and the page.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod against_model;
mod page;
mod scenarios;
mod settings;

use std::time::Duration;

use metrics_runtime::circuit_breaker::{CircuitBreaker, ManualClock, Settings};

const MS: Duration = Duration::from_millis(1);

fn manual(settings: Settings) -> (CircuitBreaker, ManualClock) {
    let clock = ManualClock::new();
    (CircuitBreaker::with_clock("s", settings, clock.clone()).unwrap(), clock)
}
