//! Declarations of native histograms, and their classic buckets in text.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::time::Duration;

use metrics_runtime::presets::{Instrument, Preset};
use metrics_runtime::{
    Descriptor, Histogram, InstallError, Metrics, NativeHistograms, Objective, Registry, RegistryError, catalog,
    metrics, track, track_histogram,
};
use support::{page, page_of};
use tests::page::Page;

const PRESET: Preset = Preset::new()
    .duration(Instrument::histogram("llm_request_duration_seconds", "Duration.", &[0.5, 1.0]).native())
    .value(Instrument::native_histogram("llm_request_tokens", "Tokens."));

#[track(name = "beside", native)]
fn beside() {}

#[track(name = "own_bounds", buckets = [0.5, 1], native)]
fn own_bounds() {}

#[track(name = "only", buckets = native)]
fn only() {}

#[track_histogram(name = "answer_bytes", unit = "bytes", buckets = native, value = |answer| answer.len())]
fn answer() -> String {
    "four".to_owned()
}

#[track(preset = PRESET, value = |tokens| *tokens)]
fn llm() -> u64 {
    7
}

#[metrics]
mod business {
    #[buckets(native)]
    pub fn upload_bytes() -> Histogram;
    #[buckets(1024, 65536, native)]
    pub fn download_bytes() -> Histogram;
    #[buckets(exponential(1, 2, 3), native)]
    pub fn queue_jobs(queue: bool) -> Histogram;
}

/// The values of `le` of the series of a histogram.
fn bounds(page: &Page, histogram: &str) -> Vec<String> {
    let buckets = page.series(&format!("{histogram}_bucket"));
    buckets.into_iter().map(|sample| sample.labels["le"].clone()).collect()
}

#[test]
fn classic_buckets_stay_beside_native_ones_unless_there_are_none() {
    beside();
    own_bounds();
    only();
    answer();
    llm();
    business::upload_bytes().observe(2048.0);
    business::download_bytes().observe(2048.0);
    business::queue_jobs(true).observe(2.0);
    let page = page();
    assert_eq!(bounds(&page, "beside_duration_seconds").len(), 12);
    assert_eq!(bounds(&page, "own_bounds_duration_seconds"), ["0.5", "1", "+Inf"]);
    assert_eq!(bounds(&page, "llm_request_duration_seconds"), ["0.5", "1", "+Inf"]);
    assert_eq!(bounds(&page, "download_bytes"), ["1024", "65536", "+Inf"]);
    for histogram in ["only_duration_seconds", "answer_bytes", "llm_request_tokens", "upload_bytes"] {
        assert_eq!(bounds(&page, histogram), ["+Inf"], "{histogram}");
        assert_eq!(page.value(&format!("{histogram}_count"), []), 1.0, "{histogram}");
    }
    assert_eq!(page.value("answer_bytes_sum", []), 4.0);
    assert_eq!(page.value("download_bytes_bucket", [("le", "1024")]), 0.0);
    assert_eq!(page.value("download_bytes_bucket", [("le", "65536")]), 1.0);
    assert_eq!(page.value("queue_jobs_bucket", [("queue", "true"), ("le", "2")]), 1.0);
}

#[test]
fn the_catalog_says_which_histograms_are_native() {
    let native: Vec<_> = catalog().into_iter().filter(|declaration| declaration.descriptor.native).collect();
    let names: Vec<_> = native.iter().map(|declaration| &*declaration.descriptor.name).collect();
    let expected = [
        "answer_bytes",
        "beside_duration_seconds",
        "download_bytes",
        "llm_request_duration_seconds",
        "llm_request_tokens",
        "only_duration_seconds",
        "own_bounds_duration_seconds",
        "queue_jobs",
        "upload_bytes",
    ];
    assert_eq!(names, expected);
}

#[test]
fn two_declarations_of_which_one_is_native_are_a_conflict() {
    let registry = Registry::new();
    let classic = || Descriptor::histogram("wait_jobs", "Waiting.", vec![1.0]);
    registry.histogram(classic()).unwrap();
    let conflict = registry.histogram(classic().native()).unwrap_err();
    assert!(matches!(conflict, RegistryError::Conflict { what: "native buckets", .. }), "{conflict}");
    assert_eq!(conflict.to_string().matches("native_histograms.rs").count(), 2, "{conflict}");
}

#[test]
fn only_histograms_have_native_buckets() {
    let problem = Descriptor::counter("jobs_total", "Jobs.").native().check().unwrap_err();
    let expected = "`jobs_total` is a counter, and only histograms have native buckets: remove `native`";
    assert_eq!(problem.to_string(), expected);
    assert!(Descriptor::histogram("wait_jobs", "Waiting.", vec![]).check().is_err());
    assert!(Descriptor::native_histogram("wait_jobs", "Waiting.").check().is_ok());
}

/// A registry with a histogram of durations.
fn durations(registry: &Registry) -> metrics_runtime::Family<Histogram> {
    registry
        .histogram(Descriptor::histogram("wait_seconds", "Waiting.", vec![0.1, 1.0]).unit("seconds"))
        .expect("valid")
}

