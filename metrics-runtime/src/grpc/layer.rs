//! The layer and its service.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::BoxError;
use super::body::{GrpcBody, RequestMessages};
use super::call::Call;
use super::code::header;
use super::families::Side;
use super::future::GrpcFuture;
use super::recorder::Recorder;
use crate::contained::OnPanic;
use crate::http::Skip;
use crate::shared::Shared;

/// A [`Layer`] that records the calls of a gRPC server or client. Created by [`Grpc::layer`](super::Grpc::layer).
///
/// Add it to tonic's `Server::builder()`, or to a `ServiceBuilder` around a `Channel`. Clones are cheap and record into
/// the same metrics.
#[derive(Clone)]
pub struct GrpcLayer {
    pub(super) recorder: Option<Shared<Recorder>>,
}

impl GrpcLayer {
    /// Creates a layer that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { recorder: None }
    }
}

impl fmt::Debug for GrpcLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcLayer").field("enabled", &self.recorder.is_some()).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for GrpcLayer {
    type Service = GrpcService<S>;

    fn layer(&self, inner: S) -> GrpcService<S> {
        GrpcService { inner, recorder: self.recorder.clone() }
    }
}

/// A service that records its gRPC calls. Created by [`GrpcLayer`].
#[derive(Clone)]
pub struct GrpcService<S> {
    inner: S,
    recorder: Option<Shared<Recorder>>,
}

impl<S: fmt::Debug> fmt::Debug for GrpcService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B> Service<Request<tonic::body::Body>> for GrpcService<S>
where
    S: Service<Request<tonic::body::Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes>,
{
    type Response = Response<GrpcBody<B>>;
    type Error = BoxError;
    type Future = GrpcFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> Self::Future {
        let Some(recorder) = self.recorder.as_ref().filter(|_| is_grpc(request.headers())) else {
            return GrpcFuture::new(self.inner.call(request), Call::default());
        };
        if recorder.side == Side::Server && !recorder.with_http {
            Skip::request(&request);
        }
        let method = recorder.method(request.uri().path()).clone();
        let mut call = Call::begin(method.clone(), request.headers());
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = tonic::body::Body::new(RequestMessages::new(body, method));
        // The call itself can panic. Not within a closure, which would move the request and the future once more.
        let running = OnPanic(|| call.panic());
        let inner = self.inner.call(request);
        running.end();
        GrpcFuture::new(inner, call)
    }
}

/// Returns `true` for `application/grpc` with or without a format, but not for `application/grpc-web`.
fn is_grpc(headers: &HeaderMap) -> bool {
    let rest = header(headers, &CONTENT_TYPE).and_then(|value| value.as_bytes().strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_known_by_its_content_type() {
        let is = |value: &'static str| is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        for value in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(is(value), "{value}");
        }
        for value in ["application/grpc-web", "application/grpcx", "application/json", ""] {
            assert!(!is(value), "{value}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
