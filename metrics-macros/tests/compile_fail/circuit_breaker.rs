//! Arguments of `#[circuit_breaker]`, and items that it rejects.

#![allow(unused_variables)]

use metrics_runtime::circuit_breaker;
use metrics_runtime::circuit_breaker::CircuitOpen;

type Answer = Result<u8, CircuitOpen>;

#[circuit_breaker(service = "s", failures = 1)]
fn not_async() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1)]
async fn nothing() {}

#[circuit_breaker(service = "s", failures = 1)]
async fn a_pair() -> (u8, u8) {
    (1, 1)
}

#[circuit_breaker(service = "s", failures = 1)]
struct NoFunction;

#[circuit_breaker(service = "s", failures = 1)]
impl NoFunction {
    async fn method() -> Answer {
        Ok(1)
    }
}

#[circuit_breaker]
async fn no_arguments() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s")]
async fn never_opens() -> Answer {
    Ok(1)
}

#[circuit_breaker(failures = 1)]
async fn of_no_service() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, open = "30", lease = "soon", max_open = 30)]
async fn bad_durations() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failure = 1, halfopen = 1, timeout = "1s")]
async fn unknown() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", service = "t", failures = 1, open)]
async fn twice_and_nothing() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, ratio = 0.5, calls = 10, window = "1s")]
async fn conflicting() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", ratio = 0.5)]
async fn of_what() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", calls = 5)]
async fn no_ratio() -> Answer {
    Ok(1)
}

#[circuit_breaker(breaker = BREAKER, service = "s", open = "1s")]
async fn two_breakers() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, failure_if = |e| true, classify = |r| true)]
async fn two_judges() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, ignore_if = |e| true, classify = |r| true)]
async fn a_verdict_twice() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, ignore_if = true, slow = 2, cancelled_fails = true)]
async fn bad_verdicts() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", ratio = 0.5, calls = 10, slow_ratio = 0.5)]
async fn slow_ratio_of_what() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, slow = "1s", slow_ratio = 0.5)]
async fn slow_ratio_without_a_window() -> Answer {
    Ok(1)
}

#[circuit_breaker(breaker = BREAKER, slow = "1s", slow_ratio = 0.5, cancelled_fails)]
async fn settings_of_another_breaker() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, on_reject = |open| open, fallback = nothing)]
async fn two_ways_out() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, fallback = || Ok(1), failure_if = "e", on_reject = 5)]
async fn no_functions() -> Answer {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, fallback = elsewhere)]
async fn taken_apart((a, b): (u8, u8)) -> Answer {
    Ok(a + b)
}

fn main() {}
