//! The table of faults in `examples/README.md`, walked row by row: the code of the client, the metrics and the breaker
//! when Neurectomy fails in one way.

use std::time::Duration;

use tests::page::Page;
use tests::server::free_address;
use tests::wait;
use tonic::Status;

use crate::upstream::{Behaviour, Upstream};
use crate::{COMPLETION, Completion, Gateway, request};

/// Texts of proxies and errors that no client must see.
const SECRET: &str = "sk-live-1234";

/// Returns the label of the only series that has moved, by one.
fn moved(before: &Page, after: &Page, name: &str, label: &str) -> Option<String> {
    let moved = after.series(name).into_iter().filter_map(|sample| {
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

/// Returns the row of the table about the only call since `before`.
fn row(gateway: &Gateway, before: &Page, fault: &str, result: &Result<Completion, Status>) -> String {
    let [code, call, breaker] = wait::until("the call to be recorded", || {
        let after = gateway.page();
        Some([
            moved(before, &after, "grpc_server_handled_total", "grpc_code")?,
            moved(before, &after, "gateway_completions_total", "status")?,
            moved(before, &after, "gateway_circuit_breaker_calls_total", "result")?,
        ])
    });
    let seen = result.as_ref().map_or_else(|status| format!("{:?}", status.code()), |_| "OK".to_owned());
    assert_eq!(seen.to_uppercase(), code.to_uppercase(), "{fault}: {result:?}");
    let pushback = result.as_ref().err().and_then(|status| status.metadata().get("grpc-retry-pushback-ms"));
    let pushback =
        pushback.map_or_else(String::new, |millis| format!(", `grpc-retry-pushback-ms: {}`", millis.to_str().unwrap()));
    if let Err(status) = result {
        assert!(status.message().len() < 600 && !status.message().contains(SECRET), "{fault}: {status:?}");
    }
    format!("| {fault} | `{code}`{pushback} | `{call}` | `{breaker}` |")
}

/// Asserts that the README has these rows.
fn assert_documented(rows: &[String]) {
    let readme = include_str!("../../README.md");
    let missing: Vec<_> = rows.iter().filter(|row| !readme.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "examples/README.md lacks {missing:#?}; all rows are\n{}", rows.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_neurectomy_is_answered_and_recorded_as_documented() {
    const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"model\": ";
    let answer = |status, headers, body: &str| Behaviour::answer(status, headers, body);
    let failed = |status, headers| Behaviour::answer(status, headers, format!("{SECRET}\n{}", "x".repeat(3_000_000)));
    let message = r#"{"error": {"message": "no prompt", "status": 400}}"#;
    let faults = [
        ("answers", answer("200 OK", "", COMPLETION)),
        ("answers 400 with a message: a mistake of the client", answer("400 Bad Request", "", message)),
        ("answers 413 with a message", answer("413 Payload Too Large", "", message)),
        ("answers 400 with other text, as a proxy does", failed("400 Bad Request", "")),
        ("answers 404", failed("404 Not Found", "")),
        ("answers 429 with `Retry-After: 7`", failed("429 Too Many Requests", "retry-after: 7\r\n")),
        ("answers 500 with 3 MB of text", failed("500 Internal Server Error", "")),
        ("answers 502", failed("502 Bad Gateway", "")),
        ("answers 503 with `Retry-After: 7`", failed("503 Service Unavailable", "retry-after: 7\r\n")),
        ("answers 504", failed("504 Gateway Timeout", "")),
        ("answers 200 with other JSON", answer("200 OK", "", r#"["so it is."]"#)),
        ("answers 200 with 2 MB", answer("200 OK", "", &"x".repeat(2_000_000))),
        ("does not speak HTTP", Behaviour::Close("SSH-2.0-OpenSSH_9.2\r\n")),
        ("closes before the head", Behaviour::Close("")),
        ("closes within the body", Behaviour::Close(HALF)),
        ("resets before the head", Behaviour::Reset("")),
    ];
    let hangs = [
        ("hangs before the head", Behaviour::Hang("")),
        ("hangs within the body", Behaviour::Hang(HALF)),
        ("sends a byte now and then", Behaviour::Drip("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n")),
    ];
    let neurectomy = Upstream::start(answer("200 OK", "", COMPLETION));
    let gateway = Gateway::start(&neurectomy.url(), &[]);
    let generate = async |gateway: &Gateway| {
        let answer = gateway.client().generate(request("A")).await;
        answer.map(tonic::Response::into_inner)
    };
    let mut rows = Vec::new();
    let mut walk = async |gateway: &Gateway, fault, behaviour| {
        neurectomy.set(behaviour);
        let before = gateway.page();
        let result = generate(gateway).await;
        rows.push(row(gateway, &before, fault, &result));
    };
    for (fault, behaviour) in faults {
        walk(&gateway, fault, behaviour).await;
        // The breaker opens if half of the calls have failed.
        neurectomy.set(answer("200 OK", "", COMPLETION));
        for _ in 0..2 {
            generate(&gateway).await.unwrap();
        }
    }
    let impatient = Gateway::start(&neurectomy.url(), &[("NEURECTOMY_TIMEOUT", "1")]);
    for (fault, behaviour) in hangs {
        walk(&impatient, fault, behaviour).await;
    }
    gateway.same_calls();
    impatient.same_calls();

    neurectomy.set(Behaviour::Late(Duration::from_millis(250), COMPLETION));
    let slow = Gateway::start(&neurectomy.url(), &[("NEURECTOMY_SLOW", "0.2")]);
    let before = slow.page();
    let result = generate(&slow).await;
    rows.push(row(&slow, &before, "answers after `NEURECTOMY_SLOW` seconds", &result));

    let gone = Gateway::start(&format!("http://{}", free_address()), &[]);
    let before = gone.page();
    let result = generate(&gone).await;
    rows.push(row(&gone, &before, "refuses the connection", &result));
    assert_documented(&rows);
}
