//! Requests to the endpoint, and its responses.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::{HeaderValue, header};
use metrics_runtime::Descriptor;
use metrics_runtime::Format;

use super::*;

#[tokio::test]
async fn the_accept_header_selects_the_format() {
    let (page, _) = endpoint(Endpoint::new());
    let openmetrics = "application/openmetrics-text;version=1.0.0";
    let cases: &[(&[&[u8]], Format)] = &[
        (&[], Format::Text),
        (&[b"*/*"], Format::Text),
        (&[openmetrics.as_bytes()], Format::OpenMetrics),
        (&[b"text/plain;q=0.5", openmetrics.as_bytes()], Format::OpenMetrics),
        (&[b"\xff\xfe", openmetrics.as_bytes()], Format::OpenMetrics),
        (&[b"\xff\xfe"], Format::Text),
        (&[&vec![b','; 100_000]], Format::Text),
        (&[&vec![b'"'; 100_000]], Format::Text),
    ];
    for (accept, format) in cases {
        let mut request = Request::get("/");
        for value in *accept {
            request = request.header(header::ACCEPT, HeaderValue::from_bytes(value).expect("a value"));
        }
        let response = send(&page, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], format.content_type());
        assert_eq!(response.headers().get_all(header::CONTENT_TYPE).iter().count(), 1);
        assert_eq!(response.headers()[header::VARY], "accept, accept-encoding");
        assert!(response.headers().get(header::CONTENT_ENCODING).is_none());
        let is_openmetrics = text(response).await.ends_with("# EOF\n");
        assert_eq!(is_openmetrics, *format == Format::OpenMetrics);
    }
}

#[tokio::test]
async fn a_gzip_page_decodes_to_the_page() {
    use std::io::Read as _;

    let (page, registry) = endpoint(Endpoint::new());
    let many = registry.counter(Descriptor::counter("many_total", "Many.").labels(["n"])).expect("valid");
    for n in 0..1_000 {
        many.get_or_create(&[&n.to_string()]).expect("one label").inc();
    }
    let response = send(&page, Request::get("/").header(header::ACCEPT_ENCODING, "br;q=1, gzip;q=0.5")).await;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(response.headers()[header::VARY], "accept, accept-encoding");
    let length: usize = response.headers()[header::CONTENT_LENGTH].to_str().expect("text").parse().expect("a length");
    let body = body(response).await;
    assert_eq!(body.len(), length);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).expect("gzip");
    assert!(text.len() > 5 * length && text.contains("many_total{n=\"999\"} 1\n"), "{length} for {}", text.len());
    assert_eq!(value(&registry, "metrics_runtime_scrape_bytes_total{encoding=\"gzip\"}"), length as f64);
}

#[tokio::test]
async fn get_and_head_are_the_only_methods() {
    let (page, registry) = endpoint(Endpoint::new());
    let head = send(&page, Request::head("/")).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()[header::CONTENT_TYPE], Format::Text.content_type());
    let length: usize = head.headers()[header::CONTENT_LENGTH].to_str().expect("text").parse().expect("a length");
    assert!(length > 1_000);
    assert_eq!(body(head).await, b"");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "QUERY", "PROPFIND"] {
        let response = send(&page, Request::builder().method(method)).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()[header::ALLOW], "GET,HEAD", "{method}");
    }
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"405\"}"), 6.0);
}

#[tokio::test]
async fn names_in_the_query_select_families() {
    let (page, registry) = endpoint(Endpoint::new());
    for name in ["a_total", "b_total", "c_total"] {
        let _ = registry.counter(Descriptor::counter(name, "Counted.")).expect("valid").get_or_create(&[]);
    }
    let a = "# HELP a_total Counted.\n# TYPE a_total counter\na_total 0\n";
    let b = a.replace("a_total", "b_total");
    assert_eq!(get(&page, "/?name[]=a_total&name%5B%5D=b").await, format!("{a}{b}"));
    assert_eq!(get(&page, "/?name[]=a_total&name[]=").await, a);
    assert_eq!(get(&page, "/?name[]=none").await, "");
    assert!(get(&page, "/?other=a_total").await.contains(&b));
}

