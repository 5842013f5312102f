//! Memory of the HTTP layer: a request allocates nothing, and a hundred thousand invented requests leave nothing
//! behind.
//!
//! This file has one test, because the allocations of the whole process are counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use axum::body::{Bytes, HttpBody};
use axum::http::{Method, Request, Response, Uri};
use metrics_runtime::grpc::{Grpc, MethodKind};
use metrics_runtime::http::{Http, HttpLayer, HttpMetric, RequestHead};
use metrics_runtime::{Label, Registry};
use tower::{Layer, Service};

struct Counting;

thread_local! {
    /// `true` on the thread of the test. The thread that runs the tests allocates too.
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}

static CALLS: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
// SAFETY: every call is forwarded to the system's allocator with unchanged arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(usize::from(IS_COUNTED.get()), Ordering::Relaxed);
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// A body of one frame that does not allocate.
struct Hello(Option<Bytes>);

impl HttpBody for Hello {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|data| Ok(http_body::Frame::data(data))))
    }
}

#[derive(Clone)]
struct Answer;

impl Service<Request<()>> for Answer {
    type Response = Response<Hello>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Hello>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Hello(Some(Bytes::from_static(b"hello"))))))
    }
}

/// Sends a request. Reads the response to its end if `read` is set.
fn send(service: &mut impl Service<Request<()>, Response = Response<impl HttpBody>>, request: Request<()>, read: bool) {
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut context) else {
        panic!("the service answers at once")
    };
    let mut body = pin!(response.into_body());
    while read && !matches!(body.as_mut().poll_frame(&mut context), Poll::Ready(None)) {}
}

/// Returns one of two known routes, or `None`.
fn route(request: RequestHead<'_>) -> Option<Label<'_>> {
    ["/a", "/b"].into_iter().find(|route| request.uri().path().starts_with(route)).map(Label::from)
}

fn plan(request: RequestHead<'_>) -> Option<Label<'_>> {
    Some(Label::from(request.uri().query()?))
}

fn allocations_of_a_request(layer: &HttpLayer) -> usize {
    let (mut service, uri) = (layer.layer(Answer), Uri::from_static("/a?free"));
    let mut run = |requests: usize| {
        let before = CALLS.load(Ordering::Relaxed);
        for i in 0..requests {
            let mut request = Request::new(());
            *request.uri_mut() = uri.clone();
            send(&mut service, request, i % 3 > 0);
        }
        CALLS.load(Ordering::Relaxed) - before
    };
    run(100);
    run(1_000)
}

#[test]
fn a_request_allocates_nothing_and_leaves_nothing_behind() {
    IS_COUNTED.set(true);
    let registry = Registry::new();
    let layer = Http::new().route(route).layer(&registry).expect("valid");
    assert_eq!(allocations_of_a_request(&layer), 0);
    let labelled = Http::new().requests("labelled_total").duration("labelled_seconds").without(HttpMetric::Aborted);
    let labelled = labelled.route(route).request_label("plan", 3, plan).layer(&registry).expect("valid");
    assert_eq!(allocations_of_a_request(&labelled), 0, "with a custom label");

    // Requests that may be recorded twice carry the layers that record them, and no others do.
    let elsewhere = Registry::new();
    let [first, second] = [(); 2].map(|()| Http::new().route(route).layer(&elsewhere).expect("valid"));
    let added_twice = Http::new().route(route).layer(&Registry::new()).expect("valid");
    drop(added_twice.layer(Answer));
    for marked in [&first, &second, &added_twice] {
        assert!(allocations_of_a_request(marked) > 0);
    }
    drop((first, second));
    let alone = Http::new().route(route).layer(&elsewhere).expect("valid");
    assert_eq!(allocations_of_a_request(&alone), 0, "the layers that shared its metrics are gone");
    let unrelated = Http::new().route(route).layer(&Registry::new()).expect("valid");
    assert_eq!(allocations_of_a_request(&unrelated), 0, "it shares no metric");
    let calls = Grpc::server().method("/shop.Orders/Place", MethodKind::Unary);
    let _calls = calls.layer(&Registry::new()).expect("valid");
    let beside_calls = Http::new().route(route).layer(&Registry::new()).expect("valid");
    assert_eq!(allocations_of_a_request(&beside_calls), 0, "calls of gRPC are marked, and no other requests");

    let mut service = layer.layer(labelled.layer(Answer));
    let mut send_invented = |from: usize, to: usize| {
        for i in from..to {
            let uri = format!("http://host{i}/{}/{i}?plan{i}", ["a", "b", "x"][i % 3]);
            let mut request = Request::new(());
            *request.method_mut() = Method::from_bytes(format!("M{i}").as_bytes()).expect("a method");
            *request.uri_mut() = uri.parse().expect("an address");
            send(&mut service, request, i % 2 == 0);
        }
        LIVE.load(Ordering::Relaxed)
    };
    // A counter that has reached 65,536 gets its shards.
    let after_some = send_invented(0, 66_000);
    assert_eq!(send_invented(66_000, 166_000), after_some, "bytes that stay allocated");
    let page = registry.render();
    let series = |metric: &str| page.lines().filter(|line| line.starts_with(&format!("{metric}{{"))).count();
    // Methods: GET of the warm-up and the invented ones. Routes: one of the warm-up, then two and none. Plans: three and
    // the rest.
    assert_eq!((series("http_requests_total"), series("labelled_total") <= 2 * 3 * 5), (4, true), "{page}");
}
