//! The outcomes of requests.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Waker;

use axum::Router;
use axum::routing::get;
use http::{StatusCode, header::CONTENT_LENGTH};
use http_body::Body as _;
use metrics_runtime::http::TrackedBody;
use proptest::prelude::*;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

use super::*;

/// Sends a request with this method to a service that returns this response at once.
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
        panic!("the service responds at once")
    };
    response
}

/// The result of one poll of a body.
#[derive(Debug, PartialEq)]
pub(super) enum Polled {
    Pending,
    Frame,
    End,
    Error,
    Panic,
}

/// Polls a body once.
pub(super) fn step<B: http_body::Body + Unpin>(body: &mut B) -> Polled {
    let polled =
        catch_unwind(AssertUnwindSafe(|| match Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Polled::Pending,
            Poll::Ready(None) => Polled::End,
            Poll::Ready(Some(Ok(_))) => Polled::Frame,
            Poll::Ready(Some(Err(_))) => Polled::Error,
        }));
    polled.unwrap_or(Polled::Panic)
}

/// Returns the recorded status, if there is one, and checks that at most one request was recorded.
fn recorded(registry: &Registry) -> Option<&'static str> {
    let statuses = ["101", "200", "204", "304", "404", "499", "500"];
    let recorded = statuses.into_iter().filter(|status| {
        ["GET", "HEAD", "CONNECT"].iter().any(|method| requests(registry, method, "unmatched", status) > 0)
    });
    let recorded: Vec<_> = recorded.collect();
    assert_eq!(all_requests(registry), recorded.len() as u64, "at most once");
    assert!(recorded.len() <= 1, "at most once: {recorded:?}");
    recorded.first().copied()
}

/// Returns `true` if one duration was observed.
fn has_duration(registry: &Registry) -> bool {
    ["GET", "HEAD", "CONNECT"].iter().map(|method| durations(registry, method, "unmatched")).sum::<u64>() == 1
}

#[test]
fn an_error_of_the_service_is_a_500() {
    let (registry, layer) = instruments();
    let mut service = layer.layer(service_fn(|_| async { Err::<Response, _>("refused") }));
    let mut future = Box::pin(service.call(request("GET", "/")));
    assert!(matches!(poll_once(future.as_mut()), Poll::Ready(Err("refused"))));
    // Recorded at once, not when the future is dropped.
    assert_eq!((recorded(&registry), has_duration(&registry)), (Some("500"), true));
    drop(future);
    assert_eq!(recorded(&registry), Some("500"));
}

#[test]
fn a_panic_is_a_500_even_if_the_future_is_dropped_later() {
    let (registry, layer) = instruments();
    let mut service = layer.layer(service_fn(|_| async { panic!("scripted") as Result<Response, Infallible> }));
    let mut future = Box::pin(service.call(request("GET", "/")));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()).is_ready())).is_err());
    // Recorded at once, not when the future is dropped.
    assert_eq!((recorded(&registry), has_duration(&registry)), (Some("500"), true));
    drop(future);
    assert_eq!(recorded(&registry), Some("500"));
}

#[test]
fn a_panic_in_the_call_is_a_500() {
    let (registry, layer) = instruments();
    let mut service =
        layer.layer(service_fn(|_| -> std::future::Ready<Result<Response, Infallible>> { panic!("scripted") }));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(service.call(request("GET", "/"))))).is_err());
    assert_eq!(recorded(&registry), Some("500"));
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
        assert_eq!((recorded(&registry), has_duration(&registry)), (Some("499"), false));
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
    assert_eq!(recorded(&registry), Some("499"));
}

#[tokio::test]
async fn a_panic_is_recorded_once_with_a_catching_layer_inside_or_outside() {
    let (registry, layer) = instruments();
    let handler = || async { panic!("scripted") as &'static str };
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
        assert_eq!(recorded(&registry), Some(status.as_str()), "{method} {status}");
        drop(response);
        assert_eq!((recorded(&registry), has_duration(&registry)), (Some(status.as_str()), true));
    }
}

#[test]
fn an_empty_body_ends_with_the_headers_if_it_is_known_to_be_empty() {
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
        assert_eq!(recorded(&registry), Some("200"));
    }
}

