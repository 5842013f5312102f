//! The metrics of ordinary requests.

use std::collections::BTreeSet;

use serde_json::Value;
use tests::page::{Kind, Page};
use tests::service::Service;
use tests::wait;

use crate::{ANY_PORT, BINARY, IN_MEMORY, assert_bounds, assert_error, generate, page, start};

#[test]
fn every_metric_is_on_the_page_before_the_first_request() {
    let service = start(&[]);
    let page = page(&service);
    for (name, kind) in [
        ("neurectomy_ryot_requests_total", Kind::Counter),
        ("neurectomy_ryot_request_duration_seconds", Kind::Histogram),
        ("neurectomy_tokens_unknown_total", Kind::Counter),
        ("neurectomy_sigmalang_compression_ratio", Kind::Histogram),
        ("neurectomy_sigmavault_operations_total", Kind::Counter),
        ("neurectomy_circuit_breaker_state", Kind::Gauge),
        ("neurectomy_circuit_breaker_failures_total", Kind::Counter),
        ("neurectomy_circuit_breaker_calls_total", Kind::Counter),
        ("neurectomy_circuit_breaker_transitions_total", Kind::Counter),
        ("neurectomy_circuit_breaker_last_transition_timestamp_seconds", Kind::Gauge),
        ("neurectomy_circuit_breaker_probes_in_flight", Kind::Gauge),
        ("neurectomy_circuit_breaker_failure_ratio_threshold", Kind::Gauge),
        ("neurectomy_active_users", Kind::Gauge),
        ("neurectomy_api_keys_active", Kind::Gauge),
        ("neurectomy_system_info", Kind::Gauge),
    ] {
        let family = page.family(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
        assert!(!family.samples.is_empty(), "{name} has no sample");
    }
    for status in ["success", "error", "panic", "cancelled"] {
        let requests = page.value("neurectomy_ryot_requests_total", [("status", status)]);
        assert_eq!(requests, 0.0, "{status}");
        for operation in ["store", "retrieve", "delete"] {
            let labels = [("operation", operation), ("status", status)];
            let operations = page.value("neurectomy_sigmavault_operations_total", labels);
            assert_eq!(operations, 0.0, "{labels:?}");
        }
    }
    let info = page.series("neurectomy_system_info");
    assert_eq!(info.len(), 1);
    for (label, value) in [("version", env!("CARGO_PKG_VERSION")), ("environment", "development"), ("cluster", "local")]
    {
        assert_eq!(info[0].labels[label], value);
    }
    assert_eq!(info[0].value, 1.0);
}

#[test]
fn the_environment_and_the_cluster_are_labels_of_system_info() {
    let service = start(&[("NEURECTOMY_ENVIRONMENT", " production "), ("NEURECTOMY_CLUSTER", "")]);
    let page = page(&service);
    let [info] = &page.series("neurectomy_system_info")[..] else { panic!("one series") };
    assert_eq!((info.labels["environment"].as_str(), info.labels["cluster"].as_str()), ("production", "local"));
}

#[test]
fn generating_records_requests_tokens_and_durations() {
    let service = start(&[]);
    let completions = [generate(&service, 5), generate(&service, 50)];
    let completions = completions.map(|answer| answer.expect(200).json());
    let tokens: f64 = completions.iter().map(|c| c["tokens"].as_f64().unwrap()).sum();
    assert!(tokens > 0.0);
    assert!(completions.iter().all(|c| c["text"].as_str().is_some_and(|text| !text.is_empty())));
    assert_error(&generate(&service, 1_000_000), 400);

    let page = page(&service);
    let requests = |status| page.value("neurectomy_ryot_requests_total", [("status", status)]);
    assert_eq!((requests("success"), requests("error")), (2.0, 0.0));
    let sent = [("upstream", "ryot"), ("method", "POST"), ("status", "2xx")];
    assert_eq!(page.value("neurectomy_http_client_requests_total", sent), 2.0);
    let generated = page.value("neurectomy_tokens_generated_total", [("model", "ryot-tiny")]);
    assert_eq!(generated, tokens);
    assert_eq!(page.value("neurectomy_ryot_request_duration_seconds_count", []), 2.0);
    let bounds = ["0.1", "0.5", "1", "2", "5", "10", "30", "+Inf"];
    assert_bounds(&page, "neurectomy_ryot_request_duration_seconds", &bounds);
    let http = |status| {
        let labels = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", status)];
        page.value("neurectomy_http_requests_total", labels)
    };
    assert_eq!((http("200"), http("400")), (2.0, 1.0));
    let labels = [("method", "POST"), ("endpoint", "/v1/generate")];
    let duration = "neurectomy_http_request_duration_seconds";
    assert_eq!(page.value(&format!("{duration}_count"), labels), 3.0);
    let bounds = ["0.01", "0.05", "0.1", "0.5", "1", "2.5", "5", "10", "+Inf"];
    assert_bounds(&page, duration, &bounds);
}

#[test]
fn compressing_records_the_ratio() {
    let service = start(&[]);
    let text = "a counter only goes up. ".repeat(500);
    let summary = service.post("/v1/compress", "text/plain", &text).expect(200).json();
    assert_eq!(summary["original_size"], text.len());
    let ratio = summary["ratio"].as_f64().unwrap();
    assert!(ratio > 30.0, "{summary}");
    let headers = [("accept", "application/zstd")];
    let answer = service.request("POST", "/v1/compress", &headers, text.as_bytes());
    assert_eq!(answer.header("content-type"), Some("application/zstd"));
    assert_eq!(answer.header("x-original-size"), Some("12000"));
    let restored = zstd::bulk::decompress(&answer.expect(200).body, text.len()).unwrap();
    assert_eq!(restored, text.as_bytes());
    assert_error(&service.post("/v1/compress", "text/plain", ""), 400);

    let page = page(&service);
    let name = "neurectomy_sigmalang_compression_ratio";
    assert_eq!(page.value(&format!("{name}_count"), []), 2.0);
    let sum = page.value(&format!("{name}_sum"), []);
    assert!((sum - 2.0 * ratio).abs() < 1e-9, "{sum}");
    assert_eq!(page.value(&format!("{name}_bucket"), [("le", "30")]), 0.0);
    assert_bounds(&page, name, &["5", "10", "15", "20", "25", "30", "+Inf"]);
}

#[test]
fn traffic_changes_every_family_that_does_not_count_failures() {
    let args = [&ANY_PORT[..], &["--traffic", "20"]].concat();
    let service = Service::start(BINARY, &args, &[IN_MEMORY]);
    let changing = BTreeSet::from([
        "neurectomy_http_requests_total",
        "neurectomy_http_request_duration_seconds",
        "neurectomy_http_client_requests_total",
        "neurectomy_http_client_request_duration_seconds",
        "neurectomy_ryot_requests_total",
        "neurectomy_ryot_request_duration_seconds",
        "neurectomy_tokens_generated_total",
        "neurectomy_circuit_breaker_calls_total",
        "neurectomy_sigmalang_compression_ratio",
        "neurectomy_sigmavault_operations_total",
        "neurectomy_active_users",
        "neurectomy_api_keys_active",
    ]);
    let idle = |page: &Page, name: &str| {
        let samples = page.family(name).map(|family| family.samples.as_slice());
        samples.unwrap_or_default().iter().all(|sample| sample.value == 0.0)
    };
    let page = wait::try_until(|| {
        let page = page(&service);
        let still: Vec<_> = changing.iter().copied().filter(|name| idle(&page, name)).collect();
        if still.is_empty() { Ok(page) } else { Err(still) }
    });
    let page = page.unwrap_or_else(|still| panic!("traffic does not change {still:?}"));
    // The other families stay at zero because nothing fails. The lists are complete.
    let ours = |name: &&str| name.starts_with("neurectomy_") && !changing.contains(name);
    let others: BTreeSet<_> = page.names().into_iter().filter(ours).collect();
    let breaker =
        ["failures_total", "state", "transitions_total", "last_transition_timestamp_seconds", "probes_in_flight"];
    // The ratio has a sample from the twentieth call of the store on.
    let ratio = ["failure_ratio", "failure_ratio_threshold"];
    // Without samples: no breaker here has a ratio of slow calls, or a listener.
    let unused = ["slow_ratio", "slow_ratio_threshold", "transitions_dropped_total"];
    let names = breaker.iter().chain(&ratio).chain(&unused).map(|name| format!("neurectomy_circuit_breaker_{name}"));
    let rest = [
        "system_info",
        "http_responses_aborted_total",
        "http_requests_overdue_total",
        "http_client_errors_total",
        "http_client_requests_in_flight",
        "ryot_request_overdue_total",
        "tokens_unknown_total",
    ];
    let rest = rest.map(|name| format!("neurectomy_{name}"));
    let names: BTreeSet<_> = names.chain(rest).collect();
    assert_eq!(others.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), names);
    for name in breaker.into_iter().chain(["failure_ratio"]) {
        let series = page.series(&format!("neurectomy_circuit_breaker_{name}"));
        assert!(series.iter().all(|sample| sample.value == 0.0), "{series:?}");
        let services: BTreeSet<_> = series.iter().map(|sample| sample.labels["service"].as_str()).collect();
        assert!(name == "failure_ratio" || services.into_iter().eq(["ryot", "sigmavault"]), "{name}: {series:?}");
    }
    assert_eq!(service.stop().status.code(), Some(0));
}

#[test]
fn the_same_seed_gives_the_same_text_over_http() {
    let service = start(&[]);
    let text = || -> Value { generate(&service, 40).expect(200).json() };
    assert_eq!(text(), text());
}
