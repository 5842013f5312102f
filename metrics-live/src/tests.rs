//! Tests of the page as its clients see it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, process};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use metrics_runtime::http::Endpoint;
use metrics_runtime::{Descriptor, Metrics, Registry};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;

fn metrics(registry: &Registry, endpoint: Endpoint) -> Metrics {
    Metrics::builder().registry(registry).namespace("shop").endpoint(endpoint).build().unwrap()
}

fn request(path: &str, peer: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path).header("host", "localhost:8000").body(Body::empty()).unwrap();
    if let Some(peer) = peer {
        let peer: IpAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 1))));
    }
    request
}

async fn ask(router: &Router, request: Request<Body>) -> Response<Body> {
    router.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The stream of one viewer.
struct Viewer(Body, String);

impl Viewer {
    async fn open(router: &Router, path: &str) -> Self {
        let response = ask(router, request(path, Some("127.0.0.1"))).await;
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (StatusCode::OK, &"text/event-stream".parse().unwrap())
        );
        Self(response.into_body(), String::new())
    }

    /// Returns the next event, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let event = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
                self.1 = rest.to_owned();
                return Some(event);
            }
            let frame = self.0.frame().await?.unwrap().into_data().unwrap();
            assert!(frame.len() <= 16 << 10, "{}", frame.len());
            self.1.push_str(std::str::from_utf8(&frame).unwrap());
        }
    }

    /// Returns the values of a metric by labels, in an event that has it as a new one.
    fn values(event: &Value, name: &str) -> Value {
        let family = event["families"].as_array().unwrap().iter().find(|family| family[1] == name).unwrap();
        let series = event["series"].as_array().unwrap().iter().filter(|series| series[1] == family[0]);
        let lists = event["lists"].as_array();
        let value = |number: &Value| {
            let mut pairs = event["values"].as_array().unwrap().chunks(2);
            let single = pairs.find(|pair| pair[0] == *number).map(|pair| pair[1].clone());
            let mut lists = lists.into_iter().flatten();
            single.or_else(|| {
                lists.find(|list| list[0] == *number).map(|list| Value::from(list.as_array().unwrap()[1..].to_vec()))
            })
        };
        series.map(|series| json!([series[2], value(&series[0])])).collect()
    }
}

fn number(event: &Value, labels: &str) -> Value {
    event["series"].as_array().unwrap().iter().find(|series| series[2] == labels).unwrap()[0].clone()
}

fn quick(metrics: &Metrics) -> Live {
    Live::new(metrics).intervals(Duration::from_millis(100)..=Duration::from_secs(60))
}

#[tokio::test]
async fn the_first_event_has_all_samples_and_later_ones_have_what_changed() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["state"])).unwrap();
    let wait = registry.histogram(Descriptor::histogram("wait_seconds", "Wait.", vec![0.1, 1.0])).unwrap();
    jobs.get_or_create(&["a\"b"]).unwrap().add(3.0);
    jobs.get_or_create(&["done"]).unwrap().add(1.0);
    wait.get_or_create(&[]).unwrap().observe(0.5);
    let router = quick(&metrics(&registry, Endpoint::new())).router().unwrap();
    let mut viewer = Viewer::open(&router, "/metrics/live/events?interval=0.1").await;

    let first = viewer.next().await.unwrap();
    let mut values = Viewer::values(&first, "shop_jobs_total");
    values.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    assert_eq!(values, json!([["state=\"a\\\"b\"", 3], ["state=\"done\"", 1]]));
    assert_eq!(Viewer::values(&first, "shop_wait_seconds"), json!([["", [0.5, 0, 1, 1]]]));
    let family = first["families"].as_array().unwrap().iter().find(|family| family[1] == "shop_wait_seconds").unwrap();
    assert_eq!((&family[2], &family[3]), (&json!("histogram"), &json!([0.1, 1])));

    let second = viewer.next().await.unwrap();
    assert!(["families", "series", "values", "lists", "gone"].iter().all(|key| second[key].is_null()), "{second}");
    let (done, other) = (number(&first, "state=\"done\""), number(&first, "state=\"a\\\"b\""));
    jobs.get_or_create(&["done"]).unwrap().add(2.0);
    assert_eq!(viewer.next().await.unwrap()["values"], json!([done, 3]));
    jobs.remove(&["a\"b"]);
    jobs.get_or_create(&["new"]).unwrap().inc();
    let fourth = viewer.next().await.unwrap();
    assert_eq!(fourth["gone"], json!([other]));
    let new = fourth["series"].as_array().unwrap()[0].clone();
    assert_eq!((&new[2], &fourth["values"]), (&json!("state=\"new\""), &json!([new[0], 1])));
    assert_ne!(new[0], other, "a number is not used again soon");
}

