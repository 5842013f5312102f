//! Many calls: exact totals, and a page that no client can make longer.

use std::collections::BTreeSet;
use std::io::Write as _;

use futures::FutureExt as _;
use metrics_runtime::Registry;
use metrics_runtime::grpc::Grpc;
use tests::page::Labels;
use tests::tools;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer as _, Service as _, service_fn};

use crate::shop::serve;
use crate::{layer, page, sum, until};

fn series(registry: &Registry) -> BTreeSet<(String, Labels)> {
    page(registry).samples().map(|sample| (sample.name.clone(), sample.labels.clone())).collect()
}

/// A series of numbers that look random and are always the same.
fn random() -> impl FnMut() -> u64 {
    let mut state = 7_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

#[test]
fn a_hundred_thousand_random_paths_leave_the_page_as_it_was() {
    let registry = Registry::new();
    let refuse = service_fn(async |_| Ok::<_, Status>(Status::unimplemented("no such method").into_http::<Body>()));
    let mut service = layer(Grpc::server().with_opentelemetry(), &registry).layer(refuse);
    let mut call = |path: &str| {
        let request = http::Request::post(path).header("content-type", "application/grpc").body(Body::empty());
        drop(service.call(request.unwrap()).now_or_never().expect("the service answers at once").unwrap());
    };
    call("/a.Scanner/Was");
    call("/shop.Orders/Place");
    let before = series(&registry);
    let mut next = random();
    for _ in 0..25_000 {
        let (one, other) = (next(), next());
        call(&format!("/s{one}.S/M{other}"));
        call(&format!("/shop.Orders/Place{other}"));
        call(&format!("/shop.Orders/Place/{other}"));
        call(&format!("/{one}"));
    }
    assert_eq!(series(&registry), before);
    let unknown = [("grpc_service", "unknown"), ("grpc_code", "Unimplemented")];
    assert_eq!(sum(&registry, "grpc_server_handled_total", &unknown), 100_001.0);
    let other = [("rpc_method", "_OTHER"), ("rpc_response_status_code", "UNIMPLEMENTED")];
    assert_eq!(sum(&registry, "rpc_server_call_duration_seconds_count", &other), 100_001.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_totals_of_a_load_are_exact() {
    const CALLS: u32 = 4_000;
    let Some(h2load) = tools::h2load() else { return };
    let registry = Registry::new();
    let address = serve(layer(Grpc::server(), &registry)).await;
    let of = |name: &str, labels: &[(&str, &str)]| sum(&registry, &format!("grpc_server_{name}"), labels);
    let load = |method: &str, text: &str| {
        // A frame with one message, whose first field is the text.
        let length = u8::try_from(text.len()).unwrap();
        let mut body = tempfile::NamedTempFile::new().unwrap();
        body.write_all(&[&[0, 0, 0, 0, length + 2, 0x0a, length], text.as_bytes()].concat()).unwrap();
        let [calls, file] = [CALLS.to_string(), body.path().display().to_string()];
        let url = format!("http://{address}/shop.Orders/{method}");
        let options = ["-n", &calls, "-c", "8", "-m", "16", "-t", "1", "-d", &file];
        let headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
        let output = h2load.text(&[&options[..], &headers, &[&url]].concat());
        assert!(output.contains(&format!("{CALLS} succeeded, 0 failed, 0 errored, 0 timeout")), "{output}");
    };
    let calls = f64::from(CALLS);
    for (method, text, expected, code, answers) in [
        ("Place", "tea", "Place", "OK", 1.0),
        ("Place", "not_found", "Place", "NotFound", 0.0),
        ("Watch", "1 2 3", "Watch", "OK", 3.0),
        ("Cancel", "tea", "unknown", "Unimplemented", 0.0),
    ] {
        let method_of = [("grpc_method", expected)];
        let counted = || ["started_total", "handled_total", "handling_seconds_count"].map(|name| of(name, &method_of));
        let (before, sent) = (counted(), of("msg_sent_total", &method_of));
        tokio::task::block_in_place(|| load(method, text));
        until(|| of("handled_total", &[("grpc_method", expected), ("grpc_code", code)]) == calls).await;
        assert_eq!(counted(), before.map(|before| before + calls), "{method} {text}");
        assert_eq!(of("msg_sent_total", &method_of) - sent, answers * calls, "{method} {text}");
    }
    // tonic reads no body of a method that does not exist.
    let received = |method| of("msg_received_total", &[("grpc_method", method)]);
    assert_eq!([received("Place"), received("Watch")], [2.0 * calls, calls]);
    assert_eq!(of("started_total", &[]), 4.0 * calls);
}
