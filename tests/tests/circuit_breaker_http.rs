//! Circuit breakers and HTTP: rejected calls are answered with 503, and a layer protects clients and routes.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::response::{IntoResponse, Response as AnyResponse};
use axum::routing::get;
use axum::{Router, extract::Path};
use metrics_runtime::circuit_breaker::{
    CircuitBreaker, CircuitBreakerLayer, CircuitOpen, ManualClock, Settings, State, Verdict,
};
use metrics_runtime::{circuit_breaker, track_ryot};
use support::{abandon, panics_async, quiet_panic, sample};
use tower::{Layer as _, Service};
use tracing::instrument;

enum AppError {
    Open(CircuitOpen),
    Upstream,
}

impl From<CircuitOpen> for AppError {
    fn from(open: CircuitOpen) -> Self {
        Self::Open(open)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> AnyResponse {
        match self {
            Self::Open(open) => open.into_response(),
            Self::Upstream => StatusCode::BAD_GATEWAY.into_response(),
        }
    }
}

#[circuit_breaker(service = "ryot", failures = 2, open = "1m")]
#[instrument(skip_all)]
#[track_ryot]
async fn generate(Path(prompt): Path<String>) -> Result<String, AppError> {
    if prompt == "down" { Err(AppError::Upstream) } else { Ok(prompt) }
}

async fn answer<S>(app: &mut S, path: &str) -> (StatusCode, Option<String>)
where
    S: Service<Request<Body>, Response = AnyResponse, Error = Infallible>,
{
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = app.call(request).await.unwrap();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    (response.status(), retry_after.map(|value| value.to_str().unwrap().to_owned()))
}

#[tokio::test]
async fn a_handler_behind_a_breaker_answers_503() {
    let mut app: Router = Router::new().route("/generate/{prompt}", get(generate));
    assert_eq!(answer(&mut app, "/generate/once").await, (StatusCode::OK, None));
    for _ in 0..2 {
        assert_eq!(answer(&mut app, "/generate/down").await, (StatusCode::BAD_GATEWAY, None));
    }
    for _ in 0..3 {
        let rejected = answer(&mut app, "/generate/once").await;
        assert_eq!(rejected, (StatusCode::SERVICE_UNAVAILABLE, Some("60".to_owned())));
    }
    // The breaker is the outermost attribute, so these are only the admitted calls.
    assert_eq!(sample("ryot_requests_total", [("status", "success")]), 1.0);
    assert_eq!(sample("ryot_requests_total", [("status", "error")]), 2.0);
    assert_eq!(sample("circuit_breaker_calls_total", [("service", "ryot"), ("result", "rejected")]), 3.0);

    // A breaker that is forced open has no time at which it closes.
    CircuitBreaker::find("ryot").unwrap().force_open();
    assert_eq!(answer(&mut app, "/generate/once").await, (StatusCode::SERVICE_UNAVAILABLE, None));
}

fn manual(service: &'static str) -> (CircuitBreaker, ManualClock) {
    let clock = ManualClock::new();
    let settings = Settings::consecutive(2).open(Duration::from_millis(2500));
    (CircuitBreaker::with_clock(service, settings, clock.clone()).unwrap(), clock)
}

#[tokio::test]
async fn a_layer_protects_routes() {
    let (breaker, clock) = manual("routes");
    let status = |Path(code): Path<u16>| async move { StatusCode::from_u16(code).unwrap() };
    let router: Router = Router::new().route("/status/{code}", get(status));
    let mut app = router.route_layer(CircuitBreakerLayer::for_routes(breaker.clone()));
    for code in [500, 404, 500, 200] {
        assert_eq!(answer(&mut app, &format!("/status/{code}")).await.0.as_u16(), code);
    }
    for code in [503, 500] {
        assert_eq!(answer(&mut app, &format!("/status/{code}")).await.0.as_u16(), code);
    }
    assert_eq!(breaker.state(), State::Open);
    // Rounded up, so that a client that waits as long does not retry too early.
    let rejected = (StatusCode::SERVICE_UNAVAILABLE, Some("3".to_owned()));
    assert_eq!(answer(&mut app, "/status/200").await, rejected);
    // The fallback has no breaker.
    assert_eq!(answer(&mut app, "/elsewhere").await, (StatusCode::NOT_FOUND, None));
    clock.advance(Duration::from_millis(2500));
    assert_eq!(answer(&mut app, "/status/200").await, (StatusCode::OK, None));
    assert_eq!(breaker.state(), State::Closed);
}

/// A client whose calls end as the request demands.
#[derive(Clone, Default)]
struct Client {
    calls: Arc<AtomicU32>,
}

#[derive(Debug, PartialEq)]
enum ClientError {
    Open(State),
    Down,
    Refused,
}

impl From<CircuitOpen> for ClientError {
    fn from(open: CircuitOpen) -> Self {
        Self::Open(open.state())
    }
}

#[derive(Clone, Copy)]
enum Behavior {
    Ok,
    Fail,
    Refuse,
    Panic,
    PanicAtOnce,
    Hang,
}

impl Service<Behavior> for Client {
    type Response = u32;
    type Error = ClientError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<u32, ClientError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, behavior: Behavior) -> Self::Future {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if matches!(behavior, Behavior::PanicAtOnce) {
            quiet_panic()
        }
        Box::pin(async move {
            match behavior {
                Behavior::Ok | Behavior::PanicAtOnce => Ok(call),
                Behavior::Fail => Err(ClientError::Down),
                Behavior::Refuse => Err(ClientError::Refused),
                Behavior::Panic => quiet_panic(),
                Behavior::Hang => std::future::pending().await,
            }
        })
    }
}

