//! ΣVAULT: files, and the breaker of the store.

use serde_json::json;
use tests::service::Service;
use tests::wait;

use crate::{ANY_PORT, BINARY, assert_error, delete, generate, page, put};

#[test]
fn files_are_stored_and_each_operation_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("SIGMAVAULT_DIR", folder.path().to_str().unwrap())];
    let service = Service::start(BINARY, &ANY_PORT, &env);
    let content: Vec<u8> = (0..=255).collect();
    let stored = put(&service, "/v1/files/a/b%20c.bin", &content).expect(201).json();
    assert_eq!(stored, json!({ "path": "a/b c.bin", "size": 256 }));
    let answer = service.get("/v1/files/a/b%20c.bin").expect(200);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.body, content);
    assert_error(&service.get("/v1/files/other"), 404);
    let _ = delete(&service, "/v1/files/a/b%20c.bin").expect(204);
    assert_error(&delete(&service, "/v1/files/a/b%20c.bin"), 404);
    let kept = put(&service, "/v1/files//kept/", "!").expect(201).json();
    assert_eq!(kept["path"], "kept");
    // Invalid paths never reach the store.
    for path in ["/v1/files/%2e%2e/%2e%2e/etc/passwd", "/v1/files/../../etc/passwd", "/v1/files/a//b"] {
        assert_error(&service.get(path), 400);
    }

    let page = page(&service);
    let operations = |operation| {
        ["success", "error"].map(|status| {
            let labels = [("operation", operation), ("status", status)];
            page.value("neurectomy_sigmavault_operations_total", labels)
        })
    };
    // A missing file counts as a success: the store has answered.
    assert_eq!(operations("store"), [2.0, 0.0]);
    assert_eq!(operations("retrieve"), [2.0, 0.0]);
    assert_eq!(operations("delete"), [2.0, 0.0]);

    let _ = service.stop();
    let service = Service::start(BINARY, &ANY_PORT, &env);
    assert_eq!(service.get("/v1/files/kept").expect(200).text(), "!");
}

#[test]
fn the_breaker_of_the_store_opens_while_the_store_fails() {
    let folder = tempfile::tempdir().unwrap();
    // A symbolic link to itself: opening a path below it fails for every user.
    let broken = folder.path().join("broken");
    std::os::unix::fs::symlink(&broken, &broken).unwrap();
    let service = Service::start(BINARY, &ANY_PORT, &[("SIGMAVAULT_DIR", folder.path().to_str().unwrap())]);
    let breaker = || {
        let page = page(&service);
        let of = |name: &str| page.sample(&format!("neurectomy_circuit_breaker_{name}"), [("service", "sigmavault")]);
        (of("state"), of("failures_total"), of("failure_ratio"))
    };
    // A missing file is not a failure of the store.
    for _ in 0..10 {
        assert_error(&service.get("/v1/files/missing"), 404);
    }
    for failures in 1..=10u8 {
        assert_eq!(breaker(), (Some(0.0), Some(f64::from(failures - 1)), None));
        assert_error(&service.get("/v1/files/broken/file"), 500);
    }
    assert_eq!(breaker(), (Some(1.0), Some(10.0), None));
    for rejected in [service.get("/v1/files/missing"), put(&service, "/v1/files/new", "!")] {
        assert_error(&rejected, 503);
        let seconds: u8 = rejected.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&seconds), "{seconds}");
    }
    // The breaker of Ryot is not affected.
    let _ = generate(&service, 5).expect(200);

    let _ = wait::until("the store to be called again", || {
        let stored = put(&service, "/v1/files/new", "!");
        (stored.status == 201).then_some(stored)
    });
    assert_eq!(breaker().0, Some(0.0));
    let page = page(&service);
    let operations = |operation| {
        let labels = [("operation", operation), ("status", "error")];
        page.value("neurectomy_sigmavault_operations_total", labels)
    };
    // Rejected calls are not operations of the store.
    assert_eq!((operations("store"), operations("retrieve")), (0.0, 10.0));
    let threshold = page.value("neurectomy_circuit_breaker_failure_ratio_threshold", [("service", "sigmavault")]);
    assert_eq!(threshold, 0.5);
}
