//! Every way a request can end.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Waker;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header::CONTENT_LENGTH};
use http_body::Body as _;
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

use super::*;
use crate::http::TrackedBody;

pub(super) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The response of a service that answers a request of this method with this response.
pub(super) fn answer<B: http_body::Body>(
    layer: &HttpLayer,
    method: &str,
    response: http::Response<B>,
) -> http::Response<TrackedBody<B>> {
    let mut response = Some(response);
    let service = service_fn(move |_| {
        let response = response.take().expect("one request");
        async move { Ok::<_, Infallible>(response) }
    });
    let mut service = layer.layer(service);
    let Poll::Ready(Ok(response)) = poll_once(pin!(service.call(request(method, "/")))) else {
        panic!("it answers at once")
    };
    response
}

/// What [`step`] saw.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Pending,
    Frame,
    End,
    Error,
    Panic,
}

/// Polls a body once.
pub(super) fn step<B: http_body::Body + Unpin>(body: &mut B) -> Seen {
    let polled =
        catch_unwind(AssertUnwindSafe(|| match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Seen::Pending,
            Poll::Ready(None) => Seen::End,
            Poll::Ready(Some(Ok(_))) => Seen::Frame,
            Poll::Ready(Some(Err(_))) => Seen::Error,
        }));
    polled.unwrap_or(Seen::Panic)
}

/// The one status that was counted, if one was.
fn counted(registry: &Registry) -> Option<&'static str> {
    let statuses = ["101", "200", "204", "304", "404", "499", "500"];
    let counted = statuses.into_iter().filter(|status| {
        ["GET", "HEAD", "CONNECT"].iter().any(|method| requests(registry, method, "unmatched", status) > 0)
    });
    let counted: Vec<_> = counted.collect();
    assert_eq!(all_requests(registry), counted.len() as u64, "at most once");
    assert!(counted.len() <= 1, "at most once: {counted:?}");
    counted.first().copied()
}

/// Whether a duration was observed for it.
fn timed(registry: &Registry) -> bool {
    ["GET", "HEAD", "CONNECT"].iter().map(|method| durations(registry, method, "unmatched")).sum::<u64>() == 1
}

#[test]
fn an_error_of_the_service_is_a_500() {
    let (registry, layer) = instruments();
    let mut service = layer.layer(service_fn(|_| async { Err::<Response, _>("refused") }));
    let mut future = Box::pin(service.call(request("GET", "/")));
    assert!(matches!(poll_once(future.as_mut()), Poll::Ready(Err("refused"))));
    // Now, not when the future is dropped.
    assert_eq!((counted(&registry), timed(&registry)), (Some("500"), true));
    drop(future);
    assert_eq!(counted(&registry), Some("500"));
}

#[test]
fn a_panic_is_a_500_wherever_the_future_is_dropped() {
    let (registry, layer) = instruments();
    let mut service = layer.layer(service_fn(|_| async { panic!("as told") as Result<Response, Infallible> }));
    let mut future = Box::pin(service.call(request("GET", "/")));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()).is_ready())).is_err());
    assert_eq!(counted(&registry), None);
    // Caught further up: nothing unwinds any more.
    drop(future);
    assert_eq!((counted(&registry), timed(&registry)), (Some("500"), true));
}

#[test]
fn a_panic_before_there_is_a_future_is_a_500() {
    let (registry, layer) = instruments();
    let mut service =
        layer.layer(service_fn(|_| -> std::future::Ready<Result<Response, Infallible>> { panic!("as told") }));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(service.call(request("GET", "/"))))).is_err());
    assert_eq!(counted(&registry), Some("500"));
}

#[test]
fn a_request_dropped_before_its_headers_is_a_499_without_a_duration() {
    for polls in 0..3 {
        let (registry, layer) = instruments();
        let mut service = layer.layer(service_fn(|_| pending::<Result<Response, Infallible>>()));
        let mut future = Box::pin(service.call(request("GET", "/")));
        for _ in 0..polls {
            assert!(poll_once(future.as_mut()).is_pending());
        }
        drop(future);
        assert_eq!((counted(&registry), timed(&registry)), (Some("499"), false));
    }
}

#[test]
fn a_request_dropped_while_something_else_unwinds_has_not_panicked() {
    let (registry, layer) = instruments();
    let mut service = layer.layer(service_fn(|_| pending::<Result<Response, Infallible>>()));
    let mut future = Box::pin(service.call(request("GET", "/")));
    assert!(poll_once(future.as_mut()).is_pending());
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _dropped_by_unwinding = future;
        panic!("something else");
    }));
    assert!(unwound.is_err());
    assert_eq!(counted(&registry), Some("499"));
}