#[tokio::test]
async fn numbers_that_json_does_not_have_are_texts() {
    let registry = Registry::new();
    let depth = registry.gauge(Descriptor::gauge("depth", "Depth.").labels(["of"])).unwrap();
    for (of, value) in [("a", f64::INFINITY), ("b", f64::NEG_INFINITY), ("c", -1.5), ("d", 1e300)] {
        depth.get_or_create(&[of]).unwrap().set(value);
    }
    let router = quick(&metrics(&registry, Endpoint::new())).router().unwrap();
    let event = Viewer::open(&router, "/metrics/live/events").await.next().await.unwrap();
    let mut values = Viewer::values(&event, "shop_depth");
    values.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    let expected =
        json!([["of=\"a\"", "Infinity"], ["of=\"b\"", "-Infinity"], ["of=\"c\"", -1.5], ["of=\"d\"", 1e300]]);
    assert_eq!(values, expected);
}

#[tokio::test]
async fn viewers_share_a_walk_and_nobody_looks_without_viewers() {
    let registry = Registry::new();
    let walks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&walks);
    let _hook = registry.before_scrape(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let router = Live::new(&metrics(&registry, Endpoint::new())).router().unwrap();
    let mut viewers = Vec::new();
    for _ in 0..50 {
        viewers.push(Viewer::open(&router, "/metrics/live/events").await);
    }
    let mut events = Vec::new();
    for viewer in &mut viewers {
        events.push(viewer.next().await.unwrap());
    }
    // A slow machine may need more than one.
    let count = walks.load(Ordering::Relaxed);
    assert!((1..25).contains(&count), "{count} walks for 50 viewers");
    drop(viewers);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let count = walks.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(walks.load(Ordering::Relaxed), count);
}

