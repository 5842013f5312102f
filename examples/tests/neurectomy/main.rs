//! End-to-end tests of Neurectomy: requests to the real binary over HTTP, and the resulting metrics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

mod clients;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod files;
mod input;
mod metrics;
mod ryot;
mod sessions;
mod start;
#[path = "../common/upstream.rs"]
mod upstream;

use std::net::{SocketAddr, TcpListener};

use common::{assert_bounds, assert_error};
use serde_json::json;
use tests::canned::COMPLETION;
use tests::client::{Client, Response};
use tests::page::Page;
use tests::service::{Service, Stopped};
use upstream::Behaviour;

const BINARY: &str = env!("CARGO_BIN_EXE_neurectomy");
const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];
const IN_MEMORY: (&str, &str) = ("SIGMAVAULT_URL", "memory:///");

fn start(env: &[(&str, &str)]) -> Service {
    let env: Vec<_> = [IN_MEMORY].iter().chain(env).copied().collect();
    Service::start(BINARY, &ANY_PORT, &env)
}

/// Runs the service with settings it must reject. Returns the exit code and stderr.
fn start_error(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let Stopped { status, stderr, .. } = Service::run(BINARY, args, env);
    (status.code(), stderr)
}

fn page(service: &Client) -> Page {
    Page::parse_text(service.get("/metrics").expect(200).text()).unwrap()
}

/// The answer of a model: a completion of four tokens.
fn completion() -> Behaviour {
    Behaviour::answer("200 OK", "", COMPLETION)
}

fn put(service: &Client, path: &str, body: impl AsRef<[u8]>) -> Response {
    service.request("PUT", path, &[], body.as_ref())
}

fn delete(service: &Client, path: &str) -> Response {
    service.request("DELETE", path, &[], b"")
}

fn generate(service: &Client, max_tokens: u32) -> Response {
    let body = json!({ "prompt": "The keeper", "max_tokens": max_tokens, "seed": 7 });
    service.post_json("/v1/generate", &body)
}

fn key(service: &Client, user: &str) -> String {
    let answer = service.post_json("/v1/keys", &json!({ "user": user }));
    answer.expect(201).json()["key"].as_str().unwrap().to_owned()
}

fn open_session(service: &Client, key: &str) -> Response {
    let bearer = format!("Bearer {key}");
    service.request("POST", "/v1/sessions", &[("authorization", &bearer)], b"")
}

fn session(service: &Client, key: &str) -> String {
    let answer = open_session(service, key).expect(201).json();
    answer["session"].as_str().unwrap().to_owned()
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}
