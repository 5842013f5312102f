//! The layers, which record into shards that each thread has, and only for a global registry: exact totals for every end
//! of a request, while pages are written and series are removed.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread;

use futures::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use metrics_runtime::client::{Client, ClientLayer};
use metrics_runtime::grpc::{Grpc, GrpcLayer, MethodKind};
use metrics_runtime::http::{Http, HttpLayer};
use metrics_runtime::test::Scope;
use metrics_runtime::{Metrics, NativeHistograms, Registry};
use tests::page::Page;
use tower::{Layer, Service, service_fn};

/// An end of a request, and the numbers that count it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Complete,
    Refuse,
    Fail,
    Panic,
    PanicInCall,
    /// The caller leaves before the first poll.
    Unpolled,
    /// The caller leaves before the response.
    Leave,
    /// The caller drops the response without reading it.
    Unread,
    FailInBody,
    PanicInBody,
    LeaveBody,
}

const ENDS: [End; 11] = [
    End::Complete,
    End::Refuse,
    End::Fail,
    End::Panic,
    End::PanicInCall,
    End::Unpolled,
    End::Leave,
    End::Unread,
    End::FailInBody,
    End::PanicInBody,
    End::LeaveBody,
];

/// A message of gRPC without a byte.
const MESSAGE: Bytes = Bytes::from_static(&[0; 5]);

fn status(code: &'static str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static(code))])
}

/// A response body: a message, and then its end.
struct Answer {
    end: End,
    frames: usize,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.frames += 1;
        Poll::Ready(match (self.frames, self.end) {
            (1, _) => Some(Ok(Frame::data(MESSAGE))),
            (_, End::FailInBody) => Some(Err(io::Error::other("the body fails"))),
            (_, End::PanicInBody) => resume_unwind(Box::new(())),
            (_, End::LeaveBody) => return Poll::Pending,
            (2, _) => Some(Ok(Frame::trailers(status("0")))),
            _ => None,
        })
    }
}

type Ended = io::Result<Response<Answer>>;

async fn respond(request: Request<tonic::body::Body>, end: End) -> Ended {
    drop(request.into_body().collect().await);
    let mut response = Response::new(Answer { end, frames: 0 });
    match end {
        End::Fail => return Err(io::Error::other("the service fails")),
        End::Panic => resume_unwind(Box::new(())),
        End::Leave => std::future::pending().await,
        End::Refuse => {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            *response.headers_mut() = status("5");
        }
        _ => {}
    }
    Ok(response)
}

fn service() -> impl Service<Request<tonic::body::Body>, Response = Response<Answer>, Error = io::Error> + Clone + Sync
{
    service_fn(|request: Request<tonic::body::Body>| {
        let end = *request.extensions().get::<End>().unwrap();
        if end == End::PanicInCall {
            resume_unwind(Box::new(()));
        }
        respond(request, end)
    })
}

/// Makes a request that ends like this.
fn request<S, B>(service: &mut S, end: End)
where
    S: Service<Request<tonic::body::Body>, Response = Response<B>>,
    B: Body,
{
    let request = Request::post("http://layers/shop.Orders/Place").header("content-type", "application/grpc");
    let request = request.extension(end).body(tonic::body::Body::new(Full::new(MESSAGE))).unwrap();
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let future = pin!(service.call(request));
        if end == End::Unpolled {
            return;
        }
        let Some(Ok(response)) = future.now_or_never() else { return };
        if end != End::Unread {
            let mut body = pin!(response.into_body());
            while let Some(Some(Ok(_))) = body.frame().now_or_never() {}
        }
    }));
}

const THREADS: usize = 4;
const ROUNDS: usize = 20;

/// Returns a function that makes requests of each end, one after the other, through all layers.
fn requests(http: &HttpLayer, client: &ClientLayer, grpc: [GrpcLayer; 2]) -> impl Fn() + Sync + use<> {
    let services = (http.layer(service()), client.layer(service()), grpc.map(|layer| layer.layer(service())));
    move || {
        let (mut http, mut client, mut grpc) = services.clone();
        for _ in 0..ROUNDS {
            for end in ENDS {
                request(&mut http, end);
                request(&mut client, end);
                for grpc in &mut grpc {
                    request(grpc, end);
                }
            }
        }
    }
}

