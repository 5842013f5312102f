//! Tests of the details of alerts: promtool evaluates the rules of the services with routes, and of one with metrics of breakers
//! and of the process, on synthetic series. `rehearsal` tests that every alert fires in its scenarios.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use metrics_export::Export;
use metrics_runtime::circuit_breaker::BreakerHandle;
use metrics_runtime::http::Http;
use metrics_runtime::{Metrics, Objective, Registry};
use serde_json::{Value, json};
use tests::tools;

use crate::{EXAMPLES, NEURECTOMY, WITH_ROUTES};

/// The rules of one service.
pub(crate) struct Rules {
    pub(crate) service: &'static str,
    pub(crate) text: String,
}

/// Returns the rules of the services with routes, and of another one that has metrics of the process.
fn all() -> Vec<Rules> {
    let examples = WITH_ROUTES.iter().map(|example| Rules { service: example.name, text: example.document("rules") });
    examples.chain([everything()]).collect()
}

fn everything() -> Rules {
    let registry = Registry::new();
    BreakerHandle::register_in(&registry, "ryot").unwrap();
    for name in ["process_open_fds", "process_max_fds", "process_start_time_seconds"] {
        registry.register(Box::new(prometheus::Gauge::new(name, "A gauge.").unwrap())).unwrap();
    }
    let metrics = Metrics::builder().namespace("neurectomy").registry(&registry).build().unwrap();
    Rules { service: "neurectomy", text: Export::new(&metrics).rules() }
}

/// The series of a healthy service, for which no alert fires.
const HEALTHY: &[(&str, &str)] = &[
    ("up{}", "1x300"),
    ("SERVICE_requests_total{status=\"200\"}", "0+60x300"),
    ("SERVICE_request_duration_seconds_count{}", "0+60x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"0.5\"}", "0+60x300"),
    ("SERVICE_request_duration_seconds_bucket{le=\"+Inf\"}", "0+60x300"),
    // Clients leave in the middle of responses.
    ("SERVICE_http_responses_aborted_total{phase=\"body\", cause=\"cancelled\"}", "0+30x300"),
    ("SERVICE_ryot_requests_total{status=\"success\"}", "0+60x300"),
    ("SERVICE_ryot_requests_total{status=\"error\"}", "0x300"),
    ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "0x300"),
    ("SERVICE_circuit_breaker_last_transition_timestamp_seconds{service=\"ryot\"}", "0x300"),
    ("SERVICE_circuit_breaker_probes_in_flight{service=\"ryot\"}", "0x300"),
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

/// Responses with status 200 that break off.
const BROKEN_RESPONSES: &[(&str, &str)] = &[
    ("SERVICE_requests_total{status=\"200\"}", "0+60x300"),
    ("SERVICE_http_responses_aborted_total{phase=\"body\", cause=\"error\"}", "0+6x300"),
];

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

/// Returns the selector of a series with the names of the service, and the labels of a target and of the route.
fn metric(service: &str, series: &str) -> String {
    let (requests, route) =
        if service == "neurectomy" { ("neurectomy_http_request", "endpoint") } else { ("dynoai_request", "path") };
    let series = series.replace("SERVICE_request", requests).replace("SERVICE", service);
    let (metric, labels) = series.split_once('{').unwrap();
    let is_http = metric.starts_with(requests) || metric.ends_with("http_responses_aborted_total");
    let route = if is_http { format!(", {route}=\"/v1/files/{{*path}}\"") } else { String::new() };
    let target = format!("job=\"{service}\", instance=\"a\"{route}");
    let separator = if labels == "}" { "" } else { ", " };
    format!("{metric}{{{target}{separator}{labels}")
}

impl Rules {
    fn alerts(&self) -> BTreeSet<String> {
        let alerts = self.text.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
        alerts.map(str::to_owned).collect()
    }
}

/// Returns a scenario: the series, with one sample a minute, and the expected results of queries.
pub(crate) fn scenario(rules: &Rules, series: &[(&str, &str)], expected: &[Value]) -> Value {
    let series = series.iter().map(|(name, values)| json!({ "series": metric(rules.service, name), "values": values }));
    json!({ "interval": "1m", "input_series": series.collect::<Vec<_>>(), "promql_expr_test": expected })
}

