//! Hygiene: generated code never resolves to items of the user's module, whatever their names are.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

// The crate under another name, like a renamed dependency.
extern crate metrics_runtime as renamed;

mod support;

use support::{calls, ready, sample};

/// A facade that re-exports the toolkit, for users without a direct dependency on it.
mod facade {
    pub(crate) mod telemetry {
        pub(crate) use metrics_runtime::*;
    }
}

mod shadowed {
    #![allow(
        dead_code,
        non_camel_case_types,
        non_snake_case,
        unused_macros,
        reason = "these names are meant to collide"
    )]

    pub(super) mod metrics_runtime {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod alloc {}
    pub(super) mod linkme {}
    pub(super) struct Result;
    pub(super) struct Option;
    pub(super) struct String;
    pub(super) struct Box;
    pub(super) struct Pin;
    pub(super) struct Outcome;
    pub(super) struct Call;
    pub(super) struct Vec;
    pub(super) trait Future {}
    pub(super) trait LabelValue {}
    pub(super) trait Default {}
    pub(super) trait FnOnce {}
    pub(super) trait From {}
    pub(super) trait Send {}
    pub(super) type f64 = ();
    pub(super) type str = ();
    pub(super) type u32 = ();
    pub(super) type bool = ();
    pub(super) fn Some() {}
    pub(super) fn None() {}
    pub(super) fn Ok() {}
    pub(super) fn Err() {}
    pub(super) fn drop() {}
    pub(super) fn call() {}
    pub(super) fn returned() {}
    pub(super) fn enabled() {}
    pub(super) fn tracked() {}
    pub(super) const SITE: () = ();
    pub(super) static CALLSITE: () = ();
    pub(super) static ENTRY: () = ();
    pub(super) static METRIC: () = ();
    macro_rules! panic {
        () => {};
    }
    macro_rules! unreachable {
        () => {};
    }
    macro_rules! module_path {
        () => {};
    }
    macro_rules! file {
        () => {};
    }
    macro_rules! line {
        () => {};
    }
    macro_rules! matches {
        () => {};
    }

    #[::metrics_runtime::track_counter(name = "shadowed_total", labels(name = name, length = |number| *number))]
    pub(super) fn sync(name: &'static ::core::primitive::str) -> usize {
        name.len()
    }

    #[::metrics_runtime::track(
        name = "shadowed_later",
        in_flight,
        buckets = [1, 2.5, LIMIT],
        help = HELP,
        polls,
        slow_poll = "1ms"
    )]
    pub(super) async fn later(call: u8, returned: u8) -> ::core::result::Result<u8, ::std::string::String> {
        let outcome = call + returned;
        if outcome > 5 {
            return ::core::result::Result::Err(::std::string::String::new());
        }
        ::core::result::Result::Ok(outcome)
    }
    const LIMIT: u8 = 5;
    const HELP: &::core::primitive::str = "Help.";

    #[::metrics_runtime::track_histogram(name = "shadowed_value", value = |value| *value, ok_if = |value| *value < 5)]
    #[::metrics_runtime::track_in_flight(name = "shadowed_in_flight", labels(call = call), polls)]
    pub(super) fn boxed(call: u8) -> ::std::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = u8>>> {
        ::std::boxed::Box::pin(async move { call })
    }

    #[::metrics_runtime::track(polls)]
    pub(super) async fn never() -> ! {
        loop {
            ::std::future::pending::<()>().await;
        }
    }

    #[derive(::metrics_runtime::LabelValue, Clone, Copy)]
    pub(super) enum Source {
        Some,
        #[label(rename = "Other")]
        None,
    }

    #[::metrics_runtime::metrics]
    pub(super) mod business {
        /// Jobs.
        pub(in super::super) fn shadowed_jobs_total(source: super::Source, call: &::core::primitive::str) -> Counter;
        /// Sizes.
        #[buckets(1, 2)]
        #[unit("bytes")]
        pub(in super::super) fn shadowed_bytes() -> Histogram;
    }

    pub(super) struct Compressed;
    impl ::metrics_runtime::CompressionRatio for Compressed {
        fn compression_ratio(&self) -> ::core::primitive::f64 {
            7.0
        }
    }
    #[::metrics_runtime::track_compression]
    pub(super) fn compress() -> Compressed {
        Compressed
    }
}