#[test]
fn a_body_with_a_content_length_ends_with_its_last_byte() {
    let (registry, layer) = instruments();
    let mut response = http::Response::new(Script::new([Step::Data("12"), Step::Data("345"), Step::Stall]));
    response.headers_mut().insert(CONTENT_LENGTH, 5.into());
    let mut body = answer(&layer, "GET", response).into_body();
    assert_eq!((step(&mut body), recorded(&registry)), (Polled::Frame, None));
    assert_eq!((step(&mut body), recorded(&registry)), (Polled::Frame, Some("200")));
    drop(body);
    assert_eq!(recorded(&registry), Some("200"));
}

/// A body that reports its end without another frame, like one received over HTTP/2.
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
fn a_body_dropped_after_it_has_reported_its_end_is_complete() {
    let (registry, layer) = instruments();
    let mut body = answer(&layer, "GET", http::Response::new(EndsBetweenFrames(false))).into_body();
    assert!(!body.is_end_stream());
    assert_eq!(step(&mut body), Polled::Pending);
    assert!(body.is_end_stream());
    drop(body);
    assert_eq!((recorded(&registry), has_duration(&registry)), (Some("200"), true));
}

#[test]
fn the_body_is_passed_on_unchanged() {
    let (_registry, layer) = instruments();
    let script = || Script::new([Step::Data("1"), Step::Wait, Step::Data("23"), Step::Trailers]).sized().knows_end();
    for layer in [layer, HttpLayer::disabled()] {
        let mut bare = script();
        let mut tracked = answer(&layer, "GET", http::Response::new(script())).into_body();
        loop {
            assert_eq!(tracked.size_hint().exact(), bare.size_hint().exact());
            assert_eq!(tracked.is_end_stream(), bare.is_end_stream());
            let polled = step(&mut bare);
            assert_eq!(step(&mut tracked), polled);
            if polled == Polled::End {
                break;
            }
        }
    }
}

#[test]
fn the_types_keep_the_auto_traits_of_the_inner_types() {
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

/// Returns the cause for which a response is aborted if its body is polled this often and then dropped.
fn expected(script: &[Step], sized: bool, knows_end: bool, polls: usize) -> Option<&'static str> {
    let length = |steps: &[Step]| -> usize {
        steps.iter().map(|step| if let Step::Data(text) = step { text.len() } else { 0 }).sum()
    };
    if polls == 0 || sized && length(script) == 0 || knows_end && script.is_empty() {
        return None;
    }
    for polled in 0..polls {
        match script.get(polled) {
            None | Some(Step::Trailers) => return None,
            Some(Step::Error) => return Some("error"),
            Some(Step::Panic) => return Some("panic"),
            Some(Step::Stall) => return Some("cancelled"),
            Some(Step::Data(_)) => {
                let (before, after) = script.split_at(polled + 1);
                if sized && length(before) == length(script) || knows_end && after.is_empty() {
                    return None;
                }
            }
            Some(Step::Wait) => {}
        }
    }
    Some("cancelled")
}

proptest! {
    #[test]
    fn a_request_is_recorded_once_whatever_its_body_does(
        script in steps(),
        sized: bool,
        knows_end: bool,
        polls in 0usize..12,
    ) {
        let (registry, layer) = instruments();
        let body = Script { steps: script.iter().copied().collect(), sized, knows_end };
        let mut body = answer(&layer, "GET", http::Response::new(body)).into_body();
        for _ in 0..polls {
            if matches!(step(&mut body), Polled::End | Polled::Error | Polled::Panic) {
                break;
            }
        }
        drop(body);
        let expected = expected(&script, sized, knows_end, polls);
        prop_assert_eq!((recorded(&registry), has_duration(&registry)), (Some("200"), expected != Some("cancelled")));
        for cause in ["cancelled", "error", "panic"] {
            let labels = format!(r#"method="GET",endpoint="unmatched",phase="body",cause="{cause}""#);
            let aborted = value(&registry, &format!("http_responses_aborted_total{{{labels}}}"));
            prop_assert_eq!(aborted == 1.0, expected == Some(cause), "{}", cause);
        }
    }
}
