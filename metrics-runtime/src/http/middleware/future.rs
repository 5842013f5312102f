//! The response future of the middleware.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::body::TrackedBody;
use super::guard::Guard;

pin_project! {
    /// The response future of [`HttpService`](super::HttpService).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        guard: Guard,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, guard: Guard) -> Self {
        Self { inner, guard }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: http_body::Body,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = this.guard.run_service(|| this.inner.poll(cx));
        Poll::Ready(match ready!(polled) {
            Ok(response) => Ok(TrackedBody::track(response, std::mem::take(this.guard))),
            Err(error) => {
                this.guard.fail();
                Err(error)
            }
        })
    }
}
