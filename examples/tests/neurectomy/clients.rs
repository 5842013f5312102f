//! Clients that cost a lot: they do not read, do not send, or send much.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use tests::client::Client;
use tests::service::Service;
use tests::wait;

use crate::{ANY_PORT, BINARY, assert_error, key, open_session, page, put, start};

fn memory(service: &Client) -> f64 {
    page(service).value("process_resident_memory_bytes", [])
}

fn descriptors(service: &Client) -> f64 {
    page(service).value("process_open_fds", [])
}

/// Waits until the service has closed everything that it opened for the clients of a test.
fn wait_for_descriptors(service: &Client, before: f64) {
    wait::until("the descriptors to be closed", || (descriptors(service) <= before).then_some(()));
}

#[test]
fn clients_that_do_not_read_a_large_file_cost_little_memory_and_are_disconnected() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("large"), vec![7; 32 << 20]).unwrap();
    let env = [("SIGMAVAULT_DIR", folder.path().to_str().unwrap()), ("CLIENT_TIMEOUT", "4")];
    let service = Service::start(BINARY, &ANY_PORT, &env);
    assert_eq!(service.get("/v1/files/large").expect(200).body.len(), 32 << 20);
    let (memory_before, descriptors_before) = (memory(&service), descriptors(&service));
    let clients: Vec<TcpStream> = (0..40)
        .map(|_| {
            let mut client = service.open("GET", "/v1/files/large", &[], 0).unwrap();
            let mut start = [0; 15];
            client.read_exact(&mut start).unwrap();
            assert_eq!(&start, b"HTTP/1.1 200 OK");
            client
        })
        .collect();
    let grown = memory(&service) - memory_before;
    assert!(grown < 40e6, "{grown} bytes");
    wait_for_descriptors(&service, descriptors_before);
    drop(clients);
    let aborted = page(&service).series("neurectomy_http_responses_aborted_total").iter().map(|s| s.value).sum::<f64>();
    assert_eq!(aborted, 40.0);
}

#[test]
fn uploads_are_stored_while_they_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("SIGMAVAULT_DIR", folder.path().to_str().unwrap())];
    let service = Service::start(BINARY, &ANY_PORT, &env);
    let content: Vec<u8> = (0..32u32 << 20).map(|index| (index % 251) as u8).collect();
    let before = memory(&service);
    let mut clients: Vec<TcpStream> =
        (0..8).map(|client| service.open("PUT", &format!("/v1/files/{client}"), &[], content.len()).unwrap()).collect();
    for client in &mut clients {
        client.write_all(&content[..31 << 20]).unwrap();
    }
    let grown = memory(&service) - before;
    assert!(grown < 8.0 * 16e6, "{grown} bytes");
    for client in &mut clients {
        client.write_all(&content[31 << 20..]).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    }
    assert!(service.get("/v1/files/7").expect(200).body == content);
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_a_408_and_frees_its_connection() {
    let service = start(&[("CLIENT_TIMEOUT", "4")]);
    let before = descriptors(&service);
    let paths = [("POST", "/v1/generate"), ("POST", "/v1/compress"), ("PUT", "/v1/files/a"), ("POST", "/v1/keys")];
    let headers = [("content-type", "application/json")];
    let mut clients: Vec<TcpStream> = (0..200)
        .map(|client| {
            let (method, path) = paths[client % paths.len()];
            let mut client = service.open(method, path, &headers, 100).unwrap();
            client.write_all(b"{").unwrap();
            client
        })
        .collect();
    assert!(descriptors(&service) >= before + 100.0, "the clients are connected");
    for client in &mut clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(r#""status":408"#), "{answer}");
    }
    wait_for_descriptors(&service, before);
}

#[test]
fn a_head_that_does_not_arrive_in_time_is_a_closed_connection() {
    let service = start(&[("CLIENT_TIMEOUT", "1")]);
    for start in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\n"] {
        let mut client = TcpStream::connect(service.address()).unwrap();
        client.write_all(start.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{start:?}: {answer}");
    }
}

#[test]
fn a_caller_has_a_quota_of_keys_and_of_sessions() {
    let service = start(&[("KEY_SECONDS", "1000")]);
    let keys: Vec<_> = (0..50).map(|_| key(&service, "eve")).collect();
    assert_error(&service.post_json("/v1/keys", &json!({ "user": "eve" })), 429);
    for _ in 0..50 {
        let _ = open_session(&service, &keys[0]).expect(201);
    }
    assert_error(&open_session(&service, &keys[0]), 429);
    let _ = open_session(&service, &keys[1]).expect(201);
    let page = page(&service);
    assert_eq!(page.value("neurectomy_api_keys_active", []), 50.0);
}

#[test]
fn a_key_that_nobody_uses_expires() {
    let service = start(&[("KEY_SECONDS", "0.5")]);
    let _ = key(&service, "ada");
    wait::until("the key to expire", || (page(&service).value("neurectomy_api_keys_active", []) == 0.0).then_some(()));
}

#[test]
fn a_client_that_leaves_within_any_upload_is_a_499() {
    let service = start(&[]);
    let headers = [("content-type", "application/json")];
    let paths = [
        ("POST", "/v1/generate", "/v1/generate"),
        ("POST", "/v1/compress", "/v1/compress"),
        ("PUT", "/v1/files/a", "/v1/files/{*path}"),
        ("POST", "/v1/keys", "/v1/keys"),
    ];
    for (method, path, endpoint) in paths {
        for _ in 0..5 {
            let mut client = service.open(method, path, &headers, 100).unwrap();
            client.write_all(b"{").unwrap();
            drop(client);
        }
        let labels = [("method", method), ("endpoint", endpoint), ("status", "499")];
        wait::until("the requests to be recorded", || {
            let left = page(&service).sample("neurectomy_http_requests_total", labels);
            (left == Some(5.0)).then_some(())
        });
        let name = "neurectomy_http_requests_total";
        let others = page(&service).series(name).iter().filter(|s| s.labels["endpoint"] == endpoint).count();
        assert_eq!(others, 1, "{path}");
    }
    let _ = put(&service, "/v1/files/a", "!").expect(201);
}
