//! Names, texts and numbers: well formed and broken ones, and few enough that they meet.

use proptest::prelude::*;
use proptest::sample::select;

/// Names of metrics, which conflict with each other and with those of suffixes.
pub(crate) fn name() -> impl Strategy<Value = String> {
    let word = select(vec![
        "a",
        "b",
        "a_total",
        "a_total_total",
        "a_created",
        "a_created_total",
        "a_count",
        "a_count_total",
        "a_sum",
        "a_bucket",
        "a_info",
        "b_seconds",
        "b_seconds_total",
        "b_seconds_info",
        "x_a",
        "x_a_total",
        "x_a_created",
        "process_threads",
        "metrics_runtime_scrapes_total",
        "build_info",
        "build",
        "target",
        "http_requests_total",
        "circuit_breaker_state",
        "_total",
        "_info",
        "_",
        ":",
        "A:b",
        "",
        "é",
        "a b",
        "1a",
    ]);
    prop_oneof![12 => word.prop_map(str::to_owned), 1 => "[a-z_:]{1,6}", 1 => text()]
}

pub(crate) fn label() -> impl Strategy<Value = String> {
    let word = select(vec![
        "a", "b", "c", "le", "quantile", "__name__", "_", "job", "instance", "cause", "code", "metric", "method",
        "service", "", "é", "a-b",
    ]);
    prop_oneof![12 => word.prop_map(str::to_owned), 1 => "[a-z_]{1,3}", 1 => text()]
}

pub(crate) fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((label(), text()), 0..3)
}

/// Helps and label values: of several lines, with the characters that the formats escape, of any script, with control
/// characters, and long ones.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]{0,2}",
        2 => any::<String>(),
        2 => "[\"\\\\\n\r\t #{},=n]{0,6}",
        1 => "[\\x00-\\x20\\x7f\\u{85}\\u{a0}\\u{2028}\\u{feff}\\u{fffd}\\u{ffff}\\u{10ffff}é\u{1f600}]{0,6}",
        1 => select(vec!["_overflow", "_invalid", "# EOF", "a\n# EOF\n", "} 1\nforged 2\n", "+Inf", "1.0", " a "])
            .prop_map(str::to_owned),
        1 => "(é\n){600}",
    ]
}

pub(crate) fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => (-2..5_i32).prop_map(f64::from),
        2 => any::<f64>(),
        1 => select(vec![
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            -0.0,
            9_007_199_254_740_993.0,
            1e6,
            1e-5,
        ]),
    ]
}

pub(crate) fn count() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..6_u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

/// Bounds of buckets, or quantiles.
pub(crate) fn bound() -> impl Strategy<Value = f64> {
    prop_oneof![5 => (0..5_u32).prop_map(|n| f64::from(n) / 4.0), 1 => number()]
}
