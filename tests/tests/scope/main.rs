//! Tests that record into scopes of their own.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "helpers of tests may unwrap, and the values are exact")]

mod assertions;
mod attribute;
mod documented;
mod layers;
mod parallel;
mod places;

use std::panic::{AssertUnwindSafe, catch_unwind};

use metrics_runtime::{LabelValue, metrics, track};

#[test]
fn the_page_about_tests_has_the_code_of_its_example() {
    let page = include_str!("../../../docs/testing.md");
    let example = include_str!("documented.rs");
    assert!(page.contains(&format!("```rust\n{example}```\n")), "docs/testing.md differs from documented.rs");
}

#[track(name = "order", labels(shop = shop))]
fn order(shop: &str, succeeds: bool) -> Result<(), &'static str> {
    if succeeds { Ok(()) } else { Err("sold out") }
}

#[derive(LabelValue)]
enum Size {
    Small,
    Large,
}

#[metrics]
mod things {
    use super::Size;

    /// Boxes by size.
    pub fn boxes_total(size: Size) -> Counter;
    /// Letters by country.
    pub fn letters_total(country: &str) -> Counter;
    /// Boxes in stock.
    pub fn stock(shop: &str) -> Gauge;
    /// Time to pack.
    pub fn pack_duration_seconds(size: Size) -> Histogram;
    /// Orders in progress.
    pub fn orders_open() -> InFlight;
    /// Length of the queue.
    pub fn queue_length(shop: &str) -> ObservedGauge;
}

/// Returns the message of the panic.
fn message(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).unwrap_err();
    payload.downcast_ref::<String>().unwrap().clone()
}
