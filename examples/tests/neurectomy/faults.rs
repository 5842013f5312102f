//! The tables of faults in `examples/README.md`, walked row by row: the client's status, the metrics and the breaker
//! when Ryot or ΣVAULT fails in one way.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use tests::canned::COMPLETION;
use tests::client::{Client, Response};
use tests::page::Page;
use tests::server::free_address;
use tests::service::Service;
use tests::wait;

use crate::upstream::{Behaviour, Upstream};
use crate::{ANY_PORT, BINARY, assert_error, completion, generate, page, put, start};

/// The only request to a part of the service between two pages: the name of its breaker, the counter of its calls, and
/// its route.
struct Part {
    breaker: &'static str,
    calls: &'static str,
    route: &'static str,
}

const RYOT: Part = Part { breaker: "ryot", calls: "neurectomy_ryot_requests_total", route: "/v1/generate" };
const VAULT: Part =
    Part { breaker: "sigmavault", calls: "neurectomy_sigmavault_operations_total", route: "/v1/files/{*path}" };

/// Returns a label of the only series that moved, by one, among those that have a value of another label.
fn moved(before: &Page, after: &Page, name: &str, label: &str, [other, value]: [&str; 2]) -> Option<String> {
    let series = after.series(name).into_iter().filter(|s| s.labels.get(other).is_none_or(|found| found == value));
    let moved = series.filter_map(|sample| {
        let labels = sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let grown = sample.value - before.sample(name, labels).unwrap_or(0.0);
        (grown > 0.0).then(|| (sample.labels[label].clone(), grown))
    });
    match &moved.collect::<Vec<_>>()[..] {
        [] => None,
        [(moved, 1.0)] => Some(moved.clone()),
        moved => panic!("{name}: {moved:?}"),
    }
}

impl Part {
    /// Returns the status of the request, that of the call, and the result for the breaker, once all are recorded: a
    /// client gets its answer before that.
    fn recorded(&self, service: &Client, before: &Page) -> [String; 3] {
        wait::until("the request to be recorded", || {
            let after = page(service);
            let breaker = "neurectomy_circuit_breaker_calls_total";
            Some([
                moved(before, &after, "neurectomy_http_requests_total", "status", ["endpoint", self.route])?,
                moved(before, &after, self.calls, "status", ["none", ""])?,
                moved(before, &after, breaker, "result", ["service", self.breaker])?,
            ])
        })
    }

    /// Returns the row of the table.
    fn row(&self, service: &Client, before: &Page, fault: &str, response: Option<&Response>) -> String {
        let [status, call, result] = self.recorded(service, before);
        if let Some(response) = response {
            assert_eq!(response.status.to_string(), status, "{fault}: {}", response.text());
        }
        let retry_after = response.and_then(|response| response.header("retry-after"));
        let retry_after = retry_after.map_or_else(String::new, |seconds| format!(", `Retry-After: {seconds}`"));
        format!("| {fault} | {status}{retry_after} | `{call}` | `{result}` |")
    }
}

/// Asserts that the README has these rows.
fn assert_documented(rows: &[String]) {
    let readme = include_str!("../../README.md");
    let missing: Vec<_> = rows.iter().filter(|row| !readme.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "examples/README.md lacks {missing:#?}; all rows are\n{}", rows.join("\n"));
}

