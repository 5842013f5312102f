//! The cost that recording adds to one request through an axum router that answers at once. Every library records the
//! same metrics: a counter by method, route and status, and a histogram of durations by method and route.

use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use metrics_runtime::{Http, Registry};
use prometheus::{HistogramVec, IntCounterVec, histogram_opts, register_histogram_vec, register_int_counter_vec};
use tower_layer::layer_fn;
use tower_service::Service as _;

use crate::calls::metrics::RECORDER;
use crate::measure::{Batch, Contender, Crew, median};
use crate::memory::allocations;
use crate::table::{Goal, Table};

pub const BUCKETS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0];

fn routes() -> Router {
    Router::new()
        .route("/users/{id}", get(|| async { "hello" }))
        .route("/gone", get(|| async { StatusCode::NO_CONTENT }))
}

/// `axum::serve` calls `with_state`, which prepares the handlers, once for each connection. The routers here do the
/// same.
static BARE: LazyLock<Router> = LazyLock::new(|| routes().with_state(()));

/// A layer that does nothing. Axum boxes every layered service, so every layer has at least this cost.
static IDENTITY: LazyLock<Router> = LazyLock::new(|| routes().layer(layer_fn(|service| service)).with_state(()));

static OURS: LazyLock<Router> = LazyLock::new(|| {
    let layer = Http::new().layer(Registry::global()).expect("the defaults are valid");
    layer.install(routes()).with_state(())
});

static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let labels = &["method", "endpoint", "status"];
    register_int_counter_vec!("http_requests_total", "Requests.", labels).expect("the name is unique")
});
static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
    let opts = histogram_opts!("http_request_duration_seconds", "Duration of requests.", BUCKETS.to_vec());
    register_histogram_vec!(opts, &["method", "endpoint"]).expect("the name is unique")
});

/// A middleware as found in many services.
async fn hand_written(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
    let response = next.run(request).await;
    REQUESTS.with_label_values(&[method.as_str(), &path, response.status().as_str()]).inc();
    DURATION.with_label_values(&[method.as_str(), &path]).observe(start.elapsed().as_secs_f64());
    response
}

static HAND_WRITTEN: LazyLock<Router> = LazyLock::new(|| routes().layer(from_fn(hand_written)).with_state(()));

static AXUM_PROMETHEUS: LazyLock<Router> = LazyLock::new(|| {
    let (layer, _) =
        axum_prometheus::PrometheusMetricLayerBuilder::new().with_metrics_from_fn(|| RECORDER.clone()).build_pair();
    routes().layer(layer).with_state(())
});

/// Sends requests and reads the responses as a server does: until the body reports its end.
fn drive(router: &Router, uri: &'static str, requests: u64) {
    let mut context = Context::from_waker(Waker::noop());
    let (mut router, uri) = (router.clone(), Uri::from_static(uri));
    for _ in 0..requests {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = black_box(&uri).clone();
        let Poll::Ready(Ok(response)) = pin!(router.call(request)).poll(&mut context) else {
            unreachable!("the handlers never wait")
        };
        let mut body = black_box(response).into_body();
        while !body.is_end_stream() {
            match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Ready(Some(frame)) => _ = black_box(frame),
                Poll::Ready(None) => break,
                Poll::Pending => unreachable!("the handlers never wait"),
            }
        }
    }
}

macro_rules! batches {
    ($($batch:ident: $router:ident, $uri:literal;)*) => {$(
        fn $batch(requests: u64) {
            drive(&$router, $uri, requests);
        }
    )*};
}
batches! {
    bare: BARE, "/users/7";
    identity: IDENTITY, "/users/7";
    ours: OURS, "/users/7";
    hand_written_: HAND_WRITTEN, "/users/7";
    axum_prometheus_: AXUM_PROMETHEUS, "/users/7";
    identity_empty: IDENTITY, "/gone";
    ours_empty: OURS, "/gone";
}

/// The batch of which callgrind counts the instructions.
pub const OURS_ALONE: (&str, Batch) = ("http: ours", ours);

/// The others, each with its row and goal.
pub const COUNTED: [(&str, (&str, Batch), Goal); 3] = [
    ("the bare router", ("http: bare", bare), Goal::Reported),
    ("a layer that does nothing", ("http: identity", identity), Goal::Adds(600.0)),
    ("a hand-written middleware", ("http: hand-written", hand_written_), Goal::Better),
];

pub fn run(table: &mut Table, crew: &Crew) {
    let peers: [(&str, Batch, Goal); 3] = [
        ("a hand-written middleware", hand_written_, Goal::AtMost(1.0 / 3.0)),
        ("axum-prometheus", axum_prometheus_, Goal::AtMost(0.1)),
        ("a layer that does nothing", identity, Goal::Reported),
    ];
    for threads in [1, 2] {
        for (name, batch, goal) in peers {
            let count = if threads == 1 { "1 thread" } else { "2 threads" };
            let bench = format!("http request, ns added: {name}, {count}");
            if table.wants(&bench) {
                added(table, crew, bench, [bare, ours, batch].map(|batch| Contender { batch, threads }), goal);
            }
        }
    }
    // The one allocation: axum boxes every body that is not its own `Body`, and a recorded body is not.
    for (name, batch, other, goal) in [
        ("the bare router", ours as Batch, bare as Batch, Goal::Reported),
        ("a layer that does nothing", ours, identity, Goal::Adds(1.0)),
        ("a layer that does nothing, no body", ours_empty, identity_empty, Goal::Adds(0.0)),
        ("a hand-written middleware", ours, hand_written_, Goal::Better),
        ("axum-prometheus", ours, axum_prometheus_, Goal::Better),
    ] {
        let bench = format!("http request, allocations: {name}");
        if table.wants(&bench) {
            table.row(bench, allocated(batch), allocated(other), goal);
        }
    }
}

/// Compares the costs that ours and the other, the second and the third contender, add to the first one.
pub fn added(table: &mut Table, crew: &Crew, bench: String, contenders: [Contender; 3], goal: Goal) {
    let Some(rounds) = crew.rounds(contenders) else {
        return table.unmeasured(format!("{bench}: the threads did not run side by side; is the machine busy?"));
    };
    let added = |i: usize| median(rounds.iter().map(|round| round[i] - round[0]));
    // The ratio of the medians, not the median of the ratios: within one round, a ratio of two small differences is
    // noise.
    table.row(bench, added(1), added(2), goal);
}

fn allocated(batch: Batch) -> f64 {
    const REQUESTS: u64 = 1_000;
    batch(REQUESTS);
    allocations(|| batch(REQUESTS)) / REQUESTS as f64
}