#[tokio::test]
async fn a_panic_counts_once_with_a_layer_that_catches_it_inside_or_outside() {
    let (registry, layer) = instruments();
    let handler = || async { panic!("as told") as &'static str };
    let router = || Router::new().route("/", get(handler));
    let inside = router().layer(CatchPanicLayer::new()).layer(layer.clone());
    let outside = router().layer(layer).layer(CatchPanicLayer::new());
    for (app, so_far) in [(inside, 1), (outside, 2)] {
        let response = app.oneshot(request("GET", "/")).await.expect("caught");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        axum::body::to_bytes(response.into_body(), 1_000).await.expect("a body");
        assert_eq!(requests(&registry, "GET", "/", "500"), so_far);
        assert_eq!(durations(&registry, "GET", "/"), so_far);
    }
    assert_eq!(all_requests(&registry), 2);
}

#[test]
fn responses_without_a_body_end_with_their_headers() {
    for (method, status) in [
        ("HEAD", StatusCode::OK),
        ("HEAD", StatusCode::NOT_FOUND),
        ("GET", StatusCode::NO_CONTENT),
        ("GET", StatusCode::NOT_MODIFIED),
    ] {
        let (registry, layer) = instruments();
        let mut response = http::Response::new(Script::new([Step::Data("never read"), Step::Stall]));
        *response.status_mut() = status;
        let response = answer(&layer, method, response);
        assert_eq!(counted(&registry), Some(status.as_str()), "{method} {status}");
        drop(response);
        assert_eq!((counted(&registry), timed(&registry)), (Some(status.as_str()), true));
    }
}

#[test]
fn an_empty_body_ends_with_the_headers_however_it_says_so() {
    let with_header = |mut response: http::Response<Script>| {
        response.headers_mut().insert(CONTENT_LENGTH, 0.into());
        response
    };
    for response in [
        http::Response::new(Script::default().knows_end()),
        http::Response::new(Script::default().sized()),
        with_header(http::Response::new(Script::default())),
    ] {
        let (registry, layer) = instruments();
        drop(answer(&layer, "GET", response));
        assert_eq!(counted(&registry), Some("200"));
    }
    let (registry, layer) = instruments();
    drop(answer(&layer, "GET", http::Response::new(Script::default())));
    assert_eq!(counted(&registry), Some("499"), "nothing said that it was empty");
}

#[test]
fn a_body_whose_length_a_header_says_ends_with_its_last_byte() {
    let (registry, layer) = instruments();
    let mut response = http::Response::new(Script::new([Step::Data("12"), Step::Data("345"), Step::Stall]));
    response.headers_mut().insert(CONTENT_LENGTH, 5.into());
    let mut body = answer(&layer, "GET", response).into_body();
    assert_eq!((step(&mut body), counted(&registry)), (Seen::Frame, None));
    assert_eq!((step(&mut body), counted(&registry)), (Seen::Frame, Some("200")));
    drop(body);
    assert_eq!(counted(&registry), Some("200"));
}

/// A body that comes to its end without a frame, as one that is received over HTTP/2 does.
struct EndsBetweenFrames(bool);

impl http_body::Body for EndsBetweenFrames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 = true;
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.0
    }
}

#[test]
fn a_body_that_has_said_it_is_at_its_end_may_be_dropped() {
    let (registry, layer) = instruments();
    let mut body = answer(&layer, "GET", http::Response::new(EndsBetweenFrames(false))).into_body();
    assert!(!body.is_end_stream());
    assert_eq!(step(&mut body), Seen::Pending);
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!((counted(&registry), timed(&registry)), (Some("200"), true));
}

#[test]
fn the_body_is_passed_on_as_it_is() {
    let (_registry, layer) = instruments();
    let script = || Script::new([Step::Data("1"), Step::Wait, Step::Data("23"), Step::Trailers]).sized().knows_end();
    for layer in [layer, HttpLayer::disabled()] {
        let mut bare = script();
        let mut tracked = answer(&layer, "GET", http::Response::new(script())).into_body();
        loop {
            assert_eq!(tracked.size_hint().exact(), bare.size_hint().exact());
            assert_eq!(tracked.is_end_stream(), bare.is_end_stream());
            let seen = step(&mut bare);
            assert_eq!(step(&mut tracked), seen);
            if seen == Seen::End {
                break;
            }
        }
    }
}

#[test]
fn a_body_keeps_what_its_inner_one_can_be() {
    fn is<T: Send + Sync + Unpin>(_: T) {}
    fn is_a_service<T: Clone + Send + Sync>(_: &T) {}
    let (_registry, layer) = instruments();
    is(answer(&layer, "HEAD", http::Response::new(Script::default())).into_body());
    let mut service =
        layer.layer(service_fn(|_| std::future::ready(Ok::<_, Infallible>(Response::new(Script::default())))));
    is_a_service(&service);
    is(service.call(request("HEAD", "/")));
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => proptest::sample::select(vec![Step::Data("a"), Step::Data("bcd"), Step::Data(""), Step::Wait]),
        1 => proptest::sample::select(vec![Step::Trailers, Step::Stall, Step::Error, Step::Panic]),
    ];
    proptest::collection::vec(step, 0..8)
}

/// What a request counts as whose body is polled this often and then dropped.
fn expected(script: &[Step], sized: bool, knows_end: bool, polls: usize) -> &'static str {
    let length = |steps: &[Step]| -> usize {
        steps.iter().map(|step| if let Step::Data(text) = step { text.len() } else { 0 }).sum()
    };
    if sized && length(script) == 0 || knows_end && script.is_empty() {
        return "200";
    }
    for polled in 0..polls {
        match script.get(polled) {
            None | Some(Step::Trailers) => return "200",
            Some(Step::Error | Step::Panic) => return "500",
            Some(Step::Stall) => return "499",
            Some(Step::Data(_)) => {
                let (before, after) = script.split_at(polled + 1);
                if sized && length(before) == length(script) || knows_end && after.is_empty() {
                    return "200";
                }
            }
            Some(Step::Wait) => {}
        }
    }
    "499"
}

proptest! {
    #[test]
    fn whatever_a_body_does_its_request_counts_once(
        script in steps(),
        sized: bool,
        knows_end: bool,
        polls in 0usize..12,
    ) {
        let (registry, layer) = instruments();
        let body = Script { steps: script.iter().copied().collect(), sized, knows_end };
        let mut body = answer(&layer, "GET", http::Response::new(body)).into_body();
        for _ in 0..polls {
            if matches!(step(&mut body), Seen::End | Seen::Error | Seen::Panic) {
                break;
            }
        }
        drop(body);
        let expected = expected(&script, sized, knows_end, polls);
        prop_assert_eq!((counted(&registry), timed(&registry)), (Some(expected), expected != "499"));
    }
}
