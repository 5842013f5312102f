//! Requests to the endpoint, and what they are answered.

use axum::extract::ConnectInfo;
use axum::http::request::Builder as Asking;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderValue, Response as HttpResponse, StatusCode};
use http_body_util::BodyExt as _;
use std::net::SocketAddr;
use tower::ServiceExt as _;

use super::*;
use crate::config::Metrics;
use crate::encode::Format;
use crate::http::{Endpoint, EndpointService, PageBody};
use crate::schema::Descriptor;

/// The endpoint of a registry, and the registry.
pub(super) fn endpoint(settings: Endpoint) -> (EndpointService, Registry) {
    let registry = Registry::new();
    let metrics = Metrics::builder().registry(&registry).endpoint(settings).build().expect("valid settings");
    (metrics.endpoint(), registry)
}

pub(super) async fn ask(page: &EndpointService, request: Asking) -> HttpResponse<PageBody> {
    let request = request.body(()).expect("a request");
    page.clone().oneshot(request).await.expect("the endpoint does not fail")
}

pub(super) async fn body(response: HttpResponse<PageBody>) -> Vec<u8> {
    response.into_body().collect().await.expect("pages do not fail").to_bytes().to_vec()
}

pub(super) async fn text(response: HttpResponse<PageBody>) -> String {
    String::from_utf8(body(response).await).expect("text")
}

pub(super) async fn get(page: &EndpointService, uri: &str) -> String {
    let response = ask(page, Request::get(uri)).await;
    assert_eq!(response.status(), StatusCode::OK);
    text(response).await
}

/// The value of a series on the registry's page.
pub(super) fn value(registry: &Registry, series: &str) -> f64 {
    let page = registry.render();
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is missing:\n{page}")).parse().expect("a number")
}

#[tokio::test]
async fn the_scraper_chooses_the_format() {
    let (page, _) = endpoint(Endpoint::new());
    let open = "application/openmetrics-text;version=1.0.0";
    let cases: &[(&[&[u8]], Format)] = &[
        (&[], Format::Text),
        (&[b"*/*"], Format::Text),
        (&[open.as_bytes()], Format::OpenMetrics),
        (&[b"text/plain;q=0.5", open.as_bytes()], Format::OpenMetrics),
        (&[b"\xff\xfe", open.as_bytes()], Format::OpenMetrics),
        (&[b"\xff\xfe"], Format::Text),
        (&[&vec![b','; 100_000]], Format::Text),
        (&[&vec![b'"'; 100_000]], Format::Text),
    ];
    for (accept, format) in cases {
        let mut request = Request::get("/");
        for value in *accept {
            request = request.header(ACCEPT, HeaderValue::from_bytes(value).expect("a value"));
        }
        let response = ask(&page, request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_TYPE], format.content_type());
        assert_eq!(response.headers().get_all(CONTENT_TYPE).iter().count(), 1);
        assert_eq!(response.headers()[VARY], "accept, accept-encoding");
        assert!(response.headers().get(CONTENT_ENCODING).is_none());
        let open = text(response).await.ends_with("# EOF\n");
        assert_eq!(open, *format == Format::OpenMetrics);
    }
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn a_page_in_gzip_is_the_page() {
    use std::io::Read as _;

    let (page, registry) = endpoint(Endpoint::new());
    let many = registry.counter(Descriptor::counter("many_total", "Many.").labels(["n"])).expect("valid");
    for n in 0..1_000 {
        many.get_or_create(&[&n.to_string()]).expect("one label").inc();
    }
    let response = ask(&page, Request::get("/").header(ACCEPT_ENCODING, "br;q=1, gzip;q=0.5")).await;
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(response.headers()[VARY], "accept, accept-encoding");
    let length: usize = response.headers()[CONTENT_LENGTH].to_str().expect("text").parse().expect("a length");
    let body = body(response).await;
    assert_eq!(body.len(), length);
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*body).read_to_string(&mut text).expect("gzip");
    assert!(text.len() > 5 * length && text.contains("many_total{n=\"999\"} 1\n"), "{length} for {}", text.len());
    assert_eq!(value(&registry, "metrics_runtime_scrape_bytes_total{encoding=\"gzip\"}"), length as f64);
}

#[tokio::test]
async fn it_answers_get_and_head_and_nothing_else() {
    let (page, registry) = endpoint(Endpoint::new());
    let head = ask(&page, Request::head("/")).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()[CONTENT_TYPE], Format::Text.content_type());
    let length: usize = head.headers()[CONTENT_LENGTH].to_str().expect("text").parse().expect("a length");
    assert!(length > 1_000);
    assert_eq!(body(head).await, b"");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "QUERY", "PROPFIND"] {
        let response = ask(&page, Request::builder().method(method)).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(response.headers()[ALLOW], "GET,HEAD", "{method}");
    }
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"405\"}"), 6.0);
}

