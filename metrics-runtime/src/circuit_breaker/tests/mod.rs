//! Tests of the state machine, by scenarios and against a model, and of listeners, counts and the page.
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

mod against_model;
mod page;
mod scenarios;

use std::time::Duration;

use super::{CircuitBreaker, ManualClock, Settings};

const MS: Duration = Duration::from_millis(1);

fn manual(settings: Settings) -> (CircuitBreaker, ManualClock) {
    let clock = ManualClock::new();
    (CircuitBreaker::with_clock("s", settings, clock.clone()).unwrap(), clock)
}