#[test]
fn every_fault_of_ryot_is_answered_and_recorded_as_documented() {
    const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\": [";
    const SECRET: &str = "sk-live-1234";
    let usage = |usage: &str| format!(r#"{{"choices": [{{"text": "so"}}]{usage}}}"#);
    let answer = |status, headers, body: String| Behaviour::answer(status, headers, body);
    let failed = |status, headers| answer(status, headers, format!("{SECRET} is no key\n{}", "x".repeat(3_000_000)));
    let faults = [
        ("answers", completion()),
        ("leaves out the number of tokens", answer("200 OK", "", usage(""))),
        (
            "sends 2^64 - 1 tokens",
            answer("200 OK", "", usage(r#", "usage": {"completion_tokens": 18446744073709551615}"#)),
        ),
        ("answers 400: a mistake of the client", failed("400 Bad Request", "")),
        ("answers 429 with `Retry-After: 7`", failed("429 Too Many Requests", "retry-after: 7\r\n")),
        ("answers 503 with `Retry-After: 7`", failed("503 Service Unavailable", "retry-after: 7\r\n")),
        ("answers 500 with 3 MB of text", failed("500 Internal Server Error", "")),
        ("answers 401: the service's key is wrong", failed("401 Unauthorized", "")),
        ("answers 200 with other JSON", answer("200 OK", "", r#"["so it is."]"#.to_owned())),
        ("answers 200 with 2 MB", answer("200 OK", "", "x".repeat(2_000_000))),
        ("does not speak HTTP", Behaviour::Close("SSH-2.0-OpenSSH_9.2\r\n")),
        ("closes before the head", Behaviour::Close("")),
        ("closes within the body", Behaviour::Close(HALF)),
        ("resets before the head", Behaviour::Reset("")),
        ("resets within the body", Behaviour::Reset(HALF)),
    ];
    let hangs = [
        ("hangs before the head", Behaviour::Hang("")),
        ("hangs within the body", Behaviour::Hang(HALF)),
        ("sends a byte now and then", Behaviour::Drip("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")),
    ];
    let ryot = Upstream::start(completion());
    let service = start(&[("RYOT_URL", &ryot.url())]);
    let _ = generate(&service, 5).expect(200);
    let memory = page(&service).value("process_resident_memory_bytes", []);

    let mut rows = Vec::new();
    let mut row = |service: &Client, fault, behaviour| {
        ryot.set(behaviour);
        let before = page(service);
        let response = generate(service, 5);
        if response.status != 200 {
            assert_error(&response, response.status);
        }
        assert!(response.body.len() < 300 && !response.text().contains(SECRET), "{fault}: {}", response.text());
        rows.push(RYOT.row(service, &before, fault, Some(&response)));
    };
    for (fault, behaviour) in faults {
        row(&service, fault, behaviour);
        // Five failures in a row would open the breaker.
        ryot.set(completion());
        let _ = generate(&service, 5).expect(200);
    }
    let impatient = start(&[("RYOT_URL", &ryot.url()), ("RYOT_TIMEOUT", "1")]);
    for (fault, behaviour) in hangs {
        row(&impatient, fault, behaviour);
    }
    let after = page(&service);
    let grown = after.value("process_resident_memory_bytes", []) - memory;
    assert!(grown < 48e6, "{grown} bytes");
    let unknown = |reason| after.value("neurectomy_tokens_unknown_total", [("reason", reason)]);
    assert_eq!((unknown("missing"), unknown("invalid")), (1.0, 1.0));
    let tokens = after.value("neurectomy_tokens_generated_total", [("model", "ryot-tiny")]);
    assert_eq!(tokens % 4.0, 0.0, "only of completions that have them: {tokens}");

    ryot.set(Behaviour::Late(Duration::from_millis(250), COMPLETION));
    let service = start(&[("RYOT_URL", &ryot.url()), ("RYOT_SLOW", "0.2")]);
    let before = page(&service);
    let response = generate(&service, 5);
    rows.push(RYOT.row(&service, &before, "answers after `RYOT_SLOW` seconds", Some(&response)));

    let service = start(&[("RYOT_URL", &format!("http://{}", free_address()))]);
    let before = page(&service);
    let response = generate(&service, 5);
    rows.push(RYOT.row(&service, &before, "refuses the connection", Some(&response)));
    assert_documented(&rows);
}

#[test]
fn the_reason_of_an_error_is_logged_on_one_short_line() {
    let reason = format!("first line\nsecond \u{1b}[2J line{}", "x".repeat(100_000));
    let ryot = Upstream::start(Behaviour::answer("500 Internal Server Error", "", reason));
    let service = start(&[("RYOT_URL", &ryot.url())]);
    assert_error(&generate(&service, 5), 502);
    let log = wait::until("the log", || Some(service.stderr()).filter(|log| log.ends_with('\n')));
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains("500 Internal Server Error: first line\\nsecond \\u{1b}[2J line") && log.len() < 1000,
        "{log}"
    );
}

#[test]
fn nothing_that_a_client_sends_is_an_error_of_ryot() {
    let ryot = Upstream::start(Behaviour::answer("400 Bad Request", "", "no"));
    let service = start(&[("RYOT_URL", &ryot.url())]);
    for _ in 0..6 {
        assert_error(&generate(&service, 1_000_000_000), 400);
        assert_error(&generate(&service, 5), 400);
    }
    let page = page(&service);
    let calls = |status| page.value("neurectomy_ryot_requests_total", [("status", status)]);
    assert_eq!((calls("success"), calls("error")), (6.0, 0.0), "the others are not sent to Ryot");
    let breaker = |name: &str| page.value(&format!("neurectomy_circuit_breaker_{name}"), [("service", "ryot")]);
    assert_eq!((breaker("state"), breaker("failures_total")), (0.0, 0.0));
}

#[test]
fn bad_requests_do_not_keep_the_breaker_closed_while_ryot_is_down() {
    let ryot = Upstream::start(Behaviour::Close(""));
    let service = start(&[("RYOT_URL", &ryot.url())]);
    for _ in 0..5 {
        ryot.set(Behaviour::Close(""));
        assert_error(&generate(&service, 5), 502);
        ryot.set(Behaviour::answer("400 Bad Request", "", "no"));
        let answer = generate(&service, 5);
        assert!([400, 503].contains(&answer.status), "{}", answer.text());
    }
    assert_error(&generate(&service, 5), 503);
}

/// A service whose files are in `folder`.
fn vault(folder: &Path) -> Service {
    let folder = folder.to_str().unwrap();
    Service::start(BINARY, &ANY_PORT, &[("SIGMAVAULT_DIR", folder), ("CLIENT_TIMEOUT", "1")])
}

#[test]
fn every_fault_of_the_vault_is_answered_and_recorded_as_documented() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("vault");
    let service = vault(&folder);
    let mut rows = Vec::new();
    let mut walk = |fault: &str, request: &dyn Fn() -> Option<Response>| {
        let before = page(&service);
        let response = request();
        rows.push(VAULT.row(&service, &before, fault, response.as_ref()));
    };
    let leave = || {
        let mut stream = service.open("PUT", "/v1/files/b", &[], 1000).unwrap();
        stream.write_all(b"half of").unwrap();
        stream
    };
    walk("stores a file", &|| Some(put(&service, "/v1/files/a", "content")));
    walk("has the file", &|| Some(service.get("/v1/files/a")));
    walk("does not have the file", &|| Some(service.get("/v1/files/missing")));
    walk("has a directory at the path", &|| Some(put(&service, "/v1/files/a/b", "content")));
    walk("gets a body whose client leaves", &|| {
        drop(leave());
        None
    });
    walk("gets a body that does not end", &|| {
        let mut answer = String::new();
        leave().read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        None
    });
    let broken = folder.join("broken");
    std::os::unix::fs::symlink(&broken, &broken).unwrap();
    walk("cannot read the file", &|| Some(service.get("/v1/files/broken/file")));
    std::fs::remove_dir_all(&folder).unwrap();
    walk("is gone, and a file is stored", &|| Some(put(&service, "/v1/files/a", "content")));
    walk("is gone, and a file is read", &|| Some(service.get("/v1/files/a")));
    std::fs::write(&folder, "a file").unwrap();
    walk("is a file, and a file is deleted", &|| Some(crate::delete(&service, "/v1/files/a")));
    assert_documented(&rows);
    assert!(!service.get("/v1/files/a").text().contains(parent.path().to_str().unwrap()));
}

#[test]
fn a_client_that_leaves_within_a_download_is_no_failure_of_the_vault() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("large"), vec![7; 32 << 20]).unwrap();
    let service = vault(folder.path());
    let before = page(&service);
    let mut client = service.open("GET", "/v1/files/large", &[], 0).unwrap();
    client.read_exact(&mut [0; 15]).unwrap();
    drop(client);
    assert_eq!(VAULT.recorded(&service, &before), ["200", "success", "success"]);
}

#[test]
fn a_store_that_fails_within_a_download_is_an_error_that_the_client_notices() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![7; 32 << 20]).unwrap();
    let service = vault(folder.path());
    let before = page(&service);
    let mut client = service.open("GET", "/v1/files/large", &[], 0).unwrap();
    client.read_exact(&mut [0; 15]).unwrap();
    let file = std::fs::File::options().write(true).open(&large).unwrap();
    file.set_len(1000).unwrap();
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest);
    assert!(rest.len() < 32 << 20, "{} bytes", rest.len());
    assert_eq!(VAULT.recorded(&service, &before), ["200", "error", "failure"]);
    let labels = [("method", "GET"), ("endpoint", VAULT.route), ("phase", "body"), ("cause", "error")];
    assert_eq!(page(&service).value("neurectomy_http_responses_aborted_total", labels), 1.0);
}