#[test]
fn a_setting_hides_the_classic_buckets_of_durations_or_keeps_them() {
    for (setting, expected) in [
        (NativeHistograms::Off, &["0.1", "1", "+Inf"][..]),
        (NativeHistograms::Beside, &["0.1", "1", "+Inf"]),
        (NativeHistograms::Only, &["+Inf"]),
    ] {
        let registry = Registry::new();
        let waits = durations(&registry);
        let sizes = registry.histogram(Descriptor::histogram("size_bytes", "Sizes.", vec![1.0]).unit("bytes")).unwrap();
        Metrics::builder().registry(&registry).native_histograms(setting).build().unwrap();
        let series = waits.get_or_create(&[]).unwrap();
        series.observe(0.05);
        series.observe_duration(Duration::from_secs(3));
        sizes.get_or_create(&[]).unwrap().observe(0.5);
        let page = page_of(&registry);
        assert_eq!(bounds(&page, "wait_seconds"), expected, "{setting}");
        assert_eq!(bounds(&page, "size_bytes"), ["1", "+Inf"], "{setting}");
        assert_eq!(page.value("wait_seconds_bucket", [("le", "+Inf")]), 2.0);
        assert_eq!(page.value("wait_seconds_sum", []), 3.05);
    }
}

#[test]
fn a_negative_bound_stays_on_the_page() {
    let registry = Registry::new();
    let skews = Descriptor::histogram("skew_seconds", "Skew.", vec![-1.0, 1.0]).unit("seconds");
    let skews = registry.histogram(skews).unwrap();
    Metrics::builder().registry(&registry).native_histograms(NativeHistograms::Only).build().unwrap();
    skews.get_or_create(&[]).unwrap().observe(-0.5);
    assert_eq!(bounds(&page_of(&registry), "skew_seconds"), ["-1", "1", "+Inf"]);
}

#[test]
fn a_setting_after_the_first_duration_is_an_error_and_loses_nothing() {
    let registry = Registry::new();
    let waits = durations(&registry);
    waits.get_or_create(&[]).unwrap().observe(0.05);
    let build = |setting| Metrics::builder().registry(&registry).native_histograms(setting).build();
    let error = build(NativeHistograms::Beside).map(|_| ()).unwrap_err();
    assert_eq!(error, InstallError::NativeHistograms(NativeHistograms::Beside));
    assert!(error.to_string().starts_with("native_histograms: beside is too late"), "{error}");
    assert!(build(NativeHistograms::Off).is_ok(), "that is what it is");
    assert_eq!(page_of(&registry).value("wait_seconds_bucket", [("le", "0.1")]), 1.0);
}

#[test]
fn what_is_recorded_into_a_removed_series_is_on_the_next_page() {
    let registry = Registry::new();
    let waits = Descriptor::histogram("wait_jobs", "Waiting.", vec![0.1, 1.0]).labels(["queue"]).native();
    let waits = registry.histogram(waits).unwrap();
    let handle = waits.get_or_create(&["mails"]).unwrap();
    handle.observe(0.05);
    waits.remove(&["mails"]);
    handle.observe(0.09);
    handle.observe(0.5);
    handle.observe(7.0);
    let page = page_of(&registry);
    let buckets = ["0.1", "1", "+Inf"].map(|le| page.value("wait_jobs_bucket", [("queue", "mails"), ("le", le)]));
    assert_eq!(buckets, [1.0, 2.0, 3.0]);
    assert_eq!(page.value("wait_jobs_sum", [("queue", "mails")]), 7.59);
}

#[test]
fn observations_beyond_the_limit_of_series_are_in_the_overflow() {
    let registry = Registry::new();
    let waits = Descriptor::native_histogram("wait_jobs", "Waiting.").labels(["queue"]).series_limit(1);
    let waits = registry.histogram(waits).unwrap();
    for queue in ["a", "b", "c"] {
        waits.get_or_create(&[queue]).unwrap().observe(2.0);
    }
    let page = page_of(&registry);
    assert_eq!(page.value("wait_jobs_count", [("queue", "_overflow")]), 2.0);
}

#[test]
fn a_latency_objective_keeps_the_classic_buckets_that_its_alerts_need() {
    let registry = Registry::new();
    let objective = Objective::new().latency(Duration::from_millis(500), 99.0);
    let builder = Metrics::builder().registry(&registry).objective("/checkout", objective);
    let metrics = builder.native_histograms(NativeHistograms::Only).build().unwrap();
    let description = metrics.describe();
    let durations = description.metrics.iter().find(|metric| metric.name == "http_request_duration_seconds").unwrap();
    assert!(durations.buckets.contains(&0.5) && durations.native);
    let without =
        Metrics::builder().registry(&Registry::new()).native_histograms(NativeHistograms::Only).build().unwrap();
    let description = without.describe();
    let durations = description.metrics.iter().find(|metric| metric.name == "http_request_duration_seconds").unwrap();
    assert!(durations.buckets.is_empty() && durations.native);
}