mod bare {
    #![no_implicit_prelude]

    #[::metrics_runtime::track(name = "bare", in_flight)]
    pub(super) fn sync(a: ::std::string::String, b: u8) -> ::core::result::Result<u8, ::std::string::String> {
        if b > 0 { ::core::result::Result::Ok(b) } else { ::core::result::Result::Err(a) }
    }

    #[::metrics_runtime::track_counter(name = "bare_later_total", labels(kind = kind, text = |text| text.as_str()))]
    pub(super) async fn later(kind: Kind) -> ::std::string::String {
        match kind {
            Kind::One => ::core::convert::From::from("one"),
            Kind::Two => ::core::convert::From::from("two"),
        }
    }

    #[::metrics_runtime::track_histogram(name = "bare_boxed", value = |value| *value, labels(number = kind as u8))]
    pub(super) fn boxed(kind: Kind) -> impl ::core::future::Future<Output = u8> {
        let number = kind as u8;
        async move { number }
    }

    #[::metrics_runtime::circuit_breaker(service = "bare", failures = 1, on_reject = |_| 7, failure_if = |e| *e == 1)]
    #[::metrics_runtime::track_counter(name = "bare_broken_total")]
    pub(super) async fn broken(answer: u8) -> ::core::result::Result<u8, u8> {
        ::core::result::Result::Err(answer)
    }

    #[derive(::metrics_runtime::LabelValue, ::core::clone::Clone, ::core::marker::Copy)]
    pub(super) enum Kind {
        One = 1,
        Two,
    }

    #[::metrics_runtime::metrics(prefix = "bare_")]
    pub(super) mod business {
        /// Jobs.
        pub(in super::super) fn jobs(kind: super::Kind) -> Gauge;
    }

    pub(super) struct Service(pub(super) u8);

    #[::metrics_runtime::track]
    impl Service {
        pub(super) fn method(&self) -> u8 {
            self.0
        }
    }
}

mod elsewhere {
    use super::facade::telemetry::{LabelValue, metrics, track, track_counter};

    #[track(crate = crate::facade::telemetry, name = "facade", in_flight)]
    pub(super) async fn facade(a: String, b: String) -> String {
        a + &b
    }

    #[track_counter(crate = renamed, name = "renamed_total")]
    pub(super) fn renamed() {}

    #[derive(LabelValue)]
    #[label(crate = super::facade::telemetry)]
    pub(super) enum Kind {
        One,
    }

    #[metrics(crate = crate::facade::telemetry)]
    pub(super) mod business {
        /// Jobs.
        pub(crate) fn facade_jobs_total(kind: super::Kind) -> Counter;
    }

    pub(super) struct Service;

    #[track(crate = ::renamed)]
    impl Service {
        pub(super) fn through_the_rename() {}
    }
}