#[tokio::test]
async fn names_select_families() {
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
async fn a_token_is_asked_for_before_anything_is_gathered() {
    let (page, registry) = endpoint(Endpoint::new().token("first").token("second"));
    let gathered = stubborn::Called::register(&registry, "gathered");
    let junk = [&b""[..], b"Bearer", b"Bearer wrong", b"Basic Zmlyc3Q6", b"\xff\xff", &vec![b'x'; 200_000]];
    for authorization in junk {
        let value = HeaderValue::from_bytes(authorization).expect("a value");
        let response = ask(&page, Request::get("/").header(AUTHORIZATION, value)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"metrics\"");
        assert_eq!(text(response).await, "a valid bearer token is needed\n");
    }
    // Which of two is meant, nobody can say.
    let twice = Request::get("/").header(AUTHORIZATION, "Bearer first").header(AUTHORIZATION, "Bearer first");
    assert_eq!(ask(&page, twice).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&page, Request::post("/")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(gathered.times(), 0);
    for token in ["Bearer first", "bearer second"] {
        let response = ask(&page, Request::get("/").header(AUTHORIZATION, token)).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(gathered.times(), 2);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"401\"}"), 8.0);
}

#[tokio::test]
async fn the_address_of_the_peer_counts_and_no_header() {
    let (page, registry) = endpoint(Endpoint::new().allow(["10.0.0.0/8"]));
    let from = |peer: &str| {
        let peer: SocketAddr = peer.parse().expect("an address");
        Request::get("/")
            .extension(ConnectInfo(peer))
            .header("x-forwarded-for", "10.0.0.1")
            .header("forwarded", "for=10.0.0.1")
    };
    assert_eq!(ask(&page, from("10.9.8.7:65000")).await.status(), StatusCode::OK);
    assert_eq!(ask(&page, from("[::ffff:10.9.8.7]:65000")).await.status(), StatusCode::OK);
    assert_eq!(ask(&page, from("11.9.8.7:65000")).await.status(), StatusCode::FORBIDDEN);
    // A server that does not say who asks lets nobody in.
    assert_eq!(ask(&page, Request::get("/")).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(value(&registry, "metrics_runtime_scrapes_total{code=\"403\"}"), 2.0);
}

#[tokio::test]
async fn one_scrape_too_many_is_told_to_come_again() {
    let (page, registry) = endpoint(Endpoint::new().limit(2));
    // Answers whose bodies nobody has read yet.
    let unread = [ask(&page, Request::get("/")).await, ask(&page, Request::get("/")).await];
    assert_eq!(value(&registry, "metrics_runtime_scrapes_in_flight"), 2.0);
    let response = ask(&page, Request::get("/")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "1");
    let [first, second] = unread;
    drop(first);
    assert_eq!(ask(&page, Request::get("/")).await.status(), StatusCode::OK);
    body(second).await;
    for (code, times) in [("200", 1.0), ("499", 2.0), ("503", 1.0)] {
        assert_eq!(value(&registry, &format!("metrics_runtime_scrapes_total{{code=\"{code}\"}}")), times, "{code}");
    }
    assert_eq!(value(&registry, "metrics_runtime_scrapes_in_flight"), 0.0);
}

#[tokio::test]
async fn the_endpoint_says_how_it_is_doing() {
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

#[test]
fn settings_that_cannot_be_followed_are_errors_at_build() {
    let message = |endpoint: Endpoint| {
        let built = Metrics::builder().registry(&Registry::new()).endpoint(endpoint).build();
        built.expect_err("a wrong setting").to_string()
    };
    assert!(message(Endpoint::new().token("")).starts_with("endpoint: the bearer token is empty"));
    assert!(message(Endpoint::new().token("a\nb")).contains("at place 2"));
    assert!(message(Endpoint::new().allow(["10.0.0.0/40"])).contains("\"10.0.0.0/40\" is no network"));
    assert!(message(Endpoint::new().allow::<&str>([])).contains("nobody could have the page"));
    assert!(message(Endpoint::new().limit(0)).contains("at least 1"));
    assert!(message(Endpoint::new().deadline(Duration::ZERO)).contains("more"));
    let secret = Metrics::builder().registry(&Registry::new()).endpoint(Endpoint::new().token("hush")).build();
    assert!(!format!("{secret:?}").contains("hush"));
}