/// Returns the settings for both sides of gRPC. Without HTTP, a server would have the requests marked, as they are in
/// another test.
fn sides() -> [Grpc; 2] {
    [Grpc::server(), Grpc::client()].map(|grpc| grpc.with_http(true).method("/shop.Orders/Place", MethodKind::Unary))
}

fn http() -> Http {
    Http::new().route(|_| Some("layers".into()))
}

fn requests_of(registry: &Registry, names: impl Fn(Grpc) -> Grpc) -> impl Fn() + Sync {
    let http = http().layer(registry).unwrap();
    let client = Client::new().layer("layers", registry).unwrap();
    requests(&http, &client, sides().map(|grpc| names(grpc).layer(registry).unwrap()))
}

/// Makes all requests on several threads, while `meanwhile` runs again and again.
fn load(requests: &(impl Fn() + Sync), meanwhile: impl Fn() + Sync) {
    let is_over = AtomicBool::new(false);
    thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                meanwhile();
            }
        });
        let running: Vec<_> = (0..THREADS).map(|_| threads.spawn(requests)).collect();
        let ended: Vec<_> = running.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a thread has panicked");
    });
}

fn page(registry: &Registry) -> Page {
    Page::parse_text(&registry.render()).unwrap()
}

/// Returns the sums of the samples of the layers with this name, by the value of a label, without those that are zero.
fn by(page: &Page, name: &str, label: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for sample in page.series(name) {
        let is_of_layers =
            SELECTED.iter().any(|(name, value)| sample.labels.get(*name).is_some_and(|has| has == value));
        if is_of_layers && sample.value > 0.0 {
            *sums.entry(sample.labels.get(label).cloned().unwrap_or_default()).or_insert(0.0) += sample.value;
        }
    }
    sums
}

/// A label that each metric of the layers has.
const SELECTED: [(&str, &str); 4] =
    [("endpoint", "layers"), ("upstream", "layers"), ("grpc_method", "Place"), ("rpc_method", "shop.Orders/Place")];

fn remove_all(registry: &Registry) {
    for (label, value) in SELECTED {
        registry.remove_series(label, value);
    }
}

/// Checks what a page says that is written between requests: a call that has ended has started, and has a duration.
#[track_caller]
fn check_while_running(page: &Page, side: &str) {
    let sum = |name: &str| by(page, &format!("grpc_{side}_{name}"), "").values().sum::<f64>();
    let (handled, timed, started) = (sum("handled_total"), sum("handling_seconds_count"), sum("started_total"));
    assert!(handled <= timed && timed <= started, "{side}: {handled} {timed} {started}");
}

/// Checks the numbers of the middlewares after this many requests of each end.
#[track_caller]
fn check(page: &Page, of_each: usize) {
    let expect = |name: &str, label: &str, expected: &[(&str, usize)]| {
        let expected = expected.iter().map(|(value, ends)| ((*value).to_owned(), (ends * of_each) as f64)).collect();
        assert_eq!(by(page, name, label), expected, "{name}");
    };
    // Complete, unread, and three ends of the body; refused; failed, and two panics; left, and never polled.
    expect("http_requests_total", "status", &[("200", 5), ("404", 1), ("499", 2), ("500", 3)]);
    expect("http_request_duration_seconds_count", "", &[("", 8)]);
    expect("http_responses_aborted_total", "cause", &[("cancelled", 3), ("error", 1), ("panic", 1)]);
    expect("http_client_requests_total", "status", &[("2xx", 5), ("4xx", 1), ("cancelled", 1), ("error", 3)]);
    expect("http_client_request_duration_seconds_count", "", &[("", 8)]);
    expect("http_client_errors_total", "cause", &[("cancelled", 2), ("other", 2), ("panic", 3)]);
    expect("http_client_requests_in_flight", "", &[]);
    let codes = [("OK", 1), ("NotFound", 1), ("Unknown", 2), ("Internal", 3), ("Canceled", 4)];
    for (side, request, response) in [("server", "received", "sent"), ("client", "sent", "received")] {
        let of = |name: &str| format!("grpc_{side}_{name}");
        expect(&of("started_total"), "", &[("", 11)]);
        expect(&of("handled_total"), "grpc_code", &codes);
        expect(&of("handling_seconds_count"), "", &[("", 11)]);
        expect(&of(&format!("msg_{request}_total")), "", &[("", 9)]);
        // A call that is refused has its code before its message.
        expect(&of(&format!("msg_{response}_total")), "", &[("", 4)]);
    }
}