#[test]
fn items_of_the_module_may_have_any_name() {
    assert_eq!(shadowed::sync("abc"), 3);
    assert_eq!(ready(shadowed::later(1, 2)), Ok(3));
    assert_eq!(ready(shadowed::later(3, 4)), Err(String::new()));
    assert_eq!(ready(shadowed::boxed(4)), 4);
    support::abandon(shadowed::never());
    let shadowed::Compressed = shadowed::compress();
    shadowed::business::shadowed_jobs_total(shadowed::Source::None, "x").inc();
    shadowed::business::shadowed_bytes().observe(1.0);
    let success = ("status", "success");
    assert_eq!(sample("shadowed_total", [("name", "abc"), ("length", "3"), success]), 1.0);
    support::assert_recorded("shadowed_later", &[metrics_runtime::Outcome::Success, metrics_runtime::Outcome::Error]);
    assert_eq!(sample("shadowed_value_sum", []), 4.0);
    assert_eq!(sample("shadowed_in_flight", [("call", "4")]), 0.0);
    assert_eq!(calls("hygiene::shadowed", "never"), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(sample("sigmalang_compression_ratio_sum", []), 7.0);
    assert_eq!(sample("shadowed_jobs_total", [("source", "Other"), ("call", "x")]), 1.0);
    assert_eq!(sample("shadowed_bytes_count", []), 1.0);
}

#[test]
fn a_module_may_have_no_prelude() {
    assert_eq!(bare::sync(String::new(), 1), Ok(1));
    assert!(bare::sync(String::new(), 0).is_err());
    support::assert_recorded("bare", &[metrics_runtime::Outcome::Success, metrics_runtime::Outcome::Error]);
    assert_eq!(ready(bare::later(bare::Kind::Two)), "two");
    assert_eq!(sample("bare_later_total", [("kind", "two"), ("text", "two"), ("status", "success")]), 1.0);
    assert_eq!(ready(bare::later(bare::Kind::One)), "one");
    assert_eq!(ready(bare::boxed(bare::Kind::Two)), 2);
    assert_eq!(sample("bare_boxed_sum", [("number", "2")]), 2.0);
    bare::business::jobs(bare::Kind::One).set(2.0);
    assert_eq!(sample("bare_jobs", [("kind", "one")]), 2.0);
    assert_eq!(bare::Service(1).method(), 1);
    assert_eq!(calls("hygiene::bare", "Service::method")[0], 1.0);
}

#[test]
fn the_toolkit_may_be_at_another_path() {
    assert_eq!(ready(elsewhere::facade("a".into(), "b".into())), "ab");
    support::assert_recorded("facade", &[metrics_runtime::Outcome::Success]);
    elsewhere::renamed();
    assert_eq!(sample("renamed_total", [("status", "success")]), 1.0);
    elsewhere::business::facade_jobs_total(elsewhere::Kind::One).inc();
    assert_eq!(sample("facade_jobs_total", [("kind", "one")]), 1.0);
    elsewhere::Service::through_the_rename();
    assert_eq!(calls("hygiene::elsewhere", "Service::through_the_rename")[0], 1.0);
}

#[test]
fn variables_of_the_body_do_not_collide_with_generated_ones() {
    #[metrics_runtime::track_counter(
        name = "variables_total",
        labels(call = call, returned = returned, other = |value| *value),
        ok_if = |value| *value > outcome()
    )]
    fn variables(call: u8, returned: u8) -> u8 {
        let outcome = call + returned;
        let value = outcome;
        let success = value;
        let label_0 = success;
        let future = label_0;
        let labels = future;
        let callsite = labels;
        callsite + 1
    }
    const fn outcome() -> u8 {
        1
    }
    assert_eq!(variables(1, 2), 4);
    let labels = [("call", "1"), ("returned", "2"), ("other", "4"), ("status", "success")];
    assert_eq!(sample("variables_total", labels), 1.0);
}

mod behind_a_breaker {
    use super::facade::telemetry::circuit_breaker::CircuitOpen;
    use super::*;

    // The attribute that records moves the breaker below itself, together with its path.
    #[renamed::circuit_breaker(crate = super::facade::telemetry, service = "renamed", failures = 1)]
    #[renamed::track_counter(crate = renamed, name = "renamed_broken_total")]
    async fn moved(fail: Option<CircuitOpen>) -> Result<u8, CircuitOpen> {
        fail.map_or(Ok(1), Err)
    }

    #[test]
    fn names_are_resolved() {
        assert_eq!(ready(moved(None)).unwrap(), 1);
        assert_eq!(sample("renamed_broken_total", [("status", "success")]), 1.0);
        for expected in [2, 1, 7] {
            assert_eq!(ready(bare::broken(expected)), Err(expected));
        }
        assert_eq!(sample("bare_broken_total", [("status", "error")]), 2.0);
    }
}