#[tokio::test]
async fn a_layer_protects_clients() {
    let (breaker, clock) = manual("client");
    let client = Client::default();
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(client.clone());
    assert_eq!(service.call(Behavior::Ok).await, Ok(0));
    abandon(service.call(Behavior::Hang));
    drop(service.call(Behavior::Fail));
    let _ = panics_async(service.call(Behavior::Panic)).await;
    let mut clone = service.clone();
    let _ = support::panics(|| clone.call(Behavior::PanicAtOnce));
    assert_eq!(breaker.state(), State::Open, "two panics; dropped calls do not count");
    assert_eq!(service.call(Behavior::Ok).await, Err(ClientError::Open(State::Open)));
    assert_eq!(client.calls.load(Ordering::Relaxed), 5);

    clock.advance(Duration::from_secs(3));
    // Only one probe at a time.
    let mut probe = Box::pin(service.call(Behavior::Hang));
    assert!(futures::poll!(&mut probe).is_pending());
    assert_eq!(clone.call(Behavior::Ok).await, Err(ClientError::Open(State::HalfOpen)));
    drop(probe);
    assert_eq!(clone.call(Behavior::Ok).await, Ok(6));
    assert_eq!(breaker.state(), State::Closed);
    let calls = breaker.snapshot().calls;
    assert_eq!((calls.success, calls.failure, calls.cancelled, calls.rejected), (Some(2), Some(2), Some(3), Some(2)));
}

#[tokio::test]
async fn closures_classify_results_and_answer_rejected_calls() {
    let (breaker, _clock) = manual("closures");
    let layer = CircuitBreakerLayer::new(breaker.clone())
        .classify(|returned: &Result<u32, ClientError>| match returned {
            Ok(0) => Verdict::Ignored,
            Ok(_) => Verdict::Failure,
            Err(_) => Verdict::Success,
        })
        .on_reject(|open: CircuitOpen| Ok::<_, ClientError>(u32::from(open.service() == "closures") * 8));
    let mut service = layer.layer(Client::default());
    assert_eq!(service.call(Behavior::Ok).await, Ok(0));
    assert_eq!(service.call(Behavior::Fail).await, Err(ClientError::Down));
    assert_eq!((service.call(Behavior::Ok).await, service.call(Behavior::Ok).await), (Ok(2), Ok(3)));
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(service.call(Behavior::Ok).await, Ok(8));
    assert_eq!(breaker.snapshot().calls.ignored, Some(1));
}

