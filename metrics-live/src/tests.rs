//! Tests of the page as its clients see it.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use std::{fs, process};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use metrics_runtime::http::Endpoint;
use metrics_runtime::{Descriptor, Metrics, Observed, Registry};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
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

/// A source of the counter `slow_total` that answers while `true`, and is asked to by [`Slow::answer`].
struct Slow {
    answers: Arc<(Mutex<bool>, Condvar)>,
    _observed: Observed,
}

impl Slow {
    fn new(registry: &Registry) -> Self {
        let answers = Arc::new((Mutex::new(true), Condvar::new()));
        let asked = Arc::clone(&answers);
        let observed = registry.observe(Descriptor::counter("slow_total", "Of another system."), move |observer| {
            let (answers, changed) = &*asked;
            drop(changed.wait_while(answers.lock().unwrap(), |answers| !*answers).unwrap());
            observer.observe(&[], 1000.0).unwrap();
        });
        Self { answers, _observed: observed.unwrap() }
    }

    fn answer(&self, yes: bool) {
        *self.answers.0.lock().unwrap() = yes;
        self.answers.1.notify_all();
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.answer(true);
    }
}

/// Returns the first event for which this holds.
async fn event_with(viewer: &mut Viewer, holds: impl Fn(&Value) -> bool) -> Value {
    loop {
        let event = viewer.next().await.unwrap();
        if holds(&event) {
            return event;
        }
    }
}

fn has_series(event: &Value, name: &str) -> bool {
    let family = event["families"].as_array().into_iter().flatten().find(|family| family[1] == name);
    let mut series = event["series"].as_array().into_iter().flatten();
    family.is_some_and(|family| series.any(|series| series[1] == family[0]))
}

#[tokio::test]
async fn a_slow_source_keeps_its_last_values_while_all_others_go_on() {
    let registry = Registry::new();
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.")).unwrap();
    let jobs = jobs.get_or_create(&[]).unwrap();
    let slow = Slow::new(&registry);
    let router = quick(&metrics(&registry, Endpoint::new().deadline(Duration::from_secs(3600)))).router().unwrap();
    let mut viewer = Viewer::open(&router, "/metrics/live/events?interval=0.1").await;
    event_with(&mut viewer, |event| event["missing"].is_null()).await;

    slow.answer(false);
    let event = event_with(&mut viewer, |event| !event["missing"].is_null()).await;
    assert_eq!(event["missing"], json!(["the function of `slow_total` has not answered yet"]));
    jobs.inc();
    let event = event_with(&mut viewer, |event| !event["values"].is_null()).await;
    assert!(event["gone"].is_null() && !event["missing"].is_null(), "{event}");

    // A page that is opened meanwhile has everything else.
    let model = ask(&router, request("/metrics/live/model", Some("127.0.0.1"))).await;
    assert!(text(model).await.contains("shop_jobs_total"));
    slow.answer(true);
    event_with(&mut viewer, |event| event["missing"].is_null()).await;
}

#[tokio::test]
async fn a_source_that_is_always_slow_is_read_one_walk_later() {
    let registry = Registry::new();
    let observed = registry.observe(Descriptor::counter("slow_total", "Of another system."), |observer| {
        std::thread::sleep(Duration::from_millis(500));
        observer.observe(&[], 777.0).unwrap();
    });
    let router = quick(&metrics(&registry, Endpoint::new())).router().unwrap();
    let mut viewer = Viewer::open(&router, "/metrics/live/events?interval=1").await;
    let has_answer = |event: &Value| {
        let mut values = event["values"].as_array().into_iter().flatten();
        event["missing"].is_null() && values.any(|value| *value == 777)
    };
    let seen = timeout(Duration::from_secs(60), event_with(&mut viewer, has_answer)).await;
    assert!(seen.is_ok(), "no walk has the answer of the function");
    drop(observed);
}