/// Checks the numbers of OpenTelemetry after this many requests of each end.
#[track_caller]
fn check_opentelemetry(page: &Page, of_each: usize) {
    let codes = [("OK", 1), ("NOT_FOUND", 1), ("UNKNOWN", 2), ("INTERNAL", 3), ("CANCELLED", 4)];
    let expected: BTreeMap<_, _> = codes.map(|(code, ends)| (code.to_owned(), (ends * of_each) as f64)).into();
    for side in ["server", "client"] {
        let name = format!("rpc_{side}_call_duration_seconds_count");
        assert_eq!(by(page, &name, "rpc_response_status_code"), expected, "{name}");
    }
}

const OF_EACH: usize = THREADS * ROUNDS;

/// Checks that a page has no request.
#[track_caller]
fn check_empty(page: &Page) {
    for name in ["http_requests_total", "http_client_requests_total", "grpc_server_started_total"] {
        assert_eq!(by(page, name, ""), BTreeMap::new(), "{name}");
    }
}

/// Checks all layers of a registry under load, also while their series are removed.
fn check_load(registry: &Registry, requests: impl Fn() + Sync) -> Page {
    load(&requests, || {
        let page = page(registry);
        check_while_running(&page, "server");
        check_while_running(&page, "client");
    });
    check(&page(registry), OF_EACH);
    remove_all(registry);
    check_empty(&page(registry));
    load(&requests, || {
        remove_all(registry);
        page(registry);
    });
    // A series that the program bounds is hidden until its next request, and has then counted all of them.
    load(&requests, || {});
    let page = page(registry);
    check(&page, 3 * OF_EACH);
    page
}

#[test]
fn the_layers_of_a_global_registry_count_each_request_once() {
    let registry = Registry::global();
    check_load(registry, requests_of(registry, |grpc| grpc));
}

#[test]
fn the_layers_of_any_registry_count_each_request_once() {
    let registry = Registry::new();
    let page = check_load(&registry, requests_of(&registry, Grpc::with_opentelemetry));
    check_opentelemetry(&page, 3 * OF_EACH);
}

#[test]
fn marked_requests_count_once() {
    Scope::new().enter(|| {
        let registry = Registry::global();
        let (http, client) = (http().layer(registry).unwrap(), Client::new().layer("layers", registry).unwrap());
        // Requests may pass the layer twice from its second addition on.
        drop(http.layer(service()));
        check_load(registry, requests(&http, &client, sides().map(|grpc| grpc.layer(registry).unwrap())));
    });
}

#[test]
fn layers_in_scopes_record_into_the_scopes_alone() {
    let in_scope = || {
        let registry = Registry::global();
        let page = check_load(registry, requests_of(registry, Grpc::with_opentelemetry));
        check_opentelemetry(&page, 3 * OF_EACH);
    };
    let scopes = [Scope::new(), Scope::new()];
    thread::scope(|threads| scopes.each_ref().map(|scope| threads.spawn(|| scope.enter(in_scope))).map(drop));
}

/// Installs native histograms in a scope.
fn native() -> Metrics {
    Metrics::builder().http(http()).native_histograms(NativeHistograms::Beside).install().unwrap()
}

fn requests_of_installed(metrics: &Metrics) -> impl Fn() + Sync + use<> {
    let grpc = sides().map(|grpc| metrics.grpc_layer(&grpc.with_opentelemetry()).unwrap());
    requests(&metrics.http_layer(), &metrics.client_layer("layers").unwrap(), grpc)
}

#[test]
fn layers_count_each_request_once_in_native_histograms() {
    Scope::new().enter(|| {
        let requests = requests_of_installed(&native());
        check_opentelemetry(&check_load(Registry::global(), requests), 3 * OF_EACH);
    });
}

#[test]
fn layers_that_are_older_than_the_settings_record_native_histograms() {
    Scope::new().enter(|| {
        let registry = Registry::global();
        let requests = requests_of(registry, Grpc::with_opentelemetry);
        native();
        check_opentelemetry(&check_load(registry, requests), 3 * OF_EACH);
    });
}

#[test]
fn layers_of_metrics_that_are_switched_off_record_nothing() {
    Scope::new().enter(|| {
        let metrics = Metrics::builder().http(http()).enabled(false).install().unwrap();
        requests_of_installed(&metrics)();
        check_empty(&page(Registry::global()));
    });
}
