//! End-to-end tests of the gateway: gRPC calls to the real binary, and the metrics of all that take part: the client,
//! the gateway, and Neurectomy.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

mod calls;
mod faults;
mod start;
#[path = "../common/upstream.rs"]
mod upstream;

mod completions {
    #![allow(
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        rust_2018_idioms,
        clippy::pedantic,
        reason = "generated code"
    )]
    include!("../../gateway/completions.rs");
}

use std::collections::BTreeMap;

use completions::completions_client::CompletionsClient;
use completions::{Completion, GenerateRequest, SampleRequest};
use metrics_runtime::Registry;
use metrics_runtime::grpc::{Grpc, GrpcService, MethodKind};
use tests::client::Client;
use tests::page::Page;
use tests::service::{Service, Stopped};
use tests::wait;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};
use tower_layer::Layer as _;

const BINARY: &str = env!("CARGO_BIN_EXE_gateway");
const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A completion, as Neurectomy answers.
const COMPLETION: &str = r#"{"model": "tiny", "text": "so it is.", "finish_reason": "stop", "tokens": 4}"#;

fn start(env: &[(&str, &str)]) -> Service {
    let env: Vec<_> = [("METRICS_LISTEN", "0")].iter().chain(env).copied().collect();
    Service::start(BINARY, &ANY_PORT, &env)
}

/// Runs the service with settings it must reject. Returns the exit code and stderr.
fn start_error(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let Stopped { status, stderr, .. } = Service::run(BINARY, args, env);
    (status.code(), stderr)
}

fn request(prompt: &str) -> GenerateRequest {
    GenerateRequest { prompt: prompt.to_owned(), max_tokens: Some(5), temperature: None, seed: Some(7) }
}

fn sample(count: u32) -> SampleRequest {
    SampleRequest { request: Some(request("The keeper")), count }
}

/// Reads a stream to its end.
async fn read(mut stream: Streaming<Completion>) -> (Vec<Completion>, Option<tonic::Status>) {
    let mut completions = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(completion)) => completions.push(completion),
            Ok(None) => return (completions, None),
            Err(status) => return (completions, Some(status)),
        }
    }
}

/// A running gateway, and a client that counts its calls.
struct Gateway {
    service: Service,
    metrics: Client,
    seen: Registry,
    client: CompletionsClient<GrpcService<Channel>>,
}

impl Gateway {
    /// Starts a gateway in front of the service at `neurectomy`.
    fn start(neurectomy: &str, env: &[(&str, &str)]) -> Self {
        let service = start(&[&[("NEURECTOMY_URL", neurectomy)], env].concat());
        let seen = Registry::new();
        let layer = Grpc::client()
            .method("/gateway.v1.Completions/Generate", MethodKind::Unary)
            .method("/gateway.v1.Completions/Sample", MethodKind::ServerStream)
            .method("/gateway.v1.Completions/GenerateEach", MethodKind::BidiStream)
            .layer(&seen)
            .unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", service.address())).unwrap();
        let client = CompletionsClient::new(layer.layer(endpoint.connect_lazy()));
        Self { metrics: Client::new(service.metrics_address()), service, seen, client }
    }

    fn client(&self) -> CompletionsClient<GrpcService<Channel>> {
        self.client.clone()
    }

    fn page(&self) -> Page {
        page(&self.metrics)
    }

    /// Returns the completions that ended with this status.
    fn completions(&self, status: &str) -> f64 {
        self.page().value("gateway_completions_total", [("status", status)])
    }

    /// Returns the requests to Neurectomy of this status.
    fn requests(&self, status: &str) -> f64 {
        let labels = [("upstream", "neurectomy"), ("method", "POST"), ("status", status)];
        self.page().value("gateway_http_client_requests_total", labels)
    }

    /// Returns the requests to Neurectomy without the end of a response, by cause.
    fn request_errors(&self, cause: &str) -> f64 {
        let labels = [("upstream", "neurectomy"), ("method", "POST"), ("cause", cause)];
        self.page().value("gateway_http_client_errors_total", labels)
    }

    /// Returns the requests with this result for the breaker.
    fn breaker(&self, result: &str) -> f64 {
        let labels = [("service", "neurectomy"), ("result", result)];
        self.page().value("gateway_circuit_breaker_calls_total", labels)
    }

    /// Waits until the gateway has counted what the client has: the calls and their codes, and the messages that arrived.
    /// Returns the calls by method and code.
    fn same_calls(&self) -> BTreeMap<[String; 2], f64> {
        let counted = |page: &Page, side: &str| {
            let name = format!("grpc_{side}_handled_total");
            let of = ["grpc_method", "grpc_code"];
            let calls = page.series(&name).into_iter().filter(|calls| calls.value > 0.0);
            calls.map(|calls| (of.map(|label| calls.labels[label].clone()), calls.value)).collect::<BTreeMap<_, _>>()
        };
        let sum = |page: &Page, name: &str| page.series(name).iter().map(|sample| sample.value).sum::<f64>();
        let client = Page::parse_text(&self.seen.render()).unwrap();
        let page = wait::try_until(|| {
            let server = self.page();
            if counted(&server, "server") == counted(&client, "client") { Ok(server) } else { Err(server) }
        });
        let page = page.unwrap_or_else(|server| {
            panic!("client: {:#?}\ngateway: {:#?}", counted(&client, "client"), counted(&server, "server"))
        });
        let calls = counted(&client, "client");
        let total: f64 = calls.values().sum();
        assert_eq!(sum(&client, "grpc_client_started_total"), total);
        assert_eq!(sum(&page, "grpc_server_started_total"), total);
        calls
    }
}

fn page(metrics: &Client) -> Page {
    Page::parse_text(metrics.get("/metrics").expect(200).text()).unwrap()
}

/// Returns the calls of a method with this code.
fn of(calls: &BTreeMap<[String; 2], f64>, method: &str, code: &str) -> f64 {
    calls.get(&[method.to_owned(), code.to_owned()]).copied().unwrap_or(0.0)
}
