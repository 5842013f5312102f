//! Wrong types in a function behind `#[circuit_breaker]`.

use metrics_runtime::circuit_breaker;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen};

struct AppError;

#[circuit_breaker(service = "s", failures = 1)]
async fn cannot_say_so() -> Result<u8, AppError> {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1)]
async fn no_result() -> u8 {
    1
}

#[circuit_breaker(breaker = 5)]
async fn no_breaker() -> Result<u8, CircuitOpen> {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, failure_if = |e| 5)]
async fn no_verdict() -> Result<u8, CircuitOpen> {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, on_reject = |open| 5)]
async fn no_error() -> Result<u8, AppError> {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = 1, fallback = other)]
async fn another_fallback(a: u8) -> Result<u8, AppError> {
    Ok(a)
}

#[circuit_breaker(service = "s", failures = 1, fallback = at_once)]
async fn fallback_without_async(a: u8) -> Result<u8, AppError> {
    Ok(a)
}

fn at_once(a: u8) -> Result<u8, AppError> {
    Ok(a)
}

async fn other(_: String) -> Result<u8, AppError> {
    Ok(1)
}

#[circuit_breaker(service = 5, failures = 1)]
async fn no_name() -> Result<u8, CircuitOpen> {
    Ok(1)
}

#[circuit_breaker(service = "s", failures = "five", open = 5 * MINUTES)]
async fn no_number() -> Result<u8, CircuitOpen> {
    Ok(1)
}

const MINUTES: u32 = 60;

fn used(_: CircuitBreaker) {}

fn main() {}