#[tokio::test]
async fn a_layer_ignores_what_says_nothing_about_the_service() {
    let (breaker, clock) = manual("refusals");
    let layer =
        CircuitBreakerLayer::new(breaker.clone()).ignore_if(|error: &ClientError| *error == ClientError::Refused);
    let mut service = layer.layer(Client::default());
    for behavior in [Behavior::Fail, Behavior::Refuse, Behavior::Refuse, Behavior::Fail] {
        assert_eq!(breaker.state(), State::Closed);
        service.call(behavior).await.unwrap_err();
    }
    assert_eq!(breaker.state(), State::Open);
    clock.advance(Duration::from_secs(3));
    assert_eq!(service.call(Behavior::Refuse).await, Err(ClientError::Refused));
    assert_eq!(breaker.state(), State::HalfOpen, "the probe is given back");
    service.call(Behavior::Ok).await.unwrap();
    assert_eq!(breaker.state(), State::Closed);

    let (breaker, _clock) = manual("both");
    let layer = CircuitBreakerLayer::new(breaker.clone())
        .failure_if(|error: &ClientError| *error != ClientError::Down)
        .ignore_if(|error: &ClientError| *error == ClientError::Refused);
    let mut service = layer.layer(Client::default());
    for behavior in [Behavior::Ok, Behavior::Fail, Behavior::Refuse] {
        let _ = service.call(behavior).await;
    }
    let calls = breaker.snapshot().calls;
    assert_eq!((calls.success, calls.failure, calls.ignored), (Some(2), Some(0), Some(1)));
}

#[tokio::test]
async fn a_panic_of_a_classification_is_a_failure_and_does_not_reach_the_client() {
    let (breaker, _clock) = manual("panicking");
    let layer = CircuitBreakerLayer::new(breaker.clone()).ignore_if(|_: &ClientError| quiet_panic());
    assert_eq!(layer.layer(Client::default()).call(Behavior::Refuse).await, Err(ClientError::Refused));
    assert_eq!(breaker.snapshot().calls.failure, Some(1));
}

#[tokio::test]
async fn a_layer_counts_slow_calls_however_they_end() {
    let clock = ManualClock::new();
    let settings = Settings::consecutive(3).slow(Duration::from_secs(2));
    let breaker = CircuitBreaker::with_clock("slow", settings, clock.clone()).unwrap();
    let mut service = CircuitBreakerLayer::new(breaker.clone()).layer(Client::default());
    // A call starts when the service is called, not at its first poll.
    let [success, hangs, early] = [Behavior::Ok, Behavior::Hang, Behavior::Hang].map(|behavior| service.call(behavior));
    abandon(early);
    clock.advance(Duration::from_secs(3));
    success.await.unwrap();
    abandon(hangs);
    assert_eq!(breaker.state(), State::Closed);
    let late = service.call(Behavior::Fail);
    clock.advance(Duration::from_secs(3));
    late.await.unwrap_err();
    assert_eq!(breaker.state(), State::Open);
    let calls = breaker.snapshot().calls;
    assert_eq!((calls.slow, calls.failure, calls.cancelled, calls.success), (Some(2), Some(1), Some(1), Some(0)));
}

#[tokio::test]
async fn a_route_that_hangs_opens_its_breaker_when_clients_leave() {
    let clock = ManualClock::new();
    let settings = Settings::consecutive(2).slow(Duration::from_secs(2)).open(Duration::from_secs(60));
    let breaker = CircuitBreaker::with_clock("route", settings, clock.clone()).unwrap();
    let router: Router = Router::new().route("/hangs", get(std::future::pending::<()>));
    let mut app = router.route_layer(CircuitBreakerLayer::for_routes(breaker.clone()));
    for _ in 0..2 {
        let mut request = Box::pin(answer(&mut app, "/hangs"));
        assert!(futures::poll!(&mut request).is_pending());
        clock.advance(Duration::from_secs(3));
    }
    assert_eq!(answer(&mut app, "/hangs").await, (StatusCode::SERVICE_UNAVAILABLE, Some("60".to_owned())));
}

#[test]
fn the_response_without_a_known_wait_has_no_retry_after() {
    let (breaker, _clock) = manual("plain");
    breaker.force_open();
    let open = breaker.acquire().unwrap_err();
    assert_eq!(open.to_string(), "the circuit breaker of `plain` is forced open");
    let response: Response<Body> = open.into_response();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers().get(header::RETRY_AFTER), None);
}
