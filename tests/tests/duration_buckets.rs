//! The default buckets of durations are set before the first call, once in a process: so this test has its own process.
#![cfg(not(metrics_off))]
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]

use metrics_export::Export;
use metrics_runtime::http::Http;
use metrics_runtime::presets::{Instrument, Preset, SECONDS};
use metrics_runtime::{Builder, InstallError, Metrics, Objective, Registry, catalog, metrics, track, track_histogram};

const MAIL: Preset =
    Preset::new().duration(Instrument::histogram("mail_duration_seconds", "Duration.", SECONDS).unit("seconds"));

#[track(in_flight)]
fn shared() {}

#[track(name = "render", objective(success = 99.0, latency("50ms", 99.0)))]
fn render() {}

#[track(name = "import", buckets = [60, 600], objective(latency("60s", 99.0)))]
fn import() {}

#[track_histogram]
fn resize() {}

#[track_histogram(name = "sizes", value = |size| *size)]
fn measure() -> f64 {
    0.02
}

#[track_histogram(name = "wait_seconds", unit = "seconds", value = |wait| *wait)]
fn wait() -> f64 {
    0.02
}

#[track_histogram(name = "sent_duration_seconds", buckets = native)]
fn native() {}

#[track(preset = MAIL)]
fn mail() {}

#[metrics]
mod modules {
    #[unit("seconds")]
    pub fn queue_seconds() -> Histogram;
    pub fn queue_length() -> Histogram;
    #[unit("seconds")]
    #[buckets(native)]
    pub fn native_seconds() -> Histogram;
}

const BUCKETS: [f64; 3] = [0.001, 0.05, 2.0];

fn with(buckets: impl Into<Vec<f64>>) -> Builder {
    Metrics::builder().namespace("shop").duration_buckets(buckets)
}

#[test]
fn durations_without_buckets_of_their_own_have_those_of_the_builder() {
    let refused = |buckets: &[f64]| match with(buckets).build() {
        Err(InstallError::DurationBuckets(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(&[]).contains("empty"), "{}", refused(&[]));
    assert!(refused(&[0.1, 0.1]).contains("is repeated"), "{}", refused(&[0.1, 0.1]));
    assert!(refused(&[f64::NAN]).contains("is NaN"), "{}", refused(&[f64::NAN]));

    // Promises that could not be measured: of a route, and of a function.
    let route = Objective::new().latency(std::time::Duration::from_millis(50), 99.0);
    let error = with([0.001, 2.0]).objective("/", route).build().unwrap_err();
    assert!(matches!(error, InstallError::Objective { .. }), "{error}");
    let error = with([0.001, 2.0]).build().unwrap_err();
    assert!(matches!(error, InstallError::Declarations(_)), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("duration_buckets.rs:") && text.contains("no bucket of the duration ends at this time"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "a function with buckets of its own keeps its promise: {text}");
    let declared = |name: &str| {
        let found = catalog().into_iter().find(|declaration| declaration.descriptor.name == name);
        found.unwrap().descriptor.buckets.to_vec()
    };
    assert_eq!(declared("render_duration_seconds"), SECONDS, "nothing has changed after an error");

    // Another registry has no metrics of attributes.
    let other = Metrics::builder().registry(&Registry::new()).duration_buckets([3.0]).build().unwrap();
    assert!(other.render().contains("http_request_duration_seconds"));
    assert_eq!(declared("render_duration_seconds"), SECONDS);

    let metrics = with(BUCKETS).objective("/", route).build().unwrap();
    shared();
    render();
    let buckets = |name: &str| {
        let described = metrics.describe().metrics;
        let found = described.into_iter().find(|metric| metric.base_name == name);
        found.unwrap_or_else(|| panic!("no metric {name}")).buckets
    };
    for name in [
        "function_call_duration_seconds",
        "render_duration_seconds",
        "resize_duration_seconds",
        "wait_seconds",
        "mail_duration_seconds",
        "queue_seconds",
        "http_request_duration_seconds",
    ] {
        assert_eq!(buckets(name), BUCKETS, "{name}");
    }
    assert_eq!(buckets("import_duration_seconds"), [60.0, 600.0]);
    for name in ["sizes", "queue_length"] {
        assert_eq!(buckets(name), SECONDS, "{name} is not about time");
    }
    for name in ["sent_duration_seconds", "native_seconds"] {
        assert!(buckets(name).is_empty(), "{name} has native buckets");
    }
    assert!(metrics.render().contains("shop_render_duration_seconds_bucket{le=\"0.001\"} 1\n"));
    let export = Export::new(&metrics);
    assert!(export.lock().contains("histogram shop_render_duration_seconds\n  unit seconds\n  buckets 0.001 0.05 2\n"));
    assert!(export.rules().contains("shop_render_duration_seconds_bucket{job=\"shop\", le=\"0.05\"}"));

    // The same ones again are no change, other ones come too late.
    assert!(with(BUCKETS).build().is_ok());
    let late = with([0.05, 2.0]).build().unwrap_err();
    assert!(matches!(late, InstallError::LateDurationBuckets), "{late}");
    assert!(late.to_string().starts_with("duration_buckets: too late"), "{late}");
    let late = Metrics::builder().registry(Registry::global()).duration_buckets([0.05]).build().unwrap_err();
    assert!(matches!(late, InstallError::LateDurationBuckets), "{late}");

    // The middleware has its own, if it is told.
    let http = with(BUCKETS).http(Http::new().buckets(&[0.5, 1.0])).registry(&Registry::new()).build().unwrap();
    let described = http.describe().metrics;
    let duration = described.iter().find(|metric| metric.base_name == "http_request_duration_seconds").unwrap();
    assert_eq!(duration.buckets, [0.5, 1.0]);
    import();
    resize();
    mail();
    native();
    let _ = (measure(), wait());
    let _ = (modules::queue_seconds(), modules::queue_length(), modules::native_seconds());
}
