//! Ryot, and its breaker.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tests::canned::{self, COMPLETION};
use tests::client::Client;
use tests::page::Page;
use tests::prometheus::Target;
use tests::service::Service;
use tests::{tools, wait};

use crate::upstream::{Behaviour, Upstream};
use crate::{assert_error, completion, generate, page, start};

#[test]
fn the_breaker_of_ryot_opens_while_ryot_is_down() {
    let ryot = Upstream::start(Behaviour::Close(""));
    let service = start(&[("RYOT_URL", &ryot.url()), ("RYOT_MODEL", "other"), ("RYOT_COOLDOWN", "6")]);
    let breaker = || {
        let page = page(&service);
        let of = |name: &str| page.value(name, [("service", "ryot")]);
        let state = of("neurectomy_circuit_breaker_state");
        (state, of("neurectomy_circuit_breaker_failures_total"))
    };
    assert_eq!(breaker(), (0.0, 0.0));
    for failures in 1..=5u8 {
        assert_error(&generate(&service, 5), 502);
        let state = if failures == 5 { 1.0 } else { 0.0 };
        assert_eq!(breaker(), (state, f64::from(failures)));
    }
    let rejected = generate(&service, 5);
    assert_error(&rejected, 503);
    let seconds: u8 = rejected.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");

    ryot.set(completion());
    let completion = wait::until("Ryot to be called again", || {
        let answer = generate(&service, 5);
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(completion["text"], "so it is.");
    assert_eq!(breaker(), (0.0, 5.0));
    let page = page(&service);
    let requests = |status| page.value("neurectomy_ryot_requests_total", [("status", status)]);
    // Rejected calls are not requests to Ryot.
    assert_eq!((requests("success"), requests("error")), (1.0, 5.0));
    let sent = |status| [("upstream", "ryot"), ("method", "POST"), ("status", status)];
    let sent = |status| page.value("neurectomy_http_client_requests_total", sent(status));
    assert_eq!((sent("2xx"), sent("error")), (1.0, 5.0));
    assert_eq!(upstream_errors(&page, "reset"), 5.0);
    let tokens = page.value("neurectomy_tokens_generated_total", [("model", "other")]);
    assert_eq!(tokens, 4.0);
}

/// Returns the requests to Ryot without the end of a response, by cause.
fn upstream_errors(page: &Page, cause: &str) -> f64 {
    let labels = [("upstream", "ryot"), ("method", "POST"), ("cause", cause)];
    page.value("neurectomy_http_client_errors_total", labels)
}

/// Returns the calls with this result, as the breaker of Ryot counts them.
fn counted(service: &Client, result: &str) -> f64 {
    page(service).value("neurectomy_circuit_breaker_calls_total", [("service", "ryot"), ("result", result)])
}

#[test]
fn the_breaker_of_ryot_opens_while_its_answers_are_late() {
    let ryot = Upstream::start(Behaviour::Late(Duration::from_millis(150), COMPLETION));
    let service = start(&[("RYOT_URL", &ryot.url()), ("RYOT_SLOW", "0.1")]);
    for _ in 1..=5 {
        let _ = generate(&service, 5).expect(200);
    }
    assert_error(&generate(&service, 5), 503);
    assert_eq!(["slow", "success", "rejected"].map(|result| counted(&service, result)), [5.0, 0.0, 1.0]);
    let calls = page(&service).value("neurectomy_ryot_requests_total", [("status", "success")]);
    assert_eq!(calls, 5.0, "a late answer is an answer");
}

#[test]
fn prometheus_scrapes_the_states_of_the_breaker_while_ryot_is_down_and_back() {
    let Some(prometheus) = tools::prometheus() else { return };
    let mut ryot = canned::Server::start("application/json", COMPLETION);
    let url = format!("http://{}", ryot.address());
    let service = start(&[("RYOT_URL", &url), ("RYOT_COOLDOWN", "2")]);
    let server = prometheus.scrape(&[Target::new("neurectomy", service.address())]);
    let _ = generate(&service, 5).expect(200);
    let state = "neurectomy_circuit_breaker_state{service=\"ryot\"}";
    let is = |found: f64| move |values: &std::collections::BTreeMap<_, f64>| values.values().eq([&found]);
    server.wait_until(state, is(0.0));

    ryot.kill();
    for _ in 0..5 {
        assert_error(&generate(&service, 5), 502);
    }
    // Calls go on until a scrape sees it open: each failed probe keeps it open for longer.
    wait::until("Prometheus to see it open", || {
        let answer = generate(&service, 5);
        assert!([502, 503].contains(&answer.status), "{}", answer.text());
        (server.value(state) == 1.0).then_some(())
    });
    // Without a call.
    server.wait_until(state, is(2.0));

    ryot.restart();
    let _ = generate(&service, 5).expect(200);
    server.wait_until(state, is(0.0));
    let counted = |name: &str, labels: &str| {
        server.value(&format!("neurectomy_circuit_breaker_{name}{{service=\"ryot\",{labels}}}"))
    };
    assert_eq!(counted("transitions_total", "from=\"closed\",to=\"open\""), 1.0);
    assert_eq!(counted("transitions_total", "from=\"half_open\",to=\"closed\""), 1.0);
    assert_eq!(counted("calls_total", "result=\"success\""), 2.0);
    let page = page(&service);
    let upstream = page.value("neurectomy_ryot_requests_total", [("status", "error")]);
    let failures = page.value("neurectomy_circuit_breaker_failures_total", [("service", "ryot")]);
    assert_eq!(upstream, failures, "only calls that reached Ryot are its requests");
    let rejected = page.value("neurectomy_circuit_breaker_calls_total", [("service", "ryot"), ("result", "rejected")]);
    let answered = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", "503")];
    let answered = page.sample("neurectomy_http_requests_total", answered).unwrap_or(0.0);
    assert_eq!(answered, rejected);
}

/// Requests a completion, and leaves this long after the request has reached Ryot.
fn leave(service: &Service, ryot: &Upstream, patience: Duration) {
    let body = json!({ "prompt": "The keeper" }).to_string();
    let headers = [("content-type", "application/json")];
    let mut stream = service.open("POST", "/v1/generate", &headers, body.len()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    ryot.hanging.recv_timeout(wait::DEADLINE).unwrap();
    thread::sleep(patience);
}

#[test]
fn a_client_that_disconnects_cancels_the_call() {
    let ryot = Upstream::start(Behaviour::Hang(""));
    let service = start(&[("RYOT_URL", &ryot.url())]);
    leave(&service, &ryot, Duration::ZERO);
    // The call ends before the request does, so a scrape can see one without the other.
    let page = wait::until("the call and its request to be cancelled", || {
        let page = page(&service);
        let call = page.sample("neurectomy_ryot_requests_total", [("status", "cancelled")]);
        let labels = [("method", "POST"), ("endpoint", "/v1/generate"), ("status", "499")];
        let request = page.sample("neurectomy_http_requests_total", labels);
        (call == Some(1.0) && request == Some(1.0)).then_some(page)
    });
    let failures = page.value("neurectomy_circuit_breaker_failures_total", [("service", "ryot")]);
    assert_eq!((failures, counted(&service, "cancelled")), (0.0, 1.0));
    assert_eq!(upstream_errors(&page, "cancelled"), 1.0);
    assert_eq!(
        page.value("neurectomy_http_client_requests_in_flight", [("upstream", "ryot"), ("method", "POST")]),
        0.0
    );
    assert_eq!(page.value("neurectomy_ryot_request_duration_seconds_count", []), 0.0);
}

#[test]
fn a_client_that_waits_for_longer_than_promised_counts_against_ryot() {
    let ryot = Upstream::start(Behaviour::Hang(""));
    let service = start(&[("RYOT_URL", &ryot.url()), ("RYOT_SLOW", "0.1")]);
    for _ in 1..=5 {
        leave(&service, &ryot, Duration::from_millis(150));
    }
    wait::until("the calls to be cancelled", || (counted(&service, "slow") == 5.0).then_some(()));
    assert_error(&generate(&service, 5), 503);
}

#[test]
fn a_slow_ryot_times_out() {
    let ryot = Upstream::start(Behaviour::Hang(""));
    let service = start(&[("RYOT_URL", &ryot.url()), ("RYOT_TIMEOUT", "0.2")]);
    assert_error(&generate(&service, 5), 504);
    let page = page(&service);
    let errors = page.value("neurectomy_ryot_requests_total", [("status", "error")]);
    assert_eq!((errors, upstream_errors(&page, "timeout")), (1.0, 1.0));
}
