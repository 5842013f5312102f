//! The quickstart behaves as the README says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

use std::process::{Child, Command};

use tests::client::Client;
use tests::page::Page;
use tests::server::free_address;
use tests::{tools, wait};

struct Quickstart {
    process: Child,
    client: Client,
}

impl Quickstart {
    /// Starts the quickstart, and sends one request that is answered with 200 and one with 404.
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(environment: &[(&str, &str)]) -> Self {
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
        command.arg(address.to_string());
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("METRICS_") {
                command.env_remove(variable);
            }
        }
        command.envs(environment.iter().copied());
        let quickstart = Self { process: command.spawn().unwrap(), client: Client::new(address) };
        let client = &quickstart.client;
        let greeting =
            wait::until("the quickstart to listen", || client.try_request("GET", "/hello/ada", &[], b"").ok());
        assert_eq!(greeting.expect(200).text(), "Hello, ada!\n");
        let _ = client.get("/hello/nobody").expect(404);
        quickstart
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn greetings_are_on_the_page() {
    let quickstart = Quickstart::start();
    let page = Page::parse_text(quickstart.client.get("/metrics").expect(200).text()).unwrap();
    // A 404 is not an error of the service.
    for (status, calls) in [("success", 2.0), ("error", 0.0)] {
        assert_eq!(page.value("quickstart_greetings_total", [("status", status)]), calls, "{status}");
    }
    let duration = "quickstart_greetings_duration_seconds_count";
    assert_eq!(page.value(duration, []), 2.0);
    for status in ["200", "404"] {
        let labels = [("method", "GET"), ("endpoint", "/hello/{name}"), ("status", status)];
        assert_eq!(page.value("quickstart_http_requests_total", labels), 1.0, "{status}");
    }
}

/// Without a change to the program.
#[test]
fn every_variable_works() {
    let greeted = |page: &str| page.contains("quickstart_greetings_total{status=\"success\"} 2\n");
    let bearer = [("authorization", "Bearer s3cr3t")];

    let allowed = Quickstart::start_with(&[("METRICS_ALLOW", "127.0.0.1"), ("METRICS_PATH", "/inner")]);
    assert!(greeted(allowed.client.get("/inner").expect(200).text()));
    let _ = allowed.client.get("/metrics").expect(404);
    let refused = Quickstart::start_with(&[("METRICS_ALLOW", "10.0.0.0/8")]);
    let _ = refused.client.get("/metrics").expect(403);

    let secret = Quickstart::start_with(&[("METRICS_TOKEN", "s3cr3t")]);
    let _ = secret.client.get("/metrics").expect(401);
    assert!(greeted(secret.client.request("GET", "/metrics", &bearer, b"").expect(200).text()));

    let address = free_address();
    let apart = Quickstart::start_with(&[("METRICS_LISTEN", &address.to_string())]);
    let _ = apart.client.get("/metrics").expect(404);
    assert!(greeted(Client::new(address).get("/metrics").expect(200).text()));

    let off = Quickstart::start_with(&[("METRICS_ENABLED", "off"), ("METRICS_LISTEN", "0.0.0.0:0")]);
    let _ = off.client.get("/metrics").expect(404);
}

#[test]
fn promtool_accepts_the_page() {
    let Some(promtool) = tools::promtool() else { return };
    let quickstart = Quickstart::start();
    let page = quickstart.client.get("/metrics").expect(200);
    assert_eq!(promtool.check_metrics(page.text()), Ok(()));
}
