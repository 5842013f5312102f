//! Every alert, on made-up series: promtool evaluates the committed rules.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tests::tools;

use crate::{DYNOAI, EXAMPLES, Example, NEURECTOMY};

/// Series that make an alert fire, and when it does. In `{}` the labels that every series has are added.
struct Fires {
    /// The name without that of the service.
    alert: &'static str,
    series: &'static [(&'static str, &'static str)],
    at: &'static str,
}

/// What no alert is about: the series of a service as it should be.
const HEALTHY: &[(&str, &str)] = &[
    ("up{}", "1x300"),
    ("SERVICE_requests_total{status=\"200\"}", "0+60x300"),
    ("SERVICE_request_duration_seconds_count{}", "0+60x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"0.5\"}", "0+60x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"+Inf\"}", "0+60x300"),
    ("SERVICE_ryot_requests_total{status=\"success\"}", "0+60x300"),
    ("SERVICE_ryot_requests_total{status=\"error\"}", "0x300"),
    ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "0x300"),
    ("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"success\"}", "0+60x300"),
    ("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"rejected\"}", "0x300"),
    ("SERVICE_circuit_breaker_transitions_total{service=\"ryot\", from=\"closed\", to=\"open\"}", "0x300"),
    ("metrics_runtime_label_overflow_total{metric=\"a\"}", "0x300"),
    ("metrics_runtime_scrape_errors_total{cause=\"panic\"}", "0x300"),
    ("process_open_fds{}", "10x300"),
    ("process_max_fds{}", "1000x300"),
    ("process_start_time_seconds{}", "1000x300"),
];

const FAILING_REQUESTS: &[(&str, &str)] =
    &[("SERVICE_requests_total{status=\"200\"}", "0+60x300"), ("SERVICE_requests_total{status=\"500\"}", "0+60x300")];

const SLOW_REQUESTS: &[(&str, &str)] = &[
    ("SERVICE_request_duration_seconds_bucket{le=\"0.5\"}", "0x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"5\"}", "0x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"10\"}", "0+60x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"+Inf\"}", "0+60x300"),
    ("SERVICE_request_duration_seconds_count{}", "0+60x300"),
];

const FAILING_RYOT: &[(&str, &str)] = &[
    ("SERVICE_ryot_requests_total{status=\"success\"}", "0+6x300"),
    ("SERVICE_ryot_requests_total{status=\"error\"}", "0+6x300"),
];

const SLOW_RYOT: &[(&str, &str)] = &[
    ("SERVICE_ryot_request_duration_seconds_bucket{le=\"10\"}", "0x300"),
    ("SERVICE_ryot_request_duration_seconds_bucket{le=\"30\"}", "0+6x300"),
    ("SERVICE_ryot_request_duration_seconds_bucket{le=\"+Inf\"}", "0+6x300"),
    ("SERVICE_ryot_request_duration_seconds_count{}", "0+6x300"),
];

const OPEN_BREAKER: &[(&str, &str)] = &[
    ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "1 1 2 1 2 1x100"),
    ("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"rejected\"}", "0+5x100"),
];

const FLAPPING_BREAKER: &[(&str, &str)] = &[
    ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "0 1 0 1 0 1 0 1 0 1 0 1 0x100"),
    ("SERVICE_circuit_breaker_transitions_total{service=\"ryot\", from=\"closed\", to=\"open\"}", "0+1x20"),
];

#[rustfmt::skip]
const FIRES: &[Fires] = &[
    Fires { alert: "TargetDown", series: &[("up{}", "1 0x20")], at: "8m" },
    Fires { alert: "TargetAbsent", series: &[], at: "8m" },
    Fires { alert: "HttpErrorRatio", series: FAILING_REQUESTS, at: "15m" },
    Fires { alert: "HttpLatency", series: SLOW_REQUESTS, at: "30m" },
    Fires { alert: "RyotRequestsErrorRatio", series: FAILING_RYOT, at: "15m" },
    Fires { alert: "RyotRequestsLatency", series: SLOW_RYOT, at: "30m" },
    Fires { alert: "SigmavaultOperationsErrorRatio", series: &[("SERVICE_sigmavault_operations_total{operation=\"store\", status=\"panic\"}", "0+6x60")], at: "15m" },
    Fires { alert: "BreakerRejecting", series: OPEN_BREAKER, at: "20m" },
    Fires { alert: "BreakerFlapping", series: FLAPPING_BREAKER, at: "14m" },
    Fires { alert: "BreakerStuckHalfOpen", series: &[("SERVICE_circuit_breaker_state{service=\"ryot\"}", "2x30")], at: "12m" },
    Fires { alert: "LabelOverflow", series: &[("metrics_runtime_label_overflow_total{metric=\"a\"}", "0 0 1 1 1")], at: "4m" },
    Fires { alert: "ScrapeErrors", series: &[("metrics_runtime_scrape_errors_total{cause=\"panic\"}", "0 0 1 1 1")], at: "4m" },
    Fires { alert: "FileDescriptors", series: &[("process_open_fds{}", "900x30"), ("process_max_fds{}", "1000x30")], at: "15m" },
    Fires { alert: "Restarts", series: &[("process_start_time_seconds{}", "1 2 3 4 4 4 4")], at: "5m" },
];

