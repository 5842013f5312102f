//! Input that is wrong.

use crate::{assert_error, page, start};
use serde_json::json;

#[test]
fn malformed_input_is_a_client_error_in_json() {
    let service = start(&[]);
    let json = "application/json";
    let too_large = vec![b' '; 33 << 20];
    for (status, method, path, content_type, body) in [
        (400, "POST", "/v1/generate", json, &b"{"[..]),
        (400, "POST", "/v1/generate", json, b""),
        (400, "POST", "/v1/generate", json, b"\xff\xfe"),
        (422, "POST", "/v1/generate", json, b"{}"),
        (422, "POST", "/v1/generate", json, br#"{"prompt":1}"#),
        (422, "POST", "/v1/generate", json, b"null"),
        (422, "POST", "/v1/generate", json, &b"[".repeat(100_000)),
        (400, "POST", "/v1/generate", json, b"{\"prompt\":\"\xff\"}"),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":-1}"#),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":1.5}"#),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":99999999999999999999}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":4294967295}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","temperature":NaN}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","temperature":1e999}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","temperature":9}"#),
        (422, "POST", "/v1/generate", json, br#"["The keeper", 5]"#),
        (422, "POST", "/v1/generate", json, br#"{"prompt":"a","max_token":5}"#),
        (400, "POST", "/v1/generate", json, br#"{"prompt":"a","max_tokens":0}"#),
        (415, "POST", "/v1/generate", "text/plain", br#"{"prompt":"a"}"#),
        (413, "POST", "/v1/generate", json, &too_large),
        (413, "POST", "/v1/compress", "text/plain", &too_large),
        (413, "PUT", "/v1/files/a", "text/plain", &too_large),
        (405, "GET", "/v1/generate", "", b""),
        (405, "POST", "/v1/files/a", "", b""),
        (405, "BREW", "/health", "", b""),
        (404, "GET", "/", "", b""),
        (404, "GET", &format!("/{}", "p".repeat(60_000)), "", b""),
        (404, "GET", "/v1/files/", "", b""),
        (400, "GET", "/v1/files/%ff", "", b""),
        (400, "PUT", "/v1/files/a%00b", "", b""),
        (400, "PUT", "/v1/files/..%2f..%2fetc%2fpasswd", "", b""),
        (400, "DELETE", "/v1/files/%2e%2e/secret", "", b""),
        (400, "PUT", &format!("/v1/files/{}", "p".repeat(60_000)), "", b""),
        (400, "POST", "/v1/keys", json, br#"{"user":"a\nb"}"#),
        (422, "POST", "/v1/keys", json, br#"{"user":1}"#),
        (422, "POST", "/v1/keys", json, br#"["bob"]"#),
        (400, "DELETE", "/v1/keys/%ff", "", b""),
        (404, "DELETE", "/v1/keys/none", "", b""),
        (400, "POST", "/v1/keys", json, br#"{"user":" "}"#),
        (401, "POST", "/v1/sessions", "", b""),
        (404, "DELETE", "/v1/sessions/none", "", b""),
    ] {
        let response = service.request(method, path, &[("content-type", content_type)], body);
        eprintln!("{method} {path} {:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        assert_error(&response, status);
    }
    let _ = service.request("POST", "/metrics", &[], b"").expect(405);
    let health = service.get("/health").expect(200).json();
    assert_eq!(health, json!({ "status": "ok" }));

    let page = page(&service);
    let refused = [("method", "GET"), ("endpoint", "/v1/generate"), ("status", "405")];
    assert_eq!(page.value("neurectomy_http_requests_total", refused), 1.0);
    let unmatched = page.series("neurectomy_http_requests_total").into_iter();
    let unmatched: Vec<_> = unmatched.filter(|s| s.labels["status"] == "404").collect();
    assert!(unmatched.iter().all(|s| !s.labels["endpoint"].contains("none")), "a path became a label: {unmatched:?}");
}
