//! The response future of the layer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::BoxError;
use super::body::{GrpcBody, record};
use super::call::{self, Call};
use crate::contained::OnPanic;

pin_project! {
    /// The response future of [`GrpcService`](super::GrpcService).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct GrpcFuture<F> {
        #[pin]
        inner: F,
        call: Call,
    }
}

impl<F> GrpcFuture<F> {
    pub(super) fn new(inner: F, call: Call) -> Self {
        Self { inner, call }
    }
}

impl<F, B, E> Future for GrpcFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    E: Into<BoxError>,
{
    type Output = Result<Response<GrpcBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        call::set_reset(false);
        let running = OnPanic(|| this.call.panic());
        let polled = this.inner.poll(cx);
        running.end();
        Poll::Ready(match ready!(polled) {
            Ok(response) => Ok(GrpcBody::track(response, std::mem::take(this.call))),
            Err(error) => Err(record(this.call, error)),
        })
    }
}