/// Both services name their requests differently.
fn metric(example: &Example, series: &str) -> String {
    let name = if example.name == "neurectomy" { "neurectomy_http_request" } else { "dynoai_request" };
    let series = series.replace("SERVICE_request", name).replace("SERVICE", example.name);
    let (metric, labels) = series.split_once('{').unwrap();
    let route = if example.name == "neurectomy" { "endpoint" } else { "path" };
    let target = format!("job=\"{}\", instance=\"a\", {route}=\"/v1/files/{{*path}}\"", example.name);
    let target = if metric.contains("_request") && !metric.contains("ryot") {
        &target
    } else {
        &target[..target.rfind(',').unwrap()]
    };
    let separator = if labels == "}" { "" } else { ", " };
    format!("{metric}{{{target}{separator}{labels}")
}

fn alerts(example: &Example) -> BTreeSet<String> {
    let rules = example.document("rules");
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    alerts.map(str::to_owned).collect()
}

/// One scenario: the series, and of each alert whether it fires at this time.
fn scenario(example: &Example, series: &[(&str, &str)], at: &str, firing: &[String], silent: &[String]) -> Value {
    let series: Vec<_> =
        series.iter().map(|(name, values)| json!({ "series": metric(example, name), "values": values })).collect();
    let fires = |alert: &String| {
        let alerts = format!("count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}) > bool 0");
        json!({ "expr": alerts, "eval_time": at, "exp_samples": [{ "labels": "{}", "value": 1 }] })
    };
    let is_silent = |alert: &String| {
        let alerts = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}");
        json!({ "expr": alerts, "eval_time": at, "exp_samples": [] })
    };
    let tests: Vec<_> = firing.iter().map(fires).chain(silent.iter().map(is_silent)).collect();
    json!({ "interval": "1m", "input_series": series, "promql_expr_test": tests })
}

fn test(example: &Example, scenarios: &[Value]) {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), example.document("rules")).unwrap();
    let file = folder.path().join("tests.json");
    let content = json!({ "rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": scenarios });
    fs::write(&file, content.to_string()).unwrap();
    promtool.test_rules(&file).unwrap_or_else(|said| panic!("{}:\n{said}", example.name));
}

#[test]
fn promtool_accepts_the_rules() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    for example in EXAMPLES {
        promtool.check_rules(&example.kept("rules")).unwrap();
    }
}

#[test]
fn every_alert_fires_when_it_should() {
    for example in EXAMPLES {
        let service = camel(example.name);
        let mut all = alerts(&example);
        let mut scenarios = Vec::new();
        for Fires { alert, series, at } in FIRES {
            let name = format!("{service}{alert}");
            if all.remove(&name) {
                scenarios.push(scenario(&example, series, at, &[name], &[]));
            }
        }
        let burns: Vec<_> = all.iter().filter(|name| name.contains("Burn")).cloned().collect();
        let (slow, failing): (Vec<_>, _) = burns.into_iter().partition(|name| name.contains("Latency"));
        let series = |of: &[&[(&'static str, &'static str)]]| of.concat();
        scenarios.push(scenario(&example, &series(&[FAILING_REQUESTS, FAILING_RYOT]), "4h", &failing, &slow));
        scenarios.push(scenario(&example, &series(&[SLOW_REQUESTS, SLOW_RYOT]), "4h", &slow, &failing));
        all.retain(|name| !name.contains("Burn"));
        assert!(all.is_empty(), "no scenario says when these fire: {all:?}");
        test(&example, &scenarios);
    }
}

#[test]
fn every_alert_is_silent_when_it_should_be() {
    for example in EXAMPLES {
        let alerts: Vec<_> = alerts(&example).into_iter().collect();
        let idle: Vec<_> = HEALTHY
            .iter()
            .map(|(series, values)| (*series, if values.contains('+') { "0x300" } else { *values }))
            .collect();
        // One failed request of three, two minutes in.
        let replaced = |with: &[(&'static str, &'static str)]| {
            let mut series = idle.clone();
            series.retain(|(name, _)| !with.iter().any(|(own, _)| own == name));
            series.extend(with);
            series
        };
        let one_of_three = replaced(&[
            ("SERVICE_requests_total{status=\"200\"}", "0 0 2x298"),
            ("SERVICE_requests_total{status=\"500\"}", "0 0 1x298"),
            ("SERVICE_ryot_requests_total{status=\"success\"}", "0 0 2x298"),
            ("SERVICE_ryot_requests_total{status=\"error\"}", "0 0 1x298"),
        ]);
        // A deployment: counters begin again, the process is a new one, one scrape fails.
        let restart = replaced(&[
            ("up{}", "1x5 0 1x290"),
            ("SERVICE_requests_total{status=\"200\"}", "0+60x5 0+60x290"),
            ("SERVICE_ryot_requests_total{status=\"success\"}", "0+60x5 0+60x290"),
            ("process_start_time_seconds{}", "1000x5 1300x290"),
        ]);
        let mut scenarios = Vec::new();
        for series in [HEALTHY, &idle, &one_of_three, &restart] {
            for at in ["4m", "10m", "20m", "4h"] {
                scenarios.push(scenario(&example, series, at, &[], &alerts));
            }
        }
        test(&example, &scenarios);
    }
}

fn camel(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

#[test]
fn objectives_have_an_alert_for_each_pair_of_windows() {
    let alerts = alerts(&NEURECTOMY);
    for objective in ["RyotRequestsSuccess", "RyotRequestDurationSecondsLatency", "HttpV1FilesPathSuccess"] {
        for window in ["1h", "6h", "1d", "3d"] {
            assert!(alerts.contains(&format!("Neurectomy{objective}Burn{window}")), "{objective} {window}: {alerts:?}");
        }
    }
    assert!(alerts_of_dynoai_have_none());
}

fn alerts_of_dynoai_have_none() -> bool {
    !alerts(&DYNOAI).iter().any(|alert| alert.contains("Burn"))
}