#[tokio::test]
async fn a_request_without_a_valid_token_gathers_nothing() {
    let (page, registry) = endpoint(Endpoint::new().token("first").token("second"));
    let gathered = collector::CallCount::register(&registry, "gathered");
    let junk = [&b""[..], b"Bearer", b"Bearer wrong", b"Basic Zmlyc3Q6", b"\xff\xff", &vec![b'x'; 200_000]];
    for authorization in junk {
        let value = HeaderValue::from_bytes(authorization).expect("a value");
        let response = send(&page, Request::get("/").header(header::AUTHORIZATION, value)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"metrics\"");
        assert_eq!(text(response).await, "valid credentials are required\n");
    }
    // Two headers are ambiguous.
    let twice =
        Request::get("/").header(header::AUTHORIZATION, "Bearer first").header(header::AUTHORIZATION, "Bearer first");
    assert_eq!(send(&page, twice).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(send(&page, Request::post("/")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(gathered.get(), 0);
    for token in ["Bearer first", "bearer second"] {
        let response = send(&page, Request::get("/").header(header::AUTHORIZATION, token)).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(gathered.get(), 2);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"401\"}"), 8.0);
}

#[tokio::test]
async fn the_address_of_the_peer_is_checked_and_headers_are_ignored() {
    let (page, registry) = endpoint(Endpoint::new().allow(["10.0.0.0/8"]));
    let from = |peer: &str| {
        let peer: SocketAddr = peer.parse().expect("an address");
        Request::get("/")
            .extension(ConnectInfo(peer))
            .header("x-forwarded-for", "10.0.0.1")
            .header("forwarded", "for=10.0.0.1")
    };
    assert_eq!(send(&page, from("10.9.8.7:65000")).await.status(), StatusCode::OK);
    assert_eq!(send(&page, from("[::ffff:10.9.8.7]:65000")).await.status(), StatusCode::OK);
    assert_eq!(send(&page, from("11.9.8.7:65000")).await.status(), StatusCode::FORBIDDEN);
    // Without the address of the peer, every request is refused.
    assert_eq!(send(&page, Request::get("/")).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"403\"}"), 2.0);
}

#[tokio::test]
async fn scrapes_are_in_flight_until_their_page_is_read_or_dropped() {
    let (page, registry) = endpoint(Endpoint::new());
    let [first, second] = [send(&page, Request::get("/")).await, send(&page, Request::get("/")).await];
    assert_eq!(value(&registry, "metrics_runtime_scrapes_in_flight"), 2.0);
    drop(first);
    body(second).await;
    for (code, times) in [("200", 1.0), ("499", 1.0)] {
        assert_eq!(value(&registry, &format!("metrics_runtime_scrapes_total{{code=\"{code}\"}}")), times, "{code}");
    }
    assert_eq!(value(&registry, "metrics_runtime_scrapes_in_flight"), 0.0);
}

#[tokio::test]
async fn pages_that_are_not_read_do_not_keep_others_from_scraping() {
    let (page, registry) = endpoint(Endpoint::new());
    let mut unread = Vec::new();
    for _ in 0..9 {
        unread.push(send(&page, Request::get("/")).await);
    }
    get(&page, "/").await;
    // The memory of the oldest was needed.
    assert!(unread.remove(0).into_body().collect().await.is_err());
    let newest = unread.pop().expect("nine pages");
    assert!(text(newest).await.contains("metrics_runtime_scrapes_in_flight 9\n"));
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"499\"}"), 1.0);
}

#[tokio::test]
async fn the_page_has_the_metrics_of_the_endpoint() {
    let (page, registry) = endpoint(Endpoint::new());
    let first = get(&page, "/").await;
    let samples = first.lines().filter(|line| !line.starts_with('#')).count();
    assert!(first.contains("metrics_runtime_scrapes_in_flight 1\n"), "{first}");
    assert!(first.contains("metrics_runtime_scrapes_total{code=\"200\"} 0\n"), "{first}");
    for (series, expected) in [
        ("metrics_runtime_scrapes_total{code=\"200\"}", 1.0),
        ("metrics_runtime_scrapes_in_flight", 0.0),
        ("metrics_runtime_scrape_duration_seconds_count", 1.0),
        ("metrics_runtime_scrape_bytes_total{encoding=\"identity\"}", first.len() as f64),
        ("metrics_runtime_scrape_series", samples as f64),
    ] {
        assert_eq!(value(&registry, series), expected, "{series}");
    }
}

#[tokio::test]
async fn a_star_accepts_every_coding() {
    let (page, _) = endpoint(Endpoint::new());
    let coding = async |accept: &str| {
        let response = send(&page, Request::get("/").header(header::ACCEPT_ENCODING, accept)).await;
        response.headers().get(header::CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned())
    };
    // With the feature `zstd`, the endpoint has two codings.
    for accept in ["*", "br, *;q=0.5"] {
        assert!(matches!(coding(accept).await.as_deref(), Some("gzip" | "zstd")), "{accept}");
    }
    assert_ne!(coding("gzip;q=0, *").await.as_deref(), Some("gzip"));
    assert_eq!(coding("gzip;q=0, zstd;q=0, *").await, None);
    assert_eq!(coding("*;q=0").await, None);
}

#[test]
fn invalid_settings_are_errors_at_build() {
    let message = |endpoint: Endpoint| {
        let built = Metrics::builder().registry(&Registry::new()).endpoint(endpoint).build();
        built.expect_err("an invalid setting").to_string()
    };
    assert!(message(Endpoint::new().token("")).starts_with("endpoint: the bearer token is empty"));
    assert!(message(Endpoint::new().token("a\nb")).contains("at position 2"));
    assert!(message(Endpoint::new().allow(["10.0.0.0/40"])).contains("\"10.0.0.0/40\" is not a valid network"));
    assert!(message(Endpoint::new().allow::<&str>([])).contains("would refuse every scrape"));
    assert!(message(Endpoint::new().deadline(Duration::ZERO)).contains("more"));
    let secret = Metrics::builder().registry(&Registry::new()).endpoint(Endpoint::new().token("hush")).build();
    assert!(!format!("{secret:?}").contains("hush"));
}
