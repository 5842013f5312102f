//! The quickstart keeps what the README promises of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "what is compared are whole numbers, and those an f64 holds exactly")]

use std::net::TcpListener;
use std::process::{Child, Command};

use tests::client::Client;
use tests::page::Page;
use tests::wait;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn greetings_are_on_the_page() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    command.arg(address.to_string()).env_remove("METRICS_ENABLED").env_remove("METRICS_PATH");
    let _running = Running(command.spawn().unwrap());
    let client = Client::new(address);
    let greeting = wait::until("the quickstart to listen", || client.try_request("GET", "/hello/ada", &[], b"").ok());
    assert_eq!(greeting.expect(200).text(), "Hello, ada!\n");
    let _ = client.get("/hello/nobody").expect(404);

    let page = Page::parse_text(client.get("/metrics").expect(200).text()).unwrap();
    for status in ["success", "error"] {
        assert_eq!(page.value("quickstart_greetings_total", [("status", status)]), 1.0, "{status}");
    }
    let duration = "quickstart_greetings_duration_seconds_count";
    assert_eq!(page.value(duration, []), 2.0);
    for status in ["200", "404"] {
        let labels = [("method", "GET"), ("endpoint", "/hello/{name}"), ("status", status)];
        assert_eq!(page.value("quickstart_http_requests_total", labels), 1.0, "{status}");
    }
}
