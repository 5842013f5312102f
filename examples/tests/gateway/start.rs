//! Settings, the command line, start and shutdown.

use std::net::TcpStream;

use tests::service::Service;
use tests::wait;

use crate::upstream::{Behaviour, Upstream};
use crate::{ANY_PORT, BINARY, COMPLETION, Gateway, request, start, start_error};

#[test]
fn an_invalid_variable_is_an_error_that_names_its_value_and_the_expected_one() {
    for (name, value, hint) in [
        ("NEURECTOMY_URL", "nowhere", "URL"),
        ("NEURECTOMY_URL", "ftp://nowhere", "http"),
        ("NEURECTOMY_TIMEOUT", "soon", "seconds"),
        ("NEURECTOMY_SLOW", "0", "seconds"),
        ("NEURECTOMY_COOLDOWN", "-1", "seconds"),
        ("CLIENT_TIMEOUT", "never", "seconds"),
        ("METRICS_LISTEN", "nowhere", "address"),
    ] {
        let (code, text) = start_error(&ANY_PORT, &[("METRICS_LISTEN", "0"), (name, value)]);
        assert_eq!(code, Some(1), "{name}={value}: {text}");
        assert!(text.contains(value) && text.contains(hint), "{name}={value}: {text}");
    }
    let (code, text) = start_error(&["--port", "1"], &[]);
    assert!(code == Some(2) && text.contains("--port"), "{text}");
    let help = Service::run(BINARY, &["--help"], &[]);
    for part in ["--traffic", "NEURECTOMY_URL", "METRICS_LISTEN", "127.0.0.1:50051"] {
        assert!(help.stdout.contains(part), "{part}:\n{}", help.stdout);
    }
}

#[test]
fn the_log_says_that_neurectomy_is_not_there() {
    let service = start(&[("NEURECTOMY_URL", "http://127.0.0.1:9")]);
    let log = wait::until("the log", || Some(service.stderr()).filter(|log| log.ends_with('\n')));
    assert!(log.contains("calls fail with UNAVAILABLE") && log.contains("cargo run --bin neurectomy"), "{log}");
    let stopped = service.stop();
    assert!(stopped.status.success(), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_progress_are_completed_after_a_signal() {
    let (release, held) = Behaviour::held(COMPLETION);
    let neurectomy = Upstream::start(held);
    let gateway = Gateway::start(&neurectomy.url(), &[]);
    let mut client = gateway.client();
    let call = tokio::spawn(async move { client.generate(request("A")).await });
    wait::until("the request to be in flight", || {
        let labels = [("upstream", "neurectomy"), ("method", "POST")];
        let page = gateway.page();
        (page.sample("gateway_http_client_requests_in_flight", labels) == Some(1.0)).then_some(())
    });
    let address = gateway.service.address();
    let stopping = tokio::task::spawn_blocking(|| gateway.service.stop());
    wait::until("new connections to be refused", || TcpStream::connect(address).is_err().then_some(()));
    drop(release);
    let stopped = stopping.await.unwrap();
    assert_eq!(call.await.unwrap().unwrap().into_inner().text, "so it is.");
    assert!(stopped.status.success() && stopped.stderr.is_empty(), "{stopped:?}");
}

#[test]
fn traffic_makes_all_kinds_of_calls() {
    let neurectomy = Upstream::start(Behaviour::answer("200 OK", "", COMPLETION));
    let args = [&ANY_PORT[..], &["--traffic", "200"]].concat();
    let service = Service::start(BINARY, &args, &[("METRICS_LISTEN", "0"), ("NEURECTOMY_URL", &neurectomy.url())]);
    let metrics = tests::client::Client::new(service.metrics_address());
    wait::until("each method to be called", || {
        let page = crate::page(&metrics);
        let handled = page.series("grpc_server_handled_total");
        let is = |method: &str, code: &str| {
            handled.iter().any(|calls| {
                calls.labels["grpc_method"] == method && calls.labels["grpc_code"] == code && calls.value > 0.0
            })
        };
        (is("Generate", "OK") && is("Sample", "OK") && is("GenerateEach", "OK") && is("Sample", "Canceled"))
            .then_some(())
    });
}

#[test]
fn every_method_of_the_proto_file_has_metrics() {
    let service = start(&[]);
    let page = crate::page(&tests::client::Client::new(service.metrics_address()));
    let proto = include_str!("../../gateway/completions.proto");
    let methods: Vec<_> = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc ")).collect();
    assert_eq!(methods.len(), 3);
    for method in methods {
        let (name, messages) = method.split_once('(').unwrap();
        let (request, response) = messages.split_once("returns").unwrap();
        let kind = match [request, response].map(|message| message.contains("stream ")) {
            [false, false] => "unary",
            [false, true] => "server_stream",
            [true, false] => "client_stream",
            [true, true] => "bidi_stream",
        };
        let labels = [("grpc_type", kind), ("grpc_service", "gateway.v1.Completions"), ("grpc_method", name)];
        assert_eq!(page.sample("grpc_server_started_total", labels), Some(0.0), "{method}");
    }
}
