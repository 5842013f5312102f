//! Assertions about the services with an HTTP API.

use tests::client::Response;
use tests::page::Page;

/// Fails unless the response is an error of this status, with a message.
#[track_caller]
pub(crate) fn assert_error(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/json"));
    let body = response.json();
    assert_eq!(body["error"]["status"], status, "{body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.len() > 10, "the message {message:?} is too short");
}

/// Compares the bucket bounds of the histogram's first series, in the order of the page.
#[track_caller]
pub(crate) fn assert_bounds(page: &Page, name: &str, expected: &[&str]) {
    let buckets = page.series(&format!("{name}_bucket"));
    let found: Vec<_> = buckets.iter().map(|bucket| bucket.labels["le"].as_str()).collect();
    assert_eq!(found[..expected.len()], *expected, "{name}");
}
