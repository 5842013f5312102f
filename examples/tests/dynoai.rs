//! End-to-end tests of `DynoAI`: requests to the real binary over HTTP, and the resulting metrics.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "the compared values are whole numbers, which an f64 represents exactly")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use common::{assert_bounds, assert_error};
use serde_json::{Value, json};
use tests::client::{Client, Response};
use tests::page::{Kind, Page};
use tests::service::Service;

const BINARY: &str = env!("CARGO_BIN_EXE_dynoai");
const ANY_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];
const FORM: &str = "multipart/form-data; boundary=edge";
const HEADER: &str = "RPM,MAP (kPa),AFR Measured,AFR Target\n";

fn start(env: &[(&str, &str)]) -> Service {
    Service::start(BINARY, &ANY_PORT, env)
}

fn page(service: &Client) -> Page {
    Page::parse_text(service.get("/metrics").expect(200).text()).unwrap()
}

fn form(content: &[u8]) -> Vec<u8> {
    let head = "--edge\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nfrom the dyno\r\n\
        --edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"log.csv\"\r\n\
        content-type: text/csv\r\n\r\n";
    [head.as_bytes(), content, b"\r\n--edge--\r\n"].concat()
}

fn upload(service: &Client, content: impl AsRef<[u8]>) -> Response {
    service.post("/api/analyze", FORM, form(content.as_ref()))
}

fn jetstream(service: &Client, body: &Value) -> Response {
    service.post_json("/api/jetstream/run", body)
}

/// Returns a log with three rows for each of `cells` neighbouring cells, five percent lean.
fn log(cells: u32) -> String {
    let rows = (0..cells).flat_map(|cell| {
        let (rpm, load) = (600 + 250 * (cell % 32), 5 + 10 * (cell / 32));
        (0..3).map(move |_| format!("{rpm},{load},14.7,14.0\n"))
    });
    HEADER.chars().chain(rows.collect::<String>().chars()).collect()
}

fn sample(rpm: f64) -> Value {
    json!({ "rpm": rpm, "load": 80, "measured_afr": 12.6, "target_afr": 12.0 })
}