fn fires(alert: &str, at: &str) -> Value {
    let alerts = format!("count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}) > bool 0");
    json!({ "expr": alerts, "eval_time": at, "exp_samples": [{ "labels": "{}", "value": 1 }] })
}

/// Expects that no series matches the selector at this time.
fn absent(selector: &str, at: &str) -> Value {
    json!({ "expr": selector, "eval_time": at, "exp_samples": [] })
}

pub(crate) fn test(rules: &Rules, scenarios: &[Value]) {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), &rules.text).unwrap();
    let file = folder.path().join("tests.json");
    let content = json!({ "rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": scenarios });
    fs::write(&file, content.to_string()).unwrap();
    promtool.test_rules(&file).unwrap_or_else(|output| panic!("{}:\n{output}", rules.service));
}

#[test]
fn promtool_accepts_the_rules() {
    let Some(promtool) = tools::promtool() else {
        return;
    };
    for example in EXAMPLES {
        promtool.check_rules(&example.committed("rules")).unwrap();
    }
}

#[test]
fn every_alert_is_silent_when_it_should_be() {
    for rules in all() {
        let idle: Vec<_> = HEALTHY
            .iter()
            .map(|(series, values)| (*series, if values.contains('+') { "0x300" } else { *values }))
            .collect();
        // One of three requests has failed, after two minutes.
        let replaced = |with: &[(&'static str, &'static str)]| {
            let mut series = idle.clone();
            series.retain(|(name, _)| !with.iter().any(|(other, _)| other == name));
            series.extend(with);
            series
        };
        let one_of_three = replaced(&[
            ("SERVICE_requests_total{status=\"200\"}", "0 0 2x298"),
            ("SERVICE_requests_total{status=\"500\"}", "0 0 1x298"),
            ("SERVICE_ryot_requests_total{status=\"success\"}", "0 0 2x298"),
            ("SERVICE_ryot_requests_total{status=\"error\"}", "0 0 1x298"),
        ]);
        // A deployment: counters reset, the process is new, one scrape fails.
        let restart = replaced(&[
            ("up{}", "1x5 0 1x290"),
            ("SERVICE_requests_total{status=\"200\"}", "0+60x5 0+60x290"),
            ("SERVICE_ryot_requests_total{status=\"success\"}", "0+60x5 0+60x290"),
            ("process_start_time_seconds{}", "1000x5 1300x290"),
        ]);
        // Opened once and not called since: after its time in the open state, it is half-open.
        let idle_breaker = replaced(&[
            ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "0 0 1 2x298"),
            ("SERVICE_circuit_breaker_last_transition_timestamp_seconds{service=\"ryot\"}", "0 0 120x298"),
            ("SERVICE_circuit_breaker_transitions_total{service=\"ryot\", from=\"closed\", to=\"open\"}", "0 0 1x298"),
        ]);
        // There is a probe at every scrape, and each probe changes the state.
        let probed_breaker = replaced(&[
            ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "2x300"),
            ("SERVICE_circuit_breaker_last_transition_timestamp_seconds{service=\"ryot\"}", "0+60x300"),
            ("SERVICE_circuit_breaker_probes_in_flight{service=\"ryot\"}", "1x300"),
        ]);
        // Two calls, four minutes apart, among hundreds.
        let rejected = replaced(&[
            ("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"success\"}", "0+60x300"),
            ("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"rejected\"}", "0 0 1 1 1 1 2x294"),
        ]);
        // Enough rejections for an alert, in one scrape.
        let rejected_at_once =
            replaced(&[("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"rejected\"}", "0 0 200x298")]);
        let opened = |values| {
            let opened = "SERVICE_circuit_breaker_transitions_total{service=\"ryot\", from=\"closed\", to=\"open\"}";
            replaced(&[(opened, values)])
        };
        // Three openings in one process, and three openings with the last one in a new process.
        let (thrice, restarted) = (opened("0 0 0 1 1 2 2 3x293"), opened("6 7 8 0x8 1x288"));
        // One outage of two and a half minutes: every ten seconds a probe fails and opens the breaker again.
        let outage = replaced(&[
            ("SERVICE_circuit_breaker_state{service=\"ryot\"}", "0 0 1 1 1 0x295"),
            ("SERVICE_circuit_breaker_last_transition_timestamp_seconds{service=\"ryot\"}", "0 0 115 175 235 275x295"),
            ("SERVICE_circuit_breaker_calls_total{service=\"ryot\", result=\"success\"}", "0+60x2 120 120 130+60x295"),
            ("SERVICE_circuit_breaker_transitions_total{service=\"ryot\", from=\"closed\", to=\"open\"}", "0 0 1x298"),
            (
                "SERVICE_circuit_breaker_transitions_total{service=\"ryot\", from=\"half_open\", to=\"open\"}",
                "0 0 2 8 14 15x295",
            ),
        ]);
        let mut scenarios = Vec::new();
        let breakers = [idle_breaker, probed_breaker, rejected, rejected_at_once, thrice, restarted, outage];
        let services =
            [HEALTHY, &idle, &one_of_three, &restart].map(|series| (series, &["4m", "10m", "20m", "70m"][..]));
        let breakers = breakers.iter().map(|series| (series.as_slice(), &["4m", "10m", "20m"][..]));
        for (series, at) in services.into_iter().chain(breakers) {
            let silent =
                |at: &[&str]| at.iter().map(|at| absent("ALERTS{alertstate=\"firing\"}", at)).collect::<Vec<_>>();
            scenarios.push(scenario(&rules, series, &silent(at)));
            // `increase` extrapolates only if scrapes and evaluations are at different times.
            let mut apart = scenario(&rules, series, &silent(&["8m", "12m"]));
            apart["interval"] = "55s".into();
            scenarios.push(apart);
        }
        test(&rules, &scenarios);
    }
}

