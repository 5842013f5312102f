//! Control flow that would leave a label, a condition, a value or a breaker.

use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen};
use metrics_runtime::{circuit_breaker, track, track_counter, track_histogram, track_ryot};

#[track(name = "question", labels(tenant = text.parse::<u8>()?))]
fn question(text: &str) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

#[track_counter(labels(tenant: u8 = if text.is_empty() { return 0 } else { 1 }))]
fn early_return(text: &str) -> u8 {
    u8::from(text.is_empty())
}

#[track_histogram(labels(name = name.read().await))]
async fn awaits(name: Name) -> usize {
    name.read().await.len()
}

#[track_counter(labels(first = match list.first() { Some(x) => *x, None => break }))]
fn breaks(list: &[u8]) -> usize {
    list.len()
}

#[track_counter(labels(len = loop { 'a: { break 'outer 5 } }))]
fn breaks_outside(list: &[u8]) -> usize {
    list.len()
}

#[track_counter(labels(text = format!("{}", text.parse::<u8>()?), is = matches!(text.parse::<u8>()?, 1 | 2)))]
fn in_macros(text: &str) -> Result<u8, std::num::ParseIntError> {
    text.parse()
}

#[track(ok_if = predicate(limit?))]
fn condition(limit: Option<u8>) -> Option<u8> {
    limit
}

#[track_histogram(name = "value", value = weigher(limit?))]
fn value(limit: Option<u8>) -> Option<u8> {
    limit
}

#[track_ryot(model = model?, tokens = |r| r.map_or(0, |tokens| tokens))]
fn model(model: Option<&str>) -> Option<u8> {
    model.map(|_| 1)
}

#[circuit_breaker(breaker = breaker?)]
async fn breaker(breaker: Option<&'static CircuitBreaker>) -> Result<u8, CircuitOpen> {
    Ok(1)
}

struct Name;

impl Name {
    async fn read(&self) -> &'static str {
        "name"
    }
}

fn main() {}