/// With `--features cloud`, the store is a bucket.
#[cfg(feature = "cloud")]
#[test]
fn every_fault_of_a_bucket_is_answered_and_recorded_as_documented() {
    const FILE: &str = "last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\netag: \"a\"\r\n";
    const HALF: &str = "HTTP/1.1 200 OK\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\netag: \"a\"\r\n\
        content-length: 1000\r\n\r\nhalf of";
    let missing = |what: &str| Behaviour::answer("404 Not Found", "", format!("<Error><Code>{what}</Code></Error>"));
    let bucket = Upstream::start(Behaviour::answer("200 OK", FILE, "content"));
    let url = bucket.url();
    let service = Service::start(
        BINARY,
        &ANY_PORT,
        &[
            ("SIGMAVAULT_URL", "s3://bucket/files"),
            ("SIGMAVAULT_TIMEOUT", "3"),
            ("AWS_ENDPOINT", &url),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
        ],
    );
    let mut rows = Vec::new();
    for (fault, behaviour) in [
        ("has the file", Behaviour::answer("200 OK", FILE, "content")),
        ("does not have the file", missing("NoSuchKey")),
        ("does not exist", missing("NoSuchBucket")),
        ("answers 403", Behaviour::answer("403 Forbidden", "", "secret")),
        ("answers 500, so that it is called again until the timeout", Behaviour::answer("500 Oh", "", "secret")),
        ("hangs before the head", Behaviour::Hang("")),
        ("hangs within the body", Behaviour::Hang(HALF)),
        ("resets, so that it is called again until the timeout", Behaviour::Reset("")),
    ] {
        bucket.set(behaviour);
        let before = page(&service);
        let response = service.try_request("GET", "/v1/files/a", &[], b"").ok();
        assert!(response.as_ref().is_none_or(|response| !response.text().contains("secret")));
        rows.push(VAULT.row(&service, &before, fault, response.as_ref()));
    }
    assert_documented(&rows);
}