#[test]
fn responses_that_break_off_count_against_an_objective() {
    let rules = Rules { service: "neurectomy", text: NEURECTOMY.document("rules") };
    let broken = [fires("NeurectomyHttpV1FilesPathSuccessBurn1h", "2h")];
    let failed = FAILING_REQUESTS.iter().chain(&BROKEN_RESPONSES[1..]).copied().collect::<Vec<_>>();
    test(&rules, &[scenario(&rules, BROKEN_RESPONSES, &broken), scenario(&rules, &failed, &broken)]);
}

/// Many clients disconnect early. One third of the other requests fails.
#[test]
fn clients_that_disconnect_early_do_not_hide_failures() {
    let rules = Rules { service: "neurectomy", text: NEURECTOMY.document("rules") };
    let series = [
        ("SERVICE_requests_total{status=\"499\"}", "0+6000x300"),
        ("SERVICE_requests_total{status=\"200\"}", "0+2x300"),
        ("SERVICE_requests_total{status=\"500\"}", "0+1x300"),
    ];
    test(&rules, &[scenario(&rules, &series, &[fires("NeurectomyHttpV1FilesPathSuccessBurn1h", "2h")])]);
}

#[test]
fn no_ratio_or_quantile_is_recorded_without_calls() {
    for rules in all().into_iter().filter(|rules| rules.text.contains("record: ")) {
        let series: Vec<_> = SLOW_REQUESTS.iter().chain(SLOW_RYOT).map(|(name, _)| (*name, "7x30")).collect();
        let recorded = r#"{__name__=~".+:(p50|p95|p99|error_ratio)_rate5m|slo:.+:ratio_.+"}"#;
        test(&rules, &[scenario(&rules, &series, &[absent(recorded, "20m")])]);
    }
}

