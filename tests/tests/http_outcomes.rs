//! Outcomes of returned values that carry an HTTP status: 5xx is an error, everything else is not.
#![cfg(not(metrics_off))]
#![allow(clippy::unused_async, clippy::unused_self, clippy::unnecessary_wraps, reason = "the bodies are minimal")]
#![allow(clippy::type_complexity, reason = "the types of responses are the subject")]

mod support;

use std::convert::Infallible;
use std::future::ready as at_once;
use std::pin::Pin;

use axum::extract::{FromRequestParts, Path};
use axum::http::response::Parts;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect};
use axum::{Extension, Json};
use futures::future::BoxFuture;
use metrics_runtime::Outcome::{self, Error, Success};
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen, State};
use metrics_runtime::{Classify, circuit_breaker, track};
use support::{assert_recorded, ready};

const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
const MISSING: StatusCode = StatusCode::NOT_FOUND;

fn response<B: Default>(status: StatusCode) -> Response<B> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// Declares functions that return a value for a status: sync, async, and a boxed future. Each is called with a status of
/// the service, a status of the client and a success, and must record an error and two successes.
macro_rules! by_status {
    ($($test:ident: |$status:ident| -> $ty:ty $body:block)*) => {$(
        #[test]
        fn $test() {
            #[track(name = concat_names::sync::$test, in_flight)]
            fn sync($status: StatusCode) -> $ty $body

            #[track(name = concat_names::later::$test, in_flight)]
            async fn later($status: StatusCode) -> $ty $body

            #[track(name = concat_names::boxed::$test, in_flight)]
            fn boxed($status: StatusCode) -> BoxFuture<'static, $ty> {
                Box::pin(async move { $body })
            }

            for (i, status) in [StatusCode::OK, MISSING, FAILED].into_iter().enumerate() {
                let outcomes = &[Success, Success, Error][..=i];
                let _ = sync(status);
                assert_recorded(concat_names::sync::$test, outcomes);
                let _ = ready(later(status));
                assert_recorded(concat_names::later::$test, outcomes);
                let _ = ready(boxed(status));
                assert_recorded(concat_names::boxed::$test, outcomes);
            }
        }
    )*
        mod concat_names {
            pub(super) mod sync { $(#[allow(non_upper_case_globals)] pub(crate) const $test: &str = concat!("sync_", stringify!($test));)* }
            pub(super) mod later { $(#[allow(non_upper_case_globals)] pub(crate) const $test: &str = concat!("later_", stringify!($test));)* }
            pub(super) mod boxed { $(#[allow(non_upper_case_globals)] pub(crate) const $test: &str = concat!("boxed_", stringify!($test));)* }
        }
    };
}

/// `Ok` with the value for a status that is not the service's error, else `Err`.
fn split<T>(status: StatusCode, value: T) -> Result<&'static str, T> {
    if status == StatusCode::OK { Ok("fine") } else { Err(value) }
}

by_status! {
    status_code: |status| -> StatusCode { status }
    a_response: |status| -> Response<String> { response(status) }
    a_boxed_response: |status| -> Box<Response<String>> { Box::new(response(status)) }
    a_pair: |status| -> (StatusCode, Json<u8>) { (status, Json(1)) }
    a_pair_of_text: |status| -> (StatusCode, &'static str) { (status, "text") }
    a_triple: |status| -> (StatusCode, HeaderMap, Json<u8>) { (status, HeaderMap::new(), Json(1)) }
    five_elements: |status| -> (StatusCode, HeaderMap, [(&'static str, &'static str); 1], (), String) {
        (status, HeaderMap::new(), [("a", "b")], (), String::new())
    }
    the_parts_of_a_response: |status| -> (Parts, String) {
        (response::<()>(status).into_parts().0, String::new())
    }
    a_response_and_a_body: |status| -> (Response<()>, String) { (response(status), String::new()) }
    headers_and_a_status: |status| -> (HeaderMap, StatusCode) { (HeaderMap::new(), status) }
    headers_and_a_response: |status| -> ([(&'static str, &'static str); 1], HeaderMap, Response<String>) {
        ([("a", "b")], HeaderMap::new(), response(status))
    }
    headers_and_a_pair: |status| -> (AppendHeaders<[(&'static str, u8); 1]>, (StatusCode, String)) {
        (AppendHeaders([("a", 1)]), (status, String::new()))
    }
    an_extension_and_a_pair: |status| -> (Extension<u8>, (StatusCode, String)) { (Extension(1), (status, String::new())) }
    ok_of_a_status: |status| -> Result<StatusCode, Infallible> { Ok(status) }
    ok_of_a_response: |status| -> Result<Response<String>, String> { Ok(response(status)) }
    ok_of_a_pair: |status| -> Result<(StatusCode, Json<u8>), String> { Ok((status, Json(1))) }
    err_of_a_status: |status| -> Result<&'static str, StatusCode> { split(status, status) }
    err_of_a_response: |status| -> Result<&'static str, Box<Response<String>>> { split(status, Box::new(response(status))) }
    err_of_a_pair: |status| -> Result<&'static str, (StatusCode, String)> { split(status, (status, String::new())) }
    ok_and_err_of_a_status: |status| -> Result<(StatusCode, &'static str), StatusCode> {
        if status == MISSING { Err(status) } else { Ok((status, "text")) }
    }
}

/// Functions whose returned type is hidden.
mod hidden {
    use super::*;

    #[track(name = "hidden_sync", in_flight)]
    fn sync(status: StatusCode) -> impl IntoResponse {
        (status, "text")
    }

    #[track(name = "hidden_later", in_flight)]
    async fn later(status: StatusCode) -> impl IntoResponse {
        (status, [("a", "b")], Json(1))
    }

    #[track(name = "hidden_ok", in_flight)]
    async fn ok(status: StatusCode) -> Result<impl IntoResponse, String> {
        Ok((status, "text"))
    }

    #[track(name = "hidden_err", in_flight)]
    async fn err(status: StatusCode) -> Result<&'static str, impl IntoResponse> {
        Err((status, "text"))
    }

    #[track(name = "hidden_future", in_flight)]
    fn future(status: StatusCode) -> impl Future<Output = (StatusCode, &'static str)> {
        at_once((status, "text"))
    }

    struct Handlers;

    #[track]
    impl Handlers {
        #[track(name = "hidden_method", in_flight)]
        async fn method(&self, status: StatusCode) -> impl IntoResponse {
            (status, "text")
        }
    }

    trait Handler {
        fn handle(&self, status: StatusCode) -> impl IntoResponse;
    }

    impl Handler for Handlers {
        #[track(name = "hidden_trait_method", in_flight)]
        fn handle(&self, status: StatusCode) -> impl IntoResponse {
            (status, "text")
        }
    }

    #[test]
    fn the_status_of_a_hidden_type_decides() {
        for (i, status) in [MISSING, FAILED].into_iter().enumerate() {
            let outcomes = &[Success, Error][..=i];
            assert_eq!(sync(status).into_response().status(), status);
            assert_recorded("hidden_sync", outcomes);
            assert_eq!(ready(later(status)).into_response().status(), status);
            assert_recorded("hidden_later", outcomes);
            assert!(ready(ok(status)).is_ok());
            assert_recorded("hidden_ok", outcomes);
            assert!(ready(err(status)).is_err());
            assert_recorded("hidden_err", outcomes);
            assert_eq!(ready(future(status)).0, status);
            assert_recorded("hidden_future", outcomes);
            assert_eq!(ready(Handlers.method(status)).into_response().status(), status);
            assert_recorded("hidden_method", outcomes);
            assert_eq!(Handlers.handle(status).into_response().status(), status);
            assert_recorded("hidden_trait_method", outcomes);
        }
    }
}

#[track(name = "redirected", in_flight)]
fn redirected() -> Result<Json<u8>, Redirect> {
    Err(Redirect::to("/login"))
}

#[test]
fn a_redirect_is_not_an_error() {
    let _ = redirected();
    assert_recorded("redirected", &[Success]);
}

#[track(name = "rejected", in_flight)]
async fn rejected(request: Request<()>) -> Result<Path<u8>, <Path<u8> as FromRequestParts<()>>::Rejection> {
    Path::from_request_parts(&mut request.into_parts().0, &()).await
}

#[test]
fn the_status_of_a_rejection_decides() {
    // Without a route the extractor cannot work, which is the fault of the service.
    let _ = ready(rejected(Request::default()));
    assert_recorded("rejected", &[Error]);
}

#[derive(Debug)]
struct Failure(StatusCode);

impl IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        self.0.into_response()
    }
}

#[track(name = "failing", in_flight)]
fn failing(status: StatusCode) -> Result<Json<u8>, Failure> {
    if status == StatusCode::OK { Ok(Json(1)) } else { Err(Failure(status)) }
}

#[track(name = "json_error", in_flight)]
fn json_error() -> Result<(), Json<u8>> {
    Err(Json(1))
}

#[test]
fn an_err_of_another_type_is_an_error_whatever_it_responds() {
    let _ = failing(StatusCode::OK);
    let error = failing(MISSING).expect_err("an error");
    assert_eq!(error.0, MISSING);
    assert_recorded("failing", &[Success, Error]);
    let _ = json_error();
    assert_recorded("json_error", &[Error]);
}

#[derive(Debug)]
enum Classified {
    Failed(StatusCode),
    Open,
}

impl Classify for Classified {
    fn classify(&self) -> Outcome {
        match self {
            Self::Failed(status) => status.classify(),
            Self::Open => Error,
        }
    }
}

impl From<CircuitOpen> for Classified {
    fn from(_: CircuitOpen) -> Self {
        Self::Open
    }
}

#[track(name = "classified", in_flight)]
fn classified(status: StatusCode) -> Result<(), Classified> {
    Err(Classified::Failed(status))
}

#[track(name = "client_errors", in_flight, error_if = |status| status.is_client_error())]
fn client_errors(status: StatusCode) -> StatusCode {
    status
}

#[test]
fn an_implementation_and_a_predicate_decide_otherwise() {
    let _ = classified(MISSING);
    assert_recorded("classified", &[Success]);
    let _ = classified(FAILED);
    assert_recorded("classified", &[Success, Error]);
    assert_eq!(client_errors(FAILED), FAILED);
    assert_recorded("client_errors", &[Success]);
    assert_eq!(client_errors(MISSING), MISSING);
    assert_recorded("client_errors", &[Success, Error]);
}

#[circuit_breaker(service = "by_response", failures = 2, on_reject = |_| String::new())]
async fn by_response(status: StatusCode) -> Result<Response<String>, String> {
    Ok(response(status))
}

#[circuit_breaker(service = "by_error", failures = 2)]
async fn by_error(status: StatusCode) -> Result<(), Classified> {
    Err(Classified::Failed(status))
}

#[circuit_breaker(service = "by_pair", failures = 2, on_reject = |_| (StatusCode::SERVICE_UNAVAILABLE, ""))]
async fn by_pair(status: StatusCode) -> Result<(), (StatusCode, &'static str)> {
    Err((status, "text"))
}

#[test]
fn a_breaker_opens_by_the_same_rule() {
    type Call = fn(StatusCode) -> Pin<Box<dyn Future<Output = ()>>>;
    let services: [(&str, Call); 3] = [
        ("by_response", |status| {
            Box::pin(async move {
                let _ = by_response(status).await;
            })
        }),
        ("by_error", |status| {
            Box::pin(async move {
                let _ = by_error(status).await;
            })
        }),
        ("by_pair", |status| {
            Box::pin(async move {
                let _ = by_pair(status).await;
            })
        }),
    ];
    for (service, call) in services {
        let breaker = CircuitBreaker::find(service).expect("the attribute has registered the breaker");
        for status in [FAILED, MISSING, FAILED, MISSING] {
            ready(call(status));
        }
        assert_eq!(breaker.state(), State::Closed, "{service}: a 404 resets the count of consecutive failures");
        for status in [FAILED, FAILED] {
            ready(call(status));
        }
        assert_eq!(breaker.state(), State::Open, "{service}");
    }
}