#[test]
fn every_metric_is_on_the_page_before_the_first_request() {
    let service = start(&[]);
    let page = page(&service);
    for (name, kind) in [
        ("dynoai_app_info", Kind::Gauge),
        ("dynoai_analysis_duration_seconds", Kind::Histogram),
        ("dynoai_file_upload_bytes", Kind::Histogram),
        ("dynoai_analysis_total", Kind::Counter),
        ("dynoai_jetstream_runs_total", Kind::Counter),
        ("dynoai_ve_corrections_count", Kind::Histogram),
    ] {
        let family = page.family(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(family.kind, kind, "{name}");
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(page.value("dynoai_app_info", version), 1.0);
}

#[test]
fn an_upload_is_analysed_and_recorded() {
    let service = start(&[]);
    let good = log(12);
    let analysis = upload(&service, &good).expect(200).json();
    assert_eq!(analysis["status"], "success");
    let corrections = analysis["corrections"].as_array().unwrap();
    assert_eq!(corrections.len(), 12);
    let expected = json!({
        "rpm": [500.0, 750.0], "load": [0.0, 10.0], "samples": 3, "factor": 1.05, "clamped": false
    });
    assert_eq!(corrections[0], expected);
    let with_unreadable_row = log(2) + "NaN,1,2,3\n";
    let partial = upload(&service, &with_unreadable_row).expect(200).json();
    assert_eq!(partial["status"], "partial");
    let first = "line 8: `NaN` is not a number, which engine speed has to be";
    assert_eq!(partial["rows"], json!({ "used": 6, "unreadable": 1, "out_of_range": 0, "first_unreadable": first }));
    let bad = "a,b,c\n1,2,3\n";
    assert_error(&upload(&service, bad), 422);

    let page = page(&service);
    for status in ["success", "partial", "error"] {
        let labels = [("status", status), ("source", "upload")];
        assert_eq!(page.value("dynoai_analysis_total", labels), 1.0, "{status}");
        let timed = page.value("dynoai_analysis_duration_seconds_count", [("status", status)]);
        assert_eq!(timed, 1.0, "{status}");
    }
    assert_eq!(page.value("dynoai_file_upload_bytes_count", []), 3.0);
    let bytes = (good.len() + with_unreadable_row.len() + bad.len()) as f64;
    assert_eq!(page.value("dynoai_file_upload_bytes_sum", []), bytes);
    let bounds = ["1024", "10240", "102400", "1048576", "10485760", "52428800", "+Inf"];
    assert_bounds(&page, "dynoai_file_upload_bytes", &bounds);
    assert_eq!(page.value("dynoai_ve_corrections_count_count", []), 2.0);
    assert_eq!(page.value("dynoai_ve_corrections_count_sum", []), 14.0);
    assert_eq!(page.value("dynoai_ve_corrections_count_bucket", [("le", "10")]), 1.0);
    let bounds = ["0", "10", "50", "100", "500", "1000", "+Inf"];
    assert_bounds(&page, "dynoai_ve_corrections_count", &bounds);
    for (status, count) in [("200", 2.0), ("422", 1.0)] {
        let labels = [("method", "POST"), ("path", "/api/analyze"), ("status", status)];
        assert_eq!(page.value("dynoai_requests_total", labels), count);
        let timed = page.value("dynoai_request_duration_seconds_count", labels);
        assert_eq!(timed, count);
    }
}

#[test]
fn a_log_can_be_the_whole_body_and_have_decimal_commas() {
    let service = start(&[]);
    let log = "rpm;load;afr;target_afr\n3000;80;12,6;12,0\n3000;80;12,6;12\n3000;80;12.6;12\n";
    let analysis = service.post("/api/analyze", "text/csv; charset=utf-8", log).expect(200).json();
    assert_eq!(analysis["rows"], json!({ "used": 3, "unreadable": 0, "out_of_range": 0 }));
    assert_eq!(analysis["corrections"][0]["factor"], 1.05);
}

#[test]
fn every_row_is_counted_whatever_its_quotes() {
    let service = start(&[]);
    let row = "3000,80,12.6,12.0\n";
    let log = format!("{HEADER}{}\"3000,80,12.6,12.0\n{}99999,80,12.6,12.0\n", row.repeat(10), row.repeat(1000));
    let rows = &upload(&service, log).expect(200).json()["rows"];
    let counts = ["used", "unreadable", "out_of_range"].map(|kind| rows[kind].as_u64().unwrap());
    assert_eq!(counts, [1010, 1, 1]);
    let unusable = upload(&service, "rpm,load,afr,target_afr\nfast,80,12.6,12\n");
    assert_error(&unusable, 422);
    assert!(unusable.text().contains("line 2: `fast` is not a number"), "{}", unusable.text());
}

#[test]
fn jetstream_runs_stored_uploads_and_inline_samples() {
    let service = start(&[]);
    let uploaded = upload(&service, log(3)).expect(200).json();
    let run = json!({ "run_id": uploaded["run_id"] });
    let again = jetstream(&service, &run).expect(200).json();
    assert_eq!(again["corrections"], uploaded["corrections"]);
    let samples = json!({ "samples": [sample(3000.0), sample(3000.0), sample(90_000.0)] });
    let inline = jetstream(&service, &samples).expect(200).json();
    assert_eq!(inline["status"], "partial");
    assert_error(&jetstream(&service, &json!({ "samples": [] })), 422);
    assert_error(&jetstream(&service, &json!({ "run_id": "run_0" })), 404);
    // These two requests are invalid and do not count as runs.
    assert_error(&jetstream(&service, &json!({})), 400);
    assert_error(&jetstream(&service, &json!({ "samples": [{}] })), 422);

    let page = page(&service);
    for (status, runs, analyses) in [("success", 1.0, 1.0), ("partial", 1.0, 1.0), ("error", 2.0, 1.0)] {
        let counted = page.value("dynoai_jetstream_runs_total", [("status", status)]);
        assert_eq!(counted, runs, "{status}");
        let labels = [("status", status), ("source", "jetstream")];
        assert_eq!(page.value("dynoai_analysis_total", labels), analyses, "{status}");
    }
    let labels = [("status", "success"), ("source", "upload")];
    assert_eq!(page.value("dynoai_analysis_total", labels), 1.0);
    assert_eq!(page.value("dynoai_file_upload_bytes_count", []), 1.0);
}

#[test]
fn malformed_input_is_a_client_error_in_json() {
    let service = start(&[]);
    let json = "application/json";
    let (analyze, run) = ("/api/analyze", "/api/jetstream/run");
    let no_file = b"--edge\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nb\r\n--edge--\r\n";
    let too_large = form(&vec![b'1'; (50 << 20) + 1]);
    for (status, method, path, content_type, body) in [
        (415, "POST", analyze, "text/plain", HEADER.as_bytes()),
        (415, "POST", analyze, "", HEADER.as_bytes()),
        (422, "POST", analyze, "text/csv", HEADER.as_bytes()),
        (413, "POST", analyze, "text/csv", &too_large),
        (400, "POST", analyze, "multipart/form-data", b"--x--"),
        (400, "POST", analyze, FORM, b""),
        (400, "POST", analyze, FORM, b"--edge\r\ncontent-disp"),
        (400, "POST", analyze, FORM, no_file),
        (422, "POST", analyze, FORM, &form(b"")),
        (422, "POST", analyze, FORM, &form(HEADER.as_bytes())),
        (422, "POST", analyze, FORM, &form(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")),
        (422, "POST", analyze, FORM, &form(&[HEADER.as_bytes(), b"\xff,\xfe,,\n"].concat())),
        (413, "POST", analyze, FORM, &too_large),
        (400, "POST", run, json, b"{"),
        (422, "POST", run, json, br#"{"samples":[{"rpm":"fast"}]}"#),
        (400, "POST", run, json, br#"{"samples":[{"rpm":1e999}]}"#),
        (415, "POST", run, "text/plain", b"{}"),
        (413, "POST", run, json, &too_large),
        (422, "POST", run, json, b"null"),
        (422, "POST", run, json, &b"[".repeat(100_000)),
        (400, "POST", run, json, b"\xff\xfe"),
        (400, "POST", run, json, br#"{"samples":[{"rpm":NaN}]}"#),
        (422, "POST", run, json, br#"{"samples":[{"rpm":1e308,"load":1,"measured_afr":1,"target_afr":1}]}"#),
        (422, "POST", run, json, br#"{"run_id":1}"#),
        (422, "POST", run, json, br#"["run_0"]"#),
        (422, "POST", run, json, br#"{"samples":[[3000,80,12.6,12]]}"#),
        (400, "POST", run, json, br#"{"run_id":"a","samples":[]}"#),
        (404, "POST", run, json, br#"{"run_id":"../../etc/passwd"}"#),
        (405, "GET", analyze, "", b""),
        (405, "BREW", run, "", b""),
        (404, "GET", "/api/other", "", b""),
        (404, "GET", &format!("/{}", "p".repeat(60_000)), "", b""),
    ] {
        let response = service.request(method, path, &[("content-type", content_type)], body);
        eprintln!("{method} {path} {:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
        assert_error(&response, status);
    }
    let _ = service.request("DELETE", "/metrics", &[], b"").expect(405);
    assert_eq!(service.get("/api/health").expect(200).json()["status"], "ok");
    let refused = [("method", "GET"), ("path", analyze), ("status", "405")];
    assert_eq!(page(&service).value("dynoai_requests_total", refused), 1.0);
}

#[test]
fn a_client_that_leaves_within_an_upload_is_counted_as_499() {
    let service = start(&[]);
    let half = &form(log(3).as_bytes())[..200];
    let mut stream = service.open("POST", "/api/analyze", &[("content-type", FORM)], 1000).unwrap();
    stream.write_all(half).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 499 ") && answer.contains(r#""status":499"#), "{answer}");

    let labels = [("method", "POST"), ("path", "/api/analyze"), ("status", "499")];
    assert_eq!(page(&service).value("dynoai_requests_total", labels), 1.0);
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_a_408() {
    let service = start(&[("CLIENT_TIMEOUT", "1")]);
    for (path, content_type) in
        [("/api/analyze", FORM), ("/api/analyze", "text/csv"), ("/api/jetstream/run", "application/json")]
    {
        let mut stream = service.open("POST", path, &[("content-type", content_type)], 1000).unwrap();
        stream.write_all(b"--edge").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains(r#""status":408"#), "{path}: {answer}");
    }
}

#[test]
fn an_upload_of_the_maximum_size_is_accepted() {
    let service = start(&[]);
    let mut log = log(2).into_bytes();
    log.resize(50 << 20, b'\n');
    assert_eq!(upload(&service, log).expect(200).json()["status"], "success");
    let page = page(&service);
    let bucket = [("le", "52428800")];
    assert_eq!(page.value("dynoai_file_upload_bytes_bucket", bucket), 1.0);
}

#[test]
fn environment_variables_configure_the_metrics() {
    let off = start(&[("METRICS_ENABLED", "No ")]);
    let _ = upload(&off, log(1)).expect(200);
    assert_error(&off.get("/metrics"), 404);

    let other_path = start(&[("METRICS_PATH", "/m"), ("METRICS_ENABLED", "yes")]);
    assert!(other_path.get("/m").expect(200).text().contains("dynoai_app_info"));

    for (name, value) in [("METRICS_ENABLED", "maybe"), ("METRICS_ENABLED", ""), ("METRICS_PATH", "/api/health")] {
        let rejected = Service::run(BINARY, &ANY_PORT, &[(name, value)]);
        assert_eq!(rejected.status.code(), Some(1), "{rejected:?}");
        assert!(rejected.stderr.contains(name) || rejected.stderr.contains(value), "{rejected:?}");
    }
}

#[test]
fn it_stops_on_a_signal_and_rejects_unknown_options_and_values() {
    assert_eq!(start(&[]).stop().status.code(), Some(0));
    let rejected = Service::run(BINARY, &ANY_PORT, &[("CLIENT_TIMEOUT", "soon")]);
    assert!(rejected.status.code() == Some(1) && rejected.stderr.contains("CLIENT_TIMEOUT"), "{rejected:?}");
    let rejected = Service::run(BINARY, &["--traffic", "1"], &[]);
    assert_eq!(rejected.status.code(), Some(2), "{rejected:?}");
}