#[tokio::test]
async fn viewers_are_bounded_and_make_room_when_they_leave() {
    let router = quick(&metrics(&Registry::new(), Endpoint::new())).max_viewers(2).router().unwrap();
    let mut one = Viewer::open(&router, "/metrics/live/events").await;
    let two = Viewer::open(&router, "/metrics/live/events").await;
    let refused = ask(&router, request("/metrics/live/events", Some("127.0.0.1"))).await;
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"5".parse().unwrap())
    );
    assert!(text(refused).await.contains("2 viewers already"));
    assert!(one.next().await.is_some());
    drop(two);
    loop {
        let response = ask(&router, request("/metrics/live/events", Some("127.0.0.1"))).await;
        if response.status() == StatusCode::OK {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_viewer_that_does_not_read_loses_its_place_at_the_deadline() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["state"])).unwrap();
    for state in 0..1000 {
        jobs.get_or_create(&[&format!("a state with a long name {state}")]).unwrap().inc();
    }
    let live = quick(&metrics(&registry, Endpoint::new())).max_viewers(1).deadline(Duration::from_millis(100));
    let router = live.router().unwrap();
    let mut slow = Viewer::open(&router, "/metrics/live/events").await;
    loop {
        let response = ask(&router, request("/metrics/live/events", Some("127.0.0.1"))).await;
        if response.status() == StatusCode::OK {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // The rest of its event is lost.
    assert!(slow.next().await.is_none());
    assert!(slow.1.len() <= 2 * (16 << 10));
}

#[tokio::test]
async fn a_closed_page_ends_its_streams() {
    let live = quick(&metrics(&Registry::new(), Endpoint::new()));
    let router = live.router().unwrap();
    let mut viewer = Viewer::open(&router, "/metrics/live/events").await;
    assert!(viewer.next().await.is_some());
    live.close();
    while viewer.next().await.is_some() {}
    let mut late = Viewer::open(&router, "/metrics/live/events").await;
    while late.next().await.is_some() {}
}

#[tokio::test]
async fn without_access_rules_only_this_machine_may_look() {
    let router = quick(&metrics(&Registry::new(), Endpoint::new())).router().unwrap();
    let status = async |request| ask(&router, request).await.status();
    for path in ["/metrics/live", "/metrics/live/live.js", "/metrics/live/model", "/metrics/live/events"] {
        assert_eq!(status(request(path, Some("127.0.0.1"))).await, 200, "{path}");
        assert_eq!(status(request(path, Some("::ffff:127.0.0.1"))).await, 200, "{path}");
        assert_eq!(status(request(path, Some("10.1.2.3"))).await, 403, "{path}");
        let unknown = ask(&router, request(path, None)).await;
        assert_eq!(unknown.status(), 403, "{path}");
        assert!(text(unknown).await.contains("into_make_service_with_connect_info"));
        let with = |name: &'static str, value: &'static str| {
            let mut request = request(path, Some("127.0.0.1"));
            request.headers_mut().insert(name, value.parse().unwrap());
            request
        };
        // A name of a stranger that leads to this machine, and a proxy on it.
        for (name, value) in [
            ("host", "evil.example:8000"),
            ("host", "127.0.0.1.evil.example"),
            ("x-forwarded-for", "8.8.8.8"),
            ("forwarded", "for=8.8.8.8"),
        ] {
            assert_eq!(status(with(name, value)).await, 403, "{path} {name}: {value}");
        }
        for host in ["127.0.0.1", "[::1]:8000", "LOCALHOST"] {
            assert_eq!(status(with("host", host)).await, 200, "{path} {host}");
        }
    }
}

#[tokio::test]
async fn the_rules_of_the_metrics_page_apply_to_data() {
    let rules = Endpoint::new().token("s3cr3t").allow(["10.0.0.0/8"]);
    let router = quick(&metrics(&Registry::new(), rules)).router().unwrap();
    let with = |path: &str, peer: &str, token: Option<&str>| {
        let mut request = request(path, Some(peer));
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    };
    for path in ["/metrics/live/model", "/metrics/live/events"] {
        assert_eq!(ask(&router, with(path, "10.1.2.3", Some("s3cr3t"))).await.status(), 200, "{path}");
        for token in [None, Some("guess")] {
            let refused = ask(&router, with(path, "10.1.2.3", token)).await;
            assert_eq!(
                (refused.status(), &refused.headers()["www-authenticate"]),
                (StatusCode::UNAUTHORIZED, &"Bearer realm=\"metrics\"".parse().unwrap())
            );
        }
        assert_eq!(ask(&router, with(path, "127.0.0.1", Some("s3cr3t"))).await.status(), 403, "{path}");
    }
    // The page has no data, and asks for the token.
    assert_eq!(ask(&router, with("/metrics/live", "10.1.2.3", None)).await.status(), 200);
    assert_eq!(ask(&router, with("/metrics/live", "127.0.0.1", None)).await.status(), 403);

    let open = quick(&metrics(&Registry::new(), Endpoint::new().open_to_everyone())).router().unwrap();
    assert_eq!(ask(&open, request("/metrics/live/model", None)).await.status(), 200);
    let off = Metrics::builder().registry(&Registry::new()).enabled(false).build().unwrap();
    assert_eq!(ask(&quick(&off).router().unwrap(), request("/metrics/live", Some("127.0.0.1"))).await.status(), 404);
}

#[tokio::test]
async fn an_interval_out_of_bounds_is_an_error_that_names_them() {
    let router = Live::new(&metrics(&Registry::new(), Endpoint::new())).router().unwrap();
    for interval in ["0.5", "0", "-1", "61", "NaN", "inf", "1e300", "fast", ""] {
        let refused =
            ask(&router, request(&format!("/metrics/live/events?interval={interval}"), Some("127.0.0.1"))).await;
        assert_eq!(refused.status(), 400, "{interval}");
        assert_eq!(
            text(refused).await,
            format!(
                "`{interval}` is not an interval of this page; expected seconds from 1 to 60, such as `interval=1`\n"
            )
        );
    }
    let post = Request::post("/metrics/live/events").header("host", "localhost").body(Body::empty()).unwrap();
    let mut post = post;
    post.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    let refused = ask(&router, post).await;
    assert_eq!(
        (refused.status(), &refused.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD".parse().unwrap())
    );
}

#[test]
fn settings_that_cannot_work_are_errors() {
    let live = || Live::new(&metrics(&Registry::new(), Endpoint::new()));
    let second = Duration::from_secs(1);
    for path in ["", "/", "live", "/a//b", "/{x}", "/a b", "/..", "/live/"] {
        assert_eq!(live().at(path).router().unwrap_err(), LiveError::Path { path: path.to_owned() });
    }
    assert!(live().at("/internal/live-page").router().is_ok());
    assert!(matches!(live().intervals(second..=Duration::ZERO).router(), Err(LiveError::Intervals { .. })));
    assert!(matches!(live().intervals(Duration::ZERO..=second).router(), Err(LiveError::Intervals { .. })));
    assert_eq!(live().max_viewers(0).router().unwrap_err(), LiveError::NoViewer);
    assert_eq!(live().deadline(Duration::ZERO).router().unwrap_err(), LiveError::NoViewer);
}

/// `cargo test --release -p metrics-live -- --ignored --nocapture` prints the costs.
#[test]
#[ignore = "a measurement"]
fn the_costs_of_a_sample_of_ten_thousand_series() {
    let registry = Registry::new();
    registry.set_series_limit(20_000);
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["queue", "state"])).unwrap();
    for queue in 0..5000 {
        for state in ["done", "failed"] {
            jobs.get_or_create(&[&format!("queue-{queue}"), state]).unwrap().inc();
        }
    }
    let metrics = metrics(&registry, Endpoint::new());
    let mut sample = sample::Sample::default();
    let mut walk = |since| {
        let started = std::time::Instant::now();
        sample.update(|visitor| metrics.visit(visitor), started);
        let walked = started.elapsed();
        let text = event::event(&sample, since, 0, (std::time::SystemTime::now(), walked));
        (walked, started.elapsed(), text.len())
    };
    eprintln!("first: {:?}", walk(0));
    for since in 1..6 {
        for queue in 0..5000 {
            jobs.get_or_create(&[&format!("queue-{queue}"), "done"]).unwrap().inc();
        }
        eprintln!("walk, with the event, bytes: {:?}", walk(since));
    }
    eprintln!("without changes: {:?}", walk(6));
}

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sources(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            out.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

/// Functions of queries that the page never has: of native histograms, of restarts, and of rules.
const NOT_ON_THE_PAGE: [&str; 5] =
    ["histogram_count", "histogram_sum", "histogram_fraction", "resets", "count_over_time"];

#[test]
fn the_page_knows_every_function_and_operator_that_panels_can_use() {
    let mut code = String::new();
    sources(&folder("../metrics-export/src/dashboard"), &mut code);
    for file in ["scope.rs", "histograms.rs", "promql.rs"] {
        let text = fs::read_to_string(folder("../metrics-export/src").join(file)).unwrap();
        code.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
    }
    let code: String = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
    let used: BTreeSet<_> = [
        "call(\"",
        "windowed(\"",
        "stepped(\"",
        "aggregate(\"",
        "aggregate::<&str>(\"",
        "without(\"",
        ".binary(\"",
        ".modified(\"",
        ".compared(\"",
    ]
    .iter()
    .flat_map(|start| code.split(start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default()))
    .filter(|name| !NOT_ON_THE_PAGE.contains(name))
    .collect();
    assert!(used.len() > 15, "{used:?}");
    let page = fs::read_to_string(folder("page/promql.js")).unwrap();
    let unknown: Vec<_> = used
        .into_iter()
        .filter(|name| ![format!("\n  {name}: "), format!("\n  '{name}': ")].iter().any(|entry| page.contains(entry)))
        .collect();
    assert!(unknown.is_empty(), "page/promql.js does not know {unknown:?}");
}

#[test]
fn the_page_computes_rates_and_quantiles_as_prometheus_does() {
    match process::Command::new("node").arg(folder("page/test.mjs")).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => eprintln!("SKIPPED: page/test.mjs needs node"),
    }
}