#[tokio::test]
async fn a_source_that_hangs_is_left_out_and_counted_and_comes_back_when_it_answers() {
    let registry = Registry::new();
    let slow = Slow::new(&registry);
    slow.answer(false);
    let router = quick(&metrics(&registry, Endpoint::new().deadline(Duration::from_millis(600)))).router().unwrap();
    let mut viewer = Viewer::open(&router, "/metrics/live/events?interval=0.1").await;
    let first = viewer.next().await.unwrap();
    assert!(!first["missing"].is_null() && !has_series(&first, "shop_slow_total"), "{first}");
    let timeouts = number(&first, "cause=\"timeout\"");
    let is_overdue = |event: &Value| event["missing"] == json!(["the function of `slow_total` did not answer in time"]);
    let event = if is_overdue(&first) { first } else { event_with(&mut viewer, is_overdue).await };
    let values = event["values"].as_array().unwrap();
    assert!(values.chunks(2).any(|pair| pair[0] == timeouts && pair[1].as_f64() >= Some(1.0)), "{event}");
    slow.answer(true);
    let back = event_with(&mut viewer, |event| event["missing"].is_null()).await;
    assert!(!back["series"].is_null(), "{back}");

    slow.answer(false);
    let gone = event_with(&mut viewer, |event| !event["gone"].is_null()).await;
    assert!(is_overdue(&gone) && gone["gone"] == json!([back["series"][0][0]]), "{gone}");
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

/// Serves the page on a real socket. The kernel buffers little.
fn serve(router: Router) -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(64 << 10).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(128).unwrap();
    let address = listener.local_addr().unwrap();
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Opens a stream, and returns its connection and status. Before HTTP/1.1, a body has no chunks.
async fn connect(address: SocketAddr, page: &str, socket: TcpSocket) -> (BufReader<TcpStream>, u16) {
    let mut stream = BufReader::new(socket.connect(address).await.unwrap());
    let head = format!("GET {page}/events?interval=0.1 HTTP/1.0\r\nhost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    (stream, status)
}

/// Reads events until one has the gauge `done`, and the next one. Returns the number of events and the sum of all jobs.
async fn watch(mut stream: BufReader<TcpStream>) -> (usize, u64) {
    let (mut events, mut jobs, mut done, mut left) = (0, HashMap::new(), None, None);
    let mut line = String::new();
    while left != Some(0) {
        line.clear();
        assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "the stream has ended");
        let Some(event) = line.strip_prefix("data: ") else { continue };
        let event: Value = serde_json::from_str(event).unwrap();
        events += 1;
        left = left.map(|left| left - 1);
        if events == 1 {
            let families = event["families"].as_array().unwrap();
            let family = families.iter().find(|family| family[1] == "shop_jobs_total").unwrap();
            let series = event["series"].as_array().unwrap().iter().filter(|series| series[1] == family[0]);
            jobs = series.map(|series| (series[0].clone(), 0)).collect();
            done = Some(number(&event, "of=\"work\""));
        }
        for pair in event["values"].as_array().into_iter().flat_map(|values| values.chunks(2)) {
            if let Some(job) = jobs.get_mut(&pair[0]) {
                *job = pair[1].as_u64().unwrap();
            }
            if Some(&pair[0]) == done.as_ref() && pair[1] == 1 {
                left = Some(1);
            }
        }
    }
    (events, jobs.values().sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_viewers_get_all_events_while_one_reads_nothing_and_loses_its_place() {
    const VIEWERS: usize = 50;
    const JOBS: usize = 2500;
    let registry = Registry::new();
    registry.set_series_limit(JOBS);
    let jobs = registry.counter(Descriptor::counter("jobs_total", "Jobs.").labels(["state"])).unwrap();
    let done = registry.gauge(Descriptor::gauge("done", "The end.").labels(["of"])).unwrap();
    let done = done.get_or_create(&["work"]).unwrap();
    let long = "x".repeat(300);
    let jobs: Vec<_> = (0..JOBS).map(|job| jobs.get_or_create(&[&format!("{job}-{long}")]).unwrap()).collect();
    let live = quick(&metrics(&registry, Endpoint::new())).max_viewers(VIEWERS + 1);
    // Both pages share the viewers and the sample. A machine that stops for a while makes no other viewer slow.
    let impatient = live.clone().at("/impatient").deadline(Duration::from_millis(500));
    let live = live.deadline(Duration::from_secs(3600));
    let address = serve(live.router().unwrap().merge(impatient.router().unwrap()));

    // It reads the head alone.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let (mut slow, status) = connect(address, impatient.path(), socket).await;
    assert_eq!(status, 200);
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let (stream, status) = connect(address, live.path(), TcpSocket::new_v4().unwrap()).await;
        assert_eq!(status, 200);
        viewers.push(tokio::spawn(watch(stream)));
    }
    let mut sum = 0;
    // The slow one makes room for another.
    for job in jobs.iter().cycle() {
        job.inc();
        sum += 1;
        let (mut stream, status) = connect(address, live.path(), TcpSocket::new_v4().unwrap()).await;
        if status == 200 {
            break;
        }
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!((status, text.as_str()), (503, "the live page has 51 viewers already, as many as it admits\n"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done.set(1.0);
    for viewer in viewers {
        let (events, jobs) = viewer.await.unwrap();
        assert!(events > 1 && jobs == sum, "{events} events with {jobs} of {sum} jobs");
    }
    // Less waited for it than its first event, of 0.8 MB.
    let mut unread = Vec::new();
    slow.read_to_end(&mut unread).await.unwrap();
    assert!(unread.len() < 700_000, "{} bytes", unread.len());
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

/// Functions of queries that the page never has: of native histograms, of restarts, of rules, and of fleets.
const NOT_ON_THE_PAGE: [&str; 8] = [
    "histogram_count",
    "histogram_sum",
    "histogram_fraction",
    "resets",
    "count_over_time",
    "present_over_time",
    "quantile_over_time",
    "sum_over_time",
];

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