#[test]
fn the_text_of_an_alert_is_true() {
    let rules = Rules { service: "neurectomy", text: NEURECTOMY.document("rules") };
    let expected = |alert: &str, labels: Value, summary: &str, description: &str| {
        let (_, rule) = rules.text.split_once(&format!("- alert: {alert}\n")).unwrap();
        let (_, runbook) = rule.split_once("runbook: '").unwrap();
        let runbook = runbook.lines().next().unwrap().trim_end_matches('\'').replace("''", "'");
        let annotations = json!({ "summary": summary, "description": description, "runbook": runbook });
        let alerts = json!([{ "exp_labels": labels, "exp_annotations": annotations }]);
        json!([{ "alertname": alert, "eval_time": "20m", "exp_alerts": alerts }])
    };
    let mut rejecting = scenario(&rules, OPEN_BREAKER, &[]);
    rejecting["alert_rule_test"] = expected(
        "NeurectomyBreakerRejecting",
        json!({ "severity": "page", "job": "neurectomy", "service": "ryot" }),
        "the circuit breaker of ryot rejects calls",
        "For 5 minutes calls to ryot have been answered without it, about 15 of them within the last 3 minutes.",
    );
    let mut burning = scenario(&rules, SLOW_REQUESTS, &[]);
    let slo = "http_v1_files_path_latency";
    burning["alert_rule_test"] = expected(
        "NeurectomyHttpV1FilesPathLatencyBurn3d",
        json!({ "severity": "ticket", "job": "neurectomy", "slo": slo, "window": "3d" }),
        "too many requests to /v1/files/{*path} take longer than 0.5 s: 99% should not",
        "100% did within the last 3d: the budget of 30 days burns faster than would just use it up.",
    );
    let rejected = "Calls that a circuit breaker around the function rejected are not among them.";
    let mut failing = scenario(&rules, FAILING_RYOT, &[]);
    failing["alert_rule_test"] = expected(
        "NeurectomyRyotRequestsErrorRatio",
        json!({ "severity": "page", "job": "neurectomy" }),
        "more than 5% fail: Calls to the Ryot language model, by status (job neurectomy)",
        &format!("50% failed within the last 3 minutes. {rejected}"),
    );
    test(&rules, &[rejecting, burning, failing]);
    let lines: Vec<_> = rules.text.lines().collect();
    let calls = lines.windows(2).filter(|pair| pair[0].contains("too many calls of "));
    assert!(calls.clone().count() > 0 && calls.into_iter().all(|pair| pair[1].contains(rejected)), "{}", rules.text);
}

#[test]
fn objectives_have_an_alert_for_each_pair_of_windows() {
    let rules = |text| Rules { service: "neurectomy", text };
    let alerts = rules(NEURECTOMY.document("rules")).alerts();
    for objective in ["RyotRequestsSuccess", "RyotRequestDurationSecondsLatency", "HttpV1FilesPathSuccess"] {
        for window in ["1h", "6h", "1d", "3d"] {
            assert!(alerts.contains(&format!("Neurectomy{objective}Burn{window}")), "{objective} {window}: {alerts:?}");
        }
    }
    assert!(!everything().alerts().iter().any(|alert| alert.contains("Burn")), "that service has no objectives");
}

/// The text format, OpenMetrics, Prometheus 3 and VictoriaMetrics write the same bound differently.
#[test]
fn an_objective_finds_its_bucket_in_every_spelling() {
    let spellings: [(Duration, f64, &[&str]); 3] = [
        (Duration::from_micros(10), 1e-5, &["0.00001", "1e-05", "1e-5", "1.0e-05"]),
        (Duration::from_secs(1), 1.0, &["1", "1.0"]),
        (Duration::from_secs(1_000_000), 1e6, &["1000000", "1000000.0", "1e+06", "1e6", "1E6"]),
    ];
    for (latency, bound, spellings) in spellings {
        let objective = Objective::new().latency(latency, 99.0);
        let http = Http::new().buckets(vec![bound, 2e6]);
        let metrics = Metrics::builder().namespace("neurectomy").registry(&Registry::new()).http(http);
        let metrics = metrics.objective("/v1/files/{*path}", objective).build().unwrap();
        let rules = Rules { service: "neurectomy", text: Export::new(&metrics).rules() };
        let scenarios = spellings.iter().flat_map(|spelling| {
            let alert = "NeurectomyHttpV1FilesPathLatencyBurn1h";
            let of = |within: &str| {
                let bucket = format!("SERVICE_request_duration_seconds_bucket{{le=\"{spelling}\"}}");
                let series = [(bucket.as_str(), within), ("SERVICE_request_duration_seconds_count{}", "0+60x30")];
                scenario(&rules, &series, &[])
            };
            let (mut slow, mut fast) = (of("0x30"), of("0+60x30"));
            slow["promql_expr_test"] = json!([fires(alert, "20m")]);
            fast["promql_expr_test"] = json!([absent("ALERTS{alertname=~\".*Burn.*\", alertstate=\"firing\"}", "20m")]);
            [slow, fast]
        });
        test(&rules, &scenarios.collect::<Vec<_>>());
    }
}
