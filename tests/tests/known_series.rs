//! Series whose label values the program bounds exist from the start, whatever the limit for run-time values is.
//!
//! There are many of them, so this test has its own process.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use metrics_runtime::{LabelValue, Registry, metrics, track_counter};
use support::page;

macro_rules! twenty {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, LabelValue)]
        #[allow(dead_code, reason = "only a few are recorded")]
        enum $name {
            A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T,
        }
    )*};
}
twenty!(First Second Third);

#[metrics]
mod business {
    use super::{First, Second, Third};

    pub(super) fn enums_total(a: First, b: Second, c: Third) -> Counter;
    #[allow(clippy::too_many_arguments, reason = "each is a label")]
    #[rustfmt::skip]
    pub(super) fn flags_total(
        a: bool, b: bool, c: bool, d: bool, e: bool, f: bool, g: bool, h: bool, i: bool, j: bool, k: bool,
    ) -> Counter;
}

#[track_counter(name = "calls_total", labels(a: First = a, b: Second = b, c: Third = c))]
fn call(a: First, b: Second, c: Third) -> Result<(), (First, Second)> {
    if matches!(c, Third::T) { Err((a, b)) } else { Ok(()) }
}

#[test]
fn many_series_that_the_program_bounds_exist_from_the_start() {
    Registry::global().set_series_limit(10);
    let series = |page: &tests::page::Page| {
        ["calls_total", "enums_total", "flags_total"].map(|metric| page.series(metric).len())
    };
    assert_eq!(series(&page()), [20 * 20 * 20 * 4, 20 * 20 * 20, 1 << 11]);
    let _ = call(First::S, Second::R, Third::T);
    let _ = call(First::S, Second::R, Third::A);
    business::enums_total(First::A, Second::T, Third::T).inc();
    business::flags_total(true, true, true, true, true, true, true, true, true, true, true).inc();
    let page = page();
    let calls = |c, status| page.value("calls_total", [("a", "s"), ("b", "r"), ("c", c), ("status", status)]);
    assert_eq!((calls("t", "error"), calls("a", "success"), calls("t", "success")), (1.0, 1.0, 0.0));
    assert_eq!(page.value("enums_total", [("a", "a"), ("b", "t"), ("c", "t")]), 1.0);
    assert_eq!(page.series("flags_total").iter().map(|sample| sample.value).sum::<f64>(), 1.0);
    assert_eq!(series(&page), [20 * 20 * 20 * 4, 20 * 20 * 20, 1 << 11]);
    for metric in ["calls_total", "enums_total", "flags_total"] {
        assert_eq!(page.value("metrics_runtime_label_overflow_total", [("metric", metric)]), 0.0, "{metric}");
    }
}
